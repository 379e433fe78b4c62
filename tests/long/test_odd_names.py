"""Odd names of classes and files: nothing raw on a terminal, no traceback."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from trial import png

NAMES = [
    "a b",
    "ä",
    "犬",
    "-rf",
    "--help",
    "a'b",
    'a"b',
    "<b>&amp;",
    "{x}",
    "[red]x",
    "[bold red]",
    "%s%n",
    "\x1b[31mred",
    "\x1b]0;t\x07",
    "\u202egnp",
    "a\nb",
    "=cmd|calc!A1",
    "+1",
    "@x",
    "..a",
    "a.",
    "CON",
    "a;b",
    "$HOME",
    "`id`",
    "~",
    "x" * 120,
    "\udcff\udcfe",
    "0",
    "None",
    "e\u0301",
]


@pytest.mark.parametrize("name", NAMES, ids=ascii)
def test_names_of_classes_and_files(name: str, tmp_path: Path) -> None:
    root = tmp_path / "photos"
    for folder in (name, "plain"):
        (root / folder).mkdir(parents=True)
        for i in range(4):
            (root / folder / f"{name[:60]}{i}.png").write_bytes(png(seed=hash((folder, i)) % 1000))
    (root / "plain" / f"{name[:60]}broken.png").write_bytes(png()[:60])
    for command in (
        ["doctor", "photos"],
        ["doctor", "photos", "--json", "-"],
        ["preview", "photos", "--out", "s.png"],
        ["augment", "photos", "copies", "--on-error", "skip"],
        ["augment", "photos", "copies"],
    ):
        done = subprocess.run(
            [sys.executable, "-m", "augfuse", *command], cwd=tmp_path, capture_output=True, check=False
        )
        said = done.stdout + done.stderr
        assert done.returncode in (0, 1, 2) and b"Traceback" not in said, said
        text = said.decode("utf-8")  # no raw bytes of a name that is not UTF-8
        assert all(c.isprintable() or c == "\n" for c in text), text
