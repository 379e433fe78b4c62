"""Feed a Keras model from a `Loader`: what `loader.to_keras()` returns.

This module imports Keras, so it is itself imported only when `to_keras()` is called.
"""

from __future__ import annotations

import contextlib
import operator
import sys
from collections.abc import Generator
from typing import Any

import keras
import numpy as np

from augfuse.batch import Batch
from augfuse.data.batches.loader import Loader
from augfuse.errors import DataError, RangeError, did_you_mean
from augfuse.keras.checks import on_pass, rules, value_range
from augfuse.keras.checks.edge import checked
from augfuse.keras.protocol import PREDICT, Batches, Feed
from augfuse.text import shown
from augfuse.transforms.children import leaves

_LOADER_OF_ARRAYS = (
    "Give them the recipe of training: "
    "validation_data=af.Loader(af.from_arrays(x_test, y_test), recipe, training=False).to_keras()"
)


class LoaderDataset(keras.utils.PyDataset):
    """The batches of a `Loader`, for `fit`, `evaluate` and `predict` of a Keras model.

    `dataset[i]` is `(images, labels)`, `(images, labels, sample_weights)` where the data set has weights, or
    `(images,)` where it has no labels: NumPy arrays holding exactly the bytes of `loader.fetch(dataset.epoch, i)`,
    whatever Keras asked before and in whichever order. Arrays handed out are never overwritten as long as anything
    refers to them, be it a tensor sharing their memory: TensorFlow makes such. With `target`, such as "mask", the
    target of that name takes the place of the labels.

    Epochs. A training loader moves to its next epoch when Keras starts a training pass over the data, and only then:
    not when Keras reads a batch to learn its shape or to build the model, not for validation, `evaluate` or `predict`.
    The count goes on over several `fit` calls. `fit(initial_epoch=k)`, also as `BackupAndRestore` sets it, moves a
    younger data set on to epoch k; after `set_epoch(e)` only the data set's own count matters. A pass that is broken
    off is an epoch too. With `fit(steps_per_epoch=s)` below `len(dataset)` Keras takes the rest of a pass in its next
    epochs: nothing is lost or repeated, but an epoch of Keras is then no longer a pass over the data (an AugfuseWarning
    says so). A loader with `training=False` serves epoch 0, in source order, every time.

    A hand-written loop calls `on_epoch_begin()`, asks for batches and calls `on_epoch_end()`: each round that served
    two batches or more (or all) is an epoch. `for images, labels in dataset` serves the current epoch, moving nothing.

    Speed. The loader's threads prefetch the batches in the order in which Keras is going to ask for them, also
    under `fit(shuffle=True)`. Without a predictable order a batch is computed when it is asked for. The threads
    of a pass end with the pass, when Keras drops it (an error, Ctrl-C), with `close()`, or with the data set.

    Errors of the loader come out of `fit` unchanged, except on the TensorFlow backend, which runs the data set in a
    separate thread and raises `tf.errors.UnknownError` or `InvalidArgumentError` with the type and message inside.

    Use `loader.to_keras()` to make one. It pickles if its loader does; a copy starts in the
    same epoch.

    Args:
        loader: an `af.Loader`.
        target: the name of a target that takes the place of the labels, such as "mask"; None for the labels.
    """

    @checked(loader=rules.loader)
    def __init__(self, loader: Loader, target: str | None = None) -> None:
        keras.utils.PyDataset.__init__(self)
        self._loader = loader
        self._target = target
        known = tuple(loader.data.table.targets)
        if target is not None and target not in known:
            held = ", ".join(map(shown, known)) or "no targets"
            raise DataError(f"target: got {shown(target)} of a data set with {held}.{did_you_mean(str(target), known)}")
        self._feed = Feed(self._batches(), loader.epoch if loader.training else 0, loader.training)

    def _batches(self) -> Batches:
        """What is served."""
        return self._loader

    def __len__(self) -> int:
        """Batches in one epoch."""
        return len(self._loader)

    def __getitem__(self, index: int) -> tuple[Any, ...]:
        """Batch `index` of the current epoch, as the class says. Safe to call from several threads.

        Raises:
            IndexError: `index` is not in 0..len(dataset) - 1.
        """
        step = operator.index(index)
        if not 0 <= step < len(self):
            raise IndexError(f"batch {step} of a data set with {len(self)} batches: wanted 0..{len(self) - 1}.")
        return self._arrays(self._feed.get(step))

    def __iter__(self) -> Generator[tuple[Any, ...], None, None]:
        """The batches of the current epoch in order. Looping does not move to the next epoch: see `set_epoch`."""
        yield from self._loop(self._feed.epoch)

    def _loop(self, epoch: int) -> Generator[tuple[Any, ...], None, None]:
        with contextlib.closing(self._batches().stream(epoch, range(len(self)))) as stream:
            for batch in stream:
                yield self._arrays(batch)

    def _arrays(self, batch: Batch) -> Any:
        """The input of a model: images, labels, and weights where the samples have some; of a recipe with Views a dict
        of images by the name of the view."""
        images = {name: view.images for name, view in batch.views.items()} if batch.views else batch.images
        labels = batch.labels if self._target is None else self._target_of(batch, self._target)
        if labels is None:
            return (images,)
        weights = batch.sample_weights
        return (images, labels) if weights is None else (images, labels, weights)

    def _target_of(self, batch: Batch, target: str) -> np.ndarray:
        """A target of a batch as one array (n, ...)."""
        found = batch.targets[target]
        if isinstance(found, np.ndarray):
            return found
        shapes = {np.shape(entry) for entry in found}
        if len(shapes) > 1 or any(np.asarray(entry).dtype == object for entry in found):
            several = ", ".join(map(str, sorted(shapes)[:3]))
            raise DataError(
                f"target {shown(target)}: its entries have different shapes ({several}), wanted one. Loop over "
                "the loader, and type batch.padded(name)."
            )
        return np.stack([np.asarray(entry) for entry in found])

    def other_labels(self) -> str:
        """What to type for labels of the other kind: class numbers, or one-hot."""
        if self._loader.label_kind == "one-hot":
            return (
                "af.Loader(..., one_hot=False)"
                if self._loader._classes is not None
                else "af.from_arrays(x, y.argmax(axis=1))"
            )
        labels = np.asarray(self._loader.data.labels)
        whole = labels.ndim == 1 and labels.dtype.kind in "iu"
        return "af.Loader(..., one_hot=True)" if whole else "af.from_arrays(x, keras.utils.to_categorical(y))"

    def in_order(self) -> str:
        """What to type for samples as they are, in the order of the data set."""
        fix = "training=False" if self._loader.training else "training=False, shuffle=False"
        return f"af.Loader(data, recipe, {fix}).to_keras()"

    @property
    def loader(self) -> Loader:
        """The loader whose batches these are."""
        return self._loader

    @property
    def epoch(self) -> int:
        """The epoch `dataset[i]` belongs to: the one in training, or before any training the first to come."""
        return self._feed.epoch

    def set_epoch(self, epoch: int) -> None:
        """Continue with `epoch` (0 is the first). Changes nothing on a `training=False` loader: its epochs are alike.

        Raises:
            RangeError: `epoch` is negative.
        """
        self._feed.set_epoch(epoch)

    @property
    def wait_seconds(self) -> float:
        """Seconds spent inside `dataset[i]` since the data set was made; take differences for one epoch or one fit.

        On the TensorFlow backend batches are asked for ahead of the training step, so this is an upper bound there
        for the time in which training stood still.
        """
        return self._feed.wait_seconds

    def close(self) -> None:
        """Stop prefetching and end the threads doing so. The data set stays usable."""
        self._feed.close()

    @property
    def num_batches(self) -> int:
        """`len(dataset)`, under the name by which Keras reads it."""
        self._feed.counted(sys._getframe(1))
        return len(self)

    def on_epoch_begin(self) -> None:
        """Keras calls this when one of its epochs begins."""
        on_pass.observe(self._feed.begin(sys._getframe(1)), self.described())

    def described(self) -> on_pass.Data:
        """What there is to check when Keras begins a pass over these batches."""
        kind = self._loader.label_kind
        one_hot, other = (None, "") if kind is None else (kind == "one-hot", self.other_labels())
        return on_pass.Data(self, one_hot, other, self._checked_labels, self._standardised, self._unfit)

    def _standardised(self) -> on_pass.Standardisation:
        return on_pass.Standardisation(value_range.of_loader(self._loader), None, _LOADER_OF_ARRAYS)

    def _checked_labels(self) -> tuple[np.ndarray | None, int | None]:
        columns = self._loader._classes
        return on_pass.numbers_or_columns(self._loader.data.labels) if columns is None else (None, columns)

    def _unfit(self, method: str) -> Generator[tuple[Any, str], None, None]:
        loader = self._loader
        random = [
            type(t).__name__ for t in leaves(loader.recipe.transforms) if t.evaluation != "deterministic" and t.p > 0
        ]
        wrong = [f"its images are augmented ({', '.join(random)})"] if random else []
        if method == PREDICT and loader._order.shuffle and len(loader.data) > 1:
            wrong.append("its rows are shuffled, so that row i of the result is not sample i")
        if wrong:
            kind = "a training loader" if loader.training else "a loader with shuffle=True"
            yield self, f"{method}() got {kind}: {' and '.join(wrong)}. Use {self.in_order()}"

    def on_epoch_end(self) -> None:
        """Keras calls this when one of its epochs ends, and once before the first."""
        self._feed.end()

    @property
    def workers(self) -> int:
        """1: Keras asks from one thread. The parallel work is done by the threads of the loader."""
        return 1

    @workers.setter
    def workers(self, value: int) -> None:
        # Keras 3.15 keeps batches of its enqueuer from one epoch to the next: with workers=3 on the torch backend
        # the first epoch of a model not yet built trained on 19 of 30 batches, 11 of them twice.
        if value > 1:
            raise RangeError(
                f"workers: got {value}, wanted 1. Keras' own workers repeat and lose batches; "
                f"the loader has threads: af.Loader(data, recipe, workers={value}).to_keras()"
            )

    @property
    def use_multiprocessing(self) -> bool:
        """False: see `workers`."""
        return False

    @use_multiprocessing.setter
    def use_multiprocessing(self, value: bool) -> None:
        if value:
            raise RangeError("use_multiprocessing: got True, wanted False. See `workers` of af.Loader: threads do it.")

    def __getstate__(self) -> tuple[Loader, str | None, tuple[int, int, bool]]:
        return self._loader, self._target, self._feed.position()

    def __setstate__(self, state: tuple[Loader, str | None, tuple[int, int, bool]]) -> None:
        LoaderDataset.__init__(self, *state[:2])
        self._feed.restore(state[2])
