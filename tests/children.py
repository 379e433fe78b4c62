"""Processes that tests send signals to: started as a terminal starts them, and never left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

# A shell that is not interactive starts `command &` with SIGINT ignored, and children inherit that: a test suite that
# runs in the background would send interrupts to processes that do not see them.
_RESTORE = """
import os, signal, sys
for number in (signal.SIGINT, signal.SIGTERM, *([signal.SIGHUP, signal.SIGQUIT] if os.name != "nt" else [])):
    signal.signal(number, signal.SIG_DFL)
os.execv(sys.argv[1], sys.argv[1:])
"""


def fork() -> int:
    """`os.fork()`, without the warnings of what other tests of this process have imported and of their threads."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # JAX
        warnings.simplefilter("ignore", DeprecationWarning)  # Python 3.12 and later
        return os.fork()


def heeding_signals(command: Sequence[str]) -> list[str]:
    """The command, to run with the signal handling it would have in a terminal. Its process id stays the same."""
    return [sys.executable, "-c", _RESTORE, *command]


@contextmanager
def running(command: Sequence[str], **options: Any) -> Iterator[subprocess.Popen[str]]:
    """A process that heeds signals, with its output in pipes as text. On leaving it and its children are killed."""
    usual: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    # A group of its own, so that nothing else is killed with it.
    process = subprocess.Popen(heeding_signals(command), start_new_session=True, **(usual | options))
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            if os.name == "nt":
                process.kill()
            else:
                os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        for pipe in (process.stdout, process.stderr):
            if pipe is not None:
                pipe.close()
