"""Geometric transforms that keep the size of the canvas, or swap its sides.

All matrices map source to output in continuous coordinates (pixel (0, 0) covers [0, 1) x [0, 1), y down) and act about
the canvas centre (width / 2, height / 2). Corners that turn in take the recipe's border mode.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, final

import numpy as np

from augfuse.algebra import geometry
from augfuse.algebra.geometry import Canvas
from augfuse.algebra.ranges import Interval, Range
from augfuse.algebra.rng import Draw
from augfuse.errors import RangeError
from augfuse.transforms.base import Amount, Geometric, Params, Probability

_TURNS = "Full turns repeat: use (0, 360)."
_SHEAR = "A shear of 90 degrees has no inverse."
_PIXELS = "1 is the whole width or height of the image. For pixels divide by it: 10 / 224."
_ANGLES = "For other angles: Rotate(degrees=...)."
_QUARTERS = Interval("quarter turns, whole numbers", "quarters", 0, 3, "exact", hint=_ANGLES, integer=True)
_RIGHT = Interval("shift to the right", "fraction of the canvas", -1, 1, hint=_PIXELS)
_DOWN = Interval("shift down", "fraction of the canvas", -1, 1, hint=_PIXELS)
_LOWER_RIGHT = Interval("shear angle; lower rows move to the right", "degrees", -89, 89, hint=_SHEAR)
_RIGHT_DOWN = Interval("shear angle; columns on the right move down", "degrees", -89, 89, hint=_SHEAR)
_BOTH_SIDES = Interval("scale factor of width and height", "times", 0.01, 100, "factor", optional=True)
_WIDTH = Interval("scale factor of the width", "times", 0.01, 100, "factor", optional=True)
_HEIGHT = Interval("scale factor of the height", "times", 0.01, 100, "factor", optional=True)


@final
class Rotate(Geometric, frozen=True):
    """Turn about the canvas centre.

    Source: plane rotation matrix. The canvas keeps its size.
    """

    degrees: Annotated[Range, Interval("angle, anticlockwise as seen", "degrees", -360, 360, hint=_TURNS)] = (-15, 15)
    examples: ClassVar = ({"degrees": (-20, 20)}, {"degrees": 90}, {"degrees": (45, 45)})

    def matrix(self, params: Params, canvas: Canvas) -> tuple[np.ndarray, Canvas]:
        return geometry.rotation(canvas, params["degrees"]), canvas


@final
class Translate(Geometric, frozen=True):
    """Move the picture by fractions of its width (x) and height (y), drawn independently; 0.1 is a tenth."""

    x: Annotated[Range, _RIGHT] = (-0.1, 0.1)
    y: Annotated[Range, _DOWN] = (-0.1, 0.1)
    axis_aligned: ClassVar[bool] = True
    examples: ClassVar = ({"x": (-0.1, 0.1), "y": (-0.1, 0.1)}, {"x": 0.25, "y": 0}, {"x": (0.5, 0.5), "y": (0, 0)})

    def matrix(self, params: Params, canvas: Canvas) -> tuple[np.ndarray, Canvas]:
        return geometry.shift(canvas, params["x"], params["y"]), canvas


@final
class Shear(Geometric, frozen=True):
    """Slant about the canvas centre: x' = x + tan(x degrees) y, y' = y + tan(y degrees) x'. x and y independently."""

    x: Annotated[Range, _LOWER_RIGHT] = (-5, 5)
    y: Annotated[Range, _RIGHT_DOWN] = (0, 0)
    examples: ClassVar = ({"x": (-5, 5)}, {"x": 20, "y": 20})

    def matrix(self, params: Params, canvas: Canvas) -> tuple[np.ndarray, Canvas]:
        return geometry.about_centre(canvas, *_shear(params["x"], params["y"])), canvas


def _shear(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray | float, ...]:
    kx, ky = np.tan(np.deg2rad(x)), np.tan(np.deg2rad(y))
    return 1.0, kx, ky, 1.0 + kx * ky


@final
class Scale(Geometric, frozen=True):
    """Enlarge (> 1) or shrink (< 1) about the canvas centre; the canvas keeps its size.

    `factor` is one factor for both axes. With `x` or `y`, each axis has its own, drawn independently (1 where it is not
    given), and `factor` is left out.
    """

    factor: Annotated[Range | None, _BOTH_SIDES] = None
    x: Annotated[Range | None, _WIDTH] = None
    y: Annotated[Range | None, _HEIGHT] = None
    axis_aligned: ClassVar[bool] = True
    examples: ClassVar = ({"factor": (0.9, 1.1)}, {"x": (0.7, 1.0), "y": (1.0, 1.5)}, {"factor": (2.0, 2.0)})

    def check(self) -> None:
        if self.factor is not None and (self.x is not None or self.y is not None):
            raise RangeError("Scale: got factor together with x or y, wanted one or the other. Leave factor out.")

    def draw(self, draw: Draw) -> Params:
        if self.x is None and self.y is None:
            factor = draw.uniform("factor", self.factor or (0.9, 1.1))
            return {"x": factor, "y": factor}
        one = (1.0, 1.0)
        return {"x": draw.uniform("x", self.x or one), "y": draw.uniform("y", self.y or one)}

    def amounts(self, params: Params, canvas: Canvas) -> tuple[Amount, ...]:
        one = self.x is None and self.y is None
        names = {"x": "factor"} if one else {"x": "x", "y": "y"}
        return tuple(Amount(name, params[axis], "times") for axis, name in names.items())

    def matrix(self, params: Params, canvas: Canvas) -> tuple[np.ndarray, Canvas]:
        return geometry.about_centre(canvas, params["x"], 0.0, 0.0, params["y"]), canvas


@final
class Affine(Geometric, frozen=True):
    """Scale, shear, rotate, translate, in that order, about the canvas centre; each part as in its own transform."""

    degrees: Annotated[Range, Interval("angle, anticlockwise as seen", "degrees", -360, 360, hint=_TURNS)] = (0, 0)
    translate_x: Annotated[Range, _RIGHT] = (0, 0)
    translate_y: Annotated[Range, _DOWN] = (0, 0)
    scale: Annotated[Range, Interval("scale factor of width and height", "times", 0.01, 100, "factor")] = (1, 1)
    shear_x: Annotated[Range, _LOWER_RIGHT] = (0, 0)
    shear_y: Annotated[Range, _RIGHT_DOWN] = (0, 0)
    examples: ClassVar = (
        {"degrees": (-20, 20), "translate_x": 0.1, "translate_y": 0.1, "scale": (0.9, 1.1)},
        {"degrees": 30, "scale": 0.2, "shear_x": 10, "shear_y": 5},
    )

    def matrix(self, params: Params, canvas: Canvas) -> tuple[np.ndarray, Canvas]:
        scale = params["scale"]
        parts = (
            geometry.about_centre(canvas, scale, 0.0, 0.0, scale),
            geometry.about_centre(canvas, *_shear(params["shear_x"], params["shear_y"])),
            geometry.rotation(canvas, params["degrees"]),
            geometry.shift(canvas, params["translate_x"], params["translate_y"]),
        )
        return geometry.product(parts), canvas


@final
class HorizontalFlip(Geometric, frozen=True, kw_only=True):
    """Mirror left and right: x' = width - x."""

    p: Probability = 0.5
    axis_aligned: ClassVar[bool] = True
    moves_whole_pixels: ClassVar[bool] = True

    def matrix(self, params: Params, canvas: Canvas) -> tuple[np.ndarray, Canvas]:
        return geometry.affine(len(canvas.width), a=-1.0, c=canvas.width), canvas


@final
class VerticalFlip(Geometric, frozen=True, kw_only=True):
    """Mirror top and bottom: y' = height - y."""

    p: Probability = 0.5
    axis_aligned: ClassVar[bool] = True
    moves_whole_pixels: ClassVar[bool] = True

    def matrix(self, params: Params, canvas: Canvas) -> tuple[np.ndarray, Canvas]:
        return geometry.affine(len(canvas.width), e=-1.0, f=canvas.height), canvas


@final
class Transpose(Geometric, frozen=True, kw_only=True):
    """Swap rows and columns: x' = y, y' = x.

    The canvas swaps its sides.
    """

    p: Probability = 0.5
    moves_whole_pixels: ClassVar[bool] = True

    def matrix(self, params: Params, canvas: Canvas) -> tuple[np.ndarray, Canvas]:
        m = geometry.affine(len(canvas.width), a=0.0, b=1.0, d=1.0, e=0.0)
        return m, Canvas(height=canvas.width, width=canvas.height)


@final
class Rotate90(Geometric, frozen=True, kw_only=True):
    """Turn by 1, 2 or 3 quarters, anticlockwise as seen, no pixel interpolated; odd quarters swap the canvas' sides."""

    quarters: Annotated[Range, _QUARTERS] = (1, 3)
    p: Probability = 0.5
    moves_whole_pixels: ClassVar[bool] = True
    examples: ClassVar = ({}, {"quarters": 1, "p": 1.0}, {"quarters": (2, 2)})

    def matrix(self, params: Params, canvas: Canvas) -> tuple[np.ndarray, Canvas]:
        q = params["quarters"]
        cos, sin = (np.where(q == one, 1.0, 0.0) - np.where(q == other, 1.0, 0.0) for one, other in ((0, 2), (1, 3)))
        odd = q % 2 == 1
        size = Canvas(np.where(odd, canvas.width, canvas.height), np.where(odd, canvas.height, canvas.width))
        # About the old centre, then the old centre is laid on the new one.
        x, y, u, v = canvas.width / 2, canvas.height / 2, size.width / 2, size.height / 2
        return geometry.affine(len(q), cos, sin, u - cos * x - sin * y, -sin, cos, v + sin * x - cos * y), size
