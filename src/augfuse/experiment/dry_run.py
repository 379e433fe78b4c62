"""Dry run: take one training step, save and reload the model, before the run folder is created or overwritten."""

from __future__ import annotations

import time
from dataclasses import dataclass

from augfuse.batch import Batch
from augfuse.experiment.backend import repeatable
from augfuse.experiment.network.export import save_for_raw_images
from augfuse.experiment.network.head import loss_of
from augfuse.experiment.network.model_file import read_model
from augfuse.experiment.network.network import Network
from augfuse.experiment.network.summary import model_facts
from augfuse.experiment.network.user_model import told
from augfuse.experiment.records import ARMS, ModelFacts
from augfuse.experiment.report import write_report
from augfuse.experiment.setup.prepare import Job
from augfuse.experiment.setup.run_loaders import training_loader
from augfuse.files import scratch


@dataclass(frozen=True, slots=True)
class DryRun:
    """The result of a dry run: the compiled network, to be reset, with its `facts`, and the first images of each arm.

    `began` is `time.monotonic()` at its start; its time counts as time of the run.
    """

    network: Network
    facts: ModelFacts
    first: dict[str, Batch]
    began: float


def dry_run(job: Job) -> DryRun | None:
    """Take one training step, save and reload the model; nothing is written to the run folder. None if the run is
    finished.

    Raises AugfuseError: images that cannot be read, or errors of the user's network or loss.
    """
    if job.finished:
        return None
    with repeatable(job.settings.deterministic):
        return _dry_run(job, time.monotonic())


def _dry_run(job: Job, began: float) -> DryRun:
    settings = job.settings
    title = settings.model or "the built-in network"
    with told(f"{title}: cannot be compiled anew for each arm"):
        network = Network(
            job.build,
            len(job.parts.classes),
            optimizer=settings.optimizer,
            learning_rate=settings.learning_rate,
            task=job.parts.task,
        )
    facts = model_facts(network)
    # Compiles the kernels and traces the network before the first timed step.
    shown = write_report.shown_images(settings.size, settings.batch_size)
    first = {name: training_loader(job, name, settings.seeds[0], shown).fetch(0, 0) for name in ARMS}
    with told(f"{title}: cannot be trained", _labels_hint(network)):
        network.warm_up(settings.batch_size, weighted=settings.class_weights)
    with scratch() as folder:
        path = folder / "model.keras"
        with told(f"{title}: cannot be saved"):
            save_for_raw_images(network, job.recipe, path)
        what = f"--model {title}, once it is saved"
        read_model(path, trusted=job.options.trust_model, compiled=False, what=what)
    return DryRun(network, facts, first, began)


def _labels_hint(network: Network) -> str:
    """What a custom loss receives."""
    loss = loss_of(network.model)
    if isinstance(loss, str) or (getattr(loss, "__module__", None) or "").startswith("keras."):
        return ""
    return (
        " A loss of your own gets labels as one-hot rows (n, classes), for a single output as (n, 1), and as class "
        'numbers (n,) where its name has "sparse" in it.'
    )
