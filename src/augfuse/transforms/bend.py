"""Transforms that bend straight lines: perspectives, and fields of displacements. The canvas keeps its size.

What leaves the canvas is gone; what comes in takes the recipe's border mode.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Annotated, ClassVar, final

import numpy as np

from augfuse.algebra import geometry
from augfuse.algebra.geometry import Canvas, Field
from augfuse.algebra.ranges import Interval, Number, Range, ends
from augfuse.algebra.rng import Draw
from augfuse.transforms.base import Amount, Displacement, Geometric, Params

_CORNERS = np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]])  # as torchvision counts them
_INWARDS = np.array([[1.0, 1.0], [-1.0, 1.0], [-1.0, -1.0], [1.0, -1.0]])
_COLLINEAR = "From 2/3 on three corners may lie on one line: the picture would tip over."
_HALF = Interval(
    "how far corners move inwards at most", "fraction of half a side", 0, 0.6, "exact", _COLLINEAR, neutral=0
)

_CELL = Interval("change of the width of a cell", "relative to 1", -0.9, 0.9, hint="At -1 nothing is left of it.")
_LENS = Interval("k, the coefficients of r^2 and r^4", "", -0.35, 1, hint="Below -0.36 corners fold inwards.")

_NOISE_CELLS = 32  # along each axis
_LENS_CELLS = 16


@final
class Perspective(Geometric, frozen=True):
    """Look at the picture from another side: each corner moves inwards, along x and along y, by a part of half the
    side that is drawn uniformly from 0..distortion_scale, and a homography maps the old corners to the new ones.

    Source: torchvision RandomPerspective. A picture that shrinks in the middle by more than 1.5 is reduced first.
    """

    distortion_scale: Annotated[Range, _HALF] = 0.2
    projective: ClassVar[bool] = True
    examples: ClassVar = ({"distortion_scale": 0.2}, {"distortion_scale": (0.3, 0.6)})

    def draw(self, draw: Draw) -> Params:
        return {
            "distortion_scale": draw.uniform("distortion_scale", self.distortion_scale),
            "corners": draw.uniforms("corners", 8),  # x and y of the upper left, upper right, lower right, lower left
        }

    def matrix(self, params: Params, canvas: Canvas) -> tuple[np.ndarray, Canvas]:
        sides = np.stack([canvas.width, canvas.height], axis=1)[:, None]
        inwards = params["corners"].reshape(-1, 4, 2) * (params["distortion_scale"] / 2)[:, None, None]
        return geometry.quadrilaterals(_CORNERS * sides, (_CORNERS + _INWARDS * inwards) * sides), canvas


@final
class ElasticTransform(Displacement, frozen=True):
    """Displace each place by smooth noise: -1..1, smoothed by a Gaussian of `sigma` pixels, times `alpha`.

    The standard deviation of the displacements is 0.163 alpha / sigma pixels along x and along y.

    Source: Simard et al. 2003, whose noise has a value for each pixel, as in Albumentations with uniform noise; the
    alpha of torchvision is half as strong. Here the noise has 32 x 32 values for x, then as many for y, whatever the
    size of the canvas, uniform in -1..1, drawn as parameters are. They become control points of a cubic B-spline over
    cells of a 32nd of the canvas, which repeats behind its edges: alpha / sqrt(area of a cell in pixels) times the
    noise, smoothed along each axis by a Gaussian of variance (sigma / cell)^2 - 1/3 in cells, so that together with the
    spline, whose variance is 1/3, it is sigma. A sigma below 0.58 cells acts as that. A field that would fold, or
    shrink an area to less than a tenth, is taken at the largest part that does not.
    """

    alpha: Annotated[Range, Interval("strength of the noise", "pixels", 0, 1e4, "exact", neutral=0)] = 50.0
    sigma: Annotated[Range, Interval("smoothness of the noise", "pixels", 0.1, 1e4, "exact")] = 5.0
    cells: ClassVar[int] = 320
    examples: ClassVar = ({}, {"alpha": (0, 120), "sigma": (4, 8)}, {"alpha": 2000, "sigma": 10})

    def draw(self, draw: Draw) -> Params:
        return {
            "alpha": draw.uniform("alpha", self.alpha),
            "sigma": draw.uniform("sigma", self.sigma),
            "noise": 2 * draw.uniforms("noise", 2 * _NOISE_CELLS**2) - 1,
        }

    def field(self, params: Params, canvas: Canvas) -> Field:
        from augfuse.transforms.compiled.elastic_points import elastic

        n = len(params["alpha"])
        points = np.empty((n, _NOISE_CELLS + 3, _NOISE_CELLS + 3, 2))
        noise = np.ascontiguousarray(params["noise"]).reshape(n, 2, _NOISE_CELLS, _NOISE_CELLS)
        elastic(noise, params["alpha"], params["sigma"], *canvas, points)
        return Field(points, True)


@final
class GridDistortion(Displacement, frozen=True):
    """Stretch and squeeze the columns and the rows of a grid of num_steps x num_steps equal cells: each shows a part of
    the picture whose width is 1 + a drawn number, relative to the others; its height likewise.

    The edges stay.

    Source: Albumentations GridDistortion(normalized=True), for sides that num_steps divides.
    """

    num_steps: Annotated[int, Number("cells along each axis", "", 2, 64, integer=True)] = 5
    distort_limit: Annotated[Range, _CELL] = (-0.3, 0.3)
    examples: ClassVar = ({}, {"num_steps": 3, "distort_limit": (-0.9, 0.9)}, {"num_steps": 2})

    def draw(self, draw: Draw) -> Params:
        low, high = ends(self.distort_limit)
        return {axis: low + (high - low) * draw.uniforms(axis, self.num_steps) for axis in ("x", "y")}

    def amounts(self, params: Params, canvas: Canvas) -> tuple[Amount, ...]:
        """The largest part of the picture that a cell shows, beside an equal part."""
        return tuple(Amount(axis, self._parts(params[axis]).max(axis=1), "times") for axis in ("x", "y"))

    def _parts(self, changes: np.ndarray) -> np.ndarray:
        """(n, num_steps): how much of the picture the cells show, beside equal parts."""
        widths = 1 + changes
        total = widths[:, 0].copy()
        # One after the other, so that it does not depend on how many images there are.
        for k in range(1, self.num_steps):
            total += widths[:, k]
        return widths * (self.num_steps / total)[:, None]

    def field(self, params: Params, canvas: Canvas) -> Field:
        points = np.zeros((len(canvas.width), self.num_steps + 1, self.num_steps + 1, 2))
        for axis, side in ((0, canvas.width), (1, canvas.height)):
            moved = np.cumsum(self._parts(params["xy"[axis]]) - 1, axis=1) * (side / self.num_steps)[:, None]
            moved[:, -1] = 0
            if axis == 0:
                points[:, :, 1:, 0] = moved[:, None, :]
            else:
                points[:, 1:, :, 1] = moved[:, :, None]
        return Field(points, False)


@final
class OpticalDistortion(Displacement, frozen=True):
    """See through a lens: what is seen at a place comes from r (1 + k r^2 + k r^4) in place of r, its distance from the
    centre with the width and the height as units. k > 0 is a barrel, k < 0 a cushion.

    Source: OpenCV's camera model, initUndistortRectifyMap with the focal lengths (width, height) and the coefficients
    (k, k), as in Albumentations.
    """

    distort_limit: Annotated[Range, _LENS] = (-0.05, 0.05)
    examples: ClassVar = ({}, {"distort_limit": (-0.35, 1)}, {"distort_limit": (0.3, 0.3)})

    def field(self, params: Params, canvas: Canvas) -> Field:
        sides = np.stack([canvas.width, canvas.height], axis=1)[:, None, None]
        return Field(params["distort_limit"][:, None, None, None] * _lens() * sides, True)


@lru_cache(maxsize=1)
def _lens() -> np.ndarray:
    """The control points of (r^2 + r^4) (x, y), for a canvas of 1 x 1: off by less than 1e-6."""
    at = (np.arange(_LENS_CELLS + 5) - 2) / _LENS_CELLS - 0.5
    x, y = np.meshgrid(at, at)
    r2 = x * x + y * y
    values = np.stack([x * (r2 + r2 * r2), y * (r2 + r2 * r2)], axis=2)
    for _ in range(2):  # of one axis, then of the other: exact for cubics
        values = (-values[:-2] + 8 * values[1:-1] - values[2:]) / 6
        values = values.transpose(1, 0, 2)
    return values
