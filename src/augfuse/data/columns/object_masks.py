"""A mask for each object, decoded on request: from runs, polygons, or a PNG with numbers of segments."""

from __future__ import annotations

import threading
from typing import final

import numpy as np

from augfuse.data.columns.objects import Column, Fields, Ragged, Size
from augfuse.data.columns.rle import decode_runs, draw_polygons
from augfuse.data.decoding.decode import decode
from augfuse.data.stores.store import Store
from augfuse.errors import DecodeError
from augfuse.text import shown


@final
class ObjectMasks(Fields, frozen=True, eq=False):
    """(k, h, w) uint8 for each sample, 0 and 1. polygons: for each sample a list of objects, each a list of rings; or
    None. runs: of each object, none for one with polygons; or None. sizes: (height, width) of each object with runs.
    The objects of sample i are counts[i] from starts[i] on."""

    each = ("starts", "counts", "polygons")
    polygons: Column | None
    runs: Ragged | None
    sizes: np.ndarray | None
    starts: np.ndarray
    counts: np.ndarray

    def entry(self, row: int, size: Size) -> np.ndarray:
        drawn = None if self.polygons is None else self.polygons.entry(row, size)
        first, count = int(self.starts[row]), int(self.counts[row])
        found = np.zeros((count, *size), np.uint8)
        for place in range(count):
            runs = () if self.runs is None else self.runs.entry(first + place, size)
            if len(runs):
                assert self.sizes is not None
                height, width = self.sizes[first + place].tolist()
                if (height, width) != size:
                    raise DecodeError(
                        f"the mask of object {place} has {height}x{width} pixels, its image {size.height}x{size.width}."
                    )
                found[place] = decode_runs(np.asarray(runs), height, width)
            elif drawn is not None:
                found[place] = draw_polygons(drawn[place], *size)
        return found


@final
class SegmentFiles(Fields, frozen=True, eq=False):
    """Numbers (h, w) out of PNGs whose colours are numbers of segments, red + 256 green + 65536 blue; 0 for none.

    rows: the file of each sample; one without a name has no segments. ids: the numbers of its segments, labels: their
    classes. classes: how many there are, then entries are classes, with the highest number of their dtype for none; or
    None, then they are j + 1 for segment j, and 0.
    """

    each = ("rows", "ids", "labels")
    store: Store
    rows: np.ndarray
    ids: Ragged
    labels: Ragged
    classes: int | None

    def entry(self, row: int, size: Size) -> np.ndarray:
        if self.classes is None:
            numbers = np.arange(int(self.ids.counts[row]) + 1, dtype=np.int32)
        else:
            dtype = np.uint8 if self.classes < 256 else np.uint16
            numbers = np.concatenate([[np.iinfo(dtype).max], self.labels.entry(row, size)]).astype(dtype)
        file = int(self.rows[row])
        names = self.store.names
        if names is not None and names[file] == "":
            return np.full(size, numbers[0])
        # Classes and numbers of segments are most often wanted of the same image, one after the other.
        store, last, kind, places = _last.read
        if store is self.store and last == file and kind != self.classes and places.shape == size:
            _last.read = _NOTHING
        else:
            places = self._places(row, size)
            _last.read = self.store, file, self.classes, places
        return numbers[places]

    def _places(self, row: int, size: Size) -> np.ndarray:
        """Of each pixel 0, or j + 1 for segment j."""
        ids, file = self.ids.entry(row, size), int(self.rows[row])
        path = None if self.store.names is None else self.store.names[file]
        colors = decode(self.store.raw(file), color="rgb", path=path).astype(np.int32)
        if colors.shape[:2] != size:
            height, width = colors.shape[:2]
            raise DecodeError(
                f"the segments have {height}x{width} pixels, their image {size.height}x{size.width}.", path
            )
        drawn = colors @ np.array([1, 256, 65536], np.int32)
        known = np.concatenate([[0], ids])
        order = np.argsort(known)
        places = np.minimum(np.searchsorted(known[order], drawn), len(known) - 1)
        strange = known[order][places] != drawn
        if strange.any():
            raise DecodeError(
                f"{int(strange.sum())} pixels are of segments that segments_info does not name, the first is "
                f"{shown(int(drawn[strange][0]))}.",
                path,
            )
        return order[places]


_NOTHING: tuple[Store | None, int, int | None, np.ndarray] = (None, -1, None, np.empty((0, 0), np.int64))


@final
class _Last(threading.local):
    """The PNG that a thread has read last, until both its classes and its segments were asked for."""

    def __init__(self) -> None:
        self.read = _NOTHING


_last = _Last()
