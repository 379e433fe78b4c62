"""The arguments of an `ImageDataGenerator` as Python source: in a call, and in one without those that are random."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

from augfuse.keras.generator.options import Options


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
