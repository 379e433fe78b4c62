"""What a notebook shows for a batch and for a recipe: small pieces of HTML, every text in them escaped."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from html import escape
from typing import Any, Protocol

import numpy as np

from augfuse.display.pages import fitted, png_bytes
from augfuse.errors import RecipeError
from augfuse.plan.plan import Plan
from augfuse.transforms.base import Transform, specs
from augfuse.transforms.children import inside
from augfuse.transforms.derived.eval_form import evaluated

_SHOWN = 12  # images of a batch: a notebook keeps them in its file
_SIDE = 160
_CHANNELS = (3, 1, 4)  # tried in turn: a recipe may fit only some


class _Batch(Protocol):
    """What is shown of an `af.Batch`."""

    @property
    def plan(self) -> Plan: ...
    def __len__(self) -> int: ...
    def drawn(self, first: int | None = None) -> list[np.ndarray]: ...
    def caption(self, i: int) -> str: ...


class _Recipe(Protocol):
    """What is shown of an `af.Recipe`."""

    @property
    def transforms(self) -> Sequence[Transform]: ...
    @property
    def value_range(self) -> tuple[float, float] | None: ...
    def explain(self, shape: tuple[int, ...] = ..., dtype: Any = ...) -> str: ...


def batch_html(batch: _Batch) -> str:
    """A line about the batch, then its first images, each with its label and what was drawn for it."""
    shown = min(len(batch), _SHOWN)
    more = f", the first {shown} of them" if shown < len(batch) else ""
    drawn = batch.drawn(shown)
    figures = "".join(_figure(fitted(drawn[i], _SIDE), batch.caption(i)) for i in range(shown))
    head = escape(f"{batch!r}, seed {batch.plan.seed}{more}")
    return f'<div><p>{head}</p><div style="display:flex;flex-wrap:wrap;gap:10px">{figures}</div></div>'


def _figure(image: np.ndarray, caption: str) -> str:
    data = base64.b64encode(png_bytes(image)).decode("ascii")
    words = escape(caption).replace("\n", "<br>")
    return (
        f'<figure style="margin:0;width:{_SIDE}px"><img alt="" src="data:image/png;base64,{data}" '
        'style="image-rendering:pixelated;max-width:100%">'
        f'<figcaption style="font-size:smaller;line-height:1.3">{words}</figcaption></figure>'
    )


def recipe_html(recipe: _Recipe) -> str:
    """The fused plan in one line, the settings that are not the default, and a table of the transforms."""
    rows = "".join(_row(transform) for transform in recipe.transforms)
    head = "".join(f'<th style="text-align:left">{title}</th>' for title in ("transform", "p", "fields", "evaluation"))
    settings = ", ".join(f"{name}={value!r}" for name, value in _settings(recipe).items())
    note = f"<p>{escape(settings)}</p>" if settings else ""
    table = f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>" if rows else ""
    return f"<div><p><b>Recipe</b>: {escape(_explained(recipe))}</p>{note}{table}</div>"


def _settings(recipe: Any) -> dict[str, Any]:
    plain = type(recipe)()
    names = (name for name in recipe.__struct_fields__ if name != "transforms")
    return {name: getattr(recipe, name) for name in names if getattr(recipe, name) != getattr(plain, name)}


def _explained(recipe: _Recipe) -> str:
    """The plan for a 224x224 image of as many channels as the recipe takes, or why there is none."""
    dtype = np.uint8 if recipe.value_range is None else np.float32
    problem = ""
    for channels in _CHANNELS:
        try:
            return recipe.explain(shape=(224, 224, channels), dtype=dtype)
        except RecipeError as error:
            problem = problem or str(error)
    return problem


def _row(transform: Transform) -> str:
    fields = [
        f"{name}={_value(getattr(transform, name))} {spec.unit}".strip()
        for name, spec in specs(type(transform)).items()
        if name != "p" and getattr(transform, name) is not None
    ]
    kept = {"random": "left out", "deterministic": "kept"}.get(transform.evaluation)
    if kept is None:
        kept = ", ".join(map(_value, evaluated([transform]))) or "left out"
    p: Any = transform.p  # of a Schedule the first and the last value, or None
    probability = " to ".join(f"{value:g}" for value in (p if isinstance(p, tuple) else (1.0 if p is None else p,)))
    cells = (type(transform).__name__, probability, "; ".join(fields), kept)
    return "<tr>" + "".join(f'<td style="text-align:left">{escape(cell)}</td>' for cell in cells) + "</tr>"


def _value(value: Any) -> str:
    if isinstance(value, Transform):
        inner = ", ".join(_value(children) for children in inside(value) or ())
        return type(value).__name__ + (f"({inner})" if inner else "")
    if isinstance(value, tuple) and value and isinstance(value[0], Transform):
        return f"[{', '.join(map(_value, value))}]"
    if isinstance(value, tuple) and len(value) == 1:
        return _value(value[0])
    if isinstance(value, tuple):
        return f"({', '.join(_value(v) for v in value)})"
    if isinstance(value, float):
        return f"{value + 0.0:g}"  # minus zero becomes zero
    return getattr(value, "__qualname__", None) or repr(value)
