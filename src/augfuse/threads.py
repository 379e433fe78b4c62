"""The threads that share the images of a batch, and how many of them this process may use."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from functools import lru_cache
from typing import Any, TypeVar, final

T = TypeVar("T")
R = TypeVar("R")
SLICES = 4  # per thread and batch


def cpu_count() -> int:
    """The cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@lru_cache(maxsize=1)
def _pool(pid: int) -> ThreadPoolExecutor:
    """One pool per process; threads do not survive a fork, hence the pid."""
    return ThreadPoolExecutor(max(cpu_count(), 2), thread_name_prefix="augfuse")


def share(run_slice: Callable[[int, int], None], n: int, workers: int) -> None:
    """Call `run_slice(start, stop)` for slices that make up 0..n, in up to `workers` threads, this one included."""
    workers = min(workers, n)
    if workers <= 1:
        run_slice(0, n)
        return
    # Several slices a thread, taken as they come: a thread that is held up does not hold up the others.
    count = min(n, workers * SLICES)
    slices = iter([(n * k // count, n * (k + 1) // count) for k in range(count)])

    def work() -> None:
        for start, stop in slices:
            run_slice(start, stop)

    futures: list[Future[None]] = [_pool(os.getpid()).submit(work) for _ in range(workers - 1)]
    try:
        work()
    finally:
        wait(futures)  # all have stopped before the caller touches what they write to again
    for future in futures:
        future.result()


@final
class Threads(ThreadPoolExecutor):
    """The threads of a generator, for a `with` inside it: they end with the generator.

    A generator that is closed waits for none of them: it may be the garbage collector that closes it, in any thread,
    also in one that is just starting and holds the lock without which no thread can be waited for.
    """

    def __init__(self, count: int, name: str) -> None:
        ThreadPoolExecutor.__init__(self, count, thread_name_prefix=f"augfuse-{name}")
        self._home = os.getpid()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: Any) -> None:
        # In a fork there is nothing to end: the threads are the parent's, and waiting for them would never end.
        if os.getpid() == self._home:
            self.shutdown(wait=kind is not GeneratorExit, cancel_futures=True)


def mapped(work: Callable[[T], R], tasks: Iterable[T], threads: int, name: str) -> Iterator[R]:
    """`work` of each task, in their order, by up to `threads` threads called "augfuse-NAME"; 0 and 1: by this one.

    For work that waits for files or runs without the interpreter. After an error, or where the loop is left, nothing
    more is begun.
    """
    if threads <= 1:
        yield from map(work, tasks)
        return
    with Threads(threads, name) as pool:
        yield from pool.map(work, tasks)
