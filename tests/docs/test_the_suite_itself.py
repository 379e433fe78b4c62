"""The test suite: its chance can be replayed, and it may run in the background of a shell."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from children import heeding_signals, running
from places import ROOT

TESTS = ROOT / "tests"
PROPERTY = """
from hypothesis import given, strategies as st

@given(st.integers(0, 2**40))
def test_drawn(n):
    with open("drawn.txt", "a") as file:
        print(n, file=file)
"""


def drawn(folder: Path, *options: str, ci: bool = True) -> tuple[str, str]:
    """The seed that a run prints first, and what its property test drew."""
    (folder / "conftest.py").write_text((TESTS / "conftest.py").read_text())
    (folder / "test_one.py").write_text(PROPERTY)
    (folder / "drawn.txt").unlink(missing_ok=True)
    environment = {name: value for name, value in os.environ.items() if name != "CI"} | ({"CI": "1"} if ci else {})
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "test_one.py", *options]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    seeds = re.findall(r"--hypothesis-seed=(\d+)", done.stdout)
    assert seeds, done.stdout
    return seeds[0], (folder / "drawn.txt").read_text()


def test_property_tests_in_ci_draw_from_a_seed_that_is_printed_and_replays(tmp_path: Path) -> None:
    seed, first = drawn(tmp_path)
    other_seed, other = drawn(tmp_path)
    assert seed != other_seed and first != other
    assert drawn(tmp_path, f"--hypothesis-seed={seed}") == (seed, first)


WAITS = "import time; print('ready', flush=True); time.sleep(100)"


@pytest.mark.skipif(os.name == "nt", reason="sends SIGINT")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP] if os.name != "nt" else [])
def test_signals_reach_children_of_a_process_that_ignores_them(number: signal.Signals) -> None:
    before = signal.signal(number, signal.SIG_IGN)  # as a shell does for what it starts in the background
    try:
        with running([sys.executable, "-c", WAITS]) as process:
            assert process.stdout is not None and process.stdout.readline() == "ready\n"
            process.send_signal(number)
            assert process.wait(60) == -number
    finally:
        signal.signal(number, before)


@pytest.mark.skipif(os.name == "nt", reason="looks for process groups")
def test_no_process_is_left_behind() -> None:
    grandchild = f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {WAITS!r}]).wait()"
    with pytest.raises(ZeroDivisionError), running([sys.executable, "-c", grandchild]) as process:
        assert process.stdout is not None and process.stdout.readline() == "ready\n"
        raise ZeroDivisionError
    for _ in range(600):  # until init has taken the grandchild away
        try:
            os.killpg(process.pid, 0)
        except ProcessLookupError:
            return
        time.sleep(0.1)
    raise AssertionError("something of the group is still there")


def test_a_command_keeps_its_output_and_its_exit_code() -> None:
    command = heeding_signals([sys.executable, "-c", "import sys; print(*sys.argv[1:]); sys.exit(7)", "a b", "--c"])
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (7, "a b --c\n")
