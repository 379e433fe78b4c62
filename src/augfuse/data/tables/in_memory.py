"""Tables in memory: data frames of pandas and polars, tables of pyarrow, data sets of Hugging Face."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

import numpy as np

from augfuse.algebra.values import is_dict, is_list, is_row
from augfuse.data.stores.cells import Encoded, MemoryCells, is_encoded
from augfuse.data.tables.read_table import Cells, Frame, is_empty, make_frame, plain
from augfuse.errors import DataError, ImageTypeError

_WANTED = "a data frame of pandas or polars, or a table of pyarrow"


@runtime_checkable
class DataFrame(Protocol):
    """A frame of pandas or polars."""

    @property
    def columns(self) -> Iterable[Any]: ...

    def __getitem__(self, name: Any, /) -> Any: ...

    def to_dict(self) -> Any: ...


class ArrowColumn(Protocol):
    """pyarrow.ChunkedArray."""

    @property
    def type(self) -> Any: ...

    def to_numpy(self) -> np.ndarray: ...

    def to_pylist(self) -> list[Any]: ...


@runtime_checkable
class ArrowTable(Protocol):
    """pyarrow.Table."""

    @property
    def column_names(self) -> list[str]: ...

    @property
    def columns(self) -> list[ArrowColumn]: ...

    @property
    def schema(self) -> Any: ...

    def to_pylist(self) -> list[Any]: ...


def read_frame(df: DataFrame | ArrowTable) -> Frame:
    """A data frame as a table; rows are called by their position. Raises ImageTypeError for anything else, DataError
    as `make_frame` does."""
    title = "the data frame"
    is_lazy = type(df).__name__ == "LazyFrame"
    if not is_lazy and isinstance(df, ArrowTable):
        return arrow_frame(df, title)
    if is_lazy or not isinstance(df, DataFrame):
        hint = " Type df.collect()." if is_lazy else ""
        hint = " Use af.open(path)." if isinstance(df, (str, os.PathLike)) else hint
        raise ImageTypeError(f"from_dataframe: got {type(df).__name__}, wanted {_WANTED}.{hint}")
    names = list(df.columns)
    if len(set(map(str, names))) < len(names):  # pandas would give a frame for such a name
        make_frame(title, names, [[None]] * len(names), str)
    columns = [_numbers_or_cells(df[name].to_numpy(), df[name].to_list, f"{title}, column {name}") for name in names]
    return make_frame(title, names, columns, lambda row: f"{title}, row {row}")


def arrow_frame(
    table: ArrowTable,
    title: str,
    lazy: Mapping[str, Encoded] | None = None,
    classes: dict[str, tuple[str, ...]] | None = None,
) -> Frame:
    """A table of pyarrow. lazy: its columns of images, which are read later. classes: what it declares; by default what
    Hugging Face wrote into its schema."""
    known: Mapping[str, Encoded] = {} if lazy is None else lazy
    columns: dict[str, Cells] = {**known}
    for name, column in zip(table.column_names, table.columns, strict=True):
        if name not in known:
            columns[name] = _arrow_cells(column, f"{title}, column {name}")
    if len(set(table.column_names)) < len(table.column_names):
        make_frame(title, table.column_names, [[None]] * len(table.column_names), str)
    declared = declared_classes(table.schema.metadata) if classes is None else classes
    return make_frame(title, list(columns), list(columns.values()), lambda row: f"{title}, row {row}", classes=declared)


def declared_classes(metadata: Mapping[bytes, bytes] | None) -> dict[str, tuple[str, ...]]:
    """The names of class numbers that Hugging Face keeps in the schema of a Parquet file."""
    try:
        held = json.loads((metadata or {}).get(b"huggingface", b"{}"))
        return feature_names(held["info"]["features"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return {}


def feature_names(features: Any, path: str = "") -> dict[str, tuple[str, ...]]:
    """{column: names} of the ClassLabel features, at any depth, of features as a dictionary."""
    if is_list(features) and len(features) == 1:  # as old versions wrote lists
        return feature_names(features[0], path)
    if not is_dict(features):
        return {}
    kind = features.get("_type")
    if kind == "ClassLabel":
        return {path: tuple(map(str, features["names"]))}
    if isinstance(kind, str):
        return feature_names(features.get("feature"), path)
    found: dict[str, tuple[str, ...]] = {}
    for name, feature in features.items():
        found |= feature_names(feature, f"{path}.{name}" if path else name)
    return found


def _arrow_cells(column: ArrowColumn, title: str) -> Cells:
    if str(column.type).startswith(("int", "uint", "float", "double", "halffloat", "bool")):
        return _numbers_or_cells(column.to_numpy(), column.to_pylist, title)
    return _from_list(column.to_pylist(), title)


def _numbers_or_cells(array: np.ndarray, to_list: Any, title: str) -> Cells:
    return array if array.dtype.kind in "iufb" and array.ndim == 1 else _from_list(to_list(), title)


def _from_list(cells: Sequence[Any], title: str) -> Cells:
    """Cells as Python's own objects. Lists may hold arrays: they become lists too."""
    first = next((cell for cell in cells if not is_empty(cell)), None)
    if is_dict(first) and set(first) == {"bytes", "path"} and not any(cell and cell["bytes"] for cell in cells):
        return [cell and cell["path"] for cell in cells]  # as Hugging Face has files that lie elsewhere
    if first is not None and is_encoded(first):
        wrong = next((row for row, cell in enumerate(cells) if not is_encoded(cell) and not is_empty(cell)), None)
        if wrong is not None:
            raise DataError(f"{title}: row {wrong} holds a {type(cells[wrong]).__name__}, others hold image files.")
        return MemoryCells(title, cells)
    return plain(list(map(_own, cells)))


def _own(cell: Any) -> Any:
    """A cell in Python's own types: pandas hands out arrays in arrays."""
    own: Any = cell
    if isinstance(cell, (np.ndarray, np.generic)):
        own = own.tolist()
    if is_row(own):
        return list(map(_own, own))
    return {key: _own(value) for key, value in own.items()} if is_dict(own) else own
