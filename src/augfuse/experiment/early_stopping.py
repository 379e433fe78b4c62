"""When to stop and when to learn slower, from the validation loss: plain numbers, so that a run can be resumed."""

from __future__ import annotations

import math
from dataclasses import dataclass

# As keras.callbacks.ReduceLROnPlateau: a smaller gain is none.
_LEAST_GAIN = 1e-4


@dataclass(frozen=True, slots=True)
class Watch:
    """The least loss so far, the epoch it was seen in (-1: none yet), and how many epochs have passed without gain."""

    best: float = math.inf
    epoch: int = -1
    waited: int = 0

    def stopping(self, epoch: int, loss: float) -> Watch:
        """After an epoch, as keras.callbacks.EarlyStopping counts: any smaller loss is a gain. NaN is none."""
        return Watch(loss, epoch) if loss < self.best else Watch(self.best, self.epoch, self.waited + 1)

    def slowing(self, epoch: int, loss: float, patience: int) -> tuple[Watch, bool]:
        """After an epoch, as keras.callbacks.ReduceLROnPlateau counts; and whether the learning rate is due to fall."""
        if loss < self.best - _LEAST_GAIN:
            return Watch(loss, epoch), False
        waited = self.waited + 1
        due = waited >= patience
        return Watch(self.best, self.epoch, 0 if due else waited), due
