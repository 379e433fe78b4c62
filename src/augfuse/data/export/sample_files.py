"""The parts of a written sample: its image file, under a unique name, and its targets."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path, PurePath
from typing import Any, NamedTuple

import numpy as np

from augfuse.data.codecs.encode import encoded
from augfuse.data.columns.objects import Size
from augfuse.data.dataset import DataSet
from augfuse.data.decoding.decode import sniff
from augfuse.data.export.copy_files import NOT_IN_NAMES, SUFFIX_OF, repeated
from augfuse.data.export.losses import Losses
from augfuse.data.layouts.names import is_image
from augfuse.errors import DecodeError
from augfuse.threads import mapped

AT_ONCE = 64
_SIDEWAYS = 5  # from this EXIF orientation on width and height change places


class Picture(NamedTuple):
    """raw: its file. stored: the size that the file says; size: of the upright image. targets: what belongs to it, in
    pixels of that."""

    raw: bytes
    format: str
    stored: Size
    size: Size
    channels: int
    targets: Mapping[str, Any]


class Work(NamedTuple):
    """A part that is written. names: of its samples, without an ending. progress: called with the number of samples
    done."""

    part: str | None
    data: DataSet
    names: Sequence[str]
    folder: Path
    losses: Losses
    threads: int
    progress: Callable[[int], None]

    def pictures(self) -> Iterator[tuple[int, str, Picture]]:
        """Each sample: its position, the name of its file, and what is written of it."""
        for positions in blocks(self.data):
            for i, picture in zip(positions.tolist(), pictures(self.data, positions, self.threads), strict=True):
                self.losses.look(picture.targets)
                yield i, f"{self.names[i]}{_ending(self.data, i, picture)}", picture
            self.progress(len(positions))


def pictures(data: DataSet, positions: np.ndarray, threads: int) -> list[Picture]:
    """The samples at these positions: their files as they are, or as PNG for images without a file.

    Raises DecodeError for an image that cannot be read, ImageError for one that no PNG holds.
    """
    if data.store.keeps_files:
        return list(mapped(lambda i: _of_file(data, i), positions.tolist(), threads, "write"))
    found: list[Picture] = []
    for i, sample in zip(positions.tolist(), data.read(positions, threads), strict=True):
        if isinstance(sample, DecodeError):
            raise sample
        raw = encoded(sample.image, "png", f"sample {i}")
        height, width, channels = sample.image.shape
        found.append(Picture(raw, "PNG", Size(height, width), Size(height, width), channels, sample.targets))
    return found


def _of_file(data: DataSet, i: int) -> Picture:
    path = None if data.paths is None else data.paths[i]
    raw = data.raw(i)
    try:
        header = sniff(raw)
        turned = header.orientation >= _SIDEWAYS
        stored = Size(header.height, header.width)
        size = Size(header.width, header.height) if turned else stored
        targets = {name: column.entry(i, size) for name, column in data.table.targets.items()}
    except DecodeError as error:
        raise DecodeError(error.reason, error.path or path) from None
    return Picture(raw, header.format, stored, size, header.channels, targets)


def blocks(data: DataSet) -> Iterator[np.ndarray]:
    """All positions, so many at a time."""
    for start in range(0, len(data), AT_ONCE):
        yield np.arange(start, min(start + AT_ONCE, len(data)))


def stems(parts: Iterable[DataSet]) -> list[list[str]]:
    """A name for each sample of each part, without an ending; no two alike, on systems that ignore case either: that of
    its file, with those of the folders above where several files are called so, or a number."""
    given = [_names(data) for data in parts]
    flat = [name for names in given for name in names]
    width = len(str(max(len(flat) - 1, 0)))
    short = [f"{row:0{width}}" if name is None else _clean(PurePath(name).stem) for row, name in enumerate(flat)]
    shared = repeated(short)
    long = [
        _clean(str(PurePath(name).with_suffix("")).replace(os.sep, "_")) if name and stem.casefold() in shared else stem
        for name, stem in zip(flat, short, strict=True)
    ]
    shared = repeated(long)
    rows = iter(f"{stem}_{row:0{width}}" if stem.casefold() in shared else stem for row, stem in enumerate(long))
    return [[next(rows) for _ in names] for names in given]


def _ending(data: DataSet, i: int, picture: Picture) -> str:
    """That of its file, or the usual one of its format."""
    names = data.store.names
    own = PurePath(names[int(data.rows[i])]).suffix if names is not None and data.store.keeps_files else ""
    return own if own and is_image(f"a{own}") else SUFFIX_OF.get(picture.format, ".img")


def _names(data: DataSet) -> Sequence[str | None]:
    """The file of each sample below the folder that was given; None for an image without a file."""
    paths, root = data.paths, data.root
    if paths is None:
        return [None] * len(data)
    above = f"{root}{os.sep}"
    return [
        (path[len(above) :] if path.startswith(above) else os.path.basename(path)) if is_image(path) else None  # noqa: PTH119
        for path in paths
    ]


def _clean(name: str) -> str:
    return NOT_IN_NAMES.sub("-", name).strip(". ") or "image"
