"""`DirectoryIterator`: what `ImageDataGenerator.flow_from_directory` returns."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, final

import keras
import numpy as np

from augfuse.data.layouts.names import is_left_behind
from augfuse.errors import DataError, DataNotFoundError, ImageTypeError, did_you_mean
from augfuse.keras.checks.edge import checked
from augfuse.keras.checks.reading import WITH_CLASSES, parse_on_error, say_found, why_missing, why_no_split
from augfuse.keras.generator.options import Generator
from augfuse.keras.iterators.file_iterator import FileIterator
from augfuse.keras.iterators.groups import subset_rows
from augfuse.keras.iterators.iterator import Iterator
from augfuse.keras.iterators.listing import Listing, left_behind_folders, warn_of_level
from augfuse.text import shown
from augfuse.warn_once import warn


@final
class NotAFolderError(DataNotFoundError, NotADirectoryError):
    """A file where a folder is wanted: what `NotADirectoryError` and `FileNotFoundError` both catch."""


class DirectoryIterator(FileIterator):
    """Batches of the image files in one folder per class: x, or (x, y).

        directory/cat/1.jpg     the classes are the folders, sorted; files lie in them at any depth

    Args:
        directory: the folder of the class folders.
        image_data_generator: what augments and standardises; None hands out the pixels.
        target_size: (height, width) in pixels.
        color_mode: "rgb", "rgba", "grayscale".
        classes: the folders to use, numbered in this order.
        class_mode: "categorical" y (n, classes), one-hot; "binary" and "sparse" y (n,), class numbers, all in `dtype`;
            "input" y is a copy of x; None no y.
        follow_links: go into folders that are links.
        subset: "validation" is the first validation_split of each class, in the order of the names, and not augmented;
            "training" the rest. A `groups.csv`, as `augfuse augment` writes it, keeps its groups in one subset each,
            and copies out of "validation" (compat="strict" warns instead).
        interpolation: "nearest", "bilinear", "bicubic", "hamming", "box", "lanczos".
        keep_aspect_ratio: cut the middle out, so that nothing is stretched.
        on_error: "skip" (the default with labels) leaves files that cannot be read out of their batch, notes them in
            `skipped`, and warns once. It gives up with a DataError when they are all there are, or more than 3 and more
            than `max_skipped` of all, and for a batch of which nothing is left; `next(it)` goes on to the next one
            instead. "raise" (the default with compat="strict", and with class_mode=None and "input", where rows are
            paired with others by their place) raises the DecodeError.
        others: as in `Iterator` and `ImageDataGenerator.flow_from_directory`.

    Attributes:
        classes: (n,) int32, also `labels`. class_indices: {name: number}. filenames: below `directory`, in order.
        filepaths: with it. samples, n: how many. num_classes. image_shape: of one image. skipped: {position: reason}.

    Raises:
        DataNotFoundError: no such folder.
        DataError: (a ValueError) a class without a folder, an option that does not exist.
        ImageTypeError: (a TypeError) a target size of the wrong type.
    """

    allowed_class_modes = ("categorical", "binary", "sparse", "input", None)

    @checked(Iterator.__init__)
    def __init__(
        self,
        directory: str | os.PathLike[str],
        image_data_generator: Generator | None,
        target_size: tuple[int, int] = (256, 256),
        color_mode: str = "rgb",
        classes: Sequence[str] | None = None,
        class_mode: str | None = "categorical",
        batch_size: int = 32,
        shuffle: bool = True,
        seed: int | None = None,
        data_format: str | None = None,
        save_to_dir: Any = None,
        save_prefix: str = "",
        save_format: str = "png",
        follow_links: bool = False,
        subset: str | None = None,
        interpolation: str = "nearest",
        keep_aspect_ratio: bool = False,
        dtype: Any = None,
        on_error: str | None = None,
        max_skipped: float = 0.1,
        **kwargs: Any,
    ) -> None:
        compat = None if image_data_generator is None else image_data_generator.compat
        self.image_data_generator = image_data_generator
        data_format = keras.config.image_data_format() if data_format is None else data_format
        self._set_options(target_size, color_mode, interpolation, data_format, subset, class_mode)
        self.on_error = parse_on_error(on_error, compat, class_mode)
        self.save_to_dir, self.save_prefix, self.save_format = save_to_dir, save_prefix, save_format
        self.keep_aspect_ratio, self.max_skipped = keep_aspect_ratio, max_skipped
        self.dtype = keras.config.floatx() if dtype is None else dtype
        self.directory = directory

        names = _class_folders(Path(directory), classes, strict=compat == "strict")
        listing = Listing(follow_links, Iterator.white_list_formats, keeps_all=compat == "strict")
        self.num_classes = len(names)
        self.class_indices = {name: number for number, name in enumerate(names)}
        found = [listing.images(os.path.join(directory, name), name) for name in names]  # noqa: PTH118
        paths = [[os.path.join(directory, file) for file in of_class] for of_class in found]  # noqa: PTH118
        rows = subset_rows(paths, subset, self._options())
        kept = [[of_class[row] for row in taken] for of_class, taken in zip(found, rows, strict=True)]
        self.filenames = [name for of_class in kept for name in of_class]
        self.samples = len(self.filenames)
        numbers = [self.class_indices[name] for name in names]
        self.classes = np.repeat(np.array(numbers, np.int32), [len(of_class) for of_class in kept])
        # Not pathlib: it would make another string of "./1.png" or "folder//1.png".
        self._filepaths = [os.path.join(directory, name) for name in self.filenames]  # noqa: PTH118
        say_found(f"Found {self.samples} images belonging to {self.num_classes} classes.")
        listing.warn_of_unread(directory)
        listing.warn_of_hidden(directory, [] if classes else left_behind_folders(Path(directory)))
        if self.samples == 0:
            self._warn_of_nothing(found)
        elif compat is None:
            self._warn_of_classes(names, found)
            if classes is None and class_mode in WITH_CLASSES:
                warn_of_level(directory, names, found)
        elif any(name.lower().endswith(".tiff") for name in self.filenames):
            warn('Using ".tiff" files with multiple bands will cause distortion. Please verify your output.')
        self._check_scale("flow_from_directory")
        Iterator.__init__(self, self.samples, batch_size, shuffle, seed, compat, **kwargs)

    def _warn_of_nothing(self, found: list[list[str]]) -> None:
        if any(found):
            reason = why_no_split(self.subset, self._options())
        else:
            reason = _why_nothing(Path(self.directory), list(self.class_indices), self.white_list_formats)
        warn(f"{self.directory}: {reason}")

    def _warn_of_classes(self, names: list[str], found: list[list[str]]) -> None:
        empty = [name for name, of_class in zip(names, found, strict=True) if not of_class]
        if empty:
            warn(
                f"{self.directory}: no images in {', '.join(map(shown, empty[:5]))}, which counts as a class all the "
                f"same, as in Keras: class_indices has {len(names)} entries. Delete the folder, or pass classes=[...]."
            )
        if self.class_mode == "binary" and len(names) > 2:
            warn(
                f'{self.directory}: class_mode="binary" with {len(names)} classes gives labels 0..{len(names) - 1}. '
                'Use class_mode="sparse" or "categorical", or pass classes=[...] with two of them.'
            )


def _class_folders(root: Path, classes: Sequence[str] | None, strict: bool) -> list[str]:
    if not root.is_dir():
        if root.exists():
            hint = " Unpack it first." if root.suffix.lower() in (".zip", ".gz", ".tar", ".tgz") else ""
            raise NotAFolderError(f"directory: {root} is a file, wanted a folder with one folder per class.{hint}")
        raise DataNotFoundError(f"directory: {why_missing(str(root), kind='folder')}")
    existing = sorted(entry.name for entry in root.iterdir() if entry.is_dir())
    visible = existing if strict else [name for name in existing if not is_left_behind(name)]
    names = list(classes or ())
    if not names:
        return visible
    if not all(isinstance(name, str) for name in names):
        raise ImageTypeError(f"classes: got {names}, wanted folder names, such as {existing[:3]}.")
    if strict:  # Keras finds no images there
        return names
    missing = [name for name in names if not (root / name).is_dir()]
    if missing:
        raise DataError(
            f"classes: {root} has no folder {shown(missing[0])}, only "
            f"{', '.join(map(shown, visible[:20])) or 'files'}."
            f"{did_you_mean(str(missing[0]), existing)}"
        )
    if len(set(names)) < len(names):
        raise DataError(f"classes: got {names}, wanted each name once.")
    return names


def _why_nothing(root: Path, names: list[str], suffixes: tuple[str, ...]) -> str:
    wanted = f"wanted files that end in {', '.join(suffixes)}"
    if any(entry.name.lower().endswith(suffixes) for entry in root.iterdir()):
        return (
            f"its images lie in no class folder; {wanted}, in one folder per class. For images without classes pass "
            "classes=['.'], class_mode=None."
        )
    if not names:
        return f"no images: there are no class folders; {wanted}, in one folder per class."
    return f"no images in {', '.join(map(shown, names[:5]))}; {wanted}."
