"""The first thing that is imported. Of the command line: Ctrl-C ends it while everything else is being imported.

Python would end the import with a traceback. Once `commands.interrupts` listens, it takes the signal. Programs that use
the library keep their own handlers.
"""

from __future__ import annotations

import os
import signal
import sys
import threading


def _is_the_command_line() -> bool:
    """Whether this process is `augfuse ...` or `python -m augfuse ...`."""
    given = sys.orig_argv[1:]
    module = given[given.index("-m") + 1 :][:1] if "-m" in given else []
    return module == ["augfuse"] or os.path.splitext(os.path.basename(given[0] if given else ""))[0] == "augfuse"  # noqa: PTH119, PTH122 - quick


def _listens() -> bool:
    """Whether Python's own handler would take Ctrl-C: it may be ignored, or a program's own."""
    is_main = threading.current_thread() is threading.main_thread()
    return is_main and signal.getsignal(signal.SIGINT) is signal.default_int_handler


if _is_the_command_line() and _listens():
    signal.signal(signal.SIGINT, signal.SIG_DFL)
