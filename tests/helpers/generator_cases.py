"""What several files of tests share. test_keras_generator.py and its neighbours use it."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

keras = pytest.importorskip(
    "keras", reason="needs the extras: pip install 'augfuse[keras,tensorflow]'", exc_type=ImportError
)
stats = pytest.importorskip("scipy.stats", reason="needs the extra: pip install 'augfuse[keras]'")
legacy = pytest.importorskip("keras.src.legacy.preprocessing.image", reason="this Keras has no legacy class any more")


from augfuse.errors import AugfuseWarning  # noqa: E402
from augfuse.keras import ImageDataGenerator  # noqa: E402

ALL: dict[str, Any] = {
    "rotation_range": 40, "width_shift_range": 0.2, "height_shift_range": 0.2, "shear_range": 10, "zoom_range": 0.2,
    "horizontal_flip": True, "vertical_flip": True, "channel_shift_range": 20, "brightness_range": (0.7, 1.3),
}  # fmt: skip


def photos(n: int = 10, size: tuple[int, int] = (8, 8), channels: int = 3, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (n, *size, channels), dtype=np.uint8)


def heard(action: Callable[[], Any]) -> list[str]:
    """The messages of our warnings."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        action()
    return [str(w.message) for w in caught if issubclass(w.category, AugfuseWarning)]


# --- the same bytes, whoever asks ---


def flow(seed: int | None = 5, **options: Any) -> Any:
    return ImageDataGenerator(**ALL).flow(photos(), np.arange(10), **({"batch_size": 4, "seed": seed} | options))


def epochs(iterator: Any, count: int = 3) -> list[np.ndarray]:
    """Images of whole epochs, by label."""
    found = []
    for _ in range(count):
        images = np.empty((10, 8, 8, 3), np.float32)
        for _ in range(len(iterator)):
            x, y = next(iterator)
            images[y] = x
        found.append(images)
    return found


# --- defects of Keras that are mended, each said once ---


def assert_said_once(action: Callable[[], Any], *words: str) -> None:
    first = heard(action)
    assert len(first) == 1 and all(word in first[0] for word in words), first
    assert 'compat="strict"' in first[0] and "docs/imagedatagenerator.md" in first[0]
    assert heard(action) == []
