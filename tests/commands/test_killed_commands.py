"""kill -9: whatever a killed command leaves is found again, and the next one for the same target clears it away."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import augfuse as af
from processes import run, started, wait_for

pytestmark = pytest.mark.skipif(os.name == "nt", reason="sends SIGKILL")

# Runs `augfuse` and kills itself at the COUNTth rename or exchange of two paths.
KILLED = """
import os, pathlib, signal, sys
from augfuse import files
from augfuse.cli import main

left = [int(sys.argv[1])]
rename = pathlib.Path.rename
pathlib.Path.rename = lambda one, other: count() or rename(one, other)
exchange = files._exchange

def count():
    left[0] -= 1
    if left[0] == 0:
        os.kill(os.getpid(), signal.SIGKILL)

if sys.argv[2] == "rename":  # a file system that cannot exchange two paths in one step
    files._exchange = lambda one, other: False
else:
    files._exchange = lambda one, other: (exchange(one, other), count())[0]
sys.exit(main(sys.argv[3:]))
"""


def photos(root: Path, count: int = 20) -> Path:
    for i, image in enumerate(np.random.default_rng(0).integers(0, 256, (count, 16, 16, 3), dtype=np.uint8)):
        path = root / "ab"[i % 2] / f"{i}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(path)
    return root


def contents(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


@pytest.fixture
def work(tmp_path: Path) -> Path:
    photos(tmp_path / "src")
    (tmp_path / "r.yaml").write_text(af.Recipe([af.Rotate((-20, 20))]).to_yaml(), encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize(("dst", "pattern"), [("dst", ".*dst.*/**/*~1.png"), ("dst.npz", ".*dst.npz.*")])
def test_the_next_run_clears_away_what_a_killed_one_left(dst: str, pattern: str, work: Path) -> None:
    before = {path.name for path in work.iterdir()}
    command = ["augment", "src", dst, "--recipe", "r.yaml", "--copies"]
    for _ in range(2):
        with started(*command, "2000", cwd=work) as process:
            assert wait_for(lambda: list(work.glob(pattern)), process)
            process.kill()
    left = {path.name for path in work.iterdir()} - before
    assert len(left) == 1 and not (work / dst).exists(), "the second has removed what the first had left"
    done = run(*command, "1", cwd=work)
    assert done.returncode == 0, done.stderr
    assert left.pop() in done.stderr and "a run that was killed left it; it is removed" in done.stderr
    assert {path.name for path in work.iterdir()} == before | {dst}


def test_what_another_process_is_writing_stays(work: Path) -> None:
    with started("augment", "src", "dst", "--recipe", "r.yaml", "--copies", "5000", cwd=work) as process:
        assert wait_for(lambda: list(work.glob(".*dst.*/**/*~1.png")), process)
        done = run("augment", "src", "dst", "--recipe", "r.yaml", cwd=work)
        assert done.returncode == 0 and "killed" not in done.stderr, done.stderr
        assert process.poll() is None and list(work.glob(".*dst.*/**/*~1.png"))


def test_files_of_others_that_look_alike_stay(work: Path) -> None:
    theirs = [work / name for name in (".augfuse.dst.notes.partial", ".augfuse.other.1234abcd.partial", ".dst.partial")]
    for path in theirs:
        path.write_text("theirs")
    assert run("augment", "src", "dst", "--recipe", "r.yaml", cwd=work).returncode == 0
    assert all(path.read_text() == "theirs" for path in theirs)


@pytest.mark.slow(reason="processes that are killed at many places")
@pytest.mark.parametrize(
    ("count", "how", "which"),
    [(1, "rename", "old"), (2, "rename", "new"), (3, "rename", "new"), (1, "exchange", "new")],
)
def test_a_kill_while_a_folder_is_replaced_loses_neither(count: int, how: str, which: str, work: Path) -> None:
    command = ["augment", "src", "dst", "--recipe", "r.yaml"]
    assert run(*command, cwd=work).returncode == 0
    old = contents(work / "dst")
    assert run(*command[:2], "other", *command[3:], "--seed", "1", cwd=work).returncode == 0
    new = contents(work / "other")
    program = (sys.executable, "-c", KILLED, str(count), how)
    done = run(*command, "--overwrite", "--seed", "1", cwd=work, program=program)
    assert done.returncode in (-signal.SIGKILL, 0), done.stderr
    # Any later command for this target repairs it, before it refuses to replace it.
    again = run(*command, cwd=work)
    assert again.returncode == 2 and "exists already" in again.stderr, again.stderr
    assert contents(work / "dst") == (old if which == "old" else new)
    assert not list(work.glob(".augfuse.*"))


def test_a_killed_doctor_leaves_the_earlier_list(work: Path) -> None:
    (work / "src" / "a" / "0.png").write_bytes(b"<html>")
    command = ["doctor", "src", "--quarantine", "list.txt"]
    assert run(*command, cwd=work).returncode == 1
    first = (work / "list.txt").read_bytes()
    (work / "src" / "a" / "2.png").write_bytes(b"<html>")
    program = (sys.executable, "-c", KILLED.replace("pathlib.Path.rename", "pathlib.Path.replace"), "1", "rename")
    assert run(*command, cwd=work, program=program).returncode == -signal.SIGKILL
    assert (work / "list.txt").read_bytes() == first and len(list(work.glob(".augfuse.*"))) == 1
    assert run(*command, cwd=work).returncode == 1
    assert "a/2.png" in (work / "list.txt").read_text() and not list(work.glob(".augfuse.*"))
