"""Keras' functions on one image: random_rotation, apply_affine_transform, apply_brightness_shift and their sisters.

Names, arguments and results are those of `keras.preprocessing.image` before Keras 3 took them away. The random ones
draw from `numpy.random`'s global state, for they have no seed: `numpy.random.seed` governs them. What is computed is
what the code of Keras 3 computes, its turns about a wrong centre in images that are not square included;
`ImageDataGenerator` mends that, and `augfuse.Recipe` is the better tool for new code.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import keras
import numpy as np
from numpy.typing import ArrayLike

from augfuse.errors import ImageError, ImageTypeError, RangeError
from augfuse.keras.checks import rules
from augfuse.keras.checks.edge import checked
from augfuse.keras.generator.draws import from_dict
from augfuse.keras.generator.matrices import as_keras
from augfuse.keras.generator.resample import warp

_COMPILED = frozenset({np.dtype(np.uint8), np.dtype(np.uint16), np.dtype(np.float32)})


@checked(x=rules.image_pixels)
def random_rotation(
    x: np.ndarray,
    rg: float,
    row_axis: int = 1,
    col_axis: int = 2,
    channel_axis: int = 0,
    fill_mode: str = "nearest",
    cval: float = 0.0,
    interpolation_order: int = 1,
) -> np.ndarray:
    """Turn an image by an angle drawn from -rg..rg degrees.

    Args:
        rg: the largest angle, in degrees.
        x, others: as in `apply_affine_transform`; interpolation_order is its order.

    Returns:
        An array of the shape of `x`.
    """
    axes = row_axis, col_axis, channel_axis
    return _moved(x, axes, fill_mode, cval, interpolation_order, theta=_uniform(-rg, rg))


@checked(x=rules.image_pixels)
def random_shift(
    x: np.ndarray,
    wrg: float,
    hrg: float,
    row_axis: int = 1,
    col_axis: int = 2,
    channel_axis: int = 0,
    fill_mode: str = "nearest",
    cval: float = 0.0,
    interpolation_order: int = 1,
) -> np.ndarray:
    """Move an image by up to `hrg` of its height and `wrg` of its width (fractions, both signs).

    Args:
        wrg, hrg: the largest shift, as a fraction of the width and of the height. As in Keras 3 the first moves the
            image along the rows, the second along the columns.
        x, others: as in `apply_affine_transform`; interpolation_order is its order.

    Returns:
        An array of the shape of `x`.
    """
    axes = row_axis, col_axis, channel_axis
    _check_axes(x, axes)
    tx = _uniform(-hrg, hrg) * x.shape[row_axis]
    ty = _uniform(-wrg, wrg) * x.shape[col_axis]
    return _moved(x, axes, fill_mode, cval, interpolation_order, tx=tx, ty=ty)


@checked(x=rules.image_pixels)
def random_shear(
    x: np.ndarray,
    intensity: float,
    row_axis: int = 1,
    col_axis: int = 2,
    channel_axis: int = 0,
    fill_mode: str = "nearest",
    cval: float = 0.0,
    interpolation_order: int = 1,
) -> np.ndarray:
    """Shear an image by an angle drawn from -intensity..intensity degrees.

    Args:
        intensity: the largest angle, in degrees.
        x, others: as in `apply_affine_transform`; interpolation_order is its order.

    Returns:
        An array of the shape of `x`.
    """
    axes = row_axis, col_axis, channel_axis
    return _moved(x, axes, fill_mode, cval, interpolation_order, shear=_uniform(-intensity, intensity))


@checked(x=rules.image_pixels, zoom_range=rules.pair)
def random_zoom(
    x: np.ndarray,
    zoom_range: Sequence[float],
    row_axis: int = 1,
    col_axis: int = 2,
    channel_axis: int = 0,
    fill_mode: str = "nearest",
    cval: float = 0.0,
    interpolation_order: int = 1,
) -> np.ndarray:
    """Zoom along columns and rows by two factors from `zoom_range` = (low, high); above 1 the image gets smaller.

    Args:
        zoom_range: (low, high) factors; above 1 the image gets smaller; (1, 1) draws nothing and returns `x`.
        x, others: as in `apply_affine_transform`; interpolation_order is its order.

    Returns:
        An array of the shape of `x`.
    """
    low, high = zoom_range
    zx = zy = 1.0
    if not low == high == 1:
        zx, zy = _uniform(low, high), _uniform(low, high)
    axes = row_axis, col_axis, channel_axis
    return _moved(x, axes, fill_mode, cval, interpolation_order, zx=zx, zy=zy)


@checked(x=rules.image_pixels)
def random_channel_shift(x: np.ndarray, intensity_range: float, channel_axis: int = 0) -> np.ndarray:
    """`apply_channel_shift` by an amount drawn from -intensity_range..intensity_range.

    Args:
        x, channel_axis: as in `apply_channel_shift`.
        intensity_range: the largest shift, in the units of the pixels.

    Returns:
        An array of the shape of `x`.
    """
    return apply_channel_shift(x, _uniform(-intensity_range, intensity_range), channel_axis=channel_axis)


@checked(x=rules.image_pixels, brightness_range=rules.pair)
def random_brightness(x: np.ndarray, brightness_range: Sequence[float], scale: bool = True) -> np.ndarray:
    """`apply_brightness_shift` by a factor drawn from `brightness_range` = (low, high).

    Args:
        x, scale: as in `apply_brightness_shift`.
        brightness_range: (low, high) factors; 1 changes nothing.

    Returns:
        An array of the shape of `x`.
    """
    low, high = brightness_range
    return apply_brightness_shift(x, _uniform(low, high), scale)


@checked(x=rules.image_pixels)
def apply_affine_transform(
    x: np.ndarray,
    theta: float = 0,
    tx: float = 0,
    ty: float = 0,
    shear: float = 0,
    zx: float = 1,
    zy: float = 1,
    row_axis: int = 1,
    col_axis: int = 2,
    channel_axis: int = 0,
    fill_mode: str = "nearest",
    cval: float = 0.0,
    order: int = 1,
) -> np.ndarray:
    """Turn, move, shear and zoom one image, resampling it once.

    Args:
        x: three axes, the channels first or last; `row_axis`, `col_axis` and `channel_axis` say which is which.
        theta, shear: degrees.
        tx, ty: pixels along the columns and along the rows; + moves the picture left and up.
        zx, zy: zoom along columns and rows; 2 shows twice as much, at half the size.
        row_axis, col_axis, channel_axis: which of the three axes is which.
        fill_mode: "nearest", "reflect", "wrap" or "constant" (with `cval`), as SciPy understands them.
        cval: the value outside of the image, with fill_mode="constant".
        order: 0 nearest, 1 bilinear, 2 to 5 splines (these need SciPy).

    Returns:
        An array of the shape and dtype of `x`, or `x` itself where there is nothing to do. It is computed in float32;
            whole numbers are rounded half away from zero and clipped to the range of the dtype.

    Raises:
        ImageError: (a ValueError) axes that are not 0, 1 and 2, channels in the middle, or not three axes.
        ImageTypeError: (a TypeError) pixels that are neither whole nor real numbers.
        RangeError: (a ValueError) an unknown `fill_mode` or `order`.
    """
    x = np.asarray(x)
    _check_axes(x, (row_axis, col_axis, channel_axis))
    if channel_axis == 1:
        raise ImageError("channel_axis: got 1, wanted 0 or 2. Move the channels to the end: np.moveaxis(x, 1, -1).")
    if x.dtype.kind not in "uif":
        raise ImageTypeError(f"x: got dtype {x.dtype}, wanted whole or real numbers. Write x.astype('float32').")
    if not (theta or tx or ty or shear) and zx == zy == 1:
        return x
    parameters = from_dict({"theta": theta, "tx": tx, "ty": ty, "shear": shear, "zx": zx, "zy": zy})
    matrix = as_keras(parameters, x.shape[row_axis], x.shape[col_axis])[0]
    if col_axis < row_axis:  # row, column to x, y: columns come first
        matrix = matrix[[[1], [0]], [1, 0, 2]]
    pixels = np.moveaxis(x, channel_axis, -1)
    pixels = np.ascontiguousarray(pixels, x.dtype if x.dtype in _COMPILED else np.float32)
    warped = warp(pixels[None], matrix[None], fill_mode=fill_mode, cval=cval, order=order)[0]
    return np.moveaxis(_to_dtype(warped, x.dtype), -1, channel_axis)


@checked(x=rules.image_pixels)
def apply_channel_shift(x: np.ndarray, intensity: float, channel_axis: int = 0) -> np.ndarray:
    """Add `intensity` to every value and clip to the least and greatest value that the image had.

    Args:
        x: an array of numbers.
        intensity: what to add, in the units of the pixels.
        channel_axis: an option of Keras without effect: all channels get the same.

    Returns:
        An array of the shape of `x`. Whole numbers plus a whole `intensity` keep their dtype and stop at those limits
            (in Keras they wrap around); otherwise NumPy's rules give the dtype.
    """
    x = np.asarray(x)
    _check_pixels(x)
    if x.dtype.kind not in "iu":
        return np.clip(x + intensity, x.min(), x.max())
    shifted = np.clip(x + float(intensity), x.min(), x.max())
    return shifted.astype(np.result_type(x, intensity), copy=False)


@checked(x=rules.image_pixels)
def apply_brightness_shift(x: np.ndarray, brightness: float, scale: bool = True) -> np.ndarray:
    """Multiply by `brightness` in 8 bits, as Pillow does: values become whole, products are cut, not rounded.

    Args:
        x: three axes, the channels last (first where `keras.config.image_data_format()` is "channels_first"). The
            fourth of four channels is alpha and stays as it is.
        brightness: 0 is black, 1 changes nothing but to cut values to whole ones.
        scale: True stretches the image to 0..255 before, and leaves it there. False takes values within 0..255 as they
            are; images that leave 0..255 are stretched, changed, and put back to their range. Images within 0..1 become
            black: multiply them by 255, or write scale=True.

    Returns:
        An array of the shape of `x` and dtype `keras.config.floatx()`; float64 where a float64 image left 0..255.

    Raises:
        ImageError: (a ValueError) for other than three axes and for NaN or infinite pixels.
    """
    from PIL import Image, ImageEnhance

    x = np.asarray(x)
    _check_rank(x)
    _check_pixels(x)
    low, high = x.min(), x.max()
    if not (math.isfinite(low) and math.isfinite(high)):
        raise ImageError(f"x: got values from {low} to {high}, wanted finite ones. Write np.nan_to_num(x).")
    if x.dtype.kind in "iu":  # their difference need not fit the dtype
        low, high = np.float64(low), np.float64(high)
    leaves = bool(low < 0 or high > 255)
    dtype = keras.config.floatx()
    values = x.astype(dtype)
    if scale or leaves:
        values -= values.min()
        top = values.max()
        if top != 0:
            values /= top
        values *= 255
    # Pillow treats each byte alike, so one picture of one channel serves all layouts; alpha is put back.
    bytes_ = values.astype(np.uint8)
    picture = Image.fromarray(bytes_.reshape(len(bytes_), -1))
    blended = np.asarray(ImageEnhance.Brightness(picture).enhance(brightness)).reshape(x.shape)
    channel_axis = 0 if keras.config.image_data_format() == "channels_first" else 2
    if x.shape[channel_axis] == 4:
        alpha = (3,) if channel_axis == 0 else (..., 3)
        blended = blended.copy()
        blended[alpha] = bytes_[alpha]
    result = blended.astype(dtype)
    return result / 255 * (high - low) + low if leaves and not scale else result


@checked(matrix=rules.matrix, x=rules.number, y=rules.number)
def transform_matrix_offset_center(matrix: np.ndarray, x: float, y: float) -> np.ndarray:
    """A 3x3 matrix that acts about the origin, made to act about the centre ((x - 1) / 2, (y - 1) / 2).

    Args:
        matrix: (3, 3), about the origin.
        x, y: height and width of the image, in pixels.

    Returns:
        An array (3, 3) float64.
    """
    to_origin, back = np.eye(3), np.eye(3)
    back[:2, 2] = float(x) / 2 - 0.5, float(y) / 2 - 0.5
    to_origin[:2, 2] = -back[:2, 2]
    return back @ matrix @ to_origin


@checked(x=rules.image_pixels)
def flip_axis(x: ArrayLike, axis: int) -> np.ndarray:
    """The array with one axis reversed: a view of it.

    Args:
        x, axis: an array, and the axis to reverse.

    Returns:
        A view of `x`.
    """
    array = np.asarray(x)
    if not -array.ndim <= axis < array.ndim:
        raise RangeError(f"axis: got {axis} for x of shape {array.shape}, wanted 0..{array.ndim - 1}.")
    return np.flip(array, axis)


def _check_axes(x: np.ndarray, axes: tuple[int, int, int]) -> None:
    if sorted(axes) != [0, 1, 2]:
        raise ImageError(
            f"row_axis, col_axis and channel_axis: got {axes}, wanted 0, 1 and 2, each once. For (height, width, "
            "channels) write row_axis=0, col_axis=1, channel_axis=2."
        )
    _check_rank(x)


def _check_rank(x: np.ndarray) -> None:
    if x.ndim != 3:
        raise ImageError(
            f"x: got shape {x.shape}, wanted three axes, one image with channels. For a gray image write x[..., None]."
        )


def _check_pixels(x: np.ndarray) -> None:
    if not x.size:
        raise ImageError(f"x: got shape {x.shape}, wanted an image with at least one pixel.")


def _moved(
    x: np.ndarray, axes: tuple[int, int, int], fill_mode: str, cval: float, order: int, **drawn: float
) -> np.ndarray:
    """`apply_affine_transform` by what was drawn. axes: of the rows, columns and channels."""
    row, col, channel = axes
    return apply_affine_transform(
        x, **drawn, row_axis=row, col_axis=col, channel_axis=channel, fill_mode=fill_mode, cval=cval, order=order
    )


def _uniform(low: float, high: float) -> float:
    return np.random.uniform(low, high)


def _to_dtype(values: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """float32 to `dtype`; to whole numbers as SciPy rounds, clipped."""
    if dtype.kind == "f":
        return values.astype(dtype, copy=False)
    limits = np.iinfo(dtype)
    wide = values.astype(np.float64)
    wide += np.copysign(0.5, wide)
    # The cast cuts. The greatest float below max + 1 is cut to max, or for 64 bits, where that is none, just below.
    return np.clip(wide, limits.min, np.nextafter(float(limits.max) + 1, 0)).astype(dtype)
