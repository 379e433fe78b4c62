"""3x4 colour matrices for n images at once, (n, 3, 4) float64: rgb' = M[:, :3] @ rgb + M[:, 3], on values in [0, 1].

The value range of the image enters once, in `to_range`. A grey image counts as r = g = b, of which r is kept. Arrays
are stored with n innermost, as in `geometry`. Luma is ITU-R BT.601: 0.299 r + 0.587 g + 0.114 b.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce

import numpy as np

from augfuse.algebra.geometry import compiled
from augfuse.algebra.traced import is_traced, rows

LUMA = np.array([0.299, 0.587, 0.114])
_LUMA_ROWS = np.tile(LUMA, (3, 1))  # every channel becomes luma

# Hue turns about the grey axis of YIQ (FCC 1953, BT.601 luma): luma stays, (I, Q) turns clockwise, from red to green.
_RGB_TO_YIQ = np.array([LUMA, [0.595716, -0.274453, -0.321263], [0.211456, -0.522591, 0.311135]])
_YIQ_TO_RGB = np.linalg.inv(_RGB_TO_YIQ)
_HUE_COS = _YIQ_TO_RGB @ np.diag([0.0, 1.0, 1.0]) @ _RGB_TO_YIQ
_HUE_SIN = _YIQ_TO_RGB @ np.array([[0, 0, 0], [0, 0, 1], [0, -1, 0]]) @ _RGB_TO_YIQ
_HUE_FIXED = _YIQ_TO_RGB @ np.diag([1.0, 0.0, 0.0]) @ _RGB_TO_YIQ
_PARTS = np.stack([_LUMA_ROWS, _HUE_FIXED, _HUE_COS, _HUE_SIN])


def uniform(gain: np.ndarray, offset: np.ndarray | float = 0.0) -> np.ndarray:
    """The same gain and offset for every channel; (n,) each."""
    if is_traced(gain, offset):
        return rows([[gain if row == column else 0.0 for column in range(3)] + [offset] for row in range(3)])
    m = np.zeros((3, 4, len(gain)))
    entries = m.reshape(12, len(gain))
    entries[0:12:5], entries[3::4] = gain, offset  # the diagonal, and the last column
    return m.transpose(2, 0, 1)


def shift(offsets: np.ndarray) -> np.ndarray:
    """Adds (n, 3) to the three channels."""
    if is_traced(offsets):
        return rows([[*np.eye(3)[row], offsets[:, row]] for row in range(3)])
    m = uniform(np.ones(len(offsets)))
    m[:, :, 3] = offsets
    return m


def jitter(brightness: np.ndarray, contrast: np.ndarray, saturation: np.ndarray, hue: np.ndarray) -> np.ndarray:
    """A factor of brightness, one of contrast about mid-range, saturation (0 grey, 1 as it is), then hue turned by a
    fraction of the full circle; (n,) each.

    Saturation and hue keep luma and the grey axis, so their product is saturation * hue + (1 - saturation) * grey, and
    they let the offset of the contrast through as it is.
    """
    angle = 2 * np.pi * hue
    if is_traced(brightness, contrast, saturation, hue):
        return _jitter(brightness, contrast, saturation, angle)
    m = np.empty((3, 4, len(hue)))
    compiled().jitter(brightness, contrast, saturation, np.cos(angle), np.sin(angle), _PARTS, m)
    return m.transpose(2, 0, 1)


def _jitter(brightness: np.ndarray, contrast: np.ndarray, factor: np.ndarray, angle: np.ndarray) -> np.ndarray:
    """The same without assignments."""
    gray, fixed, cosines, sines = _PARTS
    gain, cos, sin, rest = brightness * contrast, factor * np.cos(angle), factor * np.sin(angle), 1.0 - factor

    def entry(row: int, column: int) -> np.ndarray:
        at = row, column
        return gain * (fixed[at] * factor + cosines[at] * cos + sines[at] * sin + gray[at] * rest)

    offset = 0.5 * (1.0 - contrast)
    return rows([[*(entry(row, column) for column in range(3)), offset] for row in range(3)])


def grayscale(n: int) -> np.ndarray:
    """Every channel becomes luma."""
    return np.tile(np.hstack([_LUMA_ROWS, np.zeros((3, 1))]), (n, 1, 1))


def product(matrices: Sequence[np.ndarray]) -> np.ndarray:
    """(n, 3, 4): the matrix that does the first of these, then the second, and so on, without a clip in between."""
    if len(matrices) == 1:
        return matrices[0]
    if is_traced(*matrices):
        return reduce(_second_of, matrices)
    out = np.empty(matrices[0].shape)
    compiled().chain_colors(np.array(matrices), out)
    return out


def _second_of(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    mixed = second[:, :, :3] @ first
    return np.concatenate([mixed[:, :, :3], mixed[:, :, 3:] + second[:, :, 3:]], axis=2)


def to_range(m: np.ndarray, low: float, high: float) -> np.ndarray:
    """(n, 3, 4), C-contiguous: the same map on values in [low, high] instead of [0, 1]."""
    if is_traced(m):
        mix = m[:, :, :3]
        offset = (high - low) * m[:, :, 3] + low - low * mix.sum(axis=2)
        return np.concatenate([mix, offset[:, :, None]], axis=2)
    out = np.empty(m.shape)
    compiled().colors_to_range(np.ascontiguousarray(m), low, high, out)
    return out


def apply(m: np.ndarray, rgb: np.ndarray) -> np.ndarray:
    """(n, 3) colours through n matrices."""
    return turn(m, rgb) + m[:, :, 3]


def turn(m: np.ndarray, rgb: np.ndarray) -> np.ndarray:
    """`apply` without the offset. Added in this order for every n, as einsum and matmul do not."""
    return m[:, :, 0] * rgb[:, :1] + m[:, :, 1] * rgb[:, 1:2] + m[:, :, 2] * rgb[:, 2:]
