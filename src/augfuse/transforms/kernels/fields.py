"""Control points of elastic fields, image by image: smoothed noise, no stronger than what does not fold.

The functions of `augfuse.transforms._bend` check and describe; here are the loops.
"""

from __future__ import annotations

import numpy as np

from augfuse.jit import inlined_exact, jit_exact
from augfuse.lattices import refine, steps_of

CELLS = 32  # along each axis
LEAST_AREA = 0.1  # of a small area at least this part stays: below 0 it would be turned over

_WIDEST = 32.0  # standard deviation in cells from which on periodic noise is its mean


@inlined_exact
def _weights(variance, out):
    """A Gaussian of this variance in cells, wrapped around the lattice; its sum is 1."""
    out[:] = 0.0
    deviation = min(np.sqrt(max(variance, 0.0)), _WIDEST)
    if deviation < 1e-3:
        out[0] = 1.0
        return
    reach, total = int(np.ceil(5.0 * deviation)), 0.0
    for j in range(-reach, reach + 1):
        weight = np.exp(-0.5 * (j / deviation) * (j / deviation))
        out[j % CELLS] += weight
        total += weight
    for j in range(CELLS):
        out[j] /= total


@inlined_exact
def _smooth(noise, across, down, gain, lines, out):
    """out (CELLS, CELLS) = gain times the noise, smoothed along both axes."""
    for r in range(CELLS):
        for c in range(CELLS):
            lines[r, c] = 0.0
        for j in range(CELLS):
            weight = down[(r - j) % CELLS] * gain
            if weight != 0.0:
                for c in range(CELLS):
                    lines[r, c] += weight * noise[j, c]
    for r in range(CELLS):
        for c in range(CELLS):
            out[r, c] = 0.0
        for j in range(CELLS):
            value = lines[r, j]
            for c in range(CELLS):
                out[r, c] += across[(c - j) % CELLS] * value


@inlined_exact
def _largest_part(nodes, rows, columns, wide, high):
    """Which part of the displacements, at most all, leaves LEAST_AREA of all areas; nodes: flat, those of a canvas, wide
    and high apart. Within a cell the area is linear, so that its corners say it.
    """
    part = 1.0
    for r in range(rows - 1):
        for c in range(columns - 1):
            here = 2 * (r * columns + c)
            for corner in range(4):
                left = here + 2 * columns if corner < 2 else here  # of the horizontal edge at this corner
                top = here + 2 if corner % 2 == 0 else here  # of the vertical one
                xx, yx = (nodes[left + 2] - nodes[left]) / wide, (nodes[left + 3] - nodes[left + 1]) / wide
                below = top + 2 * columns
                xy, yy = (nodes[below] - nodes[top]) / high, (nodes[below + 1] - nodes[top + 1]) / high
                trace, determinant, least = xx + yy, xx * yy - xy * yx, min(xx, yy)
                if 1.0 + part * least < LEAST_AREA:
                    part = (LEAST_AREA - 1.0) / least
                if 1.0 + part * (trace + part * determinant) < LEAST_AREA:
                    # The first root above 0 of determinant p^2 + trace p + 1 - LEAST_AREA, without a difference of
                    # numbers that may be equal.
                    root = np.sqrt(max(trace * trace - 4.0 * determinant * (1.0 - LEAST_AREA), 0.0))
                    part = min(part, 2.0 * (1.0 - LEAST_AREA) / (root - trace))
    return part


@jit_exact
def elastic(noise, alpha, sigma, height, width, points):
    """points (n, CELLS + 3, CELLS + 3, 2): see `ElasticTransform`. noise (n, 2, CELLS, CELLS), -1..1."""
    size = CELLS + 3
    across, down, lines = np.empty(CELLS), np.empty(CELLS), np.empty((CELLS, CELLS))
    x, y = np.empty((CELLS, CELLS)), np.empty((CELLS, CELLS))
    nodes = np.empty(0)
    for i in range(points.shape[0]):
        wide, high = width[i] / CELLS, height[i] / CELLS
        _weights((sigma[i] / wide) * (sigma[i] / wide) - 1.0 / 3.0, across)
        _weights((sigma[i] / high) * (sigma[i] / high) - 1.0 / 3.0, down)
        gain = alpha[i] / np.sqrt(wide * high)
        _smooth(noise[i, 0], across, down, gain, lines, x)
        _smooth(noise[i, 1], across, down, gain, lines, y)
        for r in range(size):
            for c in range(size):
                points[i, r, c, 0] = x[(r - 1) % CELLS, (c - 1) % CELLS]
                points[i, r, c, 1] = y[(r - 1) % CELLS, (c - 1) % CELLS]
        columns, rows = steps_of(width[i]) + 1, steps_of(height[i]) + 1
        if nodes.size < 2 * rows * columns:
            nodes = np.empty(2 * rows * columns)
        refine(points[i].reshape(-1), 0, size, size, rows - 1, columns - 1, nodes, 0)
        part = _largest_part(nodes, rows, columns, width[i] / (columns - 1), height[i] / (rows - 1))
        for r in range(size):
            for c in range(size):
                points[i, r, c, 0] *= part
                points[i, r, c, 1] *= part
