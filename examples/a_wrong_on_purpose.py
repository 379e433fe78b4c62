"""Job A in the tutorial's own words, with its mistake: test images are not standardised as the training images were.

    python examples/a_wrong_on_purpose.py [DATA] [--epochs 5]

Evaluates the network rightly, wrongly with a generator (augfuse names the difference), wrongly with plain arrays
(nothing can see that), and asks `augfuse doctor` which way of feeding the network was trained for. DATA as for
a_cifar10.py.
"""

from pathlib import Path
from tempfile import TemporaryDirectory

import keras
import numpy as np
from a_cifar10 import network
from shell import run

import augfuse as af
from augfuse import doctor
from augfuse.keras import ImageDataGenerator

Arrays = tuple[np.ndarray, np.ndarray]


def arrays(data: Path, part: str) -> Arrays:
    """All images of a part, with their class numbers."""
    archives = list(data.glob(f"*{part}*.zip"))
    source = af.from_zip(archives[0], part=part) if archives else af.from_directory(data, part=part)
    samples = [source[i] for i in range(len(source))]
    if len({sample.image.shape for sample in samples}) > 1:
        raise af.DataError(f"{data}: its images have different sizes, wanted one: CIFAR-10, or another set of arrays.")
    return np.stack([sample.image for sample in samples]), np.array([sample.label for sample in samples])


def load(data: Path | None) -> tuple[Arrays, Arrays]:
    """Training and test part."""
    if data is not None:
        return arrays(data, "train"), arrays(data, "test")
    (x_train, y_train), (x_test, y_test) = keras.datasets.cifar10.load_data()
    return (x_train, y_train.ravel()), (x_test, y_test.ravel())


def main(data: Path | None = None, *, epochs: int = 5) -> None:
    """Train once, evaluate three times, and ask the doctor."""
    (x_train, y_train), (x_test, y_test) = load(data)
    standardise = {"samplewise_center": True, "samplewise_std_normalization": True}
    datagen = ImageDataGenerator(
        rotation_range=10, width_shift_range=0.1, height_shift_range=0.1, horizontal_flip=True, **standardise
    )
    keras.utils.set_random_seed(0)
    model = network(x_train.shape[1:], int(y_train.max()) + 1)
    model.fit(datagen.flow(x_train, y_train, batch_size=128), epochs=epochs, verbose=2)

    feeds = {
        "standardised as in training": ImageDataGenerator(**standardise).flow(x_test, y_test, shuffle=False),
        "not standardised": ImageDataGenerator().flow(x_test, y_test, shuffle=False),
    }
    for name, feed in feeds.items():
        loss, accuracy = model.evaluate(feed, verbose=0)
        print(f"{name}: test loss {loss:.2f}, accuracy {accuracy:.3f}")
    loss, accuracy = model.evaluate(x_test, y_test, verbose=0)
    print(f"arrays as they are: test loss {loss:.2f}, accuracy {accuracy:.3f}")

    with TemporaryDirectory() as folder:
        path = Path(folder) / "model.keras"
        model.save(path)
        for found in doctor.examine(af.from_arrays(x_test, y_test), model=path).findings:
            if found.code == "AF607":
                print(f"augfuse doctor: {found.message} {found.advice}")


if __name__ == "__main__":
    run(main)
