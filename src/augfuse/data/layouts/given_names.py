"""A list of names in any of its usual types: list, tuple, array, column of a table, keys of a dict."""

from __future__ import annotations

from collections.abc import Hashable
from collections.abc import Set as AbstractSet
from typing import Any

from augfuse.algebra.values import is_iterable
from augfuse.errors import DataError
from augfuse.text import shown


def as_list(name: str, value: Any, wanted: str = "a list of names") -> list[Any]:
    """The entries of `value`, which is anything with an order and one dimension; a text is one entry, and no list.

    name: of the argument. Raises DataError, which says what was `wanted`, for everything else.
    """
    ordered = hasattr(value, "mapping") or not issubclass(type(value), AbstractSet)  # the keys of a dict have an order
    if is_iterable(value) and not isinstance(value, (str, bytes)) and getattr(value, "ndim", 1) == 1:
        if not ordered:
            raise DataError(f"{name}: got {shown(value)}, a set, which has no order. Use sorted(...).")
        entries: Any = value
        found = list(entries.tolist() if hasattr(entries, "tolist") else entries)
        if all(isinstance(entry, Hashable) for entry in found):
            return found
    example = f"[{shown(value)}]" if isinstance(value, str) else "['cat', 'dog']"
    raise DataError(f"{name}: got {shown(value)}, wanted {wanted}, as in {example}.")
