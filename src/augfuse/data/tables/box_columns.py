"""Boxes of a table: four columns with a box in each row, or one column with a list of boxes for each image."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from augfuse.algebra.values import is_array, is_row
from augfuse.data.columns.objects import Column, Relative, ragged
from augfuse.data.stores.cells import Encoded
from augfuse.data.tables.label_columns import named, numbered
from augfuse.data.tables.read_table import Cells, Frame
from augfuse.data.tables.roles import Roles
from augfuse.errors import DataError
from augfuse.text import shown
from augfuse.warn_once import warn

_FRACTIONS = ("albumentations", "yolo")


class Boxes(NamedTuple):
    """What a table says of boxes, those of one image behind the other, the images in order. targets: "boxes" and, where
    they have labels, "box_labels". rows: (total,) the row of the table that each is in. counts: (images,)."""

    targets: dict[str, Column]
    classes: tuple[str, ...] | None
    rows: np.ndarray
    counts: np.ndarray


def read_boxes(frame: Frame, roles: Roles, images: np.ndarray, count: int, known: tuple[str, ...] | None) -> Boxes:
    """images: (rows,) the number of the image that each row is of, of `count` in all. Boxes without area are left out;
    an AugfuseWarning counts them. Raises DataError with the row."""
    if roles.by_row:
        sides, rows = _of_rows(frame, roles)
        label_cells = None if not roles.box_label else _taken(frame, roles.box_label, rows)
    else:
        sides, rows = _of_lists(frame, roles.boxes[0])
        label_cells = None if not roles.box_label else _of_label_lists(frame, roles, rows)
    corners = _corners(frame, roles, sides, rows)
    flat = (corners[:, 2:] == corners[:, :2]).any(axis=1)
    if flat.any():
        warn(
            f"{frame.title}: {int(flat.sum())} boxes without area are left out, the first is in "
            f"{frame.where(int(rows[np.argmax(flat)]))}."
        )
    order = np.argsort(images[rows], kind="stable")
    kept = order[~flat[order]]
    counts = np.bincount(images[rows[kept]], minlength=count)
    boxes: Column = ragged(corners[kept].astype(np.float32), counts)
    targets: dict[str, Column] = {"boxes": Relative(boxes, 4) if roles.box_format in _FRACTIONS else boxes}
    classes = known
    if label_cells is not None:
        labels, classes = _labels(frame, roles.box_label, label_cells, rows, known)
        targets["box_labels"] = ragged(labels[kept], counts)
    return Boxes(targets, classes, rows[kept], counts)


def _of_rows(frame: Frame, roles: Roles) -> tuple[np.ndarray, np.ndarray]:
    """(numbers (total, 4), row of each). A row of which all four cells are empty has no box."""
    columns = [_numbers(frame, name) for name in roles.boxes]
    found = np.column_stack(columns)
    empty = np.isnan(found)
    partly = np.flatnonzero(empty.any(axis=1) & ~empty.all(axis=1))
    if len(partly):
        name = roles.boxes[int(np.argmax(empty[partly[0]]))]
        raise DataError(
            f"{frame.where(int(partly[0]))}: {shown(name)} is empty, wanted four numbers, or four empty cells for an "
            "image without boxes."
        )
    rows = np.flatnonzero(~empty.all(axis=1))
    return found[rows], rows


def _numbers(frame: Frame, name: str) -> np.ndarray:
    cells = frame.typed(name)
    if isinstance(cells, np.ndarray):
        return cells.astype(np.float64)
    listed = cells if isinstance(cells, list) else []
    if listed and all(cell is None for cell in listed):
        return np.full(len(listed), np.nan)
    row = next((i for i, cell in enumerate(listed) if not _is_number(cell)), 0)
    got = shown(listed[row]) if listed else "an image"
    raise DataError(f"{frame.where(row)}: {shown(name)} is {got}, wanted a number: it is a side of a box.")


def _is_number(cell: object) -> bool:
    try:
        float(cell)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return cell is None
    return True


def _of_lists(frame: Frame, name: str) -> tuple[np.ndarray, np.ndarray]:
    cells = frame.typed(name)
    if not isinstance(cells, list):
        raise DataError(f"{frame.where(0)}: column {shown(name)} holds no lists, wanted a list of boxes in each cell.")
    found: list[np.ndarray] = []
    for row, cell in enumerate(cells):
        try:
            boxes = np.empty((0, 4)) if cell is None or len(cell) == 0 else np.array(cell, np.float64)
        except (TypeError, ValueError):
            boxes = np.empty(0)
        if boxes.shape[1:] != (4,):
            raise DataError(
                f"{frame.where(row)}: {shown(name)} is {shown(cell)}, wanted a list of boxes, four numbers each."
            )
        found.append(boxes)
    return np.concatenate(found), np.repeat(np.arange(len(found)), [len(boxes) for boxes in found])


def _of_label_lists(frame: Frame, roles: Roles, rows: np.ndarray) -> Cells:
    cells = frame.typed(roles.box_label)
    counts = np.bincount(rows, minlength=frame.length)
    flat: list[object] = []
    for row in range(frame.length):
        cell = None if isinstance(cells, Encoded) else cells[row]
        listed = [] if cell is None else list(cell) if is_row(cell) or is_array(cell) else None
        if listed is None or len(listed) != counts[row]:
            got = shown(np.asarray(cell).tolist()) if listed is None else f"{len(listed)} labels"
            raise DataError(
                f"{frame.where(row)}: {shown(roles.box_label)} holds {got} for {counts[row]} boxes, wanted a list with "
                "one for each."
            )
        flat += listed
    whole = all(isinstance(one, (int, np.integer)) and not isinstance(one, bool) for one in flat)
    return np.array(flat, np.int64) if whole else flat


def _taken(frame: Frame, name: str, rows: np.ndarray) -> Cells:
    cells = frame.typed(name)
    if isinstance(cells, np.ndarray):
        return cells[rows]
    return [cells[row] for row in rows.tolist()] if isinstance(cells, list) else [None] * len(rows)


def _labels(
    frame: Frame, name: str, cells: Cells, rows: np.ndarray, known: tuple[str, ...] | None
) -> tuple[np.ndarray, tuple[str, ...] | None]:
    """(int64 class numbers, names)."""
    if isinstance(cells, np.ndarray):
        wrong = np.flatnonzero(cells != np.floor(cells))  # NaN is one of them
        if not len(wrong):
            names = known or frame.classes.get(name)
            return numbered(frame, name, cells.astype(np.int64), names, rows), names
        row, got = int(rows[wrong[0]]), shown(float(cells[wrong[0]]))
    else:
        listed = cells if isinstance(cells, list) else []
        wrong = [i for i, cell in enumerate(listed) if not isinstance(cell, str)]
        if not wrong:
            return named(frame, name, listed, known, rows.tolist())
        row, got = int(rows[wrong[0]]), shown(listed[wrong[0]])
    raise DataError(f"{frame.where(row)}: {shown(name)} of a box is {got}, wanted a name or a whole number.")


def _corners(frame: Frame, roles: Roles, sides: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """(total, 4) as x1, y1, x2, y2: pixels or fractions, as they are given."""
    form = roles.box_format
    found = sides.copy()
    if form == "coco":
        found[:, 2:] += found[:, :2]
    elif form == "yolo":
        found = np.column_stack([sides[:, :2] - sides[:, 2:] / 2, sides[:, :2] + sides[:, 2:] / 2])
    wrong = ~np.isfinite(found).all(axis=1) | (found[:, 2:] < found[:, :2]).any(axis=1)
    if wrong.any():
        place = int(np.argmax(wrong))
        listed = ", ".join(f"{one:g}" for one in sides[place])
        what = "is upside down" if np.isfinite(found[place]).all() else "is not finite"
        hint = f" Its numbers are read as {form!s}: see box_format."
        raise DataError(f"{frame.where(int(rows[place]))}: the box {listed} {what}.{hint}")
    largest = float(np.abs(found).max(initial=0))
    if form in _FRACTIONS and largest > 2:
        raise DataError(
            f"{frame.title}: boxes reach {largest:g}, wanted fractions of the width and height for {form}. Type "
            "box_format='pascal_voc' or 'coco'."
        )
    if roles.guessed_format and len(found) and largest <= 1:
        raise DataError(
            f"{frame.title}: all boxes lie between 0 and 1: fractions or pixels? Type box_format='albumentations' or "
            "'yolo', or 'pascal_voc' or 'coco' for pixels."
        )
    return found
