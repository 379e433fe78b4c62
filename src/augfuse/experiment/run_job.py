"""Run a prepared job: train all arms, save the better one, check it, write the report."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from augfuse.data.dataset import DataSet
from augfuse.errors import AugfuseError, DataError
from augfuse.experiment import evaluation, metrics, verdict
from augfuse.experiment.arms import evaluation_batch_size
from augfuse.experiment.backend import environment, repeatable
from augfuse.experiment.dry_run import DryRun
from augfuse.experiment.evaluation import Fed
from augfuse.experiment.network.export import MODEL, export_and_check
from augfuse.experiment.network.network import Network
from augfuse.experiment.records import ARMS, AUGMENTED, PLAIN, Comparison, DataFacts
from augfuse.experiment.report import write_report
from augfuse.experiment.run_folder import result_file
from augfuse.experiment.run_folder.checkpoint import REPORT, RunFolder
from augfuse.experiment.run_folder.rerun_command import again
from augfuse.experiment.setup.prepare import Job
from augfuse.experiment.setup.run_loaders import class_counts, evaluation_loader, training_loader
from augfuse.experiment.setup.train_and_test import Parts
from augfuse.experiment.train_arms import Training, swept
from augfuse.text import printable


@dataclass(frozen=True, slots=True)
class Outcome:
    """A finished run: all numbers of the comparison, and the path of its report.html."""

    comparison: Comparison
    report: Path

    @property
    def folder(self) -> Path:
        """The folder of the run: report, numbers, recipe, settings, predictions, model."""
        return self.report.parent

    @property
    def model(self) -> Path:
        """The `.keras` file of the better arm: raw uint8 images in, predictions out, of a classification probabilities
        of the classes."""
        return self.folder / MODEL

    @property
    def metric(self) -> str:
        """What the verdict is about: "accuracy", of a segmentation "mean IoU", of a detection "AP"."""
        return self.comparison.metric

    @property
    def test_accuracy(self) -> dict[str, float]:
        """`test_score` of a classification. Raises DataError for another task."""
        if self.metric != "accuracy":
            raise DataError(f"test_accuracy: this run has a {self.metric}. Type result.test_score.")
        return self.test_score

    @property
    def test_score(self) -> dict[str, float]:
        """The mean over the seeds of the metric on the test part, of each arm: "plain", "augmented", and "strength-S"
        of a sweep."""
        names = dict.fromkeys(arm.name for arm in self.comparison.arms)
        return {name: verdict.test_value(self.comparison, name) for name in names}

    @property
    def gap(self) -> dict[str, float]:
        """The mean of the metric on the training part minus that on the test part, of each arm."""
        names = dict.fromkeys(arm.name for arm in self.comparison.arms)
        return {name: verdict.gap(self.comparison, name) for name in names}

    def __repr__(self) -> str:
        return f"{verdict.sentence(self.comparison)} Report: {self.report}"


def run(job: Job, tried: DryRun | None, console: Any) -> Outcome:
    """Train every arm, save the better one, write the report. `tried` is that of the job, None only for a finished
    one; `console` is a rich Console for the progress.

    With --overwrite the run of this name is cleared away now. The run folder appears at the start with config.yaml and
    recipe.yaml; report.html is the last file to appear. A run that was interrupted goes on after its last finished
    epoch; one that is finished is read, not trained again.
    """
    folder = RunFolder(job.folder)
    if tried is None:
        return Outcome(result_file.load(job.folder), job.folder / REPORT)
    if job.options.overwrite:
        folder.clear()
    with folder.open(job.identity), repeatable(job.settings.deterministic):
        outcome = _run(job, tried, folder, console)
    folder.close()
    return outcome


def _run(job: Job, tried: DryRun, folder: RunFolder, console: Any) -> Outcome:
    settings = job.settings
    network, facts, first = tried.network, tried.facts, tried.first
    write_report.write_text(job.folder / "recipe.yaml", job.recipe.to_yaml())
    write_report.write_text(job.folder / "config.yaml", write_report.config_yaml(settings, facts))
    training = Training(job, network, folder, console, tried.began)
    arms = training.all()
    if training.settings != settings:
        settings = training.settings
        write_report.write_text(job.folder / "config.yaml", write_report.config_yaml(settings, facts))
    parts = job.parts
    task = parts.task
    evaluations = tuple(evaluation.load(job.folder, arm.name, arm.seed, task.found) for arm in arms)
    of_arms = {name: [found for found in evaluations if found.arm == name] for name in ARMS}
    interval = task.interval(of_arms[PLAIN], of_arms[AUGMENTED])

    def trained(arm: str) -> Network:
        network.restore(folder.weights(arm, settings.seeds[0]))
        return network

    pictures = task.pictures(of_arms, evaluation_loader(job, parts.test, 1, shuffle=False), trained)
    # The arm is chosen by its mean, the seed is not chosen: the first one.
    better = metrics.better(interval)
    exported = export_and_check(job, trained(better), better)
    described = parts.unused if parts.validation is None else parts.validation
    comparison = Comparison(
        settings=settings,
        facts=DataFacts(
            parts.title,
            parts.description,
            parts.classes,
            class_counts(job, parts.train),
            class_counts(job, parts.test),
            () if described is None else class_counts(job, described),
            task.counted,
            (len(parts.train), len(parts.test), 0 if described is None else len(described)),
        ),
        recipe_yaml=job.recipe.to_yaml(),
        arms=arms,
        interval=interval,
        winner=metrics.winner(interval),
        exported=exported,
        samples=first[AUGMENTED].grid(),
        plain_samples=first[PLAIN].grid(),
        evaluations=evaluations,
        fed=_fed(job),
        environment=environment(),
        command=printable(again(settings, job.folder, job.options, _words(parts))),
        seconds=training.seconds,
        sweep=swept(settings, arms),
        network=facts,
        metric=task.metric,
        **pictures,
    )
    return Outcome(comparison, write_report.write_report(comparison, job.folder))


def _words(parts: Parts) -> str:
    """What data at hand is."""
    found = parts.description.rstrip(".")
    return f"{found}; {len(parts.train)} training and {len(parts.test)} test images of {len(parts.classes)} classes"


def _fed(job: Job) -> tuple[Fed, ...]:
    """The input values of each part: the training part with and without augmentation, the val and the test part."""
    settings, parts = job.settings, job.parts
    size = min(settings.batch_size, evaluation_batch_size((*settings.size, settings.channels)))

    def without_augmentation(name: str, source: DataSet) -> Fed:
        return evaluation.as_fed(name, evaluation_loader(job, source, size, shuffle=True))

    found = [
        evaluation.as_fed("training, augmented", training_loader(job, AUGMENTED, settings.seeds[0], size)),
        evaluation.as_fed("training, plain", training_loader(job, PLAIN, settings.seeds[0], size)),
    ]
    if parts.validation is not None:
        found.append(without_augmentation("validation", parts.validation))
    if parts.unused is not None:
        # Nothing but this table reads it: an image there that cannot be used must not end a run that is trained.
        with suppress(AugfuseError):
            found.append(without_augmentation("val, not used", parts.unused))
    return (*found, without_augmentation("test", parts.test))
