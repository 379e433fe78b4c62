"""The workers of PyTorch's DataLoader. Run by `test_torch.py` in a fresh process: a fork of one in which JAX runs may
hang."""

from __future__ import annotations

from typing import Any

import pytest

import augfuse as af
from framework_cases import RECIPE, SIZE, N, by_index, loader, source, wanted

torch = pytest.importorskip("torch", reason="needs the extra: pip install 'augfuse[torch]'")
from torch.utils.data import DataLoader  # noqa: E402

# DataLoader forks a process whose other threads it does not use.
pytestmark = [
    pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:This DataLoader will create:UserWarning"),
    pytest.mark.filterwarnings("ignore:'set_vital' is deprecated:UserWarning"),  # torchdata
]


def channels_first(epoch: int = 0, **options: Any) -> list[tuple[bytes, list[int]]]:
    return wanted(epoch, layout="NCHW", **options)


def found(batches: Any) -> list[tuple[bytes, list[int]]]:
    return [(images.numpy().tobytes(), labels.tolist()) for images, labels in batches]


@pytest.mark.parametrize(
    "options",
    [
        {"num_workers": 0},
        {"num_workers": 1},
        {"num_workers": 3},
        {"num_workers": 2, "persistent_workers": True},
        {"num_workers": 2, "multiprocessing_context": "spawn"},
    ],
)
def test_in_the_workers_of_a_data_loader(options: dict[str, Any]) -> None:
    batches = loader().to_torch()
    feed = DataLoader(batches, batch_size=None, **options)
    for epoch in range(2 if options.get("multiprocessing_context") else 3):
        assert found(feed) == channels_first(epoch), epoch
    batches.set_epoch(7)
    assert found(feed) == channels_first(7)
    assert options.get("multiprocessing_context") or found(feed) == channels_first(8)


@pytest.mark.parametrize(("workers", "persistent"), [(0, False), (2, False), (2, True)])
@pytest.mark.parametrize("stop", [0, 1, 3, 5])
def test_stateful_data_loader_resumes(workers: int, persistent: bool, stop: int) -> None:
    stateful = pytest.importorskip("torchdata.stateful_dataloader", reason="needs torchdata").StatefulDataLoader
    options = {"batch_size": None, "num_workers": workers, "persistent_workers": persistent}
    one = stateful(loader().to_torch(), **options)
    loop, before = iter(one), []
    for _ in range(stop):
        before += found([next(loop)])
    assert before == channels_first()[:stop]
    if stop == 5:
        assert list(loop) == []
    state = one.state_dict()
    other = stateful(loader().to_torch(), **options)
    other.load_state_dict(state)
    assert found(other) == (channels_first()[stop:] if stop < 5 else channels_first(1))
    assert found(other) == channels_first(1 if stop < 5 else 2)


@pytest.mark.parametrize(
    "options",
    [
        {"num_workers": 0},
        {"num_workers": 1},
        {"num_workers": 2},
        {"num_workers": 4, "persistent_workers": True},
        {"num_workers": 2, "persistent_workers": True, "multiprocessing_context": "spawn"},
    ],
)
def test_workers_start_methods_and_epochs_change_no_byte(options: dict[str, Any]) -> None:
    samples = af.torch.dataset(source(), RECIPE, seed=9)
    feed = DataLoader(samples, batch_size=SIZE, shuffle=False, **options)
    for epoch in (0, 1, 5):
        samples.set_epoch(epoch)  # running workers see it
        own, rows = by_index(epoch), 0
        for images, labels in feed:
            for image, label in zip(images, labels, strict=True):
                assert image.numpy().tobytes() == own[rows] and int(label) == rows % 4 and label.dtype == torch.int64
                rows += 1
        assert rows == N


@pytest.mark.parametrize(
    "options",
    [
        {"num_workers": 0},
        {"num_workers": 2},
        {"num_workers": 2, "persistent_workers": True},
        {"num_workers": 2, "multiprocessing_context": "spawn"},
    ],
)
def test_collating_without_a_copy_changes_nothing(options: dict[str, Any]) -> None:
    samples = af.torch.dataset(source(), RECIPE, seed=9)
    usual = DataLoader(samples, SIZE)
    quick = DataLoader(samples, SIZE, collate_fn=samples.collate, **options)
    for epoch in range(2):
        samples.set_epoch(epoch)
        wanted = [(images.clone(), labels) for images, labels in usual]
        samples.set_epoch(epoch)
        batches = list(quick)  # all are kept
        assert [type(batch) for batch in batches] == [list] * len(wanted)
        for (images, labels), (own, numbers) in zip(batches, wanted, strict=True):
            assert torch.equal(images, own) and torch.equal(labels, numbers) and labels.dtype == numbers.dtype
