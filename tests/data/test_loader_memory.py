"""The loader: memory that is used again, threads that end, and pickling."""

from __future__ import annotations

import pickle
import subprocess
import sys
import weakref
from typing import Any

import numpy as np
import pytest

import augfuse as af
from augfuse.data.batches.buffer_pool import Ring
from children import heeding_signals
from loader_cases import SIZE, Listed, N, epoch, loader, same, source, threads_of_loops
from oracles import pictures
from present import present

# --- memory -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("workers", [0, 1, 3])
def test_a_batch_that_is_kept_is_never_overwritten(workers: int) -> None:
    wanted = epoch(loader(source(60), workers=0))
    kept = list(loader(source(60), workers=workers))
    assert same(epoch(kept), wanted)
    views = [batch.images[1:, ..., 0] for batch in loader(source(60), workers=workers)]  # only a view of it is kept
    assert all(np.array_equal(view, images[1:, ..., 0]) for view, (images, _, _) in zip(views, wanted, strict=True))
    spans: list[Any] = [batch.images.data for batch in loader(source(60), workers=workers)]
    assert all(np.array_equal(np.asarray(span), images) for span, (images, _, _) in zip(spans, wanted, strict=True))


def test_released_memory_is_used_again() -> None:
    ring, shape, dtype = Ring(2), (3, 4), np.dtype(np.float32)
    first = ring.take(shape, dtype)
    second = ring.take(shape, dtype)
    third = ring.take(shape, dtype)  # more than the ring holds: a plain new array
    assert len({id(first), id(second), id(third)}) == 3
    watched = weakref.ref(first)
    row = first[1]
    del first
    assert ring.take(shape, dtype) is not watched()  # a view still holds it
    del row
    assert watched() is not None  # kept by the ring
    again = ring.take(shape, dtype)
    assert again is watched()
    assert ring.take((3, 5), dtype).shape == (3, 5)
    assert ring.take(shape, np.dtype(np.uint8)).dtype == np.uint8


def test_a_ring_full_of_other_shapes_makes_room() -> None:
    ring, dtype = Ring(2), np.dtype(np.float32)
    for rows in (1, 2):  # batches of other sizes, handed back
        ring.take((rows, 4), dtype)
    held = ring.take((3, 4), dtype)
    kept = weakref.ref(held)
    assert ring.take((3, 4), dtype) is not held  # still in use
    del held
    again = ring.take((3, 4), dtype)
    assert again is kept()


def test_a_loop_that_keeps_nothing_uses_a_few_buffers() -> None:
    load = loader(source(300), workers=1)
    addresses = [batch.images.ctypes.data for batch in load if len(batch) == SIZE]
    assert len(addresses) == 60 and len(set(addresses)) <= 6


def test_a_torch_tensor_holds_its_batch() -> None:
    torch = pytest.importorskip("torch", reason="needs the extra: pip install 'augfuse[torch]'")
    wanted = epoch(loader(source(60), workers=0))
    tensors = [torch.from_numpy(batch.images) for batch in loader(source(60))]
    assert all(np.array_equal(t.numpy(), images) for t, (images, _, _) in zip(tensors, wanted, strict=True))


# --- threads ------------------------------------------------------------------------------------------------------


def test_leaving_a_loop_early_ends_the_threads(no_threads_left: None) -> None:
    load = loader()
    for batch in load:
        assert len(batch) == SIZE
        break
    running = load.stream(0)
    next(running)
    running_threads = threads_of_loops()
    assert running_threads
    running.close()
    for thread in running_threads:
        thread.join(20)
    assert threads_of_loops() == []
    abandoned = iter(load)
    next(abandoned)
    del abandoned
    never_begun = iter(load)
    del never_begun


DROPPED = """
import threading, time
import numpy as np
import augfuse as af
from augfuse.threads import mapped

def slow(image):
    time.sleep(0.2)
    return image

data = af.from_arrays(np.zeros((40, 8, 8, 3), np.uint8))
recipe = af.Recipe([af.Lambda(slow)])
loops = [iter(af.Loader(data, recipe, 2, workers=2)), af.Loader(data, recipe, 2, workers=2).stream(0)]
loops.append(mapped(slow, range(40), 2, "test"))
for loop in loops:
    next(loop)
# Held by a thread that is just starting, when the garbage collector runs in it (Python 3.11 and 3.12).
with getattr(threading, "_shutdown_locks_lock", threading.Lock()):
    del loops, loop
print("went on")
"""


def test_a_loop_that_is_dropped_waits_for_no_thread() -> None:
    """The garbage collector closes it in any thread, whatever locks that thread holds: to wait was to wait forever."""
    done = subprocess.run([sys.executable, "-c", DROPPED], capture_output=True, text=True, check=False, timeout=120)
    assert done.stdout == "went on\n", done.stderr


@pytest.mark.parametrize("error", [ZeroDivisionError, KeyboardInterrupt])
def test_an_exception_in_the_loop_ends_the_threads(error: type[BaseException], no_threads_left: None) -> None:
    load = loader()
    with pytest.raises(error):
        for _ in load:
            raise error
    assert len(list(load)) == 5  # the loader still works, and has moved on
    assert load.epoch == 2


@pytest.mark.parametrize("workers", [0, 1, 2])
def test_an_exception_in_the_source_reaches_the_loop(workers: int, no_threads_left: None) -> None:
    class Broken(Listed):
        def __getitem__(self, index: int) -> Any:
            if index == 12:
                raise RuntimeError("no sample 12")
            return super().__getitem__(index)

    load = loader(Broken(list(pictures(N, 8, 8))), af.Recipe(), workers=workers, shuffle=False)
    got = []
    with pytest.raises(RuntimeError, match="no sample 12"):
        got.extend(len(batch) for batch in load)
    assert got == [5, 5]
    assert load.state_dict()["samples"] == 2 * SIZE


def test_an_interrupt_stops_a_waiting_loop() -> None:
    script = """
import signal, threading, time
import numpy as np
import augfuse as af

class Slow:
    def __len__(self): return 1000
    def __getitem__(self, i):
        if i == 7:
            threading.Timer(0.2, signal.raise_signal, [signal.SIGINT]).start()
        time.sleep(0.05)
        return np.zeros((4, 4, 3), np.uint8)

try:
    for batch in af.Loader(Slow(), batch_size=4, shuffle=False, seed=0, workers=2): pass
except KeyboardInterrupt:
    print("left:", [t.name for t in threading.enumerate() if t.name.startswith("augfuse-")])
"""
    command = heeding_signals([sys.executable, "-c", script])
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.stdout == "left: []\n", done.stderr


# --- pickling -----------------------------------------------------------------------------------------------------


def test_loaders_pickle_with_their_position() -> None:
    load = loader()
    wanted = epoch(load)
    again = pickle.loads(pickle.dumps(load))
    assert again.epoch == 1 and again.state_dict() == load.state_dict()
    again.set_epoch(0)
    assert same(epoch(again), wanted)


def test_sources_and_batches_pickle() -> None:
    data: Any = pickle.loads(pickle.dumps(source()))
    assert np.array_equal(present(data.images), present(source().images))
    assert np.array_equal(present(data.labels), np.arange(N) % 4)
    batch = loader().fetch(0, 1)
    again = pickle.loads(pickle.dumps(batch))
    assert np.array_equal(again.images, batch.images) and np.array_equal(again.indices, batch.indices)
    assert again.plan.seed == 9 and np.array_equal(again.pixels(), batch.pixels())
