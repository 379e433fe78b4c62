"""The framing of TFRecord files: a length, its checksum, the bytes, their checksum, one record after another.

The format: uint64 length, uint32 masked CRC-32C of those 8 bytes, the bytes, uint32 masked CRC-32C of them; all
little-endian. A masked checksum is the checksum turned right by 15 bits, plus 0xa282ead8. Source: TensorFlow,
tensorflow/core/lib/io/record_writer.h. A GZIP file is one gzip stream of such a file.
"""

from __future__ import annotations

import gzip
import mmap
import os
import struct
import zlib
from collections.abc import Iterator, Sequence
from functools import lru_cache
from io import BytesIO
from pathlib import Path
from typing import BinaryIO, NamedTuple

import google_crc32c

from augfuse.data.sources.npz_file import MAX_DEFLATE_RATIO, require_memory
from augfuse.data.stores.image_files import read_all
from augfuse.errors import DataError, DecodeError

_HEADER = struct.Struct("<QI")
_FOOTER = struct.Struct("<I")
_LENGTH = struct.Struct("<Q")
OVERHEAD = _HEADER.size + _FOOTER.size
_GZIP = b"\x1f\x8b"
_MASK = 0xA282EAD8
_AT_ONCE = 2**18  # bytes that are written together: a call for each record takes as long as its checksum


class Record(NamedTuple):
    """Where the bytes of a record lie in its file, unpacked."""

    offset: int
    size: int


def masked_crc(raw: bytes) -> int:
    """The masked CRC-32C."""
    crc = google_crc32c.value(raw)
    return ((crc >> 15 | crc << 17) + _MASK) & 0xFFFFFFFF


def frame(raw: bytes) -> bytes:
    """A record of these bytes."""
    return b"".join(_framed(raw))


def _framed(raw: bytes) -> tuple[bytes, bytes, bytes]:
    length = _LENGTH.pack(len(raw))
    return length + _FOOTER.pack(masked_crc(length)), raw, _FOOTER.pack(masked_crc(raw))


def is_packed(path: Path) -> bool:
    """Whether a file is packed with gzip. Raises OSError."""
    with path.open("rb") as file:
        return file.read(2) == _GZIP


def records(path: Path) -> Iterator[tuple[Record, memoryview]]:
    """Each record of a file with its bytes, which are valid until the next one; only what is looked at is read from
    disk. Lengths are checked against their checksums, the bytes are not: see `read_some`.

    Raises DataError: not a TFRecord file, cut short, a length that is damaged.
    """
    try:
        if is_packed(path):
            yield from _walk(memoryview(_unpacked(str(path), os.stat(path).st_mtime_ns)), path)  # noqa: PTH116
            return
        with path.open("rb") as file:
            if os.fstat(file.fileno()).st_size == 0:
                raise DataError(f"{path}: is empty, wanted TFRecord's records.")
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped, memoryview(mapped) as view:
                yield from _walk(view, path)
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror or error}).") from None


def _walk(view: memoryview, path: Path) -> Iterator[tuple[Record, memoryview]]:
    at, size, number = 0, len(view), 0
    while at < size:
        if size - at < OVERHEAD:
            raise DataError(f"{path}: cut short within record {number}, at byte {at:,}: {size - at} bytes are left.")
        length, crc = _HEADER.unpack_from(view, at)
        if masked_crc(bytes(view[at : at + _LENGTH.size])) != crc:
            what = "not a TFRecord file" if number == 0 else f"damaged at byte {at:,}"
            raise DataError(f"{path}: {what}: the length of record {number} has another checksum.")
        if length > size - at - OVERHEAD:
            raise DataError(
                f"{path}: cut short within record {number}, at byte {at:,}: it has {length:,} bytes, and "
                f"{size - at - OVERHEAD:,} are left."
            )
        start = at + _HEADER.size
        with view[start : start + length] as raw:
            yield Record(start, length), raw
        at = start + length + _FOOTER.size
        number += 1


def read_some(path: str, some: Sequence[Record], packed: bool) -> list[bytes | OSError]:
    """The bytes of records, checked; for one that cannot be read, why: a DecodeError where it is damaged.

    A packed file is unpacked into memory once for each process.
    """
    found: list[bytes | OSError] = []
    try:
        with _opened(path, packed) as file:
            for record in some:
                try:
                    file.seek(record.offset)
                    found.append(_checked(path, record, read_all(file, record.size + _FOOTER.size)))
                except OSError as error:
                    found.append(error)
    except OSError as error:
        found += [error] * (len(some) - len(found))
    return found


def _opened(path: str, packed: bool) -> BinaryIO:
    if packed:
        return BytesIO(_unpacked(path, os.stat(path).st_mtime_ns))  # noqa: PTH116
    return open(path, "rb", buffering=0)  # noqa: PTH123 - as in stores/files.py


def _checked(path: str, record: Record, found: bytes) -> bytes:
    """The bytes of a record without the checksum behind them, which is verified."""
    if len(found) < record.size + _FOOTER.size:
        raise DecodeError("the file ends within the record; was it changed since it was opened?", path)
    raw = found[: record.size]
    if masked_crc(raw) != _FOOTER.unpack_from(found, record.size)[0]:
        raise DecodeError("the record is damaged: its bytes have another checksum.", path)
    return raw


@lru_cache(maxsize=16)
def _unpacked(path: str, changed: int) -> bytes:
    """The whole of a packed file, which has not been written to since `changed`."""
    pieces: list[bytes] = []
    total, most = 0, os.stat(path).st_size * MAX_DEFLATE_RATIO  # noqa: PTH116
    try:
        with gzip.open(path) as file:
            while piece := file.read(1 << 24):
                pieces.append(piece)
                total += len(piece)
                require_memory(total, path)
                if total > most:
                    raise DataError(f"{path}: grows to more than a gzip file can hold.")
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DataError(f"{path}: the gzip file is cut or damaged ({error}).") from None
    return b"".join(pieces)


class Writer:
    """Writes records into an open file, packed where that is asked for."""

    def __init__(self, file: BinaryIO, *, packed: bool = False) -> None:
        self._file: BinaryIO | gzip.GzipFile = gzip.GzipFile("", "wb", 6, file, mtime=0) if packed else file
        self._packed = packed
        self._waiting: list[bytes] = []
        self._size = 0

    def write(self, raw: bytes) -> None:
        self._waiting += _framed(raw)
        self._size += len(raw)
        if self._size >= _AT_ONCE:
            self._flush()

    def close(self) -> None:
        """Write what is left, and end the gzip stream; the file stays open."""
        self._flush()
        if self._packed:
            self._file.close()

    def _flush(self) -> None:
        self._file.write(b"".join(self._waiting))
        self._waiting, self._size = [], 0
