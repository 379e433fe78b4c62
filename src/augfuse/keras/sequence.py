"""Feed a Keras model from a `Loader`: what `loader.to_keras()` returns.

This module imports Keras, so it is itself imported only when `to_keras()` is called.

How Keras asks (measured on 3.15 with the TensorFlow and torch backends), and what follows from it here:

* `PyDataset.__getitem__` is also called outside training: TensorFlow reads batches 0 and 1 for their shapes, the other
  backends read one batch to build the model. So it may not advance anything: it is a function of (epoch, index).
* `on_epoch_end` is called before the first epoch as well, and `on_epoch_begin` for the building batch, `evaluate` and
  `predict`. With `steps_per_epoch` it is called in mid-pass. So neither marks a pass over the data. What does: the
  adapter's `_finite_generator` reads `num_batches` once at the start of each pass. `on_epoch_begin` tells whose pass.
* Directly after that read `fit(shuffle=True)` calls `random.shuffle` on the batch numbers, so the state of `random` at
  that read foretells the order of the pass, and the batches can be computed ahead. `random` itself is only looked at.
* TensorFlow asks from a thread of its own, ahead of the training steps; the others ask in the caller's thread.
"""

from __future__ import annotations

import contextlib
import operator
import random
import sys
import threading
import time
import warnings
import weakref
from collections.abc import Generator, Sequence
from types import FrameType
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from augfuse.errors import AugfuseWarning, MissingExtraError, RangeError

try:
    import keras
except ImportError as error:
    raise MissingExtraError(
        f"to_keras() needs Keras and one of its backends, and `import keras` failed: {error}. "
        "Install them with: pip install 'augfuse[keras,tensorflow]'"
    ) from error

if TYPE_CHECKING:
    from augfuse.batch import Batch
    from augfuse.data.loader import Loader

# Which Keras method an epoch belongs to. `_symbolic_build` and `_maybe_symbolic_build` read a batch to build the model.
_FIT, _EVALUATE, _PREDICT, _BUILD, _BY_HAND = "fit", "evaluate", "predict", "build", "by hand"
_KERAS_METHODS = {name: name for name in (_FIT, _EVALUATE, _PREDICT)} | {
    "_symbolic_build": _BUILD,
    "_maybe_symbolic_build": _BUILD,
}


def to_pydataset(loader: Loader) -> LoaderDataset:
    """A `keras.utils.PyDataset` that serves the batches of `loader`; the same as `loader.to_keras()`.

    Raises:
        MissingExtraError: Keras is not installed, or has no backend (raised by importing this module).
    """
    return LoaderDataset(loader)


class LoaderDataset(keras.utils.PyDataset):
    """The batches of a `Loader`, for `fit`, `evaluate` and `predict` of a Keras model.

    `dataset[i]` is `(images, labels)`, or `(images,)` when the source has no labels: NumPy arrays holding exactly the
    bytes of `loader.fetch(dataset.epoch, i)`, whatever Keras asked before and in whichever order. Arrays handed out are
    never overwritten as long as anything refers to them, be it a tensor sharing their memory: TensorFlow makes such.

    Epochs. A training loader moves to its next epoch when Keras starts a training pass over the data, and only then:
    not when Keras reads a batch to learn its shape or to build the model, not for validation, `evaluate` or `predict`.
    The count goes on over several `fit` calls. `fit(initial_epoch=k)`, also as `BackupAndRestore` sets it, moves a
    younger data set on to epoch k; after `set_epoch(e)` only the data set's own count matters. A pass that is broken
    off is an epoch too. With `fit(steps_per_epoch=s)` below `len(dataset)` Keras takes the rest of a pass in its next
    epochs: nothing is lost or repeated, but an epoch of Keras is then no longer a pass over the data (an AugfuseWarning
    says so). A loader with `training=False` serves epoch 0, in source order, every time.

    A hand-written loop calls `on_epoch_begin()`, asks for batches and calls `on_epoch_end()`: each round that served
    two batches or more (or all) is an epoch. `for images, labels in dataset` serves the current epoch, moving nothing.

    Speed. The loader's threads compute the batches ahead, in the order in which Keras is going to ask for them, also
    under `fit(shuffle=True)`. Where that order cannot be foreseen a batch is computed when it is asked for. The threads
    of a pass end with the pass, when Keras drops it (an error, Ctrl-C), with `close()`, or with the data set.

    Errors of the loader come out of `fit` unchanged, except on the TensorFlow backend, which runs the data set in a
    thread of its own and raises `tf.errors.UnknownError` or `InvalidArgumentError` with the type and message inside.

    Use `to_pydataset(loader)` or `loader.to_keras()` to make one. It pickles if its loader does; a copy starts in the
    same epoch.
    """

    def __init__(self, loader: Loader) -> None:
        keras.utils.PyDataset.__init__(self)
        self._loader = loader
        self._lock = threading.Lock()
        self._epoch = loader.epoch if loader.training else 0
        self._next = self._epoch  # the epoch of the next training pass
        self._follow_keras = loader.training  # until set_epoch() is called: initial_epoch= of fit counts
        self._hooked = False  # has Keras ever announced the start of a pass?
        self._method: str | None = None  # between on_epoch_begin and on_epoch_end: who asks
        self._owner: weakref.ref[Any] | None = None  # the iterator through which Keras asks
        self._served = 0  # batches asked for since on_epoch_begin
        # Set from the announcement of a pass until its first batch: the state of `random`, or () in hand-written loops.
        self._starting: tuple[Any, ...] | None = None
        self._ahead: _Ahead | None = None
        self._wait_seconds = 0.0
        self._warned: set[str] = set()

    def __len__(self) -> int:
        """Batches in one epoch."""
        return len(self._loader)

    def __getitem__(self, index: int) -> tuple[np.ndarray, ...]:
        """Batch `index` of the current epoch: `(images, labels)` or `(images,)`. Safe to call from several threads.

        Raises:
            IndexError: `index` is not in 0..len(dataset) - 1.
        """
        step = operator.index(index)
        if not 0 <= step < len(self):
            raise IndexError(f"batch {step} of a data set with {len(self)} batches: wanted 0..{len(self) - 1}.")
        begun = time.perf_counter()
        try:
            with self._lock:
                epoch = self._epoch
                ahead = self._open(step)
                self._count()
            batch = None if ahead is None else ahead.take(step)
            if batch is None:
                batch = self._loader.fetch(epoch, step)
        finally:
            waited = time.perf_counter() - begun
            with self._lock:
                self._wait_seconds += waited
        return _arrays(batch)

    def __iter__(self) -> Generator[tuple[np.ndarray, ...], None, None]:
        """The batches of the current epoch in order. Looping does not move to the next epoch: see `set_epoch`."""
        with contextlib.closing(self._loader.stream(self._epoch, range(len(self)))) as stream:
            for batch in stream:
                yield _arrays(batch)

    @property
    def epoch(self) -> int:
        """The epoch `dataset[i]` belongs to: the one in training, or before any training the first to come."""
        return self._epoch

    def set_epoch(self, epoch: int) -> None:
        """Continue with `epoch` (0 is the first). Changes nothing on a `training=False` loader: its epochs are alike.

        Raises:
            RangeError: `epoch` is negative.
        """
        number = operator.index(epoch)
        if number < 0:
            raise RangeError(f"set_epoch: got {number}, wanted 0 or more; 0 is the first epoch.")
        self.close()
        if self._loader.training:
            with self._lock:
                self._epoch = self._next = number
                self._follow_keras = False

    @property
    def wait_seconds(self) -> float:
        """Seconds spent inside `dataset[i]` since the data set was made; take differences for one epoch or one fit.

        On the TensorFlow backend batches are asked for ahead of the training step, so this is an upper bound there
        for the time in which training stood still.
        """
        return self._wait_seconds

    def close(self) -> None:
        """Stop computing ahead and end the threads doing so. The data set stays usable."""
        with self._lock:
            ahead, self._ahead, self._starting = self._ahead, None, None
        if ahead is not None:
            ahead.close()

    @property
    def num_batches(self) -> int:
        """`len(dataset)`, under the name by which Keras reads it."""
        if sys._getframe(1).f_code.co_name == "_finite_generator":
            self._start_pass(random.getstate())
        return len(self)

    def on_epoch_begin(self) -> None:
        """Keras calls this when one of its epochs begins."""
        asker = _who_asks(sys._getframe(1))
        with self._lock:
            self._method, self._owner = asker.method, asker.owner
            self._served = 0
            if asker.method == _FIT and self._follow_keras:
                self._next = max(self._next, asker.initial_epoch)
            by_hand = self._counts_by_hand()
        if by_hand:
            self._start_pass(())
        self._warn(asker)

    def on_epoch_end(self) -> None:
        """Keras calls this when one of its epochs ends, and once before the first."""
        with self._lock:
            # Under steps_per_epoch the pass goes on in the next epoch of fit; all others are over.
            over = self._method != _FIT
            self._method = None
        if over:
            self.close()

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

    def __getstate__(self) -> tuple[Loader, int, int, bool]:
        return self._loader, self._epoch, self._next, self._follow_keras

    def __setstate__(self, state: tuple[Loader, int, int, bool]) -> None:
        LoaderDataset.__init__(self, state[0])
        _, self._epoch, self._next, self._follow_keras = state

    def _start_pass(self, random_state: tuple[Any, ...]) -> None:
        """A pass over the data is about to begin; Keras may shuffle from `random_state`; () in hand-written loops."""
        self.close()
        with self._lock:
            self._starting = random_state
            self._hooked = self._hooked or bool(random_state)
            if self._loader.training and self._method in (_FIT, _BY_HAND):
                self._epoch = self._next
                if not self._counts_by_hand():
                    self._next += 1

    def _open(self, step: int) -> _Ahead | None:
        """What computes ahead, opened if `step` is the first batch of a pass. The caller holds the lock."""
        start, self._starting = self._starting, None
        # The batch that builds a model comes alone: nothing to compute ahead.
        if start is not None and self._method != _BUILD:
            order = _expected_order(len(self), step, start)
            if order is not None:
                self._ahead = _Ahead(self._loader, self._epoch, order, self._owner)
        return self._ahead

    def _counts_by_hand(self) -> bool:
        """Is it on_epoch_begin that starts an epoch? In hand-written loops, and should Keras rename its generator."""
        return self._method == _BY_HAND or (self._method == _FIT and not self._hooked)

    def _count(self) -> None:
        self._served += 1
        # One batch alone may be there to build a model.
        if self._loader.training and self._counts_by_hand() and self._served == min(2, len(self)):
            self._next = self._epoch + 1

    def _warn(self, asker: _Asker) -> None:
        method, steps = asker.method, asker.steps_per_epoch
        if method == _FIT and steps and steps < len(self):
            self._warn_once(
                "steps_per_epoch",
                f"steps_per_epoch={steps} is less than the {len(self)} batches of the data set: one pass over the data "
                "then takes several epochs of Keras. Drop steps_per_epoch: model.fit(dataset, epochs=...)",
            )
        if method in (_EVALUATE, _PREDICT) and self._loader.training:
            self._warn_once(
                method,
                f"{method}() got a training loader: its images are augmented and its rows shuffled. "
                "Use af.Loader(data, recipe, training=False).to_keras()",
            )

    def _warn_once(self, subject: str, message: str) -> None:
        if subject not in self._warned:
            self._warned.add(subject)
            warnings.warn(message, AugfuseWarning, stacklevel=4)


class _Ahead:
    """The batches of one pass, computed ahead in the order in which they are expected to be asked for."""

    def __init__(self, loader: Loader, epoch: int, order: Sequence[int], owner: weakref.ref[Any] | None) -> None:
        self._loader = loader
        self._epoch = epoch
        self._order = order
        self._place = 0  # in `order`: the next batch of the stream
        self._missed: int | None = None  # in `order`: the last request, if the stream could not serve it
        self._lock = threading.Lock()
        self._stream: Generator[Batch, None, None] | None = loader.stream(epoch, order)
        asking = None if owner is None else owner()
        self._finalizer = None
        if asking is not None:
            self._finalizer = weakref.finalize(asking, self.abandon)
            self._finalizer.atexit = False  # the interpreter ends the threads itself

    def take(self, step: int) -> Batch | None:
        """The batch, once it is ready; None if it is not the one that was expected."""
        with self._lock:
            return self._take(step)

    def close(self) -> None:
        """End the threads. Waits for a batch that another thread is just taking."""
        with self._lock:
            self._end()

    def abandon(self) -> None:
        """`close()` for the garbage collector, which may run in a thread that `close()` would wait for."""
        threading.Thread(target=self.close, name="augfuse-close").start()

    def _take(self, step: int) -> Batch | None:
        if self._stream is None:
            return None
        if self._order[self._place] != step:
            place = self._order.index(step)
            # One stray request (TensorFlow's last one for an iterator already dropped) leaves the stream as it is.
            # Two in a row that follow the order at another place: Keras has moved there.
            if place - 1 == self._missed and place + 1 < len(self._order):
                self._stream.close()
                self._place = place + 1
                self._stream = self._loader.stream(self._epoch, self._order[self._place :])
            self._missed = place
            return None
        batch = next(self._stream, None)
        self._place += 1
        self._missed = None
        if batch is None or self._place == len(self._order):
            self._end()
        return batch

    def _end(self) -> None:
        if self._stream is not None:
            self._stream.close()
            self._stream = None
        if self._finalizer is not None:
            self._finalizer.detach()


class _Asker(NamedTuple):
    """Who called `on_epoch_begin`."""

    method: str
    owner: weakref.ref[Any] | None = None  # lives as long as Keras may still ask for batches of this pass
    initial_epoch: int = 0
    steps_per_epoch: int | None = None


def _who_asks(frame: FrameType | None) -> _Asker:
    """Find the Keras method that is running. Keras passes nothing on that would tell `fit` from `evaluate`."""
    owner, steps = None, None
    while frame is not None and frame.f_globals.get("__name__", "").startswith("keras."):
        name = frame.f_code.co_name
        if name == "_enumerate_iterator":
            iterator = frame.f_locals["self"]
            owner, steps = weakref.ref(iterator), getattr(iterator, "steps_per_epoch", None)
        if name in _KERAS_METHODS:
            return _Asker(_KERAS_METHODS[name], owner, int(frame.f_locals.get("initial_epoch") or 0), steps)
        frame = frame.f_back
    return _Asker(_BY_HAND, owner, 0, steps)


def _expected_order(count: int, first: int, random_state: tuple[Any, ...]) -> Sequence[int] | None:
    """The order of the `count` batches of a pass that begins with batch `first`; None if it cannot be foreseen."""
    orders: list[Sequence[int]] = [range(count)]
    if random_state:
        generator = random.Random()
        generator.setstate(random_state)
        shuffled = list(range(count))
        generator.shuffle(shuffled)
        orders.append(shuffled)
        if random.getstate() != random_state:  # somebody drew from it: most likely Keras, to shuffle
            orders.reverse()
    return next((order for order in orders if order[0] == first), None)


def _arrays(batch: Batch) -> tuple[np.ndarray, ...]:
    return (batch.images,) if batch.labels is None else (batch.images, batch.labels)
