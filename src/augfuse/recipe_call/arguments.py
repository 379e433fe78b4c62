"""What `Recipe.batch` and its sisters are given besides images: checked once, in one place."""

from __future__ import annotations

import math
import numbers
import os
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

from augfuse.algebra.geometry import Canvas
from augfuse.algebra.ranges import listed, text_hint, whole
from augfuse.errors import ImageError, ImageTypeError, RangeError, RecipeError
from augfuse.execute.batch_images import Images
from augfuse.text import shown

_LAYOUTS = ("NHWC", "NCHW")
_LARGEST_INDEX = np.iinfo(np.int64).max


def check_apart(out: Any, images: Images) -> None:
    """ImageTypeError for an `out` whose memory the images lie in."""
    inputs = images.items if images.stack is None else [images.stack]
    if isinstance(out, np.ndarray) and any(np.may_share_memory(out, array) for array in inputs):
        raise ImageTypeError(
            "out: got memory that the images lie in, wanted separate memory. Use out=np.empty_like(images)."
        )


def own_range(value: Any) -> tuple[float, float]:
    value = listed(value)
    low, high = value if isinstance(value, (tuple, list)) and len(value) == 2 else (math.nan, math.nan)
    number = all(isinstance(v, numbers.Real) and not isinstance(v, bool) and math.isfinite(v) for v in (low, high))
    if not number or not low < high:
        raise RangeError(
            f"Recipe.value_range: got {shown(value)}, wanted (low, high) with low < high, such as (0, 255)."
            f"{text_hint(value)}"
        )
    return (float(low), float(high))


def is_planar(layout: str) -> bool:
    """Whether a layout puts channels first. RecipeError for anything but "NHWC" and "NCHW"."""
    if layout not in _LAYOUTS:
        raise RecipeError(f"layout: got {shown(layout)}, wanted 'NHWC' or 'NCHW'.")
    return layout == "NCHW"


def wanted_dtype(dtype: Any) -> np.dtype | None:
    """The dtype asked for, by whatever NumPy takes as one; None for none. RecipeError for anything else."""
    try:
        return None if dtype is None else np.dtype(getattr(dtype, "as_numpy_dtype", dtype))  # TensorFlow's
    except TypeError:
        raise RecipeError(f"dtype: got {shown(dtype)}, wanted 'uint8', 'uint16', 'float32' or 'float16'.") from None


def canvas_of(shape: Any) -> tuple[Canvas, int]:
    if not isinstance(shape, (tuple, list)) or len(shape) != 3:
        raise ImageError(f"shape: got {shown(shape)}, wanted (height, width, channels), such as (224, 224, 3).")
    height, width, channels = (whole("shape", side, 1) for side in shape)
    return Canvas(np.array([height]), np.array([width])), channels


def allocated(take: Callable[..., np.ndarray], shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    """What `take` allocates; ImageError where it is more than this machine has, or can give."""
    size = math.prod(shape) * dtype.itemsize
    try:
        if size <= _memory():
            return take(shape, dtype)
    except MemoryError:
        pass
    raise ImageError(
        f"a batch of {shape} {dtype.name} takes {size / 1e9:,.1f} GB, more than this machine has. "
        "Give fewer images at a time, or a smaller size."
    )


@cache
def _memory() -> float:
    """Bytes of physical memory; infinity where the system does not tell."""
    try:
        return float(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    except (AttributeError, ValueError, OSError):
        return math.inf


def check_labels(labels: Any, n: int) -> None:
    if labels is None:
        return
    count = len(labels) if hasattr(labels, "__len__") and np.shape(labels) != () else None
    if count != n:
        got = shown(labels) if count is None else f"{count} for {n} images"
        raise ImageError(f"labels: got {got}, wanted one per image.")


def class_labels(labels: Any) -> np.ndarray | None:
    """Labels as (n,) class numbers or names, for `When`: (n,) as they are, (n, 1) flat, one-hot rows by their largest.
    ImageError for labels of another form.
    """
    if labels is None:
        return None
    array = np.asarray(labels)
    if array.dtype.kind == "O" and all(isinstance(label, str) for label in array.flat):
        array = array.astype(str)
    if array.ndim == 2 and array.dtype.kind in "buif":
        array = array[:, 0] if array.shape[1] == 1 else array.argmax(axis=1)
    if array.dtype.kind == "f" and array.ndim == 1 and (array == np.floor(array)).all():
        array = array.astype(np.int64)
    if array.ndim != 1 or array.dtype.kind not in "buiUS":
        raise ImageError(
            f"labels: got {array.dtype.name} of shape {array.shape} for a recipe with When, wanted one class number or "
            "name for each image."
        )
    return array


def as_index(index: Any) -> int:
    if whole("index", index, 0) > _LARGEST_INDEX:
        raise RangeError(f"index: got {shown(index)}, wanted 0..2**63 - 1.")
    return int(index)


def as_indices(indices: Any, n: int) -> np.ndarray:
    if type(indices) is np.ndarray and indices.dtype == np.int64 and indices.shape == (n,) and indices.min() >= 0:
        return np.ascontiguousarray(indices)
    try:
        array = np.asarray(indices)
    except ValueError:  # lists of different lengths
        array = np.empty(0, object)
    if array.shape != (n,) or array.dtype.kind not in "iu" or (array < 0).any() or (array > _LARGEST_INDEX).any():
        raise ImageError(
            f"indices: got {array.dtype.name} of shape {array.shape}, wanted {n} whole numbers 0..2**63 - 1."
        )
    return np.ascontiguousarray(array, np.int64)


def check_out(out: np.ndarray, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    if (
        not isinstance(out, np.ndarray)
        or out.shape != shape
        or out.dtype != dtype
        or not out.flags.c_contiguous
        or not out.flags.writeable
    ):
        got = f"{out.dtype.name} {out.shape}" if isinstance(out, np.ndarray) else type(out).__name__
        raise ImageTypeError(
            f"out: got {got}, wanted a writable C-contiguous {dtype.name} array {shape}. "
            f"Use np.empty({shape}, np.{dtype.name})."
        )
    return out
