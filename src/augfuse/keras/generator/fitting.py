"""What `ImageDataGenerator.fit` does: which pixels the statistics are taken of, and where they go.

By default they are read in chunks, from an array or from an iterator over files, through everything that comes before
the featurewise step when images are augmented. With compat="strict" the steps and the memory are those of Keras' class.
"""

from __future__ import annotations

from collections.abc import Iterator as Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from augfuse.algebra.ranges import whole
from augfuse.algebra.rng import check_seed
from augfuse.data.measured.moments import moments
from augfuse.data.measured.zca import fit_zca
from augfuse.errors import DataError, ImageTypeError
from augfuse.keras.checks import inputs
from augfuse.keras.generator.apply import is_overridden, one_by_one
from augfuse.keras.generator.draws import keyed, streamed
from augfuse.keras.generator.lower import render
from augfuse.keras.generator.records import Pixels, as_stack, full_scale
from augfuse.keras.iterators.file_iterator import EmptyBatchError
from augfuse.keras.iterators.iterator import Iterator, global_seed
from augfuse.keras.notices import notice
from augfuse.threads import cpu_count
from augfuse.warn_once import warn

if TYPE_CHECKING:
    from augfuse.keras.generator.generator import ImageDataGenerator

_CHUNK = 2**24  # values of a chunk
_AUGMENTING = ("random_transform", "get_random_transform", "apply_transform")


def fit(generator: ImageDataGenerator, x: Any, augment: bool, rounds: int, seed: int | None) -> None:
    """See `ImageDataGenerator.fit`."""
    whole("rounds", rounds, 1)
    if generator.compat == "strict":
        _fit_as_keras(generator, _checked(generator, x, generator.dtype), augment, rounds, seed)
        return
    source = x if isinstance(x, Iterator) else _checked(generator, x, None)
    if not generator.featurewise_center and not generator.featurewise_std_normalization:
        return  # nothing is asked for
    if generator.preprocessing_function is not None:
        notice(
            "fit-preprocessing",
            "Keras' fit() leaves out preprocessing_function and samplewise statistics; this one applies them, as to "
            "every batch.",
        )
    key = (global_seed() if seed is None else check_seed(seed)) if augment else 0

    def chunks() -> Iterable[np.ndarray]:
        for epoch in range(rounds if augment else 1):
            for indices, pixels in _pixels(generator, source):
                height, width, _ = pixels.shape
                parameters = keyed(generator, key, epoch, indices, height, width) if augment else None
                if augment and is_overridden(generator, *_AUGMENTING):
                    images = np.stack(list(one_by_one(generator, pixels, indices, key, epoch)))
                    pixels, parameters = _as_pixels(generator, images), None
                yield render(generator, pixels, parameters, cpu_count(), until="statistics")

    if generator.zca_whitening:
        notice(
            "zca",
            "Keras' ZCA centres per channel, adds zca_epsilon to singular values, which grow with the number of "
            "images, and needs a d x d matrix. This one centres each pixel, and adds it to the variances.",
        )
        generator.whitening = fit_zca(chunks, generator.zca_epsilon)
        generator.mean = generator.whitening.mean
        return
    mean, deviation = moments(chunks(), generator.channel_axis)
    generator.mean = mean
    if generator.featurewise_std_normalization:
        generator.std = deviation


def _pixels(generator: ImageDataGenerator, source: Any) -> Iterable[tuple[np.ndarray, Pixels]]:
    """The images in order, in chunks, with their positions."""
    if isinstance(source, Iterator):
        for start in range(0, source.n, source.batch_size):
            try:
                indices, pixels = source.read(np.arange(start, min(start + source.batch_size, source.n)), cpu_count())
            except EmptyBatchError:
                continue  # the iterator has warned
            generator.fitted_scale = (pixels.low, pixels.high)
            yield indices, pixels
        return
    generator.fitted_scale = full_scale(source)
    step = max(1, _CHUNK // source[0].size)
    for start in range(0, len(source), step):
        part = source[start : start + step]
        stack = as_stack(np.moveaxis(part, generator.channel_axis, 3))
        yield np.arange(start, start + len(part)), Pixels(stack, np.arange(len(part)), *generator.fitted_scale)


def _as_pixels(generator: ImageDataGenerator, images: np.ndarray) -> Pixels:
    stack = np.ascontiguousarray(np.moveaxis(images, generator.channel_axis, 3), np.float32)
    return Pixels(stack, np.arange(len(stack)), *full_scale(stack))


def _checked(generator: ImageDataGenerator, x: Any, dtype: Any) -> np.ndarray:
    if isinstance(x, Iterator):
        raise ImageTypeError(
            "fit: got an iterator, wanted an array with compat='strict'. Leave compat out to fit from it."
        )
    array = np.asarray(inputs.images("fit", x), dtype)
    if len(array) == 0:
        raise DataError("fit: got no images, wanted at least one.")
    channels = array.shape[generator.channel_axis]
    if channels not in (1, 3, 4):
        warn(
            f'fit: expected images in the data format "{generator.data_format}" with 1, 3 or 4 channels on axis '
            f"{generator.channel_axis}, got an array of shape {array.shape} ({channels} channels).",
        )
    return array


def _fit_as_keras(generator: ImageDataGenerator, x: np.ndarray, augment: bool, rounds: int, seed: int | None) -> None:
    if seed is not None:
        np.random.seed(seed)
    x = x * np.asarray(generator.rescale, x.dtype) if generator.rescale else np.copy(x)
    if augment:
        height, width = x.shape[generator.row_axis], x.shape[generator.col_axis]
        pixels = _as_pixels(generator, x)
        one = is_overridden(generator, *_AUGMENTING)
        passes = [
            np.stack([generator.random_transform(image) for image in x])
            if one
            else render(generator, pixels, streamed(generator, len(x), height, width), cpu_count(), until="pictures")
            for _ in range(rounds)
        ]
        x = np.concatenate(passes).astype(x.dtype)
    axes = (0, generator.row_axis, generator.col_axis)
    shape = [1, 1, 1]
    shape[generator.channel_axis - 1] = x.shape[generator.channel_axis]
    if generator.featurewise_center:
        generator.mean = np.mean(x, axis=axes).reshape(shape)
        x -= generator.mean
    if generator.featurewise_std_normalization:
        generator.std = np.std(x, axis=axes).reshape(shape)
        x /= generator.std + 1e-6
    if generator.zca_whitening:
        generator.zca_whitening_matrix = keras_zca(x, generator.zca_epsilon)


def keras_zca(x: np.ndarray, epsilon: float) -> np.ndarray:
    """The matrix (D, D) of Keras' own `ImageDataGenerator.fit(zca_whitening=True)`, number for number.

    It does not whiten: `x` is centred by channel and not by feature, and epsilon is added to a singular value, which
    grows with the number of images. For compat="strict" only; `fit_zca` whitens.

    Args:
        x: images (n, ...) as Keras has them at that point: float, rescaled, each channel's mean taken off.
        epsilon: added to each singular value of the data.
    """
    left, singular, _ = np.linalg.svd(x.reshape(len(x), -1).T, full_matrices=False)
    return (left * (np.sqrt(len(x)) / (singular + epsilon))).dot(left.T)
