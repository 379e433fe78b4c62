"""Philox4x64-10 (Salmon, Moraes, Dror, Shaw: Parallel random numbers: as easy as 1, 2, 3; SC11), compiled."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from augfuse.jit import inlined, jit, jit_exact

U = np.uint64
Word: TypeAlias = int | np.integer[Any]
_M0 = U(0xD2E7470EE14C6C93)
_M1 = U(0xCA5A826395121157)
_W0 = U(0x9E3779B97F4A7C15)
_W1 = U(0xBB67AE8584CAA73B)
_11 = U(11)
_TO_UNIT = 2.0**-53


def _product_code(typingctx, a, b) -> Any:
    """The upper and the lower 64 bits of a 64 x 64 bit product: one instruction, where halves of 32 bits need ten."""

    def codegen(context, builder, signature, arguments):
        wide, word = ir.IntType(128), ir.IntType(64)
        product = builder.mul(*(builder.zext(value, wide) for value in arguments))
        high = builder.trunc(builder.lshr(product, ir.Constant(wide, 64)), word)
        return context.make_tuple(builder, signature.return_type, (high, builder.trunc(product, word)))

    return types.UniTuple(types.uint64, 2)(types.uint64, types.uint64), codegen


_product: Any = intrinsic(_product_code)


@inlined
def block(seed: Word, slot: Word, epoch: Word, block: Word, index: Word) -> tuple[U, U, U, U]:
    """The four words of Philox(key=(seed, slot), counter=(index, epoch, block, 0))."""
    c0 = U(index)
    c1 = U(epoch)
    c2 = U(block)
    c3 = U(0)
    k0 = U(seed)
    k1 = U(slot)
    for _ in range(10):
        h0, l0 = _product(_M0, c0)
        h1, l1 = _product(_M1, c2)
        c0 = h1 ^ c1 ^ k0
        c1 = l1
        c2 = h0 ^ c3 ^ k1
        c3 = l0
        k0 += _W0
        k1 += _W1
    return c0, c1, c2, c3


@jit
def blocks(seed: Word, slot: Word, epoch: Word, first: int, count: int, indices: np.ndarray, out: np.ndarray) -> None:
    """out[i, 4 * b : 4 * b + 4] = the block first + b of position indices[i], for b < count."""
    for i in range(indices.shape[0]):
        for b in range(count):
            w = block(seed, slot, epoch, first + b, indices[i])
            out[i, 4 * b] = w[0]
            out[i, 4 * b + 1] = w[1]
            out[i, 4 * b + 2] = w[2]
            out[i, 4 * b + 3] = w[3]


@jit
def first_words(seed: Word, slot: Word, epoch: Word, out: np.ndarray) -> None:
    """out[i] = the first word of block 0 of position i."""
    for i in range(out.shape[0]):
        out[i] = block(seed, slot, epoch, 0, i)[0]


@jit
def sort_words(words: np.ndarray, shift: U, ends: np.ndarray, keys: np.ndarray, order: np.ndarray) -> None:
    """order = the stable order of n words, which are spread evenly over all 64 bits: buckets by their upper bits, which
    hold a few words each, then each bucket by insertion.

    shift: how many lower bits a bucket leaves out. ends: zeros, one more than there are buckets. keys: scratch (n,).
    """
    n = words.shape[0]
    for i in range(n):
        ends[(words[i] >> shift) + U(1)] += 1
    for b in range(1, ends.shape[0]):
        ends[b] += ends[b - 1]
    for i in range(n):
        b = words[i] >> shift
        at = ends[b]
        keys[at], order[at] = words[i], i
        ends[b] = at + 1  # in the end: where the bucket ends
    start = 0
    for b in range(ends.shape[0] - 1):
        stop = ends[b]
        for i in range(start + 1, stop):
            key, index = keys[i], order[i]
            j = i
            while j > start and keys[j - 1] > key:
                keys[j], order[j] = keys[j - 1], order[j - 1]
                j -= 1
            keys[j], order[j] = key, index
        start = stop


@jit_exact
def blocks_of_slots(
    seed: Word, slots: np.ndarray, counts: np.ndarray, epoch: Word, indices: np.ndarray, ranges: np.ndarray,
    words: np.ndarray, units: np.ndarray,
) -> None:  # fmt: skip
    """The first counts[s] blocks of each slot, one below the other: four rows of `words` (rows, n) for each block.

    units (2, rows, n): the upper 53 bits of each word as a float64 in [0, 1), and low + width * that; ranges (2, rows):
    low and width.
    """
    row = 0
    for s in range(slots.shape[0]):
        for b in range(counts[s]):
            for i in range(indices.shape[0]):
                w = block(seed, slots[s], epoch, b, indices[i])
                for k in range(4):
                    words[row + k, i] = w[k]
            row += 4
    for r in range(row):
        for i in range(indices.shape[0]):
            units[0, r, i] = np.float64(np.int64(words[r, i] >> _11)) * _TO_UNIT
            units[1, r, i] = ranges[0, r] + ranges[1, r] * units[0, r, i]
