"""The images of a batch through an ImageDataGenerator: in bulk, or one by one where somebody's code has to see each."""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING

import numpy as np

from augfuse.keras.generator.draws import Parameters, keyed, streamed
from augfuse.keras.generator.lower import Take, render
from augfuse.keras.generator.records import Pixels
from augfuse.keras.generator.standardize import check_finite, image_of

if TYPE_CHECKING:
    from augfuse.keras.generator.generator import ImageDataGenerator


def transform(
    generator: ImageDataGenerator | None,
    pixels: Pixels,
    indices: np.ndarray,
    *,
    key: int,
    epoch: int,
    augment: bool,
    threads: int,
    take: Take,
    pictures: bool,
    drawn: Parameters | None = None,
) -> tuple[np.ndarray, np.ndarray | None]:
    """The batch, float32, and if `pictures` the augmented images before they were standardised. drawn: what `draw`
    has drawn for it already."""
    if generator is None:
        return pixels.stack[pixels.rows].astype(np.float32), None
    generator.check_shape(pixels)
    height, width, channels = pixels.shape
    strict = generator.compat == "strict"
    # A function or a subclass may draw from NumPy's global generator too: image by image, as Keras does.
    if is_overridden(generator) or (strict and generator.preprocessing_function is not None):
        first = generator.data_format == "channels_first"
        shape = (channels, height, width) if first else (height, width, channels)
        out = take((len(indices), *shape), np.dtype(np.float32))
        for i, x in enumerate(one_by_one(generator, pixels, indices, key, epoch, augment, drawn)):
            out[i] = image_of("standardize", generator, generator.standardize(x), shape)
        if is_overridden(generator, "standardize"):
            check_finite("standardize", generator, out)
        return out, None
    parameters = draw(generator, pixels, indices, key, epoch, augment) if drawn is None else drawn
    batch = render(generator, pixels, parameters, threads, take)
    return batch, render(generator, pixels, parameters, threads, until="pictures") if pictures else None


def draw(
    generator: ImageDataGenerator, pixels: Pixels, indices: np.ndarray, key: int, epoch: int, augment: bool
) -> Parameters | None:
    """The random parameters of these images; None where nothing is random."""
    height, width, _ = pixels.shape
    if generator.compat == "strict":
        return streamed(generator, len(indices), height, width)
    return keyed(generator, key, epoch, indices, height, width) if augment and generator.augments else None


def is_overridden(generator: ImageDataGenerator, *steps: str) -> bool:
    """Whether a subclass, or a function set on the generator, does one of the steps (default: any) in its own way."""
    steps = steps or ("get_random_transform", "apply_transform", "standardize")
    return any(getattr(generator, step).__module__ != "augfuse.keras.generator.generator" for step in steps)


def one_by_one(
    generator: ImageDataGenerator,
    pixels: Pixels,
    indices: np.ndarray,
    key: int,
    epoch: int,
    augment: bool = True,
    drawn: Parameters | None = None,
) -> Generator[np.ndarray, None, None]:
    """Each image in the generator's data format and dtype, through its `get_random_transform`, unless its parameters
    are `drawn` already, and `apply_transform`."""
    images = pixels.stack[pixels.rows]
    if generator.data_format == "channels_first":
        images = np.ascontiguousarray(images.transpose(0, 3, 1, 2))
    draws = generator.compat == "strict" or is_overridden(generator, "get_random_transform")
    height, width, _ = pixels.shape
    parameters = drawn
    if parameters is None and not draws:
        parameters = keyed(generator, key, epoch, indices, height, width)
    for i, image in enumerate(images):
        x = image.astype(generator.dtype)
        if augment:
            given = generator.get_random_transform(x.shape) if parameters is None else parameters.as_dict(i)
            x = image_of("apply_transform", generator, generator.apply_transform(x, given), x.shape)
        yield x
