"""The options of a training run: stopping, learning rate, budget, class weights, own models, the Python call."""

from __future__ import annotations

import math
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("keras", reason="needs the extra: pip install 'augfuse[train]'")
pytest.importorskip("sklearn", reason="needs the extra: pip install 'augfuse[train]'")
pytest.importorskip("matplotlib", reason="needs the extra: pip install 'augfuse[train]'")

import keras
from rich.console import Console

import augfuse as af
from augfuse.experiment import tensorboard
from augfuse.experiment.arms import ArmState, Course, Measure, Measures, finished_arm, train_epochs
from augfuse.experiment.data_argument import parts_from
from augfuse.experiment.early_stopping import Watch
from augfuse.experiment.evaluation import Evaluation
from augfuse.experiment.network.network import Network
from augfuse.experiment.network.user_model import own_model
from augfuse.experiment.options import Options, parse_sweep
from augfuse.experiment.progress import Progress
from augfuse.experiment.run_job import Outcome
from augfuse.experiment.setup import run_recipe
from augfuse.experiment.setup.prepare import prepare
from augfuse.experiment.setup.run_loaders import balanced
from augfuse.experiment.train_arms import epochs_within
from present import present
from stripes import SHAPE, save_npz, stripes
from train_cases import one_sigmoid, sparse_logits, two_outputs

# Keras' variables lack NumPy 2's `copy` argument of __array__; Keras itself calls np.array on them. From any module:
# pytest.warns warns again, from here, of what it does not match.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept:DeprecationWarning")


LOSSES = [
    (1.0, 0.9, 0.95, 0.94, 0.93, 0.2, 0.3, 0.3, 0.3),
    (1.0, 1.0, 1.0, 1.0, 0.99995, 0.5, 0.4),
    (0.5, math.nan, 0.4, math.nan, math.nan, math.nan, 0.1),
    (3.0, 2.0, 1.0, 0.5, 0.25),
]


# --- stopping and the learning rate, as Keras' callbacks do it ---


class _Optimizer:
    learning_rate = 1.0


def _model() -> Any:
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    model.stop_training = False
    return model


@pytest.mark.parametrize("losses", LOSSES)
@pytest.mark.parametrize("patience", [1, 2, 3])
def test_stopping_counts_as_keras_does(losses: tuple[float, ...], patience: int) -> None:
    model = _model()
    callback = keras.callbacks.EarlyStopping(monitor="val_loss", patience=patience)
    callback.set_model(model)
    callback.on_train_begin()
    watch, stopped = Watch(), None
    for epoch, loss in enumerate(losses):
        callback.on_epoch_end(epoch, {"val_loss": loss})
        watch = watch.stopping(epoch, loss)
        if watch.waited >= patience and stopped is None:
            stopped = epoch
        assert model.stop_training == (stopped is not None)
        if stopped is not None:
            break
    assert watch.epoch == callback.best_epoch


@pytest.mark.parametrize("losses", LOSSES)
@pytest.mark.parametrize("patience", [1, 2, 3])
def test_the_learning_rate_falls_as_in_keras(losses: tuple[float, ...], patience: int) -> None:
    model = _model()
    model.optimizer.learning_rate = 1.0
    callback = keras.callbacks.ReduceLROnPlateau(monitor="val_loss", patience=patience, factor=0.5, min_lr=0.2)
    callback.set_model(model)
    callback.on_train_begin()
    watch, rate = Watch(), 1.0
    for epoch, loss in enumerate(losses):
        callback.on_epoch_end(epoch, {"val_loss": loss})
        watch, due = watch.slowing(epoch, loss, patience)
        if due and rate > 0.2:
            rate = max(rate * 0.5, 0.2)
        assert float(np.asarray(model.optimizer.learning_rate)) == pytest.approx(rate)


class _Scripted(Measure):
    """A validation part whose loss follows a script: probabilities p of the true class with -log p = loss."""

    def __init__(self, losses: tuple[float, ...]) -> None:
        self.left = list(losses)

    def __call__(self, network: Network) -> Evaluation:
        p = math.exp(-self.left.pop(0))
        return Evaluation("", 0, np.array([[p, 1 - p]]), np.array([0]), np.array([0]), None)


def _arm(losses: tuple[float, ...], **course: Any) -> tuple[Network, ArmState, list[list[np.ndarray]], Measures]:
    images, labels = stripes(16, 0)
    source = af.from_arrays(images, labels, classes=("a", "b"))
    recipe = af.Recipe([af.Rotate(5), af.ToFloat()])
    loader = af.Loader(source, recipe, batch_size=8, seed=0, one_hot=True, drop_last=True, workers=0)
    test = Measure(af.Loader(source, recipe, batch_size=16, training=False, workers=0))
    measures = Measures(test, test, _Scripted(losses))
    network = Network(own_model(two_outputs).builder(SHAPE, 2), 2, learning_rate=0.01)
    network.reset(0)
    seen: list[list[np.ndarray]] = []
    state = train_epochs(
        network, loader, ArmState(), course=Course(len(losses), 10, **course), measures=measures,
        progress=Progress(Console(quiet=True), 1), save=lambda state: seen.append(network.weights()),
    )  # fmt: skip
    return network, state, seen, measures


def test_early_stopping_puts_the_best_weights_back() -> None:
    network, state, seen, measures = _arm((0.9, 0.5, 0.7, 0.8, 0.3), early_stopping=2)
    assert len(state.points) == 4
    assert [round(p.validation_loss or 0, 6) for p in state.points] == [0.9, 0.5, 0.7, 0.8]
    arm, result = finished_arm(network, "plain", 0, 0.0, state, measures)
    found: Any = result
    assert arm.kept == 1
    assert all(np.array_equal(a, b) for a, b in zip(network.weights(), seen[1], strict=True))
    assert not np.array_equal(network.weights()[0], seen[3][0])
    assert arm.test.value == pytest.approx((found.predicted == found.labels).mean())
    assert arm.test == arm.points[1].test


def test_without_early_stopping_the_last_weights_are_kept() -> None:
    network, state, seen, measures = _arm((0.9, 0.5, 0.7), reduce_lr=1, lr_factor=0.1, min_lr=1e-3)
    assert len(state.points) == 3
    assert [p.learning_rate for p in state.points] == pytest.approx([0.01, 0.01, 0.01])
    assert network.learning_rate == pytest.approx(1e-3), "after the last epoch"
    arm, _ = finished_arm(network, "plain", 0, 0.0, state, measures)
    assert arm.kept == 2
    assert np.array_equal(network.weights()[0], seen[2][0])


def test_a_loss_that_is_no_number_ends_the_run() -> None:
    images, labels = stripes(16, 0)
    source = af.from_arrays(images, labels, classes=("a", "b"))
    loader = af.Loader(source, af.Recipe([af.ToFloat()]), batch_size=8, seed=0, one_hot=True, workers=0)
    network = Network(own_model(sparse_logits).builder(SHAPE, 2), 2, learning_rate=1e38)
    test = Measure(af.Loader(source, af.Recipe([af.ToFloat()]), training=False, workers=0))
    with pytest.raises(af.DataError, match="--learning-rate"):
        train_epochs(
            network, loader, ArmState(), course=Course(8, 1), measures=Measures(test, test),
            progress=Progress(Console(quiet=True), 1), save=lambda state: None,
        )  # fmt: skip


# --- budget and weights ---


def test_epochs_within_a_budget() -> None:
    few = {"arms": 4, "epoch": 2.0, "evaluation": 1.0, "evaluations": 2, "most": 100}
    assert epochs_within(4 * (5 * 2 + 2), **few) == 5
    assert epochs_within(4 * (5 * 2 + 2) - 0.1, **few) == 4
    assert epochs_within(0, **few) == 1
    assert epochs_within(-5, **few) == 1
    assert epochs_within(1e9, **few) == 100


def test_class_weights_are_those_of_scikit_learn() -> None:
    from sklearn.utils.class_weight import compute_class_weight

    labels = np.repeat([0, 1, 2], [3, 10, 27])
    wanted = compute_class_weight("balanced", classes=np.arange(3), y=labels)
    assert balanced((3, 10, 27)) == pytest.approx(wanted)
    assert balanced((5, 0, 5)) == pytest.approx([1, 0, 1])


def test_weights_count_images_more_or_less() -> None:
    images, labels = stripes(8, 0)
    x, y = images.astype(np.float32) / 255, np.eye(2, dtype=np.float32)[labels]
    made = Network(own_model(two_outputs).builder(SHAPE, 2), 2, optimizer="sgd", learning_rate=0.0001)

    def loss(weights: np.ndarray | None) -> float:
        made.reset(1)
        return made.train_step(x, y, weights)

    assert loss(np.ones(8, np.float32)) == pytest.approx(loss(None), rel=1e-5)
    assert loss(np.full(8, 2, np.float32)) == pytest.approx(2 * loss(None), rel=1e-5)
    first = np.eye(8, dtype=np.float32)[0] * 8
    made.reset(1)
    assert loss(first) != pytest.approx(loss(None), rel=1e-3)


def test_numbers_that_make_no_run(npz: Path, tmp_path: Path) -> None:
    def refused(words: str, **changes: Any) -> None:
        options: dict[str, Any] = {"data": npz, "out": tmp_path / "runs"} | changes
        with pytest.raises(af.AugfuseError) as caught:
            prepare(Options(**options))
        assert words in str(caught.value)
        assert not (tmp_path / "runs").exists()

    refused("--early-stopping: got 0", early_stopping=0)
    refused("--reduce-lr: got -2", reduce_lr=-2)
    refused("--minutes: got 0", minutes=0)
    refused("--lr-factor: got 1", lr_factor=1.0)
    refused("--min-lr: got -1", min_lr=-1)
    refused("--sweep: got -0.5", sweep=(0.0, -0.5))
    refused("--optimizer: got 'adamm'", optimizer="adamm")
    refused("--keep-weights", keep_weights=True)
    refused("--keep-weights: a function", keep_weights=True, model=one_sigmoid)


def test_a_sweep_as_people_type_it() -> None:
    assert parse_sweep(None) == ()
    assert parse_sweep("0,0.5, 1,1.5") == (0, 0.5, 1, 1.5)
    for text in ("", "a", "1,,2", "nan", "1;2"):
        with pytest.raises(af.RangeError, match="--sweep"):
            parse_sweep(text)


def test_validation_is_held_out_of_the_training_part(npz: Path, tmp_path: Path) -> None:
    without = prepare(Options(data=npz, out=tmp_path))
    assert without.parts.validation is None
    assert without.settings.validation is None
    job = prepare(Options(data=npz, out=tmp_path, early_stopping=3))
    assert len(job.parts.train) + len(present(job.parts.validation)) == 48
    assert len(job.parts.test) == 40
    assert not set(job.parts.train.rows.tolist()) & set(present(job.parts.validation).rows.tolist())
    assert np.array_equal(present(job.parts.test.images), present(without.parts.test.images))
    assert "held out and not trained on" in str(job.settings.validation)
    assert str(job.settings.validation) in job.parts.description


def test_a_val_part_is_used_where_there_is_one(tmp_path: Path) -> None:
    sets = {name: stripes(count, seed) for seed, (name, count) in enumerate([("train", 32), ("val", 12), ("test", 20)])}
    arrays = {f"{axis}_{name}": pair[i] for name, pair in sets.items() for i, axis in enumerate("xy")}
    path = save_npz(tmp_path / "d.npz", **arrays)
    job = prepare(Options(data=path, out=tmp_path, reduce_lr=2))
    assert (len(job.parts.train), len(present(job.parts.validation)), len(job.parts.test)) == (32, 12, 20)
    assert job.settings.validation == "the val part, 12 images"
    job = prepare(Options(data=path, out=tmp_path))
    assert len(job.parts.train) == 32
    assert "val part is not used" in job.parts.description


def test_the_input_of_the_model_sets_the_size(npz: Path, tmp_path: Path) -> None:
    def wide() -> Any:
        return keras.Sequential([keras.Input((12, 20, 3)), keras.layers.Flatten(), keras.layers.Dense(2)])

    job = prepare(Options(data=npz, out=tmp_path, model=wide))
    assert (job.settings.size, job.settings.channels) == ((12, 20), 3)
    assert job.recipe.transforms[0] == af.Resize((12, 20))
    job = prepare(Options(data=npz, out=tmp_path, model=one_sigmoid))
    assert job.recipe.transforms[0] != af.Resize(SHAPE[:2]), "it has that size already"
    assert job.settings.learning_rate is None
    with pytest.raises(af.RecipeError, match="takes images of 12x20x3, the recipe makes 9x9x3"):
        prepare(Options(data=npz, out=tmp_path, model=wide, recipe=af.Recipe([af.Rotate(), af.Resize(9)])))


def test_values_are_scaled_once(npz: Path, tmp_path: Path) -> None:
    def rescaling(shape: Any, classes: int) -> Any:
        layers = keras.layers
        return keras.Sequential(
            [keras.Input(shape), layers.Rescaling(1 / 255), layers.Flatten(), layers.Dense(classes)]
        )

    def fixed() -> Any:
        return rescaling(SHAPE, 2)

    job = prepare(Options(data=npz, out=tmp_path, model=fixed))
    assert job.recipe.transforms[-1] == run_recipe.AS_THEY_ARE
    assert job.settings.model_rescales
    image = np.array([[[0, 100, 255]]], np.uint8)
    assert af.Recipe([run_recipe.AS_THEY_ARE])(image=image)["image"].tolist() == [[pytest.approx([0, 100, 255])]]
    for model in (fixed, rescaling):
        with pytest.warns(af.AugfuseWarning, match="scaled down twice"):
            prepare(Options(data=npz, out=tmp_path, model=model, recipe=af.Recipe([af.Rotate(), af.ToFloat()])))
    with warnings.catch_warnings():
        warnings.simplefilter("error", af.AugfuseWarning)
        job = prepare(Options(data=npz, out=tmp_path, model=rescaling))
    assert job.recipe.transforms[-1] == run_recipe.AS_THEY_ARE


def test_tensorboard_is_asked_for_politely(npz: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tensorboard.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(af.MissingExtraError, match=r"augfuse\[tensorboard\]"):
        tensorboard.require()


def test_tensorboard_gets_every_measurement_once(npz: Path, tmp_path: Path) -> None:
    pytest.importorskip("tensorboard", reason="needs: pip install tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    def train() -> Outcome:
        return af.train(npz, epochs=2, seeds=1, tensorboard=True, overwrite=True, out=tmp_path, name="run")

    train()
    result = train()  # the curves of the first run go
    for arm in result.comparison.arms:
        curves = EventAccumulator(str(tmp_path / "run" / tensorboard.FOLDER / f"{arm.name}-{arm.seed}"))
        curves.Reload()
        shown = [(event.step, event.tensor_proto.float_val[0]) for event in curves.Tensors("test accuracy")]
        assert shown == [(p.epoch + 1, pytest.approx(p.test.value)) for p in arm.points if p.test is not None]
        assert [event.step for event in curves.Tensors("step loss")] == [1, 2]


# --- from Python ---


def test_train_from_python_and_read_it_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import augfuse.experiment.run_job  # noqa: F401 - hides nothing

    assert callable(af.train)
    (x, y), (x_test, y_test) = stripes(48, 0), stripes(40, 1)
    recipe = af.Recipe([af.Rotate(10), af.HorizontalFlip()])
    data = ((x, y[:, None]), (x_test, y_test))
    given = {"epochs": 2, "seeds": 2, "batch_size": 16, "sweep": (0.5,), "name": "one", "out": tmp_path}
    result = af.train(data, recipe, **given, progress=False, model=two_outputs)  # type: ignore[arg-type]
    assert capsys.readouterr().out == ""
    assert set(result.test_accuracy) == {"plain", "augmented", "strength-0.5"}
    assert set(result.gap) == set(result.test_accuracy)
    assert result.report == tmp_path / "one" / "report.html"
    assert result.model.is_file()
    assert repr(result).endswith("report.html")
    sweep = result.comparison.sweep
    assert [point.strength for point in sweep] == [0, 0.5, 1]
    assert [point.mean for point in sweep] == pytest.approx([result.test_accuracy[n] for n in
                                                             ("plain", "strength-0.5", "augmented")])  # fmt: skip
    assert all(len(point.accuracies) == 2 and point.spread >= 0 for point in sweep)
    assert "af.train(data, recipe, model=two_outputs" in result.comparison.command
    assert f"from {two_outputs.__module__} import two_outputs" in result.comparison.command
    again = af.train(data, recipe, **given, model=two_outputs)  # type: ignore[arg-type]
    assert again.test_accuracy == result.test_accuracy
    assert "plain, seed 0" not in capsys.readouterr().out
    with pytest.raises(af.DataError, match="the recipe was"):
        af.train(data, af.Recipe([af.Rotate(11)]), **given, model=two_outputs)  # type: ignore[arg-type]
    with pytest.raises(af.DataError, match="the data was"):
        af.train(((x[::-1].copy(), y), (x_test, y_test)), recipe, **given, model=two_outputs)  # type: ignore[arg-type]


def test_what_data_may_be(npz: Path) -> None:
    (x, y), (x_test, y_test) = stripes(40, 0), stripes(20, 1)
    train, test = af.from_arrays(x, y), af.from_arrays(x_test, y_test)
    for data in (str(npz), npz):
        assert len(parts_from(data).train) == 48
    for data in ((train, test), ((x, y), (x_test, y_test)), [(x, y), (x_test, y_test)]):
        parts = parts_from(data)
        assert (len(parts.train), len(parts.test), parts.classes) == (40, 20, ("0", "1"))
    assert train.classes is None, "what was given stays as it is"
    assert len(present(parts_from((train, test, af.from_arrays(x_test, y_test))).validation)) == 20
    for data in (train, (x, y)):
        parts = parts_from(data)
        assert (len(parts.train), len(parts.test)) == (32, 8)
        assert "held out" in parts.description


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (3, "got int, wanted a path, a data set"),
        ((1, 2, 3, 4), "got 4 things"),
        (af.from_arrays(np.zeros((4, 2, 2), np.uint8)), "without labels"),
        (af.from_arrays(np.zeros((4, 2, 2), np.uint8), np.eye(4)), "labels.argmax"),
        ((np.zeros((4, 2, 2)), np.arange(4)), "wanted uint8"),
    ],
)
def test_data_that_cannot_be_used(data: Any, words: str) -> None:
    with pytest.raises(af.DataError) as caught:
        parts_from(data)
    assert words in str(caught.value)
    with pytest.raises(af.ImageTypeError, match=r"af\.Recipe"):
        af.train(data, [af.Rotate()])  # type: ignore[arg-type]


def test_photos_of_different_sizes_are_resized_by_the_recipe(tmp_path: Path) -> None:
    from PIL import Image

    for i in range(24):
        folder = tmp_path / "photos" / ("dark", "light")[i % 2]
        folder.mkdir(parents=True, exist_ok=True)
        pixels = np.full((10 + i, 30 - i, 3), 40 + 150 * (i % 2), np.uint8)
        Image.fromarray(pixels).save(folder / f"{i}.png")
    result = af.train(
        tmp_path / "photos", af.Recipe([af.Rotate(5)]), size=8, epochs=2, seeds=1, batch_size=8, class_weights=True,
        minutes=5, name="mixed", out=tmp_path, progress=False,
    )  # fmt: skip
    assert result.comparison.settings.size == (8, 8)
    assert result.comparison.settings.epochs == 2, "--epochs bounds the budget"
    assert len(result.comparison.arms[0].points) == 2
