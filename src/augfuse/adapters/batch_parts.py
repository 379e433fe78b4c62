"""What a training step takes from a batch, the same for every framework."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from augfuse.batch import Batch
from augfuse.data.batches.loader import Loader
from augfuse.errors import DataError, did_you_mean
from augfuse.text import shown


def parts(batch: Batch, one: Callable[[str, Any], Any], names: Sequence[str] | None = None) -> Any:
    """`(images, labels)`; `(images, targets)` with a dict where the data set has targets, the labels among them;
    `images` alone without either. Sample weights come third. Of a recipe with Views, images and targets are dicts of
    them by the name of the view. A target "index", which is served where it is asked for, is the places of the samples
    in the data set.

    one(name, value) makes of each array or list what the framework takes. names: the targets that are wanted, by
    default all.
    """
    views = batch.views or {"": batch}
    images = {name: one("images", view.images) for name, view in views.items()}
    targets = {name: _targets(view, one, names) for name, view in views.items()}
    first = next(iter(targets.values()))
    if set(first) - {"labels"}:
        second = targets if batch.views else first
    elif first:
        second = first["labels"]
    else:
        return images if batch.views else images[""]
    found = (images if batch.views else images[""], second)
    return found if batch.sample_weights is None else (*found, one("sample_weights", batch.sample_weights))


def _targets(batch: Batch, one: Callable[[str, Any], Any], names: Sequence[str] | None) -> dict[str, Any]:
    held = {} if batch.labels is None else {"labels": batch.labels}
    for name in batch.targets if names is None else names:
        held[name] = batch.targets.get(name, batch.indices)
    if batch.pixel_mask is not None:
        held["pixel_mask"] = batch.pixel_mask
    return {name: one(name, value) for name, value in held.items()}


def together(images: Any) -> Any:
    """A list of images that lie behind one another in one array, as that array; others as they are."""
    base = images[0].base if isinstance(images, list) and images else None
    if not isinstance(base, np.ndarray) or base.shape != (len(images), *images[0].shape):
        return images
    alike = all(one.base is base and one.ctypes.data == base[i].ctypes.data for i, one in enumerate(images))
    return base if alike else images


def wanted_targets(loader: Loader, names: Any) -> tuple[str, ...] | None:
    """The names of targets as they were given: all of them for None. DataError for one that the data does not have."""
    if names is None:
        return None
    known = (*loader.data.table.targets, "index")
    listed = (names,) if isinstance(names, str) else tuple(names)
    for name in listed:
        if name not in known:
            held = ", ".join(map(shown, known[:-1])) or "no targets"
            raise DataError(
                f'targets: got {shown(name)} of a data set with {held}. "index" is the places of the samples.'
                f"{did_you_mean(str(name), known)}"
            )
    return listed


def check_stacks(loader: Loader, method: str) -> None:
    """DataError for a loader whose batches are lists of images."""
    if loader._collation is not None and loader._collation.pad_to is None:
        raise DataError(
            f"{method}: got a loader with collate='list', wanted images of one size. Use af.Loader(..., pad_to=32), or "
            "a recipe with af.Resize."
        )


def check_numbers(method: str, name: str, value: Any) -> None:
    """DataError for a target, one array or a list of them, that is not made of numbers."""
    for array in [value] if isinstance(value, np.ndarray) else value:
        if not isinstance(array, np.ndarray) or array.dtype.kind not in "biuf":
            raise DataError(
                f"{method}: {shown(name)} is not made of numbers, wanted arrays. Leave it out: targets=('boxes', ...) "
                "with the names that are wanted."
            )
