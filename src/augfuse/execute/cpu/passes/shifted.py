"""Images whose pixels move by whole pixels: no sampling, each value is written once, as `unmoved` writes it.

The loop here swaps no axes; `transposed` is the same with those that may.
"""

from __future__ import annotations

import numpy as np

from augfuse.execute.cpu.kernel_arguments import Color, Target, Warp
from augfuse.execute.cpu.passes import rgb
from augfuse.execute.cpu.passes.copied import Move, border_index, move_of, shift_rows
from augfuse.execute.cpu.passes.tile_passes import CONSTANT, GAIN, MATRIX
from augfuse.execute.cpu.passes.unmoved import TILE, is_rgb, keeps_bytes, new_row, repeat, write, write_bytes_rgb
from augfuse.jit import inlined, jit
from augfuse.simd.unaligned import copy_bytes

CHUNK_BYTES = 2**18  # moved rows that are worked on at once: whole images, where they fit into a cache

F = np.float32


@inlined
def paint_outside(
    move: Move, fill: np.ndarray, target: Target, i: int, first: int, plane: int, out_height: int, out_width: int,
    channels: int, line: np.ndarray,
) -> None:  # fmt: skip
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
def _paint_rows(
    move: Move, line: np.ndarray, wide: int, out: np.ndarray, first: int, out_height: int, out_width: int
) -> None:
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


@jit
def run(
    src: np.ndarray, starts: np.ndarray, source: tuple[int, int, int], warp: Warp, color: Color, target: Target,
    out_start: int, out_height: int, out_width: int,
) -> None:  # fmt: skip
    """Images of one size: move whole pixels, colour, clip, normalise, write. The arguments are those of `tiles.run`."""
    height, width, channels = source
    plane, along = out_height * out_width, out_width * (1 if target.planar else channels)
    pixel, plain = channels * src.itemsize, target.plain
    chunked = out_height if plain else min(max(CHUNK_BYTES // (out_width * pixel), 1), out_height)
    chunk = np.empty(chunked * out_width * channels + 16 if not plain else 0, src.dtype)
    values = np.empty((channels if color.kind == MATRIX else 0, TILE), np.float32)
    row = new_row(target, color, channels)
    source_bytes = src.view(np.uint8)
    moved = target.out.view(np.uint8) if plain else chunk.view(np.uint8)  # where moved rows go
    line = np.empty(out_width * channels if warp.mode == CONSTANT else 0, target.out.dtype)
    gain, offset = F(1), F(0)
    for i in range(starts.shape[0]):
        first, begin = out_start + i * plane * channels, starts[i] * src.itemsize
        move = move_of(warp.matrices[i], height, width, out_height, out_width)
        if color.kind == GAIN:
            gain, offset = color.matrices[i, 0, 0], color.matrices[i, 0, 3]
        by_threes = not plain and src.itemsize == 1 and is_rgb(src, out_width, channels, color, target, i)
        mirrored = move.step_x < 0
        # What a constant border surrounds is all that is written, where rows need not be moved first.
        part = by_threes and warp.mode == CONSTANT and not move.swapped and move.to_x - move.from_x >= rgb.BLOCK
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
        if not by_threes:
            repeat(target.scales[i], row.scale, channels)
            repeat(target.biases[i], row.bias, channels)
        for y in range(from_y, to_y, rows):
            lines, into = min(rows, to_y - y), first + y * along + from_x * (1 if target.planar else channels)
            image, at = src, starts[i]
            if moves:
                to, stop = first * src.itemsize if plain else 0, y + lines
                shift_rows(source_bytes, begin, height, width, pixel, move, warp.mode, moved, to, y, stop, out_width)
                if plain:
                    continue
                image, at = chunk, 0
            else:
                at += (border_index(move.first_y + move.step_y * y, height, warp.mode) * width + left) * channels
            count = to_x - from_x
            if moves or gapless:
                count, lines = lines * out_width, 1
            if by_threes:
                turned, down = mirrored and not moves, move.step_y * width * channels
                write_bytes_rgb(
                    image, at, down, turned, lines, count, color, gain, offset, target, i, into, along, plane
                )
            else:
                write(image, at, count, channels, color, gain, offset, row, values, target, i, into, plane)
        if warp.mode == CONSTANT:
            paint_outside(move, color.fills[i], target, i, first, plane, out_height, out_width, channels, line)
