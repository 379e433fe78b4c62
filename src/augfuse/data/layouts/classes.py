"""Class folders and their parts, wherever they lie: which folder is a class, which a part, and what they must hold.

A folder on disk and a folder in a zip archive look alike from here, as a `Folder`.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple, Protocol

import numpy as np

from augfuse.data.layouts import parts as naming
from augfuse.data.layouts.given_names import as_list
from augfuse.data.layouts.names import SUFFIXES, count_suffixes, unread_pictures
from augfuse.data.layouts.parts import NAMES, PARTS
from augfuse.errors import DataError, did_you_mean
from augfuse.text import shown
from augfuse.warn_once import warn

# A file of this name beside the class folders says which images belong together; see `augfuse.data.layouts.manifest`.
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


class Layout(NamedTuple):
    """How a data set is divided. root: the folder that holds the parts or the class folders. parts: the folders of each
    part, train first, most often one; {} where the folders are classes. beside: folders that are not parts, where there
    are parts."""

    root: Folder
    parts: dict[str, list[Folder]]
    beside: tuple[Folder, ...]


def read_layout(
    folder: Folder, classes: Sequence[str] | None = None, part_names: Mapping[str, str] | None = None
) -> Layout:
    """Find the parts of a data set, or its class folders: below folders that hold one folder and nothing else, and in
    part folders that hold one more folder of their part. classes: names that are class folders. Raises DataError."""
    root = _below_common_folder(folder, frozenset(classes or ()) | frozenset(part_names or ()))
    folders = root.folders()
    if part_names is not None:
        named = naming.parts_given(part_names, {child.name for child in folders}, root)
    else:
        named = naming.parts_among(child.name for child in folders)
        held = [child for child in folders if child.name in named]
        # One may well be a class named "train".
        if not any(child.folders() and not child.count_images() for child in held):
            named = {}
    if not named:
        return Layout(root, {}, ())
    parts = {part: [_inner(child, part) for child in folders if named.get(child.name) == part] for part in PARTS}
    # Where the user names the parts, what is not named is left out on purpose.
    beside = () if part_names is not None else tuple(child for child in folders if child.name not in named)
    return Layout(root, {part: found for part, found in parts.items() if found}, beside)


def find_parts(
    folder: Folder,
    classes: Sequence[str] | None,
    part: str | None,
    part_names: Mapping[str, str] | None = None,
    *,
    any_part: bool = False,
) -> tuple[str | None, dict[str | None, Part]]:
    """(which part was asked for, all parts): {"train": ..., "val": ..., "test": ...}, those that exist, with one class
    order; (None, {None: ...}) without parts. any_part: the first one will do where there is no train part.

    Raises DataError and gives AugfuseWarnings as `from_directory` says.
    """
    classes = None if classes is None else as_list("classes", classes, "a list of folder names")
    layout = read_layout(folder, classes, part_names)
    root, folders = layout.root, _one_each(layout)
    if not folders:
        if part is not None:
            raise DataError(
                f"{root}: has no part {shown(part)}: it holds no train, val or test folder. Leave part= out."
            )
        listing = _list_classes(root, root)
        names = _choose_classes(classes, listing, root)
        for name in names:
            _require_images(root, name, listing[name])
        shared = () if classes is not None else shared_folders(root, {n: found.images for n, found in listing.items()})
        if shared:
            warn(f"{root}: {naming.question(list(listing), shared)}")
        return None, {None: _part(root, listing, names)}
    wanted = choose_part(next(iter(folders)) if any_part else part, folders, root, layout.beside)
    _warn_of_beside(layout)
    listings = {name: _list_classes(folder, root) for name, folder in folders.items()}
    names = _choose_classes(classes, {name for listing in listings.values() for name in listing}, root)
    for name, listing in listings.items():
        _check_part(name, folders[name], listing, names)
    return wanted, {name: _part(folders[name], listing, names) for name, listing in listings.items()}


def choose_part(part: str | None, known: Collection[str], root: object, beside: Sequence[Folder] = ()) -> str:
    """The name of the part that was asked for: "train" by default. Raises DataError where it is not known. beside: the
    folders that are not parts, one of which may be meant."""
    wanted = "train" if part is None else NAMES.get(str(part).lower(), part)
    if wanted not in known:
        hint = did_you_mean(str(part), NAMES) if wanted not in PARTS else ""
        hint = f" Type part={shown(next(iter(known)))}." if part is None else hint
        if beside:
            names = naming.listed([folder.name for folder in beside])
            hint = (
                f" Beside it lies {names}: if that is the {shown(wanted)} part, rename it, or type part_names=.{hint}"
            )
        raise DataError(f"{root}: has no part {shown(wanted)}, only {', '.join(map(shown, known))}.{hint}")
    return wanted


def _part(folder: Folder, listing: dict[str, Found], names: tuple[str, ...]) -> Part:
    found = [listing[name].images if name in listing else () for name in names]
    labels = np.repeat(np.arange(len(names), dtype=np.int64), [len(images) for images in found])
    return Part(folder, tuple(path for images in found for path in images), labels, names)


def _below_common_folder(folder: Folder, named: frozenset[str]) -> Folder:
    """The folder in which the parts or class folders lie: an archive of NAME has NAME/ before every name, and one often
    names the folder above. A folder of classes is not left for its only class."""
    while True:
        folders = folder.folders()
        if len(folders) != 1 or folders[0].name in named or folder.count_images():
            return folder
        (only,) = folders
        if naming.parts_among([only.name]) or not only.folders() or only.count_images():
            return folder
        folder = only


def _inner(folder: Folder, part: str) -> Folder:
    """The folder of a part that holds the class folders: seg_train/seg_train, as some archives are packed."""
    while True:
        folders = folder.folders()
        if len(folders) != 1 or folder.count_images():
            return folder
        named = naming.part_in(folders[0].name)
        if folders[0].name != folder.name and (named is None or named.part != part):
            return folder
        folder = folders[0]


def _one_each(layout: Layout) -> dict[str, Folder]:
    """One folder for each part; those without class folders are left out."""
    found: dict[str, Folder] = {}
    for part, folders in layout.parts.items():
        if len(folders) > 1:
            raise DataError(
                f"{layout.root}: {shown(folders[0].name)} and {shown(folders[1].name)} are the same part; keep one."
            )
        if part != "train" and not folders[0].folders():
            warn(f"{folders[0]}: has no class folders, left out.")
            continue
        found[part] = folders[0]
    return found


def _warn_of_beside(layout: Layout) -> None:
    """Say what lies beside the parts and holds images: it may be a part of another name."""
    counts = {folder.name: len(folder.find().images) for folder in layout.beside}
    held = {name: count for name, count in counts.items() if count}
    if held:
        which = "it is" if len(held) == 1 else "one is"
        warn(
            f"{layout.root}: {sum(held.values())} images in {naming.listed(list(held))} beside the parts "
            f"{naming.listed(list(layout.parts))} are not used. If {which} a part, rename it to train, val or test, or "
            f"type part_names={{..., {shown(next(iter(held)))}: 'val'}}."
        )
    stray = layout.root.count_images()
    if stray:
        warn(f"{layout.root}: {stray} images beside the part folders are not used.")


def shared_folders(root: Folder, images: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    """The folders that all class folders of `root` have in common, where they look like parts; else ().

    images: the paths of each class folder."""
    above = f"{root}{os.sep}"
    inside = {
        name: [path[len(above) + len(name) + 1 :].replace(os.sep, "/") for path in paths]
        for name, paths in images.items()
    }
    return naming.shared_folders(inside)


def _check_part(part: str, folder: Folder, listing: dict[str, Found], names: tuple[str, ...]) -> None:
    missing = [name for name in names if name not in listing or not listing[name].images]
    if not missing:
        return
    if part == "train" or len(missing) == len(names):
        if missing[0] in listing:
            _require_images(folder, missing[0], listing[missing[0]])
        raise DataError(f"{folder}: has no folder for class {shown(missing[0])}, which another part has.")
    listed = ", ".join(map(shown, missing[:5])) + (", ..." if len(missing) > 5 else "")
    warn(f"{folder}: has no images of {len(missing)} classes: {listed}.")


def _require_images(folder: Folder, name: str, found: Found) -> None:
    if not found.images:
        path = next(str(child) for child in folder.folders() if child.name == name)
        others = f"{len(found.others)} files with other suffixes" if found.others else "no files"
        raise DataError(f"{path}: a class folder without images ({others}), wanted {' '.join(SUFFIXES)}.")


def _choose_classes(classes: Sequence[str] | None, known: Collection[str], root: Folder) -> tuple[str, ...]:
    if classes is None:
        return tuple(sorted(known))
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
        warn(f"{folder}: {stray} images beside the class folders are not used.")
    listing = {child.name: child.find() for child in class_folders}
    unread = unread_pictures(path for found in listing.values() for path in found.others)
    if unread:
        warn(
            f"{folder}: {len(unread)} pictures have suffixes that are not read and are left out "
            f"({count_suffixes(unread)}), the first is {unread[0]}. Save them as PNG or JPEG."
        )
    outside = [path for found in listing.values() for path in found.outside]
    if outside:
        warn(f"{folder}: {len(outside)} links lead out of {root} and are not followed, the first is {outside[0]}.")
    return listing
