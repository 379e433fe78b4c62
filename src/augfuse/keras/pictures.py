"""`save_to_dir`: the augmented pictures as files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import keras
import numpy as np

from augfuse.keras.steps import full_scale
from augfuse.rng import bits

if TYPE_CHECKING:
    from augfuse.keras.iterator import Iterator


def save_pictures(
    iterator: Iterator,
    batch_x: np.ndarray,
    pictures: np.ndarray | None,
    indices: np.ndarray,
    epoch: int,
    scale: tuple[float, float],
) -> None:
    """One file per image, PREFIX_INDEX_NUMBER.FORMAT.

    By default the pictures before they were standardised, `scale` as 0..255; the number follows from seed and epoch.
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
            number = np.random.randint(iterator.save_numbers)
        else:
            number = int(bits(iterator.key, epoch, np.array([index], np.int64), "save_to_dir")[0, 0] % 10**7)
        name = f"{iterator.save_prefix}_{index}_{number}.{iterator.save_format}"
        picture.save(Path(iterator.save_to_dir) / name)
