"""The one protocol of stores, and the checks and threads that they share."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol, TypeAlias, TypeVar

import numpy as np

from augfuse.data.batches.batch_array import Room
from augfuse.data.sample import Sample
from augfuse.errors import DecodeError
from augfuse.threads import mapped

T = TypeVar("T")
# What a read gives for each row: the image with its file, and with a label where the store knows it; or why not.
Read: TypeAlias = Sample | DecodeError


class Store(Protocol):
    """The images of len(store) samples, by row.

    A row gives the same image every time, in any order, from several threads at once. A store pickles without pixels
    of files and without open files: what it needs open, it opens in each process.
    """

    __slots__ = ()

    @property
    def stack(self) -> np.ndarray | None:
        """All images as one array (n, h, w, c), where they lie in memory so; else None, and `read` is asked."""
        return None

    @property
    def names(self) -> Sequence[str] | None:
        """The file of each row, in full; None where there are no files."""
        return None

    @property
    def roots(self) -> tuple[str, ...]:
        """The files and folders on disk that it reads, as they were given: no command writes there."""
        return ()

    @property
    def folder(self) -> str | None:
        """The folder that holds the class folders, in full, where there is one: all `names` begin with it."""
        return None

    @property
    def keeps_files(self) -> bool:
        """Whether `raw` gives files, whose pixels as they are stored are those that `read` gives."""
        return False

    def __len__(self) -> int: ...

    def read(self, rows: Sequence[int], threads: int, room: Room | None = None) -> list[Read]:
        """The images of these rows, by up to `threads` threads, this one included. room: where a store may write them
        to, as many as there are rows."""
        ...

    def raw(self, row: int) -> bytes:
        """The file of a row as it is. DecodeError where it cannot be read, DataError where it has none."""
        ...

    def marks(self, rows: Sequence[int]) -> Iterator[bytes]:
        """What tells the images of these rows from others without reading files: pixels, or names and sizes."""
        ...

    def __str__(self) -> str:
        """What it holds, in words: the first of `roots`, and how many more there are."""
        first, *others = self.roots
        return f"{first} and {len(others)} more" if others else first


def read_one(read: Callable[[int], T], row: int) -> T | DecodeError:
    """`read` of a row, an error of decoding as a value."""
    try:
        return read(row)
    except DecodeError as error:
        return error


def read_each(read: Callable[[int], Sample], rows: Sequence[int], threads: int) -> list[Read]:
    """`read_one` of each row."""
    return list(mapped(lambda row: read_one(read, row), rows, min(threads, len(rows)), "decode"))


def by_part(ends: np.ndarray, rows: Sequence[int]) -> dict[int, list[tuple[int, int]]]:
    """Which part holds which of these rows, where parts lie one behind the other and end at `ends`: its number ->
    (place in `rows`, the row in it)."""
    numbers = np.searchsorted(ends, np.asarray(rows), side="right").tolist()
    found: dict[int, list[tuple[int, int]]] = {}
    for place, (row, number) in enumerate(zip(rows, numbers, strict=True)):
        found.setdefault(number, []).append((place, row - (int(ends[number - 1]) if number else 0)))
    return found
