"""`DirectoryIterator`: folders and files that are not what they should be, and what it does beyond Keras."""

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
from directory_cases import SIZE, pair, write  # noqa: E402

pytestmark = [
    # The notices about mended defects come once in a process, from whichever test is first; their tests are elsewhere.
    pytest.mark.filterwarnings("ignore:.*docs/imagedatagenerator.md:augfuse.errors.AugfuseWarning"),
    # Keras' legacy class imports from a namespace that SciPy 2 drops.
    pytest.mark.filterwarnings("ignore:Please import `affine_transform` from the `scipy.ndimage`:DeprecationWarning"),
    # Keras 3.15 turns torch tensors into arrays in a way NumPy 2 is about to drop; nothing of ours.
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning"),
]


# --- folders that are not what they should be -------------------------------------------------------------------------


def test_no_such_folder(class_folders: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"no folder .*dat'. Did you mean 'data'") as caught:
        ImageDataGenerator().flow_from_directory(class_folders.parent / "dat")
    assert isinstance(caught.value, DataNotFoundError)


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "data.zip").write_bytes(b"")
    with pytest.raises(NotADirectoryError, match="Unpack it first") as caught:
        ImageDataGenerator().flow_from_directory(tmp_path / "data.zip")
    assert isinstance(caught.value, DataNotFoundError)


def test_strict_takes_classes_without_a_folder(class_folders: Path) -> None:
    ours, theirs = pair(class_folders, classes=["fish", "dogs"])
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


def test_an_empty_class_folder_is_a_class(class_folders: Path) -> None:
    (class_folders / "empty").mkdir()
    with pytest.warns(AugfuseWarning, match="no images in 'empty', which counts as a class"):
        it = ImageDataGenerator().flow_from_directory(class_folders)
    assert it.class_indices == pair(class_folders)[1].class_indices


@pytest.mark.parametrize(("fraction", "message"), [(0.0, "has no validation_split"), (0.05, "so few files")])
def test_an_empty_subset(class_folders: Path, fraction: float, message: str) -> None:
    with pytest.warns(AugfuseWarning, match=message):
        it = ImageDataGenerator(validation_split=fraction).flow_from_directory(class_folders, subset="validation")
    assert len(it) == 0


def test_binary_with_three_classes(class_folders: Path) -> None:
    with pytest.warns(AugfuseWarning, match=r'"binary" with 3 classes gives labels 0\.\.2'):
        ImageDataGenerator().flow_from_directory(class_folders, class_mode="binary")


@pytest.mark.filterwarnings("ignore:Using .*tiff:UserWarning")  # Keras' own iterator, beside ours
def test_strict_warns_of_tiff(class_folders: Path) -> None:
    write(class_folders / "cats/1.tiff")
    with pytest.warns(AugfuseWarning, match='".tiff" files with multiple bands'):
        ours, theirs = pair(class_folders)
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


def flow(class_folders: Path, **options: Any) -> DirectoryIterator:
    options = {"target_size": SIZE, "batch_size": 4, "shuffle": False, "class_mode": "sparse", "workers": 1} | options
    return ImageDataGenerator(rescale=1 / 255).flow_from_directory(class_folders, **options)


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


def test_a_file_that_went_away(class_folders: Path) -> None:
    skips, raises = flow(class_folders), flow(class_folders, on_error="raise")
    (class_folders / "Ant/x.ppm").unlink()
    with pytest.warns(AugfuseWarning, match=r"x.ppm"):
        assert len(skips[0][0]) == 3
    with pytest.raises(FileNotFoundError, match=r"x.ppm"):
        raises[0]


def test_a_file_that_may_not_be_read(class_folders: Path) -> None:
    it = flow(class_folders, on_error="raise")
    (class_folders / "Ant/x.ppm").unlink()
    (class_folders / "Ant/x.ppm").mkdir()  # for an OSError of another kind, whoever runs the tests
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
def test_threads_give_the_same_bytes(class_folders: Path, workers: int) -> None:
    datagen = ImageDataGenerator(rotation_range=30, horizontal_flip=True, zoom_range=0.2)
    options: dict[str, Any] = {"target_size": SIZE, "batch_size": 4, "seed": 2}
    one = datagen.flow_from_directory(class_folders, workers=1, **options)
    other = datagen.flow_from_directory(class_folders, workers=workers, **options)
    for index in (2, 0, 1):
        for a, b in zip(one[index], other[index], strict=True):
            assert a.tobytes() == b.tobytes()


def test_an_image_does_not_depend_on_its_batch(class_folders: Path) -> None:
    datagen = ImageDataGenerator(rotation_range=30, rescale=1 / 255)
    options: dict[str, Any] = {"target_size": SIZE, "seed": 2, "class_mode": None, "shuffle": False}
    all_at_once = datagen.flow_from_directory(class_folders, batch_size=11, **options)[0]
    one_by_one = datagen.flow_from_directory(class_folders, batch_size=1, **options)
    np.testing.assert_array_equal(all_at_once, np.concatenate([one_by_one[i] for i in range(11)]))


def test_the_validation_subset_is_not_augmented(class_folders: Path) -> None:
    datagen = ImageDataGenerator(rotation_range=90, rescale=1 / 255, validation_split=0.5)
    options: dict[str, Any] = {"target_size": SIZE, "subset": "validation", "shuffle": False}
    x, _ = next(datagen.flow_from_directory(class_folders, **options))
    plain = ImageDataGenerator(rescale=1 / 255, validation_split=0.5).flow_from_directory(class_folders, **options)
    np.testing.assert_array_equal(x, next(plain)[0])


@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_without_a_generator(class_folders: Path, data_format: str) -> None:
    options: dict[str, Any] = {"target_size": SIZE, "shuffle": False, "data_format": data_format}
    x, y = next(DirectoryIterator(class_folders, None, **options))
    wanted = next(legacy.DirectoryIterator(class_folders, None, **options))
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


def test_options_may_be_changed_afterwards(class_folders: Path) -> None:
    it = flow(class_folders)
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


def test_saves_pictures(class_folders: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    it = flow(class_folders, save_to_dir=out, save_prefix="p", batch_size=3)
    next(it)
    saved = sorted(path.name for path in out.iterdir())
    assert [name.split("_")[:2] for name in saved] == [["p", "0"], ["p", "1"], ["p", "2"]]
    with Image.open(out / saved[1]) as image, Image.open(class_folders / "Ant/y.png") as source:
        assert image.size == (10, 12)
        np.testing.assert_array_equal(np.asarray(image), np.asarray(source.resize((10, 12), 0)))


def test_a_subclass_may_say_where_the_files_are(class_folders: Path) -> None:
    class Backwards(DirectoryIterator):
        @property
        def filepaths(self) -> list[str]:
            return self._filepaths[::-1]

    options: dict[str, Any] = {"target_size": SIZE, "batch_size": 11, "shuffle": False, "class_mode": None}
    x = Backwards(class_folders, ImageDataGenerator(), **options)[0]
    np.testing.assert_array_equal(x[::-1], DirectoryIterator(class_folders, ImageDataGenerator(), **options)[0])


def test_errors_are_ours() -> None:
    with pytest.raises(ImageTypeError):
        DirectoryIterator(os.curdir, None, target_size=(1, "2"))  # pyright: ignore[reportArgumentType]
