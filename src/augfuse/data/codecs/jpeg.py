"""JPEG: the header, and pixels of which none is missing.

The decoder is strict: each warning of libjpeg is an error first. What it warns of is then either damage (blocks that
are not there, codes that do not exist) or an oddity that leaves every block where it is: bytes between the data and a
marker, a scan header as some phones write it, an unknown revision of JFIF, a broken colour profile, no end marker.
Such a file is written anew without its oddities, and the strict decoder has the last word about that.
"""

from __future__ import annotations

import re
import struct
from typing import NamedTuple

import numpy as np

from augfuse.data.codecs.color_modes import cmyk_to_rgb
from augfuse.data.codecs.exif import exif_orientation, xmp_orientation
from augfuse.data.codecs.header import Header
from augfuse.data.codecs.image_memory import memory
from augfuse.errors import DecodeError

MAX_SCANS = 100  # progressive JPEGs have about ten; each scan costs a pass over the whole picture
MAX_SEGMENTS = 65_536
# No real coder gets below this: a block of 64 pixels costs 2 bits. A header that claims more is lying.
MAX_PIXELS_PER_BYTE = 2048

_MARKER = re.compile(rb"\xff[^\x00\xff]")
_SCAN_MARKER = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")
_TABLES = frozenset({0xDB, 0xC4, 0xCC, 0xDD})  # DQT, DHT, DAC, DRI
_SOF = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_SEQUENTIAL = (0xC0, 0xC1, 0xC9)
_PROGRESSIVE = 0xC2
_CHANNELS = {"GRAY": 1, "RGB": 3, "CMYK": 4}


class _Frame(NamedTuple):
    """What the header says of the coding: the marker of the frame, and whether one scan holds all of it."""

    marker: int
    has_one_scan: bool


def walk(raw: bytes) -> Header:
    """Reads up to the first scan, and counts the others."""
    position, exif, xmp, frame, size = 2, 0, 0, 0, (0, 0, 0)
    for _ in range(MAX_SEGMENTS):
        # Like libjpeg, step over padding and junk between segments.
        match = _MARKER.search(raw, position)
        if match is None:
            raise DecodeError("the JPEG is cut short: it ends before its picture data.")
        position = match.end()
        marker = raw[position - 1]
        if marker == 0x01 or 0xD0 <= marker <= 0xD7:  # the markers that have no length
            continue
        if marker in (0xD8, 0xD9):
            raise DecodeError("the JPEG is damaged: it has a start or end marker before its picture data.")
        end = position + int.from_bytes(raw[position : position + 2], "big")
        if not position + 2 <= end <= len(raw):
            raise DecodeError("the JPEG is cut short or damaged: a header segment is longer than the file.")
        if marker in _SOF:
            if frame:
                raise DecodeError("the JPEG is damaged: it has two frame headers.")
            precision, height, width, components = struct.unpack_from(">BHHB", raw, position + 2)
            if precision != 8:
                raise DecodeError(f"the JPEG has {precision} bits per channel; only 8 are supported. Save it as PNG.")
            frame, size = marker, (width, height, components)
        elif marker == 0xE1:
            if not exif and raw.startswith(b"Exif\0\0", position + 2):
                exif = exif_orientation(raw[position + 8 : end])
            elif not xmp and raw.startswith(b"http://ns.adobe.com/xap/1.0/\0", position + 2):
                xmp = xmp_orientation(raw[position + 31 : end])
        elif marker == 0xDA:
            break
        position = end
    else:
        raise DecodeError(f"the JPEG has more than {MAX_SEGMENTS} header segments.")

    width, height, components = size
    if components not in (1, 3, 4):
        raise DecodeError(f"the JPEG has {components} colour components; wanted 1, 3 or 4.")
    start, left = match.start(), len(raw) - position
    if frame <= 0xC7 and width * height > MAX_PIXELS_PER_BYTE * left:  # above that, arithmetic coding
        raise DecodeError(f"the JPEG claims {width} x {height} pixels but has only {left} bytes of data.")
    one_scan = frame in (0xC0, 0xC1) and raw[position + 2] == components  # the decoder refuses further scans
    # Counting bytes is fast and never too low; what lies after the picture (a video, a second image) may fool it.
    if not one_scan and raw.count(b"\xff\xda", start) > MAX_SCANS and _count_scans(raw, start) > MAX_SCANS:
        raise DecodeError(f"the JPEG has more than {MAX_SCANS} scans: it is built to be slow.")
    channels = 1 if components == 1 else 3
    # Where there are several scans, libjpeg keeps all coefficients, two bytes each, beside the pixels.
    working = max(components + (components == 4) * 3, 2 * channels) + (0 if one_scan else 2 * components)
    return Header(
        "JPEG", width, height, channels, 1, exif or xmp or 1, working, components == 4, components == 1,
        _Frame(frame, one_scan),
    )  # fmt: skip


def _count_scans(raw: bytes, position: int) -> int:
    """Scans from the first SOS marker up to the end marker, at most MAX_SCANS + 1."""
    scans = 0
    for _ in range(MAX_SEGMENTS):
        match = _SCAN_MARKER.search(raw, position)
        if match is None or raw[match.end() - 1] == 0xD9:
            return scans
        scans += raw[match.end() - 1] == 0xDA
        if scans > MAX_SCANS:
            return scans
        position = match.end() + int.from_bytes(raw[match.end() : match.end() + 2], "big")
    raise DecodeError(f"the JPEG has more than {MAX_SEGMENTS} segments.")


def decode(raw: bytes, header: Header, color: str | None) -> np.ndarray:
    """Pixels as stored, (h, w, 1 or 3) uint8."""
    import simplejpeg

    if header.cmyk:
        target = "CMYK"
    elif header.channels == 1 and color in (None, "grayscale"):
        target = "GRAY"
    else:
        target = "RGB"
    try:
        size = header.height * header.width * _CHANNELS[target]
        pixels = simplejpeg.decode_jpeg(raw, target, buffer=memory(size))
    except ValueError as first:
        try:
            pixels = _decode_odd(raw, header, target)
        except ValueError as second:
            raise DecodeError(
                f"the JPEG is damaged or cut short ({second}). To keep what can be seen of it, open and save it again."
            ) from first
    return cmyk_to_rgb(pixels) if header.cmyk else pixels


# --- files that libjpeg warns of --------------------------------------------------------------------------------------


def _decode_odd(raw: bytes, header: Header, target: str) -> np.ndarray:
    """Decode the file without its oddities. Raises ValueError for what the strict decoder still objects to."""
    import simplejpeg

    try:
        return simplejpeg.decode_jpeg(_rewritten(raw, header, None), target)
    except ValueError as error:
        if "extraneous" not in str(error) and "end marker" not in str(error):
            raise
    return simplejpeg.decode_jpeg(_rewritten(raw, header, _Walker(raw, header)), target)


def _rewritten(raw: bytes, header: Header, walker: _Walker | None) -> bytes:
    """The picture alone: no metadata, scan headers and colour markers as the standard has them, an end marker.

    walker: finds the end of the data of each scan, so that what lies between it and the next marker is left out.
    Raises ValueError where segments are missing.
    """
    pieces, position = [b"\xff\xd8"], 2
    for _ in range(MAX_SEGMENTS):
        match = _MARKER.search(raw, position)
        if match is None:
            raise ValueError("its end marker is missing")
        marker, position = raw[match.end() - 1], match.end()
        if marker == 0xD9:
            break
        if marker == 0x01 or 0xD0 <= marker <= 0xD8:
            continue
        end = position + int.from_bytes(raw[position : position + 2], "big")
        if end > len(raw):
            raise ValueError("a segment is longer than the file")
        body = raw[position + 2 : end]
        position = end
        if marker in _TABLES or marker in _SOF:
            pieces.append(_segment(marker, body))
            if walker is not None:
                walker.take(marker, body)
        elif marker == 0xE0 and body.startswith(b"JFIF\0"):
            pieces.append(_segment(marker, b"JFIF\0\1\1\0\0\1\0\1\0\0"))
        elif marker == 0xEE and body.startswith(b"Adobe") and len(body) >= 12:
            known = 2 if header.cmyk else 1
            pieces.append(_segment(marker, body[:11] + bytes([body[11] if body[11] in (0, known) else known])))
        elif marker == 0xDA and body:
            if header.detail.marker in _SEQUENTIAL:
                body = body[:-3] + b"\0\x3f\0"
            pieces.append(_segment(marker, body))
            if walker is None:
                following = _SCAN_MARKER.search(raw, end)
                position = len(raw) if following is None else following.start()
                pieces.append(raw[end:position])
                continue
            position = walker.scan(body, end, pieces)
            if header.detail.has_one_scan:  # the picture is complete, whatever follows; but something has to
                # Zeros up to the end of the file are what a broken download leaves: they are not data.
                blank = raw[position - 1] == 0
                if _MARKER.search(raw, position) is None and (blank or raw[position:] not in (b"", b"\xff")):
                    raise ValueError("its end marker is missing")
                break
    return b"".join([*pieces, b"\xff\xd9"])


def _segment(marker: int, body: bytes) -> bytes:
    return bytes([0xFF, marker]) + struct.pack(">H", len(body) + 2) + body


class _Walker:
    """Follows the scans of a file with the tables that are in force. Raises ValueError where data is missing."""

    def __init__(self, raw: bytes, header: Header) -> None:
        self._data = np.frombuffer(raw, np.uint8)
        self._raw = raw
        self._marker = header.detail.marker
        self._size = header.width, header.height
        self._tables = np.full((8, 3 * 17 + 256), -1, np.int32)  # DC 0..3, AC 0..3
        self._components: dict[int, tuple[int, int]] = {}  # id -> sampling factors, across and down
        self._history: dict[int, np.ndarray] = {}
        self._restart = 0

    def take(self, marker: int, body: bytes) -> None:
        """A segment of tables, or the frame header."""
        from augfuse.data.codecs.huffman import lookup

        if marker == 0xDD:
            self._restart = int.from_bytes(body[:2], "big")
        elif marker in _SOF:
            self._components = {
                body[at]: (body[at + 1] >> 4 or 1, body[at + 1] & 15 or 1) for at in range(6, len(body) - 2, 3)
            }
        elif marker == 0xC4:
            at = 0
            while at + 17 <= len(body):
                counts = body[at + 1 : at + 17]
                symbols = body[at + 17 : at + 17 + min(256, sum(counts))]
                self._tables[(body[at] >> 4 & 1) * 4 + (body[at] & 3)] = lookup(counts, symbols)
                at += 17 + sum(counts)

    def scan(self, body: bytes, start: int, pieces: list[bytes]) -> int:
        """Append the data of a scan up to its last block, with its restart markers. The position behind it."""
        from augfuse.data.codecs import huffman

        if self._marker not in (0xC0, 0xC1, _PROGRESSIVE):
            raise ValueError("bytes before a marker, in a coding that cannot be followed")
        chosen = [(body[at], body[at + 1]) for at in range(1, 1 + 2 * body[0], 2)]
        first, last, bits = body[-3:]
        if any(name not in self._components for name, _ in chosen) or not chosen:
            raise ValueError("a scan of a component that is not there")
        mcus, plan = self._blocks(chosen)
        kind, history = huffman.SEQUENTIAL, np.empty((0, 64), np.uint8)
        if self._marker == _PROGRESSIVE:
            kind = (huffman.DC_FIRST if first == 0 else huffman.AC_FIRST) + (bits >> 4 > 0)
            if first > 0:
                name = chosen[0][0]
                history = self._history.setdefault(name, np.zeros((mcus, 64), np.uint8))
                if len(chosen) > 1 or not first <= last < 64:
                    raise ValueError("a scan with a band that does not exist")
        ends = np.zeros((1 + (mcus // self._restart if self._restart else 0), 2), np.int64)
        position, whole = huffman.walk_scan(
            self._data, start, plan, self._tables, mcus, self._restart, kind, first, last, history, ends
        )
        if not whole:
            raise ValueError("blocks of the picture are missing")
        intervals = _ceil(mcus, self._restart) if self._restart else 1
        for number, (begin, end) in enumerate(ends[:intervals].tolist()):
            if number:
                pieces.append(bytes([0xFF, 0xD0 + (number - 1) % 8]))
            pieces.append(self._raw[begin:end])
        return int(position)

    def _blocks(self, chosen: list[tuple[int, int]]) -> tuple[int, np.ndarray]:
        """MCUs of a scan, and the Huffman tables of the blocks in one of them."""
        across = max(x for x, _ in self._components.values())
        down = max(y for _, y in self._components.values())
        width, height = self._size
        if len(chosen) == 1:
            x, y = self._components[chosen[0][0]]
            columns, rows = _ceil(_ceil(width * x, across), 8), _ceil(_ceil(height * y, down), 8)
        else:
            columns, rows = _ceil(width, 8 * across), _ceil(height, 8 * down)
        plan: list[tuple[int, int]] = []
        for name, tables in chosen:
            x, y = (1, 1) if len(chosen) == 1 else self._components[name]
            plan += [(tables >> 4 & 3, 4 + (tables & 3))] * (x * y)
        return columns * rows, np.array(plan, np.int64)


def _ceil(count: int, by: int) -> int:
    return -(-count // by)
