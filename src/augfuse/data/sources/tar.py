"""Images in tar archives, read in place: class folders, or WebDataset's samples, whose files have one name."""

from __future__ import annotations

import json
import os
import tarfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, final

import numpy as np

from augfuse.algebra.values import is_dict
from augfuse.data.columns.labels import labelled
from augfuse.data.dataset import DataSet
from augfuse.data.decoding.decode import Color, check_color
from augfuse.data.decoding.limits import check_file_size
from augfuse.data.layouts.exclude import Exclude
from augfuse.data.layouts.names import is_image, is_left_behind
from augfuse.data.layouts.tree import Tree
from augfuse.data.sources.folder import Files, folder_sets
from augfuse.data.stores.image_files import FileStore, existing_file, existing_files, read_all
from augfuse.data.table import Table
from augfuse.errors import DataError, DecodeError
from augfuse.text import shown

_LABEL_BYTES = 2**20  # of a .cls, .txt or .json file
_PACKED = (b"\x1f\x8b", b"BZh", b"\xfd7zXZ\x00", b"\x28\xb5\x2f\xfd")  # gzip, bzip2, xz, zstd


def from_tar(
    path: str | os.PathLike[str] | Iterable[str | os.PathLike[str]],
    color: Color | None = "rgb",
    classes: Sequence[str] | None = None,
    part: str | None = None,
    exclude: Exclude | None = None,
    part_names: Mapping[str, str] | None = None,
) -> DataSet:
    """A data set over a tar archive, or over several; nothing is unpacked, images are decoded when asked for.

        cat/1.jpg                        class folders, with or without parts, as in `from_zip`
        0001.jpg 0001.cls                WebDataset: files of one name are one sample
        af.from_tar(sorted(Path("shards").glob("train-*.tar")))          its shards, one behind the other

    A WebDataset sample is the files whose path is the same up to the first dot of the name: one image, and its label in
    .cls (a whole number, or the name of a class), or in .json under "label", "cls" or "class". Other files of a sample
    are ignored. Several archives are WebDataset's.

    The list of members is read once, with all headers; pickles hold it. A packed archive (.tar.gz) has no places to
    read from: unpack it.

    Args:
        path: a tar archive, or several.
        color, classes, part, exclude, part_names: as in `from_directory`; of WebDataset `classes` are the names of the
            numbers, and the others do not apply.

    Returns:
        A `DataSet`; its images are read when they are asked for.

    Raises:
        DataNotFoundError: no such file.
        DataError: not a tar archive, packed, cut, a member that is there twice, a sample with two images, some samples
            with labels and others without; and what `from_directory` raises.
    """
    check_color(color)
    files = existing_files(path, "a tar archive", "from_tar", "archives")
    listed = {file: _list(file) for file in files}
    if len(files) == 1 and _has_class_folders(listed[files[0]]):
        tree, members = _tree(files[0], listed[files[0]])
        wanted, sets = folder_sets(tree.root, color, exclude, classes, part, part_names, files=members)
        return sets[wanted]
    for name, value in (("part", part), ("exclude", exclude), ("part_names", part_names)):
        if value is not None:
            raise DataError(
                f"{name}: got {shown(value)} for samples of WebDataset, which have no folders. Leave it out."
            )
    return _webdataset(listed, color, classes)


def tar_parts(
    path: str | os.PathLike[str], color: Color | None = "rgb", exclude: Exclude | None = None
) -> dict[str | None, DataSet]:
    """All parts of an archive, also of one that has no train part; {None: data} without parts. As `from_tar`."""
    check_color(color)
    file = existing_file(path, "a tar archive")
    listed = _list(file)
    if not _has_class_folders(listed):
        return {None: from_tar(file, color, exclude=exclude)}
    tree, members = _tree(file, listed)
    return folder_sets(tree.root, color, exclude, any_part=True, files=members)[1]


def _tree(file: Path, listed: Mapping[str, _Member]) -> tuple[Tree, Files]:
    """The folders of an archive, and what reads their files."""
    table: dict[str, _Member] = {}
    members = _Members(table)
    tree = Tree(file, members.read)
    for name, member in listed.items():
        path = tree.add(f"{name}/" if member.is_folder else name, link=member.is_link)
        if path is not None:
            table[path] = member
    tree.warn_of_leaving()
    return tree, (members.read, members.mark)


class _Member(NamedTuple):
    """Where a member lies."""

    archive: str
    offset: int
    size: int
    is_folder: bool
    is_link: bool


@final
class _Members:
    """Reads members by their path. It holds no open file: nothing to lock, to pickle or to close."""

    def __init__(self, table: dict[str, _Member]) -> None:
        self._table = table

    def mark(self, path: str) -> object:
        """What tells its content from another: its place and size."""
        member = self._table[path]
        return member.offset, member.size

    def read(self, path: str) -> bytes:
        """Raises DecodeError where the archive ends before the member does, OSError where it cannot be read."""
        member = self._table[path]
        check_file_size(member.size, path)
        with open(member.archive, "rb", buffering=0) as file:  # noqa: PTH123 - as in stores/files.py
            file.seek(member.offset)
            raw = read_all(file, member.size)
        if len(raw) < member.size:
            raise DecodeError("the archive ends within the member; was it changed since it was opened?", path)
        return raw


def _list(file: Path) -> dict[str, _Member]:
    """The members by name, in the order of the archive."""
    found: dict[str, _Member] = {}
    try:
        with file.open("rb") as raw:
            if raw.read(6).startswith(_PACKED):
                raise DataError(
                    f"{file}: is packed, and a packed archive has no places to read from. Type gunzip {file.name} (or "
                    "bunzip2, unxz, unzstd)."
                )
            raw.seek(0)
            with tarfile.open(fileobj=raw, mode="r:") as archive:
                for info in archive:
                    if info.issparse():
                        raise DataError(f"{file}: member {shown(info.name)} is a sparse file. Pack the archive again.")
                    member = _Member(str(file), info.offset_data, info.size, info.isdir(), info.issym() or info.islnk())
                    if info.isreg() and info.name in found:
                        raise DataError(f"{file}: member {shown(info.name)} is there twice; pack the archive again.")
                    if info.isreg() or member.is_folder or member.is_link:
                        found[info.name] = member
                end = archive.offset
            size = raw.seek(0, os.SEEK_END)
    except (tarfile.TarError, OSError, ValueError, EOFError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(f"{file}: not a readable tar archive ({error}).") from None
    last = max(found.values(), key=lambda member: member.offset + member.size, default=None)
    if (last is not None and last.offset + last.size > size) or end > size:
        raise DataError(f"{file}: cut short: it lists more than its {size:,} bytes.")
    return found


def _has_class_folders(members: Mapping[str, _Member]) -> bool:
    """Whether no image has a label beside it, and all lie in folders."""
    keys = {_key(name) for name, member in members.items() if _ending(name) in ("cls", "json") and not member.is_folder}
    images = [name.removeprefix("./") for name in members if is_image(name.rpartition("/")[2])]
    labelled_ones = {key.removeprefix("./") for key in keys}
    return bool(images) and all("/" in name and _key(name) not in labelled_ones for name in images)


def _key(name: str) -> str:
    """A path up to the first dot of the name."""
    folder, slash, file = name.rpartition("/")
    return f"{folder}{slash}{file.partition('.')[0]}"


def _ending(name: str) -> str:
    return name.rpartition("/")[2].partition(".")[2].lower()


def _webdataset(
    listed: Mapping[Path, Mapping[str, _Member]], color: Color | None, classes: Sequence[str] | None
) -> DataSet:
    table: dict[str, _Member] = {}
    members = _Members(table)
    labels: list[int | str | None] = []
    images: list[str] = []
    for file, found in listed.items():
        beside: dict[str, str] = {}
        own: dict[str, str] = {}
        for name, member in found.items():
            base = name.rpartition("/")[2]
            if member.is_folder or member.is_link or is_left_behind(base):
                continue
            key, path = _key(name), f"{file}{os.sep}{name}"
            if is_image(base):
                if key in own:
                    raise DataError(f"{file}: sample {shown(key)} has two images, {own[key]} and {name}, wanted one.")
                own[key] = name
                table[path] = member
            elif (ending := _ending(name)) == "cls" or (ending == "json" and key not in beside):
                beside[key] = name
                table[path] = member
        if not own:
            raise DataError(f"{file}: holds no images.")
        for key, name in own.items():
            images.append(f"{file}{os.sep}{name}")
            where = beside.get(key)
            labels.append(None if where is None else _label(members, f"{file}{os.sep}{where}", table))
    without = next((path for path, label in zip(images, labels, strict=True) if label is None), None)
    if without is not None and any(label is not None for label in labels):
        raise DataError(f"{without}: has no label beside it, wanted one for each sample, or none.")
    values = None if without is not None else _as_one_kind(labels, images)
    numbers, names = labelled(values, classes, len(images), "from_tar")
    roots = str(next(iter(listed))) if len(listed) == 1 else os.path.commonpath([str(file.parent) for file in listed])
    store = FileStore(roots, None, tuple(images), color, members.read, members.mark)
    return DataSet(store, Table(numbers), names)


def _label(members: _Members, path: str, table: Mapping[str, _Member]) -> int | str | None:
    """The label in a .cls or .json file."""
    if table[path].size > _LABEL_BYTES:
        raise DataError(f"{path}: {table[path].size:,} bytes, wanted a label.")
    raw = members.read(path)
    try:
        text = raw.decode("utf-8-sig").strip()
        if path.lower().endswith(".json"):
            held = json.loads(text)
            known = ("label", "cls", "class")
            value = next((held[name] for name in known if name in held), None) if is_dict(held) else held
        else:
            value = int(text) if text.lstrip("+-").isdecimal() else text
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path}: not a readable label ({error}).") from None
    if value is None or (isinstance(value, (int, str)) and not isinstance(value, bool) and value != ""):
        return value
    raise DataError(f"{path}: got {shown(value)}, wanted a whole number or the name of a class.")


def _as_one_kind(labels: Sequence[int | str | None], images: Sequence[str]) -> np.ndarray:
    kinds = {type(label) for label in labels}
    if len(kinds) > 1:
        other = next(i for i, label in enumerate(labels) if type(label) is not type(labels[0]))
        raise DataError(
            f"{images[other]}: its label is {shown(labels[other])}, that of {images[0]} {shown(labels[0])}: wanted "
            "numbers or names, of all samples alike."
        )
    return np.array(labels)
