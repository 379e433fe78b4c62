"""Control points of elastic fields, image by image: smoothed noise, no stronger than what does not fold.

The functions of `augfuse.transforms._bend` check and describe; here are the loops.
"""

from __future__ import annotations

import numpy as np

from augfuse.jit import inlined_exact, jit_exact

CELLS = 32  # along each axis
LEAST_AREA = 0.1  # what becomes of a small area is at least this part of it: below 0 it is turned over

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
def _steepest(x, y, wide, high):
    """A bound of how much the displacement of two places differs, per pixel between them."""
    xx, xy, yx, yy = 0.0, 0.0, 0.0, 0.0
    for r in range(CELLS):
        for c in range(CELLS):
            right, below = (c + 1) % CELLS, (r + 1) % CELLS
            xx, yx = max(xx, abs(x[r, right] - x[r, c])), max(yx, abs(y[r, right] - y[r, c]))
            xy, yy = max(xy, abs(x[below, c] - x[r, c])), max(yy, abs(y[below, c] - y[r, c]))
    return max(xx / wide + xy / high, yx / wide + yy / high)


@inlined_exact
def _halved(points, lines, out):
    """The spline of (CELLS, CELLS) control points, at their places and in the middles between them, (2 CELLS, ..)."""
    for r in range(CELLS):
        a, b, d, e = (r - 1) % CELLS, r, (r + 1) % CELLS, (r + 2) % CELLS
        for c in range(CELLS):
            lines[2 * r, c] = (points[a, c] + 4.0 * points[b, c] + points[d, c]) / 6.0
            lines[2 * r + 1, c] = (points[a, c] + 23.0 * (points[b, c] + points[d, c]) + points[e, c]) / 48.0
    for r in range(2 * CELLS):
        for c in range(CELLS):
            a, b, d, e = (c - 1) % CELLS, c, (c + 1) % CELLS, (c + 2) % CELLS
            out[r, 2 * c] = (lines[r, a] + 4.0 * lines[r, b] + lines[r, d]) / 6.0
            out[r, 2 * c + 1] = (lines[r, a] + 23.0 * (lines[r, b] + lines[r, d]) + lines[r, e]) / 48.0


@inlined_exact
def _largest_part(x, y, wide, high):
    """Which part of the displacements, at most all, keeps LEAST_AREA everywhere; x, y: at places wide and high apart."""
    part, n = 1.0, x.shape[0]
    for r in range(n):
        below = (r + 1) % n
        for c in range(n):
            right = (c + 1) % n
            for corner in range(4):
                i, j = r if corner < 2 else below, c if corner % 2 == 0 else right
                xx, yx = (x[i, right] - x[i, c]) / wide, (y[i, right] - y[i, c]) / wide
                xy, yy = (x[below, j] - x[r, j]) / high, (y[below, j] - y[r, j]) / high
                trace, determinant = xx + yy, xx * yy - xy * yx
                least = min(xx, yy)
                if 1.0 + part * least < LEAST_AREA:
                    part = (LEAST_AREA - 1.0) / least
                if 1.0 + part * (trace + part * determinant) < LEAST_AREA:
                    # The first root of determinant p^2 + trace p + 1 - LEAST_AREA above 0, in the form without a
                    # difference of equal numbers.
                    root = np.sqrt(max(trace * trace - 4.0 * determinant * (1.0 - LEAST_AREA), 0.0))
                    part = min(part, 2.0 * (1.0 - LEAST_AREA) / (root - trace))
    return part


@jit_exact
def elastic(noise, alpha, sigma, height, width, points):
    """points (n, CELLS + 3, CELLS + 3, 2): see `ElasticTransform`. noise (n, 2, CELLS, CELLS), -1..1."""
    across, down, lines = np.empty(CELLS), np.empty(CELLS), np.empty((CELLS, CELLS))
    x, y = np.empty((CELLS, CELLS)), np.empty((CELLS, CELLS))
    tall, fine_x, fine_y = np.empty((2 * CELLS, CELLS)), np.empty((2 * CELLS, 2 * CELLS)), np.empty((2 * CELLS, 2 * CELLS))
    for i in range(points.shape[0]):
        wide, high = width[i] / CELLS, height[i] / CELLS
        _weights((sigma[i] / wide) * (sigma[i] / wide) - 1.0 / 3.0, across)
        _weights((sigma[i] / high) * (sigma[i] / high) - 1.0 / 3.0, down)
        gain = alpha[i] / np.sqrt(wide * high)
        _smooth(noise[i, 0], across, down, gain, lines, x)
        _smooth(noise[i, 1], across, down, gain, lines, y)
        part = 1.0
        if _steepest(x, y, wide, high) > 1.0 - LEAST_AREA:
            _halved(x, tall, fine_x)
            _halved(y, tall, fine_y)
            part = _largest_part(fine_x, fine_y, wide / 2.0, high / 2.0)
        for r in range(CELLS + 3):
            for c in range(CELLS + 3):
                points[i, r, c, 0] = part * x[(r - 1) % CELLS, (c - 1) % CELLS]
                points[i, r, c, 1] = part * y[(r - 1) % CELLS, (c - 1) % CELLS]
