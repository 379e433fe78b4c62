"""What the engine is asked for: one image, planning, choosing among transforms, starting; and no slower than before.

    python benchmarks/engine.py [call plan choice start] [--before path/to/other/checkout] [--markdown]

Needs the extra: pip install 'augfuse[bench]'. What is measured and how is in README.md beside this file.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

os.environ["NO_ALBUMENTATIONS_UPDATE"] = "1"  # or it asks the network for its newest version
os.environ.setdefault("KERAS_BACKEND", "torch")  # ImageDataGenerator computes with NumPy whatever the backend
os.environ.pop("OPENBLAS_CORETYPE", None)  # a forced core type may slow a peer down

import cyclopts
import numpy as np

import augfuse as af
import beside
import peers
import startup
import timing
import workloads
from augfuse.algebra.geometry import Canvas
from timing import Figure, Summary

LIBRARIES = ("numpy", "numba", "opencv-python-headless", "albumentations", "keras", "simplejpeg", "pillow")
NO_SLOWER = 0.97  # before / after


def call(rounds: int) -> list[Figure]:
    """One image a call, the work of throughput.py with jitter."""
    makers = {"augfuse": peers.augfuse_single, "Albumentations": peers.albumentations_single}
    rows = []
    for cell in [cell for cell in workloads.CELLS if cell.name in beside.ONE_CALL]:
        for name, make in makers.items():
            single = make(workloads.ramps(cell), cell.jitter)
            workloads.verify(name, cell, _batches(single, cell.batch), channels_first=False)
        images = workloads.images(cell)
        seconds = _processor_seconds({name: make(images, cell.jitter) for name, make in makers.items()}, rounds)
        parts = {name: _micro(values) for name, values in seconds.items()}
        work = f"one call, {cell.size}×{cell.size}, jitter"
        if cell.size == 32:
            rows.append(Figure(work, "µs", parts["augfuse"], 100, at_most=True, aim=60, parts=parts))
        else:
            ratio = timing.ratio(seconds["Albumentations"], seconds["augfuse"])
            rows.append(Figure(work, "Albumentations / augfuse", ratio, 2, at_most=False, parts=parts))
    return rows


def _batches(single: Callable[[int], np.ndarray], n: int) -> Callable[[int], np.ndarray]:
    return lambda epoch: np.stack([single(epoch * n + i) for i in range(n)])


def plan(rounds: int) -> list[Figure]:
    """A plan for 32 images of a tree with twelve leaves; no pixels."""
    recipe = af.Recipe(
        [
            af.OneOf([af.Brightness(), af.Contrast(), af.Saturation(), af.Hue()]),
            af.SomeOf([af.Rotate(20), af.Translate(), af.Scale()], n=2),
            af.Sequential([af.Shear(), af.HorizontalFlip()], p=0.5),
            af.RandomOrder([af.Brightness(), af.Contrast(), af.Invert(p=0.5)]),
        ]
    )
    n, size = 32, np.full(32, 224)

    def planned(epoch: int) -> af.Plan:
        return recipe.plan(Canvas(size, size), 3, np.dtype(np.uint8), np.arange(n), seed=0, epoch=epoch)

    acted = {act.path for i in range(n) for act in planned(0).describe(i) if act.fired and "/" in act.path}
    assert len(acted) == 12, f"{len(acted)} leaves of the tree act on some image: {sorted(acted)}"
    seconds = _processor_seconds({"augfuse": planned}, rounds)["augfuse"]
    return [Figure("planning 32 images, a tree of 12 transforms", "µs", _micro(seconds), 400, at_most=True)]


def choice(rounds: int) -> list[Figure]:
    """OneOf of four colour transforms and a warp, beside each of the four and the warp; 224, batch 32."""
    cell = next(cell for cell in workloads.CELLS if cell.name == "224")
    batch = workloads.images(cell)
    out = np.empty_like(batch)
    colours = {colour.__name__: colour() for colour in (af.Brightness, af.Contrast, af.Saturation, af.Hue)}

    def runs(*transforms: Any) -> Callable[[int], np.ndarray]:
        recipe = af.Recipe([*transforms, af.Rotate(workloads.ROTATE)])
        return lambda epoch: recipe.batch(batch, seed=0, epoch=epoch, workers=1, out=out).images

    contenders = {"OneOf": runs(af.OneOf(list(colours.values())))}
    contenders |= {name: runs(colour) for name, colour in colours.items()}
    warped = runs()(0).astype(np.int16)
    for name, contender in contenders.items():
        differs = np.abs(contender(0) - warped).mean(axis=(1, 2, 3)) > 0.5
        assert differs.mean() > 0.7, f"{name}: changed the colours of {differs.sum()} images of {len(batch)}"
    seconds = _processor_seconds(contenders, rounds)
    ratios = {name: timing.ratio(seconds["OneOf"], seconds[name]) for name in colours}
    dearest = max(ratios, key=lambda name: ratios[name].median)
    parts = {name: _micro([value / len(batch) for value in values]) for name, values in seconds.items()}
    figure = f"OneOf / {dearest}, the quickest"
    return [Figure("OneOf of 4 colours + warp, 224×224", figure, ratios[dearest], 1.2, at_most=True, parts=parts)]


FIRST_RECIPE = """
import json, sys, time
import augfuse as af
start = time.process_time()
recipe = af.Recipe([af.RandomWidth(), af.Resize(64)])
seconds = time.process_time() - start
print(json.dumps([seconds * 1e3, "numba" in sys.modules]))
"""

EVERY_RECIPE = """
import json, sys, time
import augfuse as af
slowest = 0.0
for kind in af.list_transforms():
    for example in kind.examples:
        start = time.process_time()
        recipe = af.Recipe([kind(**example)])
        slowest = max(slowest, time.process_time() - start)
print(json.dumps([slowest * 1e3, "numba" in sys.modules]))
"""


def start(rounds: int) -> list[Figure]:
    """The import (wall-clock time), and making recipes, in new processes."""
    names = {"Recipe([RandomWidth(), Resize(64)])": FIRST_RECIPE, "the slowest Recipe of one transform": EVERY_RECIPE}
    with tempfile.TemporaryDirectory() as cache:
        startup.run(startup.IMPORT, cache)  # the first one compiles Python's own bytecode
        imports: list[float] = []
        recipes: dict[str, list[float]] = {name: [] for name in names}
        for _ in range(rounds):
            imports.append(startup.run(startup.IMPORT, cache))
            for name, code in names.items():
                milliseconds, loaded = startup.run(code, cache)
                assert not loaded, f"{name} has loaded Numba"
                recipes[name].append(milliseconds)
    rows = [Figure("import augfuse", "s", timing.summarise(imports), startup.DEMANDED["import"], at_most=True)]
    rows += [Figure(name, "ms, without Numba", timing.summarise(ms), 5, at_most=True) for name, ms in recipes.items()]
    return rows


def no_slower(before: Path, rounds: int) -> list[Figure]:
    """The same work done by another checkout and by this one."""
    rows = []
    with tempfile.TemporaryDirectory() as made:
        workloads.make_jpegs(Path(made), per_class=150)
        with timing.pinned(1), beside.sides(before, Path(__file__).parents[1], Path(made)) as pair:
            for job in pair[0].jobs:
                old, new = beside.interleave(pair, job, rounds)
                parts = {"before, µs per image": timing.summarise(old), "after, µs per image": timing.summarise(new)}
                ratio = timing.ratio(old, new)
                rows.append(Figure(job, "before / after", ratio, NO_SLOWER, at_most=False, parts=parts))
                print(rows[-1], flush=True)
    return rows


def _processor_seconds(contenders: dict[str, Callable[[int], Any]], rounds: int) -> dict[str, list[float]]:
    with timing.pinned(1):
        return timing.interleave(contenders, rounds, clock=time.process_time)


def _micro(seconds: Sequence[float]) -> Summary:
    return timing.summarise([value * 1e6 for value in seconds])


PARTS = {"call": call, "plan": plan, "choice": choice, "start": start}


def main(
    *parts: str, before: Path | None = None, rounds: int = 25, name: str = "engine", markdown: bool = False
) -> None:
    """Measure, print, and write results/NAME.json.

    Parameters
    ----------
    parts
        Which figures: call, plan, choice, start. All of them by default.
    before
        Another checkout of augfuse, to measure this one beside it.
    rounds
        How many times each is measured, in turn; at most 9 for the start.
    name
        Name of the result file, without its ending.
    markdown
        Also print the table as Markdown.
    """
    unknown = sorted(set(parts) - set(PARTS))
    if unknown:
        raise SystemExit(f"parts: got {', '.join(unknown)}, wanted some of {', '.join(PARTS)}")
    if before is not None and not (before / "src" / "augfuse").is_dir():
        raise SystemExit(f"--before: got {before}, wanted a checkout of augfuse: a folder with src/augfuse in it")
    machine = timing.machine("augfuse", *LIBRARIES)
    rows = []
    for part in parts or PARTS:
        found = PARTS[part](min(rounds, 9) if part == "start" else rounds)
        print("\n".join(map(str, found)), flush=True)
        rows += found
    if before is not None:
        rows += no_slower(before, rounds)
    if markdown:
        print(timing.figures_table(rows))
    path = timing.write_json(
        name,
        {
            "machine": machine,
            "rounds": rounds,
            "ratios_are": "medians over the rounds of the ratio within one round",
            "rows": {row.work: row.as_json for row in rows},
        },
    )
    print(f"written: {path}")


if __name__ == "__main__":
    app = cyclopts.App(help_format="plaintext", result_action="return_value")
    app.default(main)
    app()
