"""Colour transforms: one 3x4 matrix per image on values in [0, 1], neighbours multiplied without a clip in between.

Factors are multiples (1 changes nothing); luma is ITU-R BT.601. The clip to the value range happens once, at the write.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, final

import numpy as np

from augfuse.algebra import color_matrices
from augfuse.algebra.ranges import Choice, Interval, Range, ends
from augfuse.algebra.rng import Draw
from augfuse.transforms.base import Color, Evaluation, Params, Probability

_FACTOR = Interval("factor; 1 changes nothing", "times", 0, 100, "factor")
_TURNS = Interval("turn about the grey axis", "turns", -1, 1)


@final
class Brightness(Color, frozen=True):
    """Multiply: v' = factor v.

    Source: torchvision adjust_brightness.
    """

    factor: Annotated[Range, _FACTOR] = (0.8, 1.2)
    mixes_channels: ClassVar[bool] = False
    examples: ClassVar = ({"factor": (0.8, 1.2)}, {"factor": (1.7, 1.7)})

    def matrix(self, params: Params, n: int) -> np.ndarray:
        return color_matrices.uniform(params["factor"])


@final
class Contrast(Color, frozen=True):
    """Stretch about a pivot: v' = factor v + (1 - factor) pivot.

    pivot "mid" is the middle of the value range, the same for all images. pivot "mean" is the grey mean of the current
    image (torchvision adjust_contrast), a statistic: it ends the fused pass before it.
    """

    factor: Annotated[Range, _FACTOR] = (0.8, 1.2)
    pivot: Annotated[Literal["mid", "mean"], Choice("the value that stays as it is", ("mid", "mean"))] = "mid"
    mixes_channels: ClassVar[bool] = False
    examples: ClassVar = ({"factor": (0.8, 1.2)}, {"factor": (0.5, 1.5), "pivot": "mean"})

    def matrix(self, params: Params, n: int) -> np.ndarray:
        factor = params["factor"]
        return color_matrices.uniform(factor, 0.5 * (1 - factor) if self.pivot == "mid" else 0.0)

    def mean_gain(self, params: Params) -> np.ndarray | None:
        return np.repeat(1 - params["factor"], 3).reshape(-1, 3) if self.pivot == "mean" else None


@final
class Saturation(Color, frozen=True):
    """Mix with luma: v' = factor v + (1 - factor) luma.

    Source: torchvision adjust_saturation.
    """

    factor: Annotated[Range, _FACTOR] = (0.8, 1.2)
    examples: ClassVar = ({"factor": (0.8, 1.2)}, {"factor": (0, 0)})

    def matrix(self, params: Params, n: int) -> np.ndarray:
        one = np.ones(n)
        return color_matrices.jitter(one, one, params["factor"], np.zeros(n))


@final
class Hue(Color, frozen=True):
    """Turn the colours about the grey axis, luma kept.

    Source: rotation of (I, Q) in YIQ, as tf.image did before HSV.

    One turn is the full circle, + goes from red to green to blue. Differs from a turn in HSV (torchvision), which keeps
    max and min instead of luma.
    """

    turns: Annotated[Range, _TURNS] = (-0.05, 0.05)
    examples: ClassVar = ({"turns": (-0.05, 0.05)}, {"turns": (0.5, 0.5)})

    def matrix(self, params: Params, n: int) -> np.ndarray:
        one = np.ones(n)
        return color_matrices.jitter(one, one, one, params["turns"])


@final
class ColorJitter(Color, frozen=True):
    """Brightness, contrast (about mid-range), saturation, hue, in that fixed order, as one matrix."""

    brightness: Annotated[Range, _FACTOR] = (0.8, 1.2)
    contrast: Annotated[Range, _FACTOR] = (0.8, 1.2)
    saturation: Annotated[Range, _FACTOR] = (0.8, 1.2)
    hue: Annotated[Range, _TURNS] = (-0.05, 0.05)
    examples: ClassVar = ({}, {"brightness": 0.4, "contrast": 0.4, "saturation": 0.4, "hue": 0.1})

    def matrix(self, params: Params, n: int) -> np.ndarray:
        return color_matrices.jitter(params["brightness"], params["contrast"], params["saturation"], params["hue"])


@final
class Grayscale(Color, frozen=True, kw_only=True):
    """Every channel becomes luma; the number of channels stays.

    With p=1 it is kept in evaluation.
    """

    p: Probability = 0.1
    examples: ClassVar = ({}, {"p": 1.0})
    evaluation: ClassVar[Evaluation] = "counterpart"

    def matrix(self, params: Params, n: int) -> np.ndarray:
        return color_matrices.grayscale(n)


@final
class ChannelShift(Color, frozen=True):
    """Add a number to each channel, drawn for each channel on its own."""

    shift: Annotated[Range, Interval("value added to each channel", "fraction of full scale", -1, 1)] = (-0.1, 0.1)
    examples: ClassVar = ({"shift": (-0.1, 0.1)}, {"shift": 0.4})

    def draw(self, draw: Draw) -> Params:
        low, high = ends(self.shift)
        return {"shift": low + (high - low) * draw.uniforms("shift", 3)}

    def matrix(self, params: Params, n: int) -> np.ndarray:
        return color_matrices.shift(params["shift"])


@final
class Invert(Color, frozen=True, kw_only=True):
    """The negative: v' = 1 - v.

    With p=1 it is kept in evaluation.
    """

    p: Probability = 0.5
    mixes_channels: ClassVar[bool] = False
    examples: ClassVar = ({}, {"p": 1.0})
    evaluation: ClassVar[Evaluation] = "counterpart"

    def matrix(self, params: Params, n: int) -> np.ndarray:
        return color_matrices.uniform(np.full(n, -1.0), 1.0)
