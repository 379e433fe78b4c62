"""Small files in their usual form, many at a time and without Python in between: headers of JPEG and PNG, pixels of
PNG.

Nothing here decides that a file is broken. A file that is unusual in any way is left to `decode`, which alone knows all
formats, limits and errors. What is accepted here has passed the same checks as there.
"""

from __future__ import annotations

import numpy as np

from augfuse.data.codecs.inflate import CRC_TABLES, SLACK, crc32, inflated, word
from augfuse.data.codecs.unfilter import unfiltered
from augfuse.jit import inlined, jit

OTHER, JPEG, PNG = range(3)
# Columns of what is found: the format, height, width, channels as stored; of a PNG its colour type, and how many bytes
# its packed rows are.
KIND, HEIGHT, WIDTH, CHANNELS, TYPE, PACKED, COLUMNS = range(7)
MOST_PIXELS = 2**18
_MOST_CHUNKS = 1024
_MOST_SEGMENTS = 256
_JPEG_PIXELS_PER_BYTE = 2048  # as in `jpeg`
_GRAY, _RGB, _PALETTE, _RGBA = 0, 2, 3, 6
_PNG_MAGIC = np.frombuffer(b"\x89PNG\r\n\x1a\n", np.uint8)


def _name(text: bytes) -> int:
    return int.from_bytes(text, "big")


_IHDR, _PLTE, _TRNS, _IDAT, _IEND = map(_name, (b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"))
_EXIF, _ITXT, _ZTXT, _TEXT, _RAW = map(_name, (b"eXIf", b"iTXt", b"zTXt", b"tEXt", b"Raw "))


def look(data: np.ndarray, starts: np.ndarray, stops: np.ndarray) -> np.ndarray:
    """(n, COLUMNS) int64: what the files at data[start:stop] are; OTHER where they are not plain."""
    found = np.zeros((len(starts), COLUMNS), np.int64)
    _look(CRC_TABLES, data, starts, stops, found)
    return found


@jit
def _look(tables: np.ndarray, data: np.ndarray, starts: np.ndarray, stops: np.ndarray, found: np.ndarray) -> None:
    for k in range(starts.size):
        start, stop = starts[k], stops[k]
        if stop - start < 64:
            continue
        if data[start] == 0xFF and data[start + 1] == 0xD8 and data[start + 2] == 0xFF:
            good, kind = _look_jpeg(data, start, stop, found[k]), JPEG
        else:
            good, kind = _look_png(tables, data, start, stop, found[k]), PNG
        if good and 0 < found[k, HEIGHT] * found[k, WIDTH] <= MOST_PIXELS:
            found[k, KIND] = kind


# --- JPEG -------------------------------------------------------------------------------------------------------------


@inlined
def _look_jpeg(data: np.ndarray, start: int, stop: int, found: np.ndarray) -> bool:
    """Whether it is a baseline JPEG of one scan that nothing turns, up to its picture data."""
    at, components = start + 2, 0
    for _ in range(_MOST_SEGMENTS):
        # As libjpeg, step over padding and junk between segments.
        while at + 1 < stop and (data[at] != 0xFF or data[at + 1] == 0 or data[at + 1] == 0xFF):
            at += 1
        if at + 4 > stop:
            return False
        marker, at = data[at + 1], at + 2
        if marker == 0x01 or 0xD0 <= marker <= 0xD7:
            continue
        if marker == 0xD8 or marker == 0xD9 or marker == 0xE1:  # EXIF and XMP may turn the picture
            return False
        end = at + (np.int64(data[at]) << 8 | np.int64(data[at + 1]))
        if end < at + 2 or end > stop:
            return False
        if marker == 0xDA:
            left = stop - at
            pixels = found[HEIGHT] * found[WIDTH]
            return bool(components > 0 and data[at + 2] == components and pixels <= _JPEG_PIXELS_PER_BYTE * left)
        if 0xC0 <= marker <= 0xCF and marker != 0xC4 and marker != 0xC8 and marker != 0xCC:
            if components or marker > 0xC1 or end < at + 8 or data[at + 2] != 8:
                return False
            found[HEIGHT] = np.int64(data[at + 3]) << 8 | np.int64(data[at + 4])
            found[WIDTH] = np.int64(data[at + 5]) << 8 | np.int64(data[at + 6])
            components = np.int64(data[at + 7])
            if components != 1 and components != 3:
                return False
            found[CHANNELS] = components
        at = end
    return False


# --- PNG --------------------------------------------------------------------------------------------------------------


@inlined
def _look_png(tables: np.ndarray, data: np.ndarray, start: int, stop: int, found: np.ndarray) -> bool:
    """Whether it is a PNG of 8 bits, neither interlaced nor with transparent colours nor turned, whose chunks are all
    there with the right checksums."""
    for k in range(_PNG_MAGIC.size):
        if data[start + k] != _PNG_MAGIC[k]:
            return False
    at, packed, ended = start + 8, 0, False
    if word(data, at + 4) != _IHDR or word(data, at) != 13:
        return False
    width, height, kind = word(data, at + 8), word(data, at + 12), np.int64(data[at + 17])
    if data[at + 16] != 8 or data[at + 18] or data[at + 19] or data[at + 20] or width >= 2**31 or height >= 2**31:
        return False
    if kind != _GRAY and kind != _RGB and kind != _RGBA and kind != _PALETTE:
        return False
    has_palette = False
    for _ in range(_MOST_CHUNKS):
        if at + 12 > stop:
            return False
        length, name = word(data, at), word(data, at + 4)
        end = at + 12 + length
        if end > stop:
            return False
        if name == _IEND:
            ended = True
            break
        if name in (_TRNS, _EXIF, _ITXT, _ZTXT):
            return False
        if name == _TEXT and length >= 4 and word(data, at + 8) == _RAW:  # "Raw profile type exif"
            return False
        if name in (_IHDR, _PLTE, _IDAT):
            if crc32(tables, data, at + 4, end - 4) != word(data, end - 4):
                return False
            packed += length * (name == _IDAT)
            if name == _PLTE:
                if length == 0 or length % 3 or has_palette or packed:
                    return False
                has_palette = True
        at = end
    found[HEIGHT], found[WIDTH], found[TYPE], found[PACKED] = height, width, kind, packed
    found[CHANNELS] = 1 if kind == _GRAY else 4 if kind == _RGBA else 3
    return bool(ended and (has_palette or kind != _PALETTE) and height <= MOST_PIXELS and width <= MOST_PIXELS)


@jit
def unpack(
    data: np.ndarray, starts: np.ndarray, stops: np.ndarray, found: np.ndarray, pixels: np.ndarray, places: np.ndarray
) -> None:
    """The pixels of the PNGs among the files, as stored, to pixels[place:]. Those that are not right become OTHER."""
    most_packed, most_rows = 0, 0
    for k in range(starts.size):
        if found[k, KIND] == PNG:
            most_packed = max(most_packed, found[k, PACKED])
            most_rows = max(most_rows, (found[k, WIDTH] * 4 + 1) * found[k, HEIGHT])
    packed = np.zeros(most_packed + SLACK, np.uint8)
    rows = np.empty(most_rows + SLACK, np.uint8)
    palette = np.empty((256, 3), np.uint8)
    for k in range(starts.size):
        if found[k, KIND] == PNG and not _decoded(data, starts[k], found[k], packed, rows, palette, pixels, places[k]):
            found[k, KIND] = OTHER


@inlined
def _decoded(
    data: np.ndarray, start: int, found: np.ndarray, packed: np.ndarray, rows: np.ndarray, palette: np.ndarray,
    pixels: np.ndarray, place: int,
) -> bool:  # fmt: skip
    """Whether all pixels are at pixels[place:] now."""
    height, width, kind = found[HEIGHT], found[WIDTH], found[TYPE]
    step = 1 if kind == _PALETTE else found[CHANNELS]
    size = width * step
    filled, at, only = 0, start + 8, 0
    while True:
        length, name = word(data, at), word(data, at + 4)
        if name == _IDAT and length == found[PACKED]:
            only = at + 8
        elif name == _IDAT:
            for p in range(length):
                packed[filled + p] = data[at + 8 + p]
            filled += length
        elif name == _PLTE:
            palette[:] = 0
            for p in range(min(length, 768)):
                palette[p // 3, p % 3] = data[at + 8 + p]
        elif name == _IEND:
            break
        at += 12 + length
    source, first = (data, only) if only else (packed, 0)
    if not inflated(source, first, first + found[PACKED], rows, (size + 1) * height):
        return False
    lines = rows[: (size + 1) * height].reshape(height, size + 1)
    above = np.zeros(size, np.uint8)
    if kind != _PALETTE:
        return unfiltered(lines, step, above, pixels[place : place + size * height].reshape(height, size))
    indices = np.empty((height, size), np.uint8)
    if not unfiltered(lines, step, above, indices):
        return False
    out = pixels[place : place + 3 * size * height].reshape(height * size, 3)
    for p in range(height * size):
        y, x = p // size, p % size
        for c in range(3):
            out[p, c] = palette[indices[y, x], c]
    return True
