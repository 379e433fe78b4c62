"""Left and right key points of a data set, as the pairs that a recipe swaps in a mirrored image."""

from __future__ import annotations

import re
from collections.abc import Sequence

import msgspec

from augfuse.data.dataset import DataSet
from augfuse.errors import DataError
from augfuse.recipe import Recipe
from augfuse.text import shown

_SIDES = {"left": "right", "right": "left", "l": "r", "r": "l"}
_SIDE = re.compile(r"(?i)(?<![a-z])(left|right|l|r)(?![a-z])")


def flip_of(names: Sequence[str]) -> tuple[int, ...]:
    """Which point each becomes in a mirror, by their names: left_eye becomes right_eye, and nose stays. () where a left
    one has no right one, or nothing has a side."""
    places = {name.lower(): k for k, name in enumerate(names)}
    mirrored = [_SIDE.sub(lambda side: _SIDES[side[0].lower()], name.lower()) for name in names]
    if len(places) < len(names) or any(name not in places for name in mirrored):
        return ()
    found = tuple(places[name] for name in mirrored)
    return () if found == tuple(range(len(names))) else found


def with_swaps(recipe: Recipe, data: DataSet) -> Recipe:
    """The recipe with the pairs of the data set's skeleton, where it names none itself. DataError for a skeleton that
    is not made of pairs."""
    flip = () if data.skeleton is None or "keypoints" not in data.table.targets else data.skeleton.flip
    if not flip or recipe.targets.swap_keypoints:
        return recipe
    if any(not 0 <= other < len(flip) or flip[other] != one for one, other in enumerate(flip)):
        raise DataError(
            f"data.skeleton.flip: got {shown(flip)}, wanted points that change places in pairs. Name them yourself: "
            "af.Recipe([...], targets=af.Targets(swap_keypoints=[(1, 2)]))."
        )
    pairs = tuple((one, other) for one, other in enumerate(flip) if one < other)
    return msgspec.structs.replace(recipe, targets=msgspec.structs.replace(recipe.targets, swap_keypoints=pairs))
