"""Values through tables, and what is measured to make some of them, compiled.

Contract as of `tile_passes`: the caller has validated. Images are flat C-contiguous (h, w, c) buffers plus an offset.
"""

from __future__ import annotations

import numpy as np

from augfuse.jit import inlined, jit, jit_exact
from augfuse.simd.byte_tables import new_pieces, through, through_rgb

LANES = 16  # pixels whose values are compared next to each other


@inlined
def _planes(a: np.ndarray, table: np.ndarray, pixels: int, channels: int, o: np.ndarray) -> None:
    if channels == 3:
        t0, t1, t2 = table[0], table[1 % len(table)], table[2 % len(table)]
        red, green, blue = o[:pixels], o[pixels : 2 * pixels], o[2 * pixels :]
        for p in range(pixels):
            red[p] = t0[a[3 * p]]
            green[p] = t1[a[3 * p + 1]]
            blue[p] = t2[a[3 * p + 2]]
        return
    for c in range(channels):
        t, plane = table[c % len(table)], o[c * pixels : (c + 1) * pixels]
        for p in range(pixels):
            plane[p] = t[a[p * channels + c]]


@inlined
def _flat(a: np.ndarray, t: np.ndarray, count: int, o: np.ndarray, pieces: np.ndarray) -> None:
    """One table for all values."""
    if a.itemsize == 1 and o.itemsize == 1:  # known when this is compiled
        through(t.view(np.uint8), pieces, a.view(np.uint8), 0, o.view(np.uint8), 0, count)
        return
    for p in range(count):
        o[p] = t[a[p]]


@inlined
def _pixels(a: np.ndarray, table: np.ndarray, pixels: int, channels: int, o: np.ndarray, pieces: np.ndarray) -> None:
    if len(table) == 1:
        _flat(a, table[0], pixels * channels, o, pieces)
    elif channels == 3 and a.itemsize == 1 and o.itemsize == 1:  # known when this is compiled
        through_rgb(table.view(np.uint8), pieces, a.view(np.uint8), 0, o.view(np.uint8), 0, pixels)
    elif channels == 3:
        t0, t1, t2 = table[0], table[1], table[2]
        for p in range(pixels):
            o[3 * p] = t0[a[3 * p]]
            o[3 * p + 1] = t1[a[3 * p + 1]]
            o[3 * p + 2] = t2[a[3 * p + 2]]
    else:
        for c in range(channels):
            t = table[c]
            for p in range(pixels):
                o[p * channels + c] = t[a[p * channels + c]]


@jit
def run(
    src: np.ndarray, starts: np.ndarray, pixels: int, channels: int, tables: np.ndarray, out: np.ndarray, at: int,
    planar: bool,
) -> None:  # fmt: skip
    """The images of `pixels` pixels that lie in `src` at `starts`, each value through its table, to `out` from element
    `at` on. tables: (n, 1 or channels, levels) of the dtype of `out`.
    """
    size, pieces = pixels * channels, new_pieces()
    for i in range(starts.shape[0]):
        a = src[starts[i] : starts[i] + size]
        o = out[at + i * size : at + (i + 1) * size]
        if planar and channels > 1:
            _planes(a, tables[i], pixels, channels, o)
        else:
            _pixels(a, tables[i], pixels, channels, o, pieces)


@inlined
def _ends(a: np.ndarray, pixels: int, channels: int, low: np.ndarray, high: np.ndarray) -> None:
    """The lowest and the highest value of each channel, many next to each other at a time."""
    width = channels * LANES
    least, most = a[: min(width, len(a))].copy(), a[: min(width, len(a))].copy()
    whole = len(a) // width
    for row in range(whole):
        line = a[row * width : (row + 1) * width]
        for p in range(width):
            least[p] = min(least[p], line[p])
            most[p] = max(most[p], line[p])
    for p in range(whole * width, len(a)):
        q = p - whole * width
        least[q] = min(least[q], a[p])
        most[q] = max(most[q], a[p])
    for c in range(channels):
        low[c], high[c] = least[c], most[c]
    for p in range(len(least)):
        c = p % channels
        low[c] = min(low[c], np.float64(least[p]))
        high[c] = max(high[c], np.float64(most[p]))


@jit_exact
def stretched(
    src: np.ndarray, starts: np.ndarray, pixels: int, channels: int, colors: int, low: float, high: float,
    active: np.ndarray, tables: np.ndarray,
) -> None:  # fmt: skip
    """AutoContrast as tables (n, channels, levels) of the levels of each image that lies in `src` at `starts`."""
    least, most = np.empty(channels), np.empty(channels)
    for i in range(starts.shape[0]):
        _ends(src[starts[i] : starts[i] + pixels * channels], pixels, channels, least, most)
        for c in range(channels):
            t = tables[i, c]
            if c >= colors:
                for level in range(len(t)):
                    t[level] = level
                continue
            darkest = np.rint(min(max(least[c], low), high))
            brightest = np.rint(min(max(most[c], low), high))
            if darkest == brightest or not active[i]:
                for level in range(len(t)):
                    t[level] = np.rint(min(max(np.float64(level), low), high))
                continue
            scale = (high - low) / (brightest - darkest)
            offset = -darkest * scale
            for level in range(len(t)):
                value = low + np.floor(np.rint(min(max(np.float64(level), low), high)) * scale + offset)
                t[level] = min(max(value, low), high)


@inlined
def _histogram(a: np.ndarray, pixels: int, channels: int, counts: np.ndarray) -> None:
    """counts (channels, 2, levels): the even and the odd pixels, so that equal neighbours need not wait."""
    counts[:] = 0
    if channels == 3:
        for p in range(0, pixels - 1, 2):
            q = 3 * p
            counts[0, 0, a[q]] += 1
            counts[1, 0, a[q + 1]] += 1
            counts[2, 0, a[q + 2]] += 1
            counts[0, 1, a[q + 3]] += 1
            counts[1, 1, a[q + 4]] += 1
            counts[2, 1, a[q + 5]] += 1
        if pixels % 2:
            for c in range(3):
                counts[c, 0, a[3 * pixels - 3 + c]] += 1
        return
    for p in range(pixels):
        for c in range(channels):
            counts[c, p % 2, a[p * channels + c]] += 1


@jit_exact
def equalized(
    src: np.ndarray, starts: np.ndarray, pixels: int, channels: int, colors: int, low: float, high: float,
    active: np.ndarray, tables: np.ndarray,
) -> None:  # fmt: skip
    """Equalize as tables (n, channels, levels) of the levels of each image that lies in `src` at `starts`."""
    levels = tables.shape[2]
    most = np.int64(levels - 1)
    counts = np.zeros((channels, 2, levels), np.uint32)
    folded = np.empty(levels, np.int64)
    for i in range(starts.shape[0]):
        if active[i]:
            _histogram(src[starts[i] : starts[i] + pixels * channels], pixels, channels, counts)
        for c in range(channels):
            t = tables[i, c]
            if c >= colors:
                for level in range(levels):
                    t[level] = level
                continue
            for level in range(levels):
                t[level] = np.rint(min(max(np.float64(level), low), high))
            if not active[i]:
                continue
            folded[:] = 0
            last = 0
            for level in range(levels):
                count = np.int64(counts[c, 0, level]) + np.int64(counts[c, 1, level])
                if count > 0:
                    last = max(last, np.int64(t[level]))
                folded[np.int64(t[level])] += count
            spread = pixels - folded[last]
            step = spread // 255
            if spread == 0 or (most == 255 and step == 0):
                continue
            darker = np.int64(0)
            for level in range(levels):
                found = (darker + step // 2) // step if most == 255 else (2 * darker * most + spread) // (2 * spread)
                darker += folded[level]
                folded[level] = min(found, most)
            part = (high - low) / most
            for level in range(levels):
                t[level] = np.rint(low + folded[np.int64(t[level])] * part)
