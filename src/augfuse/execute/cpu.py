"""The fused CPU executor: a plan becomes arrays of numbers, threads share the images of a batch by slices.

Rows of one array whose plan is a single pass go through the compiled loop in bulk, without Python work per image.
Images of their own sizes, area reduction and Local steps go through the same compiled loop one image at a time: the
same routine, hence the same bytes.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from functools import lru_cache
from typing import NamedTuple, final

import numpy as np

from augfuse.color import LUMA, apply, to_range
from augfuse.execute import fused, kernels
from augfuse.execute.images import Images
from augfuse.execute.numbers import Color, Target, Warp
from augfuse.execute.reduce import onto_reduced, reduced_size
from augfuse.geometry import Canvas
from augfuse.plan.plan import LocalStep, Pass, Plan

_MODES = {"nearest": kernels.NEAREST, "reflect": kernels.REFLECT, "wrap": kernels.WRAP, "constant": kernels.CONSTANT}
SLICES = 4  # per thread and batch

_F = np.float32
_INF = _F(np.inf)


@final
class _Work(NamedTuple):
    """A pass in the numbers that the compiled loop takes, for all images of the plan."""

    warp: Warp
    color: Color
    mean_gain: np.ndarray | None  # (n, 3): added to the colour per unit of grey mean
    reduced: Canvas | None  # the sizes to average down to first
    size: Canvas  # of what comes out


def cpu_count() -> int:
    """The cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@lru_cache(maxsize=1)
def _pool(pid: int) -> ThreadPoolExecutor:
    """One pool per process; threads do not survive a fork, hence the pid."""
    return ThreadPoolExecutor(max(cpu_count(), 2), thread_name_prefix="augfuse")


def execute(plan: Plan, images: Images, out: np.ndarray, planar: bool, workers: int) -> None:
    """Run a fused, checked plan into `out`, (n, h, w, c) or (n, c, h, w), C-contiguous and of the plan's dtype."""
    share(prepare(plan, images, out, planar), len(plan), workers)


def share(run_slice: Callable[[int, int], None], n: int, workers: int) -> None:
    """Call `run_slice(start, stop)` for slices that make up 0..n, in up to `workers` threads, this one included."""
    workers = min(workers, n)
    if workers <= 1:
        run_slice(0, n)
        return
    # Several slices a thread, taken as they come: a thread that is held up does not hold up the others.
    count = min(n, workers * SLICES)
    slices = iter([(n * k // count, n * (k + 1) // count) for k in range(count)])

    def work() -> None:
        for start, stop in slices:
            run_slice(start, stop)

    futures: list[Future[None]] = [_pool(os.getpid()).submit(work) for _ in range(workers - 1)]
    try:
        work()
    finally:
        wait(futures)  # all have stopped before the caller touches what they write to again
    for future in futures:
        future.result()


def prepare(plan: Plan, images: Images, out: np.ndarray, planar: bool) -> Callable[[int, int], None]:
    """A function that carries out the images start..stop of the batch; safe to call from several threads."""
    works, last = _works(plan)
    write = plan.write
    scales, biases = np.ascontiguousarray(write.scale, _F), np.ascontiguousarray(write.bias, _F)
    target = Target(_F(plan.low), _F(plan.high), scales, biases, write.dtype.kind == "u", planar, flat(out))
    bulk = images.stack is not None and not works and last.reduced is None
    height, width = int(last.size.height[0]), int(last.size.width[0])

    def run_slice(start: int, stop: int) -> None:
        if bulk:
            _run_rows(plan, last, images, target, start, stop)
        else:
            for i in range(start, stop):
                _run_image(plan, works, last, images[i], target, i)
        if write.standardize is not None:
            rows, columns = (height * plan.channels, width) if planar else (height, width * plan.channels)
            fused.standardize(target.out, start * rows * columns, rows, columns, write.standardize[start:stop])

    return run_slice


def _works(plan: Plan) -> tuple[list[_Work | LocalStep], _Work]:
    """The steps before the one that writes, and the pass that writes."""
    works: list[_Work | LocalStep] = []
    canvas = plan.source
    for step in plan.steps:
        works.append(step if isinstance(step, LocalStep) else _work(plan, step, canvas))
        canvas = step.size
    if works and isinstance(works[-1], _Work):
        return works[:-1], works[-1]
    return works, _work(plan, Pass(size=canvas), canvas)


def _work(plan: Plan, step: Pass, source: Canvas) -> _Work:
    n = len(plan)
    matrices, reduced = np.zeros((n, 6)), None
    if step.geometry is not None:
        matrices = step.matrices()
        reduced = reduced_size(matrices, source, plan.interpolation)
        if reduced is not None:
            matrices = onto_reduced(matrices, source, reduced)
    kind, colors = kernels.KEEP, np.zeros((n, 3, 4))
    if step.color is not None:
        kind, colors = _colors(plan, step.color)
    fills = _fills(plan, step) if plan.fill == "constant" else np.zeros((n, plan.channels))
    # Contiguous always: another layout is another type to Numba, compiled again, and not the same machine code.
    return _Work(
        Warp(step.geometry is not None, matrices, _MODES[plan.fill], plan.interpolation == "nearest"),
        Color(kind, np.ascontiguousarray(colors, _F), np.ascontiguousarray(fills, _F)),
        step.mean_gain,
        reduced,
        step.size,
    )


def _colors(plan: Plan, matrix: np.ndarray) -> tuple[int, np.ndarray]:
    """Which colour routine runs, decided by the number of channels, and its numbers at the image's own scale."""
    matrix = to_range(matrix, plan.low, plan.high)
    if plan.channels in (3, 4):
        return kernels.MATRIX, matrix
    # r = g = b for one channel; with 2 or more than 4, all channels are treated alike (the plan was checked).
    single = np.zeros_like(matrix)
    single[:, 0, 0] = matrix[:, 0, :3].sum(axis=1)
    single[:, 0, 3] = matrix[:, 0, 3]
    return kernels.GAIN, single


def _fills(plan: Plan, step: Pass) -> np.ndarray:
    """(n, c): the fill value, through the colour steps that come after the first geometric one."""
    fills = np.tile(plan.fill_value, (len(plan), 1))
    if step.fill_color is None:
        return fills
    kind, matrix = _colors(plan, step.fill_color)
    if kind == kernels.GAIN:
        return fills * matrix[:, 0, :1] + matrix[:, 0, 3:]
    fills[:, :3] = apply(matrix, fills[:, :3])
    return fills


def _run_rows(plan: Plan, work: _Work, images: Images, target: Target, start: int, stop: int) -> None:
    assert images.stack is not None
    shape = images.stack.shape[1:]
    starts = images.rows[start:stop] * math.prod(shape)
    _run(plan, work, flat(images.stack), starts, shape, target, start, start)


def _run_image(
    plan: Plan, works: list[_Work | LocalStep], last: _Work, image: np.ndarray, target: Target, i: int
) -> None:
    ours = False  # the source is never written to
    for work in works:
        if isinstance(work, LocalStep):
            image = image if ours else image.astype(_F)
            if work.active[i]:
                image = work.transform.cpu(image, work.params_of(i), plan.low, plan.high)
        else:
            image = _to_float(plan, work, image, i)
        ours = True
    _run_one(plan, last, image, target, i, at=i)


def _to_float(plan: Plan, work: _Work, image: np.ndarray, i: int) -> np.ndarray:
    """A pass whose result is worked on further: float32, unclipped, at the image's own scale."""
    out = np.empty((int(work.size.height[i]), int(work.size.width[i]), plan.channels), _F)
    one, zero = np.ones((1, plan.channels), _F), np.zeros((1, plan.channels), _F)
    _run_one(plan, work, image, Target(-_INF, _INF, one, zero, False, False, out.reshape(-1)), i, at=0)
    return out


def _run_one(plan: Plan, work: _Work, image: np.ndarray, target: Target, i: int, at: int) -> None:
    """Image i of the plan, written as image number `at` of the target."""
    if work.reduced is not None:
        image = _reduce(image, int(work.reduced.height[i]), int(work.reduced.width[i]))
    _run(plan, work, flat(image), np.zeros(1, np.int64), image.shape, target, i, at)


def _reduce(image: np.ndarray, height: int, width: int) -> np.ndarray:
    if image.shape[:2] == (height, width):
        return image
    import cv2

    out = np.empty((height, width, image.shape[2]), image.dtype)
    for c in range(0, image.shape[2], 4):  # OpenCV averages up to four channels at a time
        part = cv2.resize(image[:, :, c : c + 4], (width, height), interpolation=cv2.INTER_AREA)
        out[:, :, c : c + 4] = part.reshape(height, width, -1)
    return out


def _run(
    plan: Plan,
    work: _Work,
    src: np.ndarray,
    starts: np.ndarray,
    shape: tuple[int, ...],
    target: Target,
    first: int,
    at: int,
) -> None:
    """The images from `first` on, which lie in `src` at `starts`, written from image number `at` of the target on."""
    part = slice(first, first + len(starts))
    warp = work.warp._replace(matrices=work.warp.matrices[part])
    color = work.color._replace(matrices=work.color.matrices[part], fills=work.color.fills[part])
    if work.mean_gain is not None:
        color = _with_mean(plan, color, work.mean_gain[part], src, starts, shape)
    height, width = int(work.size.height[first]), int(work.size.width[first])
    rows = slice(at, at + len(starts))
    target = target._replace(scales=target.scales[rows], biases=target.biases[rows])
    fused.run(src, starts, shape, warp, color, target, at * height * width * plan.channels, height, width)


def _with_mean(
    plan: Plan, color: Color, mean_gain: np.ndarray, src: np.ndarray, starts: np.ndarray, shape: tuple[int, ...]
) -> Color:
    """The colours of a contrast about the image's own grey mean, which is known only now."""
    means = np.empty((len(starts), plan.channels))
    fused.channel_means(src, starts, *shape, means)
    grey = _grey(means) if plan.channels in (3, 4) else means.mean(axis=1)
    matrices = color.matrices.copy()
    matrices[:, :, 3] += mean_gain * (grey[:, None] - plan.low)
    return color._replace(matrices=matrices)


def _grey(means: np.ndarray) -> np.ndarray:
    # Not matmul: the last bit of its sums depends on how many images there are.
    return means[:, 0] * LUMA[0] + means[:, 1] * LUMA[1] + means[:, 2] * LUMA[2]


@final
class _Writable:
    """Memory flagged as writable: what the compiled loop is typed for, and never does to a source."""

    def __init__(self, array: np.ndarray) -> None:
        interface = array.__array_interface__
        self.base = array
        self.__array_interface__ = {**interface, "data": (interface["data"][0], False)}


def flat(array: np.ndarray) -> np.ndarray:
    """One-dimensional, without a copy. Read-only arrays would be another type to Numba: compiled again for nothing."""
    line = array.reshape(-1)
    return line if line.flags.writeable else np.asarray(_Writable(line))
