"""Seconds and memory of a large COCO file: 1 000 000 images and 7 000 000 objects, about 1.6 GB of JSON, made for it.

    python benchmarks/coco.py [--images 1000000] [--boxes 7] [--folder DIR] [--name coco]

Three figures, each in its own process: opened for the first time, opened again from the cache, and the first
batch of an epoch. The images are links to a few small JPEG files; the cache is a folder beside them, so that your own
is left alone. Needs 5 GB below the folder, and a million inodes.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import cv2
import cyclopts
import numpy as np

import timing

DEMANDED = {"first": 60.0, "again": 2.0, "epoch": 1.0}  # seconds for a million images
MOST_MEMORY = 3.0  # GB
_LINKS = 30_000  # of one file; file systems allow 65 000
_FOLDER = 10_000  # images in each folder
_CLASSES = 80

OPEN = """
import json, resource, sys, time
import augfuse as af
start, spent = time.perf_counter(), time.process_time()
data = af.from_coco(sys.argv[1])
opened, spent = time.perf_counter() - start, time.process_time() - spent
loader = af.Loader(data, af.Recipe([af.Resize(32)]), batch_size=32, seed=0)
start = time.perf_counter()
next(iter(loader))
first = time.perf_counter() - start
loader = af.Loader(data, af.Recipe([af.Resize(32)]), batch_size=32, seed=1)
start = time.perf_counter()
next(iter(loader))
epoch = time.perf_counter() - start
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1e6 if sys.platform != "darwin" else 1e9)
found = {"opened": opened, "spent": spent, "epoch": epoch, "first epoch": first, "peak": peak}
print(json.dumps(found | {"images": len(data)}))
"""


def make(folder: Path, images: int, boxes: int) -> Path:
    """The images, and the JSON file beside them."""
    rng = np.random.default_rng(0)
    picture = cv2.imencode(".jpg", rng.integers(0, 256, (48, 64, 3), dtype=np.uint8))[1].tobytes()
    source = folder
    for number in range(images):
        place = folder / f"{number // _FOLDER:04}"
        path = place / f"{number:012}.jpg"
        if number % _FOLDER == 0:
            place.mkdir(parents=True)
        if number % _LINKS == 0:
            source = path
            path.write_bytes(picture)
        else:
            os.link(source, path)
    path = folder / "instances.json"
    with path.open("w") as file:
        file.write('{"info": {"year": 2026}, "images": [')
        for number in range(images):
            file.write(", " * bool(number))
            file.write(
                f'{{"license": 3, "file_name": "{number // _FOLDER:04}/{number:012}.jpg", "coco_url": '
                f'"http://images.example.org/train/{number:012}.jpg", "height": 48, "width": 64, "date_captured": '
                f'"2026-11-14 17:02:52", "id": {number + 1}}}'
            )
        file.write('], "annotations": [')
        total = images * boxes
        for start in range(0, total, 100_000):
            count = min(100_000, total - start)
            owners = rng.integers(0, images, count).tolist()
            left, top = (np.round(rng.uniform(0, side / 2, count), 2) for side in (64, 48))
            wide, high = (np.round(rng.uniform(2, side / 2, count), 2) for side in (64, 48))
            rows = zip(owners, *(a.tolist() for a in (left, top, wide, high)), strict=True)
            file.write(", " * bool(start))
            file.write(
                ", ".join(
                    f'{{"segmentation": [[{x}, {y}, {x + w:.2f}, {y}, {x + w:.2f}, {y + h:.2f}, {x}, {y + h:.2f}]], '
                    f'"area": {w * h:.4f}, "iscrowd": 0, "image_id": {owner + 1}, "bbox": [{x}, {y}, {w}, {h}], '
                    f'"category_id": {(start + i) % _CLASSES + 1}, "id": {start + i + 1}}}'
                    for i, (owner, x, y, w, h) in enumerate(rows)
                )
            )
        named = [{"id": number + 1, "name": f"class {number}"} for number in range(_CLASSES)]
        file.write(f'], "categories": {json.dumps(named)}}}')
    return path


def main(*, images: int = 1_000_000, boxes: int = 7, folder: Path | None = None, name: str = "coco") -> None:
    """Measure, print, and write results/NAME.json.

    Parameters
    ----------
    images
        How many.
    boxes
        Objects for each, on average.
    folder
        Where the data is made, in a temporary folder.
    name
        Name of the result file, without its ending.
    """
    machine = timing.machine("augfuse", "numpy", "msgspec")
    with tempfile.TemporaryDirectory(dir=folder) as made:
        path = make(Path(made) / "data", images, boxes)
        size = path.stat().st_size
        first, again = (measure(path, Path(made) / "cache") for _ in range(2))
    share = images / 1e6
    print(f"{images:,} images, {images * boxes:,} objects, {size / 1e9:.2f} GB")
    seconds = {"first": first["opened"], "again": again["opened"], "epoch": again["epoch"]}
    for what, value in seconds.items():
        wanted = DEMANDED[what] * (share if what == "first" else 1)
        print(f"{what}: {value:.2f} s, demanded {wanted:g}: {'reached' if value <= wanted else 'MISSED'}")
    for what, measured in (("first", first), ("again", again)):
        print(f"{what}: {measured['spent']:.2f} s of them on a processor")
        verdict = "reached" if measured["peak"] <= MOST_MEMORY else "MISSED"
        print(f"{what}: {measured['peak']:.2f} GB at most, demanded {MOST_MEMORY:g}: {verdict}")
    record = {"machine": machine, "images": images, "boxes": boxes, "bytes": size, "first": first, "again": again}
    print(f"written: {timing.write_json(name, record)}")


def measure(path: Path, cache: Path) -> dict[str, float]:
    """What one process says."""
    environment = {**os.environ, "AUGFUSE_CACHE_DIR": str(cache)}
    done = subprocess.run(
        [sys.executable, "-c", OPEN, str(path)], env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise SystemExit(f"the measured process failed:\n{done.stderr}")
    return json.loads(done.stdout)


if __name__ == "__main__":
    cyclopts.run(main)
