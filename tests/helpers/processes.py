"""Commands of `augfuse` as processes: started, waited for, run to their end."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from children import running

AUGFUSE = (sys.executable, "-m", "augfuse")


def started(
    *command: str, cwd: Path, program: tuple[str, ...] = AUGFUSE, **options: Any
) -> AbstractContextManager[subprocess.Popen[str]]:
    """A running command, which is killed where it has not ended by itself."""
    return running([*program, *command], cwd=cwd, errors="surrogateescape", **options)


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


def wait_for_handlers(process: subprocess.Popen[str]) -> bool:
    """Whether the command hears SIGTERM before it ends: before that, signals meet Python while it starts."""
    status = Path(f"/proc/{process.pid}/status")
    if not status.exists():
        time.sleep(2)
        return process.poll() is None

    def hears() -> bool:
        found = [line for line in status.read_text().splitlines() if line.startswith("SigCgt:")]
        return bool(found and int(found[0].split()[1], 16) >> (signal.SIGTERM - 1) & 1)

    return wait_for(hears, process)


def wait_for_line(process: subprocess.Popen[str], words: str) -> bool:
    """Whether the process prints a line with these words; all lines before it are read."""
    assert process.stdout is not None
    return any(words in line for line in process.stdout)
