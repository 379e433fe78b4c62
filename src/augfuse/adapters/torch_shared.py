"""PyTorch: images that a worker of a DataLoader hands over in memory that it shares with the program.

New shared memory costs a page fault per 4 KB, which takes longer than to augment the pixels that go there. So buffers
are reused: the last byte of one says whether the program still refers to it.
"""

from __future__ import annotations

import math
import os
import weakref
from functools import lru_cache
from types import FrameType
from typing import Any, final

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Subset, default_collate, default_convert, get_worker_info
from torch.utils.data._utils.collate import default_collate_fn_map
from torch.utils.data._utils.fetch import _BaseDatasetFetcher

from augfuse.data.batches.buffer_pool import Memory, Ring

_BUFFERS = 16  # of a worker, made as they are needed; PyTorch asks for two batches ahead
_BEHIND = 64  # bytes behind the pixels: of the last one


def memory() -> Ring:
    """The buffers of this worker."""
    return _ring(os.getpid())


@lru_cache(maxsize=1)
def _ring(pid: int) -> Ring:
    return Ring(_BUFFERS, Memory(_new, _lent))


@final
class _Buffer:
    """Shared memory as NumPy asks for it: an array of it has this object as its `base`.

    whole: its bytes; the last one is 1 while the program refers to it.
    """

    def __init__(self, whole: Tensor, shape: tuple[int, ...], dtype: np.dtype) -> None:
        self.whole, self.mark = whole, whole.numpy()[-1:]
        place = {"data": (whole.data_ptr(), False), "shape": shape, "typestr": dtype.str, "version": 3}
        self.__array_interface__ = place

    @staticmethod
    def of(array: np.ndarray) -> _Buffer:
        assert isinstance(array.base, _Buffer)
        return array.base


def _new(shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    storage = torch.UntypedStorage._new_shared(math.prod(shape) * dtype.itemsize + _BEHIND)
    whole = torch.empty(0, dtype=torch.uint8).set_(storage)  # type: ignore[call-overload]
    return np.asarray(_Buffer(whole, shape, dtype))


def _lent(array: np.ndarray) -> bool:
    return bool(_Buffer.of(array).mark[0])


@final
class Sent:
    """An array of this memory on its way to the program, where it arrives as a tensor."""

    def __init__(self, array: np.ndarray) -> None:
        self._array = array

    def __reduce__(self) -> tuple[Any, ...]:
        buffer = _Buffer.of(self._array)
        buffer.mark[0] = 1
        return _arrived, (buffer.whole, self._array.shape, self._array.dtype)


def _arrived(whole: Tensor, shape: tuple[int, ...], dtype: np.dtype) -> Tensor:
    buffer = _Buffer(whole, shape, dtype)
    weakref.finalize(buffer, _give_back, buffer.mark, os.getpid()).atexit = False
    return torch.from_numpy(np.asarray(buffer))  # holds the buffer as long as anything refers to its memory


def _give_back(mark: np.ndarray, process: int) -> None:
    if os.getpid() == process:  # a fork drops what its parent may still hold
        mark[0] = 0


@final
class Collated:
    """A batch that is what PyTorch's `default_collate` would make of its samples."""

    def __init__(self, parts: Any) -> None:
        self.parts = parts


default_collate_fn_map[Collated] = lambda batch, *, collate_fn_map=None: batch[0].parts


def collates(frame: FrameType | None) -> bool:
    """Whether `default_collate` gets what the function of a data set returns. frame: of its caller."""
    while frame is not None and type(frame.f_locals.get("self")) is Subset:  # returns what we return
        frame = frame.f_back
    return _function(frame) is default_collate


def hands_over(frame: FrameType | None) -> bool:
    """Whether this is a worker of a DataLoader that passes on what a data set yields, and does nothing to it. frame:
    of the caller."""
    return get_worker_info() is not None and _function(frame) is default_convert


def _function(frame: FrameType | None) -> Any:
    """The `collate_fn` of the DataLoader whose function this is."""
    caller = None if frame is None else frame.f_locals.get("self")
    return caller.collate_fn if isinstance(caller, _BaseDatasetFetcher) else None


def tensor_or_sent(tensor: Any) -> Any:
    """`tensor(name, value)`, but images of this memory are sent."""

    def one(name: str, value: Any) -> Any:
        ours = isinstance(value, np.ndarray) and isinstance(value.base, _Buffer)
        return Sent(value) if ours and name == "images" else tensor(name, value)

    return one
