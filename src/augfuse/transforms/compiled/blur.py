"""Gaussian blur of many images of one size: rows first, into a ring of rows, then columns."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from augfuse.jit import inlined, jit
from augfuse.transforms.compiled.convert_values import put

F = np.float32
_LANES, _HALF, _VECTORS = 16, 8, 4
_BLOCK = _LANES * _VECTORS  # values of a row that are summed together, in registers
_PAIR = _HALF * _VECTORS  # of each of two rows
_INT = ir.IntType(32)
_VECTOR = ir.VectorType(ir.FloatType(), _LANES)
_FLAGS = ("contract", "nsz")
_build: Any = cgutils  # Numba gives it no types


def _data(context: Any, builder: Any, signature: Any, arguments: Any) -> Iterator[Any]:
    """The arguments of an intrinsic, with pointers to the values in place of arrays."""
    for kind, value in zip(signature.args, arguments, strict=True):
        array = isinstance(kind, types.Array)
        yield context.make_array(kind)(context, builder, value).data if array else value


def _vector(builder: Any, array: Any, index: Any, k: int, lanes: int = _LANES) -> Any:
    """Where the k-th vector from an index on lies."""
    pointer = builder.gep(array, [builder.add(index, ir.Constant(index.type, k * lanes))])
    return builder.bitcast(pointer, ir.VectorType(ir.FloatType(), lanes).as_pointer())


def _spread(builder: Any, array: Any, index: Any, lanes: int = _LANES) -> Any:
    """One value in all lanes."""
    undefined = ir.Constant(ir.VectorType(ir.FloatType(), lanes), ir.Undefined)
    first = builder.insert_element(undefined, builder.load(builder.gep(array, [index])), ir.Constant(_INT, 0))
    return builder.shuffle_vector(first, undefined, ir.Constant(ir.VectorType(_INT, lanes), [0] * lanes))


def _add_product(builder: Any, held: Any, gain: Any, values: Any) -> None:
    product = builder.fmul(gain, values, flags=_FLAGS)
    builder.store(builder.fadd(product, builder.load(held), flags=_FLAGS), held)


# As loops in Numba the sums go through memory at each tap: twice the time. Intrinsics keep them in registers, for any
# radius.
def _weigh_code(typingctx: Any, out: Any, to: Any, source: Any, first: Any, at: Any, weights: Any, radius: Any) -> Any:
    """out[to + p] = sum over j of weights[1 + radius + j] * source[first + at[radius + j] + p], for a block of p."""

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        out, to, source, first, at, weights, radius = _data(context, builder, signature, arguments)
        zero, one = ir.Constant(radius.type, 0), ir.Constant(radius.type, 1)

        def taps(j: Any, k: int) -> Any:
            index = builder.add(first, builder.load(builder.gep(at, [builder.add(radius, j)])))
            return builder.load(_vector(builder, source, index, k), align=4)

        sums = [_build.alloca_once(builder, _VECTOR) for _ in range(_VECTORS)]
        gain = _spread(builder, weights, builder.add(radius, one))
        for k, held in enumerate(sums):
            builder.store(builder.fmul(gain, taps(zero, k), flags=_FLAGS), held)
        with _build.for_range_slice(builder, one, builder.add(radius, one), one) as (j, _):
            gain = _spread(builder, weights, builder.add(builder.add(radius, j), one))
            for k, held in enumerate(sums):
                pair = builder.fadd(taps(builder.neg(j), k), taps(j, k), flags=_FLAGS)
                _add_product(builder, held, gain, pair)
        for k, held in enumerate(sums):
            builder.store(builder.load(held), _vector(builder, out, to, k), align=4)
        return context.get_dummy_value()

    return types.void(out, types.intp, source, types.intp, at, weights, types.intp), codegen


_weigh: Any = intrinsic(_weigh_code)


def _weigh_two_code(
    typingctx: Any, out: Any, to: Any, apart: Any, source: Any, first: Any, at: Any, top: Any, weights: Any, radius: Any
) -> Any:
    """The same for out[to + p], whose first tap is at[top], and for out[to + apart + p], whose taps begin one later.

    Each tap is read once for both, which pays where the rows that are read do not fit into the L1 cache.
    """

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        out, to, apart, source, first, at, top, weights, radius = _data(context, builder, signature, arguments)
        one, two = ir.Constant(radius.type, 1), ir.Constant(radius.type, 2)
        vector = ir.VectorType(ir.FloatType(), _HALF)
        sums = [[_build.alloca_once(builder, vector) for _ in range(_VECTORS)] for _ in range(2)]
        for held in (*sums[0], *sums[1]):
            builder.store(ir.Constant(vector, [0.0] * _HALF), held)
        with _build.for_range(builder, builder.add(builder.mul(two, radius), two)) as loop:
            index = builder.add(first, builder.load(builder.gep(at, [builder.add(top, loop.index)])))
            gains = [_spread(builder, weights, j, _HALF) for j in (builder.add(loop.index, one), loop.index)]
            for k in range(_VECTORS):
                values = builder.load(_vector(builder, source, index, k, _HALF), align=4)
                for gain, row in zip(gains, sums, strict=True):
                    _add_product(builder, row[k], gain, values)
        for begin, row in zip((to, builder.add(to, apart)), sums, strict=True):
            for k, held in enumerate(row):
                builder.store(builder.load(held), _vector(builder, out, begin, k, _HALF), align=4)
        return context.get_dummy_value()

    index = types.intp
    return types.void(out, index, index, source, index, at, index, weights, index), codegen


_weigh_two: Any = intrinsic(_weigh_two_code)


@inlined
def _mirrored(index: int, n: int) -> int:
    index = index % (2 * n)
    return index if index < n else 2 * n - 1 - index


@inlined
def _weights(sigma: float, radius: int, weights: np.ndarray) -> None:
    """Those of the taps, with a zero before the first and one behind the last."""
    weights[0] = weights[2 * radius + 2] = 0
    total = 0.0
    for j in range(-radius, radius + 1):
        total += np.exp(-0.5 * (j / sigma) ** 2)
    for j in range(-radius, radius + 1):
        weights[radius + 1 + j] = F(np.exp(-0.5 * (j / sigma) ** 2) / total)


@jit
def _blur(
    source: np.ndarray, images: np.ndarray, in_place: bool, floats: np.ndarray, height: int, width: int, channels: int,
    sigmas: np.ndarray, radii: np.ndarray, padded: np.ndarray, ring: np.ndarray, rest: np.ndarray, across: np.ndarray,
    outside: np.ndarray, down: np.ndarray, weights: np.ndarray,
) -> None:  # fmt: skip
    """source, images: flat (n, height, width, channels); they may be the same. floats: what is written to, the images,
    or two rows that become bytes. The others: see `blur`."""
    row = apart = width * channels
    stride = -(-row // _BLOCK) * _BLOCK
    whole = row // _PAIR * _PAIR if height > 1 else 0
    to_bytes = images.itemsize == 1  # known when this is compiled
    for i in range(radii.shape[0]):
        r = radii[i]
        first = i * height * row
        if r == 0:
            if not in_place:
                put(source, first, images, first, height * row)
            continue
        _weights(sigmas[i], r, weights)
        kept = min(2 * r + 2, height)
        for j in range(2 * r + 1):
            across[j] = j * channels
        for j in range(r):
            outside[j] = _mirrored(j - r, width) * channels
            outside[r + j] = _mirrored(width + j, width) * channels
        for y in range(height + 2 * r + 1):
            down[y] = _mirrored(y - r, height) % kept * stride
        left = padded[: r * channels]
        inner = padded[r * channels : r * channels + row]
        right = padded[r * channels + row : 2 * r * channels + row]
        done = 0
        for pair in range(0, height, 2):
            y = max(min(pair, height - 2), 0)  # where the height is odd, a row comes out twice, the same both times
            # Rows up to y + 1 + r are blurred along themselves. Rows y and y + 1 have been read by then, and may be
            # written.
            while done <= min(y + 1 + r, height - 1):
                pixels = source[first + done * row : first + (done + 1) * row]
                for p in range(row):
                    inner[p] = pixels[p]
                for j in range(r):
                    for c in range(channels):
                        left[j * channels + c] = pixels[outside[j] + c]
                        right[j * channels + c] = pixels[outside[r + j] + c]
                to = done % kept * stride
                for p in range(0, row, _BLOCK):
                    _weigh(ring, to + p, padded, p, across, weights, r)
                done += 1
            to = first + y * row
            begin = 0 if to_bytes else to
            for p in range(0, whole, _PAIR):
                _weigh_two(floats, begin + p, apart, ring, p, down, y, weights, r)
            for p in range(whole, row, _PAIR):
                _weigh_two(rest, 0, _PAIR, ring, p, down, y, weights, r)
                for q in range(min(_PAIR, row - p)):
                    floats[begin + p + q] = rest[q]
                    if height > 1:
                        floats[begin + apart + p + q] = rest[_PAIR + q]
            if to_bytes:
                put(floats, 0, images, to, row)
                put(floats, apart, images, to + apart, row if height > 1 else 0)


def blur(source: np.ndarray, images: np.ndarray, sigmas: np.ndarray, radii: np.ndarray) -> None:
    """images = source, (n, h, w, c), each blurred with its own sigma, cut at its radius; 0: it stays as it is.

    images: float32, and they may be the source themselves; or bytes. The source may be of any dtype.
    """
    _, height, width, channels = map(int, images.shape)
    r, flat = int(radii.max()), images.reshape(-1)
    stride = -(-width * channels // _BLOCK) * _BLOCK
    _blur(
        source.reshape(-1),
        flat,
        source is images,
        flat if images.dtype == F else np.zeros(2 * width * channels, F),  # two finished rows
        height,
        width,
        channels,
        sigmas,
        radii,
        _aligned(stride + 2 * r * channels),  # a row and what is mirrored on both sides
        _aligned(min(2 * r + 2, height) * stride),  # rows that are blurred along themselves
        np.zeros(2 * _PAIR, F),
        np.empty(2 * r + 1, np.int64),
        np.empty(2 * r, np.int64),
        np.empty(height + 2 * r + 1, np.int64),
        np.empty(2 * r + 3, F),
    )


def _aligned(count: int) -> np.ndarray:
    """Zeros that begin where a line of the caches does."""
    values = np.zeros(count + 16, F)
    begin = -values.ctypes.data % 64 // 4
    return values[begin : begin + count]
