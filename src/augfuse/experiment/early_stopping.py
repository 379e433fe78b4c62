"""Early stopping and reduction of the learning rate from the validation loss, as plain numbers that a resume
restores."""

from __future__ import annotations

import math
from dataclasses import dataclass

# As keras.callbacks.ReduceLROnPlateau: a smaller gain is none.
_LEAST_GAIN = 1e-4


@dataclass(frozen=True, slots=True)
class Watch:
    """The lowest loss so far, its epoch (-1: none yet), and the number of epochs since without improvement."""

    best: float = math.inf
    epoch: int = -1
    waited: int = 0

    def stopping(self, epoch: int, loss: float) -> Watch:
        """Update after an epoch, as keras.callbacks.EarlyStopping does: any lower loss is an improvement; NaN is
        not."""
        return Watch(loss, epoch) if loss < self.best else Watch(self.best, self.epoch, self.waited + 1)

    def slowing(self, epoch: int, loss: float, patience: int) -> tuple[Watch, bool]:
        """Update after an epoch, as keras.callbacks.ReduceLROnPlateau does; also whether the learning rate must
        fall."""
        if loss < self.best - _LEAST_GAIN:
            return Watch(loss, epoch), False
        waited = self.waited + 1
        due = waited >= patience
        return Watch(self.best, self.epoch, 0 if due else waited), due
