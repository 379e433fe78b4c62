"""The recipe that a loader is given: its type, and the value range that its data declares."""

from __future__ import annotations

from typing import Any

import msgspec

from augfuse.errors import DataError, ImageTypeError
from augfuse.recipe import Recipe


def as_recipe(recipe: Any) -> Recipe:
    if recipe is None:
        return Recipe()
    if not isinstance(recipe, Recipe):
        raise ImageTypeError(f"recipe: got {type(recipe).__name__}, wanted an af.Recipe. Use af.Recipe([...]).")
    return recipe


def with_range(recipe: Recipe, declared: tuple[float, float] | None) -> Recipe:
    """The recipe with the value range that the data declares. Raises DataError if the recipe declares another one."""
    if declared is None or recipe.value_range == tuple(declared):
        return recipe
    if recipe.value_range is not None:
        raise DataError(
            f"value_range: the data declares {declared}, the recipe {recipe.value_range}, wanted one. "
            "Leave it out of the recipe."
        )
    return msgspec.structs.replace(recipe, value_range=tuple(declared))
