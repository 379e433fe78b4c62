"""Many small image files read and decoded with little Python for each: what is plain, the rest is left to `decode`.

Reading a file, walking through its header and unpacking a PNG are compiled, and hold no lock of Python; a JPEG is one
call of its decoder, into memory that is there. So small images are read several times as fast as one by one, and
threads do not wait for each other.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator, Sequence
from typing import NamedTuple, final

import numpy as np

from augfuse.data.batches.batch_array import Room
from augfuse.data.codecs.color_modes import CHANNELS_OF, recolor
from augfuse.data.codecs.image_memory import memory
from augfuse.data.decoding import limits

_ARENA = 2**19  # bytes of files that are held at a time
_MOST = _ARENA // 4  # bytes of a file in memory beyond which it is not copied: its decoder takes long enough
_PIXELS = 2**20  # bytes of their pixels


@final
class Few(NamedTuple):
    """Some images in a row. images: of each its pixels (h, w, c), or None where `decode` has to be asked. stack: the
    same as one array (n, h, w, c), where all are there and of one size."""

    images: list[np.ndarray | None]
    stack: np.ndarray | None


@final
class _Scratch(threading.local):
    """Memory of a thread that is used again: fresh memory costs a page fault per 4 KB, much for small files."""

    def __init__(self) -> None:
        self.files = self.pixels = np.empty(0, np.uint8)


_scratch = _Scratch()


@final
class Into(NamedTuple):
    """Where pixels go. passing: to memory of this thread, where they are valid until the next ones are asked for.
    room: of a batch, for images that have its size, from its image `first` on."""

    passing: bool = False
    room: Room | None = None
    first: int = 0


ANYWHERE = Into()


def plain_files(names: Sequence[str], color: str | None, into: Into = ANYWHERE) -> Iterator[Few]:
    """The pixels of image files in order, some at a time, as `decode` gives them.

    color: as for `decode`. A file that is not plain, cannot be read, or is not right in every respect is None. One loop
    at a time in a thread: memory is used again.
    """
    limit = limits.plain_limit()
    rest = list(names)
    if os.name != "posix" or sys.byteorder != "little" or limit is None:
        yield Few([None] * len(rest), None)
        return
    while rest:
        starts, stops = _read(rest)
        yield from _decoded(_arena(), starts, stops, color, limit, into)
        rest = rest[len(starts) :]
        into = into._replace(first=into.first + len(starts))


def plain_images(raws: Sequence[bytes | None], color: str | None, into: Into = ANYWHERE) -> Iterator[Few]:
    """The same of files that are in memory. None is None."""
    limit = limits.plain_limit()
    if limit is None or sys.byteorder != "little":
        yield Few([None] * len(raws), None)
        return
    arena = _arena()
    view, ends = arena.data, [0]
    for raw in raws:
        size = 0 if raw is None or len(raw) > _MOST else len(raw)
        if ends[-1] + size > _ARENA:
            yield from _decoded(arena, np.array(ends[:-1]), np.array(ends[1:]), color, limit, into)
            into = into._replace(first=into.first + len(ends) - 1)
            ends = [0]
        if raw is not None and size:
            view[ends[-1] : ends[-1] + size] = raw
        ends.append(ends[-1] + size)
    yield from _decoded(arena, np.array(ends[:-1]), np.array(ends[1:]), color, limit, into)


def _arena() -> np.ndarray:
    """The memory of this thread for files."""
    if not len(_scratch.files):
        from augfuse.data.codecs.inflate import SLACK

        _scratch.files = np.empty(_ARENA + SLACK, np.uint8)
    return _scratch.files


def _decoded(
    arena: np.ndarray, starts: np.ndarray, stops: np.ndarray, color: str | None, limit: float, into: Into
) -> Iterator[Few]:
    from augfuse.data.codecs.small_jpeg_png import CHANNELS, HEIGHT, JPEG, KIND, OTHER, PNG, WIDTH, look, unpack

    found = look(arena, starts, stops)
    wanted = 0 if color is None else CHANNELS_OF[color]
    area = found[:, HEIGHT] * found[:, WIDTH]
    found[area * np.maximum(found[:, CHANNELS], wanted) > limit, KIND] = OTHER
    if color in ("rgb", "rgba"):  # gray becomes three channels within the decoder
        found[found[:, KIND] == JPEG, CHANNELS] = 3
    sizes = area * found[:, CHANNELS] * (found[:, KIND] != OTHER)
    most = _PIXELS if into.room is None else np.inf
    first = 0
    while first < len(starts):
        ends = np.cumsum(sizes[first:])
        last = first + max(1, int(np.searchsorted(ends, most, "right")))
        part = slice(first, last)
        places = ends[: last - first] - sizes[part]
        room = _room(found[part], wanted, into, first)
        pixels = _memory(int(ends[last - first - 1]), into.passing) if room is None else room.reshape(-1)
        if (found[part, KIND] == PNG).any():
            unpack(arena, starts[part], stops[part], found[part], pixels, places)
        _decode_jpegs(arena, starts[part], stops[part], found[part], pixels, places)
        few = _few(found[part], pixels, places, color)
        if room is not None and into.room is not None and few.stack is not None:
            into.room.fill(into.first + first, into.first + last)
        yield few
        first = last


def _room(found: np.ndarray, wanted: int, into: Into, first: int) -> np.ndarray | None:
    """(n, h, w, c), where the images of `found` go in the room of the batch; None where they do not."""
    shape = _common_shape(found)
    if into.room is None or shape is None or shape[2] != wanted:
        return None
    start = into.first + first
    return into.room.rows(start, start + len(found), shape)


def _common_shape(found: np.ndarray) -> tuple[int, int, int] | None:
    """(h, w, c) of all images; None where they differ, or one is OTHER."""
    from augfuse.data.codecs.small_jpeg_png import CHANNELS, HEIGHT, KIND, OTHER

    shapes = found[:, HEIGHT : CHANNELS + 1]
    alike = (found[:, KIND] != OTHER).all() and (shapes == shapes[0]).all()
    return tuple(shapes[0].tolist()) if alike else None


def _memory(size: int, passing: bool) -> np.ndarray:
    if not passing or size > _PIXELS:
        return memory(size)
    if len(_scratch.pixels) < size:
        _scratch.pixels = np.empty(size, np.uint8)
    return _scratch.pixels[:size]


def _decode_jpegs(
    arena: np.ndarray, starts: np.ndarray, stops: np.ndarray, found: np.ndarray, pixels: np.ndarray, places: np.ndarray
) -> None:
    """Those that the strict decoder objects to become OTHER."""
    from simplejpeg import decode_jpeg

    from augfuse.data.codecs.small_jpeg_png import CHANNELS, HEIGHT, JPEG, KIND, OTHER

    chosen = np.flatnonzero(found[:, KIND] == JPEG)
    raw, out = arena.data, pixels.data
    shapes = found[chosen, HEIGHT : CHANNELS + 1]
    stored = places[chosen] + shapes.prod(1)
    rows = zip(
        chosen.tolist(), starts[chosen].tolist(), stops[chosen].tolist(), places[chosen].tolist(), stored.tolist(),
        map(tuple, shapes.tolist()), strict=True,
    )  # fmt: skip
    for k, start, stop, place, end, shape in rows:
        try:
            target = "RGB" if shape[2] == 3 else "GRAY"
            done = decode_jpeg(raw[start:stop], target, buffer=out[place:end]).shape == shape
        except ValueError:
            done = False
        if not done:
            found[k, KIND] = OTHER


def _few(found: np.ndarray, pixels: np.ndarray, places: np.ndarray, color: str | None) -> Few:
    from augfuse.data.codecs.small_jpeg_png import CHANNELS, HEIGHT, KIND, OTHER

    common = _common_shape(found)
    if common is not None and (color is None or common[2] == CHANNELS_OF[color]):
        stack = pixels.reshape(len(found), *common)
        return Few(list(stack), stack)
    images: list[np.ndarray | None] = []
    shapes = found[:, HEIGHT : CHANNELS + 1].tolist()
    for kind, place, shape in zip(found[:, KIND].tolist(), places.tolist(), shapes, strict=True):
        if kind == OTHER:
            images.append(None)
        else:
            size = shape[0] * shape[1] * shape[2]
            images.append(recolor(pixels[place : place + size].reshape(shape), color))
    return Few(images, None)


def _read(names: list[str]) -> tuple[np.ndarray, np.ndarray]:
    """Read the first of these files into the memory of this thread: where each of them begins and ends there."""
    from augfuse.data.decoding.c_library import read_files

    joined = b"\0".join(map(os.fsencode, names)) + b"\0"
    starts, stops = np.zeros((2, len(names)), np.int64)
    count = len(names)
    if joined.count(b"\0") == count:
        flags = os.O_RDONLY | os.O_CLOEXEC
        count = read_files(np.frombuffer(joined, np.uint8), flags, _arena(), _ARENA, starts, stops)
    return starts[:count], stops[:count]
