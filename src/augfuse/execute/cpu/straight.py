"""Images whose pixels stay where they are, or move by whole pixels: no sampling, each value is written once.

Where nothing happens to the values either, they are copied as bytes. A gain and an offset for all channels, the clip,
normalisation and the write are one loop over neighbouring values; a colour matrix goes over tiles.
"""

from __future__ import annotations

from typing import NamedTuple, final

import numpy as np

from augfuse.execute.cpu import kernels as k
from augfuse.execute.cpu import rgb
from augfuse.execute.cpu.kernels import CONSTANT, GAIN, KEEP, MATRIX, NEAREST
from augfuse.execute.cpu.moves import border_index, move_of, move_rows
from augfuse.jit import inlined, jit
from augfuse.lanes.levels import amplified
from augfuse.lanes.words import copy_bytes

CHUNK_BYTES = 2**18  # moved rows that are worked on at once: whole images, where they fit into a cache
TILE = 448

F = np.float32


@final
class Row(NamedTuple):
    """Scale and bias of the channels, over and over: for a loop over neighbouring values of all channels."""

    scale: np.ndarray
    bias: np.ndarray


@inlined
def paint_outside(move, fill, target, i, first, plane, out_height, out_width, channels, line):
    """The fill colour where the source is not reached. line: room for a row of the output."""
    out = target.out
    if move.from_x == 0 and move.to_x == out_width and move.from_y == 0 and move.to_y == out_height:
        return
    for c in range(channels):
        value = min(max(fill[c], target.low), target.high) * target.scales[i, c] + target.biases[i, c]
        if target.rounds:
            value = np.rint(value)
        if target.planar:
            line[:] = value
            _paint_rows(move, line, 1, out, first + c * plane, out_height, out_width)
        else:
            line[c::channels] = value
    if not target.planar:
        _paint_rows(move, line, channels, out, first, out_height, out_width)


@inlined
def _paint_rows(move, line, wide, out, first, out_height, out_width):
    """Copies of a painted row; wide: the values of a pixel in it."""
    size = out.itemsize
    painted, target = line.view(np.uint8), out.view(np.uint8)
    left, right = move.from_x * wide * size, (out_width - move.to_x) * wide * size
    for y in range(out_height):
        row = (first + y * out_width * wide) * size
        if y < move.from_y or y >= move.to_y:
            copy_bytes(painted, 0, target, row, out_width * wide * size)
        else:
            copy_bytes(painted, 0, target, row, left)
            copy_bytes(painted, 0, target, row + move.to_x * wide * size, right)


@inlined
def _write_flat(image, at, count, gain, offset, row, target, to):
    """`count` neighbouring values of all channels; scale and bias of the row repeat every `len(scale)` values."""
    scale, bias, low, high, out = row.scale, row.bias, target.low, target.high, target.out
    length = len(scale)
    for begin in range(0, count, length):
        size = min(length, count - begin)
        a = image[at + begin : at + begin + size]
        o = out[to + begin : to + begin + size]
        if out.itemsize < 4:  # whole numbers, which are not normalised; known when this is compiled
            for p in range(size):
                o[p] = np.rint(min(max(gain * F(a[p]) + offset, low), high))
        else:
            for p in range(size):
                o[p] = min(max(gain * F(a[p]) + offset, low), high) * scale[p] + bias[p]


@inlined
def _write_planes(image, at, count, channels, gain, offset, target, i, first, plane):
    """The same, each channel to its own plane."""
    low, high, out = target.low, target.high, target.out
    pixels = image[at : at + count * channels]
    if channels == 3 and image.itemsize > 1 and out.itemsize == 4:  # of bytes only narrow images come here
        red, green, blue = out[first : first + count], out[first + plane :], out[first + 2 * plane :]
        s0, s1, s2 = target.scales[i, 0], target.scales[i, 1], target.scales[i, 2]
        b0, b1, b2 = target.biases[i, 0], target.biases[i, 1], target.biases[i, 2]
        for p in range(count):
            red[p] = min(max(gain * F(pixels[3 * p]) + offset, low), high) * s0 + b0
            green[p] = min(max(gain * F(pixels[3 * p + 1]) + offset, low), high) * s1 + b1
            blue[p] = min(max(gain * F(pixels[3 * p + 2]) + offset, low), high) * s2 + b2
        return
    for c in range(channels):
        scale, bias = target.scales[i, c], target.biases[i, c]
        o = out[first + c * plane : first + c * plane + count]
        if out.itemsize < 4:
            for p in range(count):
                o[p] = np.rint(min(max(gain * F(pixels[p * channels + c]) + offset, low), high))
        else:
            for p in range(count):
                o[p] = min(max(gain * F(pixels[p * channels + c]) + offset, low), high) * scale + bias


@inlined
def _write_mixed(image, at, count, channels, matrix, values, target, i, first, plane):
    """Through a colour matrix, a tile at a time."""
    low, high, out, rounds = target.low, target.high, target.out, target.rounds
    scale, bias = target.scales[i], target.biases[i]
    for begin in range(0, count, TILE):
        size = min(TILE, count - begin)
        if channels == 3 and image.itemsize > 1:
            k.read_rgb(image, at + 3 * begin, values, size)
        else:
            k.read_any(image, at + channels * begin, values, channels, size)
        k.mix(values, matrix, size)
        if channels == 3 and image.itemsize > 1 and not target.planar:
            k.write_rgb(values, low, high, scale, bias, rounds, out, first + 3 * begin, size)
        else:
            for c in range(channels):
                to = first + c * plane + begin if target.planar else first + begin * channels + c
                apart = 1 if target.planar else channels
                k.write_channel(values[c], low, high, scale[c], bias[c], rounds, out, to, apart, size)


@inlined
def repeat(values, into, channels):
    """The values of the channels, over and over, unless they are there already."""
    same = True
    for c in range(channels):
        same = same and into[c] == values[c]
    if not same:
        for p in range(0, len(into), channels):
            for c in range(channels):
                into[p + c] = values[c]


@inlined
def is_rgb(image, width, channels, color, target, i):
    """Whether image i is one for `rgb`: of bytes, or of floats that were bytes, in rows of at least `width` pixels."""
    if channels != 3 or width < rgb.BLOCK or image.itemsize == 2 or target.out.itemsize == 2:
        return False
    if target.out.itemsize == 1:
        return color.kind == MATRIX and not target.planar and rgb.fits(target, color.matrices[i])
    return True


@inlined
def keeps_bytes(image, color, target):
    """Whether there is no gain, and nothing to clip."""
    return image.itemsize == 1 and color.kind == KEEP and target.low <= 0 and target.high >= 255


@inlined
def write_rgb(image, at, down, mirrored, rows, count, color, gain, offset, target, i, into, along, plane):
    """`rows` rows of `count` pixels, which begin in `image` `down` bytes, in the output `along` values apart."""
    numbers = rgb.numbers_of(target, i, gain, offset)
    if color.kind == MATRIX:
        matrix = rgb.matrix_of(color.matrices[i])
        rgb.mix(image, at, down, target, into, along, rows, plane, count, numbers, matrix)
    else:
        keeps = keeps_bytes(image, color, target)
        rgb.convert(image, at, down, mirrored, keeps, target, into, along, rows, plane, count, numbers)


@inlined
def write(image, at, count, channels, color, gain, offset, row, values, target, i, into, plane):
    """`count` pixels of image i, which lie in `image` from `at` on, to the output from `into` on."""
    out = target.out
    if color.kind == MATRIX:
        _write_mixed(image, at, count, channels, color.matrices[i], values, target, i, into, plane)
    elif image.itemsize != 2 and out.itemsize == 1 and (channels == 1 or not target.planar):
        low, high = target.low, target.high
        amplified(image, at, out.view(np.uint8), into, count * channels, gain, offset, low, high)
    elif target.planar:
        _write_planes(image, at, count, channels, gain, offset, target, i, into, plane)
    else:
        _write_flat(image, at, count * channels, gain, offset, row, target, into)


@jit
def run(src, starts, source, warp, color, target, out_start, out_height, out_width):
    """Images of one size: move whole pixels, colour, clip, normalise, write. The arguments are those of `tiles.run`."""
    height, width, channels = source
    plane, along = out_height * out_width, out_width * (1 if target.planar else channels)
    pixel, plain = channels * src.itemsize, target.plain
    chunked = out_height if plain else min(max(CHUNK_BYTES // (out_width * pixel), 1), out_height)
    chunk = np.empty(chunked * out_width * channels + 16 if warp.active and not plain else 0, src.dtype)
    values = np.empty((channels if color.kind == MATRIX else 0, TILE), np.float32)
    repeated = 0 if plain or target.planar or color.kind == MATRIX else TILE * channels
    row = Row(np.full(repeated, np.nan, np.float32), np.full(repeated, np.nan, np.float32))
    source_bytes = src.view(np.uint8)
    moved = target.out.view(np.uint8) if plain else chunk.view(np.uint8)  # where moved rows go
    line = np.empty(out_width * channels if warp.active and warp.mode == CONSTANT else 0, target.out.dtype)
    gain, offset = F(1), F(0)
    identity = np.array([1.0, 0.0, 0.0, 0.0, 1.0, 0.0])
    border = warp.mode if warp.active else NEAREST
    for i in range(starts.shape[0]):
        first, begin = out_start + i * plane * channels, starts[i] * src.itemsize
        move = move_of(warp.matrices[i] if warp.active else identity, height, width, out_height, out_width)
        if color.kind == GAIN:
            gain, offset = color.matrices[i, 0, 0], color.matrices[i, 0, 3]
        by_threes = not plain and src.itemsize == 1 and is_rgb(src, out_width, channels, color, target, i)
        mirrored = move.step_x < 0
        # What a constant border surrounds is all that is written, where rows need not be moved first.
        part = by_threes and border == CONSTANT and not move.swapped and move.to_x - move.from_x >= rgb.BLOCK
        from_x, to_x = (move.from_x, move.to_x) if part else (0, out_width)
        from_y, to_y = (move.from_y, move.to_y) if part else (0, out_height)
        across = from_x >= move.from_x and to_x <= move.to_x
        within = across and from_y >= move.from_y and to_y <= move.to_y
        # Rows are read where they are, all at once where that can be done; else they are moved first.
        reverses = by_threes and rgb.mirrors(color.kind == MATRIX, keeps_bytes(src, color, target), target)
        moves = plain or move.swapped or not across or (mirrored and not reverses)
        if moves:
            from_x, to_x = 0, out_width
        gapless = within and not moves and not mirrored and move.step_y > 0 and out_width == width == to_x - from_x
        rows = chunked if moves else max(to_y - from_y, 1) if gapless or (within and by_threes) else 1
        left = move.first_x - to_x + 1 if mirrored else move.first_x + from_x
        if repeated and not by_threes:
            repeat(target.scales[i], row.scale, channels)
            repeat(target.biases[i], row.bias, channels)
        for y in range(from_y, to_y, rows):
            lines, into = min(rows, to_y - y), first + y * along + from_x * (1 if target.planar else channels)
            image, at = src, starts[i]
            if moves:
                to, stop = first * src.itemsize if plain else 0, y + lines
                move_rows(source_bytes, begin, height, width, pixel, move, border, moved, to, y, stop, out_width)
                if plain:
                    continue
                image, at = chunk, 0
            else:
                at += (border_index(move.first_y + move.step_y * y, height, border) * width + left) * channels
            count = to_x - from_x
            if moves or gapless:
                count, lines = lines * out_width, 1
            if by_threes:
                turned, down = mirrored and not moves, move.step_y * width * channels
                write_rgb(image, at, down, turned, lines, count, color, gain, offset, target, i, into, along, plane)
            else:
                write(image, at, count, channels, color, gain, offset, row, values, target, i, into, plane)
        if warp.active and warp.mode == CONSTANT:
            paint_outside(move, color.fills[i], target, i, first, plane, out_height, out_width, channels, line)
