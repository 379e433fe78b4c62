"""Warnings that are given once: of each defect of Keras that is mended while somebody's code runs, and of mistakes."""

from __future__ import annotations

import sys
import threading
import warnings
import weakref
from pathlib import Path
from typing import Any

import keras

from augfuse.errors import AugfuseWarning

_PASSED_OVER = (
    str(Path(__file__).parents[1]),
    str(Path(keras.__file__).parent),
    str(Path(warnings.__file__).parent / "concurrent"),
)
_lock = threading.Lock()
_given: set[str] = set()
_said: weakref.WeakKeyDictionary[Any, set[str]] = weakref.WeakKeyDictionary()


def notice(subject: str, message: str) -> None:
    """Give `message` as an AugfuseWarning, the first time in this process that `subject` is named.

    `message` says what differs from Keras; how to get Keras' behaviour back is added to it. The warning points at the
    nearest line outside augfuse. Threads may call this at the same time: one of them warns.
    """
    with _lock:
        if subject in _given:
            return
        _given.add(subject)
    warn(f'{message} For what Keras does pass compat="strict"; every difference is in docs/imagedatagenerator.md.')


def warn(message: str) -> None:
    """Give an AugfuseWarning that points at the nearest line outside this package and Keras."""
    warnings.warn(message, AugfuseWarning, stacklevel=depth_of_caller())


def warn_once(about: Any, message: str) -> None:
    """`warn`, the first time this is said of `about`: a model, a generator or a data set."""
    with _lock:
        said = _said.setdefault(about, set())
        if message in said:
            return
        said.add(message)
    warn(message)


def was_given(subject: str) -> bool:
    """Whether `notice` has warned about `subject`: then nobody needs to look for a reason to warn again."""
    return subject in _given


def forget() -> None:
    """Warn about everything anew, as a fresh process would. For tests."""
    with _lock:
        _given.clear()
        _said.clear()


def depth_of_caller() -> int:
    """The stacklevel of the nearest frame outside augfuse, Keras, and the pools that run them in threads."""
    depth, frame = 1, sys._getframe(1)
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_PASSED_OVER):
        depth, frame = depth + 1, frame.f_back
    return depth
