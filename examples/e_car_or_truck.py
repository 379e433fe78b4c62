"""Job E: car or truck, JPEG class folders at 128x128; contrast, flip, rotation, shifts and random widths in the loader.

    python examples/e_car_or_truck.py DATA [--epochs 40] [--seeds 3]

DATA: a folder with train/Car, train/Truck, valid/Car, valid/Truck.
"""

from pathlib import Path

import keras
from keras import layers
from shell import run

import augfuse as af

RECIPE = Path(__file__).with_suffix(".yaml")


def network(shape: tuple[int, int, int], classes: int) -> keras.Model:
    """Convolutions with batch normalisation, as the tutorial's; what it augmented inside the model is in the recipe.

    Its statistics follow ten steps: Keras' hundred take half of the training where an epoch has 16, and the early
    epochs would look best to the early stopping.
    """
    model = keras.Sequential([keras.Input(shape)])
    for filters in (64, 128, 256):
        model.add(layers.BatchNormalization(momentum=0.9))
        model.add(layers.Conv2D(filters, 3, padding="same", activation="relu"))
        model.add(layers.MaxPooling2D())
    for layer in (layers.BatchNormalization(momentum=0.9), layers.Flatten(), layers.Dense(8, activation="relu")):
        model.add(layer)
    model.add(layers.Dense(classes, activation="softmax", dtype="float32"))
    model.compile(keras.optimizers.Adam(epsilon=0.01), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def main(data: Path, *, epochs: int = 40, seeds: int = 3, precision: str = "float32", out: Path = Path("runs")) -> None:
    """Plain against augmented, until ten epochs bring nothing; the best average of weights over epochs is kept."""
    keras.config.set_dtype_policy(precision)
    outcome = af.train(
        data, RECIPE, model=network, epochs=epochs, seeds=seeds, batch_size=64, early_stopping=10, out=out
    )
    print(outcome)


if __name__ == "__main__":
    run(main)
