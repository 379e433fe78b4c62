"""Microseconds per image for augfuse and its peers, doing the same work in the same process.

    python benchmarks/throughput.py [32 224-jitter ...] [--markdown] [--rounds 15] [--name throughput]

Needs the extra: pip install 'augfuse[bench]'. What is measured and how is in README.md beside this file.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

os.environ.setdefault("KERAS_BACKEND", "torch")  # Keras' old class computes with NumPy and SciPy whatever the backend
os.environ["NO_ALBUMENTATIONS_UPDATE"] = "1"  # or it asks the network for its newest version
# Or the second thread of kornia's turn spins on its core for a while into the next contender's turn.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.pop("OPENBLAS_CORETYPE", None)  # a forced core type may slow a peer down

import cyclopts

import peers
import timing
import workloads
from timing import Summary
from workloads import Cell

LIBRARIES = ("numpy", "numba", "opencv-python-headless", "albumentations", "kornia", "torch", "keras", "scipy")


@dataclass(frozen=True, slots=True)
class CellResult:
    """Microseconds per image of each contender, on one core and on two, and the ratios that are demanded."""

    cell: Cell
    one_core: dict[str, Summary]
    two_cores: dict[str, Summary]
    best_peer: str
    over_peer: Summary
    over_keras: Summary | None
    over_one_core: Summary | None


def measure(cell: Cell, rounds: int, two_cores: bool) -> CellResult:
    """Check every contender of one cell, then measure it."""
    verify(cell, two_cores)
    batch = workloads.images(cell)
    with timing.pinned(1):
        one = _per_image(peers.one_core(batch, cell.jitter) | peers.floors(batch), cell, rounds)
    two: dict[str, list[float]] = {}
    if two_cores:
        with timing.pinned(2):
            two = _per_image(peers.two_cores(batch, cell.jitter), cell, rounds)
    summaries = {name: timing.summarise(values) for name, values in one.items()}
    best = min(peers.PEERS, key=lambda name: summaries[name].median)
    return CellResult(
        cell=cell,
        one_core=summaries,
        two_cores={name: timing.summarise(values) for name, values in two.items()},
        best_peer=best,
        over_peer=timing.ratio(one[best], one["augfuse"]),
        over_keras=timing.ratio(one["Keras"], one["augfuse"]) if "Keras" in one else None,
        over_one_core=timing.ratio(two["augfuse"], two["augfuse, 2 workers"]) if two else None,
    )


def _per_image(contenders: dict[str, Callable[[int], Any]], cell: Cell, rounds: int) -> dict[str, list[float]]:
    seconds = timing.interleave(contenders, rounds)
    return {name: [value / cell.batch * 1e6 for value in values] for name, values in seconds.items()}


def verify(cell: Cell, two_cores: bool) -> None:
    """Let every contender work on images that show what was done to them, and print what was seen."""
    ramps = workloads.ramps(cell)
    contenders = peers.one_core(ramps, cell.jitter)
    if two_cores:
        contenders |= peers.two_cores(ramps, cell.jitter)
    for name, call in contenders.items():
        seen = workloads.verify(name, cell, call, channels_first=name in peers.CHANNELS_FIRST)
        detail = f"spread of blue {seen.blue:.1f} levels" if cell.jitter else str(seen)
        print(f"  checked {cell.name:11} {name:20} {detail}", flush=True)


def report(result: CellResult) -> str:
    """One block of text per cell."""
    lines = [f"{result.cell.name} (batch {result.cell.batch}), µs per image, median ± MAD"]
    for title, summaries in (("one core", result.one_core), ("two cores", result.two_cores)):
        lines += [f"  {title:9}  {name:20} {summary}" for name, summary in summaries.items()]
    lines.append(f"  {_verdict(f'{result.best_peer} / augfuse', result.over_peer, result.cell.over_peer)}")
    if result.over_keras is not None:
        lines.append(f"  {_verdict('Keras / augfuse', result.over_keras, result.cell.over_keras)}")
    if result.over_one_core is not None:
        lines.append(f"  {_verdict('1 worker / 2 workers', result.over_one_core, result.cell.over_one_core)}")
    return "\n".join(lines)


def _verdict(what: str, ratio: Summary, demanded: float | None) -> str:
    text = f"{what:26} {ratio.median:.1f} ± {ratio.mad:.1f}"
    if demanded is None:
        return text
    return f"{text}   demanded {demanded:g}: {'reached' if ratio.median >= demanded else 'MISSED'}"


def table(results: list[CellResult]) -> str:
    """The README's table; a ratio is followed by the demanded one in brackets."""
    columns = ("augfuse", "augfuse, new array", "Albumentations", "kornia", "Keras", "floor")
    header = [
        "work",
        *columns,
        "× best peer (demanded)",
        "× Keras (demanded)",
        "two cores over one (demanded)",
    ]
    rows = [header, ["---", *["---:"] * (len(header) - 1)]]
    for result in results:
        cell = result.cell
        medians = [result.one_core[name].median if name in result.one_core else None for name in columns]
        rows.append(
            [
                f"{cell.size}×{cell.size}{', jitter' if cell.jitter else ''}",
                *["-" if median is None else f"{median:.1f}" if median < 10 else f"{median:.0f}" for median in medians],
                _bracketed(result.over_peer, cell.over_peer),
                _bracketed(result.over_keras, cell.over_keras),
                _bracketed(result.over_one_core, cell.over_one_core),
            ]
        )
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _bracketed(ratio: Summary | None, demanded: float | None) -> str:
    if ratio is None:
        return "-"
    text = f"{ratio.median:.1f}"
    return text if demanded is None else f"{text} ({demanded:g})"


def _as_json(result: CellResult) -> dict[str, Any]:
    cell = result.cell
    return {
        "size": cell.size,
        "batch": cell.batch,
        "jitter": cell.jitter,
        "one_core_us_per_image": result.one_core,
        "two_cores_us_per_image": result.two_cores,
        "best_peer": result.best_peer,
        "ratios": {
            "best_peer_over_augfuse": result.over_peer,
            "keras_over_augfuse": result.over_keras,
            "one_worker_over_two": result.over_one_core,
        },
        "demanded": {
            "best_peer_over_augfuse": cell.over_peer,
            "keras_over_augfuse": cell.over_keras,
            "one_worker_over_two": cell.over_one_core,
        },
    }


def main(*cells: str, rounds: int = 15, name: str = "throughput", markdown: bool = False) -> None:
    """Measure augfuse and its peers; print the figures and write results/NAME.json.

    Parameters
    ----------
    cells
        Which columns: 32, 32-jitter, 150, 150-jitter, 224, 224-jitter. All of them by default.
    rounds
        How many times every contender is measured, in turn; at least 7 for figures worth keeping.
    name
        Name of the result file, without its ending.
    markdown
        Also print the table as Markdown.
    """
    known = {cell.name: cell for cell in workloads.CELLS}
    unknown = sorted(set(cells) - set(known))
    if unknown:
        raise SystemExit(f"cells: got {', '.join(unknown)}, wanted some of {', '.join(known)}")
    machine = timing.machine("augfuse", *LIBRARIES)
    with timing.pinned(2) as has_two:
        pass
    with timing.pinned(1) as can_pin:
        pass
    results = []
    for cell in [known[one] for one in cells] if cells else workloads.CELLS:
        results.append(measure(cell, rounds, two_cores=has_two))
        print(report(results[-1]), flush=True)
    if markdown:
        print(table(results))
    path = timing.write_json(
        name,
        {
            "machine": machine,
            "rounds": rounds,
            "pinned_to_one_cpu": can_pin,
            "ratios_are": "medians over the rounds of the ratio within one round",
            "cells": {result.cell.name: _as_json(result) for result in results},
        },
    )
    print(f"written: {path}")


if __name__ == "__main__":
    app = cyclopts.App(help_format="plaintext", result_action="return_value")
    app.default(main)
    app()
