"""`DirectoryIterator` against Keras' own: what it lists, splits and hands out; and what it does with bad files."""

from __future__ import annotations

import os
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

keras = pytest.importorskip("keras", reason="needs the extra: pip install 'augfuse[keras,tensorflow]'")
pytest.importorskip("scipy", reason="needs the extra: pip install 'augfuse[keras]'")

from keras.src.legacy.preprocessing import image as legacy  # noqa: E402

from augfuse.errors import AugfuseWarning, DataError, DataNotFoundError, DecodeError, ImageTypeError  # noqa: E402
from augfuse.keras.generator.generator import ImageDataGenerator  # noqa: E402
from augfuse.keras.iterators.directory_iterator import DirectoryIterator  # noqa: E402
from augfuse.keras.iterators.file_iterator import EmptyBatchError  # noqa: E402

pytestmark = [
    # The notices about mended defects come once in a process, from whichever test is first; their tests are elsewhere.
    pytest.mark.filterwarnings("ignore:.*docs/imagedatagenerator.md:augfuse.errors.AugfuseWarning"),
    # Keras' legacy class imports from a namespace that SciPy 2 drops.
    pytest.mark.filterwarnings("ignore:Please import `affine_transform` from the `scipy.ndimage`:DeprecationWarning"),
    # Keras 3.15 turns torch tensors into arrays in a way NumPy 2 is about to drop; nothing of ours.
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning"),
]

SIZE = (12, 10)  # what the tests resize to: not square, and not the size of any file
AUGMENT: dict[str, Any] = {
    "rotation_range": 20, "width_shift_range": 0.2, "height_shift_range": 3.0, "shear_range": 10, "zoom_range": 0.2,
    "channel_shift_range": 20.0, "horizontal_flip": True, "rescale": 1 / 255, "samplewise_center": True,
}  # fmt: skip


def write(path: Path, seed: int = 0, mode: str = "RGB", size: tuple[int, int] = (17, 13)) -> None:
    """One image of noise, in the format that the name says."""
    path.parent.mkdir(parents=True, exist_ok=True)
    width, height = size
    bands = len(Image.new(mode, (1, 1)).getbands())
    noise = np.random.default_rng(seed).integers(0, 256, (height, width, bands), np.uint8)
    Image.fromarray(noise[..., 0] if bands == 1 else noise, mode if bands == 2 else None).save(path)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """11 images in 3 classes: nested folders, upper and lower case, several formats, and files that are no images."""
    root = tmp_path / "data"
    names = (
        "cats/b.png", "cats/a.JPG", "cats/Z.jpeg", "cats/deep/1.png", "cats/deep/er/0.bmp", "cats/deep-2/2.png",
        "dogs/10.png", "dogs/9.png", "dogs/1.tif", "Ant/x.ppm", "Ant/y.png",
    )  # fmt: skip
    for seed, name in enumerate(names):
        write(root / name, seed, size=(11 + seed, 16))
    (root / "cats/notes.txt").write_text("no image")
    (root / "cats/moving.mp4").write_bytes(b"")
    (root / "beside.csv").write_text("")
    return root


def pair(folder: Path, datagen: dict[str, Any] | None = None, **options: Any) -> tuple[DirectoryIterator, Any]:
    """Our iterator with compat="strict", and Keras'."""
    options = {"target_size": SIZE, "batch_size": 4} | options
    settings = datagen or {}
    ours = ImageDataGenerator(compat="strict", **settings).flow_from_directory(folder, **options)
    return ours, legacy.ImageDataGenerator(**settings).flow_from_directory(folder, **options)


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
def test_attributes_are_those_of_keras(folder: Path, color_mode: str, data_format: str) -> None:
    ours, theirs = pair(folder, {"data_format": data_format}, color_mode=color_mode, seed=3)
    for name in ATTRIBUTES:
        assert getattr(ours, name) == getattr(theirs, name), name
    assert len(ours) == len(theirs) == 3
    assert ours.classes.dtype == theirs.classes.dtype == np.int32
    np.testing.assert_array_equal(ours.classes, theirs.classes)
    np.testing.assert_array_equal(ours.labels, theirs.labels)
    assert ours.image_data_generator is not None
    assert next(ours)[0].shape[1:] == ours.image_shape


def test_filenames_are_below_the_folder_as_it_was_given(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    it = ImageDataGenerator().flow_from_directory(f"{folder}/", batch_size=2, target_size=SIZE)
    assert it.filenames[:3] == ["Ant/x.ppm", "Ant/y.png", "cats/Z.jpeg"]
    assert it.filepaths[0] == f"{folder}/Ant/x.ppm"
    monkeypatch.chdir(folder.parent)
    it = ImageDataGenerator().flow_from_directory("data", batch_size=2, target_size=SIZE)
    assert it.filepaths[0] == "data/Ant/x.ppm"
    assert next(it)[0].shape == (2, *SIZE, 3)


def test_says_what_it_found(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pair(folder)
    lines = capsys.readouterr().out.splitlines()
    assert lines == ["Found 11 images belonging to 3 classes."] * 2
    keras.config.disable_interactive_logging()
    try:
        ImageDataGenerator().flow_from_directory(folder)
    finally:
        keras.config.enable_interactive_logging()
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("subset", ["training", "validation"])
@pytest.mark.parametrize("fraction", [0.2, 0.34, 0.5, 0.9])
def test_splits_are_those_of_keras(folder: Path, subset: str, fraction: float) -> None:
    ours, theirs = pair(folder, {"validation_split": fraction}, subset=subset)
    assert ours.filenames == theirs.filenames
    assert ours.split == theirs.split
    np.testing.assert_array_equal(ours.classes, theirs.classes)


def test_subsets_are_the_whole(folder: Path) -> None:
    datagen = ImageDataGenerator(validation_split=0.4)
    parts = [datagen.flow_from_directory(folder, subset=subset) for subset in ("training", "validation")]
    whole = datagen.flow_from_directory(folder)
    assert sorted(parts[0].filenames + parts[1].filenames) == sorted(whole.filenames)
    assert len(whole.filenames) == 11


@pytest.mark.parametrize("classes", [["dogs", "cats"], ("cats",), ["."], []])
def test_classes_are_numbered_as_they_are_named(folder: Path, classes: Any) -> None:
    ours, theirs = pair(folder, classes=classes, shuffle=False)
    assert ours.class_indices == theirs.class_indices
    assert ours.filenames == theirs.filenames
    np.testing.assert_array_equal(ours.classes, theirs.classes)
    assert_same_batches(ours, theirs)


def test_a_class_may_lie_deeper(folder: Path) -> None:
    it = ImageDataGenerator().flow_from_directory(folder, classes=["cats/deep", "dogs"], target_size=SIZE)
    assert it.filenames[:2] == ["cats/deep/1.png", "cats/deep/er/0.bmp"]
    assert it.class_indices == {"cats/deep": 0, "dogs": 1}


@pytest.mark.parametrize("follow_links", [False, True])
def test_links(folder: Path, tmp_path: Path, follow_links: bool) -> None:
    write(tmp_path / "elsewhere/inner/1.png")
    (folder / "dogs/linked").symlink_to(tmp_path / "elsewhere")
    (folder / "dogs/5.png").symlink_to(folder / "cats/b.png")
    ours, theirs = pair(folder, follow_links=follow_links)
    assert ours.filenames == theirs.filenames
    assert ("dogs/linked/inner/1.png" in ours.filenames) == follow_links
    assert "dogs/5.png" in ours.filenames


def test_links_in_a_circle_are_followed_once(folder: Path) -> None:
    (folder / "cats/deep/up").symlink_to(folder / "cats")
    it = ImageDataGenerator().flow_from_directory(folder, follow_links=True)
    assert it.samples == 11


@pytest.mark.parametrize("class_mode", ["categorical", "binary", "sparse", "input", None])
@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
@pytest.mark.parametrize("dtype", [None, "float64"])
def test_class_modes_are_those_of_keras(
    folder: Path, class_mode: str | None, data_format: str, dtype: str | None
) -> None:
    settings = {"data_format": data_format, "dtype": dtype, "rescale": 0.5}
    ours, theirs = pair(folder, settings, class_mode=class_mode, seed=1)
    assert_same_batches(ours, theirs)


def test_the_input_mode_hands_out_a_copy(folder: Path) -> None:
    it = ImageDataGenerator(rescale=2.0).flow_from_directory(folder, class_mode="input", target_size=SIZE)
    x, y = next(it)
    np.testing.assert_array_equal(x, y)
    x[0, 0, 0, 0] += 1
    assert x[0, 0, 0, 0] != y[0, 0, 0, 0]


@pytest.mark.parametrize("shuffle", [False, True])
@pytest.mark.parametrize("seed", [None, 5])
def test_strict_batches_are_those_of_keras(folder: Path, shuffle: bool, seed: int | None) -> None:
    ours, theirs = pair(folder, AUGMENT, shuffle=shuffle, seed=seed)
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
def test_reading_is_that_of_keras(folder: Path, color_mode: str, interpolation: str, keep_aspect_ratio: bool) -> None:
    options = {
        "color_mode": color_mode, "interpolation": interpolation, "keep_aspect_ratio": keep_aspect_ratio,
        "shuffle": False,
    }  # fmt: skip
    ours, theirs = pair(folder, **options)
    plain = ImageDataGenerator().flow_from_directory(folder, target_size=SIZE, batch_size=4, **options)
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


def test_preprocessing_function_sees_the_target_size(folder: Path) -> None:
    seen = []

    def ones(x: np.ndarray) -> np.ndarray:
        seen.append(x.shape)
        return np.ones_like(x)

    datagen = ImageDataGenerator(preprocessing_function=ones)
    it = datagen.flow_from_directory(folder, target_size=(26, 27), color_mode="rgb", batch_size=3, class_mode=None)
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
def test_bad_arguments(folder: Path, option: str, value: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ImageDataGenerator().flow_from_directory(folder, **{option: value})


@pytest.mark.parametrize(
    ("option", "value"),
    [("target_size", None), ("target_size", 150), ("target_size", (1.5, 2)), ("classes", [0, 1]), ("workres", 3)],
)
def test_arguments_of_the_wrong_type(folder: Path, option: str, value: Any) -> None:
    with pytest.raises(TypeError, match=option):
        ImageDataGenerator().flow_from_directory(folder, **{option: value})


def test_a_subset_needs_a_generator(folder: Path) -> None:
    with pytest.raises(DataError, match="without a generator"):
        DirectoryIterator(folder, None, subset="training")


# --- folders that are not what they should be -------------------------------------------------------------------------


def test_no_such_folder(folder: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"no folder .*dat'. Did you mean 'data'") as caught:
        ImageDataGenerator().flow_from_directory(folder.parent / "dat")
    assert isinstance(caught.value, DataNotFoundError)


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "data.zip").write_bytes(b"")
    with pytest.raises(NotADirectoryError, match="Unpack it first") as caught:
        ImageDataGenerator().flow_from_directory(tmp_path / "data.zip")
    assert isinstance(caught.value, DataNotFoundError)


def test_strict_takes_classes_without_a_folder(folder: Path) -> None:
    ours, theirs = pair(folder, classes=["fish", "dogs"])
    assert ours.class_indices == theirs.class_indices == {"fish": 0, "dogs": 1}
    assert ours.filenames == theirs.filenames
    np.testing.assert_array_equal(ours.classes, theirs.classes)


def test_images_beside_the_class_folders(tmp_path: Path) -> None:
    write(tmp_path / "1.png")
    with pytest.warns(AugfuseWarning, match=r"in no class folder; wanted .*png, .*classes=\['.'\], class_mode=None"):
        it = ImageDataGenerator().flow_from_directory(tmp_path)
    assert (len(it), it.n, it.num_classes, it.class_indices) == (0, 0, 0, {})
    with pytest.raises(DataError, match="no samples"):
        next(it)


def test_folders_without_images(tmp_path: Path) -> None:
    with pytest.warns(AugfuseWarning, match="there are no class folders"):
        ImageDataGenerator().flow_from_directory(tmp_path)
    (tmp_path / "cats").mkdir()
    with pytest.warns(AugfuseWarning, match="no images in 'cats'; wanted files that end in png, jpg"):
        ImageDataGenerator().flow_from_directory(tmp_path)


def test_an_empty_class_folder_is_a_class(folder: Path) -> None:
    (folder / "empty").mkdir()
    with pytest.warns(AugfuseWarning, match="no images in 'empty', which counts as a class"):
        it = ImageDataGenerator().flow_from_directory(folder)
    assert it.class_indices == pair(folder)[1].class_indices


@pytest.mark.parametrize(("fraction", "message"), [(0.0, "has no validation_split"), (0.05, "so few files")])
def test_an_empty_subset(folder: Path, fraction: float, message: str) -> None:
    with pytest.warns(AugfuseWarning, match=message):
        it = ImageDataGenerator(validation_split=fraction).flow_from_directory(folder, subset="validation")
    assert len(it) == 0


def test_binary_with_three_classes(folder: Path) -> None:
    with pytest.warns(AugfuseWarning, match=r'"binary" with 3 classes gives labels 0\.\.2'):
        ImageDataGenerator().flow_from_directory(folder, class_mode="binary")


@pytest.mark.filterwarnings("ignore:Using .*tiff:UserWarning")  # Keras' own iterator, beside ours
def test_strict_warns_of_tiff(folder: Path) -> None:
    write(folder / "cats/1.tiff")
    with pytest.warns(AugfuseWarning, match='".tiff" files with multiple bands'):
        ours, theirs = pair(folder)
    assert ours.filenames == theirs.filenames


# --- files that cannot be read ----------------------------------------------------------------------------------------


@pytest.fixture
def damaged(tmp_path: Path) -> Path:
    """20 images in 2 classes, of which 3 cannot be read."""
    for seed in range(20):
        write(tmp_path / f"{'ab'[seed // 10]}/{seed:02}.png", seed)
    (tmp_path / "a/03.png").write_bytes(b"no image")
    (tmp_path / "a/05.png").write_bytes((tmp_path / "a/06.png").read_bytes()[:200])
    (tmp_path / "b/12.png").write_bytes(b"")
    return tmp_path


def flow(folder: Path, **options: Any) -> DirectoryIterator:
    options = {"target_size": SIZE, "batch_size": 4, "shuffle": False, "class_mode": "sparse", "workers": 1} | options
    return ImageDataGenerator(rescale=1 / 255).flow_from_directory(folder, **options)


def test_bad_files_are_left_out(damaged: Path) -> None:
    it = flow(damaged)
    with pytest.warns(AugfuseWarning, match=r"03.png.*it.skipped.*np.delete\(it.classes, sorted") as caught:
        batches = [it[i] for i in range(len(it))]
    assert len(caught) == 1, "one warning for an iterator"
    assert [len(x) for x, _ in batches] == [3, 3, 4, 3, 4]
    assert sorted(it.skipped) == [3, 5, 12]
    assert all(str(damaged) in reason for reason in it.skipped.values())
    labels = np.concatenate([y for _, y in batches])
    np.testing.assert_array_equal(labels, np.delete(it.classes, sorted(it.skipped)))
    whole = flow(damaged, batch_size=1)
    for row, position in enumerate(np.delete(np.arange(20), sorted(it.skipped))):
        x = np.concatenate([x for x, _ in batches])[row]
        np.testing.assert_array_equal(x, whole[int(position)][0][0])
    write(damaged / "a/03.png")
    again = [it[i] for i in range(len(it))]  # a batch stays what it was, whatever becomes of the file
    for before, after in zip(batches, again, strict=True):
        np.testing.assert_array_equal(before[0], after[0])


def test_predict_goes_on(damaged: Path) -> None:
    inputs = keras.Input((*SIZE, 3))
    model = keras.Model(inputs, keras.layers.GlobalAveragePooling2D()(inputs))
    it = flow(damaged, class_mode=None, on_error="skip")
    with pytest.warns(AugfuseWarning, match="left out of its batch"):
        rows = model.predict(it, verbose=0)
    assert len(rows) == 17 == len(np.delete(it.classes, sorted(it.skipped)))


def test_bad_files_are_an_error_on_request(damaged: Path) -> None:
    it = flow(damaged, on_error="raise")
    with pytest.raises(DecodeError, match=r"03.png"):
        it[0]
    assert it.skipped == {}
    assert len(it[2][0]) == 4


def test_strict_raises_what_keras_raises(damaged: Path) -> None:
    ours, theirs = pair(damaged, shuffle=False)
    with pytest.raises(OSError, match="cannot identify") as wanted:
        next(theirs)
    with pytest.raises(type(wanted.value), match=r"03.png") as got:
        next(ours)
    assert isinstance(got.value, DecodeError)
    lenient = ImageDataGenerator(compat="strict").flow_from_directory(
        damaged, target_size=SIZE, batch_size=4, shuffle=False, on_error="skip"
    )
    with pytest.warns(AugfuseWarning, match="left out of its batch"):
        assert len(next(lenient)[0]) == 3


def test_a_file_that_went_away(folder: Path) -> None:
    skips, raises = flow(folder), flow(folder, on_error="raise")
    (folder / "Ant/x.ppm").unlink()
    with pytest.warns(AugfuseWarning, match=r"x.ppm"):
        assert len(skips[0][0]) == 3
    with pytest.raises(FileNotFoundError, match=r"x.ppm"):
        raises[0]


def test_a_file_that_may_not_be_read(folder: Path) -> None:
    it = flow(folder, on_error="raise")
    (folder / "Ant/x.ppm").unlink()
    (folder / "Ant/x.ppm").mkdir()  # for an OSError of another kind, whoever runs the tests
    with pytest.raises(DecodeError, match=r"x.ppm: the file cannot be read"):
        it[0]


def test_too_many_bad_files(damaged: Path) -> None:
    (damaged / "b/19.png").write_bytes(b"no image")
    it = flow(damaged)
    with pytest.warns(AugfuseWarning, match="left out of its batch"):
        for index in range(4):
            it[index]
    for index in (4, 0):
        with pytest.raises(
            DataError, match=r"4 of 20 files cannot be read, more than max_skipped=0.1 .*03.png.*12.png"
        ):
            it[index]
    assert len(it[2][0]) == 4, "a batch that lacks nothing"
    lenient = flow(damaged, max_skipped=0.2)
    with pytest.warns(AugfuseWarning, match="left out of its batch"):
        assert sum(len(lenient[i][0]) for i in range(5)) == 16


@pytest.mark.filterwarnings("ignore:A file is left out of its batch:augfuse.errors.AugfuseWarning")  # tested above
def test_a_batch_of_which_nothing_is_left(damaged: Path) -> None:
    it = flow(damaged, batch_size=1)
    with pytest.raises(EmptyBatchError, match=r"none of the 1 files of this batch .*03.png") as caught:
        it[3]
    assert isinstance(caught.value, DataError)
    assert [len(next(it)[0]) for _ in range(17 + 2)] == [1] * 19, "next goes on, into the next epoch"


@pytest.mark.filterwarnings("ignore:A file is left out of its batch:augfuse.errors.AugfuseWarning")  # tested above
def test_no_file_can_be_read(tmp_path: Path) -> None:
    for name in ("a/1.png", "b/2.png"):
        write(tmp_path / name)
        (tmp_path / name).write_bytes(b"no image")
    it = flow(tmp_path, batch_size=1, max_skipped=1)
    for _ in range(2):
        with pytest.raises(DataError, match=r"none of the 2 files can be read: .*1.png.*2.png"):
            next(it)


# --- beyond Keras -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("workers", [0, 1, 2, 5])
def test_threads_give_the_same_bytes(folder: Path, workers: int) -> None:
    datagen = ImageDataGenerator(rotation_range=30, horizontal_flip=True, zoom_range=0.2)
    options: dict[str, Any] = {"target_size": SIZE, "batch_size": 4, "seed": 2}
    one = datagen.flow_from_directory(folder, workers=1, **options)
    other = datagen.flow_from_directory(folder, workers=workers, **options)
    for index in (2, 0, 1):
        for a, b in zip(one[index], other[index], strict=True):
            assert a.tobytes() == b.tobytes()


def test_an_image_does_not_depend_on_its_batch(folder: Path) -> None:
    datagen = ImageDataGenerator(rotation_range=30, rescale=1 / 255)
    options: dict[str, Any] = {"target_size": SIZE, "seed": 2, "class_mode": None, "shuffle": False}
    all_at_once = datagen.flow_from_directory(folder, batch_size=11, **options)[0]
    one_by_one = datagen.flow_from_directory(folder, batch_size=1, **options)
    np.testing.assert_array_equal(all_at_once, np.concatenate([one_by_one[i] for i in range(11)]))


def test_the_validation_subset_is_not_augmented(folder: Path) -> None:
    datagen = ImageDataGenerator(rotation_range=90, rescale=1 / 255, validation_split=0.5)
    options: dict[str, Any] = {"target_size": SIZE, "subset": "validation", "shuffle": False}
    x, _ = next(datagen.flow_from_directory(folder, **options))
    plain = ImageDataGenerator(rescale=1 / 255, validation_split=0.5).flow_from_directory(folder, **options)
    np.testing.assert_array_equal(x, next(plain)[0])


@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_without_a_generator(folder: Path, data_format: str) -> None:
    options: dict[str, Any] = {"target_size": SIZE, "shuffle": False, "data_format": data_format}
    x, y = next(DirectoryIterator(folder, None, **options))
    wanted = next(legacy.DirectoryIterator(folder, None, **options))
    assert x.flags.c_contiguous and x.dtype == np.float32
    assert x.shape == wanted[0].shape and np.abs(x - wanted[0]).max() <= 3
    np.testing.assert_array_equal(y, wanted[1])


@pytest.mark.filterwarnings("ignore:A file is left out of its batch:augfuse.errors.AugfuseWarning")  # tested above
def test_pickles_with_what_it_skipped(damaged: Path) -> None:
    it = flow(damaged)
    it[0]
    copy = pickle.loads(pickle.dumps(it))
    assert copy.skipped == it.skipped and list(copy.skipped) == [3]
    np.testing.assert_array_equal(copy[1][0], it[1][0])


def test_options_may_be_changed_afterwards(folder: Path) -> None:
    it = flow(folder)
    it.class_mode, it.target_size, it.color_mode = None, (5, 6), "grayscale"
    assert it[0].shape == (4, 5, 6, 1)


def test_16_bits(tmp_path: Path) -> None:
    deep = np.linspace(0, 65535, 13 * 17).astype(np.uint16).reshape(13, 17)
    (tmp_path / "a").mkdir()
    for name in "01":
        Image.fromarray(deep).save(tmp_path / f"a/{name}.png")
    options: dict[str, Any] = {"color_mode": "grayscale", "class_mode": None, "target_size": (13, 17)}
    it = ImageDataGenerator().flow_from_directory(tmp_path, **options)
    np.testing.assert_array_equal(next(it)[0, ..., 0], deep)
    _, pixels = it.read(np.arange(2), 1)
    assert pixels.stack.dtype == np.uint16 and (pixels.low, pixels.high) == (0, 65535)
    _, pixels = ImageDataGenerator().flow_from_directory(tmp_path, target_size=(13, 17)).read(np.arange(2), 1)
    assert pixels.high == 255 and np.abs(pixels.stack[0] - (deep / 257)[..., None]).max() < 1e-4

    write(tmp_path / "a/2.png", mode="L", size=(17, 13))
    with pytest.warns(AugfuseWarning, match=r"gray images of 16 bits .* among others"):
        x = next(ImageDataGenerator().flow_from_directory(tmp_path, shuffle=False, **options))
    np.testing.assert_array_equal(x[1, ..., 0], deep)
    assert 200 < x[2].max() <= 255


def test_saves_pictures(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    it = flow(folder, save_to_dir=out, save_prefix="p", batch_size=3)
    next(it)
    saved = sorted(path.name for path in out.iterdir())
    assert [name.split("_")[:2] for name in saved] == [["p", "0"], ["p", "1"], ["p", "2"]]
    with Image.open(out / saved[1]) as image, Image.open(folder / "Ant/y.png") as source:
        assert image.size == (10, 12)
        np.testing.assert_array_equal(np.asarray(image), np.asarray(source.resize((10, 12), 0)))


def test_a_subclass_may_say_where_the_files_are(folder: Path) -> None:
    class Backwards(DirectoryIterator):
        @property
        def filepaths(self) -> list[str]:
            return self._filepaths[::-1]

    options: dict[str, Any] = {"target_size": SIZE, "batch_size": 11, "shuffle": False, "class_mode": None}
    x = Backwards(folder, ImageDataGenerator(), **options)[0]
    np.testing.assert_array_equal(x[::-1], DirectoryIterator(folder, ImageDataGenerator(), **options)[0])


def test_errors_are_ours() -> None:
    with pytest.raises(ImageTypeError):
        DirectoryIterator(os.curdir, None, target_size=(1, "2"))  # pyright: ignore[reportArgumentType]
