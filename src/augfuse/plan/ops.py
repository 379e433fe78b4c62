"""What transforms become: one small record each, then neighbours in one segment. No pixels.

Warp and Displace move pixels, Color mixes channels, Tone changes values by a curve, Local works on the finished image,
Mix combines samples, Write is the last thing done. Arrays have n first. Before fusion each transform is one step;
`fuse` puts neighbours into one `Segment`. An absent part of a segment is None, never a no-op.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias, final

import msgspec
import numpy as np

from augfuse.algebra import geometry
from augfuse.algebra.geometry import Canvas, Field
from augfuse.errors import RecipeError
from augfuse.transforms import base
from augfuse.transforms.array_forms import LocalForm, ToneForm
from augfuse.transforms.base import Frame, Params, Transform

if TYPE_CHECKING:
    from augfuse.plan.draw import Drawn

# Where pixels may go, by class: "whole": by whole pixels, rows stay rows; "swapped": by whole pixels, rows may become
# columns; "aligned": rows stay rows; "free": anywhere.
Grid: TypeAlias = Literal["whole", "swapped", "aligned", "free"]


@final
class Warp(msgspec.Struct, frozen=True, eq=False):
    """Moves pixels. projective: the last row of a matrix may differ from (0, 0, 1). grid: where pixels may go. Both by
    its class."""

    name: str
    size: Canvas  # of what comes out
    matrix: np.ndarray  # (n, 3, 3) float64, source to output
    grid: Grid = "free"
    projective: bool = False
    surround: tuple[float, ...] | None = None  # the colour around the image; None: as the recipe says

    def on(self, active: np.ndarray, canvas: Canvas) -> Warp:
        """The same for the images of `active` (n,); the others stay as they are, of the sizes `canvas`."""
        size = self.size
        if size is not canvas:
            size = Canvas(*(np.where(active, new, old) for new, old in zip(size, canvas, strict=True)))
        matrix = geometry.where(active, self.matrix)
        return Warp(self.name, size, matrix, self.grid, self.projective, self.surround)


@final
class Displace(msgspec.Struct, frozen=True, eq=False):
    """Moves pixels by a field of displacements."""

    name: str
    size: Canvas
    field: Field

    def on(self, active: np.ndarray, canvas: Canvas) -> Displace:
        """The same for the images of `active` (n,)."""
        points = np.where(active[:, None, None, None], self.field.points, 0.0)
        return Displace(self.name, self.size, Field(points, self.field.smooth))


@final
class Color(msgspec.Struct, frozen=True, eq=False):
    """Mixes channels. mean_gain: (n, 3), what is added per unit of the image's grey mean; None: it plays no part."""

    name: str
    size: Canvas
    matrix: np.ndarray  # (n, 3, 4) float64, on values in [0, 1]
    mean_gain: np.ndarray | None = None
    mixes_channels: bool = False

    def on(self, active: np.ndarray, canvas: Canvas) -> Color:
        """The same for the images of `active` (n,)."""
        gain = None if self.mean_gain is None else self.mean_gain * active[:, None]
        return Color(self.name, self.size, geometry.where(active, self.matrix), gain, self.mixes_channels)


@final
class Tone(msgspec.Struct, frozen=True, eq=False):
    """Changes values by a curve; `active` (n,) says in which images. statistic: what is measured to make the curve."""

    name: str
    size: Canvas
    curve: Callable[[Params, np.ndarray, int], np.ndarray]
    params: Params
    active: np.ndarray
    statistic: Literal["range", "histogram"] | None = None
    form: ToneForm | None = None  # for executors that cannot call the curve

    def on(self, active: np.ndarray, canvas: Canvas) -> Tone:
        """The same for the images of `active` (n,)."""
        return msgspec.structs.replace(self, active=active)


@final
class Local(msgspec.Struct, frozen=True, eq=False):
    """A function of finished images; `active` (n,) says of which ones. `apply_all`: the same for many images; see
    `base.Local`."""

    name: str
    size: Canvas
    apply: Callable[[np.ndarray, Params], np.ndarray]
    apply_all: Callable[[np.ndarray, np.ndarray, Params, np.ndarray], None]
    params: Params
    active: np.ndarray
    keeps_levels: bool = False  # images of whole numbers need not become floats
    makes_bytes: bool = False  # `apply_all` can write uint8
    covered: np.ndarray | None = None  # (n, 4): left, top, width and height of what is hidden; None: it hides nothing
    form: LocalForm | None = None  # for executors that cannot call `apply`

    def on(self, active: np.ndarray, canvas: Canvas) -> Local:
        """The same for the images of `active` (n,)."""
        return msgspec.structs.replace(self, active=active)

    def params_of(self, i: int) -> Params:
        return {name: values[i] for name, values in self.params.items()}


@final
class Partner(NamedTuple):
    """What becomes of the partners of some images before they are mixed: what was drawn for them, their sizes, and the
    ops."""

    drawn: Drawn
    source: Canvas
    ops: Sequence[Op | Mix]


@final
class Mix(msgspec.Struct, frozen=True, eq=False):
    """Makes one sample of several.

    rows: (k,) the images that are mixed; what follows is of these. partners: what becomes of theirs. parts: (k, s, 4)
    left, top, width and height of what each of the s samples fills, the image first, later ones over earlier ones.
    weights: (k, s) where they are blended. objects: (k, m) bool, of a partner only these objects. shares: (k, s) how
    much of its label is each one's; None: labels stay those of the image.
    """

    name: str
    path: str
    size: Canvas  # of all images
    rows: np.ndarray
    partners: tuple[Partner, ...]
    parts: np.ndarray
    weights: np.ndarray | None = None
    objects: np.ndarray | None = None
    shares: np.ndarray | None = None


@final
class Write(msgspec.Struct, frozen=True, eq=False):
    """Clip to the value range, times scale plus bias (n, c), then mean 0 and standard deviation 1 where `standardize`
    (n,) says so."""

    dtype: np.dtype
    scale: np.ndarray
    bias: np.ndarray
    name: str | None = None
    standardize: np.ndarray | None = None


@final
class Bent(NamedTuple):
    """A field within a segment, and the matrices between the field before it, or the source, and itself."""

    before: np.ndarray | None  # (n, 3, 3); None: there are none
    field: Field
    size: Canvas  # of what is displaced


@final
class Segment(msgspec.Struct, frozen=True, eq=False):
    """One pass over the pixels: the tones of what comes in, geometry, colour, then tones of what comes out. Colour
    steps that stood before the geometry are in it too.
    """

    size: Canvas  # of what comes out
    geometry_names: tuple[str, ...] = ()
    color_names: tuple[str, ...] = ()
    geometry: np.ndarray | None = None  # (n, 3, 3) float64, source to output; behind the last of the fields
    color: np.ndarray | None = None  # (n, 3, 4) float64, on values in [0, 1]
    mean_gain: np.ndarray | None = None  # (n, 3): added per unit of the grey mean of what comes in
    fill_color: np.ndarray | None = None  # (n, 3, 4): the colour steps behind the first geometric one; None: none
    mixes_channels: bool = False
    grid: Grid = "free"  # of the geometry
    fields: tuple[Bent, ...] = ()  # in the order of application
    projective: bool = False  # whether one of the matrices may be a perspective
    before: tuple[Tone, ...] = ()  # on the values of the source, before they are blended
    after: tuple[Tone, ...] = ()  # where there is geometry or colour
    surround: tuple[float, ...] | None = None  # the colour around the image; None: as the recipe says


Op: TypeAlias = Warp | Displace | Color | Tone | Local
Step: TypeAlias = Segment | Local


def _warp(transform: base.Geometric, params: Params, frame: Frame, name: str) -> Op:
    matrix, size = transform.matrix(params, frame.canvas)
    if transform.projective:
        matrix = geometry.facing(matrix, frame.canvas)
    grid: Grid = "free"
    if transform.moves_whole_pixels and not transform.projective:
        grid = "swapped" if not transform.axis_aligned else "whole"
    elif transform.axis_aligned and not transform.projective:
        grid = "aligned"
    return Warp(name, size, matrix, grid, transform.projective, transform.surround)


def _displace(transform: base.Displacement, params: Params, frame: Frame, name: str) -> Op:
    field, n = transform.field(params, frame.canvas), len(frame.canvas.width)
    least = 4 if field.smooth else 2
    shape = field.points.shape
    if len(shape) != 4 or shape[0] != n or min(shape[1:3]) < least or shape[3] != 2:
        raise RecipeError(
            f"{name}: got a field with points of shape {shape}, wanted (n, rows, columns, 2) for n = {n} "
            f"images, with at least {least} rows and columns."
        )
    return Displace(name, frame.canvas, field)


def _color(transform: base.Color, params: Params, frame: Frame, name: str) -> Op:
    matrix = transform.matrix(params, len(frame.canvas.width))
    return Color(name, frame.canvas, matrix, transform.mean_gain(params), transform.mixes_channels)


def _local(transform: base.Local, params: Params, frame: Frame, name: str) -> Op:
    numbers, everyone = transform.plan(params, frame), np.ones(len(frame.canvas.width), bool)
    keeps = frame.whole and transform.keeps_levels(frame)
    does = transform.apply, transform.apply_all
    hidden = transform.covered(numbers)
    form = transform.form()
    return Local(name, frame.canvas, *does, numbers, everyone, keeps, transform.makes_bytes, hidden, form)


def _tone(transform: base.Tone, params: Params, frame: Frame, name: str) -> Op:
    everyone = np.ones(len(frame.canvas.width), bool)
    return Tone(name, frame.canvas, transform.curve, params, everyone, transform.statistic, transform.form())


# What makes the op of each kind, as it acts on all images: of a transform, what was drawn for it, what reaches it, and
# what it is called.
_MAKERS: dict[type[Transform], Callable[..., Op]] = {
    base.Geometric: _warp,
    base.Displacement: _displace,
    base.Color: _color,
    base.Tone: _tone,
    base.Local: _local,
}


@cache
def maker(cls: type[Transform]) -> Callable[..., Op]:
    """What makes the op of a transform of this class, as it acts on all images."""
    for kind, maker in _MAKERS.items():
        if issubclass(cls, kind):
            return maker
    raise RecipeError(
        f"{cls.__name__}: got a transform of no known kind, wanted a class made of one of "
        f"{', '.join(kind.__name__ for kind in _MAKERS)}."
    )
