"""One array for the images of a batch, into which decoders write directly."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import final

import numpy as np


@final
class Room:
    """Memory for `count` images of one size, which the first image decides. Several threads may use it."""

    def __init__(self, count: int, take: Callable[[tuple[int, ...], np.dtype], np.ndarray]) -> None:
        self._filled = [False] * count
        self._take = take
        self._lock = threading.Lock()
        self._stack: np.ndarray | None = None

    def rows(self, first: int, stop: int, shape: tuple[int, ...]) -> np.ndarray | None:
        """Memory for the uint8 images first..stop, (stop - first, *shape); None if other images have another shape."""
        with self._lock:
            if self._stack is None:
                self._stack = self._take((len(self._filled), *shape), np.dtype(np.uint8))
            stack = self._stack
        return stack[first:stop] if stack.shape[1:] == shape else None

    def fill(self, first: int, stop: int) -> None:
        """Mark these images as written."""
        self._filled[first:stop] = [True] * (stop - first)

    @property
    def stack(self) -> np.ndarray | None:
        """All images, once all are written."""
        return self._stack if all(self._filled) else None

    @property
    def out(self) -> np.ndarray | Callable[[tuple[int, ...], np.dtype], np.ndarray]:
        """The same, or else what there is memory from."""
        stack = self.stack
        return self._take if stack is None else stack
