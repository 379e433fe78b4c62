"""What the tests of the frameworks share: one small loader, and what it serves."""

from __future__ import annotations

from typing import Any

import numpy as np

import augfuse as af
from oracles import pictures
from present import present

N, SIZE = 23, 5
RECIPE = af.Recipe(
    [af.Rotate(30), af.HorizontalFlip(), af.ColorJitter(), af.GaussianNoise(p=0.5), af.Normalize(0.5, 0.5)]
)


def source(n: int = N) -> af.DataSet:
    """Images of 12x16 with class numbers."""
    return af.from_arrays(pictures(n, 12, 16), np.arange(n) % 4)


def loader(data: Any = None, recipe: af.Recipe = RECIPE, **options: Any) -> af.Loader:
    """Of batches of SIZE."""
    data = source() if data is None else data
    return af.Loader(data, recipe, **{"batch_size": SIZE, "seed": 9, "workers": 2, **options})


def wanted(epoch: int = 0, **options: Any) -> list[tuple[bytes, list[int]]]:
    """The batches of an epoch: the bytes of the images, and the labels."""
    return [(b.images.tobytes(), present(b.labels).tolist()) for b in loader(**options).stream(epoch)]


def by_index(epoch: int = 0) -> dict[int, bytes]:
    """The images of an epoch, channels first, by their places in the data set."""
    batches = loader(layout="NCHW").stream(epoch)
    return {int(i): image.tobytes() for b in batches for i, image in zip(b.indices, b.images, strict=True)}
