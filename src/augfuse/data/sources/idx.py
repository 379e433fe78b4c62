"""IDX files, the format of MNIST and its relatives: one array of images, one of labels, plain or gzip-packed.

The format: two zero bytes, a code for the dtype, the number of dimensions, the dimensions as big-endian uint32, and the
values in C order, big-endian.
"""

from __future__ import annotations

import gzip
import os
import re
import struct
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np

from augfuse.data.dataset import DataSet, as_parts
from augfuse.data.layouts.classes import choose_part
from augfuse.data.sources.arrays import from_arrays
from augfuse.data.sources.npz_file import MAX_DEFLATE_RATIO, require_memory
from augfuse.errors import AugfuseError, DataError, DataNotFoundError, did_you_mean
from augfuse.text import shown

_DTYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
_GZIP_MAGIC = b"\x1f\x8b"
_MOST_DIMENSIONS = 8
_NAME = re.compile(r"(?:(?P<set>.+)-)?(?P<part>train|t10k|test)-images[-.]idx\d-ubyte(?P<gz>\.gz)?")
_PARTS = {"train": "train", "t10k": "test", "test": "test"}


def from_idx(
    images: str | os.PathLike[str],
    labels: str | os.PathLike[str] | None = None,
    classes: Sequence[str] | None = None,
    part: str | None = None,
) -> DataSet:
    """A data set over IDX files, read into memory: uint8 images (n, h, w, 1), int64 labels (n,).

        af.from_idx("train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz")
        af.from_idx("fashion-mnist/")                 train-images-idx3-ubyte and its sisters, plain or .gz
        af.from_idx("fashion-mnist/", part="test")    t10k-images-idx3-ubyte

    Args:
        images: an IDX file of (n, h, w) or (n, h, w, c) values, or a folder that holds files of the usual names. In a
            folder all parts are read, and are at hand as `data.parts`.
        labels: an IDX file of (n,) whole numbers; for a folder it is found.
        classes: names; label k is classes[k].
        part: "train" (the default) or "test"; for a folder only.

    Returns:
        A `DataSet`; its images are in memory.

    Raises:
        DataNotFoundError: no such file, a folder without such files.
        DataError: not IDX, cut, longer than its header says, numbers that differ, no such part; and what `from_arrays`
            raises. Whether a file is packed is seen from its content.
    """
    path = Path(images)
    if not path.is_dir():
        if part is not None:
            raise DataError(
                f"part: got {shown(part)} with the file {path}, wanted it with a folder only. Leave part= out."
            )
        return _data(path, None if labels is None else Path(labels), classes)
    if labels is not None:
        raise DataError(f"labels: got {labels} with the folder {path}, whose labels are found. Leave labels out.")
    pairs = find_idx(path)
    if not pairs:
        raise DataNotFoundError(
            f"{path}: holds no train-images-idx3-ubyte or t10k-images-idx3-ubyte, plain or .gz. Type the names: "
            "af.from_idx(images, labels)."
        )
    wanted = choose_part(part, pairs, path)
    return as_parts({name: _data(pair.images, pair.labels, classes) for name, pair in pairs.items()})[wanted]


class Pair(NamedTuple):
    """The two files of a part."""

    images: Path
    labels: Path


def find_idx(folder: Path) -> dict[str, Pair]:
    """{"train": files, "test": files} of the IDX files in a folder, those that exist; a plain file before its .gz.

    Raises DataError (more than one data set), DataNotFoundError (images without their labels).
    """
    found: dict[str, Path] = {}
    sets: dict[str | None, Path] = {}
    for path in sorted(folder.iterdir()):  # a plain file sorts before its .gz
        match = _NAME.fullmatch(path.name)
        if match is None or not path.is_file():
            continue
        part = _PARTS[match["part"]]
        sets.setdefault(match["set"], path)
        if part not in found:
            found[part] = path
        elif found[part].name != path.name.removesuffix(".gz"):
            raise DataError(
                f"{folder}: {found[part].name} and {path.name} are both {part} images. Type the names: "
                "af.from_idx(images, labels)."
            )
    if len(sets) > 1:
        one, other = list(sets.values())[:2]
        raise DataError(
            f"{folder}: {one.name} and {other.name} are of different data sets. Put one set into a folder, or type the "
            "names: af.from_idx(images, labels)."
        )
    return {part: Pair(found[part], _labels_of(found[part])) for part in ("train", "test") if part in found}


def _labels_of(images: Path) -> Path:
    plain = re.sub(r"images([-.])idx\d", r"labels\1idx1", images.name).removesuffix(".gz")
    for name in (plain, plain + ".gz"):
        if (images.parent / name).is_file():
            return images.parent / name
    raise DataNotFoundError(f"{images}: found no labels for it, wanted {plain} or {plain}.gz beside it.")


def _data(images: Path, labels: Path | None, classes: Sequence[str] | None) -> DataSet:
    pixels = read_idx(images)
    if pixels.ndim not in (3, 4):
        wanted = "images (n, h, w)" + (". It looks like labels: swap the two files" if pixels.ndim == 1 else "")
        raise DataError(f"{images}: got an array of shape {pixels.shape}, wanted {wanted}.")
    numbers = None if labels is None else read_idx(labels)
    if numbers is not None:
        if numbers.ndim != 1 or numbers.dtype.kind not in "iu":
            raise DataError(f"{labels}: got {numbers.dtype} of shape {numbers.shape}, wanted whole numbers (n,).")
        if len(numbers) != len(pixels):
            raise DataError(f"{labels}: got {len(numbers)} labels for the {len(pixels)} images of {images}.")
    try:
        return from_arrays(pixels, numbers, classes=classes)
    except AugfuseError as error:
        if pixels.dtype == np.uint8:
            raise type(error)(f"{images}: {error}") from None
        # from_idx has no option that would mend other pixels.
        raise type(error)(
            f"{images}: {str(error).rstrip('.')}. To do so: from augfuse.data.sources.idx import read_idx; "
            f"x = read_idx({shown(str(images))}); and af.from_arrays(x, y) in place of af.from_idx."
        ) from None


def read_idx(path: str | os.PathLike[str]) -> np.ndarray:
    """The array in an IDX file, in native byte order. Raises DataNotFoundError, DataError."""
    path = Path(path)
    if path.exists() and not path.is_file():
        raise DataError(f"{path}: is not a regular file, wanted an IDX file.")
    try:
        size = path.stat().st_size
        with path.open("rb") as raw:
            packed = raw.read(2) == _GZIP_MAGIC
            raw.seek(0)
            if not packed:
                return _read(raw, path, size)
            with gzip.open(raw) as file:
                return _read(file, path, size * MAX_DEFLATE_RATIO)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DataError(f"{path}: the gzip file is cut or damaged ({error}).") from None
    except FileNotFoundError:
        known = [entry.name for entry in path.parent.iterdir()] if path.parent.is_dir() else []
        raise DataNotFoundError(f"{path}: no such file.{did_you_mean(path.name, known)}") from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}).") from error


class _Readable(Protocol):
    """A binary file, packed or not."""

    def read(self, size: int, /) -> bytes: ...

    def readinto(self, buffer: memoryview, /) -> int: ...


def _read(file: _Readable, path: Path, most: int) -> np.ndarray:
    """most: no file of this size can hold more bytes; what claims to is refused before memory is taken for it."""
    magic = file.read(4)
    if len(magic) < 4 or magic[:2] != b"\0\0" or magic[2] not in _DTYPES or magic[3] == 0:
        raise DataError(
            f"{path}: not an IDX file: it begins with {magic.hex(' ') or 'nothing'}, wanted 00 00, a dtype 08..0e and "
            "the number of dimensions."
        )
    if magic[3] > _MOST_DIMENSIONS:
        raise DataError(f"{path}: the header says {magic[3]} dimensions, wanted 1 for labels, 3 or 4 for images.")
    header = file.read(4 * magic[3])
    if len(header) < 4 * magic[3]:
        raise DataError(f"{path}: cut inside its header, after {4 + len(header)} bytes.")
    shape = struct.unpack(f">{magic[3]}I", header)
    dtype = np.dtype(_DTYPES[magic[2]])
    wanted = int(np.prod([int(n) for n in shape], dtype=object)) * dtype.itemsize
    if wanted > most:
        raise DataError(f"{path}: the header says {shape} {dtype.name}, {wanted:,} bytes: more than the file can hold.")
    if not wanted:
        raise DataError(
            f"{path}: holds nothing: the header says {shape} {dtype.name}, wanted at least one image or label."
        )
    require_memory(wanted, str(path))
    try:
        values = np.empty(wanted, np.uint8)
    except MemoryError:
        raise DataError(f"{path}: {wanted:,} bytes do not fit into memory.") from None
    view, read = memoryview(values.data), 0
    while read < wanted and (n := file.readinto(view[read:])):
        read += n
    if read < wanted:
        raise DataError(f"{path}: cut short: the header says {shape} {dtype.name}, {wanted:,} bytes; got {read:,}.")
    if file.read(1):
        raise DataError(f"{path}: goes on after the {wanted:,} bytes that its header says, {shape} {dtype.name}.")
    return values.view(dtype).reshape(shape).astype(dtype.newbyteorder("="), copy=False)
