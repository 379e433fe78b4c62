"""Read the images of a batch from a data set: rows of an array, or decoded files."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any, NamedTuple, final

import numpy as np

from augfuse.algebra.values import is_number
from augfuse.data.batches.batch_array import Room
from augfuse.data.columns.labels import stacked
from augfuse.data.columns.objects import Size
from augfuse.data.readable import Readable
from augfuse.data.sample import Sample
from augfuse.data.stores.samples import COLUMNS
from augfuse.errors import DataError, DecodeError, ImageError, RangeError
from augfuse.execute.advice import OF_ARRAYS, OF_RECIPE, OF_SAMPLES
from augfuse.execute.batch_images import Images, as_image, check_value, check_values
from augfuse.plan.settings import value_range
from augfuse.recipe import Recipe
from augfuse.text import shown
from augfuse.warn_once import warn


@final
class Read(NamedTuple):
    """Samples of a batch: places among those that were requested (n,), images, labels and files; None for what they do
    not have. targets: by name, an entry for each. names: for messages."""

    places: np.ndarray
    images: Images
    labels: Any
    paths: tuple[str, ...] | None
    targets: dict[str, list[Any]]
    names: list[str]


@final
class Reader:
    """Reads the samples of a batch; keeps count of those that could not be decoded."""

    def __init__(self, data: Readable, on_error: str, max_skipped: float, recipe: Recipe) -> None:
        if on_error not in ("raise", "skip"):
            raise RangeError(f"on_error: got {shown(on_error)}, wanted 'raise' or 'skip'.")
        if not is_number(max_skipped) or not 0 <= max_skipped <= 1:
            raise RangeError(f"max_skipped: got {shown(max_skipped)}, wanted a fraction 0..1 of the samples.")
        self._data = data
        self._skips = on_error == "skip"
        self._limit = max_skipped
        self._range = recipe.value_range
        self._lock = threading.Lock()
        self.skipped: dict[int, str] = {}
        self._reported = 0

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "_lock"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state, _lock=threading.Lock())

    def unlock(self) -> None:
        """Replace the lock in a forked child, where the parent's may stay locked."""
        self._lock = threading.Lock()

    def read(self, indices: np.ndarray, threads: int, none_is_fine: bool = False, room: Room | None = None) -> Read:
        """The samples at these positions, without those that were skipped. Raises DataError if none is left, unless
        that is allowed. room: memory that their images may be decoded into; it is their stack then."""
        data, stack = self._data, self._data.images
        if stack is not None:
            labels = None if data.labels is None else data.labels[indices]
            images = Images(stack=stack, rows=data.rows[indices])
            if images.dtype.kind == "f":  # checked once by from_arrays; the array may have been written to since
                limits = value_range(images.dtype, self._range)
                check_values(images, *limits, "sample {}", indices, OF_ARRAYS)
            return Read(np.arange(len(indices)), images, labels, None, *self._targets_of(indices, stack))
        samples = self._samples(indices, threads, None if self.skipped else room)
        kept = [(place, int(indices[place]), s) for place, s in enumerate(samples) if s is not None]
        if not kept and none_is_fine:
            return Read(np.empty(0, np.int64), Images(items=[]), None, None, {}, [])
        if not kept:
            raise DataError(
                f"every image of this batch was skipped, the first one because: {self.skipped[int(indices[0])]}"
            )
        numbered = [(i, s) for _, i, s in kept]
        places = np.array([place for place, _, _ in kept], np.int64)
        if room is not None and room.stack is not None:  # whole images of bytes, all of one size
            images = Images(stack=room.stack, rows=places)
        else:
            images = Images(items=[self._checked(i, s) for i, s in numbered])
            self._check_alike(images.items, numbered)
        unlabelled = numbered[0][1].label is None
        labels = None if unlabelled else stacked([s.label for _, s in numbered], [i for i, _ in numbered])
        paths = None if numbered[0][1].path is None else tuple(str(s.path) for _, s in numbered)
        targets = {name: [s.targets[name] for _, s in numbered] for name in data.table.targets}
        names = [_name(i, s) for i, s in numbered] if targets else []
        if not targets:
            self._check_no_targets(numbered)
        return Read(places, images, labels, paths, targets, names)

    @staticmethod
    def _check_no_targets(numbered: Sequence[tuple[int, Sample]]) -> None:
        """Samples of the user's own may bring targets that no column knows of."""
        for i, sample in numbered:
            if sample.targets:
                raise DataError(
                    f"sample {i}: got an af.Sample with {', '.join(sample.targets)}, which a loader would not move. "
                    f"{COLUMNS}"
                )

    def _targets_of(self, indices: np.ndarray, stack: np.ndarray) -> tuple[dict[str, list[Any]], list[str]]:
        """The targets of the images of an array."""
        columns, size = self._data.table.targets, Size(*stack.shape[1:3])
        targets = {name: [column.entry(i, size) for i in indices.tolist()] for name, column in columns.items()}
        return targets, [f"sample {i}" for i in indices.tolist()] if targets else []

    def samples(self, indices: np.ndarray, threads: int) -> list[Sample | None]:
        """Samples one by one, their images checked; None for those that were skipped."""
        found = self._samples(indices, threads)
        return [
            None if sample is None else sample._replace(image=self._checked(i, sample))
            for i, sample in zip(indices.tolist(), found, strict=True)
        ]

    def _samples(self, indices: np.ndarray, threads: int, room: Room | None = None) -> list[Sample | None]:
        wanted = indices
        if self._skips and self.skipped:
            wanted = indices[[i not in self.skipped for i in indices.tolist()]]
        found: dict[int, Sample] = {}
        for i, read in zip(wanted.tolist(), self._data.read(wanted, threads, room) if len(wanted) else [], strict=True):
            if not isinstance(read, DecodeError):
                found[i] = read
            elif self._skips:
                self._skip(i, read)
            else:
                raise read
        return [found.get(i) for i in indices.tolist()]

    def _skip(self, index: int, error: DecodeError) -> None:
        with self._lock:
            self.skipped[index] = str(error)
            count = len(self.skipped)
        if count > self._limit * len(self._data):
            first = "; ".join(list(self.skipped.values())[:3])
            raise DataError(
                f"{count} of {len(self._data)} images cannot be read, more than max_skipped={self._limit:g} "
                f"allows: {first}. Mend the files, or raise max_skipped."
            ) from error

    def report(self) -> None:
        """Warn once about each new set of files that were left out."""
        if len(self.skipped) > self._reported:
            self._reported = len(self.skipped)
            first = next(iter(self.skipped.values()))
            warn(f"{self._reported} of {len(self._data)} images left out, the first: {first}")

    def _checked(self, index: int, sample: Sample) -> np.ndarray:
        name = _name(index, sample)
        image = as_image(sample.image, name)
        if image.dtype.kind == "f":
            declared = OF_RECIPE if self._data.value_range is None else OF_SAMPLES
            check_value(image, *value_range(image.dtype, self._range), name, declared)
        return image

    def _check_alike(self, items: Sequence[np.ndarray], kept: list[tuple[int, Sample]]) -> None:
        first = items[0]
        for item, (index, sample) in zip(items, kept, strict=True):
            if item.dtype != first.dtype or item.shape[2] != first.shape[2]:
                raise ImageError(
                    f"{_name(index, sample)}: got {item.dtype.name} with {item.shape[2]} channel(s), wanted "
                    f"{first.dtype.name} with {first.shape[2]} like {_name(*kept[0])}. Give the source a color ('rgb', "
                    "'grayscale')."
                )


def _name(index: int, sample: Sample) -> str:
    return f"sample {index}" if sample.path is None else f"sample {index} ({sample.path})"
