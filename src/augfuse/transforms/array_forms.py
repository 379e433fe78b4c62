"""What a Local or a Tone is, for executors that repeat it in array operations and cannot call its functions.

A form holds what follows from the recipe alone; what is drawn comes with the numbers of the plan, under the names that
are given here. Forms are hashable, and equal only to those of the same class: compiled programs are told apart by them.
"""

from __future__ import annotations

from typing import TypeAlias, final

import msgspec


@final
class Paint(msgspec.Struct, frozen=True):
    """Paint the rectangle `part` (left, top, width, height) of each image, as far as it lies in it."""

    colors: tuple[float, ...]  # one, or one for each channel


@final
class Blur(msgspec.Struct, frozen=True):
    """Convolve with a Gaussian of standard deviation `sigma`, cut at 4 sigma; borders mirror."""

    most: float  # the largest sigma


@final
class Noise(msgspec.Struct, frozen=True):
    """Add `std` times the normal quantiles of the words that `key` gives."""


@final
class Finish(msgspec.Struct, frozen=True):
    """Clip to the value range and, of whole numbers, round."""


@final
class Power(msgspec.Struct, frozen=True):
    """Values to the power of `gamma`."""


@final
class Negative(msgspec.Struct, frozen=True):
    """One minus the value, from `threshold` on."""


@final
class Steps(msgspec.Struct, frozen=True):
    """The highest `bits` of each value."""


@final
class Lines(msgspec.Struct, frozen=True):
    """Straight lines between points."""

    points: tuple[tuple[float, float], ...]


LocalForm: TypeAlias = Paint | Blur | Noise | Finish
ToneForm: TypeAlias = Power | Negative | Steps | Lines
