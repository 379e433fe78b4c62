"""`augfuse.keras.image_dataset_from_directory` against Keras' own function, from the same folder: images per second.

    python benchmarks/directory.py [--rounds 7] [--cpus 2] [--name directory] [--markdown]

Folders of JPEG files of 500x375 that become 224x224, and of small PNG and JPEG files of 64 and 32 pixels, are made in a
temporary folder. Both data sets are looped over in turn, without a model, in one process with the TensorFlow backend;
both may use all `cpus`. Needs pip install 'augfuse[bench,keras,tensorflow]'.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import cyclopts
import keras
import numpy as np
from PIL import Image

import timing
from augfuse.keras import image_dataset_from_directory


class Work(NamedTuple):
    """A folder: `files` files of `size` (height, width) that become `target`. demanded: how many times Keras' speed."""

    files: int
    size: tuple[int, int]
    target: int
    ending: str
    demanded: float


WORKS = {
    "JPEG 500x375 to 224": Work(256, (375, 500), 224, "jpg", 1.2),
    "JPEG 64x64": Work(1024, (64, 64), 64, "jpg", 3.0),
    "PNG 64x64": Work(1024, (64, 64), 64, "png", 3.0),
    "JPEG 64x64 to 32": Work(1024, (64, 64), 32, "jpg", 3.0),
    "PNG 32x32": Work(1024, (32, 32), 32, "png", 3.0),
}


def fill(folder: Path, work: Work) -> None:
    """Files in two classes, with about the detail of photographs."""
    rng = np.random.default_rng(0)
    height, width = work.size
    for number in range(work.files):
        coarse = rng.integers(0, 256, (height // 8 + 2, width // 8 + 2, 3), np.uint8)
        picture = np.asarray(Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC), np.int16)
        noisy = np.clip(picture + rng.normal(0, 6, picture.shape), 0, 255).astype(np.uint8)
        path = folder / f"class_{number % 2}" / f"{number:05}.{work.ending}"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(noisy).save(path, quality=90)


def loop(dataset: Any, count: int) -> Callable[[int], None]:
    """Goes through an epoch, and counts what it saw."""

    def call(number: int) -> None:
        seen = 0
        for images, labels in dataset:
            assert len(images) == len(labels)
            seen += len(images)
        assert seen == count

    return call


def main(*, rounds: int = 7, cpus: int = 2, name: str = "directory", markdown: bool = False) -> None:
    """Measure all folders, and write results/NAME.json."""
    machine = timing.machine("augfuse", "keras", "tensorflow", "numpy", "simplejpeg")
    figures = []
    with timing.pinned(cpus) as pinned:
        for title, work in WORKS.items():
            with tempfile.TemporaryDirectory() as place:
                fill(Path(place), work)
                options: dict[str, Any] = {"image_size": (work.target,) * 2, "seed": 0, "verbose": False}
                theirs = keras.utils.image_dataset_from_directory(place, **options)
                ours = image_dataset_from_directory(place, **options)
                seconds = timing.interleave(
                    {"augfuse": loop(ours, work.files), "keras": loop(theirs, work.files)}, rounds
                )
            speed = {who: timing.summarise([work.files / s for s in times]) for who, times in seconds.items()}
            figure = timing.Figure(
                title,
                "times Keras' images per second",
                timing.ratio(seconds["keras"], seconds["augfuse"]),
                work.demanded,
                parts=speed,
            )
            print(figure)
            figures.append(figure)
    result = {"machine": machine, "cpus": cpus, "pinned": pinned, "works": {one.work: one.as_json for one in figures}}
    print(timing.write_json(name, result))
    if markdown:
        print(timing.figures_table(figures))


if __name__ == "__main__":
    cyclopts.run(main)
