"""The `augfuse` command. Heavy imports happen inside the commands, so that `augfuse --help` stays quick.

Exit codes: 0 ok, 1 the run failed, 2 usage or configuration, 130 interrupted, 143 and 129 ended by SIGTERM and SIGHUP,
141 nobody reads the output any more (`| head`).
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, TextIO

from cyclopts import App, CycloptsError, Parameter

from augfuse.commands import interrupts, terminal
from augfuse.commands.augment import augment
from augfuse.commands.convert import convert
from augfuse.commands.doctor import doctor
from augfuse.commands.preview import preview
from augfuse.commands.report import report
from augfuse.commands.shell import FAILED, OK, USAGE, refuse, strictly
from augfuse.commands.train import train
from augfuse.errors import AugfuseError, AugfuseWarning, RangeError
from augfuse.text import printable

READER_GONE = 141  # what a shell reports of a process that SIGPIPE ended


def _version() -> str:
    from augfuse import __version__

    return __version__


app = App(
    name="augfuse",
    help="One recipe, one pass: image augmentation and batch feeding.",
    version=_version,
    suppress_keyboard_interrupt=False,
    default_parameter=Parameter(converter=strictly),
)


@app.command
def explain(
    recipe: Path,
    *,
    shape: Annotated[tuple[int, int, int], Parameter(help="Height, width and channels of an image.")] = (224, 224, 3),
) -> int:
    """Print what a recipe does to an image of this shape: which transforms are fused into one pass, and why not all.

    Parameters
    ----------
    recipe
        A recipe file, as recipe.to_yaml() writes it.
    """
    from augfuse.experiment.setup.run_recipe import read_recipe

    try:
        if min(shape) < 1:
            raise RangeError(f"--shape: got {' '.join(map(str, shape))}, wanted three numbers of 1 or more: 224 224 3.")
        terminal.say(read_recipe(recipe).explain(shape=shape))
    except AugfuseError as error:
        return refuse(error, USAGE)
    return OK


app.command(preview)
app.command(doctor)
app.command(report)
app.command(train)
app.command(augment)
app.command(convert)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit code."""
    with warnings.catch_warnings():
        show = warnings.showwarning

        def show_warning(
            message: Warning | str,
            category: type[Warning],
            filename: str,
            lineno: int,
            file: TextIO | None = None,
            line: str | None = None,
        ) -> None:
            if issubclass(category, AugfuseWarning):
                terminal.warn(f"augfuse: warning: {message}")
            else:
                show(printable(str(message)), category, filename, lineno, file, line)

        warnings.showwarning = show_warning
        try:
            code = app(
                argv, console=terminal.console(), exit_on_error=False, print_error=False, result_action="return_value"
            )
            terminal.flush()
            return code or OK
        except CycloptsError as error:
            return refuse(f"{error}", USAGE)
        except terminal.OutputLost as lost:
            terminal.abandon(sys.stdout)
            return READER_GONE if lost.reader_is_gone else refuse(f"standard output: {lost}.", FAILED)
        except KeyboardInterrupt as stop:
            return interrupts.said(stop)
