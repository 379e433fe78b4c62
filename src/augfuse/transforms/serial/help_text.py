"""What `help` says of a transform: its docstring, then each field with unit, domain and default, out of the specs."""

from __future__ import annotations

import inspect
import math

import msgspec

from augfuse.algebra.ranges import Interval, Number
from augfuse.algebra.values import is_tuple
from augfuse.transforms.base import Spec, Transform, specs

_SINGLE = {
    "symmetric": "(low, high); a number a is (-a, a)",
    "factor": "(low, high); a number a is (1 - a, 1 + a)",
    "exact": "(low, high), or one number",
}


def document(cls: type[Transform]) -> None:
    """Append the fields to the docstring of a class."""
    known = specs(cls)
    lines = [f"    {field.name}: {_words(known[field.name], field)}." for field in msgspec.structs.fields(cls)]
    if lines:
        cls.__doc__ = "\n".join([inspect.cleandoc(cls.__doc__ or ""), "", "Args:", *lines])


def _words(spec: Spec, field: msgspec.structs.FieldInfo) -> str:
    parts = [spec.doc]
    if isinstance(spec, Interval):
        parts.append(_SINGLE[spec.single])
    if isinstance(spec, Interval | Number) and math.isfinite(spec.minimum) and math.isfinite(spec.maximum):
        parts.append(f"within {spec.minimum:g}..{spec.maximum:g} {spec.unit}".rstrip())
    elif spec.unit not in spec.doc:
        parts.append(spec.unit)
    if not field.required:
        parts.append(f"default {short(field.default)}")
    return "; ".join(part.rstrip(".") for part in parts if part)


def short(value: object) -> str:
    """A default as a reader writes it."""
    if is_tuple(value):
        inner = ", ".join(map(short, value))
        return f"({inner},)" if len(value) == 1 else f"({inner})"
    return f"{value:.4g}" if isinstance(value, float) else repr(value)
