"""Reduction beside OpenCV, the first batch of a new process, compiling everything, and one call shared by two threads.

    python benchmarks/area.py [reduce part first compile threads] [--rounds 15] [--runs 3] [--markdown] [--name area]

Needs the extra: pip install 'augfuse[bench]'. What is measured and how is in README.md beside this file.
"""

from __future__ import annotations

import os

os.environ["NO_ALBUMENTATIONS_UPDATE"] = "1"  # or it asks the network for its newest version
os.environ.pop("OPENBLAS_CORETYPE", None)  # a forced core type may slow a peer down

import tempfile
import time
from collections.abc import Callable, Sequence
from typing import Any

import cyclopts
import numpy as np

import augfuse as af
import recipes
import startup
import timing
import workloads
from spellings import Work
from timing import Figure

LIBRARIES = ("numpy", "numba", "opencv-python-headless")
REDUCED = {"500x375 -> 224": (32, 375, 500), "1080p -> 224": (8, 1080, 1920)}


def reduce(rounds: int, runs: int) -> list[Figure]:
    """`recipe.batch` of a Resize, taps included, beside cv2.resize with INTER_AREA into the same kind of array."""
    import cv2

    cv2.setNumThreads(1)
    figures = []
    for name, (n, height, width) in REDUCED.items():
        photos = workloads.photos(n, height, width)
        recipe, indices = af.Recipe([af.Resize(224)]), np.arange(n)
        ours, theirs = (np.empty((n, 224, 224, 3), np.uint8) for _ in range(2))
        calls: dict[str, Callable[[int], Any]] = {
            "augfuse": lambda epoch, recipe=recipe, photos=photos, indices=indices, out=ours: recipe.batch(
                photos, seed=0, epoch=epoch, indices=indices, workers=1, out=out
            ),
            "cv2.INTER_AREA": lambda _, photos=photos, out=theirs: [
                cv2.resize(photo, (224, 224), dst=row, interpolation=cv2.INTER_AREA)
                for row, photo in zip(out, photos, strict=True)
            ],
        }
        for call in calls.values():
            call(0)
        apart = np.abs(ours.astype(np.int16) - theirs)
        print(f"  checked {name}: mean {apart.mean():.3f} and at most {apart.max()} levels apart", flush=True)
        assert apart.mean() < 0.6 and apart.max() <= 2, f"{name}: not the same pixels"
        with timing.pinned(1):
            seconds = timing.interleave(calls, rounds, clock=time.process_time)
        parts = {who: timing.summarise([value / n * 1e6 for value in values]) for who, values in seconds.items()}
        ratio = timing.ratio(seconds["cv2.INTER_AREA"], seconds["augfuse"])
        demand = 2.5 if height == 375 else None
        figures.append(
            Figure(f"antialiased resize, {name}", "cv2 / augfuse", ratio, demand, aim=demand and 4.0, parts=parts)
        )
    return figures


def part(rounds: int, runs: int) -> list[Figure]:
    """A quarter of a 1080p photo, turned and resized to 224: only what is needed is reduced, beside OpenCV's steps."""
    import cv2

    cv2.setNumThreads(1)
    n, degrees = 8, 20.0
    photos, indices = workloads.photos(n, 1080, 1920), np.arange(n)
    turn = cv2.getRotationMatrix2D((479.5, 269.5), degrees, 1.0)
    recipe = af.Recipe([af.CenterCrop((540, 960)), af.Rotate((degrees, degrees)), af.Resize(224)])
    out, other = (np.empty((n, 224, 224, 3), np.uint8) for _ in range(2))

    def opencv(epoch: int) -> None:
        for row, photo in zip(other, photos, strict=True):
            turned = cv2.warpAffine(photo[270:810, 480:1440], turn, (960, 540), borderMode=cv2.BORDER_REPLICATE)
            cv2.resize(turned, (224, 224), dst=row, interpolation=cv2.INTER_AREA)

    calls: dict[str, Callable[[int], Any]] = {
        "augfuse": lambda epoch: recipe.batch(photos, seed=0, epoch=epoch, indices=indices, workers=1, out=out),
        "cv2": opencv,
    }
    with timing.pinned(1):
        seconds = timing.interleave(calls, rounds, clock=time.process_time)
    parts = {who: timing.summarise([value / n * 1e6 for value in values]) for who, values in seconds.items()}
    ratio = timing.ratio(seconds["cv2"], seconds["augfuse"])
    return [Figure("a quarter of 1080p, turned -> 224", "cv2 / augfuse", ratio, None, parts=parts)]


FIRST_BATCH = """
import time
import numpy as np
images = np.random.default_rng(0).integers(0, 256, {shape}, dtype=np.uint8)
start = time.perf_counter()
import augfuse as af
{recipe}.batch(images, seed=0)
print(time.perf_counter() - start)
"""


def first_batch(work: Work) -> str:
    """The program of a new process that makes one batch; the import is counted, making the images is not."""
    recipe = af.Recipe(work.augfuse(af), **work.settings)
    return FIRST_BATCH.format(shape=(work.batch, *work.size, 3), recipe=recipe.to_python().strip())


def first(rounds: int, runs: int) -> list[Figure]:
    """Seconds until the first batch of each recipe is there: with an empty kernel cache, and with a full one."""
    figures = []
    programs = {
        first_batch(work): work for work, _ in reversed(recipes.WHOLE.values())
    }  # the first of equal ones stays
    for program, work in reversed(programs.items()):
        cold, warm = [], []
        for _ in range(min(runs, 3)):
            with tempfile.TemporaryDirectory() as cache:
                cold.append(startup.run(program, cache))
                warm += [startup.run(program, cache) for _ in range(max(1, runs // min(runs, 3)))]
        for what, seconds, must, aim in (("cold", cold, 15, 8), ("warm", warm, 1.5, 0.7)):
            name = f"first batch, {what}: {work.name}"
            figures.append(Figure(name, "s", timing.summarise(seconds), must, aim=aim, at_most=True))
            print(figures[-1], flush=True)
    return figures


EVERYTHING = """
import json, time
import numpy as np
import augfuse as af
images = np.random.default_rng(0).integers(0, 256, (2, 96, 96, 3), dtype=np.uint8)
took = {}
for kind in af.list_transforms():
    start = time.process_time()
    for example in kind.examples:
        one = kind(**example)
        af.Recipe([one]).batch(images, seed=0, workers=1)
        if not kind.comes_last:
            af.Recipe([one, af.Normalize()]).batch(images, seed=0, workers=1, layout="NCHW")
    took[kind.__name__] = time.process_time() - start
print(json.dumps(took))
"""


def compiled(rounds: int, runs: int) -> list[Figure]:
    """Processor seconds to compile all that the registry needs, for uint8 RGB, as uint8 and as normalised NCHW."""
    totals, by_kind = [], {}
    for _ in range(min(runs, 2)):
        with tempfile.TemporaryDirectory() as cache:
            took = startup.run(EVERYTHING, cache)
        totals.append(sum(took.values()))
        by_kind = {kind: seconds for kind, seconds in took.items() if seconds > 0.5}
    parts = {kind: timing.summarise([seconds]) for kind, seconds in sorted(by_kind.items(), key=lambda one: -one[1])}
    name = "compiling the whole registry, in the order of its list"
    return [Figure(name, "processor s", timing.summarise(totals), None, at_most=True, parts=parts)]


def threads(rounds: int, runs: int) -> list[Figure]:
    """One call of `recipe.batch` with one worker and with two, on two CPUs: wall-clock time."""
    work = recipes.WHOLE["rotate + shift + scale + flip + jitter + normalise, 224"][0]
    recipe, batch = af.Recipe(work.augfuse(af)), workloads.photos(work.batch, *work.size)
    indices, out = np.arange(work.batch), np.empty((work.batch, *work.output, 3), np.float32)
    one = recipe.batch(batch, seed=0, indices=indices, workers=1).images
    two = recipe.batch(batch, seed=0, indices=indices, workers=2).images
    assert np.array_equal(one, two), "two workers make other bytes than one"
    calls: dict[str, Callable[[int], Any]] = {
        f"{count} worker{'s' * (count > 1)}": lambda epoch, count=count: recipe.batch(
            batch, seed=0, epoch=epoch, indices=indices, workers=count, out=out
        )
        for count in (1, 2)
    }
    with timing.pinned(2) as has_two:
        if not has_two:
            print("one call shared by two threads: not measured, for it needs two CPUs and Linux")
            return []
        seconds = timing.interleave(calls, rounds)
    parts = {who: timing.summarise([value / work.batch * 1e6 for value in values]) for who, values in seconds.items()}
    ratio = timing.ratio(seconds["1 worker"], seconds["2 workers"])
    return [Figure("one call shared by two threads, 224", "one / two", ratio, 1.7, aim=1.9, parts=parts)]


PARTS: dict[str, Callable[[int, int], Sequence[Figure]]] = {
    "reduce": reduce,
    "part": part,
    "threads": threads,
    "first": first,
    "compile": compiled,
}


def main(*parts: str, rounds: int = 15, runs: int = 3, name: str = "area", markdown: bool = False) -> None:
    """Measure, print, and write results/NAME.json.

    Parameters
    ----------
    parts
        Which figures: reduce, part, threads, first, compile. All of them by default.
    rounds
        How many times each contender is measured, in turn; 3 for a quick look.
    runs
        New processes per figure; cold ones at most 3.
    name
        Name of the result file, without its ending.
    markdown
        Also print the table as Markdown.
    """
    if unknown := sorted(set(parts) - set(PARTS)):
        raise SystemExit(f"parts: got {', '.join(unknown)}, wanted some of {', '.join(PARTS)}")
    machine = timing.machine("augfuse", *LIBRARIES)
    found: list[Figure] = []
    for part in parts or PARTS:
        made = PARTS[part](rounds, runs)
        if part != "first":  # which prints as it goes
            print("\n".join(map(str, made)), flush=True)
        found += made
    if markdown:
        print(timing.figures_table(found))
    path = timing.write_json(
        name,
        {
            "machine": machine,
            "rounds": rounds,
            "ratios_are": "medians over the rounds of the ratio within one round",
            "figures": {one.work: one.as_json for one in found},
        },
    )
    print(f"written: {path}")


if __name__ == "__main__":
    app = cyclopts.App(help_format="plaintext", result_action="return_value")
    app.default(main)
    app()
