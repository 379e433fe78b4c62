"""`DirectoryIterator` against Keras' own: what it lists, splits and hands out; and what it does with bad files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

keras = pytest.importorskip("keras", reason="needs the extra: pip install 'augfuse[keras,tensorflow]'")
pytest.importorskip("scipy", reason="needs the extra: pip install 'augfuse[keras]'")


from augfuse.errors import DataError  # noqa: E402
from augfuse.keras.generator.generator import ImageDataGenerator  # noqa: E402
from augfuse.keras.iterators.directory_iterator import DirectoryIterator  # noqa: E402
from directory_cases import SIZE, pair, write  # noqa: E402

pytestmark = [
    # The notices about mended defects come once in a process, from whichever test is first; their tests are elsewhere.
    pytest.mark.filterwarnings("ignore:.*docs/imagedatagenerator.md:augfuse.errors.AugfuseWarning"),
    # Keras' legacy class imports from a namespace that SciPy 2 drops.
    pytest.mark.filterwarnings("ignore:Please import `affine_transform` from the `scipy.ndimage`:DeprecationWarning"),
    # Keras 3.15 turns torch tensors into arrays in a way NumPy 2 is about to drop; nothing of ours.
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning"),
]


AUGMENT: dict[str, Any] = {
    "rotation_range": 20, "width_shift_range": 0.2, "height_shift_range": 3.0, "shear_range": 10, "zoom_range": 0.2,
    "channel_shift_range": 20.0, "horizontal_flip": True, "rescale": 1 / 255, "samplewise_center": True,
}  # fmt: skip


def assert_alike(ours: Any, theirs: Any) -> None:
    """Batches of the same structure, dtype and values."""
    assert type(ours) is type(theirs)
    if isinstance(ours, (tuple, list)):
        assert len(ours) == len(theirs)
        for a, b in zip(ours, theirs, strict=True):
            assert_alike(a, b)
        return
    assert (ours.shape, ours.dtype) == (theirs.shape, theirs.dtype)
    np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=2e-3)


def assert_same_batches(ours: Any, theirs: Any, count: int = 4) -> None:
    for _ in range(count):
        state = np.random.get_state()
        batch = next(ours)
        np.random.set_state(state)
        assert_alike(batch, next(theirs))


ATTRIBUTES = (
    "directory", "target_size", "color_mode", "class_mode", "keep_aspect_ratio", "interpolation", "split", "subset",
    "data_format", "dtype", "class_indices", "filenames", "filepaths", "samples", "n", "num_classes", "image_shape",
    "sample_weight", "batch_size", "shuffle", "seed", "save_to_dir", "save_prefix", "save_format",
)  # fmt: skip


# --- the same as Keras ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("color_mode", ["rgb", "rgba", "grayscale"])
@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_attributes_are_those_of_keras(class_folders: Path, color_mode: str, data_format: str) -> None:
    ours, theirs = pair(class_folders, {"data_format": data_format}, color_mode=color_mode, seed=3)
    for name in ATTRIBUTES:
        assert getattr(ours, name) == getattr(theirs, name), name
    assert len(ours) == len(theirs) == 3
    assert ours.classes.dtype == theirs.classes.dtype == np.int32
    np.testing.assert_array_equal(ours.classes, theirs.classes)
    np.testing.assert_array_equal(ours.labels, theirs.labels)
    assert ours.image_data_generator is not None
    assert next(ours)[0].shape[1:] == ours.image_shape


def test_filenames_are_below_the_folder_as_it_was_given(class_folders: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    it = ImageDataGenerator().flow_from_directory(f"{class_folders}/", batch_size=2, target_size=SIZE)
    assert it.filenames[:3] == ["Ant/x.ppm", "Ant/y.png", "cats/Z.jpeg"]
    assert it.filepaths[0] == f"{class_folders}/Ant/x.ppm"
    monkeypatch.chdir(class_folders.parent)
    it = ImageDataGenerator().flow_from_directory("data", batch_size=2, target_size=SIZE)
    assert it.filepaths[0] == "data/Ant/x.ppm"
    assert next(it)[0].shape == (2, *SIZE, 3)


def test_says_what_it_found(class_folders: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pair(class_folders)
    lines = capsys.readouterr().out.splitlines()
    assert lines == ["Found 11 images belonging to 3 classes."] * 2
    keras.config.disable_interactive_logging()
    try:
        ImageDataGenerator().flow_from_directory(class_folders)
    finally:
        keras.config.enable_interactive_logging()
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("subset", ["training", "validation"])
@pytest.mark.parametrize("fraction", [0.2, 0.34, 0.5, 0.9])
def test_splits_are_those_of_keras(class_folders: Path, subset: str, fraction: float) -> None:
    ours, theirs = pair(class_folders, {"validation_split": fraction}, subset=subset)
    assert ours.filenames == theirs.filenames
    assert ours.split == theirs.split
    np.testing.assert_array_equal(ours.classes, theirs.classes)


def test_subsets_are_the_whole(class_folders: Path) -> None:
    datagen = ImageDataGenerator(validation_split=0.4)
    parts = [datagen.flow_from_directory(class_folders, subset=subset) for subset in ("training", "validation")]
    whole = datagen.flow_from_directory(class_folders)
    assert sorted(parts[0].filenames + parts[1].filenames) == sorted(whole.filenames)
    assert len(whole.filenames) == 11


@pytest.mark.parametrize("classes", [["dogs", "cats"], ("cats",), ["."], []])
def test_classes_are_numbered_as_they_are_named(class_folders: Path, classes: Any) -> None:
    ours, theirs = pair(class_folders, classes=classes, shuffle=False)
    assert ours.class_indices == theirs.class_indices
    assert ours.filenames == theirs.filenames
    np.testing.assert_array_equal(ours.classes, theirs.classes)
    assert_same_batches(ours, theirs)


def test_a_class_may_lie_deeper(class_folders: Path) -> None:
    it = ImageDataGenerator().flow_from_directory(class_folders, classes=["cats/deep", "dogs"], target_size=SIZE)
    assert it.filenames[:2] == ["cats/deep/1.png", "cats/deep/er/0.bmp"]
    assert it.class_indices == {"cats/deep": 0, "dogs": 1}


@pytest.mark.parametrize("follow_links", [False, True])
def test_links(class_folders: Path, tmp_path: Path, follow_links: bool) -> None:
    write(tmp_path / "elsewhere/inner/1.png")
    (class_folders / "dogs/linked").symlink_to(tmp_path / "elsewhere")
    (class_folders / "dogs/5.png").symlink_to(class_folders / "cats/b.png")
    ours, theirs = pair(class_folders, follow_links=follow_links)
    assert ours.filenames == theirs.filenames
    assert ("dogs/linked/inner/1.png" in ours.filenames) == follow_links
    assert "dogs/5.png" in ours.filenames


def test_links_in_a_circle_are_followed_once(class_folders: Path) -> None:
    (class_folders / "cats/deep/up").symlink_to(class_folders / "cats")
    it = ImageDataGenerator().flow_from_directory(class_folders, follow_links=True)
    assert it.samples == 11


@pytest.mark.parametrize("class_mode", ["categorical", "binary", "sparse", "input", None])
@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
@pytest.mark.parametrize("dtype", [None, "float64"])
def test_class_modes_are_those_of_keras(
    class_folders: Path, class_mode: str | None, data_format: str, dtype: str | None
) -> None:
    settings = {"data_format": data_format, "dtype": dtype, "rescale": 0.5}
    ours, theirs = pair(class_folders, settings, class_mode=class_mode, seed=1)
    assert_same_batches(ours, theirs)


def test_the_input_mode_hands_out_a_copy(class_folders: Path) -> None:
    it = ImageDataGenerator(rescale=2.0).flow_from_directory(class_folders, class_mode="input", target_size=SIZE)
    x, y = next(it)
    np.testing.assert_array_equal(x, y)
    x[0, 0, 0, 0] += 1
    assert x[0, 0, 0, 0] != y[0, 0, 0, 0]


@pytest.mark.parametrize("shuffle", [False, True])
@pytest.mark.parametrize("seed", [None, 5])
def test_strict_batches_are_those_of_keras(class_folders: Path, shuffle: bool, seed: int | None) -> None:
    ours, theirs = pair(class_folders, AUGMENT, shuffle=shuffle, seed=seed)
    np.random.seed(7)
    assert_same_batches(ours, theirs, count=7)
    for index in (2, 0, 1):
        state = np.random.get_state()
        batch = ours[index]
        np.random.set_state(state)
        assert_alike(batch, theirs[index])


@pytest.mark.parametrize("color_mode", ["rgb", "rgba", "grayscale"])
@pytest.mark.parametrize("interpolation", ["nearest", "bilinear", "bicubic", "hamming", "box", "lanczos"])
@pytest.mark.parametrize("keep_aspect_ratio", [False, True])
def test_reading_is_that_of_keras(
    class_folders: Path, color_mode: str, interpolation: str, keep_aspect_ratio: bool
) -> None:
    options = {
        "color_mode": color_mode, "interpolation": interpolation, "keep_aspect_ratio": keep_aspect_ratio,
        "shuffle": False,
    }  # fmt: skip
    ours, theirs = pair(class_folders, **options)
    plain = ImageDataGenerator().flow_from_directory(class_folders, target_size=SIZE, batch_size=4, **options)
    for _ in range(3):
        wanted, labels = next(theirs)
        got = next(ours)
        np.testing.assert_array_equal(got[0], wanted)
        np.testing.assert_array_equal(got[1], labels)
        # JPEG decoders may differ by a grey level, and so may gray made of colours.
        assert np.abs(next(plain)[0] - wanted).max() <= 3


@pytest.mark.parametrize("mode", ["L", "LA", "P", "RGBA", "CMYK", "1", "I;16"])
@pytest.mark.parametrize("color_mode", ["rgb", "rgba", "grayscale"])
def test_modes_of_files(tmp_path: Path, mode: str, color_mode: str) -> None:
    suffix = "tif" if mode == "CMYK" else "png"
    for seed in range(3):
        path = tmp_path / f"a/{seed}.{suffix}"
        if mode == "I;16":
            path.parent.mkdir(exist_ok=True)
            Image.fromarray(np.random.default_rng(seed).integers(0, 65536, (13, 17), np.uint16)).save(path)
        elif mode in ("P", "1"):
            write(path, seed)
            with Image.open(path) as image:
                image.convert(mode).save(path)
        else:
            write(path, seed, mode)
    ours, theirs = pair(tmp_path, color_mode=color_mode, class_mode=None, shuffle=False)
    np.testing.assert_array_equal(next(ours), next(theirs))
    plain = ImageDataGenerator().flow_from_directory(
        tmp_path, target_size=SIZE, color_mode=color_mode, class_mode=None, shuffle=False
    )
    assert next(plain).max() <= (65535 if (mode, color_mode) == ("I;16", "grayscale") else 255)


# --- what Keras-Preprocessing's own tests ask for ---------------------------------------------------------------------


@pytest.mark.parametrize(("fraction", "training"), [(0.25, 12), (0.40, 10), (0.50, 8)])
def test_validation_split_counts(tmp_path: Path, fraction: float, training: int) -> None:
    for seed in range(16):
        write(tmp_path / f"class-{seed % 2}/sub-{seed % 3}/image-{seed}.png", seed)
    datagen = ImageDataGenerator(validation_split=fraction)
    with pytest.raises(ValueError, match="Invalid subset name"):
        datagen.flow_from_directory(tmp_path, subset="foo")
    assert datagen.flow_from_directory(tmp_path, subset="training").samples == training
    assert datagen.flow_from_directory(tmp_path, subset="validation").samples == 16 - training


def test_preprocessing_function_sees_the_target_size(class_folders: Path) -> None:
    seen = []

    def ones(x: np.ndarray) -> np.ndarray:
        seen.append(x.shape)
        return np.ones_like(x)

    datagen = ImageDataGenerator(preprocessing_function=ones)
    it = datagen.flow_from_directory(
        class_folders, target_size=(26, 27), color_mode="rgb", batch_size=3, class_mode=None
    )
    x = next(it)
    assert set(seen) == {(26, 27, 3)}
    assert x.shape == (3, 26, 27, 3) and (x == 1).all()


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("color_mode", "cmyk", "Invalid color mode: 'cmyk'"),
        ("color_mode", "gray", "Did you mean 'grayscale'"),
        ("class_mode", "output", "Invalid class_mode: 'output'"),
        ("class_mode", "raw", "Invalid class_mode: 'raw'"),
        ("interpolation", "cubic", "Did you mean 'bicubic'"),
        ("subset", "val", "Invalid subset name: 'val'"),
        ("target_size", (150, 150, 3), "channels follow from color_mode"),
        ("target_size", (0, 10), "each at least 1"),
        ("on_error", "ignore", "Invalid on_error: 'ignore'"),
        ("max_skipped", 3, "wanted a fraction"),
        ("classes", "cats", r"as in \['cats'\]"),
        ("classes", ["cats", "cats"], "each name once"),
        ("classes", ["cat", "dogs"], r"no folder 'cat', only 'Ant', 'cats', 'dogs'. Did you mean 'cats'"),
        ("batch_size", 0, "batch_size"),
    ],
)
def test_bad_arguments(class_folders: Path, option: str, value: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ImageDataGenerator().flow_from_directory(class_folders, **{option: value})


@pytest.mark.parametrize(
    ("option", "value"),
    [("target_size", None), ("target_size", 150), ("target_size", (1.5, 2)), ("classes", [0, 1]), ("workres", 3)],
)
def test_arguments_of_the_wrong_type(class_folders: Path, option: str, value: Any) -> None:
    with pytest.raises(TypeError, match=option):
        ImageDataGenerator().flow_from_directory(class_folders, **{option: value})


def test_a_subset_needs_a_generator(class_folders: Path) -> None:
    with pytest.raises(DataError, match="without a generator"):
        DirectoryIterator(class_folders, None, subset="training")
