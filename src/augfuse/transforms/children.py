"""Fields that hold transforms, their paths, and what may stand where in a list of them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any, final

import numpy as np

from augfuse.algebra.ranges import Kind, listed
from augfuse.algebra.values import is_dict, is_number, is_row
from augfuse.errors import RangeError, RecipeError
from augfuse.text import shown
from augfuse.transforms.base import Compose, Transform, Write
from augfuse.transforms.mix_base import Mix
from augfuse.transforms.spatial import HorizontalFlip

MOST_TRANSFORMS = 100  # of a list
DEEPEST = 8  # lists within lists


def paths(transforms: Sequence[Transform], parent: str = "") -> Iterator[tuple[str, Transform]]:
    """Each transform with its path: where its list belongs to, its name, and how many of its kind stand before it in
    the list: "Rotate#0", "OneOf#0/Rotate#0".
    """
    return zip(_numbered(tuple(type(transform).__name__ for transform in transforms), parent), transforms, strict=True)


@lru_cache(maxsize=1024)
def _numbered(names: tuple[str, ...], parent: str) -> tuple[str, ...]:
    return tuple(f"{parent}{name}#{names[:place].count(name)}" for place, name in enumerate(names))


def branch_paths(path: str, transform: Compose, epoch: int) -> Iterator[tuple[str, Transform]]:
    """The branches of a Compose with their paths, in their order."""
    by_round: dict[str, list[Transform]] = {}
    for between, branch in transform.branches(epoch):
        by_round.setdefault(between, []).append(branch)
    for between, round_ in by_round.items():
        yield from paths(round_, f"{path}/{between}")


def tree(transforms: Sequence[Transform], parent: str = "") -> Iterator[tuple[str, Transform]]:
    """The transforms of a list and all within them, each with its path."""
    for path, transform in paths(transforms, parent):
        yield from _subtree(path, transform)


def _subtree(path: str, transform: Transform) -> Iterator[tuple[str, Transform]]:
    yield path, transform
    if isinstance(transform, Compose):
        for child in branch_paths(path, transform, 0):
            yield from _subtree(*child)
    for name, children in getattr(transform, "views", ()):
        yield from tree(children, f"{path}/{name}/")


def leaves(transforms: Sequence[Transform]) -> Iterator[Transform]:
    """The transforms of a tree that do something to images: all but those that choose among others."""
    return (transform for _, transform in tree(transforms) if inside(transform) is None)


def inside(transform: Transform) -> tuple[tuple[Transform, ...], ...] | None:
    """The lists that a transform holds; None for one that holds none."""
    if isinstance(transform, Compose):
        return (tuple(child for _, child in transform.branches(0)),)
    views = getattr(transform, "views", None)
    return None if views is None else tuple(children for _, children in views)


def checked_list(where: str, value: Any) -> tuple[Transform, ...]:
    """A list of transforms as a tuple, or RecipeError."""
    if not is_row(value):
        got = f"one {type(value).__name__}" if isinstance(value, Transform) else shown(value)
        call = _call_with_list(*where.partition(".")[::2])
        raise RecipeError(f"{where}: got {got}, wanted a list of transforms. Use {call}.")
    if len(value) > MOST_TRANSFORMS:
        raise RecipeError(f"{where}: got {len(value)} transforms, wanted at most {MOST_TRANSFORMS}.")
    for i, transform in enumerate(value):
        checked_transform(f"{where}[{i}]", transform)
    return tuple(value)


def _call_with_list(owner: str, field: str) -> str:
    """How a list of transforms is given to `owner`."""
    by_name = owner in ("Views", "When")
    return f"af.{owner}({f'{field}=' if by_name else ''}[af.Rotate(), ...])"


def checked_transform(where: str, value: Any) -> Transform:
    """A transform, or RecipeError."""
    if isinstance(value, Transform):
        return value
    name = getattr(value, "__name__", type(value).__name__)
    is_class = isinstance(value, type) and issubclass(value, Transform)
    hint = f" Call it: af.{name}()." if is_class else ""
    raise RecipeError(f"{where}: got {shown(value)}, wanted a transform.{hint or ' Use af.Rotate(20).'}")


def check_inner(owner: str, transforms: Sequence[Transform]) -> None:
    """Refuse, within a transform that chooses among others, what has its place at the end of a recipe."""
    for path, transform in paths(transforms, f"{owner}#0/"):
        if transform.comes_last:
            name = type(transform).__name__
            raise RecipeError(
                f"{path}: got {name} inside of {owner}, wanted it at the end of the recipe. Move it there."
            )
    if depth(transforms) >= DEEPEST:
        raise RecipeError(
            f"{owner}: got transforms that are nested {DEEPEST} levels deep, wanted fewer. Put inner lists into the "
            "outer ones."
        )


def check_sizes_stay(owner: str, transforms: Sequence[Transform]) -> None:
    """Refuse children that set the size of the canvas: in evaluation none of them is left."""
    for path, transform in tree(transforms, f"{owner}#0/"):
        if transform.sets_size:
            raise RecipeError(
                f"{path}: got a transform that sets the size of the image, wanted none inside of {owner}: evaluation "
                f"leaves {owner} out, and images would have another size there. Put it before or behind {owner}, or "
                f"use af.Sequential{'' if isinstance(transform, Mix) else ', af.RandomOrder'} or af.When."
            )


def check_no_mix(owner: str, transforms: Sequence[Transform]) -> None:
    """Refuse children that combine samples: what stands before them must be known."""
    for path, transform in tree(transforms, f"{owner}#0/"):
        if isinstance(transform, Mix):
            raise RecipeError(
                f"{path}: got a transform that mixes samples inside of {owner}, whose order or choice differs from "
                f"image to image. Put it before or behind {owner}, or use "
                f"{'' if transform.sets_size else 'af.OneOf or '}af.Sequential."
            )


def mixes(transforms: Sequence[Transform]) -> bool:
    """Whether a transform of these, or within them, combines samples."""
    return any(isinstance(transform, Mix) for _, transform in tree(transforms))


def unmixed(transforms: Sequence[Transform]) -> list[Transform]:
    """The transforms without those that combine samples: one that could be chosen becomes one that never acts."""
    return [_without(transform) for transform in transforms if not isinstance(transform, Mix)]


def _without(transform: Transform) -> Transform:
    if isinstance(transform, Mix):
        return HorizontalFlip(p=0.0)
    return transform.rebuilt(_without) if isinstance(transform, Compose) and mixes((transform,)) else transform


def depth(transforms: Sequence[Transform]) -> int:
    """How many lists lie within each other below this one."""
    return max((1 + max(map(depth, inner)) for t in transforms if (inner := inside(t)) is not None), default=0)


@final
class Children(Kind, frozen=True):
    """A list of at least one transform; stored as a tuple."""

    def parse(self, where: str, value: Any) -> tuple[Transform, ...]:
        found = checked_list(where, value)
        if not found:
            raise RecipeError(f"{where}: got an empty list, wanted at least one transform. Leave it out of the recipe.")
        check_inner(where.partition(".")[0], found)
        return found


@final
class Child(Kind, frozen=True):
    """One transform."""

    def parse(self, where: str, value: Any) -> Transform:
        if isinstance(value, (tuple, list)):
            raise RecipeError(f"{where}: got a list, wanted one transform. Several: af.Sequential([...]).")
        found = checked_transform(where, value)
        check_inner(where.partition(".")[0], (found,))
        return found


@final
class Lists(Kind, frozen=True):
    """Named lists of transforms; stored as pairs of a name and a tuple."""

    def parse(self, where: str, value: Any) -> tuple[tuple[str, tuple[Transform, ...]], ...]:
        pairs: Any = list(value.items()) if is_dict(value) else value
        if not is_row(pairs) or not pairs:
            raise RecipeError(f"{where}: got {shown(value)}, wanted named lists. Use af.Views(a=[...], b=[...]).")
        found: list[tuple[str, tuple[Transform, ...]]] = []
        for name, transforms in pairs:
            if not isinstance(name, str) or not name.isidentifier():
                raise RecipeError(
                    f"{where}: got the name {shown(name)}, wanted letters, digits and underscores, and no digit first. "
                    "Use af.Views(a=[...], b=[...])."
                )
            if any(name == other for other, _ in found):
                raise RecipeError(f"{where}: got the name {shown(name)} twice, wanted it once. Give each its own name.")
            owner = f"Views.{name}"
            parsed = checked_list(owner, transforms)
            if any(hasattr(t, "views") for _, t in tree(parsed)):
                raise RecipeError(
                    f"{owner}: got Views inside of Views, wanted one Views at the end of the recipe. Give it all "
                    "lists, af.Views(a=[...], b=[...], c=[...])."
                )
            check_ends(owner, parsed)
            found.append((name, parsed))
        return tuple(found)


def check_ends(where: str, transforms: Sequence[Transform]) -> None:
    """Refuse a Write or Views that something comes after."""
    for i, transform in enumerate(transforms[:-1]):
        if transform.comes_last:
            name, after = type(transform).__name__, type(transforms[i + 1]).__name__
            hint = "Move it to the end." if isinstance(transform, Write) else f"Move {after} into each of its lists."
            raise RecipeError(
                f"{where}[{i}]: got {name} before {after}, wanted {name} last and nothing behind it. {hint}"
            )


@final
class Weights(Kind, frozen=True):
    """None, or one number >= 0 for each child, not all of them 0; stored as a tuple."""

    def parse(self, where: str, value: Any) -> tuple[float, ...] | None:
        if value is None:
            return None
        value = listed(value)
        values = value if is_row(value) else ()
        good = all(is_number(v) and math.isfinite(v) and v >= 0 for v in values)
        if not values or not good or sum(values) <= 0:
            raise RangeError(
                f"{where}: got {shown(value)}, wanted a number >= 0 for each transform, not all of them 0. Leave "
                "weights out to choose all alike."
            )
        return tuple(float(v) for v in values)


@final
class Count(Kind, frozen=True):
    """How many: a whole number, or (fewest, most); stored as a pair."""

    def parse(self, where: str, value: Any) -> tuple[int, int]:
        value = listed(value)
        values = value if is_row(value) else (value, value)
        good = all(isinstance(v, (int, np.integer)) and not isinstance(v, bool) and v >= 0 for v in values)
        if len(values) != 2 or not good or values[0] > values[1]:
            raise RangeError(f"{where}: got {shown(value)}, wanted a whole number >= 0, or (fewest, most). Use n=1.")
        return (int(values[0]), int(values[1]))


@final
class Labels(Kind, frozen=True):
    """Class numbers or class names; stored as a tuple."""

    def parse(self, where: str, value: Any) -> tuple[int | str, ...]:
        value = listed(value)
        values = value if is_row(value) else (value,)
        good = all(isinstance(v, (int, np.integer, str)) and not isinstance(v, bool) for v in values)
        if not values or not good:
            raise RangeError(
                f"{where}: got {shown(value)}, wanted class numbers or class names. Use labels=[0, 1] or "
                'labels=["cat", "dog"].'
            )
        return tuple(str(v) if isinstance(v, str) else int(v) for v in values)


@final
class Course(Kind, frozen=True):
    """What a number is at the beginning and at the end, (first, last); None where it does not change."""

    maximum: float = math.inf

    def parse(self, where: str, value: Any) -> tuple[float, float] | None:
        if value is None:
            return None
        value = listed(value)
        values = value if is_row(value) else ()
        good = all(is_number(v) and 0 <= v <= self.maximum and math.isfinite(v) for v in values)
        if len(values) != 2 or not good:
            most = "numbers >= 0" if self.maximum == math.inf else f"numbers within 0..{self.maximum:g}"
            raise RangeError(f"{where}: got {shown(value)}, wanted two {most}: (first, last). Use (0, 1).")
        return (float(values[0]), float(values[1]))
