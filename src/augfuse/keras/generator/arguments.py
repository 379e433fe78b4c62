"""The arguments of an `ImageDataGenerator`: which of them are random, and how to write one down without those."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import keras
import numpy as np

if TYPE_CHECKING:
    from augfuse.keras.generator.generator import ImageDataGenerator

STANDARDISING = (
    "rescale", "preprocessing_function", "samplewise_center", "samplewise_std_normalization",
    "featurewise_center", "featurewise_std_normalization", "zca_whitening",
)  # fmt: skip


def random_arguments(generator: ImageDataGenerator) -> dict[str, Any]:
    """The arguments that switch a random transform on, with their values."""
    names = (
        "rotation_range", "width_shift_range", "height_shift_range", "shear_range", "channel_shift_range",
        "horizontal_flip", "vertical_flip",
    )  # fmt: skip
    found = {name: getattr(generator, name) for name in names if np.any(getattr(generator, name))}
    if tuple(generator.zoom_range) != (1, 1):
        found["zoom_range"] = generator.zoom_range
    if generator.brightness_range is not None:
        found["brightness_range"] = generator.brightness_range
    return found


def standardising_arguments(generator: ImageDataGenerator) -> dict[str, Any]:
    """Those that say how images are standardised, with their values; None for what is not asked for."""
    return {name: getattr(generator, name) or None for name in STANDARDISING}


def without_random(generator: ImageDataGenerator, in_subset: bool) -> str:
    """The constructor call of a generator that standardises alike and draws nothing, as Python source.

    in_subset: it has to split the data as this one does.
    """
    given = {name: value for name, value in standardising_arguments(generator).items() if value is not None}
    if generator.zca_whitening and generator.zca_epsilon != 1e-6:
        given["zca_epsilon"] = generator.zca_epsilon
    if generator.data_format != keras.config.image_data_format():
        given["data_format"] = generator.data_format
    if in_subset:
        given["validation_split"] = generator._validation_split
    if generator.dtype != keras.config.floatx():
        given["dtype"] = generator.dtype
    if generator.compat is not None:
        given["compat"] = generator.compat
    return f"{type(generator).__name__}({listed(given)})"


def listed(arguments: dict[str, Any]) -> str:
    """As they are written in a call: "rotation_range=90, rescale=1 / 255"."""
    return ", ".join(f"{name}={_source(value)}" for name, value in arguments.items())


def _source(value: Any) -> str:
    if callable(value):
        return getattr(value, "__name__", repr(value))
    if isinstance(value, np.ndarray):
        return repr(value.tolist())
    if isinstance(value, float) and 0 < value < 1 and abs(1 / value - round(1 / value)) < 1e-9 / value:
        return f"1 / {round(1 / value)}" if value < 0.1 else repr(value)
    return repr(value)
