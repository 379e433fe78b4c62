"""The compiled loop for nearest pixels of whole numbers that nothing happens to, such as the class numbers of masks.

No value is computed: places first, which vectorises, and then the pixels that cover them. One part of each row of the
output surely comes from within the source: nothing is cut, folded or filled there.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from augfuse.algebra.geometry import EDGE
from augfuse.execute.cpu.kernel_arguments import Color, Target, Warp
from augfuse.execute.cpu.passes.tile_passes import CONSTANT, REFLECT, WRAP
from augfuse.jit import bits_of, inlined, inlined_by_types, jit
from augfuse.simd.unaligned import pick8, prefetch

F = np.float32
# Rows of a picture that was turned are not read in the order of memory: what is read AHEAD rows later is asked for, at
# every LINE pixels: 200 us instead of 430 for 512x512 that lie in no cache (AMD EPYC Zen 3, November 2026).
LINE, AHEAD = 64, 16
_OUTSIDE = np.uint32(2**32 - 1)


@inlined
def _between(a: float, c: float, length: int, columns: int) -> tuple[float, float]:
    """Between which of the `columns` places a x + c, as float32 computes them, surely lie within 0..length."""
    slack = (abs(c) + abs(a) * columns) * 2.0**-20 + EDGE
    low, high = slack - c, length - slack - c
    if abs(a) < 2.0**-30:  # it grows by less than the slack
        return (0.0, float(columns)) if low <= 0.0 <= high else (0.0, 0.0)
    one, other = low / a, high / a
    return np.ceil(min(one, other)), np.floor(max(one, other)) + 1.0


@inlined
def _bordering(a: F, c: F, d: F, f: F, mode: int, height: int, width: int, xs: np.ndarray, off: np.ndarray) -> None:
    """Which pixel each of the columns `xs` takes, counted from the first; _OUTSIDE: none."""
    wide, high = F(width), F(height)
    last_x, last_y = F(width - 1), F(height - 1)
    stride = np.int32(width)
    if mode == CONSTANT:
        for x in range(len(off)):
            u, v = a * xs[x] + c, d * xs[x] + f
            inside = (u >= F(0)) & (u < wide) & (v >= F(0)) & (v < high)
            sx, sy = np.int32(min(max(u, F(0)), last_x)), np.int32(min(max(v, F(0)), last_y))
            off[x] = np.uint32(np.int32(sy * stride + sx)) if inside else _OUTSIDE
        return
    for x in range(len(off)):
        u, v = a * xs[x] + c, d * xs[x] + f
        if mode == REFLECT:
            u -= F(2) * wide * np.floor(u / (F(2) * wide))
            v -= F(2) * high * np.floor(v / (F(2) * high))
            u, v = min(u, F(2) * wide - u), min(v, F(2) * high - v)
        elif mode == WRAP:
            u -= wide * np.floor(u / wide)
            v -= high * np.floor(v / high)
        sx, sy = np.int32(min(max(u, F(0)), last_x)), np.int32(min(max(v, F(0)), last_y))
        off[x] = np.uint32(np.int32(sy * stride + sx))


@inlined
def _places(
    m: np.ndarray, mode: int, y: int, height: int, width: int, xs: np.ndarray, off: np.ndarray
) -> tuple[int, int]:
    """Which pixel each column of row y takes, counted from the first; _OUTSIDE: none. Returns between which columns no
    place is outside. xs: 0, 1, .., for a number that is counted takes eight times as long to become a float."""
    # float64 once per row, float32 per pixel, as the loop that blends does.
    a, c = F(m[0]), F(m[0] * 0.5 + m[1] * (y + 0.5) + m[2] + EDGE)
    d, f = F(m[3]), F(m[3] * 0.5 + m[4] * (y + 0.5) + m[5] + EDGE)
    columns = len(xs)
    left, right = _between(np.float64(a), np.float64(c), width, columns)
    upper, lower = _between(np.float64(d), np.float64(f), height, columns)
    start = int(min(max(max(left, upper), 0.0), float(columns)))
    stop = int(max(min(min(right, lower), float(columns)), float(start)))
    _bordering(a, c, d, f, mode, height, width, xs[:start], off[:start])
    stride = np.int32(width)
    within, ahead = off[start:stop], xs[start:stop]  # from 0 on: an index that may be negative is not a vector
    for x in range(len(within)):
        within[x] = np.uint32(np.int32(np.int32(np.int32(d * ahead[x] + f) * stride) + np.int32(a * ahead[x] + c)))
    _bordering(a, c, d, f, mode, height, width, xs[stop:], off[stop:])
    return start, stop


@inlined
def _pick(
    image: np.ndarray, off: np.ndarray, fill: np.generic, channels: int, c: int, out: np.ndarray, to: int, apart: int
) -> None:
    """Channel c of the pixels at `off`, and the fill outside of the image."""
    for x in range(len(off)):
        place = off[x] * np.uint64(channels) + np.uint64(c)
        out[np.uint64(to + x * apart)] = image[place] if off[x] != _OUTSIDE else fill


def _pick_any(image: np.ndarray, off: np.ndarray, channels: int, c: int, out: np.ndarray, to: int, apart: int) -> None:
    for x in range(len(off)):
        out[np.uint64(to + x * apart)] = image[off[x] * np.uint64(channels) + np.uint64(c)]


_pick_each = inlined(_pick_any)


def _pick_bytes(
    image: np.ndarray, off: np.ndarray, channels: int, c: int, out: np.ndarray, to: int, apart: int
) -> None:
    if channels > 1:
        _pick_each(image, off, channels, c, out, to, apart)
        return
    count = len(off)
    for x in range(0, count - 7, 8):
        pick8(image, off, x, out, to + x)
    for x in range(max(count - 7, 0), count):  # at the end some pixels twice: the same both times
        out[to + x] = image[off[x]]


@inlined_by_types
def _pick_all(
    image: np.ndarray, off: np.ndarray, channels: int, c: int, out: np.ndarray, to: int, apart: int
) -> Callable[..., None]:
    """The same where there is a pixel for each."""
    return _pick_bytes if bits_of(image) == 8 else _pick_any


@jit
def run(
    src: np.ndarray, starts: np.ndarray, source: tuple[int, int, int], warp: Warp, color: Color, target: Target,
    out_start: int, out_height: int, out_width: int,
) -> None:  # fmt: skip
    """Images of one size; see `tiles.run`. Fills are whole numbers, or become such."""
    height, width, channels = source
    out = target.out
    off, xs = np.empty(out_width, np.uint32), np.empty(out_width, np.float32)
    for x in range(out_width):
        xs[x] = F(x)
    apart, along = (1, out_width) if target.planar else (channels, out_width * channels)
    for i in range(starts.shape[0]):
        image = src[starts[i] : starts[i] + height * width * channels]
        m = warp.matrices[i]
        ahead = (int(np.rint(AHEAD * m[4])) * width + int(np.rint(AHEAD * m[1]))) * channels
        first = out_start + i * out_height * out_width * channels
        for y in range(out_height):
            start, stop = _places(m, warp.mode, y, height, width, xs, off)
            for x in range(start, stop, LINE):
                prefetch(image, np.int64(off[x]) * channels + ahead)
            for c in range(channels):
                fill = out.dtype.type(np.rint(color.fills[i, c]))
                to = first + y * along + c * (out_height * out_width if target.planar else 1)
                _pick(image, off[:start], fill, channels, c, out, to, apart)
                _pick_all(image, off[start:stop], channels, c, out, to + start * apart, apart)
                _pick(image, off[stop:], fill, channels, c, out, to + stop * apart, apart)
