"""Pixels through maps from output to input, as `scipy.ndimage.affine_transform` does it per channel, borders included.

Orders 0 (nearest) and 1 (bilinear) are one compiled pass; splines of order 2 to 5 are SciPy's.
"""

from __future__ import annotations

import math
import numbers
from typing import NamedTuple, final

import numpy as np

from augfuse.algebra.geometry import Canvas
from augfuse.errors import MissingExtraError, RangeError
from augfuse.execute.cpu.kernel_arguments import Target
from augfuse.execute.cpu.run import BORDERS, Work, flat, run, target_of, work_of
from augfuse.keras.generator.boundary import Maps, has_ties, settle
from augfuse.keras.generator.kernels import finish
from augfuse.keras.generator.matrices import to_engine
from augfuse.keras.generator.records import Finish
from augfuse.plan.lowered import Border, Output, Pass, Sampling
from augfuse.text import shown

FILL_MODES: dict[str, Border] = {
    "nearest": "nearest",
    "reflect": "reflect",
    "wrap": "wrap_centres",
    "constant": "constant_centres",
}
_F = np.float32
_INF = np.inf


@final
class Warping(NamedTuple):
    """One compiled pass over n images: arrays of n, and what is the same for all."""

    source: np.ndarray  # flat
    starts: np.ndarray
    shape: tuple[int, int, int]
    work: Work
    target: Target
    ties: Maps | None
    cval: float
    steps: Finish = Finish()  # one more pass over every image, in place

    def run(self, start: int, stop: int) -> None:
        """Images start..stop - 1."""
        run(self.work, self.source, self.starts[start:stop], self.shape, self.target, start, start)
        if self.ties is not None:
            warp, out = self.work.warp, self.target
            ties = self.source, self.starts, self.shape, self.ties, warp.mode, warp.nearest, float(self.cval)
            settle(*ties, out.planar, out.out, start, stop)
        self.finish(start, stop, self.steps)

    def finish(self, start: int, stop: int, steps: Finish) -> None:
        """Steps that act, on the pixels that `run` left."""
        height, width, channels = self.shape
        size, plane = height * width * channels, height * width
        if steps.acts:
            finish(self.target.out, start, stop, size, channels, plane, self.target.planar, steps)


def starts_of(rows: np.ndarray, shape: tuple[int, int, int]) -> np.ndarray:
    """Where images of this shape begin in a flat stack."""
    return np.ascontiguousarray(rows, np.int64) * math.prod(shape)


def warp(pixels: np.ndarray, matrices: np.ndarray, *, fill_mode: str, cval: float, order: int) -> np.ndarray:
    """(n, h, w, c) uint8, uint16 or float32 through (n, 2, 3) maps from output to input (row, column): float32.

    What `scipy.ndimage.affine_transform` does per channel, borders included; orders 0 and 1 compiled, 2 to 5 SciPy.
    """
    edge, order = border(fill_mode), spline_order(order)
    if order > 1:
        return spline(pixels, matrices, fill_mode, cval, order)
    n, height, width, channels = pixels.shape
    out, still = np.empty(pixels.shape, _F), np.zeros(n, bool)
    sampling = Sampling(to_engine(matrices), None, edge, "nearest" if order == 0 else "bilinear")
    fills = np.full((n, channels), cval, np.float64)
    work = work_of(Pass(Canvas(np.full(n, height), np.full(n, width)), sampling, fills=fills), channels, 0.0)
    output = Output(-_INF, _INF, np.ones((n, channels)), np.zeros((n, channels)), np.dtype(_F))
    settles = has_ties(BORDERS[edge], order == 0)
    ties = Maps(np.ascontiguousarray(matrices), still, still) if settles else None
    shape = height, width, channels
    target = target_of(output, False, out)
    Warping(flat(pixels), starts_of(np.arange(n), shape), shape, work, target, ties, cval).run(0, n)
    return out


def spline(pixels: np.ndarray, matrices: np.ndarray, fill_mode: str, cval: float, order: int) -> np.ndarray:
    """Orders 2 to 5, one channel of one image at a time."""
    try:
        from scipy.ndimage import affine_transform
    except ImportError as error:
        raise MissingExtraError(
            f"interpolation_order={order} needs SciPy: pip install 'augfuse[keras]'. Orders 0 and 1 do not."
        ) from error
    out = np.empty(pixels.shape, _F)
    for image, matrix, to in zip(pixels, matrices, out, strict=True):
        if np.array_equal(matrix, np.eye(2, 3)):
            to[...] = image  # a spline through pixels that stay in place is off in the last digits
            continue
        for c in range(pixels.shape[3]):
            channel = image[:, :, c].astype(_F)
            to[:, :, c] = affine_transform(channel, matrix[:, :2], matrix[:, 2], order=order, mode=fill_mode, cval=cval)
    return out


def border(fill_mode: str) -> Border:
    """The engine's name of a fill mode; RangeError for an unknown name."""
    if not isinstance(fill_mode, str) or fill_mode not in FILL_MODES:
        raise RangeError(f"fill_mode: got {shown(fill_mode)}, wanted one of {', '.join(map(shown, FILL_MODES))}.")
    return FILL_MODES[fill_mode]


def spline_order(order: int) -> int:
    """The order itself; RangeError outside 0..5."""
    if not isinstance(order, numbers.Real) or order not in range(6):
        raise RangeError(
            f"interpolation_order: got {shown(order)}, wanted 0 (nearest), 1 (bilinear) or 2..5 (splines)."
        )
    return int(order)
