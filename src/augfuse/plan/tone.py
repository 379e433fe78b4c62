"""Tones in the numbers that executors take: curves one after the other on values that are clipped first.

A value of a uint8 or uint16 source is taken at the nearest level, so that a curve is a table of 256 or 65 536 levels;
floats pass the function itself.
"""

from __future__ import annotations

from typing import NamedTuple, final

import numpy as np

from augfuse.algebra.traced import is_traced
from augfuse.plan import ops
from augfuse.transforms.base import Params

LEVELS = {np.dtype(np.uint8): 256, np.dtype(np.uint16): 65536}

# Floats within this part of full scale are one value to a stretch: what blends leave of a flat picture differs in its
# last digits, and these are not contrast.
FLAT = 2.0**-18


@final
class Tone(NamedTuple):
    """Curves one after the other. Only the first may be a statistic of the image as it comes in."""

    curves: tuple[ops.Tone, ...]
    low: float  # the value range
    high: float
    levels: int  # 0: floats
    colors: int  # the first channels, on which they act: a fourth one is alpha
    channels: int  # all

    @property
    def statistic(self) -> str | None:
        """What is measured before."""
        return self.curves[0].statistic

    @property
    def is_shared(self) -> bool:
        """Whether all channels of an image have the same table."""
        return self.statistic is None and self.colors == self.channels


def params_of(curve: ops.Tone, start: int, stop: int | None) -> Params:
    """What was drawn for the images start..stop."""
    return {name: values[start:stop] for name, values in curve.params.items()}


def through(tone: Tone, values: np.ndarray, i: int) -> np.ndarray:
    """Values of image i through its curves, but for what is measured."""
    low, span = (values.dtype.type(number) for number in (tone.low, tone.high - tone.low))
    plain = (low, span) == (0, 1)
    for curve in tone.curves:
        values = np.clip(values, low, low + span)
        values = np.rint(values) if tone.levels else values
        if curve.active[i] and curve.statistic is None:
            unit = values.ravel() if plain else np.clip((values.ravel() - low) / span, 0, 1)
            found = curve.curve(params_of(curve, i, i + 1), unit, tone.levels)[0]
            found = found if plain else low + span * found
            values = found.astype(values.dtype, copy=False).reshape(values.shape)
            values = np.rint(values) if tone.levels else values
    return values


def tables(tone: Tone, start: int, stop: int | None) -> np.ndarray:
    """(n, levels) float64: the levels that the curves make of each level, but for what is measured, in the images from
    start on, up to stop."""
    levels = np.rint(np.clip(np.arange(tone.levels, dtype=np.float64), tone.low, tone.high))
    unit = np.clip((levels - tone.low) / (tone.high - tone.low), 0, 1)
    found: np.ndarray | None = None
    for curve in tone.curves:
        active = curve.active[start:stop]
        if curve.statistic is not None or not (is_traced(active) or active.any()):
            continue
        made = curve.curve(params_of(curve, start, stop), unit, tone.levels)
        made = np.rint(tone.low + (tone.high - tone.low) * made)
        made = np.where(active[:, None], made, levels)
        found = made if found is None else np.take_along_axis(made, found.astype(np.int64), axis=1)
    return np.broadcast_to(levels, (len(tone.curves[0].active[start:stop]), tone.levels)) if found is None else found
