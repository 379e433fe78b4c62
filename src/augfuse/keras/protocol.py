"""What Keras does with a data set, seen from the data set: which epoch it means, and which batches to prefetch.

How Keras asks (measured on 3.15 with the TensorFlow and torch backends), and what follows from it here:

* `PyDataset.__getitem__` is also called outside training: TensorFlow reads batches 0 and 1 for their shapes, the other
  backends read one batch to build the model. So it may not advance anything: it is a function of (epoch, index).
* `on_epoch_end` is called before the first epoch as well, and `on_epoch_begin` for the building batch, `evaluate` and
  `predict`. With `steps_per_epoch` it is called in mid-pass. So neither marks a pass over the data. What does: the
  adapter's `_finite_generator` reads `num_batches` once at the start of each pass. `on_epoch_begin` tells whose pass.
* Directly after that read `fit(shuffle=True)` calls `random.shuffle` on the batch numbers, so the state of `random` at
  that read foretells the order of the pass, and the batches can be prefetched. `random` itself is only looked at.
* TensorFlow asks from its own thread, ahead of the training steps; the others ask in the caller's thread.
"""

from __future__ import annotations

import operator
import random
import threading
import time
import weakref
from collections.abc import Generator, Sequence
from types import FrameType
from typing import Any, NamedTuple, Protocol, final

from augfuse.errors import RangeError
from augfuse.frameworks import KerasModel

# Which Keras method an epoch belongs to. `_symbolic_build` and `_maybe_symbolic_build` read a batch to build the model.
FIT, EVALUATE, PREDICT, BUILD, BY_HAND = "fit", "evaluate", "predict", "build", "by hand"
_KERAS_METHODS = {name: name for name in (FIT, EVALUATE, PREDICT)} | {
    "_symbolic_build": BUILD,
    "_maybe_symbolic_build": BUILD,
}


class Batches(Protocol):
    """What a feed serves: batch `step` of `epoch`, one at a time or prefetched. `Loader` is one."""

    def __len__(self) -> int: ...
    def fetch(self, epoch: int, step: int) -> Any: ...
    def stream(self, epoch: int, steps: Sequence[int]) -> Generator[Any, None, None]: ...


@final
class Feed:
    """Serves `Batches` to Keras. `trains`: epochs differ, and Keras' training passes move through them."""

    def __init__(self, batches: Batches, epoch: int, trains: bool) -> None:
        self._batches = batches
        self._trains = trains
        self._lock = threading.Lock()
        self._epoch = epoch
        self._next = epoch  # the epoch of the next training pass
        self._follow_keras = trains  # until set_epoch() is called: initial_epoch= of fit counts
        self._hooked = False  # has Keras ever announced the start of a pass?
        self._method: str | None = None  # between on_epoch_begin and on_epoch_end: who asks
        self._owner: weakref.ref[Any] | None = None  # the iterator through which Keras asks
        self._served = 0  # batches asked for since on_epoch_begin
        # Set from the announcement of a pass until its first batch: the state of `random`, or () in hand-written loops.
        self._starting: tuple[Any, ...] | None = None
        self._ahead: _Ahead | None = None
        self.wait_seconds = 0.0

    @property
    def epoch(self) -> int:
        """The epoch batches belong to: the one in training, or before any training the first to come."""
        return self._epoch

    def get(self, step: int) -> Any:
        """Batch `step` of the current epoch; 0 <= step < len is the caller's concern."""
        begun = time.perf_counter()
        try:
            with self._lock:
                epoch = self._epoch
                ahead = self._open(step)
                self._count()
            batch = None if ahead is None else ahead.take(step)
            return self._batches.fetch(epoch, step) if batch is None else batch
        finally:
            waited = time.perf_counter() - begun
            with self._lock:
                self.wait_seconds += waited

    def set_epoch(self, epoch: int) -> None:
        """Continue with `epoch`. RangeError where it is negative."""
        number = operator.index(epoch)
        if number < 0:
            raise RangeError(f"set_epoch: got {number}, wanted 0 or more; 0 is the first epoch.")
        self.close()
        if self._trains:
            with self._lock:
                self._epoch = self._next = number
                self._follow_keras = False

    def advance(self) -> int:
        """Move to the next epoch by hand, and return it."""
        self.close()
        with self._lock:
            self._epoch = self._next
            self._next += 1
            return self._epoch

    def close(self) -> None:
        """Stop prefetching and end the threads doing so. The feed stays usable."""
        with self._lock:
            ahead, self._ahead, self._starting = self._ahead, None, None
        if ahead is not None:
            ahead.close()

    def counted(self, frame: FrameType) -> None:
        """`num_batches` was read in `frame`."""
        if frame.f_code.co_name == "_finite_generator":
            self._start_pass(random.getstate())

    def begin(self, frame: FrameType) -> Asker:
        """`on_epoch_begin` was called in `frame`. Returns whose pass it is."""
        asker = who_asks(frame)
        with self._lock:
            self._method, self._owner = asker.method, asker.owner
            self._served = 0
            if asker.method == FIT and self._follow_keras:
                self._next = max(self._next, asker.initial_epoch)
            by_hand = self._counts_by_hand()
        if by_hand:
            self._start_pass(())
        return asker

    def end(self, frame: FrameType | None = None) -> None:
        """`on_epoch_end` was called. With `frame`, where from: by hand and without `begin`, it ends an epoch."""
        with self._lock:
            # Under steps_per_epoch the pass goes on in the next epoch of fit; all others are over.
            over = self._method != FIT
            by_hand = self._method is None and frame is not None and who_asks(frame).method == BY_HAND
            if by_hand and self._trains and self._served:
                self._epoch = self._next = self._epoch + 1
            self._method, self._served = None, 0
        if over:
            self.close()

    def position(self) -> tuple[int, int, bool]:
        """What a copy needs to start in the same epoch."""
        return self._epoch, self._next, self._follow_keras

    def restore(self, position: tuple[int, int, bool]) -> None:
        """Start where `position` was taken."""
        self._epoch, self._next, self._follow_keras = position

    def _start_pass(self, random_state: tuple[Any, ...]) -> None:
        """A pass over the data is about to begin; Keras may shuffle from `random_state`; () in hand-written loops."""
        self.close()
        with self._lock:
            self._starting = random_state
            self._hooked = self._hooked or bool(random_state)
            if self._trains and self._method in (FIT, BY_HAND):
                self._epoch = self._next
                if not self._counts_by_hand():
                    self._next += 1

    def _open(self, step: int) -> _Ahead | None:
        """What prefetches, opened if `step` is the first batch of a pass. The caller holds the lock."""
        start, self._starting = self._starting, None
        # The batch that builds a model comes alone: nothing to prefetch.
        if start is not None and self._method != BUILD:
            order = _expected_order(len(self._batches), step, start)
            if order is not None:
                self._ahead = _Ahead(self._batches, self._epoch, order, self._owner)
        return self._ahead

    def _counts_by_hand(self) -> bool:
        """Is it on_epoch_begin that starts an epoch? In hand-written loops, and should Keras rename its generator."""
        return self._method == BY_HAND or (self._method == FIT and not self._hooked)

    def _count(self) -> None:
        self._served += 1
        # One batch alone may be there to build a model.
        if self._trains and self._counts_by_hand() and self._served == min(2, len(self._batches)):
            self._next = self._epoch + 1


@final
class _Ahead:
    """The batches of one pass, prefetched in the order in which they are expected to be asked for."""

    def __init__(self, batches: Batches, epoch: int, order: Sequence[int], owner: weakref.ref[Any] | None) -> None:
        self._batches = batches
        self._epoch = epoch
        self._order = order
        self._place = 0  # in `order`: the next batch of the stream
        self._missed: int | None = None  # in `order`: the last request, if the stream could not serve it
        self._lock = threading.Lock()
        self._stream: Generator[Any, None, None] | None = batches.stream(epoch, order)
        asking = None if owner is None else owner()
        self._finalizer = None
        if asking is not None:
            self._finalizer = weakref.finalize(asking, self.abandon)
            self._finalizer.atexit = False  # the interpreter ends the threads itself

    def take(self, step: int) -> Any:
        """The batch, once it is ready; None if it is not the one that was expected."""
        with self._lock:
            stream = self._stream
            if stream is None:
                return None
            if self._order[self._place] != step:
                self._miss(stream, self._order.index(step))
                return None
            batch = next(stream, None)
            self._place += 1
            self._missed = None
            if batch is None or self._place == len(self._order):
                self._end()
            return batch

    def close(self) -> None:
        """End the threads. Waits for a batch that another thread is just taking."""
        with self._lock:
            self._end()

    def abandon(self) -> None:
        """`close()` for the garbage collector, which may run in a thread that holds the lock: a stream that nothing
        refers to ends its threads by itself."""
        self._stream = None

    def _miss(self, stream: Generator[Any, None, None], place: int) -> None:
        """The batch at another place of the order was asked for."""
        # One stray request (TensorFlow's last one for an iterator already dropped) leaves the stream as it is.
        # Two in a row that follow the order at another place: Keras has moved there.
        if place - 1 == self._missed and place + 1 < len(self._order):
            stream.close()
            self._place = place + 1
            self._stream = self._batches.stream(self._epoch, self._order[self._place :])
        self._missed = place

    def _end(self) -> None:
        stream, self._stream = self._stream, None
        if stream is not None:
            stream.close()
        if self._finalizer is not None:
            self._finalizer.detach()


@final
class Following:
    """Prefetches once two batches in a row were asked for: somebody who looks at one batch pays for one.

    A whole batch per thread: on two cores 1.6 times as fast, for small files, as all threads on one batch.
    """

    def __init__(self, batches: Batches) -> None:
        self._batches = batches
        self._lock = threading.Lock()
        self._last: tuple[int, int, int] | None = None  # epoch, step and changes of the last request
        self._stream: Generator[Any, None, None] | None = None  # the batches after it

    def get(self, epoch: int, step: int, changes: int = 0) -> Any:
        """Batch `step` of `epoch`; errors as when it is computed now. changes: another number, other batches."""
        with self._lock:
            follows = self._last == (epoch, step - 1, changes)
            self._last = (epoch, step, changes)
            if not follows:
                self._close()
            elif self._stream is None:
                self._stream = self._batches.stream(epoch, range(step, len(self._batches)))
            if self._stream is not None:
                try:
                    return next(self._stream)
                except BaseException:
                    self._stream = None  # an error ends the generator: it goes on with another one
                    raise
        return self._batches.fetch(epoch, step)

    def _close(self) -> None:
        if self._stream is not None:
            self._stream.close()
            self._stream = None


@final
class Asker(NamedTuple):
    """Who called `on_epoch_begin`."""

    method: str
    owner: weakref.ref[Any] | None = None  # lives as long as Keras may still ask for batches of this pass
    initial_epoch: int = 0
    steps_per_epoch: int | None = None
    model: KerasModel | None = None
    validation_data: Any = None  # of fit
    validates: bool = False  # evaluate, called by fit


def called_by_keras(frame: FrameType) -> bool:
    """Whether a frame is one of Keras' own code."""
    return frame.f_globals.get("__name__", "").startswith("keras.")


def with_tuples(batch: Any) -> Any:
    """Several inputs or outputs as tuples, not lists, which `fit` on TensorFlow would make one tensor of.

    Inputs alone are wrapped once more, or Keras would take the second one for the labels.
    """
    if isinstance(batch, list):
        return (tuple(batch),)
    return (
        tuple(tuple(part) if isinstance(part, list) else part for part in batch) if isinstance(batch, tuple) else batch
    )


def who_asks(frame: FrameType | None) -> Asker:
    """Find the Keras method that is running. Keras passes nothing on that would tell `fit` from `evaluate`."""
    owner, steps = None, None
    while frame is not None and called_by_keras(frame):
        name = frame.f_code.co_name
        if name == "_enumerate_iterator":
            iterator = frame.f_locals["self"]
            owner, steps = weakref.ref(iterator), getattr(iterator, "steps_per_epoch", None)
        if name in _KERAS_METHODS:
            given = frame.f_locals
            first, held_out = int(given.get("initial_epoch") or 0), given.get("validation_data")
            # fit alone asks evaluate for the data that it keeps from epoch to epoch.
            validates = bool(given.get("use_cached_eval_dataset"))
            return Asker(_KERAS_METHODS[name], owner, first, steps, given.get("self"), held_out, validates)
        frame = frame.f_back
    return Asker(BY_HAND, owner, 0, steps)


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
