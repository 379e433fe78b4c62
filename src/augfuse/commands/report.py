"""`augfuse report`: write the report of a finished run again, from the files in its folder."""

from __future__ import annotations

from pathlib import Path

from augfuse.commands import terminal
from augfuse.commands.shell import OK, USAGE, refuse_error
from augfuse.errors import AugfuseError


def report(folder: Path) -> int:
    """Write report.html of a finished `augfuse train` run again. Nothing is trained, and the data is not needed.

    Parameters
    ----------
    folder
        The folder of the run.
    """
    from augfuse.experiment.report.write_report import rewrite

    try:
        terminal.say(f"Report: {rewrite(folder)}")
    except (AugfuseError, OSError) as error:
        return refuse_error(error, USAGE, written=folder)
    return OK
