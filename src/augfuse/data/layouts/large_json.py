"""A large JSON file piece by piece: the lists in its outermost object, so many objects of a list at a time."""

from __future__ import annotations

import mmap
import re
from collections.abc import Iterator
from pathlib import Path
from types import GenericAlias, TracebackType
from typing import Any, TypeVar, final

import msgspec
import numpy as np

from augfuse.algebra.values import is_dict
from augfuse.errors import DataError, DataNotFoundError
from augfuse.text import shown

T = TypeVar("T")

_PIECE = 2 * 2**20  # bytes that are decoded at a time: they stay in the processor's cache
_SPACE = b" \t\r\n"
_BOM = b"\xef\xbb\xbf"
_FIRST_KEY = re.compile(rb'\{\s*"(?:[^"\\]|\\.)*"\s*:')


@final
class Lists:
    """The lists `names` of the object that a JSON file holds. The file is mapped, not read into memory.

    Raises DataNotFoundError, DataError: no such file, not JSON, or one of the lists is not there. `wanted` says what
    the file should be: "COCO's JSON".
    """

    def __init__(self, path: Path, names: tuple[str, ...], wanted: str) -> None:
        if path.exists() and not path.is_file():
            raise DataError(f"{path}: is not a regular file, wanted {wanted}.")
        self._path = path
        self._wanted = wanted
        try:
            with path.open("rb") as file:
                self._map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except FileNotFoundError:
            raise DataNotFoundError(f"{path}: no such file, wanted {wanted}.") from None
        except OSError as error:
            raise DataError(f"{path}: cannot be read ({error.strerror or error}).") from None
        except ValueError:  # nothing to map
            raise DataError(f"{path}: is empty, wanted {wanted}.") from None
        form = msgspec.defstruct("Outermost", [(name, msgspec.Raw) for name in names])
        begin = len(_BOM) if self._map[: len(_BOM)] == _BOM else 0
        self._spans: dict[str, tuple[int, int]] = {}
        try:
            with memoryview(self._map) as view, view[begin:] as text:
                base = _address(view)
                found = msgspec.json.decode(text, type=form)
                for name in names:
                    raw = memoryview(getattr(found, name))
                    start = _address(raw) - base
                    self._spans[name] = start, start + len(raw)
                    raw.release()
                del found
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            self._map.close()
            listed = ", ".join(names[:-1]) + f" and {names[-1]}"
            raise DataError(f"{path}: not {wanted} ({error}). Wanted {listed}.") from None
        self._forget()

    def __enter__(self) -> Lists:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: object, where: TracebackType | None) -> None:
        self._map.close()

    def pieces(self, name: str, form: type[T]) -> Iterator[list[T]]:
        """The objects of a list, in order, as `form` says. DataError names the object that is of another form."""
        start, end = self._spans[name]
        if self._map[start : start + 1] != b"[":
            raise DataError(f"{self._path}: not {self._wanted}: {name} is not a list.")
        start, end = start + 1, end - 1
        objects: Any = GenericAlias(list, (form,))
        decoder: msgspec.json.Decoder[list[T]] = msgspec.json.Decoder(objects)
        key = self._first_key(start, end)
        size = _PIECE
        while start < end:
            stop = min(start + size, end)
            cuts = iter([end]) if stop == end else self._cuts(start, stop, key)
            for cut in cuts:
                try:
                    found = decoder.decode(b"[" + self._map[start:cut] + b"]")
                except msgspec.ValidationError as error:
                    refused = self._refused(name, self._map[start:cut], form, error)
                    if refused is None and cut != end:
                        continue
                    raise refused or DataError(f"{self._path}: not {self._wanted} ({error}).") from None
                except (msgspec.DecodeError, UnicodeDecodeError) as error:
                    if cut == end:
                        raise DataError(f"{self._path}: not {self._wanted} ({error}).") from None
                    continue  # the cut was within an object
                except MemoryError:
                    raise DataError(f"{self._path}: does not fit into memory.") from None
                yield found
                start, size = self._behind(cut, end), _PIECE
                break
            else:
                size *= 2
            self._forget()

    def _first_key(self, start: int, end: int) -> bytes:
        """How the first object begins: most often all others begin so, and what lies within them does not."""
        head = self._map[start : min(start + 4096, end)]
        found = _FIRST_KEY.match(head.lstrip(_SPACE))
        return b"{" if found is None else found[0]

    def _cuts(self, start: int, stop: int, key: bytes) -> Iterator[int]:
        """Where an object may end, the last place first."""
        at, tried = stop, 0
        while tried < 8 and (at := self._map.rfind(key, start + 1, at)) > start:
            back = at
            while self._map[back - 1 : back] in (b" ", b"\t", b"\r", b"\n"):
                back -= 1
            if self._map[back - 1 : back] == b",":
                tried += 1
                yield back - 1

    def _behind(self, cut: int, end: int) -> int:
        """Where the next object begins: behind the comma and the spaces."""
        while cut < end and self._map[cut] in b", \t\r\n":
            cut += 1
        return cut

    def _refused(self, name: str, raw: bytes, form: type[Any], error: Exception) -> DataError | None:
        """Which object of a piece is of another form, and why; None where the piece ends within an object."""
        try:
            objects = msgspec.json.decode(b"[" + raw + b"]", type=list[msgspec.Raw])
        except msgspec.DecodeError:
            return None
        for one in objects:
            try:
                msgspec.json.decode(one, type=form)
            except msgspec.ValidationError as own:
                held = msgspec.json.decode(one)
                known = held.get("id") if is_dict(held) else None
                what = f"an object of {name}" if known is None else f"{name}: the object with id {shown(known)}"
                return DataError(f"{self._path}: {what} is not as wanted: {own}. Wanted {self._wanted}.")
        return DataError(f"{self._path}: {name}: {error}. Wanted {self._wanted}.")

    def _forget(self) -> None:
        """Let go of the pages that were read: they stay with the system."""
        if hasattr(mmap, "MADV_DONTNEED"):
            self._map.madvise(mmap.MADV_DONTNEED)


def _address(raw: memoryview) -> int:
    return np.frombuffer(raw, np.uint8).__array_interface__["data"][0]
