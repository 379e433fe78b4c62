"""The value range that a model receives, so that two input pipelines can be compared."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import NamedTuple, final

import numpy as np

from augfuse.data.batches.loader import Loader
from augfuse.errors import AugfuseError
from augfuse.keras.generator.options import Options, listed
from augfuse.plan.settings import value_range
from augfuse.transforms import Normalize, PerImageStandardize, ToFloat
from augfuse.transforms.base import Write

_KNOWN = ((0.0, 1.0), (-1.0, 1.0), (0.0, 255.0), (0.0, 65535.0))
_STANDARDISED = (-5.0, 5.0)  # about where images of mean 0 and standard deviation 1 lie
_ranges: weakref.WeakKeyDictionary[Loader, tuple[float, float] | None] = weakref.WeakKeyDictionary()


@final
class Values(NamedTuple):
    """black, white: (c,) or (1,), what they become; of standardised images, roughly. said: by what, "" by nothing.

    standardises: each image has mean 0 and standard deviation 1. exact: all of it is known, and may be compared.
    """

    black: np.ndarray
    white: np.ndarray
    said: str
    standardises: bool = False
    exact: bool = True

    @property
    def span(self) -> tuple[float, float]:
        """The smallest and the largest number that the model gets."""
        both = np.concatenate([self.black, self.white])
        return float(both.min()), float(both.max())

    def is_like(self, other: Values) -> bool:
        """Whether an image becomes the same numbers in both. Only for two that are exact."""
        if self.standardises or other.standardises:
            return self.standardises == other.standardises
        pairs = ((self.black, other.black), (self.white, other.white))
        tolerance = 1e-3 * (self.span[1] - self.span[0])
        return all((a.size == b.size or 1 in (a.size, b.size)) and np.allclose(a, b, 0, tolerance) for a, b in pairs)

    def show(self) -> str:
        """ "ToFloat(): 0..1"."""
        low, high = self.span
        result = "each image of mean 0" if self.standardises else f"{low:.4g}..{high:.4g}"
        return f"{self.said or 'no scaling'}: {result}"


def of_loader(loader: Loader) -> Values | None:
    """What a loader's recipe writes; None where it cannot be known."""
    last = loader.recipe.transforms[-1] if loader.recipe.transforms else None
    write = last if isinstance(last, Write) and last.p > 0 else None
    if write is None:
        pixels = _range_of_loader(loader)
        return None if pixels is None else _made(*pixels, "")
    if isinstance(write, PerImageStandardize):
        return _made(*_STANDARDISED, "PerImageStandardize()")._replace(standardises=True)
    if isinstance(write, ToFloat):
        return _made(0.0, 1.0, "ToFloat()")
    if isinstance(write, Normalize):
        gain, offset = write.scale(max(np.size(write.mean), np.size(write.std)), 0.0, 1.0)
        return Values(offset, gain + offset, f"Normalize(mean={write.mean}, std={write.std})")
    return None


def declare(loader: Loader, low: float, high: float) -> None:
    """Say what black and white are in the images of a loader, where its value range is wider."""
    _ranges[loader] = low, high


def of_options(options: Options, pixels: tuple[float, float] | None) -> Values | None:
    """What a generator makes of pixels of this range; None where it cannot be known."""
    if pixels is None or options.overrides("standardize"):
        return None
    said = listed(options.standardising())
    each = options.samplewise_center, options.samplewise_std_normalization
    function = options.preprocessing_function is not None
    if function and not options.rescale:
        return None
    if each[1] or options.featurewise_std_normalization or options.zca_whitening:
        exact = all(each) and not options.is_fitted and not function
        return _made(*_STANDARDISED, said)._replace(standardises=True, exact=exact)
    # A function comes before rescale, which is then taken to be meant for the scale of the pixels.
    low, high = sorted((options.rescale or 1.0) * end for end in pixels)
    centred = each[0] or options.featurewise_center
    if centred:
        low, high = low - high, high - low
    return _made(low, high, said)._replace(exact=pixels in _KNOWN and not centred and not function)


def of_first(read: Callable[[], tuple[tuple[float, float], np.ndarray]]) -> tuple[float, float] | None:
    """The range of the images of a data set, as `read` tells: the range of all, and the first image.

    None where they cannot be read, and where a range that follows from a dtype says nothing of numbers within 0..1,
    such as those of a mask in bytes.
    """
    try:
        full, image = read()
    except (AugfuseError, OSError, ValueError, TypeError, IndexError, NotImplementedError):  # reading a batch says it
        return None
    return None if full[1] > 1 >= image.max() else full


def _made(low: float, high: float, said: str) -> Values:
    return Values(np.array([low]), np.array([high]), said)


def _range_of_loader(loader: Loader) -> tuple[float, float] | None:
    """The full scale of the images, as the first one tells."""

    def read() -> tuple[tuple[float, float], np.ndarray]:
        sample = loader.data[0]
        image = np.asarray(sample[0] if isinstance(sample, tuple) else sample)
        return value_range(image.dtype, loader.recipe.value_range), image

    if loader not in _ranges:
        _ranges[loader] = of_first(read)
    return _ranges[loader]
