"""Fields, matrices and points that are given, and not drawn."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, final

import numpy as np

from augfuse.algebra.geometry import Canvas, Field
from augfuse.algebra.ranges import Flag
from augfuse.transforms.base import Displacement, Geometric, Params


@final
class Given(Displacement, frozen=True):
    """A field that is given: at the points of a lattice for a canvas of any size."""

    smooth: Annotated[bool, Flag("whether the points are those of a spline")] = False
    points: ClassVar[np.ndarray]

    def field(self, params: Params, canvas: Canvas) -> Field:
        return Field(np.tile(type(self).points, (len(canvas.width), 1, 1, 1)), self.smooth)


@final
class Tilted(Geometric, frozen=True):
    """A matrix that is given."""

    given: ClassVar[Any] = np.eye(3)
    projective: ClassVar[bool] = True

    def matrix(self, params: Params, canvas: Canvas) -> tuple[np.ndarray, Canvas]:
        return np.tile(np.asarray(self.given, np.float64), (len(canvas.width), 1, 1)), canvas


def corners(height: int, width: int) -> list[tuple[int, int]]:
    return [(0, 0), (width, 0), (width, height), (0, height)]


ENDS = [
    [(5, 3), (50, 1), (55, 36), (2, 39)],
    [(-9, -6), (70, 4), (60, 47), (-3, 40)],
    [(14, 10), (56, 0), (49, 40), (0, 30)],
]
