"""A data set of originals and augmented copies that are made on request, for writers that take any data set."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from threading import local
from typing import Any, final

import msgspec
import numpy as np

from augfuse.data.batches.batch_array import Room
from augfuse.data.codecs.encode import encoded
from augfuse.data.columns.objects import Fields, Size, kinds, known_kinds
from augfuse.data.dataset import DataSet
from augfuse.data.export.augmented_copies import Versions
from augfuse.data.sample import Sample
from augfuse.data.stores.store import Read, Store, read_each
from augfuse.errors import DataError
from augfuse.recipe import Recipe
from augfuse.targets.masks_as_labels import moves as moves_pixels
from augfuse.targets.policy import DEFAULT
from augfuse.targets.polygons import Rings, areas
from augfuse.targets.validate import of_samples
from augfuse.transforms.children import leaves
from augfuse.transforms.mix_base import Mix


def check_one(recipe: Recipe, where: object) -> None:
    """DataError where a copy would be made of several images: stored copies are made one by one."""
    mixing = [type(one).__name__ for one in leaves(recipe.transforms) if isinstance(one, Mix)]
    if mixing:
        raise DataError(
            f"{where}: {', '.join(dict.fromkeys(mixing))} would mix its images with others, which stored copies are "
            "not, and a folder holds no labels of several classes. Leave it for training: a loader mixes."
        )


def moves(recipe: Recipe) -> bool:
    """Whether targets of stored copies are others than those of their originals."""
    return moves_pixels(recipe.transforms) or recipe.targets != DEFAULT


def with_copies(data: DataSet, recipe: Recipe, copies: int, seed: int, format: str) -> DataSet:
    """Each sample, followed by its copies. format: how copies are stored, "png" or "jpg"."""
    store = CopiesStore(data, recipe, copies, seed, format)
    rows = np.repeat(np.arange(len(data)), copies + 1)
    keys = np.arange(len(data)) if data.groups is None else data.groups
    table = msgspec.structs.replace(
        data.table.take(rows), groups=keys[rows], copies=np.arange(len(rows)) % (copies + 1) > 0
    )
    if store.moves:
        numbers = np.arange(len(rows))
        table = msgspec.structs.replace(table, targets={name: Moved(store, name, numbers) for name in table.targets})
    return DataSet(store, table, data.classes, data.value_range, part=data.part, skeleton=data.skeleton)


@final
class CopiesStore(Store):
    """Row i * (copies + 1) is sample i of a data set, those behind it are its copies."""

    __slots__ = ("_copies", "_data", "_format", "_kinds", "_last", "_versions", "moves")

    def __init__(self, data: DataSet, recipe: Recipe, copies: int, seed: int, format: str) -> None:
        self._data = data
        self._versions = Versions(data, recipe, copies, seed, 1)
        self._copies = copies
        self._format = format
        self._last = local()  # what belongs to the image that a thread made last
        self._kinds = kinds(data.table.targets, known_kinds(recipe.additional))
        self.moves = bool(data.table.targets) and moves(recipe)

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

    @property
    def keeps_files(self) -> bool:
        return True

    def read(self, rows: Sequence[int], threads: int, room: Room | None = None) -> list[Read]:
        return read_each(self._one, rows, threads)

    def _one(self, row: int) -> Sample:
        i, version = divmod(row, self._copies + 1)
        read = self._data[i]
        if not self.moves:
            images, at = read.image[None], np.array([i])
            made = self._versions.original(images, at) if version == 0 else self._versions.copy(images, at, version - 1)
            return Sample(made[0], read.label, read.path)
        if version == 0 and self._versions.keeps_originals:
            image, targets = read.image, dict(read.targets)
        else:
            what = of_samples([read.path or f"sample {i}"]), self._kinds, "pascal_voc"
            targets = self._versions.annotated(read.image, i, version, read.targets, what).sample(0)
            image = targets.pop("image")
            if "area" in targets:
                targets["area"] = _areas(targets)
        self._last.made = row, targets
        return Sample(image, read.label, read.path)

    def targets(self, row: int, size: Size) -> Mapping[str, Any]:
        """What belongs to the image at `row`, which has this size."""
        if row % (self._copies + 1) == 0 and self._versions.keeps_originals:
            i = row // (self._copies + 1)
            return {name: column.entry(i, size) for name, column in self._data.table.targets.items()}
        if getattr(self._last, "made", (None,))[0] != row:
            self._one(row)
        return self._last.made[1]

    def raw(self, row: int) -> bytes:
        """The file of an original that the recipe leaves as it is, else the image as a file."""
        if row % (self._copies + 1) == 0 and self._data.store.keeps_files and self._versions.keeps_originals:
            return self._data.raw(row // (self._copies + 1))
        sample = self._one(row)
        format = self._format if row % (self._copies + 1) else "png"
        return encoded(sample.image, format, sample.path or f"sample {row}")

    def marks(self, rows: Sequence[int]) -> Iterator[bytes]:
        yield f"{self} {len(self)}".encode("utf-8", "surrogateescape")


@final
class Moved(Fields, frozen=True, eq=False):
    """What belongs to the images of originals and copies, as the recipe moves it."""

    store: CopiesStore
    name: str
    rows: np.ndarray  # (n,) int64

    def entry(self, row: int, size: Size) -> Any:
        return self.store.targets(int(self.rows[row]), size)[self.name]


def _areas(targets: Mapping[str, Any]) -> np.ndarray:
    """(k,) float32: the area of each object, of its polygons or its mask, where it has some, else of its box."""
    sides = targets["boxes"][:, 2:] - targets["boxes"][:, :2]
    found = sides.prod(axis=1).astype(np.float32)
    for k in range(len(found)):
        rings: list[np.ndarray] = targets["polygons"][k] if "polygons" in targets else []
        if len(rings):
            counts = np.array([len(ring) for ring in rings])
            found[k] = areas(Rings(np.concatenate(rings), counts, np.zeros(len(rings), np.int64))).sum()
        elif "masks" in targets:
            found[k] = np.count_nonzero(targets["masks"][k])
    return found
