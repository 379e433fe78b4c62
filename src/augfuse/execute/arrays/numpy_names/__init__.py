"""The operations that draws and matrices are made of inside a compiled program, one file for each framework.

An algebra has NumPy's functions by NumPy's names, as far as transforms need them; see `traced`. Besides:

* `array(ndarray)`, `cast(tensor, dtype)`, `kind(tensor)` as NumPy's "f", "i" and "b", `dtype(images)`, its name;
* for `words` `bits(values)`, words of 32 bits, which `left` and `right` shift; `masks`, whether they are wider;
* `length(indices)` of the last axis; `is_known(value)`, whether its numbers can be asked for; `pixels(images)` as a
  NumPy array, where they lie on the host;
* `outside(function)`, which is never compiled; `compiles_each`, whether each operation called alone is compiled;
* `shrinks`, whether the recipe in work may shrink images so far that they are reduced first.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

import numpy as np


class NumPyLike:
    """What algebras have in common whose tensors have NumPy's methods."""

    compiles_each = False
    masks = False
    shrinks = False

    def kind(self, tensor: Any) -> str:
        return np.dtype(tensor.dtype).kind.replace("u", "i")

    def cast(self, tensor: Any, dtype: str) -> Any:
        return tensor.astype(dtype)

    def length(self, indices: Any) -> Any:
        return indices.shape[-1]

    def left(self, word: Any, by: int) -> Any:
        return word << np.uint32(by)

    def right(self, word: Any, by: int) -> Any:
        return word >> np.uint32(by)

    def outside(self, function: Any) -> Any:
        return function


def algebra_for(framework: str) -> Any:
    """A new algebra of "jax", "tensorflow" or "torch", which is installed; of "host", NumPy's."""
    return import_module(f"augfuse.execute.arrays.numpy_names.{framework}").Algebra()
