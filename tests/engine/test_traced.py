"""Draws, matrices and fusion inside a program: the numbers that the host's plan has, for every transform."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import augfuse as af
from augfuse.algebra import geometry
from augfuse.algebra.geometry import Canvas
from augfuse.algebra.traced import NotTraceableError
from augfuse.errors import ImageError, RecipeError
from augfuse.execute.arrays import prepare
from augfuse.execute.arrays.drawn import Program
from augfuse.execute.arrays.numpy_names import algebra_for
from augfuse.execute.arrays.philox32 import halves
from augfuse.plan.settings import Source

SEED, EPOCH, H, W = 7, 3, 40, 56
INDICES = np.array([5, 0, 77, 3, 2**20], np.int64)
# What makes its numbers on the host, and what has no program at all.
ON_HOST = {"CropToMask", "ElasticTransform", "GridDistortion", "OpticalDistortion", "Perspective"}
NO_PROGRAM = {"CopyPaste", "CutMix", "Lambda", "MixUp", "Mosaic", "Views"}
SIZES = {"Rotate90", "Transpose", "IoUCrop", "RandomWidth", "RandomHeight", "ScaleJitter", "SmallestMaxSize"}
COMBINED = (
    af.Recipe([af.Rotate(30), af.Affine(degrees=20, scale=0.3), af.Contrast(pivot="mean"), af.Hue()], fill="constant"),
    af.Recipe([af.RandomWidth(), af.RandomHeight(), af.Resize((H, W), "cover"), af.CenterCrop(32), af.Normalize()]),
    af.Recipe([af.CenterCrop(40), af.RandomOrder([af.Rotate90(), af.Transpose(), af.ChannelShift()])]),
    af.Recipe([af.OneOf([af.Rotate(9), af.Scale(0.4)], (1, 3)), af.SomeOf([af.Invert(), af.Gamma()], 2, replace=True)]),
    af.Recipe([af.Scale((0.3, 0.9)), af.Rotate(50), af.Erase(p=0.7), af.PerImageStandardize(p=0.5)]),
)


def program(recipe: af.Recipe, dtype: str = "uint8") -> Program:
    source = Source(Canvas(np.array([H]), np.array([W])), 3, np.dtype(dtype))
    return Program(recipe.transforms, recipe.inner.settings, recipe.inner.slots, source, np.dtype("float32"), EPOCH)


def check(recipe: af.Recipe, made: Program, name: str, dtype: str = "uint8") -> None:
    canvas = Canvas(np.full(5, H), np.full(5, W))
    single = np.dtype("float32")
    plan = recipe.plan(canvas, 3, np.dtype(dtype), INDICES, seed=SEED, epoch=EPOCH, dtype=single)
    static, wanted = prepare(plan, made.static)
    found = made.numbers(algebra_for(name), SEED, halves(EPOCH), halves(INDICES))
    assert static == made.static and found.keys() == wanted.keys()
    for key, right in wanted.items():
        number, right = np.asarray(found[key], np.float64), right.astype(np.float64)
        assert number.shape == right.shape, key
        assert np.abs(number - right).max() <= (1.01 if "table" in key else 1e-4 * (1 + np.abs(right).max())), key


@pytest.mark.parametrize("cls", af.list_transforms(), ids=lambda cls: cls.__name__)
@pytest.mark.parametrize("dtype", ["uint8", "float32"])
def test_every_transform(cls: type[af.Transform], dtype: str) -> None:
    name = cls.__name__
    for example in cls.examples[: 1 if name in ON_HOST else 2]:
        recipe = af.Recipe([cls(**example)])
        if name in ON_HOST:
            with pytest.raises(NotTraceableError, match="a compiled program"):
                program(recipe, dtype)
            continue
        try:
            made = program(recipe, dtype)
        except (RecipeError, ImageError):
            assert name in NO_PROGRAM | SIZES or (name, dtype) == ("Equalize", "float32")
            continue
        check(recipe, made, "host", dtype)


@pytest.mark.parametrize("name", ["host", "jax", "tensorflow"])
@pytest.mark.parametrize("recipe", COMBINED, ids=range(len(COMBINED)))
def test_recipes_of_several(recipe: af.Recipe, name: str) -> None:
    if name != "host":
        pytest.importorskip(name, reason=f"needs the extra: pip install 'augfuse[{name}]'")
    check(recipe, program(recipe), name)


def test_a_transform_of_the_users() -> None:
    """Written for NumPy alone."""
    from augfuse.algebra.rng import Draw
    from augfuse.transforms.base import Geometric, Params

    class Zoom(Geometric, frozen=True):
        def draw(self, draw: Draw) -> Params:
            return {"by": draw.uniforms("by", 2).max(axis=1) + 1, "flip": draw.coin("flip", 0.3)}

        def matrix(self, params: Params, canvas: Canvas) -> tuple[np.ndarray, Canvas]:
            by = np.where(params["flip"], -params["by"], params["by"])
            return geometry.about_centre(canvas, by, 0.0, 0.0, np.sqrt(params["by"])), canvas

    class Assigns(Geometric, frozen=True):
        def draw(self, draw: Draw) -> Params:
            return {"x": draw.uniform("x")}

        def matrix(self, params: Params, canvas: Canvas) -> tuple[np.ndarray, Canvas]:
            found = np.tile(np.eye(3), (len(params["x"]), 1, 1))
            found[:, 0, 2] = params["x"]
            return found, canvas

    recipe = af.Recipe([Zoom(), af.Rotate(10)])
    check(recipe, program(recipe), "host")
    with pytest.raises(NotTraceableError):
        program(af.Recipe([Assigns()]))


def test_how_far_it_may_shrink_is_found_out_on_the_host() -> None:
    averages: list[Any] = []
    for factor in (0.95, 0.72, 0.3):  # shrinks by up to 1.05, 1.39, which is near the limit of 1.5, and 3.3
        recipe = af.Recipe([af.Scale((factor, 1)), af.Rotate(5)])
        averages.append(program(recipe).static.steps[0].sampling.averages)  # type: ignore[union-attr]
    assert averages == [False, True, True]
