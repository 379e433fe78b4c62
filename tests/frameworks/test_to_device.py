"""`to_torch(device=...)` and `to_jax(device=...)`: the loader's own samples, augmented on a device."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import augfuse as af

RECIPE = af.Recipe(
    [af.Rotate(20), af.HorizontalFlip(), af.When([0], [af.Invert(p=0.5)]), af.Normalize()], fill="reflect"
)
SEEKS = af.Recipe([af.BoxSafeCrop((16, 16)), af.HorizontalFlip()])
FLIP = af.Recipe([af.HorizontalFlip()])
CLOSE = 0.05 / 255 / 0.225  # grey levels, normalised

# Of PyTorch's compiler, about itself.
pytestmark = pytest.mark.filterwarnings("ignore:.torch.jit.script_method. is:DeprecationWarning")

METHODS = ("to_torch", "to_jax")
both = pytest.mark.parametrize("method", METHODS)


def pixels(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


def data(count: int = 22) -> af.DataSet:
    return af.from_arrays(pixels(count, 20, 24, 3), np.arange(count) % 3)


def batches(loader: af.Loader, method: str, **options: Any) -> Any:
    pytest.importorskip(method.removeprefix("to_"))
    return getattr(loader, method)(device="cpu", **options)


def assert_like(found: Any, wanted: af.Batch, method: str) -> None:
    images, labels = np.asarray(found[0]), np.asarray(found[1])
    exact = wanted.images.transpose(0, 3, 1, 2) if method == "to_torch" else wanted.images
    assert images.shape == exact.shape and images.dtype == exact.dtype
    assert np.abs(images - exact).max() < CLOSE
    assert np.array_equal(labels, wanted.labels)


@both
def test_samples_are_those_of_the_loader(method: str) -> None:
    loader = af.Loader(data(), RECIPE, 8, seed=3)  # the last batch has 6
    found = batches(loader, method)
    for epoch in range(2):
        wanted = [loader.fetch(epoch, step) for step in range(3)]
        got = list(found)
        assert len(got) == 3 == len(found)
        for one, exact in zip(got, wanted, strict=True):
            assert_like(one, exact, method)
    assert len(found._part._programs) == 1  # also for the last batch


@both
def test_resumes_within_an_epoch(method: str) -> None:
    loader = af.Loader(data(), FLIP, 8, seed=3)
    found = batches(loader, method)
    epoch = iter(found)
    next(epoch)
    state = found.state_dict()
    rest = [np.asarray(images) for images, _ in epoch]
    again = batches(af.Loader(data(), FLIP, 8, seed=3), method)
    again.load_state_dict(state)
    assert [np.asarray(images).tobytes() for images, _ in again] == [images.tobytes() for images in rest]


def test_files_and_those_that_are_skipped(tmp_path: Path) -> None:
    for i, image in enumerate(pixels(9, 16, 16, 3)):
        (tmp_path / "a").mkdir(exist_ok=True)
        Image.fromarray(image).save(tmp_path / "a" / f"{i}.png")
    (tmp_path / "a" / "3.png").write_bytes(b"no picture")
    loader = af.Loader(
        af.from_directory(tmp_path), FLIP, 4, seed=0, shuffle=False, on_error="skip", max_skipped=0.5, dtype="uint8"
    )
    with pytest.warns(af.AugfuseWarning, match="1 of 9 images left out"):
        got = list(batches(loader, "to_jax"))
    assert [len(images) for images, _ in got] == [3, 4, 1]
    for step, one in enumerate(got):
        assert np.asarray(one[0]).dtype == np.uint8
        assert_like(one, loader.fetch(0, step), "to_jax")


@both
def test_targets_come_along(method: str) -> None:
    boxes = [np.array([[2.0, 3.0, 9.0, 12.0]] * (1 + i % 2), np.float32) for i in range(8)]
    held = data(8).with_targets(mask=(pixels(8, 20, 24, 1)[..., 0] > 99).astype(np.uint8), boxes=boxes)
    loader = af.Loader(held, SEEKS, 8, seed=1)
    ((images, targets),) = batches(loader, method)
    wanted = loader.fetch(0, 0)
    assert_like((images, targets["labels"]), wanted, method)
    assert np.array_equal(np.asarray(targets["mask"]), wanted.targets["mask"])
    got = targets["boxes"] if method == "to_torch" else np.asarray(targets["boxes"]["values"])
    for i, exact in enumerate(wanted.targets["boxes"]):
        assert np.array_equal(np.asarray(got[i])[: len(exact)], exact)


def test_layout_of_jax_is_the_loaders() -> None:
    loader = af.Loader(data(), FLIP, 22, seed=3, layout="NCHW")
    ((images, _),) = batches(loader, "to_jax")
    exact = loader.fetch(0, 0).images
    assert images.shape == exact.shape == (22, 3, 20, 24) and np.abs(np.asarray(images) - exact).max() < CLOSE


def plain(image: np.ndarray) -> np.ndarray:
    return image


@both
@pytest.mark.parametrize(
    ("transform", "named"),
    [
        (af.MixUp(), "MixUp mixes finished samples"),
        (af.CutMix(), "CutMix mixes"),
        (af.OneOf([af.Lambda(plain), af.HorizontalFlip(), af.VerticalFlip()]), "Lambda"),
        (af.Views(one=[af.HorizontalFlip()], two=[]), "Views makes several"),
        (af.Lambda(plain), "Lambda: the array executor does not run Lambda"),
    ],
)  # fmt: skip
def test_refuses_what_a_device_does_not_run(method: str, transform: af.Transform, named: str) -> None:
    loader = af.Loader(data(), af.Recipe([transform]), 8, seed=0, one_hot=True)
    with pytest.raises(af.RecipeError, match=rf"{method}: .*{named}.*Leave device out"):
        batches(loader, method)


@both
def test_refuses_images_of_several_sizes(method: str) -> None:
    images = [pixels(10, 12, 3), pixels(9, 12, 3)] * 4
    some = af.from_samples([(image, 0) for image in images])
    with pytest.raises(af.ImageError, match=r"\(9, 12\) and \(10, 12\) in one batch.*af.Resize"):
        batches(af.Loader(some, af.Recipe([af.Resize((8, 8))]), 8, seed=0), method)
    with pytest.raises(af.DataError, match=f"{method}: got a loader with collate='list' or pad_to"):
        batches(af.Loader(some, batch_size=8, seed=0, pad_to=16), method)


@pytest.mark.filterwarnings("ignore:os.fork:RuntimeWarning")  # of JAX, where it is imported
def test_refuses_devices_that_are_not_there() -> None:
    loader = af.Loader(data(), FLIP, 8, seed=0)
    torch = pytest.importorskip("torch")
    for device in ("nothing", 1.5, *(() if torch.cuda.is_available() else ("cuda",))):
        with pytest.raises(af.RangeError, match=r"device: got .*, wanted one that this PyTorch has"):
            loader.to_torch(device=device)
    workers = torch.utils.data.DataLoader(loader.to_torch(device="cpu"), batch_size=None, num_workers=1)
    with pytest.raises(af.StateError, match="in a worker of a DataLoader"):
        next(iter(workers))
    with pytest.raises(af.StateError, match="to_torch: got device in a copy or another process"):
        pickle.dumps(loader.to_torch(device="cpu"))


def test_refuses_devices_of_jax_that_are_not_there() -> None:
    loader = af.Loader(data(), FLIP, 8, seed=0)
    jax = pytest.importorskip("jax")
    for device in ("nothing", 1.5):
        with pytest.raises(af.RangeError, match=r"device: got .*, wanted one that this JAX has"):
            loader.to_jax(device=device)
    one = jax.sharding.SingleDeviceSharding(jax.devices("cpu")[0])
    with pytest.raises(af.RangeError, match="device: got one and a sharding"):
        loader.to_jax(one, device="cpu")
    ((images, _),) = af.Loader(data(8), FLIP, 8, seed=0).to_jax(device=jax.devices("cpu")[0])
    assert images.devices() == {jax.devices("cpu")[0]}
