"""Randomness as a function of position: the same (seed, epoch, index, slot) gives the same bits, whoever asks and when.

The generator is Philox4x64-10 with key (seed, slot) and counter (index, epoch, block, 0). A slot is the blake2b-64 of a
path such as "Rotate#0.degrees", so adding a transform to a recipe does not change what the others draw. No state is
kept and no global generator is read or written. Checked in the tests against `numpy.random.Philox`, which increments
its counter once before its first block.
"""

from __future__ import annotations

import secrets
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


def unit(words: np.ndarray) -> np.ndarray:
    """float64 in [0, 1) from uint64: the upper 53 bits, as NumPy's Generator.random does."""
    return (words >> np.uint64(11)) * _TO_UNIT


def permutation(seed: int, epoch: int, n: int) -> np.ndarray:
    """(n,) int64: the order of n samples in an epoch, by sorting one keyed word per sample (ties by index)."""
    words = bits(seed, epoch, np.arange(n, dtype=np.int64), "order")[:, 0]
    return np.argsort(words, kind="stable")


@final
class Slots:
    """Which words the draws of one recipe need. Learnt while it draws for the first time; from then on the words of
    all its draws are computed in one call.
    """

    __slots__ = ("known",)

    def __init__(self) -> None:
        # path -> its rows; the slots and numbers of blocks as arrays; replaced as a whole, so that threads may share it
        self.known: tuple[dict[str, slice], np.ndarray, np.ndarray] = (
            {},
            np.empty(0, np.uint64),
            np.empty(0, np.int64),
        )

    def learn(self, path: str, count: int) -> None:
        """`count` blocks are needed at this path."""
        rows, slots, counts = self.known
        first = 4 * int(counts.sum())
        rows = {**rows, path: slice(first, first + 4 * count)}
        self.known = rows, np.append(slots, np.uint64(slot(path))), np.append(counts, count)


@final
class Words:
    """The random words of n positions (seed, epoch, indices), by path."""

    __slots__ = ("_rows", "_units", "_words", "epoch", "indices", "seed", "slots")

    def __init__(self, seed: int, epoch: int, indices: np.ndarray, slots: Slots | None = None) -> None:
        self.seed = seed
        self.epoch = epoch
        self.indices = indices
        self.slots = slots
        self._rows: dict[str, slice] = {}
        if slots is not None and slots.known[0]:
            from augfuse.philox import blocks_of_slots

            self._rows, numbers, counts = slots.known
            self._words = np.empty((4 * int(counts.sum()), len(indices)), np.uint64)
            blocks_of_slots(np.uint64(seed), numbers, counts, np.uint64(epoch), indices, self._words)
            self._units = unit(self._words)

    def words(self, path: str, count: int) -> np.ndarray:
        """(count, n) uint64."""
        rows = self._rows.get(path)
        if rows is not None and rows.stop - rows.start >= count:
            return self._words[rows.start : rows.start + count]
        return self._computed(path, count)

    def units(self, path: str, count: int) -> np.ndarray:
        """(count, n) float64, uniform in [0, 1)."""
        rows = self._rows.get(path)
        if rows is not None and rows.stop - rows.start >= count:
            return self._units[rows.start : rows.start + count]
        return unit(self._computed(path, count))

    def _computed(self, path: str, count: int) -> np.ndarray:
        if self.slots is not None:
            self.slots.learn(path, -(-count // 4))
        return np.ascontiguousarray(bits(self.seed, self.epoch, self.indices, path, -(-count // 4))[:, :count].T)


@final
class Draw:
    """The draws of one transform for n images. `path` is the transform's place in the recipe, such as "Rotate#0".

    labels: (n,), one class number or name for each image, or None. classes: the names of the class numbers, or None.
    """

    __slots__ = ("classes", "labels", "path", "words")

    def __init__(
        self, words: Words, path: str, labels: np.ndarray | None = None, classes: tuple[str, ...] | None = None
    ) -> None:
        self.words = words
        self.path = path
        self.labels = labels
        self.classes = classes

    def __len__(self) -> int:
        return len(self.words.indices)

    def uniform(self, name: str, bounds: Range = (0.0, 1.0)) -> np.ndarray:
        """(n,) float64, uniform in [low, high); equal to low where the bounds are equal."""
        low, high = ends(bounds)
        return low + (high - low) * self.words.units(f"{self.path}.{name}", 1)[0]

    def uniforms(self, name: str, count: int) -> np.ndarray:
        """(n, count) float64, uniform in [0, 1): for draws that are tried several times."""
        return self.words.units(f"{self.path}.{name}", count).T

    def integers(self, name: str, low: int, high: int) -> np.ndarray:
        """(n,) int64, uniform over low..high, both included."""
        unit_values = self.words.units(f"{self.path}.{name}", 1)[0]
        return low + np.floor(unit_values * (high - low + 1)).astype(np.int64)

    def coin(self, name: str, p: float) -> np.ndarray:
        """(n,) bool, True with probability p."""
        return self.words.units(f"{self.path}.{name}", 1)[0] < p

    def key(self, name: str) -> np.ndarray:
        """(n, 2) uint64: one 128-bit key per image, for randomness that an executor expands per pixel."""
        return np.ascontiguousarray(self.words.words(f"{self.path}.{name}", 2).T)
