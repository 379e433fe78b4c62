"""Vectors of values in intrinsics: what several of them have in common."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

LARGEST = 2.0**21  # up to this, either way, `rounded` is right, with much to spare

_INT = ir.IntType(32)
_FLOAT = ir.FloatType()
_ADDED = 1.5 * 2.0**23  # a float32 plus this has its nearest whole number, halves to even, in its lowest bits
_ADDED_BITS = 0x4B400000


def constant(kind: Any, number: float) -> Any:
    """The same number in all lanes."""
    return ir.Constant(kind, [number] * kind.count)


def splat(builder: Any, value: Any, lanes: int) -> Any:
    nothing = ir.Constant(ir.VectorType(value.type, lanes), ir.Undefined)
    first = builder.insert_element(nothing, value, ir.Constant(_INT, 0))
    return builder.shuffle_vector(first, nothing, ir.Constant(ir.VectorType(_INT, lanes), [0] * lanes))


def taken(builder: Any, values: Any, order: Sequence[int]) -> Any:
    nothing = ir.Constant(values.type, ir.Undefined)
    return builder.shuffle_vector(values, nothing, ir.Constant(ir.VectorType(_INT, len(order)), list(order)))


def times_plus(builder: Any, gain: Any, values: Any, offset: Any) -> Any:
    """gain * values + offset, rounded once on every CPU that can: one instruction from the beginning. Of a product and
    a sum LLVM makes one where nothing comes between them; a shuffle that it moves does, and of two products it chooses.
    """
    kind = values.type
    name = f"llvm.fmuladd.v{kind.count}f32" if isinstance(kind, ir.VectorType) else "llvm.fmuladd.f32"
    function = cgutils.get_or_insert_function(builder.module, ir.FunctionType(kind, [kind] * 3), name)
    return builder.call(function, [gain, values, offset])


def matrix_row(builder: Any, numbers: Sequence[Any], channels: Sequence[Any]) -> Any:
    """A row of a 3x4 colour matrix times three channels, as vectors or as single values: the same roundings."""
    total = times_plus(builder, numbers[0], channels[0], builder.fmul(numbers[1], channels[1]))
    return builder.fadd(times_plus(builder, numbers[2], channels[2], total), numbers[3])


def _one_row_code(typingctx: Any, m0: Any, m1: Any, m2: Any, m3: Any, red: Any, green: Any, blue: Any) -> Any:
    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return matrix_row(builder, arguments[:4], arguments[4:])

    return types.float32(*[types.float32] * 7), codegen


one_row: Any = intrinsic(_one_row_code)


def clipped(builder: Any, values: Any, low: Any, high: Any) -> Any:
    values = builder.select(builder.fcmp_ordered(">", values, low), values, low)
    return builder.select(builder.fcmp_ordered("<", values, high), values, high)


def floats(builder: Any, values: Any) -> Any:
    """Bytes as floats, and floats as they are."""
    lanes = values.type.count
    if values.type.element == _FLOAT:
        return values
    return builder.sitofp(builder.zext(values, ir.VectorType(_INT, lanes)), ir.VectorType(_FLOAT, lanes))


def _whole(context: Any, builder: Any, values: Any) -> Any:
    """Floats within +-LARGEST as whole numbers: the nearest, halves to even."""
    kind = ir.VectorType(_INT, values.type.count)
    if has_avx2(context) and values.type.count == 8:
        return called(builder, kind, "llvm.x86.avx.cvt.ps2dq.256", values)
    found = builder.bitcast(builder.fadd(values, constant(values.type, _ADDED)), kind)
    return builder.sub(found, constant(kind, _ADDED_BITS))


def _packed(builder: Any, quarters: Sequence[Any]) -> Any:
    """Four times eight whole numbers as bytes, cut at 0 and 255: in each half four of each."""
    words, kind = ir.VectorType(ir.IntType(16), 16), ir.VectorType(ir.IntType(8), 32)
    halves = [called(builder, words, "llvm.x86.avx2.packssdw", *quarters[k : k + 2]) for k in (0, 2)]
    return called(builder, kind, "llvm.x86.avx2.packuswb", *halves)


def rounded(context: Any, builder: Any, values: Any) -> Any:
    """8, 16 or 32 floats within +-LARGEST as bytes: the nearest, halves to even, cut at 0 and 255."""
    lanes = values.type.count
    if has_avx2(context):
        eights = [_whole(context, builder, taken(builder, values, range(k, k + 8))) for k in range(0, lanes, 8)]
        found = _packed(builder, [eights[k % len(eights)] for k in range(4)])
        return taken(builder, found, [4 * (k // 8) + 16 * (k % 8 // 4) + k % 4 for k in range(lanes)])
    found = _whole(context, builder, values)
    for sign, end in ((">", constant(found.type, 0)), ("<", constant(found.type, 255))):
        found = builder.select(builder.icmp_signed(sign, found, end), found, end)
    return builder.trunc(found, ir.VectorType(ir.IntType(8), lanes))


def interleaved(builder: Any, channels: Sequence[Any]) -> Any:
    """Three vectors as one: the first of each, the second of each, and so on."""
    lanes = channels[0].type.count
    two = builder.shuffle_vector(
        channels[0], channels[1], ir.Constant(ir.VectorType(_INT, 2 * lanes), list(range(2 * lanes)))
    )
    last = taken(builder, channels[2], [*range(lanes), *[0] * lanes])
    order = [2 * lanes + k if c == 2 else c * lanes + k for k in range(lanes) for c in range(3)]
    return builder.shuffle_vector(two, last, ir.Constant(ir.VectorType(_INT, 3 * lanes), order))


def interleaved_bytes(context: Any, builder: Any, channels: Sequence[Any]) -> list[Any]:
    """Eight pixels, three channels of floats, `rounded`: as twice 16 bytes, the first 12 of which are four pixels."""
    order = [4 * c + p for p in range(4) for c in range(3)]
    if has_avx2(context):
        whole = [_whole(context, builder, values) for values in channels]
        found = _packed(builder, [*whole, whole[2]])
        return [taken(builder, found, [first + k for k in (*order, 12, 13, 14, 15)]) for first in (0, 16)]
    found = interleaved(builder, [rounded(context, builder, values) for values in channels])
    return [taken(builder, found, [*range(first, first + 12), 0, 0, 0, 0]) for first in (0, 12)]


def called(builder: Any, result: Any, name: str, *arguments: Any) -> Any:
    """What the function of LLVM of this name returns."""
    function = builder.module.globals.get(name)
    if function is None:
        function = ir.Function(builder.module, ir.FunctionType(result, [one.type for one in arguments]), name)
    return builder.call(function, arguments)


def has_avx2(context: Any) -> bool:
    """Whether code is made for a processor that has it."""
    return "+avx2" in context.codegen().magic_tuple()[2].split(",")
