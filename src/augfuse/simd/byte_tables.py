"""Bytes that become bytes, each by itself, 32 at a time: a gain with an offset, a table.

A table is looked up by shuffles where the processor has AVX2: 20 us for 224x224x3, where reading it value by value
takes 55 (benchmarks/singles.py, AMD EPYC Zen 3, November 2026). The bytes are the same.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from augfuse.jit import inlined
from augfuse.simd.unaligned import copy_bytes, place_of
from augfuse.simd.vectors import (
    LARGEST,
    called,
    clipped,
    constant,
    floats,
    has_avx2,
    interleaved,
    rounded,
    splat,
    taken,
    times_plus,
)

BLOCK = 32  # bytes

F = np.float32
_BYTES = ir.VectorType(ir.IntType(8), BLOCK)
_WORDS = ir.VectorType(ir.IntType(16), BLOCK // 2)
_PLAIN = 16 * BLOCK  # where the table itself stands behind its pieces
_TABLE = _PLAIN + 256  # bytes of both


def _amplified(clips: bool) -> Any:
    """An intrinsic (from, index, to, index, gain, offset, low, high); clips: else bytes are cut at 0 and 255."""

    @intrinsic
    def amplify(typingctx, source, at, target, to, gain, offset, low, high):
        def codegen(context, builder, signature, arguments):
            gain, offset, low, high = (splat(builder, number, BLOCK) for number in arguments[4:])
            given = ir.VectorType(context.get_data_type(signature.args[0].dtype), BLOCK)
            place = place_of(context, builder, signature.args[0], tuple(arguments[:2]), given)
            values = floats(builder, builder.load(place, align=1))
            values = times_plus(builder, gain, values, offset)
            values = clipped(builder, values, low, high) if clips else values
            place = place_of(context, builder, signature.args[2], tuple(arguments[2:4]), _BYTES)
            builder.store(rounded(context, builder, values), place, align=1)
            return context.get_dummy_value()

        index, number = types.intp, types.float32
        return types.void(source, index, target, index, number, number, number, number), codegen

    return amplify


_amplify, _amplify_clipped = _amplified(clips=False), _amplified(clips=True)


def _looked_up(context: Any, builder: Any, kind: Any, pieces: Any, first: int, value: Any) -> Any:
    """32 bytes through the table that `pieces_of` made pieces of, which lie from byte `first` on.

    A shuffle looks up the lowest four bits in 16 entries. Each of the upper four bits, the lower ones first, then
    chooses between neighbours: 16 pieces become 8, 4, 2 and 1.
    """
    index = types.intp

    def at(place, kind_of):
        element = pieces, ir.Constant(context.get_value_type(index), place) if isinstance(place, int) else place
        return builder.load(place_of(context, builder, kind, element, kind_of), align=1)

    if not has_avx2(context):
        found = constant(_BYTES, 0)
        for lane in range(BLOCK):
            number = ir.Constant(ir.IntType(32), lane)
            entry = builder.zext(builder.extract_element(value, number), context.get_value_type(index))
            level = at(builder.add(entry, ir.Constant(entry.type, first + _PLAIN)), ir.IntType(8))
            found = builder.insert_element(found, level, number)
        return found
    low, words = builder.and_(value, constant(_BYTES, 15)), builder.bitcast(value, _WORDS)
    signs = [builder.bitcast(builder.shl(words, constant(_WORDS, 7 - bit)), _BYTES) for bit in range(4, 8)]

    def chosen(number, bits):
        """What 2 ** bits pieces give, from this one on."""
        if bits == 0:
            return called(builder, _BYTES, "llvm.x86.avx2.pshuf.b", at(first + BLOCK * number, _BYTES), low)
        lower, upper = (chosen(n, bits - 1) for n in (number, number + 2 ** (bits - 1)))
        return builder.select(builder.icmp_signed("<", signs[bits - 1], constant(_BYTES, 0)), upper, lower)

    return chosen(0, 4)


def _lookup_code(typingctx, pieces, source, at, target, to) -> Any:
    """32 bytes of `source` through a table."""

    def codegen(context, builder, signature, arguments):
        place = place_of(context, builder, signature.args[1], tuple(arguments[1:3]), _BYTES)
        found = _looked_up(context, builder, signature.args[0], arguments[0], 0, builder.load(place, align=1))
        builder.store(found, place_of(context, builder, signature.args[3], tuple(arguments[3:]), _BYTES), align=1)
        return context.get_dummy_value()

    return types.void(pieces, source, types.intp, target, types.intp), codegen


def _lookup_rgb_code(typingctx, pieces, source, at, target, to) -> Any:
    """32 pixels of three bytes through three tables."""

    def codegen(context, builder, signature, arguments):
        three = ir.VectorType(ir.IntType(8), 3 * BLOCK)
        word = builder.load(place_of(context, builder, signature.args[1], tuple(arguments[1:3]), three), align=1)
        found = [
            _looked_up(context, builder, signature.args[0], arguments[0], _TABLE * c, channel)
            for c, channel in enumerate(taken(builder, word, range(c, 3 * BLOCK, 3)) for c in range(3))
        ]
        place = place_of(context, builder, signature.args[3], tuple(arguments[3:]), three)
        builder.store(interleaved(builder, found), place, align=1)
        return context.get_dummy_value()

    return types.void(pieces, source, types.intp, target, types.intp), codegen


_lookup: Any = intrinsic(_lookup_code)
_lookup_rgb: Any = intrinsic(_lookup_rgb_code)


@inlined
def new_pieces() -> np.ndarray:
    """Room for what `pieces_of` makes of three tables."""
    return np.empty(3 * _TABLE, np.uint8)


@inlined
def pieces_of(table: np.ndarray, pieces: np.ndarray, first: int) -> None:
    """A table of 256 bytes as `_looked_up` takes it."""
    for number in range(16):
        for entry in range(16):
            level = table[16 * number + entry]
            pieces[first + _PLAIN + 16 * number + entry] = level
            pieces[first + BLOCK * number + entry] = level
            pieces[first + BLOCK * number + 16 + entry] = level


@inlined
def bits_of(t: np.ndarray) -> tuple[bool, np.uint8, np.uint8, np.uint8]:
    """Whether a table of 256 bytes is (v & mask) ^ (flip if v >= first else 0), as for the negative of bright values
    and for the highest bits; mask, first and flip.
    """
    first, flip = 0, 0
    for v in range(256):
        if (np.int64(t[v]) ^ v) & 128:
            first, flip = v, 255
            break
    mask = np.int64(t[255]) ^ flip
    same = True
    for v in range(256):
        same = same and np.int64(t[v]) == (v & mask) ^ (flip if v >= first else 0)
    return same, np.uint8(mask), np.uint8(first), np.uint8(flip)


@inlined
def _masked(
    source: np.ndarray, at: int, target: np.ndarray, to: int, count: int, mask: np.uint8, first: np.uint8,
    flip: np.uint8,
) -> None:  # fmt: skip
    if mask == 255 and flip == 0:
        copy_bytes(source, at, target, to, count)
        return
    a, o = source[at : at + count], target[to : to + count]
    for p in range(count):
        o[p] = (a[p] & mask) ^ (flip if a[p] >= first else np.uint8(0))


@inlined
def through(
    table: np.ndarray, pieces: np.ndarray, source: np.ndarray, at: int, target: np.ndarray, to: int, count: int
) -> None:
    """`count` bytes through a table of 256 bytes; pieces: from `new_pieces`."""
    same, mask, first, flip = bits_of(table)
    if same:
        _masked(source, at, target, to, count, mask, first, flip)
    elif count < BLOCK:
        for p in range(count):
            target[to + p] = table[source[at + p]]
    else:
        pieces_of(table, pieces, 0)
        for p in range(0, count, BLOCK):
            q = min(p, count - BLOCK)
            _lookup(pieces, source, at + q, target, to + q)


@inlined
def through_rgb(
    tables: np.ndarray, pieces: np.ndarray, source: np.ndarray, at: int, target: np.ndarray, to: int, count: int
) -> None:
    """`count` pixels of three bytes through three tables of 256 bytes."""
    if count < BLOCK:
        for p in range(3 * count):
            target[to + p] = tables[p % 3, source[at + p]]
        return
    for c in range(3):
        pieces_of(tables[c], pieces, c * _TABLE)
    for p in range(0, count, BLOCK):
        q = 3 * min(p, count - BLOCK)
        _lookup_rgb(pieces, source, at + q, target, to + q)


@inlined
def clipped_bytes(
    source: np.ndarray, at: int, target: np.ndarray, to: int, count: int, gain: F, offset: F, low: F, high: F
) -> None:
    """`count` values times a gain plus an offset, clipped and rounded to bytes, halves to even."""
    if count >= BLOCK:
        for p in range(0, count, BLOCK):
            q = min(p, count - BLOCK)
            _amplify_clipped(source, at + q, target, to + q, gain, offset, low, high)
        return
    few, made = np.zeros(BLOCK, source.dtype), np.empty(BLOCK, np.uint8)
    for p in range(count):
        few[p] = source[at + p]
    _amplify_clipped(few, 0, made, 0, gain, offset, low, high)
    copy_bytes(made, 0, target, to, count)


@inlined
def amplified(
    source: np.ndarray, at: int, target: np.ndarray, to: int, count: int, gain: F, offset: F, low: F, high: F
) -> None:
    """`count` bytes, or floats, times a gain plus an offset, clipped and rounded to bytes."""
    if source.itemsize == 1 and low == 0 and high == 255:
        if abs(gain) == 1 and offset == F(127.5) - gain * F(127.5):  # nothing at all, or the negative
            flip = np.uint8(0) if gain == 1 else np.uint8(255)
            _masked(source.view(np.uint8), at, target, to, count, np.uint8(255), np.uint8(0), flip)
            return
        if count >= BLOCK and F(255) * abs(gain) + abs(offset) < LARGEST:
            for p in range(0, count, BLOCK):
                q = min(p, count - BLOCK)  # at the end some bytes twice: the same both times
                _amplify(source, at + q, target, to + q, gain, offset, low, high)
            return
    clipped_bytes(source, at, target, to, count, gain, offset, low, high)
