"""JAX's operations, which have NumPy's names."""

from __future__ import annotations

from typing import Any, final

import jax
import numpy as np
from jax.core import Tracer

from augfuse.execute.arrays.numpy_names import NumPyLike

jnp: Any = jax.numpy  # its functions have types in part only


@final
class Algebra(NumPyLike):
    """See `algebras`."""

    compiles_each = True

    def __getattr__(self, name: str) -> Any:
        return getattr(jnp, name)

    def array(self, values: np.ndarray) -> Any:
        return jnp.asarray(values)

    def bits(self, values: Any) -> Any:
        return jnp.asarray(values).astype("uint32")

    def is_known(self, value: Any) -> bool:
        return not isinstance(value, Tracer)

    def pixels(self, images: Any) -> np.ndarray | None:
        if not self.is_known(images) or any(device.platform != "cpu" for device in images.devices()):
            return None
        return np.asarray(images)

    def dtype(self, images: Any) -> str:
        return str(images.dtype)
