"""Labels that do not fit the loss: named before Keras fails with shapes, in every form that labels and losses have."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

keras = pytest.importorskip("keras", reason="needs the extra: pip install 'augfuse[keras]'")

import augfuse as af  # noqa: E402
from augfuse.keras import ImageDataGenerator  # noqa: E402
from augfuse.keras.checks import on_pass  # noqa: E402
from augfuse.keras.protocol import Asker  # noqa: E402

RNG = np.random.default_rng(0)
X = RNG.integers(0, 256, (60, 8, 8, 3), dtype=np.uint8)
Y = np.arange(60) % 3
ONE_HOT = np.eye(3)[Y]
SPARSE, CATEGORICAL, BINARY = "sparse_categorical_crossentropy", "categorical_crossentropy", "binary_crossentropy"


pytestmark = pytest.mark.usefixtures("notices_anew")


def network(loss: Any, outputs: int = 3, built: bool = True) -> Any:
    first = [keras.Input((8, 8, 3))] if built else []
    made = keras.Sequential([*first, keras.layers.Flatten(), keras.layers.Dense(outputs, activation="sigmoid")])
    made.compile("sgd", loss, run_eagerly=True)
    return made


def flow(y: np.ndarray) -> Any:
    return ImageDataGenerator().flow(X, y)


def loader(y: np.ndarray, **options: Any) -> Any:
    return af.Loader(af.from_arrays(X, y), **options).to_keras()


def said(model: Any, feed: Any, method: str = "fit") -> list[str]:
    """What Keras does at the beginning of a pass; `test_every_method_names_them` does it with Keras."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        on_pass.observe(Asker(method, model=model), feed.described())
    return [str(w.message) for w in caught]


@pytest.mark.parametrize("built", [True, False])
@pytest.mark.parametrize("method", ["fit", "evaluate"])
def test_every_method_names_them(method: str, built: bool) -> None:
    for feed in (flow(ONE_HOT), loader(ONE_HOT, training=False)):
        with pytest.warns(af.AugfuseWarning, match=f"Compile with loss='{CATEGORICAL}'"), pytest.raises(ValueError):
            getattr(network(SPARSE, built=built), method)(feed, verbose=0)


LOSSES: dict[str, Any] = {
    "string": (SPARSE, CATEGORICAL),
    "list": ([SPARSE], [CATEGORICAL]),
    "dict": ({"y": SPARSE}, {"y": CATEGORICAL}),
    "function": (keras.losses.sparse_categorical_crossentropy, keras.losses.categorical_crossentropy),
    "object": (keras.losses.SparseCategoricalCrossentropy(), keras.losses.CategoricalCrossentropy()),
    "named": (keras.losses.SparseCategoricalCrossentropy(name="a"), keras.losses.CategoricalCrossentropy(name=SPARSE)),
    "focal": (SPARSE, keras.losses.CategoricalFocalCrossentropy()),
}
FEEDS: dict[str, Any] = {
    "flow": lambda y: flow(y),
    "flow, strict": lambda y: ImageDataGenerator(compat="strict").flow(X, y),
    "loader": lambda y: loader(y),
    "loader, floats": lambda y: loader(y.astype(np.float32)),
    "loader, bytes": lambda y: loader(y.astype(np.uint8)),
}


@pytest.mark.parametrize("form", LOSSES)
@pytest.mark.parametrize("feed", FEEDS)
def test_labels_are_compared_with_the_loss_in_every_form(feed: str, form: str) -> None:
    sparse, categorical = (network(loss) for loss in LOSSES[form])
    for numbers in (Y, Y[:, None]):
        (message,) = said(categorical, FEEDS[feed](numbers))
        assert "wants one-hot labels, the data has class numbers" in message and repr(SPARSE) in message
        assert said(sparse, FEEDS[feed](numbers)) == []
    (message,) = said(sparse, FEEDS[feed](ONE_HOT))
    assert "wants class numbers, the data has one-hot labels" in message and "y.argmax(axis=1)" in message
    assert said(categorical, FEEDS[feed](ONE_HOT)) == []


def test_the_fix_for_a_loader_can_be_typed() -> None:
    """Each ends in labels that the loss wants."""
    assert "use af.Loader(..., one_hot=True)." in said(network(CATEGORICAL), loader(Y))[0]
    assert "use af.Loader(..., one_hot=False)." in said(network(SPARSE), loader(Y, one_hot=True))[0]
    column = Y[:, None]
    assert "af.from_arrays(x, keras.utils.to_categorical(y))" in said(network(CATEGORICAL), loader(column))[0]
    assert said(network(CATEGORICAL), loader(keras.utils.to_categorical(column))) == []
    assert "af.from_arrays(x, y.argmax(axis=1))" in said(network(SPARSE), loader(ONE_HOT))[0]
    assert said(network(SPARSE), loader(ONE_HOT.argmax(axis=1))) == []


@pytest.mark.parametrize("built", [True, False])
def test_binary_crossentropy_wants_as_many_labels_as_outputs(built: bool, tmp_path: Path) -> None:
    for number, image in enumerate(X[:6]):
        (tmp_path / "ab"[number % 2]).mkdir(exist_ok=True)
        Image.fromarray(image).save(tmp_path / "ab"[number % 2] / f"{number}.png")

    def files(**options: Any) -> Any:
        return ImageDataGenerator().flow_from_directory(str(tmp_path), target_size=(8, 8), **options)

    one, two = network(BINARY, 1, built), network(BINARY, 2, built)
    wanted = 'one output.*For two classes use class_mode="sparse"'
    with pytest.warns(af.AugfuseWarning, match=wanted), pytest.raises(ValueError):
        one.fit(files(), verbose=0)
    assert "softmax" in said(one, loader(ONE_HOT))[0]
    assert said(one, files(class_mode="sparse")) == said(one, files(class_mode="binary")) == []
    assert said(two, files()) == said(two, loader(Y % 2, one_hot=True)) == []
    (message,) = said(two, loader(Y % 2))
    assert "2 numbers of 0 and 1 a sample" in message and f"Compile with loss='{SPARSE}'." in message
    (message,) = said(network(CATEGORICAL, 1, built), loader(Y % 2))
    assert message.endswith(f"Compile with loss='{BINARY}'.")


def own(y_true: Any, y_pred: Any) -> Any:
    return keras.losses.categorical_crossentropy(keras.ops.one_hot(keras.ops.cast(y_true, "int32"), 3), y_pred)


def test_what_a_loss_of_ones_own_wants_is_not_guessed_at() -> None:
    own.__name__ = CATEGORICAL
    for loss in (own, "mse", None, [CATEGORICAL, CATEGORICAL]):
        assert said(network(loss), loader(Y)) == said(network(loss), flow(ONE_HOT)) == []
    for y in (RNG.integers(0, 2, (60, 3)), RNG.integers(0, 3, (60, 4, 4))):  # several labels a sample, a map
        assert said(network(SPARSE), flow(y)) == said(network(CATEGORICAL), loader(y)) == []
    assert said(network(SPARSE), loader(ONE_HOT, training=False), "predict") == []
