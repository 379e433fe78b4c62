"""Batches of a source through a recipe: a function of (epoch, step), computed ahead by threads."""

from __future__ import annotations

import inspect
import os
from collections.abc import Generator, Iterable, Iterator
from typing import TYPE_CHECKING, Any, Literal, final

import msgspec
import numpy as np

from augfuse.arguments import is_planar, wanted_dtype
from augfuse.batch import Batch
from augfuse.carry_out import How
from augfuse.data.ahead import compute_ahead
from augfuse.data.collate import collation
from augfuse.data.columns import kinds, known_kinds
from augfuse.data.dataset import DataSet
from augfuse.data.label_uses import label_kind, labels_for_draws, one_hot_labels
from augfuse.data.order import Order
from augfuse.data.read import Reader
from augfuse.data.ring import Ring
from augfuse.data.samples import as_data_set
from augfuse.data.skeleton import with_swaps
from augfuse.data.stores.samples import Samples
from augfuse.errors import DataError, ImageTypeError, RangeError, ReadOnlyError, StateError, did_you_mean
from augfuse.ranges import truth, whole
from augfuse.recipe import Recipe
from augfuse.rng import check_epoch, check_seed
from augfuse.targets.given import given, of_samples
from augfuse.text import shown
from augfuse.threads import cpu_count

if TYPE_CHECKING:
    import keras

_STATE_VERSION = 1


@final
class Loader:
    """Batches of `data` through `recipe`, one epoch per loop.

        loader = af.Loader(af.from_arrays(x, y), recipe, batch_size=32, seed=0)
        for epoch in range(10):
            for batch in loader: ...          # batch.images, batch.labels; the next loop is the next epoch

    data: a data set (`af.open`, `from_arrays`, `from_directory`, ...), or what `from_samples` takes. seed None draws
    fresh entropy, kept in `loader.seed`. training=False applies `recipe.eval()` and source order. shuffle None: as
    `training`. workers: threads, all cores by default; 0 works in the caller's thread. drop_last: leave out a last
    batch that is not full. dtype "float32" is unrounded, at the input's scale unless the recipe normalises; "float16"
    is that to half the digits; "uint8" is the rounded input's dtype. one_hot: labels as (n, classes) float32.
    shard=(rank, world): this reader's part of every global batch of batch_size * world. on_error "skip" leaves out
    files that cannot be decoded, lists them in `loader.skipped`, and gives up when they are more than `max_skipped` (a
    fraction) of the source. Images of different sizes want a Resize or a crop in the recipe; pad_to=(height, width)
    pads them with zeros at the right and below, pad_to=32 to multiples of 32 that hold the largest of a batch, and
    `batch.pixel_mask` says what is real; collate="list" makes `batch.images` a list.

    Masks, boxes, key points and polygons of the data set move with the images: `batch.targets`.

    The same (data, recipe, seed) gives the same bytes whatever the workers, the order in which batches are asked for,
    or where a run was resumed. `batch.images` is used again for a later batch only once nothing refers to it any more.

    The options are fixed: setting one raises a ReadOnlyError; make another loader. A loop with threads that goes on in
    a fork of the process raises a StateError. A copy (pickle, copy.deepcopy) that is made in the middle of an epoch
    begins with the next epoch, as the next loop of the original does; `state_dict` keeps the place within the epoch.
    """

    def __init__(
        self,
        data: DataSet | Samples,
        recipe: Recipe | None = None,
        batch_size: int = 32,
        seed: int | None = None,
        shuffle: bool | None = None,
        training: bool = True,
        workers: int | None = None,
        drop_last: bool = False,
        dtype: Any = "float32",
        layout: Literal["NHWC", "NCHW"] = "NHWC",
        one_hot: bool = False,
        shard: tuple[int, int] | None = None,
        on_error: Literal["raise", "skip"] = "raise",
        max_skipped: float = 0.01,
        collate: Literal["stack", "list"] = "stack",
        pad_to: tuple[int, int] | int | None = None,
    ) -> None:
        self._data = data = as_data_set(data)
        self._training = truth("training", training)
        self._batch_size = whole("batch_size", batch_size, 1)
        self._workers = cpu_count() if workers is None else whole("workers", workers, 0)
        self._fresh_seed = seed is None
        recipe = with_swaps(with_range(as_recipe(recipe), data.value_range), data)
        self._recipe = recipe if training else recipe.eval()
        rank, world = _shard(shard)
        shuffle = self._training if shuffle is None else truth("shuffle", shuffle)
        drop_last = truth("drop_last", drop_last)
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
        self._class_names, self._draw_labels = labels_for_draws(self._recipe, self._data)
        self._reader = Reader(self._data, on_error, max_skipped, self._recipe)
        self._kinds = kinds(data.table.targets, known_kinds(self._recipe.additional))
        self._collation = collation(collate, pad_to)
        self._ring = self._new_ring()
        self._process = os.getpid()
        self._epoch = 0
        self._delivered = 0
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
        """What its labels are; None for others, or none."""
        return "one-hot" if self._classes is not None else label_kind(self.data.labels)

    def set_epoch(self, epoch: int) -> None:
        """The next loop serves `epoch` from its first batch. A loop that is running goes on, but moves nothing."""
        self._move(check_epoch(epoch), 0)

    def fetch(self, epoch: int, step: int) -> Batch:
        """Batch `step` of `epoch`, computed in the caller's thread: a pure function, safe from several threads."""
        check_epoch(epoch)
        if not 0 <= whole("step", step, 0) < len(self):
            raise IndexError(f"step: got {step}, wanted 0..{len(self) - 1}.")
        self._settle()
        return self._fetch(epoch, step, max(1, self.workers))

    def stream(self, epoch: int, steps: Iterable[int] | None = None) -> Generator[Batch, None, None]:
        """The batches `steps` of `epoch` (all by default) in the order given, computed ahead by the loader's threads.

        Moves no position. The threads end with the generator: exhausted, closed, dropped, or left by an exception.
        """
        self._settle()
        order = range(len(self)) if steps is None else steps
        yield from compute_ahead(lambda step, n: self._fetch(epoch, step, n), order, len(self), self.workers)
        self._reader.report()

    def __iter__(self) -> Iterator[Batch]:
        if self._begun:  # an unfinished loop is replaced: the next epoch begins
            self._move(self._epoch + 1, 0)
        self._begun = True
        self._iterator += 1
        return self._iterate(self._epoch, self._delivered, self._iterator)

    def _iterate(self, epoch: int, start: int, number: int) -> Iterator[Batch]:
        stream = self.stream(epoch, range(start, len(self)))
        try:
            for delivered, batch in enumerate(stream, start + 1):
                if number == self._iterator:
                    self._delivered = delivered
                yield batch
                del batch
        finally:
            stream.close()
        if number == self._iterator:
            self._move(epoch + 1, 0)

    def _move(self, epoch: int, delivered: int) -> None:
        self._epoch, self._delivered, self._begun = epoch, delivered, False
        self._iterator += 1

    def _new_ring(self) -> Ring:
        # Batches computed or waiting at any time, and the one in the user's hands, and its predecessor.
        return Ring(self._workers + 3)

    def _settle(self) -> None:
        """In a fork: locks that a thread of the parent may have held stay locked, so there are new ones."""
        if self._process != os.getpid():
            self._ring, self._process = self._new_ring(), os.getpid()
            self._reader.unlock()

    def _fetch(self, epoch: int, step: int, threads: int) -> Batch:
        wanted = self._order.batch(epoch, step)
        samples = self._order.samples(epoch, wanted)
        labels = None if self._draw_labels is None else self._draw_labels[samples]
        drawn = self.recipe._draw(self.seed, epoch, wanted, labels, self._class_names)
        read = self._reader.read(samples, threads)
        if len(read.places) < len(wanted):  # some were skipped
            drawn = drawn.take(read.places)
        labels = read.labels
        if self._classes is not None:
            labels = np.eye(self._classes, dtype=np.float32)[labels]
        held = given(self.recipe, read.targets, read.images.canvas, of_samples(read.names), self._kinds, "pascal_voc")
        how = How(threads, self._dtype, self._layout, self._ring.take)
        if self._collation is None:
            batch = self.recipe._run(drawn, read.images, how, labels, read.paths, held)
        else:
            batch = self._collation.run(self.recipe, drawn, read.images, how, labels, read.paths, held)
        weights = self.data.sample_weights
        for one in (batch, *batch.views.values()):
            if samples is not wanted:  # drawn by their weights: the draws are keyed by the place in the epoch
                one.indices = samples[read.places]
            if weights is not None:
                one.sample_weights = weights[samples[read.places]]
        return batch

    def state_dict(self) -> dict[str, Any]:
        """The position, as plain data under 1 kB: after the batches delivered so far."""
        return {
            "version": _STATE_VERSION,
            "epoch": self._epoch,
            "batches": self._delivered,
            "batch_size": self.batch_size,
            "length": len(self.data),
            "seed": self.seed,
            "shuffle": self._order.shuffle,
            "drop_last": self._order.drop_last,
            "shard": [self._order.rank, self._order.world],
            "recipe": self.recipe.fingerprint(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue after the batches a state counts: the next loop yields the rest of that epoch.

        The number of workers may differ. StateError where the state belongs to other data, another recipe, batch size,
        order or seed. A loader made without a seed takes that of the state.
        """
        own = self.state_dict()
        if not isinstance(state, dict) or set(state) != set(own):
            raise StateError(f"state: got {shown(state)}, wanted what loader.state_dict() returns.")
        found = {name: _plain(name, state[name], value) for name, value in own.items()}
        same = ("version", "batch_size", "length", "recipe", "shuffle", "drop_last", "shard")
        for name in same if self._fresh_seed else (*same, "seed"):
            if found[name] != own[name]:
                raise StateError(
                    f"state: {name} is {shown(found[name])}, this loader has {shown(own[name])}. "
                    "Build it as when the state was saved."
                )
        if not 0 <= found["batches"] <= len(self):
            raise StateError(
                f"state: {shown(found['batches'])} batches, this loader has {len(self)} an epoch. "
                "Build it as when the state was saved."
            )
        for name, most in (("epoch", 2**63), ("seed", 2**64)):
            if not 0 <= found[name] < most:
                raise StateError(f"state: {name} is {shown(found[name])}, wanted 0..2**{most.bit_length() - 1} - 1.")
        self._order = msgspec.structs.replace(self._order, seed=found["seed"])
        self._move(found["epoch"], found["batches"])

    def to_keras(self, target: str | None = None) -> keras.utils.PyDataset:
        """The same batches as a `keras.utils.PyDataset`, for `model.fit`, `evaluate` and `predict`. target: the name of
        a target of the data set that takes the place of the labels, such as "mask"."""
        from augfuse.keras.sequence import to_pydataset

        return to_pydataset(self, target)


# What the constructor takes, and what may be read of it.
_OPTIONS = tuple(name for name in inspect.signature(Loader.__init__).parameters if name != "self")


def _plain(name: str, value: Any, own: Any) -> Any:
    """A value of a state as it was saved: StateError for one of another type."""
    if isinstance(own, bool) or not isinstance(own, int):
        value = list(value) if isinstance(own, list) and isinstance(value, tuple) else value
        good = isinstance(value, type(own))
    else:
        good = isinstance(value, (int, np.integer)) and not isinstance(value, bool)
        value = int(value) if good else value
    if not good:
        raise StateError(
            f"state: {name} is {shown(value)}, wanted {type(own).__name__} like {shown(own)}: what loader.state_dict() "
            "returned."
        )
    return value


def _shard(shard: Any) -> tuple[int, int]:
    if shard is None:
        return 0, 1
    if not isinstance(shard, (tuple, list)) or len(shard) != 2:
        raise RangeError(f"shard: got {shown(shard)}, wanted (rank, world) with 0 <= rank < world.")
    rank, world = whole("shard: rank", shard[0], 0), whole("shard: world", shard[1], 1)
    if rank >= world:
        raise RangeError(f"shard: got {shown(shard)}, wanted (rank, world) with 0 <= rank < world. Ranks count from 0.")
    return rank, world


def as_recipe(recipe: Any) -> Recipe:
    if recipe is None:
        return Recipe()
    if not isinstance(recipe, Recipe):
        raise ImageTypeError(f"recipe: got {type(recipe).__name__}, wanted an af.Recipe. Use af.Recipe([...]).")
    return recipe


def with_range(recipe: Recipe, declared: tuple[float, float] | None) -> Recipe:
    """The source's value range holds where the recipe declares none; two that differ are a mistake."""
    if declared is None or recipe.value_range == tuple(declared):
        return recipe
    if recipe.value_range is not None:
        raise DataError(
            f"value_range: the data declares {declared}, the recipe {recipe.value_range}, wanted one. "
            "Leave it out of the recipe."
        )
    return msgspec.structs.replace(recipe, value_range=tuple(declared))
