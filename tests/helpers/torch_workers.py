"""The workers of PyTorch's DataLoader. Run by `test_torch.py` in a fresh process: a fork of one in which JAX runs may
hang."""

from __future__ import annotations

import pickle
from collections import deque
from typing import Any

import numpy as np
import pytest

import augfuse as af
from framework_cases import RECIPE, SIZE, N, by_index, loader, source, wanted

torch = pytest.importorskip("torch", reason="needs the extra: pip install 'augfuse[torch]'")
from torch.utils.data import DataLoader, Subset, default_collate  # noqa: E402

# DataLoader forks a process whose other threads it does not use.
pytestmark = [
    pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:This DataLoader will create:UserWarning"),
    pytest.mark.filterwarnings("ignore:'set_vital' is deprecated:UserWarning"),  # torchdata
]


def copying(rows: list[Any]) -> Any:
    """As people write it: the data set does not know that `default_collate` is called."""
    return default_collate(rows)


def every_second(rows: list[Any]) -> Any:
    images, labels = default_collate(rows)
    return images[::2], labels[::2]


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
def test_batches_that_are_kept_are_never_written_again(options: dict[str, Any]) -> None:
    samples = af.torch.dataset(source(), RECIPE, seed=9)
    usual = DataLoader(samples, SIZE, collate_fn=copying)
    quick = DataLoader(samples, SIZE, **options)
    for epoch in range(2):
        samples.set_epoch(epoch)
        wanted = [(images.clone(), labels) for images, labels in usual]
        samples.set_epoch(epoch)
        batches = list(quick)  # all are kept
        assert [type(batch) for batch in batches] == [list] * len(wanted)
        for (images, labels), (own, numbers) in zip(batches, wanted, strict=True):
            assert type(images) is torch.Tensor and images.is_contiguous()
            assert torch.equal(images, own) and torch.equal(labels, numbers) and labels.dtype == numbers.dtype


@pytest.mark.parametrize("held", [0, 1, 5, 20])
def test_buffers_that_come_back_change_no_byte(held: int) -> None:
    samples = af.torch.dataset(source(), RECIPE, seed=9)
    feed = DataLoader(samples, 2, num_workers=2, persistent_workers=True)
    kept: deque[Any] = deque(maxlen=held)
    for epoch in range(6):
        samples.set_epoch(epoch)
        own = by_index(epoch)
        for step, (images, _) in enumerate(feed):
            assert [one.numpy().tobytes() for one in images] == [own[i] for i in range(2 * step, min(2 * step + 2, N))]
            kept.append((images[-1], images[-1].clone()))  # a part refers to the whole
            del images
        assert all(torch.equal(part, copy) for part, copy in kept)


def test_a_loop_that_is_left_early_frees_its_buffers() -> None:
    samples = af.torch.dataset(source(), RECIPE, seed=9)
    feed = DataLoader(samples, 2, num_workers=1, persistent_workers=True)
    own = by_index(0)
    for _ in range(20):
        for images, _labels in feed:
            assert images[0].numpy().tobytes() == own[0]
            break


@pytest.mark.parametrize("collate", [copying, every_second])
def test_a_function_of_ones_own_in_workers(collate: Any) -> None:
    samples, every = af.torch.dataset(source(), RECIPE, seed=9), 2 if collate is every_second else 1
    own = by_index(0)
    for _ in range(3):
        samples.set_epoch(0)
        batches = [images for images, _ in DataLoader(samples, SIZE, num_workers=2, collate_fn=collate)]
        for step, images in enumerate(batches):
            assert [one.numpy().tobytes() for one in images] == [
                own[i] for i in range(step * SIZE, min((step + 1) * SIZE, N), every)
            ]


def test_a_subset_in_workers() -> None:
    samples, chosen = af.torch.dataset(source(), RECIPE, seed=9), [5, 1, 7, 0, 2]
    part, own = Subset(Subset(samples, list(range(8))), chosen), by_index(0)
    images = [one for batch, _ in DataLoader(part, 2, num_workers=2) for one in batch]
    assert [one.numpy().tobytes() for one in images] == [own[i] for i in chosen]


def test_to_torch_with_a_function_of_ones_own() -> None:
    feed = DataLoader(loader().to_torch(), None, num_workers=2, collate_fn=lambda batch: batch[0].permute(0, 2, 3, 1))
    batches = list(feed)
    shapes = [tuple(images.shape) for images in batches]
    assert [images.contiguous().numpy().tobytes() for images in batches] == [pixels for pixels, _ in wanted(0)]
    assert all(shape[-1] == 3 for shape in shapes)


def test_a_buffer_is_free_when_nobody_refers_to_it() -> None:
    from multiprocessing.reduction import ForkingPickler

    from augfuse.adapters.torch_shared import Sent, memory

    def sent(value: float) -> tuple[int, Any]:
        array = memory().take((3, 5), np.dtype(np.float32))
        array[...] = value
        return array.ctypes.data, pickle.loads(ForkingPickler.dumps(Sent(array)))

    first, one = sent(1)
    second, two = sent(2)
    assert second != first and type(one) is torch.Tensor and one.tolist() == [[1.0] * 5] * 3
    part = one[1:]
    del one
    assert sent(3)[0] not in (first, second)
    assert part.tolist() == [[1.0] * 5] * 2 and two[0, 0] == 2
    del part
    assert sent(4)[0] == first and two[0, 0] == 2


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("uneven", [False, True])
def test_targets_are_collated_as_by_pytorch(workers: int, uneven: bool) -> None:
    rng = np.random.default_rng(0)
    images, masks = rng.integers(0, 256, (2, 7, 12, 16, 3), np.uint8)
    shifts = [rng.random((1 + i % 2 if uneven else 2, 2)) for i in range(7)]
    data = af.from_arrays(images, np.arange(7, dtype=np.int16) % 3).with_targets(mask=masks[..., 0], keypoints=shifts)
    samples = af.torch.dataset(data, af.Recipe([af.Rotate(20), af.HorizontalFlip()]), seed=1)
    if uneven:
        with pytest.raises(RuntimeError, match=r"equal size|same size"):
            list(DataLoader(samples, 3, num_workers=workers))
        return
    usual = list(DataLoader(samples, 3, collate_fn=copying))
    samples.set_epoch(0)
    for (pixels, found), (own, wanted_targets) in zip(DataLoader(samples, 3, num_workers=workers), usual, strict=True):
        assert torch.equal(pixels, own) and list(found) == list(wanted_targets)
        for name, value in found.items():
            assert torch.equal(value, wanted_targets[name]) and value.dtype == wanted_targets[name].dtype, name


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("labels", [None, np.arange(7) % 3])
def test_views_are_collated_as_by_pytorch(workers: int, labels: np.ndarray | None) -> None:
    images = np.random.default_rng(0).integers(0, 256, (7, 12, 16, 3), np.uint8)
    recipe = af.Recipe([af.Views(a=[af.Rotate(20)], b=[af.HorizontalFlip()])])
    samples = af.torch.dataset(af.from_arrays(images, labels), recipe, seed=1)
    usual = list(DataLoader(samples, 3, collate_fn=copying))
    samples.set_epoch(0)
    for batch, own in zip(DataLoader(samples, 3, num_workers=workers), usual, strict=True):
        views, wanted_views = (batch, own) if labels is None else (batch[0], own[0])
        assert list(views) == ["a", "b"] and all(torch.equal(views[name], wanted_views[name]) for name in views)
        assert labels is None or torch.equal(batch[1], own[1])
