"""The iterators over image files: their options, reading a batch in threads, and what goes with the images.

Attributes are read as they are, for old code changes them after the constructor.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, NoReturn, final

import numpy as np

from augfuse.errors import DataError, DataNotFoundError, DecodeError
from augfuse.keras.checks import on_pass, reading
from augfuse.keras.checks.mistakes import check_statistics
from augfuse.keras.generator.steps import Pixels
from augfuse.keras.images import COLOR_MODES, INTERPOLATIONS, read_image
from augfuse.keras.iterators.attributes import FIXED
from augfuse.keras.iterators.iterator import Iterator
from augfuse.text import shown
from augfuse.threads import mapped
from augfuse.warn_once import warn

_EIGHT_BIT = (0.0, 255.0)
_CHOICES: Mapping[str, Sequence[Any]] = {
    "color_mode": COLOR_MODES,
    "interpolation": tuple(INTERPOLATIONS),
    "data_format": ("channels_last", "channels_first"),
    "class_mode": ("categorical", "binary", "sparse", "input", "raw", "multi_output", None),
    "on_error": ("skip", "raise"),
}
_FIXED: Mapping[str, str] = {
    **FIXED,
    "allowed_class_modes": "Set it on the class, before the iterator is made.",
    "directory": "The files are listed already, in filepaths. Make another iterator for another folder.",
    "split": "Make another iterator with the other subset.",
    "num_classes": "It follows from class_indices: set that.",
    "filepaths": "Change the list in place (it.filepaths[:] = ...), with filenames, classes and n as they are wanted.",
    "labels": 'They follow from classes; those of "raw" and "multi_output" from the dataframe.',
    "sample_weight": "Name a column of the dataframe: flow_from_dataframe(..., weight_col=...)",
}
_FEW = 3  # bad files that are let pass however small the data set is


@final
class EmptyBatchError(DataError):
    """No file of a batch can be read. `next(it)` goes on to the next batch instead of raising it."""


class FileIterator(Iterator):
    """Batches of image files with what goes with them; abstract: `DirectoryIterator` and `DataFrameIterator`.

    A subclass calls `_set_options`, sets the other options and what it finds, and calls `Iterator.__init__`.
    """

    reads_files = True
    fixed = _FIXED
    allowed_class_modes: ClassVar[Sequence[str | None]]

    class_indices: dict[str, int]
    classes: Any  # the class number of each file
    filenames: list[str]
    samples: int
    _filepaths: list[str]
    keep_aspect_ratio: bool
    on_error: str
    max_skipped: float

    def _set_options(
        self, target_size: Any, color_mode: str, interpolation: str, data_format: str, subset: Any, class_mode: Any
    ) -> None:
        """Check and keep what decides about the files and the pixels."""
        reading.check_choice("color mode", color_mode, COLOR_MODES)
        reading.check_choice("interpolation", interpolation, tuple(INTERPOLATIONS))
        reading.check_choice("class_mode", class_mode, self.allowed_class_modes)
        self.target_size = reading.parse_target_size(target_size)
        self.color_mode, self.interpolation, self.data_format = color_mode, interpolation, data_format
        self.image_shape = reading.image_shape(self.target_size, color_mode, data_format)
        self.split = reading.parse_subset(subset, self._options())
        self.subset, self.class_mode = subset, class_mode
        self.one_hot, self.other_labels = reading.kind_of_labels(class_mode)
        self.skipped: dict[int, str] = {}

    @property
    def filepaths(self) -> list[str]:
        """The files, in order."""
        return self._filepaths

    @property
    def labels(self) -> Any:
        """What the class mode makes of them, one for each file."""
        return self.classes

    @property
    def sample_weight(self) -> np.ndarray | None:
        """(n,) the weights of the samples, or None."""
        return None

    def accept(self, name: str, value: Any) -> Any:
        """What is stored for an attribute that is set once the iterator is made; errors as from the constructor."""
        own = self.__dict__  # what goes with it is not "set"
        if name in _CHOICES:
            reading.check_choice(name, value, _CHOICES[name])
        if name == "target_size":
            value = reading.parse_target_size(value)
        elif name == "image_shape":
            own["target_size"], own["color_mode"] = reading.parse_image_shape(value, self.data_format)
            value = tuple(value)
        elif name == "class_mode":
            own["one_hot"], own["other_labels"] = reading.kind_of_labels(value)
            if self.compat is None and value in reading.UNLABELLED and self.class_mode not in reading.UNLABELLED:
                own["on_error"] = "raise"  # as by default, whatever was asked for with labels
        elif name in ("n", "samples") and self.compat is None:
            value = own["n"] = own["samples"] = Iterator.accept(self, "n", value)
        elif name == "class_indices":
            own["num_classes"] = len(value)
        if name in ("target_size", "color_mode", "data_format"):
            size, mode, layout = ({**own, name: value}[key] for key in ("target_size", "color_mode", "data_format"))
            own["image_shape"] = reading.image_shape(size, mode, layout)
        return Iterator.accept(self, name, value)

    def __next__(self) -> Any:
        """The next batch of which a file can be read."""
        while True:
            try:
                return Iterator.__next__(self)
            except EmptyBatchError:
                continue

    def read(self, index_array: np.ndarray, threads: int) -> tuple[np.ndarray, Pixels]:
        """The positions whose files could be read, in order, and their images at the target size.

        uint8 if all images are, uint16 if all are, else float32. Full scale is 0..65535 where there is a uint16 image.
        Raises EmptyBatchError where no file of the batch can be read, DataError where too many altogether cannot.
        """
        size = reading.parse_target_size(self.target_size)
        paths, strict = self.filepaths, self.compat == "strict"
        index_array = self.rows_of(index_array, len(paths), "files in filepaths")
        positions, count = index_array.tolist(), len(index_array)
        shape = (count, *size, reading.CHANNELS[self.color_mode])
        stack = np.empty(shape, np.float32 if strict else np.uint8)
        others: dict[int, np.ndarray] = {}  # row -> an image of another dtype

        def read_row(row: int) -> bool:
            position = positions[row]
            if position in self.skipped:
                return False
            path = paths[position]
            try:
                image = read_image(path, self.color_mode, size, self.interpolation, self.keep_aspect_ratio, strict)
            except OSError as error:
                if self.on_error == "skip":
                    self._skip(position, error)
                    return False
                if self.compat is None and self.class_mode in reading.UNLABELLED:
                    self._raise_unpaired(path, error)
                if isinstance(error, (DecodeError, FileNotFoundError)):
                    raise
                raise DecodeError(f"the file cannot be read ({error.strerror}).", path) from error
            if image.dtype == stack.dtype:
                stack[row] = image
            else:
                others[row] = image
            return True

        rows = np.flatnonzero(list(mapped(read_row, range(count), min(threads, count), "decode")))
        if rows.size < count:
            self._check_skipped()
        if not rows.size:
            reasons = "; ".join(self.skipped[position] for position in positions[:3])
            raise EmptyBatchError(
                f"none of the {count} files of this batch can be read, and Keras takes no batch without "
                f"images: {reasons} Mend or delete them."
            )
        return index_array[rows], _merge(stack, others, rows)

    def pack(self, batch_x: np.ndarray, index_array: np.ndarray) -> Any:
        """x, (x, y) or (x, y, weights), as class_mode says."""
        options = self._options()
        made = "channels_last" if options is None else options.data_format
        if made != self.data_format:
            here, wanted = (3, 1) if made == "channels_last" else (1, 3)
            batch_x = np.ascontiguousarray(np.moveaxis(batch_x, here, wanted))
        if self.class_mode not in ("input", "binary", "sparse", "categorical", "multi_output", "raw"):
            return batch_x
        batch_y = self._batch_y(batch_x, index_array)
        weights = self.sample_weight
        if weights is None:
            return batch_x, batch_y
        self.check_rows("sample_weight", weights, len(self.filepaths))
        return batch_x, batch_y, weights[index_array]

    def checked_labels(self) -> tuple[np.ndarray | None, int | None]:
        """As numbers, or how many columns the labels have."""
        if self.class_mode == "categorical":
            return None, len(self.class_indices)
        unknown = self.class_mode in (None, "input", "multi_output")
        return (None, None) if unknown else on_pass.numbers_or_columns(self.labels)

    def _check_scale(self, method: str) -> None:
        """Warn where the statistics of the generator were fitted to images on another scale than files are read at."""
        options = self._options()
        if options is None or options.compat is not None or options.fitted_scale is None:
            return
        low, high = options.fitted_scale
        # What was fitted to 16 bits may fit: how deep files are is only seen when they are read.
        if high - low <= _EIGHT_BIT[1]:
            check_statistics(options, f"{method}: values of files", _EIGHT_BIT)

    def _batch_y(self, batch_x: np.ndarray, index_array: np.ndarray) -> Any:
        mode = self.class_mode
        if mode == "input":
            return batch_x.copy()
        made = "classes" if mode in reading.WITH_CLASSES else "labels"
        labels = getattr(self, made, None)
        if labels is None:
            raise DataError(f"class_mode={shown(mode)} was set on an iterator made without {made}. Make another self.")
        n = len(self.filepaths)
        for column in labels if mode == "multi_output" else [labels]:
            self.check_rows(made, column, n)
        if mode == "multi_output":
            return [output[index_array] for output in labels]
        if mode == "raw":
            return labels[index_array]
        ids = [self.classes[position] for position in index_array]
        if mode in ("binary", "sparse"):
            return np.array(ids, self.dtype)
        batch_y = np.zeros((len(ids), len(self.class_indices)), self.dtype)
        for row, of_sample in zip(batch_y, ids, strict=True):
            row[of_sample] = 1  # one number, or a list of them
        return batch_y

    def _skip(self, position: int, error: OSError) -> None:
        """Note that a file cannot be read, and say so the first time."""
        path = str(self.filepaths[position])
        reason = str(error) if path in str(error) else f"{path}: {error}"
        with self.lock:
            is_first = not self.skipped
            self.skipped[position] = reason
        if is_first:
            warn(
                f"A file is left out of its batch: {reason} All that are left out are listed in it.skipped, a dict "
                "from positions to reasons. The rows of predict() then do not line up with it.filenames and "
                "it.classes: use np.delete(it.classes, sorted(it.skipped)). Nor do batches line up with those of "
                "another iterator that is walked together with this one (masks, a second input). For an error instead "
                'of this warning pass on_error="raise".'
            )

    def _raise_unpaired(self, path: str, error: OSError) -> NoReturn:
        reason = f"the file cannot be read ({error.strerror or error})."
        if isinstance(error, DecodeError):
            reason = error.reason
        message = (
            f"{reason} With class_mode={shown(self.class_mode)} no file is left out: the rows that follow would no "
            "longer match those of another iterator (the masks), nor it.filenames. Mend or delete the file, and what "
            'belongs to it; or pass on_error="skip" where each image stands for itself.'
        )
        if isinstance(error, FileNotFoundError):
            raise DataNotFoundError(f"{path}: {message}") from error
        raise DecodeError(message, path) from error

    def _check_skipped(self) -> None:
        """DataError where too many files cannot be read, for every batch that lacks one."""
        with self.lock:
            reasons = list(self.skipped.values())
        first = "; ".join(reasons[:3])
        if len(reasons) == self.n:
            raise DataError(f"none of the {self.n} files can be read: {first}")
        if len(reasons) > max(_FEW, self.max_skipped * self.n):
            raise DataError(
                f"{len(reasons)} of {self.n} files cannot be read, more than max_skipped={self.max_skipped:g} "
                f"allows: {first} Mend or delete them, or pass a larger max_skipped."
            )


def _merge(stack: np.ndarray, others: dict[int, np.ndarray], rows: np.ndarray) -> Pixels:
    deep = sum(image.dtype == np.uint16 for image in others.values())
    if deep and deep < rows.size:
        warn(
            "A batch holds gray images of 16 bits (0..65535) among others (0..255), as in Keras: 257 times as bright. "
            'Convert the files to one depth, or read them with color_mode="rgb", which scales all to 0..255.'
        )
    if others:
        stack = stack.astype(np.uint16 if deep == rows.size else np.float32)
        for row, image in others.items():
            stack[row] = image
    return Pixels(stack, rows.astype(np.int64), 0.0, 65535.0 if deep else 255.0)
