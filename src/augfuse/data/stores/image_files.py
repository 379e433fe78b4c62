"""Image files, on disk or in an archive, decoded when they are asked for."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO, final

import numpy as np

from augfuse.data.batches.batch_array import Room
from augfuse.data.decoding.decode import Color, decode
from augfuse.data.decoding.decode_many import Into, plain_files
from augfuse.data.decoding.limits import max_file_bytes
from augfuse.data.layouts.names import names_beside
from augfuse.data.sample import Sample
from augfuse.data.stores.encoded import MANY, read_encoded
from augfuse.data.stores.store import Read, Store, read_each, read_one
from augfuse.errors import DataError, DataNotFoundError, DecodeError, did_you_mean
from augfuse.text import shown
from augfuse.threads import share


def read_file(path: str) -> bytes:
    """The bytes of an image file; one more than allowed where it is too large. Raises OSError."""
    # Not pathlib, and no buffer: they take as long as the decoder of a small image.
    with open(path, "rb", buffering=0) as file:  # noqa: PTH123
        limit = max_file_bytes()
        if os.fstat(file.fileno()).st_size > limit:
            return read_all(file, int(limit) + 1)  # decode refuses it unseen
        return file.readall()


def read_all(file: BinaryIO, size: int) -> bytes:
    """`size` bytes, or those up to the end: one read of an unbuffered file may give fewer than it could."""
    pieces: list[bytes] = []
    while size > 0 and (piece := file.read(size)):
        pieces.append(piece)
        size -= len(piece)
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)


def existing_file(path: str | os.PathLike[str], wanted: str) -> Path:
    """The full path of a regular file. DataNotFoundError where it is something else; `wanted`: "a tar archive"."""
    file = Path(os.path.abspath(path))  # noqa: PTH100 - as in from_directory: the user's own link stays in messages
    if file.is_dir():
        raise DataNotFoundError(f"{file}: is a folder, wanted {wanted}. Type af.from_directory({shown(str(path))}).")
    if file.exists() and not file.is_file():
        raise DataNotFoundError(f"{file}: is not a regular file, wanted {wanted}.")
    if not file.is_file():
        raise DataNotFoundError(f"{file}: no such file, wanted {wanted}.{did_you_mean(file.name, names_beside(file))}")
    return file


def existing_files(
    paths: str | os.PathLike[str] | Iterable[str | os.PathLike[str]], wanted: str, caller: str, what: str = "files"
) -> list[Path]:
    """`existing_file` of one path or of each of several. DataError, which names `caller`, if there are none."""
    given = [paths] if isinstance(paths, (str, os.PathLike)) else paths
    files = [existing_file(one, wanted) for one in given]
    if not files:
        raise DataError(f"{caller}: got no {what}, wanted at least one.")
    return files


def file_size(path: str) -> int:
    """How many bytes a file on disk has. Raises OSError."""
    return os.stat(path).st_size  # noqa: PTH116 - a Path for each of a million files takes seconds


@final
class FileStore(Store):
    """Files by name. root: the folder or archive that was given. folder: what holds
    the class folders, if anything does. color: channels
    to decode to. get: from a name to the bytes of that file; size: to what tells its content from another, cheaply."""

    __slots__ = ("_folder", "_get", "_names", "_size", "color", "root")

    def __init__(
        self,
        root: str,
        folder: str | None,
        names: Sequence[str],
        color: Color | None,
        get: Callable[[str], bytes] = read_file,
        size: Callable[[str], object] = file_size,
    ) -> None:
        self.root = root
        self._folder = folder
        self._names = names
        self.color: Color | None = color
        self._get = get
        self._size = size

    def __len__(self) -> int:
        return len(self._names)

    @property
    def names(self) -> Sequence[str]:
        return self._names

    @property
    def folder(self) -> str | None:
        return self._folder

    @property
    def roots(self) -> tuple[str, ...]:
        return (self.root,)

    @property
    def keeps_files(self) -> bool:
        return self.color is None

    def read(self, rows: Sequence[int], threads: int, room: Room | None = None) -> list[Read]:
        if len(rows) < MANY:
            return read_each(self._one, rows, threads)
        if not self.are_on_disk:
            return read_encoded(
                lambda start, stop: [read_one(self.raw, row) for row in rows[start:stop]],
                len(rows), threads, self.color, lambda place: self.name(rows[place]), room=room,
            )  # fmt: skip
        found: list[Any] = [None] * len(rows)

        def some(start: int, stop: int) -> None:
            first = start
            into = Into(room=room, first=start)
            for few in plain_files([self.name(row) for row in rows[start:stop]], self.color, into):
                for place, pixels in enumerate(few.images, first):
                    row = rows[place]
                    found[place] = read_one(self._one, row) if pixels is None else self._sample(row, pixels)
                first += len(few.images)

        share(some, len(rows), threads)
        return found

    @property
    def are_on_disk(self) -> bool:
        """Whether the names are those of files on disk, and not in an archive."""
        return self._get is read_file

    def _sample(self, row: int, pixels: np.ndarray) -> Sample:
        return Sample(pixels, None, self.name(row))

    def _one(self, row: int) -> Sample:
        return self._sample(row, decode(self.raw(row), color=self.color, path=self.name(row)))

    def raw(self, row: int) -> bytes:
        name = self.name(row)
        try:
            return self._get(name)
        except OSError as error:
            if isinstance(error, DecodeError):
                raise
            raise DecodeError(f"the file cannot be read ({error.strerror}).", name) from error

    def marks(self, rows: Sequence[int]) -> Iterator[bytes]:
        for row in rows:
            name = self.name(row)
            try:
                size = self._size(name)
            except OSError:
                size = "missing"
            yield f"{os.path.basename(name)} {size}\n".encode("utf-8", "surrogateescape")  # noqa: PTH119

    def name(self, row: int) -> str:
        """The file of a row."""
        return self._names[row]
