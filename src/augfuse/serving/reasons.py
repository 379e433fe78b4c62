"""Why a framework did not write or read an artefact, in one line."""

from __future__ import annotations

import re

_CODES = re.compile(r"\x1b\[[0-9;]*m")  # with which a terminal writes colours
# By what stands in an error of PyTorch: what to do about it.
_HINTS = {
    "Constraints violated": "The artefact takes any number of images, and the model a fixed one. Use its shape[0]: "
    "x.reshape(x.shape[0], -1) in place of x.reshape(2, -1)",
    "data-dependent expression": "The model decides by the values of images, as in `if x.sum() > 0`. Use torch.where",
}


def reason(error: BaseException) -> str:
    """The name and the first line of the error that others were raised from, and what to do about it where that is
    known."""
    first = error
    while first.__cause__ is not None:
        first = first.__cause__
    text = _CODES.sub("", str(first))
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    line = (lines[0] if lines else "").partition(" For more information, run with")[0]
    hint = next((f" {hint}." for part, hint in _HINTS.items() if part in text), "")
    return f"({type(first).__name__}: {line}).{hint}"
