"""What is done while the batch is written: one gain and offset per channel, folded into the last pass. Comes last,
once.
"""

from __future__ import annotations

import os
from typing import Annotated, ClassVar, final

import numpy as np

from augfuse.algebra.ranges import Numbers, per_channel
from augfuse.errors import DataError
from augfuse.statistics import Statistics, as_statistics
from augfuse.transforms.base import Write
from augfuse.warn_once import warn

_IMAGENET_MEAN = (0.485, 0.456, 0.406)
_IMAGENET_STD = (0.229, 0.224, 0.225)
_MEAN = Numbers("per-channel mean to subtract, as a fraction of full scale", "fraction of full scale")
_STD = Numbers(
    "per-channel standard deviation to divide by, as a fraction of full scale", "fraction of full scale", positive=True
)
_BEYOND_DOUBT = 2.0  # a mean of fractions of full scale lies in 0..1


def _fractions(values: np.ndarray, full: int) -> str:
    shown = ", ".join(f"{value / full:.4g}" for value in values)
    return shown if len(values) == 1 else f"({shown})"


@final
class Normalize(Write, frozen=True):
    """(x / full scale - mean) / std, per channel; float32 out.

    The defaults are ImageNet's.
    """

    mean: Annotated[tuple[float, ...] | float, _MEAN] = _IMAGENET_MEAN
    std: Annotated[tuple[float, ...] | float, _STD] = _IMAGENET_STD
    examples: ClassVar = ({}, {"mean": 0.5, "std": 0.5}, {"mean": (0.4, 0.5, 0.6), "std": (0.2, 0.3, 0.25)})

    @staticmethod
    def from_stats(source: Statistics | str | os.PathLike[str]) -> Normalize:
        """With the mean and standard deviation of a data set: of `data.statistics()`, or of the file that its `save`
        wrote. DataNotFoundError, DataError (another file; a channel that is the same everywhere)."""
        found = as_statistics(source)
        constant = [channel for channel, spread in enumerate(found.std) if spread == 0]
        if constant:
            raise DataError(
                f"Normalize.from_stats: channel {constant[0]} has one value in all images, which nothing can be "
                "divided by. Look at the images, or type the standard deviation: af.Normalize(mean=..., std=...)."
            )
        return Normalize(mean=found.mean, std=found.std)

    def check(self) -> None:
        """Warn of a mean in the units of pixels. Only warn: a converted generator may be written down so."""
        mean, std = np.atleast_1d(self.mean), np.atleast_1d(self.std)
        largest = np.abs(mean).max()
        if largest <= _BEYOND_DOUBT:
            return
        full = 255 if largest <= 255 else 65535
        proposed = f"mean={_fractions(mean, full)}, std={_fractions(std, full)}"
        warn(
            f"Normalize.mean: got {self.mean}, wanted fractions of full scale: images are brought to 0..1 before the "
            f"mean is subtracted. Divide by {full}: af.Normalize({proposed})"
        )

    def scale(self, channels: int, low: float, high: float) -> tuple[np.ndarray, np.ndarray]:
        mean = per_channel("Normalize.mean", self.mean, channels)
        std = per_channel("Normalize.std", self.std, channels)
        gain = 1 / ((high - low) * std)
        return gain, -low * gain - mean / std


@final
class ToFloat(Write, frozen=True):
    """Scale the value range to [0, 1]; float32 out."""

    def scale(self, channels: int, low: float, high: float) -> tuple[np.ndarray, np.ndarray]:
        gain = np.full(channels, 1 / (high - low))
        return gain, -low * gain


@final
class PerImageStandardize(Write, frozen=True):
    """(x - mean) / max(std, 1 / sqrt(h w c)) with the mean and standard deviation of the whole output; float32 out.

    Source: tf.image.per_image_standardization.
    """

    standardizes: ClassVar[bool] = True

    def scale(self, channels: int, low: float, high: float) -> tuple[np.ndarray, np.ndarray]:
        return np.ones(channels), np.zeros(channels)
