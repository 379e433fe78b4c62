"""Functions that set the size of the image."""

from __future__ import annotations

from typing import Literal, TypeAlias, Unpack

import numpy as np

from augfuse.algebra.ranges import Size
from augfuse.functional.apply import PerImage, Pictures, apply
from augfuse.functional.options import Filled, Resampled, Resized, takes
from augfuse.transforms import CenterCrop, Pad, Resize
from augfuse.transforms.placed import Crop, ResizedCrop

Margins: TypeAlias = tuple[int, int, int, int] | tuple[int, int] | int


@takes(Resized)
def resize(
    images: Pictures, size: Size, mode: Literal["stretch", "cover", "contain"] = "stretch", **options: Unpack[Resized]
) -> np.ndarray:
    """Scale to a size; what shrinks is averaged, so that it does not alias; see `af.Resize`.

    Args:
        images: one image (h, w, c) or (h, w), a batch (n, h, w, c), or a list of images; uint8, uint16 or float32.
        size: (height, width) in pixels; one number s means (s, s).
        mode: "stretch" to exactly this size; "cover": aspect kept, the smallest that covers it; "contain": aspect
            kept, the largest that fits into it.
        interpolation: "bilinear", "bicubic", "area", or "nearest", which mixes no values.
        value_range: (low, high) of float images; None: 0..1, and the full range of integer dtypes.
        dtype: None keeps the dtype of the images (integers rounded); "float32": unrounded, at their scale.
        workers: threads, all cores by default; it changes no byte.

    Returns:
        The images with the same form and dtype, and the size that is asked for: one for one image, (n, ...) for
        several.

    Raises:
        RangeError: a size below 1 or above 1,000,000, an unknown mode.
        ImageError: results of different sizes, which do not stack; arrays that are not images.
    """
    return apply(images, Resize(size, mode), **options)


@takes(Filled)
def center_crop(images: Pictures, size: Size, **options: Unpack[Filled]) -> np.ndarray:
    """Cut a size out of the middle; see `af.CenterCrop`.

    Args:
        images: one image (h, w, c) or (h, w), a batch (n, h, w, c), or a list of images; uint8, uint16 or float32.
        size: (height, width) in pixels; one number s means (s, s).
        fill: what surrounds an image: "nearest", "reflect", "wrap" or "constant".
        fill_value: for fill="constant", one number or one per channel, at the image's own scale.
        value_range: (low, high) of float images; None: 0..1, and the full range of integer dtypes.
        dtype: None keeps the dtype of the images (integers rounded); "float32": unrounded, at their scale.
        workers: threads, all cores by default; it changes no byte.

    Returns:
        The images with the same form and dtype, and the size that is asked for: one for one image, (n, ...) for
        several.

    Raises:
        RangeError: a size below 1 or above 1,000,000.
        ImageError, ImageTypeError: arrays that are not images, values outside of the value range.
    """
    return apply(images, CenterCrop(size), **options)


@takes(Filled)
def crop(
    images: Pictures, top: PerImage, left: PerImage, height: int, width: int, **options: Unpack[Filled]
) -> np.ndarray:
    """Cut a rectangle out; where it reaches beyond the image, `fill` says what is there.

    Args:
        images: one image (h, w, c) or (h, w), a batch (n, h, w, c), or a list of images; uint8, uint16 or float32.
        top: first row, + is down; one number, or one per image.
        left: first column; one number, or one per image.
        height, width: of the rectangle in pixels, the same for all images.
        fill: what surrounds an image: "nearest", "reflect", "wrap" or "constant".
        fill_value: for fill="constant", one number or one per channel, at the image's own scale.
        value_range: (low, high) of float images; None: 0..1, and the full range of integer dtypes.
        dtype: None keeps the dtype of the images (integers rounded); "float32": unrounded, at their scale.
        workers: threads, all cores by default; it changes no byte.

    Returns:
        The images with the same form and dtype, and the size (height, width): one for one image, (n, ...) for several.

    Raises:
        RangeError: numbers that are not whole, or of another count than one or one per image; sides below 1.
        ImageError, ImageTypeError: arrays that are not images, values outside of the value range.
    """
    return apply(images, Crop(0, 0, (height, width)), {"top": top, "left": left}, **options)


@takes(Resampled)
def resized_crop(
    images: Pictures,
    top: PerImage,
    left: PerImage,
    height: PerImage,
    width: PerImage,
    size: Size,
    **options: Unpack[Resampled],
) -> np.ndarray:
    """Cut a rectangle out and scale it to a size, in one pass.

    Args:
        images: one image (h, w, c) or (h, w), a batch (n, h, w, c), or a list of images; uint8, uint16 or float32.
        top: first row, + is down; one number, or one per image.
        left: first column; one number, or one per image.
        height, width: of the rectangle in pixels; one number each, or one per image.
        size: (height, width) of the result in pixels; one number s means (s, s).
        fill: what surrounds an image: "nearest", "reflect", "wrap" or "constant".
        fill_value: for fill="constant", one number or one per channel, at the image's own scale.
        interpolation: "bilinear", "bicubic", "area", or "nearest", which mixes no values.
        value_range: (low, high) of float images; None: 0..1, and the full range of integer dtypes.
        dtype: None keeps the dtype of the images (integers rounded); "float32": unrounded, at their scale.
        workers: threads, all cores by default; it changes no byte.

    Returns:
        The images with the same form and dtype, and the size that is asked for: one for one image, (n, ...) for
        several.

    Raises:
        RangeError: numbers that are not whole, or of another count than one or one per image; sides below 1.
        ImageError, ImageTypeError: arrays that are not images, values outside of the value range.
    """
    numbers = {"top": top, "left": left, "height": height, "width": width}
    return apply(images, ResizedCrop(0, 0, 1, 1, size), numbers, **options)


@takes(Filled)
def pad(images: Pictures, padding: Margins, **options: Unpack[Filled]) -> np.ndarray:
    """Add pixels at the sides, filled as `fill` says; see `af.Pad`.

    Args:
        images: one image (h, w, c) or (h, w), a batch (n, h, w, c), or a list of images; uint8, uint16 or float32.
        padding: pixels, one number for all sides, (x, y), or (left, top, right, bottom).
        fill: what surrounds an image: "nearest", "reflect", "wrap" or "constant".
        fill_value: for fill="constant", one number or one per channel, at the image's own scale.
        value_range: (low, high) of float images; None: 0..1, and the full range of integer dtypes.
        dtype: None keeps the dtype of the images (integers rounded); "float32": unrounded, at their scale.
        workers: threads, all cores by default; it changes no byte.

    Returns:
        The images with the same form and dtype, and the size with the padding: one for one image, (n, ...) for
        several.

    Raises:
        RangeError: padding that is negative or not whole.
        ImageError, ImageTypeError: arrays that are not images, values outside of the value range.
    """
    return apply(images, Pad(padding), **options)
