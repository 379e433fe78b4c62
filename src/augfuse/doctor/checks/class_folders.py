"""Class folders, on disk or in a zip archive, as parts to examine: what sources refuse becomes a finding here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from augfuse.data.layouts.classes import Folder, Found, read_layout, shared_folders
from augfuse.data.layouts.exclude import below
from augfuse.data.layouts.manifest import read_groups
from augfuse.data.layouts.names import count_suffixes, unread_pictures
from augfuse.doctor.checks.annotations import check_pairs
from augfuse.doctor.examined_data import Part, Survey
from augfuse.doctor.findings import Finding, Findings, counted, finding, listed
from augfuse.errors import DataError


class Tree(NamedTuple):
    """A folder to examine. read: from a path to the bytes of that file. base: names are given below this path. part:
    which part it is, where it is not divided. leaving: images in an archive whose names lead out of it."""

    root: Folder
    read: Callable[[str], bytes]
    base: str
    part: str = ""
    leaving: tuple[str, ...] = ()


def survey_trees(trees: Sequence[Tree], title: str) -> Survey:
    """The parts of folders of class folders, or of plain images. Raises DataError if there is not one image."""
    found = Findings()
    every: list[tuple[Tree, str, Folder, dict[str | None, tuple[str, ...]]]] = []
    for tree in trees:
        if tree.leaving:
            found.add(
                "AF109",
                f"{counted(len(tree.leaving), 'image')} in {Path(tree.base).name} have names that lead out of the "
                "archive, or that no file system holds, and are not read.",
                "Pack the archive again, with plain names.",
                examples=tree.leaving,
            )
        for name, folder in _part_folders(tree, found).items():
            every.append((tree, name, folder, _class_images(tree, folder, found, name)))
    listed_parts = [(tree, name, folder, images) for tree, name, folder, images in every if any(images.values())]
    if not listed_parts:
        raise DataError(f"{title}: holds no images, wanted one folder of pictures for each class.")
    names = {label for *_, images in listed_parts for label in images if label is not None}
    classes = tuple(sorted(names))
    if classes:
        for tree, name, folder, images in every:
            if None in images or not folder.folders():
                found.append(_without_labels(tree, name, folder, images.get(None, ()), classes[0]))
    parts = tuple(_part(tree, name, folder, images, classes) for tree, name, folder, images in listed_parts)
    return Survey(title, parts, classes, found)


def _part_folders(tree: Tree, found: Findings) -> dict[str, Folder]:
    """{"train": folder, ...}, or {tree.part: root} without parts; as the sources see it, but a part that is there
    twice is a finding."""
    layout = read_layout(tree.root)
    root = layout.root
    if not layout.parts:
        return {tree.part: root}
    parts: dict[str, Folder] = {}
    for wanted, same in layout.parts.items():
        parts[wanted] = same[0]
        if len(same) > 1:
            names = [folder.name for folder in same]
            found.add(
                "AF109",
                f"{listed(names)} are the same part; only {names[0]} is examined, and from_directory refuses them.",
                "Move the images of one into the other.",
                examples=names,
            )
    stray = root.count_images()
    others = [folder.name for folder in layout.beside if folder.find().images]
    if stray or others:
        words = [f"{counted(stray, 'image')}"] * bool(stray) + [counted(len(others), "folder")] * bool(others)
        found.add(
            "AF109",
            f"{' and '.join(words)} beside the part folders {listed(list(parts))} are not read.",
            "If a folder is a part, rename it to train, val or test; else move them out of the data set.",
            examples=others,
            count=stray + len(others),
        )
    return parts


def _without_labels(tree: Tree, name: str, folder: Folder, images: Sequence[str], example: str) -> Finding:
    """A part that is empty or flat, where others have class folders."""
    # As find_parts decides: what could be a part of class folders is refused, another folder is not a part.
    left_out = not tree.part and name != "train" and not folder.folders()
    what = "is empty"
    if images:
        kept = "its image has no label" if len(images) == 1 else f"its {len(images):,} images have no labels"
        what = f"has no images in class folders, {kept}"
    source = "from_zip" if tree.part else "from_directory"
    return finding(
        "AF311",
        f"{name} {what}: {source} {'leaves it out' if left_out else 'refuses the data set'}.",
        f"Give it a folder for each class, as in {folder.name}/{example}/1.jpg, or move it out of the data set.",
        examples=[_below(tree, path) for path in images],
        severity="hint" if left_out else None,
    )


def _class_images(tree: Tree, folder: Folder, found: Findings, part: str) -> dict[str | None, tuple[str, ...]]:
    """{class: paths of its images}; {None: paths} where images lie in no class folder."""
    class_folders = folder.folders()
    stray = folder.count_images()
    if stray and not any(child.find().images for child in class_folders):
        every = folder.find()
        _left_out(tree, folder, every, found)
        return {None: every.images}
    if stray:
        found.add(
            "AF109",
            f"{counted(stray, 'image')} of {part or 'the data'} beside the class folders are not read.",
            "Move each into the folder of its class.",
            count=stray,
        )
    listing = {child: child.find() for child in class_folders}
    shared = shared_folders(folder, {child.name: files.images for child, files in listing.items()})
    if shared:
        names = [child.name for child in listing]
        found.add(
            "AF313",
            f"{listed(names)} hold the same folders ({listed(shared)}), and are taken as classes.",
            "If they are parts, rename them to train, val and test.",
            examples=names,
        )
    found += check_pairs({child.name: files for child, files in listing.items()})
    empty = [child for child, files in listing.items() if not files.images]
    if empty:
        found.add(
            "AF307",
            f"{counted(len(empty), 'class folder')} of {part or 'the data'} "
            f"{'holds' if len(empty) == 1 else 'hold'} no images that sources read.",
            "Add images, or remove the folder: from_directory refuses it.",
            examples=[_below(tree, str(child)) for child in empty],
        )
    for child, files in listing.items():
        _left_out(tree, child, files, found)
    return {child.name: files.images for child, files in listing.items() if files.images}


def _left_out(tree: Tree, folder: Folder, files: Found, found: Findings) -> None:
    if files.outside:
        found.add(
            "AF109",
            f"{counted(len(files.outside), 'link')} in {_below(tree, str(folder))} lead out of the data set and are "
            "not followed.",
            "Copy the images into the class folder.",
            examples=[_below(tree, path) for path in files.outside],
        )
    unread = unread_pictures(files.others)
    if unread:
        found.add(
            "AF102",
            f"{counted(len(unread), 'picture')} in {_below(tree, str(folder))} have suffixes that are not read "
            f"({count_suffixes(unread)}).",
            "Save them as PNG or JPEG.",
            examples=[_below(tree, path) for path in unread],
        )


def _part(
    tree: Tree, name: str, folder: Folder, images: dict[str | None, tuple[str, ...]], classes: tuple[str, ...]
) -> Part:
    own = tuple(sorted(label for label in images if label is not None))
    paths = [path for label in own or (None,) for path in images[label]]
    numbers = [classes.index(label) for label in own]
    labels = np.repeat(np.array(numbers, np.int64), [len(images[label]) for label in own]) if own else None
    groups = read_groups(folder, paths)
    return Part(
        name=name,
        names=tuple(_below(tree, path) for path in paths),
        labels=labels,
        classes=own,
        raw=lambda index: tree.read(paths[index]),
        groups=None if groups is None else groups[0],
        copies=None if groups is None else groups[1],
    )


def _below(tree: Tree, path: str) -> str:
    """A path as findings and quarantine lists give it."""
    return below(path, tree.base) or tree.root.name
