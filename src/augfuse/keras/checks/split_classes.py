"""The classes of a part of the data: a split of sorted rows leaves a class out of one part."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np

from augfuse.text import shown

# Of each row: the number or the name of its class (n,), or which of k classes it has, (n, k) bool.
Classes: TypeAlias = np.ndarray


def classes_of(y: Any, any_number: bool = False) -> Classes | None:
    """The classes in labels of any kind; None where they have none to compare: numbers to be predicted, masks.

    Strings are classes; numbers if they are 0, 1, 2, ... or 1, 2, 3, ... and each stands for two rows on average. Of 0
    and 1 in several columns each column is a class. any_number: all numbers of an integer dtype are classes.
    """
    array = np.asarray(y)
    kind = array.dtype.kind
    if array.ndim == 2 and array.shape[1] > 1 and kind in "buif":
        return array.astype(bool) if array.size and ((array == 0) | (array == 1)).all() else None
    if array.shape[:1] != (array.size,):
        return None
    array = array.ravel()
    if kind in "bUS" or (kind == "O" and all(isinstance(label, str) for label in array)):
        return array
    if kind not in "uif" or not array.size:
        return None
    found = np.unique(array)
    numbered = len(found) <= len(array) / 2 and np.array_equal(found - found[0], np.arange(len(found)))
    if any_number and kind != "f":
        return array
    return array.astype(np.int64) if numbered and found[0] in (0, 1) else None


def classes_of_lists(labels: list[Any]) -> tuple[Classes, list[str]]:
    """The classes in a column whose cells are a name, or a list or tuple of names; and the names of the columns."""
    cells = [tuple(label) if isinstance(label, (list, tuple)) else (label,) for label in labels]
    known = {name: number for number, name in enumerate(dict.fromkeys(name for cell in cells for name in cell))}
    if all(len(cell) == 1 for cell in cells):
        return np.array([cell[0] for cell in cells], object), []
    has = np.zeros((len(cells), len(known)), bool)
    for row, cell in zip(has, cells, strict=True):
        row[[known[name] for name in cell]] = True
    return has, list(known)


def in_one_part(classes: Classes, held: np.ndarray, names: list[Any] | None = None) -> str:
    """Which classes have rows on one side only, in words; "" for none, and where a side is empty.

    held: (n,) bool, the rows of the validation subset. names: of the columns, for several classes a row.
    """
    if held.all() or not held.any():
        return ""
    validation, training = _present(classes[held]), _present(classes[~held])
    said = [
        f"{_listed(here - there, names)} in the {part} subset only"
        for part, here, there in (("training", training, validation), ("validation", validation, training))
        if here - there
    ]
    return " and ".join(said)


def is_one_hot(classes: Classes) -> bool:
    """Whether each row has one class of several columns."""
    return classes.ndim == 2 and bool((classes.sum(axis=1) == 1).all())


def _present(classes: Classes) -> set[Any]:
    if classes.ndim == 2:
        return set(np.flatnonzero(classes.any(axis=0)).tolist())
    return set(classes.tolist())


def _listed(classes: set[Any], names: list[Any] | None) -> str:
    ordered = sorted(classes, key=lambda one: (str(type(one)), one))
    plain = [names[one] if names else one for one in ordered]
    named = [shown(one.item() if isinstance(one, np.generic) else one) for one in plain]
    return ("class " if len(named) == 1 else "classes ") + ", ".join(named[:5]) + (", ..." if len(named) > 5 else "")
