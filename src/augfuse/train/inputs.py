"""What the Python API takes as data: a path, sources, or arrays."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from augfuse.errors import DataError
from augfuse.train.datasets import DataSet, Parts, load_parts, parts_of
from augfuse.train.npz import sources_of

_TITLE = "data"
_WANTED = (
    "a path, a source such as af.from_directory(...), (train, test) or (train, val, test) sources, arrays (x, y), or "
    "((x_train, y_train), (x_test, y_test))"
)


def parts_from(data: Any) -> Parts:
    """The training and the test part of what was given; see `augfuse.train.api.train`. Raises DataError."""
    if data is None or isinstance(data, (str, os.PathLike)):
        return load_parts(None if data is None else Path(data))
    if not isinstance(data, (tuple, list)):
        return _from_sources(dict(getattr(data, "parts", None) or {}) or {None: data})
    if len(data) == 2 and all(isinstance(one, np.ndarray) for one in data):
        return _from_arrays({"x": data[0], "y": data[1]})
    names = {2: ("train", "test"), 3: ("train", "val", "test")}.get(len(data))
    if names is None:
        raise DataError(f"data: got {len(data)} things, wanted {_WANTED}.")
    if all(isinstance(one, (tuple, list)) and len(one) == 2 for one in data):
        pairs = dict(zip(names, data, strict=True))
        return _from_arrays({f"{axis}_{name}": pair[i] for name, pair in pairs.items() for i, axis in enumerate("xy")})
    return _from_sources(dict(zip(names, data, strict=True)))


def _from_arrays(arrays: dict[str, Any]) -> Parts:
    found = {name: np.asarray(array) for name, array in arrays.items()}
    return parts_of(DataSet(_TITLE, "Arrays", dict(sources_of(found, _TITLE))), _TITLE)


def _from_sources(sources: dict[str | None, Any]) -> Parts:
    for source in sources.values():
        missing = [name for name in ("labels", "subset", "split") if getattr(source, name, None) is None]
        if missing:
            raise DataError(f"data: got {type(source).__name__} without {' and '.join(missing)}, wanted {_WANTED}.")
        labels = source.labels
        if labels.ndim != 1 or labels.dtype.kind != "i":
            raise DataError(
                f"data: got labels {labels.dtype} {labels.shape}, wanted class numbers (n,). For one-hot rows give "
                "labels.argmax(axis=1)."
            )
    classes = {tuple(source.classes) for source in sources.values() if source.classes is not None}
    if len(classes) > 1:
        raise DataError(f"data: the parts have different classes: {' and '.join(map(str, sorted(classes)))}.")
    if not classes:
        sources = {name: _named(source, _class_names(sources.values())) for name, source in sources.items()}
    return parts_of(DataSet(_TITLE, "Sources", sources), _TITLE)


def _class_names(sources: Any) -> tuple[str, ...]:
    return tuple(map(str, range(1 + max(int(source.labels.max()) for source in sources))))


def _named(source: Any, classes: Sequence[str]) -> Any:
    """A view of `source` that has these classes; the one that was given stays as it is."""
    view = source.subset(np.arange(len(source)))
    view.classes = tuple(classes)
    return view
