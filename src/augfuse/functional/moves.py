"""Functions that move pixels and keep the size of the image, or swap its sides."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np

from augfuse.errors import RangeError
from augfuse.functional.apply import FillValue, Options, PerImage, Pictures, ValueRange, apply, four_points, per_image
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


def rotate(
    images: Pictures,
    degrees: PerImage,
    *,
    fill: str = "nearest",
    fill_value: FillValue = 0,
    interpolation: str = "bilinear",
    value_range: ValueRange = None,
    dtype: Any = None,
    workers: int | None = None,
) -> np.ndarray:
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
    return apply(
        images, Rotate(), Options(value_range, dtype, workers, fill, fill_value, interpolation), {"degrees": degrees}
    )


def translate(
    images: Pictures,
    x: PerImage = 0.0,
    y: PerImage = 0.0,
    *,
    fill: str = "nearest",
    fill_value: FillValue = 0,
    interpolation: str = "bilinear",
    value_range: ValueRange = None,
    dtype: Any = None,
    workers: int | None = None,
) -> np.ndarray:
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
    return apply(
        images, Translate(), Options(value_range, dtype, workers, fill, fill_value, interpolation), {"x": x, "y": y}
    )


def scale(
    images: Pictures,
    factor: PerImage | None = None,
    *,
    x: PerImage | None = None,
    y: PerImage | None = None,
    fill: str = "nearest",
    fill_value: FillValue = 0,
    interpolation: str = "bilinear",
    value_range: ValueRange = None,
    dtype: Any = None,
    workers: int | None = None,
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
    options = Options(value_range, dtype, workers, fill, fill_value, interpolation)
    if all(value is None for value in given):
        raise RangeError("Scale: got neither factor nor x nor y, wanted one of them. Use factor=...")
    if factor is None:
        return apply(images, transform, options, {"x": 1.0 if x is None else x, "y": 1.0 if y is None else y})
    return apply(images, transform, options, more=lambda n, _: _both_axes(per_image(transform, "factor", factor, n)))


def shear(
    images: Pictures,
    x: PerImage = 0.0,
    y: PerImage = 0.0,
    *,
    fill: str = "nearest",
    fill_value: FillValue = 0,
    interpolation: str = "bilinear",
    value_range: ValueRange = None,
    dtype: Any = None,
    workers: int | None = None,
) -> np.ndarray:
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
    return apply(
        images, Shear(), Options(value_range, dtype, workers, fill, fill_value, interpolation), {"x": x, "y": y}
    )


def affine(
    images: Pictures,
    *,
    degrees: PerImage = 0.0,
    translate_x: PerImage = 0.0,
    translate_y: PerImage = 0.0,
    scale: PerImage = 1.0,
    shear_x: PerImage = 0.0,
    shear_y: PerImage = 0.0,
    fill: str = "nearest",
    fill_value: FillValue = 0,
    interpolation: str = "bilinear",
    value_range: ValueRange = None,
    dtype: Any = None,
    workers: int | None = None,
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
    return apply(images, Affine(), Options(value_range, dtype, workers, fill, fill_value, interpolation), numbers)


def perspective(
    images: Pictures,
    startpoints: Points,
    endpoints: Points,
    *,
    fill: str = "nearest",
    fill_value: FillValue = 0,
    interpolation: str = "bilinear",
    value_range: ValueRange = None,
    dtype: Any = None,
    workers: int | None = None,
) -> np.ndarray:
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
    options = Options(value_range, dtype, workers, fill, fill_value, interpolation)
    return apply(
        images,
        transform,
        options,
        more=lambda n, _: {name: four_points(transform, name, value, n) for name, value in given.items()},
    )


def horizontal_flip(
    images: Pictures,
    *,
    value_range: ValueRange = None,
    dtype: Any = None,
    workers: int | None = None,
) -> np.ndarray:
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
    return apply(images, HorizontalFlip(p=1), Options(value_range, dtype, workers))


def vertical_flip(
    images: Pictures,
    *,
    value_range: ValueRange = None,
    dtype: Any = None,
    workers: int | None = None,
) -> np.ndarray:
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
    return apply(images, VerticalFlip(p=1), Options(value_range, dtype, workers))


def transpose(
    images: Pictures,
    *,
    value_range: ValueRange = None,
    dtype: Any = None,
    workers: int | None = None,
) -> np.ndarray:
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
    return apply(images, Transpose(p=1), Options(value_range, dtype, workers))


def rotate90(
    images: Pictures,
    quarters: PerImage,
    *,
    value_range: ValueRange = None,
    dtype: Any = None,
    workers: int | None = None,
) -> np.ndarray:
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
    return apply(images, Rotate90(p=1), Options(value_range, dtype, workers), {"quarters": quarters})
