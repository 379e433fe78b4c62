"""`plan.inverse`: points, boxes, polygons, masks and pictures come back to where they were, over every transform."""

from __future__ import annotations

from typing import Any, ClassVar, final

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import augfuse as af
from augfuse.algebra.geometry import Canvas, Field
from augfuse.algebra.rng import Draw
from augfuse.plan.ops import Segment
from augfuse.transforms.base import Displacement, Geometric, Params
from augfuse.transforms.mix_base import Mix
from oracles import labels_of, pictures, random_recipes, sources
from trees import LEAVES, bodies

WHOLE = [t for t in LEAVES if isinstance(t, Geometric) and t.moves_whole_pixels]


def centres(height: int, width: int) -> np.ndarray:
    """(h * w, 2): the middles of the pixels, row by row."""
    y, x = np.mgrid[:height, :width] + 0.5
    return np.stack([x.ravel(), y.ravel()], axis=1)


def moves(plan: af.Plan) -> list[Segment]:
    return [step for step in plan.steps if isinstance(step, Segment) and step.geometry is not None]


ALONE = [leaf for leaf in LEAVES if not isinstance(leaf, Mix)]  # several images in one have no way back


def drawn(data: st.DataObject, leaves: Any = ALONE, **targets: Any) -> tuple[af.Batch, np.ndarray]:
    """A batch of one image, and the middles of its pixels as key points."""
    height, width = data.draw(st.integers(8, 70), "height"), data.draw(st.integers(8, 70), "width")
    recipe = af.Recipe(data.draw(bodies(leaves, 3), "body"))
    seed, at = data.draw(st.integers(0, 2**64 - 1), "seed"), centres(height, width)
    return recipe.batch(pictures(1, height, width), labels_of([0]), keypoints=[at], seed=seed, **targets), at


@random_recipes
@settings(max_examples=60)
@given(data=st.data())
def test_points_come_back_to_where_they_were(data: st.DataObject) -> None:
    batch, at = drawn(data)
    assert batch.keypoints is not None
    seen = batch.visibility["keypoints"][0] > 0
    (back,) = batch.plan.inverse.keypoints(batch.keypoints)
    assert back.dtype == np.float32 and back.shape == at.shape
    assert np.abs(back - at)[seen].max(initial=0) < 0.01


@random_recipes
@settings(max_examples=60)
@given(data=st.data())
def test_points_of_the_augmented_image_come_from_where_its_pixels_come_from(data: st.DataObject) -> None:
    batch, _ = drawn(data)
    here = centres(*batch.images.shape[1:3])
    (back,) = batch.plan.inverse.keypoints([here])
    wanted = sources(batch.plan, 0, here.T).T
    near = (np.abs(wanted) < 1000).all(axis=1) & (np.abs(back) < 1000).all(axis=1)
    assert np.abs(back - wanted)[near].max(initial=0) < 0.01
    assert near.any()


@random_recipes
@settings(max_examples=60)
@given(data=st.data())
def test_a_pixel_takes_the_number_of_the_one_that_shows_it(data: st.DataObject) -> None:
    batch, _ = drawn(data)
    assert batch.keypoints is not None
    (height, width), source = batch.images.shape[1:3], batch.plan.source
    predicted = np.random.default_rng(1).integers(1, 200, (1, height, width), dtype=np.int64)
    back = batch.plan.inverse.masks(predicted, fill=-1)[0].ravel()
    seen = batch.plan.inverse.seen()[0].ravel()
    assert back.shape == (int(source.height[0]) * int(source.width[0]),)
    assert ((back == -1) == ~seen).all()
    place = batch.keypoints[0].astype(np.float64)
    bent = any(step.fields for step in moves(batch.plan))
    sure = seen & (np.abs(place - np.rint(place)) > 5e-3).all(axis=1)
    column, row = np.floor(place[sure]).astype(int).T
    assert np.array_equal(back[sure], predicted[0, row.clip(0, height - 1), column.clip(0, width - 1)])
    if all(getattr(step, "covered", None) is None for step in batch.plan.steps) and not bent:
        far = (np.abs(place) > 0.01).all(axis=1) & (np.abs(place - (width, height)) > 0.01).all(axis=1)
        inside = batch.visibility["keypoints"][0] > 0
        if len(moves(batch.plan)) < 2:
            assert np.array_equal(seen[far], inside[far])
        else:
            assert not (seen & ~inside & far).any()


@random_recipes
@settings(max_examples=50)
@given(data=st.data())
def test_a_painted_mask_comes_back_where_it_was_in_view(data: st.DataObject) -> None:
    height, width = data.draw(st.integers(24, 70), "height"), data.draw(st.integers(24, 70), "width")
    top, left = data.draw(st.integers(0, height - 8), "top"), data.draw(st.integers(0, width - 8), "left")
    recipe = af.Recipe(data.draw(bodies(ALONE, 2), "body"))
    mask = np.zeros((1, height, width), np.uint8)
    mask[0, top : top + 12, left : left + 12] = 1
    seed = data.draw(st.integers(0, 2**64 - 1), "seed")
    batch = recipe.batch(pictures(1, height, width), labels_of([0]), masks=mask, seed=seed)
    if len(moves(batch.plan)) > 1:
        return  # each pass takes the nearest pixel of what the one before it left
    here = centres(*batch.images.shape[1:3])
    apart = [np.abs(sources(batch.plan, 0, (here + step).T) - sources(batch.plan, 0, here.T)) for step in np.eye(2)]
    inverse = batch.plan.inverse
    seen = inverse.seen()[0]
    off = np.argwhere((inverse.masks(batch.masks)[0] != mask[0]) & seen)
    # Half a pixel of the augmented image, twice as much as fields and perspectives change within it, and a rounding.
    reach = np.clip(np.sum(apart, axis=0), 0, 100).max() + 1
    rows, columns = off.T + 0.5
    beside = np.minimum.reduce([abs(rows - top), abs(rows - top - 12), abs(columns - left), abs(columns - left - 12)])
    assert (beside <= reach).all(), (beside.max(), reach)


@random_recipes
@settings(max_examples=60)
@given(data=st.data())
def test_whole_pixels_come_back_as_they_were(data: st.DataObject) -> None:
    recipe = af.Recipe(data.draw(bodies(WHOLE, 3), "body"), fill="constant")
    images = pictures(1, 40, 52)
    batch = recipe.batch(images, labels_of([0]), seed=data.draw(st.integers(0, 2**64 - 1), "seed"))
    inverse = batch.plan.inverse
    seen = inverse.seen()
    assert np.array_equal(inverse.images(batch.images, fill=0), np.where(seen[..., None], images, 0))
    floats = inverse.images(batch.images.astype(np.float64), fill=np.nan)
    assert np.isnan(floats[~seen]).all() and np.array_equal(floats[seen], images[seen])
    planar = inverse.images(batch.images.transpose(0, 3, 1, 2), layout="NCHW")
    assert np.array_equal(planar.transpose(0, 2, 3, 1), inverse.images(batch.images))


def test_smooth_maps_come_back_close_and_are_not_moved_by_half_a_pixel() -> None:
    y, x = np.mgrid[:80, :100].astype(np.float32) + 0.5
    ramp = np.stack([x, y, x * 0.5 - y], axis=2)[None]
    for body in (
        [af.Rotate((25, 25))], [af.Resize((160, 150))], [af.Resize((40, 50))], [af.RandomResizedCrop(96)],
        [af.Perspective(0.5)], [af.ElasticTransform(200, 12), af.HorizontalFlip(p=1)], [af.Affine()],
        [af.Shear((20, 20)), af.GaussianBlur((0.1, 0.2)), af.RandomCrop(64)], [af.GridDistortion(), af.Rotate(20)],
    ):  # fmt: skip
        batch = af.Recipe(body, value_range=(-1000, 1000)).batch(ramp, seed=5)
        inverse = batch.plan.inverse
        seen = inverse.seen()[0]
        inner = seen.copy()  # at the edges of what is seen there is half a pixel to blend with
        for _ in range(3):
            inner[1:-1, 1:-1] &= inner[:-2, 1:-1] & inner[2:, 1:-1] & inner[1:-1, :-2] & inner[1:-1, 2:]
        inner[:3], inner[-3:], inner[:, :3], inner[:, -3:] = False, False, False, False
        assert inner.mean() > 0.1
        assert np.abs(inverse.images(batch.images)[0] - ramp[0])[inner].max() < 0.3, body


@pytest.mark.parametrize("format", ["pascal_voc", "coco", "yolo", "normalized"])
def test_boxes_come_back_in_their_format_with_their_scores(format: Any) -> None:
    recipe = af.Recipe([af.HorizontalFlip(p=1), af.Rotate90(), af.VerticalFlip(),
                        af.Resize((90, 130)), af.RandomCrop((80, 100))], box_format=format,
                       targets=af.Targets(clip=False, keep_empty=True))  # fmt: skip
    rng = np.random.default_rng(0)
    low = rng.random((4, 5, 2)) * 0.4
    fractions = np.concatenate([low, low + 0.1 + rng.random((4, 5, 2)) * 0.4], axis=2)
    pixels = fractions * [64, 48, 64, 48]
    given = {
        "pascal_voc": pixels,
        "normalized": fractions,
        "coco": np.concatenate([pixels[:, :, :2], pixels[:, :, 2:] - pixels[:, :, :2]], axis=2),
        "yolo": np.concatenate([fractions.reshape(4, 5, 2, 2).mean(axis=2), fractions[:, :, 2:] - low], axis=2),
    }[format]
    batch = recipe.batch(pictures(4, 48, 64), boxes=given, seed=1)
    scores = rng.random((4, 5, 2))
    predicted = np.concatenate([np.stack(batch.boxes), scores], axis=2)  # type: ignore[arg-type]
    back = batch.plan.inverse.boxes(predicted, format=format)
    assert back.shape == (4, 5, 6) and back.dtype == np.float32
    np.testing.assert_allclose(back[:, :, :4], given, atol=1e-3)
    np.testing.assert_allclose(back[:, :, 4:], scores, atol=1e-6)


def test_boxes_are_cut_at_the_original_and_none_is_dropped() -> None:
    batch = af.Recipe([af.CenterCrop(20)]).batch(pictures(2, 40, 60), seed=0)
    back = batch.plan.inverse.boxes([[[-50, 5, 10, 15], [2, 3, 4, 5]], np.empty((0, 4))])
    assert np.array_equal(back[0], [[0, 15, 30, 25], [22, 13, 24, 15]]) and back[1].shape == (0, 4)
    loose = batch.plan.inverse.boxes([[[-50, 5, 10, 15]], []], clip=False)
    assert np.array_equal(loose[0], [[-30, 15, 30, 25]])
    outside = batch.plan.inverse.boxes([[[-90, 0, -80, 9]], []])
    assert outside[0][0, 0] == outside[0][0, 2] == 0


def test_turned_boxes_come_back_turned() -> None:
    given = [[[30, 20, 16, 8, 15], [20, 25, 6, 12, -40]]]
    recipe = af.Recipe(
        [af.Rotate((30, 30)), af.Scale((1.2, 1.2))], box_format="oriented", targets=af.Targets(clip=False)
    )
    batch = recipe.batch(pictures(1, 48, 64), boxes=given, seed=0)
    (back,) = batch.plan.inverse.boxes(batch.boxes, format="oriented")
    np.testing.assert_allclose(back, given[0], atol=1e-3)


def test_polygons_come_back() -> None:
    rings = [[[20, 15], [40, 15], [40, 30]]], [[[[10, 10], [20, 10], [15, 25]], [[30, 30], [40, 30], [35, 40]]]]
    recipe = af.Recipe([af.Rotate((10, 10)), af.HorizontalFlip(p=1), af.Resize((96, 96))])
    for own in rings:
        batch = recipe.batch(pictures(1, 48, 64), polygons=[own], seed=0)
        (back,) = batch.plan.inverse.polygons(batch.polygons)
        for one, other in zip(back, own, strict=True):
            np.testing.assert_allclose(one, other, atol=1e-3)


def test_left_and_right_change_places_again() -> None:
    recipe = af.Recipe([af.HorizontalFlip(p=0.5)], targets=af.Targets(swap_keypoints=[(0, 1)], swap_mask=[(1, 2)]))
    points = np.random.default_rng(0).random((8, 1, 3, 3)) * (64, 48, 2)
    masks = np.random.default_rng(1).integers(0, 4, (8, 48, 64), dtype=np.uint8)
    batch = recipe.batch(pictures(8, 48, 64), keypoints=points, masks=masks, seed=0)
    inverse = batch.plan.inverse
    assert 0 < inverse.mirrored.sum() < 8
    back = inverse.keypoints(np.stack(batch.keypoints), swap=[(0, 1)])  # type: ignore[arg-type]
    np.testing.assert_allclose(back[..., :2], points[..., :2], atol=1e-4)
    np.testing.assert_allclose(back[..., 2], points[..., 2], atol=1e-6)
    assert np.array_equal(inverse.masks(batch.masks, swap=[(1, 2)]), masks)
    heat = np.stack([masks == k for k in range(4)], axis=3).astype(np.float32)
    seen = np.stack([batch.masks == k for k in range(4)], axis=3).astype(np.float32)
    assert np.array_equal(inverse.images(seen, swap=[(1, 2)]), heat)


def test_angles_and_scales_are_undone() -> None:
    recipe = af.Recipe([af.Rotate((30, 30)), af.Resize((96, 128))], targets=af.Targets(keypoint_format="xyas"))
    points = [[[20.0, 20, 10, 4], [30, 12, -170, 2]]]
    batch = recipe.batch(pictures(1, 48, 64), keypoints=points, seed=0)
    (back,) = batch.plan.inverse.keypoints(batch.keypoints, format="xyas")
    np.testing.assert_allclose(back, points[0], atol=1e-3)


def test_views_have_inverses_and_so_have_plans_that_were_read() -> None:
    recipe = af.Recipe([af.HorizontalFlip(), af.Views(a=[af.RandomCrop(24)], b=[af.Resize((80, 96))])])
    masks = np.random.default_rng(0).integers(0, 9, (3, 40, 48), dtype=np.uint8)
    batch = recipe.batch(pictures(3, 40, 48), masks=masks, seed=0)
    for name in ("a", "b"):
        view = batch.views[name]
        assert np.array_equal(view.plan.inverse.masks(view.masks), np.where(view.plan.inverse.seen(), masks, 0))
    assert np.array_equal(batch.plan.inverse.seen(), batch.views["a"].plan.inverse.seen())
    read = af.Plan.from_bytes(batch.plan.to_bytes())
    assert np.array_equal(read.inverse.masks(batch.masks), batch.plan.inverse.masks(batch.masks))


def test_images_of_different_sizes_and_padded_batches() -> None:
    images = [pictures(1, 40 + 4 * k, 60 - 5 * k)[0] for k in range(4)]
    masks = [np.random.default_rng(k).integers(0, 9, image.shape[:2], dtype=np.uint8) for k, image in enumerate(images)]
    data = af.from_samples(images).with_targets(mask=masks)
    (batch,) = af.Loader(data, af.Recipe([af.HorizontalFlip(p=1)]), 4, seed=0, shuffle=False, pad_to=32)
    height, width = batch.plan.size
    cut = [batch.masks[i][: height[i], : width[i]] for i in range(4)]
    for one, other in zip(batch.plan.inverse.masks(cut), masks, strict=True):
        assert np.array_equal(one, other)
    with pytest.raises(af.ImageError, match="Of a padded batch take"):
        batch.plan.inverse.masks(batch.masks)


def test_several_masks_booleans_and_floats() -> None:
    batch = af.Recipe([af.RandomCrop(20)]).batch(pictures(2, 30, 40), seed=0)
    inverse, rng = batch.plan.inverse, np.random.default_rng(0)
    for predicted in (
        rng.integers(-5, 2**40, (2, 3, 20, 20)), rng.random((2, 20, 20)) < 0.5, rng.random((2, 20, 20)),
        rng.integers(0, 9, (2, 20, 20), dtype=np.uint32), [np.zeros((0, 20, 20), np.uint8), np.ones((2, 20, 20), bool)],
    ):  # fmt: skip
        back = inverse.masks(predicted)
        for i in range(2):
            own, seen = np.asarray(predicted[i]), inverse.seen()[i]
            assert back[i].dtype == own.dtype and back[i].shape == (*own.shape[:-2], 30, 40)
            np.testing.assert_allclose(
                back[i][..., seen], own.reshape(*own.shape[:-2], 400), 1e-6 if own.dtype.kind == "f" else 0
            )
            assert not back[i][..., ~seen].any()


def test_tensors_are_taken() -> None:
    torch = pytest.importorskip("torch")
    batch = af.Recipe([af.HorizontalFlip(p=1)]).batch(pictures(2, 8, 10), seed=0)
    logits = torch.rand(2, 3, 8, 10, requires_grad=True)
    back = batch.plan.inverse.images(logits, layout="NCHW")
    assert np.array_equal(back, logits.detach().numpy()[:, :, :, ::-1])


@final
class Fold(Displacement, frozen=True):
    """Shows a strip twice."""

    examples: ClassVar = ({},)

    def draw(self, draw: Draw) -> Params:
        return {"one": draw.uniform("one", (0.0, 1.0))}

    def field(self, params: Params, canvas: Canvas) -> Field:
        points = np.zeros((len(canvas.width), 9, 9, 2))
        points[:, 4, 4, 0] = canvas.width / 2
        return Field(points, False)


def test_a_field_that_folds_is_named() -> None:
    batch = af.Recipe([Fold(p=1)]).batch(pictures(2, 40, 40), seed=0)
    assert batch.plan.inverse.keypoints([[[20, 20]], []])[0].shape == (1, 2)
    with pytest.raises(af.RecipeError, match=r"Fold: the field of sample 0 folds and shows"):
        batch.plan.inverse.masks(np.zeros((2, 40, 40), np.uint8))


WRONG: dict[str, tuple[Any, str]] = {
    "too few": (lambda i: i.boxes([[]]), r"boxes: got 1 for 2 images"),
    "no list": (lambda i: i.boxes(7), r"boxes: got int for 2 images"),
    "columns": (lambda i: i.boxes([[[1, 2, 3]], []]), r"boxes\[0\]: got shape \(1, 3\), wanted \(k, 4\)"),
    "not finite": (lambda i: i.boxes([[[1, 2, 3, np.nan]], []]), r"boxes\[0\]: row 0 .* wanted finite"),
    "format": (lambda i: i.boxes([[], []], format="voc"), r"format: got 'voc', wanted one of 'pascal_voc'"),
    "ring": (lambda i: i.polygons([[[[1, 2], [3, 4]]], []]), r"polygons\[0\], polygon 0: .*at least three points"),
    "size": (lambda i: i.masks(np.zeros((2, 8, 8), int)), r"masks\[0\]: got shape \(8, 8\), wanted \(20, 20\)"),
    "large": (lambda i: i.masks(np.zeros((2, 32, 32), int)), r"Of a padded batch take .*\[..., :20, :20\]"),
    "objects": (lambda i: i.masks(np.array([["a"], ["b"]])), r"masks\[0\]: got <U1, wanted an array"),
    "fill": (lambda i: i.masks(np.zeros((2, 20, 20), np.uint8), fill=256), r"fill: got 256 for uint8, wanted .*0..255"),
    "fill word": (lambda i: i.images(np.zeros((2, 20, 20)), fill="a"), r"fill: got 'a', wanted a number"),
    "planar": (lambda i: i.images(np.zeros((2, 3, 20, 20))), r'Channels stand first: use layout="NCHW"'),
    "ints": (lambda i: i.images(np.zeros((2, 20, 20), int)), r"images\[0\]: got int64, wanted uint8, uint16 or floats"),
    "points": (lambda i: i.keypoints([[[1, 2, 3, 4]], []]), r"keypoints\[0\]: got shape \(1, 4\)"),
    "swap": (lambda i: i.keypoints([[[1, 2]], []], swap=[(0, 1)]), r"swap_keypoints names point 1, and there are 1"),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_what_does_not_fit_is_refused(name: str) -> None:
    batch = af.Recipe([af.CenterCrop(20)]).batch(pictures(2, 30, 40), seed=0)
    call, message = WRONG[name]
    with pytest.raises(af.AugfuseError, match=message):
        call(batch.plan.inverse)


@pytest.mark.parametrize("mix", [leaf for leaf in LEAVES if isinstance(leaf, Mix)], ids=repr)
def test_several_images_in_one_have_no_way_back(mix: Mix) -> None:
    batch = af.Recipe([af.Rotate(5), mix, af.HorizontalFlip()]).batch(pictures(2, 30, 40), np.eye(2), seed=0)
    with pytest.raises(af.RecipeError, match=f"{type(mix).__name__}: puts several images into one"):
        _ = batch.plan.inverse
