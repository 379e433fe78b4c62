"""Functions that send values through curves."""

from __future__ import annotations

from typing import Any

import numpy as np

from augfuse.functional.apply import Options, PerImage, Pictures, ValueRange, apply
from augfuse.transforms import AutoContrast, Equalize, Gamma, Posterize, Solarize


def adjust_gamma(
    images: Pictures,
    gamma: PerImage,
    *,
    value_range: ValueRange = None,
    dtype: Any = None,
    workers: int | None = None,
) -> np.ndarray:
    """Raise the values, as fractions of full scale, to a power; see `af.Gamma`.

    Args:
        images: one image (h, w, c) or (h, w), a batch (n, h, w, c), or a list of images; uint8, uint16 or float32.
        gamma: 0.01..100, below 1 is brighter, 1 changes nothing; one number, or one per image.
        value_range: (low, high) of float images; None: 0..1, and the full range of integer dtypes.
        dtype: None keeps the dtype of the images; "float32": at their scale.
        workers: threads, all cores by default; it changes no byte.

    Returns:
        The images with the same form, size and dtype: one for one image, (n, h, w, c) for several.

    Raises:
        RangeError: a number outside of its range, or neither one nor one per image.
        ImageError, ImageTypeError: arrays that are not images, values outside of the value range.
    """
    return apply(images, Gamma(), Options(value_range, dtype, workers), {"gamma": gamma})


def solarize(
    images: Pictures,
    threshold: PerImage,
    *,
    value_range: ValueRange = None,
    dtype: Any = None,
    workers: int | None = None,
) -> np.ndarray:
    """Invert the values from a threshold on; see `af.Solarize`.

    Args:
        images: one image (h, w, c) or (h, w), a batch (n, h, w, c), or a list of images; uint8, uint16 or float32.
        threshold: 0..1 of full scale, 128 / 255 is Pillow's default on uint8; one number, or one per image.
        value_range: (low, high) of float images; None: 0..1, and the full range of integer dtypes.
        dtype: None keeps the dtype of the images; "float32": at their scale.
        workers: threads, all cores by default; it changes no byte.

    Returns:
        The images with the same form, size and dtype: one for one image, (n, h, w, c) for several.

    Raises:
        RangeError: a number outside of its range, or neither one nor one per image.
        ImageError, ImageTypeError: arrays that are not images, values outside of the value range.
    """
    return apply(images, Solarize(p=1), Options(value_range, dtype, workers), {"threshold": threshold})


def posterize(
    images: Pictures,
    bits: PerImage,
    *,
    value_range: ValueRange = None,
    dtype: Any = None,
    workers: int | None = None,
) -> np.ndarray:
    """Keep the highest bits of the values; see `af.Posterize`.

    Args:
        images: one image (h, w, c) or (h, w), a batch (n, h, w, c), or a list of images; uint8, uint16 or float32.
        bits: 1..8, 8 changes nothing on uint8; one whole number, or one per image.
        value_range: (low, high) of float images; None: 0..1, and the full range of integer dtypes.
        dtype: None keeps the dtype of the images; "float32": at their scale.
        workers: threads, all cores by default; it changes no byte.

    Returns:
        The images with the same form, size and dtype: one for one image, (n, h, w, c) for several.

    Raises:
        RangeError: a number outside of its range, or neither one nor one per image.
        ImageError, ImageTypeError: arrays that are not images, values outside of the value range.
    """
    return apply(images, Posterize(p=1), Options(value_range, dtype, workers), {"bits": bits})


def autocontrast(
    images: Pictures,
    *,
    value_range: ValueRange = None,
    dtype: Any = None,
    workers: int | None = None,
) -> np.ndarray:
    """Stretch each channel to the whole value range; see `af.AutoContrast`.

    Args:
        images: one image (h, w, c) or (h, w), a batch (n, h, w, c), or a list of images; uint8, uint16 or float32.
        value_range: (low, high) of float images; None: 0..1, and the full range of integer dtypes.
        dtype: None keeps the dtype of the images; "float32": at their scale.
        workers: threads, all cores by default; it changes no byte.

    Returns:
        The images with the same form, size and dtype: one for one image, (n, h, w, c) for several.

    Raises:
        ImageError, ImageTypeError: arrays that are not images, values outside of the value range.
    """
    return apply(images, AutoContrast(), Options(value_range, dtype, workers))


def equalize(
    images: Pictures,
    *,
    value_range: ValueRange = None,
    dtype: Any = None,
    workers: int | None = None,
) -> np.ndarray:
    """Spread the values of each channel so that all levels come about equally often; see `af.Equalize`.

    Args:
        images: one image (h, w, c) or (h, w), a batch (n, h, w, c), or a list of images; uint8, uint16 or float32.
        value_range: (low, high) of float images; None: 0..1, and the full range of integer dtypes.
        dtype: None keeps the dtype of the images; "float32": at their scale.
        workers: threads, all cores by default; it changes no byte.

    Returns:
        The images with the same form, size and dtype: one for one image, (n, h, w, c) for several.

    Raises:
        ImageError, ImageTypeError: arrays that are not images, values outside of the value range.
    """
    return apply(images, Equalize(), Options(value_range, dtype, workers))
