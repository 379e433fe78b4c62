"""The image files below a folder, in Keras' order, and the files that are left out."""

from __future__ import annotations

import os
from collections.abc import Generator
from pathlib import Path
from typing import Any, final

from augfuse.data.layouts.names import count_suffixes, is_left_behind, is_picture
from augfuse.data.layouts.parts import wrong_level
from augfuse.keras.notices import notice
from augfuse.text import shown
from augfuse.warn_once import warn


def left_behind_folders(root: Path) -> list[str]:
    """Hidden folders, and those that programs made for themselves, beside the class folders."""
    return sorted(entry.name for entry in root.iterdir() if is_left_behind(entry.name) and entry.is_dir())


def warn_of_level(directory: Any, names: list[str], found: list[list[str]], argument: str = "classes") -> None:
    """Warn where class folders look like the parts of a data set, or lie one folder too high. argument: names them."""
    inside = {
        name: [path[len(name) + 1 :].replace(os.sep, "/") for path in of_class]
        for name, of_class in zip(names, found, strict=True)
    }
    reason = wrong_level(os.fspath(directory), inside, argument)
    if reason is not None:
        warn(f"{directory}: {reason}")


@final
class Listing:
    """Lists the images of class folders, and remembers what it came across besides.

    suffixes: those of files that are read. keeps_all: hidden files and folders count, as in Keras. compat: whether the
    caller has compat="strict" for that.
    """

    def __init__(self, follow_links: bool, suffixes: tuple[str, ...], keeps_all: bool, compat: bool = True) -> None:
        self._compat = compat
        self._follow_links = follow_links
        self._suffixes = suffixes
        self._keeps_all = keeps_all
        self._hidden: list[str] = []
        self._unread: list[str] = []

    def images(self, folder: str, name: str) -> list[str]:
        """Image files below a class folder: folder by folder, each sorted, with the name of the class in front."""
        found = []
        for root, inside in sorted(_walk(folder, self._follow_links), key=lambda entry: entry[0]):
            above = name if root == folder else os.path.join(name, os.path.relpath(root, folder))  # noqa: PTH118
            is_hidden = root != folder and any(map(is_left_behind, Path(os.path.relpath(root, folder)).parts))
            for file in sorted(inside):
                path = os.path.join(above, file)  # noqa: PTH118
                if not file.lower().endswith(self._suffixes):
                    if is_picture(file) and not is_hidden:
                        self._unread.append(path)
                    continue
                if is_hidden or is_left_behind(file):
                    self._hidden.append(path)
                    if not self._keeps_all:
                        continue
                found.append(path)
        return found

    def warn_of_unread(self, directory: Any) -> None:
        """Pictures with suffixes that are not read are counted."""
        if self._unread:
            warn(
                f"{directory}: {len(self._unread)} pictures have suffixes that are not read and are left out "
                f"({count_suffixes(self._unread)}), as in Keras, the first is {shown(self._unread[0])}. Save them as "
                "PNG or JPEG, or use af.from_directory, which reads most of them."
            )

    def warn_of_hidden(self, directory: Any, folders: list[str]) -> None:
        """So is what is hidden, where Keras takes it. folders: the hidden ones beside the class folders."""
        hidden = [*folders, *self._hidden]
        if not hidden:
            return
        what = f"{len(folders)} folders and {len(self._hidden)} images that are hidden or were left behind by programs"
        if self._keeps_all:
            warn(f"{directory}: {what} count as classes and pictures, as in Keras: {shown(hidden[0])}. Delete them.")
        elif self._compat:
            notice(
                "hidden",
                f"{directory}: {what} are ignored, the first is {shown(hidden[0])}; Keras takes them as "
                "classes and pictures.",
            )
        else:
            warn(f"{directory}: {what} are ignored, the first is {shown(hidden[0])}. Delete them.")


def _walk(folder: str, follow_links: bool) -> Generator[tuple[str, list[str]], None, None]:
    """(folder, its files), with all folders below. A link back up is a circle, and is not followed."""
    for root, folders, inside in os.walk(folder, followlinks=follow_links):
        if follow_links:
            real = Path(os.path.realpath(root))
            folders[:] = [f for f in folders if not real.is_relative_to(os.path.realpath(Path(root, f)))]
        yield root, inside
