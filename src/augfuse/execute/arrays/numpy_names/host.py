"""NumPy itself: with it, it is found out what a recipe asks for."""

from __future__ import annotations

from typing import Any, final

import numpy as np


@final
class Algebra:
    """See `algebras`."""

    masks = False
    shrinks = False

    def __getattr__(self, name: str) -> Any:
        return getattr(np, name)

    def kind(self, tensor: Any) -> str:
        return tensor.dtype.kind.replace("u", "i")

    def cast(self, tensor: Any, dtype: str) -> Any:
        return tensor.astype(dtype)

    def bits(self, values: Any) -> Any:
        return np.asarray(values).astype(np.uint32)

    def length(self, indices: Any) -> Any:
        return indices.shape[-1]

    def left(self, word: Any, by: int) -> Any:
        return word << np.uint32(by)

    def right(self, word: Any, by: int) -> Any:
        return word >> np.uint32(by)
