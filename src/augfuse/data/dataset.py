"""A data set: a table of what is known of its samples, and a store that holds their images."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, SupportsIndex, final

import msgspec
import numpy as np

from augfuse.algebra.ranges import whole
from augfuse.data.batches.batch_array import Room
from augfuse.data.columns.labels import are_class_numbers, check_named, class_names, in_words, labelled
from augfuse.data.columns.objects import Size, class_counts
from augfuse.data.columns.user_columns import own_columns
from augfuse.data.rows import check_index, check_rows, check_weights
from augfuse.data.sample import Sample
from augfuse.data.split import split_rows
from augfuse.data.stores.joined import JoinedStore
from augfuse.data.stores.store import Read, Store
from augfuse.data.table import Table, joined
from augfuse.errors import DataError, DecodeError, ImageTypeError, RangeError, did_you_mean
from augfuse.plan.settings import BoxFormat
from augfuse.text import shown

if TYPE_CHECKING:
    from augfuse.data.measured.zca import Whitening
    from augfuse.plan.partners import Pool
    from augfuse.recipe import Recipe
    from augfuse.statistics import Statistics
    from augfuse.targets import partners

_MOST_LISTED = 8  # classes in a repr


class Skeleton(NamedTuple):
    """What is known of the key points of a data set. names: of the points. bones: pairs of them that are joined, from 0
    on. flip: which point each becomes in a mirror: of a left eye the right one. () for what is not known."""

    names: tuple[str, ...] = ()
    bones: tuple[tuple[int, int], ...] = ()
    flip: tuple[int, ...] = ()


@final
class DataSet:
    """A data set of n samples: images with labels and targets, made by `af.open`, `af.from_arrays` and the like.

    It does not change: `subset`, `split`, `concat`, `repeat`, `weighted` and `balanced` make another one that shares
    the images.

    Args:
        store: where the images are read from.
        table: the columns.
        classes: names, label k is classes[k]; None for labels without names.
        value_range: the full scale (low, high) of the pixels; None for that of the dtype.
        rows: (n,) int64, sample i is row rows[i] of the store.
        part: "train", "val", "test", or None.
        parts: the data sets of all parts that were opened, by name; empty without parts, and for a subset.
        skeleton: names and connections of the key points, or None.
    """

    __slots__ = ("_paths", "classes", "part", "parts", "rows", "skeleton", "store", "table", "value_range")

    def __init__(
        self,
        store: Store,
        table: Table,
        classes: tuple[str, ...] | None = None,
        value_range: tuple[float, float] | None = None,
        *,
        rows: np.ndarray | None = None,
        part: str | None = None,
        parts: Mapping[str, DataSet] | None = None,
        skeleton: Skeleton | None = None,
    ) -> None:
        """Nothing is checked here. `table` has a row for each of `rows`, by default all of the store."""
        self.store = store
        self.rows = np.arange(len(store), dtype=np.int64) if rows is None else rows
        self.table = table.read_only()
        self.classes = classes
        self.value_range = value_range
        self.part = part
        self.parts: Mapping[str, DataSet] = {} if parts is None else parts
        self.skeleton = skeleton
        self._paths: tuple[str, ...] | None = None

    @property
    def labels(self) -> np.ndarray | None:
        """(n,) int64 class numbers or (n, ...) other numbers, read-only; None where it has none, or where they come
        with the images only."""
        return self.table.labels

    @property
    def groups(self) -> np.ndarray | None:
        """(n,), read-only; samples of one group (a patient, a video) never fall on both sides of a split."""
        return self.table.groups

    @property
    def copies(self) -> np.ndarray | None:
        """(n,) bool, True for the augmented copies that `augfuse augment` wrote."""
        return self.table.copies

    @property
    def sample_weights(self) -> np.ndarray | None:
        """(n,) float32, read-only; what each sample counts in a loss."""
        return self.table.sample_weights

    @property
    def paths(self) -> tuple[str, ...] | None:
        """The file of each sample, in full; in an archive its own name with the member's behind it."""
        names = self.store.names
        if names is None:
            return None
        if self._paths is None:
            everything = len(names) == len(self.rows) and bool((self.rows == np.arange(len(names))).all())
            self._paths = tuple(names) if everything else tuple(names[row] for row in self.rows.tolist())
        return self._paths

    @property
    def images(self) -> np.ndarray | None:
        """All images of the array that was given, (N, h, w, c), also of a subset, whose sample i is images[rows[i]];
        None for files."""
        return self.store.stack

    @property
    def root(self) -> str | None:
        """The folder or archive that was given; None for images in memory."""
        return next(iter(self.store.roots), None)

    @property
    def folder(self) -> str | None:
        """The full path of what holds the class folders, where there is such a folder: all `paths` begin with it."""
        return self.store.folder

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[Sample]:
        return (self[i] for i in range(len(self)))

    def __getitem__(self, index: SupportsIndex, /) -> Sample:
        """Sample `index`, read and decoded. Negative indices and IndexError as for lists. DecodeError, with the path,
        where its file cannot be read."""
        (found,) = self.read(np.array([check_index(index, len(self))]), 1)
        if isinstance(found, DecodeError):
            raise found
        return found

    def read(self, positions: np.ndarray, threads: int, room: Room | None = None) -> list[Read]:
        """Return the samples at these `positions` (k,), each 0 <= position < n, read by up to `threads` threads; a
        DecodeError in place of one that cannot be decoded. `room`: memory for the images, as for a store."""
        found = self.store.read(self.rows[positions].tolist(), threads, room)
        if self.labels is not None:
            chosen = self.labels[positions]
            labels = chosen.tolist() if chosen.ndim == 1 else list(chosen)
            found = [
                one if isinstance(one, DecodeError) else one._replace(label=label)
                for one, label in zip(found, labels, strict=True)
            ]
        if self.table.targets:
            found = [self._with_targets(one, int(i)) for one, i in zip(found, positions, strict=True)]
        return found

    def _with_targets(self, read: Read, position: int) -> Read:
        if isinstance(read, DecodeError):
            return read
        size = Size(*read.image.shape[:2])
        try:
            return read._replace(targets={n: c.entry(position, size) for n, c in self.table.targets.items()})
        except DecodeError as error:
            return DecodeError(error.reason, read.path) if error.path is None else error

    def raw(self, index: SupportsIndex, /) -> bytes:
        """Return the file of sample `index` as it is; at most one byte more than `decode` takes.

        Raises DecodeError if it cannot be read, and DataError if there is no file.
        """
        return self.store.raw(int(self.rows[check_index(index, len(self))]))

    def __repr__(self) -> str:
        words = [f"{len(self)} images" + ("" if self.store.stack is None else f" of {self.store}")]
        if self.classes is not None:
            words.append(self._counted())
        if self.table.targets:
            words.append(f"with {', '.join(self.table.targets)}")
        elif self.labels is None:
            words.append("no labels")
        where = f"{self.store}: " if self.store.stack is None else ""
        parts = ", ".join(f"{name} {len(part)}" for name, part in self.parts.items())
        ending = f"; part {self.part!r} of {parts}" if parts else ""
        return f"DataSet({where}{', '.join(words)}{ending})"

    def _counted(self) -> str:
        """How many classes, and how many images of each."""
        assert self.classes is not None
        words = f"{len(self.classes)} classes"
        if not are_class_numbers(self.labels):
            return words
        counts = np.bincount(self.labels, minlength=len(self.classes))
        listed = [f"{name} {count}" for name, count in zip(self.classes, counts, strict=True)]
        if len(listed) > _MOST_LISTED:
            listed = [*listed[: _MOST_LISTED - 1], "..."]
        return f"{words}: {', '.join(listed)}"

    def subset(self, rows: Sequence[int] | np.ndarray) -> DataSet:
        """Return the samples at positions `rows` (k,), 0..n-1, in this order, repeats allowed; DataError for others."""
        return self._taken(check_rows(rows, len(self)))

    def split(
        self, fraction: float, seed: int = 0, stratify: bool | str = True, groups: Any = None
    ) -> tuple[DataSet, DataSet]:
        """Return two data sets, the rest and about `fraction` held out; see `augfuse.data.split`.

        Args:
            fraction: the share held out, between 0 and 1.
            seed: a whole number; the same seed gives the same split.
            stratify: True: each class keeps its share, also with several labels an image; False: by chance; the name
                of a target, such as "box_labels": the shares of what it holds.
            groups: (n,), samples of one group stay together; by default `data.groups`.

        Raises:
            RangeError, DataError: options that cannot be used, or too few samples or groups.
        """
        groups = self.groups if groups is None else groups
        amounts = None
        if isinstance(stratify, str):
            if stratify not in self.table.targets:
                known = ", ".join(map(shown, self.table.targets))
                other = f", False or one of the targets {known}" if known else " or False"
                raise RangeError(
                    f"split: stratify: got {shown(stratify)}, wanted True{other}."
                    f"{did_you_mean(stratify, self.table.targets)}"
                )
            amounts, stratify = class_counts(self.table.targets[stratify], f"split: {stratify}"), True
        rest, held_out = split_rows(
            len(self), fraction, labels=self.labels, seed=seed, stratify=stratify, groups=groups, amounts=amounts
        )
        return self._taken(rest), self._taken(held_out)

    def concat(self, *others: DataSet) -> DataSet:
        """Return these samples, then those of `others`; classes, value ranges and kinds of labels must be the same,
        else it raises DataError."""
        every, given = (self, *others), list[Any](others)
        for place, other in enumerate(given):
            if not isinstance(other, DataSet):
                raise ImageTypeError(f"concat: got {type(other).__name__}, wanted a data set. Use af.open(path).")
            for name in ("classes", "value_range"):
                mine, theirs = getattr(self, name), getattr(other, name)
                if mine != theirs:
                    hint = " Type other.with_classes(data.classes)." if name == "classes" else ""
                    raise DataError(
                        f"concat: data set {place + 1} has {name} {shown(theirs)}, the one before it {shown(mine)}, "
                        f"wanted the same.{hint}"
                    )
        stores = list({id(one.store): one.store for one in every}.values())
        store = stores[0] if len(stores) == 1 else JoinedStore(stores)
        starts = dict(zip(map(id, stores), np.cumsum([0, *map(len, stores)]).tolist(), strict=False))
        rows = np.concatenate([one.rows + starts[id(one.store)] for one in every])
        table = joined([one.table for one in every], [len(one) for one in every])
        same = all(one.skeleton == self.skeleton for one in every)
        return DataSet(
            store, table, self.classes, self.value_range, rows=rows, skeleton=self.skeleton if same else None
        )

    def repeat(self, times: int) -> DataSet:
        """Return every sample `times` times; each is augmented anew every time that it comes in an epoch."""
        return self._taken(np.tile(np.arange(len(self)), whole("repeat: times", times, 1)))

    def weighted(self, weights: Any) -> DataSet:
        """Return the same samples, of which a shuffled epoch draws n in proportion to `weights` (n,).

        A sample comes n times its share of the weights, rounded up or down by chance, and is augmented anew each time.
        Weights are 0 or more, not all 0, else it raises DataError. A loader that does not shuffle serves each once.
        """
        found = check_weights("weighted", weights, len(self), np.float64)
        return self._with(msgspec.structs.replace(self.table, sampling=found), self.rows)

    def balanced(self) -> DataSet:
        """Return the same samples, of which a shuffled epoch draws each class equally often; see `weighted`."""
        labels = self.labels
        if not are_class_numbers(labels):
            raise DataError(
                f"balanced: got {in_words(labels)}, wanted one class number for each sample. Use "
                "data.weighted(weights)."
            )
        _, codes, counts = np.unique(labels, return_inverse=True, return_counts=True)
        return self.weighted(1.0 / counts[codes.reshape(len(self))])

    def with_classes(self, classes: Sequence[str]) -> DataSet:
        """Return the same samples with `classes` as the names of the classes; DataError if a label has no name."""
        names = class_names(classes)
        check_named(self.labels, names, "with_classes")
        made = self._with(self.table, self.rows)
        made.classes = names
        return made

    def with_labels(self, labels: np.ndarray, classes: Sequence[str] | None = None) -> DataSet:
        """Return the same samples with these `labels` (n, ...); `classes` are the names, if they are class numbers."""
        found, names = labelled(labels, classes, len(self), "with_labels")
        made = self._with(msgspec.structs.replace(self.table, labels=found), self.rows)
        made.classes = names
        return made

    def with_sample_weights(self, weights: Any) -> DataSet:
        """Return the same samples with `weights` for the loss (n,), each 0 or more, not all 0; None for no weights.

        They are `batch.sample_weights`, and the third part of a batch of `loader.to_keras()`.
        """
        found = None if weights is None else check_weights("with_sample_weights", weights, len(self), np.float32)
        return self._with(msgspec.structs.replace(self.table, sample_weights=found), self.rows)

    def with_targets(self, *, box_format: BoxFormat = "pascal_voc", **targets: Any) -> DataSet:
        """Return the same samples with targets: masks, boxes and what else moves with their images.

            af.from_arrays(x).with_targets(mask=masks, boxes=boxes, box_labels=numbers)

        Args:
            box_format: of the boxes given, as in `Recipe`, except "oriented". The data set returns "pascal_voc", [x1,
            y1,
                x2, y2] in pixels, in any case.
            **targets: a list or an array with an entry for each sample: "mask" (h, w), "masks" (k, h, w), "boxes" (k,
            4),
                "box_labels" (k,), "keypoints", "polygons", or a further field; None removes one. Only boxes are copied.

        Raises:
            DataError, ImageError: targets that do not fit the samples.
        """
        columns = own_columns(self.table.targets, len(self), targets, box_format)
        return self._with(msgspec.structs.replace(self.table, targets=columns), self.rows)

    def with_copies(self, copies: np.ndarray) -> DataSet:
        """Return the same samples, with `copies` (n,) bool marking those that are augmented copies of others."""
        return self._with(msgspec.structs.replace(self.table, copies=copies), self.rows)

    def statistics(self, workers: int | None = None, on_error: Literal["raise", "skip"] = "raise") -> Statistics:
        """Return mean, standard deviation and histogram of each channel, the sizes, and the samples of each class.

        Every image is read once. `af.Normalize.from_stats` takes the result, which is the same for any number of
        threads (`workers`, all cores by default), and exact for whole numbers. `on_error` "skip" leaves out files that
        cannot be decoded, with an AugfuseWarning. Raises DecodeError, and DataError for images with different channels
        or depths.
        """
        from augfuse.data.measured.measure import statistics_of

        return statistics_of(self, workers, on_error)

    def zca(self, epsilon: float = 1e-6, workers: int | None = None) -> Whitening:
        """Return ZCA whitening fitted to the images, as fractions of full scale.

        `zca.apply(batch)` takes what `af.ToFloat()` writes. All images have one shape; they are read twice by `workers`
        threads (all cores by default). `epsilon` is added to the variances.
        """
        from augfuse.data.measured.measure import whitening_of

        return whitening_of(self, epsilon, workers)

    def _partners(self, recipe: Recipe, own: np.ndarray) -> tuple[Pool, partners.Read]:
        """What partners of mixes are drawn from for the samples `own`, and what reads them; see `Recipe.batch`."""
        from augfuse.data.batches.partners import of_data

        return of_data(self, recipe, own)

    def _taken(self, positions: np.ndarray) -> DataSet:
        return self._with(self.table.take(positions), self.rows[positions])

    def _with(self, table: Table, rows: np.ndarray) -> DataSet:
        return DataSet(
            self.store, table, self.classes, self.value_range, rows=rows, part=self.part, skeleton=self.skeleton
        )


def as_parts(sets: Mapping[str | None, DataSet]) -> dict[str | None, DataSet]:
    """The same, each knowing which part it is and, where they have names, all others."""
    named = {name: data for name, data in sets.items() if name is not None}
    for name, data in sets.items():
        data.part, data.parts = name, named if name is not None else {}
    return dict(sets)
