"""Ctrl-C, SIGTERM and SIGHUP, once or several times: a conventional exit code, no traceback, nothing half-written."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import augfuse as af
from children import has_our_traceback, heeding_signals
from processes import AUGFUSE, run, started, wait_for, wait_for_handlers, wait_for_line

pytestmark = pytest.mark.skipif(os.name == "nt", reason="sends signals")
INT, TERM, HUP = signal.SIGINT, signal.SIGTERM, signal.SIGHUP


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("work")
    pixels = np.random.default_rng(0).integers(0, 256, (3000, 64, 64, 3), dtype=np.uint8)
    np.savez(folder / "src.npz", x=pixels, y=np.arange(3000) % 2)
    for i, image in enumerate(pixels[:60]):
        path = folder / "photos" / "ab"[i % 2] / f"{i}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image[:24, :24]).save(path)
    recipe = af.Recipe([af.Rotate((-20, 20))])
    (folder / "r.yaml").write_text(recipe.to_yaml(), encoding="utf-8")
    af.augment(af.from_arrays(pixels[:2]), recipe)  # compiles the kernels
    return folder


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


@pytest.mark.slow(reason="processes that are stopped at many places")
@pytest.mark.parametrize(
    ("dst", "signals", "code", "words"),
    [
        ("dst", [INT], 130, "interrupted; dst was not written."),
        ("new/deep/dst", [INT, INT, INT], 130, "interrupted; new/deep/dst was not written."),
        ("dst", [TERM], 143, "interrupted by SIGTERM; dst was not written."),
        ("dst", [HUP], 129, "interrupted by SIGHUP; dst was not written."),
    ],
)
def test_nothing_is_left_of_a_stopped_augment(
    dst: str, signals: list[signal.Signals], code: int, words: str, work: Path
) -> None:
    before = names(work)
    command = ["augment", "src.npz", dst, "--copies", "50", "--recipe", "r.yaml"]
    with started(*command, cwd=work) as process:
        assert wait_for(lambda: any(work.rglob("*~1.png")), process)
        for number in signals:
            process.send_signal(number)
            time.sleep(0.003)
        _, err = process.communicate(timeout=60)
    assert process.returncode == code, err
    assert err == f"augfuse: {words}\n"
    assert names(work) == before


def test_of_several_signals_one_counts(work: Path) -> None:
    before = names(work)
    with started("augment", "src.npz", "dst", "--copies", "50", "--recipe", "r.yaml", cwd=work) as process:
        assert wait_for(lambda: any(work.rglob("*~1.png")), process)
        for number in (TERM, INT, HUP, TERM):
            process.send_signal(number)
        _, err = process.communicate(timeout=60)
    assert process.returncode in (130, 143, 129) and err.count("interrupted") == 1, err
    assert "Traceback" not in err and names(work) == before


@pytest.mark.parametrize("pause", [0.0, 0.02, 0.3])
def test_a_second_signal_during_the_shutdown_changes_nothing(pause: float, work: Path) -> None:
    before = names(work)
    with started("augment", "src.npz", "dst.npz", "--copies", "200", "--recipe", "r.yaml", cwd=work) as process:
        assert wait_for(lambda: list(work.glob(".*dst.npz.*.partial")), process)
        process.send_signal(INT)
        time.sleep(pause)
        process.send_signal(INT)
        _, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert "Traceback" not in err and names(work) == before


@pytest.mark.parametrize("command", ["doctor photos --json found.json --quarantine list.txt", "preview photos"])
@pytest.mark.parametrize("seconds", [0.0, 0.5, 1.0])
def test_a_stopped_doctor_or_preview_writes_all_or_nothing(command: str, seconds: float, work: Path) -> None:
    before = names(work)
    with started(*command.split(), cwd=work) as process:
        assert wait_for_handlers(process)
        time.sleep(seconds)
        process.send_signal(INT)
        process.send_signal(INT)
        _, err = process.communicate(timeout=60)
    left = names(work) - before
    for name in left:
        (work / name).unlink()
    assert process.returncode == 130 or (process.returncode in (0, 1) and left), err  # a quick machine is done by then
    assert left <= {"found.json", "list.txt", "preview.png"} and "Traceback" not in err


def test_signals_that_the_caller_ignores_are_ignored(work: Path) -> None:
    program = ("/bin/sh", "-c", 'trap "" HUP INT; exec "$0" "$@"', *AUGFUSE)
    with started("augment", "photos", "kept", "--copies", "20", cwd=work, program=program) as process:
        assert wait_for(lambda: list(work.glob(".*kept.*.partial")), process)
        for number in (HUP, INT):
            process.send_signal(number)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert "60 originals and 1200 copies" in out and (work / "kept" / "recipe.yaml").is_file()


@pytest.mark.slow(reason="processes that train")
def test_a_stopped_run_goes_on_with_the_same_command(work: Path) -> None:
    for module in ("keras", "sklearn", "matplotlib"):
        pytest.importorskip(module, reason="needs the extra: pip install 'augfuse[train]'")
    command = ["train", "photos", "--size", "8", "--epochs", "2", "--seeds", "2", "--name", "stopped"]
    with started(*command, cwd=work, env={**os.environ, "PYTHONUNBUFFERED": "1"}) as process:
        assert wait_for_handlers(process)
        time.sleep(1)  # while its framework is imported
        for _ in range(3):
            process.send_signal(INT)
        _, err = process.communicate(timeout=60)
    assert process.returncode == 130 and "Traceback" not in err, err
    assert not (work / "runs").exists()
    with started(*command, cwd=work, env={**os.environ, "PYTHONUNBUFFERED": "1"}) as process:
        assert wait_for_line(process, "plain, seed 0")
        for _ in range(3):
            process.send_signal(TERM)
        _, err = process.communicate(timeout=60)
    assert process.returncode == 143, err
    assert "interrupted by SIGTERM; the same command continues runs/stopped." in err and "Traceback" not in err
    assert not [path.name for path in (work / "runs").rglob(".augfuse.*")]
    done = run(*command, cwd=work)
    assert done.returncode == 0 and "continued where it was interrupted" in done.stdout, done.stderr
    assert not (work / "runs" / "stopped" / "state").exists()


# Stands for code that loses the exception, as callbacks from C do, or that does not come back for long.
STUCK = """
import sys, time
from pathlib import Path
import augfuse.cli
from augfuse import __main__, files

def stuck(*arguments, **options):
    with files.replacing(Path("out"), folder=True) as new:
        (new / "x").write_text("x")
        while True:
            try:
                time.sleep(60)
            except KeyboardInterrupt:
                pass

augfuse.cli.app = stuck
sys.exit(__main__.main())
"""


@pytest.mark.parametrize(("number", "code"), [(INT, 130), (TERM, 143), (HUP, 129)])
def test_a_command_that_does_not_hear_is_ended(number: signal.Signals, code: int, tmp_path: Path) -> None:
    with started(cwd=tmp_path, program=(sys.executable, "-c", STUCK)) as process:
        assert wait_for(lambda: list(tmp_path.glob(".augfuse.out.*/x")), process)
        process.send_signal(number)
        _, err = process.communicate(timeout=60)
    assert process.returncode == code and names(tmp_path) == set()
    assert err.startswith("augfuse: interrupted") and err.count("\n") == 1


@pytest.mark.parametrize(
    ("command", "outputs"),
    [
        ("doctor photos --json found.json --quarantine list.txt", {"found.json", "list.txt"}),
        ("preview photos", {"preview.png"}),
        ("augment photos dst --recipe r.yaml", {"dst"}),
        ("convert photos dst.tfrecord", {"dst.tfrecord"}),
    ],
)
def test_a_signal_after_the_last_file_changes_nothing(command: str, outputs: set[str], work: Path) -> None:
    code = f"""
import os, signal, sys
from augfuse.commands import terminal
say = terminal.say
def stopped(*words, **options):
    os.kill(os.getpid(), signal.SIGINT)
    say(*words, **options)
terminal.say = stopped
sys.argv[1:] = {command.split()!r}
from augfuse.__main__ import main
sys.exit(main())
"""
    before = names(work)
    done = run(cwd=work, program=(sys.executable, "-c", code))
    left = names(work) - before
    for name in left:
        shutil.rmtree(work / name) if (work / name).is_dir() else (work / name).unlink()
    assert done.returncode in (0, 1) and "interrupted" not in done.stderr, done.stderr
    assert left == outputs


def test_a_signal_after_the_work_changes_nothing(tmp_path: Path) -> None:
    code = (
        "import atexit, os, signal, sys; sys.argv[1:] = ['--version'];"
        "atexit.register(lambda: os.kill(os.getpid(), signal.SIGINT));"
        "from augfuse.__main__ import main; sys.exit(main())"
    )
    done = run(cwd=tmp_path, program=(sys.executable, "-c", code))
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{af.__version__}\n", "")


@pytest.mark.parametrize("milliseconds", range(20, 400, 20))
def test_an_interrupt_while_everything_is_imported_leaves_no_traceback(milliseconds: int, tmp_path: Path) -> None:
    with started("explain", "none.yaml", cwd=tmp_path) as process:
        time.sleep(milliseconds / 1000)
        process.send_signal(INT)
        _, said = process.communicate(timeout=60)
    assert not has_our_traceback(said), said
    assert process.returncode in (-INT, 130, 2, 1)  # 1: Python itself was still starting, or the file was missed first


def test_the_library_leaves_the_handlers_of_a_program_alone() -> None:
    code = "import signal, augfuse; print(signal.getsignal(signal.SIGINT) is signal.default_int_handler)"
    command = heeding_signals([sys.executable, "-c", code])  # else a background shell has made it ignore Ctrl-C
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == "True\n"


def test_a_signal_that_another_error_replaced_is_still_a_signal() -> None:
    from augfuse.commands import interrupts

    def within_a_lock() -> None:
        try:
            raise interrupts.Stopped(signal.SIGTERM)
        finally:
            raise RuntimeError("release unlocked lock")

    with pytest.raises(interrupts.Stopped) as stopped, interrupts.telling("dst was not written"):
        within_a_lock()
    assert stopped.value.number == signal.SIGTERM
    with pytest.raises(RuntimeError, match="of its own accord"), interrupts.telling("dst was not written"):
        raise RuntimeError("of its own accord")
