"""The format that boxes are given in is known wherever they go: back through a plan, or into a data set."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import augfuse as af

HEIGHT, WIDTH = 64, 80
BLANK = np.zeros((2, HEIGHT, WIDTH, 3), np.uint8)
# One box in all formats.
SAME = {
    "pascal_voc": [10, 20, 30, 52],
    "coco": [10, 20, 20, 32],
    "yolo": [0.25, 0.5625, 0.25, 0.5],
    "normalized": [0.125, 0.3125, 0.375, 0.8125],
}
FORMATS = {**SAME, "oriented": [30, 40, 20, 10, 15]}
MOVES = [af.HorizontalFlip(p=1), af.CenterCrop(60), af.Resize((30, 90))]


@pytest.mark.parametrize("form", FORMATS)
def test_a_plan_carries_boxes_back_in_the_format_of_its_recipe(form: Any) -> None:
    recipe = af.Recipe([af.HorizontalFlip(p=1), af.Translate((0.01, 0.01), (0.01, 0.01))], box_format=form)
    batch = recipe.batch(BLANK, boxes=[[FORMATS[form]], []], seed=0)
    assert batch.box_format == form
    stored = af.Plan.from_bytes(batch.plan.to_bytes())
    for plan in (batch.plan, stored, recipe.replay(stored, BLANK).plan):
        back = plan.inverse.boxes(batch.boxes)
        np.testing.assert_allclose(back[0], [FORMATS[form]], atol=1e-4)
        assert back[1].shape == (0, len(FORMATS[form]))
    with pytest.raises(af.RecipeError, match="plan: got one of a recipe with box_format="):
        af.Recipe(recipe.transforms, box_format="coco" if form != "coco" else "yolo").replay(stored, BLANK)


@pytest.mark.parametrize("form", SAME)
def test_a_stated_format_goes_first(form: Any) -> None:
    batch = af.Recipe(MOVES, box_format=form).batch(BLANK, boxes=[[SAME[form]], []], seed=0)
    pixels = af.Recipe(MOVES).batch(BLANK, boxes=[[SAME["pascal_voc"]], []], seed=0)
    other = batch.plan.inverse.boxes(pixels.boxes, format="pascal_voc")
    assert np.array_equal(other[0], pixels.plan.inverse.boxes(pixels.boxes)[0])


def test_points_come_back_in_the_columns_of_the_recipe() -> None:
    recipe = af.Recipe([af.Rotate((30, 30))], targets=af.Targets(keypoint_format="xya"))
    batch = recipe.batch(BLANK, keypoints=[[[40, 30, 10]], [[20, 20, -10]]], seed=0)
    back = af.Plan.from_bytes(batch.plan.to_bytes()).inverse.keypoints(batch.keypoints)
    np.testing.assert_allclose(back, [[[40, 30, 10]], [[20, 20, -10]]], atol=1e-3)


@pytest.mark.parametrize("form", SAME)
def test_answers_about_several_looks_are_read_alike(form: Any) -> None:
    looks = af.Recipe([af.HorizontalFlip()], box_format=form)
    ask = af.tta(lambda images: [[SAME[form]]] * len(images), looks, n=4, target="boxes", plain=True)
    (found, _) = ask(BLANK)
    np.testing.assert_allclose(found["boxes"][0], SAME[form], atol=1e-5)
    pixels = af.tta(lambda images: [[SAME["pascal_voc"]]] * len(images), af.Recipe([af.HorizontalFlip()]), n=4,
                    target="boxes", plain=True)(BLANK)[0]["boxes"]  # fmt: skip
    scale = {"pascal_voc": 1, "coco": 1, "yolo": WIDTH, "normalized": WIDTH}[form]
    left = {"yolo": found["boxes"][:, 0] - found["boxes"][:, 2] / 2}.get(form, found["boxes"][:, 0])
    np.testing.assert_allclose(left * scale, pixels[:, 0], atol=1e-3)


@pytest.mark.parametrize("form", SAME)
@pytest.mark.parametrize("out", SAME)
def test_a_data_set_takes_boxes_of_any_format(form: Any, out: Any) -> None:
    data = af.from_arrays(BLANK).with_targets(boxes=[[], [SAME[form]]], box_format=form)
    assert data[1].targets["boxes"] == pytest.approx(np.array([SAME["pascal_voc"]]), abs=1e-4)
    assert data.subset([1, 0])[0].targets["boxes"] == pytest.approx(np.array([SAME["pascal_voc"]]), abs=1e-4)
    batch = next(iter(af.Loader(data, af.Recipe(box_format=out), 2, seed=0, shuffle=False)))
    assert batch.boxes is not None
    assert len(batch.boxes[0]) == 0 and batch.boxes[1] == pytest.approx(np.array([SAME[out]]), abs=1e-4)


@pytest.mark.parametrize(
    ("boxes", "form", "message"),
    [
        ([[20, 20, 8, 8]], "pascal_voc", r'sample 1: .* upside down as pascal_voc.*with_targets\(boxes=..., box_'),
        ([[20, 20, -8, 8]], "coco", r"with_targets: boxes\[1\]: .* upside down as coco, wanted width and height >= 0"),
        ([[0.5, 0.5, 0.2, 0.1]], "normalized", r'upside down as normalized.*centre y.*box_format="yolo"'),
        ([[5, 6, 20, 10]], "yolo", r'wanted fractions 0..1 as yolo says.*box_format="pascal_voc"\) or "coco"'),
        ([[0.1, 0.2, 0.3, 0.4]], "coco", r'all numbers are 0..1.*data.with_targets\(.*box_format="yolo"\)'),
        ([[0.1, 0.2, 0.3, 0.4]], "pascal_voc", r'sample 1: boxes: all numbers are 0..1.*box_format="yolo"'),
        ([[1, 2, 3, 4, 5]], "oriented", "got box_format='oriented', wanted 'pascal_voc'"),
        ([[1, 2, 3, 4]], "voc", r"box_format: got 'voc', wanted one of .* Did you mean 'pascal_voc'"),
        ([[1, 2, np.nan, 4]], "coco", r"with_targets: boxes\[1\]: row 0 is .* wanted finite numbers"),
        ([[90, 9, 2, 2]], "coco", r"sample 1: .* outside of the image, 80 wide and 64 high, wanted boxes that reach"),
    ],
)  # fmt: skip
def test_boxes_that_do_not_fit_their_format(boxes: Any, form: Any, message: str) -> None:
    with pytest.raises(af.AugfuseError, match=message):
        data = af.from_arrays(BLANK).with_targets(boxes=[[], boxes], box_format=form)
        next(iter(af.Loader(data, None, 2, seed=0, shuffle=False)))


def test_a_format_without_boxes() -> None:
    with pytest.raises(af.DataError, match="got box_format='coco' without boxes"):
        af.from_arrays(BLANK).with_targets(mask=BLANK[..., 0], box_format="coco")


@pytest.mark.parametrize(
    ("boxes", "form"),
    [
        ([[40, 30, 75, 60], [50, 40, 70, 60]], "coco"),
        ([[20, 15, 1500, 900]], "pascal_voc"),
        ([[0.1, 0.1, 0.5, 0.5], [0.6, 0.6, 0.9, 0.9]], "yolo"),
    ],
)
def test_boxes_that_all_end_outside(boxes: Any, form: Any) -> None:
    with pytest.warns(af.AugfuseWarning, match=rf"boxes\[0\]: .* as {form} all boxes end outside of their images"):
        af.Recipe(box_format=form).batch(BLANK, boxes=[boxes, []])
    inside = {"coco": [5, 5, 10, 10], "pascal_voc": [5, 5, 10, 10], "yolo": [0.5, 0.5, 0.1, 0.1]}[form]
    af.Recipe(box_format=form).batch(BLANK, boxes=[[*boxes, inside], []])  # some end inside: nothing is said


@pytest.mark.parametrize(
    ("box", "form"), [([0, 0, 1, 1], "pascal_voc"), ([1, 1, 1, 1], "coco"), ([0, 0, 0, 0], "pascal_voc")]
)
def test_whole_pixels_at_the_corner_are_no_fractions(box: Any, form: Any) -> None:
    batch = af.Recipe(box_format=form, targets=af.Targets(keep_empty=True)).batch(BLANK, boxes=[[box], []])
    assert batch.boxes is not None and batch.boxes[0].tolist() == [box]
