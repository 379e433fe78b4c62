"""Transforms that choose among others: one of them, some of them, in a random order, all or nothing, by label or epoch.

A child is a transform like any other, with its own `p`, its own draws and its own path ("OneOf#0/Rotate#0").
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, final

import msgspec
import numpy as np

from augfuse.algebra.ranges import Flag, Number
from augfuse.algebra.rng import Draw
from augfuse.errors import DataError, ImageTypeError, RangeError, RecipeError, did_you_mean
from augfuse.text import shown
from augfuse.transforms.base import Compose, Evaluation, Params, Transform, Turn
from augfuse.transforms.children import Child, Children, Count, Course, Labels, Weights, check_no_mix, check_sizes_stay
from augfuse.transforms.color import Brightness, Grayscale, Invert
from augfuse.transforms.derived.strength import scaled
from augfuse.transforms.local import GaussianBlur
from augfuse.transforms.spatial import HorizontalFlip, Rotate

MOST_ORDERED = 16  # children of a RandomOrder: each may come at each place, so k of them are k x k steps
MOST_REPEATED = 100  # applications of a SomeOf with repetition

_Transforms = Annotated[Sequence[Transform], Children("the transforms to choose from, applied in this order")]


def _alone(transforms: Sequence[Transform]) -> tuple[tuple[str, Transform], ...]:
    return tuple(("", transform) for transform in transforms)


class _OfList(Compose, frozen=True):
    """Chooses among the transforms of a list. Kept in evaluation, it is what that makes of all of them."""

    transforms: _Transforms

    def branches(self, epoch: int) -> tuple[tuple[str, Transform], ...]:
        return _alone(self.transforms)

    def rebuilt(self, change: Callable[[Transform], Transform]) -> Compose:
        return msgspec.structs.replace(self, transforms=tuple(map(change, self.transforms)))

    def counterpart(self) -> tuple[Transform, ...]:
        return tuple(self.transforms) if self.evaluation == "counterpart" else ()


@lru_cache(maxsize=1024)
def _shares(weights: tuple[float, ...]) -> tuple[np.ndarray, int]:
    """Where the part of each weight ends, and the last one that is not 0."""
    found = np.array(weights)
    return np.cumsum(found / found.max()), int(np.flatnonzero(found)[-1])  # of any size: their sum may be infinite


@final
class OneOf(_OfList, frozen=True):
    """Apply one of `transforms`, chosen for each image with `weights` (None: all alike); then its own p decides whether
    it acts.

    Evaluation leaves it out, so none of them may set the size of the image.
    """

    weights: Annotated[tuple[float, ...] | None, Weights("how often each is chosen, relative to the others")] = None
    examples: ClassVar = (
        {"transforms": [Rotate(20), Brightness(0.4)]},
        {"transforms": [GaussianBlur((1, 2)), Grayscale(p=1), HorizontalFlip(p=1)], "weights": (1, 0, 3)},
    )

    def check(self) -> None:
        check_sizes_stay("OneOf", self.transforms)
        if self.weights is not None and len(self.weights) != len(self.transforms):
            raise RangeError(
                f"OneOf.weights: got {len(self.weights)} for {len(self.transforms)} transforms, wanted one for each. "
                "Leave weights out to choose all alike."
            )

    def draw(self, draw: Draw) -> Params:
        ends, last = _shares((1.0,) * len(self.transforms) if self.weights is None else tuple(self.weights))
        place: np.ndarray = draw.uniform("choice") * ends[-1]
        choice = np.searchsorted(ends, place, side="right")
        return {"choice": np.minimum(choice, last)}

    def turns(self, params: Params) -> tuple[Turn, ...]:
        chosen = params["choice"] == np.arange(len(self.transforms))[:, None]  # (child, n)
        return tuple([Turn(k, acts) for k, acts in enumerate(chosen)])


@final
class SomeOf(_OfList, frozen=True):
    """Apply n of `transforms` in list order, chosen for each image; n is one number or (fewest, most).

    With `replace` one may be chosen several times, with new draws each time. Evaluation leaves it out, so none may set
    the size.
    """

    n: Annotated[tuple[int, int] | int, Count("how many are chosen")]
    replace: Annotated[bool, Flag("whether one may be chosen several times")] = False
    examples: ClassVar = (
        {"transforms": [Rotate(20), Brightness(0.4), Invert(p=1)], "n": (1, 2)},
        {"transforms": [Rotate(5), Brightness((1.1, 1.2))], "n": 3, "replace": True},
    )

    def check(self) -> None:
        check_sizes_stay("SomeOf", self.transforms)
        check_no_mix("SomeOf", self.transforms)
        most, count = self._range[1], len(self.transforms)
        if not self.replace and most > count:
            raise RangeError(
                f"SomeOf.n: got {shown(self._as_given)} of {count} transforms, wanted at most {count}. Use n={count}, "
                "or replace=True."
            )
        if most * count > MOST_REPEATED and self.replace:
            raise RangeError(
                f"SomeOf.n: got {most} times {count} transforms, wanted at most {MOST_REPEATED} in all. Use "
                f"n={MOST_REPEATED // count}."
            )

    @property
    def _range(self) -> tuple[int, int]:
        return self.n if isinstance(self.n, tuple) else (self.n, self.n)

    @property
    def _as_given(self) -> tuple[int, int] | int:
        fewest, most = self._range
        return most if fewest == most else (fewest, most)

    @property
    def _rounds(self) -> int:
        return max(self._range[1], 1) if self.replace else 1

    def draw(self, draw: Draw) -> Params:
        fewest, most = self._range
        k = len(self.transforms)
        n = draw.integers("n", fewest, most)[:, None]
        if self.replace:
            chosen = np.floor(draw.uniforms("choice", max(most, 1)) * k).astype(np.int64)
            counted = np.arange(max(most, 1)) < n
            times = np.stack([((chosen == child) & counted).sum(axis=1) for child in range(k)], axis=1)
        else:
            places = draw.uniforms("choice", k).argsort(axis=1, kind="stable").argsort(axis=1, kind="stable")
            times = (places < n).astype(np.int64)
        return {"times": times}

    def branches(self, epoch: int) -> tuple[tuple[str, Transform], ...]:
        again = tuple((f"{round_}/", t) for round_ in range(2, self._rounds + 1) for t in self.transforms)
        return _alone(self.transforms) + again

    def turns(self, params: Params) -> tuple[Turn, ...]:
        k, times = len(self.transforms), params["times"]
        return tuple(
            Turn(round_ * k + child, times[:, child] > round_) for child in range(k) for round_ in range(self._rounds)
        )


@final
class RandomOrder(_OfList, frozen=True):
    """Apply all of `transforms`, in an order that is drawn for each image.

    In evaluation they come in list order.
    """

    evaluation: ClassVar[Evaluation] = "counterpart"
    leaves_out: ClassVar[bool] = False
    examples: ClassVar = (
        {"transforms": [Rotate(20), Brightness(0.4), HorizontalFlip()]},
        {"transforms": [GaussianBlur((1, 2)), Invert()], "p": 0.7},
    )

    def check(self) -> None:
        check_no_mix("RandomOrder", self.transforms)
        if len(self.transforms) > MOST_ORDERED:
            raise RecipeError(
                f"RandomOrder.transforms: got {len(self.transforms)}, wanted at most {MOST_ORDERED}: each may come at "
                "each place. Put those whose order does not matter into af.Sequential."
            )

    @property
    def places(self) -> int:
        return len(self.transforms)

    def draw(self, draw: Draw) -> Params:
        return {"order": draw.uniforms("order", len(self.transforms)).argsort(axis=1, kind="stable")}

    def turns(self, params: Params) -> tuple[Turn, ...]:
        k, order = len(self.transforms), params["order"]
        comes = order.T[:, None, :] == np.arange(k)[:, None]  # (place, child, n)
        return tuple([Turn(number % k, acts) for number, acts in enumerate(acts for place in comes for acts in place)])


@final
class Sequential(_OfList, frozen=True):
    """Apply all of `transforms` in list order with probability p, or none of them.

    In evaluation: its transforms.
    """

    in_order: ClassVar[bool] = True
    evaluation: ClassVar[Evaluation] = "counterpart"
    leaves_out: ClassVar[bool] = False
    examples: ClassVar = ({"transforms": [Rotate(20), Brightness(0.4)], "p": 0.5}, {"transforms": [GaussianBlur()]})

    def turns(self, params: Params) -> tuple[Turn, ...]:
        return tuple(Turn(k, None) for k in range(len(self.transforms)))


@final
class When(Compose, frozen=True):
    """Apply all of `transforms` to the images whose label is one of `labels`: class numbers, or names of the data set's
    classes.

    Other images pass unchanged. Without labels it does nothing, and warns once. In evaluation its transforms apply to
    all images, in list order.
    """

    labels: Annotated[Sequence[int | str], Labels("class numbers or names")]
    transforms: _Transforms
    in_order: ClassVar[bool] = True
    evaluation: ClassVar[Evaluation] = "counterpart"
    examples: ClassVar = (
        {"labels": [0, 2], "transforms": [Rotate(20), HorizontalFlip(p=1)]},
        {"labels": 1, "transforms": [GaussianBlur(2)], "p": 0.5},
    )

    def among(self, given: np.ndarray, classes: Sequence[Any] | None, where: str = "When.labels") -> tuple[Any, ...]:
        """The labels as these (n,) class numbers or names have them. DataError for names where numbers are given and no
        `classes`, for numbers where names are given, and for what `classes` do not have.
        """
        named = given.dtype.kind in "US"
        names = None if classes is None else [str(name) for name in classes]
        found: list[int | str] = []
        for label in self.labels:
            word = isinstance(label, str)
            if word != named and (named or names is None):
                kind = ("names", "number") if named else ("numbers", "name")
                hint = "the name of the class" if named else "the number of the class, or data with classes=(...)"
                raise DataError(
                    f"{where}: got the {kind[1]} {shown(label)} for labels that are {kind[0]}, wanted {kind[0]} in "
                    f"both. Use {hint}."
                )
            if word and names is not None and label not in names:
                raise DataError(
                    f"{where}: got {shown(label)}, wanted one of the classes {', '.join(names[:20])}."
                    f"{did_you_mean(label, names)}"
                )
            if not word and names is not None and not 0 <= label < len(names):
                raise DataError(
                    f"{where}: got {label}, wanted the number of a class, 0..{len(names) - 1}: the data has "
                    f"{len(names)} classes."
                )
            found.append(names.index(label) if word and not named and names is not None else label)
        return tuple(found)

    def draw(self, draw: Draw) -> Params:
        if draw.labels is None:
            return {"match": np.zeros(len(draw), bool)}
        wanted = self.among(draw.labels, draw.classes, f"{draw.path}.labels")
        return {"match": np.isin(draw.labels, wanted)}

    def branches(self, epoch: int) -> tuple[tuple[str, Transform], ...]:
        return _alone(self.transforms)

    def turns(self, params: Params) -> tuple[Turn, ...]:
        return tuple(Turn(k, params["match"]) for k in range(len(self.transforms)))

    def rebuilt(self, change: Callable[[Transform], Transform]) -> When:
        return msgspec.structs.replace(self, transforms=tuple(map(change, self.transforms)))

    def counterpart(self) -> tuple[Transform, ...]:
        return tuple(self.transforms)


@final
class Schedule(Compose, frozen=True, kw_only=True):
    """Change how strongly `transform` acts from epoch to epoch: linearly from the first value in epoch 0 to the last
    one in epoch `epochs`, which then stays.

    strength: (first, last) for its ranges and probabilities, as `Recipe.scaled` takes it: 0 is nothing, 1 the transform
    as it is given. p: (first, last) of its probability, in place of its p: p=(1, 0) switches it off. In evaluation:
    what evaluation makes of `transform`.
    """

    transform: Annotated[Transform, Child("the transform")]
    strength: Annotated[tuple[float, float] | None, Course("strength of the transform, first and last", "")] = None
    epochs: Annotated[int, Number("the epoch from which the last value holds", "epochs", 1, 10**9, integer=True)] = 10
    p: Annotated[Any, Course("probability of the transform, first and last", "", 1.0)] = None  # type: ignore[assignment]

    if TYPE_CHECKING:

        def __init__(
            self,
            transform: Transform,
            strength: tuple[float, float] | None = None,
            epochs: int = 10,
            p: tuple[float, float] | None = None,
        ) -> None: ...

    @classmethod
    def collected(cls, args: tuple[Any, ...], named: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """The fields of a call: msgspec would have `p`, which every transform has, come before the others."""
        places = ("transform", "strength", "epochs", "p")
        if len(args) > len(places):
            raise ImageTypeError(f"Schedule: got {len(args)} values, wanted at most 4: {', '.join(places)}.")
        given = dict(zip(places, args, strict=False))
        for name in given:
            if name in named:
                raise ImageTypeError(f"Schedule: got {name} twice, wanted it once.")
        return (), {**given, **named}

    evaluation: ClassVar[Evaluation] = "counterpart"
    examples: ClassVar = (
        {"transform": Rotate(40), "strength": (0.5, 1), "epochs": 8},
        {"transform": HorizontalFlip(), "epochs": 4, "p": (1, 0)},
    )

    def check(self) -> None:
        if isinstance(self.transform, Schedule):
            raise RecipeError("Schedule.transform: got a Schedule, wanted another transform. Give one Schedule both.")
        if self.strength is None and self.p is None:
            msgspec.structs.force_setattr(self, "strength", (0.0, 1.0))

    @property
    def probability(self) -> float:
        return 1.0

    def at(self, epoch: int) -> Transform:
        """The transform as it is in an epoch."""
        try:
            return _at(self, min(epoch, self.epochs))
        except TypeError:  # the function of a Lambda may have no hash
            return _at.__wrapped__(self, min(epoch, self.epochs))

    def branches(self, epoch: int) -> tuple[tuple[str, Transform], ...]:
        return (("", self.at(epoch)),)

    def turns(self, params: Params) -> tuple[Turn, ...]:
        return (Turn(0, None),)

    def rebuilt(self, change: Callable[[Transform], Transform]) -> Schedule:
        return msgspec.structs.replace(self, transform=change(self.transform))

    def scaled(self, strength: float, change: Callable[[Transform], Transform]) -> Schedule:
        inner = self.rebuilt(change)
        if self.p is None:
            return inner
        # The first and the last value become what they would be as the transform's own p.
        course = tuple(change(msgspec.structs.replace(self.transform, p=p)).p for p in self.p)
        return msgspec.structs.replace(inner, p=course)

    def counterpart(self) -> tuple[Transform, ...]:
        return (self.transform,)


@lru_cache(maxsize=256)
def _at(schedule: Schedule, epoch: int) -> Transform:
    """`Schedule.at`: asked for each batch, and the same for all of an epoch."""
    done = epoch / schedule.epochs
    transform = schedule.transform
    if schedule.strength is not None:
        first, last = schedule.strength
        transform = scaled(transform, first + (last - first) * done)
    if schedule.p is not None:
        first, last = schedule.p
        transform = msgspec.structs.replace(transform, p=first + (last - first) * done)
    return transform
