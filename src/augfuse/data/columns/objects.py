"""Columns of things in images: boxes, points, polygons, masks. Each sample has its own number of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, NamedTuple, Protocol, Self, final

import msgspec
import numpy as np

from augfuse.algebra.values import is_list
from augfuse.data.columns.mask_files import decode_mask
from augfuse.data.decoding.kept_arrays import brought, carried
from augfuse.data.stores.store import Store
from augfuse.errors import DataError, DecodeError
from augfuse.targets.policy import KINDS


class Size(NamedTuple):
    """Of a decoded image, in pixels."""

    height: int
    width: int


class Column(Protocol):
    """An entry for each of n samples."""

    def __len__(self) -> int: ...

    def entry(self, row: int, size: Size) -> Any:
        """What belongs to sample `row`, whose image has this size. DecodeError where it is a file that cannot be
        read."""
        ...

    def take(self, rows: np.ndarray) -> Column:
        """The same of these rows; what they hold is shared."""
        ...


class Fields(msgspec.Struct, frozen=True, eq=False):
    """A column of whose fields those in `each` have a value for each sample: arrays, or columns. Its pickle has, of
    arrays that are mapped from the cache, where they are kept."""

    each: ClassVar[tuple[str, ...]] = ("rows",)

    def __len__(self) -> int:
        return len(getattr(self, self.each[0]))

    def take(self, rows: np.ndarray) -> Self:
        """The same of these rows; what they hold is shared."""
        chosen = {name: _taken(getattr(self, name), rows) for name in self.each}
        return msgspec.structs.replace(self, **chosen)

    def __reduce__(self) -> tuple[Any, ...]:
        return _brought, (type(self), *(carried(getattr(self, name)) for name in self.__struct_fields__))


def _taken(field: np.ndarray | Column | None, rows: np.ndarray) -> np.ndarray | Column | None:
    if isinstance(field, np.ndarray):
        return field[rows]
    return None if field is None else field.take(rows)


def _brought(kind: type[Fields], *fields: Any) -> Fields:
    return kind(*map(brought, fields))


@final
class Ragged(Fields, frozen=True, eq=False):
    """Arrays of different lengths: entry i is values[starts[i] : starts[i] + counts[i]]."""

    each = ("starts", "counts")
    values: np.ndarray  # (total, ...)
    starts: np.ndarray  # (n,) int64
    counts: np.ndarray  # (n,) int64

    def entry(self, row: int, size: Size) -> np.ndarray:
        start = self.starts[row]
        found = self.values[start : start + self.counts[row]]
        found.flags.writeable = False
        return found


def ragged(values: np.ndarray, counts: Sequence[int] | np.ndarray) -> Ragged:
    """Of values that lie one entry behind the other."""
    lengths = np.asarray(counts, np.int64)
    return Ragged(values, np.cumsum(lengths) - lengths, lengths)


@final
class Values(Fields, frozen=True, eq=False):
    """One thing for each sample, a number or anything else: entry i is values[rows[i]]."""

    values: np.ndarray | Sequence[Any]
    rows: np.ndarray  # (n,) int64

    def entry(self, row: int, size: Size) -> Any:
        return self.values[int(self.rows[row])]


@final
class Lists(Fields, frozen=True, eq=False):
    """Lists of entries of another column: entry i has counts[i] of them from starts[i] on."""

    each = ("starts", "counts")
    inner: Column
    starts: np.ndarray
    counts: np.ndarray

    def entry(self, row: int, size: Size) -> list[Any]:
        start = int(self.starts[row])
        return [self.inner.entry(k, size) for k in range(start, start + int(self.counts[row]))]


def lists(inner: Column, counts: Sequence[int] | np.ndarray) -> Lists:
    """Of entries that lie one list behind the other."""
    lengths = np.asarray(counts, np.int64)
    return Lists(inner, np.cumsum(lengths) - lengths, lengths)


@final
class Relative(Fields, frozen=True, eq=False):
    """Coordinates as fractions of the width and the height, (k, d) each: entries are in pixels. The first `scaled` of
    the d numbers are x and y in turn; others, such as a visibility, stay as they are."""

    each = ("inner",)
    inner: Column
    scaled: int

    def entry(self, row: int, size: Size) -> Any:
        return self._scaled(self.inner.entry(row, size), size)

    def _scaled(self, found: Any, size: Size) -> Any:
        if is_list(found):
            return [self._scaled(one, size) for one in found]
        made = found.copy()
        made[..., 0 : self.scaled : 2] *= size.width
        made[..., 1 : self.scaled : 2] *= size.height
        return made


@final
class MaskFiles(Fields, frozen=True, eq=False):
    """Masks in image files, one for each sample: (h, w) whole numbers, of a palette image its indices."""

    store: Store
    rows: np.ndarray  # (n,) int64

    def entry(self, row: int, size: Size) -> np.ndarray:
        names = self.store.names
        path = None if names is None else names[int(self.rows[row])]
        mask = decode_mask(self.store.raw(int(self.rows[row])), path)
        if mask.shape != size:
            height, width = mask.shape
            raise DecodeError(
                f"the mask has {height}x{width} pixels, its image {size.height}x{size.width}: wanted the same.", path
            )
        return mask


def counts(column: Column) -> np.ndarray | None:
    """(n,): how many parts each entry has; None where only reading them tells."""
    if isinstance(column, Ragged | Lists):
        return column.counts
    if isinstance(column, Relative):
        return counts(column.inner)
    if isinstance(column, Values):
        return _lengths(column)
    if isinstance(column, Joined):
        every = [counts(one) for one in column.columns]
        if any(one is None for one in every):
            return None
        found = np.empty(len(column), np.int64)
        for number, one in enumerate(every):
            chosen = column.numbers == number
            found[chosen] = one[column.rows[chosen]]  # type: ignore[index]
        return found
    return None


def known_kinds(additional: Any) -> dict[str, str]:
    """What a recipe with these further fields knows to treat by its name."""
    return {name: name for name in KINDS} | {"corners": "keypoints"} | dict(additional)


def _lengths(column: Values) -> np.ndarray | None:
    """How many parts each of these things has; None where one of them has none."""
    values = column.values
    if isinstance(values, np.ndarray) and values.dtype != object:
        return None if values.ndim < 2 else np.full(len(column), values.shape[1])
    chosen = [values[row] for row in column.rows.tolist()]
    if not all(isinstance(value, (list, tuple)) or getattr(value, "ndim", 0) > 0 for value in chosen):
        return None
    return np.array([len(value) for value in chosen], np.int64)


def kinds(columns: Mapping[str, Column], known: Mapping[str, str]) -> dict[str, str]:
    """What each column is treated like by a recipe: as its name says, or `known`; a column with as many parts as there
    are boxes belongs to them, and others stay as they are."""
    boxes = counts(columns["boxes"]) if "boxes" in columns else None
    found: dict[str, str] = {}
    for name, column in columns.items():
        own = counts(column)
        aligned = boxes is not None and own is not None and np.array_equal(boxes, own)
        found[name] = known.get(name) or ("box_labels" if aligned else "fixed")
    return found


def class_counts(column: Column, what: str) -> np.ndarray:
    """(n, classes) how often each class comes in each entry: numbers or names, one or several. DataError, which begins
    with `what`, for entries of another kind."""
    try:
        entries = [np.atleast_1d(np.asarray(column.entry(row, Size(1, 1)))) for row in range(len(column))]
    except (DecodeError, ValueError):
        entries = []
    wrong = next((e for e in entries if e.ndim != 1 or (len(e) and e.dtype.kind not in "iubU")), None)
    flat = np.concatenate(entries) if entries and wrong is None else np.empty(0)
    if not len(flat):
        got = "no classes" if wrong is None else f"{wrong.dtype} of shape {wrong.shape}"
        raise DataError(f"{what}: holds {got}, wanted numbers or names of classes, such as those of boxes.")
    rows = np.repeat(np.arange(len(entries)), [len(entry) for entry in entries])
    names, codes = np.unique(flat, return_inverse=True)
    found = np.zeros((len(entries), len(names)))
    np.add.at(found, (rows, codes.reshape(len(flat))), 1.0)
    return found


def joined(columns: Sequence[Column]) -> Column:
    """The entries of the first column, then those of the second, and so on."""
    return Joined(tuple(columns), np.concatenate([np.arange(len(column)) for column in columns]),
                  np.repeat(np.arange(len(columns)), [len(column) for column in columns]))  # fmt: skip


@final
class Joined(Fields, frozen=True, eq=False):
    """Entries of several columns: entry i is entry rows[i] of columns[numbers[i]]."""

    each = ("rows", "numbers")
    columns: tuple[Column, ...]
    rows: np.ndarray
    numbers: np.ndarray

    def entry(self, row: int, size: Size) -> Any:
        return self.columns[int(self.numbers[row])].entry(int(self.rows[row]), size)
