"""Cubic B-splines over lattices of control points, compiled: what executors sample, and what is looked at for folds.

See `geometry.Field`. Contract: the caller has checked the shapes; arrays are flat and C-contiguous.
"""

from __future__ import annotations

from typing import TypeVar

import numpy as np

from augfuse.algebra.geometry import FIELD_STEP
from augfuse.jit import inlined_exact

Side = TypeVar("Side", int, np.ndarray)


@inlined_exact
def steps_of(side: Side) -> Side:
    """Into how many cells a smooth field divides a side of this many pixels."""
    return (side + FIELD_STEP - 1) // FIELD_STEP


@inlined_exact
def _weights(cells: int, steps: int, first: np.ndarray, weights: np.ndarray) -> None:
    """Of the places at equal distances along an axis: the first of their four control points, and its weights."""
    for j in range(steps + 1):
        place = j * cells / steps
        first[j] = min(int(place), cells - 1)
        t = place - first[j]
        s = 1.0 - t
        weights[j, 0], weights[j, 3] = s * s * s / 6.0, t * t * t / 6.0
        weights[j, 1], weights[j, 2] = (
            (3.0 * t - 6.0) * t * t / 6.0 + 4.0 / 6.0,
            (3.0 * s - 6.0) * s * s / 6.0 + 4.0 / 6.0,
        )


@inlined_exact
def refine(
    points: np.ndarray, start: int, rows: int, columns: int, high: int, wide: int, nodes: np.ndarray, to: int
) -> None:
    """The corners of high x wide cells, from `to` on, of (rows, columns, 2) control points from `start` on."""
    longest = max(high, wide) + 1
    first, weights, line = np.empty(longest, np.int64), np.empty((longest, 4)), np.empty((high + 1, 2 * columns))
    _weights(rows - 3, high, first, weights)
    for y in range(high + 1):
        a, b, c, d = weights[y, 0], weights[y, 1], weights[y, 2], weights[y, 3]
        lines = points[start + first[y] * 2 * columns : start + (first[y] + 4) * 2 * columns].reshape(4, 2 * columns)
        for p in range(2 * columns):
            line[y, p] = a * lines[0, p] + b * lines[1, p] + c * lines[2, p] + d * lines[3, p]
    _weights(columns - 3, wide, first, weights)
    for y in range(high + 1):
        for x in range(wide + 1):
            a, b, c, d = weights[x, 0], weights[x, 1], weights[x, 2], weights[x, 3]
            p, node = 2 * first[x], to + 2 * (y * (wide + 1) + x)
            nodes[node] = a * line[y, p] + b * line[y, p + 2] + c * line[y, p + 4] + d * line[y, p + 6]
            nodes[node + 1] = a * line[y, p + 1] + b * line[y, p + 3] + c * line[y, p + 5] + d * line[y, p + 7]
