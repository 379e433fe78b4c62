"""Job C: Fashion-MNIST, a network of 5.19 million weights; rotation, zoom, shear, shifts and flips on the fly.

    python examples/c_fashion_mnist.py [DATA] [--epochs 25] [--seeds 1]

DATA: a folder with the IDX files as published (train-images-idx3-ubyte.gz, ...); without it Keras downloads them.
Copies made in advance, as in the tutorial: `augfuse augment DATA copies.npz --copies 1`; a split keeps them together.
"""

from pathlib import Path

import cyclopts
import keras
from keras import layers

import augfuse as af

RECIPE = Path(__file__).with_suffix(".yaml")


def network(shape: tuple[int, int, int], classes: int) -> keras.Model:
    """Three convolutions with batch normalisation and a wide layer: 5.19 million weights, as many as the tutorial's."""
    model = keras.Sequential([keras.Input(shape)])
    for filters, halves in ((32, False), (64, True), (128, True)):
        model.add(layers.Conv2D(filters, 3, padding="same", activation="relu"))
        model.add(layers.BatchNormalization())
        if halves:
            model.add(layers.MaxPooling2D())
    model.add(layers.Flatten())
    model.add(layers.Dense(811, activation="relu"))
    model.add(layers.Dropout(0.5))
    model.add(layers.Dense(classes, activation="softmax", dtype="float32"))
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def main(
    data: Path | None = None, *, epochs: int = 25, seeds: int = 1, precision: str = "float32", out: Path = Path("runs")
) -> None:
    """Plain against augmented; the learning rate is halved where two epochs bring nothing for a held-out tenth."""
    keras.config.set_dtype_policy(precision)
    source = data or keras.datasets.fashion_mnist.load_data()
    af.train(source, RECIPE, model=network, epochs=epochs, seeds=seeds, reduce_lr=2, batch_size=50, out=out)


if __name__ == "__main__":
    cyclopts.run(main)
