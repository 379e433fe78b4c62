"""What transforms become: one small record each, then neighbours in one segment. No pixels.

Warp moves pixels, Color mixes channels, Tone changes values by a curve, Local works on the finished image, Mix combines
samples, Write is the last thing done. Arrays have n first. Before fusion each transform is one step; `fuse`
puts neighbours into one `Segment`. An absent part of a segment is None, never a no-op.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Literal, NamedTuple, TypeAlias, final

import msgspec
import numpy as np

from augfuse import color, geometry
from augfuse.errors import RecipeError
from augfuse.geometry import Canvas
from augfuse.transforms import base
from augfuse.transforms.base import Frame, Params, Transform

# Where pixels may go, by class: "whole": by whole pixels, rows stay rows; "swapped": by whole pixels, rows may become
# columns; "aligned": rows stay rows; "free": anywhere.
Grid: TypeAlias = Literal["whole", "swapped", "aligned", "free"]


@final
class Warp(msgspec.Struct, frozen=True, eq=False):
    """Moves pixels. projective: the last row of a matrix may differ from (0, 0, 1). field: a displacement. grid: where
    pixels may go, by its class."""

    name: str
    size: Canvas  # of what comes out
    matrix: np.ndarray  # (n, 3, 3) float64, source to output
    grid: Grid = "free"
    projective: bool = False
    field: np.ndarray | None = None

    def on(self, active: np.ndarray, canvas: Canvas) -> Warp:
        """The same for the images of `active` (n,); the others stay as they are, of the sizes `canvas`."""
        size = self.size
        if size is not canvas:
            size = Canvas(*(np.where(active, new, old) for new, old in zip(size, canvas, strict=True)))
        return Warp(self.name, size, geometry.where(active, self.matrix), self.grid, self.projective, self.field)


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
        return Color(self.name, self.size, color.where(active, self.matrix), gain, self.mixes_channels)


@final
class Tone(msgspec.Struct, frozen=True, eq=False):
    """Changes values by a curve; `active` (n,) says in which images. statistic: what is measured to make the curve."""

    name: str
    size: Canvas
    curve: Callable[[Params, np.ndarray, int], np.ndarray]
    params: Params
    active: np.ndarray
    statistic: Literal["range", "histogram"] | None = None

    def on(self, active: np.ndarray, canvas: Canvas) -> Tone:
        """The same for the images of `active` (n,)."""
        return Tone(self.name, self.size, self.curve, self.params, active, self.statistic)


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

    def on(self, active: np.ndarray, canvas: Canvas) -> Local:
        """The same for the images of `active` (n,)."""
        return Local(self.name, self.size, self.apply, self.apply_all, self.params, active, self.keeps_levels)

    def params_of(self, i: int) -> Params:
        return {name: values[i] for name, values in self.params.items()}


@final
class Mix(msgspec.Struct, frozen=True, eq=False):
    """Combines samples."""

    name: str
    size: Canvas

    def on(self, active: np.ndarray, canvas: Canvas) -> Mix:
        """The same for the images of `active` (n,)."""
        return self


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
class Segment(msgspec.Struct, frozen=True, eq=False):
    """One pass over the pixels: the tones of what comes in, geometry, colour, then tones of what comes out. Colour
    steps that stood before the geometry are in it too.
    """

    size: Canvas  # of what comes out
    geometry_names: tuple[str, ...] = ()
    color_names: tuple[str, ...] = ()
    geometry: np.ndarray | None = None  # (n, 3, 3) float64, source to output
    color: np.ndarray | None = None  # (n, 3, 4) float64, on values in [0, 1]
    mean_gain: np.ndarray | None = None  # (n, 3): added per unit of the grey mean of what comes in
    fill_color: np.ndarray | None = None  # (n, 3, 4): the colour steps behind the first geometric one; None: none
    mixes_channels: bool = False
    grid: Grid = "free"  # of the geometry
    before: tuple[Tone, ...] = ()  # on the values of the source, before they are blended
    after: tuple[Tone, ...] = ()  # where there is geometry or colour


Op: TypeAlias = Warp | Color | Tone | Local | Mix
Step: TypeAlias = Segment | Local


class Known(NamedTuple):
    """What an op is made of: a transform, what was drawn for it and n images, and what reaches it."""

    transform: Transform
    params: Params
    n: int
    frame: Frame
    name: str


def _warp(known: Known) -> Op:
    transform = known.transform
    assert isinstance(transform, base.Geometric)
    matrix, size = transform.matrix(known.params, known.frame.canvas)
    grid: Grid = "free"
    if transform.moves_whole_pixels:
        grid = "swapped" if not transform.axis_aligned else "whole"
    elif transform.axis_aligned:
        grid = "aligned"
    return Warp(known.name, size, matrix, grid, transform.projective)


def _color(known: Known) -> Op:
    transform = known.transform
    assert isinstance(transform, base.Color)
    gain = transform.mean_gain(known.params)
    matrix = transform.matrix(known.params, known.n)
    return Color(known.name, known.frame.canvas, matrix, gain, transform.mixes_channels)


def _local(known: Known) -> Op:
    transform = known.transform
    assert isinstance(transform, base.Local)
    params, everyone = transform.plan(known.params, known.frame), np.ones(known.n, bool)
    keeps = known.frame.whole and transform.keeps_levels(known.frame)
    return Local(known.name, known.frame.canvas, transform.apply, transform.apply_all, params, everyone, keeps)


def _tone(known: Known) -> Op:
    transform = known.transform
    assert isinstance(transform, base.Tone)
    everyone = np.ones(known.n, bool)
    return Tone(known.name, known.frame.canvas, transform.curve, known.params, everyone, transform.statistic)


def _mix(known: Known) -> Op:
    return Mix(known.name, known.frame.canvas)


_MAKERS: dict[type[Transform], Callable[[Known], Op]] = {
    base.Geometric: _warp,
    base.Color: _color,
    base.Tone: _tone,
    base.Local: _local,
    base.Mix: _mix,
}


@cache
def maker(cls: type[Transform]) -> Callable[[Known], Op]:
    """What makes the op of a transform of this class, as it acts on all images."""
    for kind, maker in _MAKERS.items():
        if issubclass(cls, kind):
            return maker
    raise RecipeError(
        f"{cls.__name__}: got a transform of no known kind, wanted a class made of one of "
        f"{', '.join(kind.__name__ for kind in _MAKERS)}."
    )
