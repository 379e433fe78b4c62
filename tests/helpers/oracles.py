"""What several test files share: images, every example of every transform, and the reference with its slack."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import chain
from typing import Any

import msgspec
import numpy as np
import pytest

import augfuse as af
from augfuse.execute import reference
from augfuse.execute.batch_images import Images, as_images
from augfuse.execute.cpu import run
from augfuse.execute.cpu.passes import cubic, tiles
from augfuse.execute.load import stages
from augfuse.execute.mixture import Stages, mixed, taken
from augfuse.plan.draw import draw
from augfuse.plan.lower import lower
from augfuse.plan.lowered import Lowered, Pass, averages_above
from augfuse.plan.make_plan import checked, make
from augfuse.plan.ops import Segment
from augfuse.plan.plan import Plan
from augfuse.plan.settings import Source
from augfuse.plan.tone import Tone
from augfuse.targets.partners import met, of_batch
from augfuse.transforms.base import Transform, specs

EXAMPLES: list[tuple[type[Transform], dict[str, Any]]] = [
    (cls, example) for cls in af.list_transforms() for example in cls.examples
]
EXAMPLE_IDS = [f"{cls.__name__}-{i}" for cls in af.list_transforms() for i in range(len(cls.examples))]

every_example = pytest.mark.parametrize(("cls", "example"), EXAMPLES, ids=EXAMPLE_IDS)

RARE = [cls for cls in af.list_transforms() if specs(cls)["p"] == specs(Transform)["p"]]  # whose p is a probability
every_rare_example = pytest.mark.parametrize(
    ("cls", "example"),
    [case for case in EXAMPLES if case[0] in RARE],
    ids=[name for name, case in zip(EXAMPLE_IDS, EXAMPLES, strict=True) if case[0] in RARE],
)

# For tests of random recipes: some hold a random width that a Resize stretches back, and say so when they are made.
random_recipes = pytest.mark.filterwarnings(
    r"ignore:Recipe. Random(Width|Height) changes nothing:augfuse.AugfuseWarning"
)

NUDGE = 2e-6  # of full scale: what float32 arithmetic may be off before a curve that jumps; less than `lower.TIE`

FULL_SCALE = {"uint8": 255.0, "uint16": 65535.0, "float32": 1.0}


def pictures(n: int, height: int, width: int, channels: int = 3, dtype: str = "uint8", seed: int = 0) -> np.ndarray:
    """(n, h, w, c) of noise: every pixel differs from its neighbours, so that a wrong tap shows."""
    noise = np.random.default_rng(seed).random((n, height, width, channels))
    return np.rint(noise * FULL_SCALE[dtype]).astype(dtype) if dtype != "float32" else noise.astype(np.float32)


def labels_of(indices: Any) -> np.ndarray:
    """(n,) class numbers 0, 1 and 2, for what asks for labels."""
    return np.asarray(indices) % 3


def batch_of(recipe: af.Recipe, images: Any, **options: Any) -> af.Batch:
    """`recipe.batch` with labels: one-hot ones where they are mixed."""
    indices = options.get("indices")
    return recipe.batch(images, labels_for(recipe, range(len(images)) if indices is None else indices), **options)


def labels_for(recipe: af.Recipe, indices: Any) -> np.ndarray:
    """The labels of these samples, as the recipe takes them: one-hot ones where they are mixed."""
    labels = labels_of(indices)
    return np.eye(3, dtype=np.float32)[labels] if recipe.inner.asks.softens else labels


def siblings(images: Any) -> af.DataSet:
    """The images as a data set, out of which mixes draw the same partners in any batch."""
    masks = np.ones((len(images), 1, *images.shape[1:3]), np.uint8)
    return af.from_arrays(images, labels_of(range(len(images)))).with_targets(masks=list(masks))


def unfused(recipe: af.Recipe, images: Images, seed: int = 0, epoch: int = 0, dtype: Any = None) -> Plan:
    """The plan whose steps are not merged."""
    wanted = None if dtype is None else np.dtype(dtype)
    drawn = draw(recipe.transforms, seed, epoch, np.arange(len(images)), labels_of(np.arange(len(images))))
    source = Source(images.canvas, images.channels, images.dtype)
    return checked(make(drawn, recipe.inner.settings, source, wanted, fused=False))


def fused(recipe: af.Recipe, images: Images, seed: int = 0, epoch: int = 0, dtype: Any = None) -> Plan:
    """The plan that a batch of these images gets."""
    wanted = None if dtype is None else np.dtype(dtype)
    indices = np.arange(len(images))
    source = images.canvas, images.channels, images.dtype
    return recipe.plan(*source, indices, seed=seed, epoch=epoch, dtype=wanted, labels=labels_of(indices))


def numbers(plan: Plan) -> Lowered:
    """A plan as executors take it."""
    assert plan.lowered is not None
    return plan.lowered


def _shifted(plan: Plan, x: float, y: float) -> Plan:
    """The same plan, with every source read (x, y) source pixels further to the right and down."""
    shift = np.array([[1.0, 0.0, -x], [0.0, 1.0, -y], [0.0, 0.0, 1.0]])
    steps = tuple(_step_shifted(step, shift) for step in plan.steps)
    shifted = msgspec.structs.replace(plan, steps=steps)
    return msgspec.structs.replace(shifted, lowered=lower(shifted))


def _step_shifted(step: Any, shift: np.ndarray) -> Any:
    if not isinstance(step, Segment) or step.geometry is None:
        return step
    if not step.fields:
        return msgspec.structs.replace(step, geometry=step.geometry @ shift)
    first = step.fields[0]
    before = np.tile(shift, (len(step.geometry), 1, 1)) if first.before is None else first.before @ shift
    return msgspec.structs.replace(step, fields=(first._replace(before=before), *step.fields[1:]))


def sources(plan: Plan, i: int, points: np.ndarray) -> np.ndarray:
    """(2, k): where places (2, k) of the output of image i come from, by plain linear algebra, through every step;
    infinite beyond a horizon."""
    for step in reversed(plan.steps):
        if not isinstance(step, Segment) or step.geometry is None:
            continue
        points = _back(step.geometry[i], points)
        for field in reversed(step.fields):
            height, width = int(field.size.height[i]), int(field.size.width[i])
            points = np.stack(reference.displaced(field.field, i, height, width, *points))
            points = points if field.before is None else _back(field.before[i], points)
    return points


def _back(matrix: np.ndarray, points: np.ndarray) -> np.ndarray:
    finite = np.isfinite(points).all(axis=0)
    found = np.linalg.inv(matrix) @ np.vstack([np.where(finite, points, 0), np.ones(points.shape[1])])
    front = finite & (found[2] > 0)
    return np.where(front, found[:2] / np.where(front, found[2], 1), np.inf)


def _gain(plan: Plan) -> float:
    """How far the colours and the curves of a plan can stretch a difference of one grey level in the source."""
    gain = 1.0
    for step in plan.steps:
        if isinstance(step, Segment) and (step.after or (step.before and step is not plan.steps[0])):
            stretches = step.before and step is not plan.steps[0] and step.before[0].statistic == "range"
            gain *= 16 if stretches else 3  # of a picture whose values lie within a part of the range; the examples
        if isinstance(step, Segment) and step.color is not None:
            mean = 0.0 if step.mean_gain is None else float(np.abs(step.mean_gain).max(initial=0))
            gain *= max(1.0, float(np.abs(step.color[:, :, :3]).sum(axis=2).max(initial=0)) + mean)
    return gain


def _tones(plan: Plan) -> bool:
    """Whether curves follow numbers that an executor may have in other last digits."""
    return any(isinstance(step, Segment) and (step.before or step.after) for step in plan.steps)


def _nudged(plan: Plan, part: float) -> Plan:
    """The same plan, with all values that a pass or a curve of floats leaves higher by a part of full scale, and those
    that tones take from Local steps by ten times as much.
    """
    more = part * (plan.high - plan.low)
    steps: list[Any] = []
    for step in numbers(plan).steps:
        if isinstance(step, Pass):
            if step.before is not None and steps and not isinstance(steps[-1], Pass):
                steps.append(Pass(steps[-1].size, gain=np.tile([1.0, 10 * more], (len(plan), 1))))
            color = None if step.color is None else step.color + more * np.eye(4)[3]
            gain = np.tile([1.0, 0.0], (len(plan), 1)) if step.gain is None else step.gain
            before, after = (_curves_apart(tone, part) for tone in (step.before, step.after))
            gain = gain + more * np.eye(2)[1] if color is None else None
            step = step._replace(color=color, gain=gain, before=before, after=after)
        steps.append(step)
    found = numbers(plan)
    lowered = Lowered(found.channels, found.low, found.high, tuple(steps), found.size, found.output)
    return msgspec.structs.replace(plan, lowered=lowered)


def _curves_apart(tone: Tone | None, part: float) -> Tone | None:
    """Curves of floats with a part of full scale added behind each but the last: the next one may jump there."""
    if tone is None or tone.levels:
        return tone
    more = msgspec.structs.replace(
        tone.curves[0], curve=lambda params, unit, levels: (unit + part)[None], params={}, statistic=None,
        active=np.ones(len(tone.curves[0].active), bool),
    )  # fmt: skip
    return tone._replace(curves=tuple(chain(*((curve, more) for curve in tone.curves)))[:-1])


def _ranks(plan: Plan, images: Images) -> float:
    """How far a few values that come at the next level put others, as a part of full scale: a histogram of values that
    were computed.
    """
    later = (step for step in plan.steps[1:] if isinstance(step, Segment) and step.before)
    if not any(step.before[0].statistic == "histogram" for step in later):
        return 0.0
    return 4 / min(255, int((images.canvas.height * images.canvas.width).min()))


def behind_mixes(recipe: af.Recipe, plan: Plan, images: Images, slack: float = 2e-3) -> Images:
    """What a plan's own steps take of these images: where it mixes, each stage before is held against the reference,
    and done by the executor."""
    if plan.before is None:
        return images
    before, run = plan.before, stages()
    _, mates = met(plan.drawn, images, of_batch(images, None, None))
    behind = behind_mixes(recipe, before.own, images, slack)
    samples = [(before.own, behind), *zip(before.partners, mates.images()[before.op.path], strict=False)]
    made: list[Images] = []
    for part, given in samples:
        made.append(run.each(numbers(part), given, 1))
        rounds = part.write.dtype.kind == "u"
        unrounded = msgspec.structs.replace(part, write=msgspec.structs.replace(part.write, dtype=np.dtype(np.float32)))
        unrounded = msgspec.structs.replace(unrounded, lowered=lower(unrounded))
        assert_like(recipe, list(items_of(made[-1])), unrounded, given, rounds, slack)
    own, partners = made[0], tuple(made[1:])
    nothing = taken(before.op, {})
    got, exact = run.mix(before.op, own, partners, nothing, 1), reference.mix(before.op, own, partners, nothing)
    for one, other in zip(items_of(got), items_of(exact), strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=0 if got.dtype.kind == "u" else 1e-6 * plan.high)
    return got


def by_reference(plan: Plan, images: Images) -> np.ndarray:
    """(n, h, w, c): what the reference makes of these images, through all stages."""
    if plan.before is not None:
        run = Stages(reference.execute_each, reference.mix)
        _, mates = met(plan.drawn, images, of_batch(images, None, None))
        images = mixed(plan.before, images, mates.images(), {}, run, 1)
    return reference.execute(numbers(plan), images)


def items_of(images: Images) -> Iterator[np.ndarray]:
    """The images one by one."""
    return (images[i] for i in range(len(images)))


def around(plan: Plan, pixels: float) -> Iterator[Plan]:
    """The plan with the source read a little to each of the eight sides; where curves follow, which may jump, also with
    what colours leave a little lower and higher."""
    nudges = (-NUDGE, 0.0, NUDGE) if _tones(plan) else (0.0,)
    for x in (-pixels, 0.0, pixels):
        for y in (-pixels, 0.0, pixels):
            for part in nudges:
                if x or y or part:
                    yield _nudged(_shifted(plan, x, y), part)


def exactly(plan: Plan, images: Images, i: int) -> np.ndarray:
    """What the reference makes of image i by a plan's own steps."""
    return reference.execute_one(numbers(plan), images, i).astype(np.float64)


def assert_like_reference(
    recipe: af.Recipe, pixels: Any, *, seed: int = 0, dtype: Any = None, layout: str = "NHWC", slack: float = 2e-3
) -> None:
    """The fused executor gives what the reference gives when the source is read within `slack` pixels of each place.

    Why not a plain tolerance: the kernels' coordinates are float32, off by at most 1e-3 pixels for images of these
    sizes. Where two pixels differ by full scale that moves a blend by 1e-3 of it; at the cut of fill="constant", or
    where interpolation="nearest" switches, it picks another pixel altogether. Reading the reference on all sides
    bounds both.
    On top: 5e-5 of full scale for float32 arithmetic, and for a peak that lies between those places; half a grey level
    where the result is rounded; and one where an averaged source is rounded (OpenCV and NumPy break ties differently),
    times what the interpolation and the colours make of it.
    """
    images = as_images(pixels)
    exact = fused(recipe, images, seed=seed, dtype="float32")  # what the reference has before it rounds
    batch = batch_of(recipe, pixels, seed=seed, dtype=dtype, layout=layout)
    for name in batch.views or [None]:
        part = batch if name is None else batch.views[name]
        got = part.images.transpose(0, 2, 3, 1) if layout == "NCHW" else part.images
        assert got.dtype == part.plan.write.dtype
        plan = exact if name is None else dict(exact.views)[name]
        assert_like(
            recipe, list(got), plan, behind_mixes(recipe, plan, images, slack), part.plan.write.dtype.kind == "u", slack
        )


def assert_like(
    recipe: af.Recipe, got: Sequence[np.ndarray], plan: Plan, images: Images, rounds: bool, slack: float
) -> None:
    """What an executor made of a plan's own steps, against the reference, see `assert_like_reference`. plan: written as
    float32, also where what was made is rounded."""
    reduces = images.dtype.kind == "u" and any(_shrinks(plan, step) for step in plan.steps)
    scale = np.abs(plan.write.scale).max()
    weights = 1.9 if plan.interpolation == "bicubic" else 1.0  # the sum of their sizes: some are below 0
    level = (0.5 if rounds else 0.0) + (1.001 * _gain(plan) * weights if reduces else 0.0)
    ranks = _ranks(plan, images)
    off = 5e-5 + ranks
    slop = (off * (plan.high - plan.low) * _gain(plan) + level) * scale
    if plan.write.standardize is not None and not rounds:
        slop = 2e-3 + (0.2 if reduces else 0.0) + 4 * ranks  # values of mean 0 and deviation 1: of 0.29 when equalized

    exact = [exactly(plan, images, i) for i in range(len(images))]
    off = [i for i, (one, other) in enumerate(zip(got, exact, strict=True)) if not (np.abs(one - other) <= slop).all()]
    plans = list(around(plan, slack)) if off else []
    for i in off:
        image, low, high = got[i], exact[i] - slop, exact[i] + slop
        outside = np.ones(image.shape, bool)
        for other in plans:
            found = exactly(other, images, i)
            low, high = np.minimum(low, found - slop), np.maximum(high, found + slop)
            outside = ~((image >= low) & (image <= high))
            if not outside.any():
                break
        if outside.any() and _tones(plan):  # some jumped up and some down: weights below 0 blend them to beyond both
            beyond = (weights - 1) / 2 * (high - low).max()
            outside &= ~((image >= low - beyond) & (image <= high + beyond))
        if outside.any():
            at = tuple(int(i) for i in np.argwhere(outside)[0])
            raise AssertionError(
                f"{outside.sum()} of {outside.size} values of image {i} differ, first at {at}: got {image[at]}, "
                f"reference {exact[i][at]} ({low[at]}..{high[at]}) for {recipe} {plan.view or ''} on {images.dtype} "
                f"{images.canvas} x {images.channels}"
            )


def _shrinks(plan: Plan, step: Any) -> bool:
    """Whether some image of this step is averaged down before it is sampled."""
    if not isinstance(step, Segment) or step.geometry is None:
        return False
    if step.fields or step.projective:
        return True
    above = averages_above(plan.interpolation, "free")
    return bool((np.linalg.norm(np.linalg.inv(step.geometry)[:, :2, :2], axis=2) > above).any())


@contextmanager
def sampling_loop() -> Iterator[None]:
    """Every pass goes through the sampling loop, also one in which every pixel stays where it is."""

    def loop(src: np.ndarray, starts: np.ndarray, shape: tuple[int, int, int], warp: Any, *others: Any) -> None:
        if not warp.active:
            still = np.tile([1.0, 0.0, 0.0, 0.0, 1.0, 0.0], (len(starts), 1))
            warp = warp._replace(active=True, matrices=still)
        (cubic.run if warp.cubic else tiles.run)(src, starts, shape, warp, *others)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(run, "_loop", lambda *kinds: loop)
        yield
