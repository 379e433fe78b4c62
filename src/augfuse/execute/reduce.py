"""Which images are averaged down before they are sampled, so that shrinking does not alias."""

from __future__ import annotations

import numpy as np

from augfuse.geometry import Canvas, shrink
from augfuse.plan.plan import REDUCE_ABOVE, Interpolation


def reduced_size(matrices: np.ndarray, source: Canvas, interpolation: Interpolation) -> Canvas | None:
    """The (height, width) each image is averaged down to, or None where none is: a function of its own matrix alone.

    matrices: (n, 6), output to source. Along a source axis on which one output pixel spans more than 1.5 source pixels,
    the size that makes it span one. "nearest" takes values as they are, such as class numbers: it averages nothing.
    """
    if interpolation == "nearest":
        return None
    x, y = shrink(matrices)
    if x.max(initial=0) <= REDUCE_ABOVE and y.max(initial=0) <= REDUCE_ABOVE:
        return None
    width = np.where(x > REDUCE_ABOVE, np.maximum(np.rint(source.width / x), 1), source.width)
    height = np.where(y > REDUCE_ABOVE, np.maximum(np.rint(source.height / y), 1), source.height)
    return Canvas(height.astype(np.int64), width.astype(np.int64))


def onto_reduced(matrices: np.ndarray, source: Canvas, reduced: Canvas) -> np.ndarray:
    """(n, 6) maps from output to the reduced source."""
    factor = np.stack([reduced.width / source.width, reduced.height / source.height], axis=1)
    return (matrices.reshape(-1, 2, 3) * factor[:, :, None]).reshape(-1, 6)
