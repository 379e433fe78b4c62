"""Masks of floats: blended where they are maps, refused where they hold numbers of classes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import augfuse as af
from oracles import pictures

RECIPE = af.Recipe([af.Rotate(20)])
NUMBERS = np.random.default_rng(0).integers(0, 5, (40, 48))


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("values", [NUMBERS, NUMBERS % 2 * 255, -(NUMBERS % 2), NUMBERS * (NUMBERS == 4)])
def test_numbers_of_classes_are_refused(dtype: str, values: np.ndarray) -> None:
    image, mask = pictures(1, 40, 48)[0], values.astype(dtype)
    with pytest.raises(af.ImageTypeError, match=rf"^mask: got {dtype} with whole numbers only \(.*astype\(np.int32\)"):
        RECIPE(image=image, mask=mask)
    with pytest.raises(af.ImageTypeError, match=r"^masks\[1\]: got "):
        RECIPE.batch(np.stack([image] * 2), masks=[np.zeros_like(mask), mask])
    out = RECIPE(image=image, mask=mask.astype(np.int32), seed=0, index=0)["mask"]
    assert set(np.unique(out)) <= set(np.unique(values))


@pytest.mark.parametrize("values", [NUMBERS + 0.5, NUMBERS % 2, np.zeros((40, 48)), np.full((40, 48), 7)])
def test_maps_are_blended(values: np.ndarray) -> None:
    mask = values.astype(np.float32)
    out = RECIPE(image=pictures(1, 40, 48)[0], mask=mask, seed=0, index=0)["mask"]
    assert out.min() >= mask.min() - 1e-5 and out.max() <= mask.max() + 1e-5


def test_depths_in_whole_numbers_have_a_name() -> None:
    recipe = af.Recipe([af.Rotate(20)], additional={"depth": "mask"})
    out = recipe(image=pictures(1, 40, 48)[0], depth=NUMBERS.astype(np.float32), seed=0, index=0)["depth"]
    assert len(np.unique(out)) > 100


def test_nothing_is_blended_where_the_recipe_takes_the_nearest() -> None:
    recipe = af.Recipe([af.Rotate(20)], interpolation="nearest")
    out = recipe(image=pictures(1, 40, 48)[0], mask=NUMBERS.astype(np.float32), seed=0, index=0)["mask"]
    assert set(np.unique(out)) <= {0, 1, 2, 3, 4}


@pytest.mark.parametrize("body", [[af.HorizontalFlip(), af.RandomCrop(20)], [af.Brightness(0.2)], []])
def test_nothing_is_blended_where_whole_pixels_move(body: list[af.Transform]) -> None:
    out = af.Recipe(body)(image=pictures(1, 40, 48)[0], mask=NUMBERS.astype(np.float32), seed=0, index=0)["mask"]
    assert set(np.unique(out)) <= {0, 1, 2, 3, 4}


def test_a_loader_names_the_sample(tmp_path: Path) -> None:
    masks = [np.zeros((40, 48), np.float32), NUMBERS.astype(np.float32)]
    data = af.from_arrays(pictures(2, 40, 48)).with_targets(mask=masks)
    with pytest.raises(af.ImageTypeError, match="sample 1: mask: got float32"):
        af.Loader(data, RECIPE, 2, shuffle=False).fetch(0, 0)
