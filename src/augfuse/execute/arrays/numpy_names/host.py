"""NumPy itself: with it, it is found out what a recipe asks for."""

from __future__ import annotations

from typing import Any, final

import numpy as np

from augfuse.execute.arrays.numpy_names import NumPyLike


@final
class Algebra(NumPyLike):
    """See `algebras`."""

    def __getattr__(self, name: str) -> Any:
        return getattr(np, name)

    def bits(self, values: Any) -> Any:
        return np.asarray(values).astype(np.uint32)
