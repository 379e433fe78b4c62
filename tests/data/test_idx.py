"""from_idx."""

from __future__ import annotations

import gzip
import os
import pickle
import struct
from pathlib import Path

import numpy as np
import pytest

import augfuse as af
from augfuse.data.open import open_parts
from augfuse.experiment.setup.train_and_test import load_parts
from places import DATA
from present import present

CODES = {"uint8": 0x08, "int8": 0x09, "int16": 0x0B, "int32": 0x0C, "float32": 0x0D, "float64": 0x0E}


def idx_bytes(array: np.ndarray) -> bytes:
    head = struct.pack(f">BBBB{array.ndim}I", 0, 0, CODES[array.dtype.name], array.ndim, *array.shape)
    return head + array.astype(array.dtype.newbyteorder(">")).tobytes()


def images(n: int = 5) -> np.ndarray:
    return np.random.default_rng(n).integers(0, 256, (n, 4, 3), dtype=np.uint8)


def write(path: Path, array: np.ndarray) -> Path:
    raw = idx_bytes(array)
    path.write_bytes(gzip.compress(raw) if path.suffix == ".gz" else raw)
    return path


def mnist(folder: Path, end: str = ".gz", start: str = "") -> Path:
    for part, n in (("train", 5), ("t10k", 3)):
        write(folder / f"{start}{part}-images-idx3-ubyte{end}", images(n))
        write(folder / f"{start}{part}-labels-idx1-ubyte{end}", np.arange(n, dtype=np.uint8) % 2 + 4)
    return folder


@pytest.mark.parametrize("end", ["", ".gz", ".bin"])
def test_two_files(tmp_path: Path, end: str) -> None:
    x = write(tmp_path / f"x{end}", images())
    y = write(tmp_path / f"y{end}", np.array([3, 1, 4, 1, 5], np.uint8))
    data = af.from_idx(x, str(y))
    assert present(data.images).shape == (5, 4, 3, 1) and present(data.images).dtype == np.uint8
    np.testing.assert_array_equal(present(data.images)[..., 0], images())
    assert data.labels is not None and data.labels.tolist() == [3, 1, 4, 1, 5] and data.labels.dtype == np.int64
    assert (data.classes, data.parts) == (None, {})
    assert af.from_idx(x).labels is None
    assert af.from_idx(x, y, classes=["a", "b", "c", "d", "e", "f"])[2].label == 4
    again = pickle.loads(pickle.dumps(data))
    np.testing.assert_array_equal(again[4].image, data[4].image)


@pytest.mark.parametrize("dtype", ["int8", "int16", "int32"])
def test_labels_of_other_dtypes_and_byte_order(tmp_path: Path, dtype: str) -> None:
    y = write(tmp_path / "y", np.array([3, 100, 4, 1, 5]).astype(dtype))
    data = af.from_idx(write(tmp_path / "x", images()), y)
    assert data.labels is not None and data.labels.tolist() == [3, 100, 4, 1, 5]


def test_other_pixels(tmp_path: Path) -> None:
    colour = np.random.default_rng(0).integers(0, 256, (2, 4, 3, 3), dtype=np.uint8)
    np.testing.assert_array_equal(af.from_idx(write(tmp_path / "c", colour)).images, colour)
    floats = af.from_idx(write(tmp_path / "f", (images() / 255).astype(np.float32)))
    np.testing.assert_array_equal(present(floats.images)[..., 0], (images() / 255).astype(np.float32))


@pytest.mark.parametrize("dtype", ["int8", "int16", "int32", "float32"])
def test_pixels_that_need_a_hand_come_with_lines_that_can_be_typed(tmp_path: Path, dtype: str) -> None:
    pixels = images() // 2 if dtype == "int8" else images()  # no int8 is above 127
    path = write(tmp_path / "i", pixels.astype(dtype))
    kind, words = (af.ImageError, "divide by 255") if dtype == "float32" else (af.ImageTypeError, f"x: got {dtype}, ")
    with pytest.raises(kind, match=words) as caught:
        af.from_idx(path)
    told = str(caught.value)
    assert told.startswith(f"{path}: ") and ("x.astype(np.uint8). To do so: " in told or dtype == "float32")
    session: dict[str, object] = {}
    lines = told.partition("To do so: ")[2].split("; ")
    exec("; ".join(lines[:2]), session)
    data = af.from_arrays(session["x"].astype(np.uint8), None)  # type: ignore[attr-defined]
    np.testing.assert_array_equal(present(data.images)[..., 0], pixels)


@pytest.mark.parametrize(("end", "start"), [("", ""), (".gz", ""), (".gz", "emnist-letters-")])
def test_a_folder_holds_both_parts(tmp_path: Path, end: str, start: str) -> None:
    data = af.from_idx(mnist(tmp_path, end, start))
    assert len(data) == 5 and list(data.parts) == ["train", "test"] and data.parts["train"] is data
    test = af.from_idx(tmp_path, part="test")
    np.testing.assert_array_equal(test.images, data.parts["test"].images)
    assert len(test) == 3 and test.labels is not None and test.labels.tolist() == [4, 5, 4]
    with pytest.raises(af.DataError, match="no part 'val', only 'train', 'test'"):
        af.from_idx(tmp_path, part="val")
    assert {str(k): len(v) for k, v in open_parts(tmp_path).parts.items()} == {"train": 5, "test": 3}
    parts = load_parts(tmp_path)
    assert parts.classes == ("4", "5") and present(parts.test.labels).tolist() == [0, 1, 0] and parts.shape == (4, 3, 1)


def test_a_plain_file_comes_before_the_packed_one(tmp_path: Path) -> None:
    mnist(tmp_path, ".gz")
    write(tmp_path / "train-images-idx3-ubyte", images(5)[:, ::-1])
    np.testing.assert_array_equal(present(af.from_idx(tmp_path).images)[..., 0], images(5)[:, ::-1])


def test_folders_that_cannot_be_used(tmp_path: Path) -> None:
    with pytest.raises(af.DataNotFoundError, match="holds no train-images-idx3-ubyte"):
        af.from_idx(tmp_path)
    mnist(tmp_path)
    with pytest.raises(af.DataError, match="labels are found"):
        af.from_idx(tmp_path, tmp_path / "t10k-labels-idx1-ubyte.gz")
    with pytest.raises(af.DataError, match="with a folder only"):
        af.from_idx(tmp_path / "t10k-images-idx3-ubyte.gz", part="test")
    (tmp_path / "t10k-labels-idx1-ubyte.gz").unlink()
    with pytest.raises(af.DataNotFoundError, match="found no labels for it, wanted t10k-labels-idx1-ubyte"):
        af.from_idx(tmp_path)
    mnist(tmp_path, start="emnist-")
    with pytest.raises(af.DataError, match="are both test images"):
        af.from_idx(tmp_path)


@pytest.mark.parametrize("start", ["", "fashion-"])
def test_parts_of_two_data_sets_are_no_data_set(tmp_path: Path, start: str) -> None:
    mnist(tmp_path, start="mnist-")
    for path in tmp_path.glob("mnist-t10k-*"):
        path.rename(tmp_path / path.name.replace("mnist-", start))
    with pytest.raises(af.DataError, match=r"-ubyte\.gz and .*-ubyte\.gz are of different data sets\. Put one set"):
        af.from_idx(tmp_path)
    with pytest.raises(af.DataError, match="different data sets"):
        open_parts(tmp_path)


GOOD = idx_bytes(images())


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (b"", "not an IDX file: it begins with nothing"),
        (b"<html>", "begins with 3c 68 74 6d, wanted 00 00"),
        (b"\x89PNG\r\n\x1a\n", "not an IDX file"),
        (b"\0\0\x0a\x03" + GOOD[4:], "not an IDX file"),
        (GOOD[:7], "cut inside its header, after 7 bytes"),
        (GOOD[:-1], r"cut short: the header says \(5, 4, 3\) uint8, 60 bytes; got 59|more than the file can hold"),
        (GOOD + b"\0", "goes on after the 60 bytes"),
        (b"\0\0\x08\x03" + b"\xff" * 12, "more than the file can hold"),
        (b"\0\0\x08\x03" + struct.pack(">3I", 0, 28, 28), "at least one image"),
        (idx_bytes(np.arange(5, dtype=np.uint8)), "looks like labels: swap"),
    ],
)
@pytest.mark.parametrize("packed", [False, True])
def test_files_that_are_not_images(tmp_path: Path, raw: bytes, words: str, packed: bool) -> None:
    path = tmp_path / "train-images"
    path.write_bytes(gzip.compress(raw) if packed else raw)
    with pytest.raises(af.DataError, match=words) as caught:
        af.from_idx(path)
    assert str(path) in str(caught.value)


def test_damaged_gzip_and_missing_files(tmp_path: Path) -> None:
    path = write(tmp_path / "x.gz", images())
    path.write_bytes(path.read_bytes()[:-12])
    with pytest.raises(af.DataError, match="gzip file is cut or damaged"):
        af.from_idx(path)
    raw = bytearray(gzip.compress(GOOD))
    raw[-6] ^= 1  # the checksum
    path.write_bytes(raw)
    with pytest.raises(af.DataError, match="gzip file is cut or damaged"):
        af.from_idx(path)
    with pytest.raises(af.DataNotFoundError, match=r"x\.gy: no such file\. Did you mean 'x\.gz'"):
        af.from_idx(tmp_path / "x.gy")


def test_labels_that_do_not_match(tmp_path: Path) -> None:
    x = write(tmp_path / "x", images())
    with pytest.raises(af.DataError, match="got 4 labels for the 5 images of"):
        af.from_idx(x, write(tmp_path / "y", np.arange(4, dtype=np.uint8)))
    with pytest.raises(af.DataError, match=r"got uint8 of shape \(5, 4, 3\), wanted whole numbers"):
        af.from_idx(x, x)
    with pytest.raises(af.DataError, match="has no name; with 2 classes"):
        af.from_idx(x, write(tmp_path / "y", np.arange(5, dtype=np.uint8)), classes=("a", "b"))


def fashion() -> Path:
    shared = DATA
    return Path(os.environ.get("AUGFUSE_TEST_DATA", shared)) / "fashion-mnist"


@pytest.mark.skipif(not fashion().is_dir(), reason="needs Fashion-MNIST: set AUGFUSE_TEST_DATA")
def test_fashion_mnist() -> None:
    data = af.from_idx(fashion())
    assert present(data.images).shape == (60_000, 28, 28, 1)
    assert present(data.parts["test"].images).shape == (10_000, 28, 28, 1)
    assert data.labels is not None and np.bincount(data.labels).tolist() == [6000] * 10
    assert data.labels[:5].tolist() == [9, 0, 0, 3, 0]
