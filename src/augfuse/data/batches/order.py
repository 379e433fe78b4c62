"""The order of samples: which samples a batch has, as a function of (seed, epoch, step), without state."""

from __future__ import annotations

from functools import lru_cache
from typing import final

import msgspec
import numpy as np

from augfuse.algebra.rng import bits, permutation, unit


@final
class Order(msgspec.Struct, frozen=True, eq=False):
    """The batches of every epoch of n samples, as one of `world` equal readers sees them.

    All readers share one global stream of samples. A global batch is the next batch_size * world of them, of which this
    reader takes its part, so that step s of rank r begins at sample (s * world + r) * batch_size. All readers have the
    same number of steps: a last global batch that is not full is shared evenly, and left out where it holds fewer
    samples than there are readers. `start`: the sample of the stream that the first step begins at.
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
        return self.steps()

    def steps(self, start: int = 0) -> int:
        """Steps from sample `start` of the stream to the end of an epoch."""
        whole, rest = divmod(self.n - start, self.batch_size * self.world)
        return whole + (not self.drop_last and rest >= self.world)

    def delivered(self, steps: int, start: int = 0) -> int:
        """How many samples of the stream all readers together have had after so many steps."""
        return min(start + steps * self.batch_size * self.world, self.n)

    def batch(self, epoch: int, step: int, start: int = 0) -> np.ndarray:
        """(k,) int64 positions of an epoch, k <= batch_size: they key the draws."""
        size = self.batch_size * self.world
        block = self.of(epoch)[start + step * size : start + (step + 1) * size]
        parts = (len(block) * r // self.world for r in (self.rank, self.rank + 1))
        return block[slice(*parts)]

    def samples(self, epoch: int, positions: np.ndarray) -> np.ndarray:
        """(k,) int64: the samples at these positions of an epoch. With weights they are drawn: each comes n times its
        share, rounded up or down by chance."""
        if self.sampling is None or not self.shuffle:
            return positions
        share = np.cumsum(self.sampling)
        first = unit(bits(self.seed, epoch, np.zeros(1, np.int64), "sampling"))[0, 0]
        # Not side="left": what has no weight lies where the sum stands still.
        places: np.ndarray = (positions + first) * (share[-1] / self.n)
        found = np.searchsorted(share, places, side="right")
        # Where sums are rounded, a position may lie behind the last sample with a weight.
        return np.minimum(found, np.flatnonzero(self.sampling)[-1])

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
