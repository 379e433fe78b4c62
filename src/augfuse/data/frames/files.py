"""Names of files in a table: which files they mean, and whether they are there."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from augfuse.data.frames.frame import Frame
from augfuse.data.layouts.names import is_image
from augfuse.errors import DataError, did_you_mean
from augfuse.text import shown


def full_names(frame: Frame, column: str, root: Path | None, argument: str) -> list[str]:
    """The full name of the file in each row. Below `root` names may be given in full or lead up and down, but not out
    of it: DataError. Without a root they begin in the current folder, and lead anywhere."""
    given = frame.texts(column, argument)
    base = os.getcwd() if root is None else str(root)  # noqa: PTH109
    inside = base.rstrip(os.sep) + os.sep
    found: list[str] = []
    for row, name in enumerate(given):
        path = name.replace("\\", "/")
        if "/" not in path and path != "..":
            found.append(inside + path)  # of a million names, most often all
            continue
        full = os.path.normpath(os.path.join(base, path))  # noqa: PTH118
        if root is not None and not full.startswith(inside):
            raise DataError(
                f"{frame.where(row)}: {argument} {shown(name)} lies outside of {base}, wanted a file below it. Type "
                "root=FOLDER."
            )
        found.append(full)
    return found


def check_files(frame: Frame, column: str, names: Sequence[str], what: str) -> None:
    """DataError where files are not there: how many, and the first of them."""
    listed: dict[str, set[str]] = {}
    missing: list[int] = []
    for row, name in enumerate(names):
        folder, base = os.path.split(name)
        if folder not in listed:
            listed[folder] = _files(folder)
        if base not in listed[folder]:
            missing.append(row)
    if not missing:
        return
    row = missing[0]
    folder, base = os.path.split(names[row])
    held = listed[folder]
    ending = next((one for one in sorted(held) if is_image(one) and Path(one).stem == base), None)
    hint = did_you_mean(base, held) if ending is None else f" There is {shown(ending)}: write the ending, too."
    distinct = len({names[i] for i in missing})
    raise DataError(
        f"{frame.title}: {distinct} of {len(set(names))} {what} are not there, the first is {names[row]}, named by "
        f"column {shown(column)} in {frame.where(row)}.{hint or ' Type root=FOLDER.'}"
    )


def _files(folder: str) -> set[str]:
    """The names of the files in a folder. One look into it takes less time than one at each file."""
    try:
        with os.scandir(folder) as entries:
            return {entry.name for entry in entries if entry.is_file()}
    except (OSError, ValueError):
        return set()
