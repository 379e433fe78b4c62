"""Cubic B-splines over lattices of control points, compiled: what executors sample, and what is looked at for folds.

See `geometry.Field`. Contract: the caller has checked the shapes; arrays are flat and C-contiguous.
"""

from __future__ import annotations

import numpy as np

from augfuse.geometry import FIELD_STEP
from augfuse.jit import inlined_exact


@inlined_exact
def steps_of(side):
    """Into how many cells a smooth field divides a side of this many pixels."""
    return (side + FIELD_STEP - 1) // FIELD_STEP


@inlined_exact
def _between(points, at, stride, t):
    """The spline between the second and the third of four control points, `stride` apart."""
    s = 1.0 - t
    a, d = s * s * s, t * t * t
    b, c = 3.0 * d - 6.0 * t * t + 4.0, 3.0 * a - 6.0 * s * s + 4.0
    return (a * points[at] + b * points[at + stride] + c * points[at + 2 * stride] + d * points[at + 3 * stride]) / 6.0


@inlined_exact
def refine(points, start, rows, columns, high, wide, nodes, to):
    """The corners of high x wide cells, from `to` on, of (rows, columns, 2) control points from `start` on."""
    line = np.empty(2 * columns)
    for y in range(high + 1):
        place = y * (rows - 3) / high
        first = min(int(place), rows - 4)
        for p in range(2 * columns):
            line[p] = _between(points, start + first * 2 * columns + p, 2 * columns, place - first)
        for x in range(wide + 1):
            place = x * (columns - 3) / wide
            left = min(int(place), columns - 4)
            node = to + 2 * (y * (wide + 1) + x)
            nodes[node] = _between(line, 2 * left, 2, place - left)
            nodes[node + 1] = _between(line, 2 * left + 1, 2, place - left)
