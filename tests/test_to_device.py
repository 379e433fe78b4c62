"""`to_torch(device=...)` and `to_jax(device=...)`: the loader's own samples, augmented on a device."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import augfuse as af

RECIPE = af.Recipe(
    [
        af.Rotate(20), af.HorizontalFlip(), af.OneOf([af.ElasticTransform(), af.GaussianBlur(1.0)]), af.ColorJitter(),
        af.When(0, [af.Invert(p=0.5)]), af.Normalize(),
    ],
    fill="reflect",
)  # fmt: skip
CLOSE = 0.05 / 255 / 0.225  # grey levels, normalised

# Of PyTorch's compiler, about itself.
pytestmark = pytest.mark.filterwarnings("ignore:.torch.jit.script_method. is:DeprecationWarning")

METHODS = ("to_torch", "to_jax")
both = pytest.mark.parametrize("method", METHODS)


def data(count: int = 22, height: int = 20, width: int = 24, dtype: str = "uint8") -> af.DataSet:
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (count, height, width, 3), dtype=np.uint8)
    if dtype == "float32":
        images = (images / 255).astype(np.float32)
    return af.from_arrays(images, np.arange(count) % 3)


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
    assert len(found._part._programs) == 1  # one program, also for the last batch
