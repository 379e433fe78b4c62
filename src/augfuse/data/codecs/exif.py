"""How a picture is to be turned: EXIF, or where it has none, XMP."""

from __future__ import annotations

import re
import struct
import zlib

from augfuse.data.codecs.tiff_tags import read_directory

# XMP as an attribute or as an element.
_XMP = re.compile(rb"tiff:Orientation(?:=[\"']|>)([1-8])")
_ORIENTATION = 274
MAX_TEXT = 2**20  # bytes that the packed text of a PNG may grow to


def exif_orientation(tiff: bytes) -> int:
    """EXIF orientation 1..8; 0 where the block says nothing or is broken: photographs with broken EXIF are common."""
    try:
        value = read_directory(tiff, (_ORIENTATION,)).get(_ORIENTATION, (0,))[0]
    except (struct.error, ValueError):
        return 0
    return value if 1 <= value <= 8 else 0


def xmp_orientation(text: bytes) -> int:
    """Orientation 1..8 in a block of XMP; 0 where it says nothing."""
    found = _XMP.search(text)
    return int(found[1]) if found else 0


def png_text_orientation(name: bytes, data: bytes) -> int:
    """Orientation in a text chunk of a PNG, where programs wrote EXIF and XMP before there was a chunk for them; 0."""
    if name == b"iTXt" and data.startswith(b"XML:com.adobe.xmp\0"):
        packed, rest = data[18:19] == b"\1", data[20:]
        text = rest.split(b"\0", 2)[-1]
        return xmp_orientation(_inflated(text) if packed else text)
    if name in (b"tEXt", b"zTXt") and data.startswith((b"Raw profile type exif\0", b"Raw profile type APP1\0")):
        text = data.split(b"\0", 1)[1]
        lines = (_inflated(text[1:]) if name == b"zTXt" else text).split(b"\n")  # empty, name, length, hexadecimal
        try:
            profile = bytes.fromhex(b"".join(lines[3:]).decode("ascii"))
        except ValueError:
            return 0
        return exif_orientation(profile.removeprefix(b"Exif\0\0"))
    return 0


def _inflated(packed: bytes) -> bytes:
    try:
        return zlib.decompressobj().decompress(packed, MAX_TEXT)
    except zlib.error:
        return b""
