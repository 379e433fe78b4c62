"""Philox4x64-10 in words of 32 bits, on the tensors of a framework: the bits of `augfuse.algebra.rng`, also where a
program is compiled and knows only the shapes.

JAX has no integers of 64 bits unless it is told to, and Keras' operations cast those of TensorFlow to 32 bits. So a
word of 64 bits is two, low half first, and a product of 32-bit words is made of 16-bit halves, whose products and sums
fit: 0xFFFE0001 + 2 * 0xFFFF = 2**32 - 1. PyTorch has no whole set of unsigned operations: there a word is an int64 that
is masked after each sum.

Keys follow from the seed and the recipe, which a program is compiled for, and so does the key of each round. Epochs and
indices may be tensors.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

_MASK = 0xFFFFFFFF
_MULTIPLIERS = (0xD2E7470EE14C6C93, 0xCA5A826395121157)
_WEYL = np.array([0x9E3779B97F4A7C15, 0xBB67AE8584CAA73B], np.uint64)
_ROUNDS = 10


def halves(values: Any) -> np.ndarray:
    """(2, ...) uint32 of whole numbers of up to 64 bits: low halves, then high ones."""
    wide = np.asarray(values, np.uint64)
    return np.stack([wide & np.uint64(_MASK), wide >> np.uint64(32)]).astype(np.uint32)


def words(ops: Any, seed: int, slots: np.ndarray, blocks: np.ndarray, epoch: Any, indices: Any) -> Any:
    """(4, 2, s, n): the four words of each of s blocks at n positions, each in two halves, low first.

    ops: those of a framework, see `ops`. seed: a Python integer. slots: (s,) uint64, blocks: (s,) the number of each
    block. epoch: (2,), indices: (2, n) words of 32 bits, low halves first: arrays, or tensors of `ops.bits`.
    """
    keys = np.array([np.full(len(slots), seed, np.uint64), slots])  # (2, s)
    indices, epoch = ops.bits(indices), ops.bits(epoch)
    nothing = indices[:, None, :] ^ indices[:, None, :]  # (2, 1, n) zeros, of the number of positions that they are for
    nothing = nothing + ops.bits(np.zeros((2, len(slots), 1), np.uint32))
    c = [
        nothing + indices[:, None, :],
        nothing + epoch[:, None, None],
        nothing + ops.bits(halves(blocks)[:, :, None]),
        nothing,
    ]
    with np.errstate(over="ignore"):
        of_rounds = [halves(keys + np.uint64(k) * _WEYL[:, None])[:, :, :, None] for k in range(_ROUNDS)]
    return _mixed(ops, c, map(ops.bits, of_rounds))


def keyed(ops: Any, keys: Any, count: int) -> Any:
    """(4, 2, count, n): the words of the blocks 1 to `count` of n keys: those of `numpy.random.Philox(key=...)`.

    keys: (n, 4) halves of the two words of each key, low ones first; a tensor.
    """
    keys = ops.bits(keys)
    key = [ops.stack([keys[:, half], keys[:, 2 + half]], 0)[:, None, :] for half in range(2)]  # (key, 1, n) each
    nothing = ops.stack(key, 0)[:, 0] ^ ops.stack(key, 0)[:, 0]  # (2, 1, n)
    nothing = nothing + ops.bits(np.zeros((2, count, 1), np.uint32))
    counters = nothing + ops.bits(halves(np.arange(1, count + 1))[:, :, None])
    return _mixed(ops, [counters, nothing, nothing, nothing], _schedule(ops, *key))


def _schedule(ops: Any, low: Any, high: Any) -> Iterator[Any]:
    """(half, key, 1, n): the keys of the rounds."""
    step_low, step_high = (ops.bits(half[:, None, None]) for half in halves(_WEYL))
    for _ in range(_ROUNDS):
        yield ops.stack([low, high], 0)
        low, carried = _sum(ops, low, step_low)
        high, _ = _sum(ops, high, step_high)
        high, _ = _sum(ops, high, carried)


def _mixed(ops: Any, c: list[Any], of_rounds: Iterable[Any]) -> Any:
    """Counters (2, s, n) each, low half first, through the rounds with keys that broadcast to (half, key, s, n)."""
    multipliers = ops.bits(np.stack([halves(m) for m in _MULTIPLIERS])[:, None, :, None, None])
    for key in of_rounds:
        low, high = _products(ops, ops.stack([c[0], c[2]]), multipliers)  # (multiplier, half, s, n) each
        c = [high[1] ^ c[1] ^ key[:, 0], low[1], high[0] ^ c[3] ^ key[:, 1], low[0]]
    return ops.stack(c)


def unit(ops: Any, word: Any) -> Any:
    """float32 in [0, 1) of words (2, ...): the upper 24 bits of the host's 53, so that it is at most 2**-24 below."""
    return ops.cast(ops.right(word[1], 8), "float32") * 2.0**-24


def below(ops: Any, word: Any, p: float) -> Any:
    """Whether the host's `unit(word) < p`, exactly: its 53 bits are compared as whole numbers."""
    least = math.ceil(p * 2.0**53) << 11
    if least >> 64:
        return word[1] == word[1]
    low, high = (ops.bits(half) for half in halves(least))
    return (word[1] < high) | ((word[1] == high) & (word[0] < low))


def _products(ops: Any, c: Any, multipliers: Any) -> tuple[Any, Any]:
    """Low and high words of c (multiplier, half, s, n) times the multipliers, each of two halves."""
    low, high = _times(ops, c[:, :, None], multipliers)  # (multiplier, half of c, half of the multiplier, s, n)
    r1, one = _sum(ops, high[:, 0, 0], low[:, 0, 1])
    r1, two = _sum(ops, r1, low[:, 1, 0])
    r2, three = _sum(ops, high[:, 0, 1], high[:, 1, 0])
    r2, four = _sum(ops, r2, low[:, 1, 1])
    r2, five = _sum(ops, r2, one + two)
    r3 = high[:, 1, 1] + three + four + five  # the product has 128 bits: this cannot overflow
    return ops.stack([low[:, 0, 0], r1], 1), ops.stack([r2, r3], 1)


def _times(ops: Any, a: Any, b: Any) -> tuple[Any, Any]:
    """Low and high words of products of words of 32 bits."""
    if ops.masks:  # an int64 wraps: shifted and masked, its upper half is that of the product
        product = a * b
        return product & _MASK, ops.right(product, 32) & _MASK
    half = ops.bits(0xFFFF)
    a0, a1, b0, b1 = a & half, ops.right(a, 16), b & half, ops.right(b, 16)
    least, side = a0 * b0, a1 * b0
    middle = ops.right(least, 16) + (side & half) + a0 * b1
    high = a1 * b1 + ops.right(side, 16) + ops.right(middle, 16)
    return ops.left(middle, 16) | (least & half), high


def _sum(ops: Any, a: Any, b: Any) -> tuple[Any, Any]:
    """The sum of words of 32 bits, and what is carried."""
    total = (a + b) & _MASK if ops.masks else a + b
    return total, ops.bits(total < a)
