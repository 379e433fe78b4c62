"""One piece of work, done by augfuse and by its peers in turn: measured, reported, and set beside its demands."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

import peers
import spellings
import timing
import workloads
from spellings import Work
from timing import Summary

SINGLES = frozenset(work.name for work in spellings.SINGLES)
NEW = frozenset(work.name for work in spellings.NEW)


@dataclass(frozen=True, slots=True)
class Demand:
    """augfuse has to be `must` times as quick as the best of `peers`; `least`: the same for one of many rows."""

    peers: tuple[str, ...]
    must: float | None
    aim: float | None
    least: float | None = None

    @property
    def wanted(self) -> float | None:
        return self.must if self.least is None else self.least


@dataclass(frozen=True, slots=True)
class Result:
    """Microseconds per image of each contender, and by what factor augfuse is quicker than each."""

    work: Work
    micros: dict[str, Summary]
    over: dict[str, Summary]

    def best(self, names: Sequence[str]) -> str | None:
        """The quickest of the peers named, if one of them has done the work."""
        there = [name for name in names if name in self.over]
        return min(there, key=lambda name: self.micros[name].median, default=None)


def chosen(works: Sequence[Work], names: Sequence[str]) -> list[Work]:
    """Those named, or all; without those that this version of augfuse cannot do, which are printed."""
    known = {work.name: work for work in works}
    if unknown := sorted(set(names) - set(known)):
        raise SystemExit(f"works: got {', '.join(unknown)}, wanted some of {', '.join(known)}")
    wanted = [known[name] for name in names] if names else list(works)
    skipped = [work.name for work in wanted if spellings.missing(work)]
    if skipped:
        print(f"left out, because this version of augfuse lacks them: {', '.join(skipped)}", file=sys.stderr)
    return [work for work in wanted if work.name not in skipped]


def measure(work: Work, rounds: int, channels_first: bool = False) -> Result:
    """Check that all contenders do the same work, then measure them: processor time of the process, one CPU."""
    batch = workloads.photos(work.batch, *work.size)
    if work.dim:
        batch = batch // 2 + np.uint8(50)
    calls = peers.contenders(work, batch, channels_first)
    epochs = range(max(2, math.ceil(128 / work.batch)))
    made = {
        name: [peers.as_levels(work, call(i), channels_first or name == "kornia") for i in epochs]
        for name, call in calls.items()
    }
    for name, theirs in made.items():
        if name != "augfuse":
            seen = workloads.same_work(f"{work.name}, {name}", made["augfuse"], theirs, batch, work.fixed)
            print(f"  checked {work.name}, {name}: {seen}", flush=True)
    del made
    seconds = timing.interleave(calls, rounds, clock=time.process_time)
    micros = {name: [value / work.batch * 1e6 for value in values] for name, values in seconds.items()}
    return Result(
        work,
        {name: timing.summarise(values) for name, values in micros.items()},
        {name: timing.ratio(values, micros["augfuse"]) for name, values in micros.items() if name != "augfuse"},
    )


def geometric_mean(values: Sequence[float]) -> float:
    return math.exp(sum(map(math.log, values)) / len(values))


def report(result: Result, demands: Sequence[Demand]) -> str:
    """A line per contender, with the demand where one is set."""
    verdicts = {best: demand for demand in demands if (best := result.best(demand.peers))}
    lines = [f"{result.work.name} (batch {result.work.batch}), µs per image"]
    for name, micros in result.micros.items():
        line = f"  {name:15} {micros!s:>15}"
        if name in result.over:
            ratio = result.over[name]
            line += f"   x {ratio.median:.2f} ± {ratio.mad:.2f}"
            wanted = verdicts[name].wanted if name in verdicts else None
            if wanted is not None:
                line += f"   demanded {wanted:g}: {'reached' if ratio.median >= wanted else 'MISSED'}"
        lines.append(line)
    if result.work.note:
        lines.append(f"  note: {result.work.note}")
    return "\n".join(lines)


def table(results: Sequence[Result], demands: Sequence[Demand] | dict[str, Sequence[Demand]]) -> str:
    """Microseconds of augfuse, and its speed over each peer, with the demanded ratio in brackets, as Markdown."""
    names = [
        name
        for name in ("Albumentations", "kornia", "augrs", "augrs, box", "torchvision")
        if any(name in r.over for r in results)
    ]
    rows = [["work", "augfuse, µs", *(f"× {name}" for name in names)], ["---", *["---:"] * (len(names) + 1)]]
    for result in results:
        own = demands[result.work.name] if isinstance(demands, dict) else demands
        wanted = {best: demand.wanted for demand in own if (best := result.best(demand.peers))}
        row = [result.work.name, f"{result.micros['augfuse'].median:.3g}"]
        for name in names:
            cell = "-"
            if name in result.over:
                cell = f"{result.over[name].median:.2g}"
                if (demand := wanted.get(name)) is not None:
                    cell += f" ({demand:g})"
            row.append(cell)
        rows.append(row)
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def as_json(result: Result, demands: Sequence[Demand]) -> dict[str, Any]:
    return {
        "micros_per_image": result.micros,
        "peer_over_augfuse": result.over,
        "demanded": [
            {
                "of": demand.peers,
                "best": result.best(demand.peers),
                "must": demand.must,
                "aim": demand.aim,
                "least": demand.least,
            }
            for demand in demands
        ],
        "note": result.work.note,
    }
