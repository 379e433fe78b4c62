"""What each arm is trained on, and what it is scored on."""

from __future__ import annotations

import numpy as np

from augfuse.data.batches.loader import Loader
from augfuse.data.dataset import DataSet
from augfuse.experiment.arms import Measure, Measures, evaluation_batch_size
from augfuse.experiment.records import arm_strength
from augfuse.experiment.setup.prepare import Job

_REMEASURE_SEED = 0


def training_loader(job: Job, arm: str, seed: int, batch_size: int) -> Loader:
    """All arms of a seed see the same images in the same order; only the random part of the recipe differs in strength.

    The images and their order do not depend on the batch size. One-hot labels, because mixing transforms give shares of
    two classes, where the task has labels. Full batches only, because the steps of an epoch are then alike.
    """
    strength = arm_strength(arm)
    return Loader(
        job.parts.train,
        job.recipe if strength == 0 else job.recipe.scaled(strength),
        batch_size=batch_size,
        seed=seed,
        shuffle=True,
        training=strength > 0,
        workers=job.settings.workers,
        drop_last=True,
        one_hot=job.parts.task.one_hot,
    )


def evaluation_loader(job: Job, source: DataSet, batch_size: int, *, shuffle: bool) -> Loader:
    """Every image of a part, without augmentation, class numbers as labels where it has labels."""
    return Loader(
        source, job.recipe, batch_size=batch_size, seed=_REMEASURE_SEED, shuffle=shuffle, training=False,
        workers=job.settings.workers,
    )  # fmt: skip


def measures(job: Job) -> Measures:
    """The parts that every arm is scored on."""
    settings, parts = job.settings, job.parts
    size = evaluation_batch_size((*settings.size, settings.channels))
    validation = parts.validation
    return Measures(
        # Shuffled, so that the first images of a large training part are a fair sample of it.
        train=Measure(evaluation_loader(job, parts.train, size, shuffle=True), settings.remeasured_images),
        test=Measure(evaluation_loader(job, parts.test, size, shuffle=False)),
        validation=None if validation is None else Measure(evaluation_loader(job, validation, size, shuffle=False)),
    )


def class_counts(job: Job, source: DataSet) -> tuple[int, ...]:
    """How many there are of each class in one of the parts: images, or what else the task counts."""
    return job.parts.task.counts(source, len(job.parts.classes))


def balanced(counts: tuple[int, ...]) -> np.ndarray:
    """(classes,) float32, by scikit-learn's formula: images / (classes * images of the class). A class without images
    does not count, and weighs nothing."""
    numbers = np.asarray(counts, np.float64)
    there = numbers > 0
    weights = np.divide(numbers.sum(), there.sum() * numbers, out=np.zeros_like(numbers), where=there)
    return weights.astype(np.float32)
