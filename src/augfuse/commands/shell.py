"""What the commands share: exit codes, refusals, and sizes as people type them."""

from __future__ import annotations

import sys

from augfuse.errors import AugfuseError, RangeError

OK, FAILED, USAGE, INTERRUPTED = 0, 1, 2, 130


def refuse(problem: AugfuseError | str, code: int) -> int:
    """Say what is wrong on standard error, and return the exit code."""
    print(f"augfuse: {problem}", file=sys.stderr)
    return code


def parse_size(text: str) -> tuple[int, int]:
    """`N` or `HxW` as (height, width). Raises RangeError."""
    sides = text.lower().split("x")
    if len(sides) <= 2 and all(side.strip().isdecimal() and int(side) > 0 for side in sides):
        return int(sides[0]), int(sides[-1])
    raise RangeError(f"--size: got {text!r}, wanted N or HxW, such as 128 or 120x160.")
