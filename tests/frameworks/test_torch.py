"""PyTorch: the loader's batches as tensors, and a map-style data set in the workers of a DataLoader."""

from __future__ import annotations

import pickle
import subprocess
import sys
import warnings
from typing import Any

import numpy as np
import pytest

import augfuse as af
from framework_cases import RECIPE, SIZE, N, by_index, loader, source, wanted
from oracles import pictures
from places import HELPERS

torch = pytest.importorskip("torch", reason="needs the extra: pip install 'augfuse[torch]'")
from torch.utils.data import DataLoader, WeightedRandomSampler, default_collate  # noqa: E402


def channels_first(epoch: int = 0, **options: Any) -> list[tuple[bytes, list[int]]]:
    return wanted(epoch, layout="NCHW", **options)


def found(batches: Any) -> list[tuple[bytes, list[int]]]:
    return [(images.numpy().tobytes(), labels.tolist()) for images, labels in batches]


def boxed(n: int = 9, sizes: bool = False) -> af.DataSet:
    """Objects with boxes, image by image another number of them."""
    rng = np.random.default_rng(1)
    low = [rng.uniform(0, 6, (i % 3, 2)) for i in range(n)]
    boxes = [np.concatenate([a, a + 4], axis=1).astype(np.float32) for a in low]
    images = [pictures(1, 16 + 2 * (i % 3) * sizes, 16, seed=i)[0] for i in range(n)]
    labels = [np.arange(len(box)) for box in boxes]
    return af.from_samples(images, np.arange(n) % 2).with_targets(boxes=boxes, box_labels=labels)


# --- loader.to_torch() -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("layout", ["NHWC", "NCHW"])
def test_the_loaders_own_bytes_channels_first(layout: str) -> None:
    made = loader(layout=layout)
    batches = made.to_torch()
    assert len(batches) == 5 and isinstance(batches, torch.utils.data.IterableDataset)
    for epoch in (0, 1):
        first = next(iter(loader().to_torch()))
        assert first[0].shape == (5, 3, 12, 16) and first[0].is_contiguous() and first[0].dtype == torch.float32
        assert found(batches) == channels_first(epoch) and made.epoch == epoch + 1
    assert first[1].dtype == torch.int64


def test_tensors_share_the_memory_of_batches_and_keep_it() -> None:
    made = loader(source(60))
    kept = list(made.to_torch())
    assert found(kept) == channels_first(data=source(60))
    bases = [images.data_ptr() for images, _ in loader(source(300), workers=1).to_torch()]
    assert len(set(bases)) <= 6  # of 60 batches: none was copied into fresh memory


def test_other_dtypes_and_labels() -> None:
    images, labels = next(iter(loader(recipe=af.Recipe([af.Rotate(5)]), dtype="uint8", one_hot=True).to_torch()))
    assert images.dtype == torch.uint8 and labels.dtype == torch.float32 and labels.shape == (5, 4)
    half, _ = next(iter(loader(dtype="float16").to_torch()))
    assert half.dtype == torch.float16
    alone = next(iter(loader(af.from_arrays(pictures(N, 12, 16))).to_torch()))
    assert isinstance(alone, torch.Tensor) and alone.shape == (5, 3, 12, 16)
    weighted = source().with_sample_weights(np.arange(N) / 4)
    batch = next(iter(loader(weighted, shuffle=False).to_torch()))
    assert len(batch) == 3 and batch[2].tolist() == [0, 0.25, 0.5, 0.75, 1]


def test_targets_and_views() -> None:
    made = loader(boxed(), af.Recipe([af.HorizontalFlip(), af.Normalize(0.5, 0.5)]), batch_size=4)
    held = loader(boxed(), af.Recipe([af.HorizontalFlip(), af.Normalize(0.5, 0.5)]), batch_size=4).fetch(0, 0)
    images, targets = next(iter(made.to_torch()))
    assert images.shape == (4, 3, 16, 16) and set(targets) == {"labels", "boxes", "box_labels"}
    assert targets["labels"].tolist() == held.labels.tolist()
    for tensor, box in zip(targets["boxes"], held.targets["boxes"], strict=True):
        assert tensor.shape == box.shape and np.array_equal(tensor.numpy(), box)
    two = af.Recipe([af.Views(a=[af.HorizontalFlip()], b=[af.Rotate(20)])])
    views, labels = next(iter(loader(recipe=two).to_torch()))
    assert set(views) == {"a", "b"} and views["b"].shape == (5, 3, 12, 16) and labels.shape == (5,)


def test_pinned_memory_without_a_gpu() -> None:
    if torch.cuda.is_available():
        images, _ = next(iter(loader().to_torch()))
        assert images.is_pinned() and found(loader().to_torch()) == channels_first()
        assert not next(iter(loader().to_torch(pin_memory=False)))[0].is_pinned()
    else:
        with pytest.raises(af.RangeError, match=r"pin_memory: got True, and this PyTorch finds no CUDA device"):
            loader().to_torch(pin_memory=True)
    with pytest.raises(af.RangeError, match="pin_memory: got 'yes'"):
        loader().to_torch(pin_memory="yes")  # type: ignore[arg-type]


def test_states_of_loader_and_tensors_are_the_same() -> None:
    made = loader()
    batches = made.to_torch()
    loop = iter(batches)
    next(loop)
    next(loop)
    assert batches.state_dict() == made.state_dict() and made.state_dict()["samples"] == 2 * SIZE
    other = loader(batch_size=3).to_torch()
    other.load_state_dict(batches.state_dict())
    rest = [row for images, _ in other for row in images.numpy()]
    whole = [row for images, _ in loader().to_torch() for row in images.numpy()]
    assert np.array_equal(np.stack(rest), np.stack(whole[10:]))
    with pytest.raises(af.StateError, match="that of a worker of a DataLoader"):
        other.load_state_dict({**made.state_dict(), "step": 3})


# --- af.torch.dataset ------------------------------------------------------------------------------------------------


def test_samples_are_those_of_the_loader() -> None:
    samples = af.torch.dataset(source(), RECIPE, seed=9)
    assert len(samples) == N
    for epoch in (0, 3):
        samples.set_epoch(epoch)
        own = by_index(epoch)
        for i, (image, label) in enumerate(samples.__getitems__(list(range(N)))):
            assert image.numpy().tobytes() == own[i] and label == i % 4 and type(label) is int
        samples.set_epoch(epoch)
        image, _ = samples[torch.tensor(4)]
        assert image.shape == (3, 12, 16) and image.numpy().tobytes() == own[4]
        assert torch.equal(samples[-1][0], samples[N - 1][0])
    for wrong in (N, -N - 1):
        with pytest.raises(IndexError, match=f"index {wrong} is out of range for 23 samples"):
            samples[wrong]
    again = pickle.loads(pickle.dumps(samples))
    assert again.epoch == 3 and torch.equal(again[2][0], samples[2][0])


def test_epochs_that_are_never_set() -> None:
    samples = af.torch.dataset(source(), RECIPE, seed=9)
    feed = DataLoader(samples, batch_size=SIZE, shuffle=True)
    list(feed)
    with pytest.warns(
        af.AugfuseWarning, match=r"more often than it has samples \(23\).*dataset\.set_epoch\(epoch\) before each loop"
    ) as said:
        for _ in range(2):
            list(feed)
    assert len(said) == 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for epoch in range(3):
            samples.set_epoch(epoch)
            list(feed)
        still = DataLoader(af.torch.dataset(source(), RECIPE, seed=9, training=False), batch_size=SIZE)
        for _ in range(2):
            list(still)  # nothing is drawn
        chosen = WeightedRandomSampler([1.0] * N, N)
        list(DataLoader(af.torch.dataset(source(), RECIPE, seed=9), sampler=chosen))


def test_options_and_wrong_ones() -> None:
    image, label = af.torch.dataset(source(), af.Recipe(), seed=1, dtype="uint8", one_hot=True)[3]
    assert image.dtype == torch.uint8 and torch.equal(
        image, torch.from_numpy(pictures(N, 12, 16)[3].transpose(2, 0, 1))
    )
    assert label.tolist() == [0, 0, 0, 1]
    assert af.torch.dataset(af.from_arrays(pictures(N, 12, 16)))[0].shape == (3, 12, 16)
    one, two = af.torch.dataset(source(), RECIPE), af.torch.dataset(source(), RECIPE)
    assert one.loader.seed != two.loader.seed and not torch.equal(one[0][0], two[0][0])
    with pytest.raises(af.ImageTypeError, match="recipe: got list"):
        af.torch.dataset(source(), [af.Rotate()])  # type: ignore[arg-type]
    with pytest.raises(af.RangeError, match="epoch: got -1"):
        one.set_epoch(-1)
    with pytest.raises(af.StateError, match=r"wanted what dataset\.state_dict\(\) returns"):
        one.load_state_dict({"epochs": 1})
    one.load_state_dict({"epoch": 4})
    assert one.epoch == 4 and one.state_dict() == {"epoch": 4}


def test_collating_does_not_copy() -> None:
    held = af.from_arrays(pictures(N, 12, 16), np.arange(N, dtype=np.uint8) % 4)
    samples = af.torch.dataset(held, RECIPE, seed=9)
    images, labels = next(iter(DataLoader(samples, 3, sampler=[3, 1, 2])))
    assert labels.dtype == torch.int64 and labels.tolist() == [3, 1, 2]
    rows = [samples[3], samples[1], samples[2]]
    assert torch.equal(default_collate(rows)[0], images) and images.shape == (3, 3, 12, 16)
    assert isinstance(samples.__getitems__([3])[0], tuple)
    bare = af.torch.dataset(af.from_arrays(pictures(N, 12, 16)), RECIPE, seed=9)
    assert next(iter(DataLoader(bare, 2))).shape == (2, 3, 12, 16)


@pytest.mark.slow(reason="starts workers of three start methods")
def test_workers_in_a_process_without_jax() -> None:
    """A fork of a process in which JAX runs may hang."""
    file = HELPERS / "torch_workers.py"
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=1200, check=False)
    assert done.returncode == 0, done.stdout[-5000:]


# --- detection -------------------------------------------------------------------------------------------------------


def test_detection_as_torchvisions_references_take_it() -> None:
    samples = af.torch.dataset(boxed(sizes=True), af.Recipe([af.HorizontalFlip()], value_range=None), seed=2)
    feed = DataLoader(samples, batch_size=3, collate_fn=af.torch.DetectionCollate())
    at = 0
    for images, targets in feed:
        assert isinstance(images, tuple) and isinstance(targets, tuple) and len(images) == len(targets) == 3
        for image, target in zip(images, targets, strict=True):
            assert image.shape == (3, 16 + 2 * (at % 3), 16) and set(target) == {
                "boxes", "labels", "image_id", "area", "iscrowd"
            }  # fmt: skip
            assert target["boxes"].shape == (at % 3, 4) and target["boxes"].dtype == torch.float32
            assert target["labels"].tolist() == list(range(1, at % 3 + 1)) and target["labels"].dtype == torch.int64
            assert target["image_id"] == at and torch.allclose(target["area"], torch.full((at % 3,), 16.0))
            assert target["iscrowd"].tolist() == [0] * (at % 3)
            at += 1
    assert at == 9
    zero = af.torch.DetectionCollate(first_class=0)([samples[2]])
    assert zero[1][0]["labels"].tolist() == [0, 1]


def test_masks_of_objects() -> None:
    mask = np.zeros((2, 16, 16), np.uint8)
    mask[0, :4], mask[1, 8:] = 1, 1
    boxes = np.array([[0, 0, 16, 4], [0, 8, 16, 16]], np.float32)
    data = af.from_arrays(pictures(1, 16, 16)).with_targets(boxes=[boxes], box_labels=[np.array([0, 2])], masks=[mask])
    samples = af.torch.dataset(data, af.Recipe([af.Rotate90(p=1)]), seed=1)
    _, (target,) = af.torch.DetectionCollate()([samples[0]])
    assert target["masks"].shape == (2, 16, 16) and target["masks"].dtype == torch.uint8
    for one, box in zip(target["masks"], target["boxes"], strict=True):
        y, x = np.nonzero(one.numpy())
        assert box.tolist() == [x.min(), y.min(), x.max() + 1, y.max() + 1]


def test_detection_without_boxes() -> None:
    with pytest.raises(af.DataError, match="a sample without boxes"):
        af.torch.DetectionCollate()([af.torch.dataset(source(), seed=1)[0]])
    named = af.from_arrays(pictures(1, 8, 8)).with_targets(boxes=[np.array([[0, 0, 4, 4.0]])], box_labels=[["cat"]])
    with pytest.raises(af.DataError, match=r"box_labels .*cat.*, wanted 1 class numbers"):
        af.torch.DetectionCollate()([af.torch.dataset(named, seed=1)[0]])
    with pytest.raises(af.RangeError, match="first_class: got -1"):
        af.torch.DetectionCollate(-1)
