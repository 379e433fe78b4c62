"""Files read by compiled code, through the functions of the C library that every process on Linux and macOS has."""

from __future__ import annotations

import numpy as np
from numba import types

from augfuse.jit import jit

_open = types.ExternalFunction("open", types.int32(types.intp, types.int32))
_read = types.ExternalFunction("read", types.intp(types.int32, types.intp, types.intp))
_close = types.ExternalFunction("close", types.int32(types.int32))


@jit
def read_files(
    names: np.ndarray, flags: int, arena: np.ndarray, room: int, starts: np.ndarray, stops: np.ndarray
) -> int:
    """How many files were read into arena[:room], one after the other: all that fit, in order.

    names: uint8, each with a zero behind it. starts, stops: where each begins and ends; the same for a file that cannot
    be read, or that does not fit although it is the first.
    """
    at, filled = 0, 0
    for k in range(starts.size):
        begin = filled
        file = _open(names.ctypes.data + at, flags)
        got = -1
        if file >= 0:
            while filled < room:
                got = _read(file, arena.ctypes.data + filled, room - filled)
                if got <= 0:
                    break
                filled += got
            _close(file)
        if got != 0:  # an error, or there may be more
            if file >= 0 and filled == room and begin > 0:
                return k
            filled = begin
        starts[k], stops[k] = begin, filled
        while names[at] != 0:
            at += 1
        at += 1
    return starts.size
