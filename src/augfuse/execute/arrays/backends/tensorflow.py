"""TensorFlow's operations."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow

from augfuse.execute.arrays.backend import Ops

tf: Any = tensorflow  # half of what is called here has no types


def _compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    return tf.function(function, jit_compile=True, autograph=False)


def _length(x: Any) -> Any:
    return x.shape[0] if x.shape[0] is not None else tf.shape(x)[0]


def _count(indices: Any, bins: Any) -> Any:
    line = tf.reshape(indices, (-1,))
    return tf.math.unsorted_segment_sum(tf.ones_like(line), line, bins)


def _pair(first: Any, second: Any) -> Any:
    """A complex number, which XLA gathers more quickly than an int64. It is carried, and never calculated with, so that
    any bits are left as they are."""
    return tf.complex(*(tf.bitcast(half, tf.float32) for half in (first, second)))


def _halves(pair: Any) -> tuple[Any, Any]:
    return tf.bitcast(tf.math.real(pair), tf.int32), tf.bitcast(tf.math.imag(pair), tf.int32)


OPS = Ops(
    name="tensorflow",
    tensor=lambda array, like: tf.convert_to_tensor(array),
    arange=lambda count, like: tf.range(count, dtype=tf.int32),
    dtype=lambda x: x.dtype.name,
    length=_length,
    cast=lambda x, dtype: tf.cast(x, dtype),
    floor=tf.floor,
    round=tf.round,
    once=lambda pair: pair,
    abs=tf.abs,
    sqrt=tf.sqrt,
    exp=tf.exp,
    log=tf.math.log,
    minimum=tf.minimum,
    maximum=tf.maximum,
    where=tf.where,
    reshape=tf.reshape,
    stack=lambda tensors, axis: tf.stack(tensors, axis),
    take=lambda flat, indices: tf.gather(flat, indices),
    mean=lambda x, axes: tf.reduce_mean(x, axes, keepdims=True),
    sum=lambda x, axes: tf.reduce_sum(x, axes, keepdims=True),
    least=lambda x, axes: tf.reduce_min(x, axes, keepdims=True),
    most=lambda x, axes: tf.reduce_max(x, axes, keepdims=True),
    matmul=tf.matmul,
    transpose=tf.transpose,
    pair=_pair,
    halves=_halves,
    roll=lambda x: tf.concat([x[..., 1:], x[..., :1]], -1),
    left=lambda x, bits: tf.bitwise.left_shift(x, tf.constant(bits, x.dtype)),
    right=lambda x, bits: tf.bitwise.right_shift(x, tf.constant(bits, x.dtype)),
    cumsum=lambda x: tf.cumsum(x, -1),
    count=_count,
    compiled=_compiled,
)
