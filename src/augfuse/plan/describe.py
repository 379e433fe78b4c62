"""What each transform does to one image of a plan, in numbers and in words: "rotate -12.3°", "brightness 1.14".

A fused plan holds products, not parameters: those are read off what was drawn.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, final

import msgspec
import numpy as np

from augfuse.algebra.geometry import Canvas
from augfuse.plan.draw import Node, applications
from augfuse.transforms.base import Amount, Geometric, Params
from augfuse.transforms.mix_base import Mix

# The value of a unit that changes nothing.
_NEUTRAL = {"degrees": 0.0, "turns": 0.0, "times": 1.0}
_SHOWN = 1e-9  # parameters this close to it are left out of the words


@final
class Applied(msgspec.Struct, frozen=True):
    """What one transform did to one image.

    Args:
        path: its place in the recipe ("Rotate#0", or "OneOf#0/Rotate#0").
        name: its class.
        fired: whether it acted: its `p` let it act, and the OneOf or SomeOf around it chose it.
        always: it is not an augmentation and acts on every image (Resize, Normalize).
        values: the drawn floats in the units of its fields, a tuple of them for what is drawn per channel; empty where
            it did not fire.
        text: the same in words, "rotate -12.3°"; empty where nothing was changed.
    """

    path: str
    name: str
    fired: bool
    always: bool
    values: dict[str, Any]
    text: str


def describe(sizes: Canvas, nodes: Sequence[Node], i: int) -> tuple[Applied, ...]:
    """One entry for each transform that does something, in the order of application, for image `i`, 0 <= i < n.

    sizes: of the images that come in. nodes: what was drawn for them.
    """
    canvas = Canvas(*(side[i : i + 1] for side in sizes))
    found: dict[str, Applied] = {}
    for node, active in applications(nodes):
        fired = active is None or bool(active[i])
        params = {name: values[i : i + 1] for name, values in node.params.items()}
        if fired or node.path not in found:
            found.pop(node.path, None)  # one of a RandomOrder is met at every place, and stands where it acts
            found[node.path] = _applied(node, params, fired, canvas)
        if fired and isinstance(node.transform, Geometric):
            canvas = node.transform.matrix(params, canvas)[1]
        elif fired and isinstance(node.transform, Mix):
            canvas = node.transform.canvas(canvas)
    return tuple(found.values())


def caption(applied: Sequence[Applied]) -> str:
    """What was drawn for an image, on one line: "rotate -12.3°, brightness 1.14", or "unchanged"."""
    return ", ".join(step.text for step in applied if step.text and not step.always) or "unchanged"


def _applied(node: Node, params: Params, fired: bool, canvas: Canvas) -> Applied:
    transform = node.transform
    amounts = transform.amounts(params, canvas) if fired else ()
    values = {amount.name: _plain(amount.values[0]) for amount in amounts}
    name = type(transform).__name__
    always = transform.evaluation == "deterministic" and node.active is None
    return Applied(node.path, name, fired, always, values, _words(name, amounts) if fired else "")


def _plain(value: Any) -> float | tuple[float, ...]:
    return tuple(float(v) for v in value) if np.ndim(value) else float(value)


def _words(name: str, amounts: tuple[Amount, ...]) -> str:
    action = re.sub(r"(?<=[a-zA-Z])(?=[A-Z][a-z])", " ", name).lower()
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
