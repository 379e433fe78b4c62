"""Batches of a source through a recipe: a function of (epoch, step), prefetched by threads."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, final

import msgspec
import numpy as np

from augfuse.algebra.ranges import truth, whole
from augfuse.algebra.rng import check_epoch, check_seed
from augfuse.batch import Batch
from augfuse.data.batches.batch_array import Room
from augfuse.data.batches.batch_form import Form
from augfuse.data.batches.buffer_pool import Ring
from augfuse.data.batches.collate import collation
from augfuse.data.batches.given_recipe import as_recipe, with_range
from augfuse.data.batches.loader_state import State, loaded
from augfuse.data.batches.order import Order
from augfuse.data.batches.partners import Partners, kinds_of
from augfuse.data.batches.prefetch import compute_ahead, thread_count
from augfuse.data.batches.reader import Reader
from augfuse.data.batches.shard import Shard
from augfuse.data.columns.label_uses import label_kind, labels_for_draws, one_hot_labels, smoothed, smoothing
from augfuse.data.columns.skeleton import with_swaps
from augfuse.data.dataset import DataSet
from augfuse.data.sources.samples import as_data_set
from augfuse.data.stores.samples import Samples
from augfuse.errors import DataError, ReadOnlyError, did_you_mean
from augfuse.frameworks import Served, adapter
from augfuse.recipe import Recipe
from augfuse.recipe_call.arguments import is_planar, wanted_dtype
from augfuse.recipe_call.run_plan import How
from augfuse.targets.partners import met, of_batch, soft_labels, softened
from augfuse.targets.validate import given, of_samples
from augfuse.text import shown
from augfuse.transforms.checks.misused_calls import options
from augfuse.warn_once import warn

if TYPE_CHECKING:
    import tensorflow as tf

    from augfuse.frameworks import KerasSequence, ServedToTorch


Through: TypeAlias = Callable[[Iterator[Batch]], Iterator[Any]]


@final
class Loader:
    """Batches of `data` through `recipe`, one epoch per loop.

        loader = af.Loader(af.from_arrays(x, y), recipe, batch_size=32, seed=0)
        for epoch in range(10):
            for batch in loader: ...          # batch.images, batch.labels; the next loop is the next epoch

    Masks, boxes, key points and polygons of the data set move with the images: `batch.targets`. The same (data, recipe,
    seed) gives the same bytes for any number of workers, in any order of requests, and after a resume. Memory of
    `batch.images` comes from a buffer pool: it is used again once nothing refers to the batch.

    The options are fixed: setting one raises a ReadOnlyError; make another loader. A loop with threads that goes on in
    a fork of the process raises a StateError. A copy (pickle, copy.deepcopy) that is made in the middle of an epoch
    begins with the next epoch, as the next loop of the original does; `state_dict` keeps the place within the epoch.

    Args:
        data: a data set (`af.open`, `from_arrays`, `from_directory`, ...), or what `from_samples` takes.
        recipe: an `af.Recipe`; None for images as they are.
        batch_size: images of a batch.
        seed: a whole number; None draws fresh entropy, kept in `loader.seed`.
        shuffle: a new order in each epoch; None: as `training`.
        training: False applies `recipe.eval()`.
        workers: threads, all cores by default; 0 works in the caller's thread.
        drop_last: leave out a last batch that is not full.
        dtype: "float32" is unrounded, at the input's scale unless the recipe normalises; "float16" has half
            the digits; "uint8" is the rounded input's dtype.
        layout: "NHWC" or "NCHW".
        one_hot: labels as (n, classes) float32.
        shard: (rank, world), this reader's part of every global batch of batch_size * world; "auto" takes it from
            torch.distributed, JAX, Keras or the environment of the process (RANK and WORLD_SIZE, ...).
        on_error, max_skipped: "skip" leaves out files that cannot be decoded, lists them in `loader.skipped`, and
            raises an error when they are more than this fraction of the data.
        collate: "list" makes `batch.images` a list, for images of different sizes.
        pad_to: (height, width) pads images with zeros at the right and below; 32 pads them to multiples of 32 that hold
            the largest of the batch. `batch.pixel_mask` marks the real pixels.
        label_smoothing: the share of each label, 0..1, that is spread evenly over all classes, after mixes.
    """

    @options
    def __init__(
        self, data: DataSet | Samples, recipe: Recipe | None = None, batch_size: int = 32, seed: int | None = None,
        shuffle: bool | None = None, training: bool = True, workers: int | None = None, drop_last: bool = False,
        dtype: Any = "float32", layout: Literal["NHWC", "NCHW"] = "NHWC", one_hot: bool = False,
        shard: tuple[int, int] | Literal["auto"] | None = None, on_error: Literal["raise", "skip"] = "raise",
        max_skipped: float = 0.01, collate: Literal["stack", "list"] = "stack",
        pad_to: tuple[int, int] | int | None = None, label_smoothing: float = 0.0,
    ) -> None:  # fmt: skip
        self._data = data = as_data_set(data)
        self._training = truth("training", training)
        self._batch_size = whole("batch_size", batch_size, 1)
        self._workers = thread_count(workers)
        self._fresh_seed = seed is None
        recipe = with_swaps(with_range(as_recipe(recipe), data.value_range), data)
        self._recipe = recipe if training else recipe.eval()
        self._shard = Shard(shard)
        rank, world = self._shard.place
        shuffle = self._training if shuffle is None else truth("shuffle", shuffle)
        drop_last = truth("drop_last", drop_last)
        if world > 1 and shuffle and seed is None:
            warn(
                f"shard: got {world} readers without a seed: each process draws another order. Give all the same seed=."
            )
        self._order = Order(
            len(data), self._batch_size, check_seed(seed), shuffle, drop_last, rank, world, data.table.sampling
        )
        if len(self._order) == 0:
            raise DataError(
                f"Loader: {len(data)} samples make no batch of {batch_size} for {world} reader(s). "
                "Use a smaller batch_size."
            )
        self._dtype = wanted_dtype(dtype)
        self._layout = layout
        is_planar(layout)
        self._classes = one_hot_labels(self._data) if truth("one_hot", one_hot) else None
        self._smoothing = smoothing(label_smoothing, self.label_kind)
        self._class_names, self._draw_labels = labels_for_draws(self._recipe, self._data)
        self._reader = Reader(self._data, on_error, max_skipped, self._recipe)
        self._kinds = kinds_of(data, self._recipe)
        mixes = self._recipe.inner.asks.mixes
        self._partners = Partners(data, self._recipe, self._reader, self._classes) if mixes else None
        self._collation = collation(collate, pad_to)
        self._as_they_are = not self._recipe.transforms and self._dtype == np.uint8 and self._collation is None
        self._process = 0
        self._settle()
        self._epoch = 0
        self._delivered = 0  # samples of the global stream
        self._iterator = 0  # number of the newest iterator; older ones no longer move the position
        self._begun = False  # has an iterator been made for (epoch, delivered)?

    def __setattr__(self, name: str, value: Any) -> None:
        if name.startswith("_"):
            object.__setattr__(self, name, value)
        elif name == "epoch":
            raise ReadOnlyError(f"Loader.epoch: got {shown(value)}. Type loader.set_epoch({shown(value)}).")
        elif name in _OPTIONS:
            raise ReadOnlyError(
                f"Loader.{name}: got {shown(value)}; it is fixed when the loader is made. Make another one, with "
                f"af.Loader(data, recipe, ..., {name}=...)."
            )
        else:
            raise ReadOnlyError(
                f"Loader has no option {shown(name)}, and its options are fixed.{did_you_mean(name, _OPTIONS)}"
            )

    @property
    def data(self) -> DataSet:
        """The data set."""
        return self._data

    @property
    def recipe(self) -> Recipe:
        """The recipe as it is applied: with training=False its `eval()`."""
        return self._recipe

    @property
    def training(self) -> bool:
        """Whether images are augmented."""
        return self._training

    @property
    def batch_size(self) -> int:
        """Images of a full batch."""
        return self._batch_size

    @property
    def workers(self) -> int:
        """Threads; 0 for none."""
        return self._workers

    @property
    def seed(self) -> int:
        """The seed, also one that was drawn; `load_state_dict` may bring that of a state."""
        return self._order.seed

    @property
    def shuffle(self) -> bool:
        """Whether the order changes with the epoch."""
        return self._order.shuffle

    @property
    def drop_last(self) -> bool:
        """Whether a last batch that is not full is left out."""
        return self._order.drop_last

    def __len__(self) -> int:
        """Batches of an epoch."""
        return len(self._order)

    def __repr__(self) -> str:
        mode = "training" if self.training else "evaluation"
        batches = f"{len(self)} batches of {self.batch_size}"
        return f"Loader({self.data!r}, {batches}, {mode}, seed={self.seed}, epoch={self._epoch})"

    @property
    def epoch(self) -> int:
        """The epoch that a loop is in, or that the next one will serve."""
        return self._epoch

    @property
    def skipped(self) -> dict[int, str]:
        """Samples left out under on_error="skip": position in the source -> why."""
        return dict(self._reader.skipped)

    @property
    def label_kind(self) -> Literal["one-hot", "class numbers"] | None:
        """The kind of its labels; None for other labels, or none."""
        return "one-hot" if self._classes is not None else label_kind(self.data.labels)

    def set_epoch(self, epoch: int) -> None:
        """Let the next loop serve `epoch` from its first batch; a running loop goes on, but moves no position."""
        self._move(check_epoch(epoch), 0)

    def fetch(self, epoch: int, step: int) -> Batch:
        """Return batch `step` of `epoch`, computed in the caller's thread: a pure function, thread-safe."""
        check_epoch(epoch)
        if not 0 <= whole("step", step, 0) < len(self):
            raise IndexError(f"step: got {step}, wanted 0..{len(self) - 1}.")
        self._settle()
        return self._compute(epoch, self._order.batch(epoch, step), max(1, self.workers))

    def stream(self, epoch: int, steps: Iterable[int] | None = None) -> Generator[Batch, None, None]:
        """Return the batches `steps` of `epoch` (all by default) in the order given, prefetched by the loader's
        threads.

        Moves no position. The threads end with the generator: exhausted, closed, dropped, or left by an exception.
        """
        yield from self._stream(epoch, range(len(self)) if steps is None else steps)

    def _stream(
        self, epoch: int, steps: Iterable[int], start: int = 0, form: Form | None = None
    ) -> Generator[Batch, None, None]:
        """`stream` of an epoch that begins at sample `start`, in the form that an adapter wants."""
        self._settle()
        self._shard.check()

        def work(step: int, threads: int) -> Batch:
            return self._compute(epoch, self._order.batch(epoch, step, start), threads, form)

        yield from compute_ahead(work, steps, len(self), self.workers)
        self._reader.report()

    def __iter__(self) -> Iterator[Batch]:
        return self._begin()

    def _begin(self, form: Form | None = None, through: Through | None = None, held: int = 0) -> Iterator[Any]:
        """The iterator of the next loop. `through` turns each batch into what the loop returns, and may prefetch.

        held: batches that it holds.
        """
        self._ring.room_for(self._workers + 3 + held)
        if self._begun:  # an unfinished loop is replaced: the next epoch begins
            self._move(self._epoch + 1, 0)
        self._begun = True
        self._iterator += 1
        return self._iterate(self._epoch, self._delivered, self._iterator, form, through or iter)

    def _iterate(
        self, epoch: int, start: int, number: int, form: Form | None, through: Through
    ) -> Generator[Any, None, None]:
        stream = self._stream(epoch, range(self._order.steps(start)), start, form)
        try:
            for steps, item in enumerate(through(stream), 1):
                if number == self._iterator:
                    self._delivered = self._order.delivered(steps, start)
                yield item
                del item
        finally:
            stream.close()
        if number == self._iterator:
            self._move(epoch + 1, 0)

    def _move(self, epoch: int, delivered: int) -> None:
        self._epoch, self._delivered, self._begun = epoch, delivered, False
        self._iterator += 1

    def _settle(self) -> None:
        """Make new locks in a forked child: a lock that a thread of the parent held stays locked for ever."""
        if self._process != os.getpid():
            # Batches computed or waiting at any time, and the one in the user's hands, and its predecessor.
            self._ring, self._process = Ring(self._workers + 3), os.getpid()
            self._reader.unlock()

    def _compute(self, epoch: int, wanted: np.ndarray, threads: int, form: Form | None = None) -> Batch:
        """The batch of these positions of an epoch."""
        samples = self._order.samples(epoch, wanted)
        labels = None if self._draw_labels is None else self._draw_labels[samples]
        partners, mates, weights = self._partners, None, self.data.sample_weights
        pool = None if partners is None else partners.pool.of(samples)
        drawn = self.recipe.inner.draw(self.seed, epoch, wanted, labels, self._class_names, pool)
        form = form or Form(self._layout, self._ring.take)
        straight = (self._as_they_are or form.as_read) and form.layout == "NHWC"
        room = Room(len(samples), form.take) if straight else None
        read = self._reader.read(samples, threads, room=room)
        if len(read.places) < len(wanted):  # some were skipped
            drawn = drawn.take(read.places)
        labels, own = read.labels, None if weights is None else weights[samples[read.places]]
        if self._classes is not None:
            labels = np.eye(self._classes, dtype=np.float32)[labels]
        held = given(self.recipe, read.targets, read.images.canvas, of_samples(read.names), self._kinds, "pascal_voc")
        how = How(threads, self._dtype, form.layout, form.take if room is None else room.out, form.as_read)
        if partners is not None:
            labels = soft_labels(labels, self.recipe.inner.asks.softens)
            themselves = of_batch(read.images, held, labels, own)
            drawn, mates = met(drawn, read.images, partners.reader(threads, themselves))
        run = self.recipe.inner.run if self._collation is None else partial(self._collation.run, self.recipe)
        batch = run(drawn, read.images, how, labels, read.paths, held, mates)
        for one in (batch, *batch.views.values()):
            if samples is not wanted:  # drawn by their weights: the draws are keyed by the place in the epoch
                one.indices = samples[read.places]
            if self._smoothing:
                one.labels = smoothed(one.labels, self._smoothing)
            if own is not None:
                before = one.plan.before
                one.sample_weights = own if before is None or mates is None else softened(before, own, "weights", mates)
        return batch

    def state_dict(self) -> dict[str, Any]:
        """Return the position, plain data under 1 kB: after the batches delivered so far, of all readers together."""
        return self._state().to_dict()

    def _state(self) -> State:
        order = self._order
        return State(self._epoch, self._delivered, len(self.data), order.seed, order.shuffle, self.recipe.fingerprint())

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Resume from a `state` of `state_dict`: the next loop yields the rest of that epoch.

        Workers, rank, world, batch size and `drop_last` may differ. A loader made without a seed takes that of the
        state. Raises StateError if the state belongs to other data, another recipe, order or seed.
        """
        found = loaded(state, self._state(), self._fresh_seed)
        self._order = msgspec.structs.replace(self._order, seed=found.seed)
        self._move(found.epoch, found.samples)

    def to_keras(self, target: str | None = None) -> KerasSequence:
        """Return the same batches as a `keras.utils.PyDataset`, for `model.fit`, `evaluate` and `predict`; `target` is
        the name of a target that takes the place of the labels, such as "mask"."""
        return adapter("keras").serve(self, target)

    def to_torch(self, pin_memory: bool | None = None, device: Any = None, targets: Any = None) -> ServedToTorch:
        """Return the same batches as tensors, (images (n, c, h, w), labels) or (images, dict of targets): a
        `torch.utils.data.IterableDataset`.

        Images are in page-locked memory with `pin_memory` (None: where CUDA is available). `device` and `targets` are
        those of `to_jax`.
        """
        return adapter("torch").serve(self, pin_memory, device, targets)

    def to_tf(self, prefetch: int = 1, targets: Sequence[str] | None = None) -> tf.data.Dataset[Any]:
        """Return the same batches as a `tf.data.Dataset`, for `model.fit` and loops: each loop is the next epoch.

        TensorFlow takes `prefetch` batches ahead of the loop; the loader's position counts them. `targets` are the
        names of those that are wanted, all by default; what differs in length from image to image is ragged.
        """
        return adapter("tensorflow").serve(self, prefetch, targets)

    def to_jax(
        self, sharding: Any = None, prefetch: int = 2, targets: Sequence[str] | None = None, device: Any = None
    ) -> Served:
        """Return the same batches as JAX arrays.

        Args:
            sharding: of the first axis over devices; with several processes each computes its part (shard="auto").
            prefetch: batches on their way to the device.
            targets: their names, all by default, and "index", the samples' places; what differs in length becomes
                {"values": padded, "counts": (n,)}.
            device: images are sent there as they were read, and augmented there with the same draws.
        """
        return adapter("jax").serve(self, sharding, prefetch, targets, device)


# What the constructor takes, and what may be read of it.
_OPTIONS = tuple(name for name in inspect.signature(Loader.__init__).parameters if name != "self")
