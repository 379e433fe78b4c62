"""Checks of files: unreadable, stored in an unusual form, or of a size that causes trouble in training."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath

import numpy as np

from augfuse.doctor.examined_data import Survey
from augfuse.doctor.findings import Finding, counted, finding
from augfuse.doctor.read_images import Looks

SMALLEST_SIDE = 16  # below it a picture has no detail left
SMALL_SHARE = 1 / 8  # of the usual shorter side
LONGEST_ASPECT = 4.0
HUGE_PIXELS = 16_000_000
_FORMATS = {
    ".jpg": "JPEG", ".jpeg": "JPEG", ".png": "PNG", ".webp": "WEBP", ".bmp": "BMP", ".gif": "GIF", ".tif": "TIFF",
    ".tiff": "TIFF", ".jpe": "JPEG", ".jfif": "JPEG", ".mpo": "JPEG", ".avif": "AVIF", ".ppm": "PPM", ".pgm": "PPM",
    ".pbm": "PPM", ".pnm": "PPM",
}  # fmt: skip


def check_files(survey: Survey, looks: Sequence[Looks]) -> Iterator[Finding]:
    """AF101, AF103..AF108 and AF110..AF113."""
    names = [name for part in survey.parts for name in part.names]
    broken = [
        (part.names[row], why)
        for part, seen in zip(survey.parts, looks, strict=True)
        for row, why in sorted(seen.problems.items())
    ]
    if broken:
        yield finding(
            "AF101",
            f"{len(broken)} of {counted(len(names), 'file')} cannot be read.",
            "Replace them, or leave them out: --quarantine LIST, then augfuse train DATA --exclude LIST, or in Python "
            "af.from_directory(path, exclude=LIST).",
            examples=[f"{name}: {why}" for name, why in broken],
            files=[name for name, _ in broken],
        )
    if survey.files:
        yield from _check_storage(names, looks)
    yield from _check_sizes(names, looks)


def _check_storage(names: list[str], looks: Sequence[Looks]) -> Iterator[Finding]:
    full, frames = _all(looks, "full"), _all(looks, "frames")
    eight = full == 255
    formats = [name for seen in looks for name in seen.formats]
    other = [
        i
        for i, (name, stored) in enumerate(zip(names, formats, strict=True))
        if stored and _FORMATS.get(PurePosixPath(name).suffix.lower(), stored) != stored
    ]
    cases = (
        ("AF103", other, "with the suffix of another format; augfuse looks at the content",
         "Rename them: programs that look at the name fail on them."),
        ("AF104", np.flatnonzero(_all(looks, "cmyk")), "in CMYK, turned into RGB without a colour profile",
         "Compare their colours with the others, or save them as RGB."),
        ("AF105", np.flatnonzero((_all(looks, "height") > 0) & ~eight & eight.any()),
         f"with 16 or 32 bits per channel beside {eight.sum():,} with 8 bits; one batch cannot hold both",
         "Save them with 8 bits per channel."),
        ("AF106", np.flatnonzero(_all(looks, "turned")),
         "stored turned or mirrored, with a note in EXIF; augfuse sets them upright",
         "Serve the model with a reader that does so too: tf.io.decode_jpeg and others do not."),
        ("AF107", np.flatnonzero(frames > 1), "with several frames or pages; only the first is used",
         "Save the frames you want as single images."),
        ("AF108", np.flatnonzero(_all(looks, "see_through")),
         "with transparent pixels; their alpha is dropped and the colour below shows, whatever it is",
         "Paste them onto a background, or load with color='rgba'."),
    )  # fmt: skip
    notes = {"AF103": [f" is {form}" for form in formats], "AF107": [f" has {count}" for count in frames]}
    for code, rows, what, advice in cases:
        if len(rows):
            examples = [names[i] + (notes[code][i] if code in notes else "") for i in rows]
            yield finding(code, f"{counted(len(rows), 'file')} {what}.", advice, examples=examples)


def _check_sizes(names: list[str], looks: Sequence[Looks]) -> Iterator[Finding]:
    height, width = _all(looks, "height"), _all(looks, "width")
    rows = np.flatnonzero(height)
    if not len(rows):
        return
    short, long = np.minimum(height, width), np.maximum(height, width)
    usual = float(np.median(short[rows]))

    def sizes(chosen: np.ndarray) -> list[str]:
        return [f"{names[i]} ({width[i]}x{height[i]})" for i in chosen]

    tiny = rows[(short[rows] < usual) & (short[rows] < max(SMALLEST_SIDE, usual * SMALL_SHARE))]
    if len(tiny):
        yield finding(
            "AF110",
            f"{counted(len(tiny), 'image')} far smaller than the others: shorter side {short[tiny].min()} to "
            f"{short[tiny].max()} pixels, usually {usual:.0f}.",
            "Leave them out, or find larger ones: enlarged they are blur.",
            examples=sizes(tiny),
            files=[names[i] for i in tiny],
        )
    stretched = rows[long[rows] > LONGEST_ASPECT * short[rows]]
    if len(stretched):
        most = (long[stretched] / short[stretched]).max()
        yield finding(
            "AF111",
            f"{counted(len(stretched), 'image')} more than {LONGEST_ASPECT:g} times as long as wide, up to {most:.3g} "
            "times.",
            "Resize(mode='cover') and a crop keep the shape; the plain Resize squeezes them.",
            examples=sizes(stretched),
        )
    huge = rows[height[rows] * width[rows] > HUGE_PIXELS]
    if len(huge):
        yield finding(
            "AF112",
            f"{counted(len(huge), 'image')} of more than {HUGE_PIXELS // 10**6} megapixels.",
            "Save smaller copies: decoding them takes most of the time of an epoch.",
            examples=sizes(huge),
        )
    flat = [names[i] for i in rows[_all(looks, "flat")[rows]]]
    if flat:
        yield finding(
            "AF113",
            f"{counted(len(flat), 'image')} show one colour and nothing else.",
            "Leave them out: there is nothing to learn from them.",
            examples=flat,
            files=flat,
        )


def _all(looks: Sequence[Looks], name: str) -> np.ndarray:
    return np.concatenate([getattr(seen, name) for seen in looks])
