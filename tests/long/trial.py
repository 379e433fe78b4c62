"""What one call does at the worst: the error tree or a result, within bounds of time and of memory."""

from __future__ import annotations

import io
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

import augfuse as af

MEMORY = 64 * 2**20
SECONDS = 5.0

_STATUS, _RESET = Path("/proc/self/status"), Path("/proc/self/clear_refs")
AVAILABLE = _RESET.exists()


class Peak:
    """`bytes`: how far the resident memory rose above what it was at the start of the block."""

    bytes = 0


@contextmanager
def peak() -> Iterator[Peak]:
    """Measure a block."""
    found = Peak()
    _RESET.write_text("5")
    before = _value("VmRSS:")
    try:
        yield found
    finally:
        found.bytes = max(0, _value("VmHWM:") - before)


def _value(name: str) -> int:
    for line in _STATUS.read_text().splitlines():
        if line.startswith(name):
            return int(line.split()[1]) * 1024
    raise RuntimeError(f"no {name} in {_STATUS}")


def tried(call: Callable[[], Any], most: int = MEMORY) -> Any:
    """What a call returns; None where it raises an error of the tree. Fails for any other exception, time, memory."""
    began = time.process_time()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", af.AugfuseWarning)
        if AVAILABLE:
            with peak() as found:
                try:
                    result = call()
                except af.AugfuseError as error:
                    assert len(str(error)) < 5000
                    result = None
            assert found.bytes < most, f"{found.bytes / 2**20:.0f} MB"
        else:
            try:
                result = call()
            except af.AugfuseError:
                result = None
    assert time.process_time() - began < SECONDS
    return result


def png(side: int = 8, seed: int = 0) -> bytes:
    out = io.BytesIO()
    Image.fromarray(np.random.default_rng(seed).integers(0, 256, (side, side, 3), np.uint8)).save(out, "PNG")
    return out.getvalue()
