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


def _swap_rgb(typingctx, source, at, along, target, to, apart) -> Any:
    """Four by four pixels of three bytes: those of row k of the source, `along` bytes apart, become column k of the
    target, whose rows are `apart` bytes apart. It reads four bytes behind each row, and writes as many.
    """

    def codegen(context, builder, signature, arguments):
        source, at, along, target, to, apart = arguments
        kinds, kind, word = signature.args, ir.VectorType(_BYTE, 16), ir.VectorType(ir.IntType(32), 4)

        def shuffled(one, other, order):
            mask = ir.Constant(ir.VectorType(ir.IntType(32), len(order)), list(order))
            return builder.shuffle_vector(one, other, mask)

        rows = []
        for row in range(4):
            index = builder.add(at, builder.mul(along, ir.Constant(along.type, row)))
            found = builder.load(place_of(context, builder, kinds[0], (source, index), kind), align=1)
            spread = [3 * (b // 4) + b % 4 if b % 4 < 3 else 16 for b in range(16)]  # each pixel as four bytes
            rows.append(builder.bitcast(shuffled(found, ir.Constant(kind, [0] * 16), spread), word))
        halves = [shuffled(rows[0], rows[1], order) for order in ((0, 4, 1, 5), (2, 6, 3, 7))]
        halves += [shuffled(rows[2], rows[3], order) for order in ((0, 4, 1, 5), (2, 6, 3, 7))]
        columns = [shuffled(halves[k], halves[k + 2], order) for k in (0, 1) for order in ((0, 1, 4, 5), (2, 3, 6, 7))]
        for number, column in enumerate(columns):
            packed = [4 * (b // 3) + b % 3 for b in range(12)] + [3, 7, 11, 15]
            found = builder.bitcast(column, kind)
            index = builder.add(to, builder.mul(apart, ir.Constant(apart.type, number)))
            place = place_of(context, builder, kinds[3], (target, index), kind)
            builder.store(shuffled(found, found, packed), place, align=1)
        return context.get_dummy_value()

    index = types.intp
    return types.void(source, index, index, target, index, index), codegen


def _halve_rgb(typingctx, source, at, below, line, to) -> Any:
    """Two by eight pixels of three bytes, from `at` and from `below` on, become the means of two by two of them: four
    pixels of float32. Two values behind them are written, too.
    """

    def codegen(context, builder, signature, arguments):
        kinds, half = signature.args, ir.VectorType(_BYTE, 16)
        words, eight = ir.VectorType(ir.IntType(16), 16), ir.VectorType(ir.FloatType(), 8)
        # Four pixels in the first twelve bytes of sixteen, and the next four in the last twelve: no byte more is read.
        pairs = [6 * (k // 6) + 3 * (k % 2) + k % 6 // 2 for k in range(12)] + [12] * 4
        order = [*pairs, *(16 + 4 + k if k < 12 else 16 for k in pairs)]
        total = None
        for begin in arguments[1:3]:
            loads = []
            for offset in (0, 8):
                index = builder.add(begin, ir.Constant(begin.type, offset))
                loads.append(builder.load(place_of(context, builder, kinds[0], (arguments[0], index), half), align=1))
            mask = ir.Constant(ir.VectorType(ir.IntType(32), 32), order)
            found = builder.bitcast(builder.shuffle_vector(*loads, mask), words)
            first = builder.and_(found, ir.Constant(words, [255] * 16))
            both = builder.add(first, builder.lshr(found, ir.Constant(words, [8] * 16)))
            total = both if total is None else builder.add(total, both)
        for part in range(2):
            mask = ir.Constant(ir.VectorType(ir.IntType(32), 8), list(range(8 * part, 8 * part + 8)))
            sums = builder.shuffle_vector(total, ir.Constant(words, ir.Undefined), mask)
            values = builder.sitofp(builder.zext(sums, ir.VectorType(ir.IntType(32), 8)), eight)
            index = builder.add(arguments[4], ir.Constant(arguments[4].type, 6 * part))
            place = place_of(context, builder, kinds[3], (arguments[3], index), eight)
            builder.store(builder.fmul(values, ir.Constant(eight, [0.25] * 8)), place, align=4)
        return context.get_dummy_value()

    index = types.intp
    return types.void(source, index, index, line, index), codegen


def _copy_bytes(typingctx, source, at, target, to, count):
    """`count` bytes from one uint8 buffer to another."""

    def codegen(context, builder, signature, arguments):
        start = place_of(context, builder, signature.args[0], tuple(arguments[:2]), _BYTE)
        end = place_of(context, builder, signature.args[2], tuple(arguments[2:4]), _BYTE)
        cgutils.raw_memcpy(builder, end, start, arguments[4], 1)
        return context.get_dummy_value()

    return types.void(source, types.intp, target, types.intp, types.intp), codegen


def _prefetch(typingctx, source, at):
    """Ask for the bytes around one of them. Processors see for themselves what is read next while rows follow each
    other in the order of memory; for rows read backwards, or in reverse, they do not: 36 us instead of 23 for 224x224x3
    that are mirrored and normalised (benchmarks/singles.py, AMD EPYC Zen 3, November 2026).
    """

    def codegen(context, builder, signature, arguments):
        place = place_of(context, builder, signature.args[0], tuple(arguments), _BYTE)
        kinds = [place.type, *[ir.IntType(32)] * 3]
        function = builder.module.declare_intrinsic(
            "llvm.prefetch", [place.type], ir.FunctionType(ir.VoidType(), kinds)
        )
        builder.call(function, [place, *(ir.Constant(ir.IntType(32), number) for number in (0, 3, 1))])
        return context.get_dummy_value()

    return types.void(source, types.intp), codegen


def _pick8(typingctx, source, places, first, target, to):
    """Eight bytes of a uint8 buffer next to each other: those at the eight uint32 places from `first` on. Written one
    by one they take half as long again.
    """

    def codegen(context, builder, signature, arguments):
        kinds, word, pair = signature.args, ir.IntType(64), ir.IntType(64)
        source, places, first, target, to = arguments
        found = None
        for k in range(0, 8, 2):
            index = builder.add(first, ir.Constant(first.type, k))
            both = builder.load(place_of(context, builder, kinds[1], (places, index), pair), align=4)
            low = builder.and_(both, ir.Constant(word, 2**32 - 1))
            for half, place in enumerate((low, builder.lshr(both, ir.Constant(word, 32)))):
                byte = builder.zext(builder.load(place_of(context, builder, kinds[0], (source, place), _BYTE)), word)
                byte = builder.shl(byte, ir.Constant(word, 8 * (k + half)))
                found = byte if found is None else builder.or_(found, byte)
        builder.store(found, place_of(context, builder, kinds[3], (target, to), word), align=1)
        return context.get_dummy_value()

    return types.void(source, places, types.intp, target, types.intp), codegen


copy_bytes: Any = intrinsic(_copy_bytes)
pick8: Any = intrinsic(_pick8)
swap_rgb: Any = intrinsic(_swap_rgb)
halve_rgb: Any = intrinsic(_halve_rgb)
prefetch: Any = intrinsic(_prefetch)
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


def _pair_blender(taps: int) -> Any:
    """An intrinsic (values, index, index, weights, index, step, line, index): two neighbouring pixels as by `blend1` to
    `blend4`. Each has four weights, of which the first `taps` count, so that one load brings them all: loads are what
    limits this.
    """

    @intrinsic
    def blend(typingctx, values, at, other, weights, first, step, line, to):
        def codegen(context, builder, signature, arguments):
            given, at, other, scales, first, step, out, to = arguments
            kinds, four, eight = signature.args, ir.VectorType(ir.FloatType(), 4), ir.VectorType(ir.FloatType(), 8)

            def mask(lanes):
                return ir.Constant(ir.VectorType(ir.IntType(32), len(lanes)), lanes)

            gains = builder.load(place_of(context, builder, kinds[3], (scales, first), eight), align=4)
            total = None
            for tap in range(taps):
                offset = builder.mul(step, ir.Constant(step.type, tap))
                places = [(given, builder.add(index, offset)) for index in (at, other)]
                pixels = [builder.load(place_of(context, builder, kinds[0], one, four), align=1) for one in places]
                both = builder.shuffle_vector(*pixels, mask(list(range(8))))
                gain = builder.shuffle_vector(gains, ir.Constant(eight, ir.Undefined), mask([tap] * 4 + [4 + tap] * 4))
                product = builder.fmul(both, gain, flags=("contract",))
                total = product if total is None else builder.fadd(total, product, flags=("contract",))
            for half, index in enumerate((to, builder.add(to, step))):
                part = builder.shuffle_vector(
                    total, ir.Constant(eight, ir.Undefined), mask([4 * half + k for k in range(4)])
                )
                builder.store(part, place_of(context, builder, kinds[6], (out, index), four), align=1)
            return context.get_dummy_value()

        index = types.intp
        return types.void(values, index, index, weights, index, index, line, index), codegen

    return blend


pair1, pair2, pair3, pair4 = (_pair_blender(taps) for taps in (1, 2, 3, 4))
blend4 = _blender(4, adds=False)
add1, add4 = (_blender(taps, adds=True) for taps in (1, 4))


@intrinsic
def _blend_pairs(typingctx, values, upper, lower, right, down, line, to):
    """(values, index, index, weight, weight, line, index): two float32 of `line` become the blend of four pairs of
    them: two neighbouring pairs from the first index on, and two from the second; the weights of the pairs behind, and
    of the second index.
    """

    def codegen(context, builder, signature, arguments):
        given, at, below, across, downwards, out, into = arguments
        four, two = ir.VectorType(ir.FloatType(), 4), ir.VectorType(ir.FloatType(), 2)

        def mixed(one, other, weight, kind):
            splat = ir.Constant(kind, ir.Undefined)
            for lane in range(kind.count):
                splat = builder.insert_element(splat, weight, ir.Constant(ir.IntType(32), lane))
            step = builder.fmul(builder.fsub(other, one, flags=("contract",)), splat, flags=("contract",))
            return builder.fadd(one, step, flags=("contract",))

        top, bottom = (
            builder.load(place_of(context, builder, signature.args[0], (given, index), four), align=1)
            for index in (at, below)
        )
        row = mixed(top, bottom, downwards, four)
        left, right = (
            builder.shuffle_vector(row, row, ir.Constant(ir.VectorType(ir.IntType(32), 2), lanes))
            for lanes in ([0, 1], [2, 3])
        )
        place = place_of(context, builder, signature.args[5], (out, into), two)
        builder.store(mixed(left, right, across, two), place, align=1)
        return context.get_dummy_value()

    weight = types.float32
    return types.void(values, types.intp, types.intp, weight, weight, line, types.intp), codegen


blend_pairs: Any = _blend_pairs
