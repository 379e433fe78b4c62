"""Seconds until augfuse can be used: the import, and the first batch of a new process with and without cached kernels.

    python benchmarks/startup.py [--runs 5] [--name startup]

Each figure comes from separate processes. Their kernel cache is a temporary folder, so that "cold" is cold and
your own cache is left alone.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from typing import Any

import cyclopts

import timing
from timing import Summary

DEMANDED = {"import": 0.3, "first batch, warm": 1.5, "first batch, cold": 15.0}  # seconds

IMPORT = """
import time
start = time.perf_counter()
import augfuse
print(time.perf_counter() - start)
"""

# Counted from before the import to the batch in hand; making the images is not counted.
FIRST_BATCH = """
import time
import numpy as np
images = np.random.default_rng(0).integers(0, 256, (32, 224, 224, 3), dtype=np.uint8)
start = time.perf_counter()
import augfuse as af
recipe = af.Recipe([
    af.Rotate(degrees=20), af.Translate(x=0.1, y=0.1), af.Scale(factor=0.1), af.HorizontalFlip(p=0.5),
    af.ColorJitter(brightness=0.2, contrast=0.2, saturation=0.2, hue=0.05),
    af.Normalize(mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225)),
])
recipe.batch(images, seed=0)
print(time.perf_counter() - start)
"""


def run(code: str, cache: str) -> Any:
    """What `code` prints, read as JSON, run in a new process whose kernel cache is the folder `cache`."""
    environment = {**os.environ, "NUMBA_CACHE_DIR": cache}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # users do not compile every source at each import
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(f"the measured process failed:\n{done.stderr}")
    return json.loads(done.stdout)


def measure(runs: int) -> dict[str, Summary]:
    """The three figures, in seconds; cold is measured at most three times, for it takes long."""
    with tempfile.TemporaryDirectory() as cache:
        run(IMPORT, cache)  # the first import after an installation also compiles Python's own bytecode
        imports = [run(IMPORT, cache) for _ in range(runs)]
        run(FIRST_BATCH, cache)
        warm = [run(FIRST_BATCH, cache) for _ in range(runs)]
    cold = []
    for _ in range(min(runs, 3)):
        with tempfile.TemporaryDirectory() as empty:
            cold.append(run(FIRST_BATCH, empty))
    seconds = {"import": imports, "first batch, warm": warm, "first batch, cold": cold}
    return {what: timing.summarise(values) for what, values in seconds.items()}


def main(*, runs: int = 5, name: str = "startup") -> None:
    """Measure, print, and write results/NAME.json.

    Parameters
    ----------
    runs
        Processes per figure.
    name
        Name of the result file, without its ending.
    """
    machine = timing.machine("augfuse", "numpy", "numba")
    seconds = measure(runs)
    for what, summary in seconds.items():
        verdict = "reached" if summary.median <= DEMANDED[what] else "MISSED"
        print(f"{what:18} {summary} s   demanded at most {DEMANDED[what]} s: {verdict}")
    path = timing.write_json(name, {"machine": machine, "seconds": seconds, "demanded": DEMANDED})
    print(f"written: {path}")


if __name__ == "__main__":
    app = cyclopts.App(help_format="plaintext", result_action="return_value")
    app.default(main)
    app()
