"""Lists of images to leave out, as `augfuse doctor --quarantine` writes them: one path a line, below the data set."""

from __future__ import annotations

import itertools
import json
import os
from collections.abc import Iterable, Mapping
from hashlib import blake2b
from pathlib import Path
from typing import TypeAlias

import numpy as np

from augfuse.data.layouts.classes import Part
from augfuse.errors import DataError, DataNotFoundError
from augfuse.outputs import State, begins, is_empty
from augfuse.text import shown
from augfuse.warn_once import warn

# A file with such a list, or the paths themselves.
Exclude: TypeAlias = str | os.PathLike[str] | Iterable[str | os.PathLike[str]]
_FIRST_WORDS = "# Images to leave out"
# The last line of a list as it was made. A list that was changed by hand is not replaced unasked.
_CHECKSUM = "# Checksum of the lines above: "


def write_list(reasons: Mapping[str, Iterable[str]]) -> str:
    """The text of a list of paths (with "/"), each below a comment with the reasons. Names that a line cannot hold as
    they are become JSON strings."""
    lines = [f"{_FIRST_WORDS}: augfuse train DATA --exclude LIST, or af.from_directory(path, exclude=LIST).",
             "# One path a line, below the data set."]  # fmt: skip
    for path, why in reasons.items():
        plain = path.isprintable() and path == path.strip() and not path.startswith(("#", '"'))
        lines += [f"# {'; '.join(why)}", path if plain else json.dumps(path)]
    text = "\n".join(lines) + "\n"
    return f"{text}{_CHECKSUM}{_checksum(text)}\n"


def list_state(path: Path) -> State:
    """Whether a file is a list that `write_list` made, and still as it was made."""
    if not begins(path, _FIRST_WORDS.encode()):
        return State.OURS if is_empty(path) else State.FOREIGN
    made, _, checksum = path.read_bytes().decode("utf-8", "replace").rpartition(_CHECKSUM)
    return State.OURS if checksum == f"{_checksum(made)}\n" else State.CHANGED


def _checksum(text: str) -> str:
    return blake2b(text.encode(), digest_size=8).hexdigest()


def leave_out(
    parts: dict[str | None, Part], exclude: Exclude | None, root: str, *, every_class: bool, archive: bool = False
) -> dict[str | None, Part]:
    """The parts without the images of a list. every_class: whether `parts` hold all classes of the data set, so that a
    path which is none of their images is a mistake; an AugfuseWarning counts those. archive: `root` is a zip archive,
    and the list may be that of the folder it lies in: its own name may stand before a path, and paths in another
    archive of that folder are ignored.

    Raises DataNotFoundError (no such list), DataError (not a list of paths, a path outside `root`, a list that leaves a
    part, or a class of the training part, without images).
    """
    if exclude is None:
        return parts
    given = _read_exclude(exclude)
    if archive:
        given = [name for path in given if (name := _in_archive(path, Path(root))) is not None]
    excluded = frozenset(_below(path, root) for path in given)
    names = {name: [below(path, root) for path in part.paths] for name, part in parts.items()}
    if every_class:
        unused = excluded.difference(*names.values())
        if unused:
            warn(
                f"{root}: {len(unused)} of {len(excluded)} paths in exclude are not images of it, the first is "
                f"{shown(min(unused))}."
            )
    return {name: _without(name, part, names[name], excluded) for name, part in parts.items()}


def fingerprint(exclude: Exclude) -> str:
    """`3 paths (1a2b3c4d5e6f7a8b)`: how many different ones a list holds, and their digest. Raises as `leave_out`."""
    paths = sorted(set(_read_exclude(exclude)))
    digest = blake2b(json.dumps(paths).encode(), digest_size=8)
    return f"{len(paths)} paths ({digest.hexdigest()})"


def below(path: str, root: str) -> str:
    """A path of the data set as lists name it."""
    return path[len(root) :].replace(os.sep, "/").lstrip("/")


def _without(name: str | None, part: Part, names: list[str], excluded: frozenset[str]) -> Part:
    kept = np.array([path not in excluded for path in names], bool)
    labels = part.labels[kept]
    before = np.bincount(part.labels, minlength=len(part.classes))
    lost = np.flatnonzero((before > 0) & (np.bincount(labels, minlength=len(part.classes)) == 0))
    if not len(labels) or (len(lost) and name in (None, "train")):
        what = f"class {shown(part.classes[lost[0]])}" if len(labels) else "the part"
        raise DataError(f"{part.folder}: exclude leaves {what} without images; shorten the list.")
    return part._replace(paths=tuple(itertools.compress(part.paths, kept)), labels=labels)


def _read_exclude(exclude: Exclude) -> list[str]:
    if isinstance(exclude, (str, os.PathLike)):
        return _read_lines(Path(exclude))
    return [os.fspath(path) for path in exclude]


def _in_archive(path: str, archive: Path) -> str | None:
    """A path of a list as this archive has it; None for one in another archive beside it. Raises DataError."""
    first, _, rest = _below(path, str(archive.parent)).partition("/")
    if rest and first == archive.name:
        return rest
    if rest and first.lower().endswith(".zip") and (archive.parent / first).is_file():
        return None
    return _below(path, str(archive))


def _read_lines(path: Path) -> list[str]:
    if path.exists() and not path.is_file():
        raise DataError(f"exclude: {path} is not a regular file, wanted a list of paths.")
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise DataNotFoundError(
            f"exclude: there is no list {path}. augfuse doctor DATA --quarantine {path} writes one; in Python single "
            f"paths are exclude=[{shown(str(path))}]."
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"exclude: {path} is not a readable list of paths ({error}).") from None
    found: list[str] = []
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
