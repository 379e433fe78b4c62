"""Whether pictures can be saved as `save_to_dir`, `save_prefix` and `save_format` say: known before any is made."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

from PIL import Image

from augfuse.errors import DataError, DataNotFoundError, did_you_mean
from augfuse.keras.checks.missing import why_missing
from augfuse.text import shown

NAMES = ("save_to_dir", "save_prefix", "save_format")
_MODES = {1: "L", 3: "RGB", 4: "RGBA"}


def checked(
    save_to_dir: Any, save_prefix: Any, save_format: Any, strict: bool, channels: int | None
) -> tuple[Any, Any, Any]:
    """The three as they are stored: no folder is None, and a dot before the format is taken off, but with
    compat="strict": there it is part of the names, as in Keras. channels: of the images, None where not known.

    Raises DataNotFoundError for a folder that does not exist, DataError for a format that cannot hold the pictures.
    """
    save_to_dir = save_to_dir or None  # "" is not a folder
    if not strict:
        save_format = save_format.removeprefix(".")
    if save_to_dir is not None:
        _check_folder(str(save_to_dir), save_prefix)
        _check_format(str(save_format), channels)
    return save_to_dir, save_prefix, save_format


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
