"""The base of the iterators: batches in Keras' order or keyed, as a `PyDataset` and as an endless Python iterator."""

from __future__ import annotations

import sys
import threading
from collections.abc import Generator, Iterable
from pathlib import Path
from typing import Any

import keras
import numpy as np

from augfuse.algebra.ranges import whole
from augfuse.data.batches.buffer_pool import Ring
from augfuse.data.batches.order import Order
from augfuse.data.batches.prefetch import compute_ahead
from augfuse.errors import DataError, RangeError
from augfuse.keras.checks import on_pass, rules, value_range
from augfuse.keras.checks.edge import checked
from augfuse.keras.checks.inputs import for_keras
from augfuse.keras.checks.mistakes import check_loop
from augfuse.keras.generator.augment import Samples, transform
from augfuse.keras.generator.options import Compat, Options, read_options
from augfuse.keras.generator.steps import Pixels
from augfuse.keras.iterators.attributes import Attributes
from augfuse.keras.iterators.saved_pictures import Saving, save_pictures
from augfuse.keras.notices import say_of_iterator
from augfuse.keras.protocol import PREDICT, Feed, Following, called_by_keras, who_asks, with_tuples
from augfuse.threads import cpu_count


def global_seed() -> int:
    """A seed from NumPy's global generator, so that `numpy.random.seed` and `keras.utils.set_random_seed` hold."""
    return int(np.random.randint(0, 2**63 - 1, dtype=np.int64))


class Iterator(Attributes):
    """Endless batches of n samples; abstract.

    `fit`, `evaluate` and `predict` of a Keras model take it.

    `next(it)` and `for batch in it` go on for ever, epoch after epoch; `it[i]` is batch i of the current epoch, and
    `len(it)` how many an epoch has. The last batch of an epoch may be smaller. `reset()` goes back to a first batch.

    A batch is a function of (seed, epoch, i), in any order. With compat="strict" it is what Keras' class gives: drawn
    from NumPy's global generator, which is set to seed + total_batches_seen before each batch.

    A subclass of your own calls `Iterator.__init__` and overrides `_get_batches_of_transformed_samples(index_array)`.

    Attributes may be set at any time, as on Keras' iterators, and count from the next batch on; an index_array until
    the epoch ends. ReadOnlyError, an AttributeError, for those that would have no effect.

    Args:
        n: how many samples.
        batch_size: samples of a batch.
        shuffle: a new order in each epoch.
        seed: what orders and augmentations follow from; None takes one from NumPy's global generator.
        compat: None, or "strict" for the numbers of Keras' class.
        workers: threads that prefetch, all cores by default.
        use_multiprocessing, max_queue_size: Keras' options, without effect: nothing runs in other processes.
    """

    reads_files = False  # then `next` prefetches

    @checked(compat=rules.compat)
    def __init__(
        self,
        n: int,
        batch_size: int,
        shuffle: bool,
        seed: int | None,
        compat: Compat = None,
        workers: int | None = None,
        use_multiprocessing: bool = False,
        max_queue_size: int = 10,
    ) -> None:
        keras.utils.PyDataset.__init__(self)
        self.n = n
        self.batch_size = whole("batch_size", batch_size, 1)
        self.shuffle = shuffle
        self.seed = seed
        self.compat = compat
        self.threads = max(1, cpu_count() if workers is None else whole("workers", workers, 0))
        self.max_queue_size = max_queue_size
        self.batch_index = 0
        self._seen = 0
        self._shown: np.ndarray | None = None  # the order of the epoch that the last batch was from
        self._given: np.ndarray | None = None  # an order that was set
        self._drawn = global_seed() if compat is None and seed is None else None  # the seed where none is given
        self._fed = self.changes  # those that the prefetched batches know
        self._range: tuple[int, tuple[float, float] | None] = -1, None  # of the images, and the changes it knows
        self.save_to_dir, self.save_prefix, self.save_format = self.checked_saving()
        self._looped: int | None = None  # batches since a loop began, until they are more than an epoch
        self._prepare(0)
        if compat is None:
            options = self._options()
            draws = options is not None and bool(options.random())
            say_of_iterator(
                seed is not None and (draws or shuffle), draws and self._spares, self.save_to_dir is not None
            )

    def _prepare(self, epoch: int) -> None:
        """What is not pickled."""
        self.lock = threading.Lock()
        self.index_generator = self._indices = self._flow_index()
        self._ring = Ring(self.threads + 3)
        self.saved: dict[Path, int] = {}  # the pictures that were saved, and their epochs
        self._following = Following(self)
        self._feed = Feed(self, epoch, trains=True)

    def __len__(self) -> int:
        """Batches of an epoch."""
        return -(-self.n // self.batch_size)

    def __getitem__(self, idx: int) -> Any:
        """Batch `idx` of the current epoch. Raises ValueError for another idx."""
        frame = sys._getframe(1)
        if not -len(self) <= idx < len(self):
            raise RangeError(f"batch {idx} of an iterator with {len(self)} batches: wanted 0..{len(self) - 1}.")
        strict = self.compat == "strict"
        if strict and self.seed is not None:
            np.random.seed(self.seed + self._seen)
        if self._shown is None:
            self._set_index_array()
        if strict:
            self._seen += 1
            order = self._shown
            assert order is not None
            batch = self._get_batches_of_transformed_samples(order[self.batch_size * idx : self.batch_size * (idx + 1)])
            return for_keras(batch) if called_by_keras(frame) else batch
        self._drop_outdated()
        batch = self._feed.get(idx % len(self))
        with self.lock:
            self._seen += 1
            self._shown = self._order(self.epoch)
        return for_keras(with_tuples(batch)) if called_by_keras(frame) else batch

    def __iter__(self) -> Any:
        self._looped = 0
        return self

    def __next__(self) -> Any:
        with self.lock:
            try:
                index_array = next(self.index_generator)
            except DataError:  # which ends the generator, and what was wrong may be set right
                self.index_generator = self._indices = self._flow_index()
                raise
            epoch, step = self.epoch, (self.batch_index or len(self)) - 1
            foreseen = self._indices is self.index_generator
        # Pictures of batches that nobody asks for are not to be saved, and Keras draws when it is asked.
        if foreseen and self.reads_files and self._is_ours and self.compat is None and not self.save_to_dir:
            return self._following.get(epoch, step, self.changes)
        # The pixels are not under the lock: threads may compute several batches at a time.
        return self._serve(index_array, epoch, self.threads)

    def next(self) -> Any:
        """`next(it)`."""
        return self.__next__()

    def reset(self) -> None:
        """The next batch is the first of a new epoch."""
        self.batch_index = 0

    def on_epoch_begin(self) -> None:
        """Keras calls this when one of its epochs begins."""
        frame = sys._getframe(1)
        asker = who_asks(frame) if self.compat == "strict" else self._feed.begin(frame)
        on_pass.observe(asker, self.described())

    def on_epoch_end(self) -> None:
        """Keras calls this when one of its epochs ends, and once before the first. By hand: the next epoch."""
        self._set_index_array()
        if self.compat is None:
            self._feed.end(sys._getframe(1))

    @property
    def num_batches(self) -> int:
        """`len(it)`, under the name by which Keras reads it."""
        if self.compat is None:
            self._drop_outdated()
            self._feed.counted(sys._getframe(1))
        return len(self)

    @property
    def epoch(self) -> int:
        """The epoch that `it[i]` and the last batch belong to; 0 is the first."""
        return self._feed.epoch

    @property
    def key(self) -> int:
        """What orders and draws follow from: the seed, or a number drawn where none is given."""
        if self.compat is not None:
            return 0
        if self.seed is None and self._drawn is None:
            self._drawn = global_seed()
        return int(self._drawn if self.seed is None else self.seed)  # type: ignore[arg-type]

    @property
    def augments(self) -> bool:
        """Whether its images are transformed at random; those of the validation subset are not."""
        options = self._options()
        return options is not None and bool(options.random()) and not self._spares

    def fetch(self, epoch: int, step: int) -> Any:
        """Batch `step` of `epoch`, computed in the caller's thread. Not with compat="strict"."""
        return self._serve(self._positions(epoch, step), epoch, self.threads)

    def stream(self, epoch: int, steps: Iterable[int]) -> Generator[Any, None, None]:
        """The batches `steps` of `epoch` in that order, prefetched by threads."""
        # Code of a subclass may count on being called in order, by one thread.
        threads = self.threads if self._is_ours else 0
        yield from compute_ahead(
            lambda step, n: self._serve(self._positions(epoch, step), epoch, n), steps, len(self), threads
        )

    def read(self, index_array: np.ndarray, threads: int) -> tuple[np.ndarray, Pixels]:
        """The positions that could be read, and their images."""
        raise NotImplementedError(f"{type(self).__name__} has to override _get_batches_of_transformed_samples.")

    def pack(self, batch_x: np.ndarray, index_array: np.ndarray) -> Any:
        """Finished images with what goes with them: x, (x, y) or (x, y, weights)."""
        raise NotImplementedError(f"{type(self).__name__} has to say what goes with the images: see DirectoryIterator.")

    def _get_batches_of_transformed_samples(self, index_array: np.ndarray) -> Any:
        """The batch of these samples in the current epoch."""
        return self._batch(index_array, self.epoch, self.threads)

    def described(self) -> on_pass.Data:
        """What there is to check when Keras begins a pass over these batches."""
        return on_pass.Data(self, self.one_hot, self.other_labels, self.checked_labels, self._standardised, self._unfit)

    def checked_labels(self) -> tuple[np.ndarray | None, int | None]:
        """Labels as numbers, or how many columns they have; see `on_pass.numbers_or_columns`."""
        return on_pass.numbers_or_columns(getattr(self, "y", getattr(self, "labels", None)))

    def _options(self) -> Options | None:
        """The attributes of the generator as they are now."""
        return None if self.image_data_generator is None else read_options(self.image_data_generator)

    def _standardised(self) -> on_pass.Standardisation | None:
        options = self._options()
        if options is None:
            return None
        if self._range[0] != self.changes:
            self._range = self.changes, value_range.of_first(self._first) if self._is_ours else None
        return on_pass.standardisation_of(options, self._range[1])

    def _first(self) -> tuple[tuple[float, float], np.ndarray]:
        _, pixels = self.read(np.zeros(1, np.int64), 1)
        return (pixels.low, pixels.high), pixels.stack[pixels.rows[0]]

    def _unfit(self, method: str) -> Generator[tuple[Any, str], None, None]:
        options = self._options()
        if options is not None and self.augments:
            yield options.owner, on_pass.augmented(method, options, self.subset is not None)
        if method == PREDICT and self.shuffle and self.n > 1:
            rows = "row i of the result is not sample i. Use shuffle=False."
            yield self, f"predict() got an iterator with shuffle=True: {rows}"

    @property
    def _spares(self) -> bool:
        """Whether images are only standardised, whatever the generator draws."""
        return self.compat is None and self.subset == "validation"

    @property
    def _is_ours(self) -> bool:
        return type(self)._get_batches_of_transformed_samples.__module__ == __name__

    def _serve(self, index_array: np.ndarray, epoch: int, threads: int) -> Any:
        if self._is_ours:
            return self._batch(index_array, epoch, threads)
        return self._get_batches_of_transformed_samples(index_array)

    def _batch(self, index_array: np.ndarray, epoch: int, threads: int) -> Any:
        options = self._options()
        kept, pixels = self.read(index_array, threads)
        saves = self.save_to_dir is not None
        batch_x, pictures = transform(
            options, pixels, self._samples(kept, epoch), threads, self._ring.take, pictures=saves
        )
        batch_x = batch_x.astype(self.dtype, copy=False)
        if saves:
            layout = "channels_last" if options is None else options.data_format
            saving = Saving(self, self.save_to_dir, self.save_prefix, self.save_format, layout, epoch)
            save_pictures(saving, batch_x, pictures, kept, (pixels.low, pixels.high))
        return self.pack(batch_x, kept)

    def _samples(self, kept: np.ndarray, epoch: int) -> Samples:
        return Samples(kept, self.key, epoch, not self._spares)

    def _set_index_array(self) -> None:
        """An epoch begins: another order, or that of a subclass, which sets `index_array`."""
        if self.compat == "strict":
            self._shown = np.random.permutation(self.n) if self.shuffle else np.arange(self.n)
        elif self._given is not None:
            self._given = None
            self.renew()

    def _order(self, epoch: int) -> np.ndarray:
        """The positions of an epoch, in order."""
        if self._given is not None:
            return self._given
        order = Order(self.n, self.batch_size, self.key, bool(self.shuffle)).of(epoch)
        order.flags.writeable = False  # it is computed for each batch
        return order

    def _positions(self, epoch: int, step: int) -> np.ndarray:
        found = self._order(epoch)[step * self.batch_size : (step + 1) * self.batch_size]
        if not found.size:
            raise DataError(
                f"index_array has {len(self._order(epoch))} positions, none for batch {step}, and n={self.n}: set n "
                "to the length of index_array."
            )
        return found

    def _drop_outdated(self) -> None:
        """Batches that were prefetched, and something was set since."""
        if self._fed != self.changes:
            self._fed = self.changes
            self._feed.close()

    def _flow_index(self) -> Generator[np.ndarray, None, None]:
        """Positions of the samples of one batch after the other, for ever. Old code takes them from here."""
        while True:
            strict = self.compat == "strict"
            if strict and self.seed is not None:
                np.random.seed(self.seed + self._seen)
            self._count_loop()
            if self.n == 0:
                raise DataError("this iterator has no samples: nothing to make a batch of.")
            if not strict and self.batch_index >= len(self):  # n or batch_size was set
                self.reset()
            if self.batch_index == 0 or (strict and self._shown is None):
                self._begin_epoch()
            start = self.batch_index * self.batch_size % self.n
            if strict:
                assert self._shown is not None
                found = self._shown[start : start + self.batch_size]
            else:
                found = self._positions(self.epoch, self.batch_index)
            self.batch_index = self.batch_index + 1 if start + self.batch_size < self.n else 0
            self._seen += 1
            yield found

    def _count_loop(self) -> None:
        """Before each batch."""
        if self._looped == len(self) > 0:
            check_loop(len(self))
        if self._looped is not None:
            self._looped = self._looped + 1 if self._looped < len(self) else None

    def _begin_epoch(self) -> None:
        self._set_index_array()
        if self.compat is None:
            epoch = self._feed.advance()
            self._shown = self._order(epoch)

    def __getstate__(self) -> dict[str, Any]:
        left_out = ("lock", "index_generator", "_indices", "_ring", "saved", "_feed", "_following")
        kept = {name: value for name, value in self.__dict__.items() if name not in left_out}
        return kept | {"_feed": self._feed.position()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        position = state.pop("_feed")
        self.__dict__.update(state)
        self._prepare(position[0])
        self._feed.restore(position)
