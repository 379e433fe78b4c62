"""A data set of partners that lacks the images themselves: another one than theirs, and so other partners than a
loader's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import augfuse as af
from oracles import pictures

IMAGES = pictures(8, 16, 16)
LABELS = np.eye(4, dtype=np.float32)[np.arange(8) % 4]
FEW = af.from_arrays(IMAGES[:3], LABELS[:3])
WANTED = r"data: got 3 samples for an image at index {}, wanted the data set that the images are of.*indices="
RECIPES = [af.Recipe([mix]) for mix in (af.MixUp(), af.CutMix(), af.Mosaic(16))] + [af.Recipe([af.Rotate()])]


@pytest.mark.parametrize("recipe", RECIPES)
def test_batches(recipe: af.Recipe) -> None:
    with pytest.raises(af.DataError, match=WANTED.format(7)):
        recipe.batch(IMAGES, LABELS, seed=0, data=FEW)
    with pytest.raises(af.DataError, match=WANTED.format(2**40)):
        recipe.batch(IMAGES[:2], LABELS[:2], seed=0, indices=[0, 2**40], data=FEW)
    assert len(recipe.batch(IMAGES[:2], LABELS[:2], seed=0, indices=[1, 2], data=FEW)) == 2


@pytest.mark.parametrize("recipe", RECIPES)
def test_one_image(recipe: af.Recipe) -> None:
    with pytest.raises(af.DataError, match=WANTED.format(3)):
        recipe(image=IMAGES[3], label=LABELS[3], seed=0, index=3, data=FEW)
    assert recipe(image=IMAGES[2], label=LABELS[2], seed=0, index=2, data=FEW)["image"].shape == (16, 16, 3)


def test_replay() -> None:
    recipe, whole = af.Recipe([af.MixUp()]), af.from_arrays(IMAGES, LABELS)
    batch = recipe.batch(IMAGES, LABELS, seed=0, data=whole)
    options: dict[str, Any] = {"images": IMAGES, "labels": LABELS}
    with pytest.raises(af.DataError, match=r"got 3 samples for an image at index 7.*that the plan was made with"):
        recipe.replay(batch.plan, data=FEW, **options)
    assert np.array_equal(recipe.replay(batch.plan, data=whole, **options).images, batch.images)
