"""RGB images of bytes, sixteen pixels at a time: split into channels, coloured, clipped, normalised and written.

As loops these passes take 1.3 to 1.6 times as long, and four times as long to compile (benchmarks/singles.py, AMD EPYC
Zen 3, November 2026). The arithmetic is that of `kernels`, value by value: the bytes are the same.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from augfuse.execute.cpu.vectors import LARGEST, clipped, floats, interleaved, rounded, splat, taken, times_plus
from augfuse.execute.cpu.words import place_of
from augfuse.jit import inlined

BLOCK = 16  # pixels

F = np.float32
_INT = ir.IntType(32)
_FLOAT = ir.FloatType()


def _place(context: Any, builder: Any, kinds: Any, arguments: Any, which: int, kind: Any, further: int = 0) -> Any:
    """Where a vector lies in the array that is argument number `which`; the argument behind it is its index."""
    index = arguments[which + 1]
    index = builder.add(index, ir.Constant(index.type, further))
    return place_of(context, builder, kinds[which], (arguments[which], index), kind)


def _block(color: str, planar: bool, mirrored: bool, whole: bool = False) -> Any:
    """An intrinsic (from, index, to, index, distance of planes, numbers, matrix): 16 pixels, mirrored or not.

    color: "keep", "gain" or "matrix"; whole: to bytes, which are not normalised, and the numbers play no part. numbers:
    gain, offset, low, high, three scales and three offsets; "keep" takes the last six.
    """
    pixels = range(BLOCK - 1, -1, -1) if mirrored else range(BLOCK)

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        kinds = signature.args
        word = builder.load(
            _place(context, builder, kinds, arguments, 0, ir.VectorType(ir.IntType(8), 3 * BLOCK)), align=1
        )
        number = [builder.extract_value(arguments[5], k) for k in range(10)]
        low, high, scales, biases = number[2], number[3], number[4:7], number[7:10]

        def finished(values: Any, scale: Any, bias: Any) -> Any:
            lanes = values.type.count
            if color == "gain":
                values = times_plus(builder, splat(builder, number[0], lanes), values, splat(builder, number[1], lanes))
            if color != "keep":
                values = clipped(builder, values, splat(builder, low, lanes), splat(builder, high, lanes))
            return times_plus(builder, values, scale, bias)

        if color != "matrix" and not planar:
            threes = [_threes(builder, part) for part in (scales, biases)]
            for first in range(0, 3 * BLOCK, 8):
                order = [3 * pixels[j // 3] + j % 3 for j in range(first, first + 8)]
                scale, bias = (taken(builder, part, [j % 3 for j in range(first, first + 8)]) for part in threes)
                values = finished(floats(builder, taken(builder, word, order)), scale, bias)
                builder.store(values, _place(context, builder, kinds, arguments, 2, values.type, first), align=4)
            return context.get_dummy_value()
        channels = [floats(builder, taken(builder, word, [3 * p + c for p in pixels])) for c in range(3)]
        if color == "matrix":
            channels = _mixed(builder, channels, [builder.extract_value(arguments[6], k) for k in range(12)])
        if whole:
            made = interleaved(builder, [rounded(builder, values) for values in channels])
            builder.store(made, _place(context, builder, kinds, arguments, 2, made.type), align=1)
            return context.get_dummy_value()
        channels = [
            finished(values, splat(builder, scale, BLOCK), splat(builder, bias, BLOCK))
            for values, scale, bias in zip(channels, scales, biases, strict=True)
        ]
        if not planar:
            made = interleaved(builder, channels)
            builder.store(made, _place(context, builder, kinds, arguments, 2, made.type), align=4)
            return context.get_dummy_value()
        for c, values in enumerate(channels):
            index = builder.add(arguments[3], builder.mul(arguments[4], ir.Constant(arguments[4].type, c)))
            builder.store(values, place_of(context, builder, kinds[2], (arguments[2], index), values.type), align=4)
        return context.get_dummy_value()

    @intrinsic
    def block(typingctx, source, at, target, to, plane, numbers, matrix):
        index = types.intp
        numbers, matrix = types.UniTuple(types.float32, 10), types.UniTuple(types.float32, 12)
        return types.void(source, index, target, index, index, numbers, matrix), codegen

    return block


def _threes(builder: Any, values: Sequence[Any]) -> Any:
    vector = ir.Constant(ir.VectorType(_FLOAT, 4), ir.Undefined)
    for c, value in enumerate(values):
        vector = builder.insert_element(vector, value, ir.Constant(_INT, c))
    return vector


def _mixed(builder: Any, channels: Sequence[Any], matrix: Sequence[Any]) -> list[Any]:
    """The sums of `kernels.mix`, in its order."""
    found = []
    for row in range(3):
        gains = [splat(builder, value, BLOCK) for value in matrix[4 * row : 4 * row + 4]]
        total = builder.fmul(gains[0], channels[0], flags=("contract",))
        for gain, values in zip(gains[1:3], channels[1:], strict=True):
            total = builder.fadd(total, builder.fmul(gain, values, flags=("contract",)), flags=("contract",))
        found.append(builder.fadd(total, gains[3], flags=("contract",)))
    return found


def _run(block: Any, wide: int, mirrored: bool) -> Callable[..., None]:
    """A function that does this block all along `count` pixels, which begin in `source` at byte `at`; wide: how far
    apart pixels are in the target. few: room for 48 bytes and for 48 values of the target.
    """
    step = -3 if mirrored else 3

    @inlined
    def run(source, at, target, to, plane, count, numbers, matrix, few):
        begin = at + 3 * (count - BLOCK) if mirrored else at
        if count >= BLOCK:
            for p in range(0, count - BLOCK + 1, BLOCK):
                block(source, begin + step * p, target, to + wide * p, plane, numbers, matrix)
            if count % BLOCK:  # some pixels twice: the same both times
                p = count - BLOCK
                block(source, begin + step * p, target, to + wide * p, plane, numbers, matrix)
            return
        pixels, made = few
        first = 3 * (BLOCK - count) if mirrored else 0
        for b in range(3 * count):
            pixels[first + b] = source[at + b]
        block(pixels, 0, made, 0, BLOCK, numbers, matrix)
        for p in range(count):
            for c in range(3):
                if wide == 3:
                    target[to + 3 * p + c] = made[3 * p + c]
                else:
                    target[to + p + c * plane] = made[p + c * BLOCK]

    return run


def _runs(color: str, planar: bool) -> list[Any]:
    return [_run(_block(color, planar, mirrored), 1 if planar else 3, mirrored) for mirrored in (False, True)]


_keep_flat, _keep_flat_mirrored = _runs("keep", planar=False)
_keep_planes, _keep_planes_mirrored = _runs("keep", planar=True)
_gain_flat, _gain_flat_mirrored = _runs("gain", planar=False)
_gain_planes, _gain_planes_mirrored = _runs("gain", planar=True)
_matrix_flat, _ = _runs("matrix", planar=False)
_matrix_planes, _ = _runs("matrix", planar=True)
_matrix_bytes = _run(_block("matrix", planar=False, mirrored=False, whole=True), 3, mirrored=False)


@inlined
def numbers_of(target, i, gain, offset):
    """Of image i: what a block takes."""
    s, b = target.scales[i], target.biases[i]
    return (gain, offset, target.low, target.high, s[0], s[1], s[2], b[0], b[1], b[2])


@inlined
def matrix_of(m):
    """The twelve numbers of a colour matrix."""
    return (
        m[0, 0], m[0, 1], m[0, 2], m[0, 3], m[1, 0], m[1, 1], m[1, 2], m[1, 3], m[2, 0], m[2, 1], m[2, 2], m[2, 3]
    )  # fmt: skip


_NO_MATRIX = (F(0),) * 12


@inlined
def convert(source, at, mirrored, keeps, target, to, plane, count, numbers, few):
    """`count` pixels of bytes as normalised floats, in reverse order where `mirrored`; keeps: there is no gain, and
    nothing to clip."""
    out = target.out
    if target.planar:
        if keeps:
            if mirrored:
                _keep_planes_mirrored(source, at, out, to, plane, count, numbers, _NO_MATRIX, few)
            else:
                _keep_planes(source, at, out, to, plane, count, numbers, _NO_MATRIX, few)
        elif mirrored:
            _gain_planes_mirrored(source, at, out, to, plane, count, numbers, _NO_MATRIX, few)
        else:
            _gain_planes(source, at, out, to, plane, count, numbers, _NO_MATRIX, few)
    elif keeps:
        if mirrored:
            _keep_flat_mirrored(source, at, out, to, plane, count, numbers, _NO_MATRIX, few)
        else:
            _keep_flat(source, at, out, to, plane, count, numbers, _NO_MATRIX, few)
    elif mirrored:
        _gain_flat_mirrored(source, at, out, to, plane, count, numbers, _NO_MATRIX, few)
    else:
        _gain_flat(source, at, out, to, plane, count, numbers, _NO_MATRIX, few)


@inlined
def mix(source, at, target, to, plane, count, numbers, matrix, few):
    """`count` pixels of bytes through a colour matrix, to the target; bytes: those for which `fits` says so."""
    if target.out.itemsize == 1:
        _matrix_bytes(source, at, target.out, to, plane, count, numbers, matrix, few)
    elif target.planar:
        _matrix_planes(source, at, target.out, to, plane, count, numbers, matrix, few)
    else:
        _matrix_flat(source, at, target.out, to, plane, count, numbers, matrix, few)


@inlined
def fits(target, matrix):
    """Whether values of bytes, times a matrix, can be rounded and cut as `rounded` does it."""
    most = F(0)
    for row in range(3):
        total = abs(matrix[row, 3])
        for column in range(3):
            total += F(255) * abs(matrix[row, column])
        most = max(most, total)
    return target.low == 0 and target.high == 255 and most < LARGEST
