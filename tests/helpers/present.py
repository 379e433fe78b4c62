"""What a data set may lack, and has in a test."""

from __future__ import annotations

from typing import TypeVar

T = TypeVar("T")


def present(value: T | None) -> T:
    """`data.labels`, `data.paths` or another part of a data set that is there."""
    assert value is not None
    return value
