"""One pass over the pixels of each image of a slice: the tile passes of `tile_passes`, put together and compiled."""

from __future__ import annotations

import numpy as np

from augfuse.execute.cpu.kernel_arguments import Color, Target, Tile, Warping
from augfuse.execute.cpu.passes import tile_passes as k
from augfuse.execute.cpu.passes.tile_passes import CONSTANT, CONSTANT_CENTRES, GAIN, MATRIX, PADDING, WRAP, locate
from augfuse.execute.cpu.window import Window, window_of, within
from augfuse.jit import inlined, jit

TILE = 448  # output pixels per tile: its buffers, 22 KB, stay in a 32 KB L1 cache
BLOCK = 64  # passes run over whole blocks: a rest is done pixel by pixel, and costs as much as several blocks
# Up to this size an image is copied next to the tile before it is sampled: rotated reads of float images that lie in
# main memory cost 305 us at 150x150, those of the copy 150. The copy of an uint8 image also has the padding it needs.
COPY_BYTES = 2**20

F = np.float32


@inlined
def _copy(src: np.ndarray, start: int, width: int, channels: int, part: Window, scratch: np.ndarray) -> None:
    """Columns and rows of an image, next to each other."""
    size = (part.to_x - part.from_x) * channels
    rows = part.to_y - part.from_y
    if part.to_x - part.from_x == width:  # they lie next to each other
        size, rows = size * rows, 1
    for y in range(rows):
        first = start + ((part.from_y + y) * width + part.from_x) * channels
        image = src[first : first + size]
        to = scratch[y * size : y * size + size]
        for p in range(size):  # a slice assignment goes byte by byte: 46 us at 224x224 instead of 4
            to[p] = image[p]


@inlined
def _copy_wrapped(
    src: np.ndarray, start: int, height: int, width: int, channels: int, part: Window, scratch: np.ndarray
) -> None:
    """With a border of one wrapped pixel on each side, so that the seam is a pair of neighbours like any other."""
    across = part.to_x - part.from_x + 2
    for y in range(part.from_y - 1, part.to_y + 1):
        row = start + (y % height) * width * channels
        to = (y - part.from_y + 1) * across * channels
        left, right = (part.from_x - 1) % width, part.to_x % width
        for c in range(channels):
            scratch[to + c] = src[row + left * channels + c]
            scratch[to + (across - 1) * channels + c] = src[row + right * channels + c]
        inner = src[row + part.from_x * channels : row + part.to_x * channels]
        for p in range(len(inner)):  # compiling a slice assignment takes 2 s, for the text of its error
            scratch[to + channels + p] = inner[p]


@inlined
def new_tile(across: int, rows: int, channels: int) -> Tile:
    size = -(-rows * across // BLOCK) * BLOCK
    xs = np.empty(size, np.float32)
    ys = np.empty(size, np.float32)
    for p in range(size):
        xs[p] = F(p % across)
        ys[p] = F(p // across)
    return Tile(
        xs,
        ys,
        np.empty(size, np.int32),
        np.empty(size, np.float32),
        np.empty(size, np.float32),
        np.empty(size, np.float32),
        np.zeros((2, size), np.uint64),
        np.zeros((channels, size), np.float32),
    )


@inlined
def finish(
    tile: Tile, color: Color, target: Target, i: int, out_start: int, out_height: int, out_width: int, channels: int,
    cuts: bool, at: int, count: int,
) -> None:  # fmt: skip
    """The sampled values of `count` pixels of image i, from pixel `at` on: colour, fill, clip, normalise, write."""
    values, padded, plane = tile.values, -(-count // BLOCK) * BLOCK, out_height * out_width
    low, high, rounds, scale, bias = target.low, target.high, target.rounds, target.scales[i], target.biases[i]
    first = out_start + i * plane * channels
    if color.kind == MATRIX:
        k.mix(values, color.matrices[i], padded)
    elif color.kind == GAIN:
        k.amplify(values, color.matrices[i, 0, 0], color.matrices[i, 0, 3], channels, padded)
    if cuts:
        k.fill_outside(values, tile.inside, color.fills[i], channels, padded)
    if channels == 3 and not target.planar:
        k.write_rgb(values, low, high, scale, bias, rounds, target.out, first + 3 * at, count)
        return
    for c in range(channels):
        to = first + c * plane + at if target.planar else first + at * channels + c
        apart = 1 if target.planar else channels
        k.write_channel(values[c], low, high, scale[c], bias[c], rounds, target.out, to, apart, count)


@inlined
def reaches_out(tile: Tile, line: int, last: int) -> bool:
    """Whether pixels of a tile, the first line of which ends at `line`, lie outside of the source. The map is affine:
    where the corners lie inside, all of it does."""
    inside = tile.inside
    return min(min(inside[0], inside[line]), min(inside[last - line], inside[last])) == F(0)


@jit
def run(
    src: np.ndarray, starts: np.ndarray, source: tuple[int, int, int], warp: Warping, color: Color, target: Target,
    out_start: int, out_height: int, out_width: int,
) -> None:  # fmt: skip
    """Images of one size: sample, colour, clip, normalise, write.

    src: flat buffer; starts (n,): element offset of each image in it; source: their (height, width, channels).
    warp, color, target: see `numbers`. out_start: where in target.out the first image goes; out_height, out_width.
    """
    height, width, channels = source
    low, high, out = target.low, target.high, target.out
    across = min(out_width, TILE)
    rows = max(TILE // out_width, 1)
    tile = new_tile(across, rows, channels)
    packed = src.itemsize == 1 and (channels == 1 or channels == 3)
    cuts = warp.mode == CONSTANT or warp.mode == CONSTANT_CENTRES
    direct = not target.rounds and not target.planar and color.kind != GAIN
    wraps = warp.mode == WRAP
    pad = 1 if wraps else 0
    parts, most = np.empty((len(starts), 4), np.int64), 0
    for i in range(len(starts)):
        part = window_of(warp.matrices[i], 0, 0, out_height, out_width, height, width, warp.mode, 0)
        parts[i, 0], parts[i, 1], parts[i, 2], parts[i, 3] = part.from_x, part.to_x, part.from_y, part.to_y
        most = max(most, (part.to_x - part.from_x + 2 * pad) * (part.to_y - part.from_y + 2 * pad))
    copies = wraps or packed or most * channels * src.itemsize <= COPY_BYTES
    scratch = np.empty(most * channels + PADDING if copies else 0, src.dtype)
    step = channels if width + 2 * pad > 1 else 0
    pitch = width * channels
    plane = out_height * out_width
    for i in range(starts.shape[0]):
        base = starts[i]
        image = src
        if copies:
            part = Window(parts[i, 0], parts[i, 1], parts[i, 2], parts[i, 3])
            if wraps:
                _copy_wrapped(src, base, height, width, channels, part, scratch)
            else:
                _copy(src, base, width, channels, part, scratch)
            image = scratch
            pitch = (part.to_x - part.from_x + 2 * pad) * channels
            base = -(part.from_y * pitch + part.from_x * channels)
        stride = pitch if height + 2 * pad > 1 else 0
        scale, bias, matrix = target.scales[i], target.biases[i], color.matrices[i]
        first = out_start + i * plane * channels
        for y in range(0, out_height, rows):
            for x in range(0, out_width, across):
                count = min(rows, out_height - y) * min(across, out_width - x)
                padded = -(-count // BLOCK) * BLOCK  # what lies behind count is computed and not written
                at = y * out_width + x
                last = min(across, out_width - x) - 1
                cut = False
                if within(warp, i, x, y, last, count // (last + 1) - 1, width, height):
                    k.locate_within(warp, i, x, y, channels, pitch, tile, padded)
                else:
                    locate(warp, i, x, y, width, height, pad, channels, pitch, tile, padded)
                    cut = cuts and reaches_out(tile, last, count - 1)
                if packed and channels == 3:
                    k.gather_rgb(image, base, stride, tile, count)
                    if direct and not cut:
                        mixes = color.kind == MATRIX
                        k.blend_write_rgb(tile, mixes, matrix, low, high, scale, bias, out, first + 3 * at, count)
                        continue
                    k.blend_rgb(tile, padded)
                elif packed:
                    k.sample_grey(image, base, stride, tile, count)
                elif channels == 3:
                    k.sample_rgb(image, base, step, stride, tile, count)
                else:
                    k.sample_any(image, base, step, stride, tile, channels, count)
                finish(
                    tile, color, target, i, out_start, out_height, out_width, channels, cut, at, count
                )  # fmt: skip
