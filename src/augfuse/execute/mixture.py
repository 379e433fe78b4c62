"""Samples that become one: each is finished by its own plan, then an executor puts them together."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, TypeAlias, final

import numpy as np

from augfuse.execute.batch_images import Images
from augfuse.plan.lowered import Lowered
from augfuse.plan.ops import Mix
from augfuse.plan.plan import Mixture

Masks: TypeAlias = Sequence[np.ndarray] | None  # of each image that is mixed, what is taken of its partner: (h, w) bool


@final
class Stages(NamedTuple):
    """What an executor does for mixes. each: carry out a plan whose images may come out in different sizes. mix: put
    finished samples together."""

    each: Callable[[Lowered, Images, int], Images]
    mix: Callable[[Mix, Images, tuple[Images, ...], Masks, int], Images]


def mixed(
    before: Mixture, images: Images, others: Mapping[str, Sequence[Images]], masks: Mapping[str, Masks], run: Stages,
    threads: int,
) -> Images:  # fmt: skip
    """The images behind a mix. others: the partners of the images that are mixed, by the path of the mix; masks: see
    `Masks`."""
    op, own = before.op, before.own
    if own.before is not None:
        images = mixed(own.before, images, others, masks, run, threads)
    assert own.lowered is not None
    made = run.each(own.lowered, images, threads)
    partners: list[Images] = []
    for plan, some in zip(before.partners, others[op.path], strict=True) if len(op.rows) else ():
        assert plan.lowered is not None
        partners.append(run.each(plan.lowered, some, threads))
    return run.mix(op, made, tuple(partners), taken(op, masks), threads)


def taken(op: Mix, masks: Mapping[str, Masks]) -> Masks:
    """What is taken of partners: nothing, of objects of which nobody says what they cover."""
    found = masks.get(op.path)
    if found is None and op.objects is not None:
        return [np.zeros((int(op.size.height[i]), int(op.size.width[i])), bool) for i in op.rows]
    return found
