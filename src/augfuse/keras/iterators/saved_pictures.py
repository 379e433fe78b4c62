"""`save_to_dir`: the augmented pictures as files. Whether they can be saved is known before any is made."""

from __future__ import annotations

import io
import itertools
from pathlib import Path
from typing import Any, NamedTuple, final

import keras
import numpy as np
from PIL import Image

from augfuse.algebra.rng import bits
from augfuse.errors import DataError, DataNotFoundError, did_you_mean
from augfuse.keras.checks.reading import why_missing
from augfuse.keras.generator.steps import full_scale
from augfuse.text import shown
from augfuse.warn_once import warn_once

NAMES = ("save_to_dir", "save_prefix", "save_format")
_MODES = {1: "L", 3: "RGB", 4: "RGBA"}
_FEW = 10**7  # numbers that names end in, as with Keras
_LONGER = 8  # names that are tried before the number may be longer


@final
class Saving(NamedTuple):
    """Where the pictures of one batch of an iterator go, and what they look like."""

    iterator: Any
    folder: Any
    prefix: str
    format: str
    data_format: str
    epoch: int

    def path(self, index: int, number: int) -> Path:
        """Of the picture of a sample."""
        return Path(self.folder) / f"{self.prefix}_{index}_{number}.{self.format}"


def save_pictures(
    saving: Saving, batch_x: np.ndarray, pictures: np.ndarray | None, indices: np.ndarray, scale: tuple[float, float]
) -> None:
    """One file per image, PREFIX_INDEX_NUMBER.FORMAT.

    By default the pictures before they were standardised, `scale` as 0..255; the number follows from seed and epoch,
    and is another one where such a file is there.
    With compat="strict" the batch, each image stretched to 0..255, the number from NumPy's global generator, as Keras.
    """
    strict = saving.iterator.compat == "strict"
    images = batch_x if strict or pictures is None else pictures
    if not strict:
        low, high = full_scale(images) if pictures is None else scale
        images = (np.clip(images, low, high) - low) * (255.0 / ((high - low) or 1.0))
    for image, index in zip(images, indices, strict=True):
        picture = keras.utils.array_to_img(image if strict else np.rint(image), saving.data_format, scale=strict)
        if strict:
            _save_as_keras(saving, picture, int(index))
        else:
            _save(saving, picture, int(index))


def _save(saving: Saving, picture: Any, index: int) -> None:
    """Under a name that is free, unless the picture is there: Keras reads some batches twice, people start again."""
    iterator, epoch = saving.iterator, saving.epoch
    content = io.BytesIO()
    content.name = f"picture.{saving.format}"  # tells Pillow the format
    picture.save(content)
    for attempt in itertools.count():
        path = f"save_to_dir#{attempt}" if attempt else "save_to_dir"
        number = int(bits(iterator.key, epoch, np.array([index], np.int64), path)[0, 0])
        file = saving.path(index, number % _FEW if attempt < _LONGER else number)
        try:
            with file.open("xb") as out:
                out.write(content.getvalue())
        except FileExistsError:
            # An equal picture of another epoch, or of an iterator with its own seed, is another one.
            of = iterator.saved.get(file, None if iterator.seed is None else epoch)
            if of != epoch or file.read_bytes() != content.getvalue():
                continue
        iterator.saved[file] = epoch
        return


def _save_as_keras(saving: Saving, picture: Any, index: int) -> None:
    file = saving.path(index, np.random.randint(saving.iterator.save_numbers))
    if file.exists():
        warn_once(
            saving.iterator,
            f"save_to_dir: {shown(str(file))} is overwritten by another picture, as in Keras, whose names hold a small "
            'number that is drawn. Use another save_prefix for each iterator, or leave out compat="strict".',
        )
    picture.save(file)


def checked_saving(
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
