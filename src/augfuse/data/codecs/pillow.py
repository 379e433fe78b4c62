"""What Pillow decodes: GIF, BMP, TIFF, and every further format that it opens without starting another program."""

from __future__ import annotations

import struct
from collections.abc import Callable
from io import BytesIO
from typing import TYPE_CHECKING, Any

import numpy as np

from augfuse.data.codecs.color_modes import cmyk_to_rgb
from augfuse.data.codecs.exif import exif_orientation, xmp_orientation
from augfuse.data.codecs.header import Header
from augfuse.data.decoding.limits import check_size
from augfuse.errors import DecodeError

if TYPE_CHECKING:
    from PIL import Image, ImageFile

_NOT_OPENED = frozenset({"EPS", "WMF"})  # handed to Ghostscript, or to the system
_OURS = frozenset({"JPEG", "MPO", "PNG", "WEBP", "GIF", "BMP", "TIFF"})
_DEEP = {"I": np.int32, "F": np.float32}
_ALPHA = ("RGBA", "LA", "La", "PA", "RGBa")
_BLOCK = 2**20  # pixels that are converted at a time


def walk(raw: bytes) -> Header | None:
    """The header of a format of which this package knows nothing itself; None where Pillow does not know it either."""
    image = _open_any(raw)
    if image is None:
        return None
    with image:
        width, height = image.size
        gray = image.mode in ("1", "L", "I", "F") or image.mode.startswith("I;16")
        channels = 4 if image.has_transparency_data else 1 if gray else 3
        itemsize = 4 if image.mode in _DEEP else 2 if image.mode.startswith("I;16") else 1
        return Header(
            image.format or "?", width, height, channels, itemsize, _orientation(image), 16, image.mode == "CMYK", gray
        )


def decode(raw: bytes, header: Header, max_bytes: float | None = None) -> np.ndarray:
    """Pixels as stored, of the first frame: (h, w, 1, 3 or 4) uint8, uint16; int32 or float32 where those are stored.

    Raises DecodeError, and whatever Pillow raises.
    """
    if header.format == "GIF" and raw[6:10] != struct.pack("<HH", header.width, header.height):
        # Pillow enlarges the screen to the frame too, but minds its own limit of pixels there.
        raw = b"".join([raw[:6], struct.pack("<HH", header.width, header.height), raw[10:]])
    with _opened(raw, header.format) as image:
        return to_array(image, max_bytes)


def indices(raw: bytes, header: Header) -> np.ndarray | None:
    """(h, w) indices of a palette image, 0 and 1 of one with a single bit; None for others. Raises DecodeError."""
    with _opened(raw, header.format) as image:
        if image.mode not in ("P", "1"):
            return None
        try:
            image.load()
        except Exception as error:  # Pillow's parsers raise anything
            raise DecodeError(f"the {header.format} is damaged ({error}).") from error
        return np.asarray(image).astype(np.uint8)


def decode_what_is_there(raw: bytes, max_bytes: float | None) -> tuple[np.ndarray, int]:
    """Pixels and orientation of a damaged file, for programs that have told Pillow to load such files."""
    image = _open_any(raw, ours=True)
    if image is None:
        raise DecodeError("Pillow does not recognise it.")
    with image:
        return to_array(image, max_bytes), _orientation(image)


def open_tiff(raw: bytes) -> ImageFile.ImageFile:
    """The TIFF as Pillow sees it; nothing is decoded yet."""
    from PIL.TiffImagePlugin import TiffImageFile

    return TiffImageFile(BytesIO(raw))


def to_array(image: ImageFile.ImageFile, max_bytes: float | None = None) -> np.ndarray:
    """Decode an opened image, and convert it a few rows at a time. Raises DecodeError for pixels of another kind."""
    width, height = image.size
    check_size(width, height, len(image.getbands()), 1, max_bytes)
    image.load()
    image.fp = None  # the file is not needed any more
    width, height = image.size  # an ICO or ICNS has several, and knows when it is loaded
    mode = image.mode
    if mode.startswith("I;16"):
        return np.asarray(image).astype(np.uint16, copy=False)[:, :, None].copy()
    if mode == "I" and image.format == "PPM":  # 16 bits
        return np.asarray(image).astype(np.uint16)[:, :, None]
    if mode in _DEEP:
        return np.array(image, _DEEP[mode])[:, :, None]
    if mode == "CMYK":
        return _by_rows(image, 3, lambda rows: cmyk_to_rgb(255 - np.asarray(rows)))
    if mode in _ALPHA or image.has_transparency_data:
        return _by_rows(image, 4, lambda rows: np.asarray(rows.convert("RGBA")))
    if mode in ("1", "L"):
        return _by_rows(image, 1, lambda rows: np.asarray(rows.convert("L")))
    if mode in ("P", "RGB", "RGBX", "YCbCr", "LAB", "HSV"):
        return _by_rows(image, 3, lambda rows: np.asarray(rows.convert("RGB")))
    raise DecodeError(f"the {image.format} has pixels of mode {mode}; wanted gray, RGB, RGBA or CMYK.")


def _by_rows(image: Image.Image, channels: int, convert: Callable[[Any], np.ndarray]) -> np.ndarray:
    width, height = image.size
    out = np.empty((height, width, channels), np.uint8)
    step = max(1, _BLOCK // width)
    for top in range(0, height, step):
        rows = image if step >= height else image.crop((0, top, width, min(top + step, height)))
        out[top : top + step] = convert(rows).reshape(-1, width, channels)
    return out


def _opened(raw: bytes, format: str) -> ImageFile.ImageFile:
    """Not `Image.open`, which warns and raises by Pillow's own limit of pixels."""
    if format == "GIF":
        from PIL.GifImagePlugin import GifImageFile

        return GifImageFile(BytesIO(raw))
    if format == "BMP":
        from PIL.BmpImagePlugin import BmpImageFile

        return BmpImageFile(BytesIO(raw))
    image = open_tiff(raw) if format == "TIFF" else _open_any(raw)
    assert image is not None
    return image


def _open_any(raw: bytes, ours: bool = False) -> ImageFile.ImageFile | None:
    """The image as the first of Pillow's formats that takes it, None where none does. ours: also those of _OURS."""
    from PIL import Image

    Image.init()
    for name in Image.ID:
        if name in _NOT_OPENED or (name in _OURS and not ours):
            continue
        factory, accept = Image.OPEN[name]
        try:
            accepted = accept is None or accept(raw[:16])
            if accepted and not isinstance(accepted, str):
                return factory(BytesIO(raw), "")
        except (SyntaxError, IndexError, TypeError, KeyError, EOFError, OSError, ValueError, struct.error):
            continue
    return None


def _orientation(image: Image.Image) -> int:
    """EXIF 1..8; 1 where the block is broken, for photographs with broken EXIF are common."""
    block, text = image.info.get("exif", b""), image.info.get("xmp", b"")
    return exif_orientation(block.removeprefix(b"Exif\0\0")) or xmp_orientation(text) or 1
