"""The `augfuse` command. Heavy imports happen inside the commands, so that `augfuse --help` stays quick.

Exit codes: 0 ok, 1 the run failed, 2 usage or configuration, 130 interrupted.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, TextIO

from cyclopts import App, CycloptsError, Parameter
from rich.console import Console

from augfuse.errors import AugfuseError, AugfuseWarning, RangeError

OK, FAILED, USAGE, INTERRUPTED = 0, 1, 2, 130


def _version() -> str:
    from augfuse import __version__

    return __version__


app = App(
    name="augfuse",
    help="One recipe, one pass: image augmentation and batch feeding.",
    version=_version,
    suppress_keyboard_interrupt=False,
)


@app.command
def train(
    data: Path | None = None,
    *,
    recipe: Path | None = None,
    epochs: int | None = None,
    seeds: int | None = None,
    seed: int = 0,
    size: str | None = None,
    batch_size: int = 32,
    learning_rate: float = 1e-3,
    workers: int | None = None,
    out: Path = Path("runs"),
    name: str | None = None,
) -> int:
    """Train the same small network without and with augmentation, and report which was better.

    Both arms start from the same weights and take the same steps on the same split; nothing is chosen on the test part.
    Writes OUT/NAME: report.html, report.json, metrics.csv, model.keras, the recipe and the settings.

    Parameters
    ----------
    data
        A folder of class folders (with train and test or val folders above them, or without), or an .npz file with
        x_train, y_train and, if there is a test part, x_test, y_test. Without DATA: handwritten digits that come with
        scikit-learn; nothing is downloaded.
    recipe
        A recipe file, as recipe.to_yaml() writes it. Default: a mild one that suits the data.
    epochs
        Rounds over the training part. Default: 15, for the digits 60.
    seeds
        How many pairs of arms to train. Default: 3, for the digits 5.
    seed
        The first seed; the others follow it.
    size
        Size of the network's input, N or HxW. Default: what the recipe makes; for photos without a recipe 128.
    batch_size
        Images per step.
    learning_rate
        Of the Adam optimiser.
    workers
        Threads that prepare batches; 0 for none. Default: chosen by the loader.
    out
        Folder of all runs.
    name
        Folder of this run. Default: the time and the name of the data.
    """
    from augfuse.train.prepare import Options, prepare

    console = Console()
    try:
        job = prepare(
            Options(
                data=data,
                recipe=recipe,
                epochs=epochs,
                seeds=seeds,
                seed=seed,
                size=None if size is None else parse_size(size),
                batch_size=batch_size,
                learning_rate=learning_rate,
                workers=workers,
                out=out,
                name=name,
            )
        )
    except AugfuseError as error:
        return _refuse(error, USAGE)
    try:
        return _train(job, console)
    except AugfuseError as error:
        return _refuse(error, FAILED)
    except OSError as error:
        return _refuse(f"{job.folder}: {error.strerror or error}", FAILED)
    except KeyboardInterrupt:
        return _refuse(f"interrupted; {job.folder} has no report.", INTERRUPTED)


def _train(job: Any, console: Console) -> int:
    from augfuse.train import verdict
    from augfuse.train.run import run

    settings, parts = job.settings, job.parts
    _say(console, f"{parts.title}: {len(parts.train)} training and {len(parts.test)} test images, "
         f"{len(parts.classes)} classes, input {settings.size[0]}x{settings.size[1]}x{settings.channels}; "
         f"2 arms x {len(settings.seeds)} seeds x {settings.epochs} epochs")  # fmt: skip
    outcome = run(job, console)
    _say(console, "")
    _say(console, verdict.sentence(outcome.comparison))
    _say(console, verdict.gap_sentence(outcome.comparison))
    for finding in verdict.findings(outcome.comparison):
        _say(console, f"Note: {finding}")
    _say(console, f"Report: {outcome.report}")
    return FAILED if verdict.export_differs(outcome.comparison) else OK


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
        return _refuse(error, USAGE)
    return OK


def parse_size(text: str) -> tuple[int, int]:
    """`N` or `HxW` as (height, width). Raises RangeError."""
    sides = text.lower().split("x")
    if len(sides) <= 2 and all(side.strip().isdecimal() and int(side) > 0 for side in sides):
        return int(sides[0]), int(sides[-1])
    raise RangeError(f"--size: got {text!r}, wanted N or HxW, such as 128 or 120x160.")


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
            return _refuse("interrupted.", INTERRUPTED)


def _say(console: Console, text: str) -> None:
    console.print(text, highlight=False, markup=False, soft_wrap=True)


def _refuse(problem: AugfuseError | str, code: int) -> int:
    print(f"augfuse: {problem}", file=sys.stderr)
    return code
