"""Curves on values: of whole numbers tables, of floats functions; and what is measured in each image."""

from __future__ import annotations

import math
from typing import Any

from augfuse.execute.arrays.backend import Ops, Tensor
from augfuse.execute.arrays.planes import Planes, part, per_image
from augfuse.execute.arrays.static import Static, StaticTone
from augfuse.plan.tone import FLAT
from augfuse.transforms.array_forms import Lines, Negative, Power, Steps, ToneForm

LOG2 = math.log(2)


def toned(static: Static, tone: StaticTone, planes: Planes, own: dict[str, Tensor], ops: Ops) -> Planes:
    """The planes through the curves, each on values that are clipped and, of whole numbers, rounded."""
    values = _clipped(static, planes.floats(ops), ops)
    act = _on_levels if tone.levels else _on_floats
    if tone.levels:
        values = [ops.round(value) for value in values]
    values = [
        act(static, tone, value, own, ops) if c < tone.colors else value for c, value in enumerate(values)
    ]  # fmt: skip
    bits = {0: 0, 256: 8, 65536: 16}[tone.levels]
    return Planes([ops.cast(v, "int32") for v in values] if bits else values, planes.height, planes.width, bits)


def _clipped(static: Static, values: list[Tensor], ops: Ops) -> list[Tensor]:
    return [ops.minimum(ops.maximum(value, static.low), static.high) for value in values]


def _on_levels(static: Static, tone: StaticTone, value: Tensor, own: dict[str, Tensor], ops: Ops) -> Tensor:
    if "measured" in own:
        measure = _stretched if tone.curves[0].statistic == "range" else _equalized
        active = per_image(ops, own["measured"])
        value = ops.where(active, measure(static, value, True, ops), value)
    if "table" not in own:
        return value
    first = ops.reshape(ops.arange(ops.length(value), value), (-1, 1, 1)) * tone.levels
    found = ops.take(ops.reshape(own["table"], (-1,)), first + ops.cast(value, "int32"))
    return ops.cast(found, "float32")


def _on_floats(static: Static, tone: StaticTone, value: Tensor, own: dict[str, Tensor], ops: Ops) -> Tensor:
    span = static.high - static.low
    for j, curve in enumerate(tone.curves):
        (value,) = _clipped(static, [value], ops)
        if curve.form is None:
            active, made = own["measured"], _stretched(static, value, False, ops)
        else:
            params = {name: per_image(ops, array) for name, array in part(own, f"{j}").items()}
            active = own[f"{j}.active"]
            unit = ops.minimum(ops.maximum((value - static.low) / span, 0.0), 1.0)
            made = static.low + span * shaped(curve.form, params, unit, ops)
        value = ops.where(per_image(ops, active), made, value)
    return value


def shaped(form: ToneForm, params: dict[str, Tensor], unit: Tensor, ops: Ops) -> Tensor:
    """What a curve makes of values in [0, 1]."""
    if isinstance(form, Power):
        safe = ops.maximum(unit, 1e-30)
        return ops.where(unit > 0, ops.exp(ops.log(safe) * params["gamma"]), 0.0)
    if isinstance(form, Negative):
        return ops.where(unit >= params["threshold"], 1 - unit, unit)
    if isinstance(form, Steps):
        steps = ops.round(ops.exp(params["bits"] * LOG2))
        return ops.minimum(ops.floor(unit * steps), steps - 1) / steps
    assert isinstance(form, Lines)
    return _lines(form, unit, ops)


def _lines(form: Lines, unit: Tensor, ops: Ops) -> Tensor:
    found: Any = None
    for (x, y), (to_x, to_y) in zip(form.points, form.points[1:], strict=False):
        if to_x == x:
            continue
        line = y + (unit - x) * ((to_y - y) / (to_x - x))
        found = line if found is None else ops.where(unit >= x, line, found)
    return found


def _stretched(static: Static, value: Tensor, whole: bool, ops: Ops) -> Tensor:
    """The darkest value becomes `low`, the brightest `high`; levels are cut to whole numbers."""
    span = static.high - static.low
    darkest, brightest = ops.least(value, (1, 2)), ops.most(value, (1, 2))
    contrast = brightest - darkest
    flat = contrast <= (0 if whole else FLAT * span)
    some = ops.where(flat, span, contrast)
    stretched = (value - darkest) * span / some if whole else (value - darkest) * (span / some)
    found = static.low + (ops.floor(stretched) if whole else stretched)
    return ops.where(flat, value, ops.minimum(found, static.high))


def _equalized(static: Static, value: Tensor, whole: bool, ops: Ops) -> Tensor:
    """Each of 256 levels becomes how many pixels are darker, in steps of whole numbers of pixels, as in Pillow."""
    levels, n = 256, ops.length(value)
    first = ops.reshape(ops.arange(n, value), (-1, 1, 1)) * levels
    places = first + ops.cast(value, "int32")
    counts = ops.reshape(ops.count(places, n * levels), (-1, 1, levels))
    brightest = ops.most(ops.cast(value, "int32"), (1, 2))
    level = ops.reshape(ops.arange(levels, value), (1, 1, -1))
    spread = ops.sum(ops.where(level < brightest, counts, counts * 0), (2,))
    step = spread // 255
    darker = ops.cumsum(counts) - counts
    some = ops.maximum(step, 1)
    made = ops.minimum((darker + step // 2) // some, 255)
    found = ops.cast(ops.take(ops.reshape(made, (-1,)), places), "float32")
    found = ops.round(static.low + found * ((static.high - static.low) / 255))
    return ops.where(step > 0, found, value)
