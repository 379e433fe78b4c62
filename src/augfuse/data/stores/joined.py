"""Several stores one behind the other."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import final

import numpy as np

from augfuse.data.batches.batch_array import Room
from augfuse.data.stores.store import Read, Store, by_part


@final
class JoinedStore(Store):
    """The rows of the first store, then those of the second, and so on."""

    __slots__ = ("_ends", "stores")

    def __init__(self, stores: Sequence[Store]) -> None:
        self.stores = tuple(stores)
        self._ends = np.cumsum([len(store) for store in stores])

    def __len__(self) -> int:
        return int(self._ends[-1])

    def __str__(self) -> str:
        return " + ".join(map(str, self.stores))

    @property
    def names(self) -> Sequence[str] | None:
        every = [store.names for store in self.stores]
        held = [names for names in every if names is not None]
        return tuple(itertools.chain(*held)) if len(held) == len(every) else None

    @property
    def roots(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(root for store in self.stores for root in store.roots))

    @property
    def keeps_files(self) -> bool:
        return all(store.keeps_files for store in self.stores)

    def read(self, rows: Sequence[int], threads: int, room: Room | None = None) -> list[Read]:
        found: list[Read | None] = [None] * len(rows)
        for number, places in by_part(self._ends, rows).items():
            read = self.stores[number].read([row for _, row in places], threads)
            for (place, _), one in zip(places, read, strict=True):
                found[place] = one
        return [one for one in found if one is not None]

    def raw(self, row: int) -> bytes:
        ((number, ((_, own),)),) = by_part(self._ends, [row]).items()
        return self.stores[number].raw(own)

    def marks(self, rows: Sequence[int]) -> Iterator[bytes]:
        for number, places in by_part(self._ends, rows).items():
            yield from self.stores[number].marks([row for _, row in places])
