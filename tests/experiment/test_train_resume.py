"""A run that is killed, anywhere, goes on with the same command and ends with the same numbers."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("keras", reason="needs the extra: pip install 'augfuse[train]'")
pytest.importorskip("sklearn", reason="needs the extra: pip install 'augfuse[train]'")
pytest.importorskip("matplotlib", reason="needs the extra: pip install 'augfuse[train]'")

import augfuse as af
from augfuse.experiment.arms import ArmState
from augfuse.experiment.early_stopping import Watch
from augfuse.experiment.records import PLAIN, Arm, Point, Score
from augfuse.experiment.run_folder.checkpoint import Current, Finished, RunFolder
from blocks import Blocks, blocks, write_pairs, write_voc
from stripes import save_npz, stripes

# Runs `augfuse` and kills itself with SIGKILL at the COUNTth call of a method or function, before or after the call.
KILLED = """
import importlib, os, signal, sys
from augfuse.cli import main

place, when, count = sys.argv[1].split("@")
if place:
    module, _, path = place.partition(":")
    *owners, name = path.split(".")
    owner = importlib.import_module(module)
    for part in owners:
        owner = getattr(owner, part)
    original, left = getattr(owner, name), [int(count)]

    def counted(*args, **kwargs):
        left[0] -= 1
        if left[0] == 0 and when == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        result = original(*args, **kwargs)
        if left[0] == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    setattr(owner, name, counted)
sys.exit(main(sys.argv[2:]))
"""
# Everything that has a state: dropout, Adam, the learning rate, the best weights, two seeds, another strength.
SETTINGS = (
    "--epochs 5 --seeds 2 --batch-size 8 --early-stopping 2 --reduce-lr 1 --class-weights --sweep 0.5 "
    "--learning-rate 0.01 --workers 1"
)
COMMAND = ["train", "d.npz", *SETTINGS.split()]
TIMES = {"wait_seconds", "compute_seconds"}

pytestmark = pytest.mark.skipif(os.name == "nt", reason="sends SIGKILL")


def start(folder: Path, *command: str, kill: str = "@@0") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", KILLED, kill, *command], cwd=folder, capture_output=True, text=True, check=False
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("work")
    x, y = stripes(60, 0)
    x = np.clip(x.astype(int) // 3 + np.random.default_rng(1).integers(0, 150, x.shape), 0, 255).astype(np.uint8)
    x_test, y_test = stripes(40, 1)
    save_npz(folder / "d.npz", x_train=x, y_train=y, x_test=x_test // 3, y_test=y_test)
    return folder


@pytest.fixture(scope="module")
def uninterrupted(folder: Path) -> Path:
    done = start(folder, *COMMAND, "--name", "whole")
    assert done.returncode == 0, done.stderr
    return folder / "runs" / "whole"


def numbers(run: Path) -> dict[str, object]:
    """All numbers of a finished run that do not depend on the clock."""
    with (run / "metrics.csv").open(encoding="utf-8") as file:
        rows = [{key: value for key, value in row.items() if key not in TIMES} for row in csv.DictReader(file)]
    report = json.loads((run / "report.json").read_text(encoding="utf-8"))
    return {"rows": rows, "verdict": report["verdict"]["difference"], "export": report["export"]}


def predictions(run: Path) -> dict[str, np.ndarray]:
    found = {}
    for path in sorted((run / "predictions").iterdir()):
        with np.load(path) as file:
            found[path.name] = file["probabilities"]
    return found


def assert_same(run: Path, whole: Path) -> None:
    assert numbers(run) == numbers(whole)
    ours, theirs = predictions(run), predictions(whole)
    assert set(ours) == set(theirs)
    assert len(ours) == 6
    for name, probabilities in ours.items():
        assert np.array_equal(probabilities, theirs[name]), name
    assert not (run / "state").exists()
    assert not list(run.rglob(".*")), "a kill in the middle of a write leaves a temporary file, and that goes too"


@pytest.mark.slow(reason="a dozen processes that train")
def test_a_run_killed_again_and_again_ends_with_the_same_numbers(folder: Path, uninterrupted: Path) -> None:
    arms = {row["arm"] for row in numbers(uninterrupted)["rows"]}  # type: ignore[attr-defined]
    assert arms == {"plain", "augmented", "strength-0.5"}
    kills = [
        "augfuse.experiment.network.network:Network.train_step@after@10",  # within the second epoch of the first arm
        "augfuse.files:_Unfinished.finish@before@3",  # while a state is written
        "augfuse.experiment.evaluation:save@before@1",  # at the end of an arm
        "augfuse.experiment.run_folder.checkpoint:RunFolder.save_finished@after@2",
        "augfuse.experiment.network.network:Network.save@before@1",  # all arms are trained
    ]
    for kill in kills:
        done = start(folder, *COMMAND, "--name", "killed", kill=kill)
        assert done.returncode == -signal.SIGKILL, (kill, done.stdout, done.stderr)
        assert not (folder / "runs" / "killed" / "report.html").exists()
    done = start(folder, *COMMAND, "--name", "killed")
    assert done.returncode == 0, done.stderr
    assert "continued where it was interrupted" in done.stdout
    assert "finished before" in done.stdout
    assert_same(folder / "runs" / "killed", uninterrupted)


@pytest.mark.slow(reason="three trainings, each in a process of its own")
def test_without_a_name_the_interrupted_run_of_the_same_settings_goes_on(folder: Path, uninterrupted: Path) -> None:
    done = start(
        folder, *COMMAND, "--out", "unnamed", kill="augfuse.experiment.network.network:Network.train_step@before@9"
    )
    assert done.returncode == -signal.SIGKILL
    (run,) = (folder / "unnamed").iterdir()
    done = start(folder, *COMMAND, "--out", "unnamed")
    assert done.returncode == 0, done.stderr
    assert f"{run.relative_to(folder)}: continued" in done.stdout
    assert_same(run, uninterrupted)
    assert [path.name for path in (folder / "unnamed").iterdir()] == [run.name]


@pytest.mark.slow(reason="trains, in a process of its own")
def test_a_finished_run_is_not_trained_again_and_another_one_is_refused(folder: Path, uninterrupted: Path) -> None:
    before = (uninterrupted / "report.html").stat().st_mtime_ns
    done = start(
        folder, *COMMAND, "--name", "whole", kill="augfuse.experiment.network.network:Network.train_step@before@1"
    )
    assert done.returncode == 0, done.stderr
    assert "runs/whole is finished" in done.stdout
    assert "Report: " in done.stdout
    changed = SETTINGS.replace("--epochs 5", "--epochs 6").replace("--class-weights", "--lr-factor 0.4")
    done = start(folder, "train", "d.npz", *changed.split(), "--name", "whole")
    assert done.returncode == 2
    assert "--epochs was 5 and is 6" in done.stderr
    assert "--lr-factor was 0.5 and is 0.4" in done.stderr
    assert "--class-weights was True and is False" in done.stderr
    assert "--overwrite" in done.stderr
    assert (uninterrupted / "report.html").stat().st_mtime_ns == before


@pytest.mark.slow(reason="processes that train")
@pytest.mark.parametrize(("write", "extra"), [(write_pairs, "sklearn"), (write_voc, "pycocotools")])
def test_masks_and_boxes_go_on_too(tmp_path: Path, write: Callable[[Path, Blocks], Path], extra: str) -> None:
    pytest.importorskip(extra, reason="needs the extra: pip install 'augfuse[train,detection]'")
    write(tmp_path / "set", blocks(20, 0))
    command = ["train", "set", "--epochs", "2", "--seeds", "1", "--batch-size", "8", "--size", "24x32", "--name"]
    done = start(tmp_path, *command, "whole")
    assert done.returncode == 0, done.stderr
    for place in ("save_current@after@1", "save_finished@after@1"):  # within the first arm, and after it
        done = start(tmp_path, *command, "killed", kill=f"augfuse.experiment.run_folder.checkpoint:RunFolder.{place}")
        assert done.returncode == -signal.SIGKILL, done.stderr
    done = start(tmp_path, *command, "killed")
    assert done.returncode == 0, done.stderr
    assert "finished before" in done.stdout
    whole, killed = (tmp_path / "runs" / name for name in ("whole", "killed"))
    assert numbers(killed) == numbers(whole)
    for path in (whole / "predictions").iterdir():
        with np.load(path) as ours, np.load(killed / "predictions" / path.name) as theirs:
            assert all(np.array_equal(ours[name], theirs[name]) for name in ours)


# --- the folder of a run, without training ---


def arm_state() -> ArmState:
    point = Point(0, 3, 0.5, 0.1, 0.2, Score(0.5, 0.7), None, 0.6, 0.001)
    variables = [np.arange(6, dtype=np.float32).reshape(2, 3), np.array([1, 2], np.uint32)]
    return ArmState((point,), (variables, [np.array(3, np.int32)], []), [variables[0]], Watch(0.6, 0), Watch(0.5, 0, 2))


def test_states_come_back_as_they_were(tmp_path: Path) -> None:
    run = RunFolder(tmp_path / "r")
    with run.open({"epochs": 3}):
        assert run.current(PLAIN, 0) is None
        run.save_current(Current(PLAIN, 0, arm_state(), 12.5))
        assert run.current(PLAIN, 1) is None, "another arm"
        found = run.current(PLAIN, 0)
        assert found is not None
        assert found.seconds == 12.5
        assert found.state.points == arm_state().points
        assert (found.state.stopping, found.state.slowing) == (Watch(0.6, 0), Watch(0.5, 0, 2))
        assert found.state.network is not None
        for ours, theirs in zip(found.state.network, arm_state().network or (), strict=True):
            for one, other in zip(ours, theirs, strict=True):
                assert np.array_equal(one, other)
                assert one.dtype == other.dtype
        arm = Arm(PLAIN, 0, arm_state().points, 0.0, 0)
        run.save_finished(Finished(arm, 20.0))
        done = run.finished_arm(PLAIN, 0)
        assert done is not None
        assert done.arm.points == arm.points
        assert (done.arm.kept, done.arm.strength) == (0, 0.0)
        assert run.epochs is None
        run.decide(17)
        assert run.epochs == 17
    run.close()
    assert run.exists
    assert not run.finished
    assert run.differences({"epochs": 3}) == ()
    assert run.differences({"epochs": 4, "batch_size": 2}) == (
        "--batch-size was none and is 2",
        "--epochs was 3 and is 4",
    )


def test_files_of_the_user_in_the_folder_stay(tmp_path: Path) -> None:
    run = RunFolder(tmp_path / "r")
    theirs = [tmp_path / "r" / name for name in (".git/HEAD", ".gitignore", ".report.html.swp", "predictions/.keep")]
    ours = [tmp_path / "r" / name for name in (".augfuse.report.html.a1b2c3d4", ".augfuse.export.x/model.keras")]
    ours.append(tmp_path / "r" / "predictions" / ".augfuse.plain-0.npz.a1b2c3d4")
    with run.open({}):
        for path in (*theirs, *ours):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("x")
    run.close()
    assert all(path.is_file() for path in theirs)
    assert not any(path.exists() for path in ours)
    assert not (tmp_path / "r" / ".augfuse.export.x").exists()


def test_only_what_a_killed_process_left_is_as_good_as_nothing(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    assert run.bare
    (tmp_path / ".augfuse.run.json.a1b2c3d4").write_text("{")
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "lock").touch()
    assert run.bare
    (tmp_path / "state" / "capitals.csv").touch()
    assert not run.bare, "a folder of the user's that is called state"
    (tmp_path / "state" / "capitals.csv").unlink()
    (tmp_path / ".git").mkdir()
    assert not run.bare


def test_a_run_is_held_by_one_process(tmp_path: Path) -> None:
    pytest.importorskip("fcntl", reason="locks need fcntl")
    run = RunFolder(tmp_path / "r")
    with run.open({}):
        assert run.locked
        with pytest.raises(af.DataError, match="another process"), RunFolder(tmp_path / "r").open({}):
            pass
    assert not run.locked


def test_a_broken_state_is_named(tmp_path: Path) -> None:
    run = RunFolder(tmp_path / "r")
    with run.open({}):
        (tmp_path / "r" / "state" / "current.arm").write_bytes(b"\x01\x02")
        with pytest.raises(af.DataError, match="--overwrite"):
            run.current(PLAIN, 0)
        with pytest.raises(af.DataError, match="no such file"):
            run.weights(PLAIN, 0)
    (tmp_path / "r" / "run.json").write_text("{}", encoding="utf-8")
    with pytest.raises(af.DataError, match="another --name"):
        run.differences({})
    assert not run.same({})
