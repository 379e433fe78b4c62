"""What `augfuse.keras.Augment` inside a model costs: steps of `fit` with the layer against `fit` without it.

    python benchmarks/layer.py [tensorflow] [jax] [torch] [--rounds 7] [--steps 2] [--name layer]

The network and the recipe are those of examples/e_car_or_truck: 128x128, batches of 64, as Keras compiles it by
default. Without the layer uint8 images are only scaled. Each backend runs in its own process; rounds of `steps`
steps take turns, and the figure is the median of their ratios. Needs:
pip install 'augfuse[keras,tensorflow,jax,torch]'.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("JAX_PLATFORMS", "cpu")

import cyclopts
import numpy as np

import timing

BACKENDS = ("tensorflow", "jax", "torch")
DEMANDED = {"tensorflow": 1.15, "jax": 1.15, "torch": None}
EXAMPLES = Path(__file__).parents[1] / "examples"
SIZE, BATCH = 128, 64


def models() -> dict[str, Any]:
    """The network without the layer and with it."""
    sys.path.insert(0, str(EXAMPLES))
    import keras
    from e_car_or_truck import RECIPE, network

    import augfuse as af
    from augfuse.keras import Augment

    recipe = af.Recipe.from_yaml(RECIPE.read_text())
    found = {}
    for name, first in (("without", keras.layers.Rescaling(1 / 255)), ("with", Augment(recipe, seed=0))):
        plain = network((SIZE, SIZE, 3), 2)
        model = keras.Sequential([keras.Input((SIZE, SIZE, 3), dtype="uint8"), first, *plain.layers])
        model.compile(keras.optimizers.Adam(epsilon=0.01), "sparse_categorical_crossentropy")
        found[name] = model
    return found


def one(backend: str, rounds: int, steps: int) -> timing.Figure:
    """In the process of the backend."""
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (steps * BATCH, SIZE, SIZE, 3), dtype=np.uint8)
    labels = rng.integers(0, 2, len(images))
    seconds: dict[str, list[float]] = {}
    firsts, made = {}, models()
    for number in range(rounds + 1):
        for name, model in made.items():
            start = time.perf_counter()
            model.fit(images, labels, batch_size=BATCH, shuffle=False, verbose=0)
            took = (time.perf_counter() - start) / steps
            if number:
                seconds.setdefault(name, []).append(took)
            else:
                firsts[name] = took * steps
    parts = {f"{name}: seconds a step": timing.summarise(values) for name, values in seconds.items()}
    parts |= {f"{name}: seconds of the first fit": timing.summarise([value]) for name, value in firsts.items()}
    ratio = timing.ratio(seconds["with"], seconds["without"])
    return timing.Figure(
        f"fit with the layer, {backend}", "times a step without it", ratio, DEMANDED[backend], True, parts=parts
    )


def main(*backends: str, rounds: int = 7, steps: int = 2, name: str = "layer", inner: bool = False) -> None:
    """Measure, print the figures beside what is demanded, and write results/NAME.json. inner: this is the process of
    one backend."""
    unknown = sorted(set(backends) - set(BACKENDS))
    if unknown:
        raise SystemExit(f"backends: got {', '.join(unknown)}, wanted some of {', '.join(BACKENDS)}")
    if inner:
        print("FIGURE", json.dumps(asdict(one(backends[0], rounds, steps))))
        return
    machine = timing.machine("augfuse", "keras", "tensorflow-cpu", "jax", "torch")
    figures = []
    for backend in backends or BACKENDS:
        command = [sys.executable, __file__, backend, "--inner", "--rounds", str(rounds), "--steps", str(steps)]
        done = subprocess.run(
            command, env={**os.environ, "KERAS_BACKEND": backend}, stdout=subprocess.PIPE, text=True, check=True
        )
        found = json.loads(next(line for line in done.stdout.splitlines() if line.startswith("FIGURE"))[6:])
        found["value"] = timing.Summary(**found["value"])
        found["parts"] = {part: timing.Summary(**value) for part, value in found["parts"].items()}
        figures.append(timing.Figure(**found))
        print(figures[-1])
    path = timing.write_json(name, {"machine": machine, "rounds": rounds, "figures": [f.as_json for f in figures]})
    print(f"written: {path}")


if __name__ == "__main__":
    cyclopts.run(main)
