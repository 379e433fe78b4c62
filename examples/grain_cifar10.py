"""Job A's network in JAX, with batches from Grain: CIFAR-10, five epochs; the recipe as a transform of Grain's.

    python examples/grain_cifar10.py DATA [--epochs 5]

DATA: a folder with the parts train and test: class folders, or cifar10_train.zip and cifar10_test.zip.
"""

from pathlib import Path
from typing import Any

import grain
import jax
import jax.numpy as jnp
from jax_cifar10 import RECIPE, scores, step, weights
from shell import run

import augfuse as af


def stream(part: af.DataSet, *, epochs: int = 1, training: bool = True, shuffle: bool = True) -> Any:
    """Batches of 128 of so many epochs, as dicts with "image", "label" and "index"."""
    recipe = af.Recipe.from_yaml(RECIPE.read_text(encoding="utf-8"))
    source = grain.MapDataset.source(af.grain.Source(part))
    order = (source.shuffle(seed=0) if shuffle else source).repeat(epochs)
    return order.map_with_index(af.grain.Augment(recipe, len(part), seed=0, training=training)).batch(128)


def main(data: Path, *, epochs: int = 5) -> float:
    """Train and evaluate; the accuracy on the test part."""
    parts = af.open(data).parts
    layers, predict = weights(32, len(parts["train"].classes or ())), jax.jit(scores)
    moments = jax.tree.map(jnp.zeros_like, (layers, layers))
    for count, batch in enumerate(stream(parts["train"], epochs=epochs), 1):
        layers, moments = step(layers, moments, count, batch["image"], batch["label"])
    hits = [
        predict(layers, batch["image"]).argmax(1) == batch["label"]
        for batch in stream(parts["test"], training=False, shuffle=False)
    ]
    accuracy = float(jnp.concatenate(hits).mean())
    print(f"accuracy {accuracy:.3f}")
    return accuracy


if __name__ == "__main__":
    run(main)
