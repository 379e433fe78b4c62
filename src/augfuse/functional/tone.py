"""Functions that send values through curves."""

from __future__ import annotations

from typing import Unpack

import numpy as np

from augfuse.functional.apply import PerImage, Pictures, apply
from augfuse.functional.options import Typed, takes
from augfuse.transforms import AutoContrast, Equalize, Gamma, Posterize, Solarize


@takes(Typed)
def adjust_gamma(images: Pictures, gamma: PerImage, **options: Unpack[Typed]) -> np.ndarray:
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
    return apply(images, Gamma(), {"gamma": gamma}, **options)


@takes(Typed)
def solarize(images: Pictures, threshold: PerImage, **options: Unpack[Typed]) -> np.ndarray:
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
    return apply(images, Solarize(p=1), {"threshold": threshold}, **options)


@takes(Typed)
def posterize(images: Pictures, bits: PerImage, **options: Unpack[Typed]) -> np.ndarray:
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
    return apply(images, Posterize(p=1), {"bits": bits}, **options)


@takes(Typed)
def autocontrast(images: Pictures, **options: Unpack[Typed]) -> np.ndarray:
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
    return apply(images, AutoContrast(), **options)


@takes(Typed)
def equalize(images: Pictures, **options: Unpack[Typed]) -> np.ndarray:
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
    return apply(images, Equalize(), **options)
