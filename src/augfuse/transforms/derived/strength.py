"""Making a transform milder or stronger; see `Recipe.scaled`."""

from __future__ import annotations

import math
from typing import Any

import msgspec

from augfuse.algebra.ranges import Interval
from augfuse.algebra.values import is_number
from augfuse.errors import RangeError
from augfuse.text import shown
from augfuse.transforms.base import Compose, Transform, specs
from augfuse.transforms.spatial import Scale
from augfuse.transforms.views import Views


def check_strength(strength: Any) -> float:
    """A finite number >= 0, or RangeError."""
    if not is_number(strength) or not math.isfinite(strength) or strength < 0:
        raise RangeError(
            f"strength: got {shown(strength)}, wanted a number >= 0: 0 means no augmentation, 1 the recipe."
        )
    return float(strength)


def scaled(transform: Transform, strength: float) -> Transform:
    """`transform` with its ranges, and its probability, scaled by `strength` >= 0; what it chooses among, too."""
    if isinstance(transform, Compose):
        return transform.scaled(strength, lambda child: scaled(child, strength))
    if isinstance(transform, Views):
        return Views(**{name: [scaled(child, strength) for child in children] for name, children in transform.views})
    if strength == 0 and transform.evaluation == "random":
        return msgspec.structs.replace(transform, p=0.0)
    if transform.evaluation == "deterministic" or transform.counterpart() == (transform,):
        return transform  # preprocessing: evaluation keeps it
    if isinstance(transform, Scale) and transform.factor is transform.x is transform.y is None:
        transform = Scale(factor=(0.9, 1.1), p=transform.p)  # what it means, written out
    changes: dict[str, Any] = {}
    for name, spec in specs(type(transform)).items():
        value = getattr(transform, name)
        if isinstance(spec, Interval) and spec.scales and value is not None:
            changes[name] = spec.scaled(value, strength)
    if transform.sets_size and not changes:
        return transform  # only its place is random, and where it does not act the size would differ
    if not changes or transform.p < 1:
        changes["p"] = min(1.0, transform.p * strength)
    done = msgspec.structs.replace(transform, **changes)
    if done.counterpart() != transform.counterpart():
        # Grayscale and Invert with p=1 are preprocessing, kept in evaluation; a strength makes none of them.
        done = msgspec.structs.replace(done, p=math.nextafter(1, 0))
    return done
