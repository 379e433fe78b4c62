"""What each transform does to one image of a plan, in numbers and in words: "rotate -12.3°", "brightness 1.14".

A fused plan holds products, not parameters. They are drawn again at the image's position, which gives the same numbers.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, final

import msgspec
import numpy as np

from augfuse.geometry import Canvas
from augfuse.plan.build import fires, geometric_pass, paths
from augfuse.plan.plan import Plan
from augfuse.rng import Draw
from augfuse.transforms.base import Amount, Geometric, Transform

# The value of a unit that changes nothing.
_NEUTRAL = {"degrees": 0.0, "turns": 0.0, "times": 1.0}
_SHOWN = 1e-9  # parameters this close to it are left out of the words


@final
class Applied(msgspec.Struct, frozen=True):
    """What one transform did to one image.

    path: its place in the recipe ("Rotate#0"). name: its class. fired: whether its `p` said yes. always: it is not an
    augmentation and acts on every image (Resize, Normalize). values: the drawn floats in the units of its fields, a
    tuple of them for what is drawn per channel; empty where it did not fire. text: the same in words, "rotate -12.3°";
    empty where nothing was changed.
    """

    path: str
    name: str
    fired: bool
    always: bool
    values: dict[str, Any]
    text: str


def describe(plan: Plan, i: int) -> tuple[Applied, ...]:
    """One entry for each transform of the recipe, in list order, for image `i`, 0 <= i < n."""
    indices = plan.indices[i : i + 1]
    canvas = Canvas(plan.source.height[i : i + 1], plan.source.width[i : i + 1])
    found: list[Applied] = []
    for path, transform in paths(plan.transforms):
        draw = Draw(plan.seed, plan.epoch, indices, path)
        active = fires(draw, transform.p)
        found.append(_applied(path, transform, draw, active is None or bool(active[0]), canvas))
        if isinstance(transform, Geometric):
            canvas = geometric_pass(transform, draw, active, canvas).size
    return tuple(found)


def caption(applied: Sequence[Applied]) -> str:
    """What was drawn for an image, on one line: "rotate -12.3°, brightness 1.14", or "unchanged"."""
    return ", ".join(step.text for step in applied if step.text and not step.always) or "unchanged"


def _applied(path: str, transform: Transform, draw: Draw, fired: bool, canvas: Canvas) -> Applied:
    amounts = transform.amounts(transform.draw(draw), canvas) if fired else ()
    values = {amount.name: _plain(amount.values[0]) for amount in amounts}
    name = type(transform).__name__
    always = transform.evaluation == "deterministic" and transform.p == 1
    return Applied(path, name, fired, always, values, _words(name, amounts) if fired else "")


def _plain(value: Any) -> float | tuple[float, ...]:
    return tuple(float(v) for v in value) if np.ndim(value) else float(value)


def _words(name: str, amounts: tuple[Amount, ...]) -> str:
    action = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).lower()
    told = [amount for amount in amounts if _shows(amount)]
    if not told:
        return "" if amounts else action
    several = len(amounts) > 1
    parts = [f"{a.name.replace('_', ' ')} {_in_words(a)}" if several else _in_words(a) for a in told]
    return f"{action} {', '.join(parts)}"


def _shows(amount: Amount) -> bool:
    neutral = 0.0 if amount.signed else _NEUTRAL.get(amount.unit)
    return neutral is None or bool((np.abs(amount.values[0] - neutral) > _SHOWN).any())


def _in_words(amount: Amount) -> str:
    return " / ".join(_number(float(v), amount.unit, "+" if amount.signed else "") for v in np.ravel(amount.values[0]))


def _number(value: float, unit: str, sign: str) -> str:
    if unit == "degrees":
        return f"{value:{sign}z.1f}°"
    if unit == "quarters":
        return f"{90 * value:g}°"
    if unit == "turns":
        return f"{value:{sign}z.3f} turns"
    if unit == "times":
        return f"{value:.2f}"
    if unit.startswith("fraction of"):
        return f"{value:{sign}z.1%}"
    if unit == "pixels":
        return f"{value:.0f} px" if value == int(value) else f"{value:.1f} px"
    return f"{value:{sign}.3g} {unit}".rstrip()
