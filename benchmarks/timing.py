"""Measuring: interleaved rounds, medians with their spread, pinning to CPUs, and what machine it was."""

from __future__ import annotations

import datetime
import json
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results"


@dataclass(frozen=True, slots=True)
class Summary:
    """Median, median absolute deviation and number of measurements; the unit is that of the measurements."""

    median: float
    mad: float
    n: int

    def __str__(self) -> str:
        digits = 0 if self.median >= 100 else 1 if self.median >= 10 else 2
        return f"{self.median:.{digits}f} ± {self.mad:.{digits}f}"


def summarise(values: Sequence[float]) -> Summary:
    """Median and median absolute deviation: one slow round (another process woke up) moves neither."""
    median = statistics.median(values)
    return Summary(median, statistics.median(abs(value - median) for value in values), len(values))


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure beside its demand, and what it was computed from."""

    work: str
    figure: str  # what `value` is, with its unit
    value: Summary
    demanded: float | None
    at_most: bool = False
    aim: float | None = None
    parts: dict[str, Summary] = field(default_factory=dict)

    @property
    def reached(self) -> bool | None:
        if self.demanded is None:
            return None
        return self.value.median <= self.demanded if self.at_most else self.value.median >= self.demanded

    @property
    def demand(self) -> str:
        if self.demanded is None:
            return "-"
        aim = "" if self.aim is None else f" (aim {self.aim:g})"
        return f"{'at most' if self.at_most else 'at least'} {self.demanded:g}{aim}"

    @property
    def row(self) -> str:
        return f"| {self.work} | {self.figure} | {self.value.median:.3g} | {self.demand} |"

    @property
    def as_json(self) -> dict[str, Any]:
        return {
            "figure": self.figure,
            "value": self.value,
            "demanded": self.demand,
            "reached": self.reached,
            "parts": self.parts,
        }

    def __str__(self) -> str:
        verdict = {None: "", True: ": reached", False: ": MISSED"}[self.reached]
        value = f"{self.value.median:.3g} ± {self.value.mad:.2g} {self.figure}"
        line = f"{self.work}: {value}; demanded {self.demand}{verdict}"
        return "\n".join([line, *(f"    {name:22} {summary}" for name, summary in self.parts.items())])


def figures_table(figures: Sequence[Figure]) -> str:
    """The figures beside their demands, as Markdown."""
    return "\n".join(["| work | | figure | demanded |", "| --- | --- | ---: | ---: |", *(one.row for one in figures)])


def interleave(
    contenders: dict[str, Callable[[int], object]],
    rounds: int,
    sample_seconds: float = 0.02,
    clock: Callable[[], float] = time.perf_counter,
) -> dict[str, list[float]]:
    """Seconds per call of each contender, one value per round, measured A, B, C, A, B, C, ...

    A busy machine then slows every contender alike, and values of one round can be compared with each other.
    A contender is called with a number that never repeats (the epoch). Quick ones are called several times per
    sample, so that a sample lasts at least `sample_seconds`; the calls that find out how often are the warm-up.
    clock: time.process_time leaves out what other processes take, for work that keeps one core busy.
    """
    repeats: dict[str, int] = {}
    for name, call in contenders.items():
        call(0)
        start = clock()
        call(1)
        repeats[name] = max(1, round(sample_seconds / (clock() - start)))
        for number in range(2, 2 + repeats[name]):
            call(number)
    epoch = dict.fromkeys(contenders, 1_000_000)
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(rounds):
        for name, call in contenders.items():
            first, count = epoch[name], repeats[name]
            start = clock()
            for number in range(first, first + count):
                call(number)
            seconds[name].append((clock() - start) / count)
            epoch[name] = first + count
    return seconds


def ratio(slow: Sequence[float], fast: Sequence[float]) -> Summary:
    """How many times quicker `fast` is: the median over the rounds of (slow / fast) within one round."""
    return summarise([a / b for a, b in zip(slow, fast, strict=True)])


@contextmanager
def pinned(cpus: int) -> Iterator[bool]:
    """Keep this process, with the threads it has already started, on the first `cpus` CPUs; yields whether it could.

    Only Linux lets a process choose. Elsewhere nothing is pinned, and the result says so.
    """
    if not hasattr(os, "sched_setaffinity"):
        yield False
        return
    before = os.sched_getaffinity(0)
    _move_all_threads(set(sorted(before)[:cpus]))
    try:
        yield len(before) >= cpus
    finally:
        _move_all_threads(before)


def _move_all_threads(cpus: set[int]) -> None:
    """A call for the process moves only its main thread: thread pools that exist already would stay where they are."""
    for task in Path("/proc/self/task").iterdir():
        try:
            os.sched_setaffinity(int(task.name), cpus)
        except ProcessLookupError:
            continue  # the thread ended between the listing and the call


def machine(*packages: str) -> dict[str, Any]:
    """CPU, core count, system, date and versions of `packages`; ask before measuring, for the load is noted too.

    A load that others put on the machine makes figures worthless: it is in the result, and printed where it is high.
    """
    versions = {"python": platform.python_version()}
    for package in packages:
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            versions[package] = "not installed"
    load = round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None
    if load is not None and load > 0.5:
        print(f"warning: the machine is busy (load {load}): the figures will be noisy", file=sys.stderr)
    return {
        "cpu": _cpu_name(),
        "cores": os.cpu_count(),
        "system": f"{platform.system()} {platform.machine()}",
        "load_before": load,
        "date": datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "versions": versions,
    }


def _cpu_name() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or "unknown"


def write_json(name: str, result: dict[str, Any]) -> Path:
    """Write results/<name>.json; Summary records become objects with median, mad and n."""
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}.json"
    path.write_text(json.dumps(result, indent=1, default=_encode) + "\n")
    return path


def _encode(value: object) -> object:
    if isinstance(value, Summary):
        return {key: round(part, 4) for key, part in asdict(value).items()}
    raise TypeError(f"{type(value).__name__} cannot be written as JSON")
