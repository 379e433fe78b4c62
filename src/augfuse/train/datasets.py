"""What DATA means: class folders, archives of them, IDX files, an .npz file, or nothing (the bundled digits)."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from augfuse.data import digits
from augfuse.data.archive import zip_parts
from augfuse.data.arrays import ArraySource, from_arrays
from augfuse.data.decode import Color
from augfuse.data.folder import from_directory
from augfuse.data.idx import find_idx, from_idx
from augfuse.data.layouts.exclude import Exclude
from augfuse.data.layouts.names import is_left_behind
from augfuse.data.layouts.parts import part_in
from augfuse.errors import DataError, DataNotFoundError
from augfuse.text import printable, shown
from augfuse.train.npz import read_npz

TEST_FRACTION = 0.2
WANTED = (
    "a folder or .zip of class folders, a folder of IDX files, a folder of NAME_train.zip and NAME_test.zip, or an "
    ".npz file"
)
_SPLIT_SEED = 0


@dataclass(frozen=True, slots=True)
class Parts:
    """A training and a test source of uint8 images with the same classes, and where they come from, in words. All
    texts are printable, whatever the files are called."""

    title: str
    description: str
    train: Any
    test: Any
    classes: tuple[str, ...]
    # (h, w, c) where every image is known to have it: arrays. None for files.
    shape: tuple[int, int, int] | None
    # What early stopping and the learning rate may look at; None where the data has no separate part for it.
    validation: Any = None
    # A val part that nothing looks at; the report describes it.
    unused: Any = None


@dataclass(frozen=True, slots=True)
class DataSet:
    """What lies under a path, as it is divided there.

    sources: {"train": source, "val": ..., "test": ...}, those that exist, or {None: source} where nothing is divided.
    All have the same `classes` and int64 labels. kind: what it is, in words.
    """

    title: str
    kind: str
    sources: dict[str | None, Any]


def open_data(path: Path, color: Color | None = "rgb", exclude: Exclude | None = None) -> DataSet:
    """The sources under a path: class folders, a zip of them, IDX files, NAME_train.zip and NAME_test.zip, .npz.

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
                return DataSet(path.name, f"IDX files of {path.name or path}", _idx(path))
            if archives:
                return DataSet(path.name, f"Archives of {path.name or path}", _zips(archives, color, exclude))
            others = [entry.name for entry in path.glob("*.zip")]
            if others:
                raise DataError(f"{path}: holds {others[0]} and no class folders. Type {path / others[0]}.")
        source = from_directory(path, color=color, exclude=exclude)
        parts: dict[str | None, Any] = {**source.parts} if source.parts else {None: source}
        return DataSet(path.name, f"Class folders of {path.name or path}", parts)
    if path.is_file() and path.suffix.lower() == ".zip":
        return DataSet(path.stem, path.name, zip_parts(path, color, exclude))
    if path.is_file() and path.suffix.lower() == ".npz":
        _require_files(path, exclude)
        return DataSet(path.stem, path.name, dict(read_npz(path)))
    if path.exists() and not path.is_file():
        raise DataError(f"{path}: not a regular file; wanted {WANTED}.")
    if path.exists():
        raise DataError(f"{path}: wanted {WANTED}, got none of them.")
    raise DataNotFoundError(f"{path}: no such file or folder; wanted {WANTED}.")


def load_parts(data: Path | None, exclude: Exclude | None = None) -> Parts:
    """The training and the test part of DATA. exclude: as in `open_data`.

    Without a test part it is the val part; without either, a fifth of each class is held out. Groups are never parted,
    and augmented copies are not tested on.

    Raises DataNotFoundError (no such file or folder), DataError (a file or labels that cannot be used).
    """
    if data is None:
        return _bundled_digits()
    opened = open_data(data, exclude=exclude)
    if exclude is not None:
        listed = f"the images on {Path(exclude).name}" if isinstance(exclude, (str, os.PathLike)) else "excluded images"
        opened = replace(opened, kind=f"{opened.kind} without {listed}")
    return parts_of(opened, data)


def parts_of(data: DataSet, path: Path | str) -> Parts:
    """The same of sources that are open already; `path` is what messages call them."""
    return _checked(_two_parts(data, path), path)


def _bundled_digits() -> Parts:
    found = digits.load_digits()
    train = from_arrays(found.x_train, found.y_train, classes=digits.CLASSES)
    test = from_arrays(found.x_test, found.y_test, classes=digits.CLASSES)
    side = digits.CANVAS
    return Parts("handwritten digits", digits.DESCRIPTION, train, test, digits.CLASSES, (side, side, 1))


def _two_parts(data: DataSet, path: Path | str) -> Parts:
    sources = data.sources
    whole = sources.get("train", sources.get(None))
    if whole is None:
        raise DataError(f"{path}: has no train part, only {', '.join(map(shown, sources))}.")
    held_out = next((name for name in ("test", "val") if name in sources), None)
    if held_out is None:
        train, test = hold_out(whole, TEST_FRACTION, _SPLIT_SEED, f"{path}: no test part")
        together = ", groups kept together" if whole.groups is not None else ""
        words = (
            f"{data.kind}; it has no test part, so {TEST_FRACTION:.0%} of each class were held out "
            f"(seed {_SPLIT_SEED}){together}."
        )
    else:
        train, test = whole, sources[held_out]
        words = f"{data.kind}: its train and its {held_out} part."
    if test.copies is not None and test.copies.any():
        test = test.subset(np.flatnonzero(~test.copies))
        words += " Augmented copies are in the train part only."
    shape = train.images.shape[1:] if isinstance(train, ArraySource) else None
    validation = sources.get("val") if held_out == "test" else None
    return Parts(data.title, words, train, test, whole.classes, shape, validation)


def hold_out(whole: Any, fraction: float, seed: int, what: str) -> tuple[Any, Any]:
    """(rest, held_out) of a source, each class keeping its share. DataError that begins with `what` where that leaves
    nothing on a side."""
    if whole.groups is not None and len(np.unique(whole.groups)) < 2:
        raise DataError(
            f"{what} can be held out: all {len(whole)} images are of one group. Give a separate test or val part."
        )
    try:
        return whole.split(fraction, seed=seed, stratify=True)
    except DataError as error:
        raise DataError(
            f"{what} can be held out: {len(whole)} images are too few. Give more images, or a separate test or val "
            "part."
        ) from error


def _idx(folder: Path) -> dict[str | None, Any]:
    parts = from_idx(folder, part=next(iter(find_idx(folder)))).parts
    names = np.unique(np.concatenate([_labels(source) for source in parts.values()]))
    classes = tuple(str(name) for name in names.tolist())
    return {
        part: from_arrays(source.images, np.searchsorted(names, _labels(source)), classes=classes)
        for part, source in parts.items()
    }


def _labels(source: ArraySource) -> np.ndarray:
    assert source.labels is not None  # an IDX folder without labels is refused
    return source.labels


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


def _zips(archives: dict[str, Path], color: Color | None, exclude: Exclude | None) -> dict[str | None, Any]:
    sources: dict[str | None, Any] = {}
    for part, path in archives.items():
        held = zip_parts(path, color, exclude)
        if len(held) > 1 or next(iter(held)) not in (None, part):
            names = ", ".join(map(str, held))
            raise DataError(f"{path}: holds the parts {names}, wanted the {part} part alone, as its name says.")
        (sources[part],) = held.values()
        first, own = next(iter(sources.values())).classes, sources[part].classes
        if own != first:
            other = sorted(set(own) ^ set(first))
            raise DataError(f"{path}: its classes differ from those of the other archive: {', '.join(other[:5])}.")
    return sources


def _checked(parts: Parts, path: Path | str) -> Parts:
    if len(parts.classes) < 2:
        raise DataError(f"{path}: got {len(parts.classes)} class, wanted at least two.")
    first = parts.train[0].image
    if first.dtype != np.uint8:
        raise DataError(
            f"{path}: the first image is {first.dtype}, wanted uint8: the saved model takes raw uint8 images."
        )
    return replace(
        parts,
        title=printable(parts.title),
        description=printable(parts.description),
        classes=tuple(map(printable, parts.classes)),
    )
