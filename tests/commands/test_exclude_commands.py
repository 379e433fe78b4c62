"""`--exclude` of train, augment and preview: the list that the doctor wrote, from the error message to the report."""

from __future__ import annotations

import json
import shlex
import zipfile
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("keras", reason="needs the extra: pip install 'augfuse[train]'")
pytest.importorskip("sklearn", reason="needs the extra: pip install 'augfuse[train]'")
pytest.importorskip("matplotlib", reason="needs the extra: pip install 'augfuse[train]'")

import augfuse as af
from augfuse.cli import main
from augfuse.experiment.options import Options
from augfuse.experiment.setup.prepare import prepare
from augfuse.experiment.setup.train_and_test import load_parts
from doctor_cases import healthy, photos, picture, save

# Keras' variables lack NumPy 2's `copy` argument of __array__; Keras itself calls np.array on them.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept:DeprecationWarning")

SHORT = ["--epochs", "1", "--seeds", "1", "--size", "12", "--batch-size", "8", "--workers", "0"]


@pytest.fixture
def broken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with two broken files and a leak, and the working directory above it."""
    root = healthy(tmp_path / "set of photos")
    save(root / "val/cat/leak.png", picture(5))
    for name in ("train/cat/0.png", "train/dog/3.png"):
        (root / name).write_bytes(b"<html>")
    monkeypatch.chdir(tmp_path)
    return Path("set of photos")


@pytest.fixture
def pair(tmp_path: Path) -> Path:
    """set_train.zip and set_test.zip in a folder, each with a broken file, and a leak."""
    root = healthy(tmp_path / "unpacked")
    save(root / "val/cat/leak.png", picture(5))
    (tmp_path / "pair").mkdir()
    for part, name in (("train", "set_train.zip"), ("val", "set_test.zip")):
        with zipfile.ZipFile(tmp_path / "pair" / name, "w") as archive:
            for path in sorted((root / part).rglob("*.png")):
                archive.write(path, path.relative_to(root / part))
            archive.writestr("dog/broken.png", b"<html>")
    return tmp_path / "pair"


def test_the_message_leads_from_a_broken_image_to_a_report(broken: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["train", str(broken), *SHORT]
    assert main(command) == 1
    said = capsys.readouterr().err
    assert "0.png: this is a text file" in said and "Traceback" not in said and not Path("runs").exists()
    line = said[said.index("augfuse doctor") : said.index(", then this command with ")]
    assert said.strip().endswith("with --exclude list.txt.")
    assert main(shlex.split(line)[1:]) == 1
    assert main([*command, "--exclude", "list.txt", "--name", "r"]) == 0
    assert "exclude: list.txt\n" in Path("runs/r/config.yaml").read_text()
    assert "without the images on list.txt" in Path("runs/r/report.html").read_text()
    again = shlex.split(json.loads(Path("runs/r/report.json").read_text())["command"])
    assert again[again.index("--exclude") + 1] == "list.txt"
    assert "21 training and 9 test images" in capsys.readouterr().out
    assert main([*again[1:], "--name", "r"]) == 0, "the same run: it is read, not trained again"
    assert "not trained again" in capsys.readouterr().out


def test_a_broken_image_that_only_training_meets_is_refused_alike(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = photos(tmp_path / "set", {"train": {"cat": 30, "dog": 30}, "val": {"cat": 4, "dog": 4}})
    (root / "train/cat/1.png").write_bytes(b"<html>")  # few are looked at before, this one is not
    command = ["train", str(root), *SHORT, "--out", str(tmp_path / "runs")]
    assert main(command) == 1
    assert "--quarantine list.txt, then this command with --exclude list.txt." in capsys.readouterr().err
    assert list((tmp_path / "runs").glob("*/run.json")), "it had begun"


def test_augment_and_preview(broken: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for command in (["augment", str(broken), "copies"], ["preview", str(broken), "--index", "0"]):
        assert main(command) == 1
        assert "augfuse doctor 'set of photos' --quarantine list.txt" in capsys.readouterr().err
    assert main(["doctor", str(broken), "--quarantine", "list.txt"]) == 1
    assert main(["augment", str(broken), "copies", "--exclude", "list.txt"]) == 0
    written = af.from_directory("copies")
    assert len(written) == 2 * 21 and len(written.parts["val"]) == 9
    assert main(["preview", str(broken), "--index", "0", "--exclude", "list.txt", "--cell", "32"]) == 0
    assert main(["preview", str(broken), "--index", "21", "--exclude", "list.txt"]) == 2
    assert "0..20" in capsys.readouterr().err


def test_the_list_of_a_folder_of_archives(pair: Path, tmp_path: Path, recwarn: pytest.WarningsRecorder) -> None:
    path = tmp_path / "list.txt"
    assert main(["doctor", str(pair), "--quarantine", str(path)]) == 1
    entries = [line for line in path.read_text().splitlines() if not line.startswith("#")]
    assert entries == ["set_train.zip/dog/broken.png", "set_test.zip/dog/broken.png", "set_train.zip/cat/5.png"]
    parts = load_parts(pair, path)
    assert (len(parts.train), len(parts.test)) == (23, 9)
    for exclude in (path, entries, [pair / entry for entry in entries]):
        assert len(af.from_zip(pair / "set_train.zip", exclude=exclude)) == 23
        assert len(af.from_zip(pair / "set_test.zip", exclude=exclude)) == 9
    assert not recwarn.list, "what is said about the other archive is no mistake"
    with pytest.warns(af.AugfuseWarning, match=r"2 of 2 paths .* are not images of it, the first is 'cat/999.png'"):
        af.from_zip(pair / "set_train.zip", exclude=["set_train.zip/cat/999.png", "other.zip/cat/1.png"])
    with pytest.raises(af.DataError, match="does not lie in"):
        af.from_zip(pair / "set_train.zip", exclude=[pair / "cat/1.png"])


def test_another_list_is_another_run(tmp_path: Path) -> None:
    """Also where only files of one name and one look differ, which no sample of the data shows."""
    root = tmp_path / "set"
    for name in ("cat", "dog"):
        for item in range(40):
            save(root / name / f"{item:02}" / "front.png", picture(1 if name == "cat" else 2, 12, 16))

    def identity(exclude: str | tuple[str, ...] | None) -> dict[str, object]:
        return prepare(Options(data=root, exclude=exclude, out=tmp_path / "runs")).identity

    lists = [None, (), ("cat/07/front.png",), ("cat/08/front.png",), ("cat/08/front.png", "dog/01/front.png")]
    found = [identity(exclude) for exclude in lists]
    assert all(a != b for i, a in enumerate(found) for b in found[:i])
    assert found[1]["data"] == found[0]["data"] and found[2]["data"] == found[3]["data"] != found[0]["data"]
    (tmp_path / "list.txt").write_text("# why\ncat/07/front.png\n")
    assert identity(str(tmp_path / "list.txt")) == found[2], "the same images, wherever the list lies"


def test_from_python(tmp_path: Path) -> None:
    root = healthy(tmp_path / "set")
    left_out = (name for name in ("train/cat/0.png", "train/dog/0.png"))
    run = af.train(root, exclude=left_out, epochs=1, seeds=1, size=12, out=tmp_path / "runs", progress=False)
    assert run.comparison.facts.train_counts == (11, 11)
    assert run.comparison.settings.exclude == ("train/cat/0.png", "train/dog/0.png")
    assert "exclude=('train/cat/0.png', 'train/dog/0.png')" in run.comparison.command


def test_where_no_list_can_be_taken(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "list.txt").write_text("cat/0.png\n")
    source = af.from_arrays(np.stack([picture(i, 12, 16) for i in range(8)]), np.arange(8) % 2)
    with pytest.raises(af.DataError, match=r"af\.from_directory\(path, exclude=\.\.\.\)"):
        af.train(source, exclude=tmp_path / "list.txt")
    (tmp_path / "d.npz").write_bytes(b"")
    save(tmp_path / "photo.png", picture(1))
    exclude = ["--exclude", str(tmp_path / "list.txt")]
    for command, words in (
        (["train", str(tmp_path / "d.npz")], "d.npz holds arrays, and a list names image files"),
        (["train"], "no path is given"),
        (["augment", str(tmp_path / "d.npz"), str(tmp_path / "dst")], "holds arrays"),
        (["preview"], "augfuse preview DATA --exclude LIST"),
        (["preview", str(tmp_path / "photo.png")], "augfuse preview DATA --exclude LIST"),
    ):
        assert main([*command, *exclude]) == 2
        assert words in capsys.readouterr().err
    root = str(healthy(tmp_path / "set"))
    assert main(["train", root, "--exclude", str(tmp_path / "nosuch.txt")]) == 2
    assert "--quarantine" in capsys.readouterr().err
