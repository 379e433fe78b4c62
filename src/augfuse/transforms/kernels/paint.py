"""Rectangles of one colour, and clipping, in place, of many float32 images of one size."""

from __future__ import annotations

import numpy as np

from augfuse.jit import jit


@jit
def paint(images, height, width, channels, parts, colors, active):
    """images: flat; parts (n, 4) int64: left, top, width, height, of which what lies in the image counts; colors (c,)
    float32."""
    for i in range(active.shape[0]):
        if not active[i]:
            continue
        left, right = max(parts[i, 0], 0), min(parts[i, 0] + parts[i, 2], width)
        top, bottom = max(parts[i, 1], 0), min(parts[i, 1] + parts[i, 3], height)
        for y in range(top, bottom):
            row = images[(i * height + y) * width * channels : (i * height + y + 1) * width * channels]
            for x in range(left, right):
                for c in range(channels):
                    row[x * channels + c] = colors[c]


@jit
def clip(images, size, lows, highs, wholes, active):
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
