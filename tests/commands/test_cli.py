"""The command line: exit codes, messages, and what it does not import."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import augfuse as af
from augfuse.cli import main
from augfuse.commands.shell import parse_size
from children import running

# Keras' variables lack NumPy 2's `copy` argument of __array__; Keras itself calls np.array on them.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept:DeprecationWarning:keras")


def write_recipe(path: Path) -> Path:
    path.write_text(af.Recipe([af.Rotate(10), af.HorizontalFlip(), af.Normalize()]).to_yaml(), encoding="utf-8")
    return path


def write_npz(path: Path) -> Path:
    rng = np.random.default_rng(0)
    np.savez(path, x_train=rng.integers(0, 256, (24, 8, 8, 3), dtype=np.uint8), y_train=np.arange(24) % 2)
    return path


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out.strip() == af.__version__


def test_help_names_the_commands_and_imports_nothing_heavy() -> None:
    code = (
        "import sys; from augfuse.cli import main; code = main(['train', '--help']);"
        "heavy = {'keras', 'tensorflow', 'torch', 'jax', 'numba', 'cv2', 'matplotlib', 'sklearn'} & set(sys.modules);"
        "print(heavy); sys.exit(code or bool(heavy))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    for word in ("--recipe", "--epochs", "--out", "--seeds", "--size", "--batch-size", "--workers", "--name"):
        assert word in done.stdout


def test_python_m_is_the_command() -> None:
    done = subprocess.run([sys.executable, "-m", "augfuse", "--version"], capture_output=True, text=True)
    assert (done.returncode, done.stdout.strip()) == (0, af.__version__)


@pytest.mark.parametrize(
    "arguments",
    [["nosuch"], ["train", "--nosuch", "1"], ["train", "--epochs", "many"], ["explain"], ["train", "a", "b"]],
)
def test_usage_errors_exit_with_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 2
    captured = capsys.readouterr()
    assert captured.err.startswith("augfuse: ") and captured.err.count("\n") == 1 and captured.out == ""


def test_explain_prints_the_plan(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write_recipe(tmp_path / "r.yaml")
    assert main(["explain", str(path), "--shape", "32", "48", "3"]) == 0
    out = capsys.readouterr().out
    recipe = af.Recipe.from_yaml(path.read_text(encoding="utf-8"))
    assert out == recipe.explain(shape=(32, 48, 3)) + "\n"
    assert "Rotate" in out


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("transforms:\n- Rotat: {degrees: 3}\n", "Rotat"),
        ("{{{", "r.yaml"),
        ("", "r.yaml"),
    ],
)
def test_a_bad_recipe_file_is_a_message_and_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, words: str
) -> None:
    path = tmp_path / "r.yaml"
    path.write_text(text, encoding="utf-8")
    assert main(["explain", str(path)]) == 2
    assert main(["train", str(write_npz(tmp_path / "d.npz")), "--recipe", str(path)]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert words in captured.err
    assert "Traceback" not in captured.err


def test_a_shape_that_is_none_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write_recipe(tmp_path / "r.yaml")
    assert main(["explain", str(path), "--shape", "0", "4", "3"]) == 2
    assert main(["explain", str(tmp_path / "none.yaml")]) == 2
    err = capsys.readouterr().err
    assert "--shape" in err
    assert "no such recipe file" in err


def test_missing_data_and_bad_options_are_a_message_and_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("keras", reason="needs the extra: pip install 'augfuse[train]'")
    assert main(["train", str(tmp_path / "nothing")]) == 2
    assert main(["train", str(write_npz(tmp_path / "d.npz")), "--size", "8by8"]) == 2
    assert main(["train", str(tmp_path / "d.npz"), "--epochs", "0"]) == 2
    err = capsys.readouterr().err
    assert "no such file or folder" in err
    assert "--size: got '8by8'" in err
    assert "--epochs: got 0" in err
    assert all(line.startswith("augfuse: ") for line in err.strip().splitlines())


@pytest.mark.parametrize(("text", "size"), [("128", (128, 128)), ("12x20", (12, 20)), ("12X20", (12, 20))])
def test_sizes(text: str, size: tuple[int, int]) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "x", "0", "-3", "3x", "3x4x5", "3.5", "a", "4097", "8x99999999", "9" * 5000])
def test_sizes_that_are_none(text: str) -> None:
    with pytest.raises(af.RangeError, match="--size"):
        parse_size(text)


def test_train_ends_with_the_report(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("keras", "sklearn", "matplotlib"):
        pytest.importorskip(module, reason="needs the extra: pip install 'augfuse[train]'")
    monkeypatch.chdir(tmp_path)
    write_npz(tmp_path / "d.npz")
    recipe = write_recipe(tmp_path / "r.yaml")
    command = f"train d.npz --recipe {recipe.name} --epochs 1 --seeds 1 --name one --workers 0".split()
    assert main(command) == 0
    out = capsys.readouterr().out
    assert out.strip().splitlines()[-1] == f"Report: {Path('runs') / 'one' / 'report.html'}"
    assert "plain, seed 0 (1 of 2)" in out
    assert "augmented, seed 0 (2 of 2)" in out
    assert "waiting for data" in out
    assert (tmp_path / "runs" / "one" / "report.html").is_file()
    assert main(command) == 0
    assert "is finished, and is not trained again" in capsys.readouterr().out
    assert main([*command[:-2], "--workers", "0", "--batch-size", "8"]) == 2
    assert "exists already" in capsys.readouterr().err


def test_a_run_that_fails_is_a_message_and_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from PIL import Image

    for module in ("keras", "sklearn", "matplotlib"):
        pytest.importorskip(module, reason="needs the extra: pip install 'augfuse[train]'")
    for i in range(30):
        folder = tmp_path / "d" / ("a", "b")[i % 2]
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((8, 8, 3), i, np.uint8)).save(folder / f"{i:02}.png")
    broken = tmp_path / "d" / "a" / "04.png"
    broken.write_bytes(broken.read_bytes()[:40])
    code = main(["train", str(tmp_path / "d"), "--epochs", "1", "--seeds", "1", "--size", "8", "--out", str(tmp_path)])
    captured = capsys.readouterr()
    assert code == 1, captured.err
    assert "04.png" in captured.err
    assert "Traceback" not in captured.err
    assert not list(tmp_path.glob("*/report.html"))


@pytest.mark.skipif(os.name == "nt", reason="sends SIGINT")
def test_an_interrupted_run_exits_with_130_and_has_no_report(tmp_path: Path) -> None:
    for module in ("keras", "sklearn", "matplotlib"):
        pytest.importorskip(module, reason="needs the extra: pip install 'augfuse[train]'")
    write_npz(tmp_path / "d.npz")
    train = ["train", "d.npz", "--epochs", "1", "--seeds", "100000", "--name", "long"]
    with running(
        [sys.executable, "-m", "augfuse", *train], cwd=tmp_path, env={**os.environ, "PYTHONUNBUFFERED": "1"}
    ) as process:
        assert process.stdout is not None
        while (line := process.stdout.readline()) and not line.startswith("plain, seed 0"):
            pass
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=120)
    assert process.returncode == 130, err
    assert "interrupted; " in err
    assert "Traceback" not in err
    names = {path.name for path in (tmp_path / "runs" / "long").iterdir()}
    assert {"config.yaml", "recipe.yaml", "run.json", "state"} <= names
    assert "report.html" not in names
