"""A random width or height that a Resize behind it stretches back: an augmentation that does nothing."""

from __future__ import annotations

import numpy as np

from augfuse.algebra.geometry import Canvas
from augfuse.algebra.ranges import sides
from augfuse.algebra.rng import Draw, Words
from augfuse.transforms.base import Color, Geometric, Transform
from augfuse.transforms.crop import RandomHeight, RandomWidth, Resize
from augfuse.warn_once import warn


def warn_of_undone(transforms: tuple[Transform, ...]) -> None:
    """Warn of a random width or height that a Resize stretches back."""
    if (found := undone(transforms)) is not None:
        stretched, resize = type(found[0]).__name__, sides(found[1].size)
        warn(
            f"Recipe: {stretched} changes nothing, for Resize({resize}) stretches the picture back. Type "
            f'af.Resize({resize}, mode="cover"), af.CenterCrop({resize}) in its place.'
        )


def undone(transforms: tuple[Transform, ...]) -> tuple[Transform, Resize] | None:
    """The first random width or height that a Resize behind it stretches back whatever is drawn, and that Resize."""
    for i, transform in enumerate(transforms):
        if not isinstance(transform, (RandomWidth, RandomHeight)):
            continue
        for j, later in enumerate(transforms[i + 1 :], i + 1):
            if not isinstance(later, (Geometric, Color)):
                break  # what works on pixels sees the other width
            if isinstance(later, Resize) and later.mode == "stretch" and _same_without_first(transforms[i : j + 1]):
                return transform, later
    return None


def _same_without_first(transforms: tuple[Transform, ...]) -> bool:
    """Whether four examples end where they would without the first transform. All transforms act, whatever their p."""
    ends_at: list[np.ndarray] = []
    for chain in (transforms, transforms[1:]):
        canvas, total = Canvas(np.full(4, 96), np.full(4, 128)), np.eye(3)
        for transform in chain:
            if isinstance(transform, Geometric):
                drawn = transform.draw(Draw(Words(0, 0, np.arange(4)), type(transform).__name__))
                matrix, canvas = transform.matrix(drawn, canvas)
                total = matrix @ total
        ends_at.append(total)
    return np.allclose(ends_at[0], ends_at[1], rtol=0, atol=1e-9)
