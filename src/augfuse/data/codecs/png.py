"""PNG: the header, and pixels of which none is missing. The end chunk, and what lies behind the last row, may be.

Text, colour profiles and animations are not read. Rows are unpacked a few at a time: beside the image there is never
more than a few hundred kilobytes.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from typing import NamedTuple, final

import numpy as np

from augfuse.data.codecs.exif import exif_orientation, png_text_orientation
from augfuse.data.codecs.header import Header
from augfuse.errors import DecodeError
from augfuse.text import shown

MAGIC = b"\x89PNG\r\n\x1a\n"
MAX_CHUNKS = 65_536
MAX_DEFLATE_RATIO = 1032  # deflate repeats at most 258 bytes with 2 bits: a header that claims more is lying
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_BITS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}
_KEY_BYTES = {0: 2, 2: 6, 3: 1}  # that a transparent colour takes; the others cannot have one
_PIECE = 2**16
_BLOCK = 2**18  # bytes of rows that are unpacked at a time
_GRAY, _PALETTE = 0, 3
_TEXT = (b"iTXt", b"zTXt", b"tEXt")
# First column and row of each pass of an interlaced picture, and the steps to the next ones.
_PASSES = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))


class _Stored(NamedTuple):
    """How the pixels are stored. data: byte ranges of the packed rows. palette: (256, 3) or None. transparent: the
    content of tRNS."""

    bits: int
    kind: int
    interlaced: bool
    data: tuple[tuple[int, int], ...]
    palette: np.ndarray | None
    transparent: bytes


def walk(raw: bytes) -> Header:
    """Reads all chunk headers."""
    if raw[12:16] != b"IHDR":
        raise DecodeError("the PNG is damaged: it does not begin with its header chunk.")
    width, height, bits, kind, packing, filtering, interlace = struct.unpack_from(">IIBBBBB", raw, 16)
    if bits not in _BITS.get(kind, ()) or packing or filtering or interlace > 1:
        raise DecodeError(f"the PNG is damaged: its header has {bits} bits, colour type {kind}, packing {packing}.")
    position, exif, text, transparent, palette = 8, 0, 0, b"", b""
    spans: list[tuple[int, int]] = []
    for _ in range(MAX_CHUNKS):
        if position + 8 > len(raw):
            break
        length, name = struct.unpack_from(">I4s", raw, position)
        first, end = position + 8, position + 12 + length
        if end > len(raw) and name != b"IDAT":  # of the data, what is there may be enough
            if spans:
                break
            raise DecodeError(
                f"the PNG is cut short or damaged: chunk {shown(name)} is longer than the rest of the file."
            )
        if name == b"IDAT":
            spans.append((first, min(first + length, len(raw))))
        elif name == b"PLTE":
            palette = raw[first : end - 4]
        elif name == b"tRNS" and kind in _KEY_BYTES and length >= _KEY_BYTES[kind]:
            transparent = raw[first : end - 4]
        elif name == b"eXIf" and not exif:
            exif = exif_orientation(raw[first : end - 4])
        elif name in _TEXT and not text:
            text = png_text_orientation(name, raw[first : end - 4])
        elif name == b"IEND":
            break
        if name in (b"IHDR", b"PLTE", b"tRNS", b"IDAT") and end <= len(raw):
            (checksum,) = struct.unpack_from(">I", raw, end - 4)
            if zlib.crc32(memoryview(raw)[position + 4 : end - 4]) != checksum:
                raise DecodeError(f"the PNG is damaged: the checksum of its chunk {shown(name)} is wrong.")
        position = end
    else:
        raise DecodeError(f"the PNG has more than {MAX_CHUNKS} chunks.")
    if kind == _PALETTE and (not palette or len(palette) % 3):
        raise DecodeError("the PNG is damaged: it has no palette, or half of one.")
    data_bytes = sum(end - start for start, end in spans)
    if width * height * bits * _CHANNELS[kind] > 8 * MAX_DEFLATE_RATIO * data_bytes:
        raise DecodeError(
            f"the PNG is cut short or damaged: it claims {width} x {height} pixels but has only {data_bytes} bytes "
            "of data."
        )
    channels = 4 if kind in (4, 6) or transparent else 1 if kind == _GRAY else 3
    itemsize = 2 if bits == 16 else 1
    stored = _Stored(bits, kind, bool(interlace), tuple(spans), _palette(palette), transparent)
    return Header(
        "PNG", width, height, channels, itemsize, exif or text or 1, 2 * channels * itemsize, False, kind == _GRAY,
        stored,
    )  # fmt: skip


def _palette(data: bytes) -> np.ndarray | None:
    if not data:
        return None
    table = np.zeros((256, 3), np.uint8)
    given = np.frombuffer(data[:768], np.uint8).reshape(-1, 3)
    table[: len(given)] = given
    return table


def decode(raw: bytes, header: Header) -> np.ndarray:
    """Pixels as stored, (h, w, 1, 3 or 4): uint8, or uint16 for 16 bits."""
    stored: _Stored = header.detail
    pixels = np.empty((header.height, header.width, header.channels), np.uint16 if stored.bits == 16 else np.uint8)
    stream = _Stream(raw, stored.data)
    try:
        if stored.interlaced:
            for left, top, across, down in _PASSES:
                _decode_rows(stream, stored, pixels[top::down, left::across])
        else:
            _decode_rows(stream, stored, pixels)
        stream.check_end()
    except zlib.error as error:
        raise DecodeError(f"the PNG is damaged ({error}).") from error
    return pixels


def decode_values(raw: bytes, header: Header) -> np.ndarray:
    """The values of a gray or a palette PNG as they are stored, (h, w): indices of a palette, and gray values of fewer
    than 8 bits not scaled up."""
    stored: _Stored = header.detail
    if stored.kind not in (0, _PALETTE):
        raise DecodeError(f"a PNG with {_CHANNELS[stored.kind]} channels, wanted a gray or a palette one.")
    plain = stored if stored.bits >= 8 and stored.kind == 0 else stored._replace(kind=_PALETTE)
    detail = plain._replace(palette=None, transparent=b"")
    return decode(raw, header._replace(channels=1, detail=detail))[:, :, 0]


def _decode_rows(stream: _Stream, stored: _Stored, pixels: np.ndarray) -> None:
    from augfuse.data.codecs.unfilter import unfilter

    height, width, channels = pixels.shape
    if not pixels.size:
        return
    bits = stored.bits * _CHANNELS[stored.kind]
    size = (width * bits + 7) // 8
    above = np.zeros(size, np.uint8)
    is_plain = stored.bits == 8 and channels == _CHANNELS[stored.kind] and stored.kind != _PALETTE
    count = max(1, _BLOCK // (size + 1))
    for top in range(0, height, count):
        some = pixels[top : top + count]
        rows = np.frombuffer(stream.read(len(some) * (size + 1)), np.uint8).reshape(len(some), size + 1)
        in_place = is_plain and some.flags.c_contiguous
        lines = some.reshape(len(some), size) if in_place else np.empty((len(some), size), np.uint8)
        if not unfilter(rows, bits // 8 or 1, above, lines):
            raise DecodeError("the PNG is damaged: a row has a filter that does not exist.")
        above = lines[-1]
        if not in_place:
            some[:] = _unpacked(lines, stored, width)


@final
class _Stream:
    """The unpacked rows, as many bytes as are asked for."""

    def __init__(self, raw: bytes, spans: tuple[tuple[int, int], ...]) -> None:
        self._inflater = zlib.decompressobj()
        self._pieces = _pieces(raw, spans)

    def read(self, size: int) -> bytes:
        """Raises DecodeError where there is no more."""
        found: list[bytes] = []
        while size > 0:
            piece = self._inflater.unconsumed_tail or next(self._pieces, b"")
            if not piece or self._inflater.eof:
                raise DecodeError("the PNG is cut short: rows of its picture are missing.")
            found.append(self._inflater.decompress(piece, size))
            size -= len(found[-1])
        return found[0] if len(found) == 1 else b"".join(found)

    def check_end(self) -> None:
        """Let the checksum of the rows be looked at, where it is there. Raises zlib.error."""
        for piece in (self._inflater.unconsumed_tail, next(self._pieces, b"")):
            if piece and not self._inflater.eof:
                self._inflater.decompress(piece, _PIECE)


def _pieces(raw: bytes, spans: tuple[tuple[int, int], ...]) -> Iterator[memoryview]:
    view = memoryview(raw)
    for start, end in spans:
        for first in range(start, end, _PIECE):
            yield view[first : min(first + _PIECE, end)]


# --- the pixels of unpacked rows --------------------------------------------------------------------------------------


def _unpacked(lines: np.ndarray, stored: _Stored, width: int) -> np.ndarray:
    """(rows, width, channels) of rows of bytes."""
    values = _values(lines, stored.bits)[:, : width * _CHANNELS[stored.kind]].reshape(len(lines), width, -1)
    if stored.kind == _PALETTE:
        return values if stored.palette is None else _colors(values[:, :, 0], stored.palette, stored.transparent)
    full = 65535 if stored.bits == 16 else 255
    if stored.kind == 4:
        return values[:, :, [0, 0, 0, 1]]
    if not stored.transparent:
        return values * np.uint8(255 // ((1 << stored.bits) - 1)) if stored.bits < 8 else values
    wanted = len(stored.transparent) // 2
    depth = (1 << stored.bits) - 1
    key = np.frombuffer(stored.transparent[: 2 * wanted], ">u2")[: values.shape[2]] & depth
    opaque = (values != key).any(2) if len(key) == values.shape[2] else np.ones(values.shape[:2], bool)
    if stored.bits < 8:
        values = values * np.uint8(255 // depth)
    colors = np.repeat(values, 3, 2) if values.shape[2] == 1 else values[:, :, :3]
    return np.concatenate([colors, (opaque * np.array(full, values.dtype))[:, :, None]], 2)


def _values(lines: np.ndarray, bits: int) -> np.ndarray:
    if bits == 16:
        return lines.view(">u2").astype(np.uint16)
    if bits == 8:
        return lines
    if bits == 1:
        return np.unpackbits(lines, axis=1)
    shifts = np.arange(8 - bits, -1, -bits, dtype=np.uint8)
    return (lines[:, :, None] >> shifts & ((1 << bits) - 1)).reshape(len(lines), -1)


def _colors(indices: np.ndarray, palette: np.ndarray, transparent: bytes) -> np.ndarray:
    if not transparent:
        return palette[indices]
    alpha = np.full((256, 1), 255, np.uint8)
    given = np.frombuffer(transparent[:256], np.uint8)
    alpha[: len(given), 0] = given
    return np.concatenate([palette, alpha], 1)[indices]
