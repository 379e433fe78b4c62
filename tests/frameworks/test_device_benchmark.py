"""benchmarks/device.py without a GPU: its dry run, and that it measures nobody who does something else."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from places import ROOT

SCRIPT = ROOT / "benchmarks" / "device.py"

pytest.importorskip("torch")
pytest.importorskip("cyclopts")
if not SCRIPT.exists():
    pytest.skip("there are no benchmarks beside these tests", allow_module_level=True)

CHECKS = """
import device
from device_contenders import Absent, Job

def asked(call):
    try:
        device.check_peer(job, call)
    except Absent as error:
        return str(error)

def turned(degrees):
    found = device.torch.from_numpy(device.exact(job._replace(degrees=degrees))).permute(0, 3, 1, 2) / 255
    mean, std = (device.torch.tensor(channel).reshape(3, 1, 1) for channel in (device.MEAN, device.STD))
    return lambda number: (found - mean) / std

job = Job(device.pictures(4, 32), "cpu", "float32", 20.0)
print(asked(turned(20.0)), asked(turned(-20.0)))
print(asked(turned(0.0)))
print(asked(lambda number: turned(20.0)(number) * 9))
job = job._replace(degrees=None)
print(asked(lambda number: (device.torch.zeros(4, 3, 32, 32))))
"""


def ran(*arguments: str) -> subprocess.CompletedProcess[str]:
    paths = [str(SCRIPT.parent), str(SCRIPT.parents[1] / "src"), os.environ.get("PYTHONPATH", "")]
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(paths),
        "CUDA_VISIBLE_DEVICES": "",
        "JAX_PLATFORMS": "cpu",
    }
    return subprocess.run(
        [sys.executable, *arguments], env=environment, capture_output=True, text=True, timeout=600, check=False
    )


@pytest.mark.slow(reason="compiles programs of three frameworks")
def test_dry_run() -> None:
    done = ran(str(SCRIPT), "warp", "--dtype", "float32", "--dry-run", "--size", "16", "--batch", "2")
    assert done.returncode == 0, done.stderr
    *lines, last = done.stdout.splitlines()
    for who in ("augfuse, torch.compile", "augfuse, jax.jit", "kornia", "torchvision v2", "triton-augment", "DALI"):
        assert who in last or any(line.startswith(f"{who}: absent, ") for line in lines), who
    assert "grey levels from the reference; demanded at most 0.02: reached" in done.stdout
    assert "failed, " not in done.stdout and "absent, wrong" not in done.stdout
    assert last.startswith("dry run on the CPU: augfuse, torch.compile, ") and last.endswith("nothing was measured")


def test_without_a_gpu_it_says_so() -> None:
    done = ran(str(SCRIPT))
    assert done.returncode == 1 and not done.stdout
    assert done.stderr == "This PyTorch finds no GPU, so there is nothing to measure. Try the script with --dry-run.\n"


def test_who_does_something_else_is_not_measured() -> None:
    right, still, bright, same = ran("-c", CHECKS).stdout.splitlines()
    assert right == "None None"  # either way round
    assert "grey levels from a turn by 20.0 degrees" in still
    assert "wrong: its levels are" in bright
    assert same == "wrong: two calls give the same images"
