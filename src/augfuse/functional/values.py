"""Functions that blur, add noise, paint, and bring values to another scale."""

from __future__ import annotations

from typing import Unpack

import numpy as np

from augfuse.algebra.ranges import whole
from augfuse.algebra.rng import Draw, Words, check_seed
from augfuse.functional.apply import PerImage, Pictures, apply
from augfuse.functional.options import FillValue, Scaled, Typed, takes
from augfuse.transforms import GaussianBlur, GaussianNoise, Normalize, PerImageStandardize, ToFloat
from augfuse.transforms.placed import ErasedPart


def _keys(seed: int, n: int) -> np.ndarray:
    """The keys that a recipe with one GaussianNoise draws for the images of a batch."""
    return Draw(Words(seed, 0, np.arange(n, dtype=np.int64)), "GaussianNoise#0").key("key")


@takes(Typed)
def gaussian_blur(images: Pictures, sigma: PerImage, **options: Unpack[Typed]) -> np.ndarray:
    """Convolve with a Gaussian, cut at 4 sigma; borders mirror; see `af.GaussianBlur`.

    Args:
        images: one image (h, w, c) or (h, w), a batch (n, h, w, c), or a list of images; uint8, uint16 or float32.
        sigma: standard deviation in pixels, 0.01..100; one number, or one per image.
        value_range: (low, high) of float images; None: 0..1, and the full range of integer dtypes.
        dtype: None keeps the dtype of the images (integers rounded); "float32": unrounded, at their scale.
        workers: threads, all cores by default; it changes no byte.

    Returns:
        The images with the same form, size and dtype: one for one image, (n, h, w, c) for several.

    Raises:
        RangeError: a number outside of its range, or neither one nor one per image.
        ImageError, ImageTypeError: arrays that are not images, values outside of the value range.
    """
    return apply(images, GaussianBlur(), {"sigma": sigma}, **options)


@takes(Typed)
def gaussian_noise(images: Pictures, std: PerImage, seed: int, **options: Unpack[Typed]) -> np.ndarray:
    """Add normal noise, independent for each pixel and channel; see `af.GaussianNoise`.

    Args:
        images: one image (h, w, c) or (h, w), a batch (n, h, w, c), or a list of images; uint8, uint16 or float32.
        std: standard deviation, 0..1 of full scale; one number, or one per image.
        seed: 0..2**64 - 1, the key of the noise; images at different places of a batch get different noise.
        value_range: (low, high) of float images; None: 0..1, and the full range of integer dtypes.
        dtype: None keeps the dtype of the images (integers rounded); "float32": unrounded, at their scale.
        workers: threads, all cores by default; it changes no byte.

    Returns:
        The images with the same form, size and dtype: one for one image, (n, h, w, c) for several.

    Raises:
        RangeError: a number outside of its range, or neither one nor one per image.
        ImageError, ImageTypeError: arrays that are not images, values outside of the value range.
    """
    seed = check_seed(whole("seed", seed, 0))
    return apply(images, GaussianNoise(), {"std": std}, lambda n, _: {"key": _keys(seed, n)}, **options)


@takes(Typed)
def erase(
    images: Pictures,
    top: PerImage,
    left: PerImage,
    height: PerImage,
    width: PerImage,
    value: FillValue = 0,
    **options: Unpack[Typed],
) -> np.ndarray:
    """Paint a rectangle, as far as it lies in the image.

    Args:
        images: one image (h, w, c) or (h, w), a batch (n, h, w, c), or a list of images; uint8, uint16 or float32.
        top: first row, + is down; one number, or one per image.
        left: first column; one number, or one per image.
        height, width: of the rectangle in pixels; one number each, or one per image.
        value: its colour at the image's own scale, one number or one per channel.
        value_range: (low, high) of float images; None: 0..1, and the full range of integer dtypes.
        dtype: None keeps the dtype of the images (integers rounded); "float32": unrounded, at their scale.
        workers: threads, all cores by default; it changes no byte.

    Returns:
        The images with the same form, size and dtype: one for one image, (n, h, w, c) for several.

    Raises:
        RangeError: numbers that are not whole, or of another count than one or one per image; sides below 1.
        ImageError, ImageTypeError: arrays that are not images, values outside of the value range.
        RecipeError: numbers that are neither one nor one per channel.
    """
    numbers = {"top": top, "left": left, "height": height, "width": width}
    return apply(images, ErasedPart(0, 0, 1, 1, value), numbers, **options)  # type: ignore[arg-type]


@takes(Scaled)
def normalize(images: Pictures, mean: FillValue, std: FillValue, **options: Unpack[Scaled]) -> np.ndarray:
    """(x / full scale - mean) / std; see `af.Normalize`.

    Args:
        images: one image (h, w, c) or (h, w), a batch (n, h, w, c), or a list of images; uint8, uint16 or float32.
        mean: fraction of full scale, one number or one per channel.
        std: fraction of full scale, above 0, one number or one per channel.
        value_range: (low, high) of float images; None: 0..1, and the full range of integer dtypes.
        workers: threads, all cores by default; it changes no byte.

    Returns:
        float32, with the same form and size: one for one image, (n, h, w, c) for several.

    Raises:
        RangeError: a std that is not above 0, numbers that are not finite.
        ImageError, ImageTypeError: arrays that are not images, values outside of the value range.
        RecipeError: numbers that are neither one nor one per channel.
    """
    return apply(images, Normalize(mean, std), **options)  # type: ignore[arg-type]


@takes(Scaled)
def to_float(images: Pictures, **options: Unpack[Scaled]) -> np.ndarray:
    """Scale the value range to 0..1; see `af.ToFloat`.

    Args:
        images: one image (h, w, c) or (h, w), a batch (n, h, w, c), or a list of images; uint8, uint16 or float32.
        value_range: (low, high) of float images; None: 0..1, and the full range of integer dtypes.
        workers: threads, all cores by default; it changes no byte.

    Returns:
        float32, with the same form and size: one for one image, (n, h, w, c) for several.

    Raises:
        ImageError, ImageTypeError: arrays that are not images, values outside of the value range.
    """
    return apply(images, ToFloat(), **options)


@takes(Scaled)
def standardize(images: Pictures, **options: Unpack[Scaled]) -> np.ndarray:
    """(x - mean) / max(std, 1 / sqrt(h w c)), with mean and std of each image; see `af.PerImageStandardize`.

    Args:
        images: one image (h, w, c) or (h, w), a batch (n, h, w, c), or a list of images; uint8, uint16 or float32.
        value_range: (low, high) of float images; None: 0..1, and the full range of integer dtypes.
        workers: threads, all cores by default; it changes no byte.

    Returns:
        float32, with the same form and size: one for one image, (n, h, w, c) for several.

    Raises:
        ImageError, ImageTypeError: arrays that are not images, values outside of the value range.
    """
    return apply(images, PerImageStandardize(), **options)
