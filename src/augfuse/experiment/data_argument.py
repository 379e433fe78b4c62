"""The data that the Python API takes: a path, data sets, or arrays."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from augfuse.data.columns.labels import are_class_numbers, in_words
from augfuse.data.dataset import DataSet
from augfuse.data.open import Opened
from augfuse.data.sources.npz import parts_of_arrays
from augfuse.errors import DataError
from augfuse.experiment.setup.train_and_test import Parts, load_parts, parts_of
from augfuse.experiment.tasks import task_for, task_of
from augfuse.experiment.tasks.classification import CLASSIFICATION

_TITLE = "data"
_WANTED = (
    "a path, a data set such as af.from_directory(...), (train, test) or (train, val, test) data sets, arrays (x, y), "
    "or ((x_train, y_train), (x_test, y_test))"
)


def parts_from(data: Any, task: str | None = None) -> Parts:
    """The training and the test part of the data that was passed, for a task; see `af.train`. Raises DataError."""
    if data is None or isinstance(data, (str, os.PathLike)):
        return load_parts(None if data is None else Path(data), task=task)
    if isinstance(data, DataSet):
        return _from_sets({**data.parts} if data.parts else {None: data}, task)
    if not isinstance(data, (tuple, list)):
        raise DataError(f"data: got {type(data).__name__}, wanted {_WANTED}.")
    if len(data) == 2 and all(isinstance(one, np.ndarray) for one in data):
        return _from_arrays({"x": data[0], "y": data[1]})
    names = {2: ("train", "test"), 3: ("train", "val", "test")}.get(len(data))
    if names is None:
        raise DataError(f"data: got {len(data)} things, wanted {_WANTED}.")
    if all(isinstance(one, (tuple, list)) and len(one) == 2 for one in data):
        pairs = dict(zip(names, data, strict=True))
        return _from_arrays({f"{axis}_{name}": pair[i] for name, pair in pairs.items() for i, axis in enumerate("xy")})
    return _from_sets(dict(zip(names, data, strict=True)), task)


def _from_arrays(arrays: dict[str, Any]) -> Parts:
    found = {name: np.asarray(array) for name, array in arrays.items()}
    return parts_of(Opened(_TITLE, "Arrays", parts_of_arrays(found, _TITLE)), _TITLE)


def _from_sets(given: Mapping[str | None, Any], task: str | None) -> Parts:
    sets: dict[str | None, DataSet] = {}
    for name, data in given.items():
        if not isinstance(data, DataSet):
            raise DataError(f"data: got {type(data).__name__}, wanted {_WANTED}.")
        sets[name] = data
    classes = {data.classes for data in sets.values() if data.classes is not None}
    if len(classes) > 1:
        raise DataError(f"data: the parts have different classes: {' and '.join(map(str, sorted(classes)))}.")
    kind = task_for({str(name): one for name, one in sets.items()}) if task is None else task_of(task)
    if kind is CLASSIFICATION:
        sets = _numbered(sets, next(iter(classes), None))
    return parts_of(Opened(_TITLE, "Data sets", sets), _TITLE, kind.name)


def _numbered(sets: dict[str | None, DataSet], classes: tuple[str, ...] | None) -> dict[str | None, DataSet]:
    """The same with class names; classes without names are named by their numbers."""
    most = 0
    for data in sets.values():
        labels = data.labels
        if not are_class_numbers(labels):
            got = "a data set without labels" if labels is None else in_words(labels)
            hint = "" if labels is None else " For one-hot rows give labels.argmax(axis=1)."
            raise DataError(f"data: got {got}, wanted class numbers (n,).{hint}")
        most = max(most, int(labels.max()))
    names = tuple(map(str, range(most + 1))) if classes is None else classes
    return {name: data if data.classes else data.with_classes(names) for name, data in sets.items()}
