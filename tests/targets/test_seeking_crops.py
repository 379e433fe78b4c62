"""Crops that look at boxes and masks: what they promise, and that they are functions of position like everything."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import augfuse as af
from augfuse.transforms.base import Seeking
from oracles import pictures

SEEKING = [cls(**example) for cls in af.list_transforms() if issubclass(cls, Seeking) for example in cls.examples]
BOXES = [[10.5, 20, 31, 31.5], [60, 40, 70, 50], [3, 3, 8, 9]]
IMAGE = pictures(1, 90, 120)[0]
MASK = np.zeros((90, 120), np.int32)
MASK[70:75, 100:106] = 7
MASK[10:40, 20:40] = 255


def parts(transform: af.Transform, boxes: Any = BOXES, n: int = 300, **targets: Any) -> np.ndarray:
    """(n, 4) left, top, right and bottom of what is cut out of an image."""
    batch = af.Loader(
        af.from_arrays(np.stack([IMAGE] * n)).with_targets(boxes=[boxes] * n, **targets),
        af.Recipe([transform]), batch_size=n, seed=1, shuffle=False, collate="list", dtype="uint8",
    ).fetch(0, 0)  # fmt: skip
    found = batch.plan.drawn.nodes[0].params["part"]
    return np.concatenate([found[:, :2], found[:, :2] + found[:, 2:]], axis=1)


@settings(max_examples=40)
@given(data=st.data())
def test_safe_crops_hold_all_boxes(data: st.DataObject) -> None:
    rng = np.random.default_rng(data.draw(st.integers(0, 1000)))
    boxes = np.sort(rng.random((data.draw(st.integers(1, 5)), 2, 2)) * (120, 90), axis=1).reshape(-1, 4)
    found = parts(af.BoxSafeCrop(), boxes, 40)
    assert (found[:, :2] <= boxes[:, :2].min(axis=0) + 1e-9).all() and (
        found[:, 2:] >= boxes[:, 2:].max(axis=0) - 1e-9
    ).all()
    assert (found[:, :2] >= 0).all() and (found[:, 2:] <= (120, 90)).all()
    small = parts(af.SmallSafeCrop(small=200), boxes, 40)
    for box in boxes[(boxes[:, 2:] - boxes[:, :2]).prod(axis=1) <= 200]:
        within = (small[:, :2] <= box[:2]).all(axis=1) & (small[:, 2:] >= box[2:]).all(axis=1)
        outside = ((small[:, 2:] <= box[:2]) | (small[:, :2] >= box[2:])).any(axis=1)
        assert (within | outside).all()


def test_safe_crops_reach_everywhere_and_erosion_cuts_into_the_rectangle() -> None:
    found = parts(af.BoxSafeCrop())
    assert found[:, 0].min() == 0 and found[:, 0].max() >= 2 and found[:, 2].max() >= 119 and found[:, 2].min() <= 72
    eroded = parts(af.BoxSafeCrop(erosion=0.5))
    assert eroded[:, 0].max() > 12 and (eroded[:, 0] <= np.floor(3 + 0.25 * 67) + 1).all()


def test_crops_near_a_box_choose_each_box() -> None:
    found = parts(af.CropNearBox(shift=(0, 0)))
    kinds = {tuple(row) for row in found.tolist()}
    assert kinds == {(10, 20, 31, 32), (60, 40, 70, 50), (3, 3, 8, 9)}
    moved = parts(af.CropNearBox(shift=(-0.3, 0.3)), [[60, 40, 80, 60]])
    assert (np.abs(moved - (60, 40, 80, 60)) <= 7).all() and len(np.unique(moved, axis=0)) > 100


def test_overlapping_crops_overlap_enough() -> None:
    own = [[20, 10, 90, 80], [60, 40, 70, 50]]
    for least in (0.0, 0.3, 0.7):
        found = parts(af.IoUCrop(overlaps=least), own).astype(float)
        whole = (found == (0, 0, 120, 90)).all(axis=1)
        assert not whole.all()
        boxes, crops = np.array(own), found[~whole]
        shared = np.maximum(
            np.minimum(crops[:, None, 2:], boxes[:, 2:]) - np.maximum(crops[:, None, :2], boxes[:, :2]), 0
        ).prod(axis=2)
        area = (crops[:, 2:] - crops[:, :2]).prod(axis=1)
        iou = shared / (area[:, None] + (boxes[:, 2:] - boxes[:, :2]).prod(axis=1) - shared)
        assert (iou.max(axis=1) >= least).all()
        ratio = (crops[:, 2] - crops[:, 0]) / (crops[:, 3] - crops[:, 1])
        assert ((ratio >= 0.5) & (ratio <= 2)).all()
        middle = (boxes[:, :2] + boxes[:, 2:]) / 2
        assert ((middle > crops[:, None, :2]) & (middle < crops[:, None, 2:])).all(axis=2).any(axis=-1).all()
    assert (parts(af.IoUCrop(overlaps=1)) == (0, 0, 120, 90)).all()
    assert (parts(af.IoUCrop(overlaps=0), []) == (0, 0, 120, 90)).all()


def test_crops_to_a_mask_hold_a_pixel_of_it() -> None:
    data = af.from_arrays(np.stack([IMAGE] * 200)).with_targets(mask=[MASK] * 200)
    for crop, values in ((af.CropToMask(16), {7, 255}), (af.CropToMask(16, ignore=(0, 255)), {7})):
        batch = af.Loader(data, af.Recipe([crop]), batch_size=200, seed=0, dtype="uint8").fetch(0, 0)
        assert all(set(np.unique(mask)) & values for mask in batch.masks)
        assert len({tuple(p) for p in batch.plan.drawn.nodes[0].params["part"].tolist()}) > 30
    alone = af.Recipe([af.CropToMask(16)]).batch(np.stack([IMAGE] * 200), seed=0)
    places = alone.plan.drawn.nodes[0].params["part"]
    assert places[:, 0].min() < 10 and places[:, 0].max() > 94 and alone.images.shape == (200, 16, 16, 3)


@pytest.mark.parametrize("transform", SEEKING, ids=lambda t: repr(t)[:40])
def test_they_see_boxes_where_earlier_transforms_put_them_and_repeat(transform: Any) -> None:
    resize = [af.Resize(24)] if getattr(transform, "size", None) is None else []
    recipe = af.Recipe([af.HorizontalFlip(), af.Rotate(20), af.Hue(), transform, *resize, af.Shear(5)])
    images, n = np.stack([IMAGE] * 7), 7
    targets: dict[str, Any] = {"boxes": [BOXES, [], BOXES[:1], BOXES, BOXES, BOXES[1:], BOXES], "masks": [MASK] * n}
    batch = recipe.batch(images, **targets, seed=9)
    for i in range(n):
        alone = recipe(image=IMAGE, boxes=targets["boxes"][i], masks=MASK, seed=9, index=i)
        assert np.array_equal(alone["image"], batch.images[i]) and np.array_equal(
            alone["boxes"], batch.targets["boxes"][i]
        )
    kept = af.Plan.from_bytes(batch.plan.to_bytes())  # the boxes are not needed again
    assert np.array_equal(recipe.replay(kept, images).images, batch.images)
    assert kept.describe(0) == batch.plan.describe(0)
    assert recipe.eval().batch(images, seed=0).images.shape == batch.images.shape or not resize
    assert recipe.explain((90, 120, 3)) and recipe.batch(images, seed=0).images.shape == batch.images.shape


def test_they_see_what_is_left_within_a_choice_and_act_once() -> None:
    recipe = af.Recipe([af.RandomOrder([af.HorizontalFlip(p=1), af.Rotate((90, 90)), af.BoxSafeCrop(32)])])
    batch = recipe.batch(np.stack([IMAGE] * 40), boxes=[BOXES[1:2]] * 40, seed=2)
    assert batch.boxes is not None and all(len(boxes) == 1 for boxes in batch.boxes)
    with pytest.raises(af.RecipeError, match="got a transform that sets the size of the image"):  # nor twice on one
        af.Recipe([af.SomeOf([af.BoxSafeCrop(32), af.BoxSafeCrop(40)], 2, replace=True)])


def test_damaged_parts_of_a_plan_are_refused() -> None:
    import msgspec

    recipe = af.Recipe([af.BoxSafeCrop(32)])
    plan = recipe.batch(IMAGE[None], boxes=[BOXES], seed=0).plan
    node = plan.drawn.nodes[0]
    for part in (np.array([[0, 0, -5, 5]]), np.array([[0, 0, 2**40, 5]]), np.array([[0.0, 0, 5, 5]])):
        wrong = msgspec.structs.replace(node, params={**node.params, "part": part})
        broken = msgspec.structs.replace(plan, drawn=msgspec.structs.replace(plan.drawn, nodes=(wrong,)))
        with pytest.raises(af.RecipeError, match="do not hold a plan"):
            af.Plan.from_bytes(broken.to_bytes())
