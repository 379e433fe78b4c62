"""Samples that an object of the user's hands out one by one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from os import PathLike
from typing import Any, Protocol, final

import numpy as np

from augfuse.algebra.values import is_mapping, is_tuple
from augfuse.data.batches.batch_array import Room
from augfuse.data.sample import Sample
from augfuse.data.stores.store import Read, Store, read_each
from augfuse.errors import DataError, ImageTypeError
from augfuse.execute import advice
from augfuse.text import shown

# What to type where samples bring along what has to move.
COLUMNS = (
    "Boxes, masks and points are columns of the data set: af.from_samples(images).with_targets(boxes=[...], "
    "box_labels=[...], mask=[...])."
)


class Samples(Protocol):
    """Anything with these two methods: `samples[i]` is an image, (image, label), or an `af.Sample`.

    It takes 0 <= i < len(samples), may be called from several threads at once and in any order, and gives the same
    sample for the same i every time.
    """

    def __len__(self) -> int: ...

    def __getitem__(self, index: int, /) -> Any: ...


@final
class SampleStore(Store):
    """What `samples` hands out; labels come with the images."""

    __slots__ = ("_samples",)

    def __init__(self, samples: Samples) -> None:
        self._samples = samples

    def __len__(self) -> int:
        return len(self._samples)

    def __str__(self) -> str:
        return type(self._samples).__name__

    def read(self, rows: Sequence[int], threads: int, room: Room | None = None) -> list[Read]:
        return read_each(self._one, rows, threads)

    def _one(self, row: int) -> Sample:
        found = self._samples[row]
        if isinstance(found, np.ndarray):
            return Sample(found)
        if is_tuple(found) and (isinstance(found, Sample) or len(found) in (1, 2, 3)):
            if not isinstance(found[0], np.ndarray):
                self._refuse(row, found[0])
            return found if isinstance(found, Sample) else self._checked(row, Sample(*found))
        if hint := advice.of_image(found, type(self._samples).__name__):
            self._refuse(row, found, hint)
        raise ImageTypeError(f"sample {row}: got {type(found).__name__}, wanted (image, label) or an af.Sample.")

    def _refuse(self, row: int, image: Any, hint: str = "") -> None:
        """Images of other libraries. ImageTypeError."""
        hint = hint or advice.of_image(image, type(self._samples).__name__) or advice.of_other(image, "image")
        raise ImageTypeError(f"sample {row}: got {type(image).__name__}, wanted a NumPy array (h, w, c); {hint}")

    def _checked(self, row: int, sample: Sample) -> Sample:
        """A tuple is (image, label) or (image, label, path), and nothing in it moves with the pixels."""
        if is_mapping(sample.label):
            raise ImageTypeError(
                f"sample {row}: got a dict of {shown(list(sample.label))} as label, which would stay where it is while "
                f"the image moves, wanted (image, label). {COLUMNS}"
            )
        path: Any = sample.path
        if not isinstance(path, str | PathLike | None):
            raise ImageTypeError(
                f"sample {row}: got {type(sample.path).__name__} as the third part, wanted (image, label) or (image, "
                "label, path). Weights are given to data.with_sample_weights(weights)."
            )
        return sample

    def raw(self, row: int) -> bytes:
        raise DataError(f"sample {row} comes from {self}, and has no file.")

    def marks(self, rows: Sequence[int]) -> Iterator[bytes]:
        yield f"{self} {len(self)}".encode()
