"""One pass over the pixels of each image of a slice: the tile passes of `kernels`, put together and compiled."""

from __future__ import annotations

import numpy as np

from augfuse.execute import kernels as k
from augfuse.execute.kernels import CONSTANT, GAIN, MATRIX, PADDING, WRAP
from augfuse.jit import jit

TILE = 448  # output pixels per tile: its buffers, 22 KB, stay in a 32 KB L1 cache
BLOCK = 64  # passes run over whole blocks: a rest is done pixel by pixel, and costs as much as several blocks

F = np.float32


@jit
def _copy(src, start, height, width, channels, scratch):
    size = height * width * channels
    image = src[start : start + size]
    for p in range(size):  # a slice assignment goes byte by byte: 46 us at 224x224 instead of 4
        scratch[p] = image[p]


@jit
def _copy_wrapped(src, start, height, width, channels, scratch):
    """With a border of one wrapped pixel on each side, so that the seam is a pair of neighbours like any other."""
    for y in range(height + 2):
        row = start + ((y - 1) % height) * width * channels
        to = y * (width + 2) * channels
        for c in range(channels):
            scratch[to + c] = src[row + (width - 1) * channels + c]
            scratch[to + (width + 1) * channels + c] = src[row + c]
        scratch[to + channels : to + (width + 1) * channels] = src[row : row + width * channels]


@jit
def run(src, starts, height, width, channels, warps, matrices, mode, nearest, kind, colors, fills, low, high, scales, biases,
        rounds, planar, out, out_start, out_height, out_width):  # fmt: skip
    """Images of one size: sample, colour, clip, normalise, write.

    src: flat buffer; starts (n,): element offset of each image in it; height, width, channels: its size.
    warps: False reads the pixels as they are. matrices (n, 6) float64: output to source. mode, nearest: see `kernels`.
    kind, colors (n, 3, 4), fills (n, channels): colour, and the fill colour as colour leaves it. low, high: the clip.
    scales, biases (n, channels). rounds: to whole numbers. planar: (c, h, w) instead of (h, w, c).
    out: flat buffer, out_start: where the first image goes.
    """
    across = min(out_width, TILE)
    rows = max(TILE // out_width, 1)
    tile = -(-rows * across // BLOCK) * BLOCK
    off = np.empty(tile, np.int32)
    tx = np.empty(tile, np.float32)
    ty = np.empty(tile, np.float32)
    inside = np.empty(tile, np.float32)
    pairs = np.zeros((2, tile), np.uint64)
    values = np.zeros((channels, tile), np.float32)
    xs = np.empty(tile, np.float32)
    ys = np.empty(tile, np.float32)
    for p in range(tile):
        xs[p] = F(p % across)
        ys[p] = F(p // across)
    bytes_fast = warps and src.itemsize == 1 and (channels == 1 or channels == 3)
    direct = not rounds and not planar and mode != CONSTANT
    wraps = warps and mode == WRAP
    if wraps:
        H, W = height + 2, width + 2
    else:
        H, W = height, width
    scratch = np.empty(H * W * channels + PADDING if wraps or bytes_fast else 0, src.dtype)
    step = channels if W > 1 else 0
    stride = W * channels if H > 1 else 0
    plane = out_height * out_width
    for i in range(starts.shape[0]):
        base = starts[i]
        image = src
        if wraps:
            _copy_wrapped(src, base, height, width, channels, scratch)
        elif bytes_fast:
            _copy(src, base, height, width, channels, scratch)
        if wraps or bytes_fast:
            image = scratch
            base = 0
        target = out_start + i * plane * channels
        for y in range(0, out_height, rows):
            for x in range(0, out_width, across):
                count = min(rows, out_height - y) * min(across, out_width - x)
                padded = -(-count // BLOCK) * BLOCK  # what lies behind count is computed and not written
                at = y * out_width + x
                if warps:
                    k.locate(matrices[i], x, y, W, H, mode, nearest, channels, W * channels, xs, ys, off, tx, ty, inside, padded)
                    if bytes_fast and channels == 3:
                        k.gather_rgb(image, base, stride, off, pairs, count)
                        if direct:
                            to = target + 3 * at
                            k.blend_write_rgb(
                                pairs, tx, ty, kind == MATRIX, colors[i], low, high, scales[i], biases[i], out, to, count
                            )
                            continue
                        k.blend_rgb(pairs, tx, ty, values, padded)
                    elif bytes_fast:
                        k.sample_grey(image, base, stride, off, tx, ty, pairs, values, count)
                    else:
                        k.sample_any(image, base, step, stride, off, tx, ty, values, channels, count)
                elif channels == 3:
                    k.read_rgb(image, base + 3 * at, values, count)
                else:
                    k.read_any(image, base + at * channels, values, channels, count)
                if kind == MATRIX:
                    k.mix(values, colors[i], padded)
                elif kind == GAIN:
                    k.amplify(values, colors[i, 0, 0], colors[i, 0, 3], channels, padded)
                if warps and mode == CONSTANT:
                    k.fill_outside(values, inside, fills[i], channels, padded)
                if planar:
                    for c in range(channels):
                        k.write_channel(values[c], low, high, scales[i, c], biases[i, c], rounds, out, target + c * plane + at, 1, count)
                elif channels == 3:
                    k.write_rgb(values, low, high, scales[i], biases[i], rounds, out, target + 3 * at, count)
                else:
                    for c in range(channels):
                        to = target + at * channels + c
                        k.write_channel(values[c], low, high, scales[i, c], biases[i, c], rounds, out, to, channels, count)


@jit
def _column_sums(image, start, rows, columns, shift, power, sums):
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
def channel_means(src, starts, height, width, channels, means):
    """means (n, channels) float64 of each image."""
    sums = np.empty(width * channels)
    for i in range(starts.shape[0]):
        _column_sums(src, starts[i], height, width * channels, 0.0, 1, sums)
        for c in range(channels):
            means[i, c] = sums[c::channels].sum() / (height * width)


@jit
def standardize(out, out_start, n, rows, columns, active):
    """Each image to mean 0 and deviation 1, in place; the deviation is at least 1 / sqrt(its number of values)."""
    sums = np.empty(columns)
    size = rows * columns
    for i in range(n):
        if active[i]:
            start = out_start + i * size
            _column_sums(out, start, rows, columns, 0.0, 1, sums)
            mean = sums.sum() / size
            _column_sums(out, start, rows, columns, mean, 2, sums)
            deviation = max(np.sqrt(sums.sum() / size), 1.0 / np.sqrt(size))
            gain = F(1.0 / deviation)
            shift = F(mean)
            image = out[start : start + size]
            for p in range(size):
                image[p] = (image[p] - shift) * gain
