"""What runs plans, loaded when it is first needed."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache


@cache
def executor() -> Callable[..., None]:
    """The executor. Importing it imports Numba."""
    from augfuse.execute.cpu.run import execute

    return execute
