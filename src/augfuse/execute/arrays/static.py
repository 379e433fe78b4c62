"""What a program of the array executor is specialised on: plain values, hashable, nothing that differs from image to
image.

It follows from the recipe and from the size, the channels and the dtype of the images, but for `averages`: whether
something shrinks so much that it is averaged follows from what was drawn.
"""

from __future__ import annotations

from typing import NamedTuple, TypeAlias, final

from augfuse.plan.lowered import Border
from augfuse.plan.ops import Grid
from augfuse.transforms.array_forms import LocalForm, ToneForm


@final
class StaticBend(NamedTuple):
    """A map to a canvas of this size, and the lattice of a field there."""

    projective: bool
    height: int
    width: int
    rows: int = 0  # of the points of a field; 0: there is none
    columns: int = 0
    smooth: bool = False


@final
class StaticSampling(NamedTuple):
    """Where output pixels come from."""

    border: Border
    taps: int  # along each axis: 1, 2 or 4
    grid: Grid
    bends: tuple[StaticBend, ...]
    averages: bool  # averaged before, or along rows and columns
    above: float  # an axis that shrinks by more is averaged
    rounds: bool  # whether what is averaged becomes whole numbers


@final
class StaticCurve(NamedTuple):
    """A curve of floats, or what is measured in each image."""

    form: ToneForm | None
    statistic: str | None


@final
class StaticTone(NamedTuple):
    """Curves one after the other. Those of levels are one table, but for what is measured."""

    levels: int  # 0: floats
    colors: int
    curves: tuple[StaticCurve, ...]


@final
class StaticPass(NamedTuple):
    """A pass of the plan."""

    height: int
    width: int
    sampling: StaticSampling | None
    color: bool  # whether there is a matrix
    gain: bool
    mean: bool
    fills: bool
    before: StaticTone | None
    after: StaticTone | None


@final
class StaticLocal(NamedTuple):
    """A Local step."""

    form: LocalForm


StaticStep: TypeAlias = StaticPass | StaticLocal


@final
class Static(NamedTuple):
    """The program of a plan. Two plans with equal ones run through the same compiled function."""

    height: int  # of what comes in
    width: int
    channels: int
    dtype: str
    low: float
    high: float
    steps: tuple[StaticStep, ...]
    out_height: int
    out_width: int
    out_dtype: str
    standardizes: bool

    @property
    def whole(self) -> bool:
        """Whether the images are of whole numbers."""
        return self.dtype.startswith("uint")
