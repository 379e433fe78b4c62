"""from_arrays and from_directory."""

from __future__ import annotations

import os
import pickle
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from augfuse.data.dataset import DataSet
from augfuse.data.decoding.decode import decode
from augfuse.data.sources.arrays import from_arrays
from augfuse.data.sources.folder import from_directory
from augfuse.errors import (
    AugfuseWarning,
    DataError,
    DataNotFoundError,
    DecodeError,
    ImageError,
    ImageTypeError,
    RangeError,
)
from places import DATA
from present import present


def images(n: int = 6, dtype: str = "uint8") -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (n, 5, 4, 3), dtype=np.uint8).astype(dtype)


def labels_of(data: DataSet) -> list:
    assert data.labels is not None
    return data.labels.tolist()


def tree(root: Path, *names: str) -> Path:
    """Small pictures at these paths; the n-th one is filled with the value n."""
    for value, name in enumerate(names):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if not name.endswith("/"):
            Image.new("RGB", (4, 3), (value, value, value)).save(path, "PNG")
        else:
            path.mkdir()
    return root


# --- arrays -----------------------------------------------------------------------------------------------------------


def test_uint8_is_never_copied():
    x = images()
    data = from_arrays(x, range(6))
    assert len(data) == 6 and np.shares_memory(data.images, x)
    train, val = data.split(0.5, stratify=False)
    for source in (data, train, val, data.subset([4, 2])):
        assert np.shares_memory(source.images, x) and np.shares_memory(source[0].image, x)
    sample = data[3]
    np.testing.assert_array_equal(sample.image, x[3])
    assert sample.label == 3 and type(sample.label) is int and sample.path is None
    with pytest.raises(ValueError, match="read-only"):
        sample.image[0, 0, 0] = 1
    assert x.flags.writeable


def test_indices_are_those_of_a_list():
    data = from_arrays(images(), range(6))
    assert [data[i].label for i in (-1, -6, np.int64(2))] == [5, 0, 2]
    assert [sample.label for sample in data] == list(range(6))  # type: ignore[attr-defined]
    for index in (6, -7):
        with pytest.raises(IndexError, match="6 samples"):
            data[index]
    for index in (slice(2), 1.0, "a"):
        with pytest.raises(ImageTypeError, match=r"data\.subset\(rows\)"):
            data[index]  # type: ignore[index]


def test_missing_channels_are_added():
    x = images()[..., 0]
    data = from_arrays(np.ascontiguousarray(x))
    assert present(data.images).shape == (6, 5, 4, 1) and data[0].label is None and data.labels is None


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", ">f4"])
def test_floats_become_float32(dtype):
    x = (images() / 255).astype(dtype)
    data = from_arrays(x)
    assert present(data.images).dtype == np.float32 and data.value_range == (0, 1)
    np.testing.assert_array_equal(data.images, x.astype(np.float32))
    assert np.shares_memory(data.images, x) == (dtype == "float32")


@pytest.mark.parametrize("x", [images()[::2], images()[:, :, ::-1], np.asfortranarray(images()), images(dtype=">u2")])
def test_other_layouts_are_copied_once(x):
    data = from_arrays(x)
    assert present(data.images).flags.c_contiguous and present(data.images).dtype.isnative
    np.testing.assert_array_equal(data.images, x)


@pytest.mark.parametrize(
    "dtype, words",
    [
        ("int64", r"type x\.astype\(np\.uint8\)"),
        ("bool", r"type x \* np\.uint8\(255\)"),
        ("complex64", r"type np\.abs\(x\)\.astype\(np\.float32\)"),
    ],
)
def test_other_dtypes_are_refused(dtype, words):
    with pytest.raises(ImageTypeError, match=rf"got {dtype}, wanted uint8.*{words}"):
        from_arrays(images().astype(dtype))


@pytest.mark.parametrize(
    "x, words",
    [
        ([[1]], r"np\.asarray\(x\)"),
        (None, r"np\.asarray\(x\)"),
        ("folder", r"af\.from_directory\(folder\)"),
        (np.ma.masked_array(images()), r"np\.asarray\(x\)"),
    ],
)
def test_what_is_no_array_is_refused(x, words):
    with pytest.raises(ImageTypeError, match=words):
        from_arrays(x)


@pytest.mark.parametrize(
    "shape, error, words",
    [
        ((5, 4), ImageError, r"x\[None\]"),
        ((1, 1, 1, 1, 1), ImageError, "wanted"),
        ((0, 5, 4, 3), DataError, "at least one image"),
        ((5, 0, 4, 3), DataError, "at least one pixel"),
        ((9, 3, 32, 32), ImageError, r"transpose\(0, 2, 3, 1\)"),
    ],
)
def test_wrong_shapes(shape, error, words):
    with pytest.raises(error, match=words):
        from_arrays(np.zeros(shape, np.uint8))


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_pixels_that_are_no_numbers(bad):
    x = np.zeros((4000, 28, 28), np.float32)  # more than one piece of the check
    x[3900, 5, 7] = x[3950, 0, 0] = bad
    with pytest.raises(ImageError, match=f"image 3900: got NaN or infinity.*{bad} at row 5, column 7, channel 0"):
        from_arrays(x)


def test_pixels_outside_the_range():
    x = images(dtype="float32")
    with pytest.raises(ImageError, match=r"image 0: got values .*, wanted 0\.\.1\. Declare value_range=\(0, 255\)"):
        from_arrays(x)
    assert from_arrays(x, value_range=(0, 255)).value_range == (0, 255)
    x = np.zeros((3, 2, 2, 1), np.float32)
    x[1, 0, 0] = -0.5
    with pytest.raises(
        ImageError, match=r"image 1: got values -0\.5\.\.0, wanted 0\.\.1\. Declare value_range=\(-1, 1\)"
    ):
        from_arrays(x)
    assert from_arrays(x, value_range=(-1, 1))[1].image[0, 0, 0] == -0.5
    with pytest.raises(ImageError, match=r"wanted 0\.\.100"):
        from_arrays(np.full((2, 2, 2), 101, np.uint8), value_range=(0, 100))
    with pytest.raises(ImageError, match=r"image 0: got NaN or infinity.*inf at"):
        from_arrays(np.full((2, 2, 2), 1e300))


@pytest.mark.parametrize("value_range", [(1, 0), (0, 0), (0, np.inf), (0, 1, 2), 255, "ab"])
def test_wrong_value_ranges(value_range):
    with pytest.raises(RangeError, match="value_range"):
        from_arrays(images(), value_range=value_range)


def test_memory_mapped_arrays_are_not_read(tmp_path):
    resource = pytest.importorskip("resource", reason="counts resident pages, which Windows does not tell")
    unit = 1 if sys.platform == "darwin" else 1024
    shape = (20_000, 256, 256, 3)  # 3.9 GB, a file of holes
    x = np.memmap(tmp_path / "x.dat", np.uint8, "w+", shape=shape)
    x[-1, 0, 0, 0] = 7
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    data = from_arrays(x, np.zeros(shape[0], int))
    _, val = data.split(0.1)
    assert type(data.images) is np.ndarray and np.shares_memory(data.images[-1], x[-1])
    assert data[-1].image[0, 0].tolist() == [7, 0, 0]
    assert len(val) == 2000 and val[0].image.shape == (256, 256, 3)
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * unit < 400e6


@pytest.mark.parametrize(
    "y, labels, classes",
    [
        ([2, 0, 1], [2, 0, 1], None),
        (np.array([2, 0, 1], np.uint8), [2, 0, 1], None),
        ([True, False, True], [1, 0, 1], None),
        (["dog", "cat", "dog"], [1, 0, 1], ("cat", "dog")),
        (np.array(["dog", "cat", "dog"], object), [1, 0, 1], ("cat", "dog")),
    ],
)
def test_class_labels_become_int64(y, labels, classes):
    data = from_arrays(images(3), y)
    assert data.labels is not None and data.labels.dtype == np.int64 and data.labels.tolist() == labels
    assert data.classes == classes
    assert not data.labels.flags.writeable


def test_other_labels_are_kept():
    assert from_arrays(images(3), [0.5, 1.5, 2.5])[1].label == 1.5
    one_hot = np.eye(3, dtype=np.float32)
    data = from_arrays(images(3), one_hot)
    np.testing.assert_array_equal(data[2].label, one_hot[2])
    np.testing.assert_array_equal(data.subset([2, 0]).labels, one_hot[[2, 0]])


def test_labels_of_a_pandas_series():
    pandas = pytest.importorskip("pandas", reason="needs the extra: pip install 'augfuse[keras]'")
    frame = pandas.DataFrame({"kind": ["b", "a", "b"], "number": [3, 4, 5]}, index=[7, 8, 9])
    assert labels_of(from_arrays(images(3), frame["kind"])) == [1, 0, 1]
    assert labels_of(from_arrays(images(3), frame["number"])) == [3, 4, 5]
    with pytest.raises(DataError, match=r"label (nan|None) of sample 1"):
        from_arrays(images(3), pandas.Series(["a", None, "b"]))


def test_given_classes():
    data = from_arrays(images(3), ["dog", "cat", "dog"], classes=["dog", "cat", "fox"])
    assert data.classes == ("dog", "cat", "fox") and labels_of(data) == [0, 1, 0]
    assert from_arrays(images(3), [2, 0, 1], classes=("a", "b", "c")).classes == ("a", "b", "c")
    with pytest.raises(DataError, match=r"label 'dgo' is not in classes.*Did you mean 'dog'"):
        from_arrays(images(3), ["dog", "cat", "dgo"], classes=("dog", "cat"))
    with pytest.raises(DataError, match="label 3 of sample 1 has no name; with 3 classes, labels go from 0 to 2"):
        from_arrays(images(3), [0, 3, 1], classes=("a", "b", "c"))
    with pytest.raises(DataError, match="'a' is there twice"):
        from_arrays(images(3), [0, 1, 1], classes=("a", "b", "a"))
    with pytest.raises(DataError, match="wanted a tuple of names"):
        from_arrays(images(3), [0, 1, 1], classes="ab")


@pytest.mark.parametrize(
    "y, words",
    [
        ([1, 2], "got 2 labels for 3 images"),
        (5, "got one value for 3 images"),
        ([[1], [1, 2], [3]], "same shape"),
        ([["a"], ["b"], ["c"]], "strings"),
        (["a", 1.5, "b"], "label 1.5 of sample 1"),
        (["a", 1.5, None], "label None of sample 2"),
    ],
)
def test_wrong_labels(y, words):
    with pytest.raises(DataError, match=words):
        from_arrays(images(3), np.array(y, object) if words.startswith("label") else y)


def test_the_caller_may_reuse_the_labels():
    y = np.array([0, 1, 2])
    data = from_arrays(images(3), y)
    y[:] = 9
    assert labels_of(data) == [0, 1, 2]


def test_array_subsets_and_splits():
    x, y = images(20), np.arange(20) % 2
    data = from_arrays(x, y, classes=("even", "odd"))
    part = data.subset([5, 3, 3]).subset(np.array([2, 0]))
    assert part.rows.tolist() == [3, 5] and labels_of(part) == [1, 1] and part.classes == ("even", "odd")
    np.testing.assert_array_equal(part[1].image, x[5])
    rest, held_out = data.split(0.2, seed=3)
    assert np.bincount(labels_of(held_out)).tolist() == [2, 2] and sorted([*rest.rows, *held_out.rows]) == list(
        range(20)
    )
    patients = np.arange(20) // 4
    rest, held_out = data.split(0.2, groups=patients)
    assert not set(patients[rest.rows]) & set(patients[held_out.rows])
    assert len(from_arrays(x).split(0.2)[1]) == 4
    for rows, words in (([], "no rows"), ([20], "wanted 0..19"), ([-1], "wanted 0..19"), ([0.5], "integers")):
        with pytest.raises(DataError, match=words):
            data.subset(rows)  # type: ignore[arg-type]
    with pytest.raises(DataError, match=r"np\.flatnonzero\(mask\)"):
        data.subset(y == 0)


def test_array_sources_pickle_and_say_what_they_are():
    data = from_arrays(images(6), ["a", "b"] * 3)
    assert repr(data) == "DataSet(6 images of 5 x 4 x 3 uint8, 2 classes: a 3, b 3)"
    assert repr(from_arrays(images(2))) == "DataSet(2 images of 5 x 4 x 3 uint8, no labels)"
    again = pickle.loads(pickle.dumps(data.subset([1, 2])))
    assert again.classes == ("a", "b") and labels_of(again) == [1, 0]
    np.testing.assert_array_equal(again[0].image, data[1].image)
    assert (data.parts, data.paths, data.groups) == ({}, None, None) and len(data) == 6


# --- folders ----------------------------------------------------------------------------------------------------------


def test_flat_folder(tmp_path):
    root = tree(
        tmp_path / "set", "b/2.png", "b/deep/er/1.PNG", "a/x y.jpg", "a/.hidden.png", "a/.git/1.png", ".cache/c.png"
    )
    (root / "a" / "notes.txt").write_text("not an image")
    data = from_directory(root)
    assert data.classes == ("a", "b") and present(data.labels).tolist() == [0, 1, 1]
    assert [Path(path).relative_to(root).as_posix() for path in present(data.paths)] == [
        "a/x y.jpg",
        "b/2.png",
        "b/deep/er/1.PNG",
    ]
    assert present(data.labels).dtype == np.int64 and not present(data.labels).flags.writeable
    sample = data[-1]
    assert sample.image.shape == (3, 4, 3) and (sample.image == 1).all()
    assert sample.label == 1 and sample.path == str(root / "b" / "deep" / "er" / "1.PNG")
    assert (data.parts, data.part, data.groups, data.value_range) == ({}, None, None, None)
    assert "3 images, 2 classes: a 1, b 2" in repr(data) and str(root) in repr(data)
    with pytest.raises(IndexError, match="3 samples"):
        data[3]


def test_color(tmp_path):
    root = tree(tmp_path, "a/1.png")
    assert from_directory(root, color="grayscale")[0].image.shape == (3, 4, 1)
    assert from_directory(root, color="rgba")[0].image.shape == (3, 4, 4)
    assert from_directory(str(root), color=None)[0].image.shape == (3, 4, 3)
    with pytest.raises(DataError, match="Did you mean 'grayscale'"):
        from_directory(root, color="greyscale")  # type: ignore[arg-type]


def test_classes_choose_and_order(tmp_path):
    root = tree(tmp_path, "a/1.png", "b/2.png", "c/3.png", "empty/")
    with pytest.raises(DataError, match=r"empty: a class folder without images \(no files\), wanted .jpg"):
        from_directory(root)
    data = from_directory(root, classes=["c", "a"])
    assert data.classes == ("c", "a") and [Path(path).name for path in present(data.paths)] == ["3.png", "1.png"]
    assert present(data.labels).tolist() == [0, 1]
    for classes, words in ((["cc"], "no class folder 'cc'.*Did you mean 'c'"), (["a", "a"], "once"), ("abc", "a list")):
        with pytest.raises(DataError, match=words):
            from_directory(root, classes=classes)
    (root / "empty" / "x.heic").write_text("")
    with pytest.raises(DataError, match="1 files with other suffixes"), pytest.warns(AugfuseWarning, match="heic 1"):
        from_directory(root)


def test_parts_share_one_class_order(tmp_path):
    names = [
        "Train/b/1.png",
        "Train/a/2.png",
        "Train/c/3.png",
        "VALIDATION/c/4.png",
        "VALIDATION/a/5.png",
        "annotations/x.txt",
    ]
    root = tree(tmp_path, *names)
    with pytest.warns(AugfuseWarning, match="VALIDATION: has no images of 1 classes: 'b'"):
        data = from_directory(root)
    assert (data.part, list(data.parts), data.parts["train"]) == ("train", ["train", "val"], data)
    val = data.parts["val"]
    assert val.classes == data.classes == ("a", "b", "c")
    assert present(data.labels).tolist() == [0, 1, 2] and present(val.labels).tolist() == [0, 2]
    assert "part 'train' of train 3, val 2" in repr(data) and val.parts is data.parts
    with pytest.warns(AugfuseWarning):
        assert from_directory(root, part="valid").paths == val.paths
    with pytest.raises(DataError, match="has no part 'test', only 'train', 'val'"):
        from_directory(root, part="test")
    again = pickle.loads(pickle.dumps(data))
    assert again.parts["val"].paths == val.paths and again.parts["train"] is again
    assert data.split(0.4)[0].parts == {}
    assert from_directory(root, classes=["c", "a"]).classes == ("c", "a")


def test_wrong_parts(tmp_path):
    flat = tree(tmp_path / "flat", "a/1.png")
    with pytest.raises(DataError, match="holds no train, val or test folder"):
        from_directory(flat, part="val")
    root = tree(tmp_path / "parts", "train/a/1.png", "test/a/1.png", "test/b/1.png")
    with pytest.raises(DataError, match="train: has no folder for class 'b', which another part has"):
        from_directory(root)
    tree(root, "train/b/")
    with pytest.raises(DataError, match="b: a class folder without images"):
        from_directory(root)
    tree(root, "train/b/1.png")
    with pytest.raises(DataError, match="Did you mean 'train'"):
        from_directory(root, part="trian")
    tree(root, "val/a/1.png", "val/b/1.png", "valid/a/1.png", "valid/b/1.png")
    with pytest.raises(DataError, match="'val' and 'valid' are the same part"):
        from_directory(root)


def test_unlabelled_test_folder_is_left_out_and_said(tmp_path):
    root = tree(tmp_path, "train/a/1.png", "test/1.png", "test/2.png")
    with pytest.warns(AugfuseWarning, match="test: has no class folders, left out"):
        assert list(from_directory(root).parts) == ["train"]


def test_a_class_may_be_called_train(tmp_path):
    data = from_directory(tree(tmp_path, "bus/1.png", "train/2.png"))
    assert data.classes == ("bus", "train") and data.parts == {}


def test_folders_that_cannot_be_used(tmp_path):
    root = tree(tmp_path / "pictures", "a/1.png")
    with pytest.raises(DataNotFoundError, match=r"no such folder.*Did you mean 'pictures'"):
        from_directory(tmp_path / "picturs")
    with pytest.raises(DataNotFoundError, match="no such folder"):
        from_directory(tmp_path / "nowhere" / "at" / "all")
    (tmp_path / "set.zip").write_bytes(b"PK")
    with pytest.raises(DataNotFoundError, match=r"is a file.*Type af\.from_zip"):
        from_directory(tmp_path / "set.zip")
    (tmp_path / "none").mkdir()
    with pytest.raises(DataError, match="is empty"):
        from_directory(tmp_path / "none")
    with pytest.raises(DataError, match="1 images but no class folders; put images into one folder per class"):
        from_directory(root / "a")
    tree(root, "stray.png")
    with pytest.warns(AugfuseWarning, match="1 images beside the class folders"):
        assert len(from_directory(root)) == 1


def test_unreadable_files_name_themselves(tmp_path):
    root = tree(tmp_path, "a/1.png", "a/2.png", "a/3.png")
    data = from_directory(root)
    (root / "a" / "1.png").write_bytes(b"<html>")
    (root / "a" / "2.png").unlink()
    with pytest.raises(DecodeError, match=r"1\.png: this is a text file") as caught:
        data[0]
    assert caught.value.path == str(root / "a" / "1.png")
    with pytest.raises(DecodeError, match=r"2\.png: the file cannot be read"):
        data[1]
    assert data[2].image.shape == (3, 4, 3)


@pytest.mark.skipif(os.name == "nt", reason="symbolic links need rights there")
def test_links_stay_inside(tmp_path):
    outside = tree(tmp_path / "outside", "secret/1.png", "2.png")
    root = tree(tmp_path / "root", "a/1.png", "b/1.png")
    (root / "a" / "inside.png").symlink_to(root / "b" / "1.png")
    (root / "a" / "circle").symlink_to(root / "a")
    assert len(from_directory(root)) == 3
    (root / "a" / "file.png").symlink_to(outside / "2.png")
    (root / "a" / "folder").symlink_to(outside / "secret")
    with pytest.warns(AugfuseWarning, match="2 links lead out of"):
        assert len(from_directory(root)) == 3
    link = tmp_path / "link"
    link.symlink_to(tree(tmp_path / "real", "a/1.png"))
    assert from_directory(link).paths == (str(link / "a" / "1.png"),)  # the root itself may be a link


def test_folder_subsets_splits_threads_and_pickles(tmp_path):
    root = tree(tmp_path, *(f"{name}/{i:02}.png" for name in "ab" for i in range(10)))
    data = from_directory(root)
    rest, held_out = data.split(0.2, seed=1)
    assert np.bincount(present(held_out.labels)).tolist() == [2, 2] and len(rest) == 16
    assert not set(present(rest.paths)) & set(present(held_out.paths))
    assert held_out.classes == data.classes and held_out[0].label == 0
    part = data.subset([19, 0])
    assert present(part.labels).tolist() == [1, 0] and part[0].path == data[19].path
    again = pickle.loads(pickle.dumps(part))
    assert again.paths == part.paths
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda i: int(data[i % 20].image[0, 0, 0]), range(200)))
    assert found == [i % 20 for i in range(200)]


def test_the_working_directory_may_change(tmp_path, monkeypatch):
    tree(tmp_path, "set/a/1.png")
    monkeypatch.chdir(tmp_path)
    data = from_directory("set")
    monkeypatch.chdir("/")
    assert data[0].image.shape == (3, 4, 3)


def photographs() -> Path:
    shared = DATA
    return Path(os.environ.get("AUGFUSE_TEST_DATA", shared)) / "cats_dogs"


@pytest.mark.skipif(not photographs().is_dir(), reason="needs photographs: set AUGFUSE_TEST_DATA")
def test_photographs():
    with_parts = from_directory(photographs())
    assert with_parts.classes == ("cats", "dogs") and set(with_parts.parts) == {"train", "val"}
    for index in range(0, len(with_parts), 400):
        sample = with_parts[index]
        assert sample.path is not None
        np.testing.assert_array_equal(sample.image, decode(Path(sample.path).read_bytes(), color="rgb"))
        assert present(with_parts.classes)[sample.label] == Path(sample.path).parent.name
