"""Perspectives behind crops: most of a picture may lie behind the horizon, all of the crop lies in front of it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import augfuse as af
from augfuse.algebra import geometry
from oracles import assert_like_reference, labels_of, pictures, sources

CROPS = [
    af.RandomResizedCrop((40, 56), scale=(0.02, 0.1)),
    af.RandomResizedCrop(48, scale=(0.08, 1.0)),
    af.Sequential([af.RandomCrop(5), af.Resize((44, 52))]),
    af.Sequential([af.Scale((8, 12)), af.RandomCrop((30, 36))]),
]


def of_corners(batch: af.Batch, height: int, width: int) -> np.ndarray:
    """(n,): the least divisor at the corners of the source over the largest."""
    step = batch.plan.steps[0]
    corners = np.array([[0, 0, 1], [width, 0, 1], [0, height, 1], [width, height, 1]])
    divisors = step.geometry[:, 2] @ corners.T  # type: ignore[union-attr, index]
    return divisors.min(axis=1) / divisors.max(axis=1)


@pytest.mark.parametrize("crop", CROPS, ids=lambda t: type(t).__name__)
@pytest.mark.parametrize("fill", ["nearest", "constant"])
def test_a_crop_is_tilted_whatever_is_left_of_the_picture(crop: Any, fill: str) -> None:
    pixels = pictures(24, 70, 90)
    recipe = af.Recipe([crop, af.Perspective(0.6), af.HorizontalFlip()], fill=fill)
    batch = recipe.batch(pixels, seed=3)
    assert (of_corners(batch, 70, 90) < 0).any()
    assert_like_reference(recipe, pixels, seed=3)
    for i in (0, 7, 23):
        assert np.array_equal(recipe(image=pixels[i], seed=3, index=i)["image"], batch.images[i])


def test_the_tilted_crop_is_that_of_the_finished_crop() -> None:
    """In the middle, where neither looks at what surrounds the crop, the fused pass shows what two passes show."""
    y, x = np.mgrid[:90, :120]
    smooth = np.stack([x * 2, y * 2.5, x + y], axis=2)[None].astype(np.float32)
    crop, tilt = af.CenterCrop((12, 14)), af.Perspective((0.6, 0.6))
    options: dict[str, Any] = {"value_range": (0, 255)}
    together = af.Recipe([crop, af.Resize((60, 70)), tilt], **options).batch(smooth, seed=5)
    assert of_corners(together, 90, 120)[0] < 0
    first = af.Recipe([crop, af.Resize((60, 70))], **options).batch(smooth, seed=5).images
    apart = af.Recipe([crop, af.Resize((60, 70)), tilt], **options)
    corners = together.plan.drawn.nodes[-1].params
    there = tilt.matrix(dict(corners), geometry.Canvas(np.array([60]), np.array([70])))[0][0]
    start = np.array([[0, 0], [70, 0], [70, 60], [0, 60]], float)
    ends = np.concatenate([start, np.ones((4, 1))], axis=1) @ there.T
    second = af.functional.perspective(first, start, ends[:, :2] / ends[:, 2:], value_range=(0, 255))
    assert apart.transforms[-1] == tilt
    assert np.abs(second - together.images)[0, 25:35, 30:40].max() < 0.5


@given(st.integers(0, 2**64 - 1), st.sampled_from(CROPS), st.sampled_from(["no field", "between", "last"]))
def test_targets_of_the_whole_picture_cover_what_is_seen_of_it(seed: int, crop: Any, field: str) -> None:
    """Most corners of the boxes and polygons lie outside, some of them behind the horizon."""
    height, width = 70, 90
    bent = [] if field == "no field" else [af.ElasticTransform((0.5, 1))]
    tilt = af.Perspective(0.6)
    recipe = af.Recipe([crop, *bent, tilt] if field == "between" else [crop, tilt, *bent])
    whole = np.array([[0.0, 0.0], [width, 0.0], [width, height], [0.0, height]])
    parts = [whole, whole * (0.5, 1), whole * 0.5 + (30, 20)]
    boxes = [[*part.min(0), *part.max(0)] for part in parts]
    batch = recipe.batch(
        pictures(2, height, width), labels_of(range(2)), boxes=[boxes] * 2, box_labels=[np.arange(3)] * 2,
        polygons=[parts] * 2, seed=seed,
    )  # fmt: skip
    assert batch.boxes is not None and batch.polygons is not None and batch.box_labels is not None
    high, wide = batch.images.shape[1:3]
    y, x = (side.ravel() for side in np.mgrid[0.125:high:0.25, 0.125:wide:0.25])
    for i in range(2):
        back = sources(batch.plan, i, np.stack([x, y]))
        left = batch.box_labels[i].tolist()
        for k, (start_x, start_y, stop_x, stop_y) in enumerate(boxes):
            seen = (back[0] > start_x) & (back[0] < stop_x) & (back[1] > start_y) & (back[1] < stop_y)
            if seen.sum() < 16:
                continue
            found = np.array([x[seen].min(), y[seen].min(), x[seen].max(), y[seen].max()])
            box, ring = batch.boxes[i][left.index(k)], batch.polygons[i][left.index(k)]
            ends = np.concatenate([ring.min(0), ring.max(0)])
            for one in (box, ends):
                assert (one[:2] >= 0).all() and (one[2:] <= (wide, high)).all()
                assert (one[:2] <= found[:2] + 0.5).all() and (one[2:] >= found[2:] - 0.5).all(), (one, found)
            if not bent:  # a tip may be too thin for `found`: what is covered comes from the box, and from nowhere else
                near = ring[:, None] + 0.02 * np.stack(np.meshgrid([-1, 0, 1], [-1, 0, 1]), axis=-1).reshape(-1, 2)
                from_x, from_y = sources(batch.plan, i, near.reshape(-1, 2).T)
                off = np.max([start_x - from_x, from_x - stop_x, start_y - from_y, from_y - stop_y], axis=0)
                assert off.reshape(-1, 9).min(axis=1).max() < 0.05


def test_points_behind_the_horizon_are_outside() -> None:
    pixels = pictures(16, 70, 90)
    points = np.stack(np.meshgrid(np.linspace(1, 89, 12), np.linspace(1, 69, 9)), axis=-1).reshape(-1, 2)
    recipe = af.Recipe([CROPS[0], af.Perspective(0.6)])
    batch = recipe.batch(pixels, keypoints=[points] * 16, seed=1)
    behind = 0
    for i in range(16):
        matrix = batch.plan.steps[0].geometry[i]  # type: ignore[union-attr, index]
        divisors = points @ matrix[2, :2] + matrix[2, 2]
        seen = batch.visibility["keypoints"][i] > 0
        assert np.isfinite(batch.keypoints[i]).all()  # type: ignore[index]
        assert not seen[divisors <= 0].any()
        behind += int((divisors <= 0).sum())
        back = batch.plan.inverse.keypoints(batch.keypoints)[i]  # type: ignore[arg-type]
        np.testing.assert_allclose(np.asarray(back)[seen], points[seen], atol=1e-2)
    assert behind > 10
