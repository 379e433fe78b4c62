"""Running a settled job: train all arms, save the better one, check it, report."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from augfuse.data.loader import Loader
from augfuse.train import metrics, report
from augfuse.train.arms import Measure, evaluation_batch_size, train_arm
from augfuse.train.backend import environment
from augfuse.train.export import export_and_check
from augfuse.train.models import Network
from augfuse.train.prepare import Job
from augfuse.train.progress import Progress
from augfuse.train.record import ARMS, AUGMENTED, PLAIN, Arm, Comparison, DataFacts

_REMEASURE_SEED = 0
# In the sample grids; a batch of hundreds of photos would make a report of tens of megabytes.
_SHOWN_IMAGES = 36


@dataclass(frozen=True, slots=True)
class Outcome:
    """A finished run, and the path of its report.html."""

    comparison: Comparison
    report: Path


def run(job: Job, console: Any) -> Outcome:
    """Train every arm, save the better one, write the report. `console` is a rich Console for the progress.

    The run folder appears at the start with config.yaml and recipe.yaml; report.html is the last file to appear.
    """
    began = time.monotonic()
    settings = job.settings
    job.folder.mkdir(parents=True)
    report.write_text(job.folder / "config.yaml", report.config_yaml(settings))
    report.write_text(job.folder / "recipe.yaml", job.recipe.to_yaml())
    network = Network(
        (*settings.size, settings.channels),
        len(job.parts.classes),
        settings.widths,
        dense=settings.dense,
        dropout=settings.dropout,
        learning_rate=settings.learning_rate,
    )
    # Compiles the kernels and traces the network before the first timed step.
    shown = min(settings.batch_size, _SHOWN_IMAGES)
    first = {name: training_loader(job, name, settings.seeds[0], shown).fetch(0, 0) for name in ARMS}
    network.warm_up(settings.batch_size)

    arms, kept = _train_all(job, network, console)
    correct = {name: [arm.correct for arm in arms if arm.name == name] for name in ARMS}
    interval = metrics.paired_interval(correct[PLAIN], correct[AUGMENTED])
    # The arm is chosen by its mean, the seed is not chosen: the first one.
    better = metrics.better(interval)
    network.restore(kept[better])
    exported = export_and_check(
        network,
        better,
        settings.seeds[0],
        job.recipe,
        job.parts.test,
        job.folder / "model.keras",
        checked=settings.checked_images,
        workers=settings.workers,
    )
    parts = job.parts
    comparison = Comparison(
        settings=settings,
        facts=DataFacts(parts.title, parts.description, parts.classes, len(parts.train), len(parts.test)),
        recipe_yaml=job.recipe.to_yaml(),
        arms=arms,
        interval=interval,
        winner=metrics.winner(interval),
        exported=exported,
        samples=first[AUGMENTED].grid(),
        plain_samples=first[PLAIN].grid(),
        environment=environment(),
        command=job.command,
        seconds=time.monotonic() - began,
    )
    return Outcome(comparison, report.write_report(comparison, job.folder))


def _train_all(job: Job, network: Network, console: Any) -> tuple[tuple[Arm, ...], dict[str, Any]]:
    """All arms of all seeds, and the weights of both arms of the first seed."""
    settings = job.settings
    train_part, test_part = _measures(job)
    arms: list[Arm] = []
    kept: dict[str, Any] = {}
    with Progress(console, len(ARMS) * len(settings.seeds)) as progress:
        for seed in settings.seeds:
            for name in ARMS:
                arm = train_arm(
                    network,
                    name,
                    seed,
                    training_loader(job, name, seed, settings.batch_size),
                    epochs=settings.epochs,
                    evaluations=settings.evaluations,
                    train_part=train_part,
                    test_part=test_part,
                    progress=progress,
                )
                arms.append(arm)
                kept.setdefault(name, network.weights())
    return tuple(arms), kept


def training_loader(job: Job, arm: str, seed: int, batch_size: int) -> Loader:
    """Both arms of a seed see the same images in the same order; only the augmented arm's random part acts.

    The images and their order do not depend on the batch size. One-hot labels, because mixing transforms give shares of
    two classes. Full batches only, because the steps of an epoch are then alike.
    """
    return Loader(
        job.parts.train,
        job.recipe,
        batch_size=batch_size,
        seed=seed,
        shuffle=True,
        training=arm == AUGMENTED,
        workers=job.settings.workers,
        drop_last=True,
        one_hot=True,
    )


def _measures(job: Job) -> tuple[Measure, Measure]:
    settings = job.settings
    size = evaluation_batch_size((*settings.size, settings.channels))

    def loader(source: Any, *, shuffle: bool) -> Loader:
        return Loader(
            source, job.recipe, batch_size=size, seed=_REMEASURE_SEED, shuffle=shuffle, training=False,
            workers=settings.workers,
        )  # fmt: skip

    # Shuffled, so that the first images of a large training part are a fair sample of it.
    train = Measure(loader(job.parts.train, shuffle=True), settings.remeasured_images)
    return train, Measure(loader(job.parts.test, shuffle=False))
