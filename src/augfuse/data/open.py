"""What DATA means, for every command: class folders, archives of them, tables, records, annotations, arrays."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from augfuse.data.columns.labels import are_class_numbers, in_words
from augfuse.data.dataset import DataSet, as_parts
from augfuse.data.decoding.decode import Color
from augfuse.data.layouts.classes import choose_part
from augfuse.data.layouts.exclude import Exclude
from augfuse.data.layouts.names import is_left_behind
from augfuse.data.layouts.parts import part_files, part_in
from augfuse.data.sources.annotated import from_pairs, from_yolo, voc_folders, voc_parts
from augfuse.data.sources.archive import zip_parts
from augfuse.data.sources.coco import from_coco
from augfuse.data.sources.folder import from_directory
from augfuse.data.sources.idx import find_idx, from_idx
from augfuse.data.sources.npz import read_npz
from augfuse.data.sources.tabular import TABLES, find_shards, shard_parts, table_parts
from augfuse.data.sources.tar import tar_parts
from augfuse.data.tables.column_options import UNNAMED, Named, named_columns
from augfuse.data.tfrecord.source import from_tfrecord
from augfuse.errors import DataError, DataNotFoundError
from augfuse.text import shown

WANTED = (
    "a folder, .zip or .tar of class folders, a folder of IDX files, a folder of NAME_train.zip and NAME_test.zip, a "
    ".tfrecord file, a .csv, .tsv, .jsonl or .parquet table, an .npz file, COCO's .json or a folder with "
    "instances.json, YOLO's data.yaml, or a folder with Annotations and JPEGImages or with images and masks"
)
RECORDS = (".tfrecord", ".tfrecords")
# Files of rows, whose images may have no file.
ROWS = (".npz", *RECORDS, *TABLES)


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
    """Open the data set under a path, of whatever kind it is.

        photos/                  class folders, with or without train, val and test folders; see `from_directory`
        photos.zip, photos.tar   the same in an archive, read in place; see `from_zip` and `from_tar`
        shard.tar                samples of WebDataset; see `from_tar`
        folder/                  of NAME_train.zip and NAME_test.zip, of IDX files (train-images-idx3-ubyte, ...), or of
                                 Parquet files (train-00000-of-00002.parquet, ...)
        data.tfrecord            tf.train.Example, or data-train.tfrecord, data-val.tfrecord, ...; see `from_tfrecord`
        instances.json           COCO; see `from_coco`. Or the folder of instances.json, or of instances_train.json, ...
        data.yaml                YOLO; see `from_yolo`
        folder/                  with Annotations and JPEGImages, Pascal VOC; with images and masks; see `from_voc` and
                                 `from_pairs`
        labels.csv               also .tsv, .jsonl and .parquet: images, or names of files; see `from_csv`, `from_jsonl`
                                 and `from_parquet`
        data.npz                 x_train and y_train, x_val and y_val, x_test and y_test; or x and y

    Args:
        data: the path of a file or a folder.
        part: "train", "val" or "test"; by default "train", or all where nothing is divided. The others are at hand as
            `data.parts`.
        color: the channels that image files are decoded to, as in `from_directory`; None for those that each file has.
        exclude: image files to leave out, as there.

    Returns:
        A `DataSet`; its images are read when they are asked for.

    Raises:
        DataNotFoundError: no such file or folder.
        DataError: a file, a list or labels that cannot be used, no such part.
    """
    path = Path(data)
    parts = open_parts(path, color, exclude).parts
    if None in parts:
        if part is not None:
            raise DataError(f"{path}: has no parts, got part={shown(part)}. Leave part= out.")
        return parts[None]
    named = [name for name in parts if name is not None]
    return parts[choose_part(part, named, path)]


def open_parts(
    path: Path, color: Color | None = "rgb", exclude: Exclude | None = None, columns: Sequence[str] | None = None
) -> Opened:
    """The data sets under a path: class folders, archives of them, IDX files, TFRecord files, .npz.

    color: channels of image files, as in `from_directory`. exclude: image files to leave out, as there; the names of
    archives in a folder stand before the paths in them. columns: of a table, ROLE=COLUMN words such as "label=breed".
    Nothing is split and nothing decoded.
    Raises DataNotFoundError (no such file or folder), DataError (a file, a list or labels that cannot be used).
    """
    if columns is not None:
        return _table(path, color, exclude, named_columns(columns))
    annotated = _annotated(path, color)
    if annotated is not None:
        _refuse_list(path, exclude, "annotations")
        return annotated
    if path.is_dir():
        return _folder(path, color, exclude)
    suffix = path.suffix.lower()
    files = {None: path} if path.is_file() else _parts_beside(path)
    if suffix in RECORDS and files:
        _refuse_list(path, exclude, "records")
        sets = {part: from_tfrecord(file, color=color) for part, file in files.items()}
        annotated = all(data.labels is None and data.table.targets for data in sets.values())
        return Opened(path.stem, path.name, as_parts(sets if annotated else _with_classes(sets, path)))
    if path.is_file() and suffix in TABLES:
        return _table(path, color, exclude)
    if path.is_file() and suffix == ".zip":
        return Opened(path.stem, path.name, zip_parts(path, color, exclude))
    if path.is_file() and suffix == ".tar":
        return Opened(path.stem, path.name, as_parts(_with_classes(tar_parts(path, color, exclude), path)))
    if path.is_file() and suffix == ".npz":
        _refuse_list(path, exclude, "arrays")
        return Opened(path.stem, path.name, read_npz(path))
    if path.exists() and not path.is_file():
        raise DataError(f"{path}: not a regular file; wanted {WANTED}.")
    if path.exists():
        raise DataError(f"{path}: wanted {WANTED}, got none of them.")
    raise DataNotFoundError(f"{path}: no such file or folder; wanted {WANTED}.")


def require_classes(sets: Iterable[DataSet], path: Path | str, what: str, hint: str = "") -> None:
    """DataError where images have boxes or masks and no class: `what` takes one for each image. hint: what to type
    instead."""
    for data in sets:
        if not are_class_numbers(data.labels) or data.classes is None:
            held = ", ".join(data.table.targets) or "no labels"
            held = held if data.labels is None else in_words(data.labels)
            problem = f"its images have {held}, and no class each; {what} takes one class for each image"
            raise DataError(f"{path}: {problem}. {hint}".rstrip())


def is_annotated(path: Path) -> bool:
    """Whether a path is a data set with boxes or masks, by its name or by the folders in it."""
    if path.is_dir():
        held = {entry.name for entry in path.iterdir() if entry.is_dir() and not is_left_behind(entry.name)}
        pairs = held == {"images", "masks"}
        return pairs or voc_folders(path) is not None or bool(_coco_files(path))
    return path.suffix.lower() in (".json", ".yaml", ".yml") and path.is_file()


def _annotated(path: Path, color: Color | None) -> Opened | None:
    if not is_annotated(path):
        return None
    title = path.name or str(path)
    if path.suffix.lower() == ".json":
        return Opened(path.stem, f"COCO's {title}", {None: from_coco(path, color=color)})
    if path.is_file():
        found = from_yolo(path, color=color)
        return Opened(path.parent.name, f"YOLO's {title}", {**found.parts})
    if (folders := voc_folders(path)) is not None:
        return Opened(path.name, f"Pascal VOC's {title}", voc_parts(path, folders, color))
    if files := _coco_files(path):
        sets = {part: from_coco(file, color=color) for part, file in files.items()}
        if len({data.classes for data in sets.values()}) > 1:
            raise DataError(f"{path}: its parts have different classes. Open each file by itself.")
        return Opened(path.name, f"COCO's {title}", as_parts(sets))
    return Opened(
        path.name, f"Images and masks of {title}", {None: from_pairs(path / "images", path / "masks", color=color)}
    )


def _coco_files(folder: Path) -> dict[str | None, Path]:
    """{"train": instances_train.json, ...} of a folder, as `augfuse convert` writes them, or {None: instances.json}."""
    whole = folder / "instances.json"
    return {None: whole} if whole.is_file() else part_files(lambda part: folder / f"instances_{part}.json")


def _folder(path: Path, color: Color | None, exclude: Exclude | None) -> Opened:
    title = path.name or str(path)
    sets: Mapping[str | None, DataSet]
    # Class folders come first: an archive beside them is most often what they were unpacked from.
    if not any(entry.is_dir() and not is_left_behind(entry.name) for entry in path.iterdir()):
        pairs = find_idx(path)
        if pairs:
            _refuse_list(path, exclude, "arrays")
            sets = {**from_idx(path, part=next(iter(pairs))).parts}
            return Opened(path.name, f"IDX files of {title}", as_parts(_with_classes(sets, path)))
        archives = find_archives(path)
        if archives:
            return Opened(path.name, f"Archives of {title}", _zips(archives, color, exclude))
        shards = find_shards(path)
        if shards:
            return _table(path, color, exclude)
        others = [entry.name for entry in path.glob("*.zip")]
        if others:
            raise DataError(f"{path}: holds {others[0]} and no class folders. Type {path / others[0]}.")
    found = from_directory(path, color=color, exclude=exclude)
    parts: dict[str | None, DataSet] = {**found.parts} if found.parts else {None: found}
    return Opened(path.name, f"Class folders of {title}", parts)


def _table(path: Path, color: Color | None, exclude: Exclude | None, named: Named = UNNAMED) -> Opened:
    """A table, or a folder of Parquet files."""
    if not path.exists():
        raise DataNotFoundError(f"{path}: no such file or folder; wanted {WANTED}.")
    shards = find_shards(path) if path.is_dir() else {}
    if not shards and not (path.is_file() and path.suffix.lower() in TABLES):
        raise DataError(
            f"--columns: {path} is not a table, and has no columns. Type the name of a {', '.join(TABLES)} file, or "
            "leave --columns out."
        )
    _refuse_list(path, exclude, "rows")
    if shards:
        sets = shard_parts(shards, color, named)
        return Opened(path.name, f"Parquet files of {path.name or path}", as_parts(_with_names(sets, path)))
    return Opened(path.stem, path.name, as_parts(_with_names(table_parts(path, color, named), path)))


def _parts_beside(path: Path) -> dict[str | None, Path]:
    """{"train": NAME-train.tfrecord, ...} of NAME.tfrecord, those that exist."""
    return part_files(lambda part: path.with_name(f"{path.stem}-{part}{path.suffix}"))


def _with_names(sets: Mapping[str | None, DataSet], path: Path) -> Mapping[str | None, DataSet]:
    """The same; where images have class numbers without names, with the numbers as names."""
    return _with_classes(sets, path) if all(are_class_numbers(data.labels) for data in sets.values()) else sets


def _with_classes(sets: Mapping[str | None, DataSet], path: Path) -> dict[str | None, DataSet]:
    """The same with class numbers and names that all of them share: the names that they have, or the numbers."""
    labels: dict[str | None, np.ndarray] = {}
    for part, data in sets.items():
        if not are_class_numbers(data.labels):
            where = path if part is None else f"{path}, part {part}"
            raise DataError(
                f"{where}: got {in_words(data.labels)}, wanted the number or the name of a class for each image."
            )
        labels[part] = data.labels
    known = [data.classes for data in sets.values()]
    named = max((names for names in known if names is not None), key=len, default=())
    if all(names is not None and names == named[: len(names)] for names in known):
        return {part: data.with_labels(labels[part], named) for part, data in sets.items()}
    if any(names is not None for names in known):
        raise DataError(f"{path}: its parts have different classes: {', '.join(map(shown, known))}.")
    numbers = np.unique(np.concatenate(list(labels.values())))
    names = tuple(map(str, numbers.tolist()))
    return {part: data.with_labels(np.searchsorted(numbers, labels[part]), names) for part, data in sets.items()}


def find_archives(folder: Path) -> dict[str, Path]:
    """{"train": NAME_train.zip, "test": NAME_test.zip, ...} of a folder, or {}."""
    found: dict[str, Path] = {}
    names: set[tuple[str, ...]] = set()
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


def _refuse_list(path: Path, exclude: Exclude | None, what: str) -> None:
    if exclude is not None:
        raise DataError(
            f"exclude: {path} holds {what}, and a list names image files. Leave --exclude out; in Python, "
            "data.subset(rows) leaves rows out."
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
