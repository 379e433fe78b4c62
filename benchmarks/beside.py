"""Two checkouts of augfuse side by side: a worker process for each, asked in turn for the same work.

Each worker imports augfuse from its checkout, and these scripts from here. A worker answers one line with another:
{"job": ..., "first": number of the first call, "count": calls} with the seconds that the calls took, and the mean
magnitude of the last pixels that came out.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import warnings
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import peers
import workloads

ONE_CALL = ("32-jitter", "150-jitter")
SAMPLE_SECONDS = 0.03
ALIKE = 0.01  # relative difference of mean magnitudes: rounding, not another recipe
JPEG_SIZE, JPEG_BATCH = 150, 20  # as in the tutorials


class Job(NamedTuple):
    """A piece of work that both checkouts can do: `call` takes a number that never repeats and gives pixels."""

    call: Callable[[int], np.ndarray]
    images: int  # per call


class Side:
    """A checkout at work."""

    def __init__(self, checkout: Path, jpegs: Path) -> None:
        source = (checkout / "src").resolve()
        self._process = subprocess.Popen(
            [sys.executable, __file__, str(source), str(jpegs)],
            env={**os.environ, "PYTHONPATH": str(source)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.jobs: dict[str, int] = self._answer()  # images per call

    def do(self, job: str, first: int, count: int) -> tuple[float, float]:
        """Processor seconds per call, and the mean magnitude of the pixels of the last call."""
        print(json.dumps({"job": job, "first": first, "count": count}), file=self._process.stdin, flush=True)
        seconds, magnitude = self._answer()
        return seconds / count, magnitude

    def _answer(self) -> Any:
        line = self._process.stdout.readline() if self._process.stdout else ""
        if not line:
            raise SystemExit(f"a worker ended with exit status {self._process.wait()}; its error is above")
        return json.loads(line)

    def close(self) -> None:
        """Let the worker end: its input has ended."""
        self._process.communicate()


@contextmanager
def sides(before: Path, after: Path, jpegs: Path) -> Iterator[tuple[Side, Side]]:
    """Both workers; they inherit the CPUs that this process is pinned to."""
    with ExitStack() as stack:
        found = []
        for checkout in (before, after):
            found.append(Side(checkout, jpegs))
            stack.callback(found[-1].close)
        yield found[0], found[1]


def interleave(pair: tuple[Side, Side], job: str, rounds: int) -> tuple[list[float], list[float]]:
    """Microseconds per image of the one before and of the one after, a value of each per round.

    Both get the same numbers, and in every other round the later one goes first.
    """
    old, new = (side.do(job, 0, 1)[1] for side in pair)  # the first call also compiles
    assert abs(old - new) < ALIKE * old, f"{job}: the two do not do the same work: mean {old:.4f} and {new:.4f}"
    quickest = min(side.do(job, 1, 2)[0] for side in pair)
    count = max(1, round(SAMPLE_SECONDS / quickest))
    values: tuple[list[float], list[float]] = ([], [])
    for round_ in range(rounds):
        for which in (0, 1) if round_ % 2 == 0 else (1, 0):
            values[which].append(pair[which].do(job, 10 + round_ * count, count)[0] / pair[which].jobs[job] * 1e6)
    return values


def jobs(jpegs: Path) -> dict[str, Job]:
    """The rotate tables, ImageDataGenerator's, the loader from folders, and one image at a time."""
    import augfuse as af
    from augfuse.keras import ImageDataGenerator

    found: dict[str, Job] = {}
    for cell in workloads.CELLS:
        batch = workloads.images(cell)
        found[f"rotate {cell.name}"] = Job(peers.augfuse(batch, cell.jitter, workers=1, reuse=True), cell.batch)
    for job in workloads.JOBS:
        images = np.random.default_rng(0).integers(0, 256, job.shape, dtype=np.uint8)
        flow = ImageDataGenerator(**job.options).flow(
            images, np.arange(len(images)) % 2, batch_size=job.batch, seed=0, workers=1
        )
        found[f"ImageDataGenerator {job.name}"] = Job(lambda _, flow=flow: next(flow)[0], job.batch)
    files = ImageDataGenerator(rescale=1 / 255, **workloads.WARPS, **workloads.FLIPS).flow_from_directory(
        jpegs, target_size=(JPEG_SIZE, JPEG_SIZE), batch_size=JPEG_BATCH, class_mode="binary", seed=0, workers=1
    )
    count = len(list(jpegs.rglob("*.jpg")))
    found["ImageDataGenerator from JPEG folders"] = Job(
        lambda _: _last(next(files)[0] for _ in range(len(files))), count
    )
    recipe = af.Recipe([af.Resize((JPEG_SIZE, JPEG_SIZE)), *peers.augfuse_recipe(jitter=False).transforms])
    loader = af.Loader(af.from_directory(jpegs), recipe, batch_size=32, seed=0, workers=0)
    found["loader from JPEG folders"] = Job(lambda epoch: _last(batch.images for batch in loader.stream(epoch)), count)
    for cell in workloads.CELLS:
        if cell.name in ONE_CALL:
            found[f"one call {cell.name}"] = Job(peers.augfuse_single(workloads.images(cell), cell.jitter), 1)
    return found


def _last(batches: Iterable[np.ndarray]) -> np.ndarray:
    return deque(batches, maxlen=1)[0]


def work(source: Path, jpegs: Path) -> None:
    """The worker: answers until its input ends."""
    warnings.simplefilter("ignore")
    import augfuse

    if source not in Path(augfuse.__file__).parents:
        raise SystemExit(f"got augfuse from {augfuse.__file__}, wanted it from {source}")
    known = jobs(jpegs)
    print(json.dumps({name: job.images for name, job in known.items()}), file=sys.__stdout__, flush=True)
    for line in sys.stdin:
        asked = json.loads(line)
        pixels = np.zeros(1)
        call, first = known[asked["job"]].call, asked["first"]
        start = time.process_time()
        for number in range(first, first + asked["count"]):
            pixels = call(number)
        seconds = time.process_time() - start
        print(json.dumps([seconds, float(np.abs(pixels).mean())]), file=sys.__stdout__, flush=True)


if __name__ == "__main__":
    with redirect_stdout(StringIO()):  # what the library prints is not an answer
        work(Path(sys.argv[1]), Path(sys.argv[2]))
