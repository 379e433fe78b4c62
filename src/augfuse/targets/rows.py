"""Lists and rows of numbers, as users give them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from augfuse.errors import ImageError
from augfuse.text import shown


def is_list(value: Any) -> bool:
    """Whether a value has entries in an order: a list, an array of one axis or more, and their like."""
    named = isinstance(value, (str, bytes, Mapping, set, frozenset))
    return not named and hasattr(value, "__len__") and getattr(value, "ndim", 1) != 0


def numbers(value: Any, where: str, wide: int, hint: str = " Leave it out, or mend its numbers.") -> np.ndarray:
    """Rows of finite numbers, float64; (0, wide) of none. hint: what to do about others. ImageError."""
    try:
        found = np.asarray(value, np.float64)
    except (TypeError, ValueError):
        raise ImageError(f"{where}: got {shown(value)}, wanted numbers, as many in each row.") from None
    if not found.ndim:
        raise ImageError(f"{where}: got {shown(value)}, wanted rows of numbers, in a list.")
    if found.size == 0 and found.ndim < 2:
        return np.empty((0, wide))
    if not np.isfinite(found).all():
        k = int(np.argmax(~np.isfinite(found).reshape(len(found), -1).all(axis=1)))
        raise ImageError(f"{where}: row {k} is {shown(found[k].tolist())}, wanted finite numbers.{hint}")
    return found
