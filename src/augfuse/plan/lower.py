"""A plan in the numbers that an executor takes: inverse maps, reductions, colours and fills at the image's own scale.

Executors, and `augfuse.keras`, hand nothing else to kernels. Arrays have n first. An absent part is None.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from augfuse.algebra import color_matrices
from augfuse.algebra.geometry import Canvas, invert
from augfuse.algebra.ranges import per_channel
from augfuse.algebra.traced import is_traced
from augfuse.errors import RecipeError
from augfuse.plan import bends, ops
from augfuse.plan.bends import Way
from augfuse.plan.lowered import Border, Lowered, LoweredStep, Output, Pass, Sampling, averages_above
from augfuse.plan.ops import Grid, Segment
from augfuse.plan.plan import Plan
from augfuse.plan.settings import Interpolation
from augfuse.plan.tone import LEVELS, Tone, through

MOST_HALF = 65504.0

# A tone takes values at the nearest level. What blends and colours leave within this part of full scale below the
# middle between two levels counts as lying there, and goes up, whatever the order of the arithmetic.
TIE = 2.0**-18


def lower(plan: Plan) -> Lowered:
    """The plan as executors take it. RecipeError for matrices without an inverse, and colours that do not fit."""
    steps: list[LoweredStep] = []
    canvas, around, whole = plan.source, None, True
    for step, following in zip(plan.steps, (*plan.steps, None)[1:], strict=True):
        if isinstance(step, Segment):
            copied = (whole or bool(step.before)) and step.color is None and _moves_whole_pixels(step)
            made, around = _lowered(plan, step, following, canvas, around, copied)
            steps.append(made)
            whole = copied or bool(step.after)
        else:
            steps.append(step)
            around, whole = None, False
        canvas = step.size
    _check_half(plan)
    output = _output(plan.write, plan.images.dtype, plan.low, plan.high)
    return Lowered(plan.channels, plan.low, plan.high, tuple(steps), canvas, output)


@lru_cache(maxsize=64)
def _output(write: ops.Write, source: np.dtype, low: float, high: float) -> Output:
    plain = write.name is None and write.dtype == source and write.dtype.kind == "u"
    return Output(low, high, write.scale, write.bias, write.dtype, write.standardize, plain)


def _check_half(plan: Plan) -> None:
    """Refuse float16 where it cannot hold the values. Standardised ones are below the root of their number."""
    write = plan.write
    if write.dtype != np.float16 or write.standardize is not None:
        return
    ends = np.stack([plan.low * write.scale + write.bias, plan.high * write.scale + write.bias])
    if (largest := float(np.abs(ends).max())) > MOST_HALF:
        raise RecipeError(
            f"dtype: got float16 for values up to {largest:g}, wanted at most {MOST_HALF:g}, the largest float16. "
            "Add af.ToFloat() or af.Normalize() at the end, or use dtype='float32'."
        )


def _moves_whole_pixels(step: Segment) -> bool:
    return step.geometry is None or step.grid in ("whole", "swapped")


def _lowered(
    plan: Plan, step: Segment, following: ops.Step | None, source: Canvas, around: np.ndarray | None, copied: bool
) -> tuple[Pass, np.ndarray | None]:
    """The numbers of a pass, and what surrounds the image then: only tones separate it from the pass that follows.
    around: what surrounded it before. copied: the values of integers come as levels, and stay so.
    """
    if step.mixes_channels and plan.channels not in (1, 3, 4):
        raise RecipeError(
            f"{', '.join(step.color_names)}: got images with {plan.channels} channels, "
            "wanted 1 (grey), 3 (RGB) or 4 (RGBA). "
            f"Brightness, Contrast and Invert work with any number."
        )
    matrix, gain = (None, None) if step.color is None else _colors(plan, step.color, step.mixes_channels)
    before, after = _tone(plan, step.before), _tone(plan, step.after)
    cut = isinstance(following, Segment) and (step.after or following.before)
    if (after or cut) and plan.images.dtype in LEVELS:
        tie = TIE * (plan.high - plan.low)
        if step.color is None and not copied:
            gain = np.tile([1.0, 0.0], (len(plan), 1))
        if matrix is not None:
            matrix = matrix + np.array([0.0, 0.0, 0.0, tie])
        if gain is not None:
            gain = gain + np.array([0.0, tie])
    fills = _fills(plan, step, before, around)
    made = Pass(step.size, _sampling(plan, step, source), matrix, gain, step.mean_gain, None, before, after)
    made = made if step.geometry is None else made._replace(fills=fills)
    return made, _toned(after, fills) if cut and step.surround is None else None  # its own colour stays with it


def _tone(plan: Plan, curves: tuple[ops.Tone, ...]) -> Tone | None:
    if not curves:
        return None
    colors = 3 if plan.channels == 4 else plan.channels
    return Tone(curves, plan.low, plan.high, LEVELS.get(plan.images.dtype, 0), colors, plan.channels)


def _toned(tone: Tone | None, fills: np.ndarray | None) -> np.ndarray | None:
    """Fill colours through the curves; None where these follow from what is measured in each image."""
    if tone is None or fills is None:
        return fills
    if tone.statistic is not None:
        return None
    found = fills.copy()
    for i, colors in enumerate(found[:, : tone.colors]):
        colors[:] = through(tone, colors, i)
    return found


def _sampling(plan: Plan, step: Segment, source: Canvas) -> Sampling | None:
    if step.geometry is None:
        return None
    way = (
        bends.of(step, source, plan.indices) if step.fields or step.projective else _straight(plan, step, step.geometry)
    )
    return sampling(way, source, plan.fill if step.surround is None else "constant", plan.interpolation, step.grid)


def sampling(way: Way, source: Canvas, border: Border, interpolation: Interpolation, grid: Grid) -> Sampling:
    """How pixels are read along a way from the output to a source of these sizes."""
    maps, above = way.maps, averages_above(interpolation, grid)
    # Along its axes an image shrinks straight into the output; else it is reduced first, on its own grid.
    reduced = _reduced(way.spans, source, above) if grid == "free" and way.most > above else None
    if reduced is not None:
        factor = np.stack([reduced.width / source.width, reduced.height / source.height], axis=1)
        maps = (maps.reshape(-1, 2, 3) * factor[:, :, None]).reshape(-1, 6)
    return Sampling(maps, reduced, border, interpolation, grid, way.bends)


def _straight(plan: Plan, step: Segment, matrices: np.ndarray) -> Way:
    """The way back through affine maps."""
    found = invert(matrices)
    if found.irregular >= 0:
        raise bends.without_inverse(step, matrices, found.irregular, plan.indices)
    return Way(found.maps, found.spans, found.most)


def _reduced(spans: np.ndarray, source: Canvas, above: float) -> Canvas | None:
    """The (height, width) each image is averaged down to, so that shrinking does not alias; None where all stay.

    A function of each image's own matrix alone. Along a source axis on which one output pixel spans more than `above`
    source pixels, the size that makes it span one.
    """
    x, y = spans
    width = np.where(x > above, np.maximum(np.rint(source.width / x), 1), source.width).astype(np.int64)
    height = np.where(y > above, np.maximum(np.rint(source.height / y), 1), source.height).astype(np.int64)
    if not is_traced(width) and np.array_equal(width, source.width) and np.array_equal(height, source.height):
        return None  # a turn spans 1 but for its last digits
    return Canvas(height, width)


def _colors(plan: Plan, matrix: np.ndarray, mixes: bool) -> tuple[np.ndarray | None, np.ndarray | None]:
    """(matrix, gain) of a pass, one of them None: which it is follows from the recipe and the number of channels."""
    matrix = color_matrices.to_range(matrix, plan.low, plan.high)
    if plan.channels == 4 or (plan.channels == 3 and mixes):
        return matrix, None
    # r = g = b for one channel; else all channels are treated alike (see mixes_channels).
    return None, np.stack([matrix[:, 0, :3].sum(axis=1), matrix[:, 0, 3]], axis=1)


def _fills(plan: Plan, step: Segment, before: Tone | None, around: np.ndarray | None) -> np.ndarray | None:
    """The fill value, through the colour steps that come after the first geometric one: through all, and the tones
    before them, where that was in an earlier pass.
    """
    fills, passed = _toned(before, around), step.color
    if step.surround is not None:
        fills, passed = (
            np.tile(per_channel(f"{step.geometry_names[-1]}.value", step.surround, plan.channels), (len(plan), 1)),
            step.fill_color,
        )
    if fills is None:
        if plan.fill != "constant" or step.geometry is None:
            return None
        fills, passed = np.tile(plan.fill_value, (len(plan), 1)), step.fill_color
    if passed is None:
        return fills
    matrix, gain = _colors(plan, passed, step.mixes_channels)
    if gain is not None:
        return fills * gain[:, :1] + gain[:, 1:]
    assert matrix is not None
    return np.concatenate([color_matrices.apply(matrix, fills[:, :3]), fills[:, 3:]], axis=1)
