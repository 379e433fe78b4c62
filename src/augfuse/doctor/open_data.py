"""Open DATA for the doctor: the folders, archives and arrays that sources take, and those they refuse."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

from augfuse.data.dataset import DataSet
from augfuse.data.layouts.names import is_image
from augfuse.data.layouts.problems import collecting
from augfuse.data.open import ROWS, WANTED, find_archives, is_annotated, open_parts
from augfuse.data.sources.archive import open_zip
from augfuse.data.sources.folder import open_folder, read_file
from augfuse.data.sources.idx import find_idx, from_idx
from augfuse.data.sources.tabular import find_shards
from augfuse.doctor.checks.annotations import check_reading
from augfuse.doctor.checks.array_tables import survey_npz, survey_sets
from augfuse.doctor.checks.class_folders import Tree, survey_trees
from augfuse.doctor.examined_data import Survey
from augfuse.errors import DataError, DataNotFoundError, ImageTypeError


def gather(data: str | os.PathLike[str] | DataSet | Any) -> Survey:
    """List a data set without reading images.

    Raises DataNotFoundError (no such file or folder), DataError (nothing in it to examine), ImageTypeError (neither a
    path nor a data set).
    """
    if isinstance(data, DataSet):
        return survey_sets(data.parts or {None: data}, "arrays" if data.images is not None else str(data.store))
    if not isinstance(data, (str, os.PathLike)):
        raise ImageTypeError(
            f"examine: got {type(data).__name__}, wanted a path or a data set. Use af.from_arrays(x, y)."
        )
    path = Path(data)
    if is_annotated(path):
        with collecting() as problems:
            opened = open_parts(path, color=None)
        survey = survey_sets(opened.parts, opened.title)
        survey.findings.extend(check_reading(problems))
        return survey
    if path.is_dir():
        root = open_folder(path)
        if not root.folders():
            if find_idx(path):
                return survey_sets(from_idx(path, part=next(iter(find_idx(path)))).parts, root.name)
            archives = find_archives(path)
            if archives:
                return survey_trees([_tree(file, str(root), part) for part, file in archives.items()], root.name)
            if find_shards(path):
                return survey_sets(open_parts(path, color=None).parts, root.name)
        return survey_trees([Tree(root, read_file, str(root))], root.name)
    suffix = path.suffix.lower()
    if suffix in (*ROWS, ".tar") and suffix != ".npz":
        opened = open_parts(path, color=None)
        return survey_sets(opened.parts, opened.title)
    if not path.exists():
        raise DataNotFoundError(f"{path}: no such file or folder; wanted {WANTED}.")
    if not path.is_file():
        raise DataError(f"{path}: not a regular file; wanted {WANTED}.")
    if suffix == ".npz":
        return survey_npz(path)
    if suffix == ".zip":
        # As open_zip names it: Path.absolute would keep "..", and names are cut off by length.
        return survey_trees([_tree(path, os.path.abspath(path), "")], path.stem)  # noqa: PTH100
    raise DataError(f"{path}: wanted {WANTED}, got none of them.")


def holds_rows(data: Path) -> bool:
    """Whether a path holds arrays, records or rows, whose images need not have a file. Raises as `gather` does."""
    if data.suffix.lower() in ROWS:
        return not data.is_dir()
    return data.is_dir() and not open_folder(data).folders() and bool(find_idx(data) or find_shards(data))


def _tree(path: Path, base: str, part: str) -> Tree:
    root, read, leaving = open_zip(path)
    return Tree(root, read, base, part, tuple(name for name in leaving if is_image(re.split(r"[/\\]", name)[-1])))
