"""Rectangles of one colour, and clipping, in place, of many images of one size."""

from __future__ import annotations

import numpy as np

from augfuse.jit import jit


@jit
def paint(
    images: np.ndarray, height: int, width: int, channels: int, parts: np.ndarray, colors: np.ndarray,
    active: np.ndarray,
) -> None:  # fmt: skip
    """images: flat; parts (n, 4) int64: left, top, width, height, of which what lies in the image counts; colors (c,)
    of the images' dtype."""
    for i in range(active.shape[0]):
        if not active[i]:
            continue
        left, right = max(parts[i, 0], 0), min(parts[i, 0] + parts[i, 2], width)
        top, bottom = max(parts[i, 1], 0), min(parts[i, 1] + parts[i, 3], height)
        if left >= right or top >= bottom:
            continue
        count = (right - left) * channels
        first = ((i * height + top) * width + left) * channels
        line = images[first : first + count]
        for x in range(right - left):
            for c in range(channels):
                line[x * channels + c] = colors[c]
        for y in range(1, bottom - top):
            to = first + y * width * channels
            row = images[to : to + count]
            for p in range(count):
                row[p] = line[p]


@jit
def clip(
    images: np.ndarray, size: int, lows: np.ndarray, highs: np.ndarray, wholes: np.ndarray, active: np.ndarray
) -> None:
    """images: flat, `size` values each: to low..high, and to whole numbers where `wholes` says so; all (n,)."""
    for i in range(active.shape[0]):
        if not active[i]:
            continue
        low, high = lows[i], highs[i]
        image = images[i * size : (i + 1) * size]
        if wholes[i]:
            for p in range(size):
                image[p] = np.rint(min(max(image[p], low), high))
        else:
            for p in range(size):
                image[p] = min(max(image[p], low), high)
