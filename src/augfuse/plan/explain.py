"""A plan in words: "Rotate, Translate -> 1 warp; ColorJitter -> 1 matrix; Normalize -> write"."""

from __future__ import annotations

from augfuse.plan.plan import Pass, Plan


def explain(plan: Plan) -> str:
    """One line: which transforms share which piece of work, in the order in which it is done."""
    parts: list[str] = []
    for step in plan.steps:
        if not isinstance(step, Pass):
            parts.append(f"{step.name} -> 1 kernel")
            continue
        if step.geometry_names:
            parts.append(f"{', '.join(step.geometry_names)} -> 1 warp")
        if step.color_names:
            mean = " with the image mean" if step.mean_gain is not None else ""
            parts.append(f"{', '.join(step.color_names)} -> 1 matrix{mean}")
    write = plan.write
    height, width = plan.size
    parts.append(
        f"{write.name + ' -> ' if write.name else ''}write {height[0]}x{width[0]}x{plan.channels} {write.dtype.name}"
    )
    return "; ".join(parts)
