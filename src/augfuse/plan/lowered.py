"""A lowered plan: the numbers that executors take, as records. Arrays have n first. An absent part is None."""

from __future__ import annotations

import math
from typing import Literal, NamedTuple, TypeAlias, final

import msgspec
import numpy as np

from augfuse.algebra.geometry import Canvas
from augfuse.plan.bends import Bend
from augfuse.plan.ops import Grid, Local
from augfuse.plan.settings import Interpolation
from augfuse.plan.tone import Tone

# What shrinks by more than this along an axis is averaged over the area that it covers. A little above 1.5, so that 9
# pixels made 6 are not more than 1.5 times as many by the last digit of an inverse.
REDUCE_ABOVE = 1.5 + 2.0**-30

# The last two follow SciPy, for `augfuse.keras`: from the centre of the first to that of the last pixel, period n - 1.
Border: TypeAlias = Literal["nearest", "reflect", "wrap", "constant", "wrap_centres", "constant_centres"]


@final
class Sampling(NamedTuple):
    """Where output pixels come from: through the bends one after the other, then the matrices."""

    matrices: np.ndarray  # (n, 6) float64: output to source, or to the reduced source where there is one
    reduced: Canvas | None  # the sizes to average the source down to first
    border: Border
    interpolation: Interpolation = "bilinear"
    grid: Grid = "free"  # where pixels may go, by the classes of the transforms
    bends: tuple[Bend, ...] = ()  # perspectives and displacement fields

    @property
    def averages_above(self) -> float:
        """An axis that shrinks by more is averaged over what an output pixel covers."""
        return averages_above(self.interpolation, self.grid)


def averages_above(interpolation: Interpolation, grid: Grid) -> float:
    """How much an axis may shrink and is not averaged. "area" averages at every scale where rows stay rows, also where
    a pixel covers a part of another; elsewhere what shrinks at all is reduced. "nearest" takes values as they are, such
    as class numbers.
    """
    if interpolation == "nearest":
        return math.inf
    if interpolation == "area":
        return 1.0 if grid == "free" else 0.0
    return REDUCE_ABOVE


@final
class Pass(NamedTuple):
    """One pass over the pixels."""

    size: Canvas  # of what comes out
    sampling: Sampling | None = None  # None: every pixel stays where it is
    color: np.ndarray | None = None  # (n, 3, 4) float64 on the first three channels, of images of 3 and 4 channels
    gain: np.ndarray | None = None  # (n, 2) float64: the same gain and offset for all channels
    mean_gain: np.ndarray | None = None  # (n, 3): added per unit of the grey mean of what comes in, above `low`
    fills: np.ndarray | None = None  # (n, c) float64: what surrounds the source, as the colours leave it
    before: Tone | None = None  # on the values that come in, before they are averaged and blended
    after: Tone | None = None  # on those that colours and fills left


@final
class Output(msgspec.Struct, frozen=True, eq=False):
    """What is done while the batch is written: clip to low..high, times scale plus bias, dtype; then mean 0 and
    standard deviation 1 for the images of `standardize`."""

    low: float
    high: float
    scale: np.ndarray  # (n, c) float64
    bias: np.ndarray  # (n, c) float64
    dtype: np.dtype
    standardize: np.ndarray | None = None  # (n,) bool
    plain: bool = False  # whole numbers that are written as they come


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
