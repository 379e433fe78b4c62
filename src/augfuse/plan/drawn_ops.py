"""What was drawn, and the sizes of the images -> one op for each transform, in the order of application."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import cache, lru_cache
from typing import TypeAlias

import numpy as np

from augfuse.algebra.geometry import Canvas, first_behind
from augfuse.errors import RecipeError
from augfuse.plan.draw import Drawn, Node, applications, replaced
from augfuse.plan.ops import Mix as MixOp
from augfuse.plan.ops import Op, Partner, Warp, Write, maker
from augfuse.transforms import base
from augfuse.transforms.base import Frame, Params
from augfuse.transforms.mix_base import Layout, Mix

Seek: TypeAlias = Callable[[Node, np.ndarray | None, Sequence[Op | MixOp], Frame], Params]


def operations(drawn: Drawn, nodes: Sequence[Node], frame: Frame, seek: Seek | None = None) -> list[Op | MixOp]:
    """One op for each application of a transform, but for the Write at the end; `frame`: what the images are. seek:
    what is asked for the parameters of a Seeking, given the ops before it; None: they are known."""
    found: list[Op | MixOp] = []
    first = frame
    made: dict[str, tuple[Op, Frame]] = {}  # a transform that comes at several places is the same at each of them
    canvas = frame.canvas
    for node, active in applications(nodes):
        transform, path = node.transform, node.path
        if _writes(type(transform)):
            continue
        if isinstance(transform, Mix):
            found += _mixed(drawn, node, active, canvas, first)
            canvas = found[-1].size
            frame = frame._replace(canvas=canvas, whole=frame.whole and not transform.blends)
            continue
        before, params = made.get(path), node.params
        if seek is not None and isinstance(transform, base.Seeking):
            before, params = None, seek(node, active, found, frame)
        if before is None or before[1] is not frame:
            before = made[path] = maker(type(transform))(transform, params, frame, _name(path)), frame
        op = before[0] if active is None else before[0].on(active, canvas)
        if isinstance(op, Warp) and op.projective:
            _check_in_front(op, canvas, drawn.indices)
        found.append(op)
        if op.size is not canvas:
            canvas = op.size
            frame = frame._replace(canvas=canvas)
    return found


def _check_in_front(op: Warp, canvas: Canvas, indices: np.ndarray) -> None:
    """A perspective is asked for what reaches it: of a picture that was cropped before, the crop."""
    if (bad := first_behind(op.matrix, canvas)) >= 0:
        raise RecipeError(
            f"{op.name}: the perspective of sample {indices[bad]} maps a corner of the picture onto or behind the "
            f"horizon ({np.array2string(op.matrix[bad], precision=3)}), wanted all four corners in front of it, with "
            "divisors of one sign. Tilt it less."
        )


def _mixed(drawn: Drawn, node: Node, active: np.ndarray | None, canvas: Canvas, first: Frame) -> list[Op | MixOp]:
    """A Mix, behind what puts the images into their parts. first: what images are that come in."""
    transform, name = node.transform, _name(node.path)
    assert isinstance(transform, Mix)
    rows = np.arange(len(drawn)) if active is None else np.flatnonzero(active)
    own = Canvas(canvas.height[rows], canvas.width[rows])
    params = {name: values[rows] for name, values in node.params.items()}
    partners: list[Partner] = []
    for k in range(transform.partners):
        place = np.where(params["partner"][:, k] < len(drawn), params["partner"][:, k], rows)  # where it is not known
        sizes = zip((params["height"], params["width"]), first.canvas, strict=True)
        source = Canvas(*(np.where(side[:, k] > 0, side[:, k], known[place]) for side, known in sizes))
        of_it = drawn.partner(node, k, rows)
        steps = operations(of_it, of_it.nodes, first._replace(canvas=source)) if len(rows) else []
        partners.append(Partner(of_it, source, steps))
    sizes = (own, *(some.ops[-1].size if some.ops else some.source for some in partners))
    layout = transform.layout(params, sizes)
    moves = [_placed(transform, name, layout, k) for k in range(len(sizes))]
    partners = [
        some if move is None or not len(rows) else some._replace(ops=(*some.ops, move))
        for some, move in zip(partners, moves[1:], strict=True)
    ]
    size = Canvas(*(replaced(side, rows, new) for side, new in zip(canvas, layout.size, strict=True)))
    objects = params["objects"] if transform.takes_objects else None
    shares = None
    if transform.softens:
        shares = layout.weights if layout.weights is not None else _visible(layout)
    mix = MixOp(name, node.path, size, rows, tuple(partners), layout.parts, layout.weights, objects, shares)
    if (move := moves[0]) is None:
        return [mix]
    matrix = np.tile(np.eye(3), (len(drawn), 1, 1))
    matrix[rows] = move.matrix
    placed = Canvas(*(replaced(side, rows, new) for side, new in zip(canvas, move.size, strict=True)))
    return [Warp(name, placed, matrix, move.grid, False, move.surround), mix]


def _placed(transform: Mix, name: str, layout: Layout, k: int) -> Warp | None:
    """What puts sample k of a Mix into its part; None where it stays as it is."""
    matrix = layout.matrices[k]
    if matrix is None:
        return None
    size = Canvas(layout.parts[:, k, 3], layout.parts[:, k, 2])
    # Both ways give the same bytes where no image is scaled; copying is quicker.
    still = (matrix[:, [0, 1], [0, 1]] == 1).all() and (matrix[:, :2, 2] == np.rint(matrix[:, :2, 2])).all()
    return Warp(name, size, matrix, "whole" if still else "aligned", False, transform.surround)


def _visible(layout: Layout) -> np.ndarray:
    """(k, s): which part of the pictures each sample fills. Only the image itself is covered by others."""
    area = (layout.parts[:, :, 2] * layout.parts[:, :, 3]) / (layout.size.width * layout.size.height)[:, None]
    area[:, 0] = 1 - area[:, 1:].sum(axis=1)
    return area


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
