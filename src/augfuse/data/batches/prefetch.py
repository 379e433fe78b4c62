"""Batches prefetched by threads, handed out in order."""

from __future__ import annotations

import itertools
import os
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future
from typing import TypeVar

from augfuse.algebra.ranges import whole
from augfuse.errors import StateError
from augfuse.threads import Threads, cpu_count

T = TypeVar("T")


def thread_count(workers: int | None) -> int:
    """The threads that `workers` asks for: by default as many as there are cores."""
    return cpu_count() if workers is None else whole("workers", workers, 0)


def compute_ahead(
    work: Callable[[int, int], T], steps: Iterable[int], batches: int, workers: int
) -> Generator[T, None, None]:
    """`work(step, threads)` of each step, in the order given, prefetched: at most workers + 1 are done or in work at
    any time.

    workers 0 works in the caller's thread. `batches` is how many an epoch has. The threads end with the generator:
    exhausted, closed, dropped, or left by an exception. Threads do not survive a fork: a child that continues a
    generator of its parent gets a StateError.
    """
    if workers == 0:
        for step in steps:
            yield work(step, 1)
        return
    # One thread per batch, so that the drawing of one overlaps the pixels of another. An epoch with fewer batches
    # than threads shares each batch among threads instead.
    threads = max(1, workers // batches)
    pending: deque[Future[T]] = deque()
    home = os.getpid()
    with Threads(min(workers, batches), "loader") as pool:
        rest = iter(steps)
        pending.extend(pool.submit(work, step, threads) for step in itertools.islice(rest, workers + 1))
        while pending:
            if os.getpid() != home:
                raise StateError(
                    f"this loop was begun in process {home}, and its threads are there; this is process {os.getpid()}, "
                    "a fork of it. Begin a new loop here; of an af.Loader it may begin in the middle of an epoch: "
                    "loader.load_state_dict(state), with the loader.state_dict() of the parent."
                )
            batch = pending.popleft().result()
            pending.extend(pool.submit(work, step, threads) for step in itertools.islice(rest, 1))
            yield batch
            del batch  # held no longer than the user holds it
