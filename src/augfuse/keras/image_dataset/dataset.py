"""`ImageDataset`: what `image_dataset_from_directory` returns."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, NoReturn, final

import numpy as np

from augfuse.algebra.ranges import whole
from augfuse.batch import Batch
from augfuse.data.batches.loader import Loader
from augfuse.errors import ReadOnlyError
from augfuse.keras.checks import value_range
from augfuse.keras.image_dataset.sized_files import PlainBatch, PlainBatches
from augfuse.keras.protocol import Batches
from augfuse.keras.sequence import LoaderDataset
from augfuse.text import shown

# What tf.data has, and what to do here instead.
_OF_TENSORFLOW: Mapping[str, str] = {
    "batch": "Pass batch_size= to image_dataset_from_directory.",
    "unbatch": "Pass batch_size=None to image_dataset_from_directory.",
    "cache": "Leave it out: files are read anew in each epoch, by threads, while the model trains.",
    "prefetch": "Leave it out: batches are prefetched by threads.",
    "shuffle": "Pass shuffle=True to image_dataset_from_directory: all files are shuffled, anew in each epoch.",
    "repeat": "Leave it out: model.fit(dataset, epochs=n) goes through it n times.",
    "map": "Pass recipe=af.Recipe([...]) to image_dataset_from_directory, or loop: "
    "((f(images), labels) for images, labels in dataset).",
    "filter": "Loop over the batches, or give the files that are wanted their own folder.",
    "with_options": "Leave it out: there are no options.",
    "element_spec": "Look at a batch: next(iter(dataset)).",
    "shard": "Use af.Loader(af.from_directory(path), recipe, shard=(rank, world)).to_keras().",
}


@final
class Form(NamedTuple):
    """What an `ImageDataset` hands out. label_mode: as of `image_dataset_from_directory`. batched: or sample by sample.
    plain: the batches of a loader whose recipe does nothing."""

    class_names: list[str] | None
    file_paths: list[str]
    label_mode: str | None
    batched: bool
    plain: PlainBatches | None


@final
class ImageDataset(LoaderDataset):
    """Batches `(images, labels)` of the files of a folder, or `images` alone, as float32 arrays; `fit`, `evaluate` and
    `predict` of a Keras model take it, whatever its backend.

    A loop serves all batches once; the next loop, and each epoch of `fit`, is the next epoch, in another order where
    the files are shuffled. `dataset[i]` is batch i of the current epoch, `len(dataset)` how many there are. With
    batch_size=None these are single samples, which `fit` does not take.

    Args:
        loader: the `af.Loader` that reads and augments the files.
        form: which of images and labels a batch has, and in which dtypes.
        start, stop: the first batch, and the one after the last; None for the end of the epoch.

    Attributes:
        class_names: of label 0, 1, ...; None without labels.
        file_paths: the files in the order that `shuffle` changes in each epoch.
    """

    def __init__(self, loader: Loader, form: Form, start: int = 0, stop: int | None = None) -> None:
        self._form = form
        self._start = min(start, len(loader))
        self._stop = len(loader) if stop is None else min(stop, len(loader))
        value_range.declare(loader, 0.0, 255.0)
        LoaderDataset.__init__(self, loader)

    @property
    def class_names(self) -> list[str] | None:
        """The names of the classes, label k is class_names[k]; None without labels."""
        return self._form.class_names

    @property
    def file_paths(self) -> list[str]:
        """All files, in the order of the first listing."""
        return self._form.file_paths

    def __len__(self) -> int:
        """Batches in one epoch."""
        return self._stop - self._start

    def __iter__(self) -> Generator[Any, None, None]:
        """The batches of the next epoch."""
        return self._loop(self._feed.advance())

    def take(self, count: int) -> ImageDataset:
        """The first `count` batches of each epoch; -1 for all."""
        count = whole("take: count", count, -1)
        return self._part(self._start, self._stop if count < 0 else min(self._stop, self._start + count))

    def skip(self, count: int) -> ImageDataset:
        """All but the first `count` batches of each epoch; -1 for none."""
        count = whole("skip: count", count, -1)
        return self._part(self._stop if count < 0 else min(self._stop, self._start + count), self._stop)

    def cardinality(self) -> int:
        """`len(dataset)`."""
        return len(self)

    def as_numpy_iterator(self) -> Iterator[Any]:
        """`iter(dataset)`: batches are NumPy arrays."""
        return iter(self)

    def __getattr__(self, name: str) -> NoReturn:
        instead = _OF_TENSORFLOW.get(name)
        if instead is not None:
            raise ReadOnlyError(f"{name}: this is not a tf.data.Dataset, and has no such method. {instead}")
        raise AttributeError(f"'ImageDataset' object has no attribute {shown(name)}")

    def other_labels(self) -> str:
        """What to type for labels of the other kind."""
        return 'label_mode="int"' if self._loader.label_kind == "one-hot" else 'label_mode="categorical"'

    def in_order(self) -> str:
        """What to type for samples as they are, in the order of their names."""
        return "image_dataset_from_directory(..., shuffle=False), without a recipe that draws"

    def _batches(self) -> Batches:
        return _Some(self._form.plain or self._loader, self._start, self._stop)

    def _arrays(self, batch: Batch | PlainBatch) -> Any:
        images = {name: view.images for name, view in batch.views.items()} if batch.views else batch.images
        labels = None if batch.labels is None else _in_form(batch.labels, self._form.label_mode)
        if not self._form.batched:
            images = {name: one[0] for name, one in images.items()} if isinstance(images, dict) else images[0]
            labels = None if labels is None else labels[0]
        return images if labels is None else (images, labels)

    def _part(self, start: int, stop: int) -> ImageDataset:
        return ImageDataset(self._loader, self._form, start, stop)

    def __getstate__(self) -> Any:
        return self._loader, self._form, self._start, self._stop, self._feed.position()

    def __setstate__(self, state: Any) -> None:
        ImageDataset.__init__(self, *state[:-1])
        self._feed.restore(state[-1])


def _in_form(labels: np.ndarray, label_mode: str | None) -> np.ndarray | None:
    """The labels of a batch; None where images come alone."""
    if label_mode is None or label_mode == "categorical":
        return None if label_mode is None else labels
    if label_mode == "binary":
        return labels.astype(np.float32).reshape(len(labels), 1)
    return labels.astype(np.int32 if labels.dtype.kind == "i" else np.float32)


@final
class _Some:
    """Batches start..stop - 1 of each epoch."""

    def __init__(self, batches: Loader | PlainBatches, start: int, stop: int) -> None:
        self._batches, self._start, self._stop = batches, start, stop

    def __len__(self) -> int:
        return self._stop - self._start

    def fetch(self, epoch: int, step: int) -> Batch | PlainBatch:
        return self._batches.fetch(epoch, self._start + step)

    def stream(self, epoch: int, steps: Sequence[int]) -> Generator[Batch | PlainBatch, None, None]:
        return self._batches.stream(epoch, [self._start + step for step in steps])
