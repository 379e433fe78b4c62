"""Intrinsics: several bytes read, moved and turned at once, unaligned. The caller sees to it that they exist."""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

_BYTE = ir.IntType(8)


def place_of(context: Any, builder: Any, array_type: Any, element: tuple[Any, Any], kind: Any) -> Any:
    """A pointer of this kind to an element of an array: (array, index)."""
    array, index = element
    data = context.make_array(array_type)(context, builder, array).data
    return builder.bitcast(builder.gep(data, [index]), ir.PointerType(kind))


def unaligned_load(result: Any) -> Any:
    """An intrinsic (buffer, element index) -> unsigned integer of type `result`."""

    @intrinsic
    def load(typingctx, buffer, index):
        def codegen(context, builder, signature, arguments):
            kind = ir.IntType(result.bitwidth)
            return builder.load(place_of(context, builder, signature.args[0], tuple(arguments), kind), align=1)

        return result(buffer, types.intp), codegen

    return load


def _copier(size: int) -> Any:
    """An intrinsic (from, index, to, index): `size` bytes from one uint8 buffer to another."""

    @intrinsic
    def copy(typingctx, source, at, target, to):
        def codegen(context, builder, signature, arguments):
            kind = ir.VectorType(_BYTE, size)
            word = builder.load(place_of(context, builder, signature.args[0], tuple(arguments[:2]), kind), align=1)
            builder.store(word, place_of(context, builder, signature.args[2], tuple(arguments[2:]), kind), align=1)
            return context.get_dummy_value()

        return types.void(source, types.intp, target, types.intp), codegen

    return copy


def _mirror_rgb(behind: int, exact: bool) -> Any:
    """An intrinsic (from, index, to, index): five pixels of three bytes in reverse order. It reads 16 bytes, of which
    the pixels are those from byte `behind` on, 0 or 1; exact: it writes no byte but those of the pixels.
    """
    order = [behind + 3 * (4 - k // 3) + k % 3 for k in range(15)]
    order.append(15 if behind == 0 else 0)

    @intrinsic
    def mirror(typingctx, source, at, target, to):
        def codegen(context, builder, signature, arguments):
            kind = ir.VectorType(_BYTE, 16)
            word = builder.load(place_of(context, builder, signature.args[0], tuple(arguments[:2]), kind), align=1)
            nothing = ir.Constant(kind, ir.Undefined)
            places = [(order, 0)] if not exact else [(order[:8], 0), (order[7:15], 7)]
            for taken, offset in places:
                mask = ir.Constant(ir.VectorType(ir.IntType(32), len(taken)), taken)
                turned = builder.shuffle_vector(word, nothing, mask)
                index = builder.add(arguments[3], ir.Constant(arguments[3].type, offset))
                place = place_of(context, builder, signature.args[2], (arguments[2], index), turned.type)
                builder.store(turned, place, align=1)
            return context.get_dummy_value()

        return types.void(source, types.intp, target, types.intp), codegen

    return mirror


def _copy_bytes(typingctx, source, at, target, to, count):
    """`count` bytes from one uint8 buffer to another."""

    def codegen(context, builder, signature, arguments):
        start = place_of(context, builder, signature.args[0], tuple(arguments[:2]), _BYTE)
        end = place_of(context, builder, signature.args[2], tuple(arguments[2:4]), _BYTE)
        cgutils.raw_memcpy(builder, end, start, arguments[4], 1)
        return context.get_dummy_value()

    return types.void(source, types.intp, target, types.intp, types.intp), codegen


copy_bytes: Any = intrinsic(_copy_bytes)
mirror_rgb = _mirror_rgb(1, exact=False)  # reads a byte before the pixels, and writes one behind them
mirror_last_rgb = _mirror_rgb(0, exact=True)  # reads a byte behind them
load_u16 = unaligned_load(types.uint16)
load_u64 = unaligned_load(types.uint64)
copy4 = _copier(4)
copy8 = _copier(8)
copy16 = _copier(16)


def _blender(taps: int, adds: bool) -> Any:
    """An intrinsic (values, index, weights, index, step, line, index): four neighbouring float32 of `line` become, or
    grow by, the sum of `taps` times four of `values`, `step` apart, each times its weight.
    """

    @intrinsic
    def blend(typingctx, values, at, weights, first, step, line, to):
        def codegen(context, builder, signature, arguments):
            given, index, scales, begin, apart, out, into = arguments
            kinds = signature.args
            kind = ir.VectorType(ir.FloatType(), 4)
            place = place_of(context, builder, kinds[5], (out, into), kind)
            total = builder.load(place, align=1) if adds else None
            for tap in range(taps):
                offset = builder.mul(apart, ir.Constant(apart.type, tap))
                where = place_of(context, builder, kinds[0], (given, builder.add(index, offset)), kind)
                one = builder.add(begin, ir.Constant(begin.type, tap))
                weight = builder.load(place_of(context, builder, kinds[2], (scales, one), ir.FloatType()))
                splat = ir.Constant(kind, ir.Undefined)
                for lane in range(4):
                    splat = builder.insert_element(splat, weight, ir.Constant(ir.IntType(32), lane))
                product = builder.fmul(builder.load(where, align=1), splat, flags=("contract",))
                total = product if total is None else builder.fadd(total, product, flags=("contract",))
            builder.store(total, place, align=1)
            return context.get_dummy_value()

        return types.void(values, types.intp, weights, types.intp, types.intp, line, types.intp), codegen

    return blend


blend1, blend2, blend3, blend4 = (_blender(taps, adds=False) for taps in (1, 2, 3, 4))
add1, add4 = (_blender(taps, adds=True) for taps in (1, 4))
