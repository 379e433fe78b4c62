"""Transforms that make one sample of several: blended, cut together, side by side, or with objects pasted in."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, cast, final

import numpy as np

from augfuse.algebra import geometry
from augfuse.algebra.geometry import Canvas
from augfuse.algebra.ranges import Choice, Interval, Lengths, Number, Numbers, Range, Size
from augfuse.algebra.rng import Draw
from augfuse.transforms.base import Amount, Evaluation, Params, Transform
from augfuse.transforms.crop import fit_factor, of_size, times
from augfuse.transforms.fit_size import LetterBox
from augfuse.transforms.mix_base import Layout, Mix

_TRIES = 6  # of a Gamma variable: each is taken with a probability of 0.95 or more
MOST_OBJECTS = 128  # whose choice is drawn one by one; further ones share these draws


def draw_beta(draw: Draw, name: str, a: float, b: float) -> np.ndarray:
    """(n,) float64 within 0..1 of the Beta distribution with these two shapes."""
    words = 3 * _TRIES + 1
    units = draw.uniforms(name, 2 * words)
    difference = _log_gamma(units[:, words:], b) - _log_gamma(units[:, :words], a)
    return 1 / (1 + np.exp(np.clip(difference, -700, 700)))


def _log_gamma(units: np.ndarray, shape: float) -> np.ndarray:
    """(n,) logarithms of variables of a Gamma distribution, by Marsaglia and Tsang (2000): the first of some tries that
    is taken, else the mode. A shape below 1 is that of one more, times a power of a uniform variable."""
    d = (shape if shape >= 1 else shape + 1) - 1 / 3
    first, second, third = (1 - units[:, k : 3 * _TRIES : 3] for k in range(3))  # within (0, 1]
    x = np.sqrt(-2 * np.log(first)) * np.cos(2 * np.pi * second)
    v = np.maximum(1 + x / np.sqrt(9 * d), 0) ** 3
    log_v = np.log(np.where(v > 0, v, 1))
    taken = (v > 0) & (np.log(third) < x * x / 2 + d - d * v + d * log_v)
    place = taken.argmax(axis=1)[:, None]
    found = np.where(taken.any(axis=1), np.take_along_axis(log_v, place, axis=1)[:, 0], 0.0) + np.log(d)
    return found if shape >= 1 else found + np.log(1 - units[:, 3 * _TRIES]) / shape


def _whole(canvas: Canvas) -> np.ndarray:
    """(n, 4): the part that is all of the picture."""
    nothing = np.zeros_like(canvas.width)
    return np.stack([nothing, nothing, canvas.width, canvas.height], axis=1)


def _covering(source: Canvas, target: Canvas) -> np.ndarray | None:
    """(n, 3, 3): scaled until it covers the target, aspect kept, the middle on the middle; None where all sizes are
    the same."""
    if np.array_equal(source, target):
        return None
    factor = np.maximum(target.width / source.width, target.height / source.height)
    c, f = ((t - s * factor) / 2 for t, s in ((target.width, source.width), (target.height, source.height)))
    return geometry.affine(len(factor), a=factor, c=c, e=factor, f=f)


@final
class MixUp(Mix, frozen=True):
    """Blend the image with another one: `share` of it and 1 - share of the partner, with their labels. share is drawn
    from the Beta distribution with shapes alpha and alpha: small ones keep images nearly as they are.

    A partner of another size is scaled until it covers the image. Boxes, points and polygons of both stay; a mask of
    class numbers is that of the image with the larger share. Evaluation leaves it out. Source: Zhang et al. 2018.
    """

    alpha: Annotated[float, Number("shape of the distribution of shares", "", 0.01, 1000)] = 0.2
    examples: ClassVar = ({}, {"alpha": 1.0})
    blends: ClassVar[bool] = True

    def draw(self, draw: Draw) -> Params:
        return {"share": draw_beta(draw, "share", self.alpha, self.alpha)}

    def amounts(self, params: Params, canvas: Canvas) -> tuple[Amount, ...]:
        return (Amount("share", params["share"], ""),)

    def layout(self, params: Params, sizes: tuple[Canvas, ...]) -> Layout:
        own, other = sizes
        parts, share = np.stack([_whole(own)] * 2, axis=1), params["share"]
        weights = np.stack([share, 1 - share], axis=1)
        return Layout(own, parts, (None, _covering(other, own)), weights)


@final
class CutMix(Mix, frozen=True):
    """Put a part of another image into the image, at the place that it has there; labels get the parts of the area.

    1 - share of the area is replaced, at the sides less; share is drawn from the Beta distribution with shapes alpha
    and alpha. A partner of another size is scaled until it covers the image. Boxes, points, polygons and masks are cut
    as the images are. Evaluation leaves it out. Source: Yun et al. 2019, and torchvision's CutMix.
    """

    alpha: Annotated[float, Number("shape of the distribution of shares", "", 0.01, 1000)] = 1.0
    examples: ClassVar = ({}, {"alpha": 8.0})

    def draw(self, draw: Draw) -> Params:
        return {
            "share": draw_beta(draw, "share", self.alpha, self.alpha),
            "x": draw.uniform("x"),
            "y": draw.uniform("y"),
        }

    def amounts(self, params: Params, canvas: Canvas) -> tuple[Amount, ...]:
        left, top, right, bottom = self._ends(params, canvas)
        replaced = (right - left) * (bottom - top) / (canvas.width * canvas.height)
        return (Amount("replaced", replaced, "fraction of the area"),)

    def _ends(self, params: Params, canvas: Canvas) -> tuple[np.ndarray, ...]:
        """Left, top, right and bottom of what is replaced: one pixel at least."""
        side = np.sqrt(1 - params["share"])
        starts: list[np.ndarray] = []
        stops: list[np.ndarray] = []
        for length, place in ((canvas.width, params["x"]), (canvas.height, params["y"])):
            middle, half = np.floor(place * length), np.floor(side * length) / 2
            start = np.clip(np.floor(middle - half), 0, length - 1).astype(np.int64)
            starts.append(start)
            stops.append(np.maximum(np.clip(np.floor(middle + half), 0, length).astype(np.int64), start + 1))
        return (*starts, *stops)

    def layout(self, params: Params, sizes: tuple[Canvas, ...]) -> Layout:
        own, other = sizes
        left, top, right, bottom = self._ends(params, own)
        parts = np.stack([_whole(own), np.stack([left, top, right - left, bottom - top], axis=1)], axis=1)
        cut, covering = geometry.affine(len(left), c=-left, f=-top), _covering(other, own)
        return Layout(own, parts, (None, cut if covering is None else cut @ covering))


@final
class Mosaic(Mix, frozen=True):
    """Four images in one of `size`: they meet at a point that is drawn within `center`, parts of the height and of the
    width, each with a corner.

    What none of them covers has the colour `value`.

    mode: how each is scaled before: "contain", to the largest size that fits into `size`, aspect kept; "cover", to the
    smallest that covers it; "none". Boxes, points, polygons and masks of all four are cut at their parts. In
    evaluation: LetterBox(size, value). Source: YOLOv4.
    """

    size: Annotated[Size, Lengths("output size")]
    center: Annotated[Range, Interval("where the four meet", "fraction of the size", 0, 1, "exact")] = (0.3, 0.7)
    mode: Annotated[Literal["contain", "cover", "none"], Choice("scaling", ("contain", "cover", "none"))] = "contain"
    value: Annotated[tuple[float, ...] | float, Numbers("colour where no image is", "at the image's own scale")] = 114
    examples: ClassVar = (
        {"size": (48, 80), "value": 0.5},
        {"size": 64, "value": 0, "mode": "cover"},
        {"size": 70, "value": 0, "mode": "none", "center": (0.5, 0.5)},
    )
    partners: ClassVar[int] = 3
    sets_size: ClassVar[bool] = True
    evaluation: ClassVar[Evaluation] = "counterpart"

    def counterpart(self) -> tuple[Transform, ...]:
        return (LetterBox(self.size, self.value),)

    @property
    def surround(self) -> tuple[float, ...]:
        return cast("tuple[float, ...]", self.value)  # as Numbers stored it

    def draw(self, draw: Draw) -> Params:
        return {"x": draw.uniform("x", self.center), "y": draw.uniform("y", self.center)}

    def amounts(self, params: Params, canvas: Canvas) -> tuple[Amount, ...]:
        return ()

    def canvas(self, canvas: Canvas) -> Canvas:
        return of_size(canvas, self.size)

    def layout(self, params: Params, sizes: tuple[Canvas, ...]) -> Layout:
        size = self.canvas(sizes[0])
        x, y = (
            np.clip(np.rint(params[name] * side), np.minimum(1, side - 1), np.maximum(side - 1, 1)).astype(np.int64)
            for name, side in (("x", size.width), ("y", size.height))
        )
        parts: list[np.ndarray] = []
        matrices: list[np.ndarray] = []
        for place, source in enumerate(sizes):
            right, below = place % 2 == 1, place >= 2
            part = np.stack([x if right else 0 * x, y if below else 0 * y, size.width - x if right else x,
                             size.height - y if below else y], axis=1)  # fmt: skip
            parts.append(np.maximum(part, [0, 0, 1, 1]))
            fits = self.mode != "none"
            inner = times(source, fit_factor(source, self.size, self.mode == "cover")) if fits else source
            c, f = (0 * x if right else part[:, 2] - inner.width), (0 * y if below else part[:, 3] - inner.height)
            a, e = inner.width / source.width, inner.height / source.height
            matrices.append(geometry.affine(len(x), a=a, c=c, e=e, f=f))
        return Layout(size, np.stack(parts, axis=1), tuple(matrices))


@final
class CopyPaste(Mix, frozen=True):
    """Paste objects of another image into the image, each with the probability `share`, at the place that it has there.

    What an object covers is its mask, of masks (k, h, w), or its polygon; without these nothing is pasted, nor is what
    a column "crowd" marks. Pasted objects come behind those of the image, with their boxes and labels; masks and boxes
    of the image lose what is hidden, and objects that are hidden go. A partner of another size is scaled until it
    covers the image. Put transforms such as ScaleJitter and a crop before it, for variety. Evaluation leaves it out.
    Source: Ghiasi et al. 2021.
    """

    share: Annotated[float, Number("probability that an object is pasted", "", 0, 1)] = 0.5
    examples: ClassVar = ({}, {"share": 1.0})
    softens: ClassVar[bool] = False
    takes_objects: ClassVar[bool] = True

    def draw(self, draw: Draw) -> Params:
        return {"objects": draw.uniforms("objects", MOST_OBJECTS) < self.share}

    def amounts(self, params: Params, canvas: Canvas) -> tuple[Amount, ...]:
        return ()

    def layout(self, params: Params, sizes: tuple[Canvas, ...]) -> Layout:
        own, other = sizes
        return Layout(own, np.stack([_whole(own)] * 2, axis=1), (None, _covering(other, own)))
