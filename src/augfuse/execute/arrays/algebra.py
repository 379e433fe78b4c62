"""The operations that draws and matrices need, by NumPy's names, for each framework.

JAX has NumPy's functions. TensorFlow's are spelt out: it knows no dtype but the one it is given, and no axis but a
keyword. PyTorch draws on the host; it has what `words` needs. `bits` are words of 32 bits, see there.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import Any, final

import numpy as np


@final
class Host:
    """NumPy itself: what a recipe asks for is found out with it, without a framework."""

    masks = False

    def __getattr__(self, name: str) -> Any:
        return getattr(np, name)

    def kind(self, tensor: Any) -> str:
        return {"u": "i"}.get(tensor.dtype.kind, tensor.dtype.kind)

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


@final
class Jax:
    """JAX."""

    masks = False

    def __init__(self) -> None:
        self._numpy = import_module("jax.numpy")

    def __getattr__(self, name: str) -> Any:
        return getattr(self._numpy, name)

    def array(self, values: np.ndarray) -> Any:
        return self._numpy.asarray(values)

    def kind(self, tensor: Any) -> str:
        return {"u": "i"}.get(np.dtype(tensor.dtype).kind, "f" if tensor.dtype.kind == "V" else tensor.dtype.kind)

    def cast(self, tensor: Any, dtype: str) -> Any:
        return tensor.astype(dtype)

    def bits(self, values: Any) -> Any:
        return self._numpy.asarray(values).astype("uint32")

    def length(self, indices: Any) -> Any:
        return indices.shape[-1]

    def left(self, word: Any, by: int) -> Any:
        return word << np.uint32(by)

    def right(self, word: Any, by: int) -> Any:
        return word >> np.uint32(by)


@final
class TensorFlow:
    """TensorFlow."""

    masks = False
    _SAME = (
        "abs", "logical_and", "logical_or", "logical_not", "equal", "not_equal", "less", "less_equal", "greater",
        "greater_equal", "minimum", "maximum", "add", "subtract", "multiply", "divide", "sqrt", "exp", "sin", "cos",
        "tan", "sign", "round", "floor", "where", "stack", "matmul", "transpose", "reshape", "tile", "broadcast_to",
        "repeat",
    )  # fmt: skip
    _IN_MATH = {
        "negative": "negative", "ceil": "ceil", "power": "pow", "log": "log", "arctan2": "atan2",
        "floor_divide": "floordiv", "remainder": "floormod", "logical_xor": "logical_xor",
    }  # fmt: skip

    def __init__(self) -> None:
        self._tf = import_module("tensorflow")

    def __getattr__(self, name: str) -> Any:
        if name in self._SAME:
            return getattr(self._tf, name)
        if name in self._IN_MATH:
            return getattr(self._tf.math, self._IN_MATH[name])
        raise AttributeError(name)

    def array(self, values: np.ndarray) -> Any:
        return self._tf.constant(values)

    def kind(self, tensor: Any) -> str:
        return "b" if tensor.dtype.is_bool else "f" if tensor.dtype.is_floating else "i"

    def cast(self, tensor: Any, dtype: str) -> Any:
        return self._tf.cast(tensor, dtype)

    def bits(self, values: Any) -> Any:
        if isinstance(values, np.ndarray | np.generic | int):
            return self._tf.constant(np.asarray(values).astype(np.uint32))
        return self._tf.cast(values, "uint32")

    def length(self, indices: Any) -> Any:
        known = indices.shape[-1]
        return self._tf.shape(indices)[-1] if known is None else known

    def left(self, word: Any, by: int) -> Any:
        return self._tf.bitwise.left_shift(word, self.bits(by))

    def right(self, word: Any, by: int) -> Any:
        return self._tf.bitwise.right_shift(word, self.bits(by))

    def deg2rad(self, values: Any) -> Any:
        return values * (np.pi / 180)

    def exp2(self, values: Any) -> Any:
        return self._tf.pow(2.0, values)

    def square(self, values: Any) -> Any:
        return values * values

    def clip(self, values: Any, low: Any, high: Any) -> Any:
        return self._tf.minimum(self._tf.maximum(values, low), high)

    def concatenate(self, values: Sequence[Any], axis: int = 0) -> Any:
        return self._tf.concat(values, axis)

    def sum(self, values: Any, axis: Any = None) -> Any:
        return self._tf.reduce_sum(values, axis)

    def max(self, values: Any, axis: Any = None) -> Any:
        return self._tf.reduce_max(values, axis)

    def min(self, values: Any, axis: Any = None) -> Any:
        return self._tf.reduce_min(values, axis)

    def any(self, values: Any, axis: Any = None) -> Any:
        return self._tf.reduce_any(values, axis)

    def all(self, values: Any, axis: Any = None) -> Any:
        return self._tf.reduce_all(values, axis)

    def argmax(self, values: Any, axis: int) -> Any:
        return self._tf.argmax(self._tf.cast(values, "int32"), axis, "int32")  # of several, the first

    def argsort(self, values: Any, axis: int) -> Any:
        return self._tf.argsort(values, axis, stable=True)

    def take(self, values: Any, indices: Any) -> Any:
        return self._tf.gather(values, indices)

    def take_along_axis(self, values: Any, indices: Any, axis: int) -> Any:
        count = len(values.shape) - 1
        return self._tf.gather(values, indices, axis=axis, batch_dims=min(axis, count))

    def searchsorted(self, ends: Any, values: Any, side: str = "left") -> Any:
        return self._tf.searchsorted(self._tf.cast(ends, values.dtype), values, side)


@final
class Torch:
    """PyTorch, which has no whole set of unsigned operations: words are int64, masked."""

    masks = True

    def __init__(self) -> None:
        self._torch = import_module("torch")

    def bits(self, values: Any) -> Any:
        if isinstance(values, self._torch.Tensor):
            return values.to(self._torch.int64)
        if np.ndim(values) == 0:  # a tensor made of a number would be one more on the wrong device
            return int(values)
        return self._torch.from_numpy(np.asarray(values).astype(np.int64))

    def cast(self, tensor: Any, dtype: str) -> Any:
        return tensor.to(getattr(self._torch, dtype))

    def left(self, word: Any, by: int) -> Any:
        return (word << by) & 0xFFFFFFFF

    def right(self, word: Any, by: int) -> Any:
        return word >> by

    def stack(self, tensors: Sequence[Any], axis: int = 0) -> Any:
        return self._torch.stack(list(tensors), axis)


ALGEBRAS = {"numpy": Host, "jax": Jax, "tensorflow": TensorFlow, "torch": Torch}
