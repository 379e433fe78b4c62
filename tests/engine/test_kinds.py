"""The kinds of transforms on their way to an executor: what is refused by name, and the numbers that are lowered."""

from __future__ import annotations

from typing import Any, final

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import augfuse as af
from augfuse.execute import reference
from augfuse.execute.batch_images import as_images
from augfuse.plan.lowered import REDUCE_ABOVE, Pass
from augfuse.plan.ops import Segment
from augfuse.plan.plan import Plan
from augfuse.transforms.base import Local, Tone, Transform
from oracles import EXAMPLES, fused, numbers, pictures, random_recipes, sources
from trees import LEAVES, bodies


@final
class Unknown(Transform, frozen=True):
    """Of no kind."""


@pytest.mark.parametrize(
    ("transform", "message"),
    [
        (
            Unknown(),
            r"Unknown: got a transform of no known kind, wanted a class made of one of Geometric, Displacement, Color",
        ),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Transform) else "",
)
def test_what_no_executor_runs_is_refused_by_name(transform: Transform, message: str) -> None:
    images = pictures(2, 8, 9)
    for recipe in (af.Recipe([af.Rotate(), transform]), af.Recipe([af.Sequential([af.Invert(), transform])])):
        with pytest.raises(af.RecipeError, match=message):
            recipe.batch(images, seed=0)
    with pytest.raises(af.RecipeError, match=f"OneOf/{type(transform).__name__}|{type(transform).__name__}: got"):
        af.Recipe([af.OneOf([af.Invert(), transform])]).batch(images, seed=0)


LOCALS = [(cls, example) for cls, example in EXAMPLES if issubclass(cls, Local)]


@pytest.mark.parametrize(("cls", "example"), LOCALS, ids=lambda value: getattr(value, "__name__", ""))
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_a_local_does_to_many_images_what_it_does_to_one(
    cls: type[Local], example: dict[str, Any], channels: int
) -> None:
    if len(example.get("value", (0,))) not in (1, channels):
        pytest.skip("the example paints RGB")
    recipe = af.Recipe([cls(**{**example, "p": 1.0})])
    images = pictures(3, 21, 34, channels)
    (step,) = numbers(fused(recipe, as_images(images), seed=1)).steps
    assert not isinstance(step, Pass)
    quick, active = images.astype(np.float32), np.array([True, False, True])
    step.apply_all(quick, quick, step.params, active)
    for i, image in enumerate(images):
        exact = step.apply(image.astype(np.float64), step.params_of(i)) if active[i] else image
        np.testing.assert_allclose(quick[i], exact, rtol=0, atol=2e-3)


# What surrounds the source passes curves too: `test_tones.py` looks at that.
STRAIGHT = [leaf for leaf in LEAVES if not isinstance(leaf, Tone)]


@random_recipes
@given(
    bodies(STRAIGHT),
    st.integers(0, 2**64 - 1),
    st.sampled_from([1, 3, 4, 5]),
    st.sampled_from(["nearest", "bilinear", "bicubic", "area"]),
)
def test_the_lowered_numbers_are_those_of_linear_algebra(
    body: list[Transform], seed: int, channels: int, interpolation: str
) -> None:
    """The executors share them, so that comparing these with each other says nothing about them."""
    recipe = af.Recipe(body, fill="constant", fill_value=40, interpolation=interpolation, value_range=(0, 200))
    images = as_images(pictures(1, 40, 60, channels, "float32"))
    try:
        plan = fused(recipe, images, seed=seed)
    except af.AugfuseError:  # a colour that mixes, or paints, other channels
        return
    source = int(plan.source.height[0]), int(plan.source.width[0])  # behind mixes
    for segment, step in zip(plan.steps, numbers(plan).steps, strict=True):
        if not isinstance(segment, Segment):
            assert segment is step
        else:
            assert isinstance(step, Pass)
            _check_sampling(plan, segment, step, source, interpolation)
            _check_colors(segment, step, channels)
        source = (int(segment.size.height[0]), int(segment.size.width[0]))


def _whole(segment: Segment) -> np.ndarray:
    """All matrices of a segment as one."""
    found = np.tile(np.eye(3), (1, 1, 1))
    for matrix in (*(field.before for field in segment.fields), segment.geometry):
        found = found if matrix is None else matrix @ found
    return found


def _check_sampling(plan: Plan, segment: Segment, step: Pass, source: tuple[int, int], interpolation: str) -> None:
    if segment.geometry is None:
        assert step.sampling is None and step.fills is None
        return
    assert step.sampling is not None
    height, width = (int(side[0]) for side in segment.size)
    middle = np.array([[width / 2], [height / 2]])
    straight = msgspec.structs.replace(
        plan, steps=(msgspec.structs.replace(segment, fields=(), geometry=_whole(segment)),)
    )
    ends = np.array([[0.5, -0.5, 0, 0], [0, 0, 0.5, -0.5]]) * 1e-3
    around = sources(straight, 0, middle + ends)
    slopes = np.stack([around[:, 0] - around[:, 1], around[:, 2] - around[:, 3]], axis=1) * 1e3
    spans = [float(np.hypot(*slopes[row])) for row in (1, 0)]  # along y, along x
    exact = [float(side) for side in source]
    if interpolation != "nearest" and segment.grid == "free":  # along its axes it shrinks straight into the output
        for axis, span in enumerate(spans):
            if span > (1 if interpolation == "area" else REDUCE_ABOVE):
                exact[axis] = max(source[axis] / span, 1)
    reduced = source if step.sampling.reduced is None else [int(side[0]) for side in step.sampling.reduced]
    assert step.sampling.reduced is None or tuple(reduced) != tuple(source)
    assert np.abs(np.subtract(reduced, exact)).max() <= 0.5 + 1e-6  # either side of a tie
    factors = np.array([[reduced[1] / source[1]], [reduced[0] / source[0]]])
    points = np.random.default_rng(0).uniform(0.1, 0.9, (2, 9)) * np.array([[width], [height]])
    wanted = sources(msgspec.structs.replace(plan, steps=(segment,)), 0, points) * factors
    got = np.stack(reference.bent(step.sampling.bends, 0, *points))
    got = np.stack(reference.mapped(step.sampling.matrices[0].reshape(2, 3), *got))
    seen = (np.abs(wanted) < 2000).all(axis=0)  # not at the horizon
    np.testing.assert_allclose(got[:, seen], wanted[:, seen], rtol=1e-6, atol=1e-6)
    assert step.sampling.interpolation == interpolation and step.sampling.border == "constant"


def _colored(matrix: np.ndarray, color: np.ndarray) -> np.ndarray:
    """A colour with values in 0..200 through a matrix on values in [0, 1]; one number counts as r = g = b."""
    rgb = color[:3] if len(color) in (3, 4) else np.repeat(color[:1], 3)
    out = (matrix[:, :3] @ (rgb / 200) + matrix[:, 3]) * 200
    return np.concatenate([out, color[3:]]) if len(color) in (3, 4) else np.repeat(out[:1], len(color))


def _check_colors(segment: Segment, step: Pass, channels: int) -> None:
    color = np.linspace(10, 190, channels) if channels in (3, 4) else np.full(channels, 77.0)
    if segment.color is None:
        assert step.color is None and step.gain is None
    else:
        wanted = _colored(segment.color[0], color)
        if channels == 4 or (channels == 3 and segment.mixes_channels):
            assert step.color is not None and step.gain is None
            got = np.concatenate([step.color[0, :, :3] @ color[:3] + step.color[0, :, 3], color[3:]])
        else:
            assert step.gain is not None and step.color is None
            got = color * step.gain[0, 0] + step.gain[0, 1]
        np.testing.assert_allclose(got, wanted, rtol=1e-9, atol=1e-6)
    if segment.geometry is not None:
        assert step.fills is not None
        fill = np.full(channels, 40.0) if segment.surround is None else np.broadcast_to(segment.surround, channels)
        wanted = fill if segment.fill_color is None else _colored(segment.fill_color[0], fill)
        np.testing.assert_allclose(step.fills[0], wanted, rtol=1e-9, atol=1e-6)
