"""Data sets of images that are already in memory, or memory-mapped."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from augfuse.algebra.values import is_array
from augfuse.data.columns.labels import labelled
from augfuse.data.dataset import DataSet
from augfuse.data.stores.arrays import ArrayStore
from augfuse.data.table import Table
from augfuse.errors import DataError, RangeError
from augfuse.execute.advice import OF_ARRAYS
from augfuse.execute.batch_images import Images, as_stack, check_values
from augfuse.text import shown


def from_arrays(
    x: np.ndarray,
    y: Any = None,
    value_range: tuple[float, float] | None = None,
    classes: Sequence[str] | None = None,
    groups: Any = None,
) -> DataSet:
    """A data set over one array of images.

    Args:
        x: (n, h, w, c), or (n, h, w) for one channel; uint8, uint16 or float32, C-contiguous. Such an array is used as
            it is and never copied, memory-mapped ones included, so do not write to it while the data set is in use.
            float16 and float64 are converted to float32 once; arrays that are not C-contiguous, or not in native byte
            order, are copied once.
        y: None, or n labels, in one array. Integers and bools of shape (n,) become int64; strings become int64
            positions in the sorted class names; other finite numbers (floats, (n, k) arrays) are kept.
        value_range: (low, high), the full scale of the pixels. Default: that of the dtype, and (0, 1) for floats.
            Floats, and integers whose dtype holds more than value_range, are read once to check them.
        classes: names; label k is classes[k].
        groups: (n,) of anything that sorts (patients, videos, or what `af.augment` returns): images of one group never
            fall on both sides of a split.

    Returns:
        A `DataSet`; its images are in memory.

    Raises:
        ImageTypeError: x is not an array, or of another dtype.
        ImageError: shape, NaN, outside value_range.
        RangeError: value_range.
        DataError: no images; labels or groups of another length, labels that are NaN or do not match classes.
    """
    if is_array(x) and x.size == 0:
        raise DataError(f"x: got shape {x.shape}, wanted at least one image with at least one pixel.")
    images = as_stack(x, "x")
    usual = (0.0, 1.0) if images.dtype == np.float32 else None
    limits = usual if value_range is None else as_value_range(value_range)
    if limits is not None:
        check_values(Images(stack=images, rows=np.arange(len(images))), *limits, "image {}", declared=OF_ARRAYS)
    labels, names = labelled(y, classes, len(images), "y")
    keys = None if groups is None else as_groups(groups, len(images))
    return DataSet(ArrayStore(images), Table(labels, keys), names, limits)


def as_value_range(value_range: Any) -> tuple[float, float]:
    """(low, high), finite, low < high. Raises RangeError."""
    try:
        low, high = (float(bound) for bound in value_range)
    except (TypeError, ValueError):
        raise RangeError(
            f"value_range: got {shown(value_range)}, wanted (low, high); type value_range=(0, 255)"
        ) from None
    if not (np.isfinite(low) and np.isfinite(high) and low < high):
        raise RangeError(f"value_range: got ({low}, {high}), wanted finite low < high.")
    return low, high


def as_groups(groups: Any, length: int) -> np.ndarray:
    """Groups as (n,). Raises DataError."""
    try:
        found = np.array(groups)
    except ValueError as error:
        raise DataError(f"groups: wanted one group for each image, of one kind ({error}).") from None
    if found.shape != (length,):
        raise DataError(f"groups: got shape {found.shape} for {length} images, wanted one group for each.")
    return found
