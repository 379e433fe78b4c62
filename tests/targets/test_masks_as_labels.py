"""Masks handed over as labels are not moved with their images: that is said, with what moves them."""

from __future__ import annotations

import re
import warnings
from typing import Any

import numpy as np
import pytest

import augfuse as af
from augfuse import warn_once

GEOMETRY = [af.Rotate(40), af.HorizontalFlip(), af.Translate(0.2, 0.1), af.Shear(10), af.Scale(0.2)]
OVER = r"labels of shape .* lie over images of shape .*recipe\.batch\(images, masks=masks\).*docs/targets\.md"


@pytest.fixture(autouse=True)
def _as_in_a_new_process() -> None:
    warn_once.forget()


def blobs(n: int = 6, height: int = 40, width: int = 48) -> tuple[np.ndarray, np.ndarray]:
    """Images whose bright rectangle is what their mask marks."""
    rng = np.random.default_rng(0)
    masks = np.zeros((n, height, width), np.uint8)
    for mask in masks:
        top, left = rng.integers(4, 20, 2)
        mask[top : top + 14, left : left + 18] = 3
    images = np.where(masks[..., None] > 0, 255, 0).astype(np.uint8).repeat(3, -1)
    return images, masks


@pytest.mark.parametrize("shape", ["(n, h, w)", "(n, h, w, 1)", "(n, h, w, 3)", "list"])
@pytest.mark.parametrize("door", ["batch", "loader", "training"])
def test_labels_that_lie_over_their_images_are_warned_about(shape: str, door: str) -> None:
    x, masks = blobs()
    y: Any = {"(n, h, w)": masks, "(n, h, w, 1)": masks[..., None], "(n, h, w, 3)": x, "list": list(masks)}[shape]
    recipe = af.Recipe([*GEOMETRY, af.Normalize()], fill="reflect")
    with pytest.warns(af.AugfuseWarning, match=OVER):
        if door == "batch":
            recipe.batch(x, y, seed=0)
        else:
            list(af.Loader(af.from_arrays(x, y), recipe, batch_size=4, seed=0, workers=2 if door == "training" else 0))


@pytest.mark.parametrize("y", ["one-hot", "numbers", "columns", "another size", "none"])
def test_other_labels_are_not(y: str) -> None:
    x, _ = blobs()
    labels = {
        "one-hot": np.eye(6), "numbers": np.arange(6), "columns": np.ones((6, 40)), "another size": np.ones((6, 9, 9)),
        "none": None,
    }[y]  # fmt: skip
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        af.Recipe(GEOMETRY).batch(x, labels, seed=0)
        list(af.Loader(af.from_arrays(x, labels), af.Recipe(GEOMETRY), batch_size=4, workers=0))


@pytest.mark.parametrize("steps", [[af.Brightness()], [af.ColorJitter(), af.ToFloat()], [af.Rotate(9, p=0)], []])
def test_recipes_that_move_nothing_are_not(steps: list[af.Transform]) -> None:
    x, masks = blobs()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        np.testing.assert_array_equal(af.Recipe(steps).batch(x, masks, seed=0).labels, masks)


@pytest.mark.parametrize("steps", [GEOMETRY, [af.Rotate90()], [af.Resize((20, 24)), af.RandomCrop(18)]])
@pytest.mark.parametrize("fill", ["nearest", "reflect", "constant"])
def test_what_is_said_moves_masks_exactly_along(steps: list[af.Transform], fill: str) -> None:
    x, masks = blobs(height=48)
    jitter = [af.GaussianNoise(0.01), af.Brightness((0.9, 1.1)), af.ColorJitter(hue=0)]
    recipe = af.Recipe([jitter[0], *steps, *jitter[1:], af.ToFloat()], fill=fill, fill_value=(0, 0, 0))
    where: dict = {"seed": 5, "epoch": 2, "indices": range(3, 9)}
    with pytest.warns(af.AugfuseWarning, match=OVER) as caught:
        recipe.batch(x, masks, **where)
    line = re.search(r"(recipe\.batch\(.*?)\)", str(caught[0].message))
    assert line is not None
    batch = eval(f"{line[1]}, **where)", {"recipe": recipe, "images": x, "masks": masks, "where": where})
    moved = batch.masks
    assert set(np.unique(moved)) <= {0, 3} and moved.shape == batch.images.shape[:3]
    bright = batch.images.mean(-1) > 0.5
    assert ((moved > 0) == bright).mean() > 0.99  # but for the edge, where bilinear mixes
    one = recipe(image=x[2], mask=masks[2], seed=5, epoch=2, index=5)
    np.testing.assert_array_equal(one["mask"], moved[2])
    kept = re.search(r"(af\.from_arrays.*?\))\. See", str(caught[0].message))
    assert kept is not None
    data = eval(kept[1], {"af": af, "images": x, "masks": masks})
    served = next(iter(af.Loader(data, recipe, batch_size=6, seed=5, shuffle=False)))
    np.testing.assert_array_equal(served.targets["mask"], recipe.batch(x, masks=masks, seed=5).masks)


@pytest.mark.parametrize("name", ["bboxes", "lable", "images", "segmentation", "landmarks"])
def test_what_is_not_an_argument_of_one_call_is_refused(name: str) -> None:
    x, masks = blobs(1)
    meant = {"bboxes": "boxes", "segmentation": "mask", "landmarks": "keypoints"}.get(name)
    hint = "" if meant is None else f"Did you mean '{meant}'"
    with pytest.raises(TypeError, match=f"there is no '{name}'.*{hint}") as caught:
        af.Recipe([af.Rotate(9)])(image=x[0], **{name: masks[0]})
    assert isinstance(caught.value, af.AugfuseError)


def test_a_recipe_without_geometry_leaves_the_mask_as_it_is() -> None:
    x, masks = blobs(1)
    found = af.Recipe([af.Brightness()])(image=x[0], mask=masks[0])["mask"]
    np.testing.assert_array_equal(found, masks[0])


@pytest.mark.parametrize(
    "step", [af.Resize(9), af.Scale((0.2, 0.2)), af.RandomResizedCrop(7), af.RandomWidth((0.3, 0.3))]
)
def test_nearest_mixes_no_values_where_a_mask_gets_smaller(step: af.Transform) -> None:
    masks = np.random.default_rng(0).choice(np.array([0, 5, 200], np.uint8), (3, 64, 64))
    out = af.Recipe([step], interpolation="nearest").batch(masks, seed=0).images
    assert set(np.unique(out)) == {0, 5, 200}
