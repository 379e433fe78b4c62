"""Offline augmentation: copies made once and stored beside the originals, tied to them by a group key."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Literal, NamedTuple, final

import msgspec
import numpy as np

from augfuse.algebra.ranges import whole
from augfuse.algebra.rng import check_seed
from augfuse.batch import Batch
from augfuse.data.batches.given_recipe import as_recipe, with_range
from augfuse.data.batches.prefetch import thread_count
from augfuse.data.batches.reader import Reader
from augfuse.data.columns.label_uses import labels_for_draws
from augfuse.data.columns.skeleton import with_swaps
from augfuse.data.dataset import DataSet
from augfuse.data.sample import Sample
from augfuse.data.sources.samples import as_data_set
from augfuse.data.stores.samples import Samples
from augfuse.errors import DataError, ImageError, RecipeError
from augfuse.execute.batch_images import as_images
from augfuse.recipe import Recipe
from augfuse.recipe_call.run_plan import How
from augfuse.targets.validate import Given, given
from augfuse.transforms.base import Write
from augfuse.transforms.views import Views

_BLOCK_BYTES = 16 * 2**20
_BLOCK_FILES = 256


def augment(
    source: DataSet | Samples,
    recipe: Recipe,
    copies: int = 1,
    seed: int = 0,
    workers: int | None = None,
    on_error: Literal["raise", "skip"] = "raise",
) -> tuple[np.ndarray, np.ndarray | None, np.ndarray]:
    """Make `copies` augmented copies of every image of `source`, each with the label of its original.

        x, y, group = af.augment(af.from_arrays(x, y), recipe, copies=2)
        train, val = af.from_arrays(x, y, groups=group).split(0.2)      # no copy is parted from its original

    The pixels are meant to be stored: a Normalize or ToFloat at the end of the recipe is left for training, and
    deterministic transforms (Resize) apply to the originals too. Copy j of image i is what a Loader with this seed
    serves for image i in epoch j - 1.

    Rather than store copies, let a Loader draw new ones in each epoch where you can: it costs less memory, and the
    network never sees the same copy twice. Keep copies out of validation data in either case.

    Args:
        source: a data set, or what `from_samples` takes.
        recipe: an `af.Recipe` with at least one random transform.
        copies: augmented copies of each image, 1 or more.
        seed: a whole number; the copies follow from it.
        workers: threads, all cores by default; they change no byte.
        on_error: "skip" leaves out files that cannot be decoded, with an AugfuseWarning.

    Returns:
        x (n * (copies + 1), h, w, c), in the dtype of the images, where x[::copies + 1] are the originals; y, their
            labels, or None; group, the position of the original in `source`, or the group that the source gives it.

    Raises:
        RecipeError: nothing random in the recipe.
        ImageError: images of different sizes.
        DataError: a source that cannot be used.
        DecodeError: a file that cannot be decoded.
    """
    data = as_data_set(source)
    if data.table.targets:
        raise DataError(
            f"augment: its images have {', '.join(data.table.targets)}, which arrays of images and labels do not hold. "
            "Write files: augfuse augment SRC DST --to coco, yolo, voc or tfrecord."
        )
    recipe = with_range(as_recipe(recipe), data.value_range)
    reader = Reader(data, on_error, 1.0, recipe)
    x, y, group = collect(data, reader, recipe, whole("copies", copies, 1), seed, workers)
    reader.report()
    return x, y, group


def collect(
    data: DataSet, reader: Reader, recipe: Recipe, copies: int, seed: int | None, workers: int | None
) -> tuple[np.ndarray, np.ndarray | None, np.ndarray]:
    """What `augment` returns; `copies` may be 0, and what was skipped stays in `reader.skipped`."""
    x: np.ndarray | None = None
    labels: list[Any] = [None] * len(data)
    kept = np.zeros(len(data), bool)
    for block in augmented(data, reader, recipe, copies, seed, workers):
        if x is None:
            x = np.empty((len(data), copies + 1, *block.versions[0].shape[1:]), block.versions[0].dtype)
        for place, version in enumerate(block.versions):
            if version.shape[1:] != x.shape[2:] or version.dtype != x.dtype:
                raise ImageError(
                    f"sample {block.rows[0]}: got {version.dtype.name} {version.shape[1:]} beside {x.dtype.name} "
                    f"{x.shape[2:]}, wanted images of one size and kind to put into an array. Begin the recipe with "
                    "af.Resize, give the source a color ('rgb'), or write files: augfuse augment SRC DST."
                )
            x[block.rows, place] = version
        for row, label in zip(block.rows.tolist(), block.labels, strict=True):
            labels[row] = label
        kept[block.rows] = True
    assert x is not None  # `augmented` yields something or raises
    rows = np.flatnonzero(kept)
    x = (x if len(rows) == len(data) else x[rows]).reshape(-1, *x.shape[2:])
    keys = data.groups
    group = np.repeat(rows if keys is None else keys[rows], copies + 1)
    named = [labels[row] for row in rows.tolist()]
    y = None if all(label is None for label in named) else np.repeat(np.array(named), copies + 1, axis=0)
    return x, y, group


class Block(NamedTuple):
    """Some samples of a source, whose images have one size, with their copies.

    rows: (m,) int64, positions in the source. labels: m labels. versions: the originals and each round of copies,
    arrays (m, h, w, c); for a single sample their sizes may differ.
    """

    rows: np.ndarray
    labels: list[Any]
    versions: list[np.ndarray]


@final
class Versions:
    """What a recipe makes of the images of a data set that are stored: the originals, and their copies.

    RecipeError for a recipe that makes no copies. keeps_originals: whether originals stay as they are.
    """

    __slots__ = ("_kept", "_labels", "_names", "_pixels", "_seed", "_threads", "keeps_originals")

    def __init__(self, data: DataSet, recipe: Recipe, copies: int, seed: int | None, threads: int) -> None:
        pixels = stored_form(with_swaps(with_range(recipe, data.value_range), data))
        pixels = msgspec.structs.replace(pixels, box_format="pascal_voc")  # as data sets hold boxes
        if pixels.transforms and isinstance(pixels.transforms[-1], Views):
            raise RecipeError(
                "the recipe ends in Views, several outputs of each image, and a stored copy is one. Put the transforms "
                "of one view into the recipe."
            )
        self._kept = pixels.eval()
        if copies and self._kept == pixels:
            raise RecipeError(
                "the recipe has nothing random in it: each copy would equal its original. Add af.Rotate(10)."
            )
        self._pixels = pixels
        self._seed = check_seed(seed)
        self._threads = threads
        self._names, self._labels = labels_for_draws(pixels, data)
        self.keeps_originals = not self._kept.transforms

    def original(self, images: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """Images of one size, as they are stored. rows: their positions in the data set."""
        if self.keeps_originals:
            return images
        return self._kept.batch(images, seed=self._seed, indices=rows, workers=self._threads).images

    def copy(self, images: np.ndarray, rows: np.ndarray, epoch: int) -> np.ndarray:
        """The copies of a round, from 0 on."""
        return self._made(self._pixels, images, rows, epoch, None).images

    def annotated(self, image: np.ndarray, row: int, version: int, targets: Mapping[str, Any], what: Any) -> Batch:
        """A version of the image at `row`, 0 for the original, with what belongs to it. what: see `given`."""
        recipe, images = self._pixels if version else self._kept, as_images(image[None])
        held = given(recipe, {name: [entry] for name, entry in targets.items()}, images.canvas, *what)
        return self._made(recipe, image[None], np.array([row]), max(version - 1, 0), held)

    def _made(self, recipe: Recipe, images: np.ndarray, rows: np.ndarray, epoch: int, held: Given | None) -> Batch:
        labels = None if self._labels is None else self._labels[rows]
        drawn = recipe.inner.draw(self._seed, epoch, rows, labels, self._names)
        return recipe.inner.run(drawn, as_images(images), How(workers=self._threads), held=held)


def augmented(
    data: DataSet, reader: Reader, recipe: Recipe, copies: int, seed: int | None, workers: int | None
) -> Iterator[Block]:
    """All samples that `reader` can read, with `copies` (0 or more) augmented copies each; not in order of the rows.

    Raises DataError where nothing can be read.
    """
    threads = thread_count(workers)
    made = Versions(data, recipe, copies, seed, threads)
    found = 0

    def versions(images: np.ndarray, rows: np.ndarray) -> list[np.ndarray]:
        return [made.original(images, rows), *(made.copy(images, rows, epoch) for epoch in range(copies))]

    for rows, labels, images in _same_sized(data, reader, threads):
        found += len(rows)
        try:
            blocks: Iterable[Block] = [Block(rows, labels, versions(images, rows))]
        except ImageError:  # a recipe that swaps the sides of some images; alone, each has its own size
            if len(rows) == 1:
                raise
            ones = [slice(i, i + 1) for i in range(len(rows))]
            blocks = (Block(rows[one], labels[one], versions(images[one], rows[one])) for one in ones)
        yield from blocks
    if not found:
        raise DataError(f"none of the {len(data)} images can be read: {next(iter(reader.skipped.values()))}")


def stored_form(recipe: Recipe) -> Recipe:
    """The recipe without a write part (Normalize, ToFloat): that belongs to training, not into stored pixels."""
    return msgspec.structs.replace(recipe, transforms=tuple(t for t in recipe.transforms if not isinstance(t, Write)))


def _same_sized(data: DataSet, reader: Reader, threads: int) -> Iterator[tuple[np.ndarray, list[Any], np.ndarray]]:
    """(rows, labels, images) of samples of one size, as many at a time as pay."""
    stack = data.images
    if stack is not None:
        size = max(1, _BLOCK_BYTES // stack[0].nbytes)
        for start in range(0, len(data), size):
            rows = np.arange(start, min(start + size, len(data)))
            labels = [None] * len(rows) if data.labels is None else list(data.labels[rows])
            yield rows, labels, stack[data.rows[rows]]
        return
    for start in range(0, len(data), _BLOCK_FILES):
        numbers = np.arange(start, min(start + _BLOCK_FILES, len(data)))
        alike: dict[Any, list[tuple[int, Sample]]] = {}
        for row, sample in zip(numbers.tolist(), reader.samples(numbers, max(1, threads)), strict=True):
            if sample is not None:
                alike.setdefault((sample.image.shape, sample.image.dtype), []).append((row, sample))
        for found in alike.values():
            images = np.stack([sample.image for _, sample in found])
            yield np.array([row for row, _ in found]), [sample.label for _, sample in found], images
