"""Pixels through maps from output to input, as `scipy.ndimage.affine_transform` does it per channel, borders included.

Orders 0 (nearest) and 1 (bilinear) are one compiled pass; splines of order 2 to 5 are SciPy's.

Pixels that lie on a discontinuity are settled as SciPy's float64 arithmetic settles them. SciPy fills and wraps exactly
at the centre of the first and last pixel, and rounds (order 0) exactly half-way. A row that a shear leaves in place, or
a quarter turn, puts whole lines of pixels there, and the last bit of the coordinate decides. The compiled pass works in
float32 and decides otherwise, so these few pixels are computed again.
"""

from __future__ import annotations

import math
import numbers
from typing import NamedTuple, final

import numpy as np

from augfuse.algebra.geometry import EDGE, Canvas
from augfuse.errors import MissingExtraError, RangeError
from augfuse.execute.cpu.kernel_arguments import Target
from augfuse.execute.cpu.passes.tile_passes import CONSTANT_CENTRES, REFLECT, WRAP_CENTRES
from augfuse.execute.cpu.run import BORDERS, Work, flat, run, target_of, work_of
from augfuse.jit import inlined_exact, jit_exact
from augfuse.keras.generator.after_warp import finish
from augfuse.keras.generator.matrices import to_engine
from augfuse.keras.generator.steps import Finish
from augfuse.plan.lowered import Border, Output, Pass, Sampling
from augfuse.text import shown

FILL_MODES: dict[str, Border] = {
    "nearest": "nearest",
    "reflect": "reflect",
    "wrap": "wrap_centres",
    "constant": "constant_centres",
}
_NEAR = 1e-3 + EDGE  # pixels: further away from a discontinuity than this, the compiled pass is on the right side
_F = np.float32


@final
class Maps(NamedTuple):
    """(n, 2, 3) maps, and which images are flipped after them."""

    matrices: np.ndarray
    flip_vertical: np.ndarray
    flip_horizontal: np.ndarray


def has_ties(mode: int, nearest: bool) -> bool:
    """Whether there is any discontinuity: bilinear values are continuous across the other borders."""
    return nearest or mode in (CONSTANT_CENTRES, WRAP_CENTRES)


@final
class Warping(NamedTuple):
    """One compiled pass over n images: arrays of n, and what is the same for all."""

    source: np.ndarray  # flat
    starts: np.ndarray
    shape: tuple[int, int, int]
    work: Work
    target: Target
    ties: Maps | None
    cval: float
    steps: Finish = Finish()  # one more pass over every image, in place

    def run(self, start: int, stop: int) -> None:
        """Images start..stop - 1."""
        run(self.work, self.source, self.starts[start:stop], self.shape, self.target, start, start)
        if self.ties is not None:
            warp, out = self.work.warp, self.target
            ties = self.source, self.starts, self.shape, self.ties, warp.mode, warp.nearest, float(self.cval)
            settle(*ties, out.planar, out.out, start, stop)
        self.finish(start, stop, self.steps)

    def finish(self, start: int, stop: int, steps: Finish) -> None:
        """Steps that act, on the pixels that `run` left."""
        height, width, channels = self.shape
        size, plane = height * width * channels, height * width
        if steps.acts:
            finish(self.target.out, start, stop, size, channels, plane, self.target.planar, steps)


def starts_of(rows: np.ndarray, shape: tuple[int, int, int]) -> np.ndarray:
    """Where images of this shape begin in a flat stack."""
    return np.ascontiguousarray(rows, np.int64) * math.prod(shape)


def warp(pixels: np.ndarray, matrices: np.ndarray, *, fill_mode: str, cval: float, order: int) -> np.ndarray:
    """(n, h, w, c) uint8, uint16 or float32 through (n, 2, 3) maps from output to input (row, column): float32.

    What `scipy.ndimage.affine_transform` does per channel, borders included; orders 0 and 1 compiled, 2 to 5 SciPy.
    """
    edge, order = border(fill_mode), spline_order(order)
    if order > 1:
        return spline(pixels, matrices, fill_mode, cval, order)
    n, height, width, channels = pixels.shape
    out, still = np.empty(pixels.shape, _F), np.zeros(n, bool)
    sampling = Sampling(to_engine(matrices), None, edge, "nearest" if order == 0 else "bilinear")
    fills = np.full((n, channels), cval, np.float64)
    work = work_of(Pass(Canvas(np.full(n, height), np.full(n, width)), sampling, fills=fills), channels, 0.0)
    output = Output(-np.inf, np.inf, np.ones((n, channels)), np.zeros((n, channels)), np.dtype(_F))
    settles = has_ties(BORDERS[edge], order == 0)
    ties = Maps(np.ascontiguousarray(matrices), still, still) if settles else None
    shape = height, width, channels
    target = target_of(output, False, out)
    Warping(flat(pixels), starts_of(np.arange(n), shape), shape, work, target, ties, cval).run(0, n)
    return out


def spline(pixels: np.ndarray, matrices: np.ndarray, fill_mode: str, cval: float, order: int) -> np.ndarray:
    """Orders 2 to 5, one channel of one image at a time."""
    try:
        from scipy.ndimage import affine_transform
    except ImportError as error:
        raise MissingExtraError(
            f"interpolation_order={order} needs SciPy: pip install 'augfuse[keras]'. Orders 0 and 1 do not."
        ) from error
    out = np.empty(pixels.shape, _F)
    for image, matrix, to in zip(pixels, matrices, out, strict=True):
        if np.array_equal(matrix, np.eye(2, 3)):
            to[...] = image  # a spline through pixels that stay in place is off in the last digits
            continue
        for c in range(pixels.shape[3]):
            channel = image[:, :, c].astype(_F)
            to[:, :, c] = affine_transform(channel, matrix[:, :2], matrix[:, 2], order=order, mode=fill_mode, cval=cval)
    return out


def border(fill_mode: str) -> Border:
    """The engine's name of a fill mode; RangeError for an unknown name."""
    if not isinstance(fill_mode, str) or fill_mode not in FILL_MODES:
        raise RangeError(f"fill_mode: got {shown(fill_mode)}, wanted one of {', '.join(map(shown, FILL_MODES))}.")
    return FILL_MODES[fill_mode]


def spline_order(order: int) -> int:
    """The order itself; RangeError outside 0..5."""
    if not isinstance(order, numbers.Real) or order not in range(6):
        raise RangeError(
            f"interpolation_order: got {shown(order)}, wanted 0 (nearest), 1 (bilinear) or 2..5 (splines)."
        )
    return int(order)


# --- pixels on a discontinuity ----------------------------------------------------------------------------------------


# Exact: a fused multiply-add would round otherwise than SciPy does.
@jit_exact
def settle(src, starts, shape, maps, mode, nearest, cval, planar, out, first, last):
    """Images first..last of `out`, flat float32 as they come out of the warp: (h, w, c) or (c, h, w)."""
    height, width, channels = shape
    plane = height * width
    for i in range(first, last):
        m = maps.matrices[i]
        for row in range(height):
            for column in range(width):
                v = m[0, 2] + row * m[0, 0] + column * m[0, 1]
                u = m[1, 2] + row * m[1, 0] + column * m[1, 1]
                if not (_is_near(v, height, mode, nearest) or _is_near(u, width, mode, nearest)):
                    continue
                y = height - 1 - row if maps.flip_vertical[i] else row
                x = width - 1 - column if maps.flip_horizontal[i] else column
                for c in range(channels):
                    at = c * plane + y * width + x if planar else (y * width + x) * channels + c
                    value = _sample(src, starts[i] + c, height, width, channels, v, u, mode, nearest, cval)
                    out[i * plane * channels + at] = value


@inlined_exact
def _is_near(s, n, mode, nearest):
    if mode == CONSTANT_CENTRES and (abs(s) < _NEAR or abs(s - (n - 1)) < _NEAR):
        return True
    if mode == WRAP_CENTRES and n > 1:
        turns = s / (n - 1)
        if abs(turns - np.rint(turns)) * (n - 1) < _NEAR:
            return True
    return nearest and abs(s - np.floor(s) - 0.5) < _NEAR


@inlined_exact
def _sample(src, at, height, width, channels, v, u, mode, nearest, cval):
    if mode == CONSTANT_CENTRES and (v < 0 or v > height - 1 or u < 0 or u > width - 1):
        return cval
    if mode == WRAP_CENTRES:
        v = _wrapped(v, height)
        u = _wrapped(u, width)
    if mode == REFLECT and nearest:  # reflected before it is rounded, which at one half gives the other pixel
        v = _reflected(v, height)
        u = _reflected(u, width)
    if nearest:
        v = np.floor(v + 0.5)
        u = np.floor(u + 0.5)
    y = int(np.floor(v))
    x = int(np.floor(u))
    t = v - y
    s = u - x
    total = 0.0
    for dy in range(2):
        for dx in range(2):
            weight = (t if dy else 1.0 - t) * (s if dx else 1.0 - s)
            if weight != 0.0:
                k = (_index(y + dy, height, mode) * width + _index(x + dx, width, mode)) * channels
                total += weight * src[at + k]
    return total


@inlined_exact
def _wrapped(s, n):
    span = n - 1
    if span < 1:
        return 0.0
    if s < 0:
        return s + span * (int(-s / span) + 1)
    if s > span:
        return s - span * int(s / span)
    return s


@inlined_exact
def _reflected(s, n):
    period = 2 * n
    if s < 0:
        if s < -period:
            s += period * int(-s / period)
        return s + period if s < -n else -s - 1
    if s > n - 1:
        s -= period * int(s / period)
        return period - s - 1 if s >= n else s
    return s


@inlined_exact
def _index(k, n, mode):
    """Which pixel stands at position k: reflected, else the nearest one."""
    if mode == REFLECT:
        k = k % (2 * n)
        return k if k < n else 2 * n - 1 - k
    return min(max(k, 0), n - 1)
