"""Vectors of values in intrinsics: what several of them have in common."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from llvmlite import ir

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
    return builder.shuffle_vector(values, nothing, ir.Constant(ir.VectorType(_INT, len(order)), order))


def times_plus(builder: Any, gain: Any, values: Any, offset: Any) -> Any:
    return builder.fadd(builder.fmul(gain, values, flags=("contract",)), offset, flags=("contract",))


def clipped(builder: Any, values: Any, low: Any, high: Any) -> Any:
    values = builder.select(builder.fcmp_ordered(">", values, low), values, low)
    return builder.select(builder.fcmp_ordered("<", values, high), values, high)


def floats(builder: Any, values: Any) -> Any:
    lanes = values.type.count
    return builder.sitofp(builder.zext(values, ir.VectorType(_INT, lanes)), ir.VectorType(_FLOAT, lanes))


def rounded(builder: Any, values: Any) -> Any:
    """Floats within +-LARGEST as bytes: the nearest whole number, halves to even, cut at 0 and 255."""
    whole = ir.VectorType(_INT, values.type.count)
    found = builder.bitcast(builder.fadd(values, constant(values.type, _ADDED)), whole)
    found = builder.sub(found, constant(whole, _ADDED_BITS))
    for sign, end in ((">", constant(whole, 0)), ("<", constant(whole, 255))):
        found = builder.select(builder.icmp_signed(sign, found, end), found, end)
    return builder.trunc(found, ir.VectorType(ir.IntType(8), whole.count))


def interleaved(builder: Any, channels: Sequence[Any]) -> Any:
    """Three vectors as one: the first of each, the second of each, and so on."""
    lanes = channels[0].type.count
    two = builder.shuffle_vector(
        channels[0], channels[1], ir.Constant(ir.VectorType(_INT, 2 * lanes), list(range(2 * lanes)))
    )
    last = taken(builder, channels[2], [*range(lanes), *[0] * lanes])
    order = [2 * lanes + k if c == 2 else c * lanes + k for k in range(lanes) for c in range(3)]
    return builder.shuffle_vector(two, last, ir.Constant(ir.VectorType(_INT, 3 * lanes), order))
