"""A little data set that a small network learns in a few steps."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

SHAPE = (8, 10, 3)


def stripes(count: int, seed: int, shape: tuple[int, int, int] = SHAPE) -> tuple[np.ndarray, np.ndarray]:
    """Two classes that a small network can tell apart: bright upper half, bright lower half."""
    rng = np.random.default_rng(seed)
    labels = np.arange(count) % 2
    images = rng.integers(0, 120, (count, *shape))
    half = shape[0] // 2
    images[labels == 0, :half] += 100
    images[labels == 1, half:] += 100
    return images.astype(np.uint8), labels.astype(np.int64)


def save_npz(path: Path, **arrays: Any) -> Path:
    np.savez(path, **arrays)
    return path
