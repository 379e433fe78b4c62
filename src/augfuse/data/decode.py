"""Bytes of an image file to an array, safely.

Two steps. `sniff` walks the header with plain bounded Python, so that a file which lies about itself (a decompression
bomb, a cut download, a web page named .jpg) is refused before a C decoder allocates anything. Then the one decoder for
that format runs. Everything that goes wrong on the way is a `DecodeError`.
"""

from __future__ import annotations

import re
import struct
from io import BytesIO
from typing import Literal, NamedTuple

import numpy as np

from augfuse.errors import DataError, DecodeError, ImageTypeError, did_you_mean
from augfuse.text import shown

Color = Literal["rgb", "grayscale", "rgba"]
COLORS: tuple[Color, ...] = ("rgb", "grayscale", "rgba")

MAX_FILE_BYTES = 64 * 2**20
MAX_PIXELS = 64_000_000
MAX_SCANS = 100  # progressive JPEGs have about ten; each scan costs a pass over the whole picture
MAX_CHUNKS = 65_536  # PNG chunks or JPEG header segments
# No real coder gets below these: deflate repeats at most 258 bytes with 2 bits, a JPEG block of 64 pixels costs 2 bits.
# A header that claims more is lying, and is refused before anything is allocated for it.
MAX_DEFLATE_RATIO = 1032
MAX_JPEG_PIXELS_PER_BYTE = 2048

_MARKER = re.compile(rb"\xff[^\x00\xff]")
_SCAN_MARKER = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")
_GRAY16 = ("I;16", "I;16B", "I;16L")
_PNG_MAGIC = b"\x89PNG\r\n\x1a\n"
_PNG_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_PNG_KEPT = frozenset({b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"})
_JPEG_KEPT = frozenset({0xE0, 0xEE, 0xDB, 0xC4, 0xCC, 0xDD})  # JFIF, Adobe, DQT, DHT, DAC, DRI; and every SOF
_SOF = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}


class Header(NamedTuple):
    """What the header walk found. `width` and `height` are as stored, before the orientation is applied."""

    format: Literal["JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF"]
    width: int
    height: int
    channels: int = 0  # JPEG components; 0 where the walk does not need to know
    orientation: int = 1  # EXIF, 1..8
    spans: tuple[tuple[int, int], ...] = ()  # byte ranges that hold the picture itself, without metadata (JPEG, PNG)
    transparent_gray: int | None = None  # PNG: the one gray value, at full scale, that is transparent


def decode(raw: bytes, *, color: Color | None = None, path: str | None = None) -> np.ndarray:
    """Decode a JPEG, PNG, WebP, BMP, GIF (first frame) or TIFF (first page). The content decides, not a file name.

    color: None keeps what is stored: gray (h, w, 1), colour (h, w, 3), with transparency (h, w, 4).
        "rgb": (h, w, 3); gray becomes three equal channels, alpha is dropped, the colours under it are not changed.
        "grayscale": (h, w, 1), ITU-R 601 luma 0.299 R + 0.587 G + 0.114 B, rounded; alpha is dropped.
        "rgba": (h, w, 4); images without transparency become opaque.
    path: where the bytes come from, for the error message only.

    Returns a C-contiguous array of uint8, or uint16 for 16-bit PNG and 16-bit gray TIFF, whatever `color` is.
    Full scale is 255 or 65535. EXIF orientation is applied (XMP is not read), embedded colour profiles are not,
    CMYK becomes RGB by R = (255 - C)(255 - K) / 255.

    Raises DecodeError (naming `path`) for bytes that are not a complete image of these formats, for more than
    `MAX_PIXELS` pixels or `MAX_FILE_BYTES` bytes, and for pixels that uint8 and uint16 cannot hold.
    """
    if color is not None and color not in COLORS:
        hint = did_you_mean(str(color), COLORS)
        raise DataError(f"color: got {shown(color)}, wanted None, 'rgb', 'grayscale' or 'rgba'.{hint}")
    if not isinstance(raw, bytes):
        if not isinstance(raw, (bytearray, memoryview)):
            raise ImageTypeError(
                f"decode: got {type(raw).__name__}, wanted bytes; type decode(pathlib.Path(p).read_bytes())"
            )
        raw = bytes(raw)
    try:
        header = sniff(raw)
        if header.format == "JPEG":
            pixels = _decode_jpeg(raw, header, color)
        elif header.format == "PNG":
            pixels = _decode_png(raw, header)
        else:
            pixels = _decode_with_pillow(raw, header)
        return _recolor(pixels, color)
    except DecodeError as error:
        raise DecodeError(error.reason, path) from error.__cause__
    except Exception as error:  # codecs raise anything from SyntaxError to struct.error and their own warnings
        raise DecodeError(f"the decoder failed with {type(error).__name__}: {error}", path) from error


# --- the header walk: no decoder, no allocation -----------------------------------------------------------------------


def sniff(raw: bytes) -> Header:
    """Format, size and orientation of an encoded image, or DecodeError. Reads the header only; allocates nothing."""
    if len(raw) > MAX_FILE_BYTES:
        raise DecodeError(f"the file is larger than the limit of {MAX_FILE_BYTES:,} bytes.")
    try:
        if raw.startswith(b"\xff\xd8\xff"):
            header = _walk_jpeg(raw)
        elif raw.startswith(_PNG_MAGIC):
            header = _walk_png(raw)
        elif raw.startswith(b"RIFF") and raw[8:12] == b"WEBP":
            header = _walk_webp(raw)
        elif raw.startswith((b"GIF87a", b"GIF89a")):
            header = Header("GIF", *struct.unpack_from("<HH", raw, 6))
        elif raw.startswith(b"BM"):
            header = _walk_bmp(raw)
        elif raw.startswith((b"II*\0", b"MM\0*")):
            tags = _read_ifd(raw, (256, 257))
            header = Header("TIFF", tags.get(256, 0), tags.get(257, 0))
        else:
            raise DecodeError(_not_an_image(raw))
    except (struct.error, IndexError) as error:
        raise DecodeError(f"the file is cut short inside its header, after {len(raw)} bytes.") from error
    _check_size(header.width, header.height)
    return header


def _not_an_image(raw: bytes) -> str:
    if not raw:
        return "the file is empty."
    wanted = "wanted JPEG, PNG, WebP, BMP, GIF or TIFF"
    if raw.lstrip()[:1] in (b"<", b"{"):
        return f"this is a text file (a web page or an error message?) beginning with {shown(raw[:16])}; {wanted}."
    return f"not an image format that augfuse reads; {wanted}, the file begins with {shown(raw[:16])}."


def _check_size(width: int, height: int) -> None:
    if width <= 0 or height <= 0:
        raise DecodeError(f"the image has no pixels: its header says {width} x {height}.")
    if width * height > MAX_PIXELS:
        raise DecodeError(
            f"the header claims {width} x {height} = {width * height:,} pixels, more than the limit of {MAX_PIXELS:,}."
        )


def _walk_jpeg(raw: bytes) -> Header:
    position, orientation, frame, size, spans = 2, 0, 0, (0, 0, 0), []
    for _ in range(MAX_CHUNKS):
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
            spans.append((match.start(), end))
        elif marker in _JPEG_KEPT:
            spans.append((match.start(), end))
        elif marker == 0xE1 and not orientation and raw.startswith(b"Exif\0\0", position + 2):
            orientation = _orientation(raw[position + 8 : end])
        elif marker == 0xDA:
            break
        position = end
    else:
        raise DecodeError(f"the JPEG has more than {MAX_CHUNKS} header segments.")

    width, height, components = size
    if components not in (1, 3, 4):
        raise DecodeError(f"the JPEG has {components} colour components; wanted 1, 3 or 4.")
    start, left = match.start(), len(raw) - position
    if frame <= 0xC7 and width * height > MAX_JPEG_PIXELS_PER_BYTE * left:  # above that, arithmetic coding
        raise DecodeError(f"the JPEG claims {width} x {height} pixels but has only {left} bytes of data.")
    one_scan = frame in (0xC0, 0xC1) and raw[position + 2] == components  # the decoder refuses further scans
    # Counting bytes is fast and never too low; what lies after the picture (a video, a second image) may fool it.
    if not one_scan and raw.count(b"\xff\xda", start) > MAX_SCANS and _count_scans(raw, start) > MAX_SCANS:
        raise DecodeError(f"the JPEG has more than {MAX_SCANS} scans: it is built to be slow.")
    spans.append((start, len(raw)))
    return Header("JPEG", width, height, components, orientation or 1, tuple(spans))


def _count_scans(raw: bytes, position: int) -> int:
    """Scans from the first SOS marker up to the end marker, at most MAX_SCANS + 1."""
    scans = 0
    for _ in range(MAX_CHUNKS):
        match = _SCAN_MARKER.search(raw, position)
        if match is None or raw[match.end() - 1] == 0xD9:
            return scans
        scans += raw[match.end() - 1] == 0xDA
        if scans > MAX_SCANS:
            return scans
        position = match.end() + int.from_bytes(raw[match.end() : match.end() + 2], "big")
    raise DecodeError(f"the JPEG has more than {MAX_CHUNKS} segments.")


def _walk_png(raw: bytes) -> Header:
    if raw[12:16] != b"IHDR":
        raise DecodeError("the PNG is damaged: it does not begin with its header chunk.")
    width, height, bits, kind = struct.unpack_from(">IIBB", raw, 16)
    position, orientation, transparent, data_bytes, spans = 8, 0, None, 0, []
    for _ in range(MAX_CHUNKS):
        if position + 12 > len(raw):
            raise DecodeError("the PNG is cut short: its end chunk is missing.")
        length, name = struct.unpack_from(">I4s", raw, position)
        end = position + 12 + length
        if end > len(raw):
            raise DecodeError(
                f"the PNG is cut short or damaged: chunk {shown(name)} is longer than the rest of the file."
            )
        if name in _PNG_KEPT:
            spans.append((position, end))
        if name == b"IDAT":
            data_bytes += length
        elif name == b"eXIf" and not orientation:
            orientation = _orientation(raw[position + 8 : end - 4])
        elif name == b"tRNS" and kind == 0 and length == 2:
            depth = (1 << bits) - 1
            transparent = int.from_bytes(raw[position + 8 : position + 10], "big") & depth
            transparent = transparent * (255 // depth) if bits < 8 else transparent
        elif name == b"IEND":
            break
        position = end
    else:
        raise DecodeError(f"the PNG has more than {MAX_CHUNKS} chunks.")
    if width * height * bits * _PNG_CHANNELS.get(kind, 1) > 8 * MAX_DEFLATE_RATIO * data_bytes:
        raise DecodeError(f"the PNG claims {width} x {height} pixels but has only {data_bytes} bytes of data.")
    return Header("PNG", width, height, 0, orientation or 1, tuple(spans), transparent)


def _walk_webp(raw: bytes) -> Header:
    chunk = raw[12:16]
    if chunk == b"VP8X":
        size = int.from_bytes(raw[24:27], "little") + 1, int.from_bytes(raw[27:30], "little") + 1
    elif chunk == b"VP8L":
        packed = int.from_bytes(raw[21:25], "little")
        size = (packed & 0x3FFF) + 1, (packed >> 14 & 0x3FFF) + 1
    elif chunk == b"VP8 ":
        width, height = struct.unpack_from("<HH", raw, 26)
        size = width & 0x3FFF, height & 0x3FFF
    else:
        raise DecodeError(f"the WebP is damaged: its first chunk is {shown(chunk)}.")
    return Header("WEBP", *size)


def _walk_bmp(raw: bytes) -> Header:
    if struct.unpack_from("<I", raw, 14)[0] == 12:
        return Header("BMP", *struct.unpack_from("<HH", raw, 18))
    width, height = struct.unpack_from("<ii", raw, 18)
    return Header("BMP", width, abs(height))  # a negative height means rows from top to bottom


def _orientation(tiff: bytes) -> int:
    """EXIF orientation 1..8; 1 where the block is absent or broken, because photographs with broken EXIF are common."""
    try:
        value = _read_ifd(tiff, (274,)).get(274, 1)
    except struct.error:
        return 1
    return value if 1 <= value <= 8 else 1


def _read_ifd(tiff: bytes, wanted: tuple[int, ...]) -> dict[int, int]:
    """Integer values of the wanted tags in the first directory of a TIFF structure."""
    order = "<" if tiff[:2] == b"II" else ">"
    (start,) = struct.unpack_from(order + "I", tiff, 4)
    (count,) = struct.unpack_from(order + "H", tiff, start)
    found = {}
    for entry in range(start + 2, start + 2 + 12 * count, 12):
        tag, kind = struct.unpack_from(order + "HH", tiff, entry)
        if tag in wanted and kind in (3, 4):
            found[tag] = struct.unpack_from(order + ("H" if kind == 3 else "I"), tiff, entry + 8)[0]
    return found


# --- the decoders -----------------------------------------------------------------------------------------------------


def _decode_jpeg(raw: bytes, header: Header, color: Color | None) -> np.ndarray:
    import simplejpeg

    if header.channels == 4:
        target = "CMYK"
    elif header.channels == 1 and color in (None, "grayscale"):
        target = "GRAY"
    else:
        target = "RGB"
    try:
        pixels = simplejpeg.decode_jpeg(raw, target)
    except ValueError as first:
        # The strict decoder also objects to junk between header segments and to broken colour profiles, which do not
        # touch the picture. Once more without them: what it objects to now lies in the picture itself.
        bare = b"\xff\xd8" + b"".join(raw[start:end] for start, end in header.spans)
        try:
            pixels = simplejpeg.decode_jpeg(bare, target)
        except ValueError as second:
            raise DecodeError(
                f"the JPEG is damaged or cut short ({second}). To keep what can be seen of it, open and save it again."
            ) from first
    if target == "CMYK":
        pixels = _cmyk_to_rgb(pixels)
    return _orient(pixels, header.orientation)


def _decode_png(raw: bytes, header: Header) -> np.ndarray:
    import cv2

    # Only the chunks of the picture: no text that inflates without end, no animation, no colour profile.
    bare = _PNG_MAGIC + b"".join(raw[start:end] for start, end in header.spans)
    pixels = cv2.imdecode(np.frombuffer(bare, np.uint8), cv2.IMREAD_UNCHANGED)
    if pixels is None:
        raise DecodeError("the PNG is damaged or cut short.")
    if pixels.ndim == 3:
        pixels = cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB if pixels.shape[2] == 3 else cv2.COLOR_BGRA2RGBA)
    elif header.transparent_gray is not None:
        see_through = pixels == header.transparent_gray
        pixels = cv2.cvtColor(pixels, cv2.COLOR_GRAY2RGBA)
        pixels[see_through, 3] = 0
    else:
        pixels = pixels[:, :, None]
    return _orient(pixels, header.orientation)


def _decode_with_pillow(raw: bytes, header: Header) -> np.ndarray:
    from PIL import Image

    with Image.open(BytesIO(raw), formats=(header.format,)) as image:
        _check_size(*image.size)  # a GIF frame may reach beyond the screen that the header gives
        orientation = header.orientation
        if header.format == "TIFF":
            tags = getattr(image, "tag_v2", {})
            bits = max(tags.get(258, (1,)))
            # Pillow cuts 16-bit colour to 8, does not stretch 12-bit gray, nor turn 16-bit gray where 0 is white.
            if bits > 8 and (bits != 16 or image.mode not in _GRAY16 or tags.get(262) == 0):
                raise DecodeError(
                    f"the TIFF has {bits} bits per channel in mode {image.mode}; wanted 8 bits, or 16-bit gray where 0 "
                    "is black. Save it as a 16-bit PNG."
                )
        image.load()
        if header.format == "TIFF":
            orientation = getattr(image, "tag_v2", {}).get(274, 1)  # gone where Pillow has turned the pixels itself
        elif "exif" in image.info:
            orientation = _orientation(image.info["exif"].removeprefix(b"Exif\0\0"))
        if image.mode in _GRAY16:
            pixels = np.asarray(image).astype(np.uint16)[:, :, None]
        elif image.mode == "CMYK":
            pixels = _cmyk_to_rgb(255 - np.asarray(image))
        elif image.has_transparency_data:
            pixels = np.array(image.convert("RGBA"))
        elif image.mode in ("1", "L"):
            pixels = np.array(image.convert("L"))[:, :, None]
        elif image.mode in ("P", "RGB", "RGBX"):
            pixels = np.array(image.convert("RGB"))
        else:
            raise DecodeError(f"the {header.format} has pixels of mode {image.mode}; wanted gray, RGB, RGBA or CMYK.")
    return _orient(pixels, orientation)


def _cmyk_to_rgb(inverted: np.ndarray) -> np.ndarray:
    """255 - CMYK, the form that JPEGs store, to RGB; rounded."""
    wide = inverted.astype(np.uint16)
    return ((wide[:, :, :3] * wide[:, :, 3:] + 127) // 255).astype(np.uint8)


def _orient(pixels: np.ndarray, orientation: int) -> np.ndarray:
    """Turn stored rows and columns upright: EXIF orientation 1..8."""
    if orientation == 1:
        return pixels
    if orientation >= 5:
        pixels = pixels.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    return np.ascontiguousarray(pixels)


def _recolor(pixels: np.ndarray, color: Color | None) -> np.ndarray:
    channels = pixels.shape[2]
    if color is None or channels == {"grayscale": 1, "rgb": 3, "rgba": 4}[color]:
        return pixels
    import cv2

    if color == "grayscale":
        if pixels.dtype == np.uint16:  # OpenCV is up to 1.5 levels off here
            red, green, blue = (pixels[:, :, c].astype(np.uint32) for c in range(3))
            return ((299 * red + 587 * green + 114 * blue + 500) // 1000).astype(np.uint16)[:, :, None]
        return cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY if channels == 3 else cv2.COLOR_RGBA2GRAY)[:, :, None]
    if color == "rgb":
        return cv2.cvtColor(pixels, cv2.COLOR_GRAY2RGB if channels == 1 else cv2.COLOR_RGBA2RGB)
    return cv2.cvtColor(pixels, cv2.COLOR_GRAY2RGBA if channels == 1 else cv2.COLOR_RGB2RGBA)
