"""Plans with tones: whole numbers pass tables, floats functions, between the passes over the pixels.

A tone of whole numbers is given levels and leaves levels: the pass before it writes them, and the pass behind it reads
them as it would a source.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np

from augfuse.execute.batch_images import Images
from augfuse.execute.cpu.chunks import Pixels, alike, between, pixels_of, run_pass, sizes
from augfuse.execute.cpu.kernel_arguments import Target
from augfuse.execute.cpu.passes.tones import Tables, to_floats
from augfuse.execute.cpu.run import Work, work_of
from augfuse.execute.cpu.scratch import CHUNK_BYTES_OF_LEVELS, Scratch, scratch
from augfuse.plan.lowered import Lowered, Pass
from augfuse.plan.ops import Local
from augfuse.plan.tone import Tone

Step: TypeAlias = Work | Local | Tone | Tables  # tones: of floats

_F = np.float32


def prepare(lowered: Lowered, images: Images) -> Callable[[Target, int, int], None]:
    """A function that carries out the images start..stop of a batch, to a target."""
    steps = _steps(lowered)
    last = steps.pop()
    assert not isinstance(last, Local)
    largest, changes = sizes(images, [step for step in (*steps, last) if isinstance(step, Work)])
    following = (*steps, last)[1:]
    levels = all(
        isinstance(step, Tone) or isinstance(next_, Tone) for step, next_ in zip(steps, following, strict=True)
    )
    largest *= lowered.channels * (images.dtype.itemsize if levels else 4)  # bytes
    bulk = images.stack is not None and all(_in_bulk(step) for step in (*steps, last))

    def tabled(step: Work | Local | Tone, target: Target | None, start: int, stop: int) -> Step:
        """Tables in the place of a tone of whole numbers, for the images start..stop."""
        if isinstance(step, Tone) and step.levels:
            return Tables(step, images.dtype, lowered.channels, target, start, stop)
        return step

    def run_slice(target: Target, start: int, stop: int) -> None:
        ready, end = [tabled(step, None, start, stop) for step in steps], tabled(last, target, start, stop)
        assert isinstance(end, Work | Tables)
        some = 1 if not bulk else max(1, CHUNK_BYTES_OF_LEVELS // largest) if steps else stop - start
        with scratch(-(-min(some, stop - start) * largest // 4) if steps else 0, _F, "step", "next step") as buffers:
            for first, behind in alike(changes, start, stop, some):
                _run(ready, end, pixels_of(images, first, behind), target, first, buffers)

    return run_slice


def _steps(lowered: Lowered) -> list[Work | Local | Tone]:
    """What is done one after the other. The last one writes: a pass, or a tone of whole numbers."""
    found: list[Work | Local | Tone] = []
    for step in lowered.steps:
        if isinstance(step, Local):
            found.append(step)
            continue
        if step.before is not None:
            if step.before.levels and found and isinstance(found[-1], Local):
                found.append(work_of(Pass(found[-1].size), lowered.channels, lowered.low))
            found.append(step.before)
        if step.before is None or any(part is not None for part in (step.sampling, step.color, step.gain)):
            found.append(work_of(step, lowered.channels, lowered.low))
        if step.after is not None:
            found.append(step.after)
    last = found[-1] if found else None
    if not isinstance(last, Tone) or not last.levels:
        writes = isinstance(last, Work)
    else:  # one table of bytes for all channels is quicker than one of floats, also with a pass behind it
        writes = lowered.output.dtype.kind == "u" or last.levels > 256 or not last.is_shared
    if not writes:
        found.append(work_of(Pass(lowered.size), lowered.channels, lowered.low))
    return found


def _in_bulk(step: Work | Local | Tone) -> bool:
    """Whether a step is done to several images of one size without Python work per image."""
    return step.reduced is None if isinstance(step, Work) else isinstance(step, Tone) and step.levels > 0


def _run(
    steps: Sequence[Step], last: Work | Tables, pixels: Pixels, target: Target, first: int, buffers: Scratch
) -> None:
    """The images from `first` on, of one size: one step after the other. Locals, tones of floats and averages take one
    image at a time."""
    src, starts, shape, _ = pixels
    count, dtype, ours = len(starts), src.dtype, False  # the source is never written to
    for step, following in zip(steps, (*steps, last)[1:], strict=True):
        if isinstance(step, (Local, Tone)):
            image = src[starts[0] : starts[0] + math.prod(shape)].reshape(shape)
            if isinstance(step, Tone):
                image = to_floats(step, image, first)
            else:
                image = image if ours and image.dtype == _F else image.astype(_F)
                params = {name: values[first : first + 1] for name, values in step.params.items()}
                step.apply_all(image[None], image[None], params, step.active[first : first + 1])
            src, starts, ours = image.reshape(-1), np.zeros(1, np.int64), True
            continue
        to = shape
        if isinstance(step, Work):
            to = (int(step.height[first]), int(step.width[first]), step.channels)
        whole = isinstance(step, Tables) or isinstance(following, Tables)
        buffers = buffers[1], buffers[0]
        out = buffers[0].view(dtype if whole else _F)[: count * math.prod(to)]
        if isinstance(step, Tables):
            step.run(src, starts, shape, first, out)
        else:
            ends = (following.low, following.high) if isinstance(following, Tables) else None
            run_pass(step, Pixels(src, starts, shape, None), between(step, count, out, ends), first, 0)
        src, shape, ours = out, to, True
        starts = np.arange(count, dtype=np.int64) * math.prod(shape)
    if isinstance(last, Tables):
        last.run(src, starts, shape, first)
    else:
        run_pass(last, Pixels(src, starts, shape, None), target, first, first)
