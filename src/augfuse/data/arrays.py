"""Images that are already in memory (or memory-mapped): one array, never copied."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, SupportsIndex, final

import numpy as np

from augfuse.data.labels import as_labels, class_names, number_strings
from augfuse.data.sample import Sample
from augfuse.data.source import check_index, check_rows
from augfuse.data.split import split_rows
from augfuse.errors import DataError, RangeError
from augfuse.execute.images import Images, as_stack, check_values
from augfuse.text import shown


def from_arrays(
    x: np.ndarray,
    y: Any = None,
    value_range: tuple[float, float] | None = None,
    classes: Sequence[str] | None = None,
    groups: Any = None,
) -> ArraySource:
    """A source over one array of images.

    x: (n, h, w, c), or (n, h, w) for one channel; uint8, uint16 or float32, C-contiguous. Such an array is used as it
        is and never copied, memory-mapped ones included, so do not write to it while the source is in use. float16 and
        float64 are converted to float32 once; arrays that are not C-contiguous, or not in native byte order, are
        copied once.
    y: None, or n labels, in one array. Integers and bools of shape (n,) become int64; strings become int64 positions in
        the sorted class names; other finite numbers (floats, (n, k) arrays) are kept.
    value_range: (low, high), the full scale of the pixels. Default: that of the dtype, and (0, 1) for floats. Floats,
        and integers whose dtype holds more than value_range, are read once to check them.
    classes: names; label k is classes[k].
    groups: (n,) of anything that sorts (patients, videos, or what `af.augment` returns): images of one group never fall
        on both sides of a split.

    Raises ImageTypeError (x is not an array, or of another dtype), ImageError (shape, NaN, outside value_range),
    RangeError (value_range), DataError (no images; labels or groups of another length, labels that are NaN or do not
    match classes).
    """
    if isinstance(x, np.ndarray) and x.size == 0:
        raise DataError(f"x: got shape {x.shape}, wanted at least one image with at least one pixel.")
    images = as_stack(x, "x")
    limits = _value_range(value_range, images.dtype)
    if limits is not None:
        check_values(Images(stack=images, rows=np.arange(len(images))), *limits, "image {}")
    names = None if classes is None else class_names(classes)
    labels = None if y is None else as_labels(y, len(images))
    if labels is not None and labels.dtype.kind in "UO":
        names, labels = number_strings(labels, names)
    if names is not None and labels is not None and labels.ndim == 1 and labels.dtype.kind == "i":
        wrong = np.flatnonzero((labels < 0) | (labels >= len(names)))
        if len(wrong):
            raise DataError(
                f"y: label {labels[wrong[0]]} of sample {wrong[0]} has no name; "
                f"with {len(names)} classes, labels go from 0 to {len(names) - 1}."
            )
    keys = None if groups is None else _as_groups(groups, len(images))
    return ArraySource(images, np.arange(len(images)), labels, names, limits, keys)


@final
class ArraySource:
    """Samples out of one array. Made by `from_arrays`; a split or subset is rows into the same array.

    images: (N, h, w, c), all images of the array, also in a subset.
    rows: (n,) int64, the images that belong to this source: sample i is images[rows[i]].
    labels: (n, ...) read-only, in the order of the samples, or None.
    classes: tuple of names, or None. value_range: (low, high), or None for the full scale of the integer dtype.
    groups: (n,), or None: what a split must not part. copies: (n,) bool, True for augmented copies, or None.
    """

    __slots__ = ("classes", "copies", "groups", "images", "labels", "parts", "paths", "rows", "value_range")

    def __init__(
        self,
        images: np.ndarray,
        rows: np.ndarray,
        labels: np.ndarray | None,
        classes: tuple[str, ...] | None,
        value_range: tuple[float, float] | None,
        groups: np.ndarray | None = None,
    ) -> None:
        """Nothing is checked here; use `from_arrays`. `labels` and `groups` are those of `rows`."""
        self.images = images
        self.rows = _read_only(rows)
        self.labels = None if labels is None else _read_only(labels)
        self.classes = classes
        self.value_range = value_range
        self.paths: tuple[str, ...] | None = None
        self.groups = None if groups is None else _read_only(groups)
        self.copies: np.ndarray | None = None
        self.parts: dict[str, ArraySource] = {}

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: SupportsIndex, /) -> Sample:
        """Sample `index`; the image is a read-only view (h, w, c). Negative indices and IndexError as for lists."""
        position = check_index(index, len(self.rows))
        image = _read_only(self.images[self.rows[position]])
        if self.labels is None:
            return Sample(image)
        label = self.labels[position]
        return Sample(image, label.item() if self.labels.ndim == 1 else label)

    def __repr__(self) -> str:
        height, width, channels = self.images.shape[1:]
        names = "" if self.classes is None else f", {len(self.classes)} classes"
        unlabelled = ", no labels" if self.labels is None else ""
        return (
            f"ArraySource({len(self)} images of {height} x {width} x {channels} {self.images.dtype}{names}{unlabelled})"
        )

    def subset(self, rows: Sequence[int] | np.ndarray) -> ArraySource:
        """The samples at these positions (0..n-1, in this order, repeats allowed). Shares the pixels."""
        chosen = check_rows(rows, len(self))
        labels = None if self.labels is None else self.labels[chosen]
        groups = None if self.groups is None else self.groups[chosen]
        source = ArraySource(self.images, self.rows[chosen], labels, self.classes, self.value_range, groups)
        source.copies = None if self.copies is None else self.copies[chosen]
        return source

    def split(
        self, fraction: float, seed: int = 0, stratify: bool = True, groups: Any = None
    ) -> tuple[ArraySource, ArraySource]:
        """(rest, held_out), about `fraction` held out, each class keeping its share; see `augfuse.data.split`.

        groups: (n,), what must not be parted; by default `source.groups`.
        """
        groups = self.groups if groups is None else groups
        rest, held_out = split_rows(
            len(self), fraction, labels=self.labels, seed=seed, stratify=stratify, groups=groups
        )
        return self.subset(rest), self.subset(held_out)


def _read_only(array: np.ndarray) -> np.ndarray:
    view = array.view()
    view.flags.writeable = False
    return view


def _value_range(value_range: tuple[float, float] | None, dtype: np.dtype) -> tuple[float, float] | None:
    if value_range is None:
        return (0.0, 1.0) if dtype == np.float32 else None
    try:
        low, high = (float(bound) for bound in value_range)
    except (TypeError, ValueError):
        raise RangeError(
            f"value_range: got {shown(value_range)}, wanted (low, high); type value_range=(0, 255)"
        ) from None
    if not (np.isfinite(low) and np.isfinite(high) and low < high):
        raise RangeError(f"value_range: got ({low}, {high}), wanted finite low < high.")
    return low, high


def _as_groups(groups: Any, length: int) -> np.ndarray:
    try:
        found = np.array(groups)
    except ValueError as error:
        raise DataError(f"groups: wanted one group for each image, of one kind ({error}).") from None
    if found.shape != (length,):
        raise DataError(f"groups: got shape {found.shape} for {length} images, wanted one group for each.")
    return found
