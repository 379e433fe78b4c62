"""A plan, done to the images that it was made for: memory for the result, the executor, a batch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from augfuse.arguments import allocated, check_out, is_planar
from augfuse.batch import Batch
from augfuse.errors import ImageTypeError, RecipeError
from augfuse.execute.images import Images
from augfuse.plan.plan import Plan
from augfuse.ranges import whole
from augfuse.threads import cpu_count
from augfuse.transforms.base import Transform


def carried_out(
    plan: Plan,
    images: Images,
    labels: Any,
    paths: tuple[str, ...] | None,
    *,
    workers: int | None,
    layout: str,
    out: np.ndarray | Callable[[tuple[int, ...], np.dtype], np.ndarray] | None,
) -> Batch:
    """A checked plan, done to the images that it was made for."""
    from augfuse.execute.cpu.run import execute  # compiled code: loaded on first use

    planar = is_planar(layout)
    threads = cpu_count() if workers is None else whole("workers", workers, 0)
    batches: list[tuple[str, Batch]] = []
    for name, part in plan.views or (("", plan),):
        assert part.lowered is not None
        n, height, width = len(images), int(part.size.height[0]), int(part.size.width[0])
        shape = (n, part.channels, height, width) if planar else (n, height, width, part.channels)
        if out is None or callable(out):
            target = allocated(out or np.empty, shape, part.write.dtype)
        else:
            target = check_out(out, shape, part.write.dtype)
            out = out if callable(out) else None  # an array is for the first view
        execute(part.lowered, images, target, planar, threads)
        batches.append((name, Batch(target, labels, plan.indices, paths, part, planar)))
    first = batches[0][1]
    if not plan.views:
        return first
    return Batch(first.images, labels, plan.indices, paths, plan, planar, dict(batches))


def check_plan(plan: Any, transforms: Sequence[Transform], evaluation: Sequence[Transform]) -> None:
    """Refuse what is not a plan, or one of a recipe of other transforms than these, or their evaluation form."""
    if not isinstance(plan, Plan):
        raise ImageTypeError(f"plan: got {type(plan).__name__}, wanted an af.Plan. Use af.Plan.from_bytes(data).")
    made = plan.transforms
    if made not in (tuple(transforms), tuple(evaluation)):
        own, other = (", ".join(type(t).__name__ for t in some) or "no transforms" for some in (transforms, made))
        raise RecipeError(
            f"plan: got one of a recipe of other transforms ({other}), wanted one of this recipe ({own}). "
            "Use the recipe that made it."
        )
