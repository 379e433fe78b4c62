"""Several processes that talk to one another."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


def processes(script: Path, world: int, *words: str) -> list[str]:
    """What real processes print."""
    import socket

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    started = [
        subprocess.Popen(
            [sys.executable, str(script), str(rank), str(world), port, *words],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )
        for rank in range(world)
    ]  # fmt: skip
    try:
        said = [process.communicate(timeout=300) for process in started]
    finally:
        for process in started:
            process.kill()
    assert all(process.returncode == 0 for process in started), "\n".join(err for _, err in said)
    return [out for out, _ in said]
