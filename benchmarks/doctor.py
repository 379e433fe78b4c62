"""Seconds that `augfuse doctor` takes for 10 000 JPEG files of 160x120, made for the purpose.

    python benchmarks/doctor.py [--images 10000] [--runs 3] [--name doctor]

The files lie in two classes and two parts; one in a thousand is there twice. Each run is its own process, as a
user starts it, so that imports count too.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

import cv2
import cyclopts
import numpy as np

import timing

DEMANDED = 30.0  # seconds, on two cores
SIZE = (120, 160)


def make_images(folder: Path, count: int) -> None:
    """Smooth random pictures with some grain, so that they pack about as well as photographs do."""
    rng = np.random.default_rng(0)
    image = np.zeros((*SIZE, 3), np.uint8)
    for part, share in (("train", 0.8), ("val", 0.2)):
        for name in ("one", "other"):
            place = folder / part / name
            place.mkdir(parents=True)
            for number in range(round(count * share / 2)):
                if number % 1000 or not number:
                    coarse = rng.integers(0, 256, (6, 8, 3), dtype=np.uint8)
                    image = cv2.resize(coarse, SIZE[::-1], interpolation=cv2.INTER_CUBIC)
                    image = cv2.add(image, rng.integers(0, 40, image.shape, dtype=np.uint8))
                cv2.imwrite(str(place / f"{number:05}.jpg"), image, [cv2.IMWRITE_JPEG_QUALITY, 85])


def main(*, images: int = 10_000, runs: int = 3, name: str = "doctor") -> None:
    """Measure, print, and write results/NAME.json.

    Parameters
    ----------
    images
        How many files.
    runs
        Processes that are measured.
    name
        Name of the result file, without its ending.
    """
    machine = timing.machine("augfuse", "numpy", "opencv-python-headless", "simplejpeg")
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "data"
        make_images(data, images)
        size = sum(path.stat().st_size for path in data.rglob("*.jpg"))
        seconds = timing.summarise([measure(data) for _ in range(runs)])
    demanded = DEMANDED * images / 10_000
    verdict = "reached" if seconds.median <= demanded else "MISSED"
    print(f"{images:,} JPEGs of 160x120, {size / images / 1000:.1f} kB each: {seconds} s")
    print(f"demanded at most {demanded:g} s: {verdict}")
    path = timing.write_json(name, {"machine": machine, "images": images, "seconds": seconds, "demanded": demanded})
    print(f"written: {path}")


def measure(data: Path) -> float:
    """The seconds that one process takes."""
    start = time.perf_counter()
    done = subprocess.run([sys.executable, "-m", "augfuse", "doctor", str(data)], capture_output=True, text=True)
    seconds = time.perf_counter() - start
    if done.returncode not in (0, 1) or "Traceback" in done.stderr:
        raise SystemExit(f"the measured process failed:\n{done.stderr}")
    return seconds


if __name__ == "__main__":
    app = cyclopts.App(help_format="plaintext", result_action="return_value")
    app.default(main)
    app()
