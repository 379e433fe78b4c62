"""Frames of one clip and slices of one volume: images that share what is drawn."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, final

import numpy as np

from augfuse.batch import Batch
from augfuse.errors import ImageError, ImageTypeError, RecipeError
from augfuse.recipe_call.arguments import as_index, as_indices, check_labels
from augfuse.targets.rows import is_list
from augfuse.transforms.base import Seeking, Transform
from augfuse.transforms.children import leaves
from augfuse.transforms.mix_base import Mix

# What looks at each image, or mixes it, and why frames cannot share its draw.
_APART = {
    Seeking: "looks at what is in each image, and would cut each of the {} frames at another place. Use af.RandomCrop.",
    Mix: "mixes an image with another one of its data set, and would mix the {} frames with each other. Leave it out "
    "for clips and volumes.",
}


def together(
    transforms: Sequence[Transform], batched: Callable[..., Batch], frames: np.ndarray, label: Any, index: int | None,
    options: Mapping[str, Any],
) -> dict[str, Any]:  # fmt: skip
    """What a call of a recipe returns for frames (d, h, w, c), each at the same position. batched: its `batch`;
    options: what this is given, targets with an entry for each frame."""
    _check_alone(transforms, len(frames))
    indices = np.full(len(frames), 0 if index is None else as_index(index))
    labels = None if label is None else [label] * len(frames)
    batch = batched(frames, labels, indices=indices, workers=1, **options)
    result = {"image": batch.images, **batch.targets}
    if batch.views:
        result["views"] = {name: {"image": view.images, **view.targets} for name, view in batch.views.items()}
    if label is not None:
        result["label"] = label
    return result


@final
class Clips(NamedTuple):
    """n clips of d frames each, or volumes of d slices."""

    n: int
    d: int

    def flat(
        self, images: Any, labels: Any, indices: Any, targets: Mapping[str, Any], out: Any
    ) -> tuple[np.ndarray, Any, np.ndarray, dict[str, Any], Any]:
        """What `Recipe.batch` takes, for all frames one by one, those of a clip at one position."""
        n, d = self
        check_labels(labels, n)
        each = None if labels is None else np.repeat(np.asarray(labels), d, axis=0)
        positions = np.repeat(np.arange(n) if indices is None else as_indices(indices, n), d)
        found = {name: entries if entries is None else self._each(name, entries) for name, entries in targets.items()}
        if isinstance(out, np.ndarray):
            if out.shape[:2] != (n, d) or not out.flags.c_contiguous:
                raise ImageTypeError(f"out: got shape {out.shape}, wanted a C-contiguous array ({n}, {d}, ...).")
            out = out.reshape(-1, *out.shape[2:])
        return images.reshape(-1, *images.shape[2:]), each, positions, found, out

    def _each(self, name: str, entries: Any) -> list[Any]:
        """An entry for each frame. ImageError."""
        for where, some, wanted in ((name, entries, self.n), *((f"{name}[{i}]", e, self.d) for i, e in _of(entries))):
            if not is_list(some) or len(some) != wanted:
                got = f"{len(some)}" if is_list(some) else type(some).__name__
                raise ImageError(
                    f"{where}: got {got} for {self.n} clips of {self.d} frames, wanted an entry for each clip, and in "
                    "it one for each frame."
                )
        return [one for own in entries for one in own]

    def where(self, name: str, i: int) -> str:
        """What messages call the entry of frame i."""
        return f"{name}[{i // self.d}][{i % self.d}]"

    def shaped(self, batch: Batch) -> Batch:
        """The batch of all frames as one of clips."""
        n, d = self
        views = {name: self.shaped(view) for name, view in batch.views.items()}
        images = batch.images.reshape(n, d, *batch.images.shape[1:])
        labels = None if batch.labels is None else batch.labels[::d]
        made = Batch(images, labels, batch.indices[::d], None, batch.plan, batch.planar, views)
        made.frames = batch
        made.kinds = batch.kinds
        made.targets = {name: self._nested(entries) for name, entries in batch.targets.items()}
        made.visibility = {name: self._nested(entries) for name, entries in batch.visibility.items()}
        return made

    def _nested(self, entries: Any) -> Any:
        n, d = self
        if isinstance(entries, np.ndarray):
            return entries.reshape(n, d, *entries.shape[1:])
        return [list(entries[i * d : (i + 1) * d]) for i in range(n)]


def _of(entries: Any) -> Iterator[tuple[int, Any]]:
    return enumerate(entries) if is_list(entries) else iter(())


def clips_of(transforms: Sequence[Transform], images: Any) -> Clips | None:
    """What clips (n, d, h, w, c) are as a batch; None for images. RecipeError where frames cannot share a draw."""
    if not isinstance(images, np.ndarray) or images.ndim != 5 or 0 in images.shape:
        return None
    _check_alone(transforms, images.shape[1])
    return Clips(*images.shape[:2])


def _check_alone(transforms: Sequence[Transform], frames: int) -> None:
    """RecipeError for transforms that look at each image, or mix it."""
    for kind, why in _APART.items():
        names = dict.fromkeys(type(one).__name__ for one in leaves(transforms) if isinstance(one, kind))
        if names:
            raise RecipeError(f"{', '.join(names)}: {why.format(frames)}")
