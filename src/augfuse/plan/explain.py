"""A plan in words: "Rotate, Translate -> 1 warp; ColorJitter -> 1 matrix; Normalize -> write"."""

from __future__ import annotations

from augfuse.plan.ops import Segment, Tone
from augfuse.plan.plan import Plan


def explain(plan: Plan) -> str:
    """One line: which transforms share which piece of work, in the order in which it is done; one for each view."""
    if not plan.views:
        return _line(plan)
    return "\n".join(f"{name}: {_line(view)}" for name, view in plan.views)


def _line(plan: Plan) -> str:
    write = plan.write
    height, width = plan.size
    last = f"{write.name + ' -> ' if write.name else ''}write {height[0]}x{width[0]}x{plan.channels} {write.dtype.name}"
    return "; ".join([*_parts(plan), last])


def _parts(plan: Plan) -> list[str]:
    parts: list[str] = []
    if plan.before is not None:
        parts = [*_parts(plan.before.own), f"{plan.before.op.name} -> 1 mix with the partner, which passed the same"]
    for step in plan.steps:
        if not isinstance(step, Segment):
            parts.append(f"{step.name} -> 1 kernel")
            continue
        if step.before:
            parts.append(_tones(step.before))
        if step.geometry_names:
            parts.append(f"{_listed(step.geometry_names)} -> 1 warp{_interpolation(plan, step)}")
        if step.color_names:
            mean = " with the image mean" if step.mean_gain is not None else ""
            parts.append(f"{_listed(step.color_names)} -> 1 matrix{mean}")
        if step.after:
            parts.append(_tones(step.after))
    return parts


def _interpolation(plan: Plan, step: Segment) -> str:
    """How pixels are read, where they are, and not as they are by default."""
    copied = step.grid in ("whole", "swapped")
    return "" if copied or plan.interpolation == "bilinear" else f" ({plan.interpolation})"


def _tones(tones: tuple[Tone, ...]) -> str:
    return f"{_listed(tuple(tone.name for tone in tones))} -> 1 curve{' of the image' if tones[0].statistic else ''}"


def _listed(names: tuple[str, ...]) -> str:
    """Names, each once: those of a RandomOrder stand at several places."""
    return ", ".join(dict.fromkeys(names)) if any("/" in name for name in names) else ", ".join(names)
