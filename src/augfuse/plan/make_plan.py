"""Making plans: of what was drawn for these images, stage by stage, and checked for executors."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import msgspec
import numpy as np

from augfuse.algebra.ranges import per_channel
from augfuse.errors import ImageError, RecipeError
from augfuse.plan.draw import Drawn
from augfuse.plan.drawn_ops import operations, write
from augfuse.plan.fuse import fuse, steps
from augfuse.plan.lower import lower
from augfuse.plan.ops import Mix, Op, Segment, Step, Write
from augfuse.plan.plan import Mixture, Plan
from augfuse.plan.settings import Settings, Source, value_range
from augfuse.transforms import base
from augfuse.transforms.base import Frame

# The most pixels of one image that a pass makes: 16384 x 16384, more than any decoder hands out.
MOST_PIXELS = 2**28


def make(drawn: Drawn, settings: Settings, images: Source, dtype: np.dtype | None, *, fused: bool = True) -> Plan:
    """The plan of what was drawn, for these images. `dtype` None: the recipe decides. `fused` False: each transform is
    one pass, which only the reference runs.
    """
    if not drawn.views:
        return _of_view(drawn, None, settings, images, dtype, fused)
    plans = tuple((name, _of_view(drawn, name, settings, images, dtype, fused)) for name, _ in drawn.views)
    return msgspec.structs.replace(plans[0][1], views=plans)


def _of_view(
    drawn: Drawn, view: str | None, settings: Settings, images: Source, dtype: np.dtype | None, fused: bool
) -> Plan:
    low, high = value_range(images.dtype, settings.value_range)
    n, channels = len(drawn), images.channels
    nodes = drawn.nodes if view is None else (*drawn.nodes, *dict(drawn.views)[view])
    frame = Frame(images.canvas, channels, low, high, images.dtype.kind == "u")
    last, wanted = nodes[-1].transform if nodes else None, dtype
    if dtype is not None and dtype not in (images.dtype, np.float32, np.float16):
        names = ", ".join(f"'{name}'" for name in dict.fromkeys((images.dtype.name, "float32")))
        raise RecipeError(f"dtype: got {dtype.name} for {images.dtype.name} images, wanted {names} or 'float16'.")
    if dtype is None:
        dtype = np.dtype(np.float32) if isinstance(last, base.Write) else images.dtype
    elif isinstance(last, base.Write) and dtype.kind != "f":
        raise RecipeError(
            f"dtype: got {dtype.name} for a recipe that ends in {type(last).__name__}, wanted 'float32' or 'float16'. "
            "Leave dtype out."
        )
    final = write(nodes, n, channels, low, high, dtype)
    made = stage(drawn, settings, images, operations(drawn, nodes, frame), final, fused)
    return msgspec.structs.replace(made, dtype=wanted, view=view)


def unwritten(drawn: Drawn, settings: Settings, images: Source, ops: Sequence[Op | Mix], fused: bool = True) -> Plan:
    """The plan of these ops alone, written as the images are: what happens up to a place of a recipe."""
    low, high = value_range(images.dtype, settings.value_range)
    return stage(drawn, settings, images, ops, write((), len(drawn), images.channels, low, high, images.dtype), fused)


def stage(
    drawn: Drawn, settings: Settings, images: Source, ops: Sequence[Op | Mix], final: Write, fused: bool = True
) -> Plan:
    """The plan of these ops and this write; of several stages, where there are mixes among the ops."""
    low, high = value_range(images.dtype, settings.value_range)
    channels, source, start = images.channels, images, 0
    before: Mixture | None = None
    for place, op in enumerate(ops):
        if not isinstance(op, Mix):
            continue
        own = unwritten(drawn, settings, source, ops[start:place], fused)
        own = own if before is None else msgspec.structs.replace(own, before=before, low=low, high=high)
        partners = tuple(
            unwritten(some.drawn, settings, Source(some.source, channels, images.dtype), some.ops, fused)
            for some in op.partners
        )
        before, start = Mixture(op, own, partners), place + 1
        source = Source(op.size, channels, np.dtype(np.float32) if op.weights is not None else source.dtype)
    apart = steps([op for op in ops[start:] if not isinstance(op, Mix)])
    return Plan(
        drawn=drawn, settings=settings, images=source, dtype=None, view=None, low=low, high=high,
        fill_value=_fill_value(settings.fill_value, channels), steps=tuple(fuse(apart) if fused else apart),
        write=final, before=before,
    )  # fmt: skip


@lru_cache(maxsize=256)
def _fill_value(values: tuple[float, ...], channels: int) -> np.ndarray:
    return per_channel("fill_value", values, channels)


def checked(plan: Plan) -> Plan:
    """The plan with the numbers that an executor takes, or an error where none can run it: singular or non-finite
    matrices, sizes that do not stack or are absurd, colours that do not fit.
    """
    if plan.views:
        views = tuple((name, checked(view)) for name, view in plan.views)
        first = views[0][1]
        return msgspec.structs.replace(plan, lowered=first.lowered, before=first.before, views=views)
    found = _stage_checked(plan)
    height, width = found.size
    if len(height) > 1 and ((height != height[0]).any() or (width != width[0]).any()):
        sizes = sorted({f"{h}x{w}" for h, w in zip(height, width, strict=True)})
        raise ImageError(
            f"images of different sizes ({', '.join(sizes[:3])}{', ...' if len(sizes) > 3 else ''}) do not "
            "stack into one batch. "
            f"Add af.Resize((height, width)) or a crop to the recipe."
        )
    return found


def _stage_checked(plan: Plan) -> Plan:
    """The same of a plan whose images need not stack, and of all that comes before it."""
    canvas = plan.source
    for step in plan.steps:
        if step.size is not canvas:
            _check_size(plan, step)
            canvas = step.size
    before = plan.before
    if before is not None:
        partners = tuple(map(_stage_checked, before.partners))
        before = Mixture(before.op, _stage_checked(before.own), partners)
    return msgspec.structs.replace(plan, lowered=lower(plan), before=before)


def _check_size(plan: Plan, step: Step) -> None:
    height, width = step.size
    large = np.flatnonzero(height.astype(np.float64) * width > MOST_PIXELS)
    if len(large):
        i = large[0]
        names = ", ".join(step.geometry_names) if isinstance(step, Segment) else step.name
        raise ImageError(
            f"{names}: an image of {height[i]}x{width[i]} pixels would come out of sample {plan.indices[i]} "
            f"({plan.source.height[i]}x{plan.source.width[i]}), wanted at most {MOST_PIXELS:,} pixels. "
            "Give a smaller size (height, width)."
        )
