"""A buffer pool for decoded images: memory is reused once nothing refers to it. New memory costs a page fault per 4 KB,
75 of the 300 microseconds that a JPEG of 224x224 takes."""

from __future__ import annotations

import os
import threading
from typing import final

import numpy as np

from augfuse.data.batches.buffer_pool import UNHELD, holders

_SMALLEST, _LARGEST = 2**16, 2**21  # bytes of what is kept: smaller memory is at hand anyway
_MOST = 2**25  # bytes that are kept in all
_STEP = 4096
_LOOKED_AT = 32  # where so many of the oldest are held, so are the others


@final
class _Kept:
    """What was handed out. at: where to look first, behind what was handed out last."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.buffers: list[np.ndarray] = []
        self.size = 0
        self.at = 0


_kept = _Kept()


def _start_anew() -> None:
    """In a child of fork the lock may be one that a thread of the parent held."""
    global _kept
    _kept = _Kept()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_start_anew)


def memory(size: int) -> np.ndarray:
    """(size,) uint8 with any content. A view of it, or an array made of it, keeps it from being handed out again."""
    if not _SMALLEST <= size <= _LARGEST:
        return np.empty(size, np.uint8)
    kept = _kept
    with kept.lock:
        count = len(kept.buffers)
        for k in range(min(count, _LOOKED_AT)):
            i = (kept.at + k) % count
            if size <= kept.buffers[i].size <= 2 * size and holders(kept.buffers, i) == UNHELD:
                kept.at = i + 1
                return kept.buffers[i][:size]
        buffer = np.empty(-(-size // _STEP) * _STEP, np.uint8)
        kept.buffers.append(buffer)
        kept.at = 0
        kept.size += buffer.size
        while kept.size > _MOST:  # those that were made first go, held or not
            kept.size -= kept.buffers.pop(0).size
    return buffer[:size]
