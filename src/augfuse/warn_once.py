"""Warnings that point at the user's own line, and warnings that are given once: in a process, or of one object."""

from __future__ import annotations

import sys
import threading
import warnings
import weakref
from pathlib import Path
from typing import Any

from augfuse.errors import AugfuseWarning

# This package, the pools of the standard library that run it in threads, and Python's imports.
_PASSED_OVER = (str(Path(__file__).parent), str(Path(warnings.__file__).parent / "concurrent"), "<frozen importlib")
_lock = threading.Lock()
_given: set[str] = set()
_told: weakref.WeakKeyDictionary[Any, set[str]] = weakref.WeakKeyDictionary()


def warn(message: str) -> None:
    """Give an AugfuseWarning that points at the nearest line outside this package and Keras."""
    warnings.warn(message, AugfuseWarning, stacklevel=depth_of_caller())


def warn_first(subject: str, message: str) -> None:
    """`warn`, the first time in this process that `subject` is named. Threads may call this at the same time: one of
    them warns.
    """
    with _lock:
        if subject in _given:
            return
        _given.add(subject)
    warn(message)


def warn_once(about: Any, message: str) -> None:
    """`warn`, the first time for the object `about`: a model, a generator or a data set."""
    with _lock:
        told = _told.setdefault(about, set())
        if message in told:
            return
        told.add(message)
    warn(message)


def was_given(subject: str) -> bool:
    """Whether `warn_first` has warned about `subject`: then nobody needs to look for a reason to warn again."""
    return subject in _given


def forget() -> None:
    """Warn about everything anew, as a fresh process would. For tests."""
    with _lock:
        _given.clear()
        _told.clear()


def depth_of_caller() -> int:
    """The stacklevel of the nearest frame outside augfuse, Keras, Numba, PyTorch, and what runs them in threads."""
    others = [getattr(sys.modules.get(name), "__file__", None) for name in ("keras", "numba", "torch")]
    passed_over = (*_PASSED_OVER, *(str(Path(file).parent) for file in others if file))
    depth, frame = 1, sys._getframe(1)
    while frame.f_back is not None and frame.f_code.co_filename.startswith(passed_over):
        depth, frame = depth + 1, frame.f_back
    return depth
