"""What the iterators over image files share: their options, reading a batch in threads, and what goes with the images.

The functions read the attributes of an iterator as they are, for old code changes them after the constructor.
"""

from __future__ import annotations

import logging
import operator
import warnings
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, NoReturn, TypeAlias, final

import keras
import numpy as np

from augfuse.errors import AugfuseWarning, DataError, DataNotFoundError, DecodeError, ImageTypeError, did_you_mean
from augfuse.keras.checks import options
from augfuse.keras.checks.mistakes import check_statistics
from augfuse.keras.checks.rules import is_one_of
from augfuse.keras.generator.records import Pixels
from augfuse.keras.images import COLOR_MODES, INTERPOLATIONS, read_image
from augfuse.keras.iterators.iterator import Iterator
from augfuse.text import shown
from augfuse.warn_once import depth_of_caller

if TYPE_CHECKING:
    from augfuse.keras.generator.generator import ImageDataGenerator
    from augfuse.keras.iterators.dataframe_iterator import DataFrameIterator
    from augfuse.keras.iterators.directory_iterator import DirectoryIterator

    FileIterator: TypeAlias = DirectoryIterator | DataFrameIterator

_EIGHT_BIT = (0.0, 255.0)
CHANNELS = {"grayscale": 1, "rgb": 3, "rgba": 4}
_CHOICES: Mapping[str, Sequence[Any]] = {
    "color_mode": COLOR_MODES,
    "interpolation": tuple(INTERPOLATIONS),
    "data_format": ("channels_last", "channels_first"),
    "class_mode": ("categorical", "binary", "sparse", "input", "raw", "multi_output", None),
    "on_error": ("skip", "raise"),
}
_UNLABELLED = (None, "input")
FIXED: Mapping[str, str] = {
    **options.FIXED,
    "allowed_class_modes": "Set it on the class, before the iterator is made.",
    "directory": "The files are listed already, in filepaths. Make another iterator for another folder.",
    "split": "Make another iterator with the other subset.",
    "num_classes": "It follows from class_indices: set that.",
    "filepaths": "Change the list in place (it.filepaths[:] = ...), with filenames, classes and n as they are wanted.",
    "labels": 'They follow from classes; those of "raw" and "multi_output" from the dataframe.',
    "sample_weight": "Name a column of the dataframe: flow_from_dataframe(..., weight_col=...)",
}
_FEW = 3  # bad files that are let pass however small the data set is
_log = logging.getLogger(__name__)


@final
class EmptyBatchError(DataError):
    """No file of a batch can be read. `next(it)` goes on to the next batch instead of raising it."""


# --- options ----------------------------------------------------------------------------------------------------------


def check_choice(name: str, value: Any, known: Sequence[Any]) -> None:
    """DataError where `value` is not one of `known`."""
    if not is_one_of(value, known):
        hint = did_you_mean(str(value), [text for text in known if isinstance(text, str)])
        raise DataError(f"Invalid {name}: {shown(value)}; expected one of: {', '.join(map(shown, known))}.{hint}")


def check_reading(color_mode: str, interpolation: str) -> None:
    """DataError for a colour mode or an interpolation that does not exist."""
    check_choice("color mode", color_mode, COLOR_MODES)
    check_choice("interpolation", interpolation, tuple(INTERPOLATIONS))


def parse_target_size(target_size: Any) -> tuple[int, int]:
    """(height, width). ImageTypeError, DataError."""
    try:
        ordered = () if isinstance(target_size, AbstractSet) else target_size
        sides = tuple(operator.index(side) for side in ordered)
    except TypeError:
        raise ImageTypeError(
            f"target_size: got {shown(target_size)}, wanted (height, width) in whole pixels, such as (224, 224)."
        ) from None
    if len(sides) != 2 or min(sides) < 1:
        hint = " The channels follow from color_mode." if len(sides) == 3 else ""
        raise DataError(f"target_size: got {shown(target_size)}, wanted (height, width), each at least 1.{hint}")
    return sides


def image_shape(target_size: tuple[int, int], color_mode: str, data_format: str) -> tuple[int, int, int]:
    """The shape of one image of a batch."""
    height, width = target_size
    channels = CHANNELS[color_mode]
    return (channels, height, width) if data_format == "channels_first" else (height, width, channels)


def accept(iterator: FileIterator, name: str, value: Any) -> Any:
    """What is stored for an attribute that is set once the iterator is made; errors as from the constructor."""
    own = iterator.__dict__  # what goes with it is not "set"
    if name in _CHOICES:
        check_choice(name, value, _CHOICES[name])
    if name == "target_size":
        value = parse_target_size(value)
    elif name == "image_shape":
        own["target_size"], own["color_mode"] = _parse_image_shape(value, iterator.data_format)
        value = tuple(value)
    elif name == "class_mode":
        own["one_hot"], own["other_labels"] = kind_of_labels(value)
        if iterator.compat is None and value in _UNLABELLED and iterator.class_mode not in _UNLABELLED:
            own["on_error"] = "raise"  # as by default, whatever was asked for with labels
    elif name in ("n", "samples") and iterator.compat is None:
        value = own["n"] = own["samples"] = options.accept(iterator, "n", value)
    elif name == "class_indices":
        own["num_classes"] = len(value)
    if name in ("target_size", "color_mode", "data_format"):
        size, mode, layout = ({**own, name: value}[key] for key in ("target_size", "color_mode", "data_format"))
        own["image_shape"] = image_shape(size, mode, layout)
    return options.accept(iterator, name, value)


def _parse_image_shape(shape: Any, data_format: str) -> tuple[tuple[int, int], str]:
    """The target size and the colour mode of (h, w, c), or (c, h, w)."""
    modes = {channels: mode for mode, channels in CHANNELS.items()}
    sides = tuple(shape) if isinstance(shape, (tuple, list)) else ()
    channels = sides[0 if data_format == "channels_first" else -1] if len(sides) == 3 else None
    if channels not in modes:
        raise DataError(f"image_shape: got {shown(shape)}, wanted (height, width, channels) with 1, 3 or 4 channels.")
    return parse_target_size(sides[1:] if data_format == "channels_first" else sides[:2]), modes[channels]


def parse_subset(subset: str | None, generator: ImageDataGenerator | None) -> tuple[float, float] | None:
    """From which fraction of the files to which; None for all."""
    if subset is None:
        return None
    if not is_one_of(subset, ("training", "validation")):
        raise DataError(
            f"Invalid subset name: {shown(subset)}; expected 'training' or 'validation'."
            f"{did_you_mean(str(subset), ('training', 'validation'))}"
        )
    if generator is None:
        raise DataError(
            f"subset: got {shown(subset)} without a generator. Pass ImageDataGenerator(validation_split=0.2)."
        )
    fraction = generator._validation_split
    return (0, fraction) if subset == "validation" else (fraction, 1)


def parse_on_error(on_error: str | None, compat: str | None, class_mode: str | None) -> str:
    """ "skip" or "raise"; by default, what the mode of the generator and of the labels says.

    Images without labels are paired by their place: with the masks of another iterator, with `filenames` once they are
    predicted. Leaving one out would shift all that follow.
    """
    if on_error is None:
        return "raise" if compat == "strict" or class_mode in _UNLABELLED else "skip"
    check_choice("on_error", on_error, ("skip", "raise"))
    return on_error


def say_found(message: str) -> None:
    """Keras' line about what was found: printed, or logged after `keras.config.disable_interactive_logging()`."""
    if keras.config.is_interactive_logging_enabled():
        print(message)
    else:
        _log.info(message)


def check_scale(iterator: FileIterator, method: str) -> None:
    """Warn where the statistics of the generator were fitted to images on another scale than files are read at."""
    generator = iterator.image_data_generator
    if generator is None or generator.compat is not None or generator.fitted_scale is None:
        return
    low, high = generator.fitted_scale
    # What was fitted to 16 bits may fit: how deep files are is only seen when they are read.
    if high - low <= _EIGHT_BIT[1]:
        check_statistics(generator, f"{method}: values of files", _EIGHT_BIT)


def warn(message: str) -> None:
    """An AugfuseWarning that points at the nearest line outside augfuse."""
    warnings.warn(message, AugfuseWarning, stacklevel=depth_of_caller())


def why_no_split(subset: str | None, generator: ImageDataGenerator | None) -> str:
    """The reason for an empty subset of files that do exist."""
    fraction = 0 if generator is None else generator._validation_split
    if not fraction:
        return (
            f"subset={shown(subset)} is empty: its generator has no validation_split. Pass validation_split=0.2 to it."
        )
    return (
        f"subset={shown(subset)} is empty: validation_split={fraction:g} of so few files is less than one, or less "
        "than the groups that groups.csv keeps together. Make the fraction larger, or put the validation images into a "
        "separate folder."
    )


# --- reading ----------------------------------------------------------------------------------------------------------


def read_files(iterator: FileIterator, index_array: np.ndarray, threads: int) -> tuple[np.ndarray, Pixels]:
    """The positions whose files could be read, in order, and their images at the iterator's target size.

    uint8 if all images are, uint16 if all are, else float32. Full scale is 0..65535 where there is a uint16 image.
    Raises EmptyBatchError where no file of the batch can be read, DataError where too many altogether cannot.
    """
    height, width = parse_target_size(iterator.target_size)
    paths = iterator.filepaths
    index_array = options.rows_of(iterator, index_array, len(paths), "files in filepaths")
    positions = [int(position) for position in index_array]
    strict = iterator.compat == "strict"
    stack = np.empty((len(positions), height, width, CHANNELS[iterator.color_mode]), np.float32 if strict else np.uint8)
    others: dict[int, np.ndarray] = {}  # row -> an image of another dtype

    def read(row: int) -> bool:
        position = positions[row]
        if position in iterator.skipped:
            return False
        path = paths[position]
        try:
            image = read_image(
                path,
                iterator.color_mode,
                (height, width),
                iterator.interpolation,
                iterator.keep_aspect_ratio,
                strict,
            )
        except OSError as error:
            if iterator.on_error == "skip":
                _skip(iterator, position, error)
                return False
            if iterator.compat is None and iterator.class_mode in _UNLABELLED:
                _raise_unpaired(iterator, path, error)
            if isinstance(error, (DecodeError, FileNotFoundError)):
                raise
            raise DecodeError(f"the file cannot be read ({error.strerror}).", path) from error
        if image.dtype == stack.dtype:
            stack[row] = image
        else:
            others[row] = image
        return True

    rows = np.flatnonzero(_map(read, len(positions), threads))
    if rows.size < len(positions):
        _check_skipped(iterator)
    if not rows.size:
        reasons = "; ".join(iterator.skipped[position] for position in positions[:3])
        raise EmptyBatchError(
            f"none of the {len(positions)} files of this batch can be read, and Keras takes no batch without images: "
            f"{reasons} Mend or delete them."
        )
    return np.asarray(index_array)[rows], _merge(stack, others, rows)


def next_batch(iterator: FileIterator) -> Any:
    """`next(iterator)`, leaving out batches of which no file can be read."""
    while True:
        try:
            return Iterator.__next__(iterator)
        except EmptyBatchError:
            continue


def _map(work: Callable[[int], bool], count: int, threads: int) -> np.ndarray:
    if threads == 1 or count < 2:
        return np.array([work(row) for row in range(count)], bool)
    with ThreadPoolExecutor(min(threads, count), thread_name_prefix="augfuse-decode") as pool:
        return np.array(list(pool.map(work, range(count))), bool)


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


def _skip(iterator: FileIterator, position: int, error: OSError) -> None:
    """Note that a file cannot be read, and say so the first time."""
    path = str(iterator.filepaths[position])
    reason = str(error) if path in str(error) else f"{path}: {error}"
    with iterator.lock:
        is_first = not iterator.skipped
        iterator.skipped[position] = reason
    if is_first:
        warn(
            f"A file is left out of its batch: {reason} All that are left out are listed in it.skipped, a dict from "
            "positions to reasons. The rows of predict() then do not line up with it.filenames and it.classes: use "
            "np.delete(it.classes, sorted(it.skipped)). Nor do batches line up with those of another iterator that is "
            "walked together with this one (masks, a second input). For an error instead of this warning pass "
            'on_error="raise".'
        )


def _raise_unpaired(iterator: FileIterator, path: str, error: OSError) -> NoReturn:
    reason = error.reason if isinstance(error, DecodeError) else f"the file cannot be read ({error.strerror or error})."
    message = (
        f"{reason} With class_mode={shown(iterator.class_mode)} no file is left out: the rows that follow would no "
        "longer match those of another iterator (the masks), nor it.filenames. Mend or delete the file, and what "
        'belongs to it; or pass on_error="skip" where each image stands for itself.'
    )
    if isinstance(error, FileNotFoundError):
        raise DataNotFoundError(f"{path}: {message}") from error
    raise DecodeError(message, path) from error


def _check_skipped(iterator: FileIterator) -> None:
    """DataError where too many files cannot be read, for every batch that lacks one."""
    with iterator.lock:
        reasons = list(iterator.skipped.values())
    first = "; ".join(reasons[:3])
    if len(reasons) == iterator.n:
        raise DataError(f"none of the {iterator.n} files can be read: {first}")
    if len(reasons) > max(_FEW, iterator.max_skipped * iterator.n):
        raise DataError(
            f"{len(reasons)} of {iterator.n} files cannot be read, more than max_skipped={iterator.max_skipped:g} "
            f"allows: {first} Mend or delete them, or pass a larger max_skipped."
        )


# --- what goes with the images ----------------------------------------------------------------------------------------


def kind_of_labels(class_mode: str | None) -> tuple[bool | None, str]:
    """Whether labels are one-hot (None where they are not classes), and what to type for the other kind."""
    if class_mode == "categorical":
        return True, 'class_mode="sparse"'
    return (False, 'class_mode="categorical"') if class_mode in ("binary", "sparse") else (None, "")


def pack_files(iterator: FileIterator, batch_x: np.ndarray, index_array: np.ndarray) -> Any:
    """x, (x, y) or (x, y, weights), as class_mode says."""
    generator = iterator.image_data_generator
    made = "channels_last" if generator is None else generator.data_format
    if made != iterator.data_format:
        here, wanted = (3, 1) if made == "channels_last" else (1, 3)
        batch_x = np.ascontiguousarray(np.moveaxis(batch_x, here, wanted))
    if iterator.class_mode not in ("input", "binary", "sparse", "categorical", "multi_output", "raw"):
        return batch_x
    batch_y = _targets(iterator, batch_x, index_array)
    weights = iterator.sample_weight
    if weights is None:
        return batch_x, batch_y
    options.check_columns(iterator, "sample_weight", weights, len(iterator.filepaths))
    return batch_x, batch_y, weights[index_array]


def _targets(iterator: FileIterator, batch_x: np.ndarray, index_array: np.ndarray) -> Any:
    mode = iterator.class_mode
    if mode == "input":
        return batch_x.copy()
    made = "classes" if mode in ("binary", "sparse", "categorical") else "labels"
    labels = getattr(iterator, made, None)
    if labels is None:
        raise DataError(f"class_mode={shown(mode)} was set on an iterator made without {made}. Make another iterator.")
    n = len(iterator.filepaths)
    for column in labels if mode == "multi_output" else [labels]:
        options.check_columns(iterator, made, column, n)
    if mode == "multi_output":
        return [output[index_array] for output in labels]
    if mode == "raw":
        return labels[index_array]
    ids = [iterator.classes[position] for position in index_array]
    if mode in ("binary", "sparse"):
        return np.array(ids, iterator.dtype)
    batch_y = np.zeros((len(ids), len(iterator.class_indices)), iterator.dtype)
    for row, of_sample in zip(batch_y, ids, strict=True):
        row[of_sample] = 1  # one number, or a list of them
    return batch_y
