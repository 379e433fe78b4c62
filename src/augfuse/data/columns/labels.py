"""Labels as a data set keeps them: class numbers, class names, or any other finite numbers, one row for each image."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeGuard

import numpy as np

from augfuse.algebra.values import is_array, is_mapping, is_row
from augfuse.data.layouts.given_names import as_list
from augfuse.errors import DataError, did_you_mean
from augfuse.text import shown

_SEVERAL = (
    "A model with several outputs takes one array all the same: put them side by side, np.column_stack([a, b]), and "
    "take the columns apart in the model or its loss."
)


def are_class_numbers(labels: np.ndarray | None) -> TypeGuard[np.ndarray]:
    """Whether the labels of a data set are one class number for each sample."""
    return labels is not None and labels.ndim == 1 and labels.dtype.kind == "i"


def in_words(labels: np.ndarray | None) -> str:
    """What a message calls labels that are not those that are wanted."""
    return "no labels" if labels is None else f"labels {labels.dtype} {labels.shape}"


def one_hot_rows(labels: np.ndarray) -> np.ndarray:
    """(n,) bool: which rows of (n, k) hold a single 1 among zeros."""
    return ((labels == 1).sum(1) == 1) & ((labels == 0).sum(1) == labels.shape[1] - 1)


def as_labels(y: Any, length: int) -> np.ndarray:
    """`y` as an array with one row for each of `length` images: int64 (n,), strings (n,) as objects, or numbers of any
    shape. DataError for anything else: another length, NaN, several arrays.
    """
    if hasattr(y, "toarray"):
        raise DataError(f"y: got a sparse {type(y).__name__}, wanted an array (n, ...). Type y.toarray().")
    if is_mapping(y):
        raise DataError(f"y: got a {type(y).__name__}, wanted one array (n, ...). {_SEVERAL}")
    if outputs := _outputs(y, length):
        raise DataError(outputs)
    try:
        labels = np.asarray(y)
    except ValueError as error:
        raise DataError(
            f"y: labels must all have the same shape ({error}). For several classes an image make 0/1 columns."
        ) from None
    if labels.ndim == 0 or len(labels) != length:
        count = "one value" if labels.ndim == 0 else f"{len(labels)} labels"
        turned = f" {_SEVERAL}" if labels.ndim > 1 and labels.shape[1] == length else ""
        raise DataError(f"y: got {count} for {length} images, wanted one label for each.{turned}")
    labels = np.array(labels)  # a copy: labels are small, and the caller may reuse the array
    if labels.dtype.kind in "iub" and labels.ndim == 1:
        return labels.astype(np.int64)
    if labels.dtype.kind in "UOT":
        return _words(labels)
    if labels.dtype.kind not in "iubf":
        hint = " Type y.astype(str)." if labels.dtype.kind == "S" else ""
        raise DataError(f"y: got {labels.dtype} of shape {labels.shape}, wanted numbers, or strings (n,).{hint}")
    _check_finite(labels, "y: label", np.arange(length))
    return labels


def stacked(labels: Sequence[Any], samples: Sequence[int]) -> np.ndarray:
    """The labels of a batch, as the samples of a source come with them, as one array of finite numbers or words."""
    without = next((i for i, label in zip(samples, labels, strict=True) if label is None), None)
    if without is not None:
        raise DataError(f"label None of sample {without}, wanted a label: sample {samples[0]} has one.")
    try:
        found = np.array(labels)
    except ValueError as error:
        raise DataError(
            f"labels of samples {samples[0]} to {samples[-1]} do not all have the same shape ({error})."
        ) from None
    _check_finite(found, "label", samples)
    return found


def _check_finite(labels: np.ndarray, what: str, samples: Sequence[int] | np.ndarray) -> None:
    """DataError for NaN and infinity among labels (n, ...)."""
    if labels.dtype.kind != "f" or np.isfinite(labels).all():
        return
    rows = np.argwhere(~np.isfinite(labels))
    raise DataError(
        f"{what} {labels[tuple(rows[0])]} of sample {samples[rows[0][0]]}, wanted finite numbers: the loss would be "
        f"NaN. {len(np.unique(rows[:, 0]))} of {len(labels)} rows are so: leave them out, or fill them in."
    )


def labelled(
    y: Any, classes: Sequence[str] | None, length: int, what: str
) -> tuple[np.ndarray | None, tuple[str, ...] | None]:
    """(labels, names of the classes) of `length` samples: words become positions in the names, which are those that
    come, sorted, where none are given. DataError, which may begin with `what`, for labels that do not fit."""
    names = None if classes is None else class_names(classes)
    labels = None if y is None else as_labels(y, length)
    if labels is not None and labels.dtype.kind in "UO":
        names, labels = number_strings(labels, names)
    if names is not None:
        check_named(labels, names, what)
    return labels, names


def number_strings(labels: np.ndarray, names: tuple[str, ...] | None) -> tuple[tuple[str, ...], np.ndarray]:
    """(names, int64 positions in them) of strings (n,); the names are sorted where none are given."""
    found, codes = np.unique(labels, return_inverse=True)
    if names is None:
        return tuple(str(name) for name in found), codes.astype(np.int64)
    places = {name: place for place, name in enumerate(names)}
    for name in found:
        if name not in places:
            raise DataError(f"y: label {shown(name)} is not in classes {shown(names)}.{did_you_mean(name, names)}")
    return names, np.array([places[name] for name in found], np.int64)[codes]


def class_names(classes: Sequence[str]) -> tuple[str, ...]:
    """Names as a tuple, each once. DataError for anything else."""
    names = as_list("classes", classes, "a tuple of names")
    if not all(isinstance(name, str) for name in names):
        raise DataError(f"classes: got {shown(classes)}, wanted a tuple of names, as in ('cat', 'dog').")
    twice = [name for name in set(names) if names.count(name) > 1]
    if twice:
        raise DataError(f"classes: {shown(twice[0])} is there twice; wanted each name once.")
    return tuple(names)


def check_named(labels: np.ndarray | None, names: tuple[str, ...], what: str) -> None:
    """DataError, which begins with `what`, for a class number (n,) without a name."""
    if not are_class_numbers(labels):
        return
    wrong = np.flatnonzero((labels < 0) | (labels >= len(names)))
    if len(wrong):
        raise DataError(
            f"{what}: label {labels[wrong[0]]} of sample {wrong[0]} has no name; "
            f"with {len(names)} classes, labels go from 0 to {len(names) - 1}."
        )


def _words(labels: np.ndarray) -> np.ndarray:
    """Strings (n,) as objects."""
    flat = labels.ravel().tolist()
    odd = next((i for i, label in enumerate(flat) if _is_missing(label)), None)
    if odd is None:
        odd = next((i for i, label in enumerate(flat) if not isinstance(label, str)), None)
    if odd is None and labels.ndim == 1:
        return labels.astype(object)
    if labels.shape[1:] == (1,):
        raise DataError(f"y: got strings or objects of shape {labels.shape}, wanted (n,). Type y.ravel().")
    if odd is None:
        raise DataError(f"y: got strings of shape {labels.shape}, wanted (n,): one name for each image.")
    label, row = flat[odd], odd // max(1, labels.size // len(labels))
    if _is_missing(label):
        hint = " Leave the rows without a label out, of x too."
    elif isinstance(label, (list, tuple, set, np.ndarray)):
        hint = " For lists of one length type np.stack(y); for several classes an image make 0/1 columns."
    elif all(isinstance(one, (int, float, np.number, np.bool_)) for one in flat):
        hint = " Type y.astype(np.int64), or y.astype(np.float32)."
    else:
        hint = " Type y.astype(str)."
    raise DataError(f"y: label {shown(label)} of sample {row}, wanted numbers, or strings (n,).{hint}")


def _is_missing(label: Any) -> bool:
    return label is None or (isinstance(label, float) and np.isnan(label))


def _outputs(y: Any, length: int) -> str:
    """Why `y` looks like the labels of several outputs, one array for each; "" where it does not."""
    if not is_row(y) or not y or not all(is_array(one) and one.shape[:1] == (length,) for one in y):
        return ""
    rows = " For rows type np.stack(y)." if len(y) == length else ""
    return f"y: got {len(y)} arrays, each of {length} labels, wanted one array (n, ...).{rows} {_SEVERAL}"
