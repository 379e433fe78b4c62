"""`exclude=` of the sources: lists of images to leave out."""

from __future__ import annotations

from pathlib import Path

import pytest

import augfuse as af
from augfuse.errors import AugfuseWarning
from doctor_cases import healthy
from present import present


def test_paths_below_the_folder_in_full_or_in_a_file(tmp_path: Path) -> None:
    root = healthy(tmp_path / "set")
    everything = af.from_directory(root)
    given = ["train/cat/0.png", "./train/dog/2.png", root / "val/cat/3.png"]
    (tmp_path / "list.txt").write_text("# comment\n\ntrain/cat/0.png\r\n  train/dog/2.png\n" + str(given[2]) + "\n")
    for exclude in (given, tmp_path / "list.txt", str(tmp_path / "list.txt")):
        source = af.from_directory(root, exclude=exclude)
        assert len(source) == len(everything) - 2 and len(source.parts["val"]) == 7
        assert source.classes == everything.classes and len(present(source.labels)) == len(present(source.paths))
        kept = [i for i, path in enumerate(present(everything.paths)) if path in present(source.paths)]
        assert present(source.labels).tolist() == present(everything.labels)[kept].tolist()
    assert len(af.from_directory(root, exclude=[])) == len(everything)


def test_unknown_paths_are_counted(tmp_path: Path) -> None:
    root = healthy(tmp_path)
    with pytest.warns(AugfuseWarning, match=r"2 of 3 paths in exclude are not images of it, the first is 'nosuch.png'"):
        af.from_directory(root, exclude=["train/cat/0.png", "nosuch.png", "train/cat/999.png"])
    af.from_directory(root, classes=["dog"], exclude=["train/cat/0.png"])  # not looked at, so not unknown


def test_what_cannot_be_left_out(tmp_path: Path) -> None:
    root = healthy(tmp_path / "set")
    with pytest.raises(af.DataError, match="leaves class 'cat' without images"):
        af.from_directory(root, exclude=[f"train/cat/{n}.png" for n in range(12)])
    with pytest.raises(af.DataError, match="does not lie in"):
        af.from_directory(root, exclude=[tmp_path / "elsewhere.png"])
    with pytest.raises(af.DataNotFoundError, match=r"there is no list .*exclude=\["):
        af.from_directory(root, exclude="train/cat/0.png")
    (tmp_path / "bad.txt").write_text('"unfinished\n')
    with pytest.raises(af.DataError, match=r"line 1: not a JSON string"):
        af.from_directory(root, exclude=tmp_path / "bad.txt")
    (tmp_path / "raw.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(af.DataError, match="not a readable list"):
        af.from_directory(root, exclude=tmp_path / "raw.txt")
