"""Perspectives and displacement fields: what other libraries define, and how they join their neighbours."""

from __future__ import annotations

from typing import Any, get_args

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

import augfuse as af
from augfuse.algebra import geometry
from augfuse.algebra.geometry import FIELD_STEP, Canvas
from augfuse.algebra.rng import Draw, Words
from augfuse.execute import reference
from augfuse.execute.batch_images import as_images
from augfuse.plan.settings import Interpolation
from augfuse.transforms.base import Displacement, Geometric, Params, Transform
from oracles import FULL_SCALE, assert_like_reference, fused, pictures, sources, unfused
from own import ENDS, Given, Tilted, corners
from torchvision_parts import torchvision_functions
from trees import MOVING

FILLS = ("nearest", "reflect", "wrap", "constant")
BENT = [
    cls(**example)
    for cls in af.list_transforms()
    for example in cls.examples
    if issubclass(cls, Displacement) or (issubclass(cls, Geometric) and cls.projective)
]


def one(n: int, height: int, width: int) -> Canvas:
    return Canvas(np.full(n, height), np.full(n, width))


def drawn(transform: Any, n: int, seed: int = 0) -> Params:
    return transform.draw(Draw(Words(seed, 0, np.arange(n)), f"{type(transform).__name__}#0"))


def smooth_picture(height: int, width: int, channels: int = 3) -> np.ndarray:
    """Without edges: OpenCV's places are rounded to a 32nd of a pixel."""
    y, x, c = np.mgrid[:height, :width, :channels]
    return (120 + 60 * np.sin(x / 9 + c) + 50 * np.cos(y / 11 - c)).astype(np.float32)


# -- what others define --


@pytest.mark.parametrize("ends", ENDS)
@pytest.mark.parametrize("fill", ["nearest", "reflect", "wrap"])
def test_perspective_like_opencv(ends: list[tuple[int, int]], fill: str) -> None:
    image = smooth_picture(40, 56)
    start = np.array(corners(40, 56), np.float32)
    matrix = cv2.getPerspectiveTransform(start, np.array(ends, np.float32))
    half = np.array([[1, 0, -0.5], [0, 1, -0.5], [0, 0, 1]])  # OpenCV's pixel centres are whole numbers
    border = {"nearest": cv2.BORDER_REPLICATE, "reflect": cv2.BORDER_REFLECT, "wrap": cv2.BORDER_WRAP}[fill]
    centred = half @ matrix @ np.linalg.inv(half)
    wanted = cv2.warpPerspective(image, centred, (56, 40), flags=cv2.INTER_LINEAR, borderMode=border)
    got = af.functional.perspective(image, start, ends, fill=fill, value_range=(0, 255))
    seen = slice(None)
    if fill == "wrap":  # at the seam the picture has an edge
        x, y = reference.centres((40, 56))
        back = np.linalg.inv(matrix) @ np.stack([x.ravel(), y.ravel(), np.ones(x.size)])
        u, v = back[:2] / back[2]
        seen = ((u > 1) & (u < 55) & (v > 1) & (v < 39)).reshape(40, 56)
    assert np.abs(got - wanted)[seen].max() < 0.6


@pytest.mark.parametrize("ends", ENDS)
def test_perspective_like_torchvision(ends: list[tuple[int, int]]) -> None:
    torch = pytest.importorskip("torch", reason="needs torch")
    functions = torchvision_functions(torch)
    image = pictures(1, 40, 56, 3, "float32")[0]
    start = corners(40, 56)
    planar = torch.from_numpy(image.transpose(2, 0, 1).copy())
    mode = __import__("torchvision").transforms.InterpolationMode
    # Its bilinear mode blends the fill colour in at the edges.
    exact = functions.perspective(planar, start, ends, interpolation=mode.BILINEAR, fill=0.0).numpy().transpose(1, 2, 0)
    got = af.functional.perspective(image, start, ends, fill="constant", fill_value=0)
    matrix = geometry.quadrilaterals(np.array([start], float), np.array([ends], float))[0]
    x, y = reference.centres((40, 56))
    back = np.linalg.inv(matrix) @ np.stack([x.ravel(), y.ravel(), np.ones(x.size)])
    u, v = (back[:2] / back[2]).reshape(2, 40, 56)
    inside = (u > 0.6) & (u < 55.4) & (v > 0.6) & (v < 39.4)
    assert inside.mean() > 0.3
    np.testing.assert_allclose(got[inside], exact[inside], atol=1e-3)


def test_corners_move_inwards_as_torchvision_draws_them() -> None:
    n, d = 4000, 0.4
    transform = af.Perspective(d)
    matrix, _ = transform.matrix(drawn(transform, n), one(n, 100, 200))
    for k, (corner, sign) in enumerate(zip(corners(100, 200), ((1, 1), (-1, 1), (-1, -1), (1, -1)), strict=True)):
        moved = matrix @ np.array([*corner, 1.0])
        inwards = (moved[:, :2] / moved[:, 2:] - corner) * sign / (d * np.array([100, 50]))  # half a side
        assert inwards.min() > -1e-9 and inwards.max() < 1 + 1e-9, k
        np.testing.assert_allclose(inwards.mean(axis=0), 0.5, atol=0.03)
        np.testing.assert_allclose(inwards.std(axis=0), 12**-0.5, atol=0.02)


@pytest.mark.parametrize("k", [-0.35, -0.1, 0.05, 0.6, 1.0])
@pytest.mark.parametrize("size", [(40, 56), (101, 33), (1, 7), (224, 224)])
def test_optical_distortion_is_opencvs_camera_model(k: float, size: tuple[int, int]) -> None:
    height, width = size
    camera = np.array([[width, 0, width / 2 - 0.5], [0, height, height / 2 - 0.5], [0, 0, 1.0]])
    maps = cv2.initUndistortRectifyMap(
        camera, np.array([k, k, 0, 0, 0.0]), np.eye(3), camera, (width, height), cv2.CV_32FC1
    )
    plan = af.Recipe([af.OpticalDistortion((k, k))]).batch(pictures(1, *size), seed=0).plan
    x, y = reference.centres(size)
    got = sources(plan, 0, np.stack([x.ravel(), y.ravel()])).reshape(2, height, width)
    step = min(FIELD_STEP, max(size)) ** 2 / 8  # what straight lines between nodes are off
    slack = step * abs(k) * 12 / min(size) + 2e-4 * max(1, max(size) / 50)
    np.testing.assert_allclose(got, np.stack(maps) + 0.5, atol=slack)


def test_grid_distortion_like_albumentations() -> None:
    functional = pytest.importorskip(
        "albumentations.augmentations.geometric.functional", reason="needs the extra bench"
    )
    height, width, steps = 40, 60, 5
    transform = af.GridDistortion(steps, 0.5)
    params = drawn(transform, 6)
    image = smooth_picture(height, width)
    got = af.Recipe([transform], value_range=(0, 255)).batch(np.stack([image] * 6), seed=0).images
    plan = af.Recipe([transform], value_range=(0, 255)).batch(np.stack([image] * 6), seed=0).plan
    for i in range(6):
        scale = [(1 + params[a][i]) * steps / (1 + params[a][i]).sum() for a in "xy"]
        map_x, map_y = functional.generate_grid((height, width), [*scale[0], 1.0], [*scale[1], 1.0], steps)
        x, y = np.meshgrid(np.arange(width) + 0.0, np.arange(height) + 0.0)  # its grid counts from the edges
        places = sources(plan, i, np.stack([x.ravel(), y.ravel()])).reshape(2, height, width)
        # Within a cell of s pixels it goes in s - 1 steps from edge to edge, we in s.
        assert np.abs(places - np.stack([map_x, map_y])).max() < 2
        corner = (slice(None), slice(None, None, height // steps), slice(None, None, width // steps))
        np.testing.assert_allclose(places[corner], np.stack([map_x, map_y])[corner], atol=1e-4)
    assert got.shape == (6, height, width, 3)


@pytest.mark.parametrize("smooth", [False, True])
@pytest.mark.parametrize("fill", ["nearest", "reflect", "wrap"])
@given(
    seed=st.integers(0, 99),
    size=st.tuples(st.integers(1, 30), st.integers(1, 30)),
    cells=st.tuples(st.integers(1, 6), st.integers(1, 6)),
)
@settings(max_examples=15)
def test_fields_like_scipy(smooth: bool, fill: str, seed: int, size: tuple[int, int], cells: tuple[int, int]) -> None:
    rng = np.random.default_rng(seed)
    more = 3 if smooth else 1
    Given.points = rng.uniform(-4, 4, (cells[0] + more, cells[1] + more, 2))
    image = pictures(1, *size, 2, "float32", seed=seed)
    got = af.Recipe([Given(smooth)], fill=fill).batch(image, seed=0).images[0]
    x, y = reference.centres(size)
    nodes = Given.points
    if smooth:  # SciPy's spline of the same control points, at the nodes
        counts = [-(-side // FIELD_STEP) for side in size]
        at = np.meshgrid(*(np.linspace(0, c, k + 1) + 1 for c, k in zip(cells, counts, strict=True)), indexing="ij")
        nodes = np.stack([_spline(nodes[..., axis], at) for axis in range(2)], axis=2)
    places = [y / size[0] * (nodes.shape[0] - 1), x / size[1] * (nodes.shape[1] - 1)]
    moved = [ndimage.map_coordinates(nodes[..., axis], places, order=1, mode="nearest") for axis in range(2)]
    mode = {"nearest": "nearest", "reflect": "reflect", "wrap": "grid-wrap"}[fill]
    for c in range(2):
        wanted = ndimage.map_coordinates(
            image[0, ..., c].astype(np.float64), [y + moved[1] - 0.5, x + moved[0] - 0.5], order=1, mode=mode
        )
        np.testing.assert_allclose(got[..., c], wanted, atol=3e-4)


def _spline(control: np.ndarray, at: Any) -> np.ndarray:
    """A cubic B-spline; its first and last places are one cell within the control points."""
    return ndimage.map_coordinates(control, at, order=3, prefilter=False, mode="nearest")


def test_a_field_like_opencvs_remap() -> None:
    rng = np.random.default_rng(3)
    image = smooth_picture(48, 64)
    Given.points = rng.uniform(-6, 6, (49, 65, 2))  # a node at each corner of a pixel
    Given.points = cv2.GaussianBlur(Given.points, (0, 0), 4) * 4
    got = af.Recipe([Given()], value_range=(0, 255)).batch(image[None], seed=0).images[0]
    centre = (Given.points[1:, 1:] + Given.points[1:, :-1] + Given.points[:-1, 1:] + Given.points[:-1, :-1]) / 4
    y, x = np.mgrid[:48, :64]
    map_x, map_y = ((base + centre[..., axis]).astype(np.float32) for axis, base in enumerate((x, y)))
    wanted = cv2.remap(image, map_x, map_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    assert np.abs(got - wanted).max() < 0.6


@pytest.mark.parametrize(("alpha", "sigma"), [(30.0, 8.0), (20.0, 16.0), (60.0, 12.0)])
def test_elastic_fields_are_smoothed_noise(alpha: float, sigma: float) -> None:
    """Their deviation, and how it falls off between two places, against noise at each pixel, smoothed by SciPy."""
    n, side = 60, 128
    transform = af.ElasticTransform(alpha, sigma)
    field = transform.field(drawn(transform, n), one(n, side, side))
    ours = np.stack([reference.spline(points, side, side) for points in field.points])
    rng = np.random.default_rng(0)
    theirs = np.stack(
        [ndimage.gaussian_filter(rng.uniform(-1, 1, (side, side)), sigma, mode="wrap") * alpha for _ in range(n)]
    )[:, ::FIELD_STEP, ::FIELD_STEP]
    assert ours[..., 0].std() == pytest.approx(theirs.std(), rel=0.1)
    assert ours[..., 1].std() == pytest.approx(0.1629 * alpha / sigma, rel=0.1)
    assert abs(np.corrcoef(ours[..., 0].ravel(), ours[..., 1].ravel())[0, 1]) < 0.1
    apart = round(sigma / FIELD_STEP)
    assert _together(ours[:, :-1, :-1, 0], apart) == pytest.approx(_together(theirs, apart), abs=0.08)


def _together(values: np.ndarray, apart: int) -> float:
    return float(np.corrcoef(values[:, :, apart:].ravel(), values[:, :, :-apart].ravel())[0, 1])


def test_elastic_control_points_are_what_the_docstring_says() -> None:
    alpha, sigma, height, width = 12.0, 14.0, 96, 160
    transform = af.ElasticTransform(alpha, sigma)
    params = drawn(transform, 3)
    assert params["noise"].min() >= -1 and params["noise"].max() < 1
    field = transform.field(params, one(3, height, width))
    cells = np.array([height, width]) / 32
    deviations = np.sqrt((sigma / cells) ** 2 - 1 / 3)
    for i in range(3):
        for axis in range(2):
            noise = params["noise"][i].reshape(2, 32, 32)[axis]
            wanted = ndimage.gaussian_filter(noise, deviations, mode="wrap", truncate=5) * alpha / np.sqrt(cells.prod())
            np.testing.assert_allclose(field.points[i, 1:33, 1:33, axis], wanted, atol=1e-4)
            assert np.array_equal(field.points[i, :, [0, 33, 34], axis], field.points[i, :, [32, 1, 2], axis])


# -- with their neighbours --


@pytest.mark.parametrize("fill", FILLS)
@pytest.mark.parametrize("interpolation", get_args(Interpolation))
@pytest.mark.parametrize(
    ("channels", "dtype"), [(1, "uint8"), (3, "uint8"), (4, "uint8"), (3, "uint16"), (5, "float32")]
)
def test_between_matrices_it_is_one_resample(fill: str, interpolation: str, channels: int, dtype: str) -> None:
    paint = tuple((np.arange(channels) + 1) / 7 * FULL_SCALE[dtype])
    recipe = af.Recipe(
        [
            af.Rotate(30),
            af.ElasticTransform(40, 6),
            af.Perspective(0.4, p=0.7),
            af.Resize((30, 26)),
            af.GridDistortion(3),
            af.Shear(9),
            af.OpticalDistortion(0.2, p=0.5),
            af.HorizontalFlip(),
        ],
        fill=fill,
        fill_value=paint,
        interpolation=interpolation,
    )
    pixels = pictures(3, 33, 44, channels, dtype)
    explained = recipe.explain(pixels.shape[1:], pixels.dtype)
    assert ("-> 1 warp; write" if interpolation == "bilinear" else f"-> 1 warp ({interpolation}); write") in explained
    for layout in ("NHWC", "NCHW"):
        assert_like_reference(recipe, pixels, layout=layout, dtype="float32")
    assert_like_reference(recipe, pixels)


@pytest.mark.parametrize("size", [(1, 1), (1, 17), (17, 1), (2, 3), (3, 130)])
@pytest.mark.parametrize("fill", FILLS)
@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic"])
def test_thin_images(size: tuple[int, int], fill: str, interpolation: str) -> None:
    for transform in BENT:
        recipe = af.Recipe([transform], fill=fill, fill_value=99, interpolation=interpolation)
        assert_like_reference(recipe, pictures(2, *size), dtype="float32")


@pytest.mark.parametrize("interpolation", get_args(Interpolation))
def test_outputs_of_several_tiles_and_blocks(interpolation: str) -> None:
    recipe = af.Recipe(
        [af.Perspective(0.3), af.ElasticTransform(40, 6), af.Resize((270, 520))], interpolation=interpolation
    )
    assert_like_reference(recipe, pictures(2, 150, 300), dtype="float32")
    alone = recipe(image=pictures(2, 150, 300)[1], seed=0, index=1)["image"]
    assert np.array_equal(recipe.batch(pictures(2, 150, 300), seed=0).images[1], alone)


def test_images_of_their_own_sizes() -> None:
    mixed = [pictures(1, h, w, 3, seed=h)[0] for h, w in ((30, 40), (90, 20), (16, 16), (33, 70))]
    recipe = af.Recipe([*(type(t)(p=0.8) for t in BENT[::2]), af.Resize((24, 20))])
    assert_like_reference(recipe, mixed)
    batch = recipe.batch(mixed, seed=0).images
    for i, image in enumerate(mixed):
        assert np.array_equal(recipe(image=image, seed=0, index=i)["image"], batch[i])


def test_what_does_not_act_is_the_identity_within_the_pass() -> None:
    """And whether others act changes nothing: the pass is that of the recipe."""
    pixels = pictures(8, 30, 41)
    turn = af.Rotate((17, 17))
    plain = af.Recipe([turn]).batch(pixels, seed=0, dtype="float32").images
    for transform in BENT:
        never = type(transform)(p=0.0)
        beside = af.Recipe([never, turn]).batch(pixels, seed=0, dtype="float32").images
        np.testing.assert_allclose(beside, plain, atol=0.05)
        half = af.Recipe([type(transform)(p=0.5), turn])
        batch = half.batch(pixels, seed=3, dtype="float32")
        idle = [i for i in range(8) if not batch.plan.describe(i)[0].fired]
        assert 0 < len(idle) < 8
        assert np.array_equal(batch.images[idle], beside[idle])


def test_fused_steps_lead_where_they_lead_apart() -> None:
    recipe = af.Recipe(
        [
            af.Rotate(30),
            af.Shear(9),
            af.ElasticTransform(40, 6),
            af.Perspective(0.4),
            af.Translate(0.2),
            af.GridDistortion(3),
            af.OpticalDistortion(0.3),
            af.Resize((30, 26)),
            af.Rotate(9),
        ]
    )
    images = as_images(pictures(4, 33, 44))
    together, apart = fused(recipe, images), unfused(recipe, images)
    assert len(together.steps) == 1 and len(apart.steps) == 9
    points = np.random.default_rng(0).uniform(0, 26, (2, 40))
    for i in range(4):
        np.testing.assert_allclose(sources(together, i, points), sources(apart, i, points), atol=1e-8)


def test_two_fields_are_passed_one_after_the_other() -> None:
    """A resample in between would blur: of a picture with one white pixel less is left of its peak."""
    recipe = af.Recipe([af.GridDistortion(3, 0.2), af.OpticalDistortion(0.1)])
    plan = recipe.batch(pictures(1, 40, 50), seed=4).plan
    first, second = (af.Recipe([t]).batch(pictures(1, 40, 50), seed=4).plan for t in recipe.transforms)
    points = np.random.default_rng(0).uniform(0, 40, (2, 50))
    np.testing.assert_allclose(sources(plan, 0, points), sources(first, 0, sources(second, 0, points)), atol=1e-9)


def test_perspectives_in_a_row_are_one() -> None:
    pixels = pictures(2, 40, 50, 3, "float32")
    there = [(3, 2), (48, 5), (45, 38), (1, 33)]
    tilted = af.functional.perspective(smooth_picture(40, 50), corners(40, 50), there, value_range=(0, 255))
    back = af.functional.perspective(tilted, there, corners(40, 50), value_range=(0, 255))
    middle = (slice(8, 32), slice(8, 42))
    assert np.abs(back - smooth_picture(40, 50))[middle].max() < 3  # two resamples
    Tilted.given = geometry.quadrilaterals(np.array([corners(40, 50)], float), np.array([there], float))[0]
    try:
        again = af.Recipe([Tilted(), Tilted()]).batch(pixels, seed=0)
        points = np.random.default_rng(0).uniform(5, 35, (2, 50))
        twice = np.linalg.inv(Tilted.given @ Tilted.given) @ np.vstack([points, np.ones(50)])
        np.testing.assert_allclose(sources(again.plan, 0, points), twice[:2] / twice[2], atol=1e-9)
        once = af.Recipe([Tilted()], fill="constant").batch(pixels, seed=0).images
        Tilted.given = -3 * Tilted.given  # the same map
        assert np.array_equal(af.Recipe([Tilted()], fill="constant").batch(pixels, seed=0).images, once)
    finally:
        Tilted.given = np.eye(3)


@pytest.mark.parametrize("fill", FILLS)
@pytest.mark.parametrize("interpolation", get_args(Interpolation))
def test_the_horizon_is_far_away_and_never_nan(fill: str, interpolation: str) -> None:
    """Behind a perspective that is seen from afar, the horizon lies within the output."""
    pixels = pictures(16, 40, 50, 3, "float32")
    recipe = af.Recipe([af.Perspective(0.6), af.Scale((0.1, 0.2))], fill=fill, interpolation=interpolation)
    images = recipe.batch(pixels, seed=0).images
    assert np.isfinite(images).all() and images.min() >= 0 and images.max() <= 1
    whole = af.Recipe([af.Perspective(0.6), af.Scale((0.1, 0.2))], fill="constant", fill_value=1)
    white = whole.batch(np.ones_like(pixels), seed=0).images
    np.testing.assert_allclose(white, 1, atol=1e-5)
    black = af.Recipe(whole.transforms, fill="constant").batch(np.ones_like(pixels), seed=0).images
    assert 0 < black.mean() < 0.1
    near = af.Recipe([af.Perspective(0.6), af.Scale((0.2, 0.3))], fill=fill, interpolation=interpolation)
    maps = near.batch(pixels, seed=0).plan.lowered.steps[0].sampling.bends[0].maps  # type: ignore[union-attr]
    divisors = maps[:, 6:] @ np.array([[0, 50, 0, 50], [0, 0, 40, 40], [1, 1, 1, 1]])
    assert (divisors.min(axis=1) < 0).sum() > 3  # corners of the output lie beyond it
    assert_like_reference(near, pixels)


def test_a_perspective_that_shrinks_is_averaged_first() -> None:
    """Stripes of one pixel become grey, where sampling alone would keep some of them."""
    stripes = np.zeros((1, 240, 240, 1), np.uint8)
    stripes[:, :, ::2] = 255
    third = [(80, 80), (160, 80), (160, 160), (80, 160)]
    small = af.functional.perspective(stripes, corners(240, 240), third, fill="constant")
    assert np.abs(small[:, 90:150, 90:150].astype(int) - 128).max() < 50  # a third more or less of three columns


# -- replay, descriptions, strength --


@pytest.mark.parametrize("transform", BENT, ids=lambda t: type(t).__name__)
def test_plans_as_data(transform: Transform) -> None:
    recipe = af.Recipe([af.Rotate(10), transform, af.OneOf([type(transform)(), af.Invert(p=1)])])
    pixels = pictures(4, 30, 40)
    batch = recipe.batch(pixels, seed=7)
    again = recipe.replay(af.Plan.from_bytes(batch.plan.to_bytes()), images=pixels)
    assert np.array_equal(again.images, batch.images)


def test_plans_with_many_fields_are_bounded() -> None:
    recipe = af.Recipe([af.ElasticTransform()] * 30)
    batch = recipe.batch(np.zeros((400, 2, 2, 1), np.uint8), seed=0)
    with pytest.raises(af.RecipeError, match="where a field counts as many"):
        batch.plan.to_bytes()
    assert len(af.Plan.from_bytes(recipe.batch(np.zeros((2, 2, 2, 1), np.uint8), seed=0).plan.to_bytes())) == 2


def test_strength() -> None:
    recipe = af.Recipe(
        [af.Perspective(0.4), af.ElasticTransform(50, 5), af.GridDistortion(5, 0.3), af.OpticalDistortion(0.1)]
    )
    half = recipe.scaled(0.5).transforms
    assert half == (
        af.Perspective(0.2),
        af.ElasticTransform(25, 5),
        af.GridDistortion(5, 0.15),
        af.OpticalDistortion(0.05),
    )
    assert all(t.p == 0 for t in recipe.scaled(0).transforms)
    assert recipe.scaled(100).transforms[0] == af.Perspective(0.6)
    assert recipe.eval().transforms == ()


def test_captions() -> None:
    steps = [af.Perspective(0.3), af.ElasticTransform(40, 6), af.GridDistortion(4), af.OpticalDistortion((-0.1, -0.1))]
    words = [a.text for a in af.Recipe(steps).batch(pictures(1, 30, 30), seed=0).plan.describe(0)]
    assert words[0] == "perspective 30.0%" and words[1] == "elastic transform alpha 40 px, sigma 6 px"
    assert words[2].startswith("grid distortion x 1.") and words[3] == "optical distortion -0.1"


def test_masks_are_moved_by_them_too() -> None:
    assert all(isinstance(t, MOVING) for t in BENT)
    image = pictures(1, 64, 64, 1)[0]
    for transform in BENT:
        recipe = af.Recipe([transform, af.Invert(p=1)], interpolation="nearest")
        out = recipe(image=image, mask=image[:, :, 0], seed=3, index=0)
        assert np.array_equal(255 - out["mask"], out["image"][:, :, 0])
        assert not np.array_equal(out["mask"], image[:, :, 0])


def test_recipes_without_bends_load_none_of_it() -> None:
    import subprocess
    import sys

    code = (
        "import sys, numpy as np, augfuse as af\n"
        "af.Recipe([af.Rotate(), af.Invert()]).batch(np.zeros((1, 8, 8, 3), np.uint8), seed=0)\n"
        "print([m for m in sys.modules if m.split('.')[-1] in ('bent', 'fields', 'lattices')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
