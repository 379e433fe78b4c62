"""Pixel values of arrays: scales that differ between parts, values that no recipe takes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from augfuse.doctor.examined_data import Part, Survey
from augfuse.doctor.findings import Finding, counted, finding
from augfuse.doctor.read_images import Looks

_SPREAD = 4.0  # how many times wider the values of one part may be than those of another


def check_values(survey: Survey, looks: Sequence[Looks]) -> Iterator[Finding]:
    """AF401..AF403 of arrays; the values of files are what their format says."""
    every = [
        (part, part.images, seen) for part, seen in zip(survey.parts, looks, strict=True) if part.images is not None
    ]
    scales = {part.title: (float(seen.low.min()), float(seen.high.max())) for part, _, seen in every}
    for part, images, seen in every:
        yield from _check_finite(part, seen)
        yield from _check_floats(part, images, *scales[part.title])
    widths = [high - low for low, high in scales.values()]
    shapes = sorted({str(images.shape[1:]) for _, images, _ in every})
    if len(every) > 1 and (max(widths) > _SPREAD * max(min(widths), 1e-9) or _centred(scales)):
        words = [f"{part.title} {images.dtype} {_range(*scales[part.title])}" for part, images, _ in every]
        yield finding(
            "AF401",
            f"The parts lie on different scales: {'; '.join(words)}.",
            "Do the same to each part, best in the recipe: af.ToFloat() or af.Normalize() at its end.",
            examples=words,
        )
    if len(shapes) > 1:
        yield finding(
            "AF404",
            f"The parts have images of different shapes: {', '.join(shapes)}.",
            "Resize them to one shape, with the same number of channels.",
            examples=shapes,
        )


def _check_finite(part: Part, seen: Looks) -> Iterator[Finding]:
    rows = np.flatnonzero(seen.bad)
    if len(rows):
        yield finding(
            "AF402",
            f"{part.title}: {counted(len(rows), 'image')} of {len(part):,} hold {int(seen.bad.sum()):,} values that "
            "are NaN or infinite.",
            "Find out where they come from; one of them makes every weight NaN. np.nan_to_num(x) hides them.",
            examples=[part.names[row] for row in rows],
        )


def _check_floats(part: Part, images: np.ndarray, low: float, high: float) -> Iterator[Finding]:
    if images.dtype.kind == "f" and (low < 0 or high > 1):
        wanted = "(0, 255)" if low >= 0 and high <= 255 else f"({low:.4g}, {high:.4g})"
        yield finding(
            "AF403",
            f"{part.title} is {images.dtype} with values {_range(low, high)}; sources and recipes take floats for "
            "0..1.",
            f"Say so: value_range={wanted} in af.from_arrays and af.Recipe; or keep uint8, and let the recipe scale.",
            examples=[part.title],
        )


def _centred(scales: dict[str, tuple[float, float]]) -> bool:
    """Whether some parts reach well below zero and others do not."""
    below = [low < -0.1 * (high - low) for low, high in scales.values()]
    return any(below) and not all(below)


def _range(low: float, high: float) -> str:
    return f"{low:.4g}..{high:.4g}"
