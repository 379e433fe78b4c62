"""Bring images to one size as `tf.image.resize` does, which `keras.utils.image_dataset_from_directory` calls.

Every method of TensorFlow is separable: an output row is a weighted sum of some input rows, an output pixel one of some
input columns. So there is one compiled function, and a table of weights for each method, computed in float32 as there.
Without antialiasing an image that becomes smaller skips pixels.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Literal, NamedTuple, TypeAlias, final

import numpy as np

from augfuse.jit import inlined, jit

F = np.float32
Weights: TypeAlias = Callable[[np.ndarray], np.ndarray]
_OVERSHOOTS = ("bicubic", "lanczos3", "lanczos5", "mitchellcubic")  # results may lie outside the range of the pixels
_BLURS = ("gaussian", "mitchellcubic")  # also where the size stays
_TABLE = 1024  # TensorFlow takes the weights of "bicubic" from a table with so many steps to a pixel


@final
class Sizing(NamedTuple):
    """How images come to `size` (height, width). aspect: "crop" cuts the middle out first, "pad" adds black bars, None
    stretches. clips: to 0..255, where the method overshoots."""

    size: tuple[int, int]
    interpolation: str
    antialias: bool = False
    aspect: Literal["crop", "pad"] | None = None
    clips: bool = False

    def all_into(self, images: np.ndarray, out: np.ndarray, planar: bool) -> None:
        """(n, h, w, c) uint8 or float32 into `out`, (n, *size, c) or planar (n, c, *size), float32."""
        height, width, channels = images.shape[1:]
        upright = out.transpose(0, 2, 3, 1) if planar else out
        if (height, width) == self.size and self.interpolation not in _BLURS:
            upright[...] = images
            return
        target = np.empty((len(out), *self.size, channels), np.float32) if planar else out
        inner, top, left = self.size, 0, 0
        if self.aspect == "crop":
            images = _cut(images, self.size)
        elif self.aspect == "pad":
            inner, top, left = _inside(height, width, self.size)
            target[...] = 0
        rows = _taps(images.shape[1], inner[0], self.interpolation, self.antialias)
        columns = _taps(images.shape[2], inner[1], self.interpolation, self.antialias)
        # Weights that add up to 1 but for rounding may exceed the range by a hair.
        low, high = (F(-np.inf), F(np.inf)) if self.overshoots else (F(0), F(255))
        _weigh(np.ascontiguousarray(images), *rows, *columns, target[:, top : top + inner[0]], left, low, high)
        if planar:
            upright[...] = target

    @property
    def overshoots(self) -> bool:
        """Whether values may lie outside 0..255."""
        return not self.clips and self.interpolation in _OVERSHOOTS


def _cut(images: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """The largest part from the middle that has the proportions of `size`, rounded as Keras' smart_resize does."""
    height, width = images.shape[1:3]
    cut_height = max(min(height, int(F(width * size[0]) / F(size[1]))), 1)
    cut_width = max(min(width, int(F(height * size[1]) / F(size[0]))), 1)
    top, left = (height - cut_height) // 2, (width - cut_width) // 2
    return images[:, top : top + cut_height, left : left + cut_width]


def _inside(height: int, width: int, size: tuple[int, int]) -> tuple[tuple[int, int], int, int]:
    """The size of the picture inside the bars, and where it lies, rounded as tf.image.resize_with_pad does."""
    ratio = max(F(width) / F(size[1]), F(height) / F(size[0]))
    exact = F(height) / ratio, F(width) / ratio
    inner = max(1, int(exact[0])), max(1, int(exact[1]))
    top, left = (max(0, int(np.floor((F(side) - own) / 2))) for side, own in zip(size, exact, strict=True))
    return inner, top, left


@lru_cache(maxsize=4096)
def _taps(size: int, count: int, method: str, antialias: bool) -> tuple[np.ndarray, np.ndarray]:
    """Of each of `count` outputs along an axis of `size` inputs: its first input (count,), and the weights (count, k)
    of that and those after it."""
    if antialias and method in ("bilinear", "bicubic"):
        return _packed(*_of_kernel(size, count, {"bilinear": "triangle", "bicubic": "keyscubic"}[method], True), size)
    plain = {"nearest": _nearest, "bilinear": _bilinear, "bicubic": _bicubic, "area": _area}.get(method)
    return _packed(*(_of_kernel(size, count, method, antialias) if plain is None else plain(size, count)), size)


def _packed(inputs: np.ndarray, weights: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Inputs (count, k) and their weights as runs of neighbours that lie inside 0..size - 1."""
    inputs = np.clip(inputs, 0, size - 1).astype(np.int64)
    used = weights != 0
    firsts = np.where(used, inputs, size).min(axis=1)
    lasts = np.where(used, inputs, -1).max(axis=1)
    firsts = np.minimum(firsts, lasts)
    length = int((lasts - firsts).max()) + 1
    starts = np.minimum(firsts, size - length)
    packed = np.zeros((len(inputs), length), F)
    rows = np.broadcast_to(np.arange(len(inputs))[:, None], inputs.shape)
    np.add.at(packed, (rows[used], (inputs - starts[:, None])[used]), weights[used])
    return np.maximum(starts, 0), packed


def _centres(size: int, count: int) -> np.ndarray:
    """Where outputs lie among the inputs, float32; input i covers i..i + 1."""
    return (np.arange(count, dtype=F) + F(0.5)) * (F(size) / F(count))


def _nearest(size: int, count: int) -> tuple[np.ndarray, np.ndarray]:
    return np.floor(_centres(size, count))[:, None], np.ones((count, 1), F)


def _bilinear(size: int, count: int) -> tuple[np.ndarray, np.ndarray]:
    at = _centres(size, count) - F(0.5)
    below = np.floor(at)
    share = at - below
    return np.stack([below, below + 1], axis=1), np.stack([1 - share, share], axis=1)


def _bicubic(size: int, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Keys' kernel from a table; inputs outside the image count for nothing."""
    at = _centres(size, count) - F(0.5)
    below = np.floor(at)
    step = np.rint((at - below) * _TABLE)
    inputs = below[:, None] + np.arange(-1, 3)
    distances = np.stack([_TABLE + step, step, _TABLE - step, 2 * _TABLE - step], axis=1) / _TABLE
    weights = _KERNELS["keyscubic"][1](distances.astype(F)).astype(F)
    return inputs, _normalised(np.where((inputs >= 0) & (inputs < size), weights, F(0)))


def _area(size: int, count: int) -> tuple[np.ndarray, np.ndarray]:
    """The share that each input has in the interval of an output."""
    scale = F(size) / F(count)
    low, high = np.arange(count, dtype=F) * scale, np.arange(1, count + 1, dtype=F) * scale
    first = np.floor(low)
    most = int((np.ceil(high) - first).max())
    inputs = first[:, None] + np.arange(most, dtype=F)
    shares = np.minimum(inputs + 1, high[:, None]) - np.maximum(inputs, low[:, None])
    return inputs, (np.maximum(shares, 0) / scale).astype(F)


def _of_kernel(size: int, count: int, name: str, antialias: bool) -> tuple[np.ndarray, np.ndarray]:
    """TensorFlow's ScaleAndTranslate: a kernel about each output, made wider where that antialiases."""
    radius, weight = _KERNELS[name]
    inverse = F(1.0 / float(F(count) / F(size)))
    wide = max(inverse, F(1)) if antialias else F(1)
    at = (np.arange(count, dtype=F) + F(0.5)) * inverse
    reach = F(radius) * wide
    first = np.clip(np.ceil(at - reach - F(0.5)), 0, size - 1)
    last = np.clip(np.floor(at + reach - F(0.5)), 0, size - 1)
    inputs = first[:, None] + np.arange(int((last - first).max()) + 1, dtype=F)
    distances = np.abs((inputs + F(0.5) - at[:, None]) / wide)
    return inputs, _normalised(np.where(inputs <= last[:, None], weight(distances), 0).astype(F))


def _normalised(weights: np.ndarray) -> np.ndarray:
    total = weights.sum(axis=1, keepdims=True, dtype=F)
    safe = np.abs(total) >= 1000 * np.finfo(F).tiny
    return np.where(safe, weights / np.where(safe, total, 1), weights).astype(F)


def _lanczos(radius: float) -> Weights:
    def weight(x: np.ndarray) -> np.ndarray:
        turns = np.pi * np.maximum(x, 1e-3)
        inside = radius * np.sin(turns) * np.sin(turns / radius) / (turns * turns)
        return np.where(x > radius, 0, np.where(x <= 1e-3, 1, inside))

    return weight


def _gaussian(x: np.ndarray) -> np.ndarray:
    return np.where(x >= 1.5, 0, np.exp(-2 * x * x))  # standard deviation 1 / 2


def _triangle(x: np.ndarray) -> np.ndarray:
    return np.maximum(0, 1 - x)


def _keys(x: np.ndarray) -> np.ndarray:
    """Keys' cubic with a = -1/2."""
    near, far = ((1.5 * x - 2.5) * x) * x + 1, ((-0.5 * x + 2.5) * x - 4) * x + 2
    return np.where(x >= 2, 0, np.where(x >= 1, far, near))


def _mitchell(x: np.ndarray) -> np.ndarray:
    near = ((7 / 6 * x - 2) * x) * x + 8 / 9
    far = ((-7 / 18 * x + 2) * x - 10 / 3) * x + 16 / 9
    return np.where(x >= 2, 0, np.where(x >= 1, far, near))


_KERNELS: Mapping[str, tuple[float, Weights]] = {
    "lanczos3": (3, _lanczos(3)),
    "lanczos5": (5, _lanczos(5)),
    "gaussian": (1.5, _gaussian),
    "mitchellcubic": (2, _mitchell),
    "triangle": (1, _triangle),
    "keyscubic": (2, _keys),
}


@jit
def _weigh(images, rows, down, columns, across, out, left, low, high):
    """out[i, y, left + x] = the sum over k and j of down[y, k] across[x, j] images[i, rows[y] + k, columns[x] + j],
    within low..high."""
    count, height, width, channels = images.shape
    flat = images.reshape(count, height, width * channels)
    line = np.empty(width * channels, np.float32)
    for i in range(count):
        for y in range(rows.size):
            _blend(flat[i], rows[y], down[y], line)
            row = out[i, y]
            if channels == 3:
                _across_three(line, columns, across, row, left, low, high)
            else:
                _across_any(line, columns, across, row, left, low, high, channels)


@inlined
def _blend(flat, first, weights, line):
    """The weighted sum of rows."""
    source = flat[first]
    weight = weights[0]
    if weights.size == 2:
        other = flat[first + 1]
        second = weights[1]
        for p in range(line.size):
            line[p] = weight * F(source[p]) + second * F(other[p])
        return
    for p in range(line.size):
        line[p] = weight * F(source[p])
    for k in range(1, weights.size):
        weight = weights[k]
        if weight != F(0):
            source = flat[first + k]
            for p in range(line.size):
                line[p] += weight * F(source[p])


@inlined
def _across_three(line, columns, across, row, left, low, high):
    if across.shape[1] == 2:
        for x in range(columns.size):
            p = columns[x] * 3
            u = across[x, 0]
            v = across[x, 1]
            row[left + x, 0] = min(max(u * line[p] + v * line[p + 3], low), high)
            row[left + x, 1] = min(max(u * line[p + 1] + v * line[p + 4], low), high)
            row[left + x, 2] = min(max(u * line[p + 2] + v * line[p + 5], low), high)
        return
    for x in range(columns.size):
        p = columns[x] * 3
        a = b = c = F(0)
        for j in range(across.shape[1]):
            u = across[x, j]
            a += u * line[p]
            b += u * line[p + 1]
            c += u * line[p + 2]
            p += 3
        row[left + x, 0] = min(max(a, low), high)
        row[left + x, 1] = min(max(b, low), high)
        row[left + x, 2] = min(max(c, low), high)


@inlined
def _across_any(line, columns, across, row, left, low, high, channels):
    for x in range(columns.size):
        start = columns[x] * channels
        for c in range(channels):
            value = F(0)
            for j in range(across.shape[1]):
                value += across[x, j] * line[start + j * channels + c]
            row[left + x, c] = min(max(value, low), high)
