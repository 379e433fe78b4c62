"""Functions that change colours."""

from __future__ import annotations

from typing import Literal, Unpack

import numpy as np

from augfuse.functional.apply import PerImage, Pictures, apply, per_color
from augfuse.functional.options import Typed, takes
from augfuse.transforms import Brightness, ChannelShift, ColorJitter, Contrast, Grayscale, Hue, Invert, Saturation


@takes(Typed)
def adjust_brightness(images: Pictures, factor: PerImage, **options: Unpack[Typed]) -> np.ndarray:
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
    return apply(images, Brightness(), {"factor": factor}, **options)


@takes(Typed)
def adjust_contrast(
    images: Pictures, factor: PerImage, pivot: Literal["mid", "mean"] = "mid", **options: Unpack[Typed]
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
    return apply(images, Contrast(pivot=pivot), {"factor": factor}, **options)


@takes(Typed)
def adjust_saturation(images: Pictures, factor: PerImage, **options: Unpack[Typed]) -> np.ndarray:
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
    return apply(images, Saturation(), {"factor": factor}, **options)


@takes(Typed)
def adjust_hue(images: Pictures, turns: PerImage, **options: Unpack[Typed]) -> np.ndarray:
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
    return apply(images, Hue(), {"turns": turns}, **options)


@takes(Typed)
def adjust_color(
    images: Pictures,
    *,
    brightness: PerImage = 1.0,
    contrast: PerImage = 1.0,
    saturation: PerImage = 1.0,
    hue: PerImage = 0.0,
    **options: Unpack[Typed],
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
    return apply(images, ColorJitter(), numbers, **options)


@takes(Typed)
def grayscale(images: Pictures, **options: Unpack[Typed]) -> np.ndarray:
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
    return apply(images, Grayscale(p=1), **options)


@takes(Typed)
def invert(images: Pictures, **options: Unpack[Typed]) -> np.ndarray:
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
    return apply(images, Invert(p=1), **options)


@takes(Typed)
def shift_channels(images: Pictures, shift: PerImage, **options: Unpack[Typed]) -> np.ndarray:
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
    return apply(images, transform, more=lambda n, c: {"shift": per_color(transform, "shift", shift, n, c)}, **options)
