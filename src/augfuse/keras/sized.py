"""Image files that are brought to one size as they are read, as `image_dataset_from_directory` hands them out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import final

import numpy as np

from augfuse.data.decode import Color, decode, sniff
from augfuse.data.sample import Sample
from augfuse.data.stores.files import FileStore
from augfuse.data.stores.store import Read, read_each
from augfuse.keras.resample import Sizing
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

    def read(self, rows: Sequence[int], threads: int) -> list[Read]:
        return read_each(self._one, rows, threads)

    def _one(self, row: int) -> Sample:
        raw, name = self._store.raw(row), self._store.name(row)
        return Sample(self._sizing.of(_bytes_of(raw, name, self._store.color)), None, name)

    def raw(self, row: int) -> bytes:
        return self._store.raw(row)

    def marks(self, rows: Sequence[int]) -> Iterator[bytes]:
        yield str(self._sizing).encode()
        yield from self._store.marks(rows)


def _bytes_of(raw: bytes, name: str, color: Color | None) -> np.ndarray:
    """Upright pixels on the scale of 0..255: uint8, or float32 of deeper files."""
    pixels = decode(raw, color=color, path=name)
    may_turn = b"Exif" in raw[:_HEAD] or b"eXIf" in raw[:_HEAD]  # to walk the header twice would take as long as to decode
    if may_turn and not was_given("exif-dataset") and sniff(raw).orientation != 1:
        warn_first(
            "exif-dataset", f"{name}: it is turned upright, as its EXIF orientation says; Keras leaves it on its side."
        )
    if pixels.dtype == np.uint16:
        return pixels / np.float32(257)
    return pixels if pixels.dtype == np.uint8 else pixels.clip(0, 255).astype(np.float32)
