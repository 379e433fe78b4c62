"""`af.tta`: predictions of several draws as one, where the model is known and so is the answer."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import augfuse as af
from oracles import pictures

MOVES = [af.HorizontalFlip(), af.Rotate90(), af.VerticalFlip()]


def test_classes_are_the_mean_over_the_draws() -> None:
    images = pictures(5, 20, 20)
    recipe = af.Recipe([*MOVES, af.Brightness(0.5), af.ToFloat()])

    def model(batch: np.ndarray) -> np.ndarray:
        return np.stack([batch.mean((1, 2, 3)), batch[:, 0, 0, 0]], axis=1)

    for batch_size in (1, 2, 32):
        found = af.tta(model, recipe, n=4, seed=3, batch_size=batch_size)(images)
        draws = [model(recipe.batch(images, seed=3, indices=np.arange(5) * 4 + j).images) for j in range(4)]
        np.testing.assert_allclose(found, np.mean(draws, axis=0), rtol=1e-6)
        assert found.dtype == np.float32
    assert not np.array_equal(found, af.tta(model, recipe, n=4, seed=4)(images))
    heads = af.tta(lambda batch: {"a": model(batch), "b": [model(batch)]}, recipe, n=4, seed=3)(images)
    np.testing.assert_array_equal(heads["a"], found)
    np.testing.assert_array_equal(heads["b"][0], found)


def test_the_plain_image_can_be_asked_about_too() -> None:
    images = pictures(2, 20, 20)
    recipe = af.Recipe([af.Brightness((2, 2), p=0.5), af.ToFloat()])
    found = af.tta(lambda batch: batch.mean((1, 2, 3)), recipe, n=1, plain=True)(images)
    one = recipe.batch(images, seed=0).images.mean((1, 2, 3))
    plain = recipe.batch(images, training=False).images.mean((1, 2, 3))
    np.testing.assert_allclose(found, (one + plain) / 2, rtol=1e-6)


@pytest.mark.parametrize("layout", ["NHWC", "NCHW"])
def test_maps_are_carried_back_before_their_mean(layout: Any) -> None:
    images = pictures(3, 24, 24)
    recipe = af.Recipe([*MOVES, af.ToFloat()])

    def model(batch: np.ndarray) -> np.ndarray:
        return batch * 2  # a map of each pixel, which moves with it

    found = af.tta(model, recipe, n=6, target="mask", layout=layout)(images)
    found = found.transpose(0, 2, 3, 1) if layout == "NCHW" else found
    np.testing.assert_allclose(found, images / 127.5, atol=1e-6)
    flat = af.tta(lambda batch: batch.mean(-1 if layout == "NHWC" else 1), recipe, n=6, target="mask", layout=layout)
    np.testing.assert_allclose(flat(images), images.mean(-1) / 255, atol=1e-6)


def test_pixels_count_in_the_draws_that_saw_them() -> None:
    images = pictures(3, 24, 30)
    recipe = af.Recipe([af.RandomCrop(16), af.HorizontalFlip(), af.ToFloat()])
    found = af.tta(lambda batch: batch, recipe, n=3, target="mask")(images)
    plans = [recipe.batch(images, seed=0, indices=np.arange(3) * 3 + j).plan for j in range(3)]
    seen = np.logical_or.reduce([plan.inverse.seen() for plan in plans])
    assert 0.4 < seen.mean() < 1
    np.testing.assert_allclose(found[seen], images[seen] / 255, atol=1e-6)
    assert np.isnan(found[~seen]).all()
    zeros = af.tta(lambda batch: batch, recipe, n=3, target="mask", fill=0)(images)
    assert not zeros[~seen].any()


def test_views_and_images_of_different_sizes() -> None:
    images = [pictures(1, 30 + k, 40 - k)[0] for k in range(3)]
    recipe = af.Recipe(
        [af.Views(a=[af.Resize(64), af.ToFloat()], b=[af.Resize(32), af.HorizontalFlip(p=1), af.ToFloat()])]
    )
    sizes: list[int] = []

    def model(batch: np.ndarray) -> np.ndarray:
        sizes.append(batch.shape[1])
        y, x = np.meshgrid(*(np.linspace(0, 1, side) for side in batch.shape[1:3]), indexing="ij")
        return np.broadcast_to(x + y, batch.shape[:3]).astype(np.float32)

    found = af.tta(model, recipe, n=1, target="mask")(images)
    assert sizes == [64, 32] and [one.shape for one in found] == [image.shape[:2] for image in images]
    for one in found:  # x and 1 - x are 1 together, y and y are 2 y
        np.testing.assert_allclose(one.mean(axis=1), 0.5 + np.linspace(0, 1, len(one)), atol=0.03)


def test_boxes_of_all_draws_come_back_with_their_number() -> None:
    image = np.zeros((1, 40, 60, 3), np.uint8)
    image[0, 10:20, 30:50] = 255
    recipe = af.Recipe([*MOVES, af.ToFloat()], box_format="coco", targets=af.Targets(swap_labels=[(1, 2)]))

    def model(batch: np.ndarray) -> list[dict[str, Any]]:
        rows, columns = (np.flatnonzero(batch[0, :, :, 0].any(axis=axis)) for axis in (1, 0))
        box = [columns[0], rows[0], len(columns), len(rows)]
        return [{"boxes": np.array([box], np.float32), "scores": np.array([0.5]), "labels": np.array([1])}]

    (found,) = af.tta(model, recipe, n=5, target="boxes")(image)
    np.testing.assert_allclose(found["boxes"], [[30, 10, 20, 10]] * 5, atol=1e-4)
    assert found["draw"].tolist() == [0, 1, 2, 3, 4] and found["scores"].shape == (5,)
    mirrored = [recipe.batch(image, seed=0, indices=[j]).plan.inverse.mirrored[0] for j in range(5)]
    assert found["labels"].tolist() == [2 if turned else 1 for turned in mirrored] and 0 < sum(mirrored) < 5
    plain = af.tta(lambda batch: [model(batch)[0]["boxes"]], recipe, n=2, target="boxes")(image)
    assert plain[0]["boxes"].shape == (2, 4)


def test_points_are_carried_back_and_left_is_left() -> None:
    image = np.zeros((1, 40, 60, 3), np.uint8)
    recipe = af.Recipe([af.HorizontalFlip()], targets=af.Targets(swap_keypoints=[(0, 1)]))
    image[0, 10, 20], image[0, 10, 40] = 100, 200

    def model(batch: np.ndarray) -> np.ndarray:
        bright = [np.argwhere(batch[0, :, :, 0] == value)[0] for value in (100, 200)]
        points = [[column + 0.5, row + 0.5] for row, column in bright]
        return np.array([points if points[0][0] < points[1][0] else points[::-1]])  # what is left is called left

    found = af.tta(model, recipe, n=8, target="keypoints")(image)
    np.testing.assert_allclose(found, [[[20.5, 10.5], [40.5, 10.5]]], atol=1e-4)


def test_a_torch_module_is_asked_in_evaluation_mode() -> None:
    torch = pytest.importorskip("torch")
    images = pictures(3, 16, 16)
    net = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3, padding=1), torch.nn.BatchNorm2d(4), torch.nn.Dropout(0.9))
    recipe = af.Recipe([af.HorizontalFlip(), af.ToFloat()])
    predict = af.tta(net, recipe, n=3, target="mask")
    found = predict(images)
    assert found.shape == (3, 4, 16, 16) and np.array_equal(found, predict(images))
    assert net.training and not int(net[1].num_batches_tracked)


def test_a_keras_model_is_asked() -> None:
    keras = pytest.importorskip("keras")
    net = keras.Sequential([keras.Input((16, 16, 3)), keras.layers.Dropout(0.9), keras.layers.GlobalAveragePooling2D()])
    images = pictures(3, 16, 16)
    found = af.tta(net, af.Recipe([*MOVES, af.ToFloat()]), n=3)(images)
    np.testing.assert_allclose(found, images.mean((1, 2)) / 255, atol=1e-5)


FLIP = af.Recipe([af.HorizontalFlip()])
WRONG: dict[str, tuple[Any, str]] = {
    "model": (lambda: af.tta(3, FLIP), "got 3 as model"),  # type: ignore[arg-type]
    "recipe": (lambda: af.tta(np.mean, [af.HorizontalFlip()]), r"wanted af.Recipe\("),  # type: ignore[arg-type]
    "n": (lambda: af.tta(np.mean, FLIP, 0), "n: got 0"),
    "target": (lambda: af.tta(np.mean, FLIP, target="masks"), "target: got 'masks', wanted one of 'mask'"),  # type: ignore[arg-type]
    "alike": (lambda: af.tta(np.mean, af.Recipe([af.ToFloat()])), "nothing is random"),
    "entries": (lambda: af.tta(lambda batch: batch[:1], FLIP)(pictures(2, 8, 8)), r"for 2 images, wanted an array"),
    "number": (lambda: af.tta(np.mean, FLIP)(pictures(2, 8, 8)), r"model: got .*for 2 images"),
    "numbers of classes": (
        lambda: af.tta(lambda batch: batch[..., 0].astype(int), FLIP, target="mask")(pictures(2, 8, 8)),
        "model: got maps of int64, wanted probabilities",
    ),
    "low resolution": (
        lambda: af.tta(lambda batch: batch[:, ::2, ::2], FLIP, target="mask")(pictures(2, 8, 8)),
        r"images\[0\]: got shape \(4, 4, 3\).* Resize a prediction of lower resolution first",
    ),
    "boxes": (
        lambda: af.tta(lambda batch: [{"scores": [1]}] * 2, FLIP, target="boxes")(pictures(2, 8, 8)),
        "image 0: got 'scores', wanted boxes",
    ),
    "scores": (
        lambda: af.tta(lambda batch: [{"boxes": [[1, 2, 3, 4]], "scores": []}] * 2, FLIP, target="boxes")(
            pictures(2, 8, 8)
        ),
        r"image 0: got boxes \(1, 4\), scores \(0,\), wanted as many",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_does_not_fit_is_refused(name: str) -> None:
    call, message = WRONG[name]
    with pytest.raises(af.AugfuseError, match=message):
        call()
