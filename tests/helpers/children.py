"""Processes that tests send signals to: started as a terminal starts them, and never left behind."""

from __future__ import annotations

import functools
import json
import os
import re
import signal
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

# A shell that is not interactive starts `command &` with SIGINT ignored, and children inherit that: a test suite that
# runs in the background would send interrupts to processes that do not see them.
_RESTORE = """
import os, signal, sys
for number in (signal.SIGINT, signal.SIGTERM, *([signal.SIGHUP, signal.SIGQUIT] if os.name != "nt" else [])):
    signal.signal(number, signal.SIG_DFL)
os.execv(sys.argv[1], sys.argv[1:])
"""


_IN_CLEAN_PROCESS = """
import importlib, json, sys
sys.path[:0], module, name, given = json.loads(sys.argv[1])
getattr(importlib.import_module(module), name).__wrapped__(**given)
"""


def in_clean_process(test: Callable[..., None]) -> Callable[..., None]:
    """A test that forks, in a process that has imported no framework and is ended after two minutes.

    A child of a process with the threads of JAX or TensorFlow may wait forever for a lock that one of them held at the
    fork. So what is forked is never the process of the whole suite. Arguments go there as JSON.
    """

    @functools.wraps(test)
    def run(**given: Any) -> None:
        file = Path(test.__code__.co_filename)
        folders = [str(file.parent), str(Path(__file__).parent)]
        what = json.dumps([folders, file.stem, test.__name__, given])
        command = [sys.executable, "-W", "error", "-c", _IN_CLEAN_PROCESS, what]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
        assert done.returncode == 0, done.stdout + done.stderr

    return pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")(run)


def fork() -> int:
    """`os.fork()`, without the warning that Python 3.12 and later give where there are threads."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return os.fork()


def heeding_signals(command: Sequence[str]) -> list[str]:
    """The command, to run with the signal handling it would have in a terminal. Its process id stays the same."""
    return [sys.executable, "-c", _RESTORE, *command]


def has_our_traceback(said: str) -> bool:
    """Whether a stopped process printed a traceback through a file of augfuse. Python itself prints one while it starts
    and while our first lines are being read."""
    ours = re.findall(r'File ".*\baugfuse[/\\]([\w/\\]+\.py)"', said)
    return "Traceback" in said and not {"__init__.py", "startup.py"}.issuperset(ours)


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
