"""Masks, boxes, points and polygons agree with the pixels: over every transform, and trees of them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import augfuse as af
from augfuse.plan.ops import Segment
from augfuse.transforms.base import Displacement, Transform
from augfuse.transforms.mix_base import Mix
from oracles import labels_of, pictures, random_recipes, sources
from trees import LEAVES, bodies

ON_A_SIDE = 32  # points of a side of a box, where lines become curves
FILLS = ["nearest", "reflect", "wrap", "constant"]


def thing(data: st.DataObject, height: int, width: int) -> tuple[int, int, int, int]:
    """Left, top, right and bottom of a rectangle of whole pixels."""
    left, top = data.draw(st.integers(0, width - 8), "left"), data.draw(st.integers(0, height - 8), "top")
    return (
        left,
        top,
        data.draw(st.integers(left + 8, width), "right"),
        data.draw(st.integers(top + 8, height), "bottom"),
    )


ALONE = [
    leaf for leaf in LEAVES if not isinstance(leaf, Mix)
]  # for what is said of one image; mixes: test_mixing_targets


def recipes(data: st.DataObject, leaves: Sequence[Transform] = ALONE) -> af.Recipe:
    return af.Recipe(
        data.draw(bodies(leaves, 3), "body"), fill=data.draw(st.sampled_from(FILLS), "fill"),
        targets=af.Targets(mask_fill=0, clip=data.draw(st.booleans(), "clip"), keep_empty=True),
    )  # fmt: skip


def bends(plan: af.Plan) -> bool:
    """Whether lines may become curves."""
    return any(isinstance(step, Segment) and step.fields for step in plan.steps)


@random_recipes
@settings(max_examples=150)
@given(data=st.data())
def test_points_lie_where_their_pixels_went(data: st.DataObject) -> None:
    height, width = data.draw(st.integers(8, 90), "height"), data.draw(st.integers(8, 90), "width")
    recipe = recipes(data)
    seed = data.draw(st.integers(0, 2**64 - 1), "seed")
    given_points = np.random.default_rng(0).random((12, 2)) * (width, height)
    image = pictures(1, height, width)
    batch = recipe.batch(image, labels_of([0]), keypoints=[given_points], seed=seed)
    assert batch.keypoints is not None
    found, seen = batch.keypoints[0].astype(np.float64), batch.visibility["keypoints"][0]
    assert found.shape == (12, 2) and set(np.unique(seen)) <= {0, 1}
    limits = batch.images.shape[2], batch.images.shape[1]
    outside = ((found < 0) | (found > limits)).any(axis=1)
    assert not seen[outside].any()
    near = seen > 0
    if near.any():
        back = sources(batch.plan, 0, found[near].T).T
        reach = np.abs(back - given_points[near]).max()
        assert reach < 0.02, reach


@random_recipes
@settings(max_examples=150)
@given(data=st.data())
def test_a_painted_mask_lies_in_its_box_and_in_its_polygon(data: st.DataObject) -> None:
    height, width = data.draw(st.integers(24, 90), "height"), data.draw(st.integers(24, 90), "width")
    left, top, right, bottom = thing(data, height, width)
    recipe = recipes(data)
    mask = np.zeros((height, width), data.draw(st.sampled_from([np.uint8, np.int16, np.int64, bool]), "dtype"))
    mask[top:bottom, left:right] = 1
    side = np.linspace(0, 1, ON_A_SIDE, endpoint=False)[:, None]
    corners = np.array([[left, top], [right, top], [right, bottom], [left, bottom]], float)
    ring = np.concatenate([corners[k] * (1 - side) + corners[(k + 1) % 4] * side for k in range(4)])
    batch = recipe.batch(
        pictures(1, height, width), labels_of([0]), masks=[mask], boxes=[[[left, top, right, bottom]]],
        keypoints=[ring], polygons=[[ring]], seed=data.draw(st.integers(0, 2**64 - 1), "seed"),
    )  # fmt: skip
    assert batch.boxes is not None and batch.polygons is not None and batch.keypoints is not None
    moved, box, polygon = batch.masks[0], batch.boxes[0][0], batch.polygons[0][0]
    assert moved.dtype == mask.dtype and moved.shape == batch.images.shape[1:3]
    rows, columns = np.flatnonzero(moved.any(axis=1)), np.flatnonzero(moved.any(axis=0))
    if not len(rows):
        return
    painted = np.array([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1])
    slack = 0.5 + 2**-9 + _earlier(batch.plan)
    if bends(batch.plan):
        slack += _bulge(batch.keypoints[0])
    assert (painted[:2] >= box[:2] - slack).all() and (painted[2:] <= box[2:] + slack).all(), (painted, box)
    hull = np.concatenate([polygon.min(axis=0), polygon.max(axis=0)])
    assert (painted[:2] >= hull[:2] - slack).all() and (painted[2:] <= hull[2:] + slack).all(), (painted, hull)
    if recipe.targets.clip:
        assert (box >= 0).all() and (box[[0, 2]] <= moved.shape[1]).all() and (box[[1, 3]] <= moved.shape[0]).all()
    seen = batch.visibility["keypoints"][0]
    if (
        seen[::ON_A_SIDE].all()
        and (recipe.targets.clip or seen.all())  # a side may bend out of the image between two corners
        and _is_blunt(batch.keypoints[0][::ON_A_SIDE])
        and not _cuts_more_than_once(batch.plan)
    ):
        looser = np.abs(painted - box).max()
        assert looser <= (1.5 if bends(batch.plan) else 1.0) + 2**-9, (painted, box)


def _bulge(ring: np.ndarray) -> float:
    """How far the curved sides may leave the straight lines between these points of them, where they bend once between
    two; the corners are points themselves."""
    sides = [np.concatenate([side, following[:1]]) for side, following in pairwise([*np.split(ring, 4), ring])]
    return float(max(np.abs(np.diff(side, 2, axis=0)).max() for side in sides)) / 2


def _is_blunt(corners: np.ndarray) -> bool:
    """Whether the corners of a moved rectangle are wide enough to hold the middle of a pixel."""
    sides = np.roll(corners, -1, axis=0) - corners
    lengths = np.hypot(*sides.T)
    if lengths.min() < 4:
        return False
    turns = [np.dot(-sides[k - 1], sides[k]) / (lengths[k - 1] * lengths[k]) for k in range(4)]
    return bool(np.abs(turns).max() < 0.35)  # 70 to 110 degrees


def _earlier(plan: af.Plan) -> float:
    """Each pass takes the nearest pixel of what the one before it left: how far earlier ones may be off at the end."""
    moves = [step for step in plan.steps if isinstance(step, Segment) and step.geometry is not None]
    off = 0.0
    for step in moves[1:]:
        grown = float(np.linalg.norm(step.geometry[0][:2, :2] / step.geometry[0][2, 2], 2))  # type: ignore[index]
        off = (off + 0.75) * max(1.0, grown) * (2.0 if step.fields or step.projective else 1.0)
    return off


def _cuts_more_than_once(plan: af.Plan) -> bool:
    return sum(isinstance(step, Segment) and step.geometry is not None for step in plan.steps) > 1


@random_recipes
@settings(max_examples=60)
@given(data=st.data())
def test_alone_and_in_a_batch_and_in_threads_are_the_same(data: st.DataObject) -> None:
    recipe, seed = recipes(data, LEAVES), data.draw(st.integers(0, 2**64 - 1), "seed")
    images, rng = pictures(4, 40, 48), np.random.default_rng(1)
    targets: dict[str, Any] = {
        "masks": rng.integers(0, 9, (4, 40, 48), dtype=np.int32),
        "boxes": [np.sort(rng.random((k, 2, 2)) * (48, 40), axis=1).reshape(k, 4) for k in (0, 1, 5, 2)],
        "keypoints": [rng.random((k, 3)) * (48, 40, 2.9) for k in (3, 0, 7, 1)],
        "polygons": [[rng.random((6, 2)) * (48, 40) for _ in range(k)] for k in (0, 1, 5, 2)],
    }
    labels = np.eye(3, dtype=np.float32)[labels_of(range(4))]
    theirs = af.from_arrays(images, labels).with_targets(
        **{"mask" if n == "masks" else n: t for n, t in targets.items()}
    )
    try:
        batch = recipe.batch(images, labels, **targets, seed=seed, data=theirs)
    except af.ImageError as error:  # sizes that differ within a batch
        assert "do not stack" in str(error)
        return
    again = recipe.batch(images, labels, **targets, seed=seed, data=theirs, workers=0)
    for i in range(4):
        own = {name: entries[i] for name, entries in targets.items()}
        one = recipe(image=images[i], label=labels[i], **own, seed=seed, index=i, data=theirs)
        for name in targets:
            for other in (again.targets[name][i], one[name]):
                np.testing.assert_equal(other, batch.targets[name][i])
        assert np.array_equal(one["image"], batch.images[i])


@pytest.mark.parametrize("dtype", ["bool", "int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64"])
@pytest.mark.parametrize("fill", FILLS)
def test_masks_keep_their_numbers_whatever_their_width(dtype: str, fill: str) -> None:
    kind = np.dtype(dtype)
    low, high = (0, 1) if dtype == "bool" else (np.iinfo(kind).min, np.iinfo(kind).max)
    values = np.array([low, high, high // 2, high // 3, 0, 1, high - high // 7, 2 if high > 1 else 1], dtype)
    numbers = np.random.default_rng(0).integers(0, 8, (3, 30, 40), dtype=np.uint8)
    recipe = af.Recipe([af.Rotate(30), af.Scale(0.3), af.GaussianBlur(), af.HorizontalFlip()], fill=fill)
    images = pictures(3, 30, 40)
    small = recipe.batch(images, masks=numbers, seed=2).masks
    wide = recipe.batch(images, masks=values[numbers], seed=2).masks
    assert wide.dtype == kind
    if fill != "constant":
        assert np.array_equal(wide, values[small])
    else:
        marked = recipe.batch(images, masks=numbers + np.uint8(1), seed=2).masks
        assert np.array_equal(wide, np.where(marked == 0, 0, values[np.maximum(marked, 1) - 1]))


def test_float_masks_are_blended_and_keep_values_beyond_every_range() -> None:
    depth = np.linspace(-1e4, 1e6, 40 * 50, dtype=np.float32).reshape(40, 50)
    image = pictures(1, 40, 50)[0]
    out = af.Recipe([af.Rotate((7, 7)), af.Normalize()], interpolation="bicubic")(
        image=image, mask=depth, seed=0, index=0
    )
    same = af.Recipe([af.Rotate((7, 7))], value_range=(-1e7, 1e7))(image=depth, seed=0, index=0)["image"]
    assert np.array_equal(out["mask"], same[:, :, 0]) and len(np.unique(out["mask"])) > 1000
    for dtype in (np.float16, np.float64):
        small = (depth / 1e4).astype(dtype)
        assert af.Recipe([af.Rotate(9)])(image=image, mask=small, seed=0, index=0)["mask"].dtype == dtype


def test_fields_are_undone_where_they_bend_most() -> None:
    bent = [cls(**example) for cls in af.list_transforms() if issubclass(cls, Displacement) for example in cls.examples]
    image, points = pictures(1, 120, 90)[0], np.random.default_rng(0).random((500, 2)) * (90, 120)
    for transform in bent:
        batch = af.Recipe([transform, af.Rotate(20)]).batch(image[None], keypoints=[points], seed=8)
        assert batch.keypoints is not None
        back = sources(batch.plan, 0, batch.keypoints[0].astype(np.float64).T).T
        assert np.abs(back - points).max() < 0.01, transform
