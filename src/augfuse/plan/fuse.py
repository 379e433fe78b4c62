"""Neighbouring steps of a plan become one pass over the pixels.

The rules, each one branch below: Geometric, Geometric multiply. Color, Color multiply, with no clip in between. Color
and Geometric swap freely, because a matrix on channels commutes with a weighted mean over pixels whose weights sum to
1; only the fill colour must know which colour steps came after it. A step that needs the mean of the current image
(Contrast about the mean) begins a new pass, and so does whatever follows a Local. Segments follow from the recipe,
never from what was drawn.
"""

from __future__ import annotations

import numpy as np

from augfuse import color, geometry
from augfuse.plan.plan import Pass, Plan, Step


def fuse(plan: Plan) -> Plan:
    """The plan with neighbouring passes merged. Fusing twice changes nothing."""
    steps: list[Step] = []
    for step in plan.steps:
        last = steps[-1] if steps else None
        if isinstance(step, Pass) and isinstance(last, Pass) and step.mean_gain is None:
            steps[-1] = _merge(last, step)
        else:
            steps.append(step)
    return _replace(plan, tuple(steps))


def _replace(plan: Plan, steps: tuple[Step, ...]) -> Plan:
    fields = {name: getattr(plan, name) for name in plan.__struct_fields__}
    return Plan(**{**fields, "steps": steps})


def _merge(first: Pass, second: Pass) -> Pass:
    if second.color is None or first.mean_gain is None:
        mean_gain = first.mean_gain
    else:
        mean_gain = color.turn(second.color, first.mean_gain)
    return Pass(
        size=second.size,
        geometry_names=first.geometry_names + second.geometry_names,
        color_names=first.color_names + second.color_names,
        geometry=_both(geometry.compose, first.geometry, second.geometry),
        color=_both(color.compose, first.color, second.color),
        mean_gain=mean_gain,
        # The source is surrounded by the fill colour from the first geometric step on: it passes what comes after.
        fill_color=second.fill_color
        if first.geometry is None
        else _both(color.compose, first.fill_color, second.color),
        mixes_channels=first.mixes_channels or second.mixes_channels,
    )


def _both(compose, first: np.ndarray | None, second: np.ndarray | None) -> np.ndarray | None:
    if first is None or second is None:
        return first if second is None else second
    return compose(second, first)
