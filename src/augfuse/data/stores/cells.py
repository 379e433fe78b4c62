"""Images that lie encoded in the cells of a table: in memory, or wherever the table has them."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from copy import copy
from typing import Any, Self, final

from augfuse.algebra.values import is_bytes, is_dict
from augfuse.data.batches.batch_array import Room
from augfuse.data.decoding.decode import Color
from augfuse.data.stores.encoded import read_encoded
from augfuse.data.stores.image_files import read_file
from augfuse.data.stores.store import Read, Store
from augfuse.errors import DecodeError


class Encoded(Store):
    """A column of image files, as a store that decodes them to the channels of `color`. It pickles without the files of
    others. names: the file of each row and the row in it: train.parquet@12; None where they are not in files."""

    __slots__ = ("color",)

    color: Color | None

    @abstractmethod
    def get(self, rows: Sequence[int]) -> list[bytes | DecodeError]:
        """The image files in these rows; for one that is not there, why."""

    def decoded_to(self, color: Color | None) -> Self:
        """The same column, of another color."""
        made = copy(self)
        made.color = color
        return made

    @property
    def keeps_files(self) -> bool:
        return self.color is None

    def read(self, rows: Sequence[int], threads: int, room: Room | None = None) -> list[Read]:
        found, names = self.get(rows), self.names

        return read_encoded(
            lambda start, stop: found[start:stop], len(rows), threads, self.color,
            lambda place: None if names is None else names[rows[place]],
            lambda place: f"{self}, row {rows[place]}" if names is None else names[rows[place]], room,
        )  # fmt: skip

    def raw(self, row: int) -> bytes:
        (found,) = self.get([row])
        if isinstance(found, DecodeError):
            raise found
        return found


@final
class MemoryCells(Encoded):
    """Image files in memory, as the cells of a data frame hold them."""

    __slots__ = ("_cells", "_title")

    def __init__(self, title: str, cells: Sequence[Any]) -> None:
        self.color = None
        self._title = title
        self._cells = cells

    def __len__(self) -> int:
        return len(self._cells)

    def __str__(self) -> str:
        return self._title

    def get(self, rows: Sequence[int]) -> list[bytes | DecodeError]:
        return [content(self._cells[row], f"{self._title}, row {row}") for row in rows]

    def marks(self, rows: Sequence[int]) -> Iterator[bytes]:
        for one in self.get(rows):
            yield str(one).encode() if isinstance(one, DecodeError) else one


def is_encoded(cell: Any) -> bool:
    """Whether a cell holds an image file: bytes, or a record of bytes and a path, as Hugging Face has them."""
    if is_dict(cell):
        return "bytes" in cell and set(cell) <= {"bytes", "path"}
    return is_bytes(cell)


def content(cell: Any, where: str, *, follow: bool = True) -> bytes | DecodeError:
    """The image file in a cell: the bytes, or, where these may be followed, those of the file that a record names
    instead."""
    if is_dict(cell):
        raw, path = cell.get("bytes"), cell.get("path")
        if raw is None and follow and isinstance(path, str):
            try:
                return read_file(path)
            except (OSError, ValueError) as error:
                return DecodeError(f"the file cannot be read ({error}).", path)
        cell = raw
    if is_bytes(cell):
        return bytes(cell)
    return DecodeError("the cell holds no image.", where)
