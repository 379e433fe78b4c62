"""Which samples make up which batch: a function of (seed, epoch, step), without state."""

from __future__ import annotations

from functools import lru_cache
from typing import final

import msgspec
import numpy as np

from augfuse.rng import permutation


@final
class Order(msgspec.Struct, frozen=True):
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

    def __len__(self) -> int:
        """Steps of an epoch."""
        whole, rest = divmod(self.n, self.batch_size * self.world)
        return whole + (not self.drop_last and rest >= self.world)

    def batch(self, epoch: int, step: int) -> np.ndarray:
        """(k,) int64 positions in the source, k <= batch_size."""
        size = self.batch_size * self.world
        block = self.of(epoch)[step * size : (step + 1) * size]
        parts = (len(block) * r // self.world for r in (self.rank, self.rank + 1))
        return block[slice(*parts)]

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
