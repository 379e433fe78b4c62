"""Normal noise for many images of one size; see `GaussianNoise` for its definition."""

from __future__ import annotations

import numpy as np

from augfuse.algebra.philox import U, block
from augfuse.jit import inlined, jit
from augfuse.transforms.compiled.convert_values import put

F = np.float32
_16 = U(16)
_32 = U(32)
_48 = U(48)
_LAST = U(0xFFFF)
_PIECE = 1024  # values that are worked on together, in the L1 cache; a whole number of blocks


@inlined
def _four(made: np.ndarray, q: U, word: U, table: np.ndarray) -> None:
    """The quantiles of a word."""
    made[q] = table[word & _LAST]
    made[q + U(1)] = table[(word >> _16) & _LAST]
    made[q + U(2)] = table[(word >> _32) & _LAST]
    made[q + U(3)] = table[word >> _48]


@jit
def _noise(
    source: np.ndarray, images: np.ndarray, in_place: bool, size: int, stds: np.ndarray, keys: np.ndarray,
    table: np.ndarray, piece: np.ndarray,
) -> None:  # fmt: skip
    """source, images: flat, `size` values each. piece: room for `_PIECE` values."""
    for i in range(stds.shape[0]):
        std, first, second = stds[i], keys[i, 0], keys[i, 1]
        if std == 0:
            if not in_place:
                put(source, i * size, images, i * size, size)
            continue
        for done in range(0, size, len(piece)):
            count, at = min(len(piece), size - done), i * size + done
            for b in range(-(-count // 16)):
                w0, w1, w2, w3 = block(first, second, 0, 0, done // 16 + b + 1)
                q = U(16 * b)  # of signed indices Numba asks whether they count from the end: a quarter of the time
                _four(piece, q, w0, table)
                _four(piece, q + U(4), w1, table)
                _four(piece, q + U(8), w2, table)
                _four(piece, q + U(12), w3, table)
            pixels = source[at : at + count]
            for p in range(count):
                piece[p] = F(pixels[p]) + std * piece[p]
            put(piece, 0, images, at, count)


def noise(source: np.ndarray, images: np.ndarray, stds: np.ndarray, keys: np.ndarray, table: np.ndarray) -> None:
    """images = source plus noise, (n, h, w, c); stds (n,) float32, 0: none; keys (n, 2) uint64; table (65536,).

    images: float32, and they may be the source themselves; or bytes. The source may be of any dtype.
    """
    flat, piece = images.reshape(-1), np.empty(_PIECE, F)
    _noise(source.reshape(-1), flat, source is images, images[0].size, stds, keys, table, piece)
