"""Which samples make up which batch: a function of (seed, epoch, step), without state."""

from __future__ import annotations

from functools import lru_cache
from typing import final

import msgspec
import numpy as np

from augfuse.rng import bits, permutation, unit


@final
class Order(msgspec.Struct, frozen=True, eq=False):
    """The batches of every epoch of n samples, as one of `world` equal readers sees them.

    A global batch has batch_size * world samples, of which this reader takes its part. All readers have the same number
    of steps; where the last global batch holds fewer samples than there are readers, it is left out.
    """

    n: int
    batch_size: int
    seed: int
    shuffle: bool
    drop_last: bool = False
    rank: int = 0
    world: int = 1
    sampling: np.ndarray | None = None  # (n,): how often each sample is drawn where an epoch is shuffled

    def __len__(self) -> int:
        """Steps of an epoch."""
        whole, rest = divmod(self.n, self.batch_size * self.world)
        return whole + (not self.drop_last and rest >= self.world)

    def batch(self, epoch: int, step: int) -> np.ndarray:
        """(k,) int64 positions of an epoch, k <= batch_size: they key the draws."""
        size = self.batch_size * self.world
        block = self.of(epoch)[step * size : (step + 1) * size]
        parts = (len(block) * r // self.world for r in (self.rank, self.rank + 1))
        return block[slice(*parts)]

    def samples(self, epoch: int, positions: np.ndarray) -> np.ndarray:
        """(k,) int64: which samples these positions of an epoch hold: themselves, or those that were drawn for them by
        their weights, each n times its share, rounded up or down by chance."""
        if self.sampling is None or not self.shuffle:
            return positions
        share = np.cumsum(self.sampling)
        first = unit(bits(self.seed, epoch, np.zeros(1, np.int64), "sampling"))[0, 0]
        # Not side="left": what has no weight lies where the sum stands still.
        found = np.searchsorted(share, (positions + first) * (share[-1] / self.n), side="right")
        return np.minimum(found, self._last)

    @property
    def _last(self) -> int:
        """The last sample with a weight: where sums are rounded, a position may lie behind them all."""
        assert self.sampling is not None
        return int(np.flatnonzero(self.sampling)[-1])

    def of(self, epoch: int) -> np.ndarray:
        """(n,) int64: all positions of an epoch, in its order."""
        if not self.shuffle:
            return np.arange(self.n, dtype=np.int64)
        return _shuffled(self.seed, epoch, self.n)


@lru_cache(maxsize=4)
def _shuffled(seed: int, epoch: int, n: int) -> np.ndarray:
    order = permutation(seed, epoch, n)
    order.flags.writeable = False
    return order
