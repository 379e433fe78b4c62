"""What `ImageDataGenerator.fit` does: which pixels the statistics are taken of, and where they go.

By default they are read in chunks, from an array or from an iterator over files, through everything that comes before
the featurewise step when images are augmented. With compat="strict" the steps and the memory are those of Keras' class.
"""

from __future__ import annotations

from collections.abc import Iterator as Iterable
from typing import Any

import numpy as np

from augfuse.algebra.ranges import whole
from augfuse.algebra.rng import check_seed
from augfuse.data.measured.moments import moments
from augfuse.data.measured.zca import fit_zca
from augfuse.errors import DataError, ImageTypeError
from augfuse.keras.checks import inputs
from augfuse.keras.generator.augment import Samples, one_by_one
from augfuse.keras.generator.draws import keyed, streamed
from augfuse.keras.generator.lower import render
from augfuse.keras.generator.options import Generator, Options, read_options
from augfuse.keras.generator.steps import Pixels, as_stack, full_scale
from augfuse.keras.iterators.file_iterator import EmptyBatchError
from augfuse.keras.iterators.iterator import Iterator, global_seed
from augfuse.keras.notices import notice
from augfuse.threads import cpu_count
from augfuse.warn_once import warn

_CHUNK = 2**24  # values of a chunk
_AUGMENTING = ("random_transform", "get_random_transform", "apply_transform")


def fit(generator: Generator, x: Any, augment: bool, rounds: int, seed: int | None) -> None:
    """See `ImageDataGenerator.fit`."""
    whole("rounds", rounds, 1)
    options = read_options(generator)
    if options.compat == "strict":
        _fit_as_keras(options, _checked(options, x, options.dtype), augment, rounds, seed)
        return
    source = x if isinstance(x, Iterator) else _checked(options, x, None)
    if not options.featurewise_center and not options.featurewise_std_normalization:
        return  # nothing is asked for
    if options.preprocessing_function is not None:
        notice(
            "fit-preprocessing",
            "Keras' fit() leaves out preprocessing_function and samplewise statistics; this one applies them, as to "
            "every batch.",
        )
    key = (global_seed() if seed is None else check_seed(seed)) if augment else 0

    def chunks() -> Iterable[np.ndarray]:
        for epoch in range(rounds if augment else 1):
            for indices, pixels in _pixels(options, source):
                height, width, _ = pixels.shape
                parameters = keyed(options, key, epoch, indices, height, width) if augment else None
                if augment and options.overrides(*_AUGMENTING):
                    images = np.stack(list(one_by_one(options, pixels, Samples(indices, key, epoch))))
                    pixels, parameters = _as_pixels(options, images), None
                yield render(options, pixels, parameters, cpu_count(), until="statistics")

    if options.zca_whitening:
        notice(
            "zca",
            "Keras' ZCA centres per channel, adds zca_epsilon to singular values, which grow with the number of "
            "images, and needs a d x d matrix. This one centres each pixel, and adds it to the variances.",
        )
        generator.whitening = fit_zca(chunks, options.zca_epsilon)
        generator.mean = generator.whitening.mean
        return
    mean, deviation = moments(chunks(), options.channel_axis)
    generator.mean = mean
    if options.featurewise_std_normalization:
        generator.std = deviation


def _pixels(options: Options, source: Any) -> Iterable[tuple[np.ndarray, Pixels]]:
    """The images in order, in chunks, with their positions."""
    if isinstance(source, Iterator):
        for start in range(0, source.n, source.batch_size):
            try:
                indices, pixels = source.read(np.arange(start, min(start + source.batch_size, source.n)), cpu_count())
            except EmptyBatchError:
                continue  # the iterator has warned
            options.owner.fitted_scale = (pixels.low, pixels.high)
            yield indices, pixels
        return
    scale = options.owner.fitted_scale = full_scale(source)
    step = max(1, _CHUNK // source[0].size)
    for start in range(0, len(source), step):
        part = source[start : start + step]
        stack = as_stack(np.moveaxis(part, options.channel_axis, 3))
        yield np.arange(start, start + len(part)), Pixels(stack, np.arange(len(part)), *scale)


def _as_pixels(options: Options, images: np.ndarray) -> Pixels:
    stack = np.ascontiguousarray(np.moveaxis(images, options.channel_axis, 3), np.float32)
    return Pixels(stack, np.arange(len(stack)), *full_scale(stack))


def _checked(options: Options, x: Any, dtype: Any) -> np.ndarray:
    if isinstance(x, Iterator):
        raise ImageTypeError(
            "fit: got an iterator, wanted an array with compat='strict'. Leave compat out to fit from it."
        )
    array = np.asarray(inputs.images("fit", x), dtype)
    if len(array) == 0:
        raise DataError("fit: got no images, wanted at least one.")
    channels = array.shape[options.channel_axis]
    if channels not in (1, 3, 4):
        warn(
            f'fit: expected images in the data format "{options.data_format}" with 1, 3 or 4 channels on axis '
            f"{options.channel_axis}, got an array of shape {array.shape} ({channels} channels)."
        )
    return array


def _fit_as_keras(options: Options, x: np.ndarray, augment: bool, rounds: int, seed: int | None) -> None:
    generator = options.owner
    if seed is not None:
        np.random.seed(seed)
    x = x * np.asarray(options.rescale, x.dtype) if options.rescale else np.copy(x)
    if augment:
        height, width = x.shape[options.row_axis], x.shape[options.col_axis]
        pixels = _as_pixels(options, x)
        one = options.overrides(*_AUGMENTING)
        passes = [
            np.stack([generator.random_transform(image) for image in x])
            if one
            else render(options, pixels, streamed(options, len(x), height, width), cpu_count(), until="pictures")
            for _ in range(rounds)
        ]
        x = np.concatenate(passes).astype(x.dtype)
    axes = (0, options.row_axis, options.col_axis)
    shape = [1, 1, 1]
    shape[options.channel_axis - 1] = x.shape[options.channel_axis]
    if options.featurewise_center:
        generator.mean = np.mean(x, axis=axes).reshape(shape)
        x -= generator.mean
    if options.featurewise_std_normalization:
        generator.std = np.std(x, axis=axes).reshape(shape)
        x /= generator.std + 1e-6
    if options.zca_whitening:
        generator.zca_whitening_matrix = keras_zca(x, options.zca_epsilon)


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
