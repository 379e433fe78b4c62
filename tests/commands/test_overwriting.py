"""Nothing of the user's is overwritten: no output lies in the data, and none replaces what augfuse did not write."""

from __future__ import annotations

import gzip
import json
import os
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import augfuse as af
from augfuse.cli import main

RECIPE = af.Recipe([af.Rotate((-20, 20)), af.HorizontalFlip()])


def photos(root: Path, count: int = 4) -> Path:
    for i, image in enumerate(np.random.default_rng(0).integers(0, 256, (2 * count, 12, 10, 3), dtype=np.uint8)):
        path = root / "ab"[i % 2] / f"{i}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(path)
    return root


def arrays(path: Path, **more: object) -> Path:
    np.savez(path, x=np.zeros((6, 8, 8, 3), np.uint8), y=np.arange(6) % 2, **more)  # type: ignore[arg-type]
    return path


def archive(path: Path) -> Path:
    folder = photos(path.with_suffix(".folder"))
    with zipfile.ZipFile(path, "w") as file:
        for image in folder.rglob("*.png"):
            file.write(image, image.relative_to(folder))
    shutil.rmtree(folder)
    return path


def pair(folder: Path) -> Path:
    folder.mkdir()
    for part in ("train", "test"):
        archive(folder / f"set_{part}.zip")
    return folder


def idx(folder: Path) -> Path:
    folder.mkdir()
    for name, values in (("images-idx3", np.zeros((6, 8, 8), np.uint8)), ("labels-idx1", np.arange(6, dtype=np.uint8))):
        head = bytes([0, 0, 8, values.ndim]) + b"".join(n.to_bytes(4, "big") for n in values.shape)
        (folder / f"train-{name}-ubyte.gz").write_bytes(gzip.compress(head + values.tobytes()))
    return folder


def everything(folder: Path) -> dict[str, bytes]:
    """All files and links below a folder, and what is in them."""
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    path = tmp_path / "recipe.yaml"
    path.write_text(RECIPE.to_yaml(), encoding="utf-8")
    return path


def refused(command: list[str], words: str, capsys: pytest.CaptureFixture[str], place: Path) -> None:
    before = everything(place)
    capsys.readouterr()
    assert main(command) == 2
    assert words in capsys.readouterr().err
    assert everything(place) == before


# --- the data ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "inside"),
    [
        (photos, "a/0.png"),
        (photos, "a/new.png"),
        (photos, "new.png"),
        (lambda root: arrays(root.with_suffix(".npz")), ""),
        (lambda root: archive(root.with_suffix(".zip")), ""),
        (pair, "set_train.zip"),
        (pair, "new.png"),
        (idx, "train-images-idx3-ubyte.gz"),
    ],
)
def test_no_command_writes_into_its_data(
    make: Callable[[Path], Path], inside: str, tmp_path: Path, recipe: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = make(tmp_path / "set")
    target = data / inside if inside else data
    words = "lies in the data" if inside else "is the data itself"
    refused(["doctor", str(data), "--json", str(target)], words, capsys, tmp_path)
    if make in (photos, pair):
        refused(["doctor", str(data), "--quarantine", str(target)], words, capsys, tmp_path)
    if target.suffix == ".png":
        refused(["preview", str(data), "--out", str(target)], words, capsys, tmp_path)
    for option in ([], ["--overwrite"]):
        command = ["augment", str(data), str(target), "--recipe", str(recipe), *option]
        refused(command, words, capsys, tmp_path)


def test_the_data_is_found_under_other_names(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    data = photos(tmp_path / "photos")
    (tmp_path / "link").symlink_to(data)
    (tmp_path / "to-a").symlink_to(data / "a")
    (tmp_path / "to-0.png").symlink_to(data / "a" / "0.png")
    monkeypatch.chdir(tmp_path)
    for given, target in (
        ("photos", "link/list.txt"),
        ("link", "photos/a/0.png"),
        ("photos", "to-a/list.txt"),
        ("photos", "to-0.png"),
        ("photos", "photos/../photos/a/../list.txt"),
        ("photos/../photos", "./link/../photos/list.txt"),
    ):
        refused(["doctor", given, "--quarantine", target], "lies in the data", capsys, tmp_path)
    monkeypatch.chdir(data / "a")
    refused(["doctor", "..", "--quarantine", "list.txt"], "lies in the data", capsys, tmp_path)
    refused(["preview", "0.png", "--out", "0.png"], "is the data itself", capsys, tmp_path)


def test_the_data_is_found_behind_links_in_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    elsewhere = photos(tmp_path / "disk")
    for parts in ("", "train"):
        data = tmp_path / f"set{parts}" / parts
        data.mkdir(parents=True)
        for name in "ab":
            (data / name).symlink_to(elsewhere / name)
        command = ["doctor", str(tmp_path / f"set{parts}"), "--json", str(elsewhere / "a" / "found.json")]
        refused(command, "lies in the data", capsys, tmp_path)


def test_a_hard_link_to_the_data_is_the_data(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = arrays(tmp_path / "set.npz")
    os.link(data, tmp_path / "again.npz")
    refused(["doctor", str(data), "--json", str(tmp_path / "again.npz")], "is the data itself", capsys, tmp_path)


def test_a_run_is_not_written_into_its_data_either(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for module in ("keras", "sklearn", "matplotlib"):
        pytest.importorskip(module, reason="needs the extra: pip install 'augfuse[train]'")
    data = photos(tmp_path / "photos", 10)
    for options in (
        ["--out", str(data)],
        ["--out", str(data / "a"), "--name", "r"],
        ["--out", str(tmp_path), "--name", "photos"],
    ):
        refused(["train", str(data), "--size", "8", *options], "the data", capsys, tmp_path)
    with pytest.raises(af.DataError, match="lies in the data"):
        af.train(data, size=8, out=data / "runs", progress=False)
    with pytest.raises(af.DataError, match="lies in the data"):
        af.train(af.from_directory(data), size=8, out=data / "runs", progress=False)


# --- files of others --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("option", "name", "content"),
    [
        ("--quarantine", "notes.txt", b"what I found\n"),
        ("--quarantine", "photo.jpg", b"\xff\xd8\xff\xe0"),
        ("--quarantine", "list", b"a/0.png\nb/1.png\n"),
        ("--json", "labels.json", b'{"images": [], "annotations": []}'),
        ("--json", "run.json", b'{"data": "x", "classes": []}'),
        ("--json", "lines.json", b"{}\n{}\n"),
        ("--json", "cut.json", b'{"data": "x", "par'),
    ],
)
def test_the_doctor_replaces_no_file_of_others(
    option: str, name: str, content: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = photos(tmp_path / "photos")
    (tmp_path / name).write_bytes(content)
    words = "was not written by augfuse doctor"
    refused(["doctor", str(data), option, str(tmp_path / name)], words, capsys, tmp_path)
    capsys.readouterr()
    main(["doctor", str(data), option, str(tmp_path / name), "--overwrite"])
    assert (tmp_path / name).read_bytes() == content


def test_the_doctor_replaces_its_own_files_and_asks_where_they_were_edited(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = photos(tmp_path / "photos")
    (data / "a" / "0.png").write_bytes(b"<html>")
    listed, found = tmp_path / "list.txt", tmp_path / "found.json"
    command = ["doctor", str(data), "--quarantine", str(listed), "--json", str(found)]
    listed.touch()  # as mktemp leaves it
    assert main(command) == 1
    first = listed.read_text()
    assert "a/0.png" in first.splitlines() and json.loads(found.read_text())["findings"]
    (data / "a" / "2.png").write_bytes(b"<html>")
    assert main(command) == 1
    assert "a/2.png" in listed.read_text().splitlines()
    listed.write_text(listed.read_text() + "b/1.png\n")
    refused(command, "was changed since augfuse doctor wrote it. Type another name, or --overwrite", capsys, tmp_path)
    listed.write_text("\n".join(first.splitlines()[:-1]))  # cut, or of an earlier version
    refused(command, "--overwrite", capsys, tmp_path)
    assert main([*command, "--overwrite"]) == 1
    assert "b/1.png" not in listed.read_text() and "a/2.png" in listed.read_text()
    assert len(af.from_directory(data, exclude=listed)) == 6


def test_two_outputs_are_two_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = photos(tmp_path / "photos")
    command = ["doctor", str(data), "--quarantine", str(tmp_path / "x"), "--json", f"{tmp_path}/./x"]
    refused(command, "wanted a file for each", capsys, tmp_path)


def test_what_is_no_file_is_written_to_and_stays(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = photos(tmp_path / "photos")
    assert main(["doctor", str(data), "--json", "/dev/null"]) == 1
    assert Path("/dev/null").is_char_device()
    assert main(["doctor", str(data), "--quarantine", "/dev/full"]) == 1
    assert "/dev/full: No space left on device" in capsys.readouterr().err and Path("/dev/full").is_char_device()
    reader, writer = os.pipe()
    with os.fdopen(reader, "rb") as pipe:
        assert main(["doctor", str(data), "--json", f"/dev/fd/{writer}"]) == 1  # what a shell makes of >(jq .)
        os.close(writer)
        assert json.loads(pipe.read())["classes"] == ["a", "b"]
    (tmp_path / "folder").mkdir()
    refused(["doctor", str(data), "--json", str(tmp_path / "folder")], "is a folder", capsys, tmp_path)


def test_a_link_to_an_output_stays_a_link(tmp_path: Path) -> None:
    data = photos(tmp_path / "photos")
    (tmp_path / "kept").mkdir()
    for name in ("list.txt", "sheet.png"):
        (tmp_path / name).symlink_to(tmp_path / "kept" / name)
    for _ in range(2):
        main(["doctor", str(data), "--quarantine", str(tmp_path / "list.txt")])
        main(["preview", str(data), "--out", str(tmp_path / "sheet.png"), "--images", "1", "--copies", "1"])
        assert (tmp_path / "list.txt").is_symlink() and (tmp_path / "sheet.png").is_symlink()
        assert sorted(path.name for path in (tmp_path / "kept").iterdir()) == ["list.txt", "sheet.png"]


def test_preview_replaces_previews_only(tmp_path: Path, recipe: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data, sheet = photos(tmp_path / "photos"), tmp_path / "sheet.png"
    command = ["preview", str(data), "--recipe", str(recipe), "--images", "1", "--copies", "1", "--out", str(sheet)]
    assert main(command) == 0
    first = sheet.read_bytes()
    assert main([*command, "--seed", "1"]) == 0 and sheet.read_bytes() != first
    Image.fromarray(np.zeros((9, 9, 3), np.uint8)).save(tmp_path / "mine.png")
    (tmp_path / "text.png").write_text("not a picture")
    shutil.copy(data / "a" / "0.png", tmp_path / "photo.PNG")
    for name in ("mine.png", "text.png", "photo.PNG"):
        refused([*command[:-1], str(tmp_path / name)], "was not written by augfuse preview", capsys, tmp_path)


@pytest.mark.parametrize("kind", ["npz of others", "photos", "their own recipe and groups", "empty file"])
def test_augment_replaces_nothing_of_others(
    kind: str, tmp_path: Path, recipe: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data, dst = photos(tmp_path / "src"), tmp_path / "dst"
    if kind == "npz of others":
        dst = arrays(tmp_path / "dst.npz", group=np.arange(6))
    elif kind == "empty file":
        dst.write_text("x")
    else:
        photos(dst)
    if kind.startswith("their own"):
        shutil.copy(recipe, dst / "recipe.yaml")
        (dst / "groups.csv").write_text("file,group,copy\na/0.png,p,0\n", encoding="utf-8")
    command = ["augment", str(data), str(dst), "--recipe", str(recipe)]
    refused(command, "exists already", capsys, tmp_path)
    refused([*command, "--overwrite"], "was not written by augfuse augment", capsys, tmp_path)


@pytest.mark.parametrize("change", ["added", "changed", "recipe"])
def test_a_folder_of_copies_with_something_of_others_in_it_stays(
    change: str, tmp_path: Path, recipe: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data, dst = photos(tmp_path / "src"), tmp_path / "dst"
    command = ["augment", str(data), str(dst), "--recipe", str(recipe)]
    assert main(command) == 0
    (dst / ".DS_Store").write_text("of a file manager")
    assert main([*command, "--overwrite"]) == 0 and not (dst / ".DS_Store").exists()
    if change == "added":
        shutil.copy(data / "a" / "0.png", dst / "b" / "mine.png")
    elif change == "changed":
        (dst / "b" / "1.png").write_bytes(b"painted over")
    else:
        (dst / "recipe.yaml").write_text((dst / "recipe.yaml").read_text().replace("Rotate", "Invert"))
    words = "files in it were added, removed or changed"
    refused([*command, "--overwrite"], words, capsys, tmp_path)


@pytest.mark.parametrize("content", ['{"lr": 0.1, "epochs": 3}', "[1, 2]", "not JSON"])
def test_a_run_of_something_else_is_not_cleared_away(
    content: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for module in ("keras", "sklearn", "matplotlib"):
        pytest.importorskip(module, reason="needs the extra: pip install 'augfuse[train]'")
    data, run = photos(tmp_path / "photos", 10), tmp_path / "runs" / "mine"
    for name in ("run.json", "report.html", "state/weights.bin", "predictions/all.csv", "tensorboard/events"):
        (run / name).parent.mkdir(parents=True, exist_ok=True)
        (run / name).write_text(content if name == "run.json" else "theirs")
    command = ["train", str(data), "--size", "8", "--out", str(run.parent), "--name", "mine"]
    refused(command, "not a run of this version", capsys, tmp_path)
    refused([*command, "--overwrite"], "not a run of this version", capsys, tmp_path)
