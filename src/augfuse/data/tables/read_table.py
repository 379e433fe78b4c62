"""A table as it was read: columns by name, their cells, and what messages call a row."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from augfuse.algebra.values import is_list
from augfuse.data.layouts.given_names import as_list
from augfuse.data.stores.cells import Encoded
from augfuse.errors import DataError, did_you_mean
from augfuse.text import shown

# The cells of a column: numbers as an array (n,), NaN where a cell is empty; images as they are encoded; anything else
# as a list, None where a cell is empty.
Cells: TypeAlias = np.ndarray | list[Any] | Encoded

_DEEPEST = 4  # records in records
_WHOLE = re.compile(r"[+-]?(0|[1-9][0-9]{0,17})")
_NUMBER = re.compile(
    r"[+-]?((0|[1-9][0-9]{0,17})(\.[0-9]*)?|\.[0-9]+)(e[+-]?[0-9]+)?|[+-]?(nan|inf|infinity)", re.IGNORECASE
)  # 007 is a name


class Frame(NamedTuple):
    """title: what messages call the table. length: how many rows. where: from a row to what messages call it:
    "labels.csv, line 3". is_text: cells are texts as they stand in a file, whatever they mean: see `typed`. classes:
    names of class numbers that the table itself declares, by column."""

    title: str
    columns: dict[str, Cells]
    length: int
    where: Callable[[int], str]
    is_text: bool = False
    classes: Mapping[str, tuple[str, ...]] = {}

    def typed(self, name: str) -> Cells:
        """Those of a column; of a text file as the numbers or lists that all of them write."""
        found = self.columns[name]
        return _typed(found) if self.is_text and isinstance(found, list) else found

    def texts(self, name: str, argument: str) -> list[str]:
        """Cells that are names, as texts; whole numbers count. DataError for others and for empty ones."""
        found = self.columns[name]
        if isinstance(found, np.ndarray) and found.dtype.kind in "iu":
            return list(map(str, found.tolist()))
        listed = found if isinstance(found, list) else []
        if not listed or not all(isinstance(cell, str) for cell in listed):
            self.check_full(name, found)
            row = next((i for i, cell in enumerate(listed) if not isinstance(cell, str)), 0)
            got = f"a {type(listed[row]).__name__}" if listed else "numbers or images"
            raise DataError(
                f"{self.where(row)}: column {shown(name)} holds {got}, wanted texts. Type {argument}=COLUMN."
            )
        return listed

    def check_full(self, name: str, cells: Cells) -> None:
        """DataError where a cell is empty; all of them are counted."""
        empty = empty_cells(cells)
        if len(empty):
            raise DataError(
                f"{self.where(int(empty[0]))}: column {shown(name)} is empty, wanted a value. {len(empty)} of "
                f"{self.length} rows are so: leave them out, or fill them in."
            )


def make_frame(
    title: str,
    names: Sequence[Any],
    columns: Sequence[Cells],
    where: Callable[[int], str],
    *,
    is_text: bool = False,
    classes: Mapping[str, tuple[str, ...]] | None = None,
) -> Frame:
    """A table of these columns; columns of records become columns of their fields: "objects.bbox". DataError for a
    table without rows, or with two columns of one name."""
    length = len(columns[0]) if columns else 0
    found: dict[str, Cells] = {}
    for name, cells in zip(map(str, names), columns, strict=True):
        for key, one in _flat(name, cells).items():
            if key in found:
                raise DataError(f"{title}: two columns are called {shown(key)}, wanted names that differ.")
            found[key] = one
    if not length:
        raise DataError(f"{title}: holds no rows.")
    return Frame(title, found, length, where, is_text, classes or {})


def column_names(frame: Frame, argument: str, names: Any) -> tuple[str, ...]:
    """The names of columns as an argument gives them: one, or a list. DataError for a column that is not there."""
    given = (names,) if isinstance(names, str) else tuple(as_list(argument, names, "a column or a list of columns"))
    for name in given:
        if name not in frame.columns:
            raise DataError(
                f"{argument}: {frame.title} has no column {shown(name)}, only "
                f"{', '.join(map(shown, list(frame.columns)[:20]))}.{did_you_mean(str(name), frame.columns)}"
            )
    return given


def empty_cells(cells: Cells) -> np.ndarray:
    """The rows whose cells are empty, int64."""
    if isinstance(cells, np.ndarray):
        return np.flatnonzero(np.isnan(cells)) if cells.dtype.kind == "f" else np.empty(0, np.int64)
    listed = cells if isinstance(cells, list) else []
    return np.array([row for row, cell in enumerate(listed) if is_empty(cell)], np.int64)


def is_empty(cell: Any) -> bool:
    """Whether a cell holds nothing: None, NaN, or what pandas calls NA and NaT."""
    if cell is None:
        return True
    return cell != cell if isinstance(cell, float) else type(cell).__name__ in ("NAType", "NaTType")


def plain(cells: list[Any]) -> Cells:
    """A list of cells as an array where all of them are numbers; else with None for every empty one."""
    kinds: set[type] = {type(cell) for cell in cells if not is_empty(cell)}
    if not kinds or not kinds <= {int, float, bool}:
        return [None if is_empty(cell) else cell for cell in cells]
    found = np.array([np.nan if is_empty(cell) else cell for cell in cells])
    return found if found.dtype.kind in "iufb" else cells  # whole numbers may be larger than any of NumPy's


def _typed(cells: list[Any]) -> Cells:
    """Cells of a text file, None for empty ones."""
    full = [cell for cell in cells if cell is not None]
    if not full:
        return cells
    if all(map(_WHOLE.fullmatch, full)):
        return np.array([int(cell) if cell else np.nan for cell in cells])
    if all(map(_NUMBER.fullmatch, full)):
        return np.array([float(cell) if cell else np.nan for cell in cells])
    if all(cell[0] == "[" and cell[-1] == "]" for cell in full):
        try:
            return [json.loads(cell) if cell else None for cell in cells]
        except (ValueError, RecursionError):
            pass
    return cells


def _flat(name: str, cells: Cells, depth: int = 0) -> dict[str, Cells]:
    """A column as it is; one of records, or of lists of records, as a column for each of their fields."""
    if not isinstance(cells, list) or depth == _DEEPEST:
        return {name: cells}
    full = [cell for cell in cells if cell is not None and cell != []]
    if full and all(isinstance(cell, dict) for cell in full):
        keys = dict.fromkeys(key for cell in full for key in cell)
        columns = {key: [None if cell is None else cell.get(key) for cell in cells] for key in keys}
    elif full and all(is_list(cell) and all(isinstance(one, dict) for one in cell) for cell in full):
        keys = dict.fromkeys(key for cell in full for one in cell for key in one)
        columns = {key: [None if cell is None else [one.get(key) for one in cell] for cell in cells] for key in keys}
    else:
        return {name: cells}
    found: dict[str, Cells] = {}
    for key, column in columns.items():
        found |= _flat(f"{name}.{key}", plain(column), depth + 1)
    return found
