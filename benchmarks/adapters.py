"""What the frameworks' adapters cost over the bare loader, and a torch DataLoader with augfuse or Albumentations in it.

    python benchmarks/adapters.py [adapters] [workers] [--folder path/to/photos] [--rounds 9] [--name adapters]

adapters: to_torch, to_tf and to_jax over the loader alone, 224x224, batches of 32; beside them what TensorFlow and JAX
take for themselves: a loop over numbers, and their own call for each batch. workers: a DataLoader with two
worker processes; samples from memory (224x224), and from a folder of JPEG files (one sub-folder per class; made of
noise in a temporary folder where none is given), all decoded by augfuse. Needs:
pip install 'augfuse[bench,tensorflow,jax]'.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

os.environ["NO_ALBUMENTATIONS_UPDATE"] = "1"  # or it asks the network for its newest version
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("JAX_PLATFORMS", "cpu")

import cyclopts
import numpy as np

import augfuse as af
import peers
import timing

SIZE, BATCH = 224, 32
IMAGES = 24 * BATCH
CROP: dict[str, Any] = {"scale": (0.5, 1.0), "ratio": (0.75, 4 / 3)}
PARTS = ("adapters", "workers")


def memory() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    coarse = rng.integers(0, 256, (64, SIZE // 8, SIZE // 8, 3), dtype=np.uint8)
    images = np.repeat(np.repeat(coarse, 8, axis=1), 8, axis=2)
    return np.resize(images, (IMAGES, SIZE, SIZE, 3)), np.arange(IMAGES) % 10


def photos(folder: Path) -> None:
    """JPEG files as of a camera: 500x375."""
    from PIL import Image

    rng = np.random.default_rng(0)
    for i in range(IMAGES // 2):
        coarse = Image.fromarray(rng.integers(0, 256, (24, 32, 3), dtype=np.uint8))
        path = folder / "ab"[i % 2] / f"{i}.jpg"
        path.parent.mkdir(exist_ok=True)
        coarse.resize((500, 375), Image.Resampling.BICUBIC).save(path, quality=90)


def per_image(batches: Iterable[Any], images: int) -> Callable[[int], list[float]]:
    """Microseconds an image of a whole pass, which touches every batch."""

    def call(_: int) -> float:
        begin, count = time.perf_counter(), 0
        for batch in batches:
            count += 1
            del batch
        assert count
        return (time.perf_counter() - begin) / images * 1e6

    return call  # type: ignore[return-value]


def interleaved(calls: dict[str, Callable[[int], Any]], rounds: int) -> dict[str, list[float]]:
    found: dict[str, list[float]] = {name: [] for name in calls}
    for call in calls.values():
        call(0)
    for number in range(rounds):
        for name, call in calls.items():
            found[name].append(call(number))
    return found


def adapters(rounds: int) -> list[timing.Figure]:
    """Each adapter over the loader in the layout that it takes; the loop does nothing else."""
    import tensorflow as tf

    data = af.from_arrays(*memory())
    recipe = peers.augfuse_recipe(jitter=True)

    def loader(layout: Any = "NHWC") -> af.Loader:
        return af.Loader(data, recipe, BATCH, seed=0, layout=layout)

    calls = {
        "loader": per_image(loader(), IMAGES),
        "loader, NCHW": per_image(loader("NCHW"), IMAGES),
        "to_torch": per_image(loader().to_torch(), IMAGES),
        "to_tf": per_image(loader().to_tf(), IMAGES),
        "to_jax": per_image(Waiting(loader().to_jax()), IMAGES),
        "jax.device_put of each batch": per_image(ByHand(loader()), IMAGES),
        "tf.data.Dataset.range, nothing else": per_image(tf.data.Dataset.range(IMAGES // BATCH), IMAGES),
    }
    found = interleaved(calls, rounds)
    return [
        timing.Figure(
            f"{name}, {SIZE}x{SIZE}, batch {BATCH}",
            "the time of the bare loader",
            timing.ratio(found[name], found["loader, NCHW" if name == "to_torch" else "loader"]),
            1.03,
            at_most=True,
            parts={part: timing.summarise(found[part]) for part in found},
        )
        for name in ("to_torch", "to_tf", "to_jax")
    ]


class ByHand:
    """What anyone would write for JAX."""

    def __init__(self, batches: af.Loader) -> None:
        self.batches = batches

    def __iter__(self) -> Iterator[Any]:
        import jax

        for batch in self.batches:
            yield jax.device_put((batch.images, batch.labels))


class Waiting:
    """JAX batches that have arrived."""

    def __init__(self, batches: Any) -> None:
        self.batches = batches

    def __iter__(self) -> Iterator[Any]:
        for images, labels in self.batches:
            images.block_until_ready()
            yield images, labels


class Peer:
    """A map-style data set as people write it for Albumentations: one sample after the other."""

    def __init__(self, data: af.DataSet, compose: Any) -> None:
        self.data, self.compose = data, compose

    def __len__(self) -> int:
        return len(self.data)

    def __getitem__(self, index: int) -> Any:
        import torch

        sample = self.data[index]
        image = self.compose(image=sample.image)["image"]
        return torch.from_numpy(np.ascontiguousarray(image.transpose(2, 0, 1))), int(sample.label)


def workers(rounds: int, folder: Path) -> list[timing.Figure]:
    """A DataLoader with two persistent workers over our data set and over Albumentations'."""
    import albumentations as A
    from torch.utils.data import DataLoader

    import augfuse.torch

    files = af.from_directory(folder)
    files = files.subset(np.resize(np.arange(len(files)), IMAGES // 2))
    jitter = af.ColorJitter((0.8, 1.2), (0.8, 1.2), (0.8, 1.2), (-0.05, 0.05))
    normalise = af.Normalize(peers.MEAN, peers.STD)
    ours = af.Recipe([af.RandomResizedCrop(SIZE, **CROP), af.HorizontalFlip(), jitter, normalise])
    steps: Any = [
        A.RandomResizedCrop((SIZE, SIZE), **CROP), A.HorizontalFlip(p=0.5),
        A.ColorJitter((0.8, 1.2), (0.8, 1.2), (0.8, 1.2), (-0.05, 0.05), p=1.0), A.Normalize(peers.MEAN, peers.STD),
    ]  # fmt: skip
    theirs = A.Compose(steps)
    figures = []
    for work, data, recipe, compose, demanded in (
        ("memory", af.from_arrays(*memory()), peers.augfuse_recipe(jitter=True), peers._compose(jitter=True), 3.0),
        ("JPEG folder", files, ours, theirs, 1.25),
    ):
        feeds = {"augfuse": augfuse.torch.dataset(data, recipe, seed=0), "Albumentations": Peer(data, compose)}
        calls = {}
        for name, samples in feeds.items():
            feed = DataLoader(samples, BATCH, shuffle=True, num_workers=2, persistent_workers=True)  # type: ignore[arg-type]
            calls[name] = in_epochs(samples, per_image(feed, len(data)))
        found = interleaved(calls, rounds)
        figures.append(
            timing.Figure(
                f"DataLoader, 2 workers, {work}",
                "times as quick as Albumentations in the same DataLoader",
                timing.ratio(found["Albumentations"], found["augfuse"]),
                demanded,
                parts={name: timing.summarise(values) for name, values in found.items()},
            )
        )
    return figures


def in_epochs(samples: Any, call: Callable[[int], Any]) -> Callable[[int], Any]:
    def one(number: int) -> Any:
        if hasattr(samples, "set_epoch"):
            samples.set_epoch(number)
        return call(number)

    return one


def main(*parts: str, folder: Path | None = None, rounds: int = 9, name: str = "adapters") -> None:
    """Measure, print the figures beside what is demanded, and write results/NAME.json."""
    unknown = sorted(set(parts) - set(PARTS))
    if unknown:
        raise SystemExit(f"parts: got {', '.join(unknown)}, wanted some of {', '.join(PARTS)}")
    machine = timing.machine("augfuse", "numpy", "torch", "tensorflow-cpu", "jax", "albumentations")
    figures = []
    if "workers" in (parts or PARTS):
        with tempfile.TemporaryDirectory() as made:
            if folder is None:
                photos(Path(made))
            figures += workers(rounds, folder or Path(made))  # first: a fork of a process in which JAX runs may hang
    if "adapters" in (parts or PARTS):
        figures += adapters(rounds)
    for figure in figures:
        print(figure)
    path = timing.write_json(name, {"machine": machine, "rounds": rounds, "figures": [f.as_json for f in figures]})
    print(f"written: {path}")


if __name__ == "__main__":
    cyclopts.run(main)
