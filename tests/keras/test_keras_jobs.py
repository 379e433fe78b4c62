"""The input code of four tutorials, as people wrote it: only the import line differs.

Each job is a function of the module that `ImageDataGenerator` comes from. It runs with Keras' and with ours, on real
data where they are at hand, and both have to feed a model alike: the same shapes, and statistics within what two
random draws differ by.
"""

from __future__ import annotations

import gzip
import warnings
import zipfile
from pathlib import Path
from types import ModuleType
from typing import Any, cast

import numpy as np
import pytest

from places import DATA

pytest.importorskip("keras", reason="needs the extra: pip install 'augfuse[keras]'")
pytest.importorskip("scipy", reason="needs the extra: pip install 'augfuse[keras]'")

import keras.src.legacy.preprocessing.image as legacy  # the oracle

import augfuse.keras

CLASSES = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]

pytestmark = [
    # SciPy says so of the namespace that Keras' class calls.
    pytest.mark.filterwarnings("ignore:.*scipy.ndimage.interpolation.*:DeprecationWarning"),
    # Ours say what differs from Keras, which is not the subject here.
    pytest.mark.filterwarnings("ignore::augfuse.errors.AugfuseWarning"),
]


def existing(name: str) -> Path:
    path = DATA / name
    if not path.exists():
        pytest.skip(f"needs {name} in the folder that AUGFUSE_TEST_DATA names")
    return path


def both(job: Any, *data: Any) -> tuple[list[np.ndarray], list[np.ndarray]]:
    np.random.seed(0)
    return job(augfuse.keras, *data), job(legacy, *data)


def assert_alike(ours: list[np.ndarray], theirs: list[np.ndarray], tolerance: float) -> None:
    """The same shapes and dtypes; mean and deviation within a share of the deviation."""
    assert [a.shape for a in ours] == [b.shape for b in theirs]
    assert [a.dtype for a in ours] == [b.dtype for b in theirs]
    for a, b in zip(ours, theirs, strict=True):
        scale = float(b.std()) or 1.0
        assert abs(float(a.mean()) - float(b.mean())) < tolerance * scale
        assert abs(float(a.std()) - float(b.std())) < tolerance * scale


def cifar10(count: int) -> tuple[np.ndarray, np.ndarray]:
    x, y = [], []
    with zipfile.ZipFile(existing("cifar10") / "cifar10_train.zip") as archive:
        names = [n for n in archive.namelist() if n.endswith(".jpg")]
        for name in names[:: max(1, len(names) // count)]:
            x.append(augfuse.decode(archive.read(name), color="rgb"))
            y.append(CLASSES.index(Path(name).parent.name))
    return np.stack(x), np.array(y)


def job_a(module: ModuleType, x_train: np.ndarray, y_train: np.ndarray) -> list[np.ndarray]:
    datagen = module.ImageDataGenerator(
        samplewise_center=True,
        samplewise_std_normalization=True,
        rotation_range=10,
        width_shift_range=0.1,
        height_shift_range=0.1,
        horizontal_flip=True,
        fill_mode="nearest",
    )
    datagen.fit(x_train)
    train_generator = datagen.flow(x_train, y_train, batch_size=128)
    images, labels = next(train_generator)
    assert len(train_generator) == -(-len(x_train) // 128)
    test = datagen.standardize(np.copy(x_train[:1]).astype("float32"))
    return [images, labels, test]


def test_job_a_cifar10() -> None:
    x, y = cifar10(500)
    ours, theirs = both(job_a, x.astype("float32"), np.eye(10)[y])
    assert_alike(ours, theirs, 0.02)
    assert np.abs(ours[0].mean(axis=(1, 2, 3))).max() < 1e-4
    np.testing.assert_allclose(ours[2], theirs[2], atol=1e-4)


def job_b(module: ModuleType, photo: Path) -> list[np.ndarray]:
    grids = []
    image = module.load_img(photo) if hasattr(module, "load_img") else load_with_keras(photo)
    data = np.expand_dims(np.asarray(image, "float32"), 0)
    settings: list[dict[str, Any]] = [
        {"horizontal_flip": True, "vertical_flip": True},
        *({"width_shift_range": [-50, 50], "fill_mode": mode} for mode in ("nearest", "reflect", "wrap")),
        {"height_shift_range": 0.5, "fill_mode": "constant", "cval": 120},
        {"rotation_range": 90},
        {"zoom_range": [0.5, 1.0]},
        {"shear_range": 30},
        {"brightness_range": [0.2, 1.0]},
        {"channel_shift_range": 60.0},
    ]
    for options in settings:
        datagen = module.ImageDataGenerator(**options)
        it = datagen.flow(data, batch_size=1)
        grids.append(np.stack([it.next()[0] if hasattr(it, "next") else next(it)[0] for _ in range(24)]))
    return grids


def load_with_keras(path: Path) -> Any:
    import keras

    return keras.utils.load_img(path)


def test_job_b_grids_of_a_photo(tmp_path: Path) -> None:
    photo = next(iter(sorted((existing("photos") / "train").rglob("*.jpg"))))
    small = tmp_path / "photo.png"
    augfuse.keras.load_img(photo, target_size=(90, 120)).save(small)
    ours, theirs = both(job_b, small)
    assert_alike(ours, theirs, 0.25)  # 24 draws of one picture each
    assert all((grid >= 0).all() and (grid <= 255).all() for grid in ours)


def job_b_whitening(module: ModuleType, x_train: np.ndarray) -> list[np.ndarray]:
    datagen = module.ImageDataGenerator(featurewise_center=True, zca_whitening=True, zca_epsilon=0.1, rescale=1 / 255)
    datagen.fit(x_train)
    return [next(datagen.flow(x_train, batch_size=len(x_train)))]


def test_job_b_whitening_whitens_here() -> None:
    x, _ = cifar10(300)
    x = x[:, ::4, ::4].copy()
    ours, theirs = both(job_b_whitening, x)
    assert ours[0].shape == theirs[0].shape
    assert np.abs(ours[0].mean(axis=0)).max() < 1e-3
    assert np.abs(theirs[0].mean(axis=0)).max() > 0.02


def fashion_mnist(part: str) -> np.ndarray:
    path = existing("fashion-mnist") / f"{part}-images-idx3-ubyte.gz"
    raw = gzip.decompress(path.read_bytes())
    return np.frombuffer(raw, np.uint8, offset=16).reshape(-1, 28, 28)


def job_c(module: ModuleType, x_train: np.ndarray, size: int) -> list[np.ndarray]:
    image_generator = module.ImageDataGenerator(
        rotation_range=10,
        zoom_range=0.1,
        shear_range=0.5,
        width_shift_range=0.1,
        height_shift_range=0.1,
        horizontal_flip=True,
        vertical_flip=False,
    )
    x_train = x_train.reshape(-1, 28, 28, 1) / 255.0
    image_generator.fit(x_train, augment=True)
    randidx = np.random.randint(len(x_train), size=size)
    x_augmented = x_train[randidx].copy()
    # The tutorial: dummy labels, one batch, no shuffle.
    flow = image_generator.flow(x_augmented, np.zeros(size), batch_size=size, shuffle=False)
    x_augmented = next(flow)[0]
    return [np.concatenate((x_train.astype("float32"), x_augmented))]


def test_job_c_fashion_mnist_copies() -> None:
    x = fashion_mnist("t10k")[:1000]
    ours, theirs = both(job_c, x, 1000)
    assert_alike(ours, theirs, 0.02)


def job_d(module: ModuleType, base: Path) -> list[np.ndarray]:
    train_datagen = module.ImageDataGenerator(
        rescale=1.0 / 255,
        rotation_range=20,
        width_shift_range=0.1,
        height_shift_range=0.1,
        zoom_range=0.1,
        horizontal_flip=True,
        vertical_flip=True,
    )
    test_datagen = module.ImageDataGenerator(rescale=1.0 / 255)
    train_generator = train_datagen.flow_from_directory(
        base / "train", target_size=(150, 150), batch_size=20, class_mode="binary"
    )
    validation_generator = test_datagen.flow_from_directory(
        base / "validation", target_size=(150, 150), batch_size=20, class_mode="binary", shuffle=False
    )
    assert train_generator.class_indices == validation_generator.class_indices == {"cats": 0, "dogs": 1}
    found = [[], []]
    for data_batch, labels_batch in train_generator:  # endless: the tutorial breaks out of it
        found[0].append(data_batch)
        found[1].append(labels_batch)
        if len(found[0]) == 15:
            break
    x, y = next(validation_generator)
    assert validation_generator.samples == validation_generator.n == len(validation_generator.classes)
    return [np.concatenate(found[0]), np.concatenate(found[1]), x, y]


def test_job_d_cats_and_dogs(capsys: pytest.CaptureFixture[str]) -> None:
    base = existing("cats_dogs")
    ours, theirs = both(job_d, base)
    assert capsys.readouterr().out.count("belonging to 2 classes.") == 4
    assert_alike(ours[:1] + ours[2:], theirs[:1] + theirs[2:], 0.1)
    assert ours[1].shape == theirs[1].shape and set(ours[1]) == {0.0, 1.0}
    np.testing.assert_allclose(ours[2], theirs[2], atol=0.02)  # no augmentation: the same pictures
    np.testing.assert_array_equal(ours[3], theirs[3])


def test_job_d_trains() -> None:
    import keras

    base = existing("cats_dogs")
    train = augfuse.keras.ImageDataGenerator(rescale=1 / 255, rotation_range=20, horizontal_flip=True)
    test = augfuse.keras.ImageDataGenerator(rescale=1 / 255)
    train_generator = train.flow_from_directory(base / "train", (32, 32), class_mode="binary", batch_size=20, seed=0)
    validation_generator = test.flow_from_directory(base / "validation", (32, 32), class_mode="binary", batch_size=20)
    model = keras.Sequential(
        [keras.layers.Conv2D(8, 3, activation="relu"), keras.layers.Flatten(), keras.layers.Dense(1, "sigmoid")]
    )
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # steps_per_epoch below a pass, as in the tutorial, runs out of data in Keras
        history = model.fit(
            train_generator, steps_per_epoch=5, epochs=2, validation_data=validation_generator, validation_steps=3,
            verbose=cast(Any, 0),
        )  # fmt: skip
    assert len(history.history["val_accuracy"]) == 2
    assert model.predict(
        test.flow_from_directory(base / "validation", (32, 32), shuffle=False), verbose=cast(Any, 0)
    ).shape[0] == (len(validation_generator.classes))
