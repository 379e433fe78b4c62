"""What will happen to these n images: a struct of arrays, no pixels. Printable, replayable, the meaning of a recipe.

A plan is a list of steps. Before fusion each step is one transform; after it, neighbours share a `Pass`. An absent part
of a step is None, never a no-op. The last thing is always the write: clip to the value range, gain and offset, dtype.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypeAlias, final

import msgspec
import numpy as np

from augfuse.errors import ImageError, RecipeError
from augfuse.geometry import Canvas, invert, is_regular
from augfuse.transforms.base import Local, Params, Transform

if TYPE_CHECKING:
    from augfuse.plan.describe import Applied

Fill: TypeAlias = Literal["nearest", "reflect", "wrap", "constant"]
Interpolation: TypeAlias = Literal["bilinear", "nearest"]

# An image that shrinks by more than this along an axis is reduced by area averaging before it is sampled.
REDUCE_ABOVE = 1.5

# The most pixels of one image that a pass makes: 16384 x 16384, more than any decoder hands out.
MOST_PIXELS = 2**28


@final
class Pass(msgspec.Struct, frozen=True, eq=False):
    """One pass over the pixels: geometry, then colour. Colour steps that stood before the geometry are in it too."""

    size: Canvas  # of what comes out
    geometry_names: tuple[str, ...] = ()
    color_names: tuple[str, ...] = ()
    geometry: np.ndarray | None = None  # (n, 3, 3) float64, source to output
    color: np.ndarray | None = None  # (n, 3, 4) float64, on values in [0, 1]
    mean_gain: np.ndarray | None = None  # (n, 3): added per unit of the grey mean of what comes in
    fill_color: np.ndarray | None = None  # (n, 3, 4): the colour steps behind the first geometric one; None: none
    mixes_channels: bool = False

    def matrices(self) -> np.ndarray:
        """(n, 6) float64, output to source: what a kernel walks along."""
        assert self.geometry is not None
        return np.ascontiguousarray(invert(self.geometry)[:, :2].reshape(-1, 6))


@final
class LocalStep(msgspec.Struct, frozen=True, eq=False):
    """A kernel on finished float32 images; `active` (n,) says which ones."""

    name: str
    transform: Local
    params: Params
    active: np.ndarray
    size: Canvas

    def params_of(self, i: int) -> Params:
        return {name: values[i] for name, values in self.params.items()}


@final
class WriteStep(msgspec.Struct, frozen=True, eq=False):
    """Clip to low..high, times scale plus bias (n, c), then to mean 0 and deviation 1 where `standardize` (n,)."""

    dtype: np.dtype
    scale: np.ndarray
    bias: np.ndarray
    name: str | None = None
    standardize: np.ndarray | None = None


Step: TypeAlias = Pass | LocalStep


@final
class Plan(msgspec.Struct, frozen=True, eq=False):
    """The plan of a batch of n images. `seed` is the one used, also where fresh entropy was drawn."""

    seed: int
    epoch: int
    indices: np.ndarray  # (n,) int64
    source: Canvas
    channels: int
    low: float  # the value range: full scale is high - low
    high: float
    fill: Fill
    fill_value: np.ndarray  # (channels,) at the image's own scale
    interpolation: Interpolation
    steps: tuple[Step, ...]
    write: WriteStep
    transforms: tuple[Transform, ...] = ()  # as the recipe lists them: what `describe` draws again

    @property
    def size(self) -> Canvas:
        """The sizes of the images that come out."""
        return self.steps[-1].size if self.steps else self.source

    def __len__(self) -> int:
        return len(self.indices)

    def describe(self, i: int) -> tuple[Applied, ...]:
        """What each transform does to image `i` of the batch, in list order: whether it fires, and by how much.

        Read off by drawing again at the image's position, so it costs nothing until it is asked for. IndexError
        outside 0..n-1; negative numbers count from the end.
        """
        from augfuse.plan.describe import describe  # it reads plans

        if not -len(self) <= i < len(self):
            raise IndexError(f"image {i} is out of range for a batch of {len(self)}")
        return describe(self, i % len(self))


def check(plan: Plan) -> None:
    """Refuse what no executor can run: singular or non-finite matrices, sizes that do not stack or are absurd, colours
    that do not fit.
    """
    for step in plan.steps:
        _check_size(plan, step)
        if not isinstance(step, Pass):
            continue
        names = ", ".join(step.geometry_names)
        if step.geometry is not None:
            regular = is_regular(step.geometry)
            if not regular.all():
                bad = np.flatnonzero(~regular)
                raise RecipeError(
                    f"{names}: the matrix of sample {plan.indices[bad[0]]} has no inverse, or numbers beyond 1e15 "
                    f"({np.array2string(step.geometry[bad[0]][:2], precision=3)}). "
                    "Narrow the ranges of scale and shear."
                )
        if step.mixes_channels and plan.channels not in (1, 3, 4):
            raise RecipeError(
                f"{', '.join(step.color_names)}: got images with {plan.channels} channels, "
                "wanted 1 (grey), 3 (RGB) or 4 (RGBA). "
                f"Brightness, Contrast and Invert work with any number."
            )
    height, width = plan.size
    if (height != height[0]).any() or (width != width[0]).any():
        sizes = sorted({f"{h}x{w}" for h, w in zip(height, width, strict=True)})
        raise ImageError(
            f"images of different sizes ({', '.join(sizes[:3])}{', ...' if len(sizes) > 3 else ''}) do not "
            "stack into one batch. "
            f"Add af.Resize((height, width)) or a crop to the recipe."
        )


def _check_size(plan: Plan, step: Step) -> None:
    height, width = step.size
    large = np.flatnonzero(height.astype(np.float64) * width > MOST_PIXELS)
    if len(large):
        i = large[0]
        names = ", ".join(step.geometry_names) if isinstance(step, Pass) else step.name
        raise ImageError(
            f"{names}: an image of {height[i]}x{width[i]} pixels would come out of sample {plan.indices[i]} "
            f"({plan.source.height[i]}x{plan.source.width[i]}), wanted at most {MOST_PIXELS:,} pixels. "
            "Give a smaller size (height, width)."
        )
