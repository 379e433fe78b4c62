"""Tones of finished levels, as tables, and of floats, as functions."""

from __future__ import annotations

import math

import numpy as np

from augfuse.execute.cpu import tables
from augfuse.execute.cpu.numbers import Target
from augfuse.plan.tone import Tone, tables as plain_tables, through


def levels_of(tone: Tone, src: np.ndarray, starts: np.ndarray, shape: tuple[int, ...], first: int) -> np.ndarray:
    """(k, 1 or channels, levels) float64: the levels that the tone makes of those of the images from `first` on, which
    lie in `src` at `starts`.
    """
    count, channels = len(starts), shape[2]
    found = plain_tables(tone, first, first + count)[:, None]
    if tone.statistic is not None:
        measure = tables.stretched if tone.statistic == "range" else tables.equalized
        made = np.empty((count, channels, tone.levels))
        active = tone.curves[0].active[first : first + count]
        pixels = shape[0] * shape[1]
        measure(src, starts, pixels, channels, tone.colors, float(tone.low), float(tone.high), active, made)
        if len(tone.curves) == 1:
            return made
        found = np.broadcast_to(found, made.shape).copy()
        found[:, tone.colors :] = np.arange(tone.levels)
        return np.take_along_axis(found, made.astype(np.int64), axis=2)
    if tone.colors == channels:
        return found
    alpha = np.broadcast_to(np.arange(tone.levels, dtype=np.float64), (count, channels - tone.colors, tone.levels))
    return np.concatenate([np.repeat(found, tone.colors, axis=1), alpha], axis=1)


def to_levels(tone: Tone, src: np.ndarray, starts: np.ndarray, shape: tuple[int, ...], first: int) -> np.ndarray:
    """The images through the tone, flat, of the same dtype."""
    made = levels_of(tone, src, starts, shape, first).astype(src.dtype)
    out = np.empty(len(starts) * math.prod(shape), src.dtype)
    tables.run(src, starts, shape[0] * shape[1], shape[2], made, out, 0, False)
    return out


def write(
    tone: Tone, src: np.ndarray, starts: np.ndarray, shape: tuple[int, ...], target: Target, first: int, at: int
) -> None:
    """The images through the tone, clipped, normalised and written as the target says, from image `at` of it on."""
    made = levels_of(tone, src, starts, shape, first)
    if target.rounds:
        made = np.clip(made, target.low, target.high).astype(target.out.dtype)
    else:
        scales, biases = target.scales[at : at + len(starts)], target.biases[at : at + len(starts)]
        if (scales == scales[:, :1]).all() and (biases == biases[:, :1]).all():
            scales, biases = scales[:, :1], biases[:, :1]
        made = np.clip(made.astype(np.float32), target.low, target.high) * scales[:, :, None] + biases[:, :, None]
        made = np.ascontiguousarray(made, target.out.dtype)
    size = math.prod(shape)
    tables.run(src, starts, shape[0] * shape[1], shape[2], made, target.out, at * size, target.planar)


def to_floats(tone: Tone, image: np.ndarray, i: int) -> np.ndarray:
    """A float32 image (h, w, c) through the tone."""
    image = image.copy()
    colors = image[:, :, : tone.colors]
    if tone.statistic is not None:
        np.clip(colors, tone.low, tone.high, out=colors)
        if tone.curves[0].active[i]:
            measure = _stretched if tone.statistic == "range" else _equalized
            for c in range(tone.colors):
                image[:, :, c] = measure(image[:, :, c], np.float32(tone.low), np.float32(tone.high))
    image[:, :, : tone.colors] = through(tone, colors, i)
    return image


def _stretched(values: np.ndarray, low: np.float32, high: np.float32) -> np.ndarray:
    darkest, brightest = values.min(), values.max()
    return values if darkest == brightest else (values - darkest) * ((high - low) / (brightest - darkest)) + low


def _equalized(values: np.ndarray, low: np.float32, high: np.float32) -> np.ndarray:
    most, shape = 65535, (*values.shape, 1)
    levels = np.rint((values - low) * (np.float32(most) / (high - low))).astype(np.uint16).ravel()
    made = np.empty((1, 1, most + 1))
    start, active = np.zeros(1, np.int64), np.ones(1, bool)
    tables.equalized(levels, start, len(levels), 1, 1, 0.0, float(most), active, made)
    if (levels == levels[0]).all():
        return values
    return (low + made[0, 0][levels] * (float(high - low) / most)).astype(np.float32).reshape(shape[:2])
