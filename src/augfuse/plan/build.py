"""What was drawn, and the sizes of the images -> one op for each transform, in the order of application."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import cache, lru_cache
from typing import TypeAlias

import numpy as np

from augfuse.plan.draw import Node, applications
from augfuse.plan.ops import Op, Write, maker
from augfuse.transforms import base
from augfuse.transforms.base import Frame, Params

Seek: TypeAlias = Callable[[Node, np.ndarray | None, Sequence[Op], Frame], Params]


def operations(nodes: Sequence[Node], frame: Frame, seek: Seek | None = None) -> list[Op]:
    """One op for each application of a transform, but for the Write at the end; `frame`: what the images are. seek:
    what is asked for the parameters of a Seeking, given the ops before it; None: they are known."""
    found: list[Op] = []
    made: dict[str, tuple[Op, Frame]] = {}  # a transform that comes at several places is the same at each of them
    canvas = frame.canvas
    for node, active in applications(nodes):
        transform, path = node.transform, node.path
        if _writes(type(transform)):
            continue
        before, params = made.get(path), node.params
        if seek is not None and isinstance(transform, base.Seeking):
            before, params = None, seek(node, active, found, frame)
        if before is None or before[1] is not frame:
            before = made[path] = maker(type(transform))(transform, params, frame, _name(path)), frame
        op = before[0] if active is None else before[0].on(active, canvas)
        found.append(op)
        if op.size is not canvas:
            canvas = op.size
            frame = frame._replace(canvas=canvas)
    return found


@cache
def _writes(cls: type[base.Transform]) -> bool:
    return issubclass(cls, base.Write)


@lru_cache(maxsize=4096)
def _name(path: str) -> str:
    """What a transform is called in words: its class, behind those that chose it within its view."""
    path = re.sub(r"^Views#0/\w+/", "", path)
    return path[: path.index("#")] if path.count("#") == 1 else re.sub(r"#0(?=/|$)", "", path)


def write(nodes: Sequence[Node], n: int, channels: int, low: float, high: float, dtype: np.dtype) -> Write:
    """What is done while the batch is written: by the Write at the end of the nodes, or nothing."""
    last = nodes[-1] if nodes else None
    transform = last.transform if last is not None and isinstance(last.transform, base.Write) else None
    done = _written(transform, n, channels, low, high, dtype)
    if transform is None or last is None or last.active is None:
        return done
    scale = np.where(last.active[:, None], done.scale, 1.0)
    bias = np.where(last.active[:, None], done.bias, 0.0)
    standardize = None if done.standardize is None else last.active
    return Write(dtype, scale, bias, done.name, standardize)


@lru_cache(maxsize=256)
def _written(transform: base.Write | None, n: int, channels: int, low: float, high: float, dtype: np.dtype) -> Write:
    """The same where it acts on all images: what follows from the recipe and the kind of the images alone."""
    scale, bias = np.ones((n, channels)), np.zeros((n, channels))
    if transform is None:
        return Write(dtype, scale, bias)
    scale[:], bias[:] = transform.scale(channels, low, high)
    return Write(dtype, scale, bias, type(transform).__name__, np.ones(n, bool) if transform.standardizes else None)
