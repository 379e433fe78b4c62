"""Perspectives and displacement fields in the numbers that executors take.

From an output pixel back to the source: through the matrices behind the last field, by this field, through the matrices
before it, and so on. Each pair is a bend; what is left at the end is one affine map, which knows of the reduction too.
"""

from __future__ import annotations

from typing import NamedTuple, final

import numpy as np

from augfuse.algebra.geometry import Canvas, Field, Homographies, affine, invert_homographies, product
from augfuse.errors import RecipeError
from augfuse.plan.ops import Segment

_LARGEST = 1e6  # displacement in pixels: more than any picture is wide


@final
class Bend(NamedTuple):
    """A map, and then a field of displacements where there is one.

    maps: (n, 9) float64, see `geometry.Homographies`. A divisor counts as at least LEAST_DIVISOR, and what is mapped
    further than FAR outside of the canvas as lying there. size: of the canvas that the map leads to.
    """

    maps: np.ndarray
    projective: bool
    field: Field | None
    size: Canvas


@final
class Way(NamedTuple):
    """The way from output to source: bends, then (n, 6) affine maps; how many source pixels one output pixel covers,
    and the largest of these numbers."""

    maps: np.ndarray
    spans: np.ndarray
    most: float
    bends: tuple[Bend, ...] = ()


def of(step: Segment, source: Canvas, indices: np.ndarray) -> Way:
    """The way back through a segment with perspectives or fields. RecipeError where no such way exists.

    How far a picture shrinks is taken in the middle of the output, and without the fields, which stretch about as much
    as they shrink.
    """
    assert step.geometry is not None
    n = len(indices)
    matrices = [*(affine(n) if bent.before is None else bent.before for bent in step.fields), step.geometry]
    canvases = [source, *(bent.size for bent in step.fields), step.size]
    found = [_inverted(step, matrix, canvases[k], canvases[k + 1], indices) for k, matrix in enumerate(matrices)]
    whole = found[0] if len(found) == 1 else invert_homographies(product(matrices, True), source, step.size)
    bends = [
        Bend(found[k].maps, step.projective, step.fields[k - 1].field, canvases[k])
        for k in range(len(found) - 1, 0, -1)
    ]
    for bend in bends:
        _check_field(step, bend, indices)
    maps = found[0].maps[:, :6]
    if step.projective:
        bends.append(Bend(found[0].maps, True, None, source))
        maps = np.tile([1.0, 0.0, 0.0, 0.0, 1.0, 0.0], (n, 1))
    return Way(np.ascontiguousarray(maps), whole.spans, float(whole.spans.max()), tuple(bends))


def without_inverse(step: Segment, matrices: np.ndarray, bad: int, indices: np.ndarray) -> RecipeError:
    """What is wrong with the matrix of image `bad`."""
    rows = 3 if step.projective else 2
    return RecipeError(
        f"{', '.join(step.geometry_names)}: the matrix of sample {indices[bad]} has no inverse, or numbers beyond 1e15 "
        f"({np.array2string(matrices[bad][:rows], precision=3)}). Narrow the ranges of scale and shear."
    )


def _inverted(step: Segment, matrices: np.ndarray, source: Canvas, out: Canvas, indices: np.ndarray) -> Homographies:
    found = invert_homographies(matrices, source, out)
    if (bad := found.irregular) >= 0:
        raise without_inverse(step, matrices, bad, indices)
    return found


def _check_field(step: Segment, bend: Bend, indices: np.ndarray) -> None:
    assert bend.field is not None
    good = (np.abs(bend.field.points) < _LARGEST).all(axis=(1, 2, 3))  # False for NaN
    if not good.all():
        raise RecipeError(
            f"{', '.join(step.geometry_names)}: the field of sample {indices[np.argmin(good)]} has displacements that "
            f"are not numbers below {_LARGEST:g} pixels. Look at what its transform makes of its parameters."
        )
