"""The members of an archive as folders: what is visible, what is a link, and what leads out of it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import final

from augfuse.data.layouts.classes import MANIFEST, Found
from augfuse.data.layouts.names import in_any_system, is_image, is_left_behind
from augfuse.text import shown
from augfuse.warn_once import warn

_MAX_DEPTH = 64  # folders inside folders


@final
class ArchiveFolder:
    """A folder of an archive, filled while the list of members is read. read: from a path to the bytes of that file."""

    def __init__(self, path: str, name: str, read: Callable[[str], bytes]) -> None:
        self.name = name
        self.children: dict[str, ArchiveFolder] = {}
        self.files: list[str] = []
        self.links: list[str] = []
        self._path = path
        self._read = read

    def __str__(self) -> str:
        return self._path

    def child(self, name: str) -> ArchiveFolder:
        if name not in self.children:
            self.children[name] = ArchiveFolder(f"{self._path}{os.sep}{name}", name, self._read)
        return self.children[name]

    def folders(self) -> list[ArchiveFolder]:
        return [self.children[name] for name in sorted(self.children)]

    def count_images(self) -> int:
        return sum(map(is_image, self.files))

    def find(self) -> Found:
        images: list[str] = []
        others: list[str] = []
        outside: list[str] = []
        for folder in self._walk():
            for name in folder.files:
                (images if is_image(name) else others).append(f"{folder}{os.sep}{name}")
            outside += folder.links
        return Found(tuple(sorted(images, key=in_any_system)), tuple(others), tuple(outside))

    def manifest(self) -> bytes | None:
        return self._read(f"{self._path}{os.sep}{MANIFEST}") if MANIFEST in self.files else None

    def _walk(self) -> Iterator[ArchiveFolder]:
        """This folder and all below it."""
        yield self
        for child in self.children.values():
            yield from child._walk()


@final
class Tree:
    """An archive as it is listed, member by member. root: its folder. leaving: the names that lead out of it."""

    def __init__(self, file: Path, read: Callable[[str], bytes]) -> None:
        self.root = ArchiveFolder(str(file), file.name, read)
        self.leaving: list[str] = []

    def add(self, listed: str, *, link: bool) -> str | None:
        """The path of a member that may be read, an image or a manifest; None for folders, links, hidden files, files
        of other kinds and names that lead out. `listed` is the name as the archive has it."""
        name = listed.replace("\\", "/").removeprefix("./")  # some Windows programs
        if name in ("", "."):  # the folder itself, as tar has it
            return None
        steps = name.rstrip("/").split("/")
        if _leads_out(name, steps):
            self.leaving.append(listed)
            return None
        if any(map(is_left_behind, steps)):
            return None
        folder = self.root
        for step in steps[:-1]:
            folder = folder.child(step)
        if name.endswith("/"):
            folder.child(steps[-1])
            return None
        if link:
            folder.links.append(f"{self.root}{os.sep}{name}")
            return None
        folder.files.append(steps[-1])
        wanted = is_image(steps[-1]) or steps[-1] == MANIFEST
        return f"{folder}{os.sep}{steps[-1]}" if wanted else None

    def warn_of_leaving(self) -> None:
        if self.leaving:
            warn(
                f"{self.root}: {len(self.leaving)} members have names that lead out of the archive and are left out, "
                f"the first is {shown(self.leaving[0])}."
            )


def _leads_out(name: str, steps: list[str]) -> bool:
    """Absolute names, steps upwards, drives, and what no file system would hold."""
    odd = any(step in ("", ".", "..") or any(ord(letter) < 32 for letter in step) for step in steps)
    return odd or len(steps) > _MAX_DEPTH or name[1:2] == ":"
