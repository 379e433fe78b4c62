"""The kinds of transforms. A transform says what kind it is; the planner and the executors know what each kind does.

Geometric: a 3x3 matrix per image. Displacement: a field of displacements per image. Color: a 3x4 matrix per image.
Tone: a curve per channel. Local: a function of the finished image. Mix: combines samples. Write: the last thing done.
Compose: chooses among other transforms.

A transform is one frozen record: fields declared as `Annotated[type, spec]` with a spec of `ranges`, plus `draw` (which
parameters, from a `Draw` bound to n images; by default a number of each range), its kind's one method (what they mean),
and `examples`. It holds no state and draws nothing outside `draw`. From the fields come validation, YAML and `repr`;
from the examples come the property and parity tests. Classes here are abstract; every class elsewhere is final, but for
what several of them share. `p` is the probability that it acts on an image: one that does not act is the identity,
inside the same pass.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from functools import cache
from typing import Annotated, Any, ClassVar, Literal, NamedTuple, TypeAlias, get_type_hints

import msgspec
import numpy as np

from augfuse.algebra import geometry
from augfuse.algebra.geometry import Canvas, Field
from augfuse.algebra.ranges import Interval, Number, Size, Spec, sides
from augfuse.algebra.rng import Draw
from augfuse.errors import RecipeError
from augfuse.transforms.array_forms import LocalForm, ToneForm
from augfuse.transforms.checks.misused_calls import Called

Probability: TypeAlias = Annotated[float, Number("probability that an image is transformed", "", 0, 1)]
Params: TypeAlias = dict[str, np.ndarray]  # drawn parameters: each array has n first
MOST_APPLICATIONS = 10_000  # of the transforms within one Compose; a plan has an op for each
Evaluation: TypeAlias = Literal["random", "deterministic", "counterpart"]


class Amount(NamedTuple):
    """By how much a transform acted on each of n images: (n,) or (n, k) values; `signed` where minus means the other
    way."""

    name: str
    values: np.ndarray
    unit: str
    signed: bool = False


class Transform(msgspec.Struct, metaclass=Called, frozen=True, kw_only=True):
    """Base of every transform.

    `p`: probability, 0..1, drawn per image.

    Args:
        p: probability that an image is transformed, 0..1, drawn for each image.
    """

    p: Probability = 1.0

    # Keyword arguments of a few instances that show the transform on an RGB uint8 image of 64x64 or more.
    examples: ClassVar[tuple[dict[str, Any], ...]] = ({},)
    # What stays of it when a model is evaluated: nothing, itself, or what `counterpart` returns.
    evaluation: ClassVar[Evaluation] = "random"
    # Whether it only moves whole pixels, of images of any size, so that nothing is interpolated.
    moves_whole_pixels: ClassVar[bool] = False
    # Whether it keeps rows rows and columns columns, so that its matrices are a scale and a shift along each axis.
    axis_aligned: ClassVar[bool] = False
    # How much memory an image takes that it acts on, in that of a transform which draws a few numbers.
    cells: ClassVar[int] = 1
    # Whether it may only stand at the end of a list.
    comes_last: ClassVar[bool] = False
    # Whether it sets the size of the canvas, so that evaluation needs it too.
    sets_size: ClassVar[bool] = False

    def __post_init__(self) -> None:
        for name, spec in specs(type(self)).items():
            where = f"{type(self).__name__}.{name}"
            msgspec.structs.force_setattr(self, name, spec.parse(where, getattr(self, name)))
        self.check()

    @property
    def probability(self) -> float:
        """The probability that it acts on an image, 0..1."""
        return self.p

    def check(self) -> None:
        """Refuse fields that are fine alone and not together."""

    def counterpart(self) -> tuple[Transform, ...]:
        """What a random transform becomes in evaluation; asked only where `evaluation` says so. By default
        itself, where it always acts."""
        return (self,) if self.evaluation == "counterpart" and self.p == 1 else ()

    def draw(self, draw: Draw) -> Params:
        """The parameters of n images: a function of position only. By default a number of each field that is a range,
        uniform within it."""
        drawn: Params = {}
        for name, spec in _ranges(type(self)).items():
            bounds = getattr(self, name)
            drawn[name] = draw.integers(name, *map(int, bounds)) if spec.integer else draw.uniform(name, bounds)
        return drawn

    def amounts(self, params: Params, canvas: Canvas) -> tuple[Amount, ...]:
        """What was drawn, for people to read: by default the parameters that are fields, in the fields' units.

        Transforms whose parameters mean something only together with the sizes that come in say it themselves.
        """
        known = specs(type(self))
        return tuple(
            Amount(name, values, spec.unit, isinstance(spec, Interval) and spec.single == "symmetric")
            for name, values in params.items()
            if (spec := known.get(name)) is not None
        )


class Geometric(Transform, frozen=True):
    """Moves pixels: one 3x3 matrix per image. The border mode and the fill value are the recipe's."""

    # Whether the last row of a matrix may differ from (0, 0, 1): it is a homography, up to a factor.
    projective: ClassVar[bool] = False

    @property
    def surround(self) -> tuple[float, ...] | None:
        """The colour around the image, one number or one for each channel; None: what the recipe's border mode says."""
        return None

    @abstractmethod
    def matrix(self, params: Params, canvas: Canvas) -> tuple[np.ndarray, Canvas]:
        """(n, 3, 3) float64 from source to output in continuous pixel coordinates, and the output sizes."""
        ...


class Things(NamedTuple):
    """What is in n images where they reach a transform. boxes: (k, 4) left, top, right, bottom in pixels, those of
    which something is seen, as far as it is; image: (k,) the images that they lie in. mask: the mask of image i, where
    there are masks."""

    boxes: np.ndarray
    image: np.ndarray
    mask: Callable[[int], np.ndarray] | None = None


class Seeking(Geometric, frozen=True):
    """Cuts out a part that depends on what is in the image, and scales it to `size` where that is given. The parts are
    looked for before a plan is made, and kept among the parameters as "part", (n, 4) left, top, width and height; a
    plan that is made without knowing what is in the images takes them as empty."""

    axis_aligned: ClassVar[bool] = True
    uses_masks: ClassVar[bool] = False
    sets_size: ClassVar[bool] = True
    evaluation: ClassVar[Evaluation] = "counterpart"

    @abstractmethod
    def seek(self, params: Params, canvas: Canvas, things: Things) -> Part:
        """The parts of n images of these sizes."""
        ...

    def _part(self, params: Params, canvas: Canvas) -> Part:
        found = params.get("part", np.zeros((len(canvas.width), 4), np.int64))
        part = Part(*found.T)
        if (part.width > 0).all():
            return part
        alone = self.seek(params, canvas, Things(np.empty((0, 4)), np.empty(0, np.int64)))
        return Part(*(np.where(part.width > 0, own, other) for own, other in zip(part, alone, strict=True)))

    def amounts(self, params: Params, canvas: Canvas) -> tuple[Amount, ...]:
        return self._part(params, canvas).amounts()

    def matrix(self, params: Params, canvas: Canvas) -> tuple[np.ndarray, Canvas]:
        return cut_out(canvas, self._part(params, canvas), getattr(self, "size", None))


class Part(NamedTuple):
    """Rectangles of n images, in whole pixels: (n,) each."""

    left: np.ndarray
    top: np.ndarray
    width: np.ndarray
    height: np.ndarray

    def amounts(self) -> tuple[Amount, ...]:
        names = {"width": self.width, "height": self.height, "left": self.left, "top": self.top}
        return tuple(Amount(name, values, "pixels") for name, values in names.items())


def cut_out(canvas: Canvas, part: Part, size: Size | None) -> tuple[np.ndarray, Canvas]:
    """The matrix of cutting a part out and scaling it to `size`, if there is one; and the sizes that come out."""
    if size is None:
        out = Canvas(part.height, part.width)
        return geometry.affine(len(part.left), c=-part.left, f=-part.top), out
    height, width = sides(size)
    a, e = width / part.width, height / part.height
    out = Canvas(np.full_like(canvas.height, height), np.full_like(canvas.width, width))
    return geometry.affine(len(a), a=a, c=-a * part.left, e=e, f=-e * part.top), out


class Displacement(Transform, frozen=True):
    """Bends the picture: a field of displacements per image. The canvas keeps its size; the border mode and the fill
    value are the recipe's. Together with the matrices around it, it is one resample.

    What the classes here draw never folds: no two places show the same one, so that each has one place where it goes.
    """

    @abstractmethod
    def field(self, params: Params, canvas: Canvas) -> Field:
        """The displacements of n images of these sizes."""
        ...


class Color(Transform, frozen=True):
    """Mixes channels: one 3x4 matrix per image, on values in [0, 1].

    One channel counts as r = g = b. With four channels the fourth (alpha) stays as it is. With any other number only
    transforms that treat all channels alike (`mixes_channels = False`) can act.
    """

    mixes_channels: ClassVar[bool] = True

    @abstractmethod
    def matrix(self, params: Params, n: int) -> np.ndarray:
        """(n, 3, 4) float64."""
        ...

    def mean_gain(self, params: Params) -> np.ndarray | None:
        """(n, 3): what is added per unit of the image's own grey mean; None where that mean plays no part."""
        return None


class Tone(Transform, frozen=True):
    """Changes values by a curve, the same for all pixels of a channel. Any number of channels; a fourth one is alpha,
    and stays as it is.

    Values are clipped to the value range first, and those of uint8 and uint16 sources taken at the nearest level.
    """

    # What is measured in each channel of the image as it comes in, and makes the curve: the darkest and the brightest
    # value, or how often each level comes. It begins a pass.
    statistic: ClassVar[Literal["range", "histogram"] | None] = None

    def form(self) -> ToneForm | None:
        """What it is, for executors that repeat it in array operations; None: only `curve` says."""
        return None

    @abstractmethod
    def curve(self, params: Params, values: np.ndarray, levels: int) -> np.ndarray:
        """(n, k), or (1, k) for all: what becomes of these (k,) values in [0, 1] in each of n images, in [0, 1] too.
        levels: how many there are, 256 or 65 536, or 0 for floats. Not asked where it is measured.
        """
        ...


class Frame(NamedTuple):
    """What a Local knows of the n images that reach it.

    canvas: their sizes. channels: how many they have. low, high: the value range; full scale is high - low. whole:
    whether values of this range are whole numbers (uint8 and uint16 sources).
    """

    canvas: Canvas
    channels: int
    low: float
    high: float
    whole: bool


class Local(Transform, frozen=True):
    """Looks at a pixel's surroundings or its position. A barrier: what comes before is finished first."""

    # Whether `apply_all` can write uint8 images: rounded, halves to even, and cut at 0 and 255.
    makes_bytes: ClassVar[bool] = False

    def plan(self, params: Params, frame: Frame) -> Params:
        """The numbers that `apply` takes, for n images at once; RecipeError where they do not fit."""
        return params

    def form(self) -> LocalForm | None:
        """What it is, for executors that repeat it in array operations; None: only `apply` says."""
        return None

    def covered(self, params: Params) -> np.ndarray | None:
        """(n, 4) left, top, width and height of the rectangle that hides what is in an image, given the numbers of
        `plan`; None for what hides nothing."""
        return None

    @abstractmethod
    def apply(self, image: np.ndarray, params: Params) -> np.ndarray:
        """What it means: one (h, w, c) float64 or float32 image, values unclipped, and its own numbers of `plan` -> the
        same shape and dtype. May work in place.
        """
        ...

    def keeps_levels(self, frame: Frame) -> bool:
        """Whether whole numbers of the value range stay such, so that images of integers need not become floats."""
        return False

    def apply_all(self, source: np.ndarray, images: np.ndarray, params: Params, active: np.ndarray) -> None:
        """images = source, then `apply` to those of `active` (n,), given the numbers of `plan` with n first.

        images: (n, h, w, c) float32, C-contiguous; of the source's dtype for what `keeps_levels`, uint8 for what
        `makes_bytes`. source: the same shape, of any dtype; or `images` themselves. Image by image, unless a class
        knows a compiled way, which releases the GIL.
        """
        if source is not images:
            images[:] = source
        for i in np.flatnonzero(active):
            numbers = {name: values[i] for name, values in params.items()}
            images[i] = self.apply(images[i].copy(), numbers)  # a function of the user's may keep what it was given


class Turn(NamedTuple):
    """One application of a child of a `Compose`: which child, and on which images ((n,) bool; None: on all)."""

    child: int
    active: np.ndarray | None


class Compose(Transform, frozen=True):
    """Chooses among transforms, its children. It touches no pixel itself: each child becomes a transform with its own
    activity, and executors learn nothing of the choice.

    `branches` says which children there are, `turns` which of them act on which images, in which order.
    """

    # Whether there may be images on which a child does not act that it acts on itself.
    leaves_out: ClassVar[bool] = True

    def __post_init__(self) -> None:
        Transform.__post_init__(self)
        if (count := applications(self)) > MOST_APPLICATIONS:
            raise RecipeError(
                f"{type(self).__name__}: got transforms that are applied {count:,} times in all, for each may come at "
                f"several places, wanted at most {MOST_APPLICATIONS:,}. Give fewer, or fewer levels of them."
            )

    # Whether each branch comes behind those before it in the list.
    in_order: ClassVar[bool] = False

    @property
    def places(self) -> int:
        """At how many places of the order each branch may come."""
        return 1

    @abstractmethod
    def branches(self, epoch: int) -> tuple[tuple[str, Transform], ...]:
        """The children of an epoch, each with the part of its path between this transform's and its own name ("" but
        for those that are there several times). Their number and kinds do not depend on the epoch.
        """
        ...

    @abstractmethod
    def turns(self, params: Params) -> tuple[Turn, ...]:
        """The applications of the children, in order. How many there are follows from the recipe, not from `params`."""
        ...

    @abstractmethod
    def rebuilt(self, change: Callable[[Transform], Transform]) -> Compose:
        """The same with `change` made to each child."""
        ...

    def scaled(self, strength: float, change: Callable[[Transform], Transform]) -> Compose:
        """The same, milder or stronger; `change` makes transforms so. See `Recipe.scaled`."""
        inner = self.rebuilt(change)
        return msgspec.structs.replace(inner, p=min(1.0, self.p * strength)) if self.probability < 1 else inner


def applications(transform: Transform) -> int:
    """How many transforms an image may pass because of this one: those that are chosen count at every place."""
    if not isinstance(transform, Compose):
        return 1
    return transform.places * sum(applications(branch) for _, branch in transform.branches(0))


class Write(Transform, frozen=True):
    """What is done while the batch is written: one gain and offset per channel. Comes last, once."""

    # Mean and standard deviation of each written image, then one affine in place.
    standardizes: ClassVar[bool] = False
    comes_last: ClassVar[bool] = True
    evaluation: ClassVar[Evaluation] = "deterministic"

    @abstractmethod
    def scale(self, channels: int, low: float, high: float) -> tuple[np.ndarray, np.ndarray]:
        """(channels,) gain and (channels,) offset, on values in low..high."""
        ...


@cache
def specs(cls: type[Transform]) -> dict[str, Spec]:
    """The spec of each field, in the order of the fields."""
    hints = get_type_hints(cls, include_extras=True)
    return {name: hints[name].__metadata__[0] for name in cls.__struct_fields__}


@cache
def _ranges(cls: type[Transform]) -> dict[str, Interval]:
    """The fields that a number is drawn from by default."""
    return {name: spec for name, spec in specs(cls).items() if isinstance(spec, Interval) and not spec.optional}
