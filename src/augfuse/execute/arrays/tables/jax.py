"""JAX's operations."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from augfuse.execute.arrays.table import Ops

OPS = Ops(
    name="jax",
    tensor=lambda array, like: jnp.asarray(array),
    arange=lambda count, like: jnp.arange(count, dtype=jnp.int32),
    dtype=lambda x: str(x.dtype),
    length=lambda x: x.shape[0],
    cast=lambda x, dtype: jnp.asarray(x, dtype),
    floor=jnp.floor,
    round=jnp.round,
    abs=jnp.abs,
    sqrt=jnp.sqrt,
    exp=jnp.exp,
    log=jnp.log,
    minimum=jnp.minimum,
    maximum=jnp.maximum,
    where=jnp.where,
    reshape=jnp.reshape,
    stack=lambda tensors, axis: jnp.stack(tensors, axis),
    take=lambda flat, indices: flat.at[indices].get(mode="promise_in_bounds"),  # jnp.take masks what lies outside
    mean=lambda x, axes: jnp.mean(x, axes, keepdims=True),
    sum=lambda x, axes: jnp.sum(x, axes, keepdims=True),
    least=lambda x, axes: jnp.min(x, axes, keepdims=True),
    most=lambda x, axes: jnp.max(x, axes, keepdims=True),
    matmul=lambda a, b: jnp.matmul(a, b, precision=jax.lax.Precision.HIGHEST),  # else a GPU takes fewer digits
    transpose=jnp.transpose,
    left=lambda x, bits: jnp.left_shift(x, bits),
    right=lambda x, bits: jnp.right_shift(x, bits),
    cumsum=lambda x: jnp.cumsum(x, -1),
    count=lambda indices, bins: _count(indices, bins),
    compiled=jax.jit,
)


def _count(indices: Any, bins: int) -> Any:
    line = indices.reshape(-1)
    return jnp.zeros(bins, jnp.int32).at[line].add(1, mode="promise_in_bounds")
