"""Images in Parquet files, read in place: a row group at a time, of which a few are kept."""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple, final, overload

import numpy as np

from augfuse.data.stores.cells import Encoded, content
from augfuse.data.stores.store import by_part
from augfuse.errors import DecodeError, MissingExtraError

# What pyarrow raises for damaged files.
BROKEN = (OSError, ValueError, LookupError, TypeError, RuntimeError, MemoryError)
KEPT_BYTES = 256 * 1024**2  # of row groups, by each process


class Group(NamedTuple):
    """A row group. file: the number of its file. number: its own within it. length: how many rows it has."""

    file: int
    number: int
    length: int


@final
class ParquetCells(Encoded):
    """A column of images in Parquet files; the rows of a file lie behind those of the one before it."""

    __slots__ = ("_column", "_ends", "_files", "_groups", "_kept", "_names")

    def __init__(self, files: Sequence[str], column: str, groups: tuple[Group, ...]) -> None:
        self.color = None
        self._files: tuple[str, ...] = tuple(files)
        self._column = column
        self._groups = groups
        self._ends = np.cumsum([group.length for group in groups])
        self._names = _Names(self._files, groups)
        self._kept = _Kept()

    @property
    def names(self) -> Sequence[str]:
        return self._names

    @property
    def roots(self) -> tuple[str, ...]:
        return self._files

    def __len__(self) -> int:
        return int(self._ends[-1])

    def get(self, rows: Sequence[int]) -> list[bytes | DecodeError]:
        found: list[bytes | DecodeError | None] = [None] * len(rows)
        for number, places in by_part(self._ends, rows).items():
            cells = self._cells(number, self._groups[number])
            for place, own in places:
                if isinstance(cells, DecodeError):
                    found[place] = cells
                else:
                    found[place] = content(cells[own].as_py(), self._names[rows[place]], follow=False)
        return [one for one in found if one is not None]

    def marks(self, rows: Sequence[int]) -> Iterator[bytes]:
        yield repr([(Path(file).name, Path(file).stat().st_size) for file in self._files]).encode()
        yield np.asarray(rows, np.int64).tobytes()

    def _cells(self, number: int, group: Group) -> Any:
        """The column of a row group, as pyarrow has it; or why it cannot be read."""
        with self._kept.lock:
            cells = self._kept.get(number)
            if cells is None:
                file = self._files[group.file]
                try:
                    with parquet().ParquetFile(file, page_checksum_verification=True) as opened:
                        table = opened.read_row_group(group.number, columns=[self._column], use_threads=False)
                except BROKEN as error:
                    return DecodeError(f"row group {group.number} cannot be read ({error}).", file)
                if table.num_rows != group.length:
                    return DecodeError(f"row group {group.number} is another one since it was opened.", file)
                cells = table.column(0)
                self._kept.add(number, cells)
            return cells


@final
class _Names(Sequence[str]):
    """The file and the row in it, train.parquet@12, made when it is asked for."""

    def __init__(self, files: Sequence[str], groups: Sequence[Group]) -> None:
        lengths = np.bincount([group.file for group in groups], [group.length for group in groups], len(files))
        self._files = files
        self._ends = np.cumsum(lengths.astype(np.int64))

    def __len__(self) -> int:
        return int(self._ends[-1])

    @overload
    def __getitem__(self, index: int) -> str: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[str]: ...

    def __getitem__(self, index: int | slice) -> str | Sequence[str]:
        if isinstance(index, slice):
            return [self[row] for row in range(len(self))[index]]
        row = range(len(self))[index]
        file = int(np.searchsorted(self._ends, row, side="right"))
        return f"{self._files[file]}@{row - (int(self._ends[file - 1]) if file else 0)}"


@final
class _Kept:
    """The row groups that were used last. Another process begins with none, and with a lock that nobody holds."""

    def __init__(self) -> None:
        self._begin()

    def __reduce__(self) -> tuple[type[_Kept], tuple[()]]:
        return _Kept, ()

    def _begin(self) -> None:
        self._process = os.getpid()
        self._lock = threading.Lock()
        self._groups: OrderedDict[int, Any] = OrderedDict()

    @property
    def lock(self) -> threading.Lock:
        """To be held for the other two."""
        if self._process != os.getpid():
            self._begin()
        return self._lock

    def get(self, number: int) -> Any | None:
        found = self._groups.get(number)
        if found is not None:
            self._groups.move_to_end(number)
        return found

    def add(self, number: int, cells: Any) -> None:
        self._groups[number] = cells
        while len(self._groups) > 1 and sum(one.nbytes for one in self._groups.values()) > KEPT_BYTES:
            self._groups.popitem(last=False)


def parquet() -> Any:
    """The module pyarrow.parquet. Raises MissingExtraError."""
    try:
        return import_module("pyarrow.parquet")
    except ImportError:
        raise MissingExtraError('Parquet files need pyarrow. Type: pip install "augfuse[parquet]"') from None
