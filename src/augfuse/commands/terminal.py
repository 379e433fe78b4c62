"""What the commands print: nothing raw, whatever files are called, and no traceback where nobody can read it."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from functools import partial
from types import TracebackType
from typing import IO, TYPE_CHECKING, Any, TextIO, final

from augfuse.text import printable

if TYPE_CHECKING:
    from rich.console import Console


@final
class OutputLost(Exception):
    """Standard output cannot be written: its reader is gone, or its disk is full."""

    def __init__(self, error: OSError) -> None:
        Exception.__init__(self, error.strerror or str(error))
        self.reader_is_gone = isinstance(error, BrokenPipeError)


def say(text: str) -> None:
    """Print a text on standard output. Raises OutputLost."""
    with _telling():
        print(written(text, sys.stdout))


def warn(text: str) -> None:
    """Print a text on standard error, where that can be written."""
    with suppress(OSError):
        print(written(text, sys.stderr), file=sys.stderr)


def written(text: str, file: IO[str] | None) -> str:
    """A text as a stream can hold it: printable, in the letters that its encoding has."""
    return printable(text, getattr(file, "encoding", None) or "utf-8")


def show_error(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """A traceback as Python prints it, but safe to print: for sys.excepthook."""
    warn("".join(traceback.format_exception(kind, error, trace)).rstrip("\n"))


def console(*, error: bool = False) -> Console:
    """A console for tables and bars. What is printed on it has to be `written` before."""
    from rich.console import Console

    return Console(file=_Stream(error))  # type: ignore[arg-type]


@contextmanager
def bar(words: str, total: int | None = None) -> Iterator[Callable[..., None]]:
    """A bar on a terminal, nothing elsewhere: a function of what has changed, as `rich.progress.Progress.update` takes
    it."""
    from rich.markup import escape
    from rich.progress import Progress

    shown = console(error=True)
    with Progress(console=shown, transient=True, disable=not shown.is_terminal) as progress:
        yield partial(progress.update, progress.add_task(escape(printable(words, shown.encoding)), total=total))


def flush() -> None:
    """Write out what standard output holds back. Raises OutputLost."""
    if sys.stdout is not None:
        with _telling():
            sys.stdout.flush()


def abandon(stream: TextIO | None) -> None:
    """Let the interpreter flush a stream that cannot be written into nothing when it ends: else it exits with 120."""
    with suppress(OSError, ValueError, AttributeError):
        handle = os.open(os.devnull, os.O_WRONLY)
        os.dup2(handle, stream.fileno())  # type: ignore[union-attr]  # AttributeError: there is none
        os.close(handle)


def flush_errors() -> None:
    """Write out what standard error holds back, where that can be written."""
    try:
        if sys.stderr is not None:
            sys.stderr.flush()
    except (OSError, ValueError):
        abandon(sys.stderr)


@contextmanager
def _telling() -> Iterator[None]:
    """Tells errors of standard output from those of files."""
    try:
        yield
    except OSError as error:
        raise OutputLost(error) from None


@final
class _Stream:
    """The file of a console: standard output or standard error, whatever they are at the moment."""

    def __init__(self, error: bool) -> None:
        self._error = error

    @property
    def _file(self) -> Any:
        file = sys.stderr if self._error else sys.stdout
        return getattr(file, "rich_proxied_file", file)  # while a bar is shown, rich puts itself in between

    def write(self, text: str) -> int:
        with self._safely():
            return 0 if self._file is None else self._file.write(text)
        return 0

    def flush(self) -> None:
        with self._safely():
            if self._file is not None:
                self._file.flush()

    def isatty(self) -> bool:
        return bool(self._file is not None and self._file.isatty())

    def fileno(self) -> int:
        return self._file.fileno()

    @property
    def encoding(self) -> str:
        return getattr(self._file, "encoding", None) or "utf-8"

    def _safely(self) -> AbstractContextManager[None]:
        return suppress(OSError) if self._error else _telling()
