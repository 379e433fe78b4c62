"""The protocol of every source of images, and the two checks that all sources share."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Protocol, SupportsIndex

import numpy as np

from augfuse.data.sample import Sample
from augfuse.errors import DataError, ImageTypeError
from augfuse.text import shown


class Source(Protocol):
    """Anything with these two methods can feed a loader.

    `source[i]` takes 0 <= i < len(source), may be called from several threads at once and in any order, and gives the
    same sample for the same i every time. Negative indices and IndexError work as for lists.

    A source may also have these attributes; a missing one counts as None:

    labels: ndarray (n, ...), the labels of all samples. Without it nothing can be stratified.
    classes: tuple of class names; label k is classes[k].
    paths: tuple of n file names.
    value_range: (low, high), the full scale of the pixels, where it is not that of the dtype.
    groups: ndarray (n,); samples of one group (a patient, a video) never fall on both sides of a split.
    copies: ndarray (n,) bool; True where a sample is an augmented copy of another one, of the same group.
    parts: dict of the sources "train", "val", "test" that belong to one data set.
    """

    def __len__(self) -> int: ...

    def __getitem__(self, index: int, /) -> Sample: ...


def check_index(index: SupportsIndex, length: int) -> int:
    """A list-like index as 0 <= i < length. Raises IndexError outside, ImageTypeError for what is no integer."""
    try:
        position = operator.index(index)
    except TypeError:
        raise ImageTypeError(
            f"a source takes one integer index, got {shown(index)}; for several samples type data.subset(rows)"
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
