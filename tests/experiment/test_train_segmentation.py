"""Training with masks: what a network is given, how it is scored, what the report shows."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("keras", reason="needs the extra: pip install 'augfuse[train]'")
pytest.importorskip("sklearn", reason="needs the extra: pip install 'augfuse[train]'")
pytest.importorskip("matplotlib", reason="needs the extra: pip install 'augfuse[train]'")

import keras

import augfuse as af
from augfuse.experiment import metrics
from augfuse.experiment.data_argument import parts_from
from augfuse.experiment.network.network import Network
from augfuse.experiment.network.user_model import own_model
from augfuse.experiment.run_job import Outcome
from augfuse.experiment.setup.train_and_test import Parts
from blocks import SHAPE, blocks
from comparisons import read_page

# Keras' variables lack NumPy 2's `copy` argument of __array__; Keras itself calls np.array on them.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept:DeprecationWarning")

RECIPE = af.Recipe([af.HorizontalFlip(), af.Brightness(0.1), af.ToFloat()])


def parts(masks: Any = None, classes: Any = None, count: int = 6) -> Parts:
    found = blocks(count, 0)
    data = found.data("mask") if masks is None else found.data().with_targets(mask=masks)
    return parts_from((data if classes is None else data.with_classes(classes), data), "segmentation")


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    train, test = blocks(40, 0).data("mask"), blocks(10, 1).data("mask").with_classes(["ground", "red", "green"])
    return af.train(
        (train.with_classes(["ground", "red", "green"]), test),
        RECIPE,
        epochs=6,
        seeds=2,
        batch_size=8,
        learning_rate=0.003,
        out=tmp_path_factory.mktemp("runs"),
        progress=False,
    )


def test_a_run_learns_and_says_how_well(finished: Outcome) -> None:
    assert finished.metric == "mean IoU"
    assert set(finished.test_score) == {"plain", "augmented"}
    assert min(finished.test_score.values()) > 0.5, "blocks of pure colours are easy"
    assert "test mean IoU" in repr(finished)
    with pytest.raises(af.DataError, match=r"Type result\.test_score"):
        _ = finished.test_accuracy
    data = json.loads((finished.folder / "report.json").read_text(encoding="utf-8"))
    assert data["task"] == "segmentation"
    assert data["data"]["counted"] == "pixels"
    assert data["data"]["test_images"] == 10
    assert sum(data["data"]["test_counts"]) == 10 * 24 * 32
    for arm in ("plain", "augmented"):
        assert data["arms"][arm]["test_mean_iou"] == pytest.approx(finished.test_score[arm])
        assert [one["class"] for one in data["arms"][arm]["classes"]] == ["ground", "red", "green"]
        assert sum(one["pixels"] for one in data["arms"][arm]["classes"]) == 10 * 24 * 32
    low, high = data["verdict"]["interval"]
    assert low <= finished.test_score["augmented"] - finished.test_score["plain"] <= high
    header = (finished.folder / "metrics.csv").read_text(encoding="utf-8").splitlines()[0]
    assert "train_mean_iou,train_loss,test_mean_iou,test_loss" in header


def test_the_score_is_that_of_keras_on_the_saved_model(finished: Outcome) -> None:
    test = blocks(10, 1)
    model: Any = keras.models.load_model(finished.model)
    said = model.predict(test.images, verbose=0)
    assert said.shape == (10, 24, 32, 3)
    metric: Any = keras.metrics.MeanIoU(3)
    metric.update_state(test.masks, said.argmax(axis=-1))
    exported = finished.comparison.exported
    assert exported.test_accuracy == pytest.approx(float(metric.result()), abs=1e-6)
    assert exported.max_difference < 1e-4
    assert exported.confusion is not None and exported.confusion.sum() == test.masks.size


def test_the_page_shows_masks_and_classes(finished: Outcome) -> None:
    page = read_page(finished.report)
    assert {"predictions", "classes", "confusion", "curves", "samples"} <= set(page.ids)
    assert {"mistakes", "calibration", "training"}.isdisjoint(page.ids)
    assert sum("mean IoU" in alt for alt in page.alts) == 2 * 8, "eight test images, two arms"
    assert sum("truth" in alt for alt in page.alts) == 8
    assert "accuracy" not in page.text
    shown = finished.comparison.shown[0]
    truth, plain, _ = shown.pictures
    assert truth.shape == SHAPE
    assert not np.array_equal(truth, blocks(10, 1).images[0]), "the mask is painted over the image"
    assert plain.shape == SHAPE


def test_the_report_is_written_again(finished: Outcome) -> None:
    from augfuse.experiment.report.write_report import rewrite

    before = finished.report.read_text(encoding="utf-8")
    finished.report.unlink()
    assert rewrite(finished.folder).read_text(encoding="utf-8") == before


def test_predictions_are_kept_as_counts_of_pixels(finished: Outcome) -> None:
    with np.load(finished.folder / "predictions" / "augmented-0.npz") as file:
        assert file["confusion"].shape == (10, 3, 3)
        assert (file["confusion"].sum(axis=(1, 2)) == 24 * 32).all()
        counts = file["confusion"].sum(axis=0)
    arm = next(one for one in finished.comparison.of("augmented") if one.seed == 0)
    assert metrics.mean_iou(counts) == pytest.approx(arm.test.value)


@pytest.mark.parametrize("classes", [2, 3, 12])
def test_mean_iou_is_that_of_keras(classes: int) -> None:
    rng = np.random.default_rng(classes)
    truth, said = rng.integers(0, classes, 500), rng.integers(0, classes, 500)
    truth[truth == classes - 1] = 0  # a class that is said, and never there
    counts = np.bincount(truth * classes + said, minlength=classes**2).reshape(classes, classes)
    metric: Any = keras.metrics.MeanIoU(classes)
    metric.update_state(truth, said)
    assert metrics.mean_iou(counts) == pytest.approx(float(metric.result()), abs=1e-6)
    found = metrics.per_pixel_class(counts)
    assert found.iou[-1] == 0
    assert found.support.tolist() == np.bincount(truth, minlength=classes).tolist()


def test_a_class_that_is_nowhere_counts_for_nothing() -> None:
    counts = np.array([[8, 2, 0], [0, 10, 0], [0, 0, 0]])
    assert np.isnan(metrics.per_pixel_class(counts).iou[2])
    assert metrics.mean_iou(counts) == pytest.approx((8 / 10 + 10 / 12) / 2)


# --- masks and their classes ---


def test_mask_values_become_classes() -> None:
    masks = blocks(6, 0).masks
    assert parts().classes == ("0", "1", "2")
    assert parts(masks * 100).classes == ("0", "100", "200")
    assert parts((masks > 0).astype(np.uint8) * 255).classes == ("0", "255"), "a mask of black and white"
    assert parts((masks > 0).astype(np.uint8) * 255, ["no", "yes"]).classes == ("no", "yes")
    assert parts(masks.astype(np.int32), ["a", "b", "c"]).classes == ("a", "b", "c")
    assert parts(masks, ["red", "green"]).classes == ("background", "red", "green"), "names of the objects alone"
    assert parts(masks > 0).classes == ("0", "1")


def test_pixels_of_255_are_not_looked_at() -> None:
    masks = blocks(6, 0).masks.copy()
    masks[:, :3] = 255
    found = parts(masks)
    assert found.classes == ("0", "1", "2")
    network = Network(found.task.network(SHAPE, 3, found.task.widths), 3, task=found.task)
    (batch,) = af.Loader(found.train, af.Recipe([af.ToFloat()]), batch_size=6, training=False)
    truth, weights = network.truth(batch)
    assert truth.shape == (6, 24, 32, 3)
    assert weights is not None
    assert (weights[:, :3] == 0).all() and (weights[:, 3:] == 1).all()
    scored = found.task.evaluate(network, af.Loader(found.train, af.Recipe([af.ToFloat()]), training=False))
    assert (scored.confusion.sum(axis=(1, 2)) == 21 * 32).all()
    network.reset(0)
    loss = network.train_step(batch.images, truth, weights)
    network.reset(0)
    truth[:, :3] = (0, 0, 1)
    assert network.train_step(batch.images, truth, weights) == pytest.approx(loss)


def test_masks_that_cannot_be_used_are_refused() -> None:
    masks = blocks(6, 0).masks
    with pytest.raises(af.DataError, match=r"sample 0: got a mask float32 .* wanted whole numbers"):
        parts(masks.astype(np.float32))
    with pytest.raises(af.DataError, match=r"got a mask uint8 \(24, 30\) for an image \(24, 32, 3\)"):
        parts(masks[:, :, :30])
    with pytest.raises(af.DataError, match="its masks have 0, wanted at least two classes"):
        parts(masks * 0)
    with pytest.raises(af.DataError, match="a mask has 9, and there are 3 classes"):
        parts(np.where(masks == 2, 9, masks), ["a", "b", "c"])
    with pytest.raises(af.DataError, match=r"wanted class numbers of 0 or more"):
        parts(masks.astype(np.int16) - 1)
    with pytest.raises(af.DataError, match=r"its images have boxes; a segmentation takes a mask"):
        parts_from(blocks(6, 0).data("boxes"), "segmentation")


def test_a_fill_that_is_not_a_class_is_said() -> None:
    found = parts()
    network = Network(found.task.network(SHAPE, 3, found.task.widths), 3, task=found.task)
    recipe = af.Recipe([af.Translate(x=(0.5, 0.5)), af.ToFloat()], targets=af.Targets(mask_fill=7))
    with pytest.raises(af.DataError, match=r"a mask has 7 after the recipe, wanted one of the classes \(0, 1, 2\)"):
        network.truth(af.Loader(found.train, recipe, batch_size=6, seed=0).fetch(0, 0))


# --- networks of the user's ---


def convolution(outputs: int, activation: str | None, loss: Any, strides: int = 1) -> Any:
    model = keras.Sequential([keras.Input(SHAPE), keras.layers.Conv2D(outputs, 3, strides, "same")])
    if activation is not None:
        model.add(keras.layers.Activation(activation))
    if loss is not None:
        model.compile("adam", loss)
    return model


@pytest.mark.parametrize(
    ("outputs", "activation", "loss"),
    [
        (2, "softmax", None),
        (2, "softmax", "sparse_categorical_crossentropy"),
        (2, "softmax", "categorical_crossentropy"),
        (2, None, keras.losses.CategoricalCrossentropy(from_logits=True)),
        (1, "sigmoid", "binary_crossentropy"),
        (1, None, keras.losses.BinaryCrossentropy(from_logits=True)),
    ],
)
def test_own_networks_of_all_forms_are_trained(outputs: int, activation: str | None, loss: Any) -> None:
    found = parts((blocks(6, 0).masks > 0).astype(np.uint8))
    build = own_model(convolution(outputs, activation, loss)).builder(SHAPE, 2)
    network = Network(build, 2, learning_rate=0.05, task=found.task)
    network.warm_up(6)
    network.reset(0)
    (batch,) = af.Loader(found.train, af.Recipe([af.ToFloat()]), batch_size=6, training=False)
    truth, weights = network.truth(batch)
    losses = [network.train_step(batch.images, truth, weights) for _ in range(25)]
    assert losses[-1] < 0.7 * losses[0]
    said = network.predict(batch.images)
    assert said.shape == (6, 24, 32, 2)
    assert said.sum(axis=-1) == pytest.approx(1, abs=1e-5)


def test_own_networks_of_another_output_are_refused() -> None:
    found = parts()
    with pytest.raises(af.DataError, match=r"gives \(None, 12, 16, 3\), wanted \(None, 24, 32, 3\)"):
        found.task.read_head(convolution(3, "softmax", None, strides=2), 3)
    with pytest.raises(af.DataError, match=r"gives \(None, 24, 32, 5\), wanted \(None, 24, 32, 3\)"):
        found.task.read_head(convolution(5, "softmax", None), 3)


@pytest.mark.parametrize("shape", [(24, 32, 3), (17, 23, 1), (5, 6, 4)])
def test_the_network_takes_images_of_any_size(shape: tuple[int, int, int]) -> None:
    task = parts().task
    one, two = task.network(shape, 3, task.widths)(7), task.network(shape, 3, task.widths)(7)
    assert one.output_shape == (None, *shape[:2], 3)
    assert all(np.array_equal(a, b) for a, b in zip(one.get_weights(), two.get_weights(), strict=True))
    other = task.network(shape, 3, task.widths)(8)
    assert not np.array_equal(one.get_weights()[0], other.get_weights()[0])


@pytest.mark.slow(reason="trains networks")
def test_class_weights_weigh_pixels(tmp_path: Path) -> None:
    sets = blocks(16, 0).data("mask"), blocks(4, 1).data("mask")
    run = af.train(
        sets, RECIPE, epochs=1, seeds=1, batch_size=8, class_weights=True, out=tmp_path, name="r", progress=False
    )
    assert run.comparison.interval.kind == "bootstrap over test images"
    assert run.comparison.interval.low <= run.comparison.interval.mean <= run.comparison.interval.high
