"""Programs of the array executor as compilers make them: every example on JAX and TensorFlow, every kind of step on
PyTorch, whose compiler takes up to a minute for each."""

from __future__ import annotations

from typing import Any

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
