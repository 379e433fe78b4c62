"""TensorFlow's operations by NumPy's names: it knows no dtype but the one it is given, and no axis but a keyword."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, final

import numpy as np
import tensorflow

tf: Any = tensorflow  # half of what is called here has no types


@final
class Algebra:
    """See `algebras`."""

    compiles_each = False
    masks = False
    shrinks = False
    _SAME: ClassVar = (
        "abs", "logical_and", "logical_or", "logical_not", "equal", "not_equal", "less", "less_equal", "greater",
        "greater_equal", "minimum", "maximum", "add", "subtract", "multiply", "divide", "sqrt", "exp", "sin", "cos",
        "tan", "sign", "round", "floor", "where", "stack", "matmul", "transpose", "reshape", "tile", "broadcast_to",
        "repeat",
    )  # fmt: skip
    _IN_MATH: ClassVar = {
        "negative": "negative", "ceil": "ceil", "power": "pow", "log": "log", "arctan2": "atan2",
        "floor_divide": "floordiv", "remainder": "floormod", "logical_xor": "logical_xor",
    }  # fmt: skip

    def __getattr__(self, name: str) -> Any:
        if name in self._SAME:
            return getattr(tf, name)
        if name in self._IN_MATH:
            return getattr(tf.math, self._IN_MATH[name])
        raise AttributeError(name)

    def array(self, values: np.ndarray) -> Any:
        return tf.constant(values)

    def kind(self, tensor: Any) -> str:
        return "b" if tensor.dtype.is_bool else "f" if tensor.dtype.is_floating else "i"

    def cast(self, tensor: Any, dtype: str) -> Any:
        return tf.cast(tensor, dtype)

    def bits(self, values: Any) -> Any:
        if isinstance(values, np.ndarray | np.generic | int):
            return tf.constant(np.asarray(values).astype(np.uint32))
        return tf.cast(values, "uint32")

    def length(self, indices: Any) -> Any:
        known = indices.shape[-1]
        return tf.shape(indices)[-1] if known is None else known

    def left(self, word: Any, by: int) -> Any:
        return tf.bitwise.left_shift(word, self.bits(by))

    def right(self, word: Any, by: int) -> Any:
        return tf.bitwise.right_shift(word, self.bits(by))

    def deg2rad(self, values: Any) -> Any:
        return values * (np.pi / 180)

    def exp2(self, values: Any) -> Any:
        return tf.pow(2.0, values)

    def square(self, values: Any) -> Any:
        return values * values

    def clip(self, values: Any, low: Any, high: Any) -> Any:
        return tf.minimum(tf.maximum(values, low), high)

    def concatenate(self, values: Sequence[Any], axis: int = 0) -> Any:
        return tf.concat(values, axis)

    def sum(self, values: Any, axis: Any = None) -> Any:
        return tf.reduce_sum(values, axis)

    def max(self, values: Any, axis: Any = None) -> Any:
        return tf.reduce_max(values, axis)

    def min(self, values: Any, axis: Any = None) -> Any:
        return tf.reduce_min(values, axis)

    def any(self, values: Any, axis: Any = None) -> Any:
        return tf.reduce_any(values, axis)

    def all(self, values: Any, axis: Any = None) -> Any:
        return tf.reduce_all(values, axis)

    def argmax(self, values: Any, axis: int) -> Any:
        return tf.argmax(tf.cast(values, "int32"), axis, "int32")  # of several, the first

    def argsort(self, values: Any, axis: int) -> Any:
        return tf.argsort(values, axis, stable=True)

    def take(self, values: Any, indices: Any) -> Any:
        return tf.gather(values, indices)

    def take_along_axis(self, values: Any, indices: Any, axis: int) -> Any:
        count = len(values.shape) - 1
        return tf.gather(values, indices, axis=axis, batch_dims=min(axis, count))

    def searchsorted(self, ends: Any, values: Any, side: str = "left") -> Any:
        return tf.searchsorted(tf.cast(ends, values.dtype), values, side)

    def outside(self, function: Any) -> Any:
        return function

    def is_known(self, value: Any) -> bool:
        return not tf.is_tensor(value) or hasattr(value, "numpy")

    def pixels(self, images: Any) -> np.ndarray | None:
        return images.numpy() if self.is_known(images) and "CPU" in images.device else None

    def dtype(self, images: Any) -> str:
        return images.dtype.name
