"""A plan, done to the images that it was made for: memory for the result, the executor, a batch."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec
import numpy as np

from augfuse.algebra.ranges import whole
from augfuse.batch import Batch, of_views
from augfuse.errors import ImageError, ImageTypeError, RecipeError
from augfuse.execute.batch_images import Images, as_images, check_values
from augfuse.execute.load import executor, stages
from augfuse.execute.mixture import Masks, mixed
from augfuse.plan.make_plan import checked, make
from augfuse.plan.plan import Mixture, Plan
from augfuse.plan.settings import Settings, Source, value_range
from augfuse.recipe_call.arguments import allocated, check_out, is_planar
from augfuse.targets.mixed import mixed as targets_mixed
from augfuse.targets.move import carried
from augfuse.targets.partners import Mates, softened
from augfuse.targets.validate import Given
from augfuse.text import shown
from augfuse.threads import cpu_count
from augfuse.transforms.base import Transform


class How(NamedTuple):
    """How a batch is computed and written. workers: threads, None for all cores. dtype: None, the recipe decides. out:
    an array to write to, or what allocates one; the images themselves, where nothing is done to them. as_read: nothing
    is done to any of them, for a device does what the plan says."""

    workers: int | None = None
    dtype: np.dtype | None = None
    layout: str = "NHWC"
    out: np.ndarray | Callable[[tuple[int, ...], np.dtype], np.ndarray] | None = None
    as_read: bool = False


def carried_out(
    plan: Plan,
    images: Images,
    how: How,
    labels: Any = None,
    paths: tuple[str, ...] | None = None,
    held: Given | None = None,
    mates: Mates | None = None,
) -> Batch:
    """A checked plan, done to the images that it was made for, and to what is held of them. mates: the partners of its
    mixes."""
    planar, out = is_planar(how.layout), how.out
    threads = cpu_count() if how.workers is None else whole("workers", how.workers, 0)
    batches: list[tuple[str, Batch]] = []
    for name, part in plan.views or (("", plan),):
        assert part.lowered is not None
        n, height, width = len(images), int(part.size.height[0]), int(part.size.width[0])
        shape = (n, part.channels, height, width) if planar else (n, height, width, part.channels)
        if how.as_read:
            target = _as_read(images, out)
        elif out is None or callable(out):
            target = allocated(out or np.empty, shape, part.write.dtype)
        else:
            target = check_out(out, shape, part.write.dtype)
            out = out if callable(out) else None  # an array is for the first view
        own = _Own(images, held, labels)
        if (before := part.before) is not None:
            assert mates is not None
            own = _mixed(before, own, mates, threads)
        if how.as_read:
            assert part.before is None and not plan.views
        elif target is images.stack:
            assert not part.lowered.steps and part.lowered.output.plain and not planar
        else:
            executor()(part.lowered, own.images, target, planar, threads)
        batch = Batch(target, own.labels, plan.indices, paths, part, planar)
        if own.held is not None and held is not None:
            batch.targets, batch.visibility = carried(own.held, part, executor(), threads)
            batch.kinds = held.kinds
            for name, more in held.of("image").items():
                others = None if mates is None else mates.images(name)
                batch.targets[name] = _like(part, more, how._replace(out=None, as_read=False), others, own.masks)
        batches.append((name, batch))
    return of_views(plan, dict(batches)) if plan.views else batches[0][1]


def _as_read(images: Images, out: Any) -> np.ndarray:
    """The images in one array. ImageError where they differ in size."""
    if out is not None and out is images.stack:
        return out
    height, width = images.canvas
    if (height != height[0]).any() or (width != width[0]).any():
        sizes = sorted(set(zip(height.tolist(), width.tolist(), strict=True)))
        raise ImageError(
            f"images: got (height, width) {sizes[0]} and {sizes[-1]} in one batch, wanted one size, for a compiled "
            "program has one. Leave device out, or give af.Resize((height, width)) to a loader with dtype='uint8', and "
            "the rest of the recipe to af.torch.Augment or af.jax.augment."
        )
    target = allocated(out or np.empty, (len(images), int(height[0]), int(width[0]), images.channels), images.dtype)
    if images.stack is not None:
        return np.take(images.stack, images.rows, axis=0, out=target, mode="clip")
    return np.stack(images.items, out=target)


class _Own(NamedTuple):
    """The samples of a batch, where a plan's own steps begin. masks: what mixes took of partners, by their paths."""

    images: Images
    held: Given | None
    labels: Any
    masks: Mapping[str, Masks] = {}


def _mixed(before: Mixture, own: _Own, mates: Mates, threads: int) -> _Own:
    """The samples behind the mixes of a plan."""
    held, masks = own.held, {}
    if held is not None:
        held, masks = targets_mixed(before, held, mates.held(), executor(), threads)
    else:
        masks = dict.fromkeys(mates.rows)
    images = mixed(before, own.images, mates.images(), masks, stages(), threads)
    labels = own.labels if own.labels is None else softened(before, own.labels, "labels", mates)
    return _Own(images, held, labels, masks)


def _like(
    plan: Plan, images: list[np.ndarray], how: How, others: Mapping[str, Sequence[Images]] | None,
    masks: Mapping[str, Masks],
) -> np.ndarray:  # fmt: skip
    """Further images of the same samples, through the recipe with the same draws."""
    more = as_images(images)
    check_values(more, *value_range(more.dtype, plan.settings.value_range))
    own = make(plan.drawn, plan.settings, Source(more.canvas, more.channels, more.dtype), plan.dtype)
    own = checked(own if plan.view is None else dict(own.views)[plan.view])
    if own.before is not None and others is not None:
        threads = cpu_count() if how.workers is None else how.workers
        more = mixed(own.before, more, others, masks, stages(), threads)
        own = msgspec.structs.replace(own, before=None)
    return carried_out(own, more, how).images


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
