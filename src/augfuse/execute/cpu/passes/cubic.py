"""Bicubic interpolation: four neighbours along each axis, by the cubic convolution with a = -0.75 that OpenCV and
PyTorch have. Its weights go below 0, so that results overshoot; they are clipped where they are written.

Free warps go over blocks of the output. What a block is read from is copied as float32 first, with two pixels more on
each side that its border says, so that all taps of all pixels exist and lie at fixed distances.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from augfuse.execute.cpu.kernel_arguments import Color, Target, Tile, Warping
from augfuse.execute.cpu.passes.copied import border_index
from augfuse.execute.cpu.passes.tile_passes import CONSTANT, WRAP, locate
from augfuse.execute.cpu.passes.tiles import BLOCK, TILE, finish, new_tile
from augfuse.execute.cpu.window import Window, window_of
from augfuse.jit import inlined, jit
from augfuse.simd.unaligned import place_of

A = -0.75
SIDE = 256  # of a block: the floats that it is read from, 0.8 MB of an image that is turned, stay in a cache
MARGIN = 2  # pixels around what is read, and a part of the block's own border

# The weights of four neighbours as polynomials of where a place lies between the inner two, highest power first.
_POWERS = ((A, A + 2, -A - 2, -A), (-2 * A, -A - 3, 2 * A + 3, A), (A, 0.0, -A, 0.0), (0.0, 1.0, 0.0, 0.0))

F = np.float32


@inlined
def cubic_weights(t: float) -> tuple[float, float, float, float]:
    """The weights of the four neighbours of a place that lies `t` behind the second."""
    w0, w3 = A * t * (1.0 - t) * (1.0 - t), A * t * t * (1.0 - t)
    w1 = ((A + 2.0) * t - (A + 3.0)) * t * t + 1.0
    return w0, w1, 1.0 - w0 - w1 - w3, w3


_FOUR = ir.VectorType(ir.FloatType(), 4)


def _splat(builder: Any, value: Any) -> Any:
    vector = builder.insert_element(ir.Constant(_FOUR, ir.Undefined), value, ir.Constant(ir.IntType(32), 0))
    return _lane(builder, vector, 0)


def _lane(builder: Any, vector: Any, lane: int) -> Any:
    """All four floats become one of them."""
    mask = ir.Constant(ir.VectorType(ir.IntType(32), 4), [lane] * 4)
    return builder.shuffle_vector(vector, ir.Constant(_FOUR, ir.Undefined), mask)


def _weights(builder: Any, t: Any) -> Any:
    """The four weights as a vector."""
    t, total = _splat(builder, t), None
    for coefficients in _POWERS:
        term = ir.Constant(_FOUR, list(coefficients))
        total = term if total is None else _sum(builder, builder.fmul(total, t, flags=("contract",)), term)
    return total


def _sum(builder: Any, one: Any, other: Any) -> Any:
    return builder.fadd(one, other, flags=("contract",))


def _taps(builder: Any, vectors: list[Any], weights: Any) -> Any:
    """The sum of four vectors, each times one of the weights."""
    total = None
    for tap, vector in enumerate(vectors):
        product = builder.fmul(vector, _lane(builder, weights, tap), flags=("contract",))
        total = product if total is None else _sum(builder, total, product)
    return total


def _blender(apart: bool) -> Any:
    """An intrinsic (values, index, step, stride, tx, ty, line, index): float32 of `line` from 4 x 4 taps in `values`,
    of which the upper left one is at `index`, the next ones `step` and `stride` away.

    apart: four neighbouring values, those of four channels, become four; else one does, and the step is 1.
    """

    @intrinsic
    def blend(
        typingctx: Any, values: Any, at: Any, step: Any, stride: Any, tx: Any, ty: Any, line: Any, to: Any
    ) -> Any:
        def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            given, index, along, down, x, y, out, into = arguments
            kinds, across = signature.args, _weights(builder, x)
            rows: list[Any] = []
            for row in range(4):
                start = builder.add(index, builder.mul(down, ir.Constant(down.type, row)))
                taps: list[Any] = []
                for tap in range(4 if apart else 1):
                    offset = builder.add(start, builder.mul(along, ir.Constant(along.type, tap)))
                    taps.append(builder.load(place_of(context, builder, kinds[0], (given, offset), _FOUR), align=1))
                rows.append(_taps(builder, taps, across) if apart else taps[0])
            total = _taps(builder, rows, _weights(builder, y))
            if apart:
                builder.store(total, place_of(context, builder, kinds[6], (out, into), _FOUR), align=1)
                return context.get_dummy_value()
            total = builder.fmul(total, across)
            lanes = [builder.extract_element(total, ir.Constant(ir.IntType(32), lane)) for lane in range(4)]
            one = builder.fadd(builder.fadd(lanes[0], lanes[1]), builder.fadd(lanes[2], lanes[3]))
            builder.store(one, place_of(context, builder, kinds[6], (out, into), ir.FloatType()), align=4)
            return context.get_dummy_value()

        arguments = (values, types.intp, types.intp, types.intp, types.float32, types.float32, line, types.intp)
        return types.void(*arguments), codegen

    return blend


_blend_channels = _blender(True)
_blend_one = _blender(False)


@inlined
def _frame(
    src: np.ndarray, start: int, height: int, width: int, channels: int, mode: int, part: Window, frame: np.ndarray
) -> None:
    """The window as floats, and MARGIN pixels on each side of it."""
    across = (part.to_x - part.from_x + 2 * MARGIN) * channels
    inner = (part.to_x - part.from_x) * channels
    for y in range(part.from_y - MARGIN, part.to_y + MARGIN):
        row = start + border_index(y, height, mode) * width * channels
        to = (y - part.from_y + MARGIN) * across
        image = src[row + part.from_x * channels : row + part.from_x * channels + inner]
        o = frame[to + MARGIN * channels : to + MARGIN * channels + inner]
        for p in range(inner):
            o[p] = F(image[p])
        for x in range(MARGIN):
            left = row + border_index(part.from_x - MARGIN + x, width, mode) * channels
            right = row + border_index(part.to_x + x, width, mode) * channels
            for c in range(channels):
                frame[to + x * channels + c] = F(src[left + c])
                frame[to + MARGIN * channels + inner + x * channels + c] = F(src[right + c])


@inlined
def _sample(frame: np.ndarray, base: int, channels: int, pitch: int, tile: Tile, line: np.ndarray, count: int) -> None:
    """The values of `count` pixels, one row per channel."""
    off, tx, ty = tile.off, tile.tx, tile.ty
    if channels == 1:
        for p in range(count):
            _blend_one(frame, base + off[p], 1, pitch, tx[p], ty[p], tile.values[0], p)
        return
    for c in range(0, channels, 4):  # what is read behind the last channel is not used
        for p in range(count):
            _blend_channels(frame, base + off[p] + c, channels, pitch, tx[p], ty[p], line, 4 * p)
        for lane in range(min(4, channels - c)):
            row = tile.values[c + lane]
            for p in range(count):
                row[p] = line[4 * p + lane]


@jit
def run(
    src: np.ndarray, starts: np.ndarray, source: tuple[int, int, int], warp: Warping, color: Color, target: Target,
    out_start: int, out_height: int, out_width: int,
) -> None:  # fmt: skip
    """Images of one size through maps that may turn them. The arguments are those of `tiles.run`."""
    height, width, channels = source
    mode, cuts = warp.mode, warp.mode == CONSTANT
    # Around the seam of a wrapped image all of it is needed, by every block.
    side_y, side_x = (out_height, out_width) if mode == WRAP else (min(SIDE, out_height), min(SIDE, out_width))
    across = min(side_x, TILE)
    rows = max(TILE // across, 1)
    tile = new_tile(across, rows, channels)
    line = np.empty(4 * -(-rows * across // BLOCK) * BLOCK, np.float32)
    frame = np.zeros(0, np.float32)
    for i in range(starts.shape[0]):
        for top in range(0, out_height, side_y):
            for left in range(0, out_width, side_x):
                lower, right = min(top + side_y, out_height), min(left + side_x, out_width)
                part = window_of(warp.matrices[i], left, top, lower - top, right - left, height, width, mode, 1)
                columns, lines = part.to_x - part.from_x + 2 * MARGIN, part.to_y - part.from_y + 2 * MARGIN
                pitch = columns * channels
                if len(frame) < lines * pitch + 4:  # four floats are read at a time
                    frame = np.zeros(lines * pitch + 4, np.float32)
                _frame(src, starts[i], height, width, channels, mode, part, frame)
                # Offsets count from a border of one pixel: the upper left of the taps, in one of two.
                base = -(part.from_y * pitch + part.from_x * channels)
                for y in range(top, lower, rows):
                    for x in range(left, right, across):
                        wide = min(across, right - x)
                        count = min(rows, lower - y) * wide
                        padded = -(-count // BLOCK) * BLOCK
                        locate(warp, i, x, y, width, height, 1, channels, pitch, tile, padded)
                        _sample(frame, base, channels, pitch, tile, line, count)
                        at = y * out_width + x
                        finish(
                            tile, color, target, i, out_start, out_height, out_width, channels, cuts, at, count
                        )  # fmt: skip
