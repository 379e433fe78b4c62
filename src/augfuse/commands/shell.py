"""What the commands share: exit codes, refusals, and sizes as people type them."""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, TypeAlias, get_args

from cyclopts import Parameter, Token, convert

from augfuse.commands import terminal
from augfuse.errors import AugfuseError, DecodeError, RangeError
from augfuse.text import shown

OK, FAILED, USAGE = 0, 1, 2
# Words up to the next option.
ColumnWords: TypeAlias = Annotated[list[str] | None, Parameter(consume_multiple=True, negative=())]


def refuse(problem: AugfuseError | str, code: int) -> int:
    """Say what is wrong on standard error, and return the exit code."""
    terminal.warn(f"augfuse: {problem}")
    return code


def refuse_file(error: OSError, written: Path) -> int:
    """The same for a file that cannot be read or written; `written` is what the command writes."""
    name = written if error.filename is None else os.fsdecode(error.filename)
    return refuse(f"{name}: {error.strerror or error}.", FAILED)


def refuse_image(error: DecodeError, data: Path | None) -> int:
    """The same for an image of `data` that cannot be read, with the lines that leave out all such images."""
    if data is None or error.path in (None, str(data)):
        return refuse(error, FAILED)
    examine = shlex.join(["augfuse", "doctor", str(data), "--quarantine", "list.txt"])
    return refuse(f"{error} To leave it out type {examine}, then this command with --exclude list.txt.", FAILED)


def refuse_error(
    error: AugfuseError | OSError, code: int, data: Path | None = None, written: Path | None = None
) -> int:
    """The same for whatever ended a command that reads `data` and writes `written`: a file or an image that cannot be
    read has its own message and code."""
    if isinstance(error, DecodeError):
        return refuse_image(error, data)
    if isinstance(error, AugfuseError):
        return refuse(error, code)
    return refuse_file(error, written or Path())


def strictly(type_: Any, tokens: Sequence[Token]) -> Any:
    """What the words of an option mean, as cyclopts says, but 1.5 is not a whole number: there it would become 2."""
    if int in (type_, *get_args(type_)):
        for token in tokens:
            try:
                int(token.value, 0)
            except ValueError:
                if not token.value.isdecimal():  # 007
                    raise ValueError(f"got {shown(token.value)}, wanted a whole number, such as 3.") from None
    return convert(type_, tokens)


def parse_size(text: str) -> tuple[int, int]:
    """`N` or `HxW` as (height, width). Raises RangeError."""
    from augfuse.experiment.options import LARGEST_SIZE

    sides = [side.strip() for side in text.lower().split("x")]
    if len(sides) <= 2 and all(side.isdecimal() and side.strip("0") for side in sides):
        if all(len(side) < 10 and int(side) <= LARGEST_SIZE for side in sides):
            return int(sides[0]), int(sides[-1])
        raise RangeError(f"--size: got {shown(text)}, wanted sides of at most {LARGEST_SIZE} pixels, such as 128.")
    raise RangeError(f"--size: got {shown(text)}, wanted N or HxW, such as 128 or 120x160.")
