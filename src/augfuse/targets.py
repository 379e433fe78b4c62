"""What belongs to an image and would have to move with it: masks, boxes, keypoints. They are no targets yet.

A mask handed over as a label stays where it is while its image is turned. That is said, with the recipe that moves it.
"""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np

from augfuse.errors import ImageTypeError
from augfuse.text import shown
from augfuse.transforms._compose import Schedule, When
from augfuse.transforms._views import Views
from augfuse.transforms.base import Compose, Displacement, Geometric, Transform, Write
from augfuse.transforms.children import leaves, tree
from augfuse.transforms.spec import recipe_to_line
from augfuse.warn_once import warn_first

_PICTURES = ("mask", "masks", "segmentation", "target", "targets")
_PLACES = ("boxes", "bboxes", "bounding_boxes", "keypoints", "points", "landmarks")
_DOCS = 'See "Masks" in docs/concepts.md.'


def _moving(recipe: Any) -> tuple[Transform, ...]:
    """What moves pixels, and what stands before one of its kind that does: their paths stay the same."""
    steps = recipe.transforms
    moving = [{type(t) for t in steps[i:] if _moves(t)} for i in range(len(steps))]
    return tuple(_geometry(t) for t, kinds in zip(steps, moving, strict=True) if type(t) in kinds)


def _moves(transform: Transform) -> bool:
    """Whether it, or a transform within it, moves pixels."""
    return transform.probability > 0 and any(
        isinstance(t, Geometric | Displacement) and t.p > 0 for t in leaves([transform])
    )


def _geometry(transform: Transform) -> Transform:
    """The same, where what does not move pixels never acts: it keeps its place, so that the same ones are chosen."""
    if isinstance(transform, Geometric | Displacement):
        return transform
    if isinstance(transform, Views):
        lists = {name: [t for t in own if not isinstance(t, Write)] for name, own in transform.views}
        return Views(**{name: [_geometry(t) for t in own] for name, own in lists.items()})
    if isinstance(transform, Compose) and _moves(transform):
        return transform.rebuilt(_geometry)
    never: Any = (0.0, 0.0) if isinstance(transform, Schedule) else 0.0
    return msgspec.structs.replace(transform, p=never)


def mask_recipe(recipe: Any) -> str:
    """The source of the recipe that moves masks as `recipe` moves images: its geometry, without mixing of values."""
    fill_value = recipe.fill_value if len(recipe.fill_value) == 1 else 0
    moved = type(recipe)(_moving(recipe), fill=recipe.fill, fill_value=fill_value, interpolation="nearest")
    return recipe_to_line(moved)


def refuse_targets(recipe: Any, names: tuple[str, ...]) -> None:
    """ImageTypeError for arguments of `recipe(...)` that do not exist."""
    known = "image, label, seed, epoch, index and training"
    for name in names:
        if name in _PICTURES:
            label = "label=label, " if any(isinstance(t, When) for _, t in tree(recipe.transforms)) else ""
            call = f"{mask_recipe(recipe)}(image=mask, {label}seed=0, index=0)"
            hint = f"Give image and mask the same seed, epoch and index: {call}."
            if not _moving(recipe):
                hint = "This recipe moves no pixels: the mask stays as it is."
            raise ImageTypeError(
                f"recipe({name}=...): masks are not supported by this version, only {known}. {hint} {_DOCS}"
            )
        if name in _PLACES:
            raise ImageTypeError(
                f"recipe({name}=...): boxes and keypoints are not supported by this version, only {known}."
            )
        raise ImageTypeError(f"recipe({name}=...): there is no {shown(name)}, wanted {known}.")


def warn_of_masks(recipe: Any, image: np.ndarray, labels: Any) -> None:
    """Warn where a label is a picture of the size of its image, and `recipe` moves the image alone."""
    first = labels[0] if isinstance(labels, (np.ndarray, list, tuple)) else None
    if not isinstance(first, np.ndarray) or first.ndim not in (2, 3) or first.shape[:2] != image.shape[:2]:
        return
    if _moving(recipe):
        message = (
            f"labels of shape {first.shape} lie over images of shape {image.shape}, and are not moved with them. For "
            f"masks apply the geometry a second time, with the same seed, epoch and indices: masks = "
            f"{mask_recipe(recipe)}.batch(masks, seed=seed, epoch=batch.plan.epoch, indices=batch.indices).images. "
            f"{_DOCS}"
        )
        warn_first(message, message)
