"""Control points of elastic fields, image by image: smoothed noise, no stronger than what does not fold.

The functions of `augfuse.transforms.bend` check and describe; here are the loops.
"""

from __future__ import annotations

import numpy as np

from augfuse.algebra.lattices import refine, steps_of
from augfuse.jit import inlined_exact, jit_exact

CELLS = 32  # along each axis
LEAST_AREA = 0.1  # of a small area at least this part stays: below 0 it would be turned over

_WIDEST = 32.0  # standard deviation in cells from which on periodic noise is its mean


@inlined_exact
def _weights(variance: float, out: np.ndarray) -> None:
    """out (CELLS, CELLS): a Gaussian of this variance about each cell, wrapped around the lattice; rows add up to 1."""
    line = np.zeros(CELLS)
    deviation = min(np.sqrt(max(variance, 0.0)), _WIDEST)
    if deviation < 1e-3:
        line[0] = 1.0
    else:
        reach, total = int(np.ceil(5.0 * deviation)), 0.0
        for j in range(-reach, reach + 1):
            weight = np.exp(-0.5 * (j / deviation) * (j / deviation))
            line[j % CELLS] += weight
            total += weight
        line /= total
    for r in range(CELLS):
        for c in range(CELLS):
            out[r, c] = line[(c - r) % CELLS]


@inlined_exact
def _multiply(a: np.ndarray, b: np.ndarray, out: np.ndarray) -> None:
    """out = a @ b, all (CELLS, CELLS): four rows at a time, but for those whose weights are 0."""
    for r in range(CELLS):
        for c in range(CELLS):
            out[r, c] = 0.0
        for j in range(0, CELLS, 4):
            p, q, s, t = a[r, j], a[r, j + 1], a[r, j + 2], a[r, j + 3]
            if p != 0.0 or q != 0.0 or s != 0.0 or t != 0.0:
                for c in range(CELLS):
                    out[r, c] += p * b[j, c] + q * b[j + 1, c] + s * b[j + 2, c] + t * b[j + 3, c]


@inlined_exact
def _at_corner(xx: float, yx: float, xy: float, yy: float, part: float) -> float:
    """The largest part of these slopes of the displacement, at most `part`, that leaves LEAST_AREA."""
    trace, determinant, least = xx + yy, xx * yy - xy * yx, min(xx, yy)
    if 1.0 + part * least < LEAST_AREA:
        part = (LEAST_AREA - 1.0) / least
    if 1.0 + part * (trace + part * determinant) < LEAST_AREA:
        # The first root above 0 of determinant p^2 + trace p + 1 - LEAST_AREA, without a difference of numbers that may
        # be equal.
        root = np.sqrt(max(trace * trace - 4.0 * determinant * (1.0 - LEAST_AREA), 0.0))
        part = min(part, 2.0 * (1.0 - LEAST_AREA) / (root - trace))
    return part


@inlined_exact
def _largest_part(nodes: np.ndarray, rows: int, columns: int, across: float, down: float) -> float:
    """Which part of the displacements, at most all, leaves LEAST_AREA of all areas. nodes: flat, those of a canvas,
    `across` and `down` of them per pixel. Within a cell the area is linear, so that its corners say it.
    """
    part = 1.0
    for r in range(rows - 1):
        for c in range(columns - 1):
            a = 2 * (r * columns + c)
            b = a + 2 * columns
            upper_x, upper_y = (nodes[a + 2] - nodes[a]) * across, (nodes[a + 3] - nodes[a + 1]) * across
            lower_x, lower_y = (nodes[b + 2] - nodes[b]) * across, (nodes[b + 3] - nodes[b + 1]) * across
            left_x, left_y = (nodes[b] - nodes[a]) * down, (nodes[b + 1] - nodes[a + 1]) * down
            right_x, right_y = (nodes[b + 2] - nodes[a + 2]) * down, (nodes[b + 3] - nodes[a + 3]) * down
            # Mostly this is enough: the least of both stretches, and the largest of both slopes.
            x, y = min(min(upper_x, lower_x), 0.0), min(min(left_y, right_y), 0.0)
            slopes = max(abs(upper_y), abs(lower_y)) * max(abs(left_x), abs(right_x))
            if part * min(x, y) > -0.9 and (1.0 + part * x) * (1.0 + part * y) - part * part * slopes > LEAST_AREA:
                continue
            part = _at_corner(upper_x, upper_y, left_x, left_y, part)
            part = _at_corner(upper_x, upper_y, right_x, right_y, part)
            part = _at_corner(lower_x, lower_y, left_x, left_y, part)
            part = _at_corner(lower_x, lower_y, right_x, right_y, part)
    return part


@inlined_exact
def _wrap(values: np.ndarray, points: np.ndarray, axis: int) -> None:
    """points (CELLS + 3, CELLS + 3, 2): the control points, and those behind the edges."""
    for r in range(CELLS + 3):
        line = (r - 1) % CELLS
        for c in range(CELLS):
            points[r, c + 1, axis] = values[line, c]
        points[r, 0, axis] = values[line, CELLS - 1]
        points[r, CELLS + 1, axis] = values[line, 0]
        points[r, CELLS + 2, axis] = values[line, 1]


@jit_exact
def elastic(
    noise: np.ndarray, alpha: np.ndarray, sigma: np.ndarray, height: np.ndarray, width: np.ndarray, points: np.ndarray
) -> None:
    """points (n, CELLS + 3, CELLS + 3, 2): see `ElasticTransform`. noise (n, 2, CELLS, CELLS), -1..1."""
    size = CELLS + 3
    across, down, lines = np.empty((CELLS, CELLS)), np.empty((CELLS, CELLS)), np.empty((CELLS, CELLS))
    x, y = np.empty((CELLS, CELLS)), np.empty((CELLS, CELLS))
    nodes = np.empty(0)
    for i in range(points.shape[0]):
        wide, high = width[i] / CELLS, height[i] / CELLS
        _weights((sigma[i] / wide) * (sigma[i] / wide) - 1.0 / 3.0, across)
        _weights((sigma[i] / high) * (sigma[i] / high) - 1.0 / 3.0, down)
        down *= alpha[i] / np.sqrt(wide * high)
        _multiply(noise[i, 0], across, lines)
        _multiply(down, lines, x)
        _multiply(noise[i, 1], across, lines)
        _multiply(down, lines, y)
        _wrap(x, points[i], 0)
        _wrap(y, points[i], 1)
        columns, rows = steps_of(width[i]) + 1, steps_of(height[i]) + 1
        if nodes.size < 2 * rows * columns:
            nodes = np.empty(2 * rows * columns)
        refine(points[i].reshape(-1), 0, size, size, rows - 1, columns - 1, nodes, 0)
        points[i] *= _largest_part(nodes, rows, columns, (columns - 1) / width[i], (rows - 1) / height[i])
