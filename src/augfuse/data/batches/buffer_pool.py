"""A buffer pool for batches: a buffer is reused as soon as nothing refers to it. New memory costs a page fault per 4
KB."""

from __future__ import annotations

import errno
import math
import mmap
import sys
import threading
from collections.abc import Callable
from typing import NamedTuple, final

import numpy as np


def holders(buffers: list[np.ndarray], i: int) -> int:
    """References to an array, for comparison with UNHELD."""
    return sys.getrefcount(buffers[i])


UNHELD = holders([np.empty(0)], 0)  # what the count is when only the list holds an array; differs between Pythons

_LARGE = 2**16  # bytes: smaller arrays are copied as quickly as they are shared
_HUGE = 2**22  # where NumPy asks for huge pages


def on_pages(shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    """An uninitialised array that begins on a page: TensorFlow and JAX share memory only at 64-byte alignment, and copy
    otherwise. Views of it refer to it, as to one that NumPy allocates."""
    size = math.prod(shape) * dtype.itemsize
    if size < _LARGE or not hasattr(mmap, "MAP_ANONYMOUS"):
        return np.empty(shape, dtype)
    try:
        pages = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    except OSError as error:
        raise (MemoryError(str(error)) if error.errno == errno.ENOMEM else error) from error
    if size >= _HUGE and hasattr(mmap, "MADV_HUGEPAGE"):
        pages.madvise(mmap.MADV_HUGEPAGE)
    return np.ndarray(shape, dtype, pages)


@final
class Memory(NamedTuple):
    """Where buffers come from. new: an uninitialised array of this shape and dtype. lent: whether another process
    refers to it."""

    new: Callable[[tuple[int, ...], np.dtype], np.ndarray]
    lent: Callable[[np.ndarray], bool]


def _never(buffer: np.ndarray) -> bool:
    return False


PRIVATE = Memory(on_pages, _never)


@final
class Ring:
    """At most `size` buffers of one shape and dtype. A buffer is reused only when no reference to it is left: a view, a
    tensor or a memoryview of it holds one, so what a user keeps is never overwritten."""

    def __init__(self, size: int, memory: Memory = PRIVATE) -> None:
        self._size = size
        self._memory = memory
        self._buffers: list[np.ndarray] = []
        self._lock = threading.Lock()

    def __reduce__(self) -> tuple[type[Ring], tuple[int, Memory]]:
        return Ring, (self._size, self._memory)

    def room_for(self, size: int) -> None:
        """Hold at least so many buffers from now on."""
        self._size = max(self._size, size)

    def take(self, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
        """An uninitialised array of this shape and dtype; a new one if all buffers are in use."""
        with self._lock:
            unheld = [i for i in range(len(self._buffers)) if holders(self._buffers, i) == UNHELD]
            free = [i for i in unheld if not self._memory.lent(self._buffers[i])]
            for i in free:
                if self._buffers[i].shape == shape and self._buffers[i].dtype == dtype:
                    return self._buffers[i]
            buffer = self._memory.new(shape, dtype)
            if len(self._buffers) < self._size:
                self._buffers.append(buffer)
            elif free:  # full of other shapes, such as batches with skipped files: make room
                self._buffers[free[0]] = buffer
            return buffer
