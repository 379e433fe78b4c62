"""Bytes of an image file to an array, safely.

Two steps. `sniff` walks the header with plain bounded Python, so that a file which lies about itself (a decompression
bomb, a cut download, a web page named .jpg) is refused before a decoder allocates anything. Then the one decoder for
that format runs. Everything that goes wrong on the way is a `DecodeError`. Every part of augfuse that opens image files
goes through here, so that a file is read by all of them or by none.
"""

from __future__ import annotations

import struct
from typing import Any, Literal

import numpy as np

from augfuse.algebra.values import is_number
from augfuse.data.codecs import gif_bmp, jpeg, pillow, png, tiff, webp
from augfuse.data.codecs.color_modes import CHANNELS_OF, orient, recolor
from augfuse.data.codecs.header import Header
from augfuse.data.decoding import limits
from augfuse.errors import DataError, DecodeError, ImageTypeError, did_you_mean
from augfuse.text import shown
from augfuse.warn_once import warn_first

Color = Literal["rgb", "grayscale", "rgba"]
COLORS: tuple[Color, ...] = ("rgb", "grayscale", "rgba")


def decode(
    raw: bytes, *, color: Color | None = None, path: str | None = None, max_bytes: float | None = None
) -> np.ndarray:
    """Decode a JPEG, PNG, WebP, BMP, GIF (first frame), TIFF (first page), AVIF, or another image that Pillow opens.

    The content decides, not a file name.

    An image is complete or an error: what a decoder merely warns of is read, what has missing pixels is not. But where
    a program has set `PIL.ImageFile.LOAD_TRUNCATED_IMAGES`, what can be seen of a damaged file is returned, as Pillow
    does, with an AugfuseWarning the first time. `PIL.Image.MAX_IMAGE_PIXELS` takes the place of the default limit where
    a program has set it.

    Args:
        raw: the bytes of an image file.
        color: None keeps what is stored: gray (h, w, 1), colour (h, w, 3), with transparency (h, w, 4). "rgb": (h, w,
            3); gray becomes three equal channels, alpha is dropped, the colours under it are not changed. "grayscale":
            (h, w, 1), ITU-R 601 luma 0.299 R + 0.587 G + 0.114 B, rounded; alpha is dropped. "rgba": (h, w, 4); images
            without transparency become opaque.
        path: where the bytes come from, for the error message only.
        max_bytes: the largest image, in bytes when decoded. By default the environment variable
            AUGFUSE_MAX_IMAGE_BYTES, else 536,870,912: 179 megapixels of RGB.

    Returns:
        A C-contiguous array of uint8, or uint16 for 16-bit PNG and 16-bit gray files, whatever `color` is: full scale
            is 255 or 65535. Gray files of 32-bit numbers give int32 or float32, as they are stored. EXIF orientation is
            applied (that of XMP where there is no EXIF), embedded colour profiles are not, CMYK becomes RGB by R = (255
            - C)(255 - K) / 255.

    Raises:
        DecodeError: bytes that are not a complete image of these formats, more than `max_bytes`, or pixels that these
            dtypes cannot hold; the message has `path`.
    """
    check_color(color)
    if max_bytes is not None and not (is_number(max_bytes) and max_bytes > 0):
        raise DataError(f"max_bytes: got {shown(max_bytes)}, wanted a number of bytes above 0, or None.")
    given: Any = raw
    if not isinstance(given, bytes):
        if not isinstance(given, (bytearray, memoryview)):
            raise ImageTypeError(
                f"decode: got {type(given).__name__}, wanted bytes; type decode(pathlib.Path(p).read_bytes())"
            )
        raw = bytes(raw)
    try:
        header = sniff(raw, max_bytes)
    except DecodeError as error:
        return _what_is_there(raw, color, path, max_bytes, error)
    channels = header.channels if color is None else max(header.channels, CHANNELS_OF[color])
    limits.check_size(header.width, header.height, channels, header.itemsize, max_bytes, path)
    share = limits.reserve(header.width * header.height * header.working)
    try:
        return recolor(orient(*_pixels(raw, header, color, max_bytes)), color)
    except Exception as error:  # codecs raise anything from SyntaxError to struct.error and their own warnings
        return _what_is_there(raw, color, path, max_bytes, error)
    finally:
        if share:
            limits.release(share)


def check_color(color: Color | None) -> None:
    """Raises DataError for what is neither None nor one of COLORS."""
    if color is not None and color not in COLORS:
        hint = did_you_mean(str(color), COLORS)
        raise DataError(f"color: got {shown(color)}, wanted None, 'rgb', 'grayscale' or 'rgba'.{hint}")


def _pixels(raw: bytes, header: Header, color: Color | None, max_bytes: float | None) -> tuple[np.ndarray, int]:
    """Pixels as they are stored, and how they are to be turned."""
    if header.format == "JPEG":
        return jpeg.decode(raw, header, color), header.orientation
    if header.format == "PNG":
        return png.decode(raw, header), header.orientation
    if header.format == "WEBP":
        return webp.decode(raw, header), header.orientation
    if header.format == "TIFF":
        return tiff.decode(raw, header, max_bytes), 1
    return pillow.decode(raw, header, max_bytes), header.orientation


def _what_is_there(
    raw: bytes, color: Color | None, path: str | None, max_bytes: float | None, error: Exception
) -> np.ndarray:
    """What can be seen of a damaged file, where the program wants that; else the error."""
    known = isinstance(error, DecodeError)
    reason = error.reason if known else f"the decoder failed with {type(error).__name__}: {error}"
    if limits.loads_truncated():
        try:
            pixels, orientation = pillow.decode_what_is_there(raw, max_bytes)
        except Exception:  # Pillow cannot read it either
            raise DecodeError(reason, path) from error
        where = "A file" if path is None else path
        warn_first(
            "LOAD_TRUNCATED_IMAGES",
            f"{where}: {reason} What can be seen of it is used all the same, here and in the files to come, because "
            "this program has set PIL.ImageFile.LOAD_TRUNCATED_IMAGES.",
        )
        return recolor(orient(pixels, orientation), color)
    raise DecodeError(reason, path) from (error.__cause__ if known else error)


def sniff(raw: bytes, max_bytes: float | None = None) -> Header:
    """Format, size and orientation of an encoded image, or DecodeError. Reads the header only; decodes nothing."""
    limits.check_file_size(len(raw), None, max_bytes)
    try:
        header = _walk(raw)
    except DecodeError:
        raise
    except (struct.error, IndexError) as error:
        raise DecodeError(f"the file is cut short inside its header, after {len(raw)} bytes.") from error
    except Exception as error:  # numbers that no file holds, and whatever Pillow's parsers raise
        raise DecodeError(f"the header is damaged ({type(error).__name__}: {error}).") from error
    if header.width <= 0 or header.height <= 0:
        raise DecodeError(f"the image has no pixels: its header says {header.width} x {header.height}.")
    return header


def _walk(raw: bytes) -> Header:
    if raw.startswith(b"\xff\xd8\xff"):
        return jpeg.walk(raw)
    if raw.startswith(png.MAGIC):
        return png.walk(raw)
    if raw.startswith(b"RIFF") and raw[8:12] == b"WEBP":
        return webp.walk(raw)
    if raw.startswith((b"GIF87a", b"GIF89a")):
        return gif_bmp.walk_gif(raw)
    if raw.startswith(b"BM"):
        return gif_bmp.walk_bmp(raw)
    if raw.startswith((b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")):
        return tiff.walk(raw)
    header = None if _is_text(raw) else pillow.walk(raw)
    if header is None:
        raise DecodeError(_not_an_image(raw))
    return header


def _is_text(raw: bytes) -> bool:
    return not raw or raw.lstrip()[:1] in (b"<", b"{")


def _not_an_image(raw: bytes) -> str:
    if not raw:
        return "the file is empty."
    wanted = "wanted JPEG, PNG, WebP, BMP, GIF or TIFF, or another image that Pillow opens"
    if _is_text(raw):
        return f"this is a text file (a web page or an error message?) beginning with {shown(raw[:16])}; {wanted}."
    return f"not an image format that augfuse reads; {wanted}. The file begins with {shown(raw[:16])}."
