"""Keras' affine parameters as matrices, for n images at once.

Keras multiplies R(theta) S(tx, ty) Sh(shear) Z(zx, zy) in output -> input direction, x before y, about a centre.
Matrices here are (n, 2, 3) in SciPy's convention: input (row, column) = m[:, :, :2] @ output (row, column) +
m[:, :, 2], and pixel centres lie at whole numbers.
"""

from __future__ import annotations

import functools

import numpy as np

from augfuse.errors import RangeError
from augfuse.keras.generator.draws import Parameters

_FURTHEST = 1e30  # pixels: coordinates are computed in float32, and those that are not numbers lead out of the image


def affine_matrix(p: Parameters, height: int, width: int) -> np.ndarray:
    """(n, 2, 3) about the centre of the image, ((width - 1) / 2, (height - 1) / 2).

    Keras' own takes x from the height and y from the width, so that images which are not square turn about another
    point: see `as_keras`.
    """
    theta, tx, ty, shear, zx, zy = p[:6]
    centre_x, centre_y = width / 2 - 0.5, height / 2 - 0.5
    angle, slant = np.deg2rad(theta), np.deg2rad(shear)
    cos, sin = np.cos(angle), np.sin(angle)
    cos_slant, sin_slant = np.cos(slant), np.sin(slant)
    m = np.empty((len(cos), 2, 3))
    # x' = a x + b y + c, y' = d x + e y + f; the zoom scales columns of the product, the shift goes through R alone.
    m[:, 1, 1] = cos * zx
    m[:, 1, 0] = -(cos * sin_slant + sin * cos_slant) * zy
    m[:, 0, 1] = sin * zx
    m[:, 0, 0] = (cos * cos_slant - sin * sin_slant) * zy
    m[:, 1, 2] = cos * tx - sin * ty + centre_x - m[:, 1, 1] * centre_x - m[:, 1, 0] * centre_y
    m[:, 0, 2] = sin * tx + cos * ty + centre_y - m[:, 0, 1] * centre_x - m[:, 0, 0] * centre_y
    return m


def as_keras(p: Parameters, height: int, width: int) -> np.ndarray:
    """(n, 2, 3) to the last bit as Keras computes them, product by product.

    SciPy cuts and wraps at exactly 0 and n - 1. A row that a shear leaves in place lies there: the last bit decides.
    """
    out = np.tile(np.eye(2, 3), (len(p), 1, 1))
    centre, back = np.eye(3), np.eye(3)
    centre[:2, 2] = height / 2 - 0.5, width / 2 - 0.5
    back[:2, 2] = -centre[:2, 2]
    for i, (theta, tx, ty, shear, zx, zy) in enumerate(zip(*tuple(p)[:6], strict=True)):
        factors = []
        if theta != 0:
            cos, sin = np.cos(np.deg2rad(theta)), np.sin(np.deg2rad(theta))
            factors.append([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1]])
        if tx != 0 or ty != 0:
            factors.append([[1, 0, tx], [0, 1, ty], [0, 0, 1]])
        if shear != 0:
            cos, sin = np.cos(np.deg2rad(shear)), np.sin(np.deg2rad(shear))
            factors.append([[1, -sin, 0], [0, cos, 0], [0, 0, 1]])
        if zx != 1 or zy != 1:
            factors.append([[zx, 0, 0], [0, zy, 0], [0, 0, 1]])
        if factors:
            matrix = functools.reduce(np.dot, (np.array(factor, float) for factor in factors))
            out[i] = np.dot(np.dot(centre, matrix), back)[[1, 0]][:, [1, 0, 2]]  # rows before columns
    return out


def with_flips(m: np.ndarray, p: Parameters, height: int, width: int) -> np.ndarray:
    """The maps of images that are flipped after they were warped: the output is read backwards."""
    m = m.copy()
    for axis, flips, side in ((0, p.flip_vertical, height), (1, p.flip_horizontal, width)):
        if flips.any():
            m[:, :, 2] += np.where(flips[:, None], m[:, :, axis] * (side - 1), 0.0)
            m[:, :, axis] *= np.where(flips, -1.0, 1.0)[:, None]
    return m


def to_engine(m: np.ndarray) -> np.ndarray:
    """(n, 6) for the kernels: x, y instead of row, column, and pixel (0, 0) covers [0, 1) instead of being at 0.

    Raises RangeError for a map with NaN, infinite or enormous numbers, which the kernels would follow out of the image.
    """
    if not (np.abs(m) < _FURTHEST).all():
        raise RangeError(
            "theta, tx, ty, shear, zx, zy: one of these parameters of an image is NaN, infinite or very large, wanted "
            "finite numbers. Look at what get_random_transform returns, and at rotation_range, shear_range, "
            "zoom_range, width_shift_range and height_shift_range."
        )
    out = np.empty((len(m), 6))
    for first, row in ((0, 1), (3, 0)):
        out[:, first], out[:, first + 1] = m[:, row, 1], m[:, row, 0]
        out[:, first + 2] = m[:, row, 2] + 0.5 - 0.5 * (m[:, row, 0] + m[:, row, 1])
    return out


def moves(p: Parameters) -> bool:
    """Whether any image is moved: where none is, pixels are copied as they are, with the same result."""
    still = (p.theta, p.tx, p.ty, p.shear, p.flip_horizontal, p.flip_vertical)
    return any(field.any() for field in still) or bool((p.zx != 1).any() or (p.zy != 1).any())
