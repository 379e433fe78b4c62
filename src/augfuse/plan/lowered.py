"""A plan in the numbers that an executor takes: the only thing that executors, and `augfuse.keras`, hand to kernels.

Values are at the image's own scale. Arrays have n first. An absent part is None.
"""

from __future__ import annotations

from typing import Literal, NamedTuple, TypeAlias, final

import numpy as np

from augfuse.geometry import Canvas
from augfuse.plan.ops import Local

# The last two follow SciPy, for `augfuse.keras`: from the centre of the first to that of the last pixel, period n - 1.
Border: TypeAlias = Literal["nearest", "reflect", "wrap", "constant", "wrap_centres", "constant_centres"]


@final
class Sampling(NamedTuple):
    """Where output pixels come from."""

    matrices: np.ndarray  # (n, 6) float64: output to source, or to the reduced source where there is one
    reduced: Canvas | None  # the sizes to average the source down to first
    border: Border
    nearest: bool  # the nearest pixel, instead of bilinear


@final
class Pass(NamedTuple):
    """One pass over the pixels."""

    size: Canvas  # of what comes out
    sampling: Sampling | None = None  # None: every pixel stays where it is
    color: np.ndarray | None = None  # (n, 3, 4) float64 on the first three channels; for images of 3 and 4 channels
    gain: np.ndarray | None = None  # (n, 2) float64: the same gain and offset for all channels; for other images
    mean_gain: np.ndarray | None = None  # (n, 3): added per unit of the grey mean of what comes in, above `low`
    fills: np.ndarray | None = None  # (n, c) float64: what surrounds the source, as the colours leave it


@final
class Output(NamedTuple):
    """What is done while the batch is written: clip to low..high, times scale plus bias, dtype; then mean 0 and
    standard deviation 1 for the images of `standardize`."""

    low: float
    high: float
    scale: np.ndarray  # (n, c) float64
    bias: np.ndarray  # (n, c) float64
    dtype: np.dtype
    standardize: np.ndarray | None = None  # (n,) bool


LoweredStep: TypeAlias = Pass | Local


@final
class Lowered(NamedTuple):
    """A plan of n images as executors take it."""

    channels: int
    low: float  # the value range
    high: float
    steps: tuple[LoweredStep, ...]
    size: Canvas  # of what comes out
    output: Output

    def __len__(self) -> int:  # type: ignore[override]  # of images, not of fields
        return len(self.size.height)
