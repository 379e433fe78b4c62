"""Masks, boxes, points and polygons of samples that become one agree with the pixels."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import augfuse as af
from augfuse.plan.ops import Segment
from augfuse.targets import polygons
from augfuse.transforms.base import Displacement
from augfuse.transforms.mix_base import Mix
from oracles import EXAMPLES, labels_of, pictures, random_recipes
from trees import LEAVES, bodies

MIXES = [cls(**example) for cls, example in EXAMPLES if issubclass(cls, Mix)]
# Fields stretch places by no bound that a matrix tells; what becomes of targets there: test_targets.
STRAIGHT = [leaf for leaf in LEAVES if not isinstance(leaf, Mix | Displacement)]
N, HEIGHT, WIDTH = 4, 60, 72


def parts_of(batch: af.Batch) -> np.ndarray:
    assert batch.plan.before is not None
    return batch.plan.before.op.parts


def scenes() -> tuple[np.ndarray, dict[str, Any]]:
    """Images of one rectangle each, whose number is its label and what its mask holds."""
    images = pictures(N, HEIGHT, WIDTH)
    corners = [(4, 6, 40, 50), (20, 10, 70, 30), (30, 30, 60, 58), (2, 2, 20, 20)]
    masks = np.zeros((N, 1, HEIGHT, WIDTH), np.uint8)
    for i, (left, top, right, bottom) in enumerate(corners):
        masks[i, 0, top:bottom, left:right] = i + 1
    rings = [[np.array([[a, b], [c, b], [c, d], [a, d]], float)] for a, b, c, d in corners]
    side = np.linspace(0, 1, 40, endpoint=False)[:, None]
    fine = [[np.concatenate([r[k] * (1 - side) + r[(k + 1) % 4] * side for k in range(4)])] for (r,) in rings]
    return images, {
        "masks": list(masks), "boxes": [[box] for box in corners], "box_labels": [np.array([i + 1]) for i in range(N)],
        "polygons": fine, "keypoints": [ring[0][None] for ring in rings],
    }  # fmt: skip


def off(plan: af.Plan) -> float:
    """Each pass takes the nearest pixel of what the one before it left: how many pixels masks may be off at the end."""
    before = plan.before
    found = 0.0 if before is None else max(map(off, (before.own, *before.partners))) + 0.75
    for step in plan.steps:
        if isinstance(step, Segment) and step.geometry is not None and len(step.geometry):
            linear = step.geometry[:, :2, :2] / step.geometry[:, 2:, 2:]
            grown = float(np.linalg.norm(linear, 2, axis=(1, 2)).max())
            found = (found + 0.75) * max(1.0, grown) * (2.0 if step.fields or step.projective else 1.0)
    return found


def sharpest(ring: np.ndarray) -> float:
    """The sine of the sharpest corner, 1 from 90 degrees on: where a side is off, the tip is off by that divided by
    this, along the other side."""
    sides = np.roll(ring, -1, axis=0) - ring
    lengths = np.hypot(*sides.T)
    onward = sides[lengths > 1e-3] / lengths[lengths > 1e-3, None]
    back = -np.roll(onward, 1, axis=0)
    cosines, sines = (onward * back).sum(axis=1), np.abs(onward[:, 0] * back[:, 1] - onward[:, 1] * back[:, 0])
    return max(1e-6, float(sines[cosines > 0].min(initial=1.0)))


@random_recipes
@settings(max_examples=150)
@given(data=st.data())
def test_what_is_seen_of_a_thing_lies_in_its_box_and_polygon(data: st.DataObject) -> None:
    images, held = scenes()
    mix = data.draw(st.sampled_from(MIXES), "mix")
    recipe = af.Recipe(
        [*data.draw(bodies(STRAIGHT, 2), "before"), mix, *data.draw(bodies(STRAIGHT, 2), "behind")], fill="constant",
        targets=af.Targets(mask_fill=0),
    )  # fmt: skip
    labels = np.eye(3, dtype=np.float32)[labels_of(range(N))]
    loader = af.Loader(
        af.from_arrays(images, labels).with_targets(**held), recipe, N, data.draw(st.integers(0, 2**64 - 1), "seed"),
        collate="list",
    )  # fmt: skip
    try:
        batch = next(iter(loader))
    except af.RecipeError as error:  # perspectives behind one another
        assert "horizon" in str(error)
        return
    slack = 1.0 + off(batch.plan)
    for i in range(N):
        names, boxes, rings = batch.targets["box_labels"][i], batch.targets["boxes"][i], batch.targets["polygons"][i]
        planes, size = batch.masks[i], batch.images[i].shape[:2]
        assert len(names) == len(boxes) == len(rings) == len(planes) == len(batch.targets["keypoints"][i])
        assert planes.shape[1:] == size
        seen = batch.visibility["boxes"][i]
        assert ((seen >= 0) & (seen <= 1 + 1e-6)).all()
        for k, name in enumerate(names.tolist()):
            plane = planes[k]
            assert set(np.unique(plane).tolist()) <= {0, name}
            if not plane.any():
                continue
            rows, columns = np.flatnonzero(plane.any(axis=1)), np.flatnonzero(plane.any(axis=0))
            painted = np.array([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1])
            assert (painted[:2] >= boxes[k][:2] - slack).all() and (painted[2:] <= boxes[k][2:] + slack).all()
            outlines = _listed(rings[k]) or [np.empty((0, 2))]
            points = np.concatenate(outlines)
            if not len(points):  # less than a pixel of it is left
                assert plane.sum() <= 4 * slack**2
                continue
            reach = slack / min(map(sharpest, outlines))
            assert (painted[:2] >= points.min(axis=0) - reach).all()
            assert (painted[2:] <= points.max(axis=0) + reach).all()


@pytest.mark.parametrize("mix", [m for m in MIXES if not m.blends], ids=repr)
def test_masks_of_objects_are_what_is_painted_in_the_image(mix: Mix) -> None:
    """Images hold what their masks hold, so both show the same after a mix."""
    _, held = scenes()
    images = np.stack([planes[0] for planes in held["masks"]])[..., None] * 60
    batch = af.Recipe([mix], interpolation="nearest").batch(images, np.eye(N, dtype=np.float32), **held, seed=3)
    for i in range(N):
        together = np.max(batch.masks[i], axis=0) if len(batch.masks[i]) else np.zeros(batch.images.shape[1:3])
        np.testing.assert_array_equal(batch.images[i, :, :, 0], together * 60)
        ids = af.Recipe([mix], interpolation="nearest").batch(
            images, np.eye(N, dtype=np.float32), **{**held, "masks": [planes[0] for planes in held["masks"]]}, seed=3
        )
        np.testing.assert_array_equal(ids.images[i, :, :, 0], ids.masks[i] * 60)


def test_a_box_behind_a_rectangle_becomes_as_small_as_what_is_seen() -> None:
    images, held = scenes()
    for seed in range(40):
        batch = af.Recipe([af.CutMix(alpha=2)]).batch(images, np.eye(N, dtype=np.float32), **held, seed=seed)
        parts = parts_of(batch)[:, 1]
        for i in range(N):
            left, top, width, height = parts[i]
            hole = np.zeros((HEIGHT, WIDTH), bool)
            hole[top : top + height, left : left + width] = True
            own = held["masks"][i][0].astype(bool)
            rest = own & ~hole
            k = [j for j, name in enumerate(batch.targets["box_labels"][i].tolist()) if name == i + 1]
            assert len(k) == int(rest.any())
            if k:
                rows, columns = np.flatnonzero(rest.any(axis=1)), np.flatnonzero(rest.any(axis=0))
                assert batch.targets["boxes"][i][k[0]].tolist() == [columns[0], rows[0], columns[-1] + 1, rows[-1] + 1]
                assert batch.visibility["boxes"][i][k[0]] == pytest.approx(rest.sum() / own.sum(), abs=1e-5)
                drawn = polygons.filled(_listed(batch.targets["polygons"][i][k[0]]), HEIGHT, WIDTH)
                np.testing.assert_array_equal(drawn, rest)
                x, y = held["keypoints"][i][0].T
                covered = (x >= left) & (x < left + width) & (y >= top) & (y < top + height)
                np.testing.assert_array_equal(batch.visibility["keypoints"][i][k[0]] > 0, ~covered)


def _listed(item: Any) -> list[np.ndarray]:
    return item if isinstance(item, list) else [item]


def test_pasted_objects_hide_and_their_number_is_what_was_drawn() -> None:
    images, held = scenes()
    recipe = af.Recipe([af.CopyPaste(share=1)])
    batch = recipe.batch(images, np.eye(N, dtype=np.float32), **held, seed=0)
    partners = batch.plan.nodes[0].params["partner"][:, 0]
    for i in range(N):
        pasted = held["masks"][partners[i]][0].astype(bool)
        np.testing.assert_array_equal(batch.images[i], np.where(pasted[..., None], images[partners[i]], images[i]))
        own = held["masks"][i][0].astype(bool) & ~pasted
        assert batch.targets["box_labels"][i].tolist() == [*([i + 1] if own.any() else []), partners[i] + 1]
        np.testing.assert_array_equal(batch.masks[i][-1].astype(bool), pasted)
    np.testing.assert_array_equal(batch.labels, np.eye(N))
    segments = [planes[0].astype(np.int32) // (i + 1) for i, planes in enumerate(held["masks"])]
    others = {name: found for name, found in held.items() if name not in ("masks", "polygons")}
    by_number = recipe.batch(images, **others, segments=segments, seed=0)
    np.testing.assert_array_equal(by_number.images, batch.images)
    for i in range(N):
        np.testing.assert_array_equal(by_number.targets["boxes"][i], batch.targets["boxes"][i])
    none = af.Recipe([af.CopyPaste(share=0)]).batch(images, **held, seed=0)
    np.testing.assert_array_equal(none.images, images)
    by_outline = {name: found for name, found in held.items() if name != "masks"}
    again = recipe.batch(images, **by_outline, seed=0)
    np.testing.assert_array_equal(again.images, batch.images)  # rectangles of whole pixels
    with pytest.raises(af.RecipeError, match=r"CopyPaste: got boxes.*wanted masks \(k, h, w\), polygons or segments"):
        recipe.batch(images, boxes=held["boxes"], seed=0)


def test_class_numbers_are_never_blended() -> None:
    images, held = scenes()
    ids = np.stack([planes[0] for planes in held["masks"]])
    batch = af.Recipe([af.MixUp(alpha=1)]).batch(images, np.eye(N, dtype=np.float32), masks=ids, seed=0)
    node = batch.plan.nodes[0]
    for i in range(N):
        larger = i if node.params["share"][i] >= 0.5 else node.params["partner"][i, 0]
        np.testing.assert_array_equal(batch.masks[i], ids[larger])
    depth = np.random.default_rng(0).random((N, HEIGHT, WIDTH)).astype(np.float32)
    blended = af.Recipe([af.MixUp(alpha=1)]).batch(images, np.eye(N, dtype=np.float32), masks=depth, seed=0)
    share = node.params["share"][:, None, None]
    np.testing.assert_allclose(
        blended.masks, share * depth + (1 - share) * depth[node.params["partner"][:, 0]], atol=1e-6
    )


def test_further_fields_and_seeking_crops_behind_a_mix() -> None:
    images, held = scenes()
    recipe = af.Recipe(
        [af.HorizontalFlip(), af.Mosaic(64), af.BoxSafeCrop(48)], additional={"second": "image", "depth": "mask"},
        fill="constant",
    )  # fmt: skip
    depth = np.stack([planes[0] for planes in held["masks"]]).astype(np.float32)
    batch = recipe.batch(
        images, np.eye(N, dtype=np.float32), second=list(images), depth=list(depth), boxes=held["boxes"],
        box_labels=held["box_labels"], seed=0,
    )  # fmt: skip
    np.testing.assert_array_equal(batch.targets["second"], batch.images)
    assert batch.targets["depth"].shape == (N, 48, 48)
    part = batch.plan.nodes[-1].params["part"]
    assert ((part[:, 2] > 0) & (part[:, 3] > 0)).all()
    before = af.Recipe([af.HorizontalFlip(), af.Mosaic(64)], fill="constant").batch(
        images, np.eye(N, dtype=np.float32), boxes=held["boxes"], box_labels=held["box_labels"], seed=0
    )
    for i in range(N):
        assert (
            batch.targets["box_labels"][i].tolist() == before.targets["box_labels"][i].tolist()
        )  # the crop keeps all boxes of the mosaic


def test_batches_padded_and_listed_hold_what_stacked_ones_hold() -> None:
    images, held = scenes()
    data = af.from_arrays(images, np.eye(N, dtype=np.float32)).with_targets(**held)
    recipe = af.Recipe([af.CutMix(), af.Rotate(10)])
    stacked = next(iter(af.Loader(data, recipe, N, seed=0)))
    listed = next(iter(af.Loader(data, recipe, N, seed=0, collate="list")))
    padded = next(iter(af.Loader(data, recipe, N, seed=0, pad_to=80)))
    for i in range(N):
        np.testing.assert_array_equal(listed.images[i], stacked.images[i])
        np.testing.assert_array_equal(padded.images[i, :HEIGHT, :WIDTH], stacked.images[i])
        np.testing.assert_array_equal(listed.labels[i], stacked.labels[i])
        for name in ("boxes", "keypoints", "masks"):
            np.testing.assert_array_equal(listed.targets[name][i], stacked.targets[name][i])


def test_partners_of_a_data_set_have_what_the_images_have() -> None:
    images, held = scenes()
    labels = np.eye(N, dtype=np.float32)
    ids = np.stack([planes[0] for planes in held["masks"]])
    data = af.from_arrays(images, labels).with_targets(mask=list(ids), boxes=held["boxes"])
    recipe = af.Recipe([af.CutMix()])
    batch = recipe.batch(images, labels, masks=ids, seed=0, data=data)
    np.testing.assert_array_equal(batch.masks, recipe.batch(images, labels, masks=ids, seed=0).masks)
    with pytest.raises(
        af.RecipeError, match=r"CutMix: the partners have mask, boxes, .*wanted keypoints as the images"
    ):
        recipe.batch(images, labels, keypoints=held["keypoints"], seed=0, data=data)
    with pytest.raises(af.RecipeError, match=r"CutMix: the partners have no targets, wanted boxes"):
        recipe.batch(images, labels, boxes=held["boxes"], seed=0, data=af.from_arrays(images, labels))


def test_columns_of_lists_that_belong_to_boxes_stay_with_them() -> None:
    boxes = [[[1, 1, 5, 5], [12, 12, 20, 20]], [[1, 1, 5, 5]], [[9, 9, 30, 30]]]
    data = af.from_arrays(np.zeros((3, 32, 32, 3), np.uint8)).with_targets(
        boxes=boxes, box_labels=[[0, 1], [2], [3]], crowd=[[7, 8], [9], [1]], weight=[0.5, 1.0, 2.0],
        parts=[[[1], [2, 3]], [[4]], [[]]],
    )  # fmt: skip
    batch = next(iter(af.Loader(data, af.Recipe([af.CenterCrop(16)]), 3, seed=0, shuffle=False)))
    assert batch.targets["crowd"] == [[8], [], [1]] and batch.targets["weight"] == [0.5, 1.0, 2.0]
    assert batch.targets["parts"] == [[[2, 3]], [], [[]]]
    for name in ("bboxes", "class_labels"):
        with pytest.raises(af.DataError, match="which moves with its image"):
            data.with_targets(**{name: boxes})  # type: ignore[arg-type]
