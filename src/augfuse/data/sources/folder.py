"""Images in one folder per class, with or without train / val / test folders above."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypeAlias, final

from augfuse.data.dataset import DataSet, as_parts
from augfuse.data.decoding.decode import Color, check_color
from augfuse.data.layouts.classes import MANIFEST, Folder, Found, find_parts
from augfuse.data.layouts.exclude import Exclude, leave_out
from augfuse.data.layouts.manifest import read_groups
from augfuse.data.layouts.names import in_any_system, is_image, is_left_behind
from augfuse.data.stores.image_files import FileStore, file_size, read_file
from augfuse.data.table import Table
from augfuse.errors import DataError, DataNotFoundError, did_you_mean
from augfuse.text import shown

# What gets the bytes of a file by its name, and what tells its content from another, see `FileStore`.
Files: TypeAlias = tuple[Callable[[str], bytes], Callable[[str], object]]


def from_directory(
    path: str | os.PathLike[str],
    color: Color | None = "rgb",
    classes: Sequence[str] | None = None,
    part: str | None = None,
    exclude: Exclude | None = None,
    part_names: Mapping[str, str] | None = None,
) -> DataSet:
    """A data set over class folders of JPEG, PNG, WebP, AVIF, BMP, GIF, TIFF and PPM files, decoded when they are asked
    for.

        path/cat/1.jpg                  the classes are the folder names, sorted; images lie in them at any depth
        path/train/cat/1.jpg            with parts: train, val, test, also Training, training_set, seg_train, valid, dev
        path/NAME/cat/1.jpg             either of them inside one folder that holds nothing else

    Hidden names, and what programs leave behind (`__MACOSX`, `Thumbs.db`), are ignored. So are files with other
    suffixes; an AugfuseWarning counts those that are pictures. A folder has parts if a folder with the name of a part
    holds folders and no images. Symbolic links are followed only if they stay inside `path`. An AugfuseWarning says so
    where links lead outside, images lie beside the class folders or in a folder beside the parts, class folders look
    like parts, val or test lacks a class, or a val or test folder has no class folders.

    A file `groups.csv` beside the class folders (columns file, group), as `augfuse augment` writes it, says which
    images a split keeps together: it becomes `data.groups`.

    Args:
        path: the folder.
        color: "rgb", "grayscale", "rgba", or None for the channels that each file has; see `augfuse.decode`. Of a
            palette image these are its colours: for masks whose pixels are class numbers read the arrays, and use
            `from_arrays`.
        classes: use only these class folders, and number them in this order.
        part: "train" (the default where there are parts), "val" or "test". All parts share one class order, the sorted
            union of their class folders, and are at hand as `data.parts`.
        exclude: images to leave out: a list of paths, in full or below `path`, or the name of a file of such paths, as
            `augfuse doctor --quarantine FILE` writes it. An AugfuseWarning counts those that are not images of the
            folder.
        part_names: which folder is which part, where the names do not say it: {"fold_a": "train", "fold_b": "test"}.

    Returns:
        A `DataSet`; its images are read when they are asked for.

    Raises:
        DataNotFoundError: no such folder.
        DataError: no images, a class folder without images, images in no class folder, an unknown class or part, a
            class that train lacks; both with the path.
    """
    check_color(color)
    wanted, sets = folder_sets(open_folder(path), color, exclude, classes, part, part_names)
    return sets[wanted]


def open_folder(path: str | os.PathLike[str]) -> Folder:
    """A folder on disk, to be listed. Raises DataNotFoundError."""
    root = _existing_folder(path)
    return _DiskFolder(root, os.path.realpath(root))


def folder_sets(
    folder: Folder,
    color: Color | None,
    exclude: Exclude | None,
    classes: Sequence[str] | None = None,
    part: str | None = None,
    part_names: Mapping[str, str] | None = None,
    *,
    any_part: bool = False,
    files: Files | None = None,
) -> tuple[str | None, dict[str | None, DataSet]]:
    """(which part was asked for, a data set for each part, each knowing the others); see `find_parts` and `leave_out`.
    files: of an archive."""
    wanted, parts = find_parts(folder, classes, part, part_names, any_part=any_part)
    parts = leave_out(parts, exclude, str(folder), every_class=classes is None, archive=files is not None)
    found: dict[str | None, DataSet] = {}
    for name, own in parts.items():
        groups, copies = read_groups(own.folder, own.paths) or (None, None)
        store = FileStore(str(folder), str(own.folder), own.paths, color, *(files or (read_file, file_size)))
        found[name] = DataSet(store, Table(own.labels, groups, copies), own.classes)
    return wanted, as_parts(found)


@final
class _DiskFolder:
    """A folder below `inside`, the real path of the data set: links that leave it are not followed."""

    __slots__ = ("_inside", "_path")

    def __init__(self, path: Path, inside: str) -> None:
        self._path = path
        self._inside = inside

    @property
    def name(self) -> str:
        return self._path.name

    def __str__(self) -> str:
        return str(self._path)

    def folders(self) -> list[_DiskFolder]:
        visible = sorted(e for e in self._path.iterdir() if e.is_dir() and not is_left_behind(e.name))
        return [_DiskFolder(entry, self._inside) for entry in visible]

    def count_images(self) -> int:
        return sum(is_image(entry.name) and entry.is_file() for entry in self._path.iterdir())

    def find(self) -> Found:
        images: list[str] = []
        others: list[str] = []
        outside: list[str] = []
        for path in _walk(str(self._path), self._inside, outside, ()):
            if is_image(os.path.basename(path)):  # noqa: PTH119 - a Path for each of a million files takes seconds
                images.append(path)
            else:
                others.append(path)
        return Found(tuple(sorted(images, key=in_any_system)), tuple(others), tuple(outside))

    def manifest(self) -> bytes | None:
        path = self._path / MANIFEST
        try:
            return path.read_bytes() if path.is_file() else None
        except OSError as error:
            raise DataError(f"{path}: cannot be read ({error.strerror}).") from error


def _existing_folder(path: str | os.PathLike[str]) -> Path:
    root = Path(os.path.abspath(path))  # noqa: PTH100 - Path.resolve would replace the user's own link in every message
    if root.is_file():
        suffix = root.suffix.lower()
        hint = " Unpack it first." if suffix in (".tar", ".gz", ".tgz") else ""
        hint = f" Type af.from_zip({shown(str(path))})." if suffix == ".zip" else hint
        raise DataNotFoundError(f"{root}: is a file, wanted a folder of class folders.{hint}")
    if root.exists() and not root.is_dir():
        raise DataNotFoundError(f"{root}: is not a folder, wanted a folder of class folders.")
    if not root.is_dir():
        above = next(folder for folder in root.parents if folder.is_dir())
        known = [entry.name for entry in above.iterdir() if entry.is_dir()] if above == root.parent else []
        raise DataNotFoundError(f"{root}: no such folder.{did_you_mean(root.name, known)}")
    return root


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
            if is_left_behind(entry.name):
                continue
            if entry.is_dir():
                yield from _walk(entry.path, inside, outside, (*above, real))
            elif entry.is_symlink() and not _is_within(os.path.realpath(entry.path), inside):
                outside.append(entry.path)
            elif entry.is_file() or entry.is_symlink():  # a dangling link is an error when it is read
                yield entry.path


def _is_within(real: str, inside: str) -> bool:
    return real == inside or real.startswith(inside.rstrip(os.sep) + os.sep)
