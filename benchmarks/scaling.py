"""What a second core brings: epochs of the loader, and single calls of `recipe.batch`, with one worker and with two.

    python benchmarks/scaling.py [--rounds 15] [--name scaling]

The loader computes whole batches side by side, as in training. A single call shares one batch among threads: the
drawing and planning before it, and the wait for the last thread behind it, are not shared.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cyclopts
import numpy as np

import augfuse as af
import timing
import workloads
from peers import augfuse, augfuse_recipe
from timing import Summary
from workloads import Cell

BATCHES = 20  # per epoch of the loader
DEMANDED = 1.7


def epochs(cell: Cell, workers: int) -> Callable[[int], Any]:
    """One call: an epoch of `BATCHES` batches."""
    data = af.from_arrays(np.concatenate([workloads.images(cell)] * BATCHES))
    loader = af.Loader(data, augfuse_recipe(cell.jitter), batch_size=cell.batch, seed=0, workers=workers)

    def call(epoch: int) -> None:
        for _ in loader.stream(epoch):
            pass

    return call


def measure(cell: Cell, rounds: int) -> dict[str, tuple[Summary, Summary, Summary]]:
    """For each way: microseconds per image with one worker, with two, and their ratio."""
    batch = workloads.images(cell)
    ways: dict[str, tuple[int, Callable[[int], Callable[[int], Any]]]] = {
        "loader": (cell.batch * BATCHES, lambda workers: epochs(cell, workers)),
        "recipe.batch": (cell.batch, lambda workers: augfuse(batch, cell.jitter, workers=workers, reuse=True)),
    }
    found = {}
    for way, (images, build) in ways.items():
        seconds = timing.interleave({"1": build(1), "2": build(2)}, rounds)
        one, two = ([value / images * 1e6 for value in seconds[workers]] for workers in ("1", "2"))
        found[way] = (timing.summarise(one), timing.summarise(two), timing.ratio(one, two))
    return found


def main(*, rounds: int = 15, name: str = "scaling") -> None:
    """Print the figures and write results/NAME.json."""
    machine = timing.machine("augfuse", "numpy", "numba")
    results: dict[str, Any] = {}
    for cell in workloads.CELLS:
        if cell.over_one_core is None:
            continue
        for way, (one, two, ratio) in measure(cell, rounds).items():
            verdict = "reached" if ratio.median >= DEMANDED else "MISSED"
            print(
                f"{cell.name:11} {way:13} {one} µs with one worker, {two} with two: "
                f"{ratio.median:.2f} ± {ratio.mad:.2f}   demanded {DEMANDED}: {verdict}",
                flush=True,
            )
            results[f"{cell.name}, {way}"] = {"one_worker_us": one, "two_workers_us": two, "ratio": ratio}
    print(f"written: {timing.write_json(name, {'machine': machine, 'rounds': rounds, 'cells': results})}")


if __name__ == "__main__":
    app = cyclopts.App(help_format="plaintext", result_action="return_value")
    app.default(main)
    app()
