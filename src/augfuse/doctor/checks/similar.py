"""Find images that look alike among many: a 64-bit perceptual hash, buckets of equal hash bits, then the pixels.

The hash is the signs of the 64 lowest frequencies of a small grey copy: saving again, resizing, and brighter or paler
colours change few of them. Images that share a quarter of the bits meet in a bucket, so any two that differ in up to
three bits are compared, and most that differ in up to eight. Nothing is reported that the pixels do not confirm.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from augfuse.doctor.read_images import LUMA
from augfuse.errors import DecodeError

# Two images are nearly the same where both hold: their 32x32 copies correlate by ALIKE, and so does the fine detail of
# the images themselves by DETAIL. On photographs, the same picture saved anew has 0.95 and 0.9 or more; different
# pictures with the same composition have a detail of 0.5 or less.
ALIKE, DETAIL = 0.95, 0.7
COLOR = 0.85  # how all channels together correlate at least, unless one of the two is grey
# Where images look alike by nature (clothes or digits on black), these tell copies from siblings.
STRICT_ALIKE, STRICT_DETAIL = 0.99, 0.99
_SIBLINGS = 0.02  # pairs for each image of a set whose images look alike by nature
_LONE = 2  # pairs that say nothing about a set, however small it is
_MAX_BITS = 8
_QUARTERS = 4
_ROWS = 512  # of a bucket that are compared at once
_BLOCK = 1024  # images that are hashed at once
_PAIRS = 20_000  # whose pixels are correlated at once
_GRAY = 0.05  # of the range of values, by which the channels of a grey picture differ at most
_SIDE = 64  # of the copies whose detail is compared
_FREQUENCIES = sorted(((u, v) for u in range(12) for v in range(12) if u + v), key=lambda f: (f[0] + f[1], f))[:64]


def hash_images(small: np.ndarray) -> np.ndarray:
    """(n, s, s) grey copies -> (n,) uint64, one bit for the sign of each of 64 frequencies."""
    side = small.shape[1]
    waves = np.cos(np.pi * np.arange(12)[:, None] * (2 * np.arange(side) + 1) / (2 * side)).astype(np.float32)
    u, v = np.array(_FREQUENCIES).T
    strength = (waves @ small.astype(np.float32) @ waves.T)[:, u, v]
    return np.ascontiguousarray(np.packbits(strength > 0, axis=1)).view(">u8")[:, 0].astype(np.uint64)


def candidates(count: int, small: Callable[[np.ndarray], np.ndarray]) -> tuple[np.ndarray, bool]:
    """(pairs, strict) of `count` images: (k, 2) rows, first < second, that may be nearly the same. strict: whether
    images of this set look alike by nature, so that `confirm` must be strict too. small: from (k,) rows to their grey
    copies (k, s, s); it is asked for some at a time, because all of them again would be most of what the doctor holds.
    """
    blocks = (np.arange(start, min(start + _BLOCK, count)) for start in range(0, count, _BLOCK))
    hashes = np.concatenate([hash_images(small(rows)) for rows in blocks])
    pairs, alike = _correlated(small, _hash_pairs(hashes))
    # Copies correlate by 0.99 and more; pairs that do not, in numbers, are siblings.
    siblings, copies = (alike < 0.98).sum(), (alike >= 0.99).sum()
    strict = bool(siblings > max(_LONE, _SIBLINGS * count, copies))
    return (pairs[alike >= STRICT_ALIKE] if strict else pairs), strict


def confirm(pairs: np.ndarray, strict: bool, pixels: Callable[[int], np.ndarray]) -> Iterator[tuple[int, int]]:
    """(first, second) of the pairs whose pixels agree: what is finer than about three pixels of copies of at most 64x64
    correlates. pixels: from a row to (h, w, c); DecodeError leaves the pair out."""
    for first, second in pairs.tolist():
        try:
            detail = _common_detail(pixels(first), pixels(second))
        except DecodeError:  # it could be read a moment ago: the files are changing
            continue
        if detail >= (STRICT_DETAIL if strict else DETAIL):
            yield first, second


def _hash_pairs(hashes: np.ndarray) -> np.ndarray:
    """(k, 2) rows of hashes that share a quarter and differ in at most _MAX_BITS bits."""
    bits = 64 // _QUARTERS
    found = [np.empty((0, 2), np.int64)]
    for quarter in range(_QUARTERS):
        key = (hashes >> np.uint64(quarter * bits)) & np.uint64((1 << bits) - 1)
        order = np.argsort(key, kind="stable")
        starts = np.flatnonzero(np.diff(key[order], prepend=key[order[0]] + np.uint64(1)) != 0)
        for rows in np.split(order, starts[1:]):
            for start in range(0, len(rows) if len(rows) > 1 else 0, _ROWS):
                some, rest = rows[start : start + _ROWS], rows[start:]
                near = np.bitwise_count(hashes[some][:, None] ^ hashes[rest]) <= _MAX_BITS
                one, other = np.nonzero(np.triu(near, 1))
                found.append(np.sort(np.stack([some[one], rest[other]], axis=1), axis=1))
    return np.unique(np.concatenate(found), axis=0)


def _correlated(small: Callable[[np.ndarray], np.ndarray], pairs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The pairs whose correlation is at least ALIKE, with the correlation."""
    kept, alike = [np.empty((0, 2), np.int64)], [np.empty(0, np.float32)]
    for start in range(0, len(pairs), _PAIRS):
        some = pairs[start : start + _PAIRS]
        correlation = _correlation(*(small(some[:, side]).reshape(len(some), -1) for side in (0, 1)))
        kept.append(some[correlation >= ALIKE])
        alike.append(correlation[correlation >= ALIKE])
    return np.concatenate(kept), np.concatenate(alike)


def _correlation(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """(k,) correlation of the rows of two (k, m) arrays; 0 where one of them is flat."""
    one, other = (x.astype(np.float32) - x.mean(axis=1, dtype=np.float32, keepdims=True) for x in (one, other))
    norm = np.sqrt(np.einsum("ij,ij->i", one, one) * np.einsum("ij,ij->i", other, other))
    return np.einsum("ij,ij->i", one, other) / np.maximum(norm, 1e-6)


def _common_detail(one: np.ndarray, other: np.ndarray) -> float:
    """The correlation of the fine detail of two images, at one size and in gray, because JPEG stores colours at half
    the resolution. 0 if their colours differ: a red and a green light are two pictures."""
    import cv2

    side = min(_SIDE, *one.shape[:2], *other.shape[:2])
    copies = [
        cv2.resize(np.nan_to_num(_rgb(image).astype(np.float32)), (side, side), interpolation=cv2.INTER_AREA)
        for image in (one, other)
    ]
    colored = [np.ptp(copy, axis=2).mean() > _GRAY * np.ptp(copy) for copy in copies]
    if all(colored) and _correlation(*(copy.reshape(1, -1) for copy in copies))[0] < COLOR:
        return 0.0
    gray = [copy @ LUMA for copy in copies]
    fine = [copy - cv2.GaussianBlur(copy, (0, 0), 1.5) for copy in gray]
    return float(_correlation(*(copy.reshape(1, -1) for copy in fine))[0])


def _rgb(image: np.ndarray) -> np.ndarray:
    return image[:, :, :3] if image.shape[2] >= 3 else np.repeat(image[:, :, :1], 3, axis=2)
