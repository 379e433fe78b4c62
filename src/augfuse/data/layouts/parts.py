"""Which folders of a data set are its parts, by their names; and which look like parts, by what lies in them.

The one decision for folders on disk, in archives and in the doctor, and for the names of archives.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from augfuse.algebra.values import is_mapping
from augfuse.errors import DataError, did_you_mean
from augfuse.text import shown

PARTS = ("train", "val", "test")
# What the parts are called in published data sets. Spellings of `part=` too.
NAMES = {
    "train": "train", "training": "train", "trn": "train",
    "val": "val", "valid": "val", "validation": "val", "dev": "val",
    "test": "test", "testing": "test", "tst": "test",
}  # fmt: skip
_WORD = "|".join(sorted(NAMES, key=len, reverse=True))
_FILLER = "dataset|data|set|images|image|imgs|img|pictures|photos|split|part|folder|dir"
_FUSED = re.compile(rf"({_WORD})({_FILLER})?s?")
_TOKEN = re.compile(r"[^\W\d_]+|\d+")
_MOST_LISTED = 4
# What looks like parts: up to ten folds, and classes of some images.
_MOST_PARTS, _LEAST_IMAGES = 10, 3


class Named(NamedTuple):
    """A part that a name names, and the rest of the name: seg_train is ("train", ("seg",))."""

    part: str
    rest: tuple[str, ...]


def part_in(name: str) -> Named | None:
    """The part that the name of a folder or an archive names: train, Training, training_set, seg_train, train2017."""
    found: list[str] = []
    rest: list[str] = []
    for token in _TOKEN.findall(name.lower()):
        fused = _FUSED.fullmatch(token)
        if fused is not None:
            found.append(NAMES[fused[1]])
        elif not re.fullmatch(rf"({_FILLER})s?", token):
            rest.append(token)
    return Named(found[0], tuple(rest)) if len(found) == 1 else None


def parts_among(names: Iterable[str]) -> dict[str, str]:
    """{name: part} of the names that are parts of one data set. A name with something else in it (seg_train) is a part
    only beside another part with the same (seg_test)."""
    groups: dict[tuple[str, ...], dict[str, str]] = {}
    for name in names:
        named = part_in(name)
        if named is not None:
            groups.setdefault(named.rest, {})[name] = named.part
    if () in groups:
        return groups[()]
    several = [group for group in groups.values() if len(set(group.values())) > 1]
    return several[0] if len(several) == 1 else {}


def part_files(name: Callable[[str], Path]) -> dict[str | None, Path]:
    """{"train": file, ...} of the files that `name` gives for the parts, those that exist."""
    return {part: file for part in PARTS if (file := name(part)).is_file()}


def parts_given(part_names: Mapping[str, str], names: Collection[str], where: object) -> dict[str, str]:
    """The same where the user says which folder is which part. Raises DataError."""
    if not is_mapping(part_names) or not part_names:
        raise DataError(
            f"part_names: got {shown(part_names)}, wanted a dictionary, as in {{'Training': 'train', 'Testing': "
            "'test'}}."
        )
    for name, part in part_names.items():
        if name not in names:
            raise DataError(
                f"part_names: {where} has no folder {shown(name)}, only {', '.join(map(shown, sorted(names)[:20]))}."
                f"{did_you_mean(str(name), names)}"
            )
        if part not in PARTS:
            raise DataError(f"part_names: got {shown(part)} for {shown(name)}, wanted 'train', 'val' or 'test'.")
    return dict(part_names)


def shared_folders(inside: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    """The folders that all class folders have in common, where these look like parts: few of them, all their images in
    folders of the same names, two or more, of several images each. inside: for each class folder the paths of its
    images below it, with "/"."""
    held = [paths for paths in inside.values() if paths]
    if not 2 <= len(held) <= _MOST_PARTS or any("/" not in path for paths in held for path in paths):
        return ()
    folders = [{path.partition("/")[0] for path in paths} for paths in held]
    shared, every = set[str].intersection(*folders), set[str].union(*folders)
    several = sum(map(len, held)) >= _LEAST_IMAGES * sum(map(len, folders))
    return tuple(sorted(shared)) if several and len(shared) >= 2 and 2 * len(shared) >= len(every) else ()


def question(names: Sequence[str], shared: Sequence[str]) -> str:
    """What to ask about class folders that look like parts."""
    return (
        f"{listed(names)} hold the same folders ({listed(shared)}), and are taken as classes. Are they parts? Then "
        f"rename them to train, val and test, or type part_names={{{shown(names[0])}: 'train', {shown(names[1])}: "
        f"'test'}}. If they are classes, type classes={_classes(names)}."
    )


def wrong_level(root: str, inside: Mapping[str, Sequence[str]], argument: str = "classes") -> str | None:
    """What to say where Keras' rule, that every folder in `root` is a class, takes parts or one folder too many as
    classes; None where nothing speaks for it. inside: as for `shared_folders`. argument: what names the classes."""
    names = [name for name, paths in inside.items() if paths]
    if not names or any("/" not in path for name in names for path in inside[name]):
        return None
    if all(name in parts_among(names) for name in names):
        train = next((name for name, part in parts_among(names).items() if part == "train"), names[0])
        return (
            f"{listed(names)} {'is a part' if len(names) == 1 else 'are parts'} of a data set, and counted as "
            f"{'a class' if len(names) == 1 else 'classes'}, as in Keras. Type the folder of one part, "
            f"{shown(os.path.join(root, train))}; if they are classes, type {argument}={_classes(names)}."  # noqa: PTH118
        )
    below = sorted({path.partition("/")[0] for path in inside[names[0]]})
    if len(names) == 1 and len(below) > 1:
        return (
            f"{listed(names)} is the only class, and its images lie in {listed(below)}: one folder too high? Type "
            f"{shown(os.path.join(root, names[0]))}; if it is a class, type {argument}={_classes(names)}."  # noqa: PTH118
        )
    return None


def _classes(names: Sequence[str]) -> str:
    more = ", ..." if len(names) > _MOST_LISTED else ""
    return f"[{', '.join(map(shown, names[:_MOST_LISTED]))}{more}]"


def listed(names: Sequence[str]) -> str:
    """'a', 'b' and 'c', cut after a few."""
    words = [shown(name) for name in names]
    if len(words) > _MOST_LISTED:
        return f"{', '.join(words[:_MOST_LISTED])} and {len(words) - _MOST_LISTED} more"
    return " and ".join([", ".join(words[:-1]), words[-1]]) if len(words) > 1 else "".join(words)
