"""PyTorch's operations."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from augfuse.algebra.values import is_array
from augfuse.execute.arrays.backend import Ops


def _tensor(array: Any, like: torch.Tensor) -> torch.Tensor:
    if is_array(array) and not array.flags.writeable:  # of which PyTorch would warn
        array = array.copy()
    return torch.as_tensor(array, device=like.device)


def _compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    typeless: Any = torch  # it declares half of the type of `compile`
    return typeless.compile(function, dynamic=False)


def _where(chosen: torch.Tensor, one: Any, other: Any) -> torch.Tensor:
    return torch.where(chosen, one, other)


def _count(indices: torch.Tensor, bins: int) -> torch.Tensor:
    line = indices.reshape(-1).long()
    found = torch.zeros(bins, dtype=torch.int32, device=line.device)
    return found.scatter_add_(0, line, torch.ones_like(line, dtype=torch.int32))


def _pair(first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
    return (first.long() & 0xFFFFFFFF) | (second.long() << 32)


OPS = Ops(
    name="torch",
    tensor=_tensor,
    arange=lambda count, like: torch.arange(count, dtype=torch.int32, device=like.device),
    dtype=lambda x: str(x.dtype).removeprefix("torch."),
    length=lambda x: x.shape[0],
    cast=lambda x, dtype: x.to(getattr(torch, dtype)),
    floor=torch.floor,
    round=torch.round,
    once=lambda pair: pair,
    abs=torch.abs,
    sqrt=torch.sqrt,
    exp=torch.exp,
    log=torch.log,
    minimum=lambda a, b: torch.clamp(a, max=b),
    maximum=lambda a, b: torch.clamp(a, min=b),
    where=_where,
    reshape=torch.reshape,
    stack=lambda tensors, axis: torch.stack(tensors, axis),
    take=lambda flat, indices: flat[indices],
    mean=lambda x, axes: torch.mean(x, axes, keepdim=True),
    sum=lambda x, axes: torch.sum(x, axes, keepdim=True),
    least=lambda x, axes: torch.amin(x, axes, keepdim=True),
    most=lambda x, axes: torch.amax(x, axes, keepdim=True),
    matmul=torch.matmul,
    transpose=torch.permute,
    pair=_pair,
    halves=lambda pair: (pair.to(torch.int32), (pair >> 32).to(torch.int32)),
    roll=lambda x: torch.roll(x, -1, -1),
    left=lambda x, bits: x << bits,
    right=lambda x, bits: x >> bits,
    cumsum=lambda x: torch.cumsum(x, -1, dtype=x.dtype),
    count=_count,
    compiled=_compiled,
)
