"""Job C: Fashion-MNIST, a network of 5.19 million weights; rotation, zoom, shear, shifts and flips on the fly.

    python examples/c_fashion_mnist.py [DATA] [--epochs 25] [--seeds 2]

DATA: a folder with the IDX files as published (train-images-idx3-ubyte.gz, ...); without it Keras downloads them.
Copies made in advance, as in the tutorial: `augfuse augment DATA copies.npz --copies 1`; a split keeps them together.
"""

from pathlib import Path

import keras
from keras import layers
from shell import run

import augfuse as af

RECIPE = Path(__file__).with_suffix(".yaml")
BATCH = 50


def network(shape: tuple[int, int, int], classes: int, epochs: int = 25) -> keras.Model:
    """Three convolutions and a wide layer: 5.19 million weights, as many as the tutorial's, most of them in the latter.

    Compiled with Adam, whose rate falls along half a cosine to nothing in `epochs` epochs of 60 000 images.
    """
    model = keras.Sequential([keras.Input(shape)])
    for filters, halves in ((32, True), (64, False), (128, True)):
        model.add(layers.Conv2D(filters, 3, padding="same", activation="relu"))
        if halves:
            model.add(layers.MaxPooling2D())
        model.add(layers.BatchNormalization())
    model.add(layers.Flatten())
    model.add(layers.Dense(811, activation="relu"))
    model.add(layers.Dropout(0.5))
    model.add(layers.Dense(classes, activation="softmax", dtype="float32"))
    rate = keras.optimizers.schedules.CosineDecay(1e-3, decay_steps=epochs * (60_000 // BATCH))
    model.compile(keras.optimizers.Adam(rate), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def main(
    data: Path | None = None, *, epochs: int = 25, seeds: int = 2, precision: str = "float32", out: Path = Path("runs")
) -> None:
    """Plain against augmented."""
    keras.config.set_dtype_policy(precision)
    source = data or keras.datasets.fashion_mnist.load_data()

    def for_these_epochs(shape: tuple[int, int, int], classes: int) -> keras.Model:
        return network(shape, classes, epochs)

    outcome = af.train(source, RECIPE, model=for_these_epochs, epochs=epochs, seeds=seeds, batch_size=BATCH, out=out)
    print(outcome)


if __name__ == "__main__":
    run(main)
