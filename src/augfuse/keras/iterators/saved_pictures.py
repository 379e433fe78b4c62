"""`save_to_dir`: the augmented pictures as files."""

from __future__ import annotations

import io
import itertools
from pathlib import Path
from typing import Any, NamedTuple, final

import keras
import numpy as np

from augfuse.algebra.rng import bits
from augfuse.keras.generator.records import full_scale
from augfuse.text import shown
from augfuse.warn_once import warn_once

_FEW = 10**7  # numbers that names end in, as with Keras
_LONGER = 8  # names that are tried before the number may be longer


@final
class Saving(NamedTuple):
    """What the names of pictures follow from.

    iterator: is warned of once. key: the seed, if it is_seeded, or a number that was drawn. numbers: with
    compat="strict" the numbers in names are below it. saved: the pictures that were saved, and their epochs.
    """

    iterator: object
    strict: bool
    folder: Any
    prefix: str
    format: str
    data_format: str
    is_seeded: bool
    key: int
    epoch: int
    numbers: int
    saved: dict[Path, int]

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
    strict = saving.strict
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
    content = io.BytesIO()
    content.name = f"picture.{saving.format}"  # tells Pillow the format
    picture.save(content)
    for attempt in itertools.count():
        path = f"save_to_dir#{attempt}" if attempt else "save_to_dir"
        number = int(bits(saving.key, saving.epoch, np.array([index], np.int64), path)[0, 0])
        file = saving.path(index, number % _FEW if attempt < _LONGER else number)
        try:
            with file.open("xb") as out:
                out.write(content.getvalue())
        except FileExistsError:
            # An equal picture of another epoch, or of an iterator with its own seed, is another one.
            of = saving.saved.get(file, saving.epoch if saving.is_seeded else None)
            if of != saving.epoch or file.read_bytes() != content.getvalue():
                continue
        saving.saved[file] = saving.epoch
        return


def _save_as_keras(saving: Saving, picture: Any, index: int) -> None:
    file = saving.path(index, np.random.randint(saving.numbers))
    if file.exists():
        warn_once(
            saving.iterator,
            f"save_to_dir: {shown(str(file))} is overwritten by another picture, as in Keras, whose names hold a small "
            'number that is drawn. Use another save_prefix for each iterator, or leave out compat="strict".',
        )
    picture.save(file)
