"""from_zip: class folders in a zip archive."""

from __future__ import annotations

import io
import os
import pickle
import stat
import struct
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import augfuse as af
from augfuse.data.open import open_parts
from augfuse.experiment.setup.train_and_test import load_parts
from places import DATA
from present import present


def png(value: int, size: tuple[int, int] = (4, 3)) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", size, (value, value, value)).save(out, "PNG")
    return out.getvalue()


def pack(path: Path, *names: str, method: int = zipfile.ZIP_STORED, content: dict[str, bytes] | None = None) -> Path:
    """An archive of small pictures of these names, the n-th one filled with the value n; and of other members."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", method) as archive:
        for value, name in enumerate(names):
            archive.writestr(name, b"" if name.endswith("/") else png(value))
        for name, raw in (content or {}).items():
            archive.writestr(name, raw)
    return path


def unpack(path: Path, folder: Path) -> Path:
    with zipfile.ZipFile(path) as archive:
        archive.extractall(folder)
    return folder


NAMES = ("b/2.png", "b/deep/er/1.PNG", "a/x y.png", "a/.hidden.png", ".cache/c.png", "__MACOSX/a/._x.png")


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
@pytest.mark.parametrize("top", ["", "pictures/", "./"])
def test_class_folders(tmp_path: Path, method: int, top: str) -> None:
    path = pack(tmp_path / "set.zip", *(top + name for name in NAMES[:-1]), NAMES[-1], method=method)
    data = af.from_zip(path)
    assert data.classes == ("a", "b") and present(data.labels).tolist() == [0, 1, 1]
    top = top.removeprefix("./")
    assert data.paths == tuple(f"{path}/{top}{name}" for name in ("a/x y.png", "b/2.png", "b/deep/er/1.PNG"))
    assert [int(data[i].image[0, 0, 0]) for i in range(3)] == [2, 0, 1]
    assert data[1].path == present(data.paths)[1] and data.raw(1) == png(0) and data[-1].image.shape == (3, 4, 3)
    assert (data.root, data.part, data.parts, data.groups) == (str(path), None, {}, None)
    assert af.from_zip(str(path), color="grayscale")[0].image.shape == (3, 4, 1)
    assert af.from_zip(path, classes=["b"]).classes == ("b",)


def test_an_archive_is_the_folder_that_it_was_made_of(tmp_path: Path) -> None:
    names = ("Train/b/1.png", "Train/a/2.png", "VALIDATION/a/5.png", "VALIDATION/b/4.png", "notes/x.txt")
    path = pack(tmp_path / "set.zip", *names)
    folder = unpack(path, tmp_path / "set")
    packed, plain = af.from_zip(path), af.from_directory(folder)
    assert packed.classes == plain.classes and list(packed.parts) == list(plain.parts) == ["train", "val"]
    for part in packed.parts:
        one, other = packed.parts[part], plain.parts[part]
        wanted = [os.path.relpath(p, folder) for p in present(other.paths)]
        assert [os.path.relpath(p, path) for p in present(one.paths)] == wanted
        assert present(one.labels).tolist() == present(other.labels).tolist()
    assert af.from_zip(path, part="valid").paths == packed.parts["val"].paths
    for part, words in (("test", "has no part 'test', only 'train', 'val'"), ("trian", "Did you mean 'train'")):
        for open_, place in ((af.from_zip, path), (af.from_directory, folder)):
            with pytest.raises(af.DataError, match=words):
                open_(place, part=part)


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (("a/1.png", "empty/"), "empty: a class folder without images"),
        (("1.png",), "1 images but no class folders"),
        ((), "is empty, wanted one folder"),
        (("train/a/1.png", "test/a/1.png", "test/b/1.png"), "train: has no folder for class 'b'"),
        (("val/a/1.png", "valid/a/1.png"), "'val' and 'valid' are the same part"),
    ],
)
def test_errors_are_those_of_a_folder(tmp_path: Path, names: tuple[str, ...], words: str) -> None:
    path = pack(tmp_path / "set.zip", *names)
    with pytest.raises(af.DataError, match=words):
        af.from_zip(path)
    with pytest.raises(af.DataError, match=words):
        (tmp_path / "set").mkdir()
        af.from_directory(unpack(path, tmp_path / "set"))


def test_an_archive_of_the_test_part_alone(tmp_path: Path) -> None:
    path = pack(tmp_path / "set.zip", "test/a/1.png")
    with pytest.raises(af.DataError, match=r"has no part 'train', only 'test'\. Type part='test'"):
        af.from_zip(path)
    assert len(af.from_zip(path, part="test")) == 1


def test_paths_that_are_no_archive(tmp_path: Path) -> None:
    pack(tmp_path / "pictures.zip", "a/1.png")
    with pytest.raises(af.DataNotFoundError, match=r"no such file.*Did you mean 'pictures.zip'"):
        af.from_zip(tmp_path / "picture.zip")
    with pytest.raises(af.DataNotFoundError, match=r"is a folder.*af\.from_directory"):
        af.from_zip(tmp_path)
    with pytest.raises(af.DataNotFoundError, match=r"Type af\.from_zip"):
        af.from_directory(tmp_path / "pictures.zip")
    for raw in (b"", b"PK", b"<html>", (tmp_path / "pictures.zip").read_bytes()[:-10]):
        (tmp_path / "x.zip").write_bytes(raw)
        with pytest.raises(af.DataError, match=r"x\.zip: not a readable zip"):
            af.from_zip(tmp_path / "x.zip")
    with pytest.raises(af.DataError, match="Did you mean 'grayscale'"):
        af.from_zip(tmp_path / "pictures.zip", color="greyscale")  # type: ignore[arg-type]


def test_names_that_lead_out_are_left_out(tmp_path: Path) -> None:
    odd = ("../a/1.png", "/a/1.png", "C:/a/1.png", "a/../../1.png", "a//1.png", "a/b\n.png", "x/" * 200 + "1.png")
    path = pack(tmp_path / "set.zip", "a/1.png", *odd)
    with pytest.warns(af.AugfuseWarning, match=r"7 members have names that lead out .* first is '\.\./a/1\.png'"):
        assert af.from_zip(path).paths == (f"{path}/a/1.png",)
    windows = pack(tmp_path / "w.zip", r"a\1.png", r"b\2.png")
    assert af.from_zip(windows).classes == ("a", "b") and af.from_zip(windows)[1].image.max() == 1


def test_links_are_not_followed(tmp_path: Path) -> None:
    path = pack(tmp_path / "set.zip", "a/1.png")
    link = zipfile.ZipInfo("a/2.png")
    link.create_system, link.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(link, "/etc/passwd")
    with pytest.warns(af.AugfuseWarning, match=r"1 links lead out .*a/2\.png"):
        assert len(af.from_zip(path)) == 1


def patched(path: Path, old: bytes, new: bytes) -> None:
    raw = path.read_bytes()
    assert raw.count(old) >= 1
    path.write_bytes(raw.replace(old, new))


def test_members_that_are_refused(tmp_path: Path) -> None:
    path = pack(tmp_path / "set.zip", "a/1.png", method=zipfile.ZIP_BZIP2)
    with pytest.raises(af.DataError, match=r"'a/1\.png' is packed by method 12, wanted 0 \(stored\) or 8"):
        af.from_zip(path)
    path = pack(tmp_path / "set.zip", "a/1.png")
    raw = bytearray(path.read_bytes())
    raw[raw.index(b"PK\x01\x02") + 8] |= 1  # the flag of the list
    path.write_bytes(raw)
    with pytest.raises(af.DataError, match=r"'a/1\.png' is encrypted"):
        af.from_zip(path)
    path = pack(tmp_path / "set.zip", "a/1.png", "a/2.png")
    patched(path, b"a/2.png", b"a/1.png")
    with pytest.raises(af.DataError, match=r"'a/1\.png' is there twice"):
        af.from_zip(path)


def claim(path: Path, size: int) -> None:
    """Let the list claim another unpacked size for its only member."""
    raw = bytearray(path.read_bytes())
    struct.pack_into("<I", raw, raw.index(b"PK\x01\x02") + 24, size)
    path.write_bytes(raw)


def test_bombs_are_not_unpacked(tmp_path: Path) -> None:
    bomb = {"a/1.png": bytes(300 * 2**20)}
    path = pack(tmp_path / "set.zip", method=zipfile.ZIP_DEFLATED, content=bomb)
    with pytest.raises(af.DecodeError, match=r"a/1\.png: the member would grow from .* to 314,572,800 bytes"):
        af.from_zip(path)[0]
    claim(path, 1000)  # a list that lies about it
    with pytest.raises(af.DecodeError, match="is damaged"):
        af.from_zip(path)[0]


def test_damaged_members_name_themselves(tmp_path: Path) -> None:
    path = pack(tmp_path / "set.zip", "a/1.png", "a/2.png", content={"a/3.png": b"<html>"})
    data = af.from_zip(path)
    with pytest.raises(af.DecodeError, match=r"a/3\.png: this is a text file") as caught:
        data[2]
    assert caught.value.path == f"{path}/a/3.png"
    whole = path.read_bytes()
    broken = bytearray(whole)
    broken[whole.index(png(0)) + 60] ^= 1
    path.write_bytes(broken)
    with pytest.raises(af.DecodeError, match=r"a/1\.png: the member is damaged"):
        data[0]
    assert data[1].image.max() == 1
    path.write_bytes(bytes(len(whole)))
    with pytest.raises(af.DecodeError, match=r"a/2\.png: the archive has no member at this place"):
        data[1]
    path.unlink()
    with pytest.raises(af.DecodeError, match=r"a/2\.png: the file cannot be read \(No such file"):
        data[1]
    deflated = pack(tmp_path / "deflated.zip", "a/1.png", method=zipfile.ZIP_DEFLATED)
    broken = bytearray(deflated.read_bytes())
    broken[30 + len("a/1.png")] = 0xFF
    deflated.write_bytes(broken)
    with pytest.raises(af.DecodeError, match=r"a/1\.png: the member cannot be unpacked"):
        af.from_zip(deflated)[0]


def test_threads_pickles_subsets_and_archives_behind_other_bytes(tmp_path: Path) -> None:
    path = pack(tmp_path / "set.zip", *(f"{name}/{i:02}.png" for name in "ab" for i in range(10)))
    path.write_bytes(b"#!/bin/sh\n" * 10 + path.read_bytes())  # a self-extracting archive
    data = af.from_zip(path)
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda i: int(data[i % 20].image[0, 0, 0]), range(400)))
    assert found == [i % 20 for i in range(400)]
    rest, held_out = data.split(0.2, seed=1)
    again = pickle.loads(pickle.dumps(held_out))
    assert again.paths == held_out.paths and not set(present(rest.paths)) & set(present(held_out.paths))
    np.testing.assert_array_equal(again[2].image, held_out[2].image)
    assert len(pickle.dumps(data)) < 10_000
    batches = list(af.Loader(data, af.Recipe([af.Rotate(5)]), batch_size=5, seed=0, workers=2))
    assert sorted(path for batch in batches for path in batch.paths or ()) == sorted(present(data.paths))


def test_archives_named_like_parts(tmp_path: Path) -> None:
    one = [f"train/{name}/{i}.png" for name in "ab" for i in range(3)]
    pack(tmp_path / "d" / "set_train.zip", *one)
    pack(tmp_path / "d" / "set_test.zip", "a/1.png", "b/2.png")
    parts = load_parts(tmp_path / "d")
    assert (len(parts.train), len(parts.test), parts.classes, parts.title) == (6, 2, ("a", "b"), "d")
    pack(tmp_path / "d" / "set_test.zip", "a/1.png", "c/2.png")
    with pytest.raises(af.DataError, match="classes differ from those of the other archive: b, c"):
        load_parts(tmp_path / "d")
    pack(tmp_path / "d" / "set_test.zip", *one)
    with pytest.raises(af.DataError, match=r"set_test\.zip: holds the parts train, wanted the test part alone"):
        load_parts(tmp_path / "d")
    pack(tmp_path / "d" / "other_val.zip", "a/1.png")
    with pytest.raises(af.DataError, match="are of different data sets"):
        load_parts(tmp_path / "d")
    pack(tmp_path / "single" / "set.zip", "a/1.png", "b/1.png")
    with pytest.raises(af.DataError, match=r"holds set\.zip and no class folders\. Type .*set\.zip"):
        load_parts(tmp_path / "single")


def test_one_archive_with_and_without_a_test_part(tmp_path: Path) -> None:
    path = pack(tmp_path / "set.zip", *(f"{name}/{i}.png" for name in "ab" for i in range(10)))
    parts = load_parts(path)
    assert (len(parts.train), len(parts.test)) == (16, 4) and "held out" in parts.description
    path = pack(tmp_path / "set.zip", "s/train/a/1.png", "s/train/b/1.png", "s/val/a/1.png", "s/val/b/1.png")
    assert list(open_parts(path).parts) == ["train", "val"] and len(load_parts(path).test) == 2


def cifar() -> Path:
    shared = DATA
    return Path(os.environ.get("AUGFUSE_TEST_DATA", shared)) / "cifar10"


@pytest.mark.skipif(not cifar().is_dir(), reason="needs copies of CIFAR-10: set AUGFUSE_TEST_DATA")
def test_cifar10() -> None:
    parts = load_parts(cifar())
    assert (len(parts.train), len(parts.test)) == (10_000, 2_000)
    assert " ".join(parts.classes) == "airplane automobile bird cat deer dog frog horse ship truck"
    assert parts.train[9_999].image.shape == (32, 32, 3) and present(parts.test.labels)[-1] == 9
