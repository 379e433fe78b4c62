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
from augfuse.lanes.vectors import LARGEST, called, clipped, constant, floats, has_avx2, rounded, splat, times_plus
from augfuse.lanes.words import copy_bytes, place_of

BLOCK = 32  # bytes

F = np.float32
_BYTES = ir.VectorType(ir.IntType(8), BLOCK)
_PLAIN = 16 * BLOCK  # where the table itself stands behind its pieces


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
            builder.store(rounded(builder, values), place, align=1)
            return context.get_dummy_value()

        index, number = types.intp, types.float32
        return types.void(source, index, target, index, number, number, number, number), codegen

    return amplify


_amplify, _amplify_clipped = _amplified(clips=False), _amplified(clips=True)


def _lookup_code(typingctx, pieces, source, at, target, to) -> Any:
    """32 bytes of `source` through the table that `pieces_of` made `pieces` of.

    A shuffle looks up the lowest four bits of a byte below 128, and gives 0 for others. Pieces of 16 entries hold what
    they differ from the one before; a byte is counted down until it is negative, so that the differences up to its own
    piece add up. Bytes from 128 on go through the second half of the pieces.
    """

    def codegen(context, builder, signature, arguments):
        place = place_of(context, builder, signature.args[1], tuple(arguments[1:3]), _BYTES)
        value, index = builder.load(place, align=1), arguments[2].type

        def piece(number):
            element = arguments[0], ir.Constant(index, BLOCK * number)
            return builder.load(place_of(context, builder, signature.args[0], element, _BYTES), align=1)

        found = constant(_BYTES, 0)
        if has_avx2(context):
            for half in range(2):
                left = builder.xor(value, constant(_BYTES, 128)) if half else value
                for number in range(8 * half, 8 * half + 8):
                    found = builder.xor(found, called(builder, _BYTES, "llvm.x86.avx2.pshuf.b", piece(number), left))
                    left = called(builder, _BYTES, "llvm.ssub.sat.v32i8", left, constant(_BYTES, 16))
        else:
            for lane in range(BLOCK):
                number = ir.Constant(ir.IntType(32), lane)
                entry = builder.zext(builder.extract_element(value, number), index)
                entry = builder.add(entry, ir.Constant(index, _PLAIN))
                kind = ir.IntType(8)
                level = builder.load(place_of(context, builder, signature.args[0], (arguments[0], entry), kind))
                found = builder.insert_element(found, level, number)
        builder.store(found, place_of(context, builder, signature.args[3], tuple(arguments[3:]), _BYTES), align=1)
        return context.get_dummy_value()

    return types.void(pieces, source, types.intp, target, types.intp), codegen


_lookup: Any = intrinsic(_lookup_code)


@inlined
def new_pieces():
    """Room for what `pieces_of` makes."""
    return np.empty(_PLAIN + 256, np.uint8)


@inlined
def pieces_of(table, pieces):
    """A table of 256 bytes as `_lookup` takes it."""
    for number in range(16):
        for entry in range(16):
            level = table[16 * number + entry]
            pieces[_PLAIN + 16 * number + entry] = level
            if number % 8:
                level ^= table[16 * number + entry - 16]
            pieces[BLOCK * number + entry] = level
            pieces[BLOCK * number + 16 + entry] = level


@inlined
def bits_of(t):
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
def _masked(source, at, target, to, count, mask, first, flip):
    if mask == 255 and flip == 0:
        copy_bytes(source, at, target, to, count)
        return
    a, o = source[at : at + count], target[to : to + count]
    for p in range(count):
        o[p] = (a[p] & mask) ^ (flip if a[p] >= first else np.uint8(0))


@inlined
def through(table, pieces, source, at, target, to, count):
    """`count` bytes through a table of 256 bytes; pieces: from `new_pieces`."""
    same, mask, first, flip = bits_of(table)
    if same:
        _masked(source, at, target, to, count, mask, first, flip)
    elif count < BLOCK:
        for p in range(count):
            target[to + p] = table[source[at + p]]
    else:
        pieces_of(table, pieces)
        for p in range(0, count, BLOCK):
            q = min(p, count - BLOCK)
            _lookup(pieces, source, at + q, target, to + q)


@inlined
def amplified(source, at, target, to, count, gain, offset, low, high):
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
