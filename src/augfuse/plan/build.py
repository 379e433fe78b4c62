"""What was drawn, and the sizes of the images -> one op for each transform, in the order of application."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import cache, lru_cache
from typing import NamedTuple

import numpy as np

from augfuse import color, geometry
from augfuse.errors import RecipeError
from augfuse.geometry import Canvas
from augfuse.plan import ops
from augfuse.plan.draw import Node, applications
from augfuse.transforms import base
from augfuse.transforms.base import Frame, Transform


class _Known(NamedTuple):
    """What an op is made of: the node, on which images it acts, and what reaches it."""

    node: Node
    active: np.ndarray | None
    n: int
    frame: Frame
    name: str


def operations(nodes: Sequence[Node], n: int, frame: Frame) -> list[ops.Op]:
    """One op for each application of a transform, but for the Write at the end; `frame`: what the images are."""
    found: list[ops.Op] = []
    for node, active in applications(nodes):
        if isinstance(node.transform, base.Write):
            continue
        known = _Known(node, active, n, frame, _name(node.path))
        found.append(_maker(type(node.transform))(known))
        if found[-1].size is not frame.canvas:
            frame = frame._replace(canvas=found[-1].size)
    return found


@lru_cache(maxsize=4096)
def _name(path: str) -> str:
    """What a transform is called in words: its class, behind those that chose it."""
    return path[: path.index("#")] if path.count("#") == 1 else re.sub(r"#0(?=/|$)", "", path)


def _warp(known: _Known) -> ops.Op:
    transform, canvas = known.node.transform, known.frame.canvas
    assert isinstance(transform, base.Geometric)
    matrix, size = transform.matrix(known.node.params, canvas)
    if known.active is not None:
        matrix = geometry.where(known.active, matrix)
        if size is not canvas:
            size = Canvas(*(np.where(known.active, new, old) for new, old in zip(size, canvas, strict=True)))
    return ops.Warp(known.name, size, matrix)


def _color(known: _Known) -> ops.Op:
    transform = known.node.transform
    assert isinstance(transform, base.Color)
    matrix = transform.matrix(known.node.params, known.n)
    gain = transform.mean_gain(known.node.params)
    if known.active is not None:
        matrix = color.where(known.active, matrix)
        gain = None if gain is None else gain * known.active[:, None]
    return ops.Color(known.name, known.frame.canvas, matrix, gain, transform.mixes_channels)


def _local(known: _Known) -> ops.Op:
    transform = known.node.transform
    assert isinstance(transform, base.Local)
    params = transform.plan(known.node.params, known.frame)
    active = np.ones(known.n, bool) if known.active is None else known.active
    return ops.Local(known.name, known.frame.canvas, transform.apply, transform.compiled(), params, active)


def _tone(known: _Known) -> ops.Op:
    return ops.Tone(known.name, known.frame.canvas)


def _mix(known: _Known) -> ops.Op:
    return ops.Mix(known.name, known.frame.canvas)


_MAKERS: dict[type[Transform], Callable[[_Known], ops.Op]] = {
    base.Geometric: _warp,
    base.Color: _color,
    base.Tone: _tone,
    base.Local: _local,
    base.Mix: _mix,
}


@cache
def _maker(cls: type[Transform]) -> Callable[[_Known], ops.Op]:
    for kind, maker in _MAKERS.items():
        if issubclass(cls, kind):
            return maker
    raise RecipeError(
        f"{cls.__name__}: got a transform of no known kind, wanted a class made of one of "
        f"{', '.join(kind.__name__ for kind in _MAKERS)}."
    )


def write(nodes: Sequence[Node], n: int, channels: int, low: float, high: float, dtype: np.dtype) -> ops.Write:
    """What is done while the batch is written: by the Write at the end of the nodes, or nothing."""
    last = nodes[-1] if nodes else None
    transform = last.transform if last is not None and isinstance(last.transform, base.Write) else None
    done = _written(transform, n, channels, low, high, dtype)
    if transform is None or last is None or last.active is None:
        return done
    scale = np.where(last.active[:, None], done.scale, 1.0)
    bias = np.where(last.active[:, None], done.bias, 0.0)
    standardize = None if done.standardize is None else last.active
    return ops.Write(dtype, scale, bias, done.name, standardize)


@lru_cache(maxsize=256)
def _written(
    transform: base.Write | None, n: int, channels: int, low: float, high: float, dtype: np.dtype
) -> ops.Write:
    """The same where it acts on all images: what follows from the recipe and the kind of the images alone."""
    scale, bias = np.ones((n, channels)), np.zeros((n, channels))
    if transform is None:
        return ops.Write(dtype, scale, bias)
    scale[:], bias[:] = transform.scale(channels, low, high)
    return ops.Write(dtype, scale, bias, type(transform).__name__, np.ones(n, bool) if transform.standardizes else None)
