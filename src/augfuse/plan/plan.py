"""What will happen to these n images: a struct of arrays, no pixels. Printable, replayable, the meaning of a recipe."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Literal, TypeAlias, final

import msgspec
import numpy as np

from augfuse.algebra.geometry import Canvas
from augfuse.algebra.ranges import per_channel
from augfuse.errors import ImageError, RecipeError
from augfuse.plan.build import operations, write
from augfuse.plan.draw import Drawn, Node
from augfuse.plan.fuse import fuse, steps
from augfuse.plan.lower import Interpolation, Lowered, lower
from augfuse.plan.ops import Mix, Op, Segment, Step, Write
from augfuse.transforms import base
from augfuse.transforms.base import Frame, Transform

if TYPE_CHECKING:
    from augfuse.plan.describe import Applied
    from augfuse.targets.inverse import Inverse

Fill: TypeAlias = Literal["nearest", "reflect", "wrap", "constant"]
BoxFormat: TypeAlias = Literal["pascal_voc", "coco", "yolo", "normalized", "oriented"]
PointFormat: TypeAlias = Literal["auto", "xy", "xyv", "xya", "xyav", "xys", "xysv", "xyas", "xyasv"]

# The most pixels of one image that a pass makes: 16384 x 16384, more than any decoder hands out.
MOST_PIXELS = 2**28

FULL = {np.dtype(np.uint8): 255.0, np.dtype(np.uint16): 65535.0}  # full scale of whole numbers


@final
class Settings(msgspec.Struct, frozen=True):
    """What a recipe says besides its transforms, as `Recipe` checked it. Boxes and points of the images are in these
    formats."""

    fill: Fill = "nearest"
    fill_value: tuple[float, ...] = (0.0,)
    interpolation: Interpolation = "bilinear"
    value_range: tuple[float, float] | None = None
    box_format: BoxFormat = "pascal_voc"
    keypoint_format: PointFormat = "auto"


@final
class Source(msgspec.Struct, frozen=True, eq=False):
    """What the images are that a plan is made for."""

    canvas: Canvas
    channels: int
    dtype: np.dtype

    def check(self, canvas: Canvas, channels: int, dtype: np.dtype) -> None:
        """Refuse other images than these."""
        wanted, got = (
            (list(zip(*(side.tolist() for side in sizes), strict=True)), c, d.name)
            for sizes, c, d in ((self.canvas, self.channels, self.dtype), (canvas, channels, dtype))
        )
        if len(wanted[0]) != len(got[0]):
            raise ImageError(f"images: got {len(got[0])} for a plan of {len(wanted[0])}, wanted as many.")
        for i, (one, other) in enumerate(zip(wanted[0], got[0], strict=True)):
            if (one, *wanted[1:]) != (other, *got[1:]):
                raise ImageError(
                    f"images[{i}]: got {other[0]}x{other[1]}x{got[1]} {got[2]} for a plan of {one[0]}x{one[1]}x"
                    f"{wanted[1]} {wanted[2]}, wanted the images that the plan was made for."
                )


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
        from augfuse.plan.describe import describe  # it reads plans

        if not -len(self) <= i < len(self):
            raise IndexError(f"image {i} is out of range for a batch of {len(self)}")
        return describe(self, i % len(self))

    @property
    def inverse(self) -> Inverse:
        """The way back: from points, boxes, polygons, masks and pictures of the augmented images to those of the
        originals. Of a plan with views it is that of the first one, of others `batch.views[name].plan.inverse`.
        RecipeError for plans that put several images into one.
        """
        return _inverses[0](self)

    def to_bytes(self) -> bytes:
        """The plan as bytes, which `Plan.from_bytes` reads; see `Recipe.replay`.

        Returns:
            The plan as bytes.
        """
        from augfuse.plan.serial import to_bytes

        return to_bytes(self)

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
        from augfuse.plan.serial import from_bytes

        return from_bytes(data)


_inverses: list[Callable[[Plan], Inverse]] = []


def inverted_by(inverse: Callable[[Plan], Inverse]) -> None:
    """Say what `Plan.inverse` is made by: what knows targets comes after plans, and tells them."""
    _inverses[:] = [inverse]


def value_range(dtype: np.dtype, declared: tuple[float, float] | None) -> tuple[float, float]:
    """Full scale: 0..255 for uint8, 0..65535 for uint16, 0..1 for floats, unless it is declared."""
    most = FULL.get(dtype)
    if most is None:
        return (0.0, 1.0) if declared is None else declared
    if declared is not None and (declared[0] < 0 or declared[1] > most):
        raise RecipeError(
            f"value_range: got {declared} for {dtype.name} images, wanted within 0..{most:g}. "
            "Leave it out, or convert to float32."
        )
    return (0.0, most) if declared is None else declared


def make(drawn: Drawn, settings: Settings, images: Source, dtype: np.dtype | None, *, fused: bool = True) -> Plan:
    """The plan of what was drawn, for these images. `dtype` None: the recipe decides. `fused` False: each transform is
    one pass, which only the reference runs.
    """
    if not drawn.views:
        return _of_view(drawn, None, settings, images, dtype, fused)
    plans = tuple((name, _of_view(drawn, name, settings, images, dtype, fused)) for name, _ in drawn.views)
    return msgspec.structs.replace(plans[0][1], views=plans)


def _of_view(
    drawn: Drawn, view: str | None, settings: Settings, images: Source, dtype: np.dtype | None, fused: bool
) -> Plan:
    low, high = value_range(images.dtype, settings.value_range)
    n, channels = len(drawn), images.channels
    nodes = drawn.nodes if view is None else (*drawn.nodes, *dict(drawn.views)[view])
    frame = Frame(images.canvas, channels, low, high, images.dtype.kind == "u")
    last, wanted = nodes[-1].transform if nodes else None, dtype
    if dtype is not None and dtype not in (images.dtype, np.float32, np.float16):
        names = ", ".join(f"'{name}'" for name in dict.fromkeys((images.dtype.name, "float32")))
        raise RecipeError(f"dtype: got {dtype.name} for {images.dtype.name} images, wanted {names} or 'float16'.")
    if dtype is None:
        dtype = np.dtype(np.float32) if isinstance(last, base.Write) else images.dtype
    elif isinstance(last, base.Write) and dtype.kind != "f":
        raise RecipeError(
            f"dtype: got {dtype.name} for a recipe that ends in {type(last).__name__}, wanted 'float32' or 'float16'. "
            "Leave dtype out."
        )
    final = write(nodes, n, channels, low, high, dtype)
    made = stage(drawn, settings, images, operations(drawn, nodes, frame), final, fused)
    return msgspec.structs.replace(made, dtype=wanted, view=view)


def unwritten(drawn: Drawn, settings: Settings, images: Source, ops: Sequence[Op | Mix], fused: bool = True) -> Plan:
    """The plan of these ops alone, written as the images are: what happens up to a place of a recipe."""
    low, high = value_range(images.dtype, settings.value_range)
    return stage(drawn, settings, images, ops, write((), len(drawn), images.channels, low, high, images.dtype), fused)


def stage(
    drawn: Drawn, settings: Settings, images: Source, ops: Sequence[Op | Mix], final: Write, fused: bool = True
) -> Plan:
    """The plan of these ops and this write; of several stages, where there are mixes among the ops."""
    low, high = value_range(images.dtype, settings.value_range)
    channels, source, start = images.channels, images, 0
    before: Mixture | None = None
    for place, op in enumerate(ops):
        if not isinstance(op, Mix):
            continue
        own = unwritten(drawn, settings, source, ops[start:place], fused)
        own = own if before is None else msgspec.structs.replace(own, before=before, low=low, high=high)
        partners = tuple(
            unwritten(some.drawn, settings, Source(some.source, channels, images.dtype), some.ops, fused)
            for some in op.partners
        )
        before, start = Mixture(op, own, partners), place + 1
        source = Source(op.size, channels, np.dtype(np.float32) if op.weights is not None else source.dtype)
    apart = steps([op for op in ops[start:] if not isinstance(op, Mix)])
    return Plan(
        drawn=drawn, settings=settings, images=source, dtype=None, view=None, low=low, high=high,
        fill_value=_fill_value(settings.fill_value, channels), steps=tuple(fuse(apart) if fused else apart),
        write=final, before=before,
    )  # fmt: skip


@lru_cache(maxsize=256)
def _fill_value(values: tuple[float, ...], channels: int) -> np.ndarray:
    return per_channel("fill_value", values, channels)


def checked(plan: Plan) -> Plan:
    """The plan with the numbers that an executor takes, or an error where none can run it: singular or non-finite
    matrices, sizes that do not stack or are absurd, colours that do not fit.
    """
    if plan.views:
        views = tuple((name, checked(view)) for name, view in plan.views)
        first = views[0][1]
        return msgspec.structs.replace(plan, lowered=first.lowered, before=first.before, views=views)
    found = _stage_checked(plan)
    height, width = found.size
    if len(height) > 1 and ((height != height[0]).any() or (width != width[0]).any()):
        sizes = sorted({f"{h}x{w}" for h, w in zip(height, width, strict=True)})
        raise ImageError(
            f"images of different sizes ({', '.join(sizes[:3])}{', ...' if len(sizes) > 3 else ''}) do not "
            "stack into one batch. "
            f"Add af.Resize((height, width)) or a crop to the recipe."
        )
    return found


def _stage_checked(plan: Plan) -> Plan:
    """The same of a plan whose images need not stack, and of all that comes before it."""
    canvas = plan.source
    for step in plan.steps:
        if step.size is not canvas:
            _check_size(plan, step)
            canvas = step.size
    before = plan.before
    if before is not None:
        partners = tuple(map(_stage_checked, before.partners))
        before = Mixture(before.op, _stage_checked(before.own), partners)
    return msgspec.structs.replace(plan, lowered=lower(plan), before=before)


def _check_size(plan: Plan, step: Step) -> None:
    height, width = step.size
    large = np.flatnonzero(height.astype(np.float64) * width > MOST_PIXELS)
    if len(large):
        i = large[0]
        names = ", ".join(step.geometry_names) if isinstance(step, Segment) else step.name
        raise ImageError(
            f"{names}: an image of {height[i]}x{width[i]} pixels would come out of sample {plan.indices[i]} "
            f"({plan.source.height[i]}x{plan.source.width[i]}), wanted at most {MOST_PIXELS:,} pixels. "
            "Give a smaller size (height, width)."
        )
