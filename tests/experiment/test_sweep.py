"""Recipes made milder and stronger, and the training runs that compare them."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest

import augfuse as af
from augfuse.algebra.ranges import Interval
from augfuse.plan.ops import Segment
from augfuse.transforms.base import specs
from augfuse.transforms.children import Child, Children, Lists, inside
from oracles import batch_of

EXAMPLES = [(cls, i) for cls in af.list_transforms() for i in range(len(cls.examples))]
IDS = [f"{cls.__name__}-{i}" for cls, i in EXAMPLES]
STRENGTHS = (0, 0.25, 0.5, 1, 1.5, 4)


def recipe_of(cls: type[af.Transform], i: int) -> af.Recipe:
    return af.Recipe([cls(**cls.examples[i])], fill="reflect")


@pytest.mark.parametrize(("cls", "i"), EXAMPLES, ids=IDS)
def test_every_transform_scales(cls: type[af.Transform], i: int) -> None:
    recipe = recipe_of(cls, i)
    before = recipe.to_python()
    assert recipe.scaled(1) is recipe
    assert recipe.scaled(0) == recipe.eval()
    images = np.random.default_rng(0).integers(0, 256, (6, 64, 64, 3), dtype=np.uint8)
    plain = batch_of(recipe.scaled(0), images, seed=3)
    assert np.array_equal(plain.images, batch_of(recipe, images, training=False).images)
    for strength in STRENGTHS:
        scaled = recipe.scaled(strength)
        assert scaled.eval() == recipe.eval(), "evaluation does not depend on the strength"
        assert af.Recipe.from_yaml(scaled.to_yaml()) == scaled
        assert scaled.fill == "reflect"
        if cls not in (af.RandomHeight, af.RandomWidth, af.Rotate90, af.ScaleJitter, af.Transpose):
            shape = batch_of(recipe, images, seed=3).images.shape
            assert batch_of(scaled, images, seed=3).images.shape == shape
    assert recipe.to_python() == before


@pytest.mark.parametrize(("cls", "i"), EXAMPLES, ids=IDS)
def test_ranges_are_scaled_within_their_domain(cls: type[af.Transform], i: int) -> None:
    transform = cls(**cls.examples[i])
    if af.Recipe([transform]).eval().transforms == (transform,):
        assert af.Recipe([transform]).scaled(0.5).transforms == (transform,), "preprocessing stays"
        return
    check_scaled(transform, *(af.Recipe([transform]).scaled(s).transforms[0] for s in (0.5, 2.0)))


def check_scaled(transform: af.Transform, half: af.Transform, double: af.Transform) -> None:
    """A transform beside itself at half and at double strength; what it chooses among, too."""
    cls = type(transform)
    assert type(half) is type(double) is cls
    assert 0 <= half.probability <= transform.probability <= double.probability <= 1
    for lists in zip(*(inside(t) or () for t in (transform, half, double)), strict=True):
        for children in zip(*lists, strict=True):
            check_scaled(*children)
    for name, spec in specs(cls).items():
        was, less, more = (getattr(t, name) for t in (transform, half, double))
        if isinstance(spec, (Children, Child, Lists)) or name == "p":
            continue
        if not isinstance(spec, Interval) or was is None:
            assert was == less == more or isinstance(transform, af.Scale)
            continue
        for low, high in (less, more):
            assert spec.minimum <= low <= high <= spec.maximum
        if spec.scales:
            assert less[1] - less[0] <= was[1] - was[0] + 1e-12


def test_what_half_and_double_mean() -> None:
    recipe = af.Recipe(
        [
            af.Rotate(degrees=(-20, 10)),
            af.Brightness(factor=(0.8, 1.4)),
            af.Scale(),
            af.Scale(x=(0.5, 1.0)),
            af.HorizontalFlip(),
            af.GaussianBlur(sigma=(0.5, 2.0), p=0.6),
            af.RandomResizedCrop(32, scale=(0.2, 1.0)),
            af.Normalize(),
        ]
    )
    half = recipe.scaled(0.5)
    assert half.transforms == (
        af.Rotate(degrees=(-10, 5)),
        af.Brightness(factor=(0.9, 1.2)),
        af.Scale(factor=(0.95, 1.05)),
        af.Scale(x=(0.75, 1.0)),
        af.HorizontalFlip(p=0.25),
        af.GaussianBlur(sigma=(0.25, 1.0), p=0.3),
        af.RandomResizedCrop(32, scale=(0.6, 1.0), ratio=(0.875, (1 + 4 / 3) / 2)),
        af.Normalize(),
    )
    double = recipe.scaled(2)
    assert double.transforms[0] == af.Rotate(degrees=(-40, 20))
    assert [t.p for t in double.transforms] == [1, 1, 1, 1, 1, 1, 1, 1]
    assert af.Recipe([af.Rotate(300)]).scaled(2).transforms == (af.Rotate(360),)


def test_a_fixed_value_moves_towards_the_neutral_one() -> None:
    (turned,) = af.Recipe([af.Rotate((90, 90))]).scaled(0.5).transforms
    assert turned == af.Rotate((45, 45))


def test_the_same_seed_turns_the_same_way() -> None:
    recipe = af.Recipe([af.Rotate(20)])
    images = np.zeros((16, 8, 8, 3), np.uint8)

    def angles(strength: float) -> np.ndarray:
        plan = recipe.scaled(strength).batch(images, seed=1).plan
        assert plan is not None
        (step,) = plan.steps
        assert isinstance(step, Segment) and step.geometry is not None
        return np.rad2deg(np.arctan2(step.geometry[:, 0, 1], step.geometry[:, 0, 0]))

    assert np.abs(angles(1)).max() > 5
    assert np.allclose(angles(1), 2 * angles(0.5))


@pytest.mark.parametrize("strength", [-1, float("nan"), float("inf"), "1", True, None])
def test_strengths_that_are_none(strength: object) -> None:
    with pytest.raises(af.RangeError, match="strength: got"):
        af.Recipe([af.Rotate()]).scaled(strength)  # type: ignore[arg-type]


def test_a_recipe_is_not_changed() -> None:
    recipe = af.Recipe([af.Rotate(20), af.HorizontalFlip()])
    copy = msgspec.structs.replace(recipe)
    recipe.scaled(0.3)
    assert recipe == copy
