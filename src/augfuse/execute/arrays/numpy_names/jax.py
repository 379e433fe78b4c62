"""JAX's operations, which have NumPy's names."""

from __future__ import annotations

from typing import Any, final

import jax
import numpy as np
from jax.core import Tracer

jnp: Any = jax.numpy  # its functions have types in part only


@final
class Algebra:
    """See `algebras`."""

    compiles_each = True
    masks = False
    shrinks = False

    def __getattr__(self, name: str) -> Any:
        return getattr(jnp, name)

    def array(self, values: np.ndarray) -> Any:
        return jnp.asarray(values)

    def kind(self, tensor: Any) -> str:
        return np.dtype(tensor.dtype).kind.replace("u", "i")

    def cast(self, tensor: Any, dtype: str) -> Any:
        return tensor.astype(dtype)

    def bits(self, values: Any) -> Any:
        return jnp.asarray(values).astype("uint32")

    def length(self, indices: Any) -> Any:
        return indices.shape[-1]

    def left(self, word: Any, by: int) -> Any:
        return word << np.uint32(by)

    def right(self, word: Any, by: int) -> Any:
        return word >> np.uint32(by)

    def outside(self, function: Any) -> Any:
        return function

    def is_known(self, value: Any) -> bool:
        return not isinstance(value, Tracer)

    def pixels(self, images: Any) -> np.ndarray | None:
        if not self.is_known(images) or any(device.platform != "cpu" for device in images.devices()):
            return None
        return np.asarray(images)

    def dtype(self, images: Any) -> str:
        return str(images.dtype)
