"""Seconds for 30 000 stored copies of 28x28 images: `af.augment`, and Keras' generator asked for one batch of 30 000.

    python benchmarks/copies.py [--images 30000] [--rounds 5] [--name copies]

The job is that of a tutorial on Fashion-MNIST: rotation 10 degrees, zoom 0.1, shear 0.5 degrees, shifts 0.1, horizontal
flip. Both give uint8 or float32 arrays in memory; writing files is not measured.
"""

from __future__ import annotations

import cyclopts
import numpy as np

import augfuse as af
import timing

DEMANDED = 2.0  # seconds for 30 000 copies, on two cores


def main(*, images: int = 30_000, rounds: int = 5, name: str = "copies") -> None:
    """Measure, print, and write results/NAME.json.

    Parameters
    ----------
    images
        How many images, each copied once.
    rounds
        Measurements of each contender, taken in turn.
    name
        Name of the result file, without its ending.
    """
    from keras.src.legacy.preprocessing.image import ImageDataGenerator

    x = np.random.default_rng(0).integers(0, 256, (images, 28, 28, 1), dtype=np.uint8)
    y = np.arange(images) % 10
    recipe = af.Recipe(
        [
            af.Rotate(10),
            af.Translate(x=0.1, y=0.1),
            af.Shear(x=0.5),
            af.Scale(x=(0.9, 1.1), y=(0.9, 1.1)),
            af.HorizontalFlip(),
        ]
    )
    source = af.from_arrays(x, y)
    as_floats = x.astype("float32")
    datagen = ImageDataGenerator(
        rotation_range=10, zoom_range=0.1, shear_range=0.5, width_shift_range=0.1, height_shift_range=0.1,
        horizontal_flip=True,
    )  # fmt: skip
    contenders = {
        "augfuse": lambda epoch: af.augment(source, recipe, copies=1, seed=epoch),
        "keras": lambda epoch: next(datagen.flow(as_floats, y, batch_size=images)),
    }
    seconds = {name: timing.summarise(found) for name, found in timing.interleave(contenders, rounds).items()}
    demanded = DEMANDED * images / 30_000
    for contender, found in seconds.items():
        print(f"{contender}: {images:,} copies of 28x28 in {found} s")
    verdict = "reached" if seconds["augfuse"].median <= demanded else "MISSED"
    print(f"demanded at most {demanded:g} s: {verdict}")
    machine = timing.machine("augfuse", "numpy", "keras", "scipy")
    path = timing.write_json(name, {"machine": machine, "images": images, "seconds": seconds, "demanded": demanded})
    print(f"written: {path}")


if __name__ == "__main__":
    app = cyclopts.App(help_format="plaintext", result_action="return_value")
    app.default(main)
    app()
