"""TensorFlow's operations."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from augfuse.execute.arrays.table import Ops


def _compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    return tf.function(function, jit_compile=True, autograph=False)


def _length(x: Any) -> Any:
    return x.shape[0] if x.shape[0] is not None else tf.shape(x)[0]


def _count(indices: Any, bins: Any) -> Any:
    line = tf.reshape(indices, (-1,))
    return tf.math.unsorted_segment_sum(tf.ones_like(line), line, bins)


OPS = Ops(
    name="tensorflow",
    tensor=lambda array, like: tf.convert_to_tensor(array),
    arange=lambda count, like: tf.range(count, dtype=tf.int32),
    dtype=lambda x: x.dtype.name,
    length=_length,
    cast=lambda x, dtype: tf.cast(x, dtype),
    floor=tf.floor,
    round=tf.round,
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
    left=lambda x, bits: tf.bitwise.left_shift(x, tf.constant(bits, x.dtype)),
    right=lambda x, bits: tf.bitwise.right_shift(x, tf.constant(bits, x.dtype)),
    cumsum=lambda x: tf.cumsum(x, -1),
    count=_count,
    compiled=_compiled,
)
