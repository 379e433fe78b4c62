"""Lists of images to leave out, as `augfuse doctor --quarantine` writes them: one path a line, below the data set."""

from __future__ import annotations

import itertools
import json
import os
import warnings
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TypeAlias

import numpy as np

from augfuse.data.classes import Part
from augfuse.errors import AugfuseWarning, DataError, DataNotFoundError

# A file with such a list, or the paths themselves.
Exclude: TypeAlias = str | os.PathLike[str] | Iterable[str | os.PathLike[str]]


def write_list(reasons: Mapping[str, Iterable[str]]) -> str:
    """The text of a list of paths (with "/"), each below a comment with the reasons. Names that a line cannot hold as
    they are become JSON strings."""
    lines = ["# Images to leave out: af.from_directory(path, exclude=this file). One path a line, below the data set."]
    for path, why in reasons.items():
        plain = path.isprintable() and path == path.strip() and not path.startswith(("#", '"'))
        lines += [f"# {'; '.join(why)}", path if plain else json.dumps(path)]
    return "\n".join(lines) + "\n"


def leave_out(
    parts: dict[str | None, Part], exclude: Exclude | None, root: str, *, every_class: bool
) -> dict[str | None, Part]:
    """The parts without the images of a list. every_class: whether `parts` hold all classes of the data set, so that a
    path which is none of their images is a mistake; an AugfuseWarning counts those.

    Raises DataNotFoundError (no such list), DataError (not a list of paths, a path outside `root`, a list that leaves a
    part, or a class of the training part, without images).
    """
    if exclude is None:
        return parts
    excluded = _read_exclude(exclude, root)
    names = {name: [below(path, root) for path in part.paths] for name, part in parts.items()}
    if every_class:
        _warn_unused(excluded.difference(*names.values()), len(excluded), root)
    return {name: _without(name, part, names[name], excluded) for name, part in parts.items()}


def below(path: str, root: str) -> str:
    """A path of the data set as lists name it."""
    return path[len(root) :].replace(os.sep, "/").lstrip("/")


def _without(name: str | None, part: Part, names: list[str], excluded: frozenset[str]) -> Part:
    kept = np.array([path not in excluded for path in names], bool)
    labels = part.labels[kept]
    before = np.bincount(part.labels, minlength=len(part.classes))
    lost = np.flatnonzero((before > 0) & (np.bincount(labels, minlength=len(part.classes)) == 0))
    if not len(labels) or (len(lost) and name in (None, "train")):
        what = f"class {part.classes[lost[0]]!r}" if len(labels) else "the part"
        raise DataError(f"{part.folder}: exclude leaves {what} without images; shorten the list.")
    return part._replace(paths=tuple(itertools.compress(part.paths, kept)), labels=labels)


def _read_exclude(exclude: Exclude, root: str) -> frozenset[str]:
    if isinstance(exclude, (str, os.PathLike)):
        given = _read_lines(Path(exclude))
    else:
        given = [os.fspath(path) for path in exclude]
    return frozenset(_below(path, root) for path in given)


def _warn_unused(unused: frozenset[str], count: int, root: str) -> None:
    if unused:
        warnings.warn(
            f"{root}: {len(unused)} of {count} paths in exclude are no images of it, the first is {min(unused)!r}.",
            AugfuseWarning,
            stacklevel=4,
        )


def _read_lines(path: Path) -> list[str]:
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise DataNotFoundError(
            f"exclude: there is no list {path}. For single paths type exclude=[{str(path)!r}]."
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"exclude: {path} is not a readable list of paths ({error}).") from None
    found = []
    for number, line in enumerate(text.split("\n"), 1):
        entry = line.strip()
        if entry.startswith('"'):
            try:
                entry = json.loads(entry)
            except ValueError as error:
                raise DataError(f"exclude: {path}, line {number}: not a JSON string ({error}).") from None
        elif not entry or entry.startswith("#"):
            continue
        found.append(entry)
    return found


def _below(path: str, root: str) -> str:
    if not Path(path).is_absolute():
        return path.replace(os.sep, "/").removeprefix("./")
    full = os.path.abspath(path)  # noqa: PTH100 - as in from_directory: links stay as they are
    if not full.startswith(root.rstrip(os.sep) + os.sep):
        raise DataError(f"exclude: {path} does not lie in {root}.")
    return below(full, root)
