"""Images in a data set of Hugging Face's `datasets`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol, final, runtime_checkable

import numpy as np

from augfuse.data.stores.cells import Encoded, content
from augfuse.errors import DecodeError


@runtime_checkable
class HfDataset(Protocol):
    """`datasets.Dataset`: a map-style data set."""

    @property
    def features(self) -> Any: ...

    @property
    def column_names(self) -> list[str]: ...

    @property
    def cache_files(self) -> list[Mapping[str, str]]: ...

    def with_format(self, type: str | None) -> HfDataset: ...

    def select_columns(self, column_names: list[str]) -> HfDataset: ...

    def __len__(self) -> int: ...

    def __getitem__(self, rows: Any, /) -> Any: ...


@final
class HfCells(Encoded):
    """A column of images, as the files that they are: nothing of it is decoded by `datasets`."""

    __slots__ = ("_column", "_rows", "_title")

    def __init__(self, dataset: HfDataset, column: str, title: str) -> None:
        self.color = None
        self._rows = dataset.select_columns([column]).with_format("arrow")
        self._column = column
        self._title = title

    @property
    def roots(self) -> tuple[str, ...]:
        return tuple(file["filename"] for file in self._rows.cache_files)

    def __len__(self) -> int:
        return len(self._rows)

    def __str__(self) -> str:
        return self._title

    def get(self, rows: Sequence[int]) -> list[bytes | DecodeError]:
        cells = self._rows[list(rows)].column(self._column)
        return [content(cell.as_py(), f"{self._title}, row {row}") for row, cell in zip(rows, cells, strict=True)]

    def marks(self, rows: Sequence[int]) -> Iterator[bytes]:
        yield f"{self._title} {len(self)} {self.roots}".encode("utf-8", "surrogateescape")
        yield np.asarray(rows, np.int64).tobytes()
