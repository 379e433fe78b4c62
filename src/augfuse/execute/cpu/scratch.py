"""Memory for what lies between the steps of a plan. Fresh memory costs more than what is done in it."""

from __future__ import annotations

import threading
from collections.abc import Generator
from contextlib import contextmanager
from typing import TypeAlias

import numpy as np

# Images that pass several steps together. Floats stay in the caches from step to step; of bytes there may be more, for
# then what Python does for each chunk counts (benchmarks/recipes.py, AMD EPYC Zen 3, November 2026).
CHUNK_BYTES = 2**21
CHUNK_BYTES_OF_LEVELS = 2**22

KEPT_BYTES = CHUNK_BYTES_OF_LEVELS  # of each purpose, by each thread

Scratch: TypeAlias = tuple[np.ndarray, ...]

_THREAD = threading.local()


@contextmanager
def scratch(size: int, dtype: np.dtype | type[np.generic], *purposes: str) -> Generator[Scratch]:
    """At least `size` values of any content for each purpose, kept by each thread while they are few.

    They are taken out meanwhile: a function of the user's may call this again.
    """
    dtype, kept = np.dtype(dtype), vars(_THREAD)
    buffers = [kept.pop(purpose, None) for purpose in purposes]
    wanted = size * dtype.itemsize
    buffers = [np.empty(wanted, np.uint8) if one is None or len(one) < wanted else one for one in buffers]
    yield tuple(one[: len(one) // dtype.itemsize * dtype.itemsize].view(dtype) for one in buffers)
    for purpose, one in zip(purposes, buffers, strict=True):
        if len(one) <= KEPT_BYTES:
            kept[purpose] = one
