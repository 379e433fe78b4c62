"""Which samples are the partners of a mix: by key, out of all samples of a data set or out of those of a class."""

from __future__ import annotations

from functools import cached_property
from typing import final

import numpy as np

from augfuse.transforms.mix_base import Among


@final
class Pool:
    """The samples that partners are drawn from, by their places 0..size-1.

    own: (n,) int64 the places of the samples that are drawn for. labels: (size,) class numbers or names, or None.
    of_data: whether these are the samples of a data set, and not those of the batch itself.
    """

    def __init__(
        self, size: int, own: np.ndarray, labels: np.ndarray | None = None, of_data: bool = False,
        whole: Pool | None = None,
    ) -> None:  # fmt: skip
        self.size = size
        self.own = own
        self.labels = labels
        self.of_data = of_data
        self._whole = whole or self  # which finds out about the classes once, for all batches

    def of(self, own: np.ndarray) -> Pool:
        """The same for other samples of it."""
        return Pool(self.size, own, self.labels, self.of_data, self._whole)

    def chosen(self, units: np.ndarray, among: Among) -> np.ndarray:
        """(n, k) int64: a place for each of these units in [0, 1): of another sample, where there is one that is known
        to fit."""
        own = self.own[:, None]
        if among == "any":
            found = _floor(units, self.size - 1)
            found += found >= own
            return np.where(self.size > 1, found, own)
        if self.labels is None:
            return np.broadcast_to(own, units.shape).copy()
        order, starts, counts, code, rank = self._whole._classes
        start, count = starts[code[own]], counts[code[own]]
        if among == "same_class":
            place = _floor(units, count - 1)
            place += place >= rank[own]
            return np.where(count > 1, order[np.minimum(start + place, self.size - 1)], own)
        place = _floor(units, self.size - count)
        place += np.where(place >= start, count, 0)
        return np.where(count < self.size, order[np.minimum(place, self.size - 1)], own)

    @cached_property
    def _classes(self) -> tuple[np.ndarray, ...]:
        """The places by class; where each class begins there and how many it has; the class of each place, and its
        place within the class."""
        assert self.labels is not None
        _, code = np.unique(self.labels, return_inverse=True)
        code = code.reshape(-1)
        order, counts = np.argsort(code, kind="stable"), np.bincount(code)
        starts = np.cumsum(counts) - counts
        rank = np.empty(self.size, np.int64)
        rank[order] = np.arange(self.size) - starts[code[order]]
        return order, starts, counts, code, rank


def _floor(units: np.ndarray, count: np.ndarray | int) -> np.ndarray:
    return np.floor(units * np.maximum(count, 1)).astype(np.int64)
