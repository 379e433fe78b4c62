"""interpolation="nearest", and the cut of fill="constant", where points lie exactly on the edge between two pixels."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import augfuse as af
from augfuse.execute.batch_images import as_images
from oracles import by_reference, fused, pictures

FILLS = ("nearest", "reflect", "wrap", "constant")
NEUTRAL = (1.0, 1.0)
# Each meets edges for some of SIZES: a turn about a corner or an edge's middle, steps of half a pixel, of a third.
STEPS: dict[str, list[Any]] = {
    "quarter turn": [af.Rotate((90, 90))],
    "quarter turn back": [af.Rotate((-90, -90))],
    "eighth turn": [af.Rotate((45, 45))],
    "half turn": [af.Rotate((180, 180))],
    "larger": [af.Scale((2.0, 2.0))],
    "four times as large": [af.Scale((4.0, 4.0))],
    "a little smaller": [af.Scale((0.75, 0.75))],
    "wider": [af.Scale(x=(1.5, 1.5), y=NEUTRAL)],
    "half a pixel": [af.Translate((0.5, 0.5), (0.25, 0.25))],
    "slant": [af.Shear(45)],
    "mirrored and turned": [af.HorizontalFlip(p=1), af.Rotate((90, 90)), af.VerticalFlip(p=1)],
    "cropped and narrowed": [af.CenterCrop((3, 4)), af.RandomWidth((0.75, 0.75))],
    "padded and fitted": [af.Pad((1, 2, 3, 4)), af.Resize(9, mode="contain")],
    "resized": [af.Resize((5, 12))],
    "resized to more": [af.Resize((12, 15))],
}
SIZES = ((1, 2), (2, 1), (4, 4), (5, 5), (6, 9), (3, 8))


@pytest.mark.parametrize("fill", FILLS)
@pytest.mark.parametrize("name", STEPS)
def test_executor_and_reference_choose_the_same_pixel(name: str, fill: str) -> None:
    for height, width in SIZES:
        for channels in (1, 3):
            recipe = af.Recipe(STEPS[name], fill=fill, fill_value=77, interpolation="nearest")
            images = pictures(1, height, width, channels)
            wanted = by_reference(fused(recipe, as_images(images)), as_images(images))
            got = recipe.batch(images, seed=0).images
            assert np.array_equal(got, wanted), (height, width, channels)


@pytest.mark.parametrize("interpolation", ["nearest", "bilinear"])
@pytest.mark.parametrize("name", STEPS)
def test_the_same_pixels_are_cut_off_and_standardised(name: str, interpolation: str) -> None:
    """One pixel on the other side of the cut would move the mean, and so all values."""
    for height, width in SIZES:
        steps = [*STEPS[name], af.PerImageStandardize()]
        recipe = af.Recipe(steps, fill="constant", fill_value=200, interpolation=interpolation)
        images = pictures(1, height, width, 3)
        wanted = by_reference(fused(recipe, as_images(images)), as_images(images))
        np.testing.assert_allclose(recipe.batch(images, seed=0).images, wanted, atol=5e-3)


def pixel(image: np.ndarray, degrees: float, row: int, column: int) -> int:
    """What Rotate puts at a place, written down from the documented rule with fill="constant" of 99."""
    height, width = image.shape[:2]
    angle = math.radians(degrees)
    dx, dy = column + 0.5 - width / 2, row + 0.5 - height / 2
    x = math.cos(angle) * dx - math.sin(angle) * dy + width / 2
    y = math.sin(angle) * dx + math.cos(angle) * dy + height / 2
    at_x, at_y = math.floor(x + 1 / 1024), math.floor(y + 1 / 1024)
    return int(image[at_y, at_x, 0]) if 0 <= at_x < width and 0 <= at_y < height else 99


@pytest.mark.parametrize("degrees", [45, 90, -90, 135, 180, 270])
@pytest.mark.parametrize("size", [(1, 2), (2, 3), (4, 5), (5, 4), (3, 3)])
def test_the_rule_of_the_docs(size: tuple[int, int], degrees: float) -> None:
    image = np.arange(1, 1 + math.prod(size), dtype=np.uint8).reshape(*size, 1)
    recipe = af.Recipe([af.Rotate((degrees, degrees))], interpolation="nearest", fill="constant", fill_value=99)
    got = recipe(image=image, seed=0, index=0)["image"][..., 0]
    assert got.tolist() == [[pixel(image, degrees, y, x) for x in range(size[1])] for y in range(size[0])]


@pytest.mark.parametrize("size", [(1, 1), (4, 5), (7, 7), (31, 60)])
def test_what_stays_in_place_stays_whole(size: tuple[int, int]) -> None:
    image = pictures(1, *size, 3)
    for fill in FILLS:
        for steps in ([af.Rotate((0, 0))], [af.Rotate((30, 30)), af.Rotate((-30, -30))], [af.Scale(NEUTRAL)]):
            recipe = af.Recipe(steps, fill=fill, fill_value=99, interpolation="nearest")
            assert np.array_equal(recipe.batch(image, seed=0).images, image)
