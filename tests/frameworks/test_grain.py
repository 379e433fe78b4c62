"""Grain: data sets as its sources, recipes as its transforms."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

import augfuse as af
from oracles import pictures
from present import present

grain = pytest.importorskip("grain", reason="needs the extra: pip install 'augfuse[grain]'")

N = 7
RECIPE = af.Recipe([af.HorizontalFlip(), af.Rotate(30), af.ColorJitter(), af.Normalize(0.5, 0.5)])


def data() -> af.DataSet:
    boxes = [np.array([[1, 2, 5, 6]], np.float32)] * N
    held = af.from_arrays(pictures(N, 12, 16), np.arange(N) % 2)
    return held.with_targets(
        boxes=boxes, box_labels=[np.array([i]) for i in range(N)], name=[f"n{i}" for i in range(N)]
    )


def test_a_source() -> None:
    source = af.grain.Source(data())
    assert isinstance(source, grain.sources.RandomAccessDataSource) and len(source) == N
    element = source[3]
    assert set(element) == {"image", "label", "boxes", "box_labels", "name", "index"}
    assert np.array_equal(element["image"], pictures(N, 12, 16)[3]) and (element["label"], element["index"]) == (1, 3)
    assert source[-1]["index"] == N - 1 and repr(source) == repr(pickle.loads(pickle.dumps(source)))
    with pytest.raises(IndexError):
        source[N]


def test_the_loaders_own_bytes_in_every_epoch() -> None:
    made = grain.MapDataset.source(af.grain.Source(data())).shuffle(seed=3).repeat(2)
    made = made.map_with_index(af.grain.Augment(RECIPE, N, seed=9))
    loader = af.Loader(data(), RECIPE, N, seed=9)
    for epoch in (0, 1):
        batch, seen = loader.fetch(epoch, 0), set()
        place = {int(i): k for k, i in enumerate(batch.indices)}
        for element in (made[epoch * N + k] for k in range(N)):
            row = place[element["index"]]
            assert np.array_equal(element["image"], batch.images[row]) and element["name"] == f"n{element['index']}"
            assert np.array_equal(element["boxes"], present(batch.boxes)[row])
            seen.add(element["index"])
        assert seen == set(range(N))


def test_batches_with_threads() -> None:
    made = grain.MapDataset.source(af.grain.Source(af.from_arrays(pictures(N, 12, 16), np.arange(N))))
    made = made.map_with_index(af.grain.Augment(RECIPE, N, seed=9)).batch(3)
    shapes = [batch["image"].shape for batch in made.to_iter_dataset()]
    assert shapes == [(3, 12, 16, 3), (3, 12, 16, 3), (1, 12, 16, 3)]


def test_what_cannot_be() -> None:
    with pytest.raises(af.DataError, match=r"without 'image' and 'index', wanted one of af\.grain\.Source\(data\)"):
        af.grain.Augment(RECIPE, N, seed=1).map_with_index(0, {"image": pictures(1, 4, 4)[0]})
    with pytest.raises(af.ImageTypeError, match="recipe: got list"):
        af.grain.Augment([af.Rotate()], N, seed=1)  # type: ignore[arg-type]
    with pytest.raises(af.RangeError, match="length: got 0"):
        af.grain.Augment(RECIPE, 0, seed=1)
