"""The `augfuse` command. Heavy imports happen inside the commands, so that `augfuse --help` stays quick.

Exit codes: 0 ok, 1 the run failed, 2 usage or configuration, 130 interrupted.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, TextIO

from cyclopts import App, CycloptsError, Parameter

from augfuse.commands.augment import augment
from augfuse.commands.doctor import doctor
from augfuse.commands.preview import preview
from augfuse.commands.report import report
from augfuse.commands.shell import INTERRUPTED, OK, USAGE, refuse, strictly
from augfuse.commands.train import train
from augfuse.errors import AugfuseError, AugfuseWarning, RangeError


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
    from augfuse.train.recipes import read_recipe

    try:
        if min(shape) < 1:
            raise RangeError(f"--shape: got {' '.join(map(str, shape))}, wanted three numbers of 1 or more: 224 224 3.")
        print(read_recipe(recipe).explain(shape=shape))
    except AugfuseError as error:
        return refuse(error, USAGE)
    return OK


app.command(preview)
app.command(doctor)
app.command(report)
app.command(train)
app.command(augment)


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
                print(f"augfuse: warning: {message}", file=sys.stderr)
            else:
                show(message, category, filename, lineno, file, line)

        warnings.showwarning = show_warning
        try:
            return app(argv, exit_on_error=False, result_action="return_value") or OK
        except CycloptsError:
            return USAGE  # cyclopts has printed what is wrong
        except KeyboardInterrupt:
            return refuse("interrupted.", INTERRUPTED)
