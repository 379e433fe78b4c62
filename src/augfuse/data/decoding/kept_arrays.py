"""What was read from a large file, kept as arrays that are mapped the next time. Whatever is wrong with a kept file
costs reading again, never the run.

A file of the cache: a line of JSON that says what it was made of and which arrays it holds, then these, each at a
multiple of 64 bytes. It lies in a folder of the user's for such things, never in the data.
"""

from __future__ import annotations

import mmap
import os
import sys
import weakref
import zlib
from collections.abc import Mapping
from functools import lru_cache
from hashlib import blake2b
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from augfuse.errors import DataError
from augfuse.files import replacing

VARIABLE = "AUGFUSE_CACHE_DIR"
SMALLEST = 32 * 2**20  # bytes of a file that is worth it: a smaller one is read in about a second
_ALIGNED = 64
_MAGIC = b"augfuse-arrays 1\n"
_LONGEST_HEAD = 2**20


def cache_folder() -> Path:
    """$AUGFUSE_CACHE_DIR, or the folder `augfuse` where the system keeps the caches of a user's programs."""
    named = os.environ.get(VARIABLE)
    if named:
        return Path(named)
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA")
        return (Path(base) if base else Path.home() / "AppData" / "Local") / "augfuse" / "cache"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "augfuse"
    base = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(base) if Path(base).is_absolute() else Path.home() / ".cache") / "augfuse"


def is_worth_it(source: Path) -> bool:
    """Whether a file is so large that what it says is kept."""
    return source.is_file() and source.stat().st_size >= SMALLEST


class _Array(msgspec.Struct, frozen=True):
    dtype: str
    shape: tuple[int, ...]
    start: int


class _Head(msgspec.Struct, frozen=True):
    """stamp: what the file is of. size: of the whole file. crc: of everything behind the head."""

    stamp: str
    size: int
    crc: int
    arrays: dict[str, _Array]


def load(source: Path, what: str) -> dict[str, np.ndarray] | None:
    """The arrays that were kept of a file, mapped and read-only; None without any, where the file has changed
    since, and where they are damaged. what: the reader and its version, "coco 1"."""
    try:
        stamp = _stamp(source, what)
        with _place(source, what).open("rb") as file:
            mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        if mapped[: len(_MAGIC)] != _MAGIC:
            return None
        line = mapped.find(b"\n", len(_MAGIC), _LONGEST_HEAD)
        head = msgspec.json.decode(mapped[len(_MAGIC) : line], type=_Head)
        if head.stamp != stamp or head.size != len(mapped):
            return None
        with memoryview(mapped) as view, view[line + 1 :] as body:
            if zlib.crc32(body) != head.crc:
                return None
        found = {
            name: np.frombuffer(mapped, one.dtype, int(np.prod(one.shape)), one.start).reshape(one.shape)
            for name, one in head.arrays.items()
        }
        for name, array in found.items():
            _note(array, Kept(str(source.absolute()), what, stamp, name))
        return found
    except (OSError, ValueError, TypeError, msgspec.MsgspecError, RuntimeError):
        return None


class Kept(msgspec.Struct, frozen=True):
    """Where an array lies: that of this name which `load(source, what)` gives. stamp: what the file must be of."""

    source: str
    what: str
    stamp: str
    name: str


# Mapped arrays that are in use, by their identity.
_known: dict[int, tuple[weakref.ref[np.ndarray], Kept]] = {}


def _note(array: np.ndarray, kept: Kept) -> None:
    number = id(array)
    _known[number] = weakref.ref(array, lambda _: _known.pop(number, None)), kept


def carried(value: Any) -> Any:
    """What a pickle has in the place of a value: of an array of `load` where it is kept, of others themselves."""
    reference, kept = _known.get(id(value), (None, None))
    return kept if reference is not None and reference() is value else value


def brought(value: Any) -> Any:
    """The value of what `carried` gave. DataError where the kept file is not there any more, or is of another file."""
    return _mapped(value.source, value.what, value.stamp)[value.name] if isinstance(value, Kept) else value


@lru_cache(maxsize=16)
def _mapped(source: str, what: str, stamp: str) -> dict[str, np.ndarray]:
    path = Path(source)
    try:
        found = load(path, what) if _stamp(path, what) == stamp else None
    except OSError:
        found = None
    if found is None:
        raise DataError(
            f"{path}: the data set that was pickled refers to what was kept of this file in {cache_folder()}, and that "
            f"is gone, or the file has changed since. Open the data set again, or set {VARIABLE} to the same folder as "
            "where it was pickled."
        )
    return found


def keep(source: Path, what: str, arrays: Mapping[str, np.ndarray]) -> bool:
    """Keep arrays of a file for `load`. False where no folder can be written to."""
    packed: dict[str, _Array] = {}
    at = 0
    for name, array in arrays.items():
        packed[name] = _Array(array.dtype.str, array.shape, at)
        at += -(-array.nbytes // _ALIGNED) * _ALIGNED
    crc = 0
    for array in arrays.values():
        crc = zlib.crc32(b"\0" * (-array.nbytes % _ALIGNED), zlib.crc32(_bytes(array), crc))
    try:
        head = _head(_stamp(source, what), crc, packed, at)
        place = _place(source, what)
        with replacing(place) as new, new.open("wb") as file:
            file.write(head)
            for array in arrays.values():
                file.write(_bytes(array))
                file.write(b"\0" * (-array.nbytes % _ALIGNED))
        return True
    except (OSError, RuntimeError):  # no home folder
        return False


def _head(stamp: str, crc: int, arrays: Mapping[str, _Array], size: int) -> bytes:
    """The first bytes, padded so that the arrays begin at a multiple of 64."""
    first = 0
    while True:
        placed = {name: msgspec.structs.replace(one, start=one.start + first) for name, one in arrays.items()}
        head = _MAGIC + msgspec.json.encode(_Head(stamp, first + size, crc, placed))
        needed = -(-(len(head) + 1) // _ALIGNED) * _ALIGNED
        if needed <= first:
            return head + b" " * (first - len(head) - 1) + b"\n"
        first = needed


def _bytes(array: np.ndarray) -> memoryview:
    return np.ascontiguousarray(array).reshape(-1).view(np.uint8).data


def _place(source: Path, what: str) -> Path:
    key = blake2b(os.fsencode(os.path.realpath(source)), digest_size=10).hexdigest()
    return cache_folder() / f"{what.split()[0]}-{key}.arrays"


def _stamp(source: Path, what: str) -> str:
    """What a kept file must say to be of this file: its size and the time of its last change, and the reader."""
    state = source.stat()
    return f"{what} {state.st_size} {state.st_mtime_ns} {np.dtype(np.int64).str}"
