"""Masks: pictures of class numbers, moved as their images are, each pixel with the value of one place."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import msgspec
import numpy as np

from augfuse.algebra.geometry import Canvas
from augfuse.execute.batch_images import Images
from augfuse.plan import ops
from augfuse.plan.lower import lower
from augfuse.plan.ops import Bent, Local, Segment, Step
from augfuse.plan.plan import Plan
from augfuse.plan.settings import Source
from augfuse.targets.policy import Targets
from augfuse.transforms.local import paint_all, painted, painting

Run = Callable[..., None]

_WORDS = {1: np.dtype(np.uint8), 2: np.dtype(np.uint16), 4: np.dtype(np.uint16), 8: np.dtype(np.uint16)}


def moved(
    plan: Plan, masks: Sequence[np.ndarray], image: np.ndarray, policy: Targets, run: Run, threads: int
) -> np.ndarray | list[np.ndarray]:
    """Masks (h, w), all of one dtype, moved with the images (k,) of the batch that they belong to. Those of one size
    come out as one array.

    Whole numbers of any width, and booleans, keep their values: the nearest one. Floats are blended, unless the recipe
    takes the nearest. run: the executor.
    """
    dtype = masks[0].dtype
    pictures = [as_words(mask) for mask in masks]
    channels = pictures[0].shape[2]
    lowered = lower(_plan(plan, image, pictures[0].dtype, channels, policy, dtype))
    size = lowered.size
    found: list[tuple[int, np.ndarray]] = []
    for rows in of_one_size(size):
        everyone = len(rows) == len(pictures)
        height, width = int(size.height[rows[0]]), int(size.width[rows[0]])
        target = np.empty((len(rows), height, width, channels), pictures[0].dtype)
        own = lowered if everyone else lower(_plan(
            plan, image[rows], pictures[0].dtype, channels, policy, dtype))  # fmt: skip
        run(own, Images(items=[pictures[row] for row in rows]), target, False, threads)
        if everyone:
            return _as_masks(target, dtype)
        found += zip(rows.tolist(), _as_masks(target, dtype), strict=True)
    found.sort(key=lambda pair: pair[0])
    return [mask for _, mask in found]


def plan_of(plan: Plan, dtype: Any, policy: Targets | None = None) -> Plan:
    """What a plan does to a mask (h, w) of this dtype of each of its images, given as `as_words` says: for executors
    that take plans."""
    known = np.dtype(dtype)
    words = as_words(np.empty((1, 1), known))
    return _plan(plan, np.arange(len(plan)), words.dtype, words.shape[2], policy or Targets(), known)


def of_one_size(size: Canvas) -> list[np.ndarray]:
    """The places of the masks of each size."""
    both = np.stack(size, axis=1)
    if (both == both[0]).all():
        return [np.arange(len(both))]
    _, codes = np.unique(both, axis=0, return_inverse=True)
    return [np.flatnonzero(codes.reshape(-1) == code) for code in range(int(codes.max()) + 1)]


def as_words(mask: np.ndarray) -> np.ndarray:
    """A mask (h, w) or (h, w, k) as a picture (h, w, c) that executors take: whole numbers of more than 16 bits are
    several channels."""
    words = np.dtype(np.float32) if mask.dtype.kind == "f" else _WORDS[mask.dtype.itemsize]
    if words.kind == "f":
        return np.ascontiguousarray(mask, np.float32).reshape(*mask.shape[:2], -1)
    return np.ascontiguousarray(mask).view(words).reshape(*mask.shape[:2], -1)


def from_words(picture: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """(h, w, k): the inverse of `as_words`."""
    return picture.astype(dtype, copy=False) if dtype.kind == "f" else picture.view(dtype)


def _as_masks(pixels: np.ndarray, dtype: np.dtype) -> np.ndarray:
    if dtype.kind == "f":
        return pixels[..., 0].astype(dtype, copy=False)
    return pixels.reshape(*pixels.shape[:2], -1).view(dtype)


def _plan(plan: Plan, image: np.ndarray, pixels: np.dtype, channels: int, policy: Targets, dtype: np.dtype) -> Plan:
    """What the plan does to the places of pixels, for masks of these images."""
    everyone = len(image) == len(plan) and bool((image == np.arange(len(plan))).all())
    drawn = plan.drawn if everyone else plan.drawn.take(image)
    canvas = plan.source if everyone else Canvas(plan.source.height[image], plan.source.width[image])
    steps = [_step(step, image, everyone, policy, pixels, dtype) for step in plan.steps]
    fill = plan.settings.fill if policy.mask_fill is None else "constant"
    nearest = pixels.kind == "u" or plan.interpolation == "nearest"
    settings = msgspec.structs.replace(
        plan.settings, fill=fill, fill_value=(0.0,), interpolation="nearest" if nearest else "bilinear",
        value_range=None,
    )  # fmt: skip
    n = len(image)
    write = ops.Write(pixels, np.ones((n, channels)), np.zeros((n, channels)))
    most = {"u": float(2 ** (8 * pixels.itemsize) - 1), "f": float(np.finfo(np.float32).max)}[pixels.kind]
    low = 0.0 if pixels.kind == "u" else -most
    return Plan(
        drawn=drawn, settings=settings, images=Source(canvas, channels, pixels), dtype=None, view=None, low=low,
        high=most, fill_value=_colors(policy.mask_fill or 0, pixels, dtype),
        steps=tuple(step for step in steps if step is not None), write=write,
    )  # fmt: skip


def _step(
    step: Step, image: np.ndarray, everyone: bool, policy: Targets, pixels: np.dtype, dtype: np.dtype
) -> Step | None:
    """The same for masks of these images; None where it moves and hides nothing."""
    size = step.size if everyone else Canvas(step.size.height[image], step.size.width[image])
    if isinstance(step, Segment):
        if step.geometry is None:
            return None
        fields, geometry = step.fields, step.geometry
        surround = None if step.surround is None else tuple(_colors(policy.mask_fill or 0, pixels, dtype).tolist())
        if not everyone:
            geometry = geometry[image]
            fields = tuple(
                Bent(None if bent.before is None else bent.before[image],
                     bent.field._replace(points=bent.field.points[image]),
                     Canvas(bent.size.height[image], bent.size.width[image]))
                for bent in fields
            )  # fmt: skip
        return Segment(size, step.geometry_names, geometry=geometry, grid=step.grid, fields=fields,
                       projective=step.projective, surround=surround)  # fmt: skip
    if step.covered is None or policy.mask_erase is None:
        return None
    value: Any = tuple(_colors(policy.mask_erase, pixels, dtype).tolist())
    return Local(
        step.name, size, lambda picture, params: painted(picture, params["part"], value),
        partial(_paint, value), {"part": step.covered[image]}, step.active[image], pixels.kind == "u",
        form=painting(value),
    )  # fmt: skip


def _paint(value: Any, source: np.ndarray, images: np.ndarray, params: Any, active: np.ndarray) -> None:
    paint_all(source, images, params["part"], value, active)


def _colors(value: float, pixels: np.dtype, dtype: np.dtype) -> np.ndarray:
    """A mask value as a colour of the executor: one number for each channel."""
    if dtype.kind == "f":
        return np.array([value], np.float64)
    return np.array([value], dtype).view(pixels).astype(np.float64)


def swapped(mask: np.ndarray, pairs: Sequence[tuple[int, int]]) -> np.ndarray:
    """The mask with the values of each pair in each other's place."""
    found = mask.copy()
    for one, other in pairs:
        found[mask == one] = other
        found[mask == other] = one
    return found


def ends(mask: np.ndarray) -> list[float]:
    """Left, top, right and bottom of what is not 0; NaN where nothing is."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        return [np.nan] * 4
    return [float(columns[0]), float(rows[0]), float(columns[-1] + 1), float(rows[-1] + 1)]
