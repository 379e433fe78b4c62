"""Transforms whose places are given in pixels, and not drawn: what `augfuse.functional` cuts out, paints and tilts.

They share their matrices and kernels with RandomCrop, RandomResizedCrop and Erase.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, TypeAlias, final

import numpy as np

from augfuse.algebra import geometry
from augfuse.algebra.geometry import Canvas
from augfuse.algebra.ranges import LONGEST_SIDE, Corners, Lengths, Number, Numbers, Size, per_channel
from augfuse.algebra.rng import Draw
from augfuse.transforms.array_forms import Paint
from augfuse.transforms.base import Amount, Evaluation, Frame, Geometric, Local, Params, Part, cut_out
from augfuse.transforms.crop import cut
from augfuse.transforms.local import are_levels, paint_all, painted, painting

_Four: TypeAlias = tuple[tuple[float, float], ...]
_SQUARE = ((0, 0), (64, 0), (64, 64), (0, 64))
_TOP = Number("first row", "pixels", -LONGEST_SIDE, LONGEST_SIDE, integer=True)
_LEFT = Number("first column", "pixels", -LONGEST_SIDE, LONGEST_SIDE, integer=True)
_HEIGHT = Number("rows", "pixels", 1, LONGEST_SIDE, integer=True)
_WIDTH = Number("columns", "pixels", 1, LONGEST_SIDE, integer=True)


@final
class Crop(Geometric, frozen=True):
    """Cut `size` out, from the pixel in row `top` and column `left` on."""

    top: Annotated[int, _TOP]
    left: Annotated[int, _LEFT]
    size: Annotated[Size, Lengths("output size")]
    moves_whole_pixels: ClassVar[bool] = True
    examples: ClassVar = ({"top": 3, "left": 5, "size": (48, 40)},)
    sets_size: ClassVar[bool] = True
    evaluation: ClassVar[Evaluation] = "deterministic"

    def draw(self, draw: Draw) -> Params:
        return {name: np.full(len(draw), getattr(self, name)) for name in ("top", "left")}

    def matrix(self, params: Params, canvas: Canvas) -> tuple[np.ndarray, Canvas]:
        return cut(canvas, params["left"], params["top"], self.size)


@final
class ResizedCrop(Geometric, frozen=True):
    """Cut `height` x `width` pixels out, from row `top` and column `left` on, and scale them to `size`."""

    top: Annotated[int, _TOP]
    left: Annotated[int, _LEFT]
    height: Annotated[int, _HEIGHT]
    width: Annotated[int, _WIDTH]
    size: Annotated[Size, Lengths("output size")]
    examples: ClassVar = ({"top": 3, "left": 5, "height": 20, "width": 30, "size": (48, 40)},)
    sets_size: ClassVar[bool] = True
    evaluation: ClassVar[Evaluation] = "deterministic"

    def draw(self, draw: Draw) -> Params:
        return {name: np.full(len(draw), getattr(self, name)) for name in Part._fields}

    def matrix(self, params: Params, canvas: Canvas) -> tuple[np.ndarray, Canvas]:
        return cut_out(canvas, Part(**params), self.size)


@final
class FourPoints(Geometric, frozen=True):
    """A perspective that maps four points, `startpoints`, to four others."""

    startpoints: Annotated[_Four, Corners("points of the image")] = _SQUARE
    endpoints: Annotated[_Four, Corners("where they are to lie, in the same order")] = _SQUARE
    examples: ClassVar = ({"endpoints": ((1, 2), (60, 9), (64, 64), (3, 50))},)
    projective: ClassVar[bool] = True
    evaluation: ClassVar[Evaluation] = "deterministic"

    def draw(self, draw: Draw) -> Params:
        names = ("startpoints", "endpoints")
        return {name: np.tile(np.array(getattr(self, name)), (len(draw), 1, 1)) for name in names}

    def amounts(self, params: Params, canvas: Canvas) -> tuple[Amount, ...]:
        return tuple(Amount(name, values.reshape(-1, 8), "pixels") for name, values in params.items())

    def matrix(self, params: Params, canvas: Canvas) -> tuple[np.ndarray, Canvas]:
        return geometry.quadrilaterals(params["startpoints"], params["endpoints"]), canvas


@final
class ErasedPart(Local, frozen=True):
    """Paint `height` x `width` pixels with `value` from row `top` and column `left` on, as far as the image reaches."""

    top: Annotated[int, _TOP]
    left: Annotated[int, _LEFT]
    height: Annotated[int, _HEIGHT]
    width: Annotated[int, _WIDTH]
    value: Annotated[tuple[float, ...] | float, Numbers("colour of the rectangle", "at the image's own scale")] = 0
    examples: ClassVar = ({"top": 3, "left": 5, "height": 20, "width": 30},)

    def draw(self, draw: Draw) -> Params:
        return {name: np.full(len(draw), getattr(self, name)) for name in Part._fields}

    def plan(self, params: Params, frame: Frame) -> Params:
        per_channel("ErasedPart.value", self.value, frame.channels)
        return {"part": np.stack(Part(**params), axis=1)}

    def amounts(self, params: Params, canvas: Canvas) -> tuple[Amount, ...]:
        return Part(**params).amounts()

    def keeps_levels(self, frame: Frame) -> bool:
        return are_levels(self.value, frame)

    def form(self) -> Paint:
        return painting(self.value)

    def covered(self, params: Params) -> np.ndarray:
        return params["part"]

    def apply(self, image: np.ndarray, params: Params) -> np.ndarray:
        return painted(image, params["part"], self.value)

    def apply_all(self, source: np.ndarray, images: np.ndarray, params: Params, active: np.ndarray) -> None:
        paint_all(source, images, params["part"], self.value, active)
