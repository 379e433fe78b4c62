"""Recipe and sizes -> draws -> an unfused plan: one step per transform, in list order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import numpy as np

from augfuse import color, geometry
from augfuse.errors import RecipeError
from augfuse.geometry import Canvas
from augfuse.plan.plan import LocalStep, Pass, Plan, Step, WriteStep
from augfuse.ranges import per_channel
from augfuse.rng import Draw
from augfuse.transforms.base import Color, Geometric, Local, Transform, Write


def paths(transforms: tuple[Transform, ...]) -> Iterator[tuple[str, Transform]]:
    """Each transform with its path in the recipe: its name and how many of its kind stand before it ("Rotate#0")."""
    seen: Counter[str] = Counter()
    for transform in transforms:
        name = type(transform).__name__
        yield f"{name}#{seen[name]}", transform
        seen[name] += 1


def value_range(dtype: np.dtype, declared: tuple[float, float] | None) -> tuple[float, float]:
    """Full scale: 0..255 for uint8, 0..65535 for uint16, 0..1 for floats, unless it is declared."""
    if dtype.kind != "u":
        return (0.0, 1.0) if declared is None else declared
    most = float(np.iinfo(dtype).max)
    if declared is not None and (declared[0] < 0 or declared[1] > most):
        raise RecipeError(
            f"value_range: got {declared} for {dtype.name} images, wanted within 0..{most:g}. "
            "Leave it out, or convert to float32."
        )
    return (0.0, most) if declared is None else declared


def fires(draw: Draw, p: float) -> np.ndarray | None:
    """On which images a transform acts: (n,) bool; None where every image is meant."""
    if p == 1:
        return None
    return draw.coin("p", p) if p > 0 else np.zeros(len(draw.indices), bool)


def geometric_pass(transform: Geometric, draw: Draw, active: np.ndarray | None, canvas: Canvas) -> Pass:
    """One geometric transform as a pass of its own; those it does not act on keep their size."""
    matrix, size = transform.matrix(transform.draw(draw), canvas)
    if active is not None:
        matrix = geometry.where(active, matrix)
        size = Canvas(*(np.where(active, new, old) for new, old in zip(size, canvas, strict=True)))
    return Pass(size=size, geometry_names=(type(transform).__name__,), geometry=matrix)


def _color(transform: Color, draw: Draw, active: np.ndarray | None, canvas: Canvas) -> Pass:
    params = transform.draw(draw)
    matrix = transform.matrix(params, len(draw.indices))
    gain = transform.mean_gain(params)
    if active is not None:
        matrix = color.where(active, matrix)
        gain = None if gain is None else gain * active[:, None]
    name = type(transform).__name__
    return Pass(size=canvas, color_names=(name,), color=matrix, mean_gain=gain, mixes_channels=transform.mixes_channels)


def _local(transform: Local, draw: Draw, active: np.ndarray | None, canvas: Canvas, channels: int) -> LocalStep:
    params = transform.plan(transform.draw(draw), canvas, channels)
    everyone = np.ones(len(draw.indices), bool) if active is None else active
    return LocalStep(type(transform).__name__, transform, params, everyone, canvas)


def _write(transform: Write | None, draw: Draw, dtype: np.dtype, channels: int, low: float, high: float) -> WriteStep:
    n = len(draw.indices)
    if transform is None:
        return WriteStep(dtype, np.ones((n, channels)), np.zeros((n, channels)))
    scale, bias = np.empty((n, channels)), np.empty((n, channels))
    scale[:], bias[:] = transform.scale(channels, low, high)
    active = fires(draw, transform.p)
    if active is not None:
        scale[~active] = 1.0
        bias[~active] = 0.0
    standardize = None
    if transform.standardizes:
        standardize = np.ones(n, bool) if active is None else active
    return WriteStep(dtype, scale, bias, type(transform).__name__, standardize)


def build(
    recipe,
    source: Canvas,
    channels: int,
    source_dtype: np.dtype,
    dtype: np.dtype | None,
    seed: int,
    epoch: int,
    indices: np.ndarray,
) -> Plan:
    """Draw the parameters of the images `indices` and lay them out, step by step. `dtype` None: the recipe decides."""
    low, high = value_range(source_dtype, recipe.value_range)
    canvas = source
    steps: list[Step] = []
    write = None
    write_draw = Draw(seed, epoch, indices, "")
    for path, transform in paths(recipe.transforms):
        draw = Draw(seed, epoch, indices, path)
        if isinstance(transform, Write):
            write, write_draw = transform, draw
            continue
        active = fires(draw, transform.p)
        if isinstance(transform, Geometric):
            step: Step = geometric_pass(transform, draw, active, canvas)
        elif isinstance(transform, Color):
            step = _color(transform, draw, active, canvas)
        else:
            assert isinstance(transform, Local)
            step = _local(transform, draw, active, canvas, channels)
        canvas = step.size
        steps.append(step)
    if dtype is None:
        dtype = source_dtype if write is None else np.dtype(np.float32)
    elif write is not None and dtype.kind != "f":
        raise RecipeError(
            f"dtype: got {dtype.name} for a recipe that ends in {type(write).__name__}, wanted 'float32'. "
            "Leave dtype out."
        )
    return Plan(
        seed=seed,
        epoch=epoch,
        indices=indices,
        source=source,
        channels=channels,
        low=low,
        high=high,
        fill=recipe.fill,
        fill_value=per_channel("fill_value", recipe.fill_value, channels),
        interpolation=recipe.interpolation,
        steps=tuple(steps),
        write=_write(write, write_draw, dtype, channels, low, high),
        transforms=tuple(recipe.transforms),
    )
