"""Writes docs/transforms.md out of the transforms themselves: python docs/pictures/transforms.py [FILE]"""

from __future__ import annotations

import inspect
import sys
from pathlib import Path

from augfuse import transforms
from augfuse.transforms import base, mix_base
from augfuse.transforms.base import Transform, specs
from augfuse.transforms.serial.help_text import short

PAGE = Path(__file__).parent.parent / "transforms.md"
HEAD = """# Transforms

Every transform is a frozen record of its options: `af.Rotate(20)`, `af.Rotate(degrees=(-20, 20), p=0.5)`. A range is
`(low, high)`, and one value is drawn from it for each image. `p` is the probability that an image is transformed; where
a table does not show it, it is 1. `help(af.Rotate)` says more, and where a definition comes from.

This page is made by `python docs/pictures/transforms.py`.
"""
# Each kind, its heading, and what the kind means.
KINDS: list[tuple[type[Transform], str, str]] = [
    (base.Geometric, "Geometric", "A matrix on coordinates. Neighbours multiply into one warp: one interpolation."),
    (base.Seeking, "Crops that look at boxes or masks", "Geometric, too. They need the targets of the image."),
    (base.Displacement, "Displacement", "A smooth field that bends lines. Fields and matrices are one warp together."),
    (base.Color, "Colour", "A matrix on channels. Neighbours multiply into one, with one clip at the end."),
    (base.Tone, "Curves", "A function of each value."),
    (base.Local, "Local", "They look at the surroundings of a pixel. What comes before is finished first."),
    (mix_base.Mix, "Several samples", "They mix an image with others, labels and targets too: [mixing](mixing.md)."),
    (base.Compose, "Choosing", "They decide which transforms act: [composition](composition.md)."),
    (base.Write, "Last", "How the values are written. Only at the end of a recipe."),
]  # fmt: skip


def main(page: Path) -> None:
    """Write the page."""
    classes = transforms.list_transforms()
    parts = [HEAD]
    for kind, heading, meaning in KINDS:
        own = [cls for cls in classes if _kind(cls) is kind]
        lines = [f"| `{cls.__name__}` | {_sentence(cls)} | {_options(cls)} |" for cls in own]
        table = ["| name | what it does | options |", "| --- | --- | --- |", *lines]
        parts.append("\n".join([f"## {heading}", "", meaning, "", *table, ""]))
    page.write_text("\n".join(parts), encoding="utf-8")


def _kind(cls: type[Transform]) -> type[Transform]:
    """The first of the kinds, from the class upwards."""
    kinds = [kind for kind, _, _ in KINDS]
    return next((step for step in cls.__mro__ if step in kinds), base.Compose)  # Views is of no kind


def _sentence(cls: type[Transform]) -> str:
    paragraphs = (inspect.getdoc(cls) or "").split("\n\nArgs:")[0].split("\n\n")
    words = " ".join(part for part in paragraphs if not part.startswith(" "))
    return " ".join(words.split()).replace("|", "\\|")


def _options(cls: type[Transform]) -> str:
    known, found = specs(cls), []
    for name, parameter in inspect.signature(cls).parameters.items():
        default = parameter.default
        if name == "p" and default == 1.0:
            continue
        words = f"`{name}`" if default is parameter.empty else f"`{name}={short(default)}`"
        spec = known.get(name)
        doc = ", ".join(part for part in (getattr(spec, "doc", ""), getattr(spec, "unit", "")) if part)
        found.append(f"{words}{': ' * bool(doc)}{doc}" if name != "p" else words)
    return "<br>".join(found).replace("|", "\\|")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else PAGE)
