"""Programs of the array executor as compilers make them: every example on JAX and TensorFlow, every kind of step on
PyTorch, whose compiler takes up to a minute for each; and the accuracy at 224 pixels."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import augfuse as af
from array_cases import COMPILED, REFUSED, assert_parity
from augfuse.transforms.base import Transform
from oracles import EXAMPLE_IDS, EXAMPLES, pictures

pytestmark = pytest.mark.filterwarnings("ignore:.torch.jit.script_method. is:DeprecationWarning")


@pytest.mark.parametrize("framework", ["jax", "tensorflow"])
@pytest.mark.parametrize("dtype", ["uint8", "float32"])
@pytest.mark.parametrize(("cls", "example"), EXAMPLES, ids=EXAMPLE_IDS)
def test_every_example(framework: str, dtype: str, cls: type[Transform], example: dict[str, Any]) -> None:
    if cls.__name__ in REFUSED or (cls is af.Equalize and dtype == "float32"):
        pytest.skip("refused")
    assert_parity(framework, af.Recipe([cls(**example)]), pictures(3, 56, 56, 3, dtype), compiled=True)


@pytest.mark.parametrize("name", COMPILED)
def test_torch(name: str) -> None:
    steps, options = COMPILED[name]
    assert_parity("torch", af.Recipe(steps, **options), pictures(3, 56, 56, 3), compiled=True, close=4e-3)


RECIPE = af.Recipe(COMPILED["benchmark"][0], fill="reflect")


@pytest.mark.parametrize("framework", ["jax", "tensorflow", "torch"])
def test_at_224_with_the_matrices_of_the_host(framework: str) -> None:
    for height, width in ((224, 224), (224, 300)):
        assert_parity(framework, RECIPE, pictures(4, height, width, 3), compiled=framework != "torch", close=2e-2)


@pytest.mark.parametrize("framework", ["jax", "torch", "keras"])
def test_at_224_with_draws_on_the_device(framework: str) -> None:
    """Within 3e-2 grey levels of the loader's executor, and drawn from the same words."""
    images, indices = pictures(8, 224, 224, 3), np.array([5, 0, 77, 3, 2**20, 9, 1, 40])
    if framework == "jax":
        jax = pytest.importorskip("jax", reason="needs the extra: pip install 'augfuse[jax]'")
        step = jax.jit(lambda images, indices: af.jax.augment(RECIPE, images, seed=3, epoch=4, indices=indices))
        found = np.asarray(step(images, indices.astype(np.int32)))
    elif framework == "torch":
        torch = pytest.importorskip("torch", reason="needs the extra: pip install 'augfuse[torch]'")
        augment = af.torch.Augment(RECIPE, seed=3, layout="NHWC").train()
        found = augment(torch.from_numpy(images), indices=torch.from_numpy(indices), epoch=4).numpy()
    else:
        layers = pytest.importorskip("augfuse.keras", reason="needs the extra: pip install 'augfuse[keras]'")
        layer = layers.Augment(RECIPE, seed=3)
        found = np.asarray(layer(images, training=True, indices=indices.astype(np.int32), epoch=4))
    wanted = RECIPE.batch(images, seed=3, epoch=4, indices=indices, dtype="float32").images
    assert np.abs(found - wanted).max() * 255 * 0.224 < 3e-2
