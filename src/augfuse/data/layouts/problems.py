"""Problems of single annotations: an error when a data set is opened, a list for the doctor."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Literal, NamedTuple, TypeAlias

from augfuse.errors import DataError

Kind: TypeAlias = Literal["unreadable", "unnamed", "astray", "upside down", "empty"]


class Problem(NamedTuple):
    """kind: "unreadable", of a class without a name, of an image that is not there, a box upside down, one without
    area. objects: how many. examples: a sentence on each of the first ones, with file and object."""

    kind: Kind
    objects: int
    examples: tuple[str, ...]


_found: ContextVar[list[Problem] | None] = ContextVar("annotations that cannot be used", default=None)


@contextmanager
def collecting() -> Generator[list[Problem]]:
    """Within the block `refuse` raises nothing: the objects are left out, and listed here."""
    found: list[Problem] = []
    token = _found.set(found)
    try:
        yield found
    finally:
        _found.reset(token)


def is_collecting() -> bool:
    """Whether this is within a block of `collecting`."""
    return _found.get() is not None


def refuse(kind: Kind, examples: Sequence[str], count: int = 1) -> None:
    """DataError with the first of `examples`; within `collecting` they are noted, and the caller leaves these `count`
    objects out."""
    found = _found.get()
    if found is None:
        raise DataError(examples[0])
    found.append(Problem(kind, count, tuple(examples)))
