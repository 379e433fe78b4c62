"""GIF and BMP: the headers. Pillow makes the pixels."""

from __future__ import annotations

import struct

from augfuse.data.codecs.header import Header
from augfuse.errors import DecodeError

MAX_BLOCKS = 65_536
_RLE = (1, 2)


def walk_gif(raw: bytes) -> Header:
    """Reads up to the first picture, whose frame may reach beyond the screen that the header gives."""
    width, height = struct.unpack_from("<HH", raw, 6)
    if not width or not height:
        return Header("GIF", width, height, 3)
    position = 13 + _table(raw[10])
    for _ in range(MAX_BLOCKS):
        kind = raw[position]
        if kind == 0x2C:
            left, top, across, down, _ = struct.unpack_from("<HHHHB", raw, position + 1)
            if not across or not down:
                return Header("GIF", across, down, 3)
            width, height = max(width, left + across), max(height, top + down)
            # A frame of one byte a pixel, its colours in four, and what is handed out.
            return Header("GIF", width, height, 3, working=8)
        if kind == 0x3B:
            raise DecodeError("the GIF has no picture in it.")
        position += 1
        if kind == 0x21:
            position += 1
            while raw[position]:
                position += 1 + raw[position]
            position += 1
    raise DecodeError(f"the GIF has more than {MAX_BLOCKS} blocks before its picture.")


def _table(flags: int) -> int:
    return 3 << (flags & 7) + 1 if flags & 0x80 else 0


def walk_bmp(raw: bytes) -> Header:
    """Reads the header, and whether all rows are there."""
    (pixels,) = struct.unpack_from("<I", raw, 10)
    (size,) = struct.unpack_from("<I", raw, 14)
    packing = 0
    if size == 12:
        width, height, _, bits = struct.unpack_from("<HHHH", raw, 18)
    else:
        width, height, _, bits, packing = struct.unpack_from("<iiHHI", raw, 18)
    height = abs(height)  # a negative height means rows from top to bottom
    if packing not in _RLE and width > 0 and height > 0:
        row = (width * bits + 31) // 32 * 4
        if pixels + row * (height - 1) + (width * bits + 7) // 8 > len(raw):
            raise DecodeError(f"the BMP is cut short: {width} x {height} pixels of {bits} bits need more bytes.")
    return Header("BMP", width, height, 4 if bits in (16, 32) else 3, working=8)
