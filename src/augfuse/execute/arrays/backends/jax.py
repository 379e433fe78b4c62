"""JAX's operations."""

from __future__ import annotations

from typing import Any

import jax

from augfuse.execute.arrays.backend import Ops

_jax: Any = jax  # its functions have types in part only
jnp = _jax.numpy


def _pair(first: Any, second: Any) -> Any:
    """A complex number, for JAX has no integers of 64 bits unless it is told to. It is carried, and never calculated
    with, so that any bits are left as they are."""
    return _jax.lax.complex(*(_jax.lax.bitcast_convert_type(half, jnp.float32) for half in (first, second)))


def _halves(pair: Any) -> tuple[Any, Any]:
    first, second = (_jax.lax.bitcast_convert_type(half, jnp.int32) for half in (jnp.real(pair), jnp.imag(pair)))
    return first, second


def _stored(pair: tuple[Any, Any]) -> tuple[Any, Any]:
    """On CPUs XLA drops barriers before it fuses. What a branch is given is stored, and the branch is not known before
    the program runs."""
    leaf = jnp.ravel(pair[0])[0]
    return _jax.lax.cond(leaf == leaf, _as_given, _turned, pair)


def _as_given(pair: tuple[Any, Any]) -> tuple[Any, Any]:
    return pair


def _turned(pair: tuple[Any, Any]) -> tuple[Any, Any]:
    return -pair[0], -pair[1]


OPS = Ops(
    name="jax",
    tensor=lambda array, like: jnp.asarray(array),
    arange=lambda count, like: jnp.arange(count, dtype=jnp.int32),
    dtype=lambda x: str(x.dtype),
    length=lambda x: x.shape[0],
    cast=lambda x, dtype: jnp.asarray(x, dtype),
    floor=jnp.floor,
    round=jnp.round,
    once=lambda pair: _jax.lax.platform_dependent(pair, cpu=_stored, default=_jax.lax.optimization_barrier),
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
    matmul=lambda a, b: jnp.matmul(a, b, precision=_jax.lax.Precision.HIGHEST),  # else a GPU takes fewer digits
    transpose=jnp.transpose,
    pair=_pair,
    halves=_halves,
    roll=lambda x: jnp.roll(x, -1, -1),
    left=lambda x, bits: jnp.left_shift(x, bits),
    right=lambda x, bits: jnp.right_shift(x, bits),
    cumsum=lambda x: jnp.cumsum(x, -1),
    count=lambda indices, bins: _count(indices, bins),
    compiled=_jax.jit,
)


def _count(indices: Any, bins: int) -> Any:
    line = indices.reshape(-1)
    return jnp.zeros(bins, jnp.int32).at[line].add(1, mode="promise_in_bounds")
