"""Data sets of tables: data frames, CSV, JSON Lines and Parquet files, and data sets of Hugging Face."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Unpack

from augfuse.data.dataset import DataSet
from augfuse.data.decoding.decode import Color
from augfuse.data.layouts.classes import choose_part
from augfuse.data.layouts.names import is_image, is_left_behind
from augfuse.data.stores.hf import HfDataset
from augfuse.data.stores.image_files import existing_file, existing_files
from augfuse.data.tables.column_options import UNNAMED, Named
from augfuse.data.tables.from_table import data_sets
from augfuse.data.tables.in_memory import ArrowTable, DataFrame, read_frame
from augfuse.data.tables.packed import hf_frame, joined_parts, parquet_frame, parquet_length
from augfuse.data.tables.roles import Columns, part_of
from augfuse.data.tables.text_files import read_csv, read_jsonl
from augfuse.errors import DataError, DataNotFoundError
from augfuse.text import shown


def from_dataframe(
    df: DataFrame | ArrowTable,
    root: str | os.PathLike[str] | None = None,
    *,
    classes: Sequence[str] | None = None,
    part: str | None = None,
    color: Color | None = "rgb",
    **columns: Unpack[Columns],
) -> DataSet:
    """A data set of a data frame of pandas or polars: a row for each image, or for each box of an image.

        af.from_dataframe(df, root="photos")                            columns such as filename and label
        af.from_dataframe(df, image="path", label="breed", split="fold", group="patient_id")
        af.from_dataframe(df, label=["cat", "dog", "bird"])             several labels of 0 and 1
        af.from_dataframe(df, boxes=["x1", "y1", "x2", "y2"], box_label="class")

    Columns are found by their usual names (see docs/data.md), in capitals or not. An argument names another one;
    "" means no such column.

    All other columns become `sample.targets` of their name: of each image, or in a table with a box in each row of each
    box. Boxes are `sample.targets["boxes"]` as [x1, y1, x2, y2] in pixels, with "box_labels".

    Rows that name an image again are separate samples, which an AugfuseWarning counts; so are boxes without area, which
    are left out.

    Args:
        df: a DataFrame of pandas or polars, or a Table of PyArrow.
        root: the folder that names of files are below; they may not lead out of it. Without one they begin in the
            current folder, and may lead anywhere.
        classes: names, which number the classes; by default those that occur in all parts, sorted.
        part: where a column says so, "train" (the default), "val" or "test"; the others are `data.parts`.
        color: as in `from_directory`.
        **columns: the name of a column for a role, see above; "" if there is none.
        image: names of files; or the files themselves, as bytes or as records {"bytes", "path"}.
        label: of the image. Names or whole numbers are classes; other numbers are kept; lists of names become (n,
            classes) of 0 and 1. Several columns of numbers lie side by side, (n, columns); of 0 and 1 they are the
            classes. Lists of whole numbers are classes where `classes` are given.
        separator: between several labels in one cell: "|".
        boxes: four columns, a box in each row, where images have as many rows as boxes, and one with empty cells for
            none; or a column of lists of boxes. Then `label` is that of the boxes where it is not named.
        box_format: "pascal_voc" x1, y1, x2, y2 and "coco" x, y, width, height in pixels; "albumentations" x1, y1, x2,
            y2 and "yolo" centre, width, height as fractions. By default what the names of the columns say.
        box_label: names or numbers of classes; or lists of them.
        mask: files whose pixels are class numbers, see `from_pairs`.
        split: names of parts: train, val, test, or validation and the like.
        group: what a split does not part.
        weight: `data.sample_weights`.

    Returns:
        A `DataSet`; its images are read when they are asked for.

    Raises:
        ImageTypeError: not a data frame.
        DataNotFoundError: no such root.
        DataError: a column that is not there, or two that may be meant; files that are not there; empty cells; two
            labels for one image.
    """
    frame = read_frame(df)
    folder = None if root is None else _folder(root)
    return _chosen(data_sets(frame, folder, columns, classes, color), part, frame.title)


def from_csv(
    path: str | os.PathLike[str],
    root: str | os.PathLike[str] | None = None,
    *,
    delimiter: str | None = None,
    encoding: str = "utf-8",
    header: Sequence[str] | None = None,
    classes: Sequence[str] | None = None,
    part: str | None = None,
    color: Color | None = "rgb",
    **columns: Unpack[Columns],
) -> DataSet:
    """A data set of a CSV or TSV file with a line of names, read without pandas.

        af.from_csv("photos/labels.csv")
        af.from_csv("labels.csv", root="photos", image="id", label="tags", separator=" ")

    Args:
        path: the CSV or TSV file.
        root: the folder of the images; by default that of the file.
        delimiter: by default a comma, a semicolon, a tab or "|", whichever the first line has most of; a tab in a .tsv.
        encoding: of the text.
        header: the names of the columns, for a file without a line of them.
        classes, part, color, **columns: as in `from_dataframe`. A column of numbers only is numeric, unless they
            begin with zeros (007); lists may be written as JSON. A first column without a name, as pandas writes it, is
            left out. Byte order marks and blank lines are ignored.

    Returns:
        A `DataSet`; its images are read when they are asked for.

    Raises:
        DataNotFoundError: no such file.
        DataError: a line with too many or too few values, bytes of another encoding, a name of a column twice, a name
            of a file outside of `root`, and what `from_dataframe` raises; with the line.
    """
    frame = read_csv(path, delimiter, encoding, header)
    return _chosen(data_sets(frame, _folder(root, path), columns, classes, color), part, frame.title)


def from_jsonl(
    path: str | os.PathLike[str],
    root: str | os.PathLike[str] | None = None,
    *,
    classes: Sequence[str] | None = None,
    part: str | None = None,
    color: Color | None = "rgb",
    **columns: Unpack[Columns],
) -> DataSet:
    """A data set of a JSON Lines file: an object in each line, whose keys are the columns.

        {"file_name": "1.jpg", "objects": {"bbox": [[10, 20, 30, 15]], "category": ["dog"]}}

    Keys of an object in it are columns, too: "objects.bbox". A key that a line lacks is an empty cell. The arguments
    are those of `from_csv` and `from_dataframe`.

    Args:
        path: the file.
        root, classes, part, color, **columns: as in `from_csv` and `from_dataframe`.

    Returns:
        A `DataSet`; its images are read when they are asked for.

    Raises:
        DataNotFoundError: no such file.
        DataError: a line that is not an object in JSON, a key twice, and what `from_csv` raises; with the line.
    """
    frame = read_jsonl(path)
    return _chosen(data_sets(frame, _folder(root, path), columns, classes, color), part, frame.title)


def from_parquet(
    paths: str | os.PathLike[str] | Iterable[str | os.PathLike[str]],
    root: str | os.PathLike[str] | None = None,
    *,
    classes: Sequence[str] | None = None,
    part: str | None = None,
    color: Color | None = "rgb",
    **columns: Unpack[Columns],
) -> DataSet:
    """A data set of Parquet files: images in them, as Hugging Face has them, or names of files beside them.

        af.from_parquet("train-00000-of-00001.parquet")
        af.from_parquet(sorted(Path("data").glob("train-*.parquet")))

    Images are read in place, a row group at a time, of which each process keeps 256 MiB: a shuffled epoch over a larger
    data set reads row groups again and again, so convert it with `augfuse convert`, or write small row groups. Names of
    classes that Hugging Face has noted in the file are kept. Checksums of pages are verified where there are any.

    The arguments are those of `from_csv` and `from_dataframe`. Needs the extra augfuse[parquet].

    Args:
        paths: a file, or several.
        root, classes, part, color, **columns: as in `from_csv` and `from_dataframe`.

    Returns:
        A `DataSet`; its images are read when they are asked for.

    Raises:
        MissingExtraError: no PyArrow.
        DataNotFoundError: no such file.
        DataError: not Parquet, files of different columns, and what `from_csv` raises; with the row.
    """
    files = existing_files(paths, "a Parquet file", "from_parquet")
    frame = parquet_frame(files)
    return _chosen(data_sets(frame, _folder(root, files[0]), columns, classes, color), part, frame.title)


def from_hf(
    dataset: HfDataset | Mapping[str, HfDataset],
    *,
    classes: Sequence[str] | None = None,
    part: str | None = None,
    color: Color | None = "rgb",
    **columns: Unpack[Columns],
) -> DataSet:
    """A data set of Hugging Face's `datasets`: a map-style Dataset with a column of images, or a DatasetDict of its
    parts.

        af.from_hf(datasets.load_dataset("beans"))                      train, validation and test
        af.from_hf(dataset, image="img", label="fine_label")

    Images are read from its files when they are asked for, and decoded by augfuse: the same bytes as from a folder.
    Names of ClassLabel features are kept. The arguments are those of `from_dataframe`. Needs the extra augfuse[hf].

    Args:
        dataset: a map-style Dataset, or a DatasetDict.
        classes, part, color, **columns: as in `from_dataframe`.

    Returns:
        A `DataSet`; its images are read when they are asked for.

    Raises:
        ImageTypeError: something else, or a data set that streams.
        DataError: parts of other names, and what `from_dataframe` raises.
    """
    if not isinstance(dataset, Mapping):
        frame = hf_frame(dataset)
        return _chosen(data_sets(frame, None, columns, classes, color), part, frame.title)
    frame, parts = joined_parts(dataset)
    named: Columns = {"split": "", **columns}  # the parts are known already
    return _chosen(data_sets(frame, None, named, classes, color, parts), part, frame.title)


_SHARD = re.compile(r"-\d+-of-\d+(-[0-9a-f]+)?$")
TABLES = (".csv", ".tsv", ".tab", ".jsonl", ".ndjson", ".parquet")


def table_parts(path: Path, color: Color | None, named: Named = UNNAMED) -> dict[str | None, DataSet]:
    """{part: data set} of a file with one of the endings TABLES, or {None: data set}. Raises as its function does."""
    suffix = path.suffix.lower()
    if suffix == ".parquet":
        frame = parquet_frame([existing_file(path, "a Parquet file")])
    else:
        frame = read_jsonl(path) if suffix in (".jsonl", ".ndjson") else read_csv(path)
    return data_sets(frame, _folder(named.root, path), named.columns, None, color)


def find_shards(folder: Path) -> dict[Path, str | None]:
    """{file: part} of the Parquet files in a folder, as Hugging Face calls them: train-00000-of-00002.parquet. {} where
    only some of them name a part, or images lie beside them."""
    held = sorted(path for path in folder.iterdir() if not is_left_behind(path.name))
    files = [path for path in held if path.suffix.lower() == ".parquet" and path.is_file()]
    found = {file: part_of(_SHARD.sub("", file.stem)) for file in files}
    mixed = None in found.values() and len(set(found.values())) > 1
    return {} if mixed or any(is_image(path.name) for path in held) else found


def shard_parts(
    shards: Mapping[Path, str | None], color: Color | None, named: Named = UNNAMED
) -> dict[str | None, DataSet]:
    """{part: data set} of these files, or {None: data set}. Raises as `from_parquet` does."""
    frame = parquet_frame(list(shards))
    lengths = map(parquet_length, shards)
    parts = [part for part, length in zip(shards.values(), lengths, strict=True) for _ in range(length) if part]
    columns: Columns = {"split": "", **named.columns} if parts else named.columns
    return data_sets(frame, _folder(named.root, next(iter(shards))), columns, None, color, parts or None)


def _folder(root: str | os.PathLike[str] | None, file: str | os.PathLike[str] = "") -> Path:
    """The folder of the images: the one that was given, or that of the table."""
    if root is None:
        return Path(os.path.abspath(file)).parent  # noqa: PTH100 - the user's own link stays in messages
    folder = Path(os.path.abspath(root))  # noqa: PTH100
    if not folder.is_dir():
        raise DataNotFoundError(f"root: no such folder {folder}.")
    return folder


def _chosen(sets: Mapping[str | None, DataSet], part: str | None, title: str) -> DataSet:
    if None in sets:
        if part is not None:
            raise DataError(f"{title}: has no parts, got part={shown(part)}. Leave part= out, or type split=COLUMN.")
        return sets[None]
    return sets[choose_part(part, [name for name in sets if name is not None], title)]
