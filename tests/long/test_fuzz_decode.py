"""300 000 damaged, hostile and enormous files through `augfuse.decode`: fuzz_decode.py, in several processes."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from trial import AVAILABLE

PARTS, COUNT = 30, 10_000
SCRIPT = Path(__file__).with_name("fuzz_decode.py")

pytestmark = pytest.mark.skipif(not AVAILABLE, reason="measures peak memory through /proc, which only Linux has")


@pytest.mark.parametrize("part", range(PARTS))
def test_damaged_files(part: int, share: Callable[[int], int], chance: np.random.Generator) -> None:
    run(share(COUNT), int(chance.integers(2**31)), side=0)


def test_enormous_files() -> None:
    run(1, 0, side=8000)


def run(count: int, seed: int, side: int) -> None:
    command = [sys.executable, str(SCRIPT), "--count", str(count), "--seed", str(seed), "--side", str(side)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
