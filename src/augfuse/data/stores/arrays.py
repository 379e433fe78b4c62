"""Images that are already in memory, or memory-mapped: one array, never copied."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import final

import numpy as np

from augfuse.data.batches.batch_array import Room
from augfuse.data.sample import Sample
from augfuse.data.stores.store import Read, Store
from augfuse.errors import DataError


@final
class ArrayStore(Store):
    """The images of one array (n, h, w, c). Samples are read-only views of it."""

    __slots__ = ("_stack",)

    def __init__(self, stack: np.ndarray) -> None:
        self._stack = stack

    @property
    def stack(self) -> np.ndarray:
        return self._stack

    def __len__(self) -> int:
        return len(self._stack)

    def __str__(self) -> str:
        height, width, channels = self._stack.shape[1:]
        return f"{height} x {width} x {channels} {self._stack.dtype}"

    def read(self, rows: Sequence[int], threads: int, room: Room | None = None) -> list[Read]:
        images = self._stack.view()
        images.flags.writeable = False
        return [Sample(images[row]) for row in rows]

    def raw(self, row: int) -> bytes:
        raise DataError(f"sample {row} lies in an array, and has no file.")

    def marks(self, rows: Sequence[int]) -> Iterator[bytes]:
        yield f"{self._stack.shape[1:]} {self._stack.dtype}".encode()
        for row in rows:
            yield self._stack[row].tobytes()
