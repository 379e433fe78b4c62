"""The fused CPU executor: a plan becomes arrays of numbers, threads share the images of a batch by slices.

Rows of one array whose plan is a single pass go through the compiled loop in bulk, without Python work per image. Images
of their own sizes, area reduction and Local steps go through the same compiled loop one image at a time: the same routine,
hence the same bytes.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import lru_cache
from typing import NamedTuple, final

import numpy as np

from augfuse import color
from augfuse.execute import fused, kernels
from augfuse.execute.images import Images
from augfuse.execute.reduce import onto_reduced, reduced_size
from augfuse.geometry import Canvas
from augfuse.plan.plan import LocalStep, Pass, Plan

_MODES = {"nearest": kernels.NEAREST, "reflect": kernels.REFLECT, "wrap": kernels.WRAP, "constant": kernels.CONSTANT}
_F = np.float32
_INF = _F(np.inf)


@final
class _Work(NamedTuple):
    """A pass in the numbers that the compiled loop takes."""

    step: Pass | None
    matrices: np.ndarray  # (n, 6) float64
    warps: bool
    kind: int
    colors: np.ndarray  # (n, 3, 4) float32
    gains: np.ndarray | None  # (n, 3): added per unit of grey mean
    fills: np.ndarray  # (n, c) float32
    reduced: Canvas | None
    size: Canvas  # of what comes out


@final
class _Target(NamedTuple):
    """Where a pass writes and what it does on the way: clip, gain and offset, rounding, layout."""

    low: np.float32
    high: np.float32
    scales: np.ndarray
    biases: np.ndarray
    rounds: bool
    planar: bool
    out: np.ndarray  # flat


def cpu_count() -> int:
    """The cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@lru_cache(maxsize=1)
def _pool(pid: int) -> ThreadPoolExecutor:
    """One pool per process; threads do not survive a fork, hence the pid."""
    return ThreadPoolExecutor(max(cpu_count(), 2), thread_name_prefix="augfuse")


def execute(plan: Plan, images: Images, out: np.ndarray, planar: bool, workers: int) -> None:
    """Run a fused, checked plan over `images` into `out`, (n, h, w, c) or (n, c, h, w), C-contiguous, of the plan's dtype."""
    run_slice = prepare(plan, images, out, planar)
    n = len(plan)
    slices = min(max(workers, 1), n)
    edges = [n * k // slices for k in range(slices + 1)]
    if slices == 1:
        run_slice(0, n)
        return
    pool = _pool(os.getpid())
    futures: list[Future[None]] = [pool.submit(run_slice, a, b) for a, b in zip(edges[1:-1], edges[2:], strict=True)]
    try:
        run_slice(edges[0], edges[1])
    finally:
        for future in futures:
            future.exception()  # all have stopped before the caller touches `out` again
    for future in futures:
        future.result()


def prepare(plan: Plan, images: Images, out: np.ndarray, planar: bool) -> Callable[[int, int], None]:
    """A function that carries out the images start..stop of the batch; safe to call from several threads."""
    works, last = _works(plan)
    write = plan.write
    target = _Target(
        _F(plan.low), _F(plan.high), write.scale.astype(_F), write.bias.astype(_F), write.dtype.kind == "u", planar, _flat(out)
    )  # fmt: skip
    bulk = images.items is None and not works and last.reduced is None
    height, width = int(last.size.height[0]), int(last.size.width[0])
    size = height * width * plan.channels

    def run_slice(start: int, stop: int) -> None:
        if bulk:
            _run_rows(plan, last, images, target, start, stop)
        else:
            for i in range(start, stop):
                _run_image(plan, works, last, images[i], target, i)
        if write.standardize is not None:
            rows = height * plan.channels if planar else height
            active = write.standardize[start:stop]
            fused.standardize(target.out, start * size, stop - start, rows, size // rows, active)

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
    return works, _work(plan, None, canvas)


def _work(plan: Plan, step: Pass | None, source: Canvas) -> _Work:
    n = len(plan)
    matrices, reduced = np.empty((n, 6)), None
    if step is not None and step.geometry is not None:
        matrices = step.matrices()
        reduced = reduced_size(step.geometry, source)
        if reduced is not None:
            matrices = onto_reduced(matrices, source, reduced)
    colors = fills = None
    kind = kernels.KEEP
    if step is not None and step.color is not None:
        kind, colors = _colors(plan, step.color)
    if step is not None and step.geometry is not None and plan.fill == "constant":
        fills = _fills(plan, step)
    return _Work(
        step=step,
        matrices=matrices,
        warps=step is not None and step.geometry is not None,
        kind=kind,
        colors=np.zeros((n, 3, 4), _F) if colors is None else colors.astype(_F),
        gains=None if step is None else step.mean_gain,
        fills=np.zeros((n, plan.channels), _F) if fills is None else fills.astype(_F),
        reduced=reduced,
        size=source if step is None else step.size,
    )


def _colors(plan: Plan, matrix: np.ndarray) -> tuple[int, np.ndarray]:
    """Which colour routine runs, decided by the number of channels, and its numbers at the image's own scale."""
    matrix = color.to_range(matrix, plan.low, plan.high)
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
    if step.fill_color is not None:
        kind, matrix = _colors(plan, step.fill_color)
        if kind == kernels.MATRIX:
            fills[:, :3] = color.apply(matrix, fills[:, :3])
        else:
            fills = fills * matrix[:, 0, :1] + matrix[:, 0, 3:]
    return fills


def _with_mean(plan: Plan, work: _Work, colors: np.ndarray, src: np.ndarray, starts: np.ndarray, shape: tuple, at: slice) -> np.ndarray:
    """The colours of a contrast about the image's own grey mean, which is known only now."""
    if work.gains is None:
        return colors
    means = np.empty((len(starts), plan.channels))
    fused.channel_means(src, starts, *shape, means)
    grey = means[:, :3] @ color.LUMA if plan.channels in (3, 4) else means.mean(axis=1)
    colors = colors.copy()
    colors[:, :, 3] += work.gains[at] * (grey[:, None] - plan.low)
    return colors


def _run_rows(plan: Plan, work: _Work, images: Images, target: _Target, start: int, stop: int) -> None:
    assert images.stack is not None and images.rows is not None
    shape = images.stack.shape[1:]
    starts = images.rows[start:stop] * (shape[0] * shape[1] * shape[2])
    _run(plan, work, _flat(images.stack), starts, shape, target, start, stop)


def _run_image(plan: Plan, works: list[_Work | LocalStep], last: _Work, image: np.ndarray, target: _Target, i: int) -> None:
    ours = False  # the source is never written to
    for work in works:
        if isinstance(work, LocalStep):
            image = image if ours else image.astype(_F)
            if work.active[i]:
                image = work.transform.cpu(image, work.params_of(i), plan.low, plan.high)
        else:
            image = _to_float(plan, work, image, i)
        ours = True
    _run_one(plan, last, image, target, i)


def _to_float(plan: Plan, work: _Work, image: np.ndarray, i: int) -> np.ndarray:
    """A pass whose result is worked on further: float32, unclipped, at the image's own scale."""
    shape = (int(work.size.height[i]), int(work.size.width[i]), plan.channels)
    out = np.empty(shape, _F)
    one, zero = np.ones((i + 1, plan.channels), _F), np.zeros((i + 1, plan.channels), _F)
    _run_one(plan, work, image, _Target(-_INF, _INF, one, zero, False, False, out.reshape(-1)), i, at=0)
    return out


def _run_one(plan: Plan, work: _Work, image: np.ndarray, target: _Target, i: int, at: int | None = None) -> None:
    if work.reduced is not None:
        image = _reduce(image, int(work.reduced.height[i]), int(work.reduced.width[i]))
    _run(plan, work, _flat(image), np.zeros(1, np.int64), image.shape, target, i, i + 1, at)


def _reduce(image: np.ndarray, height: int, width: int) -> np.ndarray:
    if image.shape[:2] == (height, width):
        return image
    import cv2

    channels = image.shape[2]
    out = np.empty((height, width, channels), image.dtype)
    for c in range(0, channels, 4):  # OpenCV averages up to four channels at a time
        part = cv2.resize(image[:, :, c : c + 4], (width, height), interpolation=cv2.INTER_AREA)
        out[:, :, c : c + 4] = part.reshape(height, width, -1)
    return out


def _run(plan: Plan, work: _Work, src: np.ndarray, starts: np.ndarray, shape: tuple, target: _Target, start: int, stop: int, at: int | None = None) -> None:
    part = slice(start, stop)
    height, width = int(work.size.height[start]), int(work.size.width[start])
    colors = _with_mean(plan, work, work.colors[part], src, starts, shape, part)
    out_start = (start if at is None else at) * height * width * plan.channels
    fused.run(
        src, starts, *shape, work.warps, work.matrices[part], _MODES[plan.fill], plan.interpolation == "nearest", work.kind,
        colors, work.fills[part], target.low, target.high, target.scales[part], target.biases[part], target.rounds, target.planar,
        target.out, out_start, height, width,
    )  # fmt: skip


@final
class _Writable:
    """Memory under a flag that says it may be written, which the compiled loop is typed for and never does to a source."""

    def __init__(self, array: np.ndarray) -> None:
        self.base = array
        self.__array_interface__ = {**array.__array_interface__, "data": (array.__array_interface__["data"][0], False)}


def _flat(array: np.ndarray) -> np.ndarray:
    """One-dimensional, without a copy. Read-only arrays would be another type to Numba: compiled again for nothing."""
    flat = array.reshape(-1)
    return flat if flat.flags.writeable else np.asarray(_Writable(flat))
