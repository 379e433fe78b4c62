"""Pixels through maps from output to input, as `scipy.ndimage.affine_transform` does it per channel, borders included.

Orders 0 (nearest) and 1 (bilinear) are one compiled pass; splines of order 2 to 5 are SciPy's.
"""

from __future__ import annotations

import math
import numbers

import numpy as np

from augfuse.algebra.geometry import Canvas
from augfuse.errors import MissingExtraError, RangeError
from augfuse.execute.cpu.run import BORDERS, flat, run, target_of, work_of
from augfuse.keras.generator.boundary import Maps, has_ties, settle
from augfuse.keras.generator.matrices import to_engine
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


def warp(pixels: np.ndarray, matrices: np.ndarray, *, fill_mode: str, cval: float, order: int) -> np.ndarray:
    """(n, h, w, c) uint8, uint16 or float32 through (n, 2, 3) maps from output to input (row, column): float32.

    What `scipy.ndimage.affine_transform` does per channel, borders included; orders 0 and 1 compiled, 2 to 5 SciPy.
    """
    edge, order = border(fill_mode), spline_order(order)
    if order > 1:
        return spline(pixels, matrices, fill_mode, cval, order)
    n, height, width, channels = pixels.shape
    out = np.empty(pixels.shape, _F)
    work = work_of(
        Pass(
            Canvas(np.full(n, height), np.full(n, width)),
            Sampling(to_engine(matrices), None, edge, "nearest" if order == 0 else "bilinear"),
            fills=np.full((n, channels), cval, np.float64),
        ),
        channels,
        0.0,
    )
    output = Output(-_INF, _INF, np.ones((n, channels)), np.zeros((n, channels)), np.dtype(_F))
    target = target_of(output, False, out)
    starts = np.arange(n, dtype=np.int64) * math.prod(pixels.shape[1:])
    source, shape, still = flat(pixels), (height, width, channels), np.zeros(n, bool)
    run(work, source, starts, shape, target, 0, 0)
    mode = BORDERS[edge]
    if has_ties(mode, order == 0):
        ties = Maps(np.ascontiguousarray(matrices), still, still)
        settle(source, starts, shape, ties, mode, order == 0, float(cval), False, target.out, 0, n)
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
