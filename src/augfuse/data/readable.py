"""What batches, partners and statistics read of a data set: they know no more of it, so it may call them."""

from __future__ import annotations

from typing import Protocol, SupportsIndex

import numpy as np

from augfuse.data.batches.batch_array import Room
from augfuse.data.sample import Sample
from augfuse.data.stores.store import Read
from augfuse.data.table import Table


class Readable(Protocol):
    """n samples that can be read. The one implementation is `augfuse.data.dataset.DataSet`, whose words hold here."""

    @property
    def rows(self) -> np.ndarray: ...
    @property
    def table(self) -> Table: ...
    @property
    def classes(self) -> tuple[str, ...] | None: ...
    @property
    def value_range(self) -> tuple[float, float] | None: ...
    @property
    def labels(self) -> np.ndarray | None: ...
    @property
    def sample_weights(self) -> np.ndarray | None: ...
    @property
    def images(self) -> np.ndarray | None: ...
    @property
    def paths(self) -> tuple[str, ...] | None: ...

    def __len__(self) -> int: ...
    def __getitem__(self, index: SupportsIndex, /) -> Sample: ...
    def read(self, positions: np.ndarray, threads: int, room: Room | None = None) -> list[Read]: ...
