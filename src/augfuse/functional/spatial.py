"""Functions that move pixels and keep the size of the image, or swap its sides."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias, Unpack

import numpy as np

from augfuse.errors import RangeError
from augfuse.functional.apply import PerImage, Pictures, apply, four_points, per_image
from augfuse.functional.options import Resampled, Typed, takes
from augfuse.transforms import (
    Affine,
    HorizontalFlip,
    Rotate,
    Rotate90,
    Scale,
    Shear,
    Translate,
    Transpose,
    VerticalFlip,
)
from augfuse.transforms.base import Params
from augfuse.transforms.placed import FourPoints

Points: TypeAlias = Sequence[Sequence[float]] | Sequence[Sequence[Sequence[float]]] | np.ndarray


def _both_axes(factor: np.ndarray) -> Params:
    return {"x": factor, "y": factor}


@takes(Resampled)
def rotate(images: Pictures, degrees: PerImage, **options: Unpack[Resampled]) -> np.ndarray:
    """Turn about the centre of the image, which keeps its size; see `af.Rotate`.

    Args:
        images: one image (h, w, c) or (h, w), a batch (n, h, w, c), or a list of images; uint8, uint16 or float32.
        degrees: angle, -360..360, + is anticlockwise as seen; one number, or one per image.
        fill: what surrounds an image: "nearest", "reflect", "wrap" or "constant".
        fill_value: for fill="constant", one number or one per channel, at the image's own scale.
        interpolation: "bilinear", "bicubic", "area", or "nearest", which mixes no values.
        value_range: (low, high) of float images; None: 0..1, and the full range of integer dtypes.
        dtype: None keeps the dtype of the images (integers rounded); "float32": unrounded, at their scale.
        workers: threads, all cores by default; it changes no byte.

    Returns:
        The images with the same form, size and dtype: one for one image, (n, h, w, c) for several.

    Raises:
        RangeError: a number outside of its range, or neither one nor one per image.
        ImageError, ImageTypeError: arrays that are not images, values outside of the value range.
    """
    return apply(images, Rotate(), {"degrees": degrees}, **options)


@takes(Resampled)
def translate(images: Pictures, x: PerImage = 0.0, y: PerImage = 0.0, **options: Unpack[Resampled]) -> np.ndarray:
    """Move the picture by fractions of its width and height; see `af.Translate`.

    Args:
        images: one image (h, w, c) or (h, w), a batch (n, h, w, c), or a list of images; uint8, uint16 or float32.
        x: shift, -1..1 of the width, + to the right; one number, or one per image. For pixels divide by the width.
        y: shift, -1..1 of the height, + down; one number, or one per image.
        fill: what surrounds an image: "nearest", "reflect", "wrap" or "constant".
        fill_value: for fill="constant", one number or one per channel, at the image's own scale.
        interpolation: "bilinear", "bicubic", "area", or "nearest", which mixes no values.
        value_range: (low, high) of float images; None: 0..1, and the full range of integer dtypes.
        dtype: None keeps the dtype of the images (integers rounded); "float32": unrounded, at their scale.
        workers: threads, all cores by default; it changes no byte.

    Returns:
        The images with the same form, size and dtype: one for one image, (n, h, w, c) for several.

    Raises:
        RangeError: a number outside of its range, or neither one nor one per image.
        ImageError, ImageTypeError: arrays that are not images, values outside of the value range.
    """
    return apply(images, Translate(), {"x": x, "y": y}, **options)


@takes(Resampled)
def scale(
    images: Pictures,
    factor: PerImage | None = None,
    *,
    x: PerImage | None = None,
    y: PerImage | None = None,
    **options: Unpack[Resampled],
) -> np.ndarray:
    """Enlarge (above 1) or shrink about the centre of the image, which keeps its size; see `af.Scale`.

    Args:
        images: one image (h, w, c) or (h, w), a batch (n, h, w, c), or a list of images; uint8, uint16 or float32.
        factor: of both axes, 0.01..100; one number, or one per image.
        x: of the width, 0.01..100, 1 where only y is given; one number, or one per image. In place of factor.
        y: of the height, 0.01..100, 1 where only x is given; one number, or one per image. In place of factor.
        fill: what surrounds an image: "nearest", "reflect", "wrap" or "constant".
        fill_value: for fill="constant", one number or one per channel, at the image's own scale.
        interpolation: "bilinear", "bicubic", "area", or "nearest", which mixes no values.
        value_range: (low, high) of float images; None: 0..1, and the full range of integer dtypes.
        dtype: None keeps the dtype of the images (integers rounded); "float32": unrounded, at their scale.
        workers: threads, all cores by default; it changes no byte.

    Returns:
        The images with the same form, size and dtype: one for one image, (n, h, w, c) for several.

    Raises:
        RangeError: a number outside of its range, or neither one nor one per image; factor together with x or y, or
            none of them.
        ImageError, ImageTypeError: arrays that are not images, values outside of the value range.
    """
    given = (factor, x, y)
    transform = Scale(*(None if value is None else (1.0, 1.0) for value in given))  # it says which go together
    if all(value is None for value in given):
        raise RangeError("Scale: got neither factor nor x nor y, wanted one of them. Use factor=...")
    if factor is None:
        return apply(images, transform, {"x": 1.0 if x is None else x, "y": 1.0 if y is None else y}, **options)
    return apply(images, transform, more=lambda n, _: _both_axes(per_image(transform, "factor", factor, n)), **options)


@takes(Resampled)
def shear(images: Pictures, x: PerImage = 0.0, y: PerImage = 0.0, **options: Unpack[Resampled]) -> np.ndarray:
    """Slant about the centre of the image, which keeps its size; see `af.Shear`.

    Args:
        images: one image (h, w, c) or (h, w), a batch (n, h, w, c), or a list of images; uint8, uint16 or float32.
        x: angle in degrees, -89..89, + moves lower rows to the right; one number, or one per image.
        y: angle in degrees, -89..89, + moves columns on the right down; one number, or one per image.
        fill: what surrounds an image: "nearest", "reflect", "wrap" or "constant".
        fill_value: for fill="constant", one number or one per channel, at the image's own scale.
        interpolation: "bilinear", "bicubic", "area", or "nearest", which mixes no values.
        value_range: (low, high) of float images; None: 0..1, and the full range of integer dtypes.
        dtype: None keeps the dtype of the images (integers rounded); "float32": unrounded, at their scale.
        workers: threads, all cores by default; it changes no byte.

    Returns:
        The images with the same form, size and dtype: one for one image, (n, h, w, c) for several.

    Raises:
        RangeError: a number outside of its range, or neither one nor one per image.
        ImageError, ImageTypeError: arrays that are not images, values outside of the value range.
    """
    return apply(images, Shear(), {"x": x, "y": y}, **options)


@takes(Resampled)
def affine(
    images: Pictures,
    *,
    degrees: PerImage = 0.0,
    translate_x: PerImage = 0.0,
    translate_y: PerImage = 0.0,
    scale: PerImage = 1.0,
    shear_x: PerImage = 0.0,
    shear_y: PerImage = 0.0,
    **options: Unpack[Resampled],
) -> np.ndarray:
    """Scale, shear, rotate, translate, in this order, about the centre of the image, in one pass; see `af.Affine`.

    Args:
        images: one image (h, w, c) or (h, w), a batch (n, h, w, c), or a list of images; uint8, uint16 or float32.
        degrees: angle, -360..360, + is anticlockwise as seen; one number, or one per image.
        translate_x: shift, -1..1 of the width, + to the right; one number, or one per image.
        translate_y: shift, -1..1 of the height, + down; one number, or one per image.
        scale: factor of both axes, 0.01..100; one number, or one per image.
        shear_x: angle in degrees, -89..89, + moves lower rows to the right; one number, or one per image.
        shear_y: angle in degrees, -89..89, + moves columns on the right down; one number, or one per image.
        fill: what surrounds an image: "nearest", "reflect", "wrap" or "constant".
        fill_value: for fill="constant", one number or one per channel, at the image's own scale.
        interpolation: "bilinear", "bicubic", "area", or "nearest", which mixes no values.
        value_range: (low, high) of float images; None: 0..1, and the full range of integer dtypes.
        dtype: None keeps the dtype of the images (integers rounded); "float32": unrounded, at their scale.
        workers: threads, all cores by default; it changes no byte.

    Returns:
        The images with the same form, size and dtype: one for one image, (n, h, w, c) for several.

    Raises:
        RangeError: a number outside of its range, or neither one nor one per image.
        ImageError, ImageTypeError: arrays that are not images, values outside of the value range.
    """
    numbers = {
        "degrees": degrees,
        "translate_x": translate_x,
        "translate_y": translate_y,
        "scale": scale,
        "shear_x": shear_x,
        "shear_y": shear_y,
    }
    return apply(images, Affine(), numbers, **options)


@takes(Resampled)
def perspective(images: Pictures, startpoints: Points, endpoints: Points, **options: Unpack[Resampled]) -> np.ndarray:
    """Look from another side: four points of the image come to lie on four others; see `af.Perspective`.

    Args:
        images: one image (h, w, c) or (h, w), a batch (n, h, w, c), or a list of images; uint8, uint16 or float32.
        startpoints: four points (x, y) in pixels, or four for each image; the upper left corner of an image is (0, 0),
            its lower right corner (width, height).
        endpoints: where they are to lie, in the same order.
        fill: what surrounds an image: "nearest", "reflect", "wrap" or "constant".
        fill_value: for fill="constant", one number or one per channel, at the image's own scale.
        interpolation: "bilinear", or "nearest", which mixes no values.
        value_range: (low, high) of float images; None: 0..1, and the full range of integer dtypes.
        dtype: None keeps the dtype of the images (integers rounded); "float32": unrounded, at their scale.
        workers: threads, all cores by default; it changes no byte.

    Returns:
        The images with the same form, size and dtype: one for one image, (n, h, w, c) for several.

    Raises:
        RangeError: what is not four points, or three of them on one line.
        RecipeError: points that put a corner of the image onto or behind the horizon.
        ImageError, ImageTypeError: arrays that are not images, values outside of the value range.
    """
    transform, given = FourPoints(), {"startpoints": startpoints, "endpoints": endpoints}
    return apply(
        images,
        transform,
        more=lambda n, _: {name: four_points(transform, name, value, n) for name, value in given.items()},
        **options,
    )


@takes(Typed)
def horizontal_flip(images: Pictures, **options: Unpack[Typed]) -> np.ndarray:
    """Mirror left and right; see `af.HorizontalFlip`.

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
    return apply(images, HorizontalFlip(p=1), **options)


@takes(Typed)
def vertical_flip(images: Pictures, **options: Unpack[Typed]) -> np.ndarray:
    """Mirror top and bottom; see `af.VerticalFlip`.

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
    return apply(images, VerticalFlip(p=1), **options)


@takes(Typed)
def transpose(images: Pictures, **options: Unpack[Typed]) -> np.ndarray:
    """Swap rows and columns; see `af.Transpose`.

    Args:
        images: one image (h, w, c) or (h, w), a batch (n, h, w, c), or a list of images; uint8, uint16 or float32.
        value_range: (low, high) of float images; None: 0..1, and the full range of integer dtypes.
        dtype: None keeps the dtype of the images (integers rounded); "float32": unrounded, at their scale.
        workers: threads, all cores by default; it changes no byte.

    Returns:
        The images with the same form and dtype, and the size (w, h): one for one image, (n, ...) for several.

    Raises:
        ImageError, ImageTypeError: arrays that are not images, values outside of the value range.
    """
    return apply(images, Transpose(p=1), **options)


@takes(Typed)
def rotate90(images: Pictures, quarters: PerImage, **options: Unpack[Typed]) -> np.ndarray:
    """Turn by quarters; no pixel is interpolated; see `af.Rotate90`.

    Args:
        images: one image (h, w, c) or (h, w), a batch (n, h, w, c), or a list of images; uint8, uint16 or float32.
        quarters: whole number of quarter turns, 0..3, anticlockwise as seen; one number, or one per image.
        value_range: (low, high) of float images; None: 0..1, and the full range of integer dtypes.
        dtype: None keeps the dtype of the images (integers rounded); "float32": unrounded, at their scale.
        workers: threads, all cores by default; it changes no byte.

    Returns:
        The images with the same form and dtype, and the size (w, h) after an odd number of turns: one for one image,
        (n, ...) for several.

    Raises:
        RangeError: a number outside of its range, or neither one nor one per image.
        ImageError: results of different sizes, which do not stack; arrays that are not images.
    """
    return apply(images, Rotate90(p=1), {"quarters": quarters}, **options)
