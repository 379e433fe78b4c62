"""A plan as a program and the numbers that it takes. NumPy and float64; what a program cannot do is refused here."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeAlias

import numpy as np

from augfuse.algebra.geometry import Canvas
from augfuse.algebra.traced import Key, is_traced
from augfuse.execute.arrays.refused import refuse
from augfuse.execute.arrays.static import (
    Static,
    StaticBend,
    StaticCurve,
    StaticLocal,
    StaticPass,
    StaticSampling,
    StaticStep,
    StaticTone,
)
from augfuse.plan.bends import Bend
from augfuse.plan.lower import lower
from augfuse.plan.lowered import Pass, Sampling
from augfuse.plan.ops import Local, Segment
from augfuse.plan.plan import Plan
from augfuse.plan.tone import Tone, tables
from augfuse.transforms.array_forms import Blur, Noise, Paint

Numbers: TypeAlias = dict[str, np.ndarray]

_F = np.float32


def prepare(plan: Plan, like: Static | None = None) -> tuple[Static, Numbers]:
    """The program of a plan, and the numbers of its images: arrays with n first, by name.

    like: the program of an earlier batch. Where this plan needs nothing else it is this one again: what was averaged
    then is averaged by no factor, so that nothing is compiled anew.

    Raises RecipeError for what the executor does not run, see `limits.LIMITS`.
    """
    _check(plan)
    lowered = plan.lowered if plan.lowered is not None else lower(plan)
    height, width = _one(plan.source, "sizes", "images")
    whole = plan.images.dtype.kind == "u"
    steps: list[StaticStep] = []
    numbers: Numbers = {}
    canvas, toned = plan.source, False
    for k, (step, named) in enumerate(zip(lowered.steps, plan.steps, strict=True)):
        earlier = like.steps[k] if like is not None and k < len(like.steps) else None
        if isinstance(step, Pass):
            assert isinstance(named, Segment)
            rounds = whole and (k == 0 or toned or step.before is not None)
            steps.append(_pass(step, canvas, named, rounds, earlier))
            numbers |= {f"{k}.{name}": array for name, array in _pass_numbers(step, canvas)}
            toned = step.after is not None
        else:
            steps.append(_local(step))
            numbers |= {f"{k}.{name}": array for name, array in _local_numbers(step, lowered.channels)}
            toned = False
        canvas = step.size
    output = lowered.output
    numbers["scale"], numbers["bias"] = output.scale.astype(_F), output.bias.astype(_F)
    if output.standardize is not None:
        numbers["standardize"] = output.standardize
    out_height, out_width = _one(lowered.size, "step", "the recipe")
    static = Static(
        height, width, lowered.channels, plan.images.dtype.name, float(lowered.low), float(lowered.high), tuple(steps),
        out_height, out_width, output.dtype.name, output.standardize is not None,
    )  # fmt: skip
    return static, numbers


def _check(plan: Plan) -> None:
    if plan.views:
        refuse("views", "Views")
    if plan.before is not None:
        refuse("mix", plan.before.op.name)
    sizes = [plan.source, *(step.size for step in plan.steps)]
    if max(int((size.height * size.width).max()) for size in sizes) * len(plan) >= 2**31:
        refuse("pixels", f"a batch of {len(plan)} images")


def _one(size: Canvas, key: str, who: str) -> tuple[int, int]:
    """The one size of all images."""
    height, width = size
    if (height != height[0]).any() or (width != width[0]).any():
        refuse(key, who)
    return int(height[0]), int(width[0])


def _pass(step: Pass, canvas: Canvas, named: Segment, rounds: bool, earlier: StaticStep | None) -> StaticPass:
    names = [*named.geometry_names, *named.color_names]
    height, width = _one(step.size, "step", ", ".join(names) or "tones")
    sampling = step.sampling
    done = None
    if sampling is not None:
        done = _sampling(sampling, rounds)
        before = earlier.sampling if isinstance(earlier, StaticPass) else None
        if before is not None and before == done._replace(averages=True):
            done = before
    return StaticPass(
        height, width, done, step.color is not None, step.gain is not None, step.mean_gain is not None,
        step.fills is not None and done is not None and done.border == "constant",
        _tone(step.before), _tone(step.after),
    )  # fmt: skip


def _sampling(sampling: Sampling, rounds: bool) -> StaticSampling:
    above, grid = sampling.averages_above, sampling.grid
    averages = sampling.reduced is not None
    if grid == "aligned" and is_traced(sampling.matrices):
        averages = True  # unless an earlier program says that none does
    elif grid == "aligned":
        averages = bool((np.abs(sampling.matrices[:, [0, 4]]) > above).any())
    taps = {"nearest": 1, "bicubic": 4}.get(sampling.interpolation, 2)
    taps = 1 if grid in ("whole", "swapped") else taps
    return StaticSampling(sampling.border, taps, grid, tuple(map(_bend, sampling.bends)), averages, above, rounds)


def _bend(bend: Bend) -> StaticBend:
    height, width = _one(bend.size, "step", "a displacement field")
    if bend.field is None:
        return StaticBend(bend.projective, height, width)
    rows, columns = bend.field.points.shape[1:3]
    return StaticBend(bend.projective, height, width, rows, columns, bend.field.smooth)


def _tone(tone: Tone | None) -> StaticTone | None:
    if tone is None:
        return None
    for curve in tone.curves:
        if curve.statistic == "histogram" and tone.levels != 256:
            refuse("equalize", curve.name)
        if not tone.levels and curve.statistic is None and curve.form is None:
            refuse("curve", curve.name)
    curves = [StaticCurve(None if tone.levels else curve.form, curve.statistic) for curve in tone.curves]
    if tone.levels:
        measured = [curve for curve in curves if curve.statistic is not None]
        curves = [*measured, StaticCurve(None, None)] if len(measured) < len(curves) else measured
    return StaticTone(tone.levels, tone.colors, tuple(curves))


def _pass_numbers(step: Pass, canvas: Canvas) -> Iterator[tuple[str, np.ndarray]]:
    if step.sampling is not None:
        yield from _sampling_numbers(step.sampling, step.size, canvas)
    for name, array in (
        ("color", step.color), ("gain", step.gain), ("mean", step.mean_gain), ("fill", step.fills),
    ):  # fmt: skip
        if array is not None:
            yield name, array.astype(_F)
    for name, tone in (("before", step.before), ("after", step.after)):
        if tone is not None:
            yield from ((f"{name}.{part}", array) for part, array in _tone_numbers(tone))


def _sampling_numbers(sampling: Sampling, size: Canvas, canvas: Canvas) -> Iterator[tuple[str, np.ndarray]]:
    """Maps start from the centre of the output, and bends lead to the centre of their canvas: float32 has half as much
    to round then, and a divisor as little as can be."""
    x, y = size.width / 2, size.height / 2
    for j, bend in enumerate(sampling.bends):
        m = bend.maps
        if j == 0:
            m = _about(m, x, y)
        half_width, half_height = bend.size.width / 2, bend.size.height / 2
        m = np.stack(
            [m[:, k] - half_width * m[:, 6 + k] for k in range(3)]
            + [m[:, 3 + k] - half_height * m[:, 6 + k] for k in range(3)]
            + [m[:, 6 + k] for k in range(3)],
            axis=1,
        )
        yield f"bend{j}", m.astype(_F)
        if bend.field is not None:
            yield f"points{j}", bend.field.points.astype(_F)
    matrices = sampling.matrices if sampling.bends else _about(sampling.matrices, x, y)
    yield "matrix", matrices.astype(_F)
    reduced = canvas if sampling.reduced is None else sampling.reduced
    if sampling.grid == "free":
        yield "grid", np.stack([reduced.height, reduced.width], axis=1).astype(_F)


def _about(maps: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The same maps (n, 6) or (n, 9) of places that are given relative to (x, y)."""
    columns: list[np.ndarray] = []
    for k in range(0, maps.shape[1], 3):
        a, b, c = maps[:, k], maps[:, k + 1], maps[:, k + 2]
        columns += [a, b, a * x + b * y + c]
    return np.stack(columns, axis=1)


def _tone_numbers(tone: Tone) -> Iterator[tuple[str, np.ndarray]]:
    if tone.statistic is not None:
        yield "measured", tone.curves[0].active
    if tone.levels:
        if any(curve.statistic is None for curve in tone.curves):
            yield "table", tables(tone, 0, None).astype(np.int32)
        return
    for j, curve in enumerate(tone.curves):
        if curve.statistic is None:
            yield f"{j}.active", curve.active
            yield from ((f"{j}.{name}", array.astype(_F)) for name, array in sorted(curve.params.items()))


def _local(step: Local) -> StaticLocal:
    if step.form is None:
        refuse("local", step.name)
    _one(step.size, "step", step.name)
    return StaticLocal(step.form)


def _local_numbers(step: Local, channels: int) -> Iterator[tuple[str, np.ndarray]]:
    yield "active", step.active
    params, form = step.params, step.form
    if isinstance(form, Paint):
        yield "part", params["part"].astype(_F)
    elif isinstance(form, Blur):
        yield "sigma", params["sigma"].astype(_F)
        yield "radius", np.floor(4 * params["sigma"] + 0.5).astype(_F)
    elif isinstance(form, Noise):
        yield "std", params["std"].astype(_F)
        yield "key", _halves(params["key"])


def _halves(words: Any) -> Any:
    """(n, 4) uint32: 64-bit words (n, 2) as halves, the low one first; a Key, which a program makes, as it is."""
    if isinstance(words, Key):
        return words
    low = np.uint64(0xFFFFFFFF)
    return np.stack([words[:, 0] & low, words[:, 0] >> np.uint64(32), words[:, 1] & low, words[:, 1] >> np.uint64(32)],
                    axis=1).astype(np.uint32)  # fmt: skip
