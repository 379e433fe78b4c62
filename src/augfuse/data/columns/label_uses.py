"""What is asked of the labels of a data set: what kind they are, how many classes, and what a When acts on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np

from augfuse.algebra.ranges import Number
from augfuse.data.readable import Readable
from augfuse.errors import DataError
from augfuse.recipe import Recipe
from augfuse.transforms.children import tree
from augfuse.transforms.compose import When


def one_hot_labels(data: Readable) -> int:
    """The number of classes, for a data set whose labels are class ids."""
    labels = data.labels
    if labels is None:
        raise DataError("one_hot: got no labels, wanted one class id per sample. Leave one_hot out.")
    if labels.ndim != 1 or labels.dtype.kind not in "iu":
        if labels.shape[1:] == (1,):
            hint = "Give the source y.ravel()."
        elif label_kind(labels) == "one-hot":
            hint = "They are one-hot already: leave one_hot out."
        elif labels.ndim == 1 and labels.dtype.kind == "f" and (labels == np.floor(labels)).all():
            hint = "Give the source y.astype(np.int64)."
        else:
            hint = "Leave one_hot out."
        raise DataError(
            f"one_hot: got {labels.dtype.name} labels of shape {labels.shape}, wanted one class id per sample. {hint}"
        )
    classes = data.classes
    if labels.min() < 0:
        raise DataError(
            f"one_hot: got labels {labels.min()}..{labels.max()}, wanted class ids from 0 on; "
            f"{(labels < 0).sum()} are below 0. Number the classes anew: y = np.unique(y, return_inverse=True)[1]."
        )
    count = len(classes) if classes is not None else int(labels.max()) + 1
    if labels.max() >= count:
        raise DataError(f"one_hot: got labels up to {labels.max()} for {count} classes, wanted 0..{count - 1}.")
    return count


def label_kind(labels: Any) -> Literal["one-hot", "class numbers"] | None:
    """What labels are: (n, k) whose rows sum to 1, or one number per sample as (n,) or (n, 1); None for others."""
    array = None if labels is None else np.asarray(labels)
    if array is None or array.dtype.kind not in "buif" or not array.size:
        return None
    if array.ndim == 2 and array.shape[1] > 1:
        return "one-hot" if (array.sum(axis=1) == 1).all() else None
    return "class numbers" if array.shape[:1] == (array.size,) else None


def smoothing(value: Any, kind: str | None) -> float:
    """How much of one-hot labels is spread over all classes, 0..1; RangeError for other values, DataError for labels of
    another kind."""
    found = Number("part of a label that is spread over all classes", "", 0, 1).parse("label_smoothing", value)
    if found and kind != "one-hot":
        raise DataError(
            f"label_smoothing: got {found:g} for labels that are {kind or 'no classes'}, wanted one-hot labels. Use "
            "af.Loader(..., one_hot=True)."
        )
    return found


def smoothed(labels: np.ndarray, part: float) -> np.ndarray:
    """Labels (n, classes) with a part of them spread evenly over all classes. Source: Szegedy et al. 2016."""
    return (labels * (1 - part) + part / labels.shape[1]).astype(np.float32)


def labels_for_draws(recipe: Recipe, data: Readable) -> tuple[tuple[str, ...] | None, np.ndarray | None]:
    """(names of the classes, labels (n,) of all samples) for the draws of a recipe that asks for them; else None, None.

    DataError for a When that names a class which the data set does not have, and for a data set whose labels come with
    its images: draws are made before samples are read.
    """
    if not (recipe.inner.asks.when or recipe.inner.asks.classes):
        return None, None
    asking = [(path, transform) for path, transform in tree(recipe.transforms) if isinstance(transform, When)]
    labels, classes = data.labels, data.classes
    if labels is None and data.images is None and data[0].label is not None:
        raise DataError(
            "data: got labels that come with the images, wanted all of them as an array (n,) for a recipe with When, "
            "or partners of a class: what is done to an image is decided before it is read. Type "
            "af.from_samples(data, labels=labels)."
        )
    given = recipe.inner.asked_labels(labels, data)
    every = np.empty(0, np.int64) if given is None else given
    for path, transform in asking:
        if given is not None or classes is not None:
            transform.among(every, classes, f"{path}.labels")
        if classes is None and given is not None:
            transform.among(every, _classes(labels, every), f"{path}.labels")
    return None if classes is None else tuple(str(name) for name in classes), given


def _classes(labels: Any, given: np.ndarray) -> Sequence[Any]:
    """What labels without names say of the classes: the names that come among them, or as many numbers as there are."""
    if given.dtype.kind in "US":
        return np.unique(given).tolist()
    shape = np.shape(labels)
    return range(shape[1] if len(shape) == 2 and shape[1] > 1 else int(given.max()) + 1)
