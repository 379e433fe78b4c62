"""Job D: cats and dogs, JPEG class folders at 150x150, fifty epochs; rotation, shifts, zoom and both flips.

    python examples/d_cats_and_dogs.py DATA [--epochs 50] [--seeds 2]

DATA: a folder with train/cats, train/dogs, validation/cats, validation/dogs.
"""

from pathlib import Path

import keras
from keras import layers
from shell import run

import augfuse as af

RECIPE = Path(__file__).with_suffix(".yaml")


def network(shape: tuple[int, int, int], classes: int) -> keras.Model:
    """The tutorial's: three convolutions, dropout, one sigmoid unit."""
    model = keras.Sequential(
        [
            keras.Input(shape),
            layers.Conv2D(32, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Conv2D(64, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Conv2D(128, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dropout(0.5),
            layers.Dense(512, activation="relu"),
            layers.Dense(1, activation="sigmoid", dtype="float32"),
        ]
    )
    model.compile(keras.optimizers.RMSprop(3e-4), "binary_crossentropy", metrics=["accuracy"])
    return model


def main(data: Path, *, epochs: int = 50, seeds: int = 2, precision: str = "float32", out: Path = Path("runs")) -> None:
    """Plain against augmented."""
    keras.config.set_dtype_policy(precision)
    outcome = af.train(data, RECIPE, model=network, epochs=epochs, seeds=seeds, batch_size=20, out=out)
    print(outcome)


if __name__ == "__main__":
    run(main)
