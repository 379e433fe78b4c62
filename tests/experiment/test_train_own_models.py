"""Own models in a training run: outputs and losses, saved models, functions in files, and what is refused."""

from __future__ import annotations

import random
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("keras", reason="needs the extra: pip install 'augfuse[train]'")
pytest.importorskip("sklearn", reason="needs the extra: pip install 'augfuse[train]'")
pytest.importorskip("matplotlib", reason="needs the extra: pip install 'augfuse[train]'")

import keras

import augfuse as af
from augfuse.experiment import verdict
from augfuse.experiment.network.export import save_for_raw_images
from augfuse.experiment.network.model_file import read_model
from augfuse.experiment.network.network import Network, predict
from augfuse.experiment.network.user_model import own_model, rescales
from stripes import SHAPE, stripes
from train_cases import one_sigmoid, sparse_logits, two_outputs

# Keras' variables lack NumPy 2's `copy` argument of __array__; Keras itself calls np.array on them. From any module:
# pytest.warns warns again, from here, of what it does not match.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept:DeprecationWarning")


# --- own models ---


def one_logit(shape: tuple[int, int, int], classes: int) -> Any:
    return keras.Sequential([keras.Input(shape), keras.layers.Flatten(), keras.layers.Dense(1)])


def sparse_words() -> Any:
    model = two_outputs(SHAPE, 2)
    model.compile("rmsprop", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


OWN = [two_outputs, one_logit, one_sigmoid, sparse_logits, sparse_words]


@pytest.mark.parametrize("function", OWN, ids=lambda f: f.__name__)
def test_every_usual_output_and_loss_learns_and_is_saved(function: Any, tmp_path: Path) -> None:
    images, labels = stripes(32, 0)
    x, y = images.astype(np.float32) / 255, np.eye(2, dtype=np.float32)[labels]
    own = own_model(function)
    compiled = getattr(own.make(SHAPE, 2), "optimizer", None) is not None
    made = Network(own.builder(SHAPE, 2), 2, learning_rate=None if compiled else 0.01)
    made.warm_up(8)
    made.reset(5)
    first = made.predict(x)
    assert first.shape == (32, 2)
    assert first.sum(axis=1) == pytest.approx(np.ones(32), abs=1e-5)
    losses = [made.train_step(x, y) for _ in range(60)]
    assert np.mean(losses[-5:]) < 0.8 * losses[0]
    said = made.predict(x)
    assert (said.argmax(axis=1) == labels).mean() > 0.8, "classes are not swapped"
    save_for_raw_images(made, af.Recipe([af.ToFloat()]), tmp_path / "m.keras")
    saved = read_model(tmp_path / "m.keras", trusted=False, compiled=False)
    assert saved.output_shape == (None, 2)
    assert np.abs(predict(saved, images) - said).max() < 1e-5
    made.reset(5)
    assert np.array_equal(made.predict(x), first)
    assert [made.train_step(x, y) for _ in range(60)] == losses
    made.reset(6)
    assert not np.array_equal(made.predict(x), first)


def test_own_models_leave_the_global_random_state_alone() -> None:
    random.seed(1)
    state, numpy = random.getstate(), np.random.get_state(legacy=False)  # noqa: NPY002
    own_model(two_outputs).builder(SHAPE, 2)(3)
    assert random.getstate() == state
    assert np.array_equal(np.random.get_state(legacy=False)["state"]["key"], numpy["state"]["key"])  # noqa: NPY002


def test_a_state_put_back_goes_on_as_if_nothing_had_been() -> None:
    images, labels = stripes(16, 0)
    x, y = images.astype(np.float32) / 255, np.eye(2, dtype=np.float32)[labels]
    made = Network(own_model(two_outputs).builder(SHAPE, 2), 2, learning_rate=0.01)
    made.reset(2)
    for _ in range(4):
        made.train_step(x, y)
    made.learning_rate = 0.003
    state = made.state()
    losses = [made.train_step(x, y) for _ in range(6)]
    made.reset(9)
    made.load_state(state)
    assert made.learning_rate == pytest.approx(0.003)
    assert [made.train_step(x, y) for _ in range(6)] == losses


@pytest.mark.parametrize("write", [af.Normalize(0.5, 0.25), af.PerImageStandardize()])
def test_mixed_precision_stays_inside_the_network(write: af.Transform, npz: Path, tmp_path: Path) -> None:
    def mixed(shape: tuple[int, int, int], classes: int) -> Any:
        keras.config.set_dtype_policy("mixed_bfloat16")
        layers = [keras.Input(shape), keras.layers.Flatten(), keras.layers.Dense(8, activation="relu")]
        return keras.Sequential([*layers, keras.layers.Dense(classes, activation="softmax", dtype="float32")])

    try:
        result = af.train(
            npz, af.Recipe([af.Rotate(5), write]), model=mixed, epochs=1, seeds=1, out=tmp_path, progress=False
        )
        assert keras.config.dtype_policy().name == "mixed_bfloat16"
    finally:
        keras.config.set_dtype_policy("float32")
    assert result.comparison.exported.precision == "bfloat16"
    assert not verdict.export_differs(result.comparison)
    outer = read_model(result.model, trusted=False, compiled=False).layers
    assert {layer.compute_dtype for layer in outer if not hasattr(layer, "layers")} <= {"float32", "uint8"}


def test_a_saved_model_is_made_anew_or_kept(tmp_path: Path) -> None:
    original = one_sigmoid()
    original.save(tmp_path / "m.keras")
    fresh, kept = (own_model(tmp_path / "m.keras", keep_weights=keep).builder(SHAPE, 2) for keep in (False, True))
    weights = original.get_weights()
    assert not np.array_equal(fresh(0).get_weights()[0], weights[0])
    assert np.array_equal(fresh(0).get_weights()[0], fresh(0).get_weights()[0])
    assert all(np.array_equal(a, b) for a, b in zip(kept(0).get_weights(), weights, strict=True))
    made = Network(kept, 2, learning_rate=None)
    assert made.learning_rate == pytest.approx(0.05), "the optimiser it was compiled with"
    assert type(made.model.optimizer).__name__ == "SGD"
    assert own_model(str(tmp_path / "m.keras")).size == SHAPE[:2]


def test_the_model_a_run_saves_can_be_trained_on(tmp_path: Path) -> None:
    made = Network(own_model(one_logit).builder(SHAPE, 2), 2)
    save_for_raw_images(made, af.Recipe([af.ToFloat()]), tmp_path / "m.keras")
    own = own_model(tmp_path / "m.keras", keep_weights=True)
    again = own.builder(SHAPE, 2)(0)
    assert rescales(again)
    assert again.inputs[0].dtype == "float32", "augmented pixels are no whole numbers"
    images = stripes(4, 0)[0]
    assert np.allclose(predict(again, images.astype(np.float32)), made.predict(images.astype(np.float32) / 255))


def test_a_function_is_found_in_a_file_and_in_a_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = "import keras\n\n\ndef net(input_shape, classes):\n    return keras.Sequential([keras.Input(input_shape), "
    text += "keras.layers.Flatten(), keras.layers.Dense(classes, activation='softmax')])\n"
    (tmp_path / "ournets.py").write_text(text, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    path = list(sys.path)
    for name in ("ournets:net", "ournets.py:net"):
        assert own_model(name).builder(SHAPE, 3)(0).output_shape == (None, 3)
    assert sys.path == path
    sys.modules.pop("ournets", None)


@pytest.mark.parametrize(
    ("model", "words"),
    [
        ("nocolon", "wanted module:function"),
        ("no_such_module_here:f", "no module 'no_such_module_here'"),
        ("math:nothing", "has no function 'nothing'"),
        ("none.keras", "no such model file"),
        ("none.py:f", "no such file"),
        (3, "wanted module:function"),
        (lambda a, b, c: None, "wanted a function of (input_shape, classes)"),
        (lambda: "a model", "got str, wanted a Keras model"),
    ],
)
def test_models_that_cannot_be_used(model: Any, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(af.AugfuseError) as caught:
        own_model(model)
    assert words in str(caught.value)


def test_outputs_that_suit_nothing_are_refused() -> None:
    with pytest.raises(af.DataError, match="wanted \\(None, 3\\)"):
        Network(own_model(sparse_words).builder(SHAPE, 3), 3)

    def no_softmax(shape: Any, classes: int) -> Any:
        model = keras.Sequential([keras.Input(shape), keras.layers.Flatten(), keras.layers.Dense(classes)])
        model.compile("sgd", "categorical_crossentropy")
        return model

    with pytest.raises(af.DataError, match="from_logits=True"):
        Network(own_model(no_softmax).builder(SHAPE, 2), 2).warm_up(4)
