"""Whether pictures can be saved as `save_to_dir`, `save_prefix` and `save_format` say: known before any is made."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PIL import Image

from augfuse.errors import DataError, DataNotFoundError, did_you_mean
from augfuse.keras.checks.missing import why_missing
from augfuse.text import shown

if TYPE_CHECKING:
    from augfuse.keras.iterators.iterator import Iterator

NAMES = ("save_to_dir", "save_prefix", "save_format")
_MODES = {1: "L", 3: "RGB", 4: "RGBA"}


def check_saving(iterator: Iterator) -> None:
    """`accept` all three as the constructor got them."""
    for name in NAMES:
        setattr(iterator, name, accept(iterator, name, getattr(iterator, name)))


def accept(iterator: Iterator, name: str, value: Any) -> Any:
    """What is stored for one of the three: no folder is None, and a dot before the format is taken off, but with
    compat="strict": there it is part of the names, as in Keras.

    Raises DataNotFoundError for a folder that does not exist, DataError for a format that cannot hold the pictures.
    """
    if name == "save_to_dir":
        value = value or None  # "" is not a folder
    elif name == "save_format" and iterator.compat is None:
        value = value.removeprefix(".")
    folder, prefix, save_format = ({one: getattr(iterator, one) for one in NAMES} | {name: value}).values()
    if folder is not None:
        _check_folder(str(folder), prefix)
        _check_format(str(save_format), _channels(iterator))
    return value


def _check_folder(folder: str, prefix: str) -> None:
    if not Path(folder).is_dir():
        raise DataNotFoundError(
            f"save_to_dir: {why_missing(folder, kind='folder')} To make it: os.makedirs({shown(folder)})"
        )
    above = Path(folder, f"{prefix}_").parent
    if not above.is_dir():
        raise DataNotFoundError(
            f"save_prefix: got {shown(prefix)}, which names the folder {shown(str(above))}, and there is none. Make "
            f"it: os.makedirs({shown(str(above))}), or leave out the '/'."
        )


def _check_format(save_format: str, channels: int | None) -> None:
    if channels is not None and channels not in _MODES:
        raise DataError(
            f"save_to_dir: the images have {channels} channels, and pictures have 1, 3 or 4. Leave save_to_dir out, or "
            "save arrays: np.save(name, batch)."
        )
    known = Image.registered_extensions()
    suffix = Path(f"picture.{save_format}").suffix.lower()
    if known.get(suffix) not in Image.SAVE:
        names = sorted(name[1:] for name, kind in known.items() if kind in Image.SAVE)
        raise DataError(
            f"save_format: got {shown(save_format)}, wanted the suffix of a format that Pillow writes, such as 'png' "
            f"or 'jpg'.{did_you_mean(save_format.lower(), names)}"
        )
    mode = _MODES[3 if channels is None else channels]
    try:
        Image.new(mode, (16, 16)).save(io.BytesIO(), known[suffix])
    except Exception as error:  # each format raises its own
        raise DataError(
            f"save_format: got {shown(save_format)} for images of {channels} channels ({mode}), which it cannot hold "
            f"({error}). Use save_format='png'."
        ) from None


def _channels(iterator: Iterator) -> int | None:
    """How many the images have; None where that is not known."""
    shape = getattr(iterator, "image_shape", None) or getattr(getattr(iterator, "x", None), "shape", (0,))[1:]
    first = getattr(iterator, "data_format", None) == "channels_first"
    return shape[0 if first else -1] if shape else None
