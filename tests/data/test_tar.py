"""from_tar: class folders and WebDataset's samples in tar archives, read in place."""

from __future__ import annotations

import io
import json
import pickle
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import augfuse as af
from augfuse.data.open import open_parts


def png(value: int) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (4, 3), (value, value, value)).save(out, "PNG")
    return out.getvalue()


def pack(path: Path, members: dict[str, bytes], mode: str = "w", format: int = tarfile.PAX_FORMAT) -> Path:
    with tarfile.open(path, mode, format=format) as archive:  # type: ignore[call-overload]
        for name, raw in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(raw)
            archive.addfile(info, io.BytesIO(raw))
    return path


FOLDERS = {"b/2.png": png(0), "b/deep/1.PNG": png(1), "a/x y.png": png(2), "a/.hidden.png": b"", "a/notes.txt": b"x"}


@pytest.mark.parametrize("format", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
@pytest.mark.parametrize("top", ["", "pictures/", "./"])
def test_class_folders(tmp_path: Path, top: str, format: int) -> None:
    path = pack(tmp_path / "set.tar", {top + name: raw for name, raw in FOLDERS.items()}, format=format)
    data = af.from_tar(path)
    assert data.classes == ("a", "b") and data.labels is not None and data.labels.tolist() == [0, 1, 1]
    assert [int(sample.image[0, 0, 0]) for sample in data] == [2, 0, 1]
    assert data.raw(1) == png(0) and data.root == str(path)
    copy = pickle.loads(pickle.dumps(data))
    path.rename(tmp_path / "moved.tar")
    with pytest.raises(af.DecodeError, match="cannot be read"):
        copy[0]


def test_the_bytes_are_those_of_the_folder(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for name in "ab":
        (tmp_path / "photos" / name).mkdir(parents=True)
        for i in range(5):
            Image.fromarray(rng.integers(0, 256, (20, 30, 3), np.uint8)).save(tmp_path / "photos" / name / f"{i}.jpg")
    with tarfile.open(tmp_path / "photos.tar", "w") as archive:
        archive.add(tmp_path / "photos", arcname=".")
    recipe = af.Recipe([af.Rotate(20)])
    loaders = [af.Loader(data, recipe, seed=1, batch_size=4, workers=workers) for workers in (0, 3)
               for data in (af.from_directory(tmp_path / "photos"), af.open(tmp_path / "photos.tar"))]  # fmt: skip
    for batches in zip(*loaders, strict=True):
        for batch in batches[1:]:
            np.testing.assert_array_equal(batch.images, batches[0].images)
            np.testing.assert_array_equal(batch.labels, batches[0].labels)


def test_parts(tmp_path: Path) -> None:
    members = {f"set/{part}/{name}/1.png": png(k) for k, part in enumerate(("train", "val")) for name in "ab"}
    path = pack(tmp_path / "set.tar", members)
    data = af.from_tar(path, part="val")
    assert (data.part, len(data), list(data.parts)) == ("val", 2, ["train", "val"])
    assert list(open_parts(path).parts) == ["train", "val"]


def samples(**labels: bytes) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    for k in range(3):
        found[f"d.1/{k:03}.png"] = png(k)
        found |= {f"d.1/{k:03}.{ending}": raw.replace(b"N", str(k).encode()) for ending, raw in labels.items()}
        found[f"d.1/{k:03}.txt"] = b"a caption"
    return found


@pytest.mark.parametrize(
    ("labels", "wanted", "classes"),
    [
        ({"cls": b"N"}, [0, 1, 2], None),
        ({"cls": b"class N\n"}, [0, 1, 2], ("class 0", "class 1", "class 2")),
        ({"json": b'{"label": N}'}, [0, 1, 2], None),
        ({"json": b'{"label": 7}', "cls": b"N"}, [0, 1, 2], None),
        ({"json": b'{"width": 3}'}, None, None),
    ],
)
def test_samples_of_webdataset(
    tmp_path: Path, labels: dict[str, bytes], wanted: list[int] | None, classes: tuple[str, ...] | None
) -> None:
    data = af.from_tar(pack(tmp_path / "set.tar", samples(**labels)))
    assert data.classes == classes and (None if data.labels is None else data.labels.tolist()) == wanted
    assert [int(sample.image[0, 0, 0]) for sample in data] == [0, 1, 2]


def test_shards_follow_one_another(tmp_path: Path) -> None:
    files = [pack(tmp_path / f"train-{k}.tar", samples(cls=b"N")) for k in range(2)]
    data = af.from_tar(files, classes=("x", "y", "z"))
    assert len(data) == 6 and data.classes == ("x", "y", "z") and data.labels is not None
    assert data.labels.tolist() == [0, 1, 2, 0, 1, 2]
    assert data.paths is not None and data.paths[4] == f"{files[1]}/d.1/001.png"
    with pytest.raises(af.DataError, match="part: got 'val' for samples of WebDataset"):
        af.from_tar(files, part="val")


def cut(path: Path) -> Path:
    path.write_bytes(path.read_bytes()[:700])
    return path


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda p: pack(p, FOLDERS, "w:gz"), "is packed, and a packed archive has no places"),
        (lambda p: pack(p, FOLDERS, "w:xz"), "is packed"),
        (lambda p: cut(pack(p, {"a/1.png": png(0) * 9, "b/1.png": png(0)})), "cut short|not a readable tar archive"),
        (lambda p: p.write_bytes(b"no archive" * 200) and p, "not a readable tar archive"),
        (lambda p: (p.write_bytes(b"") and p) or p, "not a readable tar archive|holds no images"),
        (lambda p: pack(p, {"a/1.txt": b"x"}), "holds no images"),
        (lambda p: pack(p, {"1.png": png(0), "1.jpg": png(0), "1.cls": b"0"}), "has two images"),
        (lambda p: pack(p, {"1.png": png(0), "1.cls": b"0", "2.png": png(0)}), "has no label beside it"),
        (lambda p: pack(p, {"1.png": png(0), "1.cls": b"0", "2.png": png(0), "2.cls": b"x"}), "numbers or names"),
        (lambda p: pack(p, {"1.png": png(0), "1.cls": b"\xff\xfe\xfd"}), "not a readable label"),
        (lambda p: pack(p, {"1.png": png(0), "1.json": b"{"}), "not a readable label"),
        (lambda p: pack(p, {"1.png": png(0), "1.json": json.dumps({"label": [1]}).encode()}), "wanted a whole number"),
        (lambda p: pack(p, {"1.png": png(0), "1.json": b"[" * 100_000}), "not a readable label"),
    ],
)  # fmt: skip
def test_archives_that_cannot_be_used(tmp_path: Path, make: Any, words: str) -> None:
    path = tmp_path / "set.tar"
    make(path)
    with pytest.raises(af.DataError, match=words):
        af.from_tar(path)


def test_a_member_that_is_there_twice(tmp_path: Path) -> None:
    path = pack(tmp_path / "set.tar", {"a/1.png": png(0)})
    with tarfile.open(path, "a") as archive:
        info = tarfile.TarInfo("a/1.png")
        archive.addfile(info, io.BytesIO())
    with pytest.raises(af.DataError, match="is there twice"):
        af.from_tar(path)


def test_names_that_lead_out_and_links_are_not_followed(tmp_path: Path) -> None:
    path = tmp_path / "set.tar"
    with tarfile.open(path, "w") as archive:
        for name in ("a/1.png", "../out/2.png", "/etc/3.png"):
            info = tarfile.TarInfo(name)
            info.size = len(png(0))
            archive.addfile(info, io.BytesIO(png(0)))
        link = tarfile.TarInfo("a/4.png")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
    with pytest.warns(af.AugfuseWarning) as said:
        data = af.from_tar(path)
    words = " ".join(str(warning.message) for warning in said)
    assert len(data) == 1 and "lead out of the archive" in words and "links lead out" in words


def test_an_archive_that_changed_since(tmp_path: Path) -> None:
    path = pack(tmp_path / "set.tar", FOLDERS)
    data = af.from_tar(path)
    path.write_bytes(path.read_bytes()[:600])
    with pytest.raises(af.DecodeError, match="the archive ends within the member"):
        data[2]


def test_no_such_archive(tmp_path: Path) -> None:
    with pytest.raises(af.DataNotFoundError, match="no such file, wanted a tar archive"):
        af.from_tar(tmp_path / "set.tar")
    with pytest.raises(af.DataNotFoundError, match="is a folder"):
        af.from_tar(tmp_path)
    with pytest.raises(af.DataError, match="got no archives"):
        af.from_tar([])


def test_samples_become_class_folders(tmp_path: Path) -> None:
    from augfuse.cli import main

    path = pack(tmp_path / "set.tar", samples(cls=b"class N"))
    assert main(["convert", str(path), str(tmp_path / "new")]) == 0
    data = af.from_directory(tmp_path / "new")
    assert data.classes == ("class 0", "class 1", "class 2") and data.raw(1) == png(1)
