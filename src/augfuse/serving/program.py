"""What evaluation does to an image of any size, in a form that can be written into a model: numbers and few steps.

Everything but the places comes out of the recipe's own plan; the places are formulas of the size (`placement`), which
are compared with the plan for many sizes before anything is exported.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple, final

import numpy as np

from augfuse.algebra.geometry import EDGE, Canvas
from augfuse.errors import ImageError, RecipeError
from augfuse.plan.lower import lower
from augfuse.plan.lowered import Pass, Sampling
from augfuse.recipe import Recipe
from augfuse.serving.placement import RULES, followed
from augfuse.text import shown
from augfuse.transforms.base import Color, Geometric, Local, Write

# Sides of the images for which formulas and plans are compared, each with each.
_SIDES = (1, 2, 3, 5, 8, 17, 28, 32, 47, 64, 97, 128, 150, 195, 224, 256, 299, 320, 375, 500, 640, 777, 1080, 4000)
_CLOSE = 1e-9  # of the formulas to the plan, relative to the sides
_BYTES = np.dtype(np.uint8)


class Kernel(NamedTuple):
    """How pixels are read along one axis."""

    interpolation: str
    above: float  # what shrinks by more is averaged


@final
class Program(NamedTuple):
    """The evaluation of a recipe, on uint8 images of `channels`. Arrays have one entry for each channel.

    moves: the transforms that move pixels. size: (h, w) of what comes out; None: as it comes in. color: (c, c + 1), a
    matrix and what is added. fills: the colour outside of the image, None where its edge goes on. standardize: each
    image is brought to mean 0 and standard deviation 1 at the end.
    """

    channels: int
    moves: tuple[Geometric, ...]
    size: tuple[int, int] | None
    kernel: Kernel
    color: np.ndarray | None
    fills: np.ndarray | None
    low: float
    high: float
    scale: np.ndarray
    bias: np.ndarray
    standardize: bool


def program(recipe: Recipe, channels: int) -> Program:
    """The evaluation of a recipe as a program. RecipeError, by name, for what a program cannot hold."""
    evaluation = recipe.eval()
    moves = []
    for transform in evaluation.transforms:
        if isinstance(transform, Geometric):
            if type(transform) not in RULES:
                raise _refused(transform, f"wanted one of {', '.join(rule.__name__ for rule in RULES)}")
            moves.append(transform)
        elif not isinstance(transform, (Color, Write)):
            instead = "put what it does into the model, or leave it out"
            raise _refused(transform, instead if isinstance(transform, Local) else "leave it out, or train without it")
    sides = _SIDES if moves else (64,)
    sizes = Canvas(*(side.ravel() for side in np.meshgrid(sides, sides, indexing="ij")))
    indices = np.arange(len(sizes.width))
    try:
        lowered = lower(evaluation.plan(sizes, channels, _BYTES, indices, seed=0, dtype=np.dtype(np.float32)))
    except ImageError as error:  # they do not stack
        raise RecipeError(
            f"export: what comes out of {shown(list(evaluation.transforms))} differs in size from image to image, "
            "wanted one size. Add af.CenterCrop(size), or use af.Resize(size) or af.LetterBox(size)."
        ) from error
    if len(lowered.steps) > 1 or not all(isinstance(step, Pass) for step in lowered.steps):
        raise RecipeError(
            f"export: evaluation takes {len(lowered.steps)} passes over the pixels, wanted one. Put LetterBox behind "
            "all that moves pixels, or leave the other steps out."
        )
    step = lowered.steps[0] if lowered.steps else Pass(sizes)
    assert isinstance(step, Pass)
    size = (int(lowered.size.height[0]), int(lowered.size.width[0])) if moves else None
    kernel = Kernel("bilinear", math.inf)
    if step.sampling is not None:
        kernel = Kernel(step.sampling.interpolation, step.sampling.averages_above)
        _check_places(tuple(moves), sizes, step.sampling)
        _check_border(evaluation, sizes, step.size, step.sampling)
    output = lowered.output
    return Program(
        channels, tuple(moves), size, kernel, _color(step, channels),
        None if step.fills is None else step.fills[0], output.low, output.high, output.scale[0], output.bias[0],
        output.standardize is not None,
    )  # fmt: skip


def _color(step: Pass, channels: int) -> np.ndarray | None:
    if step.color is None and step.gain is None:
        return None
    found = np.zeros((channels, channels + 1))
    found[:, :channels] = np.eye(channels)
    if step.color is not None:
        found[:3, :3], found[:3, channels] = step.color[0, :, :3], step.color[0, :, 3]
    else:
        assert step.gain is not None
        found[:, :channels] *= step.gain[0, 0]
        found[:, channels] = step.gain[0, 1]
    return found


def _refused(transform: Any, wanted: str) -> RecipeError:
    return RecipeError(f"export: evaluation keeps {shown(transform)}, which an artefact cannot hold; {wanted}.")


def _check_places(moves: tuple[Geometric, ...], sizes: Canvas, sampling: Sampling) -> None:
    """The formulas say what the plan says; a formula that is forgotten when a transform changes ends here."""
    y, x = followed(moves, np, sizes.height.astype(np.float64), sizes.width.astype(np.float64))
    for axis, side, (factor, shift) in ((x, sizes.width, (0, 2)), (y, sizes.height, (4, 5))):
        ours = np.broadcast_arrays(1 / axis.scale, -axis.shift / axis.scale, side)[:2]
        theirs = sampling.matrices[:, factor], sampling.matrices[:, shift]
        if any((np.abs(a - b) > _CLOSE * side).any() for a, b in zip(ours, theirs, strict=True)):
            raise RecipeError(f"export: the places of {shown(list(moves))} do not follow from the size alone.")


def _check_border(recipe: Recipe, sizes: Canvas, size: Canvas, sampling: Sampling) -> None:
    """Beyond the edge only its pixels, or a colour, can be held."""
    if sampling.border in ("nearest", "constant"):
        return
    for side, out, (factor, shift) in ((sizes.width, size.width, (0, 2)), (sizes.height, size.height, (4, 5))):
        first = sampling.matrices[:, factor] * 0.5 + sampling.matrices[:, shift] + EDGE
        last = sampling.matrices[:, factor] * (out - 0.5) + sampling.matrices[:, shift] - EDGE
        if (first < 0).any() or (last > side).any():
            raise RecipeError(
                f"export: the recipe's fill={shown(recipe.fill)} is seen beside small images, and an artefact cannot "
                'hold it. Use fill="nearest" or "constant", or a Resize(size, mode="cover") in front of the crop.'
            )
