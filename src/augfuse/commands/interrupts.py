"""Ctrl-C, SIGTERM and SIGHUP: each ends a command once, with nothing half-written left behind, and within two seconds.

Only the command line installs this; a program that uses the library keeps its own handlers. The first signal raises
KeyboardInterrupt, so that the command can clear up after itself; those that follow change nothing about that. Code in C
may hold the exception back for long, or lose it: a thread, which Python wakes at once, ends the process then.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, NoReturn, final

from augfuse.commands import terminal

_PATIENCE = 1.2  # seconds that a command gets to end by itself
_NAMES = ("SIGINT", "SIGTERM", "SIGHUP")
_HEARD: set[int] = set()
_CAUGHT: list[int] = []
_HOLDS: list[str] = []  # what holds of the work in progress, for the message
_SAID: list[int] = []


@final
class Stopped(KeyboardInterrupt):
    """A signal asked the process to end."""

    def __init__(self, number: int) -> None:
        KeyboardInterrupt.__init__(self)
        self.number = number


def install() -> None:
    """Take these signals from now on, but for those that whoever started the process had it ignore (nohup, jobs in the
    background of a script)."""
    numbers = [getattr(signal, name) for name in _NAMES if hasattr(signal, name)]
    _HEARD.update(number for number in numbers if signal.getsignal(number) not in (signal.SIG_IGN, None))
    if os.name != "nt":
        reader, writer = os.pipe()
        os.set_blocking(writer, False)
        signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
        threading.Thread(target=_watch, args=(reader,), name="augfuse-signals", daemon=True).start()
    for number in _HEARD:
        signal.signal(number, _stop)
    sys.unraisablehook = _lost


def _lost(error: Any) -> None:
    """Nothing is printed of a signal that met a destructor, which drops all exceptions: the thread ends the process."""
    if not isinstance(error.exc_value, Stopped):
        sys.__unraisablehook__(error)


@contextmanager
def telling(holds: str) -> Iterator[None]:
    """Add to the message of an interrupted block what state its work is in."""
    _HOLDS[:] = [holds]
    try:
        yield
    except Exception as error:
        if (stop := behind(error)) is not None:
            raise stop from None
        _HOLDS.clear()
        raise
    _HOLDS.clear()


def behind(error: BaseException) -> Stopped | None:
    """The signal that caused an error: raised within a lock of Python's own, it makes that fail, and is replaced."""
    step: BaseException | None = error
    while step is not None and not isinstance(step, Stopped):
        step = step.__context__
    return step


def said(stop: KeyboardInterrupt) -> int:
    """Print that the command was stopped, and return its exit code: 130 for Ctrl-C, 143 for SIGTERM, 129 for SIGHUP, as
    a shell reports of a process that such a signal ended."""
    number = stop.number if isinstance(stop, Stopped) else int(signal.SIGINT)
    if not (_CAUGHT and _SAID):
        _SAID.append(number)
        by = "" if number == signal.SIGINT else f" by {signal.Signals(number).name}"
        words = "; ".join([f"interrupted{by}", *_HOLDS])
        _HOLDS.clear()
        terminal.warn(f"augfuse: {words}.")
    return 128 + number


def caught() -> int | None:
    """The exit code of the signal that arrived, if any."""
    return 128 + _CAUGHT[0] if _CAUGHT else None


def finish() -> None:
    """Ignore signals from now on: the work is done, its files are in their places, and Ctrl-C changes nothing."""
    for number in _HEARD:
        signal.signal(number, signal.SIG_IGN if number == signal.SIGINT else signal.SIG_DFL)


def end(code: int) -> NoReturn:
    """End the process now, without the shutdown of frameworks, which takes seconds."""
    from augfuse import files

    files.sweep()
    flushing = threading.Thread(target=_flush, daemon=True)
    flushing.start()
    flushing.join(0.2)  # a pipe that nobody reads takes for ever
    os._exit(code)


def _flush() -> None:
    for stream in (sys.__stdout__, sys.__stderr__):
        with suppress(OSError, ValueError, AttributeError):
            if stream is not None and stream.isatty():
                stream.write("\x1b[?25h")  # a bar that could not end has hidden the cursor
            if stream is not None:
                stream.flush()


def _stop(number: int, frame: Any) -> None:
    if not _CAUGHT:
        _CAUGHT.append(number)
        raise Stopped(number)


def _watch(reader: int) -> None:
    number = os.read(reader, 1)[0]
    while number not in _HEARD:
        number = os.read(reader, 1)[0]
    time.sleep(_PATIENCE)
    end(said(Stopped(number)))
