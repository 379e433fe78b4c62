"""`af.train(...)`: what `augfuse train` does, from Python."""

from __future__ import annotations

import functools
import inspect
import os
import re
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import ParamSpec

from augfuse.algebra.ranges import truth
from augfuse.errors import ImageTypeError
from augfuse.experiment.data_argument import parts_from
from augfuse.experiment.dry_run import dry_run
from augfuse.experiment.method import options_of, taken
from augfuse.experiment.options import Asked, Options
from augfuse.experiment.run_job import Outcome, run
from augfuse.experiment.setup.prepare import prepare
from augfuse.recipe import Recipe

P = ParamSpec("P")


class _Call(Asked, frozen=True, kw_only=True):
    """The options, and what only a call has."""

    progress: bool = True


def _with_parameters_of(record: Callable[P, _Call]) -> Callable[[Callable[[_Call], Outcome]], Callable[P, Outcome]]:
    """Make a function of a record one of its fields, all of which its signature and its docstring list."""

    def made(function: Callable[[_Call], Outcome]) -> Callable[P, Outcome]:
        fields = inspect.signature(record).parameters
        known = {name: fields[name].replace(annotation=kind) for name, kind, _ in options_of(_Call)}
        signature = inspect.Signature(
            list((known | {"progress": fields["progress"]}).values()), return_annotation=Outcome
        )
        lines = (f"{name}: {one.python or _in_python(one.help)}" for name, _, one in options_of(_Call))
        listed = "\n".join(
            textwrap.fill(line, 116, initial_indent=" " * 4, subsequent_indent=" " * 8) for line in lines
        )

        @functools.wraps(function)
        def call(*args: P.args, **kwargs: P.kwargs) -> Outcome:
            signature.bind(*args, **kwargs)
            return function(record(*args, **kwargs))

        del call.__wrapped__
        call.__signature__ = signature  # type: ignore[attr-defined]
        call.__doc__ = inspect.cleandoc(function.__doc__ or "").replace("Args:", f"Args:\n{listed}")
        return call

    return made


def _in_python(text: str) -> str:
    """A help text of the command, with the names that options have here."""
    text = re.sub(r"--no-([a-z-]+)", lambda found: f"{found[1].replace('-', '_')}=False", text)
    return re.sub(r"--([a-z-]+)", lambda found: found[1].replace("-", "_"), text).replace("EPOCHS", "epochs")


@_with_parameters_of(_Call)
def train(asked: _Call) -> Outcome:
    """Train the same network without and with a recipe, on paired seeds, and report which was better.

    The same call continues an interrupted run; a finished one with the same `name` and settings is read.

    Args:
        progress: Print the progress.

    Returns:
        An `Outcome`: everything that the report shows, such as `test_score`, `gap`, `model` and `report`.

    Raises:
        AugfuseError: data, recipe, model or numbers that cannot be used; the message has what to change.
    """
    from rich.console import Console

    quiet = not truth("progress", asked.progress)
    data, recipe = asked.data, asked.recipe
    path = Path(data) if isinstance(data, (str, os.PathLike)) else None
    if recipe is not None and not isinstance(recipe, (Recipe, str, os.PathLike)):
        raise ImageTypeError(f"recipe: got {type(recipe).__name__}, wanted an af.Recipe. Use af.Recipe([...]).")
    options = taken(asked, Asked) | {
        "data": path,
        "parts": None if path is not None or data is None else parts_from(data, asked.task),
        "python": (path is None and data is not None)
        or not all(one is None or isinstance(one, (str, os.PathLike)) for one in (asked.exclude, asked.model)),
    }
    job = prepare(Options(**options))
    return run(job, dry_run(job), Console(quiet=quiet))
