"""Crops that look at what is in the images: boxes and masks, as they stand when they reach the transform.

A crop is a part of whole pixels within the canvas, scaled to `size` where that is given. Without boxes or a mask each
crop says what it does.
"""

from __future__ import annotations

import math
from typing import Annotated, ClassVar, cast, final

import numpy as np

from augfuse.algebra.geometry import Canvas
from augfuse.algebra.ranges import Interval, Lengths, Number, Numbers, Range, Size, ends, sides
from augfuse.algebra.rng import Draw
from augfuse.transforms.base import Params, Part, Seeking, Things, Transform
from augfuse.transforms.crop import CenterCrop, Resize, boxes, draw_boxes

_SIDE = Interval("side of the part", "fraction of the side", 0.01, 1, "exact", neutral=1)
_AREA = Interval("area of the part", "fraction of the canvas", 1e-4, 1, "exact", neutral=1)
_TRIES = 40  # as torchvision's RandomIoUCrop


class _Resized(Seeking, frozen=True):
    """A crop that is in evaluation the whole image in its size, where it has one."""

    size: Annotated[Size | None, Lengths("output size", optional=True)] = None

    def counterpart(self) -> tuple[Transform, ...]:
        return () if self.size is None else (Resize(self.size),)


def _whole(left: np.ndarray, top: np.ndarray, right: np.ndarray, bottom: np.ndarray, canvas: Canvas) -> Part:
    """The parts of whole pixels around these ends, within the canvas and of one pixel at least."""
    x, y = np.floor(np.clip(left, 0, canvas.width - 1)), np.floor(np.clip(top, 0, canvas.height - 1))
    u, v = np.ceil(np.clip(right, x + 1, canvas.width)), np.ceil(np.clip(bottom, y + 1, canvas.height))
    return Part(*(side.astype(np.int64) for side in (x, y, u - x, v - y)))


@final
class BoxSafeCrop(_Resized, frozen=True):
    """Cut out a random part that holds all boxes. erosion: how much of the rectangle around all of them may be lost, at
    each side as much.

    Without boxes: a part around the middle. In evaluation: Resize(size).

    Source: Albumentations' BBoxSafeRandomCrop and, with a size, RandomSizedBBoxSafeCrop.
    """

    erosion: Annotated[float, Number("part of the rectangle around all boxes that may be cut off", "", 0, 1)] = 0.0
    examples: ClassVar = ({"size": (48, 40)}, {"size": 40, "erosion": 0.3})

    def draw(self, draw: Draw) -> Params:
        return {name: draw.uniform(name) for name in ("left", "top", "right", "bottom")}

    def seek(self, params: Params, canvas: Canvas, things: Things) -> Part:
        inner = np.stack([canvas.width / 2, canvas.height / 2] * 2, axis=1)
        for i in np.unique(things.image):
            own = things.boxes[things.image == i]
            inner[i] = [*own[:, :2].min(axis=0), *own[:, 2:].max(axis=0)]
        lost = self.erosion / 2 * (inner[:, 2:] - inner[:, :2])
        left, top = (inner[:, :2] + lost).T
        right, bottom = (inner[:, 2:] - lost).T
        return _whole(
            left * params["left"], top * params["top"], canvas.width - (canvas.width - right) * params["right"],
            canvas.height - (canvas.height - bottom) * params["bottom"], canvas,
        )  # fmt: skip


@final
class CropNearBox(_Resized, frozen=True):
    """Cut out one box, chosen by chance, with each of its sides moved by up to `shift` of its width or height.

    Without boxes: the whole image. In evaluation: Resize(size). Source: Albumentations' RandomCropNearBBox.
    """

    shift: Annotated[Range, Interval("move of each side, outwards", "fraction of the box", -0.45, 10)] = (-0.3, 0.3)
    examples: ClassVar = ({"size": (48, 40)}, {"size": 40, "shift": (0.1, 0.5)})

    def draw(self, draw: Draw) -> Params:
        return {"box": draw.uniform("box")} | {
            name: draw.uniform(name, self.shift) for name in ("left", "top", "right", "bottom")
        }

    def seek(self, params: Params, canvas: Canvas, things: Things) -> Part:
        found = np.stack([0 * canvas.width, 0 * canvas.height, canvas.width, canvas.height], axis=1).astype(np.float64)
        for i in np.unique(things.image):
            own = things.boxes[things.image == i]
            x, y, u, v = own[int(params["box"][i] * len(own))]
            left, top, right, bottom = (params[name][i] for name in ("left", "top", "right", "bottom"))
            found[i] = x - left * (u - x), y - top * (v - y), u + right * (u - x), v + bottom * (v - y)
        left, top, right, bottom = found.T
        return _whole(left, top, right, bottom, canvas)


@final
class IoUCrop(_Resized, frozen=True):
    """Cut out a random part that overlaps a box by at least a drawn one of `overlaps`, as SSD does; 1 or more leaves
    the image whole.

    Forty tries, of which the first counts whose overlap with a box (intersection over union) is enough and that holds
    the middle of a box; where none does, and without boxes, the image stays whole. Boxes whose middle is cut off are
    kept as far as they are seen: `af.Targets(min_visibility=...)` drops them. In evaluation: Resize(size).

    Source: torchvision's RandomIoUCrop, which draws another overlap after forty tries.
    """

    scale: Annotated[Range, _SIDE] = (0.3, 1)
    aspect: Annotated[Range, Interval("width / height of the part", "", 0.01, 100, "exact")] = (0.5, 2.0)
    overlaps: Annotated[tuple[float, ...] | float, Numbers("least overlaps", "intersection over union", 0, 10)] = (
        0.0, 0.1, 0.3, 0.5, 0.7, 0.9, 1.0,
    )  # fmt: skip
    examples: ClassVar = ({"size": (48, 40)}, {"size": 40, "overlaps": (0.1, 0.5)})
    cells: ClassVar[int] = _TRIES // 2

    def draw(self, draw: Draw) -> Params:
        low, high = ends(self.scale)
        sizes = low + (high - low) * draw.uniforms("size", 2 * _TRIES)
        return {"overlap": draw.uniform("overlap"), "size": sizes, "place": draw.uniforms("place", 2 * _TRIES)}

    def seek(self, params: Params, canvas: Canvas, things: Things) -> Part:
        overlaps = cast("tuple[float, ...]", self.overlaps)  # as Numbers stored it
        found = np.stack([0 * canvas.width, 0 * canvas.height, canvas.width, canvas.height], axis=1)
        for i in np.unique(things.image):
            least = overlaps[int(params["overlap"][i] * len(overlaps))]
            if least < 1:
                size, place = params["size"][i].reshape(2, _TRIES), params["place"][i].reshape(2, _TRIES)
                part = self._first(
                    things.boxes[things.image == i], int(canvas.width[i]), int(canvas.height[i]), least, size, place
                )
                found[i] = found[i] if part is None else part
        return Part(*found.T)

    def _first(
        self, own: np.ndarray, width: int, height: int, least: float, size: np.ndarray, place: np.ndarray
    ) -> np.ndarray | None:
        """Left, top, width and height of the first try that will do."""
        sides_ = np.maximum(np.floor(size * [[width], [height]]), 1).astype(np.int64)
        start = np.floor((np.array([[width], [height]]) - sides_) * place).astype(np.int64)
        low, high = ends(self.aspect)
        ratio = sides_[0] / sides_[1]
        begin, end = start.T[:, None], (start + sides_).T[:, None]  # (tries, 1, 2)
        middle = (own[:, :2] + own[:, 2:]) / 2
        holds = ((middle > begin) & (middle < end)).all(axis=2)
        both = np.minimum(end, own[:, 2:]) - np.maximum(begin, own[:, :2])
        shared = np.maximum(both, 0).prod(axis=2)
        whole = (own[:, 2:] - own[:, :2]).prod(axis=1) + (end - begin).prod(axis=2)
        iou = np.where(holds, shared / (whole - shared), -1).max(axis=1)
        good = (ratio >= low) & (ratio <= high) & (iou >= least)
        if not good.any():
            return None
        first = int(good.argmax())
        return np.concatenate([start[:, first], sides_[:, first]])


@final
class SmallSafeCrop(_Resized, frozen=True):
    """Cut out a random part of random aspect, as RandomResizedCrop does, that cuts no small box: each lies in the part
    or outside of it.

    Ten tries; where none will do, the smallest part that holds all small boxes. small: the largest area of a small box.
    In evaluation: Resize(size).
    """

    scale: Annotated[Range, _AREA] = (0.3, 1.0)
    ratio: Annotated[Range, Interval("width / height", "", 0.01, 100, "exact", neutral=1)] = (3 / 4, 4 / 3)
    small: Annotated[float, Number("largest area of a small box", "pixels", 0, 1e18)] = 32.0**2
    examples: ClassVar = ({"size": (48, 40)}, {"size": 40, "scale": (0.5, 0.9), "small": 100})
    cells: ClassVar[int] = 4

    def draw(self, draw: Draw) -> Params:
        return draw_boxes(draw, self.scale, self.ratio)

    def seek(self, params: Params, canvas: Canvas, things: Things) -> Part:
        tries = params["area"].shape[1]
        height, width, fits = boxes(params["area"], params["ratio"], canvas)
        height, width = np.where(fits, height, canvas.height), np.where(fits, width, canvas.width)
        found = self._placed(width, height, params, canvas)
        area = (things.boxes[:, 2:] - things.boxes[:, :2]).prod(axis=1)
        for i in np.unique(things.image[area <= self.small]):
            own = things.boxes[(things.image == i) & (area <= self.small)]
            one = Canvas(canvas.height[i : i + 1], canvas.width[i : i + 1])
            for k in range(tries):
                drawn = {name: params[name][i : i + 1, [k]] for name in ("area", "ratio")}
                high, wide, good = boxes(drawn["area"], drawn["ratio"], one)
                place = {name: params[name][i : i + 1] for name in ("x", "y")}
                part = self._placed(wide, high, place, one)[0]
                if good[0] and _cuts_none(own, part):
                    found[i] = part
                    break
            else:
                low, top = np.floor(own[:, :2].min(axis=0))
                found[i] = low, top, *(np.ceil(own[:, 2:].max(axis=0)) - (low, top))
        return Part(*np.maximum(found, [0, 0, 1, 1]).T)

    def _placed(self, width: np.ndarray, height: np.ndarray, params: Params, canvas: Canvas) -> np.ndarray:
        x = np.floor(params["x"] * (canvas.width - width + 1))
        y = np.floor(params["y"] * (canvas.height - height + 1))
        return np.stack([x, y, width, height], axis=1).astype(np.int64)


def _cuts_none(own: np.ndarray, part: np.ndarray) -> bool:
    start, end = part[:2], part[:2] + part[2:]
    within = ((own[:, :2] >= start) & (own[:, 2:] <= end)).all(axis=1)
    outside = ((own[:, 2:] <= start) | (own[:, :2] >= end)).any(axis=1)
    return bool((within | outside).all())


@final
class CropToMask(Seeking, frozen=True):
    """Cut `size` out so that a pixel of the mask is in it that is neither 0 nor one of `ignore`, chosen by chance.

    Without such a pixel, and without a mask: anywhere. In evaluation: CenterCrop(size).

    Source: Albumentations' CropNonEmptyMaskIfExists.
    """

    size: Annotated[Size, Lengths("output size")]
    ignore: Annotated[tuple[float, ...] | float, Numbers("mask values that count as nothing", "mask value")] = 0
    examples: ClassVar = ({"size": (48, 40)}, {"size": 40, "ignore": (0, 255)})
    uses_masks: ClassVar[bool] = True

    def counterpart(self) -> tuple[Transform, ...]:
        return (CenterCrop(self.size),)

    def draw(self, draw: Draw) -> Params:
        return {name: draw.uniform(name) for name in ("pixel", "x", "y")}

    def seek(self, params: Params, canvas: Canvas, things: Things) -> Part:
        height, width = sides(self.size)
        found = np.empty((len(canvas.width), 4), np.int64)
        for i in range(len(found)):
            mask = things.mask(i) if things.mask is not None else None
            rooms = int(canvas.width[i]) - width, int(canvas.height[i]) - height
            counts = np.flatnonzero(~np.isin(mask, (0, *np.atleast_1d(self.ignore)))) if mask is not None else ()
            place = (params["x"][i], params["y"][i])
            for axis, (room, side, at) in enumerate(zip(rooms, (width, height), place, strict=True)):
                low, high = min(room, 0), max(room, 0)
                if mask is not None and len(counts):
                    pixel = int(counts[int(params["pixel"][i] * len(counts))])
                    pixel = pixel % mask.shape[1] if axis == 0 else pixel // mask.shape[1]
                    low, high = max(low, pixel - side + 1), max(min(high, pixel), low)
                    low = min(low, high)
                found[i, axis] = low + math.floor(at * (high - low + 1))
            found[i, 2:] = width, height
        return Part(*found.T)
