"""A damaged, full or unwritable kernel cache costs time, never the run."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import augfuse
from augfuse.algebra import rng

WARNING = "Set NUMBA_CACHE_DIR to a writable folder"
pytestmark = pytest.mark.slow(reason="in processes of their own, which compile")

# Two kernels, so that a second warning would show. What stands in {before} runs when both are there and not compiled.
CODE = """
import numpy as np
import augfuse.execute.cpu.image_sums as fused
import augfuse.algebra.philox
import augfuse.algebra.rng as rng
{before}
means = np.empty((1, 1))
fused.channel_means(np.arange(6, dtype=np.uint8), np.zeros(1, np.int64), 2, 3, 1, means)
print(rng.bits(5, 0, np.array([3]), "a")[0, 0], means[0, 0])
"""


def run(cache: Path, before: str = "", **options: Any) -> subprocess.CompletedProcess[str]:
    """Compute with both kernels in a new process, and see that the numbers are right."""
    code = [sys.executable, "-c", CODE.format(before=before)]
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(cache)}
    done = subprocess.run(code, env=environment, capture_output=True, text=True, check=False, **options)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == [str(rng.bits(5, 0, np.array([3]), "a")[0, 0]), "2.5"]
    return done


def files(cache: Path) -> list[Path]:
    return sorted(path for path in cache.rglob("*") if path.is_file())


def dates(cache: Path) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in files(cache)}


DAMAGE: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda content: b"",
    "a half": lambda content: content[: len(content) // 2],
    "all but the end": lambda content: content[:-1],
    "noise": lambda content: np.random.default_rng(0).bytes(len(content)),
    "a block of zeros": lambda content: (
        content[: len(content) // 2] + bytes(len(content) // 4) + content[len(content) // 2 + len(content) // 4 :]
    ),
}


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> dict[Path, bytes]:
    """The cache of a process in which all went well: names and contents."""
    cache = tmp_path_factory.mktemp("cache")
    assert run(cache).stderr == ""
    return {path.relative_to(cache): path.read_bytes() for path in files(cache)}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_file_is_compiled_again_and_replaced(damage: str, filled: dict[Path, bytes], tmp_path: Path) -> None:
    for name, content in filled.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(DAMAGE[damage](content))
    assert run(tmp_path).stderr == ""
    mended = dates(tmp_path)
    assert {path.relative_to(tmp_path) for path in mended} == set(filled)
    assert run(tmp_path).stderr == ""
    assert dates(tmp_path) == mended, "the second process could not read what the first one wrote"


def test_a_folder_where_a_file_should_be(filled: dict[Path, bytes], tmp_path: Path) -> None:
    for name in filled:
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "inside").touch()
    done = run(tmp_path)
    assert done.stderr.count(WARNING) == 1 and "Traceback" not in done.stderr
    assert [path.name for path in files(tmp_path)] == ["inside"] * len(filled)


@contextmanager
def small_disk(folder: Path, kilobytes: int) -> Iterator[None]:
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={kilobytes}k", "tmpfs", folder], capture_output=True, check=False
    )
    if mounted.returncode != 0:
        pytest.skip("mounting a disk takes rights that this process has not")
    try:
        yield
    finally:
        subprocess.run(["umount", folder], check=True)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="mounts a tmpfs")
def test_a_full_disk(tmp_path: Path) -> None:
    with small_disk(tmp_path, kilobytes=16):
        for _ in range(2):
            done = run(tmp_path)
            assert done.stderr.count(WARNING) == 1 and "No space left on device" in done.stderr
            assert "Traceback" not in done.stderr
            assert all(path.suffix == ".kernel" for path in files(tmp_path)), "an unfinished file was left"


@pytest.mark.skipif(os.name == "nt", reason="sets a limit of the process")
def test_files_that_may_not_grow(tmp_path: Path) -> None:
    limit = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))"
    done = run(tmp_path, before=limit)
    assert done.stderr.count(WARNING) == 1 and "File too large" in done.stderr and "Traceback" not in done.stderr
    assert files(tmp_path) == []


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="needs POSIX rights")
def test_a_folder_that_became_read_only(tmp_path: Path) -> None:
    tmp_path.chmod(0o777)
    # Root may write anywhere. A first compilation, for what Numba imports late: it may lie where only root can read.
    become = "import os, numba; numba.njit(lambda x: x + 1.0)(1.0); os.geteuid() or os.seteuid(65534)"
    before = f"import pathlib; [p.chmod(0o555) for p in pathlib.Path({str(tmp_path)!r}).rglob('*')]; {become}"
    done = run(tmp_path, before=before)
    assert done.stderr.count(WARNING) == 1 and "Permission denied" in done.stderr and "Traceback" not in done.stderr
    assert files(tmp_path) == []


def test_a_folder_that_became_a_file(tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    done = run(cache, before=f"import shutil; shutil.rmtree({str(cache)!r}); open({str(cache)!r}, 'w').close()")
    assert done.stderr.count(WARNING) == 1 and "Traceback" not in done.stderr
    assert cache.read_bytes() == b""


def test_a_folder_that_was_removed_is_made_again(tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    assert run(cache, before=f"import shutil; shutil.rmtree({str(cache)!r})").stderr == ""
    assert len(files(cache)) >= 2


def test_an_edited_helper_in_another_file_is_seen(tmp_path: Path) -> None:
    """A kernel compiled before an edit, or before an upgrade, must not be run after it."""
    package = tmp_path / "augfuse"
    shutil.copytree(Path(augfuse.__file__).parent, package, ignore=shutil.ignore_patterns("__pycache__"))
    (package / "outer.py").write_text(
        "from augfuse import middle\nfrom augfuse.jit import jit\n\n\n@jit\ndef f(x):\n    return middle.g(x)\n"
    )
    (package / "middle.py").write_text(
        "from augfuse.inner import h\nfrom augfuse.jit import inlined\n\n\n@inlined\ndef g(x):\n    return h(x)\n"
    )
    helper = "from augfuse.jit import inlined\n\n\n@inlined\ndef h(x):\n    return x * {}\n"
    code = "from augfuse.outer import f; print(f(3), sum(f.stats.cache_hits.values()))"
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path / "cache"), "PYTHONPATH": str(tmp_path)}
    found = []
    for factor in (2, 2, 5, 5):
        (package / "inner.py").write_text(helper.format(factor))
        done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
        found.append(done.stdout.split())
    assert found == [["6", "0"], ["6", "1"], ["15", "0"], ["15", "1"]]
    assert len(files(tmp_path / "cache")) == 1  # what does not fit any more is replaced
