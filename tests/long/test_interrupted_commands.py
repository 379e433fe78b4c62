"""Commands interrupted or killed at any moment: exit codes, what they leave, what the next run makes of it."""

from __future__ import annotations

import hashlib
import io
import json
import os
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
from PIL import Image

from children import has_our_traceback, heeding_signals

pytestmark = pytest.mark.skipif(os.name == "nt", reason="sends signals")

CODES = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGHUP: 129}
COMMANDS = {
    "augment": ["augment", "photos", "copies", "--copies", "4"],
    "augment to npz": ["augment", "photos", "copies.npz", "--copies", "4"],
    "train": ["train", "d.npz", "--epochs", "3", "--seeds", "1", "--name", "run"],
    "doctor": ["doctor", "photos", "--json", "findings.json", "--quarantine", "list.txt"],
    "preview": ["preview", "photos", "--out", "sheet.png"],
}
# What one of these commands takes on a quiet machine, in seconds.
LASTS = {"augment": 3.0, "augment to npz": 3.0, "train": 14.0, "doctor": 3.0, "preview": 2.5}
TIMES = ("seconds", "minutes", "wait", "fraction", "timing", "ratio", "finding", "command", "environment", "samples")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("data")
    rng = np.random.default_rng(0)
    for name in ("cat", "dog"):
        (root / "photos" / name).mkdir(parents=True)
        for i in range(60):
            pixels = rng.integers(0, 256, (90, 120, 3), np.uint8)
            Image.fromarray(pixels).save(root / "photos" / name / f"{i:02}.jpg", quality=90)
    y = np.arange(240) % 2
    x = rng.integers(0, 120, (240, 16, 16, 1), np.uint8) + (y * 100)[:, None, None, None].astype(np.uint8)
    np.savez(root / "d.npz", x_train=x[:200], y_train=y[:200], x_test=x[200:], y_test=y[200:])
    return root


def workplace(data: Path, folder: Path) -> Path:
    folder.mkdir()
    for path in data.iterdir():
        (folder / path.name).symlink_to(path)
    return folder


def start(command: list[str], folder: Path) -> subprocess.Popen[str]:
    """`augfuse COMMAND` with every signal as it is by default, also where this suite runs with one ignored."""
    return subprocess.Popen(
        heeding_signals([sys.executable, "-m", "augfuse", *command]),
        cwd=folder, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


def end(process: subprocess.Popen[str]) -> tuple[int, str]:
    try:
        out, err = process.communicate(timeout=120)
        return process.returncode, out + err
    finally:
        process.kill()
        process.wait()


def left(folder: Path, data: Path) -> list[str]:
    """What is in the folder, hidden or not, beside the data."""
    given = {path.name for path in data.iterdir()}
    return sorted(
        p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.relative_to(folder).parts[0] not in given
    )


def digests(path: Path) -> dict[str, str]:
    if path.suffix == ".npz":
        with np.load(path) as file:
            return {name: hashlib.sha256(np.ascontiguousarray(file[name]).tobytes()).hexdigest() for name in file}
    files = (p for p in path.rglob("*") if p.is_file())
    return {p.relative_to(path).as_posix(): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}


def numbers(value: object) -> object:
    """A report's numbers without those that depend on the clock."""
    if isinstance(value, dict):
        return {k: numbers(v) for k, v in value.items() if not any(word in k for word in TIMES)}
    return [numbers(v) for v in value] if isinstance(value, list) else value


def trained(run: Path) -> tuple[object, dict[str, str]]:
    """The numbers of the report, and those of the model. Its file also holds names that Keras counts up with each layer
    that a process makes, and one that goes on makes fewer."""
    weights: dict[str, str] = {}

    def keep(name: str, entry: object) -> None:
        if isinstance(entry, h5py.Dataset):
            weights[name] = hashlib.sha256(entry[()].tobytes()).hexdigest()

    raw = io.BytesIO(zipfile.Path(run / "model.keras", "model.weights.h5").read_bytes())
    with h5py.File(raw) as file:
        file.visititems(keep)
    assert weights
    return numbers(json.loads((run / "report.json").read_text(encoding="utf-8"))), weights


@pytest.mark.parametrize("name", COMMANDS)
@pytest.mark.parametrize("number", CODES, ids=lambda number: number.name)
def test_a_signal_ends_a_command_cleanly(
    name: str,
    number: signal.Signals,
    data: Path,
    tmp_path: Path,
    share: Callable[[int], int],
    chance: np.random.Generator,
) -> None:
    for case in range(share(5)):
        folder = workplace(data, tmp_path / str(case))
        process = start(COMMANDS[name], folder)
        time.sleep(chance.uniform(0.05, LASTS[name]))
        for _ in range(int(chance.integers(1, 4))):  # a second and a third time too
            process.send_signal(number)
            time.sleep(chance.choice([0.003, 0.05, 0.3]))
        code, said = end(process)
        found = left(folder, data)
        assert "Traceback" not in said or (code == -number and not has_our_traceback(said)), said
        if code == -number:  # Python itself was starting up, or had done its work: nothing of ours was running
            assert not any(".partial" in path or Path(path).name.startswith(".") for path in found), found
            continue
        assert code in (0, 1, CODES[number]), (code, said)
        if code == CODES[number] and name != "train":
            assert found == [], (found, said)
        assert not any(".partial" in path for path in found), found


@pytest.mark.parametrize("name", ["augment", "augment to npz"])
@pytest.mark.parametrize("overwrite", [False, True])
def test_killed_copies_are_made_again(
    name: str, overwrite: bool, data: Path, tmp_path: Path, share: Callable[[int], int], chance: np.random.Generator
) -> None:
    command = COMMANDS[name]
    whole = workplace(data, tmp_path / "whole")
    assert end(start(command, whole))[0] == 0
    wanted = digests(whole / command[2])
    folder = workplace(data, tmp_path / "killed")
    if overwrite:
        other = [*command, "--seed", "9"]
        assert end(start(other, folder))[0] == 0
        command = [*command, "--overwrite"]
    for _ in range(share(15)):
        before = digests(folder / command[2]) if overwrite else None
        process = start(command, folder)
        time.sleep(chance.uniform(0.6, LASTS[name]))
        process.send_signal(signal.SIGKILL)
        end(process)
        target = folder / command[2]
        if target.exists():  # whole: the old one or the new one
            assert digests(target) in (before, wanted)
            if not overwrite:
                break
    code, said = end(start(command, folder)) if overwrite or not (folder / command[2]).exists() else (0, "")
    assert code == 0, said
    assert digests(folder / command[2]) == wanted
    assert not [path for path in left(folder, data) if ".partial" in path], "a run removes what killed ones left"


def test_a_killed_training_ends_with_the_same_numbers(
    data: Path, tmp_path: Path, share: Callable[[int], int], chance: np.random.Generator
) -> None:
    whole = workplace(data, tmp_path / "whole")
    code, said = end(start(COMMANDS["train"], whole))
    assert code == 0, said
    wanted = trained(whole / "runs" / "run")
    for case in range(share(8)):
        folder = workplace(data, tmp_path / str(case))
        for _ in range(int(chance.integers(1, 4))):
            process = start(COMMANDS["train"], folder)
            time.sleep(chance.uniform(3, LASTS["train"]))
            process.send_signal(signal.SIGKILL)
            end(process)
        code, said = end(start(COMMANDS["train"], folder))
        assert code == 0, said
        assert trained(folder / "runs" / "run") == wanted
        assert not (folder / "runs" / "run" / "state").exists()
