"""Local transforms: a kernel that sees one float32 image with its surroundings. A barrier in the plan.

Values are at the image's own scale (0..255 for uint8) and not clipped before or after, but by a Barrier; the write
clips.
"""

from __future__ import annotations

from functools import lru_cache
from statistics import NormalDist
from typing import Annotated, ClassVar, final

import numpy as np

from augfuse.algebra.geometry import Canvas
from augfuse.algebra.ranges import Interval, Numbers, Range, ends, per_channel
from augfuse.algebra.rng import Draw
from augfuse.transforms.array_forms import Blur, Finish, Noise, Paint
from augfuse.transforms.base import Amount, Evaluation, Frame, Local, Params, Part, Probability
from augfuse.transforms.crop import boxes, draw_boxes

_SIGMA = Interval("standard deviation of the Gaussian", "pixels", 0.01, 100, "exact", neutral=0)
_AREA = Interval("area of the rectangle", "fraction of the image", 1e-4, 1, "exact", neutral=0)
_NOISE = Interval("standard deviation of the noise", "fraction of full scale", 0, 1, "exact", neutral=0)


def _radius(sigma: np.ndarray) -> np.ndarray:
    return (4 * sigma + 0.5).astype(np.int64)  # scipy.ndimage.gaussian_filter's truncate=4


@final
class GaussianBlur(Local, frozen=True):
    """Convolve with a Gaussian of standard deviation `sigma`, cut at 4 sigma; borders mirror (d c b a | a b c d).

    Source: scipy.ndimage.gaussian_filter(mode="reflect").
    """

    sigma: Annotated[Range, _SIGMA] = (0.1, 2.0)
    examples: ClassVar = ({"sigma": (0.1, 2.0)}, {"sigma": 3})
    makes_bytes: ClassVar[bool] = True

    def form(self) -> Blur:
        return Blur(ends(self.sigma)[1])

    def apply(self, image: np.ndarray, params: Params) -> np.ndarray:
        sigma = float(params["sigma"])
        r = int(_radius(params["sigma"]))
        weights = np.exp(-0.5 * (np.arange(-r, r + 1) / sigma) ** 2)
        weights /= weights.sum()
        for axis in (0, 1):
            padding = [(r, r) if a == axis else (0, 0) for a in range(3)]
            padded = np.pad(image, padding, mode="symmetric")
            windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * r + 1, axis=axis)  # type: ignore[call-overload]
            image = (windows @ weights).astype(image.dtype, copy=False)
        return image

    def apply_all(self, source: np.ndarray, images: np.ndarray, params: Params, active: np.ndarray) -> None:
        from augfuse.transforms.compiled.blur import blur

        sigma = np.ascontiguousarray(params["sigma"], np.float64)
        blur(source, images, sigma, np.where(active, _radius(sigma), 0))


@lru_cache(maxsize=1)
def normal_quantiles() -> np.ndarray:
    """(65536,) float32: the normal quantile at (u + 0.5) / 65536, the noise of the 16 bits u."""
    normal = NormalDist()
    lower = np.array([normal.inv_cdf((u + 0.5) / 65536) for u in range(32768)], np.float32)
    quantiles = np.concatenate([lower, -lower[::-1]])
    quantiles.flags.writeable = False
    return quantiles


@final
class GaussianNoise(Local, frozen=True):
    """Add normal noise, independent for each pixel and channel; its standard deviation is drawn per image.

    The key of an image gives the words of `numpy.random.Philox(key=key).random_raw`: the first block is that of the
    counter (1, 0, 0, 0). The values of the image in (row, column, channel) order take 16 bits each, the lowest of each
    word first; u becomes std * the normal quantile at (u + 0.5) / 65536, which ends at 4.3 standard deviations.
    """

    std: Annotated[Range, _NOISE] = (0.0, 0.05)
    examples: ClassVar = ({"std": (0.0, 0.05)}, {"std": 0.2})
    makes_bytes: ClassVar[bool] = True

    def draw(self, draw: Draw) -> Params:
        return {"std": draw.uniform("std", self.std), "key": draw.key("key")}

    def plan(self, params: Params, frame: Frame) -> Params:
        return {"std": params["std"] * (frame.high - frame.low), "key": params["key"]}

    def form(self) -> Noise:
        return Noise()

    def apply(self, image: np.ndarray, params: Params) -> np.ndarray:
        words = np.random.Philox(key=params["key"]).random_raw(-(-image.size // 4))
        bits = words.astype("<u8", copy=False).view("<u2")[: image.size].reshape(image.shape)
        return image + normal_quantiles()[bits] * image.dtype.type(params["std"])

    def apply_all(self, source: np.ndarray, images: np.ndarray, params: Params, active: np.ndarray) -> None:
        from augfuse.transforms.compiled.noise import noise

        std = np.where(active, params["std"], 0).astype(np.float32)
        key, table = np.ascontiguousarray(params["key"]), normal_quantiles()
        noise(source, images, std, key, table)


@final
class Erase(Local, frozen=True, kw_only=True):
    """Paint a rectangle. `scale`: its area as a fraction of the image; `ratio`: width / height; `value`: its colour.

    Source: torchvision RandomErasing: ten tries, and nothing is erased where none fits. Whole pixels.
    """

    scale: Annotated[Range, _AREA] = (0.02, 0.33)
    ratio: Annotated[Range, Interval("width / height of the rectangle", "", 0.01, 100, "exact")] = (0.3, 3.3)
    value: Annotated[tuple[float, ...] | float, Numbers("colour of the rectangle", "at the image's own scale")] = 0
    p: Probability = 0.5
    examples: ClassVar = ({}, {"scale": (0.1, 0.2), "value": (255, 0, 0), "p": 1.0})

    def draw(self, draw: Draw) -> Params:
        return draw_boxes(draw, self.scale, self.ratio)

    def plan(self, params: Params, frame: Frame) -> Params:
        per_channel("Erase.value", self.value, frame.channels)
        return {"part": np.stack(self._part(params, frame.canvas), axis=1)}

    def _part(self, params: Params, canvas: Canvas) -> Part:
        """What is painted; zeros where no rectangle fits."""
        height, width, found = boxes(params["area"], params["ratio"], canvas)
        y = np.floor(params["y"] * (canvas.height - height + 1))
        x = np.floor(params["x"] * (canvas.width - width + 1))
        return Part(*(np.where(found, number, 0).astype(np.int64) for number in (x, y, width, height)))

    def amounts(self, params: Params, canvas: Canvas) -> tuple[Amount, ...]:
        return self._part(params, canvas).amounts()

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


def are_levels(value: tuple[float, ...] | float, frame: Frame) -> bool:
    """Whether a colour is made of whole numbers of the value range."""
    numbers = np.atleast_1d(value)
    return bool(((numbers >= frame.low) & (numbers <= frame.high) & (numbers == np.rint(numbers))).all())


def painting(value: tuple[float, ...] | float) -> Paint:
    """Painting in this colour."""
    return Paint(tuple(np.atleast_1d(value).tolist()))


def painted(image: np.ndarray, part: np.ndarray, value: tuple[float, ...] | float) -> np.ndarray:
    """The image with the pixels of a rectangle (left, top, width, height) painted, as far as they lie in it."""
    left, top, width, height = part
    image[max(top, 0) : max(top + height, 0), max(left, 0) : max(left + width, 0)] = value
    return image


def paint_all(
    source: np.ndarray, images: np.ndarray, parts: np.ndarray, value: tuple[float, ...] | float, active: np.ndarray
) -> None:
    """images = source, painted where they are active; parts (n, 4). See `Local.apply_all`."""
    from augfuse.transforms.compiled.rectangles import paint

    if source is not images:
        images[:] = source
    _, height, width, channels = images.shape
    colors = np.full(channels, value, images.dtype)
    paint(images.reshape(-1), height, width, channels, np.ascontiguousarray(parts), colors, active)


@final
class Barrier(Local, frozen=True):
    """Finish what comes before: clip to the value range and, where the images are uint8 or uint16, round.

    Without it neighbours are fused: they share one interpolation, and nothing is clipped in between. Kept in
    evaluation.
    """

    examples: ClassVar = ({},)
    evaluation: ClassVar[Evaluation] = "deterministic"

    def plan(self, params: Params, frame: Frame) -> Params:
        n = len(frame.canvas.height)
        names = {"low": frame.low, "high": frame.high, "whole": frame.whole}
        return {name: np.full(n, value) for name, value in names.items()}

    def keeps_levels(self, frame: Frame) -> bool:
        return True

    def form(self) -> Finish:
        return Finish()

    def apply(self, image: np.ndarray, params: Params) -> np.ndarray:
        np.clip(image, image.dtype.type(params["low"]), image.dtype.type(params["high"]), out=image)
        return np.rint(image, out=image) if params["whole"] else image

    def apply_all(self, source: np.ndarray, images: np.ndarray, params: Params, active: np.ndarray) -> None:
        from augfuse.transforms.compiled.rectangles import clip

        if source is not images:
            images[:] = source
        if images.dtype != np.float32:  # they are finished
            return
        low, high = (params[name].astype(np.float32) for name in ("low", "high"))
        clip(images.reshape(-1), images[0].size, low, high, params["whole"].astype(bool), active)
