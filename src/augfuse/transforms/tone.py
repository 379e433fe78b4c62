"""Tone transforms: a curve that every value passes. On uint8 they are as Pillow defines them.

Values are clipped to the value range first. Curves in a row are one; before geometry they act on the values of the
source, so that nothing is blended first.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, final

import numpy as np

from augfuse.algebra.ranges import Interval, Points, Range
from augfuse.transforms.array_forms import Lines, Negative, Power, Steps
from augfuse.transforms.base import Evaluation, Params, Probability, Tone

_BITS = Interval("bits that stay", "bits", 1, 8, "exact", "Whole bits: (4, 8) keeps 4 to 8.", integer=True)


@final
class Gamma(Tone, frozen=True):
    """A power of the value: v' = v ** gamma; below 1 is brighter.

    Source: torchvision adjust_gamma.
    """

    gamma: Annotated[Range, Interval("exponent; 1 changes nothing", "times", 0.01, 100, "factor")] = (0.8, 1.25)
    examples: ClassVar = ({"gamma": (0.8, 1.25)}, {"gamma": (2.2, 2.2)})

    def form(self) -> Power:
        return Power()

    def curve(self, params: Params, values: np.ndarray, levels: int) -> np.ndarray:
        gamma = params["gamma"][:, None].astype(values.dtype)
        if levels or values.dtype != np.float32:
            return values**gamma
        with np.errstate(divide="ignore"):  # the power of 0 is 0; NumPy's own takes twice as long
            return np.exp(np.log(values) * gamma)


@final
class Solarize(Tone, frozen=True, kw_only=True):
    """The negative of all values from a threshold on.

    Source: PIL.ImageOps.solarize.
    """

    threshold: Annotated[
        Range, Interval("value from which on it is inverted", "fraction of full scale", 0, 1, "exact", neutral=1)
    ] = (0.5, 1.0)
    p: Probability = 0.5
    examples: ClassVar = ({}, {"threshold": 0.3, "p": 1.0})

    def form(self) -> Negative:
        return Negative()

    def curve(self, params: Params, values: np.ndarray, levels: int) -> np.ndarray:
        bright = values >= params["threshold"][:, None].astype(values.dtype)
        return values + bright * (1 - 2 * values)  # np.where takes three times as long


@final
class Posterize(Tone, frozen=True, kw_only=True):
    """Keep the highest bits of each value, of 2 to 256 steps.

    Source: PIL.ImageOps.posterize; floats as in torchvision: floor(v 2^bits) / 2^bits, the brightest step included.
    """

    bits: Annotated[Range, _BITS] = (4, 8)
    p: Probability = 0.5
    examples: ClassVar = ({}, {"bits": (3, 3), "p": 1.0})

    def form(self) -> Steps:
        return Steps()

    def curve(self, params: Params, values: np.ndarray, levels: int) -> np.ndarray:
        steps = np.exp2(params["bits"])[:, None].astype(values.dtype)
        if not levels:
            return np.minimum(np.floor(values * steps), steps - 1) / steps
        width = levels / steps
        return np.floor(np.rint(values * (levels - 1)) / width) * width / (levels - 1)


@final
class ToneCurve(Tone, frozen=True):
    """Values through straight lines between `points` (x, y), both within 0..1 of full scale, from x = 0 to x = 1.

    With p=1 it is kept in evaluation. Source: numpy.interp.
    """

    points: Annotated[tuple[tuple[float, float], ...], Points("points (x, y) of the curve", "fractions")] = (
        (0, 0),
        (0.25, 0.2),
        (0.75, 0.8),
        (1, 1),
    )
    examples: ClassVar = ({}, {"points": ((0, 0.9), (0.5, 0.1), (1, 0.6)), "p": 0.7})
    evaluation: ClassVar[Evaluation] = "counterpart"

    def form(self) -> Lines:
        return Lines(tuple((float(x), float(y)) for x, y in self.points))

    def curve(self, params: Params, values: np.ndarray, levels: int) -> np.ndarray:
        points: list[np.ndarray] = list(np.array(self.points).T)
        return np.interp(values, points[0], points[1])[None]


@final
class AutoContrast(Tone, frozen=True):
    """Stretch each channel so that its darkest value becomes 0 and its brightest 1.

    With p=1 it is kept in evaluation. Source: PIL.ImageOps.autocontrast.
    """

    examples: ClassVar = ({}, {"p": 0.6})
    evaluation: ClassVar[Evaluation] = "counterpart"
    statistic: ClassVar = "range"

    def curve(self, params: Params, values: np.ndarray, levels: int) -> np.ndarray:
        return values[None]


@final
class Equalize(Tone, frozen=True):
    """Spread the values of each channel so that all levels come about equally often.

    With p=1 it is kept in evaluation. Floats are taken at 65 536 levels. Source: PIL.ImageOps.equalize.
    """

    examples: ClassVar = ({}, {"p": 0.6})
    evaluation: ClassVar[Evaluation] = "counterpart"
    statistic: ClassVar = "histogram"

    def curve(self, params: Params, values: np.ndarray, levels: int) -> np.ndarray:
        return values[None]
