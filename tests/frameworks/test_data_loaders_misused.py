"""DataLoaders of PyTorch put together in a way that runs and is wrong, or fails far away."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

import augfuse as af
from oracles import pictures

torch = pytest.importorskip("torch")
from torch.utils.data import DataLoader  # noqa: E402

X, Y = pictures(12, 16, 16), np.arange(12) % 3
DATA = af.from_arrays(X, Y)
RECIPE = af.Recipe([af.Rotate(20), af.Normalize()])


def batches() -> Any:
    return af.Loader(DATA, RECIPE, 4, seed=0, workers=0).to_torch()


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"batch_size": 4},
        {"batch_size": 2, "drop_last": True},
        {"num_workers": 1, "multiprocessing_context": "spawn"},
    ],
)
def test_batches_of_batches(options: dict[str, Any]) -> None:
    with pytest.raises(af.RangeError, match=r"DataLoader\(loader\.to_torch\(\), batch_size=None\)"):
        next(iter(DataLoader(batches(), **options)))


def test_batches_as_they_are() -> None:
    options: dict[str, Any]
    for options in ({"batch_size": None}, {"collate_fn": lambda held: held[0]}):
        found: Any = next(iter(DataLoader(batches(), **options)))
        assert found[0].shape == (4, 3, 16, 16)
    assert [len(images) for images, _ in batches()] == [4, 4, 4]


def test_detection_collate_without_brackets() -> None:
    data = DATA.with_targets(boxes=[[[1, 1, 9, 9]]] * 12, box_labels=[[0]] * 12)
    samples = af.torch.dataset(data, RECIPE, seed=0)
    the_class: Any = af.torch.DetectionCollate
    with pytest.raises(af.ImageTypeError, match=r"collate_fn=af\.torch\.DetectionCollate\(\), with brackets"):
        next(iter(DataLoader(samples, 4, collate_fn=the_class)))
    next(iter(DataLoader(samples, 4, collate_fn=af.torch.DetectionCollate())))


def test_a_second_pass_is_told_once_at_the_users_line() -> None:
    samples = af.torch.dataset(DATA, RECIPE, seed=0)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        for _ in range(4):
            for _ in DataLoader(samples, 4):
                pass
    (one,) = [warning for warning in told if warning.category is af.AugfuseWarning]
    assert one.filename == __file__ and "To look at the same samples again, or to compare, nothing is wrong" in str(
        one.message
    )


@pytest.mark.slow(reason="starts eight processes")
def test_a_second_pass_is_told_by_one_worker(capfd: pytest.CaptureFixture[str]) -> None:
    samples = af.torch.dataset(DATA, RECIPE, seed=0)
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        for _ in range(4):
            for _ in DataLoader(samples, 2, num_workers=2, multiprocessing_context="spawn"):
                pass
    assert capfd.readouterr().err.count("one epoch was asked for more often") <= 1


@pytest.mark.parametrize("data", [DATA, DATA.with_targets(mask=np.zeros((12, 16, 16), np.uint8))])
def test_places_of_samples_where_they_are_asked_for(data: Any) -> None:
    def loader() -> af.Loader:
        return af.Loader(data, RECIPE, 5, seed=0, workers=0)

    wanted = [batch.indices.tolist() for batch in loader()]
    assert [targets["index"].tolist() for _, targets in loader().to_torch(targets=("index",))] == wanted
    images, targets = next(iter(loader().to_torch(targets=["index"])))
    assert sorted(targets) == ["index", "labels"] and images.shape == (5, 3, 16, 16)
    pytest.importorskip("jax")
    assert [targets["index"].tolist() for _, targets in loader().to_jax(targets=("index",))] == wanted
    pytest.importorskip("tensorflow")
    assert [targets["index"].numpy().tolist() for _, targets in loader().to_tf(targets="index")] == wanted
    with pytest.raises(af.DataError, match=r'targets: got \'indx\'.*"index" is the places.*Did you mean \'index\''):
        loader().to_torch(targets=("indx",))
