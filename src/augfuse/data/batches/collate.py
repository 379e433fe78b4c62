"""Images of different sizes in one batch: padded into one array, or as a list."""

from __future__ import annotations

from typing import Any, final

import msgspec
import numpy as np

from augfuse.algebra.geometry import Canvas
from augfuse.algebra.ranges import Lengths, listed, whole
from augfuse.batch import Batch, of_views
from augfuse.errors import ImageError, RangeError
from augfuse.execute.batch_images import Images
from augfuse.plan.draw import Drawn
from augfuse.plan.make_plan import make
from augfuse.plan.plan import Plan
from augfuse.plan.settings import Source
from augfuse.recipe import Recipe
from augfuse.recipe_call.run_plan import How
from augfuse.targets.crop_places import sought
from augfuse.targets.partners import Mates
from augfuse.targets.validate import Given
from augfuse.text import shown


@final
class Collation(msgspec.Struct, frozen=True):
    """How images of different sizes become one batch. pad_to: a size (height, width), or a number of which both sides
    become multiples; None: they stay a list."""

    pad_to: tuple[int, int] | int | None = None

    def run(
        self,
        recipe: Recipe,
        drawn: Drawn,
        images: Images,
        how: How,
        labels: Any,
        paths: Any,
        held: Given | None,
        mates: Mates | None = None,
    ) -> Batch:
        """A batch of images that may come out in different sizes, each size by itself."""
        source = Source(images.canvas, images.channels, images.dtype)
        found = sought(drawn, held, source, recipe.inner.settings, mates) if recipe.inner.asks.seeks else drawn
        whole_plan = make(found, recipe.inner.settings, source, how.dtype)
        plans = dict(whole_plan.views) or {"": whole_plan}
        sizes = np.concatenate([np.stack(plan.size, axis=1) for plan in plans.values()], axis=1)
        every = self._each(recipe, drawn, images, how, held, sizes, labels, mates)
        batches = {
            name: self._together(
                [(some.views[name] if name else some, place) for some, place in every],
                plan,
                labels if mates is None else None,
                paths,
                how,
                held,
            )
            for name, plan in plans.items()
        }
        return of_views(whole_plan, batches) if whole_plan.views else batches[""]

    def _each(
        self, recipe: Recipe, drawn: Drawn, images: Images, how: How, held: Given | None, sizes: np.ndarray,
        labels: Any, mates: Mates | None,
    ) -> list[tuple[Batch, int]]:  # fmt: skip
        """For each image the batch of its size, and its place there."""
        labels = None if mates is None else labels
        if (sizes == sizes[0]).all():
            form = how if self.pad_to is None else how._replace(out=None)
            alike = recipe.inner.run(drawn, images, form, labels, None, held, mates)
            return [(alike, row) for row in range(len(drawn))]
        _, codes = np.unique(sizes, axis=0, return_inverse=True)
        codes, own = codes.reshape(-1), how._replace(out=None)
        every: list[Any] = [None] * len(drawn)
        for code in range(int(codes.max()) + 1):
            rows = np.flatnonzero(codes == code)
            part = Images(items=[images[row] for row in rows.tolist()])
            theirs = None if mates is None else mates.take(rows)
            some_held = None if held is None else held.take(rows)
            of_them = None if labels is None else labels[rows]
            some = recipe.inner.run(drawn.take(rows), part, own, of_them, None, some_held, theirs)
            for place, row in enumerate(rows.tolist()):
                every[row] = (some, place)
        return every

    def _together(
        self, parts: list[tuple[Batch, int]], plan: Plan, labels: Any, paths: Any, how: How, held: Given | None
    ) -> Batch:
        images = [batch.images[place] for batch, place in parts]
        if labels is None and parts[0][0].labels is not None:  # as mixes left them
            labels = np.stack([batch.labels[place] for batch, place in parts])
        planar = parts[0][0].planar
        batch = Batch(images, labels, plan.indices, paths, plan, planar)  # type: ignore[arg-type]
        batch.kinds = parts[0][0].kinds
        for name in parts[0][0].targets:
            batch.targets[name] = [some.targets[name][place] for some, place in parts]
        for name in parts[0][0].visibility:
            batch.visibility[name] = [some.visibility[name][place] for some, place in parts]
        if self.pad_to is not None:
            self._pad(batch, images, plan.size, how, held)
        return batch

    def _pad(self, batch: Batch, images: list[np.ndarray], size: Canvas, how: How, held: Given | None) -> None:
        height, width = self._size(size)
        n, channels = len(images), images[0].shape[0 if batch.planar else 2]
        shape = (n, channels, height, width) if batch.planar else (n, height, width, channels)
        target = how.out(shape, images[0].dtype) if callable(how.out) else np.empty(shape, images[0].dtype)
        target[:] = 0
        batch.pixel_mask = np.zeros((n, height, width), bool)
        for i, image in enumerate(images):
            h, w = int(size.height[i]), int(size.width[i])
            place = (i, slice(None), slice(h), slice(w)) if batch.planar else (i, slice(h), slice(w))
            target[place] = image
            batch.pixel_mask[i, :h, :w] = True
        batch.images = target
        for name in {} if held is None else held.of("mask", "masks", "segments", "image"):
            batch.targets[name] = _padded_masks(batch.targets[name], size, height, width)

    def _size(self, size: Canvas) -> tuple[int, int]:
        """The size of a padded batch."""
        most = int(size.height.max()), int(size.width.max())
        if isinstance(self.pad_to, int):
            return (-(-most[0] // self.pad_to) * self.pad_to, -(-most[1] // self.pad_to) * self.pad_to)
        assert self.pad_to is not None
        if most[0] > self.pad_to[0] or most[1] > self.pad_to[1]:
            raise ImageError(
                f"pad_to: got {self.pad_to} for an image that comes out as {most[0]}x{most[1]}, wanted at least that. "
                "Add af.Resize to the recipe, or use pad_to=32: the largest image of a batch decides."
            )
        return self.pad_to


def collation(collate: Any, pad_to: Any) -> Collation | None:
    """The collation for these options; None if images are stacked. Raises RangeError."""
    if collate not in ("stack", "list"):
        raise RangeError(f"collate: got {shown(collate)}, wanted 'stack' or 'list'.")
    if pad_to is None:
        return None if collate == "stack" else Collation()
    if collate == "list":
        raise RangeError(f"pad_to: got {shown(pad_to)} with collate='list', wanted one of them.")
    if isinstance(listed(pad_to), (tuple, list)):
        return Collation(Lengths("size of a batch").parse("pad_to", pad_to))
    return Collation(whole("pad_to", pad_to, 1))


def _padded_masks(masks: list[np.ndarray], size: Canvas, height: int, width: int) -> Any:
    found: list[np.ndarray] = []
    for i, mask in enumerate(masks):
        h, w = int(size.height[i]), int(size.width[i])
        axis = 0 if mask.shape[:2] == (h, w) else 1
        margins = [(0, 0)] * mask.ndim
        margins[axis], margins[axis + 1] = (0, height - h), (0, width - w)
        found.append(np.pad(mask, margins))
    alike = len({(mask.shape, mask.dtype) for mask in found}) == 1
    return np.stack(found) if alike and found[0].ndim == 2 else found
