"""Products and inverses of the small matrices of n images at once, compiled: a call costs 1 us where NumPy takes 10.

Every function goes image by image in a fixed order, without fused multiply-adds, so that the numbers of an image do not
depend on how many others there are. Contract: the caller has checked the shapes; arrays are C-contiguous float64.
"""

from __future__ import annotations

import numpy as np

from augfuse.jit import inlined_exact, jit_exact


@inlined_exact
def _centre(m: np.ndarray, i: int, height: np.ndarray, width: np.ndarray) -> None:
    """The shift and the last row of m (3, 3, n) for image i, so that its centre stays where it is."""
    x, y = width[i] / 2, height[i] / 2
    m[0, 2, i] = x - m[0, 0, i] * x - m[0, 1, i] * y
    m[1, 2, i] = y - m[1, 0, i] * x - m[1, 1, i] * y
    m[2, 0, i], m[2, 1, i], m[2, 2, i] = 0.0, 0.0, 1.0


@jit_exact
def centred(m: np.ndarray, height: np.ndarray, width: np.ndarray) -> None:
    """The linear maps in m (3, 3, n), about the centres of images of these sizes."""
    for i in range(m.shape[2]):
        _centre(m, i, height, width)


@jit_exact
def rotations(cos: np.ndarray, sin: np.ndarray, height: np.ndarray, width: np.ndarray, m: np.ndarray) -> None:
    """Turns about the centres of images of these sizes as m (3, 3, n), anticlockwise as seen."""
    for i in range(m.shape[2]):
        m[0, 0, i], m[0, 1, i] = cos[i], sin[i]
        m[1, 0, i], m[1, 1, i] = -sin[i], cos[i]
        _centre(m, i, height, width)


@jit_exact
def shifts(x: np.ndarray, y: np.ndarray, height: np.ndarray, width: np.ndarray, m: np.ndarray) -> None:
    """Shifts by fractions of the sizes of images as m (3, 3, n)."""
    for i in range(m.shape[2]):
        m[0, 0, i], m[0, 1, i], m[0, 2, i] = 1.0, 0.0, x[i] * width[i]
        m[1, 0, i], m[1, 1, i], m[1, 2, i] = 0.0, 1.0, y[i] * height[i]
        m[2, 0, i], m[2, 1, i], m[2, 2, i] = 0.0, 0.0, 1.0


@jit_exact
def where(active: np.ndarray, m: np.ndarray, out: np.ndarray) -> None:
    """out (3, k, n) = m for the images of `active` (n,), the identity for the others."""
    for r in range(m.shape[0]):
        for c in range(m.shape[1]):
            same = 1.0 if r == c else 0.0
            for i in range(m.shape[2]):
                out[r, c, i] = m[r, c, i] if active[i] else same


@jit_exact
def chain(matrices: np.ndarray, out: np.ndarray) -> None:
    """out (n, 3, 3) = matrices[k - 1] @ .. @ matrices[0], for affine maps (k, n, 3, 3)."""
    for i in range(out.shape[0]):
        a, b, c = matrices[0, i, 0, 0], matrices[0, i, 0, 1], matrices[0, i, 0, 2]
        d, e, f = matrices[0, i, 1, 0], matrices[0, i, 1, 1], matrices[0, i, 1, 2]
        for k in range(1, matrices.shape[0]):
            m = matrices[k, i]
            a, d = m[0, 0] * a + m[0, 1] * d, m[1, 0] * a + m[1, 1] * d
            b, e = m[0, 0] * b + m[0, 1] * e, m[1, 0] * b + m[1, 1] * e
            c, f = m[0, 0] * c + m[0, 1] * f + m[0, 2], m[1, 0] * c + m[1, 1] * f + m[1, 2]
        out[i, 0, 0], out[i, 0, 1], out[i, 0, 2] = a, b, c
        out[i, 1, 0], out[i, 1, 1], out[i, 1, 2] = d, e, f
        out[i, 2, 0], out[i, 2, 1], out[i, 2, 2] = 0.0, 0.0, 1.0


@jit_exact
def inverse(matrices: np.ndarray, largest: float, out: np.ndarray, spans: np.ndarray) -> tuple[int, float]:
    """The inverses of affine maps (n, 3, 3) as out (n, 6); spans (2, n): how many source pixels along x and y one
    output pixel covers. Returns the first image whose map has no inverse, or a number of `largest` or more, and -1
    where all have one; its row is 0. And the largest span.
    """
    first, most = -1, 0.0
    for i in range(out.shape[0]):
        m = matrices[i]
        a, b, c, d, e, f = m[0, 0], m[0, 1], m[0, 2], m[1, 0], m[1, 1], m[1, 2]
        determinant = a * e - b * d
        size = max(max(max(abs(a), abs(b)), max(abs(d), abs(e))), max(abs(c), abs(f)))
        finite = (a + b + c + d + e + f) * 0.0 == 0.0  # NaN compares with nothing, and infinity times 0 is NaN
        if not (finite and abs(determinant) > 1e-12 and size < largest):
            first = i if first < 0 else first
            out[i] = 0.0
            spans[:, i] = 0.0
            continue
        k = 1.0 / determinant
        out[i, 0], out[i, 1], out[i, 2] = e * k, -b * k, (b * f - e * c) * k
        out[i, 3], out[i, 4], out[i, 5] = -d * k, a * k, (d * c - a * f) * k
        spans[0, i] = np.sqrt(out[i, 0] * out[i, 0] + out[i, 1] * out[i, 1])
        spans[1, i] = np.sqrt(out[i, 3] * out[i, 3] + out[i, 4] * out[i, 4])
        most = max(most, max(spans[0, i], spans[1, i]))
    return first, most


@jit_exact
def chain_homographies(matrices: np.ndarray, out: np.ndarray) -> None:
    """out (n, 3, 3) = matrices[k - 1] @ .. @ matrices[0], for any maps (k, n, 3, 3)."""
    now = np.empty((3, 3))
    for i in range(out.shape[0]):
        now[:] = matrices[0, i]
        for k in range(1, matrices.shape[0]):
            m = matrices[k, i]
            for c in range(3):
                x, y, w = now[0, c], now[1, c], now[2, c]
                for r in range(3):
                    now[r, c] = m[r, 0] * x + m[r, 1] * y + m[r, 2] * w
        out[i] = now


@inlined_exact
def _from_square(p: np.ndarray, out: np.ndarray) -> None:
    """The homography from the unit square, its corners in turn, to four points (4, 2)."""
    x, y = p[0, 0] - p[1, 0] + p[2, 0] - p[3, 0], p[0, 1] - p[1, 1] + p[2, 1] - p[3, 1]
    ax, ay = p[1, 0] - p[2, 0], p[1, 1] - p[2, 1]
    bx, by = p[3, 0] - p[2, 0], p[3, 1] - p[2, 1]
    area = ax * by - ay * bx
    g, h = (x * by - y * bx) / area, (ax * y - ay * x) / area
    for r in range(2):
        out[r, 0] = p[1, r] - p[0, r] + g * p[1, r]
        out[r, 1] = p[3, r] - p[0, r] + h * p[3, r]
        out[r, 2] = p[0, r]
    out[2, 0], out[2, 1], out[2, 2] = g, h, 1.0


@inlined_exact
def _adjugate(m: np.ndarray, out: np.ndarray) -> float:
    """The inverse of m (3, 3) times its determinant, which is returned."""
    for r in range(3):
        for c in range(3):
            a, b = (c + 1) % 3, (c + 2) % 3
            d, e = (r + 1) % 3, (r + 2) % 3
            out[r, c] = m[a, d] * m[b, e] - m[a, e] * m[b, d]
    return m[0, 0] * out[0, 0] + m[0, 1] * out[1, 0] + m[0, 2] * out[2, 0]


@jit_exact
def homographies(source: np.ndarray, target: np.ndarray, out: np.ndarray) -> None:
    """out (n, 3, 3): the maps of four points (n, 4, 2) to four others, their last entry 1, or NaN for no such map."""
    one, two, back = np.empty((3, 3)), np.empty((3, 3)), np.empty((3, 3))
    for i in range(out.shape[0]):
        _from_square(source[i], one)
        _from_square(target[i], two)
        _adjugate(one, back)
        for r in range(3):
            for c in range(3):
                out[i, r, c] = two[r, 0] * back[0, c] + two[r, 1] * back[1, c] + two[r, 2] * back[2, c]
        last = out[i, 2, 2]
        for r in range(3):
            for c in range(3):
                out[i, r, c] /= last


@inlined_exact
def _divisors(m: np.ndarray, height: int, width: int) -> tuple[float, float]:
    """The least and the largest divisor of the map m (3, 3) at the corners of a canvas."""
    a, b, c, d = (
        m[2, 2],
        m[2, 0] * width + m[2, 2],
        m[2, 1] * height + m[2, 2],
        m[2, 0] * width + m[2, 1] * height + m[2, 2],
    )
    return min(min(a, b), min(c, d)), max(max(a, b), max(c, d))


@jit_exact
def inverse_homographies(
    matrices: np.ndarray, height: np.ndarray, width: np.ndarray, out_height: np.ndarray, out_width: np.ndarray,
    largest: float, out: np.ndarray, spans: np.ndarray,
) -> int:  # fmt: skip
    """The inverses of maps (n, 3, 3) as out (n, 9), and spans (2, n) in the middle of the output: see
    `geometry.Homographies`. Returns the first image whose map has no inverse, -1 where all have one; its row is 0.
    """
    first = -1
    m, back = np.empty((3, 3)), np.empty((3, 3))
    for i in range(out.shape[0]):
        out[i] = 0.0
        spans[:, i] = 0.0
        total = 0.0
        for r in range(3):
            for c in range(3):
                m[r, c] = matrices[i, r, c]
                total += m[r, c]
        middle = m[2, 0] * (width[i] / 2) + m[2, 1] * (height[i] / 2) + m[2, 2]
        if total * 0.0 != 0.0:  # NaN differs from everything, and infinity times 0 is NaN
            first = i if first < 0 else first
            continue
        # The picture as a whole lies in front of the horizon, or a crop before the perspective left a part that does.
        least, most = _divisors(m, height[i], width[i])
        by = middle if least > 1e-6 * most else max(most, -least)
        if not by > 1e-100:
            first = i if first < 0 else first
            continue
        size = 0.0
        for r in range(3):
            for c in range(3):
                m[r, c] /= by
                size = max(size, abs(m[r, c]))
        determinant = _adjugate(m, back)
        if not (abs(determinant) > 1e-12 and size < largest):
            first = i if first < 0 else first
            continue
        for r in range(3):
            for c in range(3):
                back[r, c] /= determinant
        least, most = _divisors(back, out_height[i], out_width[i])
        most = max(most, -least)
        for r in range(3):
            for c in range(3):
                back[r, c] /= most
                out[i, 3 * r + c] = back[r, c]
        x, y = out_width[i] / 2, out_height[i] / 2
        d = back[2, 0] * x + back[2, 1] * y + back[2, 2]
        if d > 1e-3:
            for r in range(2):
                place = (back[r, 0] * x + back[r, 1] * y + back[r, 2]) / d
                a, b = (back[r, 0] - place * back[2, 0]) / d, (back[r, 1] - place * back[2, 1]) / d
                spans[r, i] = np.sqrt(a * a + b * b)
    return first


@jit_exact
def chain_colors(matrices: np.ndarray, out: np.ndarray) -> None:
    """out (n, 3, 4) = the colour matrices (k, n, 3, 4), the first one first, without a clip in between."""
    now = np.empty((3, 4))
    new = np.empty((3, 4))
    for i in range(out.shape[0]):
        for r in range(3):  # compiling an assignment of arrays takes 2 s, for the text of its error
            for c in range(4):
                now[r, c] = matrices[0, i, r, c]
        for k in range(1, matrices.shape[0]):
            m = matrices[k, i]
            for r in range(3):
                for c in range(4):
                    new[r, c] = m[r, 0] * now[0, c] + m[r, 1] * now[1, c] + m[r, 2] * now[2, c]
                new[r, 3] += m[r, 3]
            now, new = new, now
        for r in range(3):
            for c in range(4):
                out[i, r, c] = now[r, c]


@jit_exact
def jitter(
    brightness: np.ndarray, contrast: np.ndarray, factor: np.ndarray, cos: np.ndarray, sin: np.ndarray,
    parts: np.ndarray, out: np.ndarray,
) -> None:  # fmt: skip
    """out (3, 4, n): brightness * contrast * (factor * (fixed + cos * cosines + sin * sines) + (1 - factor) * gray),
    and what keeps mid-range where it is under the contrast; parts: gray, fixed, cosines and sines, (4, 3, 3).
    """
    n = factor.shape[0]
    gray, fixed, cosines, sines = parts[0], parts[1], parts[2], parts[3]
    for r in range(3):
        for c in range(3):
            f, p, q, g = fixed[r, c], cosines[r, c], sines[r, c], gray[r, c]
            for i in range(n):
                k = factor[i]
                gain = brightness[i] * contrast[i]
                out[r, c, i] = (f * k + p * (cos[i] * k) + q * (sin[i] * k) + g * (1.0 - k)) * gain
        for i in range(n):
            out[r, 3, i] = 0.5 * (1.0 - contrast[i])


@jit_exact
def colors_to_range(matrices: np.ndarray, low: float, high: float, out: np.ndarray) -> None:
    """out (n, 3, 4) = the same maps on values in [low, high] instead of [0, 1]."""
    for i in range(out.shape[0]):
        for r in range(3):
            total = 0.0
            for c in range(3):
                out[i, r, c] = matrices[i, r, c]
                total += matrices[i, r, c]
            out[i, r, 3] = (high - low) * matrices[i, r, 3] + low - low * total
