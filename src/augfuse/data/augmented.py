"""A data set of originals and augmented copies that are made when they are read: for forms that take any data set."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import final

import msgspec
import numpy as np

from augfuse.data.codecs.encode import encoded
from augfuse.data.copies import Versions
from augfuse.data.dataset import DataSet
from augfuse.data.sample import Sample
from augfuse.data.stores.store import Read, read_each
from augfuse.errors import DataError, DecodeError
from augfuse.recipe import Recipe
from augfuse.transforms.base import Displacement, Geometric
from augfuse.transforms.children import leaves
from augfuse.transforms.mixing import Mix


def check_still(data: DataSet, recipe: Recipe, where: object) -> None:
    """DataError where a recipe would move the pixels of stored copies under their boxes or masks."""
    if not data.table.targets:
        return
    moving = [
        type(one).__name__ for one in leaves(recipe.transforms) if isinstance(one, (Geometric, Displacement, Mix))
    ]
    if moving:
        raise DataError(
            f"{where}: its images have {', '.join(data.table.targets)}, which stored copies do not move in this "
            f"version, and {', '.join(dict.fromkeys(moving))} would move the pixels. Type a --recipe of colours and "
            "noise only, or augment while training: a loader moves them."
        )


def with_copies(data: DataSet, recipe: Recipe, copies: int, seed: int, format: str) -> DataSet:
    """Each sample, followed by its copies. format: how copies are stored, "png" or "jpg"."""
    versions = Versions(data, recipe, copies, seed, 1)
    store = CopiesStore(data, versions, copies, format)
    rows = np.repeat(np.arange(len(data)), copies + 1)
    keys = np.arange(len(data)) if data.groups is None else data.groups
    table = msgspec.structs.replace(
        data.table.take(rows), groups=keys[rows], copies=np.arange(len(rows)) % (copies + 1) > 0
    )
    return DataSet(store, table, data.classes, data.value_range, part=data.part, skeleton=data.skeleton)


@final
class CopiesStore:
    """Row i * (copies + 1) is sample i of a data set, those behind it are its copies."""

    __slots__ = ("_copies", "_data", "_format", "_versions")

    stack = None
    folder = None
    keeps_files = True

    def __init__(self, data: DataSet, versions: Versions, copies: int, format: str) -> None:
        self._data = data
        self._versions = versions
        self._copies = copies
        self._format = format

    def __len__(self) -> int:
        return len(self._data) * (self._copies + 1)

    def __str__(self) -> str:
        return f"{self._data.store} with {self._copies} copies of each"

    @property
    def names(self) -> Sequence[str] | None:
        paths = self._data.paths
        if paths is None:
            return None
        endings = [f"~{version}.{self._format}" for version in range(1, self._copies + 1)]
        return [name for path in paths for name in (path, *(f"{Path(path).with_suffix('')}{end}" for end in endings))]

    @property
    def roots(self) -> tuple[str, ...]:
        return self._data.store.roots

    def read(self, rows: Sequence[int], threads: int) -> list[Read]:
        return read_each(self._one, rows, threads)

    def _one(self, row: int) -> Sample:
        i, version = divmod(row, self._copies + 1)
        (read,) = self._data.read(np.array([i]), 1)
        if isinstance(read, DecodeError):
            raise read
        images, at = read.image[None], np.array([i])
        made = self._versions.original(images, at) if version == 0 else self._versions.copy(images, at, version - 1)
        return Sample(made[0], read.label, read.path)

    def raw(self, row: int) -> bytes:
        """The file of an original that the recipe leaves as it is, else the image as a file."""
        if row % (self._copies + 1) == 0 and self._data.store.keeps_files and self._versions.keeps_originals:
            return self._data.raw(row // (self._copies + 1))
        sample = self._one(row)
        format = self._format if row % (self._copies + 1) else "png"
        return encoded(sample.image, format, sample.path or f"sample {row}")

    def marks(self, rows: Sequence[int]) -> Iterator[bytes]:
        yield f"{self} {len(self)}".encode("utf-8", "surrogateescape")
