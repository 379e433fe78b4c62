"""`groups.csv`: which images belong together, so that no split puts a copy of a training image into validation.

It lies beside the class folders and has the columns `file` (path from there, with "/"), `group` (any name) and, written
by `augfuse augment`, `copy` (0 for an original, 1, 2, ... for its augmented copies). Where a name begins as a formula
of a spreadsheet does, "./" stands before the file, and a quote before the group.
"""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from augfuse.data.layouts.classes import MANIFEST, Folder
from augfuse.errors import DataError
from augfuse.text import shown
from augfuse.warn_once import warn

_COLUMNS = ["file", "group", "copy"]
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


class Entry(NamedTuple):
    """One row: path from the manifest's folder with "/", group, and the number of the copy, 0 for an original."""

    file: str
    group: str
    copy: int


def write_manifest(entries: Iterable[Entry]) -> str:
    """The text of a `groups.csv`."""
    text = io.StringIO(newline="")
    plain, quoted = (csv.writer(text, lineterminator="\n", quoting=q) for q in (csv.QUOTE_MINIMAL, csv.QUOTE_ALL))
    plain.writerow(_COLUMNS)
    for file, group, copy in entries:
        # A name that begins as a formula does would be one in a spreadsheet.
        entry = Entry(f"./{file}" if file.startswith(_FORMULA) else file, _guarded(group), copy)
        # Before Python 3.13 the csv module writes a carriage return as it is, and then reads it as the end of a line.
        (quoted if "\r" in entry.file + entry.group else plain).writerow(entry)
    return text.getvalue()


def read_groups(folder: Folder, paths: Sequence[str]) -> tuple[np.ndarray, np.ndarray] | None:
    """(groups, copies) of the images `paths`, which lie below `folder`: (n,) strings, and (n,) bool, True for augmented
    copies. None where the folder has no manifest.

    An image that is not listed is its own group; an AugfuseWarning counts such images. Raises DataError for a manifest
    that cannot be read.
    """
    raw = folder.manifest()
    if raw is None:
        return None
    listed = _parse(raw, f"{folder}{os.sep}{MANIFEST}")
    start = len(str(folder)) + 1
    names = [path[start:].replace(os.sep, "/") for path in paths]
    unlisted = [name for name in names if name not in listed]
    if unlisted:
        warn(
            f"{folder}: {len(unlisted)} of {len(names)} images are not in {MANIFEST}, the first is {unlisted[0]}; "
            "a split takes each for an image without copies."
        )
    # The name of a file is not a group of another one, for a group that is a file's name holds that file.
    entries = [listed.get(name, Entry(name, name, 0)) for name in names]
    return np.array([entry.group for entry in entries]), np.array([entry.copy > 0 for entry in entries])


def _parse(raw: bytes, where: str) -> dict[str, Entry]:
    try:
        rows = list(csv.reader(io.StringIO(raw.decode("utf-8-sig"), newline="")))
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{where}: not a table of comma-separated values in UTF-8 ({error}).") from None
    header = rows[0] if rows else []
    if header not in (_COLUMNS, _COLUMNS[:2]):
        raise DataError(
            f"{where}: got the columns {', '.join(header) or 'none'}, wanted file,group or file,group,copy. It says "
            "which images a split keeps together; if it is something else, give it another name."
        )
    listed: dict[str, Entry] = {}
    for number, row in enumerate(rows[1:], 2):
        if len(row) != len(header):
            raise DataError(f"{where}, line {number}: got {len(row)} values, wanted {len(header)}.")
        file, group, copy = (*row, "0")[:3]
        if not copy.isdecimal():
            raise DataError(f"{where}, line {number}: copy is {shown(copy)}, wanted 0 for an original, or 1, 2, ...")
        file = file.removeprefix("./")
        if file in listed:
            raise DataError(f"{where}, line {number}: {shown(file)} is there twice.")
        listed[file] = Entry(file, _unguarded(group), int(copy))
    return listed


def _guarded(group: str) -> str:
    """A group as a cell that no spreadsheet takes for a formula: behind a quote, as people type it there."""
    return f"'{group}" if group.lstrip("'").startswith(_FORMULA) else group


def _unguarded(cell: str) -> str:
    return cell[1:] if cell.startswith("'") and cell.lstrip("'").startswith(_FORMULA) else cell
