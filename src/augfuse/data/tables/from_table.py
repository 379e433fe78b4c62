"""From a table to the data sets of its parts."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from augfuse.algebra.values import is_row
from augfuse.data.columns.labels import class_names
from augfuse.data.columns.objects import Column, MaskFiles, Values, lists, ragged
from augfuse.data.dataset import DataSet, as_parts
from augfuse.data.decoding.decode import Color, check_color
from augfuse.data.layouts.parts import PARTS
from augfuse.data.rows import check_weights
from augfuse.data.stores.cells import Encoded
from augfuse.data.stores.image_files import FileStore
from augfuse.data.stores.store import Store
from augfuse.data.table import Table
from augfuse.data.tables.box_columns import read_boxes
from augfuse.data.tables.file_names import check_files, full_names
from augfuse.data.tables.label_columns import read_labels
from augfuse.data.tables.read_table import Cells, Frame
from augfuse.data.tables.roles import Columns, Roles, find_roles, parts_of
from augfuse.errors import DataError
from augfuse.text import shown
from augfuse.warn_once import warn

_RESERVED = frozenset({"boxes", "box_labels", "mask"})


def data_sets(
    frame: Frame,
    root: Path | None,
    columns: Columns,
    classes: Sequence[str] | None,
    color: Color | None,
    parts: Sequence[str] | None = None,
) -> dict[str | None, DataSet]:
    """{part: data set} of a table, or {None: data set}. root: the folder that names of files are below; None for any
    file, from the current folder on. parts: the part of each row, where no column says it. Raises DataError with the
    row, gives AugfuseWarnings; see `augfuse.from_dataframe`."""
    check_color(color)
    roles = find_roles(frame, columns)
    known = None if classes is None else class_names(classes)
    cells = frame.columns[roles.image]
    if isinstance(cells, Encoded):
        store: Store = cells.decoded_to(color)
        first = images = np.arange(frame.length)
    else:
        names = full_names(frame, roles.image, root, "image")
        images, first = _images(names) if roles.by_row else (np.arange(frame.length),) * 2
        _check_rows(frame, roles, names)
        check_files(frame, roles.image, names, "images")
        kept = [names[row] for row in first.tolist()]
        store = FileStore(_root(root, kept), None, kept, color)
    labels, label_names = read_labels(frame, roles.label, roles.separator, known)
    targets, box_names = _targets(frame, roles, root, images, first, known)
    table = Table(
        labels=None if labels is None else labels[first],
        groups=_groups(frame, roles.group, first),
        sample_weights=_weights(frame, roles.weight, first),
        targets=targets,
    )
    whole = DataSet(store, table, _one_list(frame, roles, labels, label_names, box_names))
    parts = parts_of(frame, roles.split) if roles.split else parts
    if parts is None:
        return {None: whole}
    part_names = np.array(parts)[first]
    held = {part: np.flatnonzero(part_names == part) for part in PARTS}
    return as_parts({part: whole.subset(rows) for part, rows in held.items() if len(rows)})


def _targets(
    frame: Frame,
    roles: Roles,
    root: Path | None,
    images: np.ndarray,
    first: np.ndarray,
    known: tuple[str, ...] | None,
) -> tuple[dict[str, Column], tuple[str, ...] | None]:
    """(boxes, masks and further columns, the names of the classes of boxes)."""
    targets: dict[str, Column] = {}
    rows, counts, names = first, None, known
    if roles.boxes:
        boxes = read_boxes(frame, roles, images, len(first), known)
        targets, names = {**boxes.targets}, boxes.classes
        if roles.by_row:
            rows, counts = boxes.rows, boxes.counts
    if roles.mask:
        targets["mask"] = _masks(frame, roles.mask, root, first)
    for name in roles.fields:
        column = _field(frame, name, targets, rows, counts)
        if column is not None:
            targets[name] = column
    return targets, names


def _images(names: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """(number of the image of each row, first row of each image), in the order in which the images come."""
    numbers: dict[str, int] = {}
    images = np.array([numbers.setdefault(name, len(numbers)) for name in names], np.int64)
    first = np.empty(len(numbers), np.int64)
    first[images[::-1]] = np.arange(len(names))[::-1]
    return images, first


def _check_rows(frame: Frame, roles: Roles, names: Sequence[str]) -> None:
    """DataError where two rows of one image say different things of it. Where boxes lie in columns, an image has many
    rows; else an AugfuseWarning counts those that come again."""
    told = [*roles.label, roles.mask, roles.split]
    told += [roles.group, roles.weight] if roles.by_row else [*roles.boxes, roles.box_label]
    columns = {name: frame.columns[name] for name in told if name}
    seen: dict[str, int] = {}
    again: list[int] = []
    for row, name in enumerate(names):
        before = seen.setdefault(name, row)
        if before == row:
            continue
        again.append(row)
        for column, cells in columns.items():
            if not _same(cells, before, row):
                assert not isinstance(cells, Encoded)
                hint = "" if column not in roles.label else (
                    " For several labels write them into one cell, and type separator='|'."
                )  # fmt: skip
                raise DataError(
                    f"{frame.where(row)}: {column} of {shown(Path(name).name)} is {_shown(cells[row])}, in "
                    f"{frame.where(before)} it is {_shown(cells[before])}: wanted the same in all rows of an image."
                    f"{hint}"
                )
    if again and not roles.by_row:
        grouped = "" if roles.group else f" Type group={shown(roles.image)} to keep them on one side of a split."
        warn(
            f"{frame.title}: {len(again)} rows name an image that an earlier row names, the first is "
            f"{frame.where(again[0])}; each is a sample.{grouped}"
        )


def _shown(cell: Any) -> str:
    return shown(cell.item() if isinstance(cell, np.generic) else cell)


def _same(cells: Cells, one: int, other: int) -> bool:
    if isinstance(cells, Encoded):
        return True
    a, b = cells[one], cells[other]
    return bool(a == b) or (isinstance(a, float) and a != a and b != b)


def _root(root: Path | None, names: Sequence[str]) -> str:
    if root is not None:
        return str(root)
    return os.path.commonpath([os.path.dirname(name) for name in names])  # noqa: PTH120 - a million names


def _masks(frame: Frame, name: str, root: Path | None, first: np.ndarray) -> Column:
    cells = frame.columns[name]
    if isinstance(cells, Encoded):
        return MaskFiles(cells, first)
    names = full_names(frame, name, root, "mask")
    check_files(frame, name, names, "masks")
    return MaskFiles(FileStore(_root(root, names), None, names, None), first)


def _groups(frame: Frame, name: str, first: np.ndarray) -> np.ndarray | None:
    if not name:
        return None
    cells = frame.columns[name]
    frame.check_full(name, cells)
    found = cells if isinstance(cells, np.ndarray) else np.array(frame.texts(name, "group"))
    return found[first]


def _weights(frame: Frame, name: str, first: np.ndarray) -> np.ndarray | None:
    if not name:
        return None
    cells = frame.typed(name)
    frame.check_full(name, cells)
    what = f"{frame.title}, column {shown(name)}"
    if not isinstance(cells, np.ndarray):
        raise DataError(f"{what}: holds no numbers, wanted the weight of each sample.")
    return check_weights(what, cells[first], len(first), np.float32)


def _field(
    frame: Frame, name: str, targets: Mapping[str, Column], rows: np.ndarray, counts: np.ndarray | None
) -> Column | None:
    """A further column: the cells in these rows, one for each image, or `counts` of them where there is a row for each
    box. None, with a warning, for one that cannot be kept."""
    cells = frame.typed(name)
    if isinstance(cells, Encoded) or name in targets or name in _RESERVED:
        what = "holds images" if isinstance(cells, Encoded) else "has the name of a target of another kind"
        warn(
            f"{frame.title}: column {shown(name)} {what} and is left out. Type image= or mask={shown(name)} for "
            "images or masks, or give it another name."
        )
        return None
    if isinstance(cells, np.ndarray):
        return Values(cells, rows) if counts is None else ragged(cells[rows], counts)
    column = Values(list(map(_as_array, cells)), rows)
    return column if counts is None else lists(column, counts)


def _as_array(cell: Any) -> Any:
    """A list of numbers as an array; other cells as they are."""
    if not is_row(cell) or not cell:
        return cell
    try:
        found = np.array(cell)
    except ValueError:
        return cell
    return found if found.dtype.kind in "iufb" else cell


def _one_list(
    frame: Frame,
    roles: Roles,
    labels: np.ndarray | None,
    label_names: tuple[str, ...] | None,
    box_names: tuple[str, ...] | None,
) -> tuple[str, ...] | None:
    """The names of the classes: of the labels of images, or of those of boxes."""
    if labels is None or not roles.box_label:
        return box_names if labels is None else label_names
    if label_names is None and labels.dtype.kind == "f":
        return box_names
    if label_names != box_names:
        raise DataError(
            f"{frame.title}: labels of images in {', '.join(map(shown, roles.label))} and of boxes in "
            f"{shown(roles.box_label)} have different classes, wanted one list of names. Type label='' or "
            "box_label='', or classes=NAMES with all of them."
        )
    return label_names
