"""How the compiled functions are compiled. Importing this imports Numba: only modules that are loaded lazily do so."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numba

from augfuse.errors import AugfuseWarning

# `nsz` and `contract` give the speed of fastmath without `nnan`, which makes isnan false and lets a NaN become an
# index.
_OPTIONS: dict[str, Any] = {"nogil": True, "fastmath": {"contract", "nsz"}, "error_model": "numpy"}


def jit(function: Callable[..., Any]) -> Any:
    """Compile on first call, without the GIL, keeping the machine code on disk where a cache folder can be written."""
    try:
        return numba.njit(cache=True, **_OPTIONS)(function)
    except RuntimeError as error:  # Numba finds no folder that it can write to
        _warn_once(str(error))
        return numba.njit(**_OPTIONS)(function)


_warned: list[str] = []


def _warn_once(reason: str) -> None:
    if not _warned:
        _warned.append(reason)
        warnings.warn(
            f"kernels are compiled anew in each process ({reason}). Set NUMBA_CACHE_DIR to a writable folder.",
            AugfuseWarning,
            stacklevel=3,
        )
