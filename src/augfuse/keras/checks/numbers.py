"""NaN and infinity in data for a model: an error or warning with the row, before the loss is NaN."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from augfuse.errors import DataError
from augfuse.text import shown
from augfuse.warn_once import warn


def check_inputs(name: str, values: Any, compat: str | None, names: Sequence[str] | None = None, fix: str = "") -> None:
    """DataError for images, other inputs and weights that are not finite; a warning with compat="strict".

    names: of the rows, where they have any.
    """
    found = _not_finite(name, values, names)
    if not found:
        return
    message = f"{found}: with any other the loss is NaN. {fix or 'Leave these rows out, or use np.nan_to_num.'}"
    if compat is None:
        raise DataError(message)
    warn(message)


def check_targets(name: str, values: Any, names: Sequence[str] | None = None, fix: str = "") -> None:
    """Warn of targets that are not finite: there are losses that leave them out on purpose."""
    found = _not_finite(name, values, names)
    if found:
        warn(f"{found}: the loss will be NaN, unless it is one that leaves such targets out. {fix}".rstrip())


def _not_finite(name: str, values: Any, names: Sequence[str] | None) -> str:
    """What is wrong with them; "" for finite ones, and for what is not made of floats."""
    array = np.zeros(0) if values is None else np.asarray(values)
    if array.dtype.kind not in "fc" or not array.size:
        return ""
    with np.errstate(all="ignore"):
        if math.isfinite(abs(array.sum())) or np.isfinite(array).all():
            return ""
    wrong = np.flatnonzero(~np.isfinite(array).reshape(len(array), -1).all(axis=1))
    first = array[wrong[0]].ravel()
    number = first[~np.isfinite(first)][0]
    row = f"in row {wrong[0]}" if names is None else f"for {shown(names[wrong[0]])}"
    more = "" if wrong.size == 1 else f" ({wrong.size} of {len(array)} rows are like this)"
    return f"{name}: got {number} {row}{more}, wanted finite numbers"
