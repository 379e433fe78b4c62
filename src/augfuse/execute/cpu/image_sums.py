"""Sums over whole images, in a fixed order: means of channels, and mean 0 with standard deviation 1."""

from __future__ import annotations

import numpy as np

from augfuse.jit import inlined, jit

F = np.float32


@inlined
def _column_sums(
    image: np.ndarray, start: int, rows: int, columns: int, shift: float, power: int, sums: np.ndarray
) -> None:
    """sums[x] = sum over rows of (image - shift) ** power, each column on its own: the order of additions is fixed."""
    sums[:] = 0.0
    for y in range(rows):
        row = image[start + y * columns : start + (y + 1) * columns]
        if power == 1:
            for x in range(columns):
                sums[x] += np.float64(row[x]) - shift
        else:
            for x in range(columns):
                sums[x] += (np.float64(row[x]) - shift) * (np.float64(row[x]) - shift)


@jit
def channel_means(
    src: np.ndarray, starts: np.ndarray, height: int, width: int, channels: int, means: np.ndarray
) -> None:
    """means (n, channels) float64 of each image."""
    sums = np.empty(width * channels)
    for i in range(starts.shape[0]):
        _column_sums(src, starts[i], height, width * channels, 0.0, 1, sums)
        for c in range(channels):
            means[i, c] = sums[c::channels].sum() / (height * width)


@jit
def standardize(out: np.ndarray, first: int, rows: int, columns: int, active: np.ndarray) -> None:
    """Each image to mean 0 and standard deviation 1, in place: at least 1 / sqrt(its number of values)."""
    sums = np.empty(columns)
    size = rows * columns
    for i in range(active.shape[0]):
        if active[i]:
            start = first + i * size
            _column_sums(out, start, rows, columns, 0.0, 1, sums)
            mean = sums.sum() / size
            _column_sums(out, start, rows, columns, mean, 2, sums)
            deviation = max(np.sqrt(sums.sum() / size), 1.0 / np.sqrt(size))
            gain = F(1.0 / deviation)
            shift = F(mean)
            image = out[start : start + size]
            for p in range(size):
                image[p] = (image[p] - shift) * gain
