"""`augfuse.keras.image_dataset_from_directory` against Keras' own function, which needs TensorFlow, and by itself."""

from __future__ import annotations

import importlib.util
import itertools
import os
import pickle
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from keras_datasets import Answer, ask
from places import DATA

keras = pytest.importorskip(
    "keras", reason="needs the extras: pip install 'augfuse[keras,tensorflow]'", exc_type=ImportError
)

import augfuse as af  # noqa: E402
from augfuse.errors import AugfuseWarning, DataError, DataNotFoundError, DecodeError, ImageTypeError  # noqa: E402
from augfuse.keras import ImageDataset, image_dataset_from_directory  # noqa: E402
from augfuse.threads import cpu_count  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")

BACKENDS = [name for name in ("tensorflow", "torch", "jax") if importlib.util.find_spec(name)]
NAMES = (
    "cats/b.png", "cats/a.PNG", "cats/deep/1.png", "cats/deep/er/0.png", "cats/deep-2/2.png", "dogs/10.png",
    "dogs/9.png", "Ant/x.png", "Ant/y.png", "dogs/flat.png", "dogs/tall.png",
)  # fmt: skip
METHODS = ("bilinear", "nearest", "bicubic", "area", "lanczos3", "lanczos5", "gaussian", "mitchellcubic")


def picture(seed: int, height: int, width: int, channels: int = 3) -> np.ndarray:
    """Smooth shapes with noise and hard edges, (h, w, c) uint8."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width]
    found = 128 + 90 * np.sin(x[..., None] / rng.uniform(2, 9, channels) + rng.uniform(0, 6, channels))
    found += 40 * np.cos(y[..., None] / rng.uniform(2, 9, channels)) + rng.normal(0, 12, (height, width, channels))
    found[height // 3 : height // 2, width // 4 :] = 255
    return found.clip(0, 255).astype(np.uint8)


def save(path: Path, seed: int, height: int, width: int, channels: int = 3, **options: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = picture(seed, height, width, channels)
    Image.fromarray(pixels[:, :, 0] if channels == 1 else pixels).save(path, **options)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """PNG files in three classes, some smaller and some larger than what they become, in folders within folders."""
    root = tmp_path_factory.mktemp("data") / "photos"
    for seed, name in enumerate(NAMES):
        height, width = 24 + 7 * seed % 40, 61 - 5 * seed
        if name.endswith(("flat.png", "tall.png")):
            height, width = (9, 90) if "flat" in name else (80, 7)
        save(root / name, seed, height, width)
    (root / "cats/notes.txt").write_text("no image")
    return root


@pytest.fixture(scope="module")
def kinds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Gray, coloured, transparent and palette PNG files; beside them one of one bit, a BMP and a GIF."""
    root = tmp_path_factory.mktemp("data") / "kinds"
    for channels in (1, 3, 4):
        save(root / f"a/{channels}.png", channels, 33, 40, channels)
    rgb = Image.fromarray(picture(9, 30, 26))
    (root / "b").mkdir()
    rgb.quantize(60).save(root / "b/palette.png")
    (root.parent / "others/a").mkdir(parents=True)  # TensorFlow reads BMP in colour only, and makes alpha 1 of one bit
    rgb.convert("1").save(root.parent / "others/a/0.png")
    rgb.save(root.parent / "others/a/1.bmp")
    rgb.save(root.parent / "others/a/2.gif", save_all=True, append_images=[Image.new("RGB", rgb.size)])
    return root


def cases_of(folder: Path, kinds: Path) -> dict[str, dict[str, Any]]:
    one: dict[str, Any] = {"directory": str(folder), "image_size": (23, 31), "shuffle": False, "verbose": False}
    found: dict[str, dict[str, Any]] = {}
    for method in METHODS:
        found[method] = {**one, "interpolation": method}
        if method not in ("gaussian", "mitchellcubic"):  # which Keras itself refuses here
            found[f"{method} crop"] = {**one, "interpolation": method, "crop_to_aspect_ratio": True}
        found[f"{method} pad"] = {**one, "interpolation": method, "pad_to_aspect_ratio": True}
        found[f"{method} larger"] = {**one, "interpolation": method, "image_size": (97, 64)}
    for mode, layout in itertools.product(("grayscale", "rgb", "rgba"), ("channels_last", "channels_first")):
        found[f"{mode} {layout}"] = {**one, "directory": str(kinds), "color_mode": mode, "data_format": layout}
        found[f"{mode} {layout} crop"] = {**found[f"{mode} {layout}"], "crop_to_aspect_ratio": True}
    found["other formats"] = {**one, "directory": str(kinds.parent / "others")}
    found["first pad"] = {**one, "data_format": "channels_first", "pad_to_aspect_ratio": True, "interpolation": "area"}
    for mode in ("int", "categorical", None):
        found[f"labels {mode}"] = {**one, "label_mode": mode, "batch_size": 4}
    found["binary"] = {**one, "label_mode": "binary", "class_names": ["dogs", "Ant"], "batch_size": 3}
    found["one by one"] = {**one, "batch_size": None, "label_mode": "categorical"}
    found["no labels"] = {**one, "labels": None}
    numbers = [3, 5, 3, 3, 5, 5, 5, 3, 9, 9, 9]
    found["list"] = {**one, "labels": numbers}
    found["list of classes"] = {**one, "labels": [int(n == 5) for n in numbers], "label_mode": "binary"}
    found["square"] = {**one, "image_size": 16}
    for shuffle, subset in itertools.product((False, True), ("training", "validation", "both")):
        split = {"shuffle": shuffle, "seed": 11, "validation_split": 0.3, "subset": subset}
        found[f"split {shuffle} {subset}"] = {**one, **split, "image_size": (8, 8)}
        found[f"split of list {shuffle} {subset}"] = {**found[f"split {shuffle} {subset}"], "labels": numbers}
    found["shuffled"] = {**one, "shuffle": True, "seed": 3, "image_size": (8, 8)}
    return found


@pytest.fixture(scope="module")
def answers(folder: Path, kinds: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[dict, Answer]]:
    if "tensorflow" not in BACKENDS:
        pytest.skip("needs the extra: pip install 'augfuse[tensorflow]'")
    cases = cases_of(folder, kinds)
    found = ask(list(cases.values()), tmp_path_factory.mktemp("answers"))
    return dict(zip(cases, zip(cases.values(), found, strict=True), strict=True))


def epoch(dataset: ImageDataset) -> tuple[np.ndarray, np.ndarray | None]:
    """All images and labels of one epoch."""
    batches: list[tuple[Any, ...]] = [batch if isinstance(batch, tuple) else (batch,) for batch in dataset]
    join = np.concatenate if dataset._form.batched else np.stack
    return join([b[0] for b in batches]), join([b[1] for b in batches]) if len(batches[0]) > 1 else None


def parts_of(case: dict[str, Any]) -> list[ImageDataset]:
    made = image_dataset_from_directory(**case)
    return made if isinstance(made, list) else [made]


@pytest.mark.parametrize("name", cases_of(Path(), Path()))
def test_it_gives_what_keras_gives(name: str, answers: dict[str, tuple[dict[str, Any], Answer]]) -> None:
    case, theirs = answers[name]
    ours = parts_of(case)
    assert len(ours) == len(theirs)
    for part, (dataset, answer) in enumerate(zip(ours, theirs, strict=True)):
        assert dataset.class_names == answer["class_names"]
        assert dataset.file_paths == answer["file_paths"]
        images, labels = epoch(dataset)
        assert images.dtype == np.float32
        assert images.shape == answer["images"].shape
        assert (labels is None) == (answer["labels"] is None)
        if case["shuffle"] and part == 0:
            continue  # the order of an epoch is TensorFlow's own; that of the second part of "both" stays
        assert np.abs(images - answer["images"]).max() <= (0 if "nearest" in name else 1.001)
        if labels is not None:
            assert labels.dtype == answer["labels"].dtype
            np.testing.assert_array_equal(labels, answer["labels"])


def test_antialiasing_is_that_of_tensorflow(folder: Path, tmp_path: Path) -> None:
    if "tensorflow" not in BACKENDS:
        pytest.skip("needs the extra: pip install 'augfuse[tensorflow]'")
    code = (
        "import sys, numpy as np, tensorflow as tf\n"
        "images = [tf.image.decode_image(tf.io.read_file(p), 3) for p in sys.argv[3:]]\n"
        "resize = lambda i, method: tf.image.resize(i, (23, 31), method, antialias=True).numpy().astype(np.float32)\n"
        "np.savez(sys.argv[1], **{m: np.stack([resize(i, m) for i in images]) for m in sys.argv[2].split()})\n"
    )
    ours = {
        method: image_dataset_from_directory(
            folder, image_size=(23, 31), shuffle=False, interpolation=method, antialias=True, verbose=False
        )
        for method in METHODS
    }
    out, paths = tmp_path / "theirs.npz", ours["nearest"].file_paths
    subprocess.run([sys.executable, "-c", code, out, " ".join(METHODS), *paths], check=True, capture_output=True)
    with np.load(out) as theirs:
        off = {method: np.abs(epoch(ours[method])[0] - theirs[method]).max() for method in METHODS}
    assert off.pop("nearest") == 0 and all(value <= 0.01 for value in off.values()), off


def test_photos_are_those_of_keras_on_average(tmp_path: Path) -> None:
    photos = DATA / "photos" / "val"
    if not photos.is_dir():
        pytest.skip(f"needs the photos of {photos}")
    if "tensorflow" not in BACKENDS:
        pytest.skip("needs the extra: pip install 'augfuse[tensorflow]'")
    for of_class in sorted(photos.iterdir()):
        for path in sorted(of_class.glob("*.jpg"))[:12]:
            (tmp_path / "photos" / of_class.name).mkdir(parents=True, exist_ok=True)
            shutil.copy(path, tmp_path / "photos" / of_class.name)
    case: dict[str, Any] = {"directory": str(tmp_path / "photos"), "shuffle": False, "verbose": False}
    cases = [{**case, "image_size": size} for size in ((224, 224), (96, 128))]
    for case, (answer,) in zip(cases, ask(cases, tmp_path), strict=True):
        images, labels = epoch(image_dataset_from_directory(**case))
        np.testing.assert_array_equal(labels, answer["labels"])
        assert np.abs(images - answer["images"]).mean(axis=(1, 2, 3)).max() < 2


# --- what it is -------------------------------------------------------------------------------------------------------


def plain(folder: Path, **options: Any) -> Any:
    return image_dataset_from_directory(
        folder, **{"image_size": (12, 10), "seed": 5, "batch_size": 4, "verbose": False, **options}
    )


def test_each_loop_is_an_epoch_in_another_order(folder: Path) -> None:
    dataset = plain(folder)
    rounds = [epoch(dataset)[0] for _ in range(3)]
    assert len(dataset) == dataset.cardinality() == 3
    assert all(len(images) == 11 for images in rounds)
    assert not np.array_equal(rounds[0], rounds[1])
    assert not np.array_equal(rounds[1], rounds[2])
    for images in rounds[1:]:
        np.testing.assert_array_equal(np.sort(images.sum(axis=(1, 2, 3))), np.sort(rounds[0].sum(axis=(1, 2, 3))))
    again = plain(folder)
    np.testing.assert_array_equal(epoch(again)[0], rounds[0])
    still = plain(folder, shuffle=False)
    np.testing.assert_array_equal(epoch(still)[0], epoch(still)[0])


def test_labels_stay_with_their_images(folder: Path) -> None:
    still, labels = epoch(plain(folder, shuffle=False))
    assert labels is not None
    known = {image.tobytes(): int(label) for image, label in zip(still, labels, strict=True)}
    dataset = plain(folder)
    for images, numbers in dataset:
        assert [known[image.tobytes()] for image in images] == numbers.tolist()
        assert numbers.dtype == np.int32


@pytest.mark.parametrize("workers", [0, 1, 3])
def test_threads_change_no_byte(workers: int, folder: Path) -> None:
    np.testing.assert_array_equal(epoch(plain(folder, workers=workers))[0], epoch(plain(folder))[0])


def test_all_cores_read_unless_a_number_is_given(folder: Path) -> None:
    assert plain(folder).loader.workers == cpu_count()
    assert plain(folder, workers=3).loader.workers == 3
    assert plain(folder, recipe=af.Recipe([])).loader.workers == cpu_count()


def test_take_and_skip(folder: Path) -> None:
    dataset = plain(folder, shuffle=False)
    whole = epoch(dataset)[0]
    first, rest = dataset.take(1), dataset.skip(1)
    assert (len(first), len(rest), len(dataset.take(-1)), len(dataset.take(99)), len(dataset.skip(99))) == (
        1,
        2,
        3,
        3,
        0,
    )
    np.testing.assert_array_equal(epoch(first)[0], whole[:4])
    np.testing.assert_array_equal(epoch(rest)[0], whole[4:])
    np.testing.assert_array_equal(epoch(rest.take(1))[0], whole[4:8])
    assert list(dataset.take(0)) == []
    assert first.class_names == dataset.class_names
    np.testing.assert_array_equal(rest[1][0], whole[8:])
    with pytest.raises(IndexError, match=r"batch 1 of a data set with 1"):
        first[1]
    shuffled = plain(folder).take(1)
    assert not np.array_equal(epoch(shuffled)[0], epoch(shuffled)[0])


@pytest.mark.parametrize(
    ("name", "words"),
    [("prefetch", "prefetched"), ("cache", "Leave it out"), ("map", "recipe="), ("unbatch", "batch_size=None")],
)
def test_what_tf_data_has_besides_is_explained(name: str, words: str, folder: Path) -> None:
    dataset = plain(folder)
    with pytest.raises(AttributeError, match=words):
        getattr(dataset, name)
    assert not hasattr(dataset, name)
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        dataset.nonsense  # noqa: B018


def test_it_pickles(folder: Path) -> None:
    dataset = plain(folder)
    first = epoch(dataset)[0]
    copy = pickle.loads(pickle.dumps(dataset.skip(1)))
    assert (len(copy), copy.class_names, copy.file_paths) == (2, dataset.class_names, dataset.file_paths)
    other = pickle.loads(pickle.dumps(plain(folder)))
    np.testing.assert_array_equal(epoch(other)[0], first)


def test_a_recipe_augments_training_images_only(folder: Path) -> None:
    recipe = af.Recipe([af.HorizontalFlip(p=1.0), af.Normalize(mean=0.5, std=0.5)])
    options = {"validation_split": 0.4, "subset": "both", "shuffle": False}
    plain_train, plain_val = (epoch(d)[0] for d in plain(folder, **options))
    train, val = (epoch(d)[0] for d in plain(folder, recipe=recipe, **options))
    np.testing.assert_allclose(train, plain_train[:, :, ::-1] / 127.5 - 1, atol=1e-5)
    np.testing.assert_allclose(val, plain_val / 127.5 - 1, atol=1e-5)
    (alone,) = (epoch(plain(folder, recipe=recipe, **{**options, "subset": "validation"}))[0],)
    np.testing.assert_array_equal(alone, val)


def test_overshoot_is_clipped_for_a_recipe_only(folder: Path) -> None:
    options = {"interpolation": "lanczos3", "shuffle": False}
    images, _ = epoch(plain(folder, **options))
    assert images.min() < 0 or images.max() > 255
    clipped, _ = epoch(plain(folder, recipe=af.Recipe([]), **options))
    np.testing.assert_allclose(clipped, images.clip(0, 255), atol=1e-3)


def model(outputs: int, loss: str) -> Any:
    made = keras.Sequential([keras.Input((12, 10, 3)), keras.layers.Flatten(), keras.layers.Dense(outputs)])
    made.compile(optimizer="sgd", loss=loss, metrics=["accuracy"])
    return made


@pytest.mark.parametrize(
    ("mode", "loss", "outputs", "names"),
    [
        ("int", "sparse_categorical_crossentropy", 3, None),
        ("categorical", "categorical_crossentropy", 3, None),
        ("binary", "binary_crossentropy", 1, ["cats", "dogs"]),
    ],
)
def test_fit_takes_it(mode: str, loss: str, outputs: int, names: list[str] | None, folder: Path) -> None:
    recipe = af.Recipe([af.HorizontalFlip(), af.Normalize()])
    train, val = plain(folder, label_mode=mode, class_names=names, recipe=recipe, validation_split=0.3, subset="both")
    network = model(outputs, loss)
    history = network.fit(train, validation_data=val, epochs=2, verbose=0)
    assert np.isfinite(history.history["loss"] + history.history["val_loss"]).all()
    assert network.predict(val.take(1), verbose=0).shape == (min(4, len(val.file_paths)), outputs)
    images = plain(folder, label_mode=None, shuffle=False, recipe=af.Recipe([af.Normalize()]))
    assert network.predict(images, verbose=0).shape == (11, outputs)


def test_each_epoch_of_fit_has_another_order(folder: Path) -> None:
    seen: list[np.ndarray] = []

    class Watch(keras.layers.Layer):
        def call(self, inputs: Any) -> Any:
            seen.append(np.asarray(keras.ops.convert_to_numpy(inputs)))
            return inputs

    network = keras.Sequential([keras.Input((12, 10, 3)), Watch(), keras.layers.Flatten(), keras.layers.Dense(3)])
    network.compile(loss="sparse_categorical_crossentropy", run_eagerly=True)
    seen.clear()
    dataset = plain(folder, recipe=af.Recipe([af.Normalize()]))
    network.fit(dataset, epochs=2, verbose=0, shuffle=False)
    batches = [batch for batch in seen if batch.shape[0] in (3, 4)][-6:]
    assert not np.array_equal(np.concatenate(batches[:3]), np.concatenate(batches[3:]))


@pytest.mark.slow(reason="starts a process for each backend")
@pytest.mark.parametrize("backend", [name for name in BACKENDS if name != keras.backend.backend()])
def test_other_backends_take_it(backend: str, folder: Path) -> None:
    code = (
        "import sys, keras\nfrom augfuse.keras import image_dataset_from_directory\n"
        "train, val = image_dataset_from_directory(sys.argv[1], image_size=(12, 10), batch_size=4, seed=1, "
        "validation_split=0.3, subset='both')\n"
        "model = keras.Sequential([keras.Input((12, 10, 3)), keras.layers.Flatten(), keras.layers.Dense(3)])\n"
        "model.compile(loss='sparse_categorical_crossentropy')\n"
        "model.fit(train, validation_data=val, epochs=2, verbose=0)\n"
        "print(keras.backend.backend(), 'tensorflow' in sys.modules)\n"
    )
    environment = {**os.environ, "KERAS_BACKEND": backend}
    done = subprocess.run(
        [sys.executable, "-c", code, str(folder)], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == f"{backend} {backend == 'tensorflow'}"
    assert "Found 11 files belonging to 3 classes." in done.stdout


def test_it_says_what_it_found(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plain(folder, validation_split=0.3, subset="both", verbose=True)
    plain(folder, labels=None, verbose=True)
    plain(folder, verbose=False)
    assert capsys.readouterr().out.splitlines() == [
        "Found 11 files belonging to 3 classes.", "Using 8 files for training.", "Using 3 files for validation.",
        "Found 11 files.",
    ]  # fmt: skip


# --- what cannot be used ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"labels": "infered"}, r"Did you mean 'inferred'"),
        ({"labels": [1, 2]}, r"got 2 labels for 11 files"),
        ({"labels": [[1]] * 11}, r"one number for each file"),
        ({"labels": [1] * 11, "class_names": ["a"]}, r"class_names: .*labels='inferred' only"),
        ({"labels": None, "class_names": ["a"]}, r"class_names: .*labels='inferred' only"),
        ({"labels": [3] * 6 + [5] * 5, "label_mode": "categorical"}, r"class numbers 0 to 1, got \['3', '5'\]"),
        ({"label_mode": "sparse"}, r"Invalid label_mode: 'sparse'"),
        ({"label_mode": "binary"}, r"takes 2 classes, got 3"),
        ({"class_names": ["cats", "dgos"]}, r"no folder 'dgos'.*Did you mean 'dogs'"),
        ({"class_names": ["cats", "cats"]}, r"each name once"),
        ({"color_mode": "bgr"}, r"Invalid color_mode"),
        ({"image_size": (3, 4, 3)}, r"wanted \(height, width\)"),
        ({"image_size": (0, 4)}, r"each at least 1"),
        ({"interpolation": "lanczos"}, r"'lanczos'.*Did you mean 'lanczos[35]'"),
        ({"interpolation": "hamming"}, r"Invalid interpolation"),
        ({"crop_to_aspect_ratio": True, "pad_to_aspect_ratio": True}, r"wanted one of them"),
        ({"validation_split": 0.2}, r"subset: it has to go with validation_split"),
        ({"subset": "training"}, r"validation_split: it has to go with subset"),
        ({"validation_split": 1.5, "subset": "both"}, r"between 0 and 1"),
        ({"validation_split": 0.2, "subset": "test"}, r"Invalid subset"),
        ({"validation_split": 0.2, "subset": "both", "seed": None}, r"a seed is needed"),
        ({"validation_split": 0.01, "subset": "both"}, r"leaves none for validation"),
        ({"batch_size": 0}, r"batch_size"),
        ({"format": "torch"}, r"Invalid format"),
        ({"data_format": "last"}, r"channels_last"),
        ({"antialias": "no"}, r"wanted True or False"),
        ({"seed": 2**32}, r"at most 2\*\*32 - 1"),
        ({"seed": -1}, r"seed"),
    ],
)
def test_options_that_cannot_be_used(options: dict[str, Any], words: str, folder: Path) -> None:
    with pytest.raises(ValueError, match=words):
        plain(folder, **options)


def test_arguments_that_do_not_exist(folder: Path) -> None:
    with pytest.raises(ImageTypeError, match=r"no argument 'target_size'"):
        plain(folder, target_size=(3, 3))
    with pytest.raises(ImageTypeError, match=r"recipe: got list"):
        plain(folder, recipe=[af.HorizontalFlip()])


def test_folders_that_cannot_be_used(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(DataNotFoundError, match="photo"):
        plain(tmp_path / "photo")
    with pytest.raises(DataNotFoundError, match="is a file"):
        plain(folder / "dogs/9.png")
    (tmp_path / "empty/cats").mkdir(parents=True)
    with pytest.raises(DataError, match=r"holds no images in folders of classes"):
        plain(tmp_path / "empty")
    save(tmp_path / "flat/1.png", 0, 9, 9)
    with pytest.raises(DataError, match=r"holds no images in folders of classes"):
        plain(tmp_path / "flat")
    assert len(plain(tmp_path / "flat", labels=None).file_paths) == 1


def test_what_lies_about(tmp_path: Path) -> None:
    for name in ("a/1.png", "b/1.png", ".hidden/1.png", "b/._1.png", "a/.ipynb_checkpoints/1-checkpoint.png"):
        save(tmp_path / name, 0, 9, 9)
    (tmp_path / "empty").mkdir()
    save(tmp_path / "a/2.webp", 0, 9, 9)
    with pytest.warns(AugfuseWarning) as said:
        dataset = plain(tmp_path)
    words = " ".join(str(one.message) for one in said)
    assert dataset.class_names == ["a", "b", "empty"]
    assert [Path(path).name for path in dataset.file_paths] == ["1.png", "1.png"]
    assert "'empty', which counts as a class" in words
    assert ".webp 1" in words
    assert "1 folders and 2 images that are hidden" in words


def test_parts_are_no_classes(tmp_path: Path) -> None:
    for part, name in itertools.product(("train", "test"), "ab"):
        save(tmp_path / part / name / "1.png", 0, 9, 9)
    with pytest.warns(AugfuseWarning, match=r"are parts of a data set.*class_names=\["):
        plain(tmp_path)


def test_a_broken_file_is_named(tmp_path: Path) -> None:
    for i in range(5):
        save(tmp_path / f"a/{i}.png", i, 20, 20)
    broken = tmp_path / "a/3.png"
    broken.write_bytes(broken.read_bytes()[:60])
    dataset = plain(tmp_path, shuffle=False)
    with pytest.raises(DecodeError, match=r"a/3\.png"):
        list(dataset)


def test_links_to_folders(tmp_path: Path) -> None:
    save(tmp_path / "data/a/1.png", 0, 9, 9)
    save(tmp_path / "other/2.png", 1, 9, 9)
    (tmp_path / "data/a/link").symlink_to(tmp_path / "other")
    (tmp_path / "data/a/circle").symlink_to(tmp_path / "data/a")
    assert len(plain(tmp_path / "data").file_paths) == 1
    assert len(plain(tmp_path / "data", follow_links=True).file_paths) == 2


def test_cameras_turn_images(tmp_path: Path) -> None:
    pixels = Image.fromarray(picture(3, 20, 30))
    exif = Image.Exif()
    exif[0x0112] = 6
    (tmp_path / "a").mkdir()
    pixels.save(tmp_path / "a/1.jpg", exif=exif, quality=95)
    dataset = plain(tmp_path, image_size=(30, 20))
    from augfuse.warn_once import forget

    forget()
    with pytest.warns(AugfuseWarning, match=r"turned upright.*Keras leaves it"):
        (images, _), *_ = list(dataset)
    with Image.open(tmp_path / "a/1.jpg") as image:
        upright = np.asarray(image.transpose(Image.Transpose.ROTATE_270), np.float32)
    np.testing.assert_allclose(images[0], upright, atol=2)
