"""Options of reading image files: the checks that the iterators and `image_dataset_from_directory` share.

And the message for a file that does not exist: a similar name beside it, and what to type.
"""

from __future__ import annotations

import logging
import operator
import os
import unicodedata
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import Any

import keras

from augfuse.data.layouts.names import names_beside
from augfuse.errors import DataError, ImageTypeError, did_you_mean
from augfuse.keras.checks.rules import is_one_of
from augfuse.keras.generator.options import Options
from augfuse.text import shown

CHANNELS = {"grayscale": 1, "rgb": 3, "rgba": 4}
WITH_CLASSES = ("categorical", "binary", "sparse")  # class modes
UNLABELLED = (None, "input")
_SUFFIXES = (".jpg", ".jpeg", ".png", ".JPG", ".JPEG", ".PNG", ".bmp", ".tif", ".tiff", ".webp")
_log = logging.getLogger(__name__)


def check_choice(name: str, value: Any, known: Sequence[Any]) -> None:
    """DataError where `value` is not one of `known`."""
    if not is_one_of(value, known):
        hint = did_you_mean(str(value), [text for text in known if isinstance(text, str)])
        raise DataError(f"Invalid {name}: {shown(value)}; expected one of: {', '.join(map(shown, known))}.{hint}")


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


def parse_image_shape(shape: Any, data_format: str) -> tuple[tuple[int, int], str]:
    """The target size and the colour mode of (h, w, c), or (c, h, w)."""
    modes = {channels: mode for mode, channels in CHANNELS.items()}
    sides = tuple(shape) if isinstance(shape, (tuple, list)) else ()
    channels = sides[0 if data_format == "channels_first" else -1] if len(sides) == 3 else None
    if channels not in modes:
        raise DataError(f"image_shape: got {shown(shape)}, wanted (height, width, channels) with 1, 3 or 4 channels.")
    return parse_target_size(sides[1:] if data_format == "channels_first" else sides[:2]), modes[channels]


def parse_subset(subset: str | None, options: Options | None) -> tuple[float, float] | None:
    """From which fraction of the files to which; None for all."""
    if subset is None:
        return None
    if not is_one_of(subset, ("training", "validation")):
        raise DataError(
            f"Invalid subset name: {shown(subset)}; expected 'training' or 'validation'."
            f"{did_you_mean(str(subset), ('training', 'validation'))}"
        )
    if options is None:
        raise DataError(
            f"subset: got {shown(subset)} without a generator. Pass ImageDataGenerator(validation_split=0.2)."
        )
    fraction = options.validation_split
    return (0, fraction) if subset == "validation" else (fraction, 1)


def parse_on_error(on_error: str | None, compat: str | None, class_mode: str | None) -> str:
    """ "skip" or "raise"; by default, what the mode of the generator and of the labels says.

    Images without labels are paired by their place: with the masks of another iterator, with `filenames` once they are
    predicted. Leaving one out would shift all that follow.
    """
    if on_error is None:
        return "raise" if compat == "strict" or class_mode in UNLABELLED else "skip"
    check_choice("on_error", on_error, ("skip", "raise"))
    return on_error


def say_found(message: str) -> None:
    """Keras' line about what was found: printed, or logged after `keras.config.disable_interactive_logging()`."""
    if keras.config.is_interactive_logging_enabled():
        print(message)
    else:
        _log.info(message)


def why_no_split(subset: str | None, options: Options | None) -> str:
    """The reason for an empty subset of files that do exist."""
    fraction = 0 if options is None else options.validation_split
    if not fraction:
        return (
            f"subset={shown(subset)} is empty: its generator has no validation_split. Pass validation_split=0.2 to it."
        )
    return (
        f"subset={shown(subset)} is empty: validation_split={fraction:g} of so few files is less than one, or less "
        "than the groups that groups.csv keeps together. Make the fraction larger, or give the validation images their "
        "own folder."
    )


def kind_of_labels(class_mode: str | None) -> tuple[bool | None, str]:
    """Whether labels are one-hot (None: they are not classes), and what to type for the other kind."""
    if class_mode == "categorical":
        return True, 'class_mode="sparse"'
    return (False, 'class_mode="categorical"') if class_mode in ("binary", "sparse") else (None, "")


# --- files that are not there -----------------------------------------------------------------------------------------


def why_missing(name: str, directory: str = "", column: str | None = None, kind: str = "file") -> str:
    """A sentence or two on `name` in `directory`, which does not exist. column: of a frame, that the name is from.
    kind: "file" or "folder".
    """
    path = Path(directory, name)
    write = f"df[{shown(column)}]" if column is not None else "name"
    texts = f"{write}.str" if column is not None else write
    whole = os.path.join(directory, name)  # noqa: PTH118 - as it is opened
    if whole.startswith("~") and Path(whole).expanduser().exists():
        what = "directory" if directory.startswith("~") else "name"
        return f'"~" is not expanded. Use os.path.expanduser({what}).'
    if "\\" in name and _exists(directory, name.replace("\\", "/")):
        return f'the name has backslashes, and here folders are parted by "/". Use {texts}.replace("\\\\", "/").'
    if directory and name.startswith("/") and _exists(directory, name.lstrip("/")):
        return f'the name begins with "/", so that directory= is left out. Use {texts}.lstrip("/").'
    first = Path(name).parts[0] if len(Path(name).parts) > 1 else ""
    if directory and first == Path(directory).name and Path(Path(directory).parent, name).exists():
        return (
            f"the name begins with {shown(first)}, and so does directory= end. Use "
            f"directory={shown(str(Path(directory).parent))}."
        )
    if kind == "file" and not path.parent.is_dir():
        return f"there is no folder {shown(str(path.parent))}.{_close(path.parent)}"
    for form in ("NFC", "NFD"):
        if unicodedata.normalize(form, name) != name and _exists(directory, unicodedata.normalize(form, name)):
            use = f"{texts}.normalize({form!r})" if column is not None else f"unicodedata.normalize({form!r}, name)"
            return f"a file whose name looks the same writes its letters in another Unicode form. Use {use}."
    for suffix in _SUFFIXES:
        if _exists(directory, name + suffix):
            return f"there is {shown(path.name + suffix)}. Use {write} + {shown(suffix)}."
    if kind == "folder":
        return f"there is no folder {shown(str(path))}.{_close(path)}"
    return f"no such file in {shown(str(path.parent))}.{_close(path)}"


def _exists(directory: str, name: str) -> bool:
    return Path(directory, name).exists()


def _close(path: Path) -> str:
    """` Did you mean ...?` for what lies beside; a name in other letters of upper and lower case comes first."""
    names = sorted(names_beside(path))
    same = [name for name in names if name.lower() == path.name.lower()]
    return f" Did you mean {shown(same[0])}?" if same else did_you_mean(path.name, names)
