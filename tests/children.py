"""Processes that tests send signals to: started as a terminal starts them, and never left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
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


def heeding_signals(command: Sequence[str]) -> list[str]:
    """The command, to run with the signal handling it would have in a terminal. Its process id stays the same."""
    return [sys.executable, "-c", _RESTORE, *command]


@contextmanager
def running(command: Sequence[str], **options: Any) -> Iterator[subprocess.Popen[str]]:
    """A process that heeds signals, with its output in pipes as text. On leaving it and its children are killed."""
    process = subprocess.Popen(
        heeding_signals(command),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,  # a group of its own, so that nothing else is killed with it
        **options,
    )
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
