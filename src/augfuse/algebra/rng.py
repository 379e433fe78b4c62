"""Randomness as a function of position: the same (seed, epoch, index, slot) gives the same bits, in any order.

The generator is Philox4x64-10 with key (seed, slot) and counter (index, epoch, block, 0). A slot is the blake2b-64 of a
path such as "Rotate#0.degrees", so adding a transform to a recipe does not change what the others draw. No state is
kept and no global generator is read or written. Checked in the tests against `numpy.random.Philox`, which increments
its counter once before its first block.
"""

from __future__ import annotations

import operator
import secrets
from contextlib import suppress
from functools import cache, lru_cache
from hashlib import blake2b
from typing import Any, NamedTuple, final

import numpy as np

from augfuse.algebra.ranges import Range, ends, whole
from augfuse.errors import ImageTypeError, RangeError
from augfuse.text import shown

_TO_UNIT = 2.0**-53
# From this many samples on an order is sorted by buckets: 10 000 000 take 0.7 s, NumPy's stable sort of 64-bit numbers
# 2.0 (benchmarks/scaling.py, AMD EPYC Zen 3, November 2026). Below, that sort is at hand without compiling one.
_FEW = 2**16


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
    """The epoch as an int; RangeError unless it is a whole number within 0..2**63 - 1, also as an array or a tensor of
    one number."""
    if getattr(epoch, "ndim", None) == 0 and "bool" not in str(getattr(epoch, "dtype", "")):
        with suppress(TypeError):  # of floats, and of numbers that are not known yet
            epoch = operator.index(epoch)
    if whole("epoch", epoch, 0) >= 2**63:
        raise RangeError(f"epoch: got {shown(epoch)}, wanted 0..2**63 - 1.")
    return int(epoch)


@cache
def _compiled() -> Any:
    """The compiled generator. It is loaded on first use: importing it imports Numba."""
    from augfuse.algebra import philox

    return philox


def bits(seed: int, epoch: int, indices: np.ndarray, path: str, count: int = 1, first: int = 0) -> np.ndarray:
    """(n, 4 * count) uint64: `count` blocks from block `first` for each of the (n,) int64 sample indices."""
    out = np.empty((len(indices), 4 * count), np.uint64)
    _compiled().blocks(np.uint64(seed), np.uint64(slot(path)), np.uint64(epoch), np.int64(first), count, indices, out)
    return out


def unit(words: np.ndarray) -> np.ndarray:
    """float64 in [0, 1) from uint64: the upper 53 bits, as NumPy's Generator.random does."""
    return (words >> np.uint64(11)) * _TO_UNIT


def permutation(seed: int, epoch: int, n: int) -> np.ndarray:
    """(n,) int64: the order of n samples in an epoch, by sorting one keyed word per sample (ties by index)."""
    from augfuse.algebra.philox import first_words, sort_words  # compiled on first use

    words = np.empty(n, np.uint64)
    first_words(np.uint64(seed), np.uint64(slot("order")), np.uint64(epoch), words)
    if n < _FEW:
        return np.argsort(words, kind="stable")
    bits_of_bucket = max(1, n.bit_length() - 3)  # 4 to 8 words in each
    order = np.empty(n, np.int64)
    sort_words(
        words,
        np.uint64(64 - bits_of_bucket),
        np.zeros((1 << bits_of_bucket) + 1, np.int64),
        np.empty_like(words),
        order,
    )
    return order


class _Known(NamedTuple):
    """What a recipe is known to draw: the rows of each path; slots and numbers of blocks, one entry for each path; and
    what turns the units of each row into values of its range."""

    rows: dict[str, slice]
    slots: np.ndarray  # uint64
    blocks: np.ndarray  # int64
    ranges: np.ndarray  # (2, rows) float64: low ends and widths
    uniform: dict[str, tuple[Range, int]]  # path -> its range, and the row that holds its values


_NOTHING = _Known({}, np.empty(0, np.uint64), np.empty(0, np.int64), np.empty((2, 0)), {})


@final
class Slots:
    """Which words the draws of one recipe need. Learnt while it draws for the first time; from then on the words of
    all its draws are computed in one call. form: what else is known of it, see `plan.draw`.
    """

    __slots__ = ("form", "known")

    def __init__(self) -> None:
        self.known = _NOTHING  # replaced as a whole, so that threads may share it
        self.form: object = None

    def learn(self, path: str, count: int, bounds: Range | None) -> None:
        """`count` words are needed at this path; `bounds`: they are drawn uniformly between these."""
        known, blocks = self.known, -(-count // 4)
        low, high = (0.0, 1.0) if bounds is None else ends(bounds)
        first = known.ranges.shape[1]
        self.known = _Known(
            {**known.rows, path: slice(first, first + 4 * blocks)},
            np.append(known.slots, np.uint64(slot(path))),
            np.append(known.blocks, blocks),
            np.concatenate([known.ranges, np.full((4 * blocks, 2), (low, high - low)).T], axis=1),
            known.uniform if bounds is None else {**known.uniform, path: (bounds, first)},
        )


@final
class Words:
    """The random words of n positions (seed, epoch, indices), by path."""

    __slots__ = ("_known", "_slots", "_units", "_values", "_words", "epoch", "indices", "seed")

    def __init__(self, seed: int, epoch: int, indices: np.ndarray, slots: Slots | None = None) -> None:
        self.seed = seed
        self.epoch = epoch
        self.indices = indices
        self._slots = slots
        self._known = known = _NOTHING if slots is None else slots.known
        if known.rows:
            shape = known.ranges.shape[1], len(indices)
            self._words, units = np.empty(shape, np.uint64), np.empty((2, *shape))
            _compiled().blocks_of_slots(
                np.uint64(seed), known.slots, known.blocks, np.uint64(epoch), indices, known.ranges, self._words, units
            )
            self._units, self._values = units

    def words(self, path: str, count: int) -> np.ndarray:
        """(count, n) uint64."""
        rows = self._rows(path, count)
        return self._computed(path, count, None) if rows is None else self._words[rows]

    def key(self, path: str) -> np.ndarray:
        """(n, 2) uint64."""
        return np.ascontiguousarray(self.words(path, 2).T)

    def units(self, path: str, count: int) -> np.ndarray:
        """(count, n) float64, uniform in [0, 1)."""
        rows = self._rows(path, count)
        return unit(self._computed(path, count, None)) if rows is None else self._units[rows]

    def below(self, path: str, p: float) -> np.ndarray:
        """(n,) bool: whether a unit is below p."""
        return self.units(path, 1)[0] < p

    def uniform(self, path: str, bounds: Range) -> np.ndarray:
        """(n,) float64, uniform in [low, high)."""
        known = self._known.uniform.get(path)
        if known is not None and known[0] == bounds:
            return self._values[known[1]]
        low, high = ends(bounds)
        rows = self._rows(path, 1)
        units = unit(self._computed(path, 1, bounds)) if rows is None else self._units[rows]
        return low + (high - low) * units[0]

    def _rows(self, path: str, count: int) -> slice | None:
        rows = self._known.rows.get(path)
        return None if rows is None or rows.stop - rows.start < count else slice(rows.start, rows.start + count)

    def _computed(self, path: str, count: int, bounds: Range | None) -> np.ndarray:
        if self._slots is not None and path not in self._slots.known.rows:
            self._slots.learn(path, count, bounds)
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
        return self.words.uniform(f"{self.path}.{name}", bounds)

    def uniforms(self, name: str, count: int) -> np.ndarray:
        """(n, count) float64, uniform in [0, 1): for draws that are tried several times."""
        return self.words.units(f"{self.path}.{name}", count).T

    def integers(self, name: str, low: int, high: int) -> np.ndarray:
        """(n,) int64, uniform over low..high, both included."""
        unit_values = self.words.units(f"{self.path}.{name}", 1)[0]
        return low + np.floor(unit_values * (high - low + 1)).astype(np.int64)

    def coin(self, name: str, p: float) -> np.ndarray:
        """(n,) bool, True with probability p."""
        return self.words.below(f"{self.path}.{name}", p)

    def key(self, name: str) -> np.ndarray:
        """(n, 2) uint64: one 128-bit key per image, for randomness that an executor expands per pixel."""
        return self.words.key(f"{self.path}.{name}")
