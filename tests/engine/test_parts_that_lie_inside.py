"""Pictures and class numbers of which a part comes from within the source and the rest from its border, and what
changes nothing: the quicker ways for the former give what the reference gives."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import augfuse as af
from oracles import assert_like_reference, pictures

FILLS = ("nearest", "reflect", "wrap", "constant")
STEPS: dict[str, list[Any]] = {
    "all within": [af.Scale((2.5, 2.5)), af.Rotate((7, 7))],
    "half outside": [af.Translate((0.45, 0.45), (-0.3, -0.3)), af.Rotate((20, 20))],
    "corners outside": [af.Rotate((33, 33)), af.HorizontalFlip(p=1)],
    "nothing within": [af.Translate((0.9, 0.9), (0.9, 0.9)), af.Scale((0.7, 0.7)), af.Rotate((5, 5))],
    "upside down": [af.Rotate((170, 170)), af.Scale((1.3, 1.3))],
    "hardly turned": [af.Rotate((1e-4, 1e-4)), af.Translate((0.11, 0.11), (0, 0))],
}
SIZES = (
    (9, 5),
    (16, 8),
    (30, 23),
    (6, 470),
)  # rows shorter than eight pixels, of eights, of others, and two tiles wide


@pytest.mark.parametrize("fill", FILLS)
@pytest.mark.parametrize("interpolation", ["nearest", "bilinear"])
@pytest.mark.parametrize("name", STEPS)
def test_the_reference_agrees(name: str, interpolation: str, fill: str) -> None:
    recipe = af.Recipe(STEPS[name], fill=fill, fill_value=77, interpolation=interpolation)
    for height, width in SIZES:
        for channels in (1, 3):
            assert_like_reference(recipe, pictures(2, height, width, channels), seed=1)


@pytest.mark.parametrize("dtype", [np.uint8, np.bool_, np.uint16, np.int32, np.int64])
def test_class_numbers_of_any_width_take_the_same_places(dtype: Any) -> None:
    """As the bytes of a picture do."""
    recipe = af.Recipe([af.Affine(degrees=60, scale=(0.7, 1.6), translate_x=0.3, shear_x=10)], fill="reflect")
    numbers = pictures(5, 27, 42, 1)[..., 0] // 128
    taken = with_interpolation(recipe, "nearest").batch(numbers[..., None], seed=4).images[..., 0]
    found = recipe.batch(pictures(5, 27, 42), mask=numbers.astype(dtype), seed=4).targets["mask"]
    assert found.dtype == dtype
    np.testing.assert_array_equal(found, taken.astype(dtype))


def with_interpolation(recipe: af.Recipe, interpolation: str) -> af.Recipe:
    return af.Recipe(recipe.transforms, fill=recipe.fill, interpolation=interpolation)


def test_masks_of_one_size_are_one_array_of_their_own() -> None:
    recipe, images = af.Recipe([af.Rotate((10, 10))]), pictures(3, 20, 30)
    masks = pictures(3, 20, 30, 1)[..., 0]
    first, again = (recipe.batch(images, mask=masks, seed=0).targets["mask"] for _ in range(2))
    assert isinstance(first, np.ndarray) and first.shape == (3, 20, 30) and first.flags.c_contiguous
    assert not np.shares_memory(first, again) and not np.shares_memory(first, masks)
    one = recipe(image=images[1], mask=masks[1], seed=0, index=1)["mask"]
    np.testing.assert_array_equal(one, first[1])
    swaps = af.Recipe([af.HorizontalFlip(p=0.5)], targets=af.Targets(swap_mask=((1, 2),)))
    halves = masks % 3
    got = swaps.batch(images, mask=halves, seed=0).targets["mask"]
    moved = swaps.batch(halves[..., None], seed=0).images[..., 0]
    for own, picture, before in zip(got, moved, halves, strict=True):
        turned = not np.array_equal(picture, before)
        np.testing.assert_array_equal(own, np.array([0, 2, 1])[picture] if turned else picture)


@pytest.mark.parametrize("interpolation", ["nearest", "bilinear", "bicubic", "area"])
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_a_resize_that_changes_nothing_keeps_every_value(dtype: str, interpolation: str) -> None:
    for fill in FILLS:
        for channels in (1, 2, 3, 4):
            images = pictures(2, 28, 19, channels, dtype)
            recipe = af.Recipe([af.Resize((28, 19))], fill=fill, interpolation=interpolation)
            np.testing.assert_array_equal(recipe.batch(images, seed=0).images, images)
            planar = recipe.batch(images, seed=0, dtype="float32", layout="NCHW").images
            np.testing.assert_array_equal(planar.transpose(0, 2, 3, 1), images.astype(np.float32))


@pytest.mark.parametrize("channels", [1, 2, 3])
def test_a_resize_is_the_same_beside_one_that_changes_nothing(channels: int) -> None:
    """Each image has its own scale, and some have none."""
    recipe = af.Recipe([af.Scale((0.8, 1.3), p=0.5), af.Brightness(0.2), af.ToFloat()], fill="constant")
    assert_like_reference(recipe, pictures(6, 21, 17, channels), seed=3)
