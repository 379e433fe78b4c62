"""A list of names as people write one: a list or a tuple, an array, a column of a table, the keys of a dict."""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from typing import Any

from augfuse.errors import DataError
from augfuse.text import shown


def as_list(name: str, value: Any, example: str) -> list[Any]:
    """The entries of `value`, which is anything with an order and one dimension; a text is one entry, and no list.

    example: the argument as it is written, for the DataError that names what was given instead.
    """
    dimensions = getattr(value, "ndim", 1)
    if isinstance(value, Iterable) and not isinstance(value, (str, bytes)) and dimensions == 1:
        if isinstance(value, AbstractSet) and not hasattr(value, "mapping"):  # the keys of a dict have an order
            raise DataError(f"{name}: got {shown(value)}, a set, which has no order. Use sorted(...).")
        entries: Any = value
        return list(entries.tolist() if hasattr(entries, "tolist") else entries)
    if isinstance(value, str):
        example = f"[{shown(value)}]"
    raise DataError(f"{name}: got {shown(value)}, wanted a list, as in {example}.")
