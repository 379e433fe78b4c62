"""RGB images of bytes, or of floats that were bytes, sixteen pixels at a time: coloured, clipped, normalised, written.

As loops these passes take 1.3 to 1.6 times as long, and four times as long to compile (benchmarks/singles.py, AMD EPYC
Zen 3, November 2026). The arithmetic is that of `tile_passes`, value by value: the bytes are the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeAlias

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from augfuse.execute.cpu.kernel_arguments import Target
from augfuse.jit import inlined
from augfuse.simd.unaligned import place_of, prefetch
from augfuse.simd.vectors import (
    LARGEST,
    clipped,
    constant,
    floats,
    interleaved,
    interleaved_bytes,
    matrix_row,
    rounded,
    splat,
    taken,
    times_plus,
)

BLOCK = 16  # pixels

F = np.float32
Numbers: TypeAlias = tuple[F, ...]  # gain, offset, low, high, three scales and three offsets
Matrix: TypeAlias = tuple[F, ...]  # twelve, row by row
_INT = ir.IntType(32)
_FLOAT = ir.FloatType()


def _block(kind: str, planar: bool, mirrored: bool) -> Any:
    """An intrinsic (from, index, to, index, distance of planes, numbers, matrix): 16 pixels, mirrored or not.

    kind: "keep", "gain" or "matrix"; numbers: gain, offset, low, high, three scales and three offsets; "keep" takes the
    last six.
    """
    pixels = range(BLOCK - 1, -1, -1) if mirrored else range(BLOCK)

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        kinds = signature.args
        number = [builder.extract_value(arguments[5], k) for k in range(10)]
        scales, biases = number[4:7], number[7:10]

        def finished(values: Any, scale: Any, bias: Any) -> Any:
            gain, offset, low, high = (splat(builder, value, values.type.count) for value in number[:4])
            values = times_plus(builder, gain, values, offset) if kind == "gain" else values
            values = values if kind == "keep" else clipped(builder, values, low, high)
            return times_plus(builder, values, scale, bias)

        def store(values: Any, further: int, plane: int = 0) -> None:
            index = builder.mul(arguments[4], ir.Constant(arguments[4].type, plane))
            index = builder.add(builder.add(arguments[3], ir.Constant(index.type, further)), index)
            builder.store(values, place_of(context, builder, kinds[2], (arguments[2], index), values.type), align=4)

        if kind == "matrix":
            for half, channels in enumerate(_mixed(context, builder, kinds, arguments)):
                made = [
                    finished(v, splat(builder, scales[c], 8), splat(builder, biases[c], 8))
                    for c, v in enumerate(channels)
                ]
                if planar:
                    for c, values in enumerate(made):
                        store(values, 8 * half, c)
                else:
                    store(interleaved(builder, made), 24 * half)
            return context.get_dummy_value()
        given = ir.VectorType(context.get_data_type(kinds[0].dtype), 3 * BLOCK)
        word = builder.load(place_of(context, builder, kinds[0], tuple(arguments[:2]), given), align=1)
        if planar:
            for c in range(3):
                values = floats(builder, taken(builder, word, [3 * p + c for p in pixels]))
                store(finished(values, splat(builder, scales[c], BLOCK), splat(builder, biases[c], BLOCK)), 0, c)
            return context.get_dummy_value()
        threes = [_threes(builder, part) for part in (scales, biases)]
        for first in range(0, 3 * BLOCK, 8):
            places = range(first, first + 8)
            values = floats(builder, taken(builder, word, [3 * pixels[j // 3] + j % 3 for j in places]))
            scale, bias = (taken(builder, part, [j % 3 for j in places]) for part in threes)
            store(finished(values, scale, bias), first)
        return context.get_dummy_value()

    @intrinsic
    def block(typingctx: Any, source: Any, at: Any, target: Any, to: Any, plane: Any, numbers: Any, matrix: Any) -> Any:
        index, matrix = types.intp, types.UniTuple(types.float32, 12)
        return types.void(source, index, target, index, index, types.UniTuple(types.float32, 10), matrix), codegen

    return block


def _whole_code(
    typingctx: Any, source: Any, at: Any, target: Any, to: Any, plane: Any, numbers: Any, matrix: Any
) -> Any:
    """The same through a matrix, to bytes, which are not normalised: the numbers play no part."""

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        for half, channels in enumerate(_mixed(context, builder, signature.args, arguments)):
            for quarter, four in enumerate(interleaved_bytes(context, builder, channels)):
                # Sixteen bytes, of which the last four are written over by the next ones, but at the end.
                pieces = [(0, 16)] if half + quarter < 2 else [(0, 8), (8, 12)]
                for begin, end in pieces:
                    index = builder.add(arguments[3], ir.Constant(arguments[3].type, 24 * half + 12 * quarter + begin))
                    values = four if end == 16 else taken(builder, four, range(begin, end))
                    place = place_of(context, builder, signature.args[2], (arguments[2], index), values.type)
                    builder.store(values, place, align=1)
        return context.get_dummy_value()

    index, numbers, matrix = types.intp, types.UniTuple(types.float32, 10), types.UniTuple(types.float32, 12)
    return types.void(source, index, target, index, index, numbers, matrix), codegen


_whole: Any = intrinsic(_whole_code)


def _grey_code(
    typingctx: Any, source: Any, at: Any, target: Any, to: Any, plane: Any, numbers: Any, matrix: Any
) -> Any:
    """The same where the rows of the matrix are equal: one sum, three times."""

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        halves = [half[0] for half in _mixed(context, builder, signature.args, arguments, rows=1)]
        both = builder.shuffle_vector(*halves, ir.Constant(ir.VectorType(_INT, BLOCK), list(range(BLOCK))))
        levels = rounded(context, builder, both)
        for begin in range(0, 3 * BLOCK, 16):
            values = taken(builder, levels, [place // 3 for place in range(begin, begin + 16)])
            index = builder.add(arguments[3], ir.Constant(arguments[3].type, begin))
            place = place_of(context, builder, signature.args[2], (arguments[2], index), values.type)
            builder.store(values, place, align=1)
        return context.get_dummy_value()

    index, numbers, matrix = types.intp, types.UniTuple(types.float32, 10), types.UniTuple(types.float32, 12)
    return types.void(source, index, target, index, index, numbers, matrix), codegen


_grey: Any = intrinsic(_grey_code)


def _threes(builder: Any, values: Sequence[Any]) -> Any:
    vector = ir.Constant(ir.VectorType(_FLOAT, 4), ir.Undefined)
    for c, value in enumerate(values):
        vector = builder.insert_element(vector, value, ir.Constant(_INT, c))
    return vector


def _mixed(context: Any, builder: Any, kinds: Any, arguments: Any, rows: int = 3) -> Iterator[list[Any]]:
    """Twice eight pixels through the first rows of the matrix: the sums of `tile_passes.mix`, in its order."""
    number = [builder.extract_value(arguments[6], k) for k in range(12)]
    for channels in _eights(context, builder, kinds, arguments):
        splats = [splat(builder, one, 8) for one in number]
        yield [matrix_row(builder, splats[4 * row : 4 * row + 4], channels) for row in range(rows)]


def _eights(context: Any, builder: Any, kinds: Any, arguments: Any) -> Iterator[list[Any]]:
    """Twice eight pixels, as three channels each."""
    if kinds[0].dtype == types.float32:
        eight = ir.VectorType(_FLOAT, 24)
        for half in range(2):
            index = builder.add(arguments[1], ir.Constant(arguments[1].type, 24 * half))
            word = builder.load(place_of(context, builder, kinds[0], (arguments[0], index), eight), align=4)
            yield [taken(builder, word, range(c, 24, 3)) for c in range(3)]
        return
    four = ir.VectorType(ir.IntType(8), 16)
    for half in range(2):
        # Four pixels in the first twelve of sixteen bytes; at the end of the block in the last twelve.
        starts = [24 * half + 12 * quarter for quarter in range(2)]
        fours: list[Any] = []
        for start in starts:
            index = builder.add(arguments[1], ir.Constant(arguments[1].type, min(start, 3 * BLOCK - 16)))
            fours.append(builder.load(place_of(context, builder, kinds[0], (arguments[0], index), four), align=1))
        both = builder.shuffle_vector(*fours, ir.Constant(ir.VectorType(_INT, 32), list(range(32))))
        nothing, channels = constant(both.type, 0), list[Any]()
        for c in range(3):
            order = [32] * 32
            for quarter, start in enumerate(starts):
                for p in range(4):
                    order[16 * quarter + 4 * p] = 16 * quarter + max(start - 32, 0) + 3 * p + c
            spread = builder.shuffle_vector(both, nothing, ir.Constant(ir.VectorType(_INT, 32), order))
            whole = builder.bitcast(spread, ir.VectorType(_INT, 8))
            channels.append(builder.sitofp(whole, ir.VectorType(_FLOAT, 8)))
        yield channels


def _run(block: Any, wide: int, mirrored: bool) -> Callable[..., None]:
    """A function that does this block all along `rows` rows of `count` pixels, at least as many as a block has. They
    begin in `source` at byte `at`, and each `down` bytes behind the one before it, in the target at `to` and `along`;
    wide: how far apart pixels are there.
    """
    step = -3 if mirrored else 3

    @inlined
    def run(
        source: np.ndarray, at: int, down: int, target: np.ndarray, to: int, along: int, rows: int, plane: int,
        count: int, numbers: Numbers, matrix: Matrix,
    ) -> None:  # fmt: skip
        last = count - BLOCK
        for y in range(rows):
            begin, into = at + y * down + (3 * last if mirrored else 0), to + y * along
            for p in range(0, last + BLOCK, BLOCK):
                q = min(p, last)  # at the end some pixels twice: the same both times
                prefetch(source, begin + step * q + down)
                block(source, begin + step * q, target, into + wide * q, plane, numbers, matrix)

    return run


_flat, _flat_mirrored = (_run(_block("gain", False, mirrored), 3, mirrored) for mirrored in (False, True))
_keep_planes, _keep_planes_mirrored = (_run(_block("keep", True, mirrored), 1, mirrored) for mirrored in (False, True))
_gain_planes = _run(_block("gain", planar=True, mirrored=False), 1, mirrored=False)
_matrix_flat = _run(_block("matrix", planar=False, mirrored=False), 3, mirrored=False)
_matrix_planes = _run(_block("matrix", planar=True, mirrored=False), 1, mirrored=False)
_matrix_bytes = _run(_whole, 3, mirrored=False)
_grey_bytes = _run(_grey, 3, mirrored=False)


@inlined
def numbers_of(target: Target, i: int, gain: F, offset: F) -> Numbers:
    """Of image i: what a block takes."""
    s, b = target.scales[i], target.biases[i]
    return (gain, offset, target.low, target.high, s[0], s[1], s[2], b[0], b[1], b[2])


@inlined
def matrix_of(m: np.ndarray) -> Matrix:
    """The twelve numbers of a colour matrix."""
    return (
        m[0, 0], m[0, 1], m[0, 2], m[0, 3], m[1, 0], m[1, 1], m[1, 2], m[1, 3], m[2, 0], m[2, 1], m[2, 2], m[2, 3]
    )  # fmt: skip


_NO_MATRIX = (F(0),) * 12


@inlined
def mirrors(color_is_matrix: bool, keeps: bool, target: Target) -> bool:
    """Whether `convert` can reverse the pixels: not what would be compiled for rare cases alone."""
    return not color_is_matrix and (keeps or not target.planar)


@inlined
def convert(
    source: np.ndarray, at: int, down: int, mirrored: bool, keeps: bool, target: Target, to: int, along: int, rows: int,
    plane: int, count: int, numbers: Numbers,
) -> None:  # fmt: skip
    """Rows of `count` pixels as normalised floats, in reverse order where `mirrored`; keeps: there is no gain, and
    nothing to clip."""
    out = target.out
    if not target.planar:
        if mirrored:
            _flat_mirrored(source, at, down, out, to, along, rows, plane, count, numbers, _NO_MATRIX)
        else:
            _flat(source, at, down, out, to, along, rows, plane, count, numbers, _NO_MATRIX)
    elif not keeps:
        _gain_planes(source, at, down, out, to, along, rows, plane, count, numbers, _NO_MATRIX)
    elif mirrored:
        _keep_planes_mirrored(source, at, down, out, to, along, rows, plane, count, numbers, _NO_MATRIX)
    else:
        _keep_planes(source, at, down, out, to, along, rows, plane, count, numbers, _NO_MATRIX)


@inlined
def mix(
    source: np.ndarray, at: int, down: int, target: Target, to: int, along: int, rows: int, plane: int, count: int,
    numbers: Numbers, matrix: Matrix,
) -> None:  # fmt: skip
    """Rows of `count` pixels through a colour matrix, to floats."""
    if target.planar:
        _matrix_planes(source, at, down, target.out, to, along, rows, plane, count, numbers, matrix)
    else:
        _matrix_flat(source, at, down, target.out, to, along, rows, plane, count, numbers, matrix)


@inlined
def mix_bytes(
    source: np.ndarray, at: int, down: int, target: Target, to: int, along: int, rows: int, plane: int, count: int,
    numbers: Numbers, matrix: Matrix,
) -> None:  # fmt: skip
    """The same to bytes, those for which `fits` says so."""
    if matrix[0:4] == matrix[4:8] and matrix[0:4] == matrix[8:12]:
        _grey_bytes(source, at, down, target.out, to, along, rows, plane, count, numbers, matrix)
    else:
        _matrix_bytes(source, at, down, target.out, to, along, rows, plane, count, numbers, matrix)


@inlined
def fits(target: Target, matrix: np.ndarray) -> bool:
    """Whether values of 0..255, times a matrix, can be rounded and cut as `rounded` does it."""
    most = F(0)
    for row in range(3):
        total = abs(matrix[row, 3])
        for column in range(3):
            total += F(255) * abs(matrix[row, column])
        most = max(most, total)
    return bool(target.low == 0 and target.high == 255 and most < LARGEST)
