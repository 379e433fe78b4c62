"""compat="strict": pixels that lie on a discontinuity, settled as SciPy's float64 arithmetic settles them.

SciPy fills and wraps exactly at the centre of the first and last pixel, and rounds (order 0) exactly half-way. A row
that a shear leaves in place, or a quarter turn, puts whole lines of pixels there, and the last bit of the coordinate
decides. The compiled pass works in float32 and decides otherwise, so these few pixels are computed again.
"""

from __future__ import annotations

from typing import NamedTuple, final

import numpy as np

from augfuse.algebra.geometry import EDGE
from augfuse.execute.cpu.passes.kernels import CONSTANT_CENTRES, REFLECT, WRAP_CENTRES
from augfuse.jit import inlined_exact, jit_exact

_NEAR = 1e-3 + EDGE  # pixels: further away from a discontinuity than this, the compiled pass is on the right side


@final
class Maps(NamedTuple):
    """(n, 2, 3) maps, and which images are flipped after them."""

    matrices: np.ndarray
    flip_vertical: np.ndarray
    flip_horizontal: np.ndarray


def has_ties(mode: int, nearest: bool) -> bool:
    """Whether there is any discontinuity: bilinear values are continuous across the other borders."""
    return nearest or mode in (CONSTANT_CENTRES, WRAP_CENTRES)


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
