"""What DATA means, for every command: class folders, archives of them, IDX files, an .npz file."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

import numpy as np

from augfuse.data.archive import zip_parts
from augfuse.data.dataset import DataSet, as_parts
from augfuse.data.decode import Color
from augfuse.data.folder import from_directory
from augfuse.data.idx import find_idx, from_idx
from augfuse.data.layouts.classes import choose_part
from augfuse.data.layouts.exclude import Exclude
from augfuse.data.layouts.names import is_left_behind
from augfuse.data.layouts.parts import part_in
from augfuse.data.npz import read_npz
from augfuse.errors import DataError, DataNotFoundError
from augfuse.text import shown

WANTED = (
    "a folder or .zip of class folders, a folder of IDX files, a folder of NAME_train.zip and NAME_test.zip, or an "
    ".npz file"
)


class Opened(NamedTuple):
    """What lies under a path, as it is divided there.

    parts: {"train": data, "val": ..., "test": ...}, those that exist, or {None: data} where nothing is divided. All
    have the same `classes` and int64 labels. kind: what it is, in words.
    """

    title: str
    kind: str
    parts: dict[str | None, DataSet]


def open(
    data: str | os.PathLike[str],
    part: str | None = None,
    color: Color | None = "rgb",
    exclude: Exclude | None = None,
) -> DataSet:
    """The data set under a path, whatever it is:

        photos/                  class folders, with or without train, val and test folders; see `from_directory`
        photos.zip               the same in an archive, read in place; see `from_zip`
        folder/                  of NAME_train.zip and NAME_test.zip, or of IDX files (train-images-idx3-ubyte, ...)
        data.npz                 x_train and y_train, x_val and y_val, x_test and y_test; or x and y

    part: "train", "val" or "test"; by default "train", or all where nothing is divided. The others are at hand as
        `data.parts`.
    color: the channels that image files are decoded to, as in `from_directory`; None for those that each file has.
    exclude: image files to leave out, as there.

    Raises DataNotFoundError (no such file or folder), DataError (a file, a list or labels that cannot be used, no such
    part).
    """
    path = Path(data)
    parts = open_parts(path, color, exclude).parts
    if None in parts:
        if part is not None:
            raise DataError(f"{path}: has no parts, got part={shown(part)}. Leave part= out.")
        return parts[None]
    named = [name for name in parts if name is not None]
    return parts[choose_part(part, named, path)]


def open_parts(path: Path, color: Color | None = "rgb", exclude: Exclude | None = None) -> Opened:
    """The data sets under a path: class folders, a zip of them, IDX files, NAME_train.zip and NAME_test.zip, .npz.

    color: channels of image files, as in `from_directory`. exclude: image files to leave out, as there; the names of
    archives in a folder stand before the paths in them. Nothing is split and nothing decoded.
    Raises DataNotFoundError (no such file or folder), DataError (a file, a list or labels that cannot be used).
    """
    if path.is_dir():
        archives = find_archives(path)
        # Class folders come first: an archive beside them is most often what they were unpacked from.
        if not any(entry.is_dir() and not is_left_behind(entry.name) for entry in path.iterdir()):
            if find_idx(path):
                _require_files(path, exclude)
                return Opened(path.name, f"IDX files of {path.name or path}", _idx(path))
            if archives:
                return Opened(path.name, f"Archives of {path.name or path}", _zips(archives, color, exclude))
            others = [entry.name for entry in path.glob("*.zip")]
            if others:
                raise DataError(f"{path}: holds {others[0]} and no class folders. Type {path / others[0]}.")
        found = from_directory(path, color=color, exclude=exclude)
        parts: dict[str | None, DataSet] = {**found.parts} if found.parts else {None: found}
        return Opened(path.name, f"Class folders of {path.name or path}", parts)
    if path.is_file() and path.suffix.lower() == ".zip":
        return Opened(path.stem, path.name, zip_parts(path, color, exclude))
    if path.is_file() and path.suffix.lower() == ".npz":
        _require_files(path, exclude)
        return Opened(path.stem, path.name, read_npz(path))
    if path.exists() and not path.is_file():
        raise DataError(f"{path}: not a regular file; wanted {WANTED}.")
    if path.exists():
        raise DataError(f"{path}: wanted {WANTED}, got none of them.")
    raise DataNotFoundError(f"{path}: no such file or folder; wanted {WANTED}.")


def find_archives(folder: Path) -> dict[str, Path]:
    """{"train": NAME_train.zip, "test": NAME_test.zip, ...} of a folder, or {}."""
    found: dict[str, Path] = {}
    names = set()
    for path in sorted(folder.iterdir()):
        named = part_in(path.stem) if path.suffix.lower() == ".zip" else None
        if named is None or not path.is_file():
            continue
        part = named.part
        names.add(named.rest)
        if part in found or len(names) > 1:
            raise DataError(
                f"{folder}: {path.name} and {next(reversed(found.values())).name} are of different data sets, or the "
                "same part. Put one set into a folder, or type the name of one archive."
            )
        found[part] = path
    return {part: found[part] for part in ("train", "val", "test") if part in found}


def _require_files(path: Path, exclude: Exclude | None) -> None:
    if exclude is not None:
        raise DataError(
            f"exclude: {path} holds arrays, and a list names image files. Leave --exclude out; for rows of arrays type "
            "x = np.delete(x, rows, axis=0)."
        )


def _zips(archives: dict[str, Path], color: Color | None, exclude: Exclude | None) -> dict[str | None, DataSet]:
    found: dict[str | None, DataSet] = {}
    for part, path in archives.items():
        held = zip_parts(path, color, exclude)
        if len(held) > 1 or next(iter(held)) not in (None, part):
            names = ", ".join(map(str, held))
            raise DataError(f"{path}: holds the parts {names}, wanted the {part} part alone, as its name says.")
        (found[part],) = held.values()
        first, own = next(iter(found.values())).classes or (), found[part].classes or ()
        if own != first:
            other = sorted(set(own) ^ set(first))
            raise DataError(f"{path}: its classes differ from those of the other archive: {', '.join(other[:5])}.")
    return as_parts(found)


def _idx(folder: Path) -> dict[str | None, DataSet]:
    parts = from_idx(folder, part=next(iter(find_idx(folder)))).parts
    labels = {part: data.labels for part, data in parts.items() if data.labels is not None}  # others are refused
    names = np.unique(np.concatenate(list(labels.values())))
    classes = tuple(str(name) for name in names.tolist())
    return as_parts(
        {part: data.with_labels(np.searchsorted(names, labels[part]), classes) for part, data in parts.items()}
    )
