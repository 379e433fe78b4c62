"""`augfuse train`."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from augfuse.commands import interrupts, terminal
from augfuse.commands.shell import FAILED, OK, USAGE, parse_size, refuse_error
from augfuse.errors import AugfuseError
from augfuse.experiment.method import options_of
from augfuse.experiment.options import Asked, Options, parse_sweep

if TYPE_CHECKING:
    from rich.console import Console

    from augfuse.experiment.dry_run import DryRun
    from augfuse.experiment.setup.prepare import Job


def train(data: Path | None = None, **given: Any) -> int:
    """Train the same network without and with augmentation, and report which was better.

    All arms start from the same weights and take the same steps on the same split; nothing is chosen on the test part.
    Writes OUT/NAME: report.html, report.json, metrics.csv, model.keras, the recipe and the settings. An interrupted run
    is continued by the same command, with the same final numbers.
    """
    from augfuse.experiment.dry_run import dry_run
    from augfuse.experiment.setup.prepare import prepare

    console = terminal.console()
    try:
        job = prepare(_options({"data": data, **given}))
        tried = dry_run(job)
    except AugfuseError as error:
        return refuse_error(error, USAGE, data)
    try:
        with interrupts.telling(f"the same command continues {job.folder}"):
            return _train(job, tried, console)
    except (AugfuseError, OSError) as error:
        return refuse_error(error, FAILED, data, job.folder)


def _options(given: dict[str, Any]) -> Options:
    """The words of the command as options."""
    size = given.get("size")
    numbers = {"sweep": parse_sweep(given.get("sweep")), "size": None if size is None else parse_size(size)}
    return Options(**given | numbers)


def _parameters() -> Iterator[inspect.Parameter]:
    """The options as cyclopts makes a command line of them: each with the type of its words and its help."""
    usual = Asked()
    for name, kind, option in options_of(Asked):
        word, default = option.word or kind, getattr(usual, name)
        more = {"consume_multiple": True, "negative": ()} if name == "columns" else {}
        yield inspect.Parameter(
            name,
            inspect.Parameter.POSITIONAL_OR_KEYWORD if name == "data" else inspect.Parameter.KEYWORD_ONLY,
            default=Path(default) if word is Path else default,
            annotation=Annotated[word, Parameter(help=option.help, **more)],
        )


_SIGNATURE = inspect.Signature(list(_parameters()), return_annotation=int)
train.__signature__ = _SIGNATURE  # type: ignore[attr-defined]
train.__annotations__ = {name: one.annotation for name, one in _SIGNATURE.parameters.items()}


def _train(job: Job, tried: DryRun | None, console: Console) -> int:
    from augfuse.experiment import verdict
    from augfuse.experiment.run_job import run
    from augfuse.experiment.train_arms import arm_names
    from augfuse.text import printable

    settings, parts = job.settings, job.parts

    def say(text: str) -> None:
        console.print(printable(text, console.encoding), highlight=False, markup=False, soft_wrap=True)

    if job.finished:
        say(f"{job.folder} is finished, and is not trained again; --overwrite does that.")
    else:
        how_long = f"{settings.epochs} epochs" if settings.minutes is None else f"{settings.minutes:g} minutes in all"
        classes = f"{len(parts.classes)} class{'es' if len(parts.classes) > 1 else ''}"
        say(f"{parts.title}: {len(parts.train)} training and {len(parts.test)} test images, "
            f"{classes}, input {settings.size[0]}x{settings.size[1]}x{settings.channels}; "
            f"{len(arm_names(settings))} arms x {len(settings.seeds)} seeds x {how_long}")  # fmt: skip
        if settings.validation is not None:
            say(f"Validation: {settings.validation}.")
        if job.begun:
            say(f"{job.folder}: continued where it was interrupted.")
    outcome = run(job, tried, console)
    say("")
    say(verdict.sentence(outcome.comparison))
    say(verdict.gap_sentence(outcome.comparison))
    for text in parts.task.remarks(outcome.comparison):
        say(text)
    for point in outcome.comparison.sweep:
        say(f"Strength {point.strength:g}: test {outcome.metric} {point.mean:.1%} ± {100 * point.spread:.1f} points, "
            f"gap {100 * point.gap:.1f}")  # fmt: skip
    if outcome.comparison.sweep:
        say(verdict.sweep_sentence(outcome.comparison.sweep, outcome.metric))
    for finding in verdict.findings(outcome.comparison):
        say(f"Note: {finding}")
    say(f"Report: {outcome.report}")
    return FAILED if verdict.export_differs(outcome.comparison) else OK
