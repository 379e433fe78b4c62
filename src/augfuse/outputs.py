"""What a command or a call may write where: never into DATA, and never over what it did not write itself.

Every output goes through `check` before the work begins; `augfuse.files` then writes it.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from augfuse import files
from augfuse.errors import AugfuseWarning, DataError

# Links to folders are looked for in DATA and in its parts.
_LEVELS = 1


class State(Enum):
    """What stands at a target: our own file as we wrote it, one of ours that was changed since, somebody else's."""

    OURS = "ours"
    CHANGED = "changed"
    FOREIGN = "foreign"


@dataclass(frozen=True, slots=True)
class Output:
    """A file, or a `folder`, that is about to be written. name: how the command calls it, as "--quarantine". writer:
    who writes such files, as "augfuse doctor". state: tells what an existing one is. kept: one that is there is a
    result that took long to make, and is only replaced with --overwrite; missing folders above it are made."""

    name: str
    target: Path
    writer: str
    state: Callable[[Path], State]
    folder: bool = False
    kept: bool = False


def check(output: Output, data: Iterable[Path], overwrite: bool = False) -> None:
    """Raises DataError where the target is one of `data` or lies in it, or is something that must not be replaced.

    What a killed process left beside the target is cleared away before, with an AugfuseWarning.
    """
    target = output.target
    if not output.folder and files.is_stream(target):
        return
    check_place(output.name, target, data, folder=output.folder)
    for sentence in files.tidy(target):
        warnings.warn(sentence, AugfuseWarning, stacklevel=3)
    if not output.kept and not target.absolute().parent.is_dir():
        raise DataError(f"{output.name} {target}: there is no folder {target.absolute().parent}.")
    if not os.path.lexists(os.path.realpath(target)):
        return
    if not output.folder and target.is_dir():
        raise DataError(f"{output.name} {target}: is a folder, wanted the name of a file.")
    state = output.state(target)
    if state is State.FOREIGN:
        raise DataError(
            f"{output.name} {target}: exists already, and was not written by {output.writer}. Type another name, or "
            "remove it yourself."
        )
    if state is State.CHANGED and output.folder:
        raise DataError(
            f"{output.name} {target}: exists already, and files in it were added, removed or changed since "
            f"{output.writer} wrote it. Type another name, or remove it yourself."
        )
    if not overwrite and state is State.CHANGED:
        raise DataError(
            f"{output.name} {target}: was changed since {output.writer} wrote it. Type another name, or --overwrite."
        )
    if not overwrite and output.kept:
        raise DataError(f"{output.name} {target}: exists already. Type another name, or --overwrite.")


def check_place(name: str, target: Path, data: Iterable[Path], *, folder: bool = False) -> None:
    """Raises DataError where the target is one of `data`, lies in it, or is a folder that holds it."""
    real = Path(os.path.realpath(target))
    for given in data:
        for root in _roots(given):
            if _same(real, root):
                where = "is the data itself"
            elif any(_same(place, root) for place in real.parents):
                where = "lies in the data"
            elif folder and any(_same(real, place) for place in root.parents):
                where = "holds the data"
            else:
                continue
            raise DataError(
                f"{name} {target}: {where} ({given}), where augfuse writes nothing. Type a path outside of it."
            )


def begins(path: Path, words: bytes) -> bool:
    """Whether a file begins so."""
    try:
        with path.open("rb") as file:
            return file.read(len(words)) == words
    except OSError:
        return False


def is_empty(path: Path) -> bool:
    """Whether there is nothing to lose at a path: an empty file, as mktemp makes one, or an empty folder."""
    try:
        return not any(path.iterdir()) if path.is_dir() else path.is_file() and path.stat().st_size == 0
    except OSError:
        return False


def _roots(data: Path) -> Iterator[Path]:
    """Where a data set lies: its path, and the folders that links in it lead to."""
    real = Path(os.path.realpath(data))
    yield real
    yield from (folder for folder in _linked(real, _LEVELS) if folder not in (real, *real.parents))


def _linked(folder: Path, levels: int) -> Iterator[Path]:
    try:
        entries = list(os.scandir(folder))
    except OSError:
        return
    for entry in entries:
        try:
            if entry.is_symlink() and entry.is_dir():
                yield Path(os.path.realpath(entry.path))
            elif levels and entry.is_dir(follow_symlinks=False):
                yield from _linked(Path(entry.path), levels - 1)
        except OSError:
            continue


def _same(one: Path, other: Path) -> bool:
    """Whether two paths are one file or folder, under whatever names."""
    if one == other:
        return True
    try:
        return one.samefile(other)
    except OSError:
        return False
