"""3x3 matrices for n images at once, as (n, 3, 3) float64 arrays that map source to output.

Coordinates are continuous: pixel (0, 0) covers [0, 1) x [0, 1), x points right, y points down, points are columns
(x, y, 1). Every array made here is stored with n innermost, so that each of its entries is one contiguous vector: the
product of 512 matrices costs 15 us this way and 40 us with `numpy.matmul`.
"""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

import numpy as np

Value: TypeAlias = np.ndarray | float

# A point this close to the edge between two pixels lies on it, and what lies on an edge belongs to the pixel to the
# right or below: pixel floor(x + EDGE) covers x. More than the float32 coordinates of an executor are off (5e-4 at 4000
# pixels), so that all of them choose the same pixel where a quarter turn or a crop by half a pixel meets edges exactly.
EDGE = 2.0**-10

_LARGEST = 1e15  # of the numbers of a matrix: their inverse stays below 1e27, a coordinate below 1e33
_IDENTITY = np.eye(3)[:, :, None]


class Canvas(NamedTuple):
    """The sizes of n images at one point of a recipe: (n,) int64 each."""

    height: np.ndarray
    width: np.ndarray


def affine(
    n: int, a: Value = 1.0, b: Value = 0.0, c: Value = 0.0, d: Value = 0.0, e: Value = 1.0, f: Value = 0.0
) -> np.ndarray:
    """x' = a x + b y + c, y' = d x + e y + f; each entry one number or (n,)."""
    m = _blank(n)
    m[0, 0], m[0, 1], m[0, 2] = a, b, c
    m[1, 0], m[1, 1], m[1, 2] = d, e, f
    return m.transpose(2, 0, 1)


def _blank(n: int) -> np.ndarray:
    m = np.empty((3, 3, n))
    m[2, :2] = 0.0
    m[2, 2] = 1.0
    return m


def about_centre(canvas: Canvas, a: Value, b: Value, d: Value, e: Value) -> np.ndarray:
    """The linear map (a b; d e) about the canvas centre (width / 2, height / 2)."""
    x, y = canvas.width / 2, canvas.height / 2
    return affine(len(x), a, b, x - a * x - b * y, d, e, y - d * x - e * y)


def compose(second: np.ndarray, first: np.ndarray) -> np.ndarray:
    """The affine map that does `first`, then `second`."""
    a, b = second.transpose(1, 2, 0), first.transpose(1, 2, 0)
    m = _blank(len(first))
    np.multiply(a[:2, 0, None], b[0], out=m[:2])
    m[:2] += a[:2, 1, None] * b[1]
    m[:2, 2] += a[:2, 2]
    return m.transpose(2, 0, 1)


def invert(m: np.ndarray) -> np.ndarray:
    """The inverse of affine maps. The caller has checked that none is singular."""
    a, b, c = m[:, 0, 0], m[:, 0, 1], m[:, 0, 2]
    d, e, f = m[:, 1, 0], m[:, 1, 1], m[:, 1, 2]
    k = 1.0 / (a * e - b * d)
    return affine(len(m), e * k, -b * k, (b * f - e * c) * k, -d * k, a * k, (d * c - a * f) * k)


def is_regular(m: np.ndarray) -> np.ndarray:
    """(n,) bool: finite, of a size that coordinates can follow, and not squeezed so far that an inverse means nothing
    (the largest shrink is 1 to 10**6)."""
    with np.errstate(invalid="ignore", over="ignore"):
        determinant = m[:, 0, 0] * m[:, 1, 1] - m[:, 0, 1] * m[:, 1, 0]
        # NaN compares false. In float32 coordinates beyond 1e38 would be infinite, and an index made of them anything.
        size = np.abs(m)
        fits = True if size.max(initial=0.0) < _LARGEST else size.max(axis=(1, 2)) < _LARGEST
        return (np.abs(determinant) > 1e-12) & fits


def where(active: np.ndarray, m: np.ndarray) -> np.ndarray:
    """`m` where active, the identity elsewhere."""
    soa = m.transpose(1, 2, 0)
    return np.where(active, soa, _IDENTITY).transpose(2, 0, 1)


def shrink(inverse: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """How many source pixels, along the source's x and y, one output pixel spans: (n,) each, below 1 when it enlarges.

    `inverse` (n, 6) are the first two rows of maps from output to source.
    """
    return np.hypot(inverse[:, 0], inverse[:, 1]), np.hypot(inverse[:, 3], inverse[:, 4])
