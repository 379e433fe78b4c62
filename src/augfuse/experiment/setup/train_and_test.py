"""The training and test part of DATA, from a path or the bundled digits."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from augfuse.data.dataset import DataSet
from augfuse.data.layouts.exclude import Exclude
from augfuse.data.open import Opened, open_parts
from augfuse.data.sources import digits
from augfuse.data.sources.arrays import from_arrays
from augfuse.errors import DataError
from augfuse.experiment.tasks import task_for, task_of
from augfuse.experiment.tasks.classification import CLASSIFICATION
from augfuse.experiment.tasks.task import Task
from augfuse.text import printable, shown

TEST_FRACTION = 0.2
_SPLIT_SEED = 0


@dataclass(frozen=True, slots=True)
class Parts:
    """A training and a test data set of uint8 images with the same classes, and where they come from, in words. All
    texts are printable, whatever the files are called."""

    title: str
    description: str
    train: DataSet
    test: DataSet
    classes: tuple[str, ...]
    # (h, w, c) where every image is known to have it: arrays. None for files.
    shape: tuple[int, int, int] | None
    # What early stopping and the learning rate may look at; None where the data has no separate part for it.
    validation: DataSet | None = None
    # A val part that nothing looks at; the report describes it.
    unused: DataSet | None = None
    # What a network is trained for with it, knowing the data.
    task: Task = CLASSIFICATION


def load_parts(
    data: Path | None,
    exclude: Exclude | None = None,
    task: str | None = None,
    columns: Sequence[str] | None = None,
) -> Parts:
    """The training and the test part of DATA. exclude, columns: as in `open_parts`. task: what for; by default what the
    data suggests.

    Without a test part it is the val part; without either, a fifth of each class is held out. Groups are never parted,
    and augmented copies are not tested on.

    Raises DataNotFoundError (no such file or folder), DataError (a file, labels, masks or boxes that cannot be used).
    """
    if data is None:
        if task not in (None, CLASSIFICATION.name):
            task_of(task)
            raise DataError(f"--task {task}: the digits have a class each, and nothing else. Type augfuse train DATA.")
        return _bundled_digits()
    opened = open_parts(data, exclude=exclude, columns=columns)
    if exclude is not None:
        listed = f"the images on {Path(exclude).name}" if isinstance(exclude, (str, os.PathLike)) else "excluded images"
        opened = opened._replace(kind=f"{opened.kind} without {listed}")
    return parts_of(opened, data, task)


def parts_of(data: Opened, path: Path | str, task: str | None = None) -> Parts:
    """The same of data sets that are open already; `path` is what messages call them."""
    kind = task_for(sets_of(data)) if task is None else task_of(task)
    known = next((one.classes for one in data.parts.values() if one.classes is not None), None)
    kind, sets, classes = kind.settle(sets_of(data), known, str(path))
    named = {name: sets[str(name)] for name in data.parts}
    return _checked(_two_parts(data._replace(parts=named), path, kind, classes), path)


def sets_of(data: Opened) -> dict[str, DataSet]:
    """The data sets by the names of their parts, also where there is one without."""
    return {str(name): one for name, one in data.parts.items()}


def _bundled_digits() -> Parts:
    found = digits.load_digits()
    train = from_arrays(found.x_train, found.y_train, classes=digits.CLASSES)
    test = from_arrays(found.x_test, found.y_test, classes=digits.CLASSES)
    side = digits.CANVAS
    return Parts("handwritten digits", digits.DESCRIPTION, train, test, digits.CLASSES, (side, side, 1))


def _two_parts(data: Opened, path: Path | str, task: Task, classes: tuple[str, ...]) -> Parts:
    sources = data.parts
    whole = sources.get("train", sources.get(None))
    if whole is None:
        raise DataError(f"{path}: has no train part, only {', '.join(map(shown, sources))}.")
    held_out = next((name for name in ("test", "val") if name in sources), None)
    if held_out is None:
        train, test = hold_out(whole, TEST_FRACTION, _SPLIT_SEED, f"{path}: no test part", task.stratified)
        together = ", groups kept together" if whole.groups is not None else ""
        of_each = "of each class " if task.stratified else ""
        words = (
            f"{data.kind}; it has no test part, so {TEST_FRACTION:.0%} {of_each}were held out "
            f"(seed {_SPLIT_SEED}){together}."
        )
    else:
        train, test = whole, sources[held_out]
        words = f"{data.kind}: its train and its {held_out} part."
    originals = without_copies(test)
    if originals is not test:
        words += " Augmented copies are in the train part only."
    stack = train.images
    shape = None if stack is None else (int(stack.shape[1]), int(stack.shape[2]), int(stack.shape[3]))
    validation = sources.get("val") if held_out == "test" else None
    return Parts(data.title, words, train, originals, classes, shape, validation, task=task)


def without_copies(source: DataSet) -> DataSet:
    """The same without augmented copies."""
    copies = source.copies
    return source if copies is None or not copies.any() else source.subset(np.flatnonzero(~copies))


def hold_out(
    whole: DataSet, fraction: float, seed: int, what: str, stratify: bool | str = True
) -> tuple[DataSet, DataSet]:
    """(rest, held_out) of a data set, each class keeping its share. DataError that begins with `what` where that leaves
    nothing on a side."""
    if whole.groups is not None and len(np.unique(whole.groups)) < 2:
        raise DataError(
            f"{what} can be held out: all {len(whole)} images are of one group. Give a separate test or val part."
        )
    try:
        return whole.split(fraction, seed=seed, stratify=stratify)
    except DataError as error:
        raise DataError(
            f"{what} can be held out: {len(whole)} images are too few. Give more images, or a separate test or val "
            "part."
        ) from error


def _checked(parts: Parts, path: Path | str) -> Parts:
    first = parts.train[0].image
    if first.dtype != np.uint8:
        raise DataError(
            f"{path}: the first image is {first.dtype}, wanted uint8: the saved model takes raw uint8 images."
        )
    return replace(
        parts,
        title=printable(parts.title),
        description=printable(parts.description),
        classes=tuple(map(printable, parts.classes)),
    )
