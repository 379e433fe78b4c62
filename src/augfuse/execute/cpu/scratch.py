"""Memory for what lies between the steps of a plan. Fresh memory costs more than what is done in it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeAlias

import numpy as np

# Images that pass several steps together. Floats stay in the caches from step to step; of bytes there may be more, for
# then what Python does for each chunk counts (benchmarks/recipes.py, AMD EPYC Zen 3, November 2026).
CHUNK_BYTES = 2**21
CHUNK_BYTES_OF_LEVELS = 2**22

Scratch: TypeAlias = tuple[np.ndarray, np.ndarray]

_THREAD = threading.local()


@contextmanager
def scratch(size: int) -> Iterator[Scratch]:
    """Two buffers of `size` bytes, as float32, kept by each thread while they are small.

    They are taken out meanwhile: a function of the user's may call this again.
    """
    buffers = vars(_THREAD).pop("buffers", None)
    if buffers is None or buffers[0].nbytes < size:
        count = -(-size // 4)
        buffers = np.empty(count, np.float32), np.empty(count, np.float32)
    yield buffers
    if buffers[0].nbytes <= CHUNK_BYTES_OF_LEVELS:
        _THREAD.buffers = buffers
