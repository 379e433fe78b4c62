"""What Keras' `standardize` does, as numbers for the compiled passes, and on arrays.

The order is preprocessing_function, rescale, samplewise and then featurewise mean and standard deviation, ZCA.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from augfuse.errors import ImageError
from augfuse.keras.generator.compat import mode_of
from augfuse.keras.generator.options import Options
from augfuse.keras.generator.steps import Finish
from augfuse.warn_once import warn_once

_F = np.float32
_EPSILON = 1e-6  # added to standard deviations, as Keras does


def samplewise_steps(options: Options) -> Finish:
    """rescale and the statistics of each image: what comes before the featurewise statistics."""
    return Finish(
        rescale=_F(options.rescale or 1.0),
        centers=bool(options.samplewise_center),
        divides=bool(options.samplewise_std_normalization),
    )


def channel_steps(options: Options, channels: int) -> Finish:
    """`samplewise_steps`, and the featurewise statistics where they are one number per channel."""
    steps = samplewise_steps(options)
    mean, deviation = _featurewise(options)
    centre, spread = _per_channel(options, mean, channels), _per_channel(options, deviation, channels)
    if centre is None or spread is None or (mean is None and deviation is None):
        return steps
    gains = 1.0 / (spread + _EPSILON) if deviation is not None else np.ones(channels)
    return steps._replace(gains=gains.astype(_F), biases=(-centre * gains).astype(_F))


def whole_steps(options: Options, out: np.ndarray) -> np.ndarray:
    """What is left for the whole batch (n, ...): featurewise statistics per pixel, and ZCA."""
    mean, deviation = _featurewise(options)
    channels = out.shape[options.channel_axis]
    if _per_channel(options, mean, channels) is None or _per_channel(options, deviation, channels) is None:
        _subtract_and_divide(out, mean, deviation)
    return _whiten(options, out)


def standardize_array(options: Options, x: np.ndarray) -> np.ndarray:
    """An image or a batch, in place where it is of a float dtype. Samplewise statistics are those of all of x."""
    if x.dtype.kind != "f":
        x = x.astype(options.dtype)
    if options.preprocessing_function:
        x = preprocess(options, x)
        check_finite("preprocessing_function", options, x)
        if options.compat is None and (x.dtype.kind != "f" or x.dtype.itemsize < np.dtype(options.dtype).itemsize):
            x = x.astype(options.dtype)
    if options.rescale:
        x *= options.rescale
    if options.samplewise_center:
        x -= np.mean(x, keepdims=True)
    if options.samplewise_std_normalization:
        x /= np.std(x, keepdims=True) + _EPSILON
    _subtract_and_divide(x, *_featurewise(options))
    return _whiten(options, x)


def preprocess(options: Options, image: np.ndarray) -> np.ndarray:
    """What preprocessing_function makes of an image; errors as from `image_of`."""
    assert options.preprocessing_function is not None
    return image_of("preprocessing_function", options, options.preprocessing_function(image), image.shape)


def image_of(name: str, options: Options, given: Any, shape: tuple[int, ...]) -> np.ndarray:
    """What somebody's function `name` returned, as an array that can take the place of an image of this shape.

    That is one of the same shape, or of one channel, which stands for all. ImageError for anything else; with
    compat="strict" what NumPy spreads over the image is spread, and None is NaN, as in Keras.
    """
    if type(given) is np.ndarray and given.shape == shape and given.dtype.kind in "buif":
        return given
    got = "None" if given is None else ""
    axis = len(shape) - (3 if options.planar else 1)
    array = np.asarray(np.nan if given is None else given)
    if not got and array.dtype.kind not in "buif":
        got = f"an array of dtype {array.dtype}" if isinstance(given, np.ndarray) else type(given).__name__
    elif not got and array.shape != shape and not mode_of(options).spreads(array.shape, shape, axis):
        got = str(array.shape)
    if not got:
        return array if array.shape == shape or options.compat else np.array(np.broadcast_to(array, shape))
    message = f"{name}: got {got}, wanted an array {shape}."
    if given is not None:
        raise ImageError(message)
    mode_of(options).refuse(options.owner, f"{message} End the function with: return image")
    return np.full(shape, np.nan, options.dtype)


def check_finite(name: str, options: Options, images: np.ndarray) -> None:
    """ImageError where a function left NaN or infinity in an image or a batch; a warning with compat="strict"."""
    with np.errstate(all="ignore"):
        if images.dtype.kind != "f" or math.isfinite(images.sum()) or np.isfinite(images).all():
            return
    wrong = np.argwhere(~np.isfinite(images))
    place = f"image {wrong[0][0]} of the batch has" if images.ndim == 4 else "the image has"
    message = (
        f"{name}: {place} {images[tuple(wrong[0])]} after it ({len(wrong)} of {images.size} values of all), wanted "
        "finite numbers: the loss would be NaN. Look for a division by 0 (of an image of one colour), log(0), or NaN "
        "in the images, for which np.nan_to_num(image) is a remedy."
    )
    mode_of(options).refuse(options.owner, message)


def _subtract_and_divide(x: np.ndarray, mean: Any, deviation: Any) -> None:
    if mean is not None:
        x -= _broadcast("mean", mean, x)
    if deviation is not None:
        x /= _broadcast("std", deviation, x) + _EPSILON


def _broadcast(name: str, statistic: Any, x: np.ndarray) -> np.ndarray:
    """The statistic as an array that can be subtracted from x; ImageError for another shape."""
    array = np.asarray(statistic, x.dtype)
    fits = len(array.shape) <= x.ndim and all(
        side in (1, wanted) for side, wanted in zip(array.shape[::-1], x.shape[::-1], strict=False)
    )
    if not fits:
        raise ImageError(
            f"{name}: got an array of shape {array.shape} for images of shape {x.shape[-3:]}, wanted one number per "
            f"channel. Use datagen.{name} = np.reshape(datagen.{name}, (1, 1, -1)), (-1, 1, 1) for channels first, or "
            "fit() again on images of this shape."
        )
    return array


def _featurewise(options: Options) -> tuple[Any, Any]:
    """The mean and the standard deviation to apply, None for those that are not asked for or not there."""
    mean = deviation = None
    if options.featurewise_center and options.whitening is None:  # whitening has its own mean
        mean = options.mean
        if mean is None:
            _warn_unfitted(options, "featurewise_center")
    if options.featurewise_std_normalization:
        deviation = options.std
        if deviation is None:
            _warn_unfitted(options, "featurewise_std_normalization")
    return mean, deviation


def _per_channel(options: Options, value: Any, channels: int) -> np.ndarray | None:
    """(c,) float64 of a statistic that is one number, or one per channel, as it broadcasts; None for any other."""
    if value is None:
        return np.zeros(channels)
    array = np.asarray(value, np.float64)
    if array.size == 1:
        return np.full(channels, array.item())
    shape = array.shape[-3:] if array.ndim <= 4 else ()
    wanted = (channels, 1, 1) if options.planar else (1, 1, channels)[-len(shape) :]
    return array.ravel() if array.size == channels and shape == wanted else None


def _whiten(options: Options, x: np.ndarray) -> np.ndarray:
    if not options.zca_whitening:
        return x
    if options.whitening is not None:
        features = math.prod(options.whitening.mean.shape)
        return options.whitening.apply(x.reshape(-1, *_fitting(x, features))).reshape(x.shape)
    if options.zca_whitening_matrix is None:
        _warn_unfitted(options, "zca_whitening")
        return x
    matrix = np.asarray(options.zca_whitening_matrix, x.dtype)
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1]:
        raise ImageError(f"zca_whitening_matrix: got shape {matrix.shape}, wanted (d, d) for images of d values.")
    return (x.reshape(-1, math.prod(_fitting(x, len(matrix)))) @ matrix).reshape(x.shape)


def _fitting(x: np.ndarray, features: int) -> tuple[int, ...]:
    shape = x.shape[-3:]
    if math.prod(shape) != features:
        raise ImageError(
            f"zca_whitening: got images of shape {shape}, {math.prod(shape)} values, wanted {features} values, "
            "as those that fit() saw. Fit again on images of this size."
        )
    return shape


def _warn_unfitted(options: Options, option: str) -> None:
    warn_once(
        options.owner,
        f"This ImageDataGenerator specifies `{option}`, but it hasn't been fit on any training data: the batches "
        "come without it. Fit it first by calling `.fit(x_train)`.",
    )
