"""Parquet files and data sets of Hugging Face as tables, whose columns of images are read later."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from augfuse.algebra.values import is_dict
from augfuse.data.stores.cells import Encoded
from augfuse.data.stores.hf import HfCells, HfDataset
from augfuse.data.stores.parquet import BROKEN, Group, ParquetCells, parquet
from augfuse.data.tables.in_memory import arrow_frame, feature_names
from augfuse.data.tables.read_table import Frame, make_frame
from augfuse.data.tables.roles import part_of
from augfuse.errors import DataError, ImageTypeError, MissingExtraError
from augfuse.text import shown

_BUFFER = 2**16  # bytes that are read at a time: no more than the first pages of a column


def parquet_frame(files: Sequence[Path]) -> Frame:
    """A table of Parquet files of the same columns, one below the other. Raises MissingExtraError, DataError."""
    module = parquet()
    title = str(files[0]) if len(files) == 1 else f"{files[0]} and {len(files) - 1} more"
    tables: list[Any] = []
    groups: list[Group] = []
    images: list[str] = []
    columns: list[str] = []
    for number, file in enumerate(files):
        try:
            _check_groups(module, file)
            with module.ParquetFile(file, page_checksum_verification=True) as opened:
                schema, metadata = opened.schema_arrow, opened.metadata
                held = [metadata.row_group(i) for i in range(metadata.num_row_groups)]
                rows = sum(group.num_rows for group in held)
                if not number:
                    columns = schema.names
                    _check_once(file, columns)
                    likely = [field.name for field in schema if _is_image(field.type)]
                    # Hugging Face also writes paths alone.
                    images = [name for name in likely if not held or _count_empty(held, name) < rows]
                elif sorted(schema.names) != sorted(columns):
                    listed = ", ".join(map(shown, schema.names))
                    raise DataError(f"{file}: has the columns {listed}, wanted those of {files[0]}.")
                for name in images:
                    if empty := _count_empty(held, name):
                        raise DataError(f"{file}: {empty} of {rows} cells of column {shown(name)} hold no image file.")
                groups += [Group(number, i, group.num_rows) for i, group in enumerate(held) if group.num_rows]
                tables.append(opened.read([name for name in columns if name not in images]))
                if len(images) < len(columns) and tables[-1].num_rows != rows:
                    raise DataError(f"{file}: not a readable Parquet file ({tables[-1].num_rows} rows, wanted {rows}).")
        except DataError:
            raise
        except BROKEN as error:
            raise DataError(f"{file}: not a readable Parquet file ({error}).") from None
    table = import_module("pyarrow").concat_tables(tables)
    lazy = {name: ParquetCells(tuple(map(str, files)), name, tuple(groups)) for name in images if groups}
    return arrow_frame(table, title, lazy)


def _check_groups(module: Any, file: Path) -> None:
    """Read a row of each group. Where what the file says of a column contradicts itself, that is an error here, but
    PyArrow ends the process where it is asked for the statistics of the column."""
    with module.ParquetFile(file, buffer_size=_BUFFER) as opened:
        for number in range(opened.metadata.num_row_groups):
            group = opened.metadata.row_group(number)
            if not group.num_rows:
                continue
            next(opened.iter_batches(1, row_groups=[number]), None)
            kinds = [(group.column(i).physical_type, opened.schema.column(i).physical_type)
                     for i in range(group.num_columns)]  # fmt: skip
            if any(own != declared for own, declared in kinds):
                raise DataError(f"{file}: not a readable Parquet file (row group {number} has columns of other types).")


def parquet_length(file: Path) -> int:
    """How many rows a file has."""
    return int(parquet().read_metadata(file).num_rows)


def hf_frame(dataset: object) -> Frame:
    """A table of a map-style data set. Raises ImageTypeError, DataError."""
    title = "the data set of Hugging Face"
    if not isinstance(dataset, HfDataset):
        hint = " Load it without streaming=True." if type(dataset).__name__.startswith("Iterable") else ""
        raise ImageTypeError(
            f"from_hf: got {type(dataset).__name__}, wanted a datasets.Dataset, or a DatasetDict of them.{hint}"
        )
    features = dataset.features.to_dict()
    lazy: dict[str, Encoded] = {
        name: HfCells(dataset, name, title)
        for name, feature in features.items()
        if is_dict(feature) and feature.get("_type") == "Image"
    }
    rest = [name for name in dataset.column_names if name not in lazy]
    classes = feature_names(features)
    if not rest:
        return make_frame(title, list(lazy), list(lazy.values()), lambda row: f"{title}, row {row}", classes=classes)
    return arrow_frame(dataset.select_columns(rest).with_format("arrow")[:], title, lazy, classes)


def joined_parts(parts: Mapping[str, HfDataset]) -> tuple[Frame, list[str]]:
    """(a table of all parts, the part of each row). Raises ImageTypeError, DataError, MissingExtraError."""
    names = {name: part_of(str(name)) for name in parts}
    unknown = next((name for name, part in names.items() if part is None), None)
    if unknown is not None or len(set(names.values())) < len(names) or not names:
        got = ", ".join(map(shown, names)) or "nothing"
        raise DataError(
            f"from_hf: got the parts {got}, wanted train, validation and test, those that exist. Type "
            "af.from_hf(dataset[NAME])."
        )
    for dataset in list[object](parts.values()):
        if not isinstance(dataset, HfDataset):
            hf_frame(dataset)
    try:
        datasets = import_module("datasets")
    except ImportError:
        raise MissingExtraError('from_hf needs datasets. Type: pip install "augfuse[hf]"') from None
    try:
        whole = datasets.concatenate_datasets([dataset.with_format(None) for dataset in parts.values()])
    except ValueError as error:
        raise DataError(f"from_hf: the parts have different columns ({error}).") from None
    return hf_frame(whole), [str(names[name]) for name, dataset in parts.items() for _ in range(len(dataset))]


def _is_image(kind: Any) -> bool:
    """Whether an Arrow type is that of image files: bytes, or records of bytes and a path."""
    types = import_module("pyarrow").types
    if types.is_struct(kind):
        names = {kind.field(i).name for i in range(kind.num_fields)}
        return "bytes" in names and names <= {"bytes", "path"} and _is_image(kind.field("bytes").type)
    return types.is_binary(kind) or types.is_large_binary(kind) or types.is_fixed_size_binary(kind)


def _check_once(file: Path, names: Sequence[str]) -> None:
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise DataError(f"{file}: two columns are called {shown(twice)}, wanted names that differ.")


def _count_empty(groups: Sequence[Any], name: str) -> int:
    """How many cells of a column of images the statistics of a file call empty."""
    found = 0
    for group in groups:
        for i in range(group.num_columns if group.num_rows else 0):
            column = group.column(i)
            if column.path_in_schema in (name, f"{name}.bytes") and column.is_stats_set:
                found += column.statistics.null_count or 0
    return found
