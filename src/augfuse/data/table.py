"""What is known of the samples of a data set without reading one: a column for each thing, one row for each sample."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import final

import msgspec
import numpy as np

from augfuse.data.columns.objects import Column
from augfuse.data.columns.objects import joined as joined_columns
from augfuse.errors import DataError


@final
class Table(msgspec.Struct, frozen=True, eq=False):
    """Columns, each an array with a row for each sample, or None where a data set has none.

    labels: class numbers (n,) int64, or any finite numbers (n, ...). groups: (n,), what a split must not part. copies:
    (n,) bool, True for augmented copies of other samples, of the same group. sampling: (n,) float64, 0 or more, how
    often a sample is drawn where an epoch is shuffled, as a share of the sum. sample_weights: (n,) float32, what it
    counts in a loss.
    """

    labels: np.ndarray | None = None
    groups: np.ndarray | None = None
    copies: np.ndarray | None = None
    sampling: np.ndarray | None = None
    sample_weights: np.ndarray | None = None
    # What belongs to places in the images; see `Sample`.
    targets: Mapping[str, Column] = msgspec.field(default_factory=dict[str, Column])

    def take(self, rows: np.ndarray) -> Table:
        """The same of these rows."""
        targets = {name: column.take(rows) for name, column in self.targets.items()}
        return self._each(lambda column: column[rows], targets)

    def read_only(self) -> Table:
        """The same arrays, that cannot be written to through this table."""

        def view(column: np.ndarray) -> np.ndarray:
            seen = column.view()
            seen.flags.writeable = False
            return seen

        return self._each(view, self.targets)

    def _each(self, change: Callable[[np.ndarray], np.ndarray], targets: Mapping[str, Column]) -> Table:
        arrays = {name: getattr(self, name) for name in self.__struct_fields__ if name != "targets"}
        changed = {name: None if array is None else change(array) for name, array in arrays.items()}
        return Table(**changed, targets=targets)


def joined(tables: Sequence[Table], lengths: Sequence[int]) -> Table:
    """Tables one below the other. Groups of one name in two of them are different groups; samples that no table gives
    a weight to have 1. DataError where some have labels and others not, or of another shape."""
    labels = [table.labels for table in tables]
    held = [column for column in labels if column is not None]
    if held and (len(held) < len(labels) or len({(column.shape[1:], column.dtype.kind) for column in held}) > 1):
        shown = ", ".join("none" if column is None else f"{column.dtype} {column.shape}" for column in labels)
        raise DataError(f"concat: got labels {shown}, wanted labels of one kind in all data sets, or in none.")
    names = {tuple(sorted(table.targets)) for table in tables}
    if len(names) > 1:
        listed = " and ".join(", ".join(one) or "none" for one in sorted(names))
        raise DataError(f"concat: got data sets with different targets: {listed}. Wanted the same ones in all.")
    return Table(
        np.concatenate(held) if held else None,
        _joined_groups([table.groups for table in tables], lengths),
        _filled([table.copies for table in tables], lengths, lambda n: np.zeros(n, bool)),
        _filled([table.sampling for table in tables], lengths, np.ones),
        _filled([table.sample_weights for table in tables], lengths, lambda n: np.ones(n, np.float32)),
        {name: joined_columns([table.targets[name] for table in tables]) for name in tables[0].targets},
    )


def _filled(
    columns: Sequence[np.ndarray | None], lengths: Sequence[int], default: Callable[[int], np.ndarray]
) -> np.ndarray | None:
    if all(column is None for column in columns):
        return None
    return np.concatenate([default(n) if c is None else c for c, n in zip(columns, lengths, strict=True)])


def _joined_groups(columns: Sequence[np.ndarray | None], lengths: Sequence[int]) -> np.ndarray | None:
    """Numbers of groups; a sample of a table without groups is a group by itself."""
    if all(column is None for column in columns):
        return None
    found: list[np.ndarray] = []
    first = 0
    for column, n in zip(columns, lengths, strict=True):
        codes = np.arange(n) if column is None else np.unique(column, return_inverse=True)[1].reshape(n)
        found.append(codes + first)
        first += int(codes.max()) + 1
    return np.concatenate(found)
