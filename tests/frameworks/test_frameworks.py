"""All frameworks together: the same first batch byte for byte, one state for all, and what a missing one says."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import augfuse as af
from oracles import pictures

N, SIZE = 23, 5
RECIPE = af.Recipe(
    [af.Rotate(30), af.HorizontalFlip(), af.ColorJitter(), af.GaussianNoise(p=0.5), af.Normalize(0.5, 0.5)]
)
# From a loader: the first batch as images (n, h, w, c) and labels.
READERS: dict[str, Callable[[af.Loader], Any]] = {
    "keras": lambda made: made.to_keras()[0],
    "torch": lambda made: next(iter(made.to_torch())),
    "tensorflow": lambda made: next(iter(made.to_tf())),
    "jax": lambda made: next(iter(made.to_jax())),
}


def loader(**options: Any) -> af.Loader:
    data = af.from_arrays(pictures(N, 24, 16), np.arange(N) % 4)
    return af.Loader(data, RECIPE, **{"batch_size": SIZE, "seed": 9, "workers": 2, **options})


@pytest.mark.parametrize("name", READERS)
@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_the_same_first_batch(name: str, dtype: str) -> None:
    pytest.importorskip(name, reason=f"needs the extra: pip install 'augfuse[{name}]'")
    wanted = loader(dtype=dtype).fetch(0, 0)
    images, labels = (np.asarray(part) for part in READERS[name](loader(dtype=dtype)))
    images = images.transpose(0, 2, 3, 1) if name == "torch" else images
    assert images.dtype == wanted.images.dtype and images.tobytes() == wanted.images.tobytes()
    assert labels.tolist() == wanted.labels.tolist()


@pytest.mark.parametrize("name", ["torch", "tensorflow", "jax"])
def test_an_epoch_goes_on_in_another_framework(name: str) -> None:
    pytest.importorskip(name, reason=f"needs the extra: pip install 'augfuse[{name}]'")
    one = loader()
    loop = iter(one)
    for _ in range(2):
        next(loop)
    other = loader(workers=0, batch_size=4)
    other.load_state_dict(one.state_dict())
    images, _ = (np.asarray(part) for part in READERS[name](other))
    images = images.transpose(0, 2, 3, 1) if name == "torch" else images
    stream = np.concatenate([batch.images for batch in loader().stream(0)])
    assert np.array_equal(images, stream[10:14])


@pytest.mark.parametrize(
    ("name", "extra", "call"),
    [
        ("keras", "keras,tensorflow", lambda: loader().to_keras()),
        ("torch", "torch", lambda: loader().to_torch()),
        ("torch", "torch", lambda: af.torch.dataset),
        ("tensorflow", "tensorflow", lambda: loader().to_tf()),
        ("jax", "jax", lambda: loader().to_jax()),
    ],
)
def test_a_missing_framework_names_its_extra(
    name: str, extra: str, call: Callable[[], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in list(sys.modules):
        if module.startswith((f"augfuse.adapters.{name}", "augfuse.torch")):
            monkeypatch.delitem(sys.modules, module)
    monkeypatch.delitem(vars(af), "torch", raising=False)  # not delattr, which would import it
    monkeypatch.setitem(sys.modules, name, None)  # as where it is not installed
    with pytest.raises(
        af.MissingExtraError, match=rf"needs .*`import {name}` failed.*pip install 'augfuse\[{extra}\]'"
    ):
        call()
