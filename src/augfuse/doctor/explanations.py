"""What each finding means and what to do, for `augfuse doctor --explain`: the text lies beside this file."""

from __future__ import annotations

import re
from importlib import resources


def _read() -> dict[str, tuple[str, str]]:
    text = resources.files("augfuse.doctor").joinpath("explanations.md").read_text(encoding="utf-8")
    _, *sections = re.split(r"^### (AF\d{3})$", text, flags=re.MULTILINE)
    found = {}
    for code, section in zip(sections[::2], sections[1::2], strict=True):
        meaning, cure = (" ".join(paragraph.split()) for paragraph in section.strip().split("\n\n"))
        found[code] = meaning, cure
    return found


# {code: (what it means, what to do)}, in Markdown, paragraphs without line breaks.
EXPLANATIONS = _read()
