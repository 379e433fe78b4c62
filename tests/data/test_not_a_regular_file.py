"""A device, a pipe or a socket where a file is wanted is named as such, and never read from: a read may not end."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import augfuse as af
from augfuse.cli import main

needs_fifo = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")


@pytest.fixture
def classes(tmp_path: Path) -> Path:
    for name in ("cat", "dog"):
        (tmp_path / "set" / name).mkdir(parents=True)
        for k in range(3):
            Image.fromarray(np.full((8, 8, 3), k, np.uint8)).save(tmp_path / "set" / name / f"{k}.png")
    return tmp_path / "set"


@needs_fifo
@pytest.mark.parametrize("name", ["data", "data.zip", "data.npz"])
@pytest.mark.parametrize("command", ["train", "doctor", "augment"])
def test_data(command: str, name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pipe = tmp_path / name
    os.mkfifo(pipe)
    assert main([command, str(pipe), *([str(tmp_path / "out")] if command == "augment" else [])]) == 2
    assert "not a regular file" in capsys.readouterr().err


@needs_fifo
@pytest.mark.parametrize("read", [af.from_directory, af.from_zip, af.from_idx])
def test_sources(read: Callable[[Path], Any], tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(af.AugfuseError, match=r"is not a (regular file|folder)"):
        read(tmp_path / "pipe")


@needs_fifo
@pytest.mark.parametrize(("option", "name"), [("--exclude", "list.txt"), ("--model", "m.keras"), ("--model", "m.h5")])
def test_options_of_train(
    option: str, name: str, classes: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("keras", reason="needs the extra: pip install 'augfuse[train]'")
    os.mkfifo(tmp_path / name)
    assert main(["train", str(classes), option, str(tmp_path / name), "--out", str(tmp_path / "runs")]) == 2
    assert "not a regular file" in capsys.readouterr().err


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="no /dev/zero here")
def test_a_file_without_end(classes: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for words in (["doctor", "/dev/zero"], ["train", "/dev/zero"], ["train", str(classes), "--exclude", "/dev/zero"]):
        assert main(words) == 2
        assert "not a regular file" in capsys.readouterr().err
