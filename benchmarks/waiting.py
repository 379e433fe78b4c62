"""How much of a training step is spent waiting for data: Keras' deprecated class against augfuse, from JPEG files.

    python benchmarks/waiting.py DATA [--steps 40] [--rounds 3] [--name waiting]

DATA is a folder with one sub-folder of images per class, two classes. Needs Keras with a backend (TensorFlow unless
KERAS_BACKEND says otherwise) and SciPy: pip install 'augfuse[bench,train]'.

The same method for both: the time per step of `fit` on the data, minus the time per step of `fit` on one batch that
is served again and again, is waiting. Augmenting beside the training also takes processor time from it; that counts
as waiting too, for that is what the user waits for. Each system runs in its own process.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.pop("OPENBLAS_CORETYPE", None)

import cyclopts
import keras
import numpy as np

import timing
import workloads

SIDE = 150
System = Literal["keras", "augfuse"]


def keras_data(folder: Path, batch_size: int) -> Any:
    """The deprecated class, reading from the folder as its documentation shows."""
    from keras.src.legacy.preprocessing.image import ImageDataGenerator

    generator = ImageDataGenerator(
        rescale=1 / 255,
        rotation_range=workloads.ROTATE,
        width_shift_range=workloads.SHIFT,
        height_shift_range=workloads.SHIFT,
        zoom_range=workloads.ZOOM,
        horizontal_flip=True,
        fill_mode="nearest",
    )
    return generator.flow_from_directory(
        str(folder), target_size=(SIDE, SIDE), interpolation="bilinear", batch_size=batch_size, class_mode="binary"
    )


def augfuse_data(folder: Path, batch_size: int) -> Any:
    """augfuse with the same ranges, decoding the same files in every epoch."""
    import augfuse as af

    recipe = af.Recipe(
        (
            af.Resize(size=(SIDE, SIDE)),
            af.Rotate(degrees=workloads.ROTATE),
            af.Translate(x=workloads.SHIFT, y=workloads.SHIFT),
            af.Scale(factor=workloads.SCALE),
            af.HorizontalFlip(p=workloads.FLIP),
            af.ToFloat(),
        ),
        fill="nearest",
    )
    return af.Loader(af.from_directory(folder), recipe, batch_size=batch_size, seed=0, drop_last=True).to_keras()


class OneBatch(keras.utils.PyDataset):
    """The same batch at every step: what is left of `fit` when there is no data to wait for."""

    def __init__(self, batch: Any, steps: int) -> None:
        super().__init__()
        self._batch, self._steps = batch, steps

    def __len__(self) -> int:
        return self._steps

    def __getitem__(self, index: int) -> Any:
        return self._batch


class Clock(keras.callbacks.Callback):
    """Notes when each step ends."""

    def __init__(self) -> None:
        super().__init__()
        self.ends: list[float] = []

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self.ends.append(time.perf_counter())

    def seconds_per_step(self, skip: int = 2) -> float:
        """Mean over the steps after the first few, which fill the queues; a mean, since waiting comes in bursts."""
        return (self.ends[-1] - self.ends[skip]) / (len(self.ends) - 1 - skip)


def model() -> Any:
    """The small network of the cats-or-dogs tutorials."""
    keras.utils.set_random_seed(0)
    layers = keras.layers
    network = keras.Sequential([layers.Input((SIDE, SIDE, 3))])
    for filters in (32, 64, 128):
        network.add(layers.Conv2D(filters, 3, activation="relu"))
        network.add(layers.MaxPooling2D())
    for layer in (layers.Flatten(), layers.Dropout(0.5), layers.Dense(1, activation="sigmoid")):
        network.add(layer)
    network.compile(optimizer="adam", loss="binary_crossentropy", metrics=["accuracy"])
    return network


def measure(system: System, folder: Path, steps: int, rounds: int, batch_size: int) -> dict[str, float]:
    """Milliseconds per step with one repeated batch and with the data, taken in turn, and the share of waiting."""
    with _stdout_to_stderr():  # Keras' class prints what it found; the caller reads this process' output
        data = (keras_data if system == "keras" else augfuse_data)(folder, batch_size)
        if len(data) < steps:
            raise SystemExit(f"--steps: got {steps}, wanted at most {len(data)}, the batches in {folder}")
        first = data[0]
        images = np.asarray(first[0])
        if images.shape != (batch_size, SIDE, SIDE, 3) or not 0.5 < images.max() <= 1:
            raise SystemExit(
                f"{system} served {images.shape} up to {images.max()}, wanted {batch_size} images in [0, 1]"
            )
        network = model()
        constant = OneBatch(first, steps)
        network.fit(constant, epochs=1, steps_per_epoch=5, verbose=0)  # compiles
        network.fit(data, epochs=1, steps_per_epoch=5, verbose=0)
        times: dict[str, list[float]] = {"constant": [], "data": []}
        for _ in range(rounds):
            for name, source in (("constant", constant), ("data", data)):
                clock = Clock()
                network.fit(source, epochs=1, steps_per_epoch=steps, verbose=0, callbacks=[clock])
                times[name].append(clock.seconds_per_step())
    with_data, without = (timing.summarise(times[name]) for name in ("data", "constant"))
    waiting = timing.summarise([1 - b / a for a, b in zip(times["data"], times["constant"], strict=True)])
    return {
        "constant_ms_per_step": without.median * 1e3,
        "constant_mad_ms": without.mad * 1e3,
        "data_ms_per_step": with_data.median * 1e3,
        "data_mad_ms": with_data.mad * 1e3,
        "waiting_share": waiting.median,
        "waiting_share_mad": waiting.mad,
    }


@contextmanager
def _stdout_to_stderr() -> Iterator[None]:
    real, sys.stdout = sys.stdout, sys.stderr
    try:
        yield
    finally:
        sys.stdout = real


def measure_in_new_process(system: System, folder: Path, steps: int, rounds: int, batch_size: int) -> dict[str, float]:
    """`measure`, in a process that has loaded nothing else."""
    numbers = [f"--steps={steps}", f"--rounds={rounds}", f"--batch-size={batch_size}"]
    command = [sys.executable, __file__, str(folder), f"--only={system}", *numbers]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(f"measuring {system} failed:\n{done.stderr}")
    return json.loads(done.stdout)


def main(
    data: Path,
    /,
    *,
    steps: int = 40,
    rounds: int = 3,
    batch_size: int = 20,
    name: str = "waiting",
    only: System | None = None,
) -> None:
    """Measure both, print, and write results/NAME.json.

    Parameters
    ----------
    data
        A folder with one sub-folder of images per class, two classes.
    steps
        Training steps per measurement.
    rounds
        Measurements of each kind, in turn.
    batch_size
        Images per step.
    name
        Name of the result file, without its ending.
    only
        Measure just this one, here, and print JSON: what the script calls itself with.
    """
    if only is not None:
        print(json.dumps(measure(only, data, steps, rounds, batch_size)))
        return
    machine = timing.machine("augfuse", "keras", keras.backend.backend(), "numpy", "numba", "scipy", "pillow")
    systems: tuple[System, ...] = ("keras", "augfuse")
    found = {system: measure_in_new_process(system, data, steps, rounds, batch_size) for system in systems}
    for system, figures in found.items():
        print(
            f"{system:8} one batch {figures['constant_ms_per_step']:6.1f} ± {figures['constant_mad_ms']:.1f} ms/step   "
            f"data {figures['data_ms_per_step']:6.1f} ± {figures['data_mad_ms']:.1f} ms/step   "
            f"waiting {figures['waiting_share']:.1%} ± {figures['waiting_share_mad']:.1%}"
        )
    settings = {"steps": steps, "rounds": rounds, "batch_size": batch_size, "side": SIDE}
    path = timing.write_json(name, {"machine": machine, **settings, "systems": found})
    print(f"written: {path}")


if __name__ == "__main__":
    app = cyclopts.App(help_format="plaintext", result_action="return_value")
    app.default(main)
    app()
