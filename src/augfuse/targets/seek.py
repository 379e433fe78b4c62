"""Where crops go that look at what is in the images: decided before the plan is made, and kept in what was drawn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache, partial

import msgspec
import numpy as np

from augfuse.execute.load import executor
from augfuse.plan.build import operations
from augfuse.plan.draw import Drawn, Node
from augfuse.plan.fuse import fuse, steps
from augfuse.plan.ops import Op
from augfuse.plan.plan import Plan, Settings, Source, unwritten, value_range
from augfuse.targets import boxes, masks
from augfuse.targets.boxes import Boxes
from augfuse.targets.given import Given
from augfuse.targets.way import stages
from augfuse.transforms.base import Frame, Params, Seeking, Things, Transform
from augfuse.transforms.children import leaves


def seeks(transforms: Sequence[Transform]) -> bool:
    """Whether a transform of a recipe looks at targets."""
    return any(isinstance(transform, Seeking) for transform in leaves(transforms))


def sought(drawn: Drawn, held: Given | None, images: Source, settings: Settings) -> Drawn:
    """What was drawn, with the parts that crops cut out. held: what is in the images; None: nothing."""
    low, high = value_range(images.dtype, settings.value_range)
    frame = Frame(images.canvas, images.channels, low, high, images.dtype.kind == "u")
    parts: dict[str, np.ndarray] = {}

    def seek(node: Node, active: np.ndarray | None, before: Sequence[Op], here: Frame) -> Params:
        assert isinstance(node.transform, Seeking)
        acts = np.ones(len(drawn), bool) if active is None else active
        plan = unwritten(drawn, settings, images, tuple(fuse(steps(before))))
        found = node.transform.seek(node.params, here.canvas, _things(plan, held, node.transform.uses_masks))
        part = parts.setdefault(node.path, node.params["part"].copy())
        part[acts] = np.stack(found, axis=1)[acts]
        return {**node.params, "part": part.copy()}

    for nodes in [(*drawn.nodes, *own) for _, own in drawn.views] or [drawn.nodes]:
        operations(nodes, frame, seek)
    with_parts = partial(_with, parts)
    views = tuple((name, tuple(map(with_parts, own))) for name, own in drawn.views)
    return msgspec.structs.replace(drawn, nodes=tuple(map(with_parts, drawn.nodes)), views=views)


def _things(plan: Plan, held: Given | None, uses_masks: bool) -> Things:
    """What is in the images behind the passes of a plan."""
    none = Things(np.empty((0, 4)), np.empty(0, np.int64))
    if held is None:
        return none
    pictures = next(iter(held.of("mask", "masks").values()), None)

    @cache
    def mask(i: int) -> np.ndarray:
        """What is not 0 in one of the masks of image i; of one mask, its numbers."""
        assert pictures is not None
        entry = pictures[i]
        planes = [entry] if entry.ndim == 2 else [entry[:, :, 0]] if entry.shape[-1] == 1 else list(entry)
        if not planes:
            return np.zeros((1, 1))
        moved = masks.moved(plan, planes, np.full(len(planes), i), held.policy, executor(), 1)
        return moved[0] if len(moved) == 1 else np.maximum.reduce([plane != 0 for plane in moved])

    none = none._replace(mask=mask if uses_masks and pictures is not None else None)
    own = held.entries.get("boxes")
    if own is None or not sum(map(len, own)):
        return none
    image = np.repeat(np.arange(len(own)), [len(entry) for entry in own])
    corners = boxes.corners_of(np.concatenate(own), image, plan.source, held.form)
    policy = msgspec.structs.replace(held.policy, clip=True)
    found = boxes.moved(Boxes(corners, image), stages(plan), plan.source, policy, None)
    left = boxes.left(found, policy)
    return none._replace(boxes=found.ends[left], image=image[left])


def _with(parts: Mapping[str, np.ndarray], node: Node) -> Node:
    """The node with the parts that were found for it and its children."""
    params = node.params if node.path not in parts else {**node.params, "part": parts[node.path]}
    children = tuple(_with(parts, child) for child in node.children)
    return Node(node.path, node.transform, node.active, params, children, node.turns)
