"""A program of array operations: what a plan does to the pixels of a batch. Pure; it knows no recipe and draws nothing.

Only the program and shapes are looked at by Python, so that it can be traced and compiled for any batch size.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from augfuse.algebra.color_matrices import LUMA
from augfuse.errors import ImageError, ImageTypeError
from augfuse.execute.arrays.backend import Ops, Tensor
from augfuse.execute.arrays.locals import done
from augfuse.execute.arrays.planes import Planes, part, per_image
from augfuse.execute.arrays.sampling import sampled
from augfuse.execute.arrays.static import Static, StaticPass
from augfuse.execute.arrays.tones import toned

_BITS = {"uint8": 8, "uint16": 16, "float32": 0}


def run(static: Static, images: Tensor, numbers: Mapping[str, Any], ops: Ops) -> Tensor:
    """What the plan makes of (n, h, w, c) images: (n, height, width, c) of the program's dtype.

    images, numbers: of the framework of `ops`; NumPy arrays do where it is called, and not traced. Raises ImageError
    for images of another size than the program's, ImageTypeError for those of another dtype.
    """
    shape, wanted = tuple(images.shape[1:]), (static.height, static.width, static.channels)
    if shape != wanted:
        raise ImageError(
            f"images: got (height, width, channels) {shape} for a program for {wanted}. "
            f"{'Give channels last. ' if shape == (wanted[2], *wanted[:2]) else ''}Or prepare a plan of such images."
        )
    dtype = ops.dtype(images)
    if dtype != static.dtype:
        raise ImageTypeError(
            f"images: got {dtype} for a program for {static.dtype}. Convert them, or prepare a plan of such images."
        )
    tensors = {name: ops.tensor(array, images) for name, array in numbers.items()}
    planes = Planes(
        [images[..., c] for c in range(static.channels)], static.height, static.width, _BITS[static.dtype]
    )  # fmt: skip
    for k, step in enumerate(static.steps):
        own = part(tensors, f"{k}")
        if isinstance(step, StaticPass):
            planes = _passed(static, step, planes, own, ops)
        else:
            planes = done(static, step.form, planes, own, ops)
    return _written(static, planes, tensors, ops)


def _passed(static: Static, step: StaticPass, planes: Planes, own: dict[str, Tensor], ops: Ops) -> Planes:
    if step.before is not None:
        planes = toned(static, step.before, planes, part(own, "before"), ops)
    added = None
    if step.mean:
        gray = _gray(ops, planes) - static.low
        added = [per_image(ops, own["mean"][:, c]) * gray for c in range(3)]
    inside = None
    if step.sampling is not None:
        planes, inside = sampled(step, step.sampling, planes, own, ops)
    values = planes.values
    if step.color:
        values = _mixed(own["color"], added, planes.floats(ops), ops)
    elif step.gain:
        gain, offset = (per_image(ops, own["gain"][:, k]) for k in range(2))
        offset = offset if added is None else offset + added[0]
        values = [value * gain + offset for value in planes.floats(ops)]
    if step.fills:
        values = planes.floats(ops) if values is planes.values else values
        values = [ops.where(inside, value, per_image(ops, own["fill"][:, c])) for c, value in enumerate(values)]
    kept = values is planes.values
    planes = Planes(values, step.height, step.width, planes.bits if kept else 0)
    return planes if step.after is None else toned(static, step.after, planes, part(own, "after"), ops)


def _mixed(matrix: Tensor, added: list[Tensor] | None, values: list[Tensor], ops: Ops) -> list[Tensor]:
    """The first three channels through matrices (n, 3, 4)."""
    found: list[Tensor] = []
    for c in range(3):
        offset = per_image(ops, matrix[:, c, 3])
        total = offset if added is None else offset + added[c]
        for k in range(3):
            total = total + values[k] * per_image(ops, matrix[:, c, k])
        found.append(total)
    return found + values[3:]


def _gray(ops: Ops, planes: Planes) -> Tensor:
    """(n, 1, 1): the grey mean of each image."""
    means = [ops.mean(value, (1, 2)) for value in planes.floats(ops)]
    if len(means) in (3, 4):
        return sum(mean * float(part) for mean, part in zip(means[:3], LUMA, strict=True))
    return sum(means[1:], means[0]) / len(means)


def _written(static: Static, planes: Planes, numbers: dict[str, Tensor], ops: Ops) -> Tensor:
    values = [ops.minimum(ops.maximum(value, static.low), static.high) for value in planes.floats(ops)]
    scale, bias = numbers["scale"], numbers["bias"]
    values = [
        value * per_image(ops, scale[:, c]) + per_image(ops, bias[:, c]) for c, value in enumerate(values)
    ]  # fmt: skip
    out = ops.stack(values, -1)
    if static.standardizes:
        size = static.out_height * static.out_width * static.channels
        centred = out - ops.mean(out, (1, 2, 3))
        deviation = ops.maximum(ops.sqrt(ops.mean(centred * centred, (1, 2, 3))), size**-0.5)
        out = ops.where(ops.reshape(numbers["standardize"], (-1, 1, 1, 1)), centred / deviation, out)
    if static.out_dtype.startswith("uint"):
        out = ops.round(out)
    return ops.cast(out, static.out_dtype)
