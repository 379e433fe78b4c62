"""Labels of images out of the cells of a table: a class, a number, several of either."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from augfuse.data.tables.read_table import Cells, Frame, is_empty
from augfuse.errors import DataError, did_you_mean
from augfuse.text import shown

Labels = tuple[np.ndarray | None, tuple[str, ...] | None]


def read_labels(frame: Frame, names: Sequence[str], separator: str | None, known: tuple[str, ...] | None) -> Labels:
    """(labels, names of the classes) of the rows.

    One column: names or whole numbers of classes, (n,) int64; other numbers as they are; lists of names, or cells with
    a `separator`, as (n, classes) float32 of 0 and 1. Several columns of numbers: (n, columns); of 0 and 1 the columns
    are the classes. Raises DataError with the row.
    """
    if not names:
        return None, known
    if len(names) > 1:
        return _columns(frame, names, known)
    (name,) = names
    cells = frame.typed(name)
    if separator is not None:
        # A cell without any is an image without labels.
        words = frame.columns[name]
        listed = words if isinstance(words, list) else list(map(str, np.asarray(words).tolist()))
        split = [[one.strip() for one in cell.split(separator) if one.strip()] if cell else [] for cell in listed]
        return _lists(frame, name, split, known)
    frame.check_full(name, cells)
    if isinstance(cells, np.ndarray):
        return _numbers(frame, name, cells, known or frame.classes.get(name))
    if not isinstance(cells, list):
        raise DataError(
            f"{frame.title}: column {shown(name)} holds images, wanted labels. If they are masks, "
            f"type label='', mask={shown(name)}."
        )
    kinds: set[type] = {list if isinstance(cell, (list, tuple, np.ndarray)) else type(cell) for cell in cells}
    if kinds == {str}:
        return named(frame, name, cells, known)
    if kinds == {list}:
        return _lists(frame, name, [list(cell) for cell in cells], known or frame.classes.get(name))
    raise _mixed(frame, name, cells)


def named(
    frame: Frame, name: str, cells: Sequence[str], known: tuple[str, ...] | None, rows: Sequence[int] | None = None
) -> tuple[np.ndarray, tuple[str, ...]]:
    """(int64 positions, names of the classes) of words. rows: of the table, where these are not all of them."""
    words = set(cells)
    names = tuple(sorted(words)) if known is None else known
    places = {word: place for place, word in enumerate(names)}
    if not words <= places.keys():
        row = next(i for i, cell in enumerate(cells) if cell not in places)
        raise _unknown(frame, row if rows is None else rows[row], name, cells[row], names)
    return np.array([places[cell] for cell in cells], np.int64), names


def numbered(
    frame: Frame, name: str, numbers: np.ndarray, known: tuple[str, ...] | None, rows: np.ndarray | None = None
) -> np.ndarray:
    """Class numbers as they are. DataError for one without a name, or below 0. rows: as for `named`."""
    count = len(known) if known is not None else 1 + int(numbers.max(initial=0))
    wrong = np.flatnonzero((numbers < 0) | (numbers >= count))
    if len(wrong):
        row = int(wrong[0]) if rows is None else int(rows[wrong[0]])
        raise DataError(
            f"{frame.where(row)}: {name} {numbers[wrong[0]]} has no name; with {count} classes, numbers go from 0 to "
            f"{count - 1}. {len(wrong)} of {len(numbers)} are so: leave these rows out, or type another column."
        )
    return numbers


def _numbers(frame: Frame, name: str, cells: np.ndarray, known: tuple[str, ...] | None) -> Labels:
    if cells.dtype.kind in "iub":
        found = cells.astype(np.int64)
        return found if known is None else numbered(frame, name, found, known), known
    _check_finite(frame, name, cells)
    if known is not None:
        raise DataError(
            f"{frame.where(0)}: column {shown(name)} holds {cells[0]:g} and the like, wanted class numbers, for "
            "there are names of classes. Leave classes= out."
        )
    return cells, None


def _columns(frame: Frame, names: Sequence[str], known: tuple[str, ...] | None) -> Labels:
    """Several columns side by side."""
    found: list[np.ndarray] = []
    for name in names:
        cells = frame.typed(name)
        frame.check_full(name, cells)
        if not isinstance(cells, np.ndarray):
            raise DataError(
                f"{frame.where(0)}: column {shown(name)} holds no numbers, wanted numbers where there are several "
                "columns of labels. Type label=COLUMN for one of them."
            )
        _check_finite(frame, name, cells)
        found.append(cells)
    stacked = np.column_stack(found)
    if known is not None and len(known) != len(names):
        raise DataError(f"classes: got {len(known)} names for {len(names)} columns of labels, wanted one for each.")
    if np.isin(stacked, (0, 1)).all():
        return stacked.astype(np.float32), known or tuple(names)
    return stacked, known


def _lists(frame: Frame, name: str, cells: Sequence[list[Any]], known: tuple[str, ...] | None) -> Labels:
    """Several labels in each cell."""
    kinds: set[type] = {type(one) for cell in cells for one in cell}
    if kinds <= {str}:
        names = known or tuple(sorted({one for cell in cells for one in cell}))
        return _hot(frame, name, cells, names, {one: k for k, one in enumerate(names)}), names
    if not kinds <= {int, float, bool}:
        raise _mixed(frame, name, cells)
    widths = {len(cell) for cell in cells}
    found = np.array(cells) if len(widths) == 1 else None
    if known is not None:
        if found is not None and widths == {len(known)} and np.isin(found, (0, 1)).all():
            return found.astype(np.float32), known
        return _hot(frame, name, cells, known, {k: k for k in range(len(known))}), known
    if found is None:
        row = next(i for i, cell in enumerate(cells) if len(cell) != len(cells[0]))
        raise DataError(
            f"{frame.where(row)}: column {shown(name)} holds {len(cells[row])} numbers, the first row {len(cells[0])}: "
            "wanted as many in all. If they are numbers of classes, type classes=NAMES."
        )
    if found.dtype.kind == "f":
        wrong = np.flatnonzero(~np.isfinite(found).all(axis=1))
        if len(wrong):
            raise DataError(f"{frame.where(int(wrong[0]))}: column {shown(name)} is not finite.")
    return (found.astype(np.float32) if np.isin(found, (0, 1)).all() else found), None


def _hot(
    frame: Frame, name: str, cells: Sequence[list[Any]], names: tuple[str, ...], places: dict[Any, int]
) -> np.ndarray:
    """(n, classes) float32, 1 for the classes in a cell."""
    found = np.zeros((len(cells), len(names)), np.float32)
    for row, cell in enumerate(cells):
        for one in cell:
            if one not in places:
                raise _unknown(frame, row, name, one, names)
            found[row, places[one]] = 1
    return found


def _check_finite(frame: Frame, name: str, cells: np.ndarray) -> None:
    wrong = np.flatnonzero(~np.isfinite(cells))
    if len(wrong):
        raise DataError(
            f"{frame.where(int(wrong[0]))}: column {shown(name)} is {cells[wrong[0]]}, wanted finite numbers."
        )


def _unknown(frame: Frame, row: int, name: str, label: Any, known: tuple[str, ...]) -> DataError:
    hint = did_you_mean(label, known) if isinstance(label, str) else ""
    return DataError(f"{frame.where(row)}: {name} {shown(label)} is not in classes {shown(known)}.{hint}")


def _mixed(frame: Frame, name: str, cells: Cells | Sequence[Any]) -> DataError:
    listed = list(cells) if isinstance(cells, (list, tuple)) else []
    first = next((cell for cell in listed if not is_empty(cell)), None)
    row = next((i for i, cell in enumerate(listed) if type(cell) is not type(first)), 0)
    return DataError(
        f"{frame.where(row)}: column {shown(name)} holds {shown(listed[row])}, the first row {shown(first)}: wanted "
        "names, numbers or lists of them, in all rows alike."
    )
