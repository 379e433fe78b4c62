"""The directory of tags that TIFF files begin with, and EXIF blocks are written in."""

from __future__ import annotations

import struct
from collections.abc import Collection, Mapping
from typing import NamedTuple

MAX_VALUES = 2**24  # entries of one tag: strips of a picture
_SIZES = {1: 1, 2: 1, 7: 1, 3: 2, 4: 4, 5: 8, 6: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
_CODES = {1: "B", 2: "B", 7: "B", 3: "H", 4: "I", 6: "b", 8: "h", 9: "i", 13: "I", 16: "Q", 17: "q", 18: "Q"}


class _Form(NamedTuple):
    """How numbers are written. order: of the bytes. offset, number: struct codes. pointer: where the directory's
    position stands. step: bytes of an entry. inline: bytes of values that an entry holds itself."""

    order: str
    offset: str
    number: str
    pointer: int
    step: int
    inline: int


def _form(tiff: bytes) -> _Form:
    order = "<" if tiff[:2] == b"II" else ">"
    if tiff[2:4] in (b"+\0", b"\0+"):  # BigTIFF
        return _Form(order, order + "Q", order + "Q", 8, 20, 8)
    return _Form(order, order + "I", order + "H", 4, 12, 4)


def _entries(tiff: bytes, form: _Form) -> range:
    """Positions of the entries of the first directory."""
    (start,) = struct.unpack_from(form.offset, tiff, form.pointer)
    (count,) = struct.unpack_from(form.number, tiff, start)
    first = start + struct.calcsize(form.number)
    if first + form.step * count > len(tiff):
        raise struct.error("the directory is longer than the file")
    return range(first, first + form.step * count, form.step)


def read_directory(tiff: bytes, wanted: Collection[int]) -> dict[int, tuple[int, ...]]:
    """Whole numbers of the wanted tags in the first directory of a TIFF or BigTIFF structure.

    Raises struct.error where the directory lies outside, ValueError where a tag has more than MAX_VALUES of them.
    """
    form = _form(tiff)
    found: dict[int, tuple[int, ...]] = {}
    for entry in _entries(tiff, form):
        tag, kind = struct.unpack_from(form.order + "HH", tiff, entry)
        if tag not in wanted or kind not in _CODES or tag in found:
            continue
        (number,) = struct.unpack_from(form.offset, tiff, entry + 4)
        if number > MAX_VALUES:
            raise ValueError(f"tag {tag} has {number:,} values")
        place = entry + form.step - form.inline
        if number * _SIZES[kind] > form.inline:
            (place,) = struct.unpack_from(form.offset, tiff, place)
        found[tag] = struct.unpack_from(f"{form.order}{number}{_CODES[kind]}", tiff, place)
    return found


def with_tags(tiff: bytes, kept: Collection[int], changes: Mapping[int, tuple[int, ...] | None]) -> bytes:
    """The file with a new first directory behind it, which has the `kept` tags only, and these values, or None, for
    some of them. Tags whose values cannot lie in the file are left out, as Pillow does, which warns of them."""
    form = _form(tiff)
    pieces, position = [tiff], len(tiff)
    entries: dict[int, bytes] = {}
    for tag, values in changes.items():
        if values is None:
            continue
        content = struct.pack(f"{form.order}{len(values)}{form.offset[1]}", *values)
        head = struct.pack(f"{form.order}HH{form.offset[1]}", tag, 16 if form.step == 20 else 4, len(values))
        if len(content) <= form.inline:
            entries[tag] = head + content
            continue
        entries[tag] = head + struct.pack(form.offset, position)
        pieces.append(content)
        position += len(content)
    room = len(tiff)
    for at in _entries(tiff, form):
        tag, kind = struct.unpack_from(form.order + "HH", tiff, at)
        if tag in kept and tag not in changes and tag not in entries:
            bytes_of_values = _SIZES.get(kind, 0) * struct.unpack_from(form.offset, tiff, at + 4)[0]
            size = bytes_of_values if bytes_of_values > form.inline else 0  # else they stand in the entry
            if size <= room:
                room -= size
                entries[tag] = tiff[at : at + form.step]
    directory = [entries[tag] for tag in sorted(entries)]
    pieces += [struct.pack(form.number, len(directory)), *directory, struct.pack(form.offset, 0)]
    file = bytearray(b"".join(pieces))
    struct.pack_into(form.offset, file, form.pointer, position)
    return bytes(file)
