"""The images of a batch through an ImageDataGenerator: in bulk, or one by one where somebody's code has to see each."""

from __future__ import annotations

from collections.abc import Generator
from typing import NamedTuple, final

import numpy as np

from augfuse.keras.generator.compat import mode_of
from augfuse.keras.generator.draws import Parameters, keyed
from augfuse.keras.generator.lower import Take, render
from augfuse.keras.generator.options import Options
from augfuse.keras.generator.standardize import check_finite, image_of
from augfuse.keras.generator.steps import Pixels
from augfuse.keras.notices import notice


@final
class Samples(NamedTuple):
    """Which samples a batch has, and what their draws follow from. drawn: by `draw`, for them."""

    indices: np.ndarray
    key: int
    epoch: int
    augment: bool = True
    drawn: Parameters | None = None


def transform(
    options: Options | None, pixels: Pixels, samples: Samples, threads: int, take: Take, pictures: bool
) -> tuple[np.ndarray, np.ndarray | None]:
    """The batch, float32, and if `pictures` the augmented images before they were standardised. options: None hands
    out the pixels."""
    if options is None:
        return pixels.stack[pixels.rows].astype(np.float32), None
    check_shape(options, pixels)
    height, width, channels = pixels.shape
    # A function or a subclass may draw from NumPy's global generator too: image by image, as Keras does.
    if options.overrides() or (options.compat == "strict" and options.preprocessing_function is not None):
        shape = (channels, height, width) if options.planar else (height, width, channels)
        out = take((len(samples.indices), *shape), np.dtype(np.float32))
        for i, x in enumerate(one_by_one(options, pixels, samples)):
            out[i] = image_of("standardize", options, options.owner.standardize(x), shape)
        if options.overrides("standardize"):
            check_finite("standardize", options, out)
        return out, None
    parameters = draw(options, pixels, samples)
    batch = render(options, pixels, parameters, threads, take)
    return batch, render(options, pixels, parameters, threads, until="pictures") if pictures else None


def draw(options: Options, pixels: Pixels, samples: Samples) -> Parameters | None:
    """The random parameters of these images; None where nothing is random."""
    indices, key, epoch, augment, drawn = samples
    if drawn is not None or not augment:
        return drawn
    height, width, _ = pixels.shape
    return mode_of(options).draw(options, key, epoch, indices, height, width)


def one_by_one(options: Options, pixels: Pixels, samples: Samples) -> Generator[np.ndarray, None, None]:
    """Each image in the generator's data format and dtype, through its `get_random_transform`, unless its parameters
    are `drawn` already, and `apply_transform`."""
    images = pixels.stack[pixels.rows]
    if options.planar:
        images = np.ascontiguousarray(images.transpose(0, 3, 1, 2))
    height, width, _ = pixels.shape
    indices, key, epoch, augment, parameters = samples
    if parameters is None and options.compat is None and not options.overrides("get_random_transform"):
        parameters = keyed(options, key, epoch, indices, height, width)
    for i, image in enumerate(images):
        x = image.astype(options.dtype)
        if augment:
            given = options.owner.get_random_transform(x.shape) if parameters is None else parameters.as_dict(i)
            x = image_of("apply_transform", options, options.owner.apply_transform(x, given), x.shape)
        yield x


def check_shape(options: Options, pixels: Pixels) -> None:
    """Say once what differs from Keras for images of this shape."""
    height, width, _ = pixels.shape
    turned = options.rotation_range or options.shear_range or tuple(options.zoom_range) != (1, 1)
    shifted = np.any(options.width_shift_range) or np.any(options.height_shift_range)
    different = not np.array_equal(options.width_shift_range, options.height_shift_range)
    if options.compat is None and ((height != width and (turned or shifted)) or (shifted and different)):
        notice(
            "axes",
            "Keras 3 moves pictures along the width by height_shift_range and along the height by "
            "width_shift_range, and turns images that are not square about a point beside their centre. Here "
            "neither happens.",
        )
