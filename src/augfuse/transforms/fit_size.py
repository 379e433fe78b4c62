"""Geometric transforms that fit images into a size, with their aspect kept. Sizes are (height, width) in pixels."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, cast, final

import numpy as np

from augfuse.algebra import geometry
from augfuse.algebra.geometry import Canvas
from augfuse.algebra.ranges import Choice, Interval, Lengths, Number, Numbers, Range, Size, sides
from augfuse.transforms.base import Evaluation, Params, Transform
from augfuse.transforms.crop import Resize, Sizing, fit_factor, of_size, scaled_to, times

_SIDE = Number("length of the side", "pixels", 1, 1_000_000, integer=True)
_AT = Choice("where the image lies", ("center", "top_left"))


@final
class LongestMaxSize(Sizing, frozen=True):
    """Scale so that the longer side becomes `size`, aspect kept.

    Source: Albumentations' LongestMaxSize.
    """

    size: Annotated[int, _SIDE]
    examples: ClassVar = ({"size": 48}, {"size": 100})

    def matrix(self, params: Params, canvas: Canvas) -> tuple[np.ndarray, Canvas]:
        return scaled_to(canvas, times(canvas, self.size / np.maximum(canvas.height, canvas.width)))


@final
class SmallestMaxSize(Sizing, frozen=True):
    """Scale so that the shorter side becomes `size`, aspect kept.

    Source: Albumentations' SmallestMaxSize.
    """

    size: Annotated[int, _SIDE]
    examples: ClassVar = ({"size": 48}, {"size": 100})

    def matrix(self, params: Params, canvas: Canvas) -> tuple[np.ndarray, Canvas]:
        return scaled_to(canvas, times(canvas, self.size / np.minimum(canvas.height, canvas.width)))


@final
class ScaleJitter(Sizing, frozen=True):
    """Scale to the largest size that fits into `size`, aspect kept, times a random factor of `scale`.

    The images of a batch then differ in size: put a crop and a PadIfNeeded behind, or let the loader pad. In
    evaluation: Resize(size, mode="contain"). Source: torchvision's ScaleJitter.
    """

    size: Annotated[Size, Lengths("size that the image is fitted into")]
    scale: Annotated[Range, Interval("factor of the fitted size", "times", 0.01, 100, "exact", neutral=1)] = (0.1, 2.0)
    examples: ClassVar = ({"size": 64, "scale": (0.7, 0.7)}, {"size": (48, 80), "scale": (1.2, 1.2)})
    evaluation: ClassVar[Evaluation] = "counterpart"

    def counterpart(self) -> tuple[Transform, ...]:
        return (Resize(self.size, mode="contain"),)

    def matrix(self, params: Params, canvas: Canvas) -> tuple[np.ndarray, Canvas]:
        return scaled_to(canvas, times(canvas, fit_factor(canvas, self.size) * params["scale"]))


@final
class PadIfNeeded(Sizing, frozen=True):
    """Make the canvas larger where it is smaller than `size`, then up to a multiple of `divisor`; the recipe's border
    mode fills it.

    The image lies in the middle, an odd rest right and below, or at the top left.
    """

    size: Annotated[Size, Lengths("smallest output size")] = 1
    divisor: Annotated[Size, Lengths("what the output size is a multiple of")] = 1
    position: Annotated[Literal["center", "top_left"], _AT] = "center"
    moves_whole_pixels: ClassVar[bool] = True
    examples: ClassVar = (
        {"size": (80, 100)},
        {"divisor": 48, "position": "top_left"},
        {"size": 70, "divisor": (4, 30)},
    )

    def matrix(self, params: Params, canvas: Canvas) -> tuple[np.ndarray, Canvas]:
        size = Canvas(*(
            -(-np.maximum(side, least) // unit) * unit
            for side, least, unit in zip(canvas, sides(self.size), sides(self.divisor), strict=True)
        ))  # fmt: skip
        if self.position == "top_left":
            return geometry.affine(len(size.width)), size
        x, y = (size.width - canvas.width) // 2, (size.height - canvas.height) // 2
        return geometry.affine(len(size.width), c=x, f=y), size


@final
class LetterBox(Sizing, frozen=True):
    """Scale to the largest size that fits into `size`, aspect kept, and put it in the middle of a canvas of `value`.

    It is a separate pass where others move pixels too: what surrounds the image is its colour, and not what the
    recipe's border mode says. Masks have 0 there, or `Targets.mask_fill`. Source: YOLO's letterbox.
    """

    size: Annotated[Size, Lengths("output size")]
    value: Annotated[tuple[float, ...] | float, Numbers("colour around the image", "at the image's own scale")] = 114
    examples: ClassVar = ({"size": (48, 80), "value": 0.5}, {"size": 100, "value": 0})

    @property
    def surround(self) -> tuple[float, ...]:
        return cast("tuple[float, ...]", self.value)  # as Numbers stored it

    def matrix(self, params: Params, canvas: Canvas) -> tuple[np.ndarray, Canvas]:
        inner, size = times(canvas, fit_factor(canvas, self.size)), of_size(canvas, self.size)
        x, y = (size.width - inner.width) // 2, (size.height - inner.height) // 2
        return geometry.affine(len(x), inner.width / canvas.width, c=x, e=inner.height / canvas.height, f=y), size
