"""The rules of targets: formats of boxes, what is dropped, what belongs together, mirrors, and what is refused."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import augfuse as af
from oracles import pictures

IMAGE = pictures(1, 60, 80)[0]
FLIP = af.HorizontalFlip(p=1)
FORMATS = {
    "pascal_voc": [10, 20, 30, 50],
    "coco": [10, 20, 20, 30],
    "yolo": [20 / 80, 35 / 60, 20 / 80, 30 / 60],
    "normalized": [10 / 80, 20 / 60, 30 / 80, 50 / 60],
    "oriented": [20, 35, 20, 30, 0],
}


def once(recipe: af.Recipe, **targets: Any) -> dict[str, Any]:
    return recipe(image=IMAGE, seed=0, index=0, **targets)


@pytest.mark.parametrize(("name", "box"), FORMATS.items())
def test_boxes_come_out_in_the_format_in_which_they_came(name: str, box: list[float]) -> None:
    same = once(af.Recipe(box_format=name), boxes=[box])["boxes"]
    assert same.dtype == np.float32 and np.allclose(same, [box], atol=1e-5)
    flipped = once(af.Recipe([FLIP, af.Resize((30, 80))], box_format=name), boxes=[box])["boxes"][0]
    wanted = {
        "pascal_voc": [50, 10, 70, 25], "coco": [50, 10, 20, 15], "yolo": [60 / 80, 35 / 60, 20 / 80, 30 / 60],
        "normalized": [50 / 80, 20 / 60, 70 / 80, 50 / 60], "oriented": [60, 17.5, 20, 15, 180],
    }[name]  # fmt: skip
    if name == "oriented":
        flipped[4] = abs(flipped[4])
    assert np.allclose(flipped, wanted, atol=1e-5)


@given(turn=st.floats(-179, 179), angle=st.floats(-89, 89), width=st.floats(4, 12), height=st.floats(4, 12))
def test_oriented_boxes_turn_as_what_is_in_them(turn: float, angle: float, width: float, height: float) -> None:
    recipe = af.Recipe([af.Rotate((turn, turn))], box_format="oriented")
    found = once(recipe, boxes=[[40, 30, width, height, angle]])["boxes"][0]
    assert np.allclose(found[:4], [40, 30, width, height], atol=1e-3)
    assert abs((found[4] - angle - turn + 180) % 360 - 180) < 1e-3


def test_boxes_are_clipped_and_what_has_no_area_left_goes_with_all_that_is_its() -> None:
    recipe = af.Recipe([af.CenterCrop((20, 20))], additional={"ids": "box_labels"})
    boxes = [[0, 0, 10, 10], [35, 25, 70, 58], [31, 21, 49, 39], [0, 0, 30, 60]]
    out = once(
        recipe, boxes=boxes, box_labels=["a", "b", "c", "d"], ids=np.arange(4), masks=np.stack([IMAGE[:, :, 0]] * 4),
        keypoints=np.arange(24.0).reshape(4, 3, 2), polygons=[[[1, 1], [9, 1], [9, 9]]] * 4,
    )  # fmt: skip
    assert out["boxes"].tolist() == [[5, 5, 20, 20], [1, 1, 19, 19]]
    assert out["box_labels"] == ["b", "c"] and out["ids"].tolist() == [1, 2]
    assert out["masks"].shape == (2, 20, 20) and out["keypoints"].shape == (2, 3, 2) and len(out["polygons"]) == 2
    assert out["keypoints"][0].tolist() == (np.arange(6.0, 12).reshape(3, 2) - (30, 20)).tolist()


@pytest.mark.parametrize(
    ("policy", "left"),
    [
        ({}, "bcd"), ({"min_area": 101}, "c"), ({"min_visibility": 0.5}, "cd"), ({"min_side": 6}, "bc"),
        ({"keep_empty": True}, "abcd"), ({"clip": False}, "bcd"),
    ],
)  # fmt: skip
def test_policies_say_what_is_left(policy: dict[str, Any], left: str) -> None:
    boxes = [[0, 0, 10, 10], [40, 30, 79, 59], [31, 21, 49, 39], [30, 20, 35, 40]]
    recipe = af.Recipe([af.CenterCrop((20, 20))], targets=af.Targets(**policy))
    out = once(recipe, boxes=boxes, box_labels=list("abcd"))
    assert "".join(out["box_labels"]) == left
    if policy == {"clip": False}:
        assert out["boxes"][0].tolist() == [10, 10, 49, 39]
    if policy == {"keep_empty": True}:
        assert out["boxes"][0, 2] - out["boxes"][0, 0] == 0


def test_hulls() -> None:
    box, ring = [30, 20, 50, 40], [[30, 30], [40, 20], [50, 30], [40, 40]]
    turned = {}
    for hull in ("corners", "ellipse", "tight"):
        recipe = af.Recipe([af.Rotate((45, 45))], targets=af.Targets(hull=hull))
        turned[hull] = once(recipe, boxes=[box], polygons=[ring])["boxes"][0]
    half = 10 * np.sqrt(2)
    assert np.allclose(turned["corners"], [40 - half, 30 - half, 40 + half, 30 + half], atol=1e-4)
    assert np.allclose(turned["ellipse"], [30, 20, 50, 40], atol=0.02)
    half = 10 / np.sqrt(2)
    assert np.allclose(turned["tight"], [40 - half, 30 - half, 40 + half, 30 + half], atol=1e-4)
    mask = np.zeros((1, 60, 80), np.uint8)
    mask[0, 25:35, 33:47] = 1
    recipe = af.Recipe([FLIP], targets=af.Targets(hull="tight"))
    assert once(recipe, boxes=[box], masks=mask)["boxes"].tolist() == [[33, 25, 47, 35]]


def test_unbound_things_stay_when_boxes_go() -> None:
    recipe = af.Recipe([af.CenterCrop((20, 20))], targets=af.Targets(bind=False))
    out = once(recipe, boxes=[[0, 0, 5, 5]], keypoints=np.zeros((2, 3, 2)), polygons=[[[1, 1], [9, 1], [9, 9]]] * 3)
    assert len(out["boxes"]) == 0 and len(out["keypoints"]) == 2 and len(out["polygons"]) == 3


@settings(max_examples=80)
@given(data=st.data())
def test_polygons_are_cut_as_pictures_of_them_are(data: st.DataObject) -> None:
    """The area that a clipped ring covers is that of the whole one within the image, convex or not."""
    rng = np.random.default_rng(data.draw(st.integers(0, 10**6), "seed"))
    corners = data.draw(st.integers(3, 9), "corners")
    angles = np.sort(rng.random(corners)) * 2 * np.pi
    ring = np.stack([40 + 70 * rng.random(corners) * np.cos(angles), 30 + 70 * rng.random(corners) * np.sin(angles)], 1)
    policy = af.Targets(keep_empty=True)
    (found,) = once(af.Recipe([af.HorizontalFlip(p=1)], targets=policy), polygons=[ring])["polygons"]
    places = rng.random((4000, 2)) * (80, 60)
    wanted = holds(ring * (-1, 1) + (80, 0), places)
    assert not len(found) or ((found >= 0).all() and (found <= (80, 60)).all())
    differ = wanted != holds(found.astype(np.float64), places)
    assert differ.sum() <= 2, places[differ]  # rounded to float32


def holds(ring: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Whether places lie within a ring: a line to the right crosses it an odd number of times."""
    found = np.zeros(len(places), bool)
    for (x, y), (u, v) in zip(ring, np.roll(ring, 1, axis=0), strict=True):
        if y != v:
            crosses = (y > places[:, 1]) != (v > places[:, 1])
            found ^= crosses & (places[:, 0] < x + (u - x) * (places[:, 1] - y) / (v - y))
    return found


def test_rings_of_several_parts_keep_those_that_are_seen() -> None:
    parts = [[[1, 1], [9, 1], [9, 9]], [[35, 25], [45, 25], [45, 35]]]
    out = once(af.Recipe([af.CenterCrop((20, 20))]), polygons=[parts, [parts[0]]])["polygons"]
    assert len(out) == 1 and len(out[0]) == 1 and out[0][0].tolist() == [[5, 5], [15, 5], [15, 15]]


def test_mirrors_swap_what_is_left_and_right() -> None:
    policy = af.Targets(swap_keypoints=[(0, 1)], swap_labels=[(3, 4)], swap_mask=[(1, 2)])
    points, mask = [[[10, 10, 2], [20, 10, 1], [15, 5, 2]]], np.full((60, 80), 1, np.uint8)
    mask[:, 40:] = 2
    targets: dict[str, Any] = {"boxes": [[5, 5, 25, 15]], "box_labels": [3], "keypoints": points, "mask": mask}
    mirrored = [[[60, 10, 1], [70, 10, 2], [65, 5, 2]]]
    for steps, times in (([FLIP], 1), ([FLIP, af.HorizontalFlip(p=1)], 2), ([af.Scale(0.1), af.Rotate(3)], 0)):
        out = once(af.Recipe(steps, targets=policy), **targets)
        assert out["box_labels"] == [4 if times == 1 else 3]
        if times == 1:
            assert out["keypoints"].tolist() == mirrored and np.array_equal(out["mask"], mask)
        elif times == 2:
            assert out["keypoints"].tolist() == points and np.array_equal(out["mask"], mask)
    both = af.Recipe([af.VerticalFlip(p=1), af.Transpose(p=1), FLIP], targets=policy)
    assert once(both, **targets)["box_labels"] == [4]  # three mirrors are one
    labels = once(af.Recipe([FLIP], targets=policy), boxes=[[0, 0, 9, 9]] * 3, box_labels=np.array([4, 3, 9], np.int16))
    assert labels["box_labels"].tolist() == [3, 4, 9] and labels["box_labels"].dtype == np.int16


def test_points_outside_and_erased_ones_are_said_to_be() -> None:
    points = [[5, 5, 2], [40, 30, 2], [45, 35, 1], [0, 0, 0]]
    recipe = af.Recipe([af.CenterCrop((20, 20)), af.Erase(scale=(1, 1), ratio=(1, 1), p=1)])
    batch = recipe.batch(IMAGE[None], keypoints=[points], boxes=[[[35, 25, 45, 35]]], seed=0)
    assert batch.keypoints is not None and batch.boxes is not None
    assert batch.keypoints[0].tolist() == [[-25, -15, 0], [10, 10, 1], [15, 15, 1], [0, 0, 0]]
    assert batch.visibility["keypoints"][0].tolist() == [0, 0, 0, 0] and batch.visibility["boxes"][0].tolist() == [0]
    hidden = af.Recipe(recipe.transforms, targets=af.Targets(min_visibility=0.1, mask_erase=9))
    out = once(hidden, boxes=[[35, 25, 45, 35]], mask=np.ones((60, 80), np.int64))
    assert len(out["boxes"]) == 0 and (out["mask"] == 9).all()
    assert (once(recipe, mask=np.ones((60, 80), np.int64))["mask"] == 1).all()


def test_angles_and_scales_of_points() -> None:
    policy = af.Targets(keypoint_format="xyasv")
    turned = once(
        af.Recipe([af.Rotate((30, 30)), af.Resize((120, 160))], targets=policy), keypoints=[[40, 30, 10, 3, 2]]
    )
    assert np.allclose(turned["keypoints"], [[80, 60, 40, 6, 2]], atol=1e-3)
    mirrored = once(af.Recipe([FLIP], targets=policy), keypoints=[[40, 30, 10, 3, 2]])["keypoints"]
    assert np.allclose(mirrored, [[40, 30, 170, 3, 2]], atol=1e-3)
    upside = once(af.Recipe([af.VerticalFlip(p=1)], targets=policy), keypoints=[[40, 30, 10, 3, 2]])["keypoints"]
    assert np.allclose(upside, [[40, 30, -10, 3, 2]], atol=1e-3)


def test_further_fields_are_treated_as_it_is_said() -> None:
    recipe = af.Recipe(
        [FLIP, af.Brightness((0.5, 0.5)), af.Normalize()],
        additional={"depth": "mask", "second": "image", "ignored": "boxes", "scores": "box_labels"},
    )
    depth = np.arange(60 * 80, dtype=np.float32).reshape(60, 80)
    out = once(recipe, depth=depth, second=IMAGE, ignored=[[0, 0, 10, 10]], boxes=[[1, 1, 5, 5]], scores=[0.5])
    assert np.array_equal(out["depth"], depth[:, ::-1]) and np.array_equal(out["second"], out["image"])
    assert out["ignored"].tolist() == [[70, 0, 80, 10]] and out["scores"] == [0.5]


def test_empty_entries_and_absent_ones() -> None:
    recipe = af.Recipe([af.Rotate(20), af.Perspective(), af.ElasticTransform()])
    out = once(recipe, boxes=[], box_labels=[], keypoints=[], polygons=[], masks=np.zeros((0, 60, 80), np.uint8))
    assert out["boxes"].shape == (0, 4) and out["keypoints"].shape == (0, 2) and out["masks"].shape == (0, 60, 80)
    assert out["box_labels"] == [] and out["polygons"] == []
    assert set(once(recipe, mask=None)) == {"image"}


WRONG: list[tuple[dict[str, Any], dict[str, Any], str]] = [
    ({}, {"boxes": [[30, 20, 10, 50]]}, r'^boxes: box 0 is .*upside down as pascal_voc.*box_format="coco"'),
    ({}, {"boxes": [[0, 0, 9, 9], [90, 0, 99, 9]]}, r"^boxes: box 1 is .*outside of the image, 80 wide and 60 high"),
    ({}, {"boxes": [[0, 0, np.nan, 9]]}, r"^boxes: row 0 is .*wanted finite numbers"),
    ({}, {"boxes": [[0.1, 0.1, 0.5, 0.5]]}, r'^boxes: all numbers are 0\.\.1, wanted pixels.*"yolo"'),
    ({"box_format": "yolo"}, {"boxes": [[10, 20, 30, 40]]}, r"^boxes: box 0 is .*wanted fractions 0\.\.1 as yolo says"),
    ({"box_format": "coco"}, {"boxes": [[10, 20, -3, 40]]}, r"^boxes: box 0 is .*upside down as coco"),
    ({}, {"boxes": [[0, 0, 9, 9, 1]]}, r"^boxes: got shape \(1, 5\).*Give the labels as box_labels"),
    ({}, {"boxes": [1, 2, 3, 4]}, r"^boxes: got shape \(4,\), wanted \(k, 4\)"),
    ({}, {"boxes": [["a", 2, 3, 4]]}, r"^boxes: got .*wanted numbers"),
    ({}, {"boxes": [[0, 0, 9, 9]], "box_labels": [1, 2]}, r"^box_labels: got 2 for 1 boxes, wanted one for each"),
    ({}, {"box_labels": [1, 2]}, r"^box_labels: got labels of boxes and no boxes"),
    ({}, {"mask": np.zeros((80, 60), int)}, r"^mask: got shape \(80, 60\) for an image of 60x80.*use mask\.T"),
    ({}, {"mask": np.zeros((60, 80, 3), int)}, r"^mask: got shape .*transpose\(2, 0, 1\)"),
    ({}, {"mask": [[0, 1]]}, r"^mask: got list, wanted a NumPy array"),
    ({}, {"mask": np.zeros((60, 80), complex)}, r"^mask: got complex128, wanted whole numbers, booleans or floats"),
    ({}, {"keypoints": [[1, 2, 3, 4]]}, r"^keypoints: got shape \(1, 4\), wanted \(k, 2 or 3\).*keypoint_format"),
    ({}, {"keypoints": [[1, np.inf]]}, r"^keypoints: row 0 is .*wanted finite numbers"),
    (
        {},
        {"polygons": [[[0, 0], [1, 1]]]},
        r"^polygons, polygon 0: got shape \(2, 2\), wanted \(m, 2\) of at least three",
    ),
    ({}, {"polygons": [[0, 0, 9, 0, 9, 9]]}, r"^polygons, polygon 0: got shape \(6,\).*np\.reshape"),
    ({}, {"boxes": [[0, 0, 9, 9]], "polygons": []}, r"^polygons: got 0 for 1 boxes, wanted one for each.*bind=False"),
    ({}, {"bboxes": [[0, 0, 9, 9]]}, r"^recipe\(bboxes=\.\.\.\): there is no 'bboxes'.*Did you mean 'boxes'"),
    ({}, {"depth": np.zeros((60, 80))}, r'^recipe\(depth=\.\.\.\): there is no .*additional=\{"depth": "mask"\}'),
]


@pytest.mark.parametrize(("fields", "targets", "words"), WRONG, ids=range(len(WRONG)))
def test_what_cannot_be_meant_is_refused(fields: dict[str, Any], targets: dict[str, Any], words: str) -> None:
    recipe = af.Recipe([af.Rotate(9)], **fields)
    with pytest.raises(af.AugfuseError, match=words):
        once(recipe, **targets)
    name = next(iter(targets))
    if name in ("bboxes", "depth"):
        return
    with pytest.raises(af.AugfuseError, match=r"^\w+\[1\]"):  # of the second image of a batch
        good: dict[str, Any] = {"boxes": np.zeros((0, 4)), "mask": np.zeros((60, 80), int)}
        both: dict[str, Any] = {key: [good.get(key, []), value] for key, value in targets.items()}
        if name == "box_labels":
            both["boxes"] = [[], []]
        recipe.batch(np.stack([IMAGE, IMAGE]), **both)


def test_a_point_without_its_partner_is_named() -> None:
    recipe = af.Recipe([FLIP], targets=af.Targets(swap_keypoints=[(0, 5)]))
    with pytest.raises(af.ImageError, match=r"^keypoints: swap_keypoints names point 5, and there are 3, 0 to 2"):
        once(recipe, keypoints=np.zeros((1, 3, 2)))


def test_entries_are_one_for_each_image() -> None:
    with pytest.raises(af.ImageError, match=r"^boxes: got 1 for 2 images, wanted a list with one entry for each"):
        af.Recipe().batch(np.stack([IMAGE, IMAGE]), boxes=[[[0, 0, 9, 9]]])


def test_recipes_with_targets_are_data() -> None:
    recipe = af.Recipe(
        [FLIP], box_format="yolo", additional={"depth": "mask"},
        targets=af.Targets(min_area=4, mask_fill=255, swap_keypoints=[(1, 2)], hull="tight"),
    )  # fmt: skip
    assert af.Recipe.from_yaml(recipe.to_yaml()) == recipe == pickle.loads(pickle.dumps(recipe))
    assert eval(recipe.to_python(), {"af": af}) == recipe and hash(recipe) == hash(
        af.Recipe.from_dict(recipe.to_dict())
    )
    assert recipe.fingerprint() != af.Recipe([FLIP], box_format="yolo").fingerprint()
    assert "targets" not in af.Recipe([FLIP]).to_yaml() and recipe.eval().targets == recipe.targets


def test_replayed_plans_move_the_same_targets() -> None:
    recipe, images = af.Recipe([af.Rotate(30), af.RandomCrop(30)]), pictures(3, 40, 50)
    boxes = [[[10, 10, 30, 30]]] * 3
    batch = recipe.batch(images, boxes=boxes, masks=images[..., 0], seed=4)
    again = recipe.replay(af.Plan.from_bytes(batch.plan.to_bytes()), images, boxes=boxes, masks=images[..., 0])
    np.testing.assert_equal(again.targets, batch.targets)


@pytest.mark.parametrize("index", [False, 0.0, "", -1])
def test_an_index_is_a_whole_number_also_where_it_counts_as_nothing(index: Any) -> None:
    with pytest.raises(af.RangeError, match="index: got"):
        af.Recipe([FLIP])(image=IMAGE, seed=0, index=index)
