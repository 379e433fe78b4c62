"""Geometric transforms that set the size of the canvas. Sizes are (height, width) in pixels; one number s means (s, s).

Where a crop reaches beyond the image, the recipe's border mode fills. Crops move by whole pixels.
"""

from __future__ import annotations

import math
from typing import Annotated, ClassVar, Literal, cast, final

import numpy as np

from augfuse.algebra import geometry
from augfuse.algebra.geometry import Canvas
from augfuse.algebra.ranges import Choice, Interval, Lengths, Margins, Range, Size, ends, sides
from augfuse.algebra.rng import Draw
from augfuse.transforms.base import Amount, Evaluation, Geometric, Params, Part, Transform, cut_out

_RATIO = Interval("width / height", "", 0.01, 100, "exact", neutral=1)
_STRETCH = Interval("factor of the side", "times", 0.01, 100, "factor")
_PART = Interval("area of the part that is cut out", "fraction of the canvas", 1e-4, 1, "exact", neutral=1)
_MODE = Choice("how the aspect ratio is treated", ("stretch", "cover", "contain"))
_TRIES = 10  # as torchvision's RandomResizedCrop and RandomErasing


class Sizing(Geometric, frozen=True):
    """Sets the size of the canvas, and keeps rows rows."""

    axis_aligned: ClassVar[bool] = True
    sets_size: ClassVar[bool] = True
    evaluation: ClassVar[Evaluation] = "deterministic"


def cut(canvas: Canvas, left: np.ndarray, top: np.ndarray, size: Size) -> tuple[np.ndarray, Canvas]:
    """The matrix of cutting `size` out, from the corner (left, top) on, and the sizes that come out."""
    return geometry.affine(len(left), c=-left, f=-top), of_size(canvas, size)


def scaled_sides(side: np.ndarray, factor: np.ndarray) -> np.ndarray:
    """Sides times a factor, in whole pixels."""
    return np.clip(np.rint(side * factor), 1, 2**40).astype(np.int64)  # what is too large is the plan's to refuse


def times(canvas: Canvas, factor: np.ndarray) -> Canvas:
    """The sizes times a factor, in whole pixels."""
    return Canvas(*(scaled_sides(side, factor) for side in canvas))


def of_size(canvas: Canvas, size: Size) -> Canvas:
    """The sizes of as many images, all of this one."""
    height, width = sides(size)
    return Canvas(np.full_like(canvas.height, height), np.full_like(canvas.width, width))


def fit_factor(canvas: Canvas, size: Size, covers: bool = False) -> np.ndarray:
    """What images are scaled by to fit into `size`, or to cover it, aspect kept."""
    height, width = sides(size)
    return (np.maximum if covers else np.minimum)(height / canvas.height, width / canvas.width)


def scaled_to(canvas: Canvas, size: Canvas) -> tuple[np.ndarray, Canvas]:
    """The matrix of scaling images to these sizes, and the sizes."""
    return geometry.affine(len(size.width), a=size.width / canvas.width, e=size.height / canvas.height), size


@final
class Resize(Sizing, frozen=True):
    """Scale to `size`. mode "stretch": to exactly this size; "cover": aspect kept, the smallest that covers it;
    "contain": aspect kept, the largest that fits into it.

    Bilinear; an image that shrinks by more than 1.5 is reduced by area averaging first, so that it does not alias. With
    interpolation="nearest" no values are mixed.
    """

    size: Annotated[Size, Lengths("output size")]
    mode: Annotated[Literal["stretch", "cover", "contain"], _MODE] = "stretch"
    examples: ClassVar = (
        {"size": (48, 40)},
        {"size": 96},
        {"size": (40, 24), "mode": "cover"},
        {"size": 20, "mode": "contain"},
    )

    def matrix(self, params: Params, canvas: Canvas) -> tuple[np.ndarray, Canvas]:
        if self.mode == "stretch":
            return scaled_to(canvas, of_size(canvas, self.size))
        return scaled_to(canvas, times(canvas, fit_factor(canvas, self.size, self.mode == "cover")))


@final
class CenterCrop(Sizing, frozen=True):
    """Cut `size` out of the middle; an odd rest leaves the larger margin right and below."""

    size: Annotated[Size, Lengths("output size")]
    moves_whole_pixels: ClassVar[bool] = True
    examples: ClassVar = ({"size": (48, 40)}, {"size": 80})

    def matrix(self, params: Params, canvas: Canvas) -> tuple[np.ndarray, Canvas]:
        height, width = sides(self.size)
        return cut(canvas, (canvas.width - width) // 2, (canvas.height - height) // 2, self.size)


@final
class RandomCrop(Sizing, frozen=True):
    """Cut `size` out at a random whole-pixel position.

    In evaluation: CenterCrop(size).
    """

    size: Annotated[Size, Lengths("output size")]
    moves_whole_pixels: ClassVar[bool] = True
    examples: ClassVar = ({"size": (48, 40)}, {"size": 80})
    evaluation: ClassVar[Evaluation] = "counterpart"

    def counterpart(self) -> tuple[Transform, ...]:
        return (CenterCrop(self.size),)

    def draw(self, draw: Draw) -> Params:
        return {"x": draw.uniform("x"), "y": draw.uniform("y")}

    def _corner(self, params: Params, canvas: Canvas) -> tuple[np.ndarray, np.ndarray]:
        height, width = sides(self.size)
        return _offset(params["x"], canvas.width - width), _offset(params["y"], canvas.height - height)

    def amounts(self, params: Params, canvas: Canvas) -> tuple[Amount, ...]:
        x, y = self._corner(params, canvas)
        return Amount("left", x, "pixels"), Amount("top", y, "pixels")

    def matrix(self, params: Params, canvas: Canvas) -> tuple[np.ndarray, Canvas]:
        return cut(canvas, *self._corner(params, canvas), self.size)


def _offset(u: np.ndarray, room: np.ndarray) -> np.ndarray:
    """A whole number, uniform over 0..room (or room..0 where the image is smaller than the crop)."""
    return np.sign(room) * np.floor(u * (np.abs(room) + 1))


def boxes(area: np.ndarray, ratio: np.ndarray, canvas: Canvas) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The first of k tried (n, k) areas and width / height ratios that fits into the canvas: (n,) whole heights and
    widths, and whether any fitted. Source: torchvision's RandomResizedCrop.get_params."""
    pixels = area * (canvas.height * canvas.width)[:, None]
    width, height = np.rint(np.sqrt(pixels * ratio)), np.rint(np.sqrt(pixels / ratio))
    fits = (width >= 1) & (height >= 1) & (width <= canvas.width[:, None]) & (height <= canvas.height[:, None])
    first = fits.argmax(axis=1)[:, None]
    height, width = (np.take_along_axis(side, first, 1)[:, 0] for side in (height, width))
    return height, width, cast("np.ndarray", fits.any(axis=1))


def draw_boxes(draw: Draw, scale: Range, ratio: Range) -> Params:
    """Ten areas and log-uniform ratios per image, and a place; for `boxes`."""
    smallest, largest = ends(scale)
    low, high = (math.log(r) for r in ends(ratio))
    return {
        "area": smallest + (largest - smallest) * draw.uniforms("area", _TRIES),
        "ratio": np.exp(low + (high - low) * draw.uniforms("ratio", _TRIES)),
        "x": draw.uniform("x"),
        "y": draw.uniform("y"),
    }


@final
class RandomResizedCrop(Sizing, frozen=True):
    """Cut out a random part of random aspect and scale it to `size`.

    In evaluation: Resize to size / 0.875, CenterCrop(size).

    Source: torchvision's RandomResizedCrop: ten tries, then the largest centre crop within `ratio`.
    """

    size: Annotated[Size, Lengths("output size")]
    scale: Annotated[Range, _PART] = (0.08, 1.0)
    ratio: Annotated[Range, _RATIO] = (3 / 4, 4 / 3)
    examples: ClassVar = ({"size": (48, 40)}, {"size": 32, "scale": (0.5, 1.0), "ratio": (1.0, 1.0)})
    evaluation: ClassVar[Evaluation] = "counterpart"

    def counterpart(self) -> tuple[Transform, ...]:
        height, width = (round(side / 0.875) for side in sides(self.size))
        return (Resize((height, width), mode="cover"), CenterCrop(self.size))

    def draw(self, draw: Draw) -> Params:
        return draw_boxes(draw, self.scale, self.ratio)

    def _part(self, params: Params, canvas: Canvas) -> Part:
        height, width, found = boxes(params["area"], params["ratio"], canvas)
        ratio = np.clip(canvas.width / canvas.height, *ends(self.ratio))
        height = np.where(found, height, np.minimum(canvas.height, np.rint(canvas.width / ratio)))
        width = np.where(found, width, np.minimum(canvas.width, np.rint(canvas.height * ratio)))
        room_y, room_x = canvas.height - height, canvas.width - width
        y = np.where(found, _offset(params["y"], room_y), room_y // 2)
        x = np.where(found, _offset(params["x"], room_x), room_x // 2)
        return Part(x, y, width, height)

    def amounts(self, params: Params, canvas: Canvas) -> tuple[Amount, ...]:
        return self._part(params, canvas).amounts()

    def matrix(self, params: Params, canvas: Canvas) -> tuple[np.ndarray, Canvas]:
        return cut_out(canvas, self._part(params, canvas), self.size)


@final
class Pad(Sizing, frozen=True):
    """Make the canvas larger by `padding` pixels (left, top, right, bottom); the recipe's border mode fills it."""

    padding: Annotated[tuple[int, int, int, int] | tuple[int, int] | int, Margins("pixels added at each side")]
    moves_whole_pixels: ClassVar[bool] = True
    examples: ClassVar = ({"padding": 8}, {"padding": (1, 2, 3, 4)})

    def matrix(self, params: Params, canvas: Canvas) -> tuple[np.ndarray, Canvas]:
        left, top, right, bottom = cast("tuple[int, int, int, int]", self.padding)  # as Margins stored it
        size = Canvas(canvas.height + top + bottom, canvas.width + left + right)
        return geometry.affine(len(size.width), c=left, f=top), size


@final
class RandomWidth(Geometric, frozen=True):
    """Make the image wider (> 1) or narrower (< 1), canvas and all; the height stays, so the aspect changes.

    The images of a batch then differ in width: put a crop, or Resize(size, mode="cover") and CenterCrop(size), behind.
    A Resize that stretches would undo it. Source: Keras' RandomWidth, with one factor for each image instead of one for
    the batch, and the width rounded to whole pixels instead of cut.
    """

    factor: Annotated[Range, _STRETCH] = (0.8, 1.2)
    axis_aligned: ClassVar[bool] = True
    examples: ClassVar = ({"factor": (0.75, 0.75)}, {"factor": (1.3, 1.3)})

    def matrix(self, params: Params, canvas: Canvas) -> tuple[np.ndarray, Canvas]:
        size = Canvas(canvas.height, scaled_sides(canvas.width, params["factor"]))
        return geometry.affine(len(size.width), a=size.width / canvas.width), size


@final
class RandomHeight(Geometric, frozen=True):
    """Make the image taller (> 1) or flatter (< 1), canvas and all; the width stays.

    See RandomWidth.
    """

    factor: Annotated[Range, _STRETCH] = (0.8, 1.2)
    axis_aligned: ClassVar[bool] = True
    examples: ClassVar = ({"factor": (0.75, 0.75)}, {"factor": (1.3, 1.3)})

    def matrix(self, params: Params, canvas: Canvas) -> tuple[np.ndarray, Canvas]:
        size = Canvas(scaled_sides(canvas.height, params["factor"]), canvas.width)
        return geometry.affine(len(size.height), e=size.height / canvas.height), size
