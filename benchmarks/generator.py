"""augfuse.keras.ImageDataGenerator beside Keras' own class: the same constructor call, in the same process.

    python benchmarks/generator.py [path/to/class/folders] [--markdown] [--rounds 9] [--strict]

Needs the extra: pip install 'augfuse[bench]'. Without a path, JPEGs are made and read. Both classes get uint8 arrays;
`next(iterator)` is timed, after a first batch; from files a whole pass, because ours prefetches.
"""

from __future__ import annotations

import os
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

os.environ.setdefault("KERAS_BACKEND", "torch")  # neither class uses a backend for its pixels

import cyclopts
import numpy as np
from keras.src.legacy.preprocessing.image import ImageDataGenerator as KerasGenerator

import timing
from augfuse.keras import ImageDataGenerator
from timing import Summary
from workloads import FLIPS, JOBS, WARPS, Job, make_jpegs

LIBRARIES = ("numpy", "numba", "keras", "scipy", "simplejpeg", "pillow")
FILES = "D: 150×150, batch 20, from JPEG folders"


class Row(NamedTuple):
    """Microseconds per image, and how many times quicker augfuse is."""

    name: str
    ours: Summary
    keras: Summary
    ratio: Summary
    must: float
    aim: float
    batch_seconds: float


def measure(
    name: str, batch: int, must: float, aim: float, make: Callable[[type], Any], rounds: int, passes: bool = False
) -> Row:
    """`make(class)` gives an iterator; one `next` is one sample, or with `passes` as many as make an epoch."""
    ours, keras = make(ImageDataGenerator), make(KerasGenerator)
    batches = len(ours) if passes else 1

    def sample(iterator: Any) -> None:
        for _ in range(batches):
            next(iterator)

    contenders: dict[str, Callable[[int], object]] = {
        "augfuse": lambda _: sample(ours),
        "Keras": lambda _: sample(keras),
    }
    seconds = {who: [s / batches for s in values] for who, values in timing.interleave(contenders, rounds).items()}
    summaries = {who: timing.summarise([s / batch * 1e6 for s in values]) for who, values in seconds.items()}
    ratio = timing.ratio(seconds["Keras"], seconds["augfuse"])
    median = timing.summarise(seconds["augfuse"]).median
    return Row(name, summaries["augfuse"], summaries["Keras"], ratio, must, aim, median)


def from_memory(job: Job, rounds: int, extra: dict[str, Any]) -> Row:
    """One core."""
    images = np.random.default_rng(0).integers(0, 256, job.shape, dtype=np.uint8)
    labels = np.arange(len(images)) % 2

    def make(cls: type) -> Any:
        options = job.options | (extra if cls is ImageDataGenerator else {})
        return cls(**options).flow(images, labels, batch_size=job.batch, seed=0)

    with timing.pinned(1):
        return measure(job.name, job.batch, job.must, job.aim, make, rounds if job.batch < 1000 else min(rounds, 3))


def from_files(folder: Path, cores: int, rounds: int, extra: dict[str, Any]) -> Row:
    """As tutorials have it: rescale, warps, both flips. Keras' class cannot use a second core."""

    def make(cls: type) -> Any:
        options = {"rescale": 1 / 255, **WARPS, **FLIPS} | (extra if cls is ImageDataGenerator else {})
        more: Any = {"workers": cores} if cls is ImageDataGenerator else {}
        generator = cls(**options)
        return generator.flow_from_directory(
            folder, target_size=(150, 150), batch_size=20, class_mode="binary", seed=0, **more
        )

    for file in folder.rglob("*.jpg"):  # from the disk once: what is compared is not the disk
        file.read_bytes()
    must, aim = (3.0, 3.0) if cores == 1 else (5.0, 5.0)
    with timing.pinned(cores) as possible:
        name = f"{FILES}, {cores} core{'s' if cores > 1 else ''}{'' if possible else ' (not pinned)'}"
        return measure(name, 20, must, aim, make, min(rounds, 5), passes=True)


def table(rows: list[Row]) -> str:
    """The README's table."""
    lines = ["| job | augfuse | Keras | × Keras | demanded (aim) |", "| --- | ---: | ---: | ---: | ---: |"]
    for row in rows:
        ours, keras = (f"{s.median:.1f}" if s.median < 10 else f"{s.median:.0f}" for s in (row.ours, row.keras))
        aim = f" ({row.aim:g})" if row.aim != row.must else ""
        lines.append(f"| {row.name} | {ours} | {keras} | {row.ratio.median:.1f} | {row.must:g}{aim} |")
    return "\n".join(lines)


def main(path: Path | None = None, markdown: bool = False, rounds: int = 9, strict: bool = False) -> None:
    """Measure, print, and write results/generator.json (with --strict: generator-strict.json)."""
    warnings.filterwarnings("ignore")  # what differs from Keras is not the subject here
    where = timing.machine(*LIBRARIES)
    extra = {"compat": "strict"} if strict else {}
    rows = [from_memory(job, rounds, extra) for job in JOBS]
    with tempfile.TemporaryDirectory() as made:
        folder = path or Path(made)
        if path is None:
            make_jpegs(folder)
        rows += [from_files(folder, cores, rounds, extra) for cores in (1, 2)]
    for row in rows:
        verdict = "reached" if row.ratio.median >= row.must else "MISSED"
        print(
            f"{row.name}\n  augfuse {row.ours} µs per image, Keras {row.keras}; {row.ratio} times; "
            f"demanded {row.must:g}: {verdict}; a batch takes {row.batch_seconds:.4f} s"
        )
    if markdown:
        print(table(rows))
    name = "generator-strict" if strict else "generator"
    files = "made JPEGs 500x375" if path is None else path.name
    timing.write_json(name, {"machine": where, "files": files, "rows": [row._asdict() for row in rows]})


if __name__ == "__main__":
    cyclopts.run(main)
