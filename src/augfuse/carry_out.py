"""A plan, done to the images that it was made for: memory for the result, the executor, a batch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import numpy as np

from augfuse.arguments import allocated, check_out, is_planar
from augfuse.batch import Batch
from augfuse.errors import ImageTypeError, RecipeError
from augfuse.execute.images import Images
from augfuse.plan.plan import Plan, Settings
from augfuse.ranges import whole
from augfuse.text import shown
from augfuse.threads import cpu_count
from augfuse.transforms.base import Transform


@cache
def _executor() -> Callable[..., None]:
    """What runs plans. It is loaded on first use: importing it imports Numba."""
    from augfuse.execute.cpu.run import execute

    return execute


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
        _executor()(part.lowered, images, target, planar, threads)
        batches.append((name, Batch(target, labels, plan.indices, paths, part, planar)))
    first = batches[0][1]
    if not plan.views:
        return first
    return Batch(first.images, labels, plan.indices, paths, plan, planar, dict(batches))


def check_plan(plan: Any, own: Sequence[Sequence[Transform]], settings: Settings) -> None:
    """Refuse a plan that was not made by one of these lists of transforms, or with other settings. Where `settings`
    have no value range, that of the plan may be the one of the data.
    """
    if not isinstance(plan, Plan):
        raise ImageTypeError(f"plan: got {type(plan).__name__}, wanted an af.Plan. Use af.Plan.from_bytes(data).")
    if plan.transforms not in own:
        one, other = (
            ", ".join(type(t).__name__ for t in some) or "no transforms" for some in (own[0], plan.transforms)
        )
        raise RecipeError(
            f"plan: got one of a recipe of other transforms ({other}), wanted one of this recipe ({one}). "
            "Use the recipe that made it."
        )
    for name in settings.__struct_fields__:
        made, wanted = getattr(plan.settings, name), getattr(settings, name)
        if made != wanted and wanted is not None:
            raise RecipeError(
                f"plan: got one of a recipe with {name}={shown(made)}, wanted {name}={shown(wanted)} as in this "
                "recipe. Use the recipe that made it."
            )
