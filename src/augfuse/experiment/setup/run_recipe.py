"""The recipe of a run: the defaults, and what is added to a user's recipe for a network."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np

from augfuse.errors import AugfuseError, DataNotFoundError, RecipeError
from augfuse.plan.settings import value_range
from augfuse.recipe import Recipe
from augfuse.text import shown
from augfuse.transforms import (
    CenterCrop,
    ColorJitter,
    HorizontalFlip,
    Normalize,
    RandomCrop,
    RandomResizedCrop,
    Resize,
    Rotate,
    Scale,
    Shear,
    ToFloat,
    Transform,
    Translate,
    Views,
)
from augfuse.transforms.base import Write
from augfuse.transforms.children import leaves
from augfuse.transforms.serial.yaml_text import LONGEST_TEXT

_SIZING = (Resize, CenterCrop, RandomCrop, RandomResizedCrop)
# Pixel values as they are, for a network that rescales them itself.
AS_THEY_ARE = Normalize(mean=0, std=1 / 255)


def read_recipe(path: Path) -> Recipe:
    """The recipe in a YAML file. Raises DataNotFoundError, RecipeError naming the file."""
    if not path.is_file():
        raise DataNotFoundError(f"{path}: no such recipe file. Recipe(...).to_yaml() writes one.")
    try:
        with path.open(encoding="utf-8") as file:
            text = file.read(LONGEST_TEXT + 1)  # one more than is taken, whatever the size of the file
    except UnicodeDecodeError as error:
        raise RecipeError(f"{path}: not a text file ({error.reason}); wanted a recipe in YAML.") from None
    try:
        return Recipe.from_yaml(text)
    except AugfuseError as error:
        raise RecipeError(f"{path}: {error}") from error


def digits_recipe() -> Recipe:
    """For the placed digits: moves them about the canvas. No flips: a mirrored digit is not a digit."""
    return Recipe(
        (
            Rotate(degrees=(-12, 12)),
            Scale(factor=(0.85, 1.15)),
            Shear(x=(-8, 8)),
            Translate(x=(-0.2, 0.2), y=(-0.2, 0.2)),
            ToFloat(),
        ),
        fill="constant",
        fill_value=0,
    )


def default_recipe(size: tuple[int, int] | None, channels: int) -> Recipe:
    """For pictures. Resized to `size` (h, w) first where one is given. One-channel images are not mirrored (they are
    often characters) and keep their grey scale."""
    transforms: list[Transform] = [] if size is None else [Resize(size=size)]
    transforms += [
        Rotate(degrees=(-20, 20)),
        Translate(x=(-0.1, 0.1), y=(-0.1, 0.1)),
        Scale(factor=(0.9, 1.1)),
    ]
    if channels == 1:
        transforms += [ColorJitter(brightness=(0.8, 1.2), contrast=(0.8, 1.2), saturation=(1, 1), hue=(0, 0))]
    else:
        transforms += [HorizontalFlip(), ColorJitter(hue=(-0.02, 0.02))]
    return Recipe((*transforms, ToFloat()), fill="nearest")


def writes(recipe: Recipe) -> bool:
    """Whether a recipe has a write part, such as ToFloat."""
    return bool(recipe.transforms) and isinstance(recipe.transforms[-1], Write)


def sizes(recipe: Recipe) -> bool:
    """Whether a recipe sets the size of what it makes."""
    return any(isinstance(transform, _SIZING) for transform in leaves(recipe.transforms))


def complete(recipe: Recipe, size: tuple[int, int] | None) -> Recipe:
    """`recipe` with a Resize to `size` (h, w) in front where one is asked for, and ToFloat at the end where it has no
    write part: a network does not learn from 0..255.

    Raises RecipeError: the recipe sets its own size, has nothing random in it, or makes several views.
    """
    transforms = list(recipe.transforms)
    if transforms and isinstance(transforms[-1], Views):
        raise RecipeError(
            "the recipe ends in Views, several outputs of each image, and a network here takes one. Leave Views "
            "out, or train a model of your own with af.Loader(data, recipe).to_keras()."
        )
    if size is not None:
        sizing = next((t for t in leaves(transforms) if isinstance(t, _SIZING)), None)
        if sizing is not None:
            raise RecipeError(
                f"--size {size[0]}x{size[1]}: the recipe sets a size too ({shown(sizing)}). Leave --size out, or take "
                "it out of the recipe."
            )
        transforms.insert(0, Resize(size=size))
    if not writes(recipe):
        transforms.append(ToFloat())
    done = msgspec.structs.replace(recipe, transforms=tuple(transforms))
    if done.eval() == done:
        raise RecipeError(
            "the recipe has nothing random in it: both arms would be the same. Add a transform, for example Rotate."
        )
    return done


def unscaled(recipe: Recipe) -> Recipe:
    """`recipe` with pixel values as they are at its end, for a network that rescales them itself."""
    return msgspec.structs.replace(recipe, transforms=(*recipe.transforms[:-1], AS_THEY_ARE))


def parted(recipe: Recipe) -> tuple[Recipe, Recipe]:
    """The evaluation form in two: what makes an image of the network's size, and the write part alone."""
    *pixels, write = recipe.eval().transforms
    replace = msgspec.structs.replace
    return replace(recipe, transforms=tuple(pixels)), replace(recipe, transforms=(write,))


def write_scale(recipe: Recipe, channels: int) -> tuple[list[float], list[float], bool]:
    """(gain, offset) per channel of the write part for uint8 pixels, and whether it also standardizes each image."""
    write = recipe.transforms[-1]
    if not isinstance(write, Write):
        raise RecipeError(f"the recipe ends with {shown(write)}, wanted a write part such as ToFloat()")
    low, high = value_range(np.dtype(np.uint8), recipe.value_range)
    gain, offset = write.scale(channels, low, high)
    return gain.tolist(), offset.tolist(), write.standardizes
