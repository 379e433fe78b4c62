"""Labels that a mix cannot take, or that it would take for something else; and the data set that partners are of."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import augfuse as af
from augfuse.warn_once import forget

IMAGES = np.random.default_rng(0).integers(0, 256, (12, 16, 16, 3), dtype=np.uint8)
SHARES = np.eye(3, dtype=np.float32)[np.arange(12) % 3]
MIXES = [af.MixUp(), af.CutMix(), af.Mosaic(16)]
every_mix = pytest.mark.parametrize("mix", MIXES, ids=lambda mix: type(mix).__name__)


@every_mix
@pytest.mark.parametrize(
    ("labels", "hint"),
    [
        (np.arange(12) % 3, r"one_hot=True\), or np.eye\(classes"),
        ((np.arange(24) % 5 < 3).reshape(12, 2).astype(np.int64), r"has several, use labels.astype\(np.float32\)"),
        (np.ones((12, 3), bool), r"has several, use labels.astype\(np.float32\)"),
        ((np.arange(12) % 3)[:, None], r"Use labels.ravel\(\)"),
        (["a", "b", "c"] * 4, r"Words become class numbers by np.unique"),
    ],
)
def test_labels_that_cannot_be_mixed(mix: Any, labels: Any, hint: str) -> None:
    with pytest.raises(af.ImageTypeError, match=rf"wanted rows of shares \(n, classes\) float32.*{hint}"):
        af.Recipe([mix]).batch(IMAGES, labels, seed=0)


@every_mix
@pytest.mark.parametrize("labels", [np.arange(12) % 3.0, np.array([0, 5] * 6, np.float32), np.full(12, 2.0)])
def test_class_numbers_as_floats(mix: Any, labels: np.ndarray) -> None:
    recipe = af.Recipe([mix])
    for use in (
        lambda: recipe.batch(IMAGES, labels, seed=0),
        lambda: af.Loader(af.from_arrays(IMAGES, labels), recipe),
    ):
        forget()
        with pytest.warns(af.AugfuseWarning, match=r"whole numbers only.*astype\(np.int64\) with af.Loader"):
            use()
    forget()


@every_mix
@pytest.mark.parametrize(
    "labels", [np.array([0, 1] * 6, np.float32), np.linspace(1, 9, 12), (np.arange(12) % 3.0)[:, None]]
)
def test_numbers_with_a_meaning(mix: Any, labels: np.ndarray) -> None:
    found = af.Recipe([mix]).batch(IMAGES, labels, seed=0).labels
    assert found.shape == labels.shape and not np.array_equal(found, labels)
    af.Loader(af.from_arrays(IMAGES, labels), af.Recipe([mix]))


@pytest.mark.parametrize(("indices", "size"), [(None, 3), (np.arange(12) + 1, 12), ([99] * 12, 12)])
def test_images_that_are_not_of_the_data_set(indices: Any, size: int) -> None:
    data = af.from_arrays(IMAGES[:size], SHARES[:size])
    with pytest.raises(af.DataError, match=rf"data: got {size} samples for an image at index \d+, wanted the data set"):
        af.Recipe([af.MixUp(partner="same_class")]).batch(IMAGES, SHARES, seed=0, indices=indices, data=data)


@every_mix
def test_data_without_what_the_images_have(mix: Any) -> None:
    recipe, data = af.Recipe([mix]), af.from_arrays(IMAGES)
    with pytest.raises(af.RecipeError, match=r"no targets, wanted boxes as the images.*data.with_targets"):
        recipe.batch(IMAGES, boxes=[[[1, 1, 9, 9]]] * 12, seed=0, data=data)
    with pytest.raises(af.ImageError, match=r"a partner has no labels like the image's.*data.with_labels\(labels\)"):
        recipe.batch(IMAGES, SHARES, seed=0, data=data)
    assert recipe.batch(IMAGES, seed=0, data=data).images.shape == (12, 16, 16, 3)  # images alone


@pytest.mark.parametrize(
    ("targets", "hint"),
    [
        (
            {"masks": np.zeros((12, 16, 16), np.uint8)},
            r"got masks \(h, w\), wanted masks \(k.*masks\[:, None\]",
        ),
        ({"boxes": [[[1, 1, 9, 9]]] * 12}, r"got boxes, wanted masks \(k, h, w\), polygons or segments.*Give masks="),
        ({"mask": np.zeros((12, 16, 16), np.uint8)}, r"got mask \(h, w\), wanted masks \(k, h, w\)"),
    ],
)
def test_nothing_that_says_what_is_pasted(targets: Any, hint: str) -> None:
    with pytest.raises(af.RecipeError, match=hint):
        af.Recipe([af.CopyPaste()]).batch(IMAGES, seed=0, **targets)
