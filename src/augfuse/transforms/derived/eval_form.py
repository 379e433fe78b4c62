"""The evaluation form of a list of transforms; see `Recipe.eval`."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from augfuse.transforms.base import Compose, Transform
from augfuse.transforms.views import Views


def evaluated(transforms: Sequence[Transform]) -> tuple[Transform, ...]:
    """What stays for evaluation, every p at 1: it draws nothing."""
    kept: list[Transform] = []
    for transform in transforms:
        if isinstance(transform, Compose):
            kept += evaluated(transform.counterpart()) if transform.probability > 0 else ()
        elif isinstance(transform, Views):
            kept.append(Views(**{name: evaluated(children) for name, children in transform.views}))
        elif transform.evaluation == "deterministic":
            kept.append(_always(transform))
        elif transform.evaluation == "counterpart" and transform.p > 0:
            kept += map(_always, transform.counterpart())
    return tuple(kept)


def _always(transform: Transform) -> Transform:
    return msgspec.structs.replace(transform, p=1.0) if 0 < transform.p < 1 else transform
