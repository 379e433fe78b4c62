"""What runs plans, loaded when it is first needed."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

from augfuse.execute.mixture import Stages


@cache
def executor() -> Callable[..., None]:
    """The executor. Importing it imports Numba."""
    from augfuse.execute.cpu.execute import execute

    return execute


@cache
def stages() -> Stages:
    """What the executor does for mixes."""
    from augfuse.execute.cpu.execute import execute_each
    from augfuse.execute.cpu.mix import mix

    return Stages(execute_each, mix)
