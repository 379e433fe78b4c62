"""Image files for Keras code: load_img and its sisters, and `read_image`, which fills the batches of file iterators.

Unless compat="strict", files are decoded by `augfuse.decode`, which mends two defects of Keras' `load_img`: the
orientation that cameras store in EXIF is applied, and 16-bit files keep their picture when they are opened as colour,
instead of being cut at 255 (white).
`img_to_array`, `array_to_img`, `save_img` and `smart_resize` are Keras' own.
"""

from __future__ import annotations

import io
import os
from collections.abc import Iterable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, final

import keras
import numpy as np
from PIL import Image, UnidentifiedImageError

from augfuse.data.codecs.header import Header
from augfuse.data.decoding.decode import decode, sniff
from augfuse.data.decoding.limits import loads_truncated
from augfuse.errors import DataError, DataNotFoundError, DecodeError, ImageTypeError, did_you_mean
from augfuse.keras.checks import rules
from augfuse.keras.checks.edge import checked
from augfuse.keras.checks.reading import why_missing
from augfuse.keras.generator.after_warp import pick
from augfuse.keras.notices import notice
from augfuse.text import shown
from augfuse.warn_once import was_given

img_to_array = keras.utils.img_to_array
array_to_img = keras.utils.array_to_img
save_img = keras.utils.save_img
smart_resize = keras.preprocessing.image.smart_resize

Compat = Literal["strict"] | None
PICTURES = ("jpg", "jpeg", "bmp", "png", "ppm", "tif", "tiff")
COLOR_MODES = ("grayscale", "rgb", "rgba")
INTERPOLATIONS = {
    name: Image.Resampling[name.upper()] for name in ("nearest", "bilinear", "bicubic", "hamming", "box", "lanczos")
}
_TURNED = "An image is turned upright as its EXIF orientation says; Keras leaves it lying on its side."
_DEEP = "A 16-bit image is read in full (as colour: v / 257, so 0..255); Keras cuts it at 255, or to 8 bits."


@final
class UnreadableImageError(DecodeError, UnidentifiedImageError):
    """A file that is not an image Pillow knows: what `PIL.UnidentifiedImageError` and `DecodeError` both catch."""

    def __reduce__(self) -> tuple[Any, tuple[str, str | None]]:
        return UnreadableImageError, (self.reason, self.path)


@checked(path=rules.file)
def load_img(
    path: str | Path | bytes | io.BytesIO,
    color_mode: str = "rgb",
    target_size: Sequence[int] | None = None,
    interpolation: str = "nearest",
    keep_aspect_ratio: bool = False,
    *,
    compat: Compat = None,
) -> Image.Image:
    """Read an image file into a PIL image, as `keras.utils.load_img` does.

    Args:
        path: a file name (str, Path or bytes), or the file itself in a BytesIO.
        color_mode: "rgb", "rgba" or "grayscale". Grayscale keeps gray images of 16 and 32 bits as they are (PIL modes
            "I;16" and "I"); everything else becomes 8 bits per channel.
        target_size: (height, width) in pixels, or None for the size of the file. Further entries are ignored.
        interpolation: "nearest", "bilinear", "bicubic", "hamming", "box" or "lanczos".
        keep_aspect_ratio: cut the middle out before resizing, so that nothing is stretched.
        compat: None turns images upright by their EXIF orientation, and scales 16-bit gray to 8 bits by v / 257 when it
            is opened as colour; "strict" gives Keras' pixels.

    Returns:
        An image of PIL.

    Raises:
        ImageTypeError: (a TypeError) `path` is of another type, or `target_size` is not a pair of whole numbers.
        DataError: (a ValueError) an unknown `color_mode`, `interpolation` or `compat`, or a size below 1.
        DataNotFoundError: (a FileNotFoundError) there is no such file.
        UnreadableImageError: (a DecodeError and a PIL.UnidentifiedImageError) the file is not an image.
        DecodeError: (an OSError) the image is damaged or cut short.
    """
    _check_choice("color_mode", color_mode, COLOR_MODES)
    if not rules.is_one_of(compat, (None, "strict")):
        raise DataError(f"compat: got {shown(compat)}, wanted None or 'strict'.")
    size = None if target_size is None else _check_size(target_size, interpolation)
    raw, name = _read(path)
    image = _convert(_open(raw, name), color_mode, name) if compat == "strict" else _decoded(raw, name, color_mode)
    if size is None or image.size == (size[1], size[0]):
        return image
    box = _box(image.height, image.width, size, keep_aspect_ratio)
    return image.resize((size[1], size[0]), INTERPOLATIONS[interpolation], box)


def read_image(
    path: str | Path,
    color_mode: str,
    target_size: Sequence[int] | None,
    interpolation: str,
    keep_aspect_ratio: bool,
    strict: bool,
) -> np.ndarray:
    """Read an image file into a C-contiguous array (height, width, channels), for a batch.

    Arguments are those of `load_img`. With `strict`, float32 with the values of Keras' `load_img` and `img_to_array`.
    Without it, decoded by `augfuse.decode`, at a scale of 0..255: uint8, or float32 for 16-bit files. But gray files
    opened as grayscale keep their values, as in Keras: 16-bit ones in uint16, whole numbers of 32 bits in float32.

    Raises DecodeError, with the path, for files that cannot be read, and else what `load_img` raises.
    """
    if strict:
        image = load_img(path, color_mode, target_size, interpolation, keep_aspect_ratio, compat="strict")
        pixels = np.asarray(image, np.float32)
        return pixels if pixels.ndim == 3 else pixels[:, :, None]
    _check_choice("color_mode", color_mode, COLOR_MODES)
    size = None if target_size is None else _check_size(target_size, interpolation)
    raw, name = _read(path)
    pixels = _decode(raw, name, color_mode)
    if size is not None and pixels.shape[:2] != size:
        pixels = resized(pixels, size, interpolation, keep_aspect_ratio)
    return np.ascontiguousarray(pixels, np.float32 if pixels.dtype == np.int32 else pixels.dtype)


@checked(filename=rules.path, white_list_formats=rules.endings)
def validate_filename(filename: str | os.PathLike[str], white_list_formats: Iterable[str]) -> bool:
    """Whether a file of this name exists and ends in one of these extensions, whatever the case of its letters.

    Args:
        filename: a path.
        white_list_formats: file extensions without the dot.

    Returns:
        True or False.
    """
    name = os.fspath(filename)
    return name.lower().endswith(_strings(white_list_formats)) and Path(name).is_file()


@checked(ext=rules.endings)
def list_pictures(directory: str | os.PathLike[str], ext: str | Iterable[str] = PICTURES) -> list[str]:
    """Paths of the files with these extensions in a folder and the folders in it, sorted; links are not followed.

    Args:
        directory: the folder.
        ext: file extensions without the dot, one or several.

    Returns:
        The paths, as strings.

    Raises:
        DataNotFoundError: (a FileNotFoundError) where `directory` is not a folder.
    """
    if not Path(directory).is_dir():
        raise DataNotFoundError(f"list_pictures: {why_missing(str(directory), kind='folder')}")
    endings = tuple("." + ending.lower().removeprefix(".") for ending in _strings(ext))
    found = ((root, name) for root, _, names in os.walk(directory) for name in names)
    return sorted(str(Path(root, name)) for root, name in found if name.lower().endswith(endings))


def _strings(value: str | Iterable[str]) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(value)


# --- arguments --------------------------------------------------------------------------------------------------------


def _check_choice(name: str, value: object, known: Sequence[str]) -> None:
    if not rules.is_one_of(value, known):
        raise DataError(
            f"{name}: got {shown(value)}, wanted one of "
            f"{', '.join(map(shown, known))}.{did_you_mean(str(value), known)}"
        )


def _check_size(target_size: Sequence[int], interpolation: str) -> tuple[int, int]:
    _check_choice("interpolation", interpolation, tuple(INTERPOLATIONS))
    try:
        height, width = (int(side.__index__()) for side in target_size[:2])
    except (TypeError, AttributeError, IndexError):
        raise ImageTypeError(
            f"target_size: got {shown(target_size)}, wanted (height, width) in whole pixels, such as (224, 224)."
        ) from None
    except ValueError:
        raise DataError(f"target_size: got {shown(target_size)}, wanted two numbers (height, width).") from None
    if height < 1 or width < 1:
        raise DataError(f"target_size: got {shown(target_size)}, wanted at least 1 pixel each way.")
    return height, width


def _box(height: int, width: int, size: tuple[int, int], keep_aspect_ratio: bool) -> tuple[int, int, int, int]:
    """(left, top, right, bottom) of what is resized: all, or Keras' cut with the proportions of `size`."""
    if not keep_aspect_ratio:
        return 0, 0, width, height
    cut_height = max(min(height, width * size[0] // size[1]), 1)
    cut_width = max(min(width, height * size[1] // size[0]), 1)
    top, left = (height - cut_height) // 2, (width - cut_width) // 2
    return left, top, left + cut_width, top + cut_height


# --- files ------------------------------------------------------------------------------------------------------------


def _read(path: str | Path | bytes | io.BytesIO) -> tuple[bytes, str]:
    """The bytes and a name for messages."""
    if isinstance(path, io.BytesIO):
        return path.getvalue(), "<BytesIO>"
    if not isinstance(path, (str, Path, bytes)):
        raise ImageTypeError(
            f"path: got {type(path).__name__}, wanted a name (str, pathlib.Path, bytes) or the file in an io.BytesIO."
        )
    name = os.fsdecode(path)
    try:
        return Path(name).read_bytes(), name
    except FileNotFoundError:
        raise DataNotFoundError(f"{name}: {why_missing(name)}") from None


def _open(raw: bytes, name: str) -> Image.Image:
    """Open and decode as Keras does: with Pillow, and by its rules."""
    try:
        image = Image.open(io.BytesIO(raw))
        image.load()
    except UnidentifiedImageError as error:
        raise UnreadableImageError(_why(raw), name) from error
    except (Warning, MemoryError):
        raise
    except Exception as error:  # codecs raise anything from SyntaxError to struct.error
        raise DecodeError(f"Pillow cannot read it ({type(error).__name__}: {error}).", name) from error
    return image


def _why(raw: bytes) -> str:
    try:
        header = sniff(raw)
    except DecodeError as error:
        return error.reason
    return f"the {header.format} is damaged: Pillow does not recognise it."


# --- colour -----------------------------------------------------------------------------------------------------------


def _convert(image: Image.Image, color_mode: str, name: str) -> Image.Image:
    """To the mode that Keras chooses."""
    kept, mode = (("L", "I;16", "I"), "L") if color_mode == "grayscale" else ((color_mode.upper(),), color_mode.upper())
    try:
        return image if image.mode in kept else image.convert(mode)
    except ValueError as error:
        raise DecodeError(f"Pillow cannot make {color_mode} of its mode {image.mode} ({error}).", name) from error


def _decoded(raw: bytes, name: str, color_mode: str) -> Image.Image:
    """What `augfuse.decode` makes of a file, as the image that Keras would have: 8 bits, but for gray as gray."""
    try:
        header = sniff(raw)
    except DecodeError as error:
        if loads_truncated():  # then what can be seen of it counts, where Pillow sees any of it
            return _convert(Image.fromarray(_flat(decode(raw, path=name))), color_mode, name)
        raise UnreadableImageError(error.reason, name) from error
    pixels = decode(raw, path=name)
    _tell_what_is_mended(raw, header, pixels, color_mode)
    if pixels.dtype == np.uint16:
        if header.is_gray and color_mode == "grayscale":
            pixels = pixels[:, :, :1]
        else:
            pixels = ((pixels.astype(np.uint32) + 128) // 257).astype(np.uint8)
    return _convert(Image.fromarray(_flat(pixels)), color_mode, name)


def _flat(pixels: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(pixels[:, :, 0]) if pixels.shape[2] == 1 else pixels


def _decode(raw: bytes, name: str, color_mode: Any) -> np.ndarray:
    """Upright pixels of the wanted channels, at the scales that `read_image` promises."""
    pixels = decode(raw, color=color_mode, path=name)
    if pixels.dtype == np.uint8 and was_given("exif"):
        return pixels
    try:
        header = sniff(raw)
    except DecodeError:  # what can be seen of a damaged file
        return pixels
    _tell_what_is_mended(raw, header, pixels, color_mode)
    if pixels.dtype == np.uint8 or (color_mode == "grayscale" and pixels.dtype == np.int32):
        return pixels
    if pixels.dtype == np.uint16:
        return pixels if color_mode == "grayscale" and header.is_gray else pixels / np.float32(257)
    return pixels.clip(0, 255).astype(np.uint8)


def _tell_what_is_mended(raw: bytes, header: Header, pixels: np.ndarray, color_mode: str) -> None:
    if header.orientation != 1 and header.format != "TIFF":  # Pillow itself turns TIFFs, for Keras too
        notice("exif", _TURNED)
    # Of gray as gray, Keras cuts one order of the two bytes only.
    is_whole = color_mode == "grayscale" and header.is_gray and not raw.startswith(b"MM")
    if pixels.dtype == np.uint16 and not is_whole:
        notice("16-bit", _DEEP)


# --- size -------------------------------------------------------------------------------------------------------------


def resized(pixels: np.ndarray, size: tuple[int, int], interpolation: str, keep_aspect_ratio: bool) -> np.ndarray:
    """What PIL.Image.resize gives for these pixels. float32 is 16-bit colour within 0..255: channel by channel."""
    box = _box(pixels.shape[0], pixels.shape[1], size, keep_aspect_ratio)
    if interpolation == "nearest":
        left, top, right, bottom = box
        out = np.empty((*size, pixels.shape[2]), pixels.dtype)
        pick(pixels, _nearest(top, bottom, size[0]), _nearest(left, right, size[1]), out)
        return out

    def resize(plane: np.ndarray) -> np.ndarray:
        image = Image.fromarray(plane).resize((size[1], size[0]), INTERPOLATIONS[interpolation], box)
        return np.asarray(image)

    if pixels.dtype == np.uint8 and pixels.shape[2] > 1:
        return resize(pixels)
    resized = np.stack([resize(plane) for plane in np.moveaxis(pixels, 2, 0)], -1)
    return resized.clip(0, 255) if resized.dtype == np.float32 else resized


@lru_cache(maxsize=4096)
def _nearest(start: int, stop: int, count: int) -> np.ndarray:
    """Source index of each of `count` output pixels. Pillow steps from pixel to pixel, and its rounding adds up."""
    step = (stop - start) / count
    table = np.cumsum(np.r_[start + step * 0.5, np.full(count - 1, step)]).astype(np.intp)
    return table
