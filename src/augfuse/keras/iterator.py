"""The base of the iterators: batches in Keras' order or keyed, as a `PyDataset` and as an endless Python iterator."""

from __future__ import annotations

import sys
import threading
from collections.abc import Generator, Iterable
from typing import TYPE_CHECKING, Any, Literal

import keras
import numpy as np

from augfuse.data.ahead import compute_ahead
from augfuse.data.order import Order
from augfuse.data.ring import Ring
from augfuse.errors import DataError, RangeError
from augfuse.execute.cpu import cpu_count
from augfuse.keras import rules, watch
from augfuse.keras.edge import checked
from augfuse.keras.feed import Feed, called_by_keras, who_asks
from augfuse.keras.following import Following
from augfuse.keras.inputs import for_keras
from augfuse.keras.notices import notice
from augfuse.keras.pictures import save_pictures
from augfuse.keras.saving import check_saving
from augfuse.keras.steps import Pixels
from augfuse.keras.transform import transform
from augfuse.keras.traps import check_loop
from augfuse.ranges import whole
from augfuse.rng import check_seed

if TYPE_CHECKING:
    from augfuse.keras.generator import ImageDataGenerator


def global_seed() -> int:
    """A seed from NumPy's global generator, so that `numpy.random.seed` and `keras.utils.set_random_seed` hold."""
    return int(np.random.randint(0, 2**63 - 1, dtype=np.int64))


class Iterator(keras.utils.PyDataset):
    """Endless batches of n samples; abstract. `fit`, `evaluate` and `predict` of a Keras model take it.

    `next(it)` and `for batch in it` go on for ever, epoch after epoch; `it[i]` is batch i of the current epoch, and
    `len(it)` how many an epoch has. The last batch of an epoch may be smaller. `reset()` goes back to a first batch.

    shuffle: a new order each epoch. seed: what orders and augmentations follow from; None takes one from NumPy's global
    generator. workers: threads that compute ahead, all cores by default; use_multiprocessing and max_queue_size are
    taken and not needed, since nothing runs in other processes.

    A batch is a function of (seed, epoch, i), whoever asks in whatever order. With compat="strict" it is what Keras'
    class gives: drawn from NumPy's global generator, which is set to seed + total_batches_seen before each batch.

    A subclass of your own calls `Iterator.__init__` and overrides `_get_batches_of_transformed_samples(index_array)`.

    n, batch_size, shuffle, seed: as given. batch_index: the batch `next` gives next. total_batches_seen: batches handed
    out. index_array: the order of the epoch that the last batch was from. epoch: its number.
    """

    white_list_formats = ("png", "jpg", "jpeg", "bmp", "ppm", "tif", "tiff")

    image_data_generator: ImageDataGenerator | None = None
    dtype: Any = "float32"
    save_to_dir: Any = None
    save_prefix: str = ""
    save_format: str = "png"
    subset: str | None = None
    one_hot: bool | None = None  # whether labels are; None: there are none, or not of one class each
    other_labels: str = ""  # what to type for labels of the other kind
    reads_files = False  # then it is worth while to compute ahead of `next`
    save_numbers = 10**7  # compat="strict": file names end in a number below this

    @checked(compat=rules.compat)
    def __init__(
        self,
        n: int,
        batch_size: int,
        shuffle: bool,
        seed: int | None,
        compat: Literal["strict"] | None = None,
        workers: int | None = None,
        use_multiprocessing: bool = False,
        max_queue_size: int = 10,
    ) -> None:
        keras.utils.PyDataset.__init__(self)
        self.n = n
        self.batch_size = whole("batch_size", batch_size, 1)
        self.shuffle = shuffle
        self.seed = seed
        self.compat: Literal["strict"] | None = compat
        self.threads = max(1, cpu_count() if workers is None else whole("workers", workers, 0))
        self.max_queue_size = max_queue_size
        self.batch_index = 0
        self.total_batches_seen = 0
        self.index_array: np.ndarray | None = None
        self.key = 0 if compat else global_seed() if seed is None else check_seed(seed)
        check_saving(self)
        self._looped: int | None = None  # batches since a loop began, until they are more than an epoch
        self._prepare(0)
        if compat is None:
            self._say_what_differs()

    def _prepare(self, epoch: int) -> None:
        """What is not pickled."""
        self.lock = threading.Lock()
        self.index_generator = self._flow_index()
        self._order = Order(self.n, self.batch_size, self.key, self.shuffle)
        self._ring = Ring(self.threads + 3)
        self._feed = Feed(self, epoch, trains=True)
        # Pictures of batches that nobody asks for are not to be saved, and Keras draws when it is asked.
        ahead = self.reads_files and self._is_ours and self.compat is None and not self.save_to_dir
        self._following = Following(self) if ahead else None

    def _say_what_differs(self) -> None:
        augments = self.image_data_generator is not None and self.image_data_generator.augments
        if self.seed is not None and (augments or self.shuffle):
            notice(
                "seed",
                "Keras resets NumPy's global seed before each batch, and a batch depends on how many were asked for "
                "before it. Here a batch is a function of seed, epoch and position: other draws than Keras' for the "
                "same seed.",
            )
        if augments and self.subset == "validation":
            notice("validation", "Keras augments the validation subset; here it is only standardised.")
        if self.save_to_dir is not None:
            notice(
                "save-to-dir",
                "With save_to_dir Keras draws file names from the same generator, which changes the augmentations, and "
                "stretches each picture to 0..255. Here nothing changes, and pictures are saved as they are.",
            )

    def __len__(self) -> int:
        """Batches of an epoch."""
        return -(-self.n // self.batch_size)

    def __getitem__(self, idx: int) -> Any:
        """Batch `idx` of the current epoch. ValueError where there is none."""
        frame = sys._getframe(1)
        if not -len(self) <= idx < len(self):
            raise RangeError(f"batch {idx} of an iterator with {len(self)} batches: wanted 0..{len(self) - 1}.")
        if self.compat == "strict":
            if self.seed is not None:
                np.random.seed(self.seed + self.total_batches_seen)
            self.total_batches_seen += 1
            if self.index_array is None:
                self._set_index_array()
            order = self.index_array
            assert order is not None
            batch = self._get_batches_of_transformed_samples(order[self.batch_size * idx : self.batch_size * (idx + 1)])
            return for_keras(batch) if called_by_keras(frame) else batch
        batch = self._feed.get(idx % len(self))
        with self.lock:
            self.total_batches_seen += 1
            self.index_array = self._order.of(self.epoch)
        return for_keras(_with_tuples(batch)) if called_by_keras(frame) else batch

    def __iter__(self) -> Any:
        self._looped = 0
        return self

    def __next__(self) -> Any:
        with self.lock:
            index_array = next(self.index_generator)
            epoch, step = self.epoch, (self.batch_index or len(self)) - 1
        if self._following is not None:
            return self._following.get(epoch, step)
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
        watch.observe(asker, self)

    def on_epoch_end(self) -> None:
        """Keras calls this when one of its epochs ends, and once before the first. By hand: the next epoch."""
        if self.compat == "strict":
            self._set_index_array()
        else:
            self._feed.end(sys._getframe(1))

    @property
    def num_batches(self) -> int:
        """`len(it)`, under the name by which Keras reads it."""
        if self.compat is None:
            self._feed.counted(sys._getframe(1))
        return len(self)

    @property
    def epoch(self) -> int:
        """The epoch that `it[i]` and the last batch belong to; 0 is the first."""
        return self._feed.epoch

    @property
    def augments(self) -> bool:
        """Whether its images are transformed at random; those of the validation subset are not."""
        return self.image_data_generator is not None and self.image_data_generator.augments and not self._spares

    @property
    def workers(self) -> int:
        """1: Keras asks from one thread. The parallel work is done by threads of the iterator: `threads`."""
        return 1

    @workers.setter
    def workers(self, value: int) -> None:
        self.threads = max(1, value)  # Keras sets 1 in its own constructor, before ours goes on

    @property
    def use_multiprocessing(self) -> bool:
        """False: threads do the work, whatever is set."""
        return False

    @use_multiprocessing.setter
    def use_multiprocessing(self, value: bool) -> None:
        pass

    def fetch(self, epoch: int, step: int) -> Any:
        """Batch `step` of `epoch`, computed in the caller's thread. Not with compat="strict"."""
        return self._serve(self._order.batch(epoch, step), epoch, self.threads)

    def stream(self, epoch: int, steps: Iterable[int]) -> Generator[Any, None, None]:
        """The batches `steps` of `epoch` in that order, computed ahead by threads."""
        # Code of a subclass may count on being called in order, by one thread.
        threads = self.threads if self._is_ours else 0
        yield from compute_ahead(
            lambda step, n: self._serve(self._order.batch(epoch, step), epoch, n), steps, len(self), threads
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
        kept, pixels = self.read(index_array, threads)
        generator = self.image_data_generator
        batch_x, pictures = transform(
            generator,
            pixels,
            kept,
            key=self.key,
            epoch=epoch,
            augment=not self._spares,
            threads=threads,
            take=self._ring.take,
            pictures=self.save_to_dir is not None,
        )
        batch_x = batch_x.astype(self.dtype, copy=False)
        if self.save_to_dir is not None:
            save_pictures(self, batch_x, pictures, kept, epoch, (pixels.low, pixels.high))
        return self.pack(batch_x, kept)

    def _set_index_array(self) -> None:
        self.index_array = np.random.permutation(self.n) if self.shuffle else np.arange(self.n)

    def _flow_index(self) -> Generator[np.ndarray, None, None]:
        """Positions of the samples of one batch after the other, for ever. Old code takes them from here."""
        while True:
            if self.compat == "strict" and self.seed is not None:
                np.random.seed(self.seed + self.total_batches_seen)
            self._count_loop()
            if self.batch_index == 0:
                self._begin_epoch()
            if self.n == 0:
                raise DataError("this iterator has no samples: nothing to make a batch of.")
            start = self.batch_index * self.batch_size
            self.batch_index = self.batch_index + 1 if start + self.batch_size < self.n else 0
            self.total_batches_seen += 1
            assert self.index_array is not None
            yield self.index_array[start : start + self.batch_size]

    def _count_loop(self) -> None:
        """Before each batch."""
        if self._looped == len(self) > 0:
            check_loop(len(self))
        if self._looped is not None:
            self._looped = self._looped + 1 if self._looped < len(self) else None

    def _begin_epoch(self) -> None:
        if self.compat == "strict":
            self._set_index_array()
        else:
            self.index_array = self._order.of(self._feed.advance())

    def __getstate__(self) -> dict[str, Any]:
        left_out = ("lock", "index_generator", "_order", "_ring", "_feed", "_following")
        return {name: value for name, value in self.__dict__.items() if name not in left_out} | {
            "_feed": self._feed.position()
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        position = state.pop("_feed")
        self.__dict__.update(state)
        self._prepare(position[0])
        self._feed.restore(position)


def _with_tuples(batch: Any) -> Any:
    """Several inputs or outputs as tuples, not lists, which `fit` on TensorFlow would make one tensor of.

    Inputs alone are wrapped once more, or Keras would take the second one for the labels.
    """
    if isinstance(batch, list):
        return (tuple(batch),)
    return (
        tuple(tuple(part) if isinstance(part, list) else part for part in batch) if isinstance(batch, tuple) else batch
    )
