"""A warning for masks that are passed as labels: they are not moved with their image."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from augfuse.targets.roles import RecipeLike
from augfuse.transforms.base import Displacement, Geometric, Transform
from augfuse.transforms.children import leaves
from augfuse.warn_once import warn_first


def moves(transforms: Sequence[Transform]) -> bool:
    """Whether one of the transforms moves pixels."""
    return any(isinstance(t, Geometric | Displacement) and t.p > 0 for t in leaves(transforms))


def blends(recipe: RecipeLike) -> bool:
    """Whether a transform of the recipe puts pixels between pixels, which it then blends."""
    return recipe.interpolation != "nearest" and any(
        isinstance(t, Displacement) or (isinstance(t, Geometric) and not t.moves_whole_pixels)
        for t in leaves(recipe.transforms)
    )


def warn_of_numbers(labels: np.ndarray, mix: str) -> None:
    """Warn where labels (n,) of a recipe that mixes them are whole numbers as floats: class numbers, nearly always.
    0 and 1 are taken as shares."""
    if labels.ndim != 1 or labels.dtype.kind != "f" or (labels != np.rint(labels)).any() or labels.max(initial=0) < 2:
        return
    message = (
        f"labels: got {labels.dtype.name} with whole numbers only, for a recipe with {mix}, which mixes them as "
        "numbers with a meaning, such as an age: between class 1 and class 3 it makes a 2. Class numbers are "
        "labels.astype(np.int64) with af.Loader(..., one_hot=True); of an age give labels[:, None], and no warning "
        'appears. See "Labels" in docs/mixing.md.'
    )
    warn_first(message, message)


def warn_of_masks(transforms: Sequence[Transform], image: np.ndarray, labels: Any) -> None:
    """Warn where a label is a picture of the size of its image, and the transforms move the image alone."""
    first = labels[0] if isinstance(labels, (np.ndarray, list, tuple)) else None
    if not isinstance(first, np.ndarray) or first.ndim not in (2, 3) or first.shape[:2] != image.shape[:2]:
        return
    if moves(transforms):
        message = (
            f"labels of shape {first.shape} lie over images of shape {image.shape}, and are not moved with them. Give "
            "masks as targets: recipe.batch(images, masks=masks), or a data set af.from_arrays(images).with_targets("
            'mask=masks). See "Masks" in docs/targets.md.'
        )
        warn_first(message, message)
