"""Values as those of another dtype: what a Local does not act on, and finished bytes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from augfuse.jit import bits_of, inlined_by_types
from augfuse.simd.byte_tables import clipped_bytes

F = np.float32


def _rounded(source: np.ndarray, at: int, images: np.ndarray, to: int, count: int) -> None:
    clipped_bytes(source, at, images.view(np.uint8), to, count, F(1), F(0), F(0), F(255))


def _copied(source: np.ndarray, at: int, images: np.ndarray, to: int, count: int) -> None:
    values, pixels = source[at : at + count], images[to : to + count]
    for p in range(count):
        pixels[p] = values[p]


@inlined_by_types
def put(source: np.ndarray, at: int, images: np.ndarray, to: int, count: int) -> Callable[..., None]:
    """`count` values of a flat array to another one; floats become bytes rounded, halves to even, cut at 0 and 255."""
    return _rounded if (bits_of(source), bits_of(images)) == (32, 8) else _copied
