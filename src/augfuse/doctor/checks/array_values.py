"""Pixel values of arrays: scales that differ between parts, values that no recipe takes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from augfuse.doctor.dataset import Part, Survey
from augfuse.doctor.findings import Finding, counted, finding
from augfuse.doctor.scan import Looks

_SPREAD = 4.0  # how many times wider the values of one part may be than those of another


def check_values(survey: Survey, looks: Sequence[Looks]) -> list[Finding]:
    """AF401..AF403 of arrays; the values of files are what their format says."""
    every = [(part, seen) for part, seen in zip(survey.parts, looks, strict=True) if part.images is not None]
    found = []
    for part, seen in every:
        found += _check_finite(part, seen)
        found += _check_floats(part, seen)
    scales = {part.title: _scale(part, seen) for part, seen in every}
    widths = [high - low for low, high in scales.values()]
    shapes = {str(part.images.shape[1:]) for part, _ in every if part.images is not None}
    if len(every) > 1 and (max(widths) > _SPREAD * max(min(widths), 1e-9) or _centred(scales)):
        words = [
            f"{part.title} {part.images.dtype} {_range(*scales[part.title])}"
            for part, _ in every
            if part.images is not None
        ]
        found.append(
            finding(
                "AF401",
                f"The parts lie on different scales: {'; '.join(words)}.",
                "Do the same to each part, best in the recipe: af.ToFloat() or af.Normalize() at its end.",
                examples=words,
            )
        )
    if len(shapes) > 1:
        found.append(
            finding(
                "AF404",
                f"The parts have images of different shapes: {', '.join(sorted(shapes))}.",
                "Resize them to one shape, with the same number of channels.",
                examples=sorted(shapes),
            )
        )
    return found


def _check_finite(part: Part, seen: Looks) -> list[Finding]:
    rows = np.flatnonzero(seen.bad)
    if not len(rows):
        return []
    return [
        finding(
            "AF402",
            f"{part.title}: {counted(len(rows), 'image')} of {len(part):,} hold {int(seen.bad.sum()):,} values that "
            "are NaN or infinite.",
            "Find out where they come from; one of them makes every weight NaN. np.nan_to_num(x) hides them.",
            examples=[part.names[row] for row in rows],
            count=len(rows),
        )
    ]


def _check_floats(part: Part, seen: Looks) -> list[Finding]:
    assert part.images is not None
    low, high = _scale(part, seen)
    if part.images.dtype.kind != "f" or (low >= 0 and high <= 1):
        return []
    wanted = "(0, 255)" if low >= 0 and 1 < high <= 255 else f"({low:.4g}, {high:.4g})"
    return [
        finding(
            "AF403",
            f"{part.title} is {part.images.dtype} with values {_range(low, high)}; sources and recipes take floats "
            "for 0..1.",
            f"Say so: value_range={wanted} in af.from_arrays and af.Recipe; or keep uint8, and let the recipe scale.",
            examples=[part.title],
        )
    ]


def _scale(part: Part, seen: Looks) -> tuple[float, float]:
    return float(seen.low.min()), float(seen.high.max())


def _centred(scales: dict[str, tuple[float, float]]) -> bool:
    """Whether some parts reach well below zero and others do not."""
    below = [low < -0.1 * (high - low) for low, high in scales.values()]
    return any(below) and not all(below)


def _range(low: float, high: float) -> str:
    return f"{low:.4g}..{high:.4g}"
