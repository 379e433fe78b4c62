"""What runs plans, loaded when it is first needed."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

from augfuse.execute.mixture import Stages


@cache
def executor() -> Callable[..., None]:
    """The executor. Importing it imports Numba."""
    from augfuse.execute.cpu.dispatch import execute

    return execute


@cache
def stages() -> Stages:
    """What the executor does for mixes."""
    from augfuse.execute.cpu.blend import mix
    from augfuse.execute.cpu.dispatch import execute_each

    return Stages(execute_each, mix)
