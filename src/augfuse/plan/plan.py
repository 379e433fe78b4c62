"""What will happen to these n images: a struct of arrays, no pixels. Printable, replayable, the meaning of a recipe."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal, Protocol, TypeAlias, final

import msgspec
import numpy as np

from augfuse.algebra.geometry import Canvas
from augfuse.plan.describe import Applied, describe
from augfuse.plan.draw import Drawn, Node
from augfuse.plan.lowered import Lowered
from augfuse.plan.ops import Mix, Step, Write
from augfuse.plan.settings import BoxFormat, Fill, Interpolation, PointFormat, Settings, Source
from augfuse.transforms.base import Transform

Swap: TypeAlias = Sequence[tuple[int, int]]


class WayBack(Protocol):
    """What `Plan.inverse` is, seen from plans; `augfuse.Inverse` is it, and says what each method takes."""

    def __len__(self) -> int: ...

    @property
    def mirrored(self) -> np.ndarray: ...

    def seen(self) -> Any: ...

    def keypoints(self, points: Any, *, format: PointFormat | None = None, swap: Swap = ()) -> Any: ...

    def boxes(
        self,
        boxes: Any,
        *,
        format: BoxFormat | None = None,
        hull: Literal["corners", "ellipse"] = "corners",
        clip: bool = True,
    ) -> Any: ...

    def polygons(self, polygons: Any, *, clip: bool = True) -> list[list[Any]]: ...

    def masks(self, masks: Any, *, fill: float = 0, swap: Swap = ()) -> Any: ...

    def images(
        self, images: Any, *, fill: float = 0, layout: Literal["NHWC", "NCHW"] = "NHWC", swap: Swap = ()
    ) -> Any: ...


_later: dict[str, Callable[..., Any]] = {}


def told(**functions: Callable[..., Any]) -> None:
    """Say what does `Plan.inverse`, `Plan.to_bytes` and `Plan.from_bytes`: modules that come after plans, and are not
    imported by them. They call this when they are imported."""
    _later.update(functions)


@final
class Mixture(msgspec.Struct, frozen=True, eq=False):
    """Samples that are finished and then made one: what is done to the images until there, and to each partner of those
    that are mixed."""

    op: Mix
    own: Plan
    partners: tuple[Plan, ...]


@final
class Plan(msgspec.Struct, frozen=True, eq=False):
    """The plan of a batch of n images.

    `seed` is the one used, also where fresh entropy was drawn.

    Of a recipe that mixes samples it is what is done to the mixed ones, `images`, and `before` what makes them.

    Args:
        drawn: what was drawn: activities and parameters of each transform, per image.
        settings: fill, interpolation, value range and target rules of the recipe.
        images: sizes, channels and dtype of the images that the plan is for.
        dtype: dtype of the output; None for that of the images.
        view: the name of the view that it makes; None without views.
        low, high: the full scale of the pixels.
        fill_value: (channels,), the colour outside of the image, with fill="constant".
        steps: fused segments and Locals, in order.
        write: the last step: clip, scale, bias, dtype.
        lowered: the numbers that an executor takes.
        views: the plans of further views, by name.
        before: what mixes the samples before; None without a mix.
    """

    drawn: Drawn
    settings: Settings
    images: Source  # what its own steps take
    dtype: np.dtype | None  # as it was asked for; None: the recipe decides
    view: str | None  # the name of the view that it makes; None without views
    low: float  # the value range: full scale is high - low
    high: float
    fill_value: np.ndarray  # (channels,) at the image's own scale
    steps: tuple[Step, ...]
    write: Write
    lowered: Lowered | None = None  # as executors take it
    views: tuple[tuple[str, Plan], ...] = ()  # the plans of all views; the first one is this plan's own work
    before: Mixture | None = None

    @property
    def seed(self) -> int:
        return self.drawn.seed

    @property
    def epoch(self) -> int:
        return self.drawn.epoch

    @property
    def indices(self) -> np.ndarray:
        """(n,) int64: the positions that keyed the draws."""
        return self.drawn.indices

    @property
    def source(self) -> Canvas:
        """The sizes of the images that its steps take."""
        return self.images.canvas

    @property
    def given(self) -> Source:
        """What the images are that come in, before all mixes."""
        return self.images if self.before is None else self.before.own.given

    @property
    def channels(self) -> int:
        return self.images.channels

    @property
    def fill(self) -> Fill:
        return self.settings.fill

    @property
    def interpolation(self) -> Interpolation:
        return self.settings.interpolation

    @property
    def transforms(self) -> tuple[Transform, ...]:
        """The transforms of the recipe that was drawn."""
        return self.drawn.transforms

    @property
    def nodes(self) -> tuple[Node, ...]:
        """What was drawn for the images that come out: of a view, what all views share and its own."""
        own = () if self.view is None else dict(self.drawn.views)[self.view]
        return (*self.drawn.nodes, *own)

    @property
    def size(self) -> Canvas:
        """The sizes of the images that come out."""
        return self.steps[-1].size if self.steps else self.source

    def __len__(self) -> int:
        return len(self.drawn)

    def describe(self, i: int) -> tuple[Applied, ...]:
        """What each transform does to image `i`, in the order of application: whether it fires, and by how much.

        Args:
            i: the place of the image in the batch; negative numbers count from the end.

        Returns:
            One entry for each transform.

        Raises:
            IndexError: i outside 0..n-1.
        """
        if not -len(self) <= i < len(self):
            raise IndexError(f"image {i} is out of range for a batch of {len(self)}")
        return describe(self.given.canvas, self.nodes, i % len(self))

    @property
    def inverse(self) -> WayBack:
        """The way back: from points, boxes, polygons, masks and pictures of the augmented images to those of the
        originals. Of a plan with views it is that of the first one, of others `batch.views[name].plan.inverse`.
        RecipeError for plans that put several images into one.
        """
        return _later["inverse"](self)

    def to_bytes(self) -> bytes:
        """Return the plan as bytes, which `Plan.from_bytes` reads; see `Recipe.replay`."""
        return _later["to_bytes"](self)

    @staticmethod
    def from_bytes(data: bytes) -> Plan:
        """Read a plan that `to_bytes` wrote.

        Reading imports and runs nothing.

        Args:
            data: bytes of `Plan.to_bytes`.

        Returns:
            The plan.

        Raises:
            RecipeError: bytes that are not a plan, are cut or damaged, or were written by another version.
        """
        return _later["from_bytes"](data)
