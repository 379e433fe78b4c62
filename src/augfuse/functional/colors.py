"""Functions that change colours."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from augfuse.functional.apply import Options, PerImage, Pictures, ValueRange, apply, per_color
from augfuse.transforms import Brightness, ChannelShift, ColorJitter, Contrast, Grayscale, Hue, Invert, Saturation


def adjust_brightness(
    images: Pictures,
    factor: PerImage,
    *,
    value_range: ValueRange = None,
    dtype: Any = None,
    workers: int | None = None,
) -> np.ndarray:
    """Multiply the values; see `af.Brightness`.

    Args:
        images: one image (h, w, c) or (h, w), a batch (n, h, w, c), or a list of images; uint8, uint16 or float32.
        factor: 0..100, 0 is black, 1 changes nothing; one number, or one per image.
        value_range: (low, high) of float images; None: 0..1, and the full range of integer dtypes.
        dtype: None keeps the dtype of the images (integers rounded); "float32": unrounded, at their scale.
        workers: threads, all cores by default; it changes no byte.

    Returns:
        The images with the same form, size and dtype: one for one image, (n, h, w, c) for several.

    Raises:
        RangeError: a number outside of its range, or neither one nor one per image.
        ImageError, ImageTypeError: arrays that are not images, values outside of the value range.
    """
    return apply(images, Brightness(), Options(value_range, dtype, workers), {"factor": factor})


def adjust_contrast(
    images: Pictures,
    factor: PerImage,
    pivot: Literal["mid", "mean"] = "mid",
    *,
    value_range: ValueRange = None,
    dtype: Any = None,
    workers: int | None = None,
) -> np.ndarray:
    """Stretch the values about a pivot; see `af.Contrast`.

    Args:
        images: one image (h, w, c) or (h, w), a batch (n, h, w, c), or a list of images; uint8, uint16 or float32.
        factor: 0..100, 0 is all pivot, 1 changes nothing; one number, or one per image.
        pivot: "mid" is the middle of the value range, "mean" the grey mean of each image, as in torchvision.
        value_range: (low, high) of float images; None: 0..1, and the full range of integer dtypes.
        dtype: None keeps the dtype of the images (integers rounded); "float32": unrounded, at their scale.
        workers: threads, all cores by default; it changes no byte.

    Returns:
        The images with the same form, size and dtype: one for one image, (n, h, w, c) for several.

    Raises:
        RangeError: a number outside of its range, or neither one nor one per image.
        ImageError, ImageTypeError: arrays that are not images, values outside of the value range.
    """
    return apply(images, Contrast(pivot=pivot), Options(value_range, dtype, workers), {"factor": factor})


def adjust_saturation(
    images: Pictures,
    factor: PerImage,
    *,
    value_range: ValueRange = None,
    dtype: Any = None,
    workers: int | None = None,
) -> np.ndarray:
    """Mix with luma; see `af.Saturation`.

    Args:
        images: one image (h, w, c) or (h, w), a batch (n, h, w, c), or a list of images; uint8, uint16 or float32.
        factor: 0..100, 0 is grey, 1 changes nothing; one number, or one per image.
        value_range: (low, high) of float images; None: 0..1, and the full range of integer dtypes.
        dtype: None keeps the dtype of the images (integers rounded); "float32": unrounded, at their scale.
        workers: threads, all cores by default; it changes no byte.

    Returns:
        The images with the same form, size and dtype: one for one image, (n, h, w, c) for several.

    Raises:
        RangeError: a number outside of its range, or neither one nor one per image.
        ImageError, ImageTypeError: arrays that are not images, values outside of the value range.
        RecipeError: images with another number of channels than 1, 3 or 4.
    """
    return apply(images, Saturation(), Options(value_range, dtype, workers), {"factor": factor})


def adjust_hue(
    images: Pictures,
    turns: PerImage,
    *,
    value_range: ValueRange = None,
    dtype: Any = None,
    workers: int | None = None,
) -> np.ndarray:
    """Turn the colours about the grey axis, luma kept; see `af.Hue`.

    Args:
        images: one image (h, w, c) or (h, w), a batch (n, h, w, c), or a list of images; uint8, uint16 or float32.
        turns: -1..1 of the full circle, + from red to green to blue; one number, or one per image.
        value_range: (low, high) of float images; None: 0..1, and the full range of integer dtypes.
        dtype: None keeps the dtype of the images (integers rounded); "float32": unrounded, at their scale.
        workers: threads, all cores by default; it changes no byte.

    Returns:
        The images with the same form, size and dtype: one for one image, (n, h, w, c) for several.

    Raises:
        RangeError: a number outside of its range, or neither one nor one per image.
        ImageError, ImageTypeError: arrays that are not images, values outside of the value range.
        RecipeError: images with another number of channels than 1, 3 or 4.
    """
    return apply(images, Hue(), Options(value_range, dtype, workers), {"turns": turns})


def adjust_color(
    images: Pictures,
    *,
    brightness: PerImage = 1.0,
    contrast: PerImage = 1.0,
    saturation: PerImage = 1.0,
    hue: PerImage = 0.0,
    value_range: ValueRange = None,
    dtype: Any = None,
    workers: int | None = None,
) -> np.ndarray:
    """Brightness, contrast about the middle of the value range, saturation and hue, in this order, in one pass; see
    `af.ColorJitter`.

    Args:
        images: one image (h, w, c) or (h, w), a batch (n, h, w, c), or a list of images; uint8, uint16 or float32.
        brightness, contrast, saturation: factors, 0..100, 1 changes nothing; one number, or one per image.
        hue: -1..1 of the full circle, + from red to green to blue; one number, or one per image.
        value_range: (low, high) of float images; None: 0..1, and the full range of integer dtypes.
        dtype: None keeps the dtype of the images (integers rounded); "float32": unrounded, at their scale.
        workers: threads, all cores by default; it changes no byte.

    Returns:
        The images with the same form, size and dtype: one for one image, (n, h, w, c) for several.

    Raises:
        RangeError: a number outside of its range, or neither one nor one per image.
        ImageError, ImageTypeError: arrays that are not images, values outside of the value range.
        RecipeError: images with another number of channels than 1, 3 or 4.
    """
    numbers = {"brightness": brightness, "contrast": contrast, "saturation": saturation, "hue": hue}
    return apply(images, ColorJitter(), Options(value_range, dtype, workers), numbers)


def grayscale(
    images: Pictures,
    *,
    value_range: ValueRange = None,
    dtype: Any = None,
    workers: int | None = None,
) -> np.ndarray:
    """Make every colour channel luma, ITU-R BT.601, and keep their number; see `af.Grayscale`.

    Args:
        images: one image (h, w, c) or (h, w), a batch (n, h, w, c), or a list of images; uint8, uint16 or float32.
        value_range: (low, high) of float images; None: 0..1, and the full range of integer dtypes.
        dtype: None keeps the dtype of the images (integers rounded); "float32": unrounded, at their scale.
        workers: threads, all cores by default; it changes no byte.

    Returns:
        The images with the same form, size and dtype: one for one image, (n, h, w, c) for several.

    Raises:
        ImageError, ImageTypeError: arrays that are not images, values outside of the value range.
        RecipeError: images with another number of channels than 1, 3 or 4.
    """
    return apply(images, Grayscale(p=1), Options(value_range, dtype, workers))


def invert(
    images: Pictures,
    *,
    value_range: ValueRange = None,
    dtype: Any = None,
    workers: int | None = None,
) -> np.ndarray:
    """The negative; see `af.Invert`.

    Args:
        images: one image (h, w, c) or (h, w), a batch (n, h, w, c), or a list of images; uint8, uint16 or float32.
        value_range: (low, high) of float images; None: 0..1, and the full range of integer dtypes.
        dtype: None keeps the dtype of the images (integers rounded); "float32": unrounded, at their scale.
        workers: threads, all cores by default; it changes no byte.

    Returns:
        The images with the same form, size and dtype: one for one image, (n, h, w, c) for several.

    Raises:
        ImageError, ImageTypeError: arrays that are not images, values outside of the value range.
    """
    return apply(images, Invert(p=1), Options(value_range, dtype, workers))


def shift_channels(
    images: Pictures,
    shift: PerImage,
    *,
    value_range: ValueRange = None,
    dtype: Any = None,
    workers: int | None = None,
) -> np.ndarray:
    """Add a number to each colour channel; see `af.ChannelShift`.

    Args:
        images: one image (h, w, c) or (h, w), a batch (n, h, w, c), or a list of images; uint8, uint16 or float32.
        shift: -1..1 of full scale; one number, one per colour (3,), or a row of these per image, (n, 3) or (n, 1).
        value_range: (low, high) of float images; None: 0..1, and the full range of integer dtypes.
        dtype: None keeps the dtype of the images (integers rounded); "float32": unrounded, at their scale.
        workers: threads, all cores by default; it changes no byte.

    Returns:
        The images with the same form, size and dtype: one for one image, (n, h, w, c) for several.

    Raises:
        RangeError: a number outside of its range, or an array of another shape.
        ImageError, ImageTypeError: arrays that are not images, values outside of the value range.
        RecipeError: images with another number of channels than 1, 3 or 4.
    """
    transform = ChannelShift()
    options = Options(value_range, dtype, workers)
    return apply(images, transform, options, more=lambda n, c: {"shift": per_color(transform, "shift", shift, n, c)})
