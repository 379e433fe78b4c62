"""Starting `augfuse` as a process: with the signals of a foreground job, and never left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

# A shell lets jobs in the background ignore SIGINT, and they hand that down to what they start.
_RESTORED = ("SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT")


def foreground() -> None:
    """In a child before it starts: hear the signals that the test itself may have been started without."""
    for name in _RESTORED:
        signal.signal(getattr(signal, name), signal.SIG_DFL)


@contextmanager
def started(
    *command: str, cwd: Path, program: tuple[str, ...] = (sys.executable, "-m", "augfuse"), **options: Any
) -> Iterator[subprocess.Popen[str]]:
    """A running command in a process group of its own, which is killed where it has not ended by itself."""
    given: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "preexec_fn": foreground}
    process = subprocess.Popen(
        [*program, *command], cwd=cwd, text=True, start_new_session=True, errors="surrogateescape", **(given | options)
    )
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def run(*command: str, cwd: Path, **options: Any) -> subprocess.CompletedProcess[str]:
    """A command until its end."""
    with started(*command, cwd=cwd, **options) as process:
        out, err = process.communicate(timeout=300)
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)


def wait_for(condition: Callable[[], object], process: subprocess.Popen[str]) -> bool:
    """Whether `condition` comes true before the process ends."""
    while process.poll() is None:
        if condition():
            return True
        time.sleep(0.01)
    return False


def wait_for_line(process: subprocess.Popen[str], words: str) -> bool:
    """Whether the process prints a line with these words; all lines before it are read."""
    assert process.stdout is not None
    return any(words in line for line in process.stdout)
