"""Job A: CIFAR-10, a small network, five epochs; rotation, shifts and flips, each image standardised.

    python examples/a_cifar10.py [DATA] [--epochs 5] [--seeds 3]

DATA: a folder with cifar10_train.zip and cifar10_test.zip (class folders inside), or class folders; without it Keras
downloads CIFAR-10.
"""

from pathlib import Path

import keras
from keras import layers
from shell import run

import augfuse as af

RECIPE = Path(__file__).with_suffix(".yaml")


def network(shape: tuple[int, int, int], classes: int) -> keras.Model:
    """The tutorial's: two convolutions, two layers of ten."""
    model = keras.Sequential(
        [
            keras.Input(shape),
            layers.Conv2D(32, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Conv2D(64, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dense(10, activation="relu"),
            layers.Dense(classes, activation="softmax"),
        ]
    )
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def main(data: Path | None = None, *, epochs: int = 5, seeds: int = 3, out: Path = Path("runs")) -> None:
    """Plain against augmented."""
    source = data or keras.datasets.cifar10.load_data()
    outcome = af.train(source, RECIPE, model=network, epochs=epochs, seeds=seeds, batch_size=128, out=out)
    print(outcome)


if __name__ == "__main__":
    run(main)
