"""What the array executor does not run, and what to do instead: refused when a plan is prepared, by name.

docs/executors.md has this table; a test keeps the two alike.
"""

from __future__ import annotations

from typing import NamedTuple, NoReturn, final

from augfuse.errors import RecipeError


@final
class Limit(NamedTuple):
    """what: as the table names it. why: why it is so. instead: the next thing to do."""

    what: str
    why: str
    instead: str


LIMITS = {
    "mix": Limit(
        "MixUp, CutMix, Mosaic and CopyPaste",
        "they need finished partners",
        "Put them into the loader's recipe, or mix the batch that comes out.",
    ),
    "views": Limit(
        "Views", "each view is a plan with its own output", "Prepare them one by one: plan.views has (name, plan)."
    ),
    "sizes": Limit(
        "images of different sizes within a batch",
        "a compiled program has one size",
        "Put af.Resize((height, width)) first into the loader's recipe.",
    ),
    "step": Limit(
        "sizes that are drawn for each image, such as Rotate90's where images are not square",
        "a compiled program has one size",
        "Put af.Resize((height, width)) or a crop with a size right behind it.",
    ),
    "local": Limit(
        "Lambda, and Local transforms of other classes",
        "they are Python functions of one NumPy image",
        "Put it into the loader's recipe, which runs on the CPU.",
    ),
    "curve": Limit(
        "Tone transforms of other classes, on float images",
        "they are Python functions of NumPy arrays",
        "Give uint8 or uint16 images, whose levels pass a table.",
    ),
    "equalize": Limit(
        "Equalize of uint16 and float images",
        "counting 65 536 levels needs integers of 64 bits",
        "Give uint8 images, or put it into the loader's recipe.",
    ),
    "pixels": Limit(
        "batches of 2**31 pixels or more",
        "places in a batch are integers of 32 bits",
        "Give fewer images at a time.",
    ),
}


def refuse(key: str, who: str) -> NoReturn:
    """RecipeError: `who` cannot be run, for the reason of LIMITS."""
    limit = LIMITS[key]
    raise RecipeError(f"{who}: the array executor does not run {limit.what}: {limit.why}. {limit.instead}")
