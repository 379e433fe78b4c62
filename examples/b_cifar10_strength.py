"""Job B: how much augmentation is good? CIFAR-10 at four strengths of one recipe, learning rate and epochs by callback.

    python examples/b_cifar10_strength.py [DATA] [--epochs 40] [--seeds 3]

Strength 0 means no augmentation, 1 the recipe, 1.5 every range half as wide again; the report plots accuracy against
it. Grids of the recipe, and of the four fill modes: python examples/b_grids.py PHOTO grids/
"""

from pathlib import Path

import keras
from a_cifar10 import network
from shell import run

import augfuse as af

RECIPE = Path(__file__).with_suffix(".yaml")


def main(data: Path | None = None, *, epochs: int = 40, seeds: int = 3, out: Path = Path("runs")) -> None:
    """Four strengths, paired seeds."""
    outcome = af.train(
        data or keras.datasets.cifar10.load_data(),
        RECIPE,
        model=network,
        epochs=epochs,
        seeds=seeds,
        sweep=(0, 0.5, 1, 1.5),
        early_stopping=6,
        reduce_lr=3,
        batch_size=128,
        out=out,
    )
    print(outcome)


if __name__ == "__main__":
    run(main)
