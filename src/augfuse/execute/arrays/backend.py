"""The array operations that the executor is made of, as each framework calls them.

A record of operations is all that the executor knows of a framework: `run` is written in these, in arithmetic,
comparisons, `&` and `|`, which all arrays have. Three records are enough for Keras, too: its backends are these three
frameworks, and `keras.ops` hides the plain gather that each of them has (its own tests for indices that are negative
or out of bounds, at up to four times the price), and turns TensorFlow's uint64 into uint32.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any, TypeAlias, final

from augfuse.errors import RangeError, did_you_mean
from augfuse.frameworks import require
from augfuse.text import shown

Tensor: TypeAlias = Any  # of one of the frameworks

BACKENDS = ("jax", "tensorflow", "torch")


@final
@dataclass(frozen=True)
class Ops:
    """`like` is a tensor on whose device a new one is made. Dtypes are NumPy's names. Scalars may stand for `b`, `low`
    and `high`."""

    name: str
    tensor: Callable[[Any, Tensor], Tensor]  # (array, like)
    arange: Callable[[Any, Tensor], Tensor]  # (count, like): int32
    dtype: Callable[[Tensor], str]
    length: Callable[[Tensor], Any]  # of the first axis; a tensor where it is not known yet
    cast: Callable[[Tensor, str], Tensor]
    floor: Callable[[Tensor], Tensor]
    round: Callable[[Tensor], Tensor]  # halves to even
    once: Callable[[tuple[Tensor, Tensor]], tuple[Tensor, Tensor]]  # see `sampling.sampled`
    abs: Callable[[Tensor], Tensor]
    sqrt: Callable[[Tensor], Tensor]
    exp: Callable[[Tensor], Tensor]
    log: Callable[[Tensor], Tensor]
    minimum: Callable[[Tensor, Any], Tensor]
    maximum: Callable[[Tensor, Any], Tensor]
    where: Callable[[Tensor, Any, Any], Tensor]
    reshape: Callable[[Tensor, tuple[int, ...]], Tensor]
    stack: Callable[[list[Tensor], int], Tensor]  # (tensors, axis)
    take: Callable[[Tensor, Tensor], Tensor]  # (flat, indices), all within: nothing is tested
    mean: Callable[[Tensor, tuple[int, ...]], Tensor]  # over axes, which stay with length 1
    sum: Callable[[Tensor, tuple[int, ...]], Tensor]
    least: Callable[[Tensor, tuple[int, ...]], Tensor]
    most: Callable[[Tensor, tuple[int, ...]], Tensor]
    matmul: Callable[[Tensor, Tensor], Tensor]  # (n, i, k) and (n, k, j) in full float32
    transpose: Callable[[Tensor, tuple[int, ...]], Tensor]
    pair: Callable[[Tensor, Tensor], Tensor]  # two int32 as one element of 64 bits
    halves: Callable[[Tensor], tuple[Tensor, Tensor]]  # the two int32 of such a pair
    roll: Callable[[Tensor], Tensor]  # each element to the place before it along the last axis, the first one last
    left: Callable[[Tensor, int], Tensor]  # int32 shifted by bits
    right: Callable[[Tensor, int], Tensor]
    cumsum: Callable[[Tensor], Tensor]  # along the last axis
    count: Callable[[Tensor, Any], Tensor]  # (indices, bins): how often each index comes, int32
    compiled: Callable[[Callable[..., Any]], Callable[..., Any]]  # a pure function, as the framework compiles it


def ops_for(framework: str) -> Ops:
    """The operations of "jax", "tensorflow" or "torch".

    Raises RangeError for another name, MissingExtraError where the framework is not installed.
    """
    if framework not in BACKENDS:
        raise RangeError(
            f"ops_for: got {shown(framework)}, wanted {', '.join(map(shown, BACKENDS))}."
            f"{did_you_mean(str(framework), BACKENDS)}"
        )
    require(framework, f"The array executor on {framework}")
    operations: Ops = import_module(f"augfuse.execute.arrays.backends.{framework}").OPS
    return operations
