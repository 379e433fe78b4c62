"""A mask for each object, made when it is asked for: out of runs, of polygons, or of a PNG with numbers of segments."""

from __future__ import annotations

from typing import final

import msgspec
import numpy as np

from augfuse.data.columns import Column, Ragged, Size
from augfuse.data.decode import decode
from augfuse.data.rle import decode_runs, draw_polygons
from augfuse.data.stores.store import Store
from augfuse.errors import DecodeError
from augfuse.text import shown


@final
class ObjectMasks(msgspec.Struct, frozen=True, eq=False):
    """(k, h, w) uint8 for each sample, 0 and 1. polygons: for each sample a list of objects, each a list of rings; or
    None. runs: of each object, none for one with polygons; or None. sizes: (height, width) of each object with runs.
    The objects of sample i are counts[i] from starts[i] on."""

    polygons: Column | None
    runs: Ragged | None
    sizes: np.ndarray | None
    starts: np.ndarray
    counts: np.ndarray

    def __len__(self) -> int:
        return len(self.starts)

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

    def take(self, rows: np.ndarray) -> ObjectMasks:
        polygons = None if self.polygons is None else self.polygons.take(rows)
        return ObjectMasks(polygons, self.runs, self.sizes, self.starts[rows], self.counts[rows])


@final
class SegmentFiles(msgspec.Struct, frozen=True, eq=False):
    """Numbers (h, w) out of PNGs whose colours are numbers of segments, red + 256 green + 65536 blue; 0 for none.

    rows: the file of each sample; one without a name has no segments. ids: the numbers of its segments, labels: their
    classes. classes: how many there are, then entries are classes, with the highest number of their dtype for none; or
    None, then they are j + 1 for segment j, and 0.
    """

    store: Store
    rows: np.ndarray
    ids: Ragged
    labels: Ragged
    classes: int | None

    def __len__(self) -> int:
        return len(self.rows)

    def entry(self, row: int, size: Size) -> np.ndarray:
        ids, labels = self.ids.entry(row, size), self.labels.entry(row, size)
        if self.classes is None:
            numbers = np.arange(len(ids) + 1, dtype=np.int32)
        else:
            dtype = np.uint8 if self.classes < 256 else np.uint16
            numbers = np.concatenate([[np.iinfo(dtype).max], labels]).astype(dtype)
        names = self.store.names
        path = None if names is None else names[int(self.rows[row])]
        if path == "":
            return np.full(size, numbers[0])
        colors = decode(self.store.raw(int(self.rows[row])), color="rgb", path=path).astype(np.int32)
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
        return numbers[order[places]]

    def take(self, rows: np.ndarray) -> SegmentFiles:
        return SegmentFiles(self.store, self.rows[rows], self.ids.take(rows), self.labels.take(rows), self.classes)
