"""Job A's network in plain JAX: CIFAR-10, five epochs; the loader's batches as JAX arrays.

    python examples/jax_cifar10.py DATA [--epochs 5]

DATA: a folder with the parts train and test: class folders, or cifar10_train.zip and cifar10_test.zip.
"""

from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
from shell import run

import augfuse as af

RECIPE = Path(__file__).with_name("a_cifar10.yaml")


def weights(size: int, classes: int) -> list[tuple[jax.Array, jax.Array]]:
    """The tutorial's: two convolutions, two layers of ten."""
    side = ((size - 2) // 2 - 2) // 2
    shapes = [(3, 3, 3, 32), (3, 3, 32, 64), (64 * side * side, 10), (10, classes)]
    keys = jax.random.split(jax.random.key(0), len(shapes))
    start = jax.nn.initializers.glorot_uniform()
    return [(start(key, shape), jnp.zeros(shape[-1])) for key, shape in zip(keys, shapes, strict=True)]


def scores(layers: Any, images: jax.Array) -> jax.Array:
    """(n, classes), before the softmax."""
    for kernel, bias in layers[:2]:
        images = jax.lax.conv_general_dilated(
            images, kernel, (1, 1), "VALID", dimension_numbers=("NHWC", "HWIO", "NHWC")
        )
        images = jax.nn.relu(images + bias)
        images = jax.lax.reduce_window(images, -jnp.inf, jax.lax.max, (1, 2, 2, 1), (1, 2, 2, 1), "VALID")
    (first, bias), (last, end) = layers[2:]
    return jax.nn.relu(images.reshape(len(images), -1) @ first + bias) @ last + end


@jax.jit
def step(layers: Any, moments: Any, count: Any, images: jax.Array, labels: jax.Array) -> tuple[Any, Any]:
    """One step of Adam."""

    def loss(layers: Any) -> jax.Array:
        return -jnp.take_along_axis(jax.nn.log_softmax(scores(layers, images)), labels[:, None], axis=1).mean()

    slopes = jax.grad(loss)(layers)
    first = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, moments[0], slopes)
    second = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g * g, moments[1], slopes)
    rate = 0.001 * jnp.sqrt(1 - 0.999**count) / (1 - 0.9**count)
    return jax.tree.map(lambda w, m, v: w - rate * m / (jnp.sqrt(v) + 1e-7), layers, first, second), (first, second)


def feeds(data: Path) -> tuple[Any, Any, int]:
    """The batches of training and test, and how many classes there are."""
    recipe, parts = af.Recipe.from_yaml(RECIPE.read_text(encoding="utf-8")), af.open(data).parts
    train = af.Loader(parts["train"], recipe, 128, seed=0)
    test = af.Loader(parts["test"], recipe, 128, training=False)
    return train.to_jax(), test.to_jax(), len(parts["train"].classes or ())


def main(data: Path, *, epochs: int = 5) -> float:
    """Train and evaluate; the accuracy on the test part."""
    train, test, classes = feeds(data)
    layers, count, predict = weights(32, classes), 0, jax.jit(scores)
    moments = jax.tree.map(jnp.zeros_like, (layers, layers))
    accuracy = 0.0
    for epoch in range(epochs):
        for images, labels in train:
            count += 1
            layers, moments = step(layers, moments, count, images, labels)
        hits = [predict(layers, images).argmax(1) == labels for images, labels in test]
        accuracy = float(jnp.concatenate(hits).mean())
        print(f"epoch {epoch}: accuracy {accuracy:.3f}")
    return accuracy


if __name__ == "__main__":
    run(main)
