"""Names of files in a table: which files they mean, and whether they are there."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from augfuse.data.layouts.names import is_image
from augfuse.data.tables.read_table import Frame
from augfuse.errors import DataError, did_you_mean
from augfuse.text import shown


def full_names(frame: Frame, column: str, root: Path | None, argument: str) -> list[str]:
    """The full name of the file in each row. Below `root` names may be given in full or lead up and down, but not out
    of it: DataError. Without a root they begin in the current folder, and lead anywhere."""
    given = frame.texts(column, argument)
    base = os.getcwd() if root is None else str(root)  # noqa: PTH109
    inside = base.rstrip(os.sep) + os.sep
    found: dict[str, str] = {}
    for name in dict.fromkeys(given):
        path = name.replace("\\", "/")
        if not path.startswith("/") and not any(odd in path for odd in ("./", "//", ":")):
            found[name] = inside + path.replace("/", os.sep)  # of a million names, most often all
            continue
        found[name] = full = os.path.normpath(os.path.join(base, path))  # noqa: PTH118
        if root is not None and not full.startswith(inside):
            raise DataError(
                f"{frame.where(given.index(name))}: {argument} {shown(name)} lies outside of {base}, wanted a file "
                "below it. Put the table above its images; in Python, type root=FOLDER."
            )
    return [found[name] for name in given]


def check_files(frame: Frame, column: str, names: Sequence[str], what: str) -> None:
    """DataError where files are not there: how many, and the first of them."""
    listed: dict[str, set[str]] = {}
    distinct = dict.fromkeys(names)
    missing: list[str] = []
    for name in distinct:
        folder, _, base = name.rpartition(os.sep)
        if folder not in listed:
            listed[folder] = _files(folder or os.sep)
        if base not in listed[folder]:
            missing.append(name)
    if not missing:
        return
    folder, _, base = missing[0].rpartition(os.sep)
    held = listed[folder]
    ending = next((one for one in sorted(held) if is_image(one) and Path(one).stem == base), None)
    hint = did_you_mean(base, held) if ending is None else f" There is {shown(ending)}: write the ending, too."
    raise DataError(
        f"{frame.title}: {len(missing)} of {len(distinct)} {what} are not there, the first is {missing[0]}, named by "
        f"column {shown(column)} in {frame.where(names.index(missing[0]))}.{hint or ' Type root=FOLDER.'}"
    )


def _files(folder: str) -> set[str]:
    """The names of the files in a folder. One look into it takes less time than one at each file."""
    try:
        with os.scandir(folder) as entries:
            return {entry.name for entry in entries if entry.is_file()}
    except (OSError, ValueError):
        return set()
