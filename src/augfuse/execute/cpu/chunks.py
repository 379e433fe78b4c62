"""Plans of several steps: a few images of one size at a time go through float32 scratch, from step to step.

Every step is one call for all images of a chunk, and what it does to an image does not depend on the others. A Local
that acts on none of them is left out, and so is a last pass that would only copy what the pass before it made.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from typing import NamedTuple, TypeAlias, final

import numpy as np

from augfuse.execute.cpu import kernels
from augfuse.execute.cpu.numbers import Target
from augfuse.execute.cpu.run import Work, flat, run, run_one
from augfuse.execute.images import Images
from augfuse.plan.ops import Local

# The float32 images of a chunk, but at least one image: they stay in the caches from step to step.
CHUNK_BYTES = 2**21

_THREAD = threading.local()
_F = np.float32
_INF = _F(np.inf)
_Scratch: TypeAlias = tuple[np.ndarray, np.ndarray]


@final
class _Pixels(NamedTuple):
    """The images of a chunk as a step finds them."""

    values: np.ndarray  # flat: the source, or one of the two scratch buffers
    starts: np.ndarray  # (n,): where each image begins
    shape: tuple[int, ...]  # (h, w, c)
    is_source: bool

    @property
    def images(self) -> np.ndarray:
        """(n, h, w, c), copied only where they do not lie one behind the other."""
        n, size = len(self.starts), math.prod(self.shape)
        first, last = int(self.starts[0]), int(self.starts[-1])
        if n == 1 or (last - first == (n - 1) * size and bool((np.diff(self.starts) == size).all())):
            return self.values[first : first + n * size].reshape(n, *self.shape)
        return self.values.reshape(-1, *self.shape)[self.starts // size]


def prepare(steps: list[Work | Local], last: Work, images: Images) -> Callable[[Target, int, int], None]:
    """A function that carries out the images start..stop of a batch: `steps`, then the pass that writes to a target."""
    works = [step for step in (*steps, last) if isinstance(step, Work)]
    sides = np.stack([*images.canvas, *(side for work in works for side in (work.height, work.width))])
    largest = int((sides[::2] * sides[1::2]).max()) * last.channels
    others = np.flatnonzero((sides[:, 1:] != sides[:, :-1]).any(axis=0)) + 1  # where images of other sizes begin
    count = max(CHUNK_BYTES // 4 // largest, 1)
    copies = not last.warp.active and last.color.kind == kernels.KEEP
    # From integers sampling rounds differently: behind a Local it reads float32, also where that does not act.
    local = next((k for k, step in enumerate(steps) if isinstance(step, Local)), len(steps) + 1)
    reads_float = [k > local and isinstance(step, Work) and _samples(step) for k, step in enumerate(steps)]
    writes_float = len(steps) > local and _samples(last)

    def run_slice(target: Target, start: int, stop: int) -> None:
        bounds = [start, *others[(others > start) & (others < stop)].tolist(), stop]
        with _scratch(min(count, stop - start) * largest) as scratch:
            for first, end in pairwise(bounds):
                for at in range(first, end, count):
                    run_chunk(target, at, min(at + count, end), scratch)

    def run_chunk(target: Target, first: int, end: int, scratch: _Scratch) -> None:
        chunk = slice(first, end)
        todo = [k for k, step in enumerate(steps) if isinstance(step, Work) or step.active[chunk].any()]
        write, from_float = last, writes_float
        if copies and todo and isinstance(step := steps[todo[-1]], Work):
            write, from_float = step, reads_float[todo.pop()]
        pixels = _source(images, first, end)
        for k in todo:
            step = steps[k]
            if isinstance(step, Work):
                pixels = _as_float(pixels, scratch) if reads_float[k] else pixels
                pixels = _through(step, pixels, first, scratch)
            else:
                params = {name: values[chunk] for name, values in step.params.items()}
                source = floats = pixels.images
                if pixels.is_source:
                    pixels = _scratched(scratch[0], end - first, pixels.shape)
                    floats = pixels.images
                step.apply_all(source, floats, params, step.active[chunk])
        _pass(write, _as_float(pixels, scratch) if from_float else pixels, target, first, first)

    return run_slice


def _samples(work: Work) -> bool:
    return work.warp.active and work.grid not in ("whole", "swapped")


@contextmanager
def _scratch(size: int) -> Iterator[_Scratch]:
    """Two buffers, kept by each thread while they are small: fresh memory costs more than what is done in it.

    They are taken out meanwhile: a function of the user's may call this again.
    """
    buffers = vars(_THREAD).pop("buffers", None)
    if buffers is None or len(buffers[0]) < size:
        buffers = np.empty(size, _F), np.empty(size, _F)
    yield buffers
    if buffers[0].nbytes <= CHUNK_BYTES:
        _THREAD.buffers = buffers


def _source(images: Images, first: int, end: int) -> _Pixels:
    """The images first..end, which are of one size."""
    if images.stack is not None:
        stack, rows = images.stack, images.rows[first:end]
    else:
        stack = images[first][None] if end == first + 1 else np.stack([images[i] for i in range(first, end)])
        rows = np.arange(end - first)
    shape = stack.shape[1:]
    return _Pixels(flat(stack), rows * math.prod(shape), shape, True)


def _as_float(pixels: _Pixels, scratch: _Scratch) -> _Pixels:
    """The same in scratch, where they may be written to."""
    if not pixels.is_source:
        return pixels
    found = _scratched(scratch[0], len(pixels.starts), pixels.shape)
    found.images[:] = pixels.images
    return found


def _scratched(buffer: np.ndarray, n: int, shape: tuple[int, ...]) -> _Pixels:
    return _Pixels(buffer, np.arange(n) * math.prod(shape), shape, False)


def _through(work: Work, pixels: _Pixels, first: int, scratch: _Scratch) -> _Pixels:
    """A pass whose result is worked on further: float32, unclipped, at the images' own scale."""
    n, buffer = len(pixels.starts), scratch[pixels.values is scratch[0]]
    one, zero = np.ones((n, work.channels), _F), np.zeros((n, work.channels), _F)
    _pass(work, pixels, Target(-_INF, _INF, one, zero, False, False, buffer, False), first, 0)
    return _scratched(buffer, n, (int(work.height[first]), int(work.width[first]), work.channels))


def _pass(work: Work, pixels: _Pixels, target: Target, first: int, at: int) -> None:
    if work.reduced is None:
        run(work, pixels.values, pixels.starts, pixels.shape, target, first, at)
        return
    for k, start in enumerate(pixels.starts.tolist()):
        image = pixels.values[start : start + math.prod(pixels.shape)].reshape(pixels.shape)
        run_one(work, image, target, first + k, at + k)
