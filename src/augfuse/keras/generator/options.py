"""The attributes of an `ImageDataGenerator` as a frozen record, read once per batch, and as Python source.

A user may set an attribute at any time, also while a thread computes a batch: what is below the generator takes this
record, so that a batch is made of the attributes of one moment.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any, Literal, Protocol, TypeAlias, final

import keras
import numpy as np

from augfuse.data.measured.zca import Whitening

Compat: TypeAlias = Literal["strict"] | None

STANDARDISING = (
    "rescale", "preprocessing_function", "samplewise_center", "samplewise_std_normalization",
    "featurewise_center", "featurewise_std_normalization", "zca_whitening",
)  # fmt: skip
_RANDOM = (
    "rotation_range", "width_shift_range", "height_shift_range", "shear_range", "channel_shift_range",
    "horizontal_flip", "vertical_flip",
)  # fmt: skip
_STEPS = ("get_random_transform", "apply_transform", "standardize")
_MODULE = "augfuse.keras.generator.generator"  # where these are Keras' own


class Generator(Protocol):
    """An ImageDataGenerator, for what is below it: its attributes come through `read_options`."""

    compat: Compat
    mean: Any
    std: Any
    whitening: Whitening | None
    zca_whitening_matrix: Any
    fitted_scale: tuple[float, float] | None

    def random_transform(self, x: np.ndarray, seed: int | None = None) -> np.ndarray: ...
    def get_random_transform(self, img_shape: tuple[int, ...], seed: int | None = None) -> dict[str, Any]: ...
    def apply_transform(self, x: np.ndarray, transform_parameters: dict[str, Any]) -> np.ndarray: ...
    def standardize(self, x: np.ndarray) -> np.ndarray: ...


@final
@dataclasses.dataclass(frozen=True, eq=False)
class Options:
    """Names and units are those of `ImageDataGenerator`.

    owner: the generator itself, for its methods and for warnings that are given once. zca_whitening_matrix: None where
    `whitening` takes its place. fitted_scale: the value range of the images that `fit` saw.
    """

    owner: Generator
    validation_split: float
    zca_whitening_matrix: np.ndarray | None
    compat: Compat
    data_format: str
    row_axis: int
    col_axis: int
    channel_axis: int
    dtype: Any
    rotation_range: float
    width_shift_range: Any
    height_shift_range: Any
    shear_range: float
    zoom_range: Any
    channel_shift_range: float
    brightness_range: Any
    horizontal_flip: bool
    vertical_flip: bool
    fill_mode: str
    cval: float
    interpolation_order: int
    rescale: float | None
    preprocessing_function: Callable[[np.ndarray], np.ndarray] | None
    samplewise_center: bool
    samplewise_std_normalization: bool
    featurewise_center: bool
    featurewise_std_normalization: bool
    zca_whitening: bool
    zca_epsilon: float
    mean: Any
    std: Any
    whitening: Whitening | None
    fitted_scale: tuple[float, float] | None

    @property
    def planar(self) -> bool:
        """Whether images are (c, h, w)."""
        return self.data_format == "channels_first"

    @property
    def is_fitted(self) -> bool:
        """Whether images are standardised by what `fit` measures."""
        return self.featurewise_center or self.featurewise_std_normalization or self.zca_whitening

    def overrides(self, *steps: str) -> bool:
        """Whether a subclass, or a function set on the generator, does one of the steps (default: any) in its own way.

        steps: "get_random_transform", "apply_transform", "standardize", "random_transform".
        """
        return any(getattr(self.owner, step).__module__ != _MODULE for step in steps or _STEPS)

    def random(self) -> dict[str, Any]:
        """The arguments that switch a random transform on, with their values."""
        found = {name: getattr(self, name) for name in _RANDOM if np.any(getattr(self, name))}
        if tuple(self.zoom_range) != (1, 1):
            found["zoom_range"] = self.zoom_range
        if self.brightness_range is not None:
            found["brightness_range"] = self.brightness_range
        return found

    def standardising(self) -> dict[str, Any]:
        """The arguments that say how images are standardised, with their values; only those that are set."""
        return {name: getattr(self, name) for name in STANDARDISING if getattr(self, name)}


_READ = tuple(field.name for field in dataclasses.fields(Options))[3:]


def read_options(generator: Any) -> Options:
    """The attributes of a generator as they are now."""
    matrix = None if generator.whitening is not None else generator.zca_whitening_matrix
    return Options(generator, generator._validation_split, matrix, *(getattr(generator, name) for name in _READ))


def without_random(options: Options, in_subset: bool) -> str:
    """The constructor call of a generator that standardises alike and draws nothing, as Python source.

    in_subset: it has to split the data as this one does.
    """
    given = options.standardising()
    if options.zca_whitening and options.zca_epsilon != 1e-6:
        given["zca_epsilon"] = options.zca_epsilon
    if options.data_format != keras.config.image_data_format():
        given["data_format"] = options.data_format
    if in_subset:
        given["validation_split"] = options.validation_split
    if options.dtype != keras.config.floatx():
        given["dtype"] = options.dtype
    if options.compat is not None:
        given["compat"] = options.compat
    return f"{type(options.owner).__name__}({listed(given)})"


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
