"""Tones of finished levels, as tables, and of floats, as functions."""

from __future__ import annotations

import math
from typing import final

import numpy as np

from augfuse.execute.cpu.kernel_arguments import Target
from augfuse.execute.cpu.passes import tables
from augfuse.plan import tone as plans
from augfuse.plan.tone import FLAT, Tone

AT_ONCE = 256  # levels: tables of that many are made for all images of a slice at once
CHUNK = 2**13  # floats that pass curves together: what lies between them stays in a cache

_F = np.float32


@final
class Tables:
    """The tables of a tone for the images start..stop, of the dtype that is written: the levels of the source, or what
    `target` makes of them.
    """

    def __init__(
        self, tone: Tone, dtype: np.dtype, channels: int, target: Target | None, start: int, stop: int
    ) -> None:
        self._tone = tone
        self.low = tone.low
        self.high = tone.high
        self._dtype = dtype
        self._channels = channels
        self._target = target
        self._start = start
        self._made = None
        if tone.statistic is None and tone.levels <= AT_ONCE:
            self._made = self._finished(self._plain(start, stop), start)

    def run(
        self,
        src: np.ndarray,
        starts: np.ndarray,
        shape: tuple[int, int, int],
        first: int,
        out: np.ndarray | None = None,
    ) -> None:
        """The images from `first` on, which lie in `src` at `starts`, to the target; without one, to `out`."""
        pixels = shape[0] * shape[1]
        made = self._of(src, starts, pixels, first)
        target = self._target
        if target is None:
            assert out is not None
            tables.run(src, starts, pixels, self._channels, made, out, 0, False)
        else:
            at = (first - target.first) * math.prod(shape)
            tables.run(src, starts, pixels, self._channels, made, target.out, at, target.planar)

    def _of(self, src: np.ndarray, starts: np.ndarray, pixels: int, first: int) -> np.ndarray:
        stop = first + len(starts)
        if self._made is not None:
            return self._made[first - self._start : stop - self._start]
        if self._tone.statistic is None:
            return self._finished(self._plain(first, stop), first)
        return self._finished(self._measured(src, starts, pixels, first), first)

    def _plain(self, start: int, stop: int) -> np.ndarray:
        """(k, 1 or channels, levels) float64: the levels that the tone makes."""
        tone, found = self._tone, plans.tables(self._tone, start, stop)[:, None]
        if tone.colors == self._channels:
            return found
        alpha = np.broadcast_to(np.arange(tone.levels, dtype=np.float64), (stop - start, 1, tone.levels))
        return np.concatenate([np.repeat(found, tone.colors, axis=1), alpha], axis=1)

    def _measured(self, src: np.ndarray, starts: np.ndarray, pixels: int, first: int) -> np.ndarray:
        tone, stop = self._tone, first + len(starts)
        measure = tables.stretched if tone.statistic == "range" else tables.equalized
        made = np.empty((len(starts), self._channels, tone.levels))
        active = tone.curves[0].active[first:stop]
        measure(src, starts, pixels, self._channels, tone.colors, float(tone.low), float(tone.high), active, made)
        if len(tone.curves) == 1:
            return made
        later = np.broadcast_to(self._plain(first, stop), made.shape)
        return np.take_along_axis(later, made.astype(np.int64), axis=2)

    def _finished(self, levels: np.ndarray, first: int) -> np.ndarray:
        target = self._target
        if target is None:
            return levels.astype(self._dtype)
        if target.rounds:
            return np.clip(levels, target.low, target.high).astype(target.out.dtype)
        rows = slice(first, first + len(levels))
        scales, biases = target.scales[rows], target.biases[rows]
        if (scales == scales[:, :1]).all() and (biases == biases[:, :1]).all():
            scales, biases = scales[:, :1], biases[:, :1]
        made = np.clip(levels.astype(_F), target.low, target.high) * scales[:, :, None] + biases[:, :, None]
        return np.ascontiguousarray(made, target.out.dtype)


def to_floats(tone: Tone, image: np.ndarray, i: int) -> np.ndarray:
    """A float32 image (h, w, c) through the tone."""
    image = np.array(image, _F)
    if tone.statistic is not None and tone.curves[0].active[i]:
        measure = _stretched if tone.statistic == "range" else _equalized
        for c in range(tone.colors):
            values = np.clip(image[:, :, c], _F(tone.low), _F(tone.high))
            image[:, :, c] = measure(values, _F(tone.low), _F(tone.high))
    pixels = image.reshape(-1, image.shape[2])
    rows = max(1, CHUNK // image.shape[2])
    for at in range(0, len(pixels), rows):
        part = pixels[at : at + rows, : tone.colors]
        part[:] = plans.through(tone, part, i)
    return image


def _stretched(values: np.ndarray, low: np.float32, high: np.float32) -> np.ndarray:
    darkest, brightest = values.min(), values.max()
    if brightest - darkest <= _F(FLAT) * (high - low):
        return values
    return (values - darkest) * ((high - low) / (brightest - darkest)) + low


def _equalized(values: np.ndarray, low: np.float32, high: np.float32) -> np.ndarray:
    most = 65535
    levels = np.rint((values.astype(np.float64) - low) * (most / float(high - low))).astype(np.uint16)
    if (levels == levels[0, 0]).all():
        return values
    made = np.empty((1, 1, most + 1))
    start, active = np.zeros(1, np.int64), np.ones(1, bool)
    tables.equalized(levels.reshape(-1), start, levels.size, 1, 1, 0.0, float(most), active, made)
    return (low + made[0, 0] * (float(high - low) / most)).astype(_F)[levels]
