"""Images in the class folders of a zip archive, read in place."""

from __future__ import annotations

import os
import stat
import struct
import zipfile
import zlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, final

from augfuse.data.dataset import DataSet
from augfuse.data.decoding.decode import Color, check_color
from augfuse.data.decoding.limits import check_file_size
from augfuse.data.layouts.classes import Folder
from augfuse.data.layouts.exclude import Exclude
from augfuse.data.layouts.tree import Tree
from augfuse.data.sources.folder import Files, folder_sets
from augfuse.data.stores.image_files import existing_file, read_all
from augfuse.errors import DataError, DecodeError
from augfuse.text import shown

_LOCAL_HEADER = struct.Struct("<4s22xHH")  # signature, length of the name, length of the extra field
_ENCRYPTED = 0x1
_PLAIN_BYTES = 64 * 2**20  # a member may grow to this, or to _MAX_RATIO times its packed size
_MAX_RATIO = 16
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


def from_zip(
    path: str | os.PathLike[str],
    color: Color | None = "rgb",
    classes: Sequence[str] | None = None,
    part: str | None = None,
    exclude: Exclude | None = None,
    part_names: Mapping[str, str] | None = None,
) -> DataSet:
    """A data set over the class folders of a zip archive; nothing is unpacked, images are decoded when asked for.

        cat/1.jpg          class folders, as in `from_directory`
        train/cat/1.jpg    with parts
        NAME/cat/1.jpg     either of them inside one common folder

    Members are stored or deflated. They are read by position, by any number of threads at once, and pickles hold the
    archive's path, not its content. `data.paths` are the archive's path with the member's name behind it.

    Args:
        path: the zip archive.
        color, classes, part, exclude, part_names: as in `from_directory`; so are the parts, the order of the classes,
            `groups.csv`, the warnings and the errors. Symbolic links, and names that lead out of the archive, are not
            followed. A list may be that of a folder of archives: `NAME.zip/cat/1.jpg`; what it says about the other
            archives is ignored.

    Returns:
        A `DataSet`; its images are read when they are asked for.

    Raises:
        DataNotFoundError: no such file.
        DataError: not a zip archive, a member that is encrypted, packed by another method or there twice; and what
            `from_directory` raises. A member that claims more bytes than an image may have, or that is not what the
            archive's list says, is a DecodeError when it is read.
    """
    check_color(color)
    tree, files = _read_list(existing_file(path, "a zip archive"))
    tree.warn_of_leaving()
    wanted, sets = folder_sets(tree.root, color, exclude, classes, part, part_names, files=files)
    return sets[wanted]


def zip_parts(
    path: str | os.PathLike[str], color: Color | None = "rgb", exclude: Exclude | None = None
) -> dict[str | None, DataSet]:
    """All parts of an archive, also of one that has no train part; {None: source} without parts. As `from_zip`."""
    check_color(color)
    tree, files = _read_list(existing_file(path, "a zip archive"))
    tree.warn_of_leaving()
    return folder_sets(tree.root, color, exclude, any_part=True, files=files)[1]


def open_zip(path: str | os.PathLike[str]) -> tuple[Folder, Callable[[str], bytes], list[str]]:
    """The folder in an archive, to be listed, what reads a file of it by its path, and the names of members that are
    left out because they lead out of the archive. Raises as `from_zip` does."""
    tree, (read, _) = _read_list(existing_file(path, "a zip archive"))
    return tree.root, read, tree.leaving


class _Member(NamedTuple):
    """Where a member lies in the archive, and what it must be once it is unpacked."""

    offset: int
    packed: int
    size: int
    method: int
    checksum: int


@final
class _Members:
    """Reads members by their path. It holds no open file: nothing to lock, to pickle or to close."""

    def __init__(self, archive: str, table: dict[str, _Member]) -> None:
        self._archive = archive
        self._table = table

    def mark(self, path: str) -> object:
        """What tells its content from another: its size and checksum, as the archive's list has them."""
        member = self._table[path]
        return member.size, member.checksum

    def read(self, path: str) -> bytes:
        """Raises DecodeError where the member is damaged, OSError where the archive cannot be read."""
        member = self._table[path]
        check_file_size(max(member.size, member.packed), path)
        if member.size > max(_PLAIN_BYTES, _MAX_RATIO * member.packed):
            raise DecodeError(
                f"the member would grow from {member.packed:,} to {member.size:,} bytes, as no image does. Unpack the "
                "archive and use the folder.",
                path,
            )
        with open(self._archive, "rb", buffering=0) as file:  # noqa: PTH123 - as in stores/files.py
            file.seek(member.offset)
            header = file.read(_LOCAL_HEADER.size)
            if len(header) < _LOCAL_HEADER.size or not header.startswith(b"PK\x03\x04"):
                raise DecodeError("the archive has no member at this place; was it changed since it was opened?", path)
            _, name, extra = _LOCAL_HEADER.unpack(header)
            file.seek(name + extra, os.SEEK_CUR)
            raw = read_all(file, member.packed)
        if member.method == zipfile.ZIP_DEFLATED:
            try:  # no further than one byte beyond the size that the list gives, whatever the data would grow to
                raw = zlib.decompressobj(-zlib.MAX_WBITS).decompress(raw, member.size + 1)
            except zlib.error as error:
                raise DecodeError(f"the member cannot be unpacked ({error}).", path) from None
        if len(raw) != member.size or zlib.crc32(raw) != member.checksum:
            raise DecodeError("the member is damaged: its size or checksum differs from the archive's list.", path)
        return raw


def _read_list(file: Path) -> tuple[Tree, Files]:
    """The tree of the archive's visible members, and what reads them."""
    try:
        with zipfile.ZipFile(file) as archive:
            listed = archive.infolist()
    except (zipfile.BadZipFile, NotImplementedError, OSError, ValueError, struct.error) as error:
        raise DataError(f"{file}: not a readable zip archive ({error}).") from None
    table: dict[str, _Member] = {}
    members = _Members(str(file), table)
    tree = Tree(file, members.read)
    for info in listed:
        path = tree.add(info.orig_filename, link=stat.S_ISLNK(info.external_attr >> 16))
        if path is None:
            continue
        if path in table:
            name = info.orig_filename.replace("\\", "/")
            raise DataError(f"{file}: member {shown(name)} is there twice; pack the archive again.")
        table[path] = _checked_member(file, info)
    return tree, (members.read, members.mark)


def _checked_member(file: Path, info: zipfile.ZipInfo) -> _Member:
    name = info.orig_filename
    if info.flag_bits & _ENCRYPTED:
        raise DataError(f"{file}: member {shown(name)} is encrypted. Unpack it with its password and use the folder.")
    if info.compress_type not in _METHODS:
        raise DataError(
            f"{file}: member {shown(name)} is packed by method {info.compress_type}, wanted 0 (stored) or 8 "
            "(deflated). Pack the archive again: zip -0 -r."
        )
    return _Member(info.header_offset, info.compress_size, info.file_size, info.compress_type, info.CRC)
