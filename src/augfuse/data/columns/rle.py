"""Masks as runs: COCO's run-length encoding, and polygons drawn as COCO's own tools draw them.

The pixels of a mask are counted column by column: so many of 0, then so many of 1, and so on. A file holds these counts
as a list, or packed into a string: each number in groups of five bits, the lowest first, from the fourth number on as
the difference to the one before the last. Source: cocodataset/cocoapi, common/maskApi.c (rleFrString, rleFrPoly).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

_FIRST, _MORE, _SIGN, _BITS = 48, 0x20, 0x10, 0x1F
_LONGEST = 7  # groups of five bits: an image has less than 2**32 pixels
_FINER = 5.0  # the grid that the edges of a polygon are followed on


def unpack(strings: Sequence[bytes]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(counts of all strings one behind the other int64, how many each string has, which strings are broken)."""
    raw = np.frombuffer(b"".join(strings), np.uint8).astype(np.int64) - _FIRST
    sizes = np.fromiter(map(len, strings), np.int64, len(strings))
    owner = np.repeat(np.arange(len(strings)), sizes)
    broken = np.zeros(len(strings), bool)
    broken[owner[(raw < 0) | (raw > 0x3F)]] = True
    stops = np.flatnonzero((raw & _MORE) == 0)
    ends = np.cumsum(sizes)
    filled = sizes > 0
    broken |= ~filled
    broken[filled] |= (raw[ends[filled] - 1] & _MORE) != 0
    if broken.any():  # the others are read without them
        good = [b"0" if bad else one for one, bad in zip(strings, broken.tolist(), strict=True)]
        values, counts, worse = unpack(good)
        return values, counts, broken | worse
    if not len(stops):
        return np.empty(0, np.int64), np.zeros(len(strings), np.int64), broken
    starts = np.concatenate([[0], stops[:-1] + 1])
    place = np.arange(len(raw)) - np.repeat(starts, stops - starts + 1)
    long = owner[starts[stops - starts >= _LONGEST]]
    broken[long] = True
    values = np.add.reduceat((raw & _BITS) << (5 * np.minimum(place, _LONGEST)), starts)
    negative = (raw[stops] & _SIGN) != 0
    values -= np.where(negative, np.int64(1) << (5 * np.minimum(stops - starts + 1, _LONGEST)), 0)
    counts = np.bincount(owner[stops], minlength=len(strings))
    return _summed(values, counts), counts, broken


def _summed(values: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """The numbers whose differences these are: from the fourth number of each string on to the one before the last."""
    begins = np.repeat(np.cumsum(counts) - counts, counts)
    place = np.arange(len(values)) - begins
    found = values.copy()
    for first in (1, 2):  # 1, 3, 5, ... and 2, 4, 6, ...: the sum over all strings, less that of those before
        chosen = np.flatnonzero((place >= first) & ((place - first) % 2 == 0))
        total = np.cumsum(values[chosen])
        head = place[chosen] == first
        before = (total - values[chosen])[head]
        found[chosen] = total - before[np.cumsum(head) - 1]
    return found


def decode_runs(counts: np.ndarray, height: int, width: int) -> np.ndarray:
    """The mask (h, w) uint8 of runs that fill it, 0 and 1 in turn."""
    ones = np.arange(len(counts)) % 2
    return np.ascontiguousarray(np.repeat(ones.astype(np.uint8), counts).reshape(width, height).T)


def encode_runs(mask: np.ndarray) -> list[int]:
    """The runs of a mask (h, w): pixels that are not 0 are 1."""
    flat = np.ascontiguousarray(mask.T).reshape(-1) != 0
    places = np.flatnonzero(np.diff(flat, prepend=False))
    return np.diff(np.concatenate([[0], places, [flat.size]])).tolist()


def draw_polygons(rings: Sequence[np.ndarray], height: int, width: int) -> np.ndarray:
    """The mask (h, w) uint8 of an object whose outlines are rings (m, 2), each filled: as pycocotools draws them."""
    found = np.zeros((height, width), np.uint8)
    for ring in rings:
        found |= _drawn(ring, height, width)
    return found


def _drawn(ring: np.ndarray, height: int, width: int) -> np.ndarray:
    # Files give hundredths of a pixel, which float32 keeps but for the last bits, and those decide about halves.
    fine = np.trunc(_FINER * np.round(ring.astype(np.float64), 3) + 0.5).astype(np.int64)
    x, y = _edges(np.concatenate([fine, fine[:1]]))
    turns = np.flatnonzero(x[1:] != x[:-1]) + 1
    now, before = x[turns], x[turns - 1]
    column = (np.where(now < before, now, now - 1) + 0.5) / _FINER - 0.5
    row = np.ceil(np.clip((np.minimum(y[turns], y[turns - 1]) + 0.5) / _FINER - 0.5, 0, height))
    inside = (np.floor(column) == column) & (column >= 0) & (column <= width - 1)
    places = (column[inside] * height + row[inside]).astype(np.int64)
    toggles = np.bincount(places, minlength=height * width + 1)[: height * width]
    return (np.cumsum(toggles) & 1).astype(np.uint8).reshape(width, height).T


def _edges(corners: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """x and y of the points of the fine grid that the edges between these corners pass, in order."""
    start, stop = corners[:-1], corners[1:]
    sides = np.abs(stop - start)
    flat = sides[:, 0] >= sides[:, 1]
    turned = np.where(flat, start[:, 0] > stop[:, 0], start[:, 1] > stop[:, 1])
    low, high = np.where(turned[:, None], stop, start), np.where(turned[:, None], start, stop)
    steps = np.where(flat, sides[:, 0], sides[:, 1])
    rise = np.where(flat, high[:, 1] - low[:, 1], high[:, 0] - low[:, 0])
    slope = rise / np.maximum(steps, 1)
    edge = np.repeat(np.arange(len(steps)), steps + 1)
    place = np.arange(len(edge)) - np.repeat(np.cumsum(steps + 1) - (steps + 1), steps + 1)
    step = np.where(turned[edge], steps[edge] - place, place)
    x: np.ndarray = low[edge, 0]
    y: np.ndarray = low[edge, 1]
    along, across = np.where(flat[edge], x, y) + step, np.where(flat[edge], y, x)
    across = np.trunc(across + slope[edge] * step + 0.5).astype(np.int64)
    return np.where(flat[edge], along, across), np.where(flat[edge], across, along)
