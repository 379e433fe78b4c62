"""Intrinsics: one pixel of a PNG's filter 4 at a time, its channels side by side, as unsigned numbers of 64 bits that
hold four of 16 bits."""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from augfuse.simd.unaligned import place_of

_WORD, _BYTES, _LANES = ir.IntType(64), ir.VectorType(ir.IntType(8), 4), ir.VectorType(ir.IntType(16), 4)


def _load(typingctx, buffer, index) -> Any:

    def codegen(context, builder, signature, arguments):
        found = builder.load(place_of(context, builder, signature.args[0], tuple(arguments), _BYTES), align=1)
        return builder.bitcast(builder.zext(found, _LANES), _WORD)

    return types.uint64(buffer, types.intp), codegen


def _store(typingctx, buffer, index, pixel) -> Any:

    def codegen(context, builder, signature, arguments):
        lanes = builder.trunc(builder.bitcast(arguments[2], _LANES), _BYTES)
        builder.store(lanes, place_of(context, builder, signature.args[0], tuple(arguments[:2]), _BYTES), align=1)
        return context.get_dummy_value()

    return types.void(buffer, types.intp, types.uint64), codegen


def _paeth(typingctx, value, left, above, corner) -> Any:

    def codegen(context, builder, signature, arguments):
        x, a, b, c = (builder.bitcast(one, _LANES) for one in arguments)

        def size(number):
            zero = ir.Constant(_LANES, None)
            return builder.select(builder.icmp_signed("<", number, zero), builder.sub(zero, number), number)

        def smaller(one, other):
            return builder.select(builder.icmp_signed("<", one, other), one, other)

        across, down = builder.sub(b, c), builder.sub(a, c)
        pa, pb, pc = size(across), size(down), size(builder.add(across, down))
        least = smaller(pc, smaller(pa, pb))
        nearest = builder.select(builder.icmp_signed("==", least, pb), b, c)
        nearest = builder.select(builder.icmp_signed("==", least, pa), a, nearest)
        full = ir.Constant(_LANES, [255] * 4)
        return builder.bitcast(builder.and_(builder.add(x, nearest), full), _WORD)

    word = types.uint64
    return word(word, word, word, word), codegen


# (buffer, element) -> four bytes from there on.
load_pixel: Any = intrinsic(_load)
# (buffer, element, pixel): four bytes to there.
store_pixel: Any = intrinsic(_store)
# (value, left, above, corner) -> value plus, of the others, the one nearest to left + above - corner; modulo 256.
paeth: Any = intrinsic(_paeth)
