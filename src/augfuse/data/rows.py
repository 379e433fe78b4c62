"""Checks of what is given for the samples of a data set: an index, rows, weights."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any, SupportsIndex

import numpy as np

from augfuse.errors import DataError, ImageTypeError
from augfuse.text import shown


def check_weights(what: str, weights: Any, length: int, dtype: Any) -> np.ndarray:
    """Weights as a new array (n,). Raises DataError, which begins with `what`."""
    try:
        found = np.array(weights, dtype)
    except (TypeError, ValueError) as error:
        raise DataError(f"{what}: wanted {length} numbers ({error}).") from None
    if found.shape != (length,) or not np.isfinite(found).all() or (found < 0).any() or not found.any():
        got = f"shape {found.shape}" if found.shape != (length,) else f"{found.min():g}..{found.max():g}"
        raise DataError(
            f"{what}: got weights of {got} for {length} samples, wanted one for each, 0 or more, not all 0."
        )
    return found


def check_index(index: SupportsIndex, length: int) -> int:
    """A list-like index as 0 <= i < length. Raises IndexError outside, ImageTypeError for what is not an integer."""
    try:
        position = operator.index(index)
    except TypeError:
        raise ImageTypeError(
            f"a data set takes one integer index, got {shown(index)}; for several samples type data.subset(rows)"
        ) from None
    if not -length <= position < length:
        raise IndexError(f"index {position} is out of range for {length} samples")
    return position % length


def check_rows(rows: Sequence[int] | np.ndarray, length: int) -> np.ndarray:
    """Positions for a subset as int64 (k,), each 0 <= row < length. Raises DataError."""
    found = np.asarray(rows)
    if found.size == 0:
        raise DataError("subset: got no rows, wanted at least one.")
    if found.ndim != 1 or found.dtype.kind not in "iu":
        hint = " For a mask type np.flatnonzero(mask)." if found.dtype == bool else ""
        raise DataError(f"subset: got rows of shape {found.shape} and dtype {found.dtype}, wanted integers (k,).{hint}")
    low, high = int(found.min()), int(found.max())
    if low < 0 or high >= length:
        raise DataError(f"subset: got rows {low}..{high}, wanted 0..{length - 1}.")
    return found.astype(np.int64)
