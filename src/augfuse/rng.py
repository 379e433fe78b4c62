"""Randomness as a function of position: the same (seed, epoch, index, slot) gives the same bits, whoever asks and when.

The generator is Philox4x64-10 with key (seed, slot) and counter (index, epoch, block, 0). A slot is the blake2b-64 of a
path such as "Rotate#0.degrees", so adding a transform to a recipe does not change what the others draw. No state is
kept and no global generator is read or written. Checked in the tests against `numpy.random.Philox`, which increments
its counter once before its first block.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from functools import lru_cache
from hashlib import blake2b
from typing import final

import numpy as np

from augfuse.errors import ImageTypeError, RangeError
from augfuse.ranges import Range, ends, whole
from augfuse.text import shown

_TO_UNIT = 2.0**-53


@lru_cache(maxsize=4096)
def slot(path: str) -> int:
    """The 64-bit slot of a draw's path: blake2b-64 of its UTF-8 bytes, little-endian."""
    return int.from_bytes(blake2b(path.encode(), digest_size=8).digest(), "little")


def fresh_seed() -> int:
    """A 64-bit seed from the operating system."""
    return secrets.randbits(64)


def check_seed(seed: int | None) -> int:
    """The seed itself, or a fresh one for None. Raises RangeError outside 0..2**64 - 1."""
    if seed is None:
        return fresh_seed()
    if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)):
        raise ImageTypeError(f"seed: got {shown(seed)}, wanted a whole number or None.")
    if not 0 <= seed < 2**64:
        raise RangeError(f"seed: got {shown(seed)}, wanted 0..2**64 - 1. Use seed={int(seed) % 2**64}.")
    return int(seed)


def check_epoch(epoch: int) -> int:
    """The epoch as an int; RangeError unless it is a whole number within 0..2**63 - 1."""
    if whole("epoch", epoch, 0) >= 2**63:
        raise RangeError(f"epoch: got {shown(epoch)}, wanted 0..2**63 - 1.")
    return int(epoch)


def bits(seed: int, epoch: int, indices: np.ndarray, path: str, count: int = 1, first: int = 0) -> np.ndarray:
    """(n, 4 * count) uint64: `count` blocks from block `first` for each of the (n,) int64 sample indices."""
    from augfuse.philox import blocks  # compiled on first use, so that importing augfuse does not import Numba

    out = np.empty((len(indices), 4 * count), np.uint64)
    blocks(np.uint64(seed), np.uint64(slot(path)), np.uint64(epoch), np.int64(first), count, indices, out)
    return out


def examples(seed: int, epoch: int, indices: np.ndarray, path: str, count: int = 1) -> np.ndarray:
    """In place of `bits` where any numbers will do: for checks, which should not have to load compiled code."""
    words = b"".join(blake2b(f"{i} {path}".encode(), digest_size=32).digest() * count for i in indices.tolist())
    return np.frombuffer(words, np.uint64).reshape(len(indices), 4 * count)


def unit(words: np.ndarray) -> np.ndarray:
    """float64 in [0, 1) from uint64: the upper 53 bits, as NumPy's Generator.random does."""
    return (words >> np.uint64(11)) * _TO_UNIT


def permutation(seed: int, epoch: int, n: int) -> np.ndarray:
    """(n,) int64: the order of n samples in an epoch, by sorting one keyed word per sample (ties by index)."""
    words = bits(seed, epoch, np.arange(n, dtype=np.int64), "order")[:, 0]
    return np.argsort(words, kind="stable")


@final
class Draw:
    """The draws of one transform for n images. `path` is the transform's place in the recipe, such as "Rotate#0"."""

    __slots__ = ("epoch", "indices", "path", "seed", "words")

    def __init__(
        self, seed: int, epoch: int, indices: np.ndarray, path: str, words: Callable[..., np.ndarray] = bits
    ) -> None:
        self.seed = seed
        self.epoch = epoch
        self.indices = indices
        self.path = path
        self.words = words

    def _words(self, name: str, count: int = 1) -> np.ndarray:
        return self.words(self.seed, self.epoch, self.indices, f"{self.path}.{name}", -(-count // 4))[:, :count]

    def uniform(self, name: str, bounds: Range = (0.0, 1.0)) -> np.ndarray:
        """(n,) float64, uniform in [low, high); equal to low where the bounds are equal."""
        low, high = ends(bounds)
        return low + (high - low) * unit(self._words(name)[:, 0])

    def uniforms(self, name: str, count: int) -> np.ndarray:
        """(n, count) float64, uniform in [0, 1): for draws that are tried several times."""
        return unit(self._words(name, count))

    def integers(self, name: str, low: int, high: int) -> np.ndarray:
        """(n,) int64, uniform over low..high, both included."""
        return low + np.floor(unit(self._words(name)[:, 0]) * (high - low + 1)).astype(np.int64)

    def coin(self, name: str, p: float) -> np.ndarray:
        """(n,) bool, True with probability p."""
        return unit(self._words(name)[:, 0]) < p

    def key(self, name: str) -> np.ndarray:
        """(n, 2) uint64: one 128-bit key per image, for randomness that an executor expands per pixel."""
        return np.ascontiguousarray(self._words(name, 2))
