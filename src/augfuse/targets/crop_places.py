"""Where crops go that look at what is in the images: decided before the plan is made, and kept in what was drawn."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import msgspec
import numpy as np

from augfuse.execute.load import executor
from augfuse.plan.draw import Drawn, Node, with_params
from augfuse.plan.drawn_ops import operations
from augfuse.plan.make_plan import unwritten
from augfuse.plan.ops import Mix, Op
from augfuse.plan.plan import Plan
from augfuse.plan.settings import Settings, Source, value_range
from augfuse.targets import boxes, masks
from augfuse.targets.boxes import Boxes
from augfuse.targets.coordinates import stages
from augfuse.targets.mixed import mixed
from augfuse.targets.partners import Mates
from augfuse.targets.validate import Given
from augfuse.transforms.base import Frame, Params, Seeking, Things


def sought(drawn: Drawn, held: Given | None, images: Source, settings: Settings, mates: Mates | None = None) -> Drawn:
    """What was drawn, with the parts that crops cut out. held: what is in the images; None: nothing. mates: the
    partners of mixes."""
    if mates is not None:
        drawn = _of_partners(drawn, images, settings, mates)
    low, high = value_range(images.dtype, settings.value_range)
    frame = Frame(images.canvas, images.channels, low, high, images.dtype.kind == "u")
    parts: dict[str, Params] = {}

    def seek(node: Node, active: np.ndarray | None, before: Sequence[Op | Mix], here: Frame) -> Params:
        assert isinstance(node.transform, Seeking)
        acts = np.ones(len(drawn), bool) if active is None else active
        plan, own = unwritten(drawn, settings, images, before), held
        if plan.before is not None and held is not None:
            assert mates is not None
            own, _ = mixed(plan.before, held, mates.held(), executor(), 1)
        found = node.transform.seek(node.params, here.canvas, _things(plan, own, node.transform.uses_masks))
        part = parts.setdefault(node.path, {"part": node.params["part"].copy()})["part"]
        part[acts] = np.stack(found, axis=1)[acts]
        return {**node.params, "part": part.copy()}

    for nodes in [(*drawn.nodes, *own) for _, own in drawn.views] or [drawn.nodes]:
        operations(drawn, nodes, frame, seek)
    return with_params(drawn, parts)


def _of_partners(drawn: Drawn, images: Source, settings: Settings, mates: Mates) -> Drawn:
    """The same for what the partners of mixes pass."""
    parts: dict[str, Params] = {}
    for node in drawn.walk():
        for k, mate in enumerate(mates.of.get(node.path, ())):
            rows = mates.rows[node.path]
            source = Source(mate.images.canvas, images.channels, images.dtype)
            found = sought(drawn.partner(node, k, rows), mate.held, source, settings)
            for one in found.walk():
                if isinstance(one.transform, Seeking):
                    part = np.zeros((len(drawn), 4), np.int64)
                    part[rows] = one.params["part"]
                    parts[one.path] = {"part": part}
    return with_params(drawn, parts)


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
