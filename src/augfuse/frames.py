"""Frames of one clip and slices of one volume: images that share what is drawn."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from augfuse.arguments import as_index
from augfuse.errors import RecipeError
from augfuse.transforms.base import Seeking
from augfuse.transforms.children import leaves
from augfuse.transforms.mixing import Mix


def together(
    recipe: Any, frames: np.ndarray, label: Any, index: int | None, targets: Mapping[str, Any], **options: Any
) -> dict[str, Any]:
    """What a call of the recipe returns for frames (d, h, w, c), each at the same position. targets: each with an entry
    for each frame."""
    seeking = [type(one).__name__ for one in leaves(recipe.transforms) if isinstance(one, Seeking)]
    if seeking:
        raise RecipeError(
            f"{', '.join(dict.fromkeys(seeking))}: looks at what is in each image, and would cut each of the "
            f"{len(frames)} frames at another place. Use af.RandomCrop."
        )
    mixing = [type(one).__name__ for one in leaves(recipe.transforms) if isinstance(one, Mix)]
    if mixing:
        raise RecipeError(
            f"{', '.join(dict.fromkeys(mixing))}: mixes an image with another one of its data set, and would mix the "
            f"{len(frames)} frames with each other. Leave it out for clips and volumes."
        )
    indices = np.full(len(frames), 0 if index is None else as_index(index))
    labels = None if label is None else [label] * len(frames)
    batch = recipe.batch(frames, labels, indices=indices, workers=1, **options, **targets)
    result = {"image": batch.images, **batch.targets}
    if batch.views:
        result["views"] = {name: {"image": view.images, **view.targets} for name, view in batch.views.items()}
    if label is not None:
        result["label"] = label
    return result
