"""Class folders and their parts, wherever they lie: which folder is a class, which a part, and what they must hold.

A folder on disk and a folder in a zip archive look alike from here, as a `Folder`.
"""

from __future__ import annotations

import warnings
from collections.abc import Collection, Sequence
from typing import NamedTuple, Protocol

import numpy as np

from augfuse.data.decode import COLORS, Color
from augfuse.data.names import as_list
from augfuse.errors import AugfuseWarning, DataError, did_you_mean
from augfuse.text import shown

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff")
PARTS = {"train": "train", "val": "val", "valid": "val", "validation": "val", "test": "test"}
# A file of this name beside the class folders says which images belong together; see `augfuse.data.manifest`.
MANIFEST = "groups.csv"


class Found(NamedTuple):
    """The files below one class folder: images as sorted paths; files with other suffixes; links that lead out of the
    data set."""

    images: tuple[str, ...]
    others: tuple[str, ...]
    outside: tuple[str, ...]


class Folder(Protocol):
    """A folder of a data set. `str(folder)` is its full path, for messages; hidden names are left out everywhere."""

    @property
    def name(self) -> str: ...

    def folders(self) -> Sequence[Folder]:
        """The folders directly in it, by name."""
        ...

    def count_images(self) -> int:
        """How many images lie directly in it."""
        ...

    def find(self) -> Found:
        """All files at any depth."""
        ...

    def manifest(self) -> bytes | None:
        """The content of its `MANIFEST`, or None."""
        ...


class Part(NamedTuple):
    """The images of one part. folder: the folder that holds the class folders. labels: (n,) int64."""

    folder: Folder
    paths: tuple[str, ...]
    labels: np.ndarray
    classes: tuple[str, ...]


def find_parts(
    root: Folder, classes: Sequence[str] | None, part: str | None
) -> tuple[str | None, dict[str | None, Part]]:
    """(which part was asked for, all parts): {"train": ..., "val": ..., "test": ...}, those that exist, with one class
    order; (None, {None: ...}) without parts.

    Raises DataError and gives AugfuseWarnings as `from_directory` says.
    """
    folders = _part_folders(root)
    if not folders:
        if part is not None:
            raise DataError(
                f"{root}: has no part {shown(part)}: it holds no train, val or test folder. Leave part= out."
            )
        listing = _list_classes(root, root)
        names = _choose_classes(classes, listing, root)
        for name in names:
            _require_images(root, name, listing[name])
        return None, {None: _part(root, listing, names)}
    wanted = choose_part(part, folders, root)
    listings = {name: _list_classes(folder, root) for name, folder in folders.items()}
    names = _choose_classes(classes, {name for listing in listings.values() for name in listing}, root)
    for name, listing in listings.items():
        _check_part(name, folders[name], listing, names)
    return wanted, {name: _part(folders[name], listing, names) for name, listing in listings.items()}


def part_names(root: Folder) -> list[str]:
    """The parts that a folder has, train first."""
    return list(_part_folders(root))


def choose_part(part: str | None, known: Collection[str], root: object) -> str:
    """The name of the part that was asked for: "train" by default. Raises DataError where it is not known."""
    wanted = "train" if part is None else PARTS.get(str(part).lower(), part)
    if wanted not in known:
        hint = did_you_mean(str(part), PARTS) if wanted not in PARTS.values() else ""
        hint = f" Type part={shown(next(iter(known)))}." if part is None else hint
        raise DataError(f"{root}: has no part {shown(wanted)}, only {', '.join(map(shown, known))}.{hint}")
    return wanted


def check_color(color: Color | None) -> None:
    """Raises DataError for what is neither None nor one of COLORS."""
    if color is not None and color not in COLORS:
        hint = did_you_mean(str(color), COLORS)
        raise DataError(f"color: got {shown(color)}, wanted None, 'rgb', 'grayscale' or 'rgba'.{hint}")


def is_image(name: str) -> bool:
    """Whether a file of this name is looked at."""
    return name.lower().endswith(SUFFIXES) and not name.startswith(".")


def _part(folder: Folder, listing: dict[str, Found], names: tuple[str, ...]) -> Part:
    found = [listing[name].images if name in listing else () for name in names]
    labels = np.repeat(np.arange(len(names), dtype=np.int64), [len(images) for images in found])
    return Part(folder, tuple(path for images in found for path in images), labels, names)


def _part_folders(root: Folder) -> dict[str, Folder]:
    """The folders of the parts, train first; {} where the folders are classes (one may well be named "train")."""
    named = [folder for folder in root.folders() if folder.name.lower() in PARTS]
    if not any(folder.folders() and not folder.count_images() for folder in named):
        return {}
    folders: dict[str, Folder] = {}
    for wanted in ("train", "val", "test"):
        for folder in named:
            if PARTS[folder.name.lower()] != wanted:
                continue
            if wanted in folders:
                raise DataError(
                    f"{root}: {shown(folders[wanted].name)} and {shown(folder.name)} are the same part; keep one."
                )
            if wanted != "train" and not folder.folders():
                warnings.warn(f"{folder}: has no class folders, left out.", AugfuseWarning, stacklevel=3)
                continue
            folders[wanted] = folder
    return folders


def _check_part(part: str, folder: Folder, listing: dict[str, Found], names: tuple[str, ...]) -> None:
    missing = [name for name in names if name not in listing or not listing[name].images]
    if not missing:
        return
    if part == "train" or len(missing) == len(names):
        if missing[0] in listing:
            _require_images(folder, missing[0], listing[missing[0]])
        raise DataError(f"{folder}: has no folder for class {shown(missing[0])}, which another part has.")
    listed = ", ".join(map(shown, missing[:5])) + (", ..." if len(missing) > 5 else "")
    warnings.warn(f"{folder}: has no images of {len(missing)} classes: {listed}.", AugfuseWarning, stacklevel=3)


def _require_images(folder: Folder, name: str, found: Found) -> None:
    if not found.images:
        path = next(str(child) for child in folder.folders() if child.name == name)
        others = f"{len(found.others)} files with other suffixes" if found.others else "no files"
        raise DataError(f"{path}: a class folder without images ({others}), wanted {' '.join(SUFFIXES)}.")


def _choose_classes(classes: Sequence[str] | None, known: Collection[str], root: Folder) -> tuple[str, ...]:
    if classes is None:
        return tuple(sorted(known))
    classes = as_list("classes", classes, "a list of folder names")
    if not classes:
        raise DataError("classes: got an empty list, wanted folder names, as in ['cat', 'dog'].")
    for name in classes:
        if name not in known:
            raise DataError(f"{root}: has no class folder {shown(name)}.{did_you_mean(str(name), known)}")
    if len(set(classes)) < len(classes):
        raise DataError(f"classes: got {list(classes)}, wanted each name once.")
    return tuple(classes)


def _list_classes(folder: Folder, root: Folder) -> dict[str, Found]:
    """{class name: its files} for every class folder directly in `folder`."""
    stray = folder.count_images()
    class_folders = folder.folders()
    if not class_folders:
        if stray:
            raise DataError(
                f"{folder}: has {stray} images but no class folders; put images into one folder per class, "
                f"as in {folder.name}/cat/1.jpg."
            )
        raise DataError(f"{folder}: is empty, wanted one folder of images per class.")
    if stray:
        warnings.warn(f"{folder}: {stray} images beside the class folders are not used.", AugfuseWarning, stacklevel=3)
    listing = {child.name: child.find() for child in class_folders}
    outside = [path for found in listing.values() for path in found.outside]
    if outside:
        warnings.warn(
            f"{folder}: {len(outside)} links lead out of {root} and are not followed, the first is {outside[0]}.",
            AugfuseWarning,
            stacklevel=3,
        )
    return listing
