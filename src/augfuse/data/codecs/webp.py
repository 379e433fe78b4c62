"""WebP: the header and the pixels; of an animation, the first frame."""

from __future__ import annotations

import struct
from typing import NamedTuple

import numpy as np

from augfuse.data.codecs.exif import exif_orientation, xmp_orientation
from augfuse.data.codecs.header import Header
from augfuse.errors import DecodeError
from augfuse.text import shown

MAX_CHUNKS = 65_536
_ALPHA, _ANIMATED = 0x10, 0x02


class _Frame(NamedTuple):
    """The first picture: its chunks, where it lies on the canvas, whether it has transparency. still: the file is one
    picture."""

    chunks: tuple[tuple[int, int], ...]
    left: int
    top: int
    width: int
    height: int
    still: bool


def walk(raw: bytes) -> Header:
    """Reads the headers of all chunks of the file, and of those in the first frame of an animation."""
    first = raw[12:16]
    if first == b"VP8X":
        flags = raw[20]
        width, height = _uint24(raw, 24) + 1, _uint24(raw, 27) + 1
    elif first in (b"VP8 ", b"VP8L"):
        flags = 0
        width, height = _size(raw, 20, first)
        if first == b"VP8L":
            flags = _ALPHA if raw[24] >> 4 & 1 else 0
    else:
        raise DecodeError(f"the WebP is damaged: its first chunk is {shown(first)}.")
    exif = xmp = 0
    frame: _Frame | None = None
    picture: list[tuple[int, int]] = []
    for name, start, end in _chunks(raw, 12, len(raw)):
        if name == b"ANMF" and frame is None and flags & _ANIMATED:
            inner = [
                (at - 8, stop)
                for kind, at, stop in _chunks(raw, start + 16, end)
                if kind in (b"ALPH", b"VP8 ", b"VP8L")
            ]
            left, top = 2 * _uint24(raw, start), 2 * _uint24(raw, start + 3)
            across, down = _uint24(raw, start + 6) + 1, _uint24(raw, start + 9) + 1
            frame = _Frame(tuple(inner), left, top, across, down, False)
        elif name in (b"ALPH", b"VP8 ", b"VP8L"):
            picture.append((start - 8, end))
        elif name == b"EXIF":
            exif = exif or exif_orientation(raw[start:end].removeprefix(b"Exif\0\0"))
        elif name == b"XMP ":
            xmp = xmp or xmp_orientation(raw[start:end])
    if frame is None:
        frame = _Frame(tuple(picture), 0, 0, width, height, True)
    if not frame.chunks:
        raise DecodeError("the WebP is cut short: it has no picture.")
    if frame.left + frame.width > width or frame.top + frame.height > height:
        raise DecodeError("the WebP is damaged: its first frame reaches beyond the canvas.")
    channels = 4 if flags & _ALPHA else 3
    # libwebp unpacks a lossless picture to four bytes a pixel and then writes it out.
    return Header("WEBP", width, height, channels, 1, exif or xmp or 1, channels + 5, detail=frame)


def _uint24(raw: bytes, at: int) -> int:
    if at + 3 > len(raw):
        raise struct.error("cut")
    return int.from_bytes(raw[at : at + 3], "little")


def _size(raw: bytes, at: int, kind: bytes) -> tuple[int, int]:
    """Size in a picture chunk whose content begins at `at`."""
    if kind == b"VP8L":
        (packed,) = struct.unpack_from("<I", raw, at + 1)
        return (packed & 0x3FFF) + 1, (packed >> 14 & 0x3FFF) + 1
    width, height = struct.unpack_from("<HH", raw, at + 6)
    return width & 0x3FFF, height & 0x3FFF


def _chunks(raw: bytes, position: int, stop: int) -> list[tuple[bytes, int, int]]:
    """(name, start, end) of the content of each chunk; the last one may be cut."""
    found: list[tuple[bytes, int, int]] = []
    while position + 8 <= stop and len(found) < MAX_CHUNKS:
        name, size = struct.unpack_from("<4sI", raw, position)
        found.append((name, position + 8, min(position + 8 + size, stop)))
        position += 8 + size + size % 2
    return found


def decode(raw: bytes, header: Header) -> np.ndarray:
    """Pixels as stored, (h, w, 3 or 4) uint8."""
    import cv2

    frame: _Frame = header.detail
    for start, _ in frame.chunks:
        kind = raw[start : start + 4]
        if kind != b"ALPH" and _size(raw, start + 8, kind) != (frame.width, frame.height):
            raise DecodeError("the WebP is damaged: its picture has another size than its header says.")
    body = b"".join(raw[start:end] + b"\0" * ((end - start) % 2) for start, end in frame.chunks)
    if len(frame.chunks) > 1 or header.channels == 4:
        extended = struct.pack("<4sIB3x", b"VP8X", 10, _ALPHA if header.channels == 4 else 0)
        body = extended + _size24(frame.width) + _size24(frame.height) + body
    file = b"RIFF" + struct.pack("<I", len(body) + 4) + b"WEBP" + body
    flag = cv2.IMREAD_UNCHANGED if header.channels == 4 else cv2.IMREAD_COLOR_RGB
    pixels = cv2.imdecode(np.frombuffer(file, np.uint8), flag)
    if pixels is None:
        raise DecodeError("the WebP is damaged or cut short.")
    if header.channels == 4:
        pixels = cv2.cvtColor(pixels, cv2.COLOR_BGRA2RGBA if pixels.shape[2] == 4 else cv2.COLOR_BGR2RGBA)
    if (frame.width, frame.height) == (header.width, header.height):
        return pixels
    canvas = np.zeros((header.height, header.width, header.channels), np.uint8)
    canvas[frame.top : frame.top + frame.height, frame.left : frame.left + frame.width] = pixels
    return canvas


def _size24(side: int) -> bytes:
    return (side - 1).to_bytes(3, "little")
