"""Job A's network with tf.data: CIFAR-10, five epochs; the loader as a tf.data.Dataset.

    python examples/tensorflow_cifar10.py DATA [--epochs 5]

DATA: a folder with the parts train and test: class folders, or cifar10_train.zip and cifar10_test.zip.
"""

from pathlib import Path
from typing import Any

from a_cifar10 import network
from shell import run

import augfuse as af

RECIPE = Path(__file__).with_name("a_cifar10.yaml")


def feeds(data: Path) -> tuple[Any, Any, int]:
    """The batches of training and test, and how many classes there are."""
    recipe, parts = af.Recipe.from_yaml(RECIPE.read_text(encoding="utf-8")), af.open(data).parts
    train = af.Loader(parts["train"], recipe, 128, seed=0)
    test = af.Loader(parts["test"], recipe, 128, training=False)
    return train.to_tf(), test.to_tf(), len(parts["train"].classes or ())


def main(data: Path, *, epochs: int = 5) -> float:
    """Train and evaluate; the accuracy on the test part."""
    train, test, classes = feeds(data)
    model = network((32, 32, 3), classes)
    seen = model.fit(train, epochs=epochs, validation_data=test, shuffle=False, verbose=2)
    return seen.history["val_accuracy"][-1]


if __name__ == "__main__":
    run(main)
