"""The statistics of a data set, read once, in pieces, by threads; the result does not depend on how many."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import final

import numpy as np

from augfuse.data.batches.prefetch import compute_ahead, thread_count
from augfuse.data.batches.reader import Reader
from augfuse.data.columns.labels import are_class_numbers
from augfuse.data.measured.zca import Whitening, fit_zca
from augfuse.data.readable import Readable
from augfuse.errors import DataError
from augfuse.jit import jit
from augfuse.plan.settings import value_range
from augfuse.recipe import Recipe
from augfuse.statistics import BINS, Moments, Statistics, Totals

_SAMPLES = 32  # read at once by a thread


def statistics_of(data: Readable, workers: int | None, on_error: str) -> Statistics:
    """See `DataSet.statistics`."""
    reader = _reader(data, on_error)
    pieces = -(-len(data) // _SAMPLES)

    def measure(piece: int, threads: int) -> _Sums:
        rows = np.arange(piece * _SAMPLES, min((piece + 1) * _SAMPLES, len(data)))
        found = _Sums()
        for row, sample in zip(rows.tolist(), reader.samples(rows, threads), strict=True):
            if sample is not None:
                found.add(sample.image, value_range(sample.image.dtype, data.value_range), _name(data, row))
        return found

    found = _Sums()
    for piece in compute_ahead(measure, range(pieces), pieces, thread_count(workers)):
        found.merge(piece)
    reader.report()
    left_out = reader.skipped
    if not found.images:
        raise DataError(f"statistics: none of {len(data)} images can be read: {next(iter(left_out.values()))}")
    kept = np.setdiff1d(np.arange(len(data)), list(left_out)) if left_out else slice(None)
    return found.statistics(class_counts(None if data.labels is None else data.labels[kept], data.classes))


def whitening_of(data: Readable, epsilon: float, workers: int | None) -> Whitening:
    """See `DataSet.zca`."""
    reader = _reader(data, "raise")
    threads = max(1, thread_count(workers))

    def chunks() -> Iterator[np.ndarray]:
        for start in range(0, len(data), _SAMPLES):
            for sample in reader.samples(np.arange(start, min(start + _SAMPLES, len(data))), threads):
                assert sample is not None
                low, high = value_range(sample.image.dtype, data.value_range)
                yield ((sample.image.astype(np.float32) - np.float32(low)) / np.float32(high - low))[None]

    return fit_zca(chunks, epsilon)


def class_counts(labels: np.ndarray | None, classes: tuple[str, ...] | None) -> dict[str, int]:
    """How many samples have which class, in the order of the classes; {} where labels are not class numbers."""
    if not are_class_numbers(labels) or (labels < 0).any():
        return {}
    names = tuple(map(str, range(int(labels.max(initial=-1)) + 1))) if classes is None else classes
    return dict(zip(names, np.bincount(labels, minlength=len(names)).tolist(), strict=True))


def _reader(data: Readable, on_error: str) -> Reader:
    return Reader(data, on_error, 1.0, Recipe(value_range=data.value_range))


def _name(data: Readable, row: int) -> str:
    return f"sample {row}" if data.paths is None else f"sample {row} ({data.paths[row]})"


@final
class _Sums:
    """What adds up over images, while it is added up."""

    def __init__(self) -> None:
        self.images = 0
        self._limits = (0.0, 0.0)
        self._name = ""
        self._totals: Totals | None = None
        self._levels = np.zeros((0, BINS), np.int64)
        self._sizes: Counter[tuple[int, int]] = Counter()

    def add(self, image: np.ndarray, limits: tuple[float, float], name: str) -> None:
        """One image, checked."""
        levels = np.zeros((image.shape[2], BINS), np.int64)
        totals = _totals_of(image, limits, levels)
        self._count(name, limits, levels, totals)
        self._sizes[image.shape[0], image.shape[1]] += 1
        self.images += 1

    def merge(self, other: _Sums) -> None:
        """Those of images after these."""
        if other._totals is not None:
            self._count(other._name, other._limits, other._levels, other._totals)
            self._sizes.update(other._sizes)
            self.images += other.images

    def statistics(self, counts: dict[str, int]) -> Statistics:
        assert self._totals is not None
        histogram = tuple(map(tuple, self._levels.tolist()))
        return Statistics(
            images=self.images,
            value_range=self._limits,
            totals=self._totals,
            histogram=histogram,
            sizes=dict(self._sizes),
            class_counts=counts,
        )

    def _count(self, name: str, limits: tuple[float, float], levels: np.ndarray, totals: Totals) -> None:
        if self._totals is None:
            self._name, self._limits, self._levels, self._totals = name, limits, levels, totals
            return
        for what, mine, theirs in (
            ("channel(s)", len(self._levels), len(levels)),
            ("as the largest value", self._limits[1], limits[1]),
        ):
            if mine != theirs:
                raise DataError(
                    f"statistics: {name} has {theirs:g} {what}, {self._name} has {mine:g}. Give the data a color "
                    "('rgb', 'grayscale'), or convert the files to one depth."
                )
        self._levels += levels
        self._totals = self._totals.merged(totals)


def _totals_of(image: np.ndarray, limits: tuple[float, float], levels: np.ndarray) -> Totals:
    """The totals of an image; counts its values in `levels`."""
    height, width, channels = image.shape
    if image.dtype == np.uint8:
        _count_levels(image, levels)
        values = np.arange(BINS)
        first, second = levels @ values, levels @ values**2
    elif image.dtype == np.uint16:
        flat = image.reshape(-1, channels).astype(np.uint64)
        first, second = flat.sum(axis=0), (flat * flat).sum(axis=0)
    else:
        _count_scaled(image, limits, levels)
        return Totals.of(Moments.of(np.array(np.moveaxis(image, 2, 0), np.float64).reshape(channels, -1)))
    if image.dtype != np.uint8 or limits != (0, 255):
        levels[:] = 0
        _count_scaled(image, limits, levels)
    return Totals(height * width, tuple(map(int, first)), tuple(map(int, second)), True)


def _count_scaled(image: np.ndarray, limits: tuple[float, float], levels: np.ndarray) -> None:
    low, high = limits
    whole = image.dtype.kind == "u"  # of 2**16 levels 256 each
    places = (image.astype(np.float64) - low) * (BINS / (high - low + (1 if whole else 0)))
    _count_levels(np.clip(places, 0, BINS - 1).astype(np.uint8), levels)


@jit
def _count_levels(image: np.ndarray, levels: np.ndarray) -> None:
    """How often each channel of (h, w, c) uint8 has each value, added to (c, 256)."""
    channels = image.shape[2]
    for y in range(image.shape[0]):
        for x in range(image.shape[1]):
            for c in range(channels):
                levels[c, image[y, x, c]] += 1
