"""The array executor, compiled by JAX, TensorFlow (XLA) and PyTorch, beside Keras' layers and kornia: one CPU.

    python benchmarks/arrays.py [speed] [first] [--rounds 9] [--name arrays]

speed: rotate, shift, scale, flip, colour jitter and normalise, 224x224, batches of 32 that lie in the framework's
memory; numbers of the plan are given. Keras' five layers (RandomRotation, RandomTranslation, RandomZoom, RandomFlip,
RandomContrast) have no jitter, and run under tf.function, for XLA does not compile them; kornia does all of it. first:
the first call of a program, in a new process each, with an empty cache of compiled code; for PyTorch also that of
`x * 2 + 1`, for PyTorch examines the processor and its compiler before its first program. Needs:
pip install 'augfuse[bench,tensorflow,jax]'.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from typing import Any

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("JAX_PLATFORMS", "cpu")

import cyclopts
import numpy as np

import augfuse as af
import peers
import timing
from augfuse.execute import arrays
from augfuse.execute.batch_images import as_images

SIZE, BATCH = 224, 32
FRAMEWORKS = ("jax", "tensorflow", "torch")
FIRST = {"jax": 2.0, "tensorflow": 4.0, "torch": 10.0}  # seconds that a first call may take
PARTS = ("speed", "first")
SMALLEST = "torch: x * 2 + 1"


def images() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (BATCH, SIZE, SIZE, 3), dtype=np.uint8)


def recipe(jitter: bool = True) -> af.Recipe:
    """That of the other benchmarks."""
    return peers.augfuse_recipe(jitter)


def program(framework: str, batch: np.ndarray) -> Callable[[int], Any]:
    """A call of the compiled program, which waits for its result. The numbers are those of one of several plans."""
    ops = arrays.ops_for(framework)
    if framework == "torch":
        import torch

        torch.set_num_threads(1)
        given = torch.from_numpy(batch)
    else:
        given = ops.tensor(batch, None)
    pixels = as_images(batch)
    plans = [recipe().plan(pixels.canvas, 3, pixels.dtype, np.arange(BATCH), seed=0, epoch=epoch) for epoch in range(8)]
    prepared = [arrays.prepare(plan) for plan in plans]
    static = prepared[0][0]
    numbers = [{name: ops.tensor(array, given) for name, array in found.items()} for _, found in prepared]
    compiled = ops.compiled(lambda images, numbers: arrays.run(static, images, numbers, ops))

    def call(number: int) -> Any:
        out = compiled(given, numbers[number % len(numbers)])
        return out.block_until_ready() if framework == "jax" else out

    return call


def keras_layers(batch: np.ndarray) -> Callable[[int], Any]:
    """Keras' five layers under tf.function."""
    import keras
    import tensorflow as tf

    layers = keras.Sequential(
        [
            keras.layers.RandomRotation(20 / 360, fill_mode="nearest"),
            keras.layers.RandomTranslation(0.1, 0.1, fill_mode="nearest"),
            keras.layers.RandomZoom(0.1, fill_mode="nearest"),
            keras.layers.RandomFlip("horizontal"),
            keras.layers.RandomContrast(0.2, value_range=(0, 255)),
        ]
    )
    function, given = tf.function(lambda x: layers(x, training=True)), tf.constant(batch)
    return lambda _: function(tf.cast(given, tf.float32)).numpy()


def contender(name: str) -> Callable[[int], Any]:
    if name == "kornia":
        return peers.kornia(images(), jitter=True, threads=1)
    return keras_layers(images()) if name == "Keras' layers" else program(name, images())


class Worker:
    """A contender in a process, on one CPU, so that no other one's threads run beside it."""

    def __init__(self, name: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, __file__, "work", name],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        )  # fmt: skip

    def ready(self) -> None:
        """Wait until it has compiled."""
        self._answer()

    def seconds(self, calls: int) -> float:
        """Processor seconds of a call."""
        assert self._process.stdin is not None
        print(calls, file=self._process.stdin, flush=True)
        return float(self._answer()) / calls

    def _answer(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise SystemExit(f"a worker ended with exit status {self._process.wait()}")
        return line.split()[-1]

    def close(self) -> None:
        self._process.communicate()


def work(name: str) -> None:
    """The worker: answers numbers of calls until its input ends."""
    with timing.pinned(1):
        call = contender(name)
        for number in range(2):  # the first one compiles
            call(number)
        print("ready", flush=True)
        for line in sys.stdin:
            begin = time.process_time()
            for number in range(int(line)):
                call(number)
            print(time.process_time() - begin, flush=True)


def speed(rounds: int) -> list[timing.Figure]:
    """Medians of interleaved rounds, processor time, each contender in its process on one CPU."""
    workers = {}
    for name in (*FRAMEWORKS, "Keras' layers", "kornia"):
        workers[name] = Worker(name)
        workers[name].ready()
    found: dict[str, list[float]] = {name: [] for name in workers}
    for _ in range(rounds):
        for name, worker in workers.items():
            found[name].append(worker.seconds(3) / BATCH * 1e6)
    for worker in workers.values():
        worker.close()
    parts = {f"{name}, us per image": timing.summarise(values) for name, values in found.items()}
    return [
        timing.Figure(
            f"{framework}, compiled, {SIZE}x{SIZE}, batch {BATCH}",
            f"times as quick as {peer}",
            timing.ratio(found[peer], found[framework]),
            demanded,
            parts=parts,
        )
        for framework in FRAMEWORKS
        for peer, demanded in (("Keras' layers", 4.0), ("kornia", 2.5))
    ]


def first(rounds: int) -> list[timing.Figure]:
    """Seconds of the first call, in new processes."""
    figures = []
    for framework, most in FIRST.items():
        names = (framework, SMALLEST) if framework == "torch" else (framework,)
        found = {name: [first_call(name) for _ in range(max(1, rounds // 4))] for name in names}
        parts = {f"{name}, seconds": timing.summarise(values) for name, values in found.items()}
        seconds = timing.summarise(found[framework])
        title = f"{framework}, {SIZE}x{SIZE}"
        figures.append(timing.Figure(title, "seconds of the first call", seconds, most, at_most=True, parts=parts))
    return figures


def first_call(name: str) -> float:
    """In a new process, with an empty cache."""
    with tempfile.TemporaryDirectory() as cache:
        environment = {**os.environ, "TORCHINDUCTOR_CACHE_DIR": cache}
        command = [sys.executable, __file__, "once", name]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return float(done.stdout.split()[-1])


def once(name: str) -> None:
    call = smallest() if name == SMALLEST else program(name, images())
    begin = time.perf_counter()
    call(0)
    print(time.perf_counter() - begin)


def smallest() -> Callable[[int], Any]:
    import torch

    torch.set_num_threads(1)
    compiled = torch.compile(lambda x: x * 2 + 1)
    return lambda _: compiled(torch.zeros(1000))


def main(*parts: str, rounds: int = 9, name: str = "arrays") -> None:
    if parts and parts[0] in ("once", "work"):
        return {"once": once, "work": work}[parts[0]](parts[1])
    machine = timing.machine("augfuse", "jax", "tensorflow", "keras", "torch", "kornia", "numpy")
    figures = []
    for part in parts or PARTS:
        figures += {"speed": speed, "first": first}[part](rounds)
    for figure in figures:
        print(figure)
    named = {f"{figure.work}: {figure.figure}": figure.as_json for figure in figures}
    print(timing.write_json(name, {"machine": machine, "figures": named}))


if __name__ == "__main__":
    cyclopts.run(main)
