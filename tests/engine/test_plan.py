"""Plans: what is merged, what stays apart, and that merging changes nothing."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import augfuse as af
from augfuse.algebra.geometry import Canvas
from augfuse.execute.batch_images import as_images
from augfuse.plan.draw import draw
from augfuse.plan.fuse import fuse
from augfuse.plan.lower import lower
from augfuse.plan.lowered import Pass
from augfuse.plan.make_plan import make
from augfuse.plan.ops import Segment
from augfuse.plan.plan import Plan
from augfuse.plan.settings import Source
from augfuse.transforms.base import Color, Transform, Write
from augfuse.transforms.children import paths
from oracles import EXAMPLES, by_reference, fused, labels_of, pictures, random_recipes, sources, unfused
from trees import ENDS, LEAVES, MOVING, bodies, ends

recipes = st.builds(
    lambda body, end, fill: af.Recipe([*body, *end], fill=fill, fill_value=50),
    bodies(),
    ends(),
    st.sampled_from(["nearest", "constant"]),
)
ALL = [cls(**example) for cls, example in EXAMPLES if not cls.comes_last]


def made(recipe: af.Recipe, seed: int, *, fused: bool) -> Plan:
    """The plan for two images of 64x64, also where what comes out does not stack."""
    drawn = draw(recipe.transforms, seed, 0, np.arange(2), labels_of(range(2)))
    source = Source(Canvas(np.array([64, 64]), np.array([64, 64])), 3, np.dtype(np.uint8))
    return make(drawn, recipe.inner.settings, source, None, fused=fused)


def equal(a: Any, b: Any) -> bool:
    """Deep equality of plans, bit for bit."""
    if isinstance(a, np.ndarray):
        return isinstance(b, np.ndarray) and a.dtype == b.dtype and np.array_equal(a, b)
    if hasattr(a, "__struct_fields__"):
        return type(a) is type(b) and all(equal(getattr(a, n), getattr(b, n)) for n in a.__struct_fields__)
    if isinstance(a, (tuple, list)):
        return len(a) == len(b) and all(equal(x, y) for x, y in zip(a, b, strict=True))
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(equal(a[k], b[k]) for k in a)
    return a == b


@random_recipes
@given(recipes, st.integers(0, 2**64 - 1))
def test_fusing_twice_changes_nothing(recipe: af.Recipe, seed: int) -> None:
    apart = made(recipe, seed, fused=False).steps
    assert equal(fuse(fuse(apart)), fuse(apart))


@random_recipes
@given(recipes, st.integers(0, 2**64 - 1))
def test_matrices_and_points_are_those_of_the_steps_one_by_one(recipe: af.Recipe, seed: int) -> None:
    apart, together = made(recipe, seed, fused=False), made(recipe, seed, fused=True)
    assert together.size.height.tolist() == apart.size.height.tolist()
    assert together.size.width.tolist() == apart.size.width.tolist()

    points = np.array([[0, 64, 10.5], [0, 64, 3.25]])
    for i in range(2):
        np.testing.assert_allclose(sources(together, i, points), sources(apart, i, points), rtol=1e-7, atol=1e-6)


@pytest.mark.parametrize("steps", [[t] for t in ALL] + [ALL[:6], ALL[-6:]], ids=lambda s: type(s[0]).__name__)
def test_the_numbers_of_a_plan_do_not_depend_on_its_size(steps: list[Transform]) -> None:
    """Bit for bit: array arithmetic may add in another order, or take another routine, for another length."""
    recipe, n = af.Recipe(steps), 203

    def numbers(at: np.ndarray) -> list[np.ndarray]:
        canvas = Canvas(np.full(len(at), 64), np.full(len(at), 64))
        source = Source(canvas, 3, np.dtype(np.uint8))
        plan = make(draw(recipe.transforms, 3, 1, at), recipe.inner.settings, source, None)
        found: list[np.ndarray] = []
        for step in plan.steps:
            if isinstance(step, Segment):
                found += [v for v in (step.geometry, step.color, step.mean_gain, step.fill_color) if v is not None]
                found += [field.field.points for field in step.fields]
            else:
                found += list(step.params.values())
        for step in lower(plan).steps:
            if isinstance(step, Pass):
                found += [v for v in (step.color, step.gain, step.fills) if v is not None]
                found += [] if step.sampling is None else [step.sampling.matrices, *(step.sampling.reduced or canvas)]
                found += [] if step.sampling is None else [bend.maps for bend in step.sampling.bends]
        return found

    whole = numbers(np.arange(n))
    for at in (np.array([17]), np.array([202]), np.array([3, 99]), np.arange(50, 61)):
        assert all(np.array_equal(part, bulk[at]) for part, bulk in zip(numbers(at), whole, strict=True))


# Steps that lose nothing when they are done one after the other: turns and flips move whole pixels and never look
# outside, colours are not clipped in between.
EXACT = [t for t in LEAVES if (not isinstance(t, MOVING) or t.moves_whole_pixels) and not t.sets_size]


@random_recipes
@settings(max_examples=60)
@given(
    bodies(EXACT, 5), ends([end for end in ENDS if isinstance(end, Write)]),
    st.sampled_from(["nearest", "reflect", "wrap", "constant"]), st.integers(0, 2**64 - 1),
)  # fmt: skip
def test_the_fused_plan_means_what_the_steps_mean(
    body: list[Transform], end: list[Transform], fill: str, seed: int
) -> None:
    images = as_images(pictures(2, 13, 13))
    recipe = af.Recipe([*body, *end], fill=fill, fill_value=9)
    apart = unfused(recipe, images, seed=seed, dtype="float32")
    together = fused(recipe, images, seed=seed, dtype="float32")
    assert len(together.steps) <= len(apart.steps)
    one, other = by_reference(together, images), by_reference(apart, images)
    np.testing.assert_allclose(one, other, rtol=0, atol=1e-3 * max(1.0, float(np.abs(other).max()) / 255))


@given(st.lists(st.sampled_from([t for t in LEAVES if isinstance(t, Color)]), max_size=3), st.integers(0, 2**64 - 1))
def test_colours_before_after_and_between_warps_commute(colors: list[Transform], seed: int) -> None:
    """A warp only mixes pixels with weights that sum to 1, so a colour matrix may come before or after it."""
    colors = [t for t in colors if getattr(t, "pivot", "mid") == "mid"]
    images = as_images(pictures(2, 13, 17))
    warp = [af.Rotate((20, 20)), af.Scale((1.2, 1.2))]
    orders = [[*colors, *warp], [warp[0], *colors, warp[1]], [*warp, *colors]]
    results = [by_reference(fused(af.Recipe(o), images, seed=seed, dtype="float32"), images) for o in orders]
    for result in results[1:]:
        np.testing.assert_allclose(result, results[0], atol=1e-2)


def test_the_source_is_surrounded_by_the_fill_colour() -> None:
    """It passes every colour that comes after the first warp, and none that comes before it."""
    white = np.full((1, 8, 8, 3), 255, np.uint8)
    away = af.Translate((1, 1), (0, 0))  # nothing of the picture is left

    def colour(*steps: Transform) -> float:
        images = as_images(white)
        plan = fused(af.Recipe(list(steps), fill="constant", fill_value=100), images)
        wanted = by_reference(plan, images)
        (value,) = {int(v) for v in wanted.ravel()}
        assert np.array_equal(
            af.Recipe(list(steps), fill="constant", fill_value=100).batch(white, seed=0).images, wanted
        )
        return value

    darker, invert = af.Brightness((0.5, 0.5)), af.Invert(p=1.0)
    assert colour(away) == 100
    assert colour(darker, away) == 100
    assert colour(away, darker) == 50
    assert colour(away, invert, darker) == 78  # (255 - 100) / 2 = 77.5
    assert colour(darker, away, invert) == 155
    assert colour(away, darker, away, invert) == 205  # the surroundings were there before the second warp
    assert colour(away, af.GaussianBlur(1), invert) == 155
    assert colour(invert, away, af.Contrast((0.5, 0.5), pivot="mean")) == 100


@pytest.mark.parametrize("seed", range(5))
def test_segments_follow_from_the_recipe_not_from_what_was_drawn(seed: int) -> None:
    """An inactive transform is the identity inside its segment."""
    steps = [
        af.Rotate(20, p=0.5),
        af.Invert(p=0.5),
        af.GaussianBlur(p=0.5),
        af.Contrast(pivot="mean", p=0.5),
        af.HorizontalFlip(),
    ]
    images = as_images(pictures(4, 12, 12))
    wanted = [
        ("Segment", ("Rotate",), ("Invert",)),
        ("Local", "GaussianBlur"),
        ("Segment", ("HorizontalFlip",), ("Contrast",)),
    ]
    for p in (None, 0.0, 1.0):
        chosen = (
            steps
            if p is None
            else [type(t)(**{n: getattr(t, n) for n in t.__struct_fields__} | {"p": p}) for t in steps]
        )
        plan = fused(af.Recipe(chosen), images, seed=seed)
        shape = [
            ("Segment", s.geometry_names, s.color_names) if isinstance(s, Segment) else ("Local", s.name)
            for s in plan.steps
        ]
        assert shape == wanted
    inactive = fused(af.Recipe([af.Rotate(20, p=0.0), af.Invert(p=0.0)]), images, seed=seed).steps[0]
    assert isinstance(inactive, Segment) and inactive.geometry is not None and inactive.color is not None
    assert np.array_equal(inactive.geometry, np.tile(np.eye(3), (4, 1, 1)))
    assert np.array_equal(inactive.color, np.tile(np.eye(3, 4), (4, 1, 1)))


def test_fused_rotations_lose_no_corner() -> None:
    """The point of one warp: there and back again is the picture itself."""
    x = pictures(1, 30, 40)
    there_and_back = [af.Translate((0.4, 0.4), (0, 0)), af.Translate((-0.4, -0.4), (0, 0))]
    assert np.array_equal(af.Recipe(there_and_back, fill="constant").batch(x, seed=0).images, x)
    images = as_images(x)
    lost = by_reference(unfused(af.Recipe(there_and_back, fill="constant"), images), images)
    assert (lost[:, :, -16:] == 0).all()


def test_paths_number_transforms_of_one_kind() -> None:
    steps = (af.Rotate(), af.Shear(), af.Rotate(), af.Rotate())
    assert [path for path, _ in paths(steps)] == ["Rotate#0", "Shear#0", "Rotate#1", "Rotate#2"]


@pytest.mark.parametrize(
    ("steps", "text"),
    [
        ([], "write 224x224x3 uint8"),
        ([af.Rotate(), af.Translate(), af.ColorJitter(), af.Normalize()],
         "Rotate, Translate -> 1 warp; ColorJitter -> 1 matrix; Normalize -> write 224x224x3 float32"),
        ([af.Invert(), af.Rotate(), af.Hue()], "Rotate -> 1 warp; Invert, Hue -> 1 matrix; write 224x224x3 uint8"),
        ([af.Rotate(), af.GaussianBlur(), af.Shear(), af.Resize((9, 8))],
         "Rotate -> 1 warp; GaussianBlur -> 1 kernel; Shear, Resize -> 1 warp; write 9x8x3 uint8"),
        ([af.Brightness(), af.Contrast(pivot="mean"), af.Invert()],
         "Brightness -> 1 matrix; Contrast, Invert -> 1 matrix with the image mean; write 224x224x3 uint8"),
    ],
)  # fmt: skip
def test_explain(steps: list[Transform], text: str) -> None:
    assert af.Recipe(steps).explain() == text


def test_explain_other_shapes() -> None:
    assert af.Recipe([af.Pad(1)]).explain((10, 20, 1), np.float32) == "Pad -> 1 warp; write 12x22x1 float32"


def test_matrices_without_an_inverse_are_refused() -> None:
    flat = af.Recipe([af.Scale(x=(0.01, 0.01))] * 7)
    with pytest.raises(
        af.RecipeError,
        match=r"(?s)Scale, Scale.*: the matrix of sample 0 has no inverse, .*Narrow the ranges of scale and shear",
    ):
        flat.batch(pictures(1, 8, 8), seed=0)
    sheared = af.Recipe([af.Shear((45, 45), (-45, -45))])  # 1 + tan(x) tan(y) is 0, and that alone is no harm
    assert sheared.batch(pictures(1, 8, 8), seed=0).images.shape == (1, 8, 8, 3)


def test_sizes_that_do_not_stack_are_refused() -> None:
    with pytest.raises(
        af.ImageError, match=r"images of different sizes \(12x20, 20x12\).*Add af\.Resize\(\(height, width\)\)"
    ):
        af.Recipe([af.Rotate90()]).batch(pictures(20, 12, 20), seed=0)


def test_a_plan_tells_what_was_done() -> None:
    batch = af.Recipe([af.Rotate((7, 7)), af.Normalize()]).batch(pictures(3, 8, 9), seed=5, epoch=2, indices=[4, 5, 6])
    plan = batch.plan
    assert (plan.seed, plan.epoch, plan.indices.tolist(), len(plan)) == (5, 2, [4, 5, 6], 3)
    assert (plan.low, plan.high, plan.channels, plan.fill, plan.interpolation) == (0, 255, 3, "nearest", "bilinear")
    again = by_reference(plan, as_images(pictures(3, 8, 9)))
    np.testing.assert_allclose(again, batch.images, atol=1e-2)
    fresh = af.Recipe([af.Rotate()]).batch(pictures(3, 8, 9))
    replayed = af.Recipe([af.Rotate()]).batch(pictures(3, 8, 9), seed=fresh.plan.seed)
    assert np.array_equal(fresh.images, replayed.images)
