"""Mean and standard deviation of images that are read in chunks, and the checks of such chunks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from augfuse.errors import DataError, ImageTypeError, RangeError
from augfuse.statistics import Moments
from augfuse.text import shown

# Values worked on at once: small enough for the cache where it is all per value, large where it goes into a product.
_SUM_VALUES = 1 << 18
PRODUCT_VALUES = 1 << 23


def moments(chunks: Iterable[np.ndarray], channel_axis: int) -> tuple[np.ndarray, np.ndarray]:
    """Mean and population standard deviation of each channel, over all images and positions, in one pass.

    Chunk by chunk in float64, merging means and centred squares (Chan, Golub & LeVeque 1983), so a spread that is small
    beside the mean keeps its digits. Temporary memory: a few megabytes, however large a chunk is.

    Args:
        chunks: arrays (k, h, w, c), or (k, c, h, w), of integers or floats; k, h and w may differ between chunks.
        channel_axis: 3 for (k, h, w, c), 1 for (k, c, h, w).

    Returns:
        Mean and standard deviation, float32, in the units of the pixels: (1, 1, c), or (c, 1, 1) for channels first.

    Raises:
        RangeError: `channel_axis` is neither 1 nor 3.
        ImageTypeError: a chunk that does not hold real numbers.
        DataError: no images, NaN or infinite pixels, a chunk without four axes, channel counts that differ.
    """
    if channel_axis not in (1, 3):
        raise RangeError(
            f"moments: got channel_axis={shown(channel_axis)}, wanted 3 for (n, h, w, c) or 1 for (n, c, h, w). "
            "Use channel_axis=3."
        )
    found = gathered(checked(chunks), channel_axis)
    shape = (1, 1, -1) if channel_axis == 3 else (-1, 1, 1)
    return found.mean.astype(np.float32).reshape(shape), found.deviation().astype(np.float32).reshape(shape)


def gathered(chunks: Iterable[np.ndarray], channel_axis: int) -> Moments:
    """The same in float64, of chunks that are known to hold images."""
    found: Moments | None = None
    for chunk in chunks:
        channels = chunk.shape[channel_axis]
        if found is not None and channels != len(found.mean):
            raise DataError(
                f"moments: got a chunk of shape {chunk.shape} with {channels} channels on axis {channel_axis}, wanted "
                f"{len(found.mean)} as in the chunks before. Load all images with one color mode, as in "
                "color_mode='rgb'."
            )
        for part in _parts(np.moveaxis(chunk, channel_axis, 0)):
            one = Moments.of(part)
            found = one if found is None else found.merged(one)
    if found is None:
        raise no_images("moments")
    return found


def _parts(by_channel: np.ndarray) -> Iterator[np.ndarray]:
    """Float64 copies (c, values) of pieces of (c, k, h, w), cut by images, and by rows where one image is large."""
    channels, count, height, width = by_channel.shape
    images = max(1, _SUM_VALUES // (channels * height * width))
    rows = max(1, _SUM_VALUES // (channels * width))
    for i in range(0, count, images):
        for top in range(0, height, rows):
            piece = by_channel[:, i : i + images, top : top + rows]
            yield np.array(piece, np.float64, order="C").reshape(channels, -1)


def checked(chunks: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
    """The chunks that hold images, as arrays of four axes with finite pixels."""
    seen = 0
    for given in chunks:
        chunk = np.asarray(given)
        if chunk.ndim != 4:
            raise DataError(
                f"fit: got a chunk of shape {chunk.shape}, wanted four axes: (n, h, w, c) or (n, c, h, w). "
                "For grey images without a channel axis use: x[..., None]."
            )
        if chunk.dtype.kind not in "biuf":
            raise ImageTypeError(
                f"fit: got a chunk of dtype {chunk.dtype}, wanted integers or floats. Use: x.astype('float32')."
            )
        if chunk.size == 0:
            continue
        step = max(1, PRODUCT_VALUES // chunk[0].size)
        for i in range(0, len(chunk) if chunk.dtype.kind == "f" else 0, step):
            finite = np.isfinite(chunk[i : i + step]).all(axis=(1, 2, 3))
            if not finite.all():
                raise DataError(
                    f"fit: got NaN or infinity in image {seen + i + int(finite.argmin())}, wanted finite pixels. List "
                    "such images with: np.flatnonzero(~np.isfinite(x).all(axis=(1, 2, 3)))."
                )
        yield chunk
        seen += len(chunk)


def no_images(name: str) -> DataError:
    """What `name` raises where there is nothing."""
    return DataError(f"{name}: got no images, wanted at least one. Pass an array of shape (n, h, w, c), n >= 1.")
