"""The keyword options that the functions of `augfuse.functional` share, each declared once."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any, ParamSpec, TypeAlias, TypedDict, TypeVar

import numpy as np

FillValue: TypeAlias = float | Sequence[float] | np.ndarray
ValueRange: TypeAlias = tuple[float, float] | None

P = ParamSpec("P")
R = TypeVar("R")


class Scaled(TypedDict, total=False):
    """Options of functions whose result is always float32."""

    value_range: ValueRange
    workers: int | None


class Typed(Scaled, total=False):
    """Options of functions that leave pixels where they are."""

    dtype: Any


class Resized(Typed, total=False):
    """Options of functions that interpolate, and never look beyond the image."""

    interpolation: str


class Filled(Typed, total=False):
    """Options of functions that look beyond the image."""

    fill: str
    fill_value: FillValue


class Resampled(Filled, Resized, total=False):
    """Options of functions that interpolate, and look beyond the image."""


DEFAULTS: Resampled = {
    "fill": "nearest",
    "fill_value": 0,
    "interpolation": "bilinear",
    "value_range": None,
    "dtype": None,
    "workers": None,
}


def takes(options: type[Scaled]) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Decorate a function whose `**options` are the fields of `options`: `help` shows each with its default, and any
    other keyword is a TypeError.
    """

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        signature = inspect.signature(function)
        own = [one for one in signature.parameters.values() if one.kind is not one.VAR_KEYWORD]
        more = [
            inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=hint.__forward_arg__)
            for name, default in DEFAULTS.items()
            if (hint := options.__annotations__.get(name)) is not None  # a string, as everywhere in this file
        ]
        shown = signature.replace(parameters=own + more)

        @wraps(function)
        def call(*args: P.args, **kwargs: P.kwargs) -> R:
            try:
                shown.bind(*args, **kwargs)
            except TypeError as error:
                raise TypeError(f"{function.__name__}(): {error}") from None
            return function(*args, **kwargs)

        call.__signature__ = shown  # type: ignore[attr-defined]  # read by inspect.signature
        return call

    return decorate
