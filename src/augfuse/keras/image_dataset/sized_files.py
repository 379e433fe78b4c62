"""Image files that are brought to one size as they are read, as `image_dataset_from_directory` hands them out."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, final

import numpy as np

from augfuse.data.batches.batch_array import Room
from augfuse.data.batches.loader import Loader
from augfuse.data.batches.prefetch import compute_ahead
from augfuse.data.decoding.decode import Color, decode, sniff
from augfuse.data.decoding.decode_many import Into, plain_files
from augfuse.data.sample import Sample
from augfuse.data.stores.image_files import FileStore
from augfuse.data.stores.store import Read, read_each
from augfuse.keras.checks.reading import CHANNELS
from augfuse.keras.image_dataset.resize import Sizing
from augfuse.threads import share
from augfuse.warn_once import warn_first, was_given

_HEAD = 4096  # bytes of a file in which EXIF data begin


@final
class SizedFiles:
    """The files of a store, each brought to one size and to float32 0..255."""

    stack = None
    folder = None
    keeps_files = False

    def __init__(self, store: FileStore, sizing: Sizing) -> None:
        self._store = store
        self._sizing = sizing

    @property
    def names(self) -> Sequence[str] | None:
        return self._store.names

    @property
    def roots(self) -> tuple[str, ...]:
        return self._store.roots

    def __len__(self) -> int:
        return len(self._store)

    def __str__(self) -> str:
        return str(self._store)

    def read(self, rows: Sequence[int], threads: int, room: Room | None = None) -> list[Read]:
        return read_each(self._one, rows, threads)

    def _one(self, row: int) -> Sample:
        pixels = self._pixels(row)
        out = np.empty((*self._sizing.size, pixels.shape[2]), np.float32)
        self._sizing.all_into(pixels[None], out[None], False)
        return Sample(out, None, self._store.name(row))

    def read_into(self, rows: Sequence[int], out: np.ndarray, planar: bool, threads: int) -> None:
        """The images of these rows into `out`, (n, h, w, c) or planar (n, c, h, w), float32. DecodeError."""

        def some(start: int, stop: int) -> None:
            names = [self._store.name(row) for row in rows[start:stop]]
            first = start
            for few in plain_files(names, self._store.color, Into(passing=True)):
                last = first + len(few.images)
                if few.stack is not None:
                    self._sizing.all_into(few.stack, out[first:last], planar)
                else:
                    for place, found in enumerate(few.images, first):
                        pixels = self._pixels(rows[place]) if found is None else found
                        self._sizing.all_into(pixels[None], out[place : place + 1], planar)
                first = last

        share(some, len(rows), threads)

    def _pixels(self, row: int) -> np.ndarray:
        return _bytes_of(self._store.raw(row), self._store.name(row), self._store.color)

    @property
    def shape(self) -> tuple[int, int, int]:
        """(h, w, c) of each image."""
        assert self._store.color is not None
        return (*self._sizing.size, CHANNELS[self._store.color])

    def raw(self, row: int) -> bytes:
        return self._store.raw(row)

    def marks(self, rows: Sequence[int]) -> Iterator[bytes]:
        yield str(self._sizing).encode()
        yield from self._store.marks(rows)


def _bytes_of(raw: bytes, name: str, color: Color | None) -> np.ndarray:
    """Upright pixels on the scale of 0..255: uint8, or float32 of deeper files."""
    pixels = decode(raw, color=color, path=name)
    may_turn = (
        b"Exif" in raw[:_HEAD] or b"eXIf" in raw[:_HEAD]
    )  # to walk the header twice would take as long as to decode
    if may_turn and not was_given("exif-dataset") and sniff(raw).orientation != 1:
        warn_first(
            "exif-dataset", f"{name}: it is turned upright, as its EXIF orientation says; Keras leaves it on its side."
        )
    if pixels.dtype == np.uint16:
        return pixels / np.float32(257)
    return pixels if pixels.dtype == np.uint8 else pixels.clip(0, 255).astype(np.float32)


@final
class PlainBatch(NamedTuple):
    """What a data set without a recipe serves."""

    images: np.ndarray
    labels: np.ndarray | None
    views: Mapping[str, Any] = {}


@final
class PlainBatches:
    """The batches of a loader over a store of this kind, whose recipe does nothing: in its order, with its labels and
    its threads, but read where they are handed out, without a copy."""

    def __init__(self, loader: Loader, store: SizedFiles, planar: bool) -> None:
        self._loader, self._store, self._planar = loader, store, planar

    def __len__(self) -> int:
        return len(self._loader)

    def fetch(self, epoch: int, step: int) -> PlainBatch:
        self._loader._settle()
        return self._fetch(epoch, step, max(1, self._loader.workers))

    def stream(self, epoch: int, steps: Sequence[int]) -> Generator[PlainBatch, None, None]:
        self._loader._settle()
        yield from compute_ahead(lambda step, n: self._fetch(epoch, step, n), steps, len(self), self._loader.workers)

    def _fetch(self, epoch: int, step: int, threads: int) -> PlainBatch:
        rows = self._loader._order.batch(epoch, step)
        height, width, channels = self._store.shape
        shape = (channels, height, width) if self._planar else (height, width, channels)
        out = self._loader._ring.take((len(rows), *shape), np.dtype(np.float32))
        self._store.read_into(rows.tolist(), out, self._planar, threads)
        labels = self._loader.data.labels
        labels = None if labels is None else labels[rows]
        if labels is not None and self._loader._classes is not None:
            labels = np.eye(self._loader._classes, dtype=np.float32)[labels]
        return PlainBatch(out, labels)
