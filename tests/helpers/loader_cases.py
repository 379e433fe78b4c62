"""What several files of tests share. test_loader.py and its neighbours use it."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np

import augfuse as af
from oracles import pictures

N, SIZE = 23, 5


RECIPE = af.Recipe(
    [af.Rotate(30), af.HorizontalFlip(), af.ColorJitter(), af.GaussianNoise(p=0.5), af.Erase(), af.Normalize(0.5, 0.5)]
)


class Listed:
    """The least a source can be: images of their own sizes, labels as plain numbers."""

    def __init__(self, images: list[np.ndarray], labels: list[Any] | None = None) -> None:
        self.images = images
        self.values = labels

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> Any:
        return self.images[index] if self.values is None else (self.images[index], self.values[index])


def source(n: int = N) -> af.DataSet:
    return af.from_arrays(pictures(n, 12, 16), np.arange(n) % 4)


def loader(data: Any = None, recipe: af.Recipe = RECIPE, **options: Any) -> af.Loader:
    return af.Loader(
        source() if data is None else data, recipe, **{"batch_size": SIZE, "seed": 9, "workers": 2, **options}
    )


def epoch(batches: Any) -> list[tuple[np.ndarray, Any, np.ndarray]]:
    """One epoch, copied: (images, labels, indices) of each batch."""
    return [(b.images.copy(), None if b.labels is None else np.copy(b.labels), b.indices.copy()) for b in batches]


def same(a: list[Any], b: list[Any]) -> bool:
    return len(a) == len(b) and all(
        np.array_equal(x, y) for left, right in zip(a, b, strict=True) for x, y in zip(left, right, strict=True)
    )


def threads_of_loops() -> list[threading.Thread]:
    """The threads that prefetch and decode."""
    names = ("augfuse-loader", "augfuse-decode")
    return [thread for thread in threading.enumerate() if thread.name.startswith(names)]
