"""Every example says in one line what cannot be used, with exit code 2; a path that is wrong is the most common one."""

from __future__ import annotations

import runpy
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from places import ROOT

pytest.importorskip("keras", reason="needs the extra: pip install 'augfuse[train]'")

EXAMPLES = ROOT / "examples"
SCRIPTS = sorted(path.name for path in EXAMPLES.glob("[a-z]_*.py"))


@pytest.fixture(autouse=True)
def on_the_path(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    monkeypatch.syspath_prepend(str(EXAMPLES))
    monkeypatch.chdir(tmp_path)
    yield
    for path in EXAMPLES.glob("*.py"):
        sys.modules.pop(path.stem, None)


def wrong(kind: str, folder: Path) -> str:
    path = folder / "data"
    if kind == "an empty folder":
        path.mkdir()
    elif kind == "a text file":
        path.write_text("no data", encoding="utf-8")
    elif kind == "one image without a class":
        path.mkdir()
        Image.fromarray(np.zeros((8, 8, 3), np.uint8)).save(path / "0.png")
    return str(path)


def start(script: str, *words: str) -> None:
    """Run a script as `python SCRIPT WORDS` would, in this process: Keras is loaded once."""
    sys.argv[:] = [script, *words]
    runpy.run_path(str(EXAMPLES / script), run_name="__main__")


@pytest.mark.parametrize("kind", ["nothing there", "an empty folder", "a text file", "one image without a class"])
@pytest.mark.parametrize("script", SCRIPTS)
def test_a_wrong_path(
    script: str, kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", [])
    path = wrong(kind, tmp_path)
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(SystemExit) as left:
        start(script, path, *(["grids"] if script == "b_grids.py" else []))
    assert left.value.code == 2
    said = capsys.readouterr()
    assert path in said.err
    assert "Traceback" not in said.err
    assert len(said.err.strip().splitlines()) == 1
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("words", [["--epochs", "many"], ["--nosuch", "1"]])
@pytest.mark.parametrize("script", ["a_cifar10.py", "c_fashion_mnist.py"])
def test_a_wrong_option(
    script: str, words: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", [])
    with pytest.raises(SystemExit) as left:
        start(script, *words)
    assert left.value.code == 2
    assert "Traceback" not in capsys.readouterr().err


def test_a_photo_that_is_too_small(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", [])
    Image.fromarray(np.zeros((30, 30, 3), np.uint8)).save(tmp_path / "photo.png")
    with pytest.raises(SystemExit):
        start("b_grids.py", "photo.png", "grids")
    assert "too small" in capsys.readouterr().err


@pytest.mark.slow(reason="imports TensorFlow in two processes")
def test_in_a_process_of_its_own(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(EXAMPLES / "d_cats_and_dogs.py"), "nosuch"],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
    )
    assert done.returncode == 2
    assert "nosuch" in done.stderr
    assert "Traceback" not in done.stderr
    help_ = subprocess.run(
        [sys.executable, str(EXAMPLES / "a_cifar10.py"), "--help"],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
    )
    assert help_.returncode == 0
    assert "--epochs" in help_.stdout
