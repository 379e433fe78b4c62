"""What the compiled loop is given: plain numbers and arrays, grouped. n images go through it at a time."""

from __future__ import annotations

from typing import NamedTuple, TypeAlias, final

import numpy as np


@final
class Warp(NamedTuple):
    """Where output pixels come from. `active` False: every pixel stays where it is."""

    active: bool
    matrices: np.ndarray  # (n, 6) float64, output to source
    mode: int  # kernels.NEAREST, REFLECT, WRAP or CONSTANT
    nearest: bool  # the nearest pixel, and no other
    area_above: float  # an axis that shrinks by more is averaged, by the loop for aligned images
    cubic: bool  # four neighbours along each axis instead of two


@final
class Bent(NamedTuple):
    """A warp through k bends, and what is worked with meanwhile: each thread has its own of these."""

    active: bool
    matrices: np.ndarray
    mode: int
    nearest: bool
    area_above: float
    cubic: bool
    maps: np.ndarray  # (k, n, 9) float64, output to the canvas of the bend
    divides: np.ndarray  # (k,) bool: whether there is a divisor
    sizes: np.ndarray  # (k, n, 2) int64: width and height of this canvas
    lattices: np.ndarray  # (k, 3) int64: rows and columns of points, 0 without a field; whether they are control points
    points: np.ndarray  # (n, all) float64: those of all bends one after the other, x and y
    nodes: np.ndarray  # float32: the corners of bilinear cells of the image that is worked on, of all bends
    places: np.ndarray  # (2, tile) float32: where the pixels of a tile come from


Warping: TypeAlias = Warp | Bent


@final
class Color(NamedTuple):
    """What becomes of the channels."""

    kind: int  # kernels.KEEP, GAIN or MATRIX
    matrices: np.ndarray  # (n, 3, 4) float32
    fills: np.ndarray  # (n, c) float32: the fill colour as the later colour steps leave it


@final
class Target(NamedTuple):
    """Where pixels go, and what is done on the way: clip to low..high, gain and offset, rounding, layout."""

    low: np.float32
    high: np.float32
    scales: np.ndarray  # (n, c) float32
    biases: np.ndarray  # (n, c) float32
    rounds: bool
    planar: bool  # (c, h, w) instead of (h, w, c)
    out: np.ndarray  # flat
    plain: bool  # whole numbers that are copied as they are, where nothing happens to them
    first: int = 0  # which image of the plan lies at the beginning of `out`


@final
class Tile(NamedTuple):
    """Buffers for the output pixels that are worked on together."""

    xs: np.ndarray  # float32: column and row of each pixel within the tile
    ys: np.ndarray
    off: np.ndarray  # int32: offset of the upper left tap
    tx: np.ndarray  # float32: weight of the right and of the lower tap
    ty: np.ndarray
    inside: np.ndarray  # float32: 1 where the source was reached, written for CONSTANT only
    pairs: np.ndarray  # (2, tile) uint64: upper and lower pair of taps
    values: np.ndarray  # (c, tile) float32
