"""The images of a batch out of a source: rows of its array, or samples decoded one by one."""

from __future__ import annotations

import os
import threading
import warnings
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Literal, NamedTuple, final

import numpy as np

from augfuse.data.arrays import ArraySource
from augfuse.data.labels import stacked
from augfuse.data.sample import Sample
from augfuse.data.source import Source
from augfuse.errors import AugfuseWarning, DataError, DecodeError, ImageError, ImageTypeError, RangeError
from augfuse.execute.images import Images, as_image, check_value, check_values
from augfuse.plan.plan import value_range
from augfuse.recipe import Recipe
from augfuse.text import shown


def as_source(data: Any) -> Source:
    """Check that `data` is a source with samples."""
    if isinstance(data, np.ndarray):
        raise ImageTypeError("data: got an array, wanted a source. Use af.from_arrays(x, y).")
    if isinstance(data, (str, os.PathLike)):
        raise ImageTypeError(
            f"data: got the path {data!s}, wanted a source. Use af.from_directory({shown(str(data))})."
        )
    if not hasattr(data, "__len__") or not hasattr(data, "__getitem__"):
        raise ImageTypeError(
            f"data: got {type(data).__name__}, wanted a source with __len__ and __getitem__. Use af.from_arrays(x, y)."
        )
    if len(data) == 0:
        raise DataError("data: got a source without samples.")
    return data


def one_hot_labels(data: Source) -> int:
    """The number of classes, for a source whose labels are class ids."""
    labels = getattr(data, "labels", None)
    if labels is None:
        raise DataError("one_hot: got no labels, wanted one class id per sample. Leave one_hot out.")
    labels = np.asarray(labels)
    if labels.ndim != 1 or labels.dtype.kind not in "iu":
        if labels.shape[1:] == (1,):
            hint = "Give the source y.ravel()."
        elif label_kind(labels) == "one-hot":
            hint = "They are one-hot already: leave one_hot out."
        elif labels.ndim == 1 and labels.dtype.kind == "f" and (labels == np.floor(labels)).all():
            hint = "Give the source y.astype(np.int64)."
        else:
            hint = "Leave one_hot out."
        raise DataError(
            f"one_hot: got {labels.dtype.name} labels of shape {labels.shape}, wanted one class id per sample. {hint}"
        )
    classes = getattr(data, "classes", None)
    if labels.min() < 0:
        raise DataError(
            f"one_hot: got labels {labels.min()}..{labels.max()}, wanted class ids from 0 on; "
            f"{(labels < 0).sum()} are below 0. Number the classes anew: y = np.unique(y, return_inverse=True)[1]."
        )
    count = len(classes) if classes is not None else int(labels.max()) + 1
    if labels.max() >= count:
        raise DataError(f"one_hot: got labels up to {labels.max()} for {count} classes, wanted 0..{count - 1}.")
    return count


def label_kind(labels: Any) -> Literal["one-hot", "class numbers"] | None:
    """What labels are: (n, k) whose rows sum to 1, or one number per sample as (n,) or (n, 1); None for others."""
    array = None if labels is None else np.asarray(labels)
    if array is None or array.dtype.kind not in "buif" or not array.size:
        return None
    if array.ndim == 2 and array.shape[1] > 1:
        return "one-hot" if (array.sum(axis=1) == 1).all() else None
    return "class numbers" if array.shape[:1] == (array.size,) else None


@final
class Read(NamedTuple):
    """Samples as they were read: their positions (n,), images, labels and files; None for what they do not have."""

    indices: np.ndarray
    images: Images
    labels: Any
    paths: tuple[str, ...] | None


@final
class Reader:
    """Reads the samples of a batch; keeps count of those that could not be decoded."""

    def __init__(self, data: Source, on_error: str, max_skipped: float, recipe: Recipe) -> None:
        if on_error not in ("raise", "skip"):
            raise RangeError(f"on_error: got {shown(on_error)}, wanted 'raise' or 'skip'.")
        number = isinstance(max_skipped, (int, float, np.number)) and not isinstance(max_skipped, bool)
        if not number or not 0 <= max_skipped <= 1:
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
        """Forget a lock that a thread of another process may hold."""
        self._lock = threading.Lock()

    def read(self, indices: np.ndarray, threads: int) -> Read:
        """The samples at these positions, those that were skipped left out."""
        data = self._data
        if isinstance(data, ArraySource):
            labels = None if data.labels is None else data.labels[indices]
            images = Images(stack=data.images, rows=data.rows[indices])
            if images.dtype.kind == "f":  # checked once by from_arrays; the array may have been written to since
                check_values(images, *value_range(images.dtype, self._range), "sample {}", indices)
            return Read(indices, images, labels, None)
        samples = self._samples(indices.tolist(), threads)
        kept = [(int(i), s) for i, s in zip(indices, samples, strict=True) if s is not None]
        if not kept:
            raise DataError(
                f"every image of this batch was skipped, the first one because: {self.skipped[int(indices[0])]}"
            )
        items = [self._checked(i, s) for i, s in kept]
        self._check_alike(items, kept)
        unlabelled = kept[0][1].label is None
        labels = None if unlabelled else stacked([s.label for _, s in kept], [i for i, _ in kept])
        paths = None if kept[0][1].path is None else tuple(str(s.path) for _, s in kept)
        return Read(np.array([i for i, _ in kept], np.int64), Images(items=items), labels, paths)

    def checked(self, index: int) -> Sample | None:
        """One sample, its image checked; None where it was skipped."""
        sample = self._sample(index)
        return None if sample is None else sample._replace(image=self._checked(index, sample))

    def _samples(self, indices: Sequence[int], threads: int) -> list[Sample | None]:
        if threads == 1 or len(indices) == 1:
            return [self._sample(i) for i in indices]
        with ThreadPoolExecutor(threads, thread_name_prefix="augfuse-decode") as pool:
            return list(pool.map(self._sample, indices))

    def _sample(self, index: int) -> Sample | None:
        if self._skips and index in self.skipped:
            return None
        try:
            sample = self._data[index]
        except DecodeError as error:
            if not self._skips:
                raise
            self._skip(index, error)
            return None
        return sample if isinstance(sample, Sample) else _as_sample(sample, index)

    def _skip(self, index: int, error: DecodeError) -> None:
        with self._lock:
            self.skipped[index] = str(error)
            count = len(self.skipped)
        if count > self._limit * len(self._data):
            first = "; ".join(list(self.skipped.values())[:3])
            raise DataError(
                f"{count} of {len(self._data)} images cannot be read, more than max_skipped={self._limit:g} "
                f"allows: {first}. "
                f"Mend the files, or raise max_skipped."
            ) from error

    def report(self) -> None:
        """Warn once about each new lot of files that were left out."""
        if len(self.skipped) > self._reported:
            self._reported = len(self.skipped)
            first = next(iter(self.skipped.values()))
            warnings.warn(
                f"{self._reported} of {len(self._data)} images left out, the first: {first}",
                AugfuseWarning,
                stacklevel=4,
            )

    def _checked(self, index: int, sample: Sample) -> np.ndarray:
        name = _name(index, sample)
        image = as_image(sample.image, name)
        if image.dtype.kind == "f":
            check_value(image, *value_range(image.dtype, self._range), name)
        return image

    def _check_alike(self, items: list[np.ndarray], kept: list[tuple[int, Sample]]) -> None:
        first = items[0]
        for item, (index, sample) in zip(items, kept, strict=True):
            if item.dtype != first.dtype or item.shape[2] != first.shape[2]:
                raise ImageError(
                    f"{_name(index, sample)}: got {item.dtype.name} with {item.shape[2]} channel(s), "
                    f"wanted {first.dtype.name} with "
                    f"{first.shape[2]} like {_name(*kept[0])}. Give the source a color ('rgb', 'grayscale')."
                )


def _name(index: int, sample: Sample) -> str:
    return f"sample {index}" if sample.path is None else f"sample {index} ({sample.path})"


def _as_sample(sample: Any, index: int) -> Sample:
    """What other sources hand out: an image, or (image, label)."""
    if isinstance(sample, np.ndarray):
        return Sample(sample)
    if isinstance(sample, tuple) and len(sample) in (1, 2, 3):
        return Sample(*sample)
    raise ImageTypeError(f"sample {index}: got {type(sample).__name__}, wanted (image, label) or an af.Sample.")
