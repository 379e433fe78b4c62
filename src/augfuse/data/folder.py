"""Images in one folder per class, with or without train / val / test folders above."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple, SupportsIndex, final

import numpy as np

from augfuse.data.decode import COLORS, MAX_FILE_BYTES, Color, decode
from augfuse.data.sample import Sample
from augfuse.data.source import check_index, check_rows
from augfuse.data.split import split_rows
from augfuse.errors import AugfuseWarning, DataError, DataNotFoundError, DecodeError, did_you_mean

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff")
PARTS = {"train": "train", "val": "val", "valid": "val", "validation": "val", "test": "test"}


def from_directory(
    path: str | os.PathLike[str],
    color: Color | None = "rgb",
    classes: Sequence[str] | None = None,
    part: str | None = None,
) -> FolderSource:
    """A source over class folders of JPEG, PNG, WebP, BMP, GIF and TIFF files, decoded when they are asked for.

        path/cat/1.jpg                  the classes are the folder names, sorted; images lie in them at any depth
        path/train/cat/1.jpg            with parts: train, val (or valid, validation), test, in upper or lower case

    color: "rgb", "grayscale", "rgba", or None for the channels that each file has; see `augfuse.decode`.
    classes: use only these class folders, and number them in this order.
    part: "train" (the default where there are parts), "val" or "test". All parts share one class order, the sorted
        union of their class folders, and are at hand as `source.parts`.

    Names that begin with a dot, and files with other suffixes, are not looked at. A folder has parts if a folder with
    the name of a part holds folders and no images. Symbolic links are followed only if they stay inside `path`.
    An AugfuseWarning says so where links lead outside, images lie beside the class folders, val or test lacks a class,
    or a val or test folder has no class folders.

    Raises DataNotFoundError (no such folder), DataError (no images, a class folder without images, images in no class
    folder, an unknown class or part, a class that train lacks), both with the path.
    """
    if color is not None and color not in COLORS:
        hint = did_you_mean(str(color), COLORS)
        raise DataError(f"color: got {color!r}, wanted None, 'rgb', 'grayscale' or 'rgba'.{hint}")
    root = _existing_folder(path)
    folders = _part_folders(root)
    if not folders:
        if part is not None:
            raise DataError(f"{root}: has no part {part!r}: it holds no train, val or test folder. Leave part= out.")
        listing = _list_classes(root, root)
        names = _choose_classes(classes, listing, root)
        for name in names:
            _require_images(root / name, listing[name])
        return _build(str(root), None, listing, names, color)

    wanted = _wanted_part(part, folders, root)
    listings = {name: _list_classes(folder, root) for name, folder in folders.items()}
    names = _choose_classes(classes, {name for listing in listings.values() for name in listing}, root)
    parts: dict[str, FolderSource] = {}
    for name, listing in listings.items():
        _check_part(name, folders[name], listing, names)
        parts[name] = _build(str(root), name, listing, names, color)
    for source in parts.values():
        source.parts = parts
    return parts[wanted]


@final
class FolderSource:
    """Image files with the number of their class folder. Made by `from_directory`; reads a file for each sample.

    paths: tuple of n absolute file names. labels: (n,) int64, read-only. classes: tuple of names.
    root: the folder that was given. part: "train", "val", "test", or None. color: as given.
    parts: {"train": source, "val": source, "test": source}, those that exist; empty for a folder without parts, and
        for a subset or a side of a split.
    """

    __slots__ = ("classes", "color", "groups", "labels", "part", "parts", "paths", "root", "value_range")

    def __init__(
        self,
        root: str,
        part: str | None,
        paths: tuple[str, ...],
        labels: np.ndarray,
        classes: tuple[str, ...],
        color: Color | None,
    ) -> None:
        """Nothing is checked here; use `from_directory`."""
        self.root = root
        self.part = part
        self.paths = paths
        self.labels = labels.view()
        self.labels.flags.writeable = False
        self.classes = classes
        self.color: Color | None = color
        self.parts: dict[str, FolderSource] = {}
        self.value_range: tuple[float, float] | None = None
        self.groups: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: SupportsIndex, /) -> Sample:
        """Read and decode sample `index`. Raises DecodeError, with the path, where the file cannot be read."""
        position = check_index(index, len(self.paths))
        path = self.paths[position]
        try:
            with Path(path).open("rb") as file:
                raw = file.read(MAX_FILE_BYTES + 1)  # one more than allowed: decode refuses it unseen
        except OSError as error:
            raise DecodeError(f"the file cannot be read ({error.strerror}).", path) from error
        return Sample(decode(raw, color=self.color, path=path), int(self.labels[position]), path)

    def __repr__(self) -> str:
        counts = np.bincount(self.labels, minlength=len(self.classes))
        shown = [f"{name} {count}" for name, count in zip(self.classes, counts, strict=True)]
        if len(shown) > 8:
            shown = [*shown[:7], "..."]
        parts = ", ".join(f"{name} {len(source)}" for name, source in self.parts.items())
        where = f"; part {self.part!r} of {parts}" if parts else ""
        return (
            f"FolderSource({self.root!r}: {len(self)} images, {len(self.classes)} classes: {', '.join(shown)}{where})"
        )

    def subset(self, rows: Sequence[int] | np.ndarray) -> FolderSource:
        """The samples at these positions (0..n-1, in this order, repeats allowed). The folder is not listed again."""
        chosen = check_rows(rows, len(self))
        paths = tuple(self.paths[row] for row in chosen.tolist())
        return FolderSource(self.root, self.part, paths, self.labels[chosen], self.classes, self.color)

    def split(
        self, fraction: float, seed: int = 0, stratify: bool = True, groups: Any = None
    ) -> tuple[FolderSource, FolderSource]:
        """(rest, held_out), about `fraction` held out, each class keeping its share; see `augfuse.data.split`."""
        rest, held_out = split_rows(
            len(self), fraction, labels=self.labels, seed=seed, stratify=stratify, groups=groups
        )
        return self.subset(rest), self.subset(held_out)


class _Found(NamedTuple):
    """The files below one class folder: images as sorted paths, and how many files there are with other suffixes."""

    images: tuple[str, ...]
    others: int


def _build(
    root: str, part: str | None, listing: dict[str, _Found], names: tuple[str, ...], color: Color | None
) -> FolderSource:
    found = [listing[name].images if name in listing else () for name in names]
    labels = np.repeat(np.arange(len(names), dtype=np.int64), [len(images) for images in found])
    return FolderSource(root, part, tuple(path for images in found for path in images), labels, names, color)


def _existing_folder(path: str | os.PathLike[str]) -> Path:
    root = Path(os.path.abspath(path))  # noqa: PTH100 - Path.resolve would replace the user's own link in every message
    if root.is_file():
        hint = " Unpack it first." if root.suffix.lower() in (".zip", ".tar", ".gz", ".tgz") else ""
        raise DataNotFoundError(f"{root}: is a file, wanted a folder of class folders.{hint}")
    if not root.is_dir():
        above = next(folder for folder in root.parents if folder.is_dir())
        known = [entry.name for entry in above.iterdir() if entry.is_dir()] if above == root.parent else []
        raise DataNotFoundError(f"{root}: no such folder.{did_you_mean(root.name, known)}")
    return root


def _part_folders(root: Path) -> dict[str, Path]:
    """The folders of the parts, train first; {} where the folders are classes (one may well be named "train")."""
    named = [folder for folder in _visible_folders(root) if folder.name.lower() in PARTS]
    if not any(_visible_folders(folder) and not _images_directly_in(folder) for folder in named):
        return {}
    folders: dict[str, Path] = {}
    for wanted in ("train", "val", "test"):
        for folder in named:
            if PARTS[folder.name.lower()] != wanted:
                continue
            if wanted in folders:
                raise DataError(f"{root}: {folders[wanted].name!r} and {folder.name!r} are the same part; keep one.")
            if wanted != "train" and not _visible_folders(folder):
                warnings.warn(f"{folder}: has no class folders, left out.", AugfuseWarning, stacklevel=3)
                continue
            folders[wanted] = folder
    return folders


def _wanted_part(part: str | None, folders: dict[str, Path], root: Path) -> str:
    wanted = "train" if part is None else PARTS.get(str(part).lower(), part)
    if wanted not in folders:
        hint = did_you_mean(str(part), PARTS) if wanted not in PARTS.values() else ""
        raise DataError(f"{root}: has no part {wanted!r}, only {', '.join(map(repr, folders))}.{hint}")
    return wanted


def _check_part(part: str, folder: Path, listing: dict[str, _Found], names: tuple[str, ...]) -> None:
    missing = [name for name in names if name not in listing or not listing[name].images]
    if not missing:
        return
    if part == "train" or len(missing) == len(names):
        if missing[0] in listing:
            _require_images(folder / missing[0], listing[missing[0]])
        raise DataError(f"{folder}: has no folder for class {missing[0]!r}, which another part has.")
    listed = ", ".join(map(repr, missing[:5])) + (", ..." if len(missing) > 5 else "")
    warnings.warn(f"{folder}: has no images of {len(missing)} classes: {listed}.", AugfuseWarning, stacklevel=3)


def _require_images(folder: Path, found: _Found) -> None:
    if not found.images:
        others = f"{found.others} files with other suffixes" if found.others else "no files"
        raise DataError(f"{folder}: a class folder without images ({others}), wanted {' '.join(SUFFIXES)}.")


def _choose_classes(classes: Sequence[str] | None, known: Any, root: Path) -> tuple[str, ...]:
    if classes is None:
        return tuple(sorted(known))
    if isinstance(classes, str) or not classes:
        raise DataError(f"classes: got {classes!r}, wanted a list of folder names, as in ['cat', 'dog'].")
    for name in classes:
        if name not in known:
            raise DataError(f"{root}: has no class folder {name!r}.{did_you_mean(str(name), known)}")
    if len(set(classes)) < len(classes):
        raise DataError(f"classes: got {list(classes)}, wanted each name once.")
    return tuple(classes)


def _list_classes(folder: Path, root: Path) -> dict[str, _Found]:
    """{class name: its files} for every class folder directly in `folder`."""
    stray = _images_directly_in(folder)
    class_folders = _visible_folders(folder)
    if not class_folders:
        if stray:
            raise DataError(
                f"{folder}: has {stray} images but no class folders; put images into one folder per class, "
                f"as in {folder.name}/cat/1.jpg."
            )
        raise DataError(f"{folder}: is empty, wanted one folder of images per class.")
    if stray:
        warnings.warn(f"{folder}: {stray} images beside the class folders are not used.", AugfuseWarning, stacklevel=3)
    inside = os.path.realpath(root)
    listing, outside = {}, []
    for class_folder in class_folders:
        images, others = [], 0
        for path in _walk(str(class_folder), inside, outside, ()):
            if path.lower().endswith(SUFFIXES):
                images.append(path)
            else:
                others += 1
        listing[class_folder.name] = _Found(tuple(sorted(images, key=_in_any_system)), others)
    if outside:
        warnings.warn(
            f"{folder}: {len(outside)} links lead out of {root} and are not followed, the first is {outside[0]}.",
            AugfuseWarning,
            stacklevel=3,
        )
    return listing


def _walk(folder: str, inside: str, outside: list[str], above: tuple[str, ...]) -> Iterator[str]:
    """Visible files below `folder`. `above` holds the real folders on the way down: a link back to one is a circle."""
    real = os.path.realpath(folder)
    if not _is_within(real, inside):
        outside.append(folder)
        return
    if real in above:
        return
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith("."):
                continue
            if entry.is_dir():
                yield from _walk(entry.path, inside, outside, (*above, real))
            elif entry.is_symlink() and not _is_within(os.path.realpath(entry.path), inside):
                outside.append(entry.path)
            elif entry.is_file() or entry.is_symlink():  # a dangling link is an error when it is read
                yield entry.path


def _in_any_system(path: str) -> tuple[str, ...]:
    """Sort key that gives the same order whatever the path separator."""
    return Path(path).parts


def _is_within(real: str, inside: str) -> bool:
    return real == inside or real.startswith(inside.rstrip(os.sep) + os.sep)


def _visible_folders(folder: Path) -> list[Path]:
    return sorted(entry for entry in folder.iterdir() if entry.is_dir() and not entry.name.startswith("."))


def _images_directly_in(folder: Path) -> int:
    return sum(
        entry.name.lower().endswith(SUFFIXES) and not entry.name.startswith(".") and entry.is_file()
        for entry in folder.iterdir()
    )
