"""Normal noise for many float32 images of one size; see `GaussianNoise` for its definition."""

from __future__ import annotations

import numpy as np

from augfuse.jit import inlined, jit
from augfuse.philox import U, block

F = np.float32
_16 = U(16)
_32 = U(32)
_48 = U(48)
_LAST = U(0xFFFF)


@inlined
def _add(source, image, p, word, std, table):
    """The noise of four values."""
    image[p] = F(source[p]) + std * table[word & _LAST]
    image[p + 1] = F(source[p + 1]) + std * table[(word >> _16) & _LAST]
    image[p + 2] = F(source[p + 2]) + std * table[(word >> _32) & _LAST]
    image[p + 3] = F(source[p + 3]) + std * table[word >> _48]


@jit
def noise(source, images, in_place, size, stds, keys, table):
    """images = source plus noise; flat, `size` values each, and they may be the same; stds (n,) float32, 0: none;
    keys (n, 2) uint64; table (65536,)."""
    for i in range(stds.shape[0]):
        std = stds[i]
        pixels = source[i * size : (i + 1) * size]
        image = images[i * size : (i + 1) * size]
        if std == 0:
            if not in_place:
                for p in range(size):
                    image[p] = pixels[p]
            continue
        blocks = size // 16
        for b in range(blocks):
            w0, w1, w2, w3 = block(keys[i, 0], keys[i, 1], 0, 0, b + 1)
            p = 16 * b
            _add(pixels, image, p, w0, std, table)
            _add(pixels, image, p + 4, w1, std, table)
            _add(pixels, image, p + 8, w2, std, table)
            _add(pixels, image, p + 12, w3, std, table)
        if 16 * blocks < size:
            words = block(keys[i, 0], keys[i, 1], 0, 0, blocks + 1)
            for p in range(size - 16 * blocks):
                value = table[(words[p // 4] >> U(16 * (p % 4))) & _LAST]
                image[16 * blocks + p] = F(pixels[16 * blocks + p]) + std * value
