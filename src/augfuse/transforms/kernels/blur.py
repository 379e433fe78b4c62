"""Gaussian blur of many float32 images of one size: rows first, into a ring of rows, then columns."""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from augfuse.jit import inlined, jit

F = np.float32
_LANES, _VECTORS = 16, 4
_BLOCK = _LANES * _VECTORS  # values that are summed together, in registers
_VECTOR = ir.VectorType(ir.FloatType(), _LANES)
_SAME_LANE = ir.Constant(ir.VectorType(ir.IntType(32), _LANES), [0] * _LANES)
_FLAGS = ("contract", "nsz")


@intrinsic
def _weigh(typingctx, out, to, source, first, at, middle, weights, radius) -> Any:
    """out[to + p] = the sum over j of weights[abs(j)] * source[first + at[middle + j] + p], for a block of p.

    As a loop in Numba the sums go through memory at each tap: twice the time. In registers, for any radius, they need
    an intrinsic.
    """

    def codegen(context, builder, signature, arguments):
        out, to, source, first, at, middle, weights, radius = (
            context.make_array(kind)(context, builder, value).data if isinstance(kind, types.Array) else value
            for kind, value in zip(signature.args, arguments, strict=True)
        )
        one = ir.Constant(radius.type, 1)

        def vector(array, index, k):
            index = builder.add(index, ir.Constant(index.type, k * _LANES))
            return builder.bitcast(builder.gep(array, [index]), _VECTOR.as_pointer())

        def taps(index, k):
            return builder.load(vector(source, index, k), align=4)

        def place(index):
            return builder.add(first, builder.load(builder.gep(at, [builder.add(middle, index)])))

        def weight(index):
            value, undefined = builder.load(builder.gep(weights, [index])), ir.Constant(_VECTOR, ir.Undefined)
            lane = builder.insert_element(undefined, value, ir.Constant(ir.IntType(32), 0))
            return builder.shuffle_vector(lane, undefined, _SAME_LANE)

        sums = [cgutils.alloca_once(builder, _VECTOR) for _ in range(_VECTORS)]
        centre, gain = place(ir.Constant(radius.type, 0)), weight(ir.Constant(radius.type, 0))
        for k, held in enumerate(sums):
            builder.store(builder.fmul(gain, taps(centre, k), flags=_FLAGS), held)
        with cgutils.for_range_slice(builder, one, builder.add(radius, one), one) as (j, _):
            before, behind, gain = place(builder.neg(j)), place(j), weight(j)
            for k, held in enumerate(sums):
                pair = builder.fadd(taps(before, k), taps(behind, k), flags=_FLAGS)
                product = builder.fmul(gain, pair, flags=_FLAGS)
                builder.store(builder.fadd(product, builder.load(held), flags=_FLAGS), held)
        for k, held in enumerate(sums):
            builder.store(builder.load(held), vector(out, to, k), align=4)
        return context.get_dummy_value()

    return types.void(out, types.intp, source, types.intp, at, types.intp, weights, types.intp), codegen


@inlined
def _mirrored(index, n):
    index = index % (2 * n)
    return index if index < n else 2 * n - 1 - index


@inlined
def _weights(sigma, radius, weights):
    total = 1.0
    for j in range(1, radius + 1):
        total += 2.0 * np.exp(-0.5 * (j / sigma) ** 2)
    for j in range(radius + 1):
        weights[j] = F(np.exp(-0.5 * (j / sigma) ** 2) / total)


@jit
def _blur(
    source, images, in_place, height, width, channels, sigmas, radii, padded, ring, rest, across, outside, down, weights
):
    """source, images: flat (n, height, width, channels); they may be the same. The others: see `blur`."""
    row = width * channels
    stride = -(-row // _BLOCK) * _BLOCK
    whole = row // _BLOCK * _BLOCK
    for i in range(radii.shape[0]):
        r = radii[i]
        first = i * height * row
        if r == 0:
            if not in_place:
                to, pixels = images[first : first + height * row], source[first : first + height * row]
                for p in range(height * row):
                    to[p] = pixels[p]
            continue
        _weights(sigmas[i], r, weights)
        kept = min(2 * r + 1, height)
        for j in range(2 * r + 1):
            across[j] = j * channels
        for j in range(r):
            outside[j] = _mirrored(j - r, width) * channels
            outside[r + j] = _mirrored(width + j, width) * channels
        for y in range(height + 2 * r):
            down[y] = _mirrored(y - r, height) % kept * stride
        left = padded[: r * channels]
        inner = padded[r * channels : r * channels + row]
        right = padded[r * channels + row : 2 * r * channels + row]
        done = 0
        for y in range(height):
            # Rows up to y + r are blurred along themselves; row y has been read by then, and may be written.
            while done <= min(y + r, height - 1):
                pixels = source[first + done * row : first + (done + 1) * row]
                for p in range(row):
                    inner[p] = pixels[p]
                for j in range(r):
                    for c in range(channels):
                        left[j * channels + c] = pixels[outside[j] + c]
                        right[j * channels + c] = pixels[outside[r + j] + c]
                to = done % kept * stride
                for p in range(0, row, _BLOCK):
                    _weigh(ring, to + p, padded, p, across, r, weights, r)
                done += 1
            to = first + y * row
            for p in range(0, whole, _BLOCK):
                _weigh(images, to + p, ring, p, down, y + r, weights, r)
            if whole < row:
                _weigh(rest, 0, ring, whole, down, y + r, weights, r)
                end = images[to + whole : to + row]
                for p in range(row - whole):
                    end[p] = rest[p]


def blur(source: np.ndarray, images: np.ndarray, sigmas: np.ndarray, radii: np.ndarray) -> None:
    """images = source, (n, h, w, c), each blurred with its own sigma, cut at its radius; 0: it stays as it is.

    images: float32; they may be the source themselves. The source may be of any dtype.
    """
    _, height, width, channels = images.shape
    r = int(radii.max())
    stride = -(-width * channels // _BLOCK) * _BLOCK
    _blur(
        source.reshape(-1),
        images.reshape(-1),
        source is images,
        height,
        width,
        channels,
        sigmas,
        radii,
        np.zeros(stride + 2 * r * channels, F),  # a row and what is mirrored on both sides
        np.zeros(min(2 * r + 1, height) * stride, F),  # rows that are blurred along themselves
        np.zeros(_BLOCK, F),
        np.empty(2 * r + 1, np.int64),
        np.empty(2 * r, np.int64),
        np.empty(height + 2 * r, np.int64),
        np.empty(r + 1, F),
    )
