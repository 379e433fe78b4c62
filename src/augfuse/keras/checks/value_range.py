"""The value range that a model receives, so that two input pipelines can be compared."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, NamedTuple, final

import numpy as np

from augfuse.errors import AugfuseError
from augfuse.keras.generator.apply import is_overridden
from augfuse.keras.generator.arguments import listed, standardising_arguments
from augfuse.plan.settings import value_range
from augfuse.transforms import Normalize, PerImageStandardize, ToFloat
from augfuse.transforms.base import Write

if TYPE_CHECKING:
    from augfuse.data.batches.loader import Loader
    from augfuse.keras.iterators.iterator import Iterator

_KNOWN = ((0.0, 1.0), (-1.0, 1.0), (0.0, 255.0), (0.0, 65535.0))
_STANDARDISED = (-5.0, 5.0)  # about where images of mean 0 and standard deviation 1 lie
_ranges: weakref.WeakKeyDictionary[Loader, tuple[float, float] | None] = weakref.WeakKeyDictionary()
_ranges_of_iterators: weakref.WeakKeyDictionary[Iterator, tuple[int, tuple[float, float] | None]] = (
    weakref.WeakKeyDictionary()
)


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


def of_iterator(iterator: Iterator) -> Values | None:
    """What an iterator's generator makes of the pixels; None where it cannot be known."""
    generator = iterator.image_data_generator
    pixels = _range_of_iterator(iterator)
    if generator is None or pixels is None or is_overridden(generator, "standardize"):
        return None
    given = {name: value for name, value in standardising_arguments(generator).items() if value is not None}
    said = listed(given)
    each = generator.samplewise_center, generator.samplewise_std_normalization
    featurewise = generator.featurewise_center or generator.featurewise_std_normalization or generator.zca_whitening
    function = generator.preprocessing_function is not None
    if function and not generator.rescale:
        return None
    if each[1] or generator.featurewise_std_normalization or generator.zca_whitening:
        exact = all(each) and not featurewise and not function
        return _made(*_STANDARDISED, said)._replace(standardises=True, exact=exact)
    # A function comes before rescale, which is then taken to be meant for the scale of the pixels.
    low, high = sorted((generator.rescale or 1.0) * end for end in pixels)
    centred = each[0] or generator.featurewise_center
    if centred:
        low, high = low - high, high - low
    return _made(low, high, said)._replace(exact=pixels in _KNOWN and not centred and not function)


def _made(low: float, high: float, said: str) -> Values:
    return Values(np.array([low]), np.array([high]), said)


def _range_of_loader(loader: Loader) -> tuple[float, float] | None:
    """The full scale of the images, as the first one tells."""
    if loader not in _ranges:
        try:
            sample = loader.data[0]
            image = np.asarray(sample[0] if isinstance(sample, tuple) else sample)
            _ranges[loader] = _unless_dark(value_range(image.dtype, loader.recipe.value_range), image)
        except (AugfuseError, OSError, ValueError, TypeError):  # whoever reads the batch will say it
            _ranges[loader] = None
    return _ranges[loader]


def _range_of_iterator(iterator: Iterator) -> tuple[float, float] | None:
    """The full scale of the images, as the first one tells."""
    known = _ranges_of_iterators.get(iterator)
    if known is None or known[0] != iterator.changes:  # something was set on it since
        try:
            _, pixels = iterator.read(np.zeros(1, np.int64), 1)
            image = pixels.stack[pixels.rows[0]]
            found = _unless_dark((pixels.low, pixels.high), image) if iterator._is_ours else None
        except (AugfuseError, OSError, ValueError, TypeError, IndexError, NotImplementedError):  # as above
            found = None
        known = _ranges_of_iterators[iterator] = iterator.changes, found
    return known[1]


def _unless_dark(full: tuple[float, float], image: np.ndarray) -> tuple[float, float] | None:
    """A range that follows from a dtype says nothing of numbers within 0..1, such as those of a mask in bytes."""
    return None if full[1] > 1 >= image.max() else full
