"""Which files of a folder are pictures, by their names; and what file managers, archivers and notebooks leave behind.

Every door that lists a folder or an archive asks here: sources, `ImageDataGenerator`, the doctor and the commands.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path, PurePath

# What `augfuse.decode` reads under names that people give to photographs and scans.
SUFFIXES = (
    ".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".avif", ".bmp", ".gif", ".tif", ".tiff", ".ppm", ".pgm",
    ".pbm", ".pnm", ".mpo",
)  # fmt: skip
# Other pictures: they are left out, and counted aloud.
_OTHER_PICTURES = (
    ".heic", ".heif", ".jp2", ".j2k", ".jxl", ".ico", ".icns", ".tga", ".psd", ".svg", ".dng", ".cr2", ".cr3", ".nef",
    ".arw", ".raw", ".rw2", ".orf", ".exr", ".hdr", ".dcm",
)  # fmt: skip
_LEFT_BEHIND = frozenset({
    "__macosx", "thumbs.db", "ehthumbs.db", "desktop.ini", "$recycle.bin", "system volume information", "@eadir",
    "lost+found", "icon\r",
})  # fmt: skip


def is_left_behind(name: str) -> bool:
    """Whether a file or folder of this name is hidden, or was made by a program for itself: `.ipynb_checkpoints`,
    `._1.jpg`, `__MACOSX`, `Thumbs.db`."""
    return name.startswith(".") or name.lower() in _LEFT_BEHIND


def is_image(name: str) -> bool:
    """Whether a file of this name is read as an image."""
    return name.lower().endswith(SUFFIXES) and not is_left_behind(name)


def is_picture(name: str) -> bool:
    """Whether a file of this name is an image, be it of a kind that is not read."""
    return name.lower().endswith(SUFFIXES + _OTHER_PICTURES) and not is_left_behind(name)


def unread_pictures(others: Iterable[str]) -> list[str]:
    """Those of the files that are not read which are pictures, sorted."""
    return sorted(path for path in others if path.lower().endswith(_OTHER_PICTURES))


def count_suffixes(paths: Sequence[str]) -> str:
    """How many files have which suffix: ".heic 3, .ico 1"."""
    counts = Counter(PurePath(path).suffix.lower() for path in paths)
    return ", ".join(f"{suffix} {count}" for suffix, count in sorted(counts.items()))


def in_any_system(path: str) -> str:
    """Sort key that gives the same order of files whatever the path separator: that of the parts of their paths."""
    return path.replace(os.sep, "\0")  # what no name holds, and what stands before every character


def names_beside(path: Path) -> list[str]:
    """What lies in the folder of a path that is not there, for a suggestion; [] where that is not a folder either."""
    return [entry.name for entry in path.parent.iterdir()] if path.parent.is_dir() else []
