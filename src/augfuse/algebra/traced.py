"""Arrays whose numbers are not known yet: tensors of a framework that is compiling a program.

The code that makes matrices out of draws is written for NumPy, and NumPy asks its arguments first whether they know
better (`__array_ufunc__`, `__array_function__`). A `Traced` answers with the operations of its framework, so that the
same code becomes part of a compiled program. What assigns into arrays, and what runs compiled on the host, says beside
it in a line what it is without assignments; see `geometry`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple, final

import numpy as np

from augfuse.errors import RecipeError

# NumPy's names of what operations call otherwise, and those that give fractions also of whole numbers.
_NAMES = {
    "absolute": "abs", "rint": "round", "true_divide": "divide", "invert": "logical_not", "bitwise_and": "logical_and",
    "bitwise_or": "logical_or", "bitwise_xor": "logical_xor", "amax": "max", "amin": "min",
}  # fmt: skip
_FRACTIONS = {"divide", "sqrt", "exp", "exp2", "log", "sin", "cos", "tan", "arctan2", "power"}
_LOGICAL = {"logical_and", "logical_or", "logical_xor", "logical_not"}


class NotTraceableError(RecipeError):
    """Code asked for the numbers of an array that are not known while a program is compiled."""


@final
class Traced(np.lib.mixins.NDArrayOperatorsMixin):
    """A tensor that NumPy's functions take for an array. Fractions are float32, whole numbers int32.

    ops: the operations of its framework, by NumPy's names. Where the number of images is not known either, it counts as
    1: what is made for one image is made for all.
    """

    __slots__ = ("ops", "tensor")

    def __init__(self, tensor: Any, ops: Any) -> None:
        self.tensor = tensor
        self.ops = ops

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **options: Any) -> Any:
        if options.pop("out", (self,)) != (self,) or method != "__call__" or options:
            raise _unknown(f"np.{ufunc.__name__}.{method}")
        return self._call(ufunc.__name__, inputs)

    def __array_function__(self, function: Callable, types: Any, args: Any, kwargs: Any) -> Any:
        name = function.__name__
        if name == "where":
            same = [isinstance(side, np.ndarray | int | float) for side in args[1:]]
            if all(same) and np.array_equal(args[1], args[2]):
                return args[1]  # whichever it is
        if name in ("full_like", "zeros_like", "ones_like"):
            return getattr(np, name)(np.empty(args[0].shape, args[0].dtype), *args[1:], **kwargs)
        return self._call(name, args, **kwargs)

    def _call(self, name: str, args: Sequence[Any], **kwargs: Any) -> Any:
        name = _NAMES.get(name, name)
        operation = getattr(self.ops, name, None)
        if operation is None:
            raise _unknown(f"np.{name}")
        if name in ("stack", "concatenate"):
            return Traced(operation(self._alike(args[0], False), *args[1:], **kwargs), self.ops)
        if name in (
            "sum",
            "max",
            "min",
            "any",
            "all",
            "argsort",
            "argmax",
            "transpose",
            "reshape",
            "repeat",
            "tile",
            "broadcast_to",
        ):
            first = self._alike(args[:1], False)[0]
            return Traced(operation(first, *args[1:], **kwargs), self.ops)
        if name in ("take_along_axis", "take", "searchsorted"):
            pair = [self._tensor(value) for value in args[:2]]
            return Traced(operation(*pair, *args[2:], **kwargs), self.ops)
        if name == "where":
            return Traced(operation(self._tensor(args[0]), *self._alike(args[1:], False)), self.ops)
        alike = args if name in _LOGICAL else self._alike(args, name in _FRACTIONS)
        return Traced(operation(*map(self._tensor, alike), **kwargs), self.ops)

    def _alike(self, values: Sequence[Any], fractions: bool) -> list[Any]:
        """Tensors of one kind: fractions as soon as one of them is a fraction."""
        kinds = {_kind(value) for value in values}
        dtype = "float32" if fractions or "f" in kinds else "int32" if "i" in kinds else "bool"
        return [self.ops.cast(self._tensor(value, np.dtype(dtype)), dtype) for value in values]

    def _tensor(self, value: Any, dtype: np.dtype | None = None) -> Any:
        if isinstance(value, Traced):
            return value.tensor
        if not isinstance(value, np.ndarray | np.generic | int | float | list | tuple):
            return value  # a tensor
        return self.ops.array(np.asarray(value).astype(dtype or {"f": "float32", "i": "int32"}.get(_kind(value), bool)))

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(1 if side is None else int(side) for side in self.tensor.shape)

    @property
    def ndim(self) -> int:
        return len(self.tensor.shape)

    @property
    def dtype(self) -> np.dtype:
        return np.dtype({"f": np.float32, "i": np.int32, "b": np.bool_}[_kind(self)])

    @property
    def T(self) -> Traced:
        return self.transpose(*range(self.ndim)[::-1])

    def __len__(self) -> int:
        return self.shape[0]

    def __iter__(self) -> Iterator[Traced]:
        return (self[k] for k in range(len(self)))

    def __getitem__(self, key: Any) -> Traced:
        return Traced(self.tensor[key], self.ops)

    def __setitem__(self, key: Any, value: Any) -> None:
        raise _unknown("an assignment into an array")

    def __bool__(self) -> bool:
        raise _unknown("the truth of an array")

    def __float__(self) -> float:
        raise _unknown("a number of an array")

    __int__ = __index__ = __float__

    def __array__(self, *args: Any, **kwargs: Any) -> Any:
        raise _unknown("the numbers of an array")

    def astype(self, dtype: Any, copy: bool = True) -> Traced:
        kind = np.dtype(dtype).kind
        name = "float32" if kind == "f" else "bool" if kind == "b" else "int32"
        return Traced(self.ops.cast(self.tensor, name), self.ops)

    def copy(self) -> Traced:
        return self  # nothing assigns into it

    def transpose(self, *axes: int) -> Traced:
        return self._call("transpose", (self, axes))

    def reshape(self, *shape: int) -> Traced:
        return self._call("reshape", (self, shape))

    def max(self, axis: int | None = None) -> Traced:
        return self._call("max", (self,), axis=axis)

    def min(self, axis: int | None = None) -> Traced:
        return self._call("min", (self,), axis=axis)

    def sum(self, axis: int | None = None) -> Traced:
        return self._call("sum", (self.astype(np.int32) if _kind(self) == "b" else self,), axis=axis)

    def any(self, axis: int | None = None) -> Traced:
        return self._call("any", (self,), axis=axis)

    def all(self, axis: int | None = None) -> Traced:
        return self._call("all", (self,), axis=axis)

    def argmax(self, axis: int) -> Traced:
        return self._call("argmax", (self,), axis=axis)

    def argsort(self, axis: int, kind: str = "stable") -> Traced:
        return self._call("argsort", (self,), axis=axis)


@final
class Key(NamedTuple):
    """Keys of n images that are not known yet, for randomness that an executor expands."""

    halves: Any  # (n, 4) words of 32 bits: each word of 64 bits in two, the low half first


def is_traced(*values: Any) -> bool:
    """Whether one of these is a tensor instead of numbers."""
    return Traced in map(type, values)


def rows(entries: Sequence[Sequence[Any]]) -> Any:
    """(n, r, c): matrices of r rows of c entries, each a number or (n,)."""
    like = next(value for row in entries for value in row if isinstance(value, Traced))
    nothing = like.astype(np.float32) * 0.0
    return np.stack([np.stack([nothing + value for value in row], axis=-1) for row in entries], axis=-2)


def _kind(value: Any) -> str:
    if isinstance(value, Traced):
        return value.ops.kind(value.tensor)
    found = np.asarray(value).dtype.kind
    return "i" if found == "u" else found


def _unknown(what: str) -> NotTraceableError:
    return NotTraceableError(f"it asks for {what}, and a compiled program draws only when it runs.")
