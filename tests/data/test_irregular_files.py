"""What is neither a file nor a folder is named as such, and never opened: a pipe would be waited for without end."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from augfuse.cli import main

pytestmark = pytest.mark.skipif(os.name == "nt", reason="needs devices and pipes")


@pytest.mark.parametrize(
    "kind", ["device", "pipe", "socket", "pipe called .zip", "pipe called .npz", "pipe called .png"]
)
def test_a_path_that_is_no_regular_file(kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = Path("/dev/zero") if kind == "device" else tmp_path / f"odd{kind.rpartition(' ')[2] if '.' in kind else ''}"
    with socket.socket(socket.AF_UNIX) as listener:
        if kind == "socket":
            listener.bind(os.path.relpath(path))
        elif kind != "device":
            os.mkfifo(path)
        for command in (["doctor"], ["preview", "--out", str(tmp_path / "p.png")], ["augment", "--copies", "1"]):
            more = [str(tmp_path / "dst")] if command[0] == "augment" else []
            assert main([command[0], str(path), *more, *command[1:]]) == 2
            assert f"{path}: not a regular file" in capsys.readouterr().err
