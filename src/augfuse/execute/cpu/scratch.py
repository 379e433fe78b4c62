"""Memory that a thread keeps from call to call while it is small: fresh memory costs more than what is done in it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

KEPT_BYTES = 2**22  # of each purpose, by each thread

_THREAD = threading.local()


@contextmanager
def scratch(purpose: str, size: int, dtype: np.dtype | type[np.generic]) -> Iterator[np.ndarray]:
    """At least `size` values of any content. Meanwhile they are taken out: a function of the user's may want some."""
    dtype = np.dtype(dtype)
    kept = vars(_THREAD)
    buffer = kept.pop(purpose, None)
    if buffer is None or len(buffer) < size * dtype.itemsize:
        buffer = np.empty(size * dtype.itemsize, np.uint8)
    yield buffer[: len(buffer) // dtype.itemsize * dtype.itemsize].view(dtype)
    if len(buffer) <= KEPT_BYTES:
        kept[purpose] = buffer
