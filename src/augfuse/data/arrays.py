"""Images that are already in memory (or memory-mapped): one array, never copied."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, SupportsIndex, final

import numpy as np

from augfuse.data.names import as_list
from augfuse.data.sample import Sample
from augfuse.data.source import check_index, check_rows
from augfuse.data.split import split_rows
from augfuse.errors import DataError, ImageError, ImageTypeError, RangeError, did_you_mean
from augfuse.text import shown

_CHECK_BYTES = 8 * 2**20  # floats are checked in pieces of about this size


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
    y: None, or n labels. Integers and bools of shape (n,) become int64; strings become int64 positions in the sorted
        class names; everything else (floats, (n, k) arrays) is kept.
    value_range: (low, high), the full scale of the pixels. Default: that of the dtype, and (0, 1) for floats. Floats,
        and integers whose dtype holds more than value_range, are read once to check them.
    classes: names; label k is classes[k].
    groups: (n,) of anything that sorts (patients, videos, or what `af.augment` returns): images of one group never fall
        on both sides of a split.

    Raises ImageTypeError (x is no array, or of another dtype), ImageError (shape, NaN, infinity, outside value_range),
    RangeError (value_range), DataError (no images; labels or groups of another length, labels that do not match
    classes).
    """
    images = _as_images(x)
    limits = _value_range(value_range, images.dtype)
    _check_values(images, limits)
    names = None if classes is None else _class_names(classes)
    labels = None if y is None else _as_labels(y, len(images))
    if labels is not None and labels.dtype.kind in "UO":
        names, labels = _number_strings(labels, names)
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


def _as_images(x: np.ndarray) -> np.ndarray:
    if not isinstance(x, np.ndarray) or isinstance(x, np.ma.MaskedArray):
        raise ImageTypeError(f"x: got {type(x).__name__}, wanted a NumPy array (n, h, w, c); type np.asarray(x)")
    if x.dtype.newbyteorder("=") not in (np.uint8, np.uint16, np.float16, np.float32, np.float64):
        hint = "astype(np.float32)" if x.dtype.kind in "fc" else "astype(np.uint8)"
        raise ImageTypeError(f"x: got {x.dtype}, wanted uint8, uint16 or float32; type x.{hint}")
    if x.ndim not in (3, 4):
        hint = " For one image type x[None]." if x.ndim == 2 else ""
        raise ImageError(f"x: got shape {x.shape}, wanted (n, h, w, c) or (n, h, w).{hint}")
    if x.size == 0:
        raise DataError(f"x: got shape {x.shape}, wanted at least one image with at least one pixel.")
    if x.ndim == 4 and x.shape[1] in (1, 3, 4) and x.shape[3] > 4:
        raise ImageError(
            f"x: got shape {x.shape}, which looks like channels first; wanted (n, h, w, c); type "
            "x.transpose(0, 2, 3, 1)"
        )
    dtype = np.dtype(np.float32) if x.dtype.kind == "f" else x.dtype.newbyteorder("=")
    with np.errstate(over="ignore"):  # what overflows becomes infinity, and that is reported with its index
        # asarray also turns a memmap into a plain view of the same memory; its subclass costs time at each index.
        images = np.asarray(np.asarray(x), dtype=dtype, order="C")
    return images if images.ndim == 4 else images[:, :, :, None]


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


def _check_values(images: np.ndarray, limits: tuple[float, float] | None) -> None:
    if limits is None:
        return
    low, high = limits
    if images.dtype != np.float32 and low <= 0 and high >= np.iinfo(images.dtype).max:
        return
    step = max(1, _CHECK_BYTES // images[0].nbytes)
    for start in range(0, len(images), step):
        block = images[start : start + step]
        if not _inside(block, low, high):
            index = next(i for i in range(start, start + len(block)) if not _inside(images[i], low, high))
            raise ImageError(_outside(images[index], index, low, high))


def _inside(pixels: np.ndarray, low: float, high: float) -> bool:
    with np.errstate(invalid="ignore"):  # NaN compares false, which is what is wanted
        return bool(low <= pixels.min()) and bool(pixels.max() <= high)


def _outside(pixels: np.ndarray, index: int, low: float, high: float) -> str:
    if not np.isfinite(pixels).all():
        row, column, channel = (int(i[0]) for i in np.nonzero(~np.isfinite(pixels)))
        bad = pixels[row, column, channel]
        return f"image {index} has {bad} at row {row}, column {column}, channel {channel}; wanted finite pixels."
    least, most = float(pixels.min()), float(pixels.max())
    if least >= 0 and 1 < most <= 255 and (low, high) == (0.0, 1.0):
        hint = "pass value_range=(0, 255), or divide by 255"
    else:
        hint = "pass the value_range=(low, high) that the pixels are meant to have"
    return f"image {index} has values from {least:g} to {most:g}, wanted {low:g} to {high:g}: {hint}."


def _class_names(classes: Sequence[str]) -> tuple[str, ...]:
    names = tuple(as_list("classes", classes, "a tuple of names"))
    if not all(isinstance(name, str) for name in names):
        raise DataError(f"classes: got {shown(classes)}, wanted a tuple of names, as in ('cat', 'dog').")
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise DataError(f"classes: {shown(twice[0])} is there twice; wanted each name once.")
    return names


def _as_labels(y: Any, length: int) -> np.ndarray:
    try:
        labels = np.array(y)  # a copy: labels are small, and the caller may reuse the array
    except ValueError as error:
        raise DataError(f"y: labels must all have the same shape ({error}).") from None
    if labels.ndim == 0 or len(labels) != length:
        count = "one value" if labels.ndim == 0 else f"{len(labels)} labels"
        raise DataError(f"y: got {count} for {length} images, wanted one label for each.")
    if labels.dtype.kind in "iub" and labels.ndim == 1:
        return labels.astype(np.int64)
    if labels.dtype.kind in "UOT":
        if labels.ndim != 1 or not all(isinstance(label, str) for label in labels.tolist()):
            odd = next((label for label in labels.ravel().tolist() if not isinstance(label, str)), None)
            raise DataError(
                f"y: got labels of shape {labels.shape} holding {shown(odd)}, wanted numbers, or strings (n,)."
            )
        return labels.astype(object)
    return labels


def _as_groups(groups: Any, length: int) -> np.ndarray:
    found = np.array(groups)
    if found.shape != (length,):
        raise DataError(f"groups: got shape {found.shape} for {length} images, wanted one group for each.")
    return found


def _number_strings(labels: np.ndarray, names: tuple[str, ...] | None) -> tuple[tuple[str, ...], np.ndarray]:
    found, codes = np.unique(labels, return_inverse=True)
    if names is None:
        return tuple(str(name) for name in found), codes.astype(np.int64)
    places = {name: place for place, name in enumerate(names)}
    for name in found:
        if name not in places:
            raise DataError(f"y: label {shown(name)} is not in classes {names}.{did_you_mean(name, names)}")
    return names, np.array([places[name] for name in found], np.int64)[codes]
