"""`save_to_dir`: the augmented pictures as files."""

from __future__ import annotations

import io
import itertools
from pathlib import Path
from typing import TYPE_CHECKING, Any

import keras
import numpy as np

from augfuse.algebra.rng import bits
from augfuse.keras.generator.records import full_scale
from augfuse.text import shown
from augfuse.warn_once import warn_once

if TYPE_CHECKING:
    from augfuse.keras.iterators.iterator import Iterator

_FEW = 10**7  # numbers that names end in, as with Keras
_LONGER = 8  # names that are tried before the number may be longer


def save_pictures(
    iterator: Iterator,
    batch_x: np.ndarray,
    pictures: np.ndarray | None,
    indices: np.ndarray,
    epoch: int,
    scale: tuple[float, float],
) -> None:
    """One file per image, PREFIX_INDEX_NUMBER.FORMAT.

    By default the pictures before they were standardised, `scale` as 0..255; the number follows from seed and epoch,
    and is another one where such a file is there.
    With compat="strict" the batch, each image stretched to 0..255, the number from NumPy's global generator, as Keras.
    """
    generator = iterator.image_data_generator
    data_format = "channels_last" if generator is None else generator.data_format
    strict = iterator.compat == "strict"
    images = batch_x if strict or pictures is None else pictures
    if not strict:
        low, high = full_scale(images) if pictures is None else scale
        images = (np.clip(images, low, high) - low) * (255.0 / ((high - low) or 1.0))
    for image, index in zip(images, indices, strict=True):
        picture = keras.utils.array_to_img(image if strict else np.rint(image), data_format, scale=strict)
        if strict:
            _save_as_keras(iterator, picture, int(index))
        else:
            _save(iterator, picture, int(index), epoch)


def _save(iterator: Iterator, picture: Any, index: int, epoch: int) -> None:
    """Under a name that is free, unless the picture is there: Keras reads some batches twice, people start again."""
    content = io.BytesIO()
    content.name = f"picture.{iterator.save_format}"  # tells Pillow the format
    picture.save(content)
    for attempt in itertools.count():
        path = f"save_to_dir#{attempt}" if attempt else "save_to_dir"
        number = int(bits(iterator.key, epoch, np.array([index], np.int64), path)[0, 0])
        file = _path_of(iterator, index, number % _FEW if attempt < _LONGER else number)
        try:
            with file.open("xb") as out:
                out.write(content.getvalue())
        except FileExistsError:
            # An equal picture of another epoch, or of an iterator with its own seed, is another one.
            of = iterator.saved.get(file, epoch if iterator.seed is not None else None)
            if of != epoch or file.read_bytes() != content.getvalue():
                continue
        iterator.saved[file] = epoch
        return


def _save_as_keras(iterator: Iterator, picture: Any, index: int) -> None:
    file = _path_of(iterator, index, np.random.randint(iterator.save_numbers))
    if file.exists():
        warn_once(
            iterator,
            f"save_to_dir: {shown(str(file))} is overwritten by another picture, as in Keras, whose names hold a small "
            'number that is drawn. Use another save_prefix for each iterator, or leave out compat="strict".',
        )
    picture.save(file)


def _path_of(iterator: Iterator, index: int, number: int) -> Path:
    return Path(iterator.save_to_dir) / f"{iterator.save_prefix}_{index}_{number}.{iterator.save_format}"
