"""Job G: blood cells in microscope pictures, boxes of three classes; flips, zoom, shifts, colour.

    python examples/g_blood_cells.py DATA [--epochs 60] [--seeds 3]

DATA: a folder with Annotations and JPEGImages (BCCD: 640x480, red and white cells and platelets).
"""

from pathlib import Path

from shell import run

import augfuse as af

RECIPE = Path(__file__).with_suffix(".yaml")


def main(data: Path, *, epochs: int = 60, seeds: int = 3, out: Path = Path("runs")) -> None:
    """Plain against augmented, with the small network that `af.train` has for boxes."""
    train, test = af.open(data).split(0.25, seed=0, stratify="box_labels")
    outcome = af.train(
        (train, test), RECIPE, task="detection", epochs=epochs, seeds=seeds, batch_size=8, learning_rate=2e-3, out=out
    )
    print(outcome)


if __name__ == "__main__":
    run(main)
