"""3x3 matrices for n images at once, as (n, 3, 3) float64 arrays that map source to output.

Coordinates are continuous: pixel (0, 0) covers [0, 1) x [0, 1), x points right, y points down, points are columns
(x, y, 1). The arrays that `affine` makes are stored with n innermost, so that each of their entries is one contiguous
vector. Products and inverses are compiled.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache, reduce
from typing import Any, NamedTuple, TypeAlias, final

import numpy as np

from augfuse.algebra.traced import is_traced, rows

Value: TypeAlias = np.ndarray | float

# A point this close to the edge between two pixels lies on it, and what lies on an edge belongs to the pixel to the
# right or below: pixel floor(x + EDGE) covers x. More than the float32 coordinates of an executor are off (5e-4 at 4000
# pixels), so that all of them choose the same pixel where a quarter turn or a crop by half a pixel meets edges exactly.
EDGE = 2.0**-10

# A perspective divides: where its divisor is not above this part of the largest one that is seen, at the horizon and
# beyond, it counts as this. What lies further than FAR pixels outside of a canvas counts as lying there.
LEAST_DIVISOR = 2.0**-20
FAR = 8192.0

# A smooth field is taken at places at most so many pixels apart, and is straight in between.
FIELD_STEP = 4

_LARGEST = 1e15  # of the numbers of a matrix: their inverse stays below 1e27, a coordinate below 1e33
_ABSENT = 0.0  # the default of an entry that most maps do not have


class Canvas(NamedTuple):
    """The sizes of n images at one point of a recipe: (n,) int64 each."""

    height: np.ndarray
    width: np.ndarray


@cache
def compiled() -> Any:
    """The compiled functions for small matrices. They are loaded on first use: importing them imports Numba."""
    from augfuse.algebra import products

    return products


def affine(
    n: int, a: Value = 1.0, b: Value = _ABSENT, c: Value = 0.0, d: Value = _ABSENT, e: Value = 1.0, f: Value = 0.0
) -> np.ndarray:
    """x' = a x + b y + c, y' = d x + e y + f; each entry one number or (n,)."""
    if is_traced(a, b, c, d, e, f):
        return rows([[a, b, c], [d, e, f], [0.0, 0.0, 1.0]])
    m = np.zeros((3, 3, n))
    m[0, 0], m[0, 2] = a, c
    m[1, 1], m[1, 2] = e, f
    m[2, 2] = 1.0
    if b is not d or b is not _ABSENT:
        m[0, 1], m[1, 0] = b, d
    return m.transpose(2, 0, 1)


def shift(canvas: Canvas, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Moves by (n,) fractions of the width (x) and of the height (y)."""
    if is_traced(x, y):
        return affine(len(x), c=x * canvas.width, f=y * canvas.height)
    m = np.empty((3, 3, len(x)))
    compiled().shifts(x, y, canvas.height, canvas.width, m)
    return m.transpose(2, 0, 1)


def rotation(canvas: Canvas, degrees: np.ndarray) -> np.ndarray:
    """Turns by (n,) degrees about the canvas centre, anticlockwise as seen: y points down."""
    angle = np.deg2rad(degrees)
    if is_traced(angle):
        cos, sin = np.cos(angle), np.sin(angle)
        return about_centre(canvas, cos, sin, -sin, cos)
    m = np.empty((3, 3, len(angle)))
    compiled().rotations(np.cos(angle), np.sin(angle), canvas.height, canvas.width, m)
    return m.transpose(2, 0, 1)


def about_centre(canvas: Canvas, a: Value, b: Value, d: Value, e: Value) -> np.ndarray:
    """The linear map (a b; d e) about the canvas centre (width / 2, height / 2)."""
    if is_traced(a, b, d, e):
        x, y = canvas.width / 2, canvas.height / 2
        return rows([[a, b, x - a * x - b * y], [d, e, y - d * x - e * y], [0.0, 0.0, 1.0]])
    m = np.empty((3, 3, len(canvas.width)))
    m[0, 0], m[0, 1], m[1, 0], m[1, 1] = a, b, d, e
    compiled().centred(m, canvas.height, canvas.width)
    return m.transpose(2, 0, 1)


def product(matrices: Sequence[np.ndarray], projective: bool = False) -> np.ndarray:
    """(n, 3, 3): the map that does the first of these (n, 3, 3), then the second, and so on. All are affine unless
    `projective` says that some may not be."""
    if len(matrices) == 1:
        return matrices[0]
    if is_traced(*matrices):
        return reduce(lambda first, second: second @ first, matrices)
    out = np.empty(matrices[0].shape)
    (compiled().chain_homographies if projective else compiled().chain)(np.array(matrices), out)
    return out


def quadrilaterals(source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """(n, 3, 3): the homographies that map four points (n, 4, 2) to four others; NaN where no such map exists."""
    out = np.empty((len(source), 3, 3))
    compiled().homographies(np.ascontiguousarray(source), np.ascontiguousarray(target), out)
    return out


class Inverse(NamedTuple):
    """The inverses of n affine maps.

    maps: (n, 6) float64, output to source: x = m[0] x' + m[1] y' + m[2], y = m[3] x' + m[4] y' + m[5]. spans: (2, n),
    how many source pixels along the source's x and y one output pixel covers, below 1 where it enlarges. irregular: the
    first map that is not finite, of a size that coordinates cannot follow, or squeezed so far that an inverse means
    nothing (the largest shrink is 1 to 10**6), -1 where all are regular; such maps have zeros. most: the largest span.
    """

    maps: np.ndarray
    spans: np.ndarray
    irregular: int
    most: float


def invert(m: np.ndarray) -> Inverse:
    """The inverses of affine maps (n, 3, 3)."""
    if is_traced(m):
        return _inverse(m)
    n = len(m)
    maps, spans = np.empty((n, 6)), np.empty((2, n))
    return Inverse(maps, spans, *compiled().inverse(np.ascontiguousarray(m), _LARGEST, maps, spans))


def _inverse(m: Any) -> Inverse:
    """The same without assignments, of matrices whose numbers are not known yet: that all have an inverse, and how far
    they shrink, is what was found of others of the same recipe."""
    a, b, c, d, e, f = (m[:, row, column] for row in range(2) for column in range(3))
    k = 1.0 / (a * e - b * d)
    maps = np.stack([e * k, -b * k, (b * f - e * c) * k, -d * k, a * k, (d * c - a * f) * k], axis=1)
    spans = [np.sqrt(maps[:, at] * maps[:, at] + maps[:, at + 1] * maps[:, at + 1]) for at in (0, 3)]
    return Inverse(maps, np.stack(spans), -1, math.inf if m.ops.shrinks else 0.0)


@final
class Homographies(NamedTuple):
    """The inverses of n maps that may be perspectives.

    maps: (n, 9) float64, output to source: x = (m[0] x' + m[1] y' + m[2]) / d, y = (m[3] x' + m[4] y' + m[5]) / d with
    d = m[6] x' + m[7] y' + m[8], which is at most 1 at the corners of the output and above 0 where the picture is.
    spans: (2, n), how many source pixels along x and y one output pixel covers in the middle of the output. irregular:
    the first map without an inverse, as in `Inverse`, -1 where all have one.
    """

    maps: np.ndarray
    spans: np.ndarray
    irregular: int


def invert_homographies(m: np.ndarray, source: Canvas, out: Canvas) -> Homographies:
    """The inverses of maps (n, 3, 3) from canvases of these sizes to others. What is in front has divisors above 0."""
    n = len(m)
    maps, spans = np.empty((n, 9)), np.empty((2, n))
    irregular = compiled().inverse_homographies(np.ascontiguousarray(m), *source, *out, _LARGEST, maps, spans)
    return Homographies(maps, spans, irregular)


def facing(m: np.ndarray, canvas: Canvas) -> np.ndarray:
    """The same maps (n, 3, 3), scaled by -1 where the middle of the canvas has a divisor below 0."""
    middle = m[:, 2, 0] * canvas.width / 2 + m[:, 2, 1] * canvas.height / 2 + m[:, 2, 2]
    return np.where((middle < 0)[:, None, None], -m, m)


def first_behind(m: np.ndarray, canvas: Canvas) -> int:
    """The first map (n, 3, 3) that puts a corner of its canvas onto or behind the horizon; -1 where none does, and
    where the numbers are not known yet."""
    if is_traced(m):
        return -1
    zero = np.zeros(len(m))
    across = np.stack([zero, canvas.width, zero, canvas.width])
    down = np.stack([zero, zero, canvas.height, canvas.height])
    divisors = m[:, 2, 0] * across + m[:, 2, 1] * down + m[:, 2, 2]
    bad = divisors.min(axis=0) <= 1e-6 * divisors.max(axis=0)  # False for NaN, which has no inverse
    return int(np.argmax(bad)) if bad.any() else -1


@final
class Field(NamedTuple):
    """Displacements of n pictures, given at the points of a lattice that spans the canvas. What is seen at a place
    comes from there plus its displacement.

    points: (n, rows, columns, 2) float64, to the right and down in pixels. smooth False: the points are the corners of
    (rows - 1) x (columns - 1) cells, and the field is bilinear in between. True: they are the control points of a
    uniform cubic B-spline over (rows - 3) x (columns - 3) cells, the first ones one cell outside of the canvas; it is
    taken at equal distances of at most FIELD_STEP pixels, and bilinear in between. Places outside of the canvas are
    displaced like the nearest place of its edge.
    """

    points: np.ndarray
    smooth: bool


def where(active: np.ndarray, m: np.ndarray) -> np.ndarray:
    """`m`, (n, 3, 3) or (n, 3, 4), where `active` (n,), the identity elsewhere."""
    if is_traced(active, m):
        return np.where(active[:, None, None], m, np.eye(3, m.shape[2])[None])
    entries = np.ascontiguousarray(m.transpose(1, 2, 0))
    out = np.empty(entries.shape)
    compiled().where(active, entries, out)
    return out.transpose(2, 0, 1)
