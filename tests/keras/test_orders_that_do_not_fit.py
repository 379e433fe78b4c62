"""An index_array or an n that does not fit the other: the next batch says so, and goes on once it is set right."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

pytest.importorskip("keras", reason="needs the extra: pip install 'augfuse[keras,tensorflow]'")

from augfuse.errors import DataError
from augfuse.keras import ImageDataGenerator

N = 12
X = np.arange(N, dtype=np.uint8)[:, None, None, None] + np.zeros((N, 4, 4, 1), np.uint8)  # image i is i


def flow(shuffle: bool = False) -> Any:
    return ImageDataGenerator().flow(X, batch_size=5, shuffle=shuffle)


def rows(*batches: np.ndarray) -> list[int]:
    return np.concatenate(batches)[:, 0, 0, 0].astype(int).tolist()


def test_an_order_shorter_than_n() -> None:
    it = flow()
    it.index_array = np.array([3, 1, 2])
    assert rows(it[0]) == [3, 1, 2]
    with pytest.raises(DataError, match="index_array has 3 positions, none for batch 1, and n=12: set n"):
        it[1]
    it.n = 3
    assert len(it) == 1
    assert rows(it[0]) == [3, 1, 2]


def test_an_order_longer_than_n() -> None:
    it = flow()
    it.index_array, it.n = np.tile(np.arange(N), 2), 24
    assert len(it) == 5
    assert rows(*(it[i] for i in range(5))) == [*range(N), *range(N)]


def test_next_goes_on_once_it_is_set_right() -> None:
    it = flow()
    next(it)
    it.index_array = np.array([3, 1, 2])
    for _ in range(2):
        with pytest.raises(DataError, match="index_array has 3 positions, none for batch 1"):
            next(it)
    it.index_array = None
    assert rows(next(it), next(it)) == [5, 6, 7, 8, 9, 10, 11]
    it.n = 0
    with pytest.raises(DataError, match="no samples"):
        next(it)
    it.n = 2
    assert rows(next(it)) == [0, 1]


@pytest.mark.parametrize("n", [13, 40])
def test_more_rows_than_there_are(n: int) -> None:
    it = flow(shuffle=True)
    it.n = n
    with pytest.raises(DataError, match=r"is asked for, but there are 12 images in x\. Set n to 12"):
        [it[i] for i in range(len(it))]
    it.n = 12
    assert sorted(rows(*(it[i] for i in range(3)))) == list(range(N))
