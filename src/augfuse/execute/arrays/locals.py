"""Local steps: rectangles that are painted, blurs, finishing, noise."""

from __future__ import annotations

from augfuse.execute.arrays.backend import Ops, Tensor
from augfuse.execute.arrays.contraction import blurring, contracted
from augfuse.execute.arrays.noise import noisy
from augfuse.execute.arrays.planes import Planes, columns, per_image, rows
from augfuse.execute.arrays.static import Static
from augfuse.transforms.array_forms import Blur, Finish, LocalForm, Noise, Paint


def done(static: Static, form: LocalForm, planes: Planes, own: dict[str, Tensor], ops: Ops) -> Planes:
    """What a Local step makes of the images that it acts on; the others stay."""
    active = per_image(ops, own["active"])
    if isinstance(form, Paint):
        return _painted(form, planes, own["part"], active, ops)
    before = planes.floats(ops)
    if isinstance(form, Blur):
        after = _blurred(form, planes, before, own, ops)
    elif isinstance(form, Finish):
        after = [ops.minimum(ops.maximum(value, static.low), static.high) for value in before]
        after = [ops.round(value) for value in after] if static.whole else after
    else:
        assert isinstance(form, Noise)
        after = noisy(planes, before, own, ops)
    values = [ops.where(active, new, old) for new, old in zip(after, before, strict=True)]
    return Planes(values, planes.height, planes.width)


def _painted(form: Paint, planes: Planes, part: Tensor, active: Tensor, ops: Ops) -> Planes:
    """A comparison with the corners. Levels stay levels where the colour is made of such."""
    left, top, width, height = (per_image(ops, part[:, k]) for k in range(4))
    like = planes.values[0]
    x, y = columns(ops, planes.width, 0.0, like), rows(ops, planes.height, 0.0, like)
    within = active & (x >= left) & (x < left + width) & (y >= top) & (y < top + height)
    colors = form.colors * (len(planes.values) // len(form.colors))
    stays = all(color == int(color) and 0 <= color < 2**planes.bits for color in colors)
    bits = planes.bits if stays else 0
    if bits:
        values = [
            ops.where(within, int(color), ops.cast(value, "int32"))
            for value, color in zip(planes.values, colors, strict=True)
        ]
    else:
        values = [
            ops.where(within, float(color), value) for value, color in zip(planes.floats(ops), colors, strict=True)
        ]
    return Planes(values, planes.height, planes.width, bits)


def _blurred(form: Blur, planes: Planes, values: list[Tensor], own: dict[str, Tensor], ops: Ops) -> list[Tensor]:
    sigma, radius = per_image(ops, own["sigma"]), per_image(ops, own["radius"])
    most, like = int(4 * form.most + 0.5), values[0]
    down, across = (blurring(ops, sigma, radius, most, side, like) for side in (planes.height, planes.width))
    return contracted(ops, down, values, across)
