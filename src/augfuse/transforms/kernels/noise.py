"""Normal noise in place, of many float32 images of one size; see `GaussianNoise` for its definition."""

from __future__ import annotations

from augfuse.jit import inlined, jit
from augfuse.philox import U, block

_16 = U(16)
_32 = U(32)
_48 = U(48)
_LAST = U(0xFFFF)


@inlined
def _add(image, p, word, std, table):
    """The noise of four values."""
    image[p] += std * table[word & _LAST]
    image[p + 1] += std * table[(word >> _16) & _LAST]
    image[p + 2] += std * table[(word >> _32) & _LAST]
    image[p + 3] += std * table[word >> _48]


@jit
def noise(images, size, stds, keys, active, table):
    """images: flat, `size` values each; stds (n,) float32, keys (n, 2) uint64, active (n,) bool; table (65536,)."""
    for i in range(active.shape[0]):
        if not active[i] or stds[i] == 0:
            continue
        std = stds[i]
        image = images[i * size : (i + 1) * size]
        blocks = size // 16
        for b in range(blocks):
            w0, w1, w2, w3 = block(keys[i, 0], keys[i, 1], 0, 0, b + 1)
            p = 16 * b
            _add(image, p, w0, std, table)
            _add(image, p + 4, w1, std, table)
            _add(image, p + 8, w2, std, table)
            _add(image, p + 12, w3, std, table)
        if 16 * blocks < size:
            words = block(keys[i, 0], keys[i, 1], 0, 0, blocks + 1)
            for p in range(size - 16 * blocks):
                image[16 * blocks + p] += std * table[(words[p // 4] >> U(16 * (p % 4))) & _LAST]
