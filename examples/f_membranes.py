"""Job F: cell membranes in electron microscope pictures, a small U-Net; flips, turns, elastic warps, brightness.

    python examples/f_membranes.py DATA [--epochs 30] [--seeds 3]

DATA: a folder with images and masks of the same names (ISBI 2012: gray, 512x512, masks of 0 and 255).
"""

from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import layers
from shell import run

import augfuse as af

RECIPE = Path(__file__).with_suffix(".yaml")


def block(x: Any, filters: int) -> Any:
    """Two convolutions with batch normalisation, whose statistics follow ten steps."""
    for _ in range(2):
        x = layers.Conv2D(filters, 3, padding="same", use_bias=False)(x)
        x = layers.Activation("relu")(layers.BatchNormalization(momentum=0.9)(x))
    return x


def network(shape: tuple[int, int, int], classes: int) -> keras.Model:
    """A U-Net of three levels: the classes of each pixel, at the size of the input."""
    inputs = keras.Input(shape)
    first = block(inputs, 8)
    second = block(layers.MaxPooling2D()(first), 16)
    x = block(layers.MaxPooling2D()(second), 32)
    x = block(layers.Concatenate()([layers.UpSampling2D()(x), second]), 16)
    x = block(layers.Concatenate()([layers.UpSampling2D()(x), first]), 8)
    model = keras.Model(inputs, layers.Conv2D(classes, 1, activation="softmax", dtype="float32")(x))
    model.compile(keras.optimizers.Adam(2e-3), "sparse_categorical_crossentropy")
    return model


def tiles(data: af.DataSet, side: int) -> af.DataSet:
    """The pictures and their masks cut into squares without overlap."""

    def cut(array: np.ndarray) -> list[np.ndarray]:
        rows, columns = (range(0, length - side + 1, side) for length in array.shape[:2])
        return [array[y : y + side, x : x + side] for y in rows for x in columns]

    images = [tile for sample in data for tile in cut(sample.image)]
    masks = [tile for sample in data for tile in cut(sample.targets["mask"])]
    return af.from_arrays(np.stack(images)).with_targets(mask=np.stack(masks)).with_classes(["membrane", "cell"])


def main(data: Path, *, epochs: int = 30, seeds: int = 3, side: int = 96, out: Path = Path("runs")) -> None:
    """Plain against augmented; the test part is two of five pictures that the networks never see a tile of."""
    pictures = af.from_pairs(data / "images", data / "masks", color="grayscale")
    train, test = pictures.split(0.4, seed=0, stratify=False)
    outcome = af.train(
        (tiles(train, side), tiles(test, side)),
        RECIPE,
        model=network,
        epochs=epochs,
        seeds=seeds,
        batch_size=8,
        out=out,
    )
    print(outcome)


if __name__ == "__main__":
    run(main)
