"""A full disk, a full standard output, a reader that is gone: a sentence, an exit code, and nothing half-written."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import augfuse as af
from augfuse.cli import main
from processes import run, started, wait_for

pytestmark = pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
SIGPIPE = 141


def photos(root: Path, count: int = 24) -> Path:
    for i, image in enumerate(np.random.default_rng(0).integers(0, 256, (count, 40, 40, 3), dtype=np.uint8)):
        path = root / "ab"[i % 2] / f"{i}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(path)
    return root


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("work")
    photos(folder / "photos")
    (folder / "photos" / "a" / "0.png").write_bytes(b"<html>")
    photos(folder / "good")
    (folder / "r.yaml").write_text(af.Recipe([af.Rotate((-20, 20))]).to_yaml(), encoding="utf-8")
    return folder


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of one megabyte."""
    place = tmp_path / "disk"
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(place)]
    if os.name == "nt" or os.geteuid() != 0 or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("only root can mount a small disk")
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)


@contextmanager
def filled(disk: Path, left: int = 0) -> Iterator[None]:
    """The disk with nothing left on it, or `left` kilobytes."""
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            pass
        file.truncate(max(file.tell() - 1024 * left, 0))
    yield
    filler.unlink()


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.name != "filler")


# --- disks ------------------------------------------------------------------------------------------------------------


def test_an_earlier_list_stays_where_a_new_one_does_not_fit(
    work: Path, disk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    listed, found = disk / "list.txt", disk / "found.json"
    command = ["doctor", str(work / "photos"), "--quarantine", str(listed), "--json", str(found)]
    assert main(command) == 1
    before = listed.read_bytes(), found.read_bytes()
    with filled(disk):
        assert main(command) == 1
        assert f"{listed}: No space left on device." in capsys.readouterr().err
        assert (listed.read_bytes(), found.read_bytes()) == before and names(disk) == ["found.json", "list.txt"]
        found.unlink()
        listed.unlink()
    with filled(disk):
        assert main([*command[:2], "--json", str(found)]) == 1
        assert f"{found}: No space left on device." in capsys.readouterr().err and names(disk) == []


def test_no_part_of_a_picture_is_left(work: Path, disk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["preview", str(work / "good"), "--recipe", str(work / "r.yaml"), "--out", str(disk / "p.png")]
    with filled(disk, left=20):
        assert main([*command, "--images", "2", "--copies", "3"]) == 1
    assert f"{disk / 'p.png'}: No space left on device." in capsys.readouterr().err and names(disk) == []


@pytest.mark.parametrize("dst", ["dst", "dst.npz", "new/dst"])
def test_no_part_of_augmented_copies_is_left(
    dst: str, work: Path, disk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["augment", str(work / "good"), str(disk / dst), "--recipe", str(work / "r.yaml"), "--copies"]
    assert main([*command, "50"]) == 1
    err = capsys.readouterr().err
    assert f"{disk / dst}: No space left on device" in err and names(disk) == []
    assert main([*command, "1"]) == 0
    whole = sorted(path.name for path in disk.rglob("*"))
    assert main([*command, "50", "--overwrite"]) == 1
    assert sorted(path.name for path in disk.rglob("*")) == whole, "the earlier one stays"


@pytest.mark.slow(reason="processes that train")
def test_a_run_that_cannot_begin_leaves_nothing(work: Path, disk: Path) -> None:
    for module in ("keras", "sklearn", "matplotlib"):
        pytest.importorskip(module, reason="needs the extra: pip install 'augfuse[train]'")
    command = ["train", str(work / "good"), "--size", "8", "--epochs", "1", "--seeds", "1", "--out", str(disk)]
    with filled(disk):
        done = run(*command, "--name", "r", cwd=work)
        assert done.returncode == 1 and "No space left on device" in done.stderr, done.stderr
        assert "Traceback" not in done.stderr and names(disk) == []
    with filled(disk, left=40):
        done = run(*command, "--name", "r", cwd=work)
        assert done.returncode == 1 and "No space left on device" in done.stderr, done.stderr
        assert "Traceback" not in done.stderr and not list(disk.rglob(".augfuse.*"))


# --- standard output --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "command",
    [
        "explain r.yaml", "doctor photos", "doctor photos --json -", "doctor --explain AF202", "--help", "--version",
        "preview good --images 1 --copies 1", "augment good out --recipe r.yaml --overwrite",
    ],
)  # fmt: skip
def test_a_standard_output_that_cannot_be_written(command: str, work: Path) -> None:
    with Path("/dev/full").open("w") as full:
        done = run(*command.split(), cwd=work, stdout=full)
    assert done.returncode == 1 and done.stderr.endswith("augfuse: standard output: No space left on device.\n")
    assert "Traceback" not in done.stderr and "Exception ignored" not in done.stderr
    reader, writer = os.pipe()
    os.close(reader)
    try:
        done = run(*command.split(), cwd=work, stdout=writer)
    finally:
        os.close(writer)
    assert done.returncode == SIGPIPE and "Traceback" not in done.stderr and "ignored" not in done.stderr, done.stderr


def test_a_reader_that_has_seen_enough(work: Path) -> None:
    """Through a real pipe and a real `head`."""
    shell = f"{{ {sys.executable} -m augfuse doctor photos --json -; echo $? > code; }} | head -c 1"
    done = run(cwd=work, program=("/bin/sh", "-c", shell))
    assert done.stdout == "{" and done.stderr == ""
    assert int((work / "code").read_text()) in (1, SIGPIPE)  # 1: all was written before


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_standard_error_that_cannot_be_written(work: Path, unbuffered: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONUNBUFFERED", unbuffered)
    with Path("/dev/full").open("w") as full:
        done = run("doctor", "nothing-here", cwd=work, stderr=full)
        assert done.returncode == 2
        with started("augment", "good", "slow", "--copies", "5000", cwd=work, stderr=full) as process:
            assert wait_for(lambda: any(work.glob(".*slow*/**/*~1.png")), process)
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=60)
    assert process.returncode == 130 and not any(work.glob(".*slow*"))
