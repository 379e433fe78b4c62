"""File names may hold anything; what is printed or written for people to open holds nothing raw of them."""

from __future__ import annotations

import csv
import io
import json
import os
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import augfuse as af
from augfuse.cli import main
from present import present
from processes import run, started

RED, TITLE, BACKWARDS, BELL = "\x1b[31mred", "\x1b]0;title\x07", "\u202egnp", "a\x07\x9b2J"
ODD = [RED, TITLE, BACKWARDS, BELL]

pytestmark = pytest.mark.skipif(os.name == "nt", reason="the file system takes no such names")


def photos(root: Path, broken: str | None = None, count: int = 10, classes: tuple[str, str] = ("a", "b")) -> Path:
    for i, image in enumerate(np.random.default_rng(0).integers(0, 256, (2 * count, 8, 8, 3), dtype=np.uint8)):
        path = root / classes[i % 2] / f"{i}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(path)
    if broken is not None:
        (root / classes[0] / f"{broken}.png").write_bytes(b"<html>")
    return root


def raw(text: str) -> set[str]:
    """What of a text is not printable."""
    return {c for c in text if not c.isprintable()} - {"\n"}


@pytest.fixture
def recipe(tmp_path: Path) -> str:
    path = tmp_path / "r.yaml"
    path.write_text(af.Recipe([af.Rotate((-20, 20))]).to_yaml(), encoding="utf-8")
    return str(path)


@pytest.mark.parametrize("name", ODD)
def test_names_of_broken_files(name: str, tmp_path: Path, recipe: str, capsys: pytest.CaptureFixture[str]) -> None:
    data = photos(tmp_path / "photos", name)
    skip = ["--on-error", "skip"]
    for command, code in (
        (["augment", str(data), str(tmp_path / "dst"), "--recipe", recipe], 1),
        (["augment", str(data), str(tmp_path / "dst"), "--recipe", recipe, *skip], 0),
        (["augment", str(data), str(tmp_path / "dst.npz"), "--recipe", recipe, *skip], 0),
        (["doctor", str(data)], 1),
        (["doctor", str(data), "--json", "-"], 1),
        (["preview", str(data), "--recipe", recipe, "--images", "21", "--out", str(tmp_path / "p.png")], 1),
        (["preview", str(data / "a" / f"{name}.png"), "--recipe", recipe, "--out", str(tmp_path / "p.png")], 1),
    ):
        assert main(command) == code
        out, err = capsys.readouterr()
        assert raw(out + err) == set(), command
        assert ascii(name)[1:-1] in out + err or json.dumps(name)[1:-1] in out, "it is named, in letters"


@pytest.mark.parametrize("name", ODD)
def test_names_that_people_type(name: str, tmp_path: Path, recipe: str, capsys: pytest.CaptureFixture[str]) -> None:
    data = photos(tmp_path / f"{name} data", None, 4, (f"{name}-a", f"{name}-b"))
    dst, sheet, found = (str(tmp_path / f"{name}{end}") for end in (".dst", ".png", ".json"))
    own = tmp_path / f"{name}.yaml"
    own.write_text(Path(recipe).read_text())
    for command, code in (
        (["augment", str(data), dst, "--recipe", str(own)], 0),
        (["augment", str(data), dst, "--recipe", str(own)], 2),
        (["preview", str(data), "--recipe", str(own), "--compare", recipe, "--out", sheet], 0),
        (["doctor", str(data), "--json", found, "--quarantine", f"{found}.txt"], 1),
        (["explain", str(own)], 0),
        (["explain", f"{own}.none"], 2),
        (["report", str(data)], 2),
        ([name], 2),
        (["doctor", str(data), f"--{name}"], 2),
        (["augment", str(data), dst, "--copies", name], 2),
    ):
        assert main(command) == code, command
        out, err = capsys.readouterr()
        assert raw(out + err) == set(), command


def test_bars_and_titles_on_a_terminal(tmp_path: Path, recipe: str) -> None:
    """What rich draws is made of escapes; those of the name are not among them."""
    pty = pytest.importorskip("pty")
    data = photos(tmp_path / "photos", RED, 40)
    leader, follower = pty.openpty()
    command = ["augment", str(data), str(tmp_path / f"{RED}[bold]dst"), "--recipe", recipe, "--on-error", "skip"]
    with started(*command, "--copies", "20", cwd=tmp_path, stdout=follower, stderr=follower) as process:
        os.close(follower)
        shown = b""
        while True:
            try:
                part = os.read(leader, 4096)
            except OSError:  # its end on Linux
                break
            if not part:
                break
            shown += part
        assert process.wait(timeout=60) == 0
    os.close(leader)
    text = shown.decode()
    assert "\\x1b[31mred[bold]dst" in text, "a name is no markup either"
    assert "\x1b[31m" + "red" not in text and "skipped" in text


def test_letters_that_the_terminal_lacks(tmp_path: Path) -> None:
    data = photos(tmp_path / "größe", "ü", 3, ("ä", "日本"))
    environment = {**os.environ, "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0", "LC_ALL": "C"}
    for command in (
        ["doctor", str(data)],
        ["preview", str(data / "ä" / "0.png"), "--out", "ö.png"],
        ["augment", str(data), "ö"],
    ):
        done = run(*command, cwd=tmp_path, env=environment)
        assert done.returncode in (0, 1) and "Traceback" not in done.stderr, done.stderr
        assert (done.stdout + done.stderr).isascii() and "\\" in done.stdout + done.stderr


def test_errors_that_nobody_expected(tmp_path: Path) -> None:
    """A fault in augfuse itself ends in a traceback, and that is safe to print too."""
    code = "import augfuse.cli as c, augfuse.__main__ as m\ndef f(*a, **k): raise ValueError('\\x1b[31mred')\n"
    code += "c.app = f\nm.main()"
    done = run(cwd=tmp_path, program=(sys.executable, "-c", code))
    assert done.returncode == 1 and "Traceback" in done.stderr and "\\x1b[31mred" in done.stderr
    assert raw(done.stderr) == set()


@pytest.mark.slow(reason="trains, in two processes of their own")
def test_training_on_odd_classes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for module in ("keras", "sklearn", "matplotlib"):
        pytest.importorskip(module, reason="needs the extra: pip install 'augfuse[train]'")
    data = photos(tmp_path / f"{RED}{BACKWARDS}", None, 10, (RED, f"b{BACKWARDS}"))
    done = run("train", str(data), "--size", "8", "--epochs", "1", "--seeds", "1", "--name", "r", cwd=tmp_path)
    assert done.returncode == 0 and raw(done.stdout + done.stderr) == set(), done.stderr
    folder = tmp_path / "runs" / "r"
    for name in ("report.html", "report.json", "config.yaml", "metrics.csv", "accuracy.svg"):
        assert raw((folder / name).read_text(encoding="utf-8")) == set(), name
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert "\\x1b[31mred" in page and "b\\u202egnp" in page
    assert main(["report", str(folder)]) == 0 and raw(capsys.readouterr().out) == set()
    (data / RED / f"{TITLE}.png").write_bytes(b"<html>")
    done = run("train", str(data), "--size", "8", "--epochs", "1", "--seeds", "1", cwd=tmp_path)
    assert done.returncode == 1 and raw(done.stdout + done.stderr) == set() and "x1b]0;title" in done.stderr


@pytest.mark.parametrize("first", ["=cmd|' /C calc'!A1", "+1", "-1", "@SUM(A1)", "'=1", "''-x", "\tx", "\r=x"])
def test_names_are_no_formulas_in_a_spreadsheet(first: str, tmp_path: Path, recipe: str) -> None:
    data = photos(tmp_path / "photos", None, 3, (first.replace("/", "_"), "usual"))
    assert main(["augment", str(data), str(tmp_path / "dst"), "--recipe", recipe]) == 0
    text = (tmp_path / "dst" / "groups.csv").read_bytes().decode()
    for row in csv.reader(io.StringIO(text, newline="")):
        assert not any(cell.startswith(("=", "+", "-", "@", "\t", "\r")) for cell in row), row
    read = af.from_directory(tmp_path / "dst")
    assert read.groups is not None and read.copies is not None and len(read) == 12
    for path, group, copied in zip(present(read.paths), read.groups.tolist(), read.copies.tolist(), strict=True):
        name = Path(path).relative_to(present(read.folder)).as_posix()
        assert group == (name.replace("~1", "") if copied else name)


def test_groups_of_the_user_come_back_as_they_were(tmp_path: Path, recipe: str) -> None:
    data = photos(tmp_path / "photos", None, 2)
    groups = ["=A1", "'=A1", "-1", "plain"]
    with (data / "groups.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([["file", "group"], *zip(["./a/0.png", "b/1.png", "a/2.png", "b/3.png"], groups)])  # noqa: B905
    first = af.from_directory(data)
    assert main(["augment", str(data), str(tmp_path / "dst"), "--recipe", recipe]) == 0
    second = af.from_directory(tmp_path / "dst")
    assert first.groups is not None and second.groups is not None
    assert set(second.groups) == set(first.groups) and len(set(first.groups)) >= 3
