"""What compat="strict" decides otherwise: two tables of functions, one of Keras' decisions, one of the mended ones."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, TypeAlias, final

import numpy as np

from augfuse.errors import ImageError
from augfuse.keras.generator.draws import Parameters, keyed, streamed
from augfuse.keras.generator.matrices import affine_matrix, as_keras
from augfuse.keras.generator.options import Options
from augfuse.keras.generator.resample import Maps, has_ties, spline_order
from augfuse.keras.generator.steps import EIGHT_BIT, SCALED, Finish, Pixels
from augfuse.warn_once import warn_once

Brightened: TypeAlias = tuple[Finish, np.ndarray | None]  # steps, and the factors that the warp multiplies by
_F = np.float32


@final
class Mode(NamedTuple):
    """draw: (options, key, epoch, indices, height, width) -> parameters, None where nothing is random.

    maps: (parameters, height, width, border mode, nearest) -> (n, 2, 3), and the maps of pixels on a discontinuity.
    brighten: (options, pixels, steps, factors) -> steps with brightness, and what is left.
    spreads: (shape got, shape wanted, channel axis) -> whether an array of the one stands for an image of the other.
    refuse: (generator, message), where a function leaves what is not an image. fuses: whether rescale and featurewise
    statistics may be part of the write, as one multiplication.
    """

    draw: Callable[[Options, int, int, np.ndarray, int, int], Parameters | None]
    maps: Callable[[Parameters, int, int, int, bool], tuple[np.ndarray, Maps | None]]
    brighten: Callable[[Options, Pixels, Finish, np.ndarray], Brightened]
    spreads: Callable[[tuple[int, ...], tuple[int, ...], int], bool]
    refuse: Callable[[object, str], None]
    fuses: bool


def mode_of(options: Options) -> Mode:
    """The decisions for a batch."""
    return STRICT if options.compat == "strict" else MENDED


def _maps_as_keras(p: Parameters, height: int, width: int, mode: int, nearest: bool) -> tuple[np.ndarray, Maps | None]:
    maps = as_keras(p, height, width)
    return maps, Maps(maps, p.flip_vertical, p.flip_horizontal) if has_ties(mode, nearest) else None


def _brighten_in_bytes(options: Options, pixels: Pixels, before: Finish, factors: np.ndarray) -> Brightened:
    if pixels.shape[2] not in (1, 3, 4):
        raise ImageError(
            f"brightness_range: got images with {pixels.shape[2]} channels, wanted 1, 3 or 4 with compat='strict', "
            "which goes through 8-bit pictures as Keras does. Leave compat out."
        )
    # What is whole in float64, as SciPy computes it, may be a little lower in float32. Splines are SciPy's own, and
    # order 0 copies.
    rounding = before.rounding if spline_order(options.interpolation_order) == 1 else _F(0)
    return before._replace(brightness=EIGHT_BIT, factors=factors, rounding=rounding), None


def _brighten_in_range(options: Options, pixels: Pixels, before: Finish, factors: np.ndarray) -> Brightened:
    if not before.acts:
        return before, factors
    return before._replace(brightness=SCALED, factors=factors, low=_F(pixels.low), high=_F(pixels.high)), None


def _spreads_as_numpy(got: tuple[int, ...], wanted: tuple[int, ...], axis: int) -> bool:
    try:
        return np.broadcast_shapes(got, wanted) == wanted
    except ValueError:
        return False


def _raise(generator: object, message: str) -> None:
    raise ImageError(message)


STRICT = Mode(
    draw=lambda options, key, epoch, indices, height, width: streamed(options, len(indices), height, width),
    maps=_maps_as_keras,
    brighten=_brighten_in_bytes,
    spreads=_spreads_as_numpy,
    refuse=warn_once,
    fuses=False,
)
MENDED = Mode(
    draw=lambda options, *of_batch: keyed(options, *of_batch) if options.random() else None,
    maps=lambda p, height, width, mode, nearest: (affine_matrix(p, height, width), None),
    brighten=_brighten_in_range,
    spreads=lambda got, wanted, axis: got == (*wanted[:axis], 1, *wanted[axis + 1 :]),
    refuse=_raise,
    fuses=True,
)
