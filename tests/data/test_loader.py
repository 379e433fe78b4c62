"""The loader: the determinism contract, resuming, sharding, memory, threads, and what it says when data is bad."""

from __future__ import annotations

import gc
import json
import pickle
import random
import subprocess
import sys
import threading
import warnings
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import augfuse as af
from augfuse.data.batches.buffer_pool import Ring
from augfuse.data.batches.order import Order
from children import heeding_signals
from oracles import pictures
from present import present

N, SIZE = 23, 5
RECIPE = af.Recipe(
    [af.Rotate(30), af.HorizontalFlip(), af.ColorJitter(), af.GaussianNoise(p=0.5), af.Erase(), af.Normalize(0.5, 0.5)]
)


class Listed:
    """The least a source can be: images of their own sizes, labels as plain numbers."""

    def __init__(self, images: list[np.ndarray], labels: list[Any] | None = None) -> None:
        self.images = images
        self.values = labels

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> Any:
        return self.images[index] if self.values is None else (self.images[index], self.values[index])


def source(n: int = N) -> af.DataSet:
    return af.from_arrays(pictures(n, 12, 16), np.arange(n) % 4)


def loader(data: Any = None, recipe: af.Recipe = RECIPE, **options: Any) -> af.Loader:
    return af.Loader(
        source() if data is None else data, recipe, **{"batch_size": SIZE, "seed": 9, "workers": 2, **options}
    )


def epoch(batches: Any) -> list[tuple[np.ndarray, Any, np.ndarray]]:
    """One epoch, copied: (images, labels, indices) of each batch."""
    return [(b.images.copy(), None if b.labels is None else np.copy(b.labels), b.indices.copy()) for b in batches]


def same(a: list[Any], b: list[Any]) -> bool:
    return len(a) == len(b) and all(
        np.array_equal(x, y) for left, right in zip(a, b, strict=True) for x, y in zip(left, right, strict=True)
    )


@pytest.fixture
def no_threads_left() -> Iterator[None]:
    yield
    gc.collect()
    left = [t.name for t in threading.enumerate() if t.name.startswith(("augfuse-loader", "augfuse-decode"))]
    assert left == []


# --- the determinism contract -------------------------------------------------------------------------------------


@pytest.mark.parametrize("workers", [0, 1, 2, 4, None])
@pytest.mark.parametrize("shuffle", [True, False])
def test_workers_change_no_byte(workers: int | None, shuffle: bool, no_threads_left: None) -> None:
    wanted = [epoch(load) for load in [loader(workers=0, shuffle=shuffle)] for _ in range(2)]
    load = loader(workers=workers, shuffle=shuffle)
    assert same(epoch(load), wanted[0]) and same(epoch(load), wanted[1])


def test_images_of_their_own_sizes_too() -> None:
    data = Listed([pictures(1, 10 + i, 30 - i, seed=i)[0] for i in range(N)], list(range(N)))
    recipe = af.Recipe([af.RandomResizedCrop(8), af.HorizontalFlip()])
    wanted = epoch(loader(data, recipe, workers=0))
    for workers in (1, 2, 4):
        assert same(epoch(loader(data, recipe, workers=workers)), wanted)
    for images, labels, indices in wanted:
        assert images.shape[1:] == (8, 8, 3) and np.array_equal(labels, indices)


def test_batches_can_be_asked_for_in_any_order() -> None:
    wanted = epoch(loader())
    other = loader()
    for step in (4, 0, 3, 3, 1, 2):
        assert same(epoch([other.fetch(0, step)]), [wanted[step]])
    assert same(epoch(other.stream(0, [3, 1, 1, 4])), [wanted[i] for i in (3, 1, 1, 4)])
    assert other.epoch == 0 and other.state_dict()["samples"] == 0  # neither moves the position


def test_fetch_may_be_called_from_several_threads() -> None:
    load, found = loader(), {}
    wanted = [epoch(loader().stream(e)) for e in range(4)]
    threads = [
        threading.Thread(target=lambda e=e: found.update({e: epoch(load.fetch(e, s) for s in range(5))}))
        for e in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(same(found[e], wanted[e]) for e in range(4))


def test_a_single_image_equals_its_row() -> None:
    data, load = source(), loader()
    for batch in load:
        for image, index in zip(batch.images, batch.indices, strict=True):
            alone = load.recipe(image=data[int(index)].image, seed=9, epoch=0, index=int(index))["image"]
            assert np.array_equal(image, alone)


def test_batch_size_changes_no_image() -> None:
    def by_index(size: int) -> dict[int, np.ndarray]:
        return {
            int(i): x for images, _, rows in epoch(loader(batch_size=size)) for i, x in zip(rows, images, strict=True)
        }

    wanted = by_index(SIZE)
    for size in (1, 7, 23, 100):
        found = by_index(size)
        assert found.keys() == wanted.keys() and all(np.array_equal(found[i], wanted[i]) for i in wanted)


def test_the_recipes_own_batch_gives_the_same_bytes() -> None:
    data = source()
    for images, labels, rows in epoch(loader()):
        batch = RECIPE.batch(present(data.images)[rows], seed=9, epoch=0, indices=rows)
        assert np.array_equal(batch.images, images)
        assert data.labels is not None and np.array_equal(data.labels[rows], labels)


def test_resume_at_every_step_of_two_epochs_with_other_workers() -> None:
    whole = loader()
    states, batches = [whole.state_dict()], []
    for _ in range(2):
        for batch in whole:
            batches += epoch([batch])
            states.append(whole.state_dict())
    assert len(batches) == 10 and whole.epoch == 2
    for done, state in enumerate(states):
        state = json.loads(json.dumps(state))
        assert len(json.dumps(state)) < 1000
        other = loader(workers=done % 4)
        other.load_state_dict(state)
        rest = epoch(other)  # the rest of that epoch: none where it was saved behind its last batch
        while other.epoch < 2:
            rest += epoch(other)
        assert same(rest, batches[done:]), f"after {done} batches"


def test_a_state_counts_what_was_delivered_not_what_was_computed() -> None:
    load = loader(workers=4)
    running = iter(load)
    for delivered in range(1, 4):
        next(running)
        assert (load.state_dict()["epoch"], load.state_dict()["samples"]) == (0, delivered * SIZE)


def test_epochs_differ_and_follow_each_other() -> None:
    load = loader()
    first, second = epoch(load), epoch(load)
    assert load.epoch == 2
    assert not np.array_equal(np.concatenate([b[2] for b in first]), np.concatenate([b[2] for b in second]))
    by_index = [
        {int(i): x for images, _, rows in e for i, x in zip(rows, images, strict=True)} for e in (first, second)
    ]
    assert all(not np.array_equal(by_index[0][i], by_index[1][i]) for i in range(N))
    load.set_epoch(1)
    assert load.epoch == 1 and same(epoch(load), second)
    load.set_epoch(0)
    assert same(epoch(load), first)


def test_an_iterator_replaced_in_mid_epoch_moves_on() -> None:
    wanted = [epoch(loader().stream(e)) for e in range(3)]
    load = loader()
    old = iter(load)
    assert same(epoch([next(old)]), wanted[0][:1])
    assert same(epoch(load), wanted[1]) and load.epoch == 2
    assert same(epoch(old), wanted[0][1:]) and load.epoch == 2  # the old one goes on, and moves nothing
    for _ in load:
        break
    assert load.epoch == 2 and load.state_dict()["samples"] == SIZE
    iter(load)
    assert load.epoch == 3


def test_set_epoch_while_a_loop_runs() -> None:
    load = loader()
    running = iter(load)
    next(running)
    load.set_epoch(7)
    assert len(list(running)) == 4 and load.state_dict()["epoch"] == 7 and load.state_dict()["samples"] == 0


def test_seed_none_is_fresh_and_recorded() -> None:
    one, two = loader(seed=None), loader(seed=None)
    assert one.seed != two.seed
    first = epoch(one)
    assert not same(first, epoch(two))
    assert next(iter(loader(seed=None))).plan.seed != one.fetch(0, 0).plan.seed == one.seed
    assert same(first, epoch(loader(seed=one.seed)))
    three = loader(seed=None)
    three.load_state_dict({**one.state_dict(), "epoch": 0})
    assert three.seed == one.seed and same(epoch(three), first)


def test_random_state_of_the_process_is_left_alone() -> None:
    np.random.seed(3)  # noqa: NPY002
    random.seed(3)
    before = pickle.dumps((np.random.get_state(), random.getstate()))  # noqa: NPY002
    wanted = epoch(loader())
    RECIPE.batch(pictures(3, 12, 16), seed=1)
    RECIPE.batch(pictures(3, 12, 16))
    assert pickle.dumps((np.random.get_state(), random.getstate())) == before  # noqa: NPY002
    np.random.seed(4)  # noqa: NPY002
    random.seed(4)
    assert same(epoch(loader()), wanted)


def test_evaluation_is_in_source_order_and_draws_nothing() -> None:
    load = loader(training=False)
    first = epoch(load)
    assert np.array_equal(np.concatenate([b[2] for b in first]), np.arange(N))
    assert same(first, epoch(load)) and same(first, epoch(loader(training=False, seed=1)))
    wanted = af.Recipe([af.Normalize(0.5, 0.5)]).batch(present(source().images)).images
    assert np.array_equal(np.concatenate([b[0] for b in first]), wanted)
    shuffled = epoch(loader(training=False, shuffle=True))
    assert not np.array_equal(np.concatenate([b[2] for b in shuffled]), np.arange(N))


# --- which samples make up an epoch -------------------------------------------------------------------------------

orders = st.tuples(
    st.integers(1, 200), st.integers(1, 20), st.integers(0, 2**64 - 1), st.booleans(), st.booleans(), st.integers(1, 5)
)


@given(orders, st.integers(0, 1000))
def test_every_sample_once_and_every_reader_as_often(args: tuple[int, int, int, bool, bool, int], at: int) -> None:
    n, size, seed, shuffle, drop_last, world = args
    readers = [Order(n, size, seed, shuffle, drop_last, rank, world) for rank in range(world)]
    alone = Order(n, size * world, seed, shuffle, drop_last)
    (steps,) = {len(reader) for reader in readers}
    seen: list[int] = []
    for step in range(steps):
        parts = [reader.batch(at, step) for reader in readers]
        assert np.array_equal(np.concatenate(parts), alone.batch(at, step))  # together: the global batch, in order
        assert all(1 <= len(part) <= size for part in parts)
        assert max(map(len, parts)) - min(map(len, parts)) <= 1
        seen += np.concatenate(parts).tolist()
    assert len(seen) == len(set(seen)) and set(seen) <= set(range(n))
    missing = n - len(seen)
    assert missing < (size * world if drop_last else world)
    if not shuffle:
        assert seen == list(range(len(seen)))


def test_shards_together_are_the_global_batches() -> None:
    together = epoch(loader(batch_size=2 * SIZE))
    halves = [epoch(loader(shard=(rank, 2))) for rank in (0, 1)]
    assert len(halves[0]) == len(halves[1]) == len(together)
    for whole, left, right in zip(together, *halves, strict=True):
        assert all(np.array_equal(np.concatenate([a, b]), c) for a, b, c in zip(left, right, whole, strict=True))


def test_drop_last() -> None:
    assert [len(b[0]) for b in epoch(loader())] == [5, 5, 5, 5, 3] and len(loader()) == 5
    assert [len(b[0]) for b in epoch(loader(drop_last=True))] == [5, 5, 5, 5] and len(loader(drop_last=True)) == 4


# --- what comes out -----------------------------------------------------------------------------------------------


def test_dtypes_layouts_and_labels() -> None:
    plain = af.Recipe([af.Rotate(30)])
    floats = loader(recipe=plain).fetch(0, 0)
    assert floats.images.dtype == np.float32 and floats.images.shape == (5, 12, 16, 3) and floats.images.max() > 1
    rounded = loader(recipe=plain, dtype="uint8").fetch(0, 0)
    assert rounded.images.dtype == np.uint8 and np.array_equal(rounded.images, np.rint(floats.images))
    assert np.array_equal(loader(recipe=plain, dtype=None).fetch(0, 0).images, rounded.images)
    first = loader(recipe=plain, layout="NCHW").fetch(0, 0)
    assert np.array_equal(first.images, floats.images.transpose(0, 3, 1, 2)) and first.images.flags.c_contiguous
    assert floats.labels.dtype == np.int64 and np.array_equal(floats.labels, floats.indices % 4)
    hot = loader(one_hot=True).fetch(0, 0)
    assert hot.labels.shape == (5, 4) and hot.labels.dtype == np.float32
    assert np.array_equal(hot.labels.argmax(1), floats.labels) and np.array_equal(hot.labels.sum(1), np.ones(5))
    assert floats.paths is None
    assert af.Loader(source(), seed=0).fetch(0, 0).images.shape == (N, 12, 16, 3)  # no recipe: the images as they are


def test_labels_of_any_form() -> None:
    boxes = np.random.default_rng(0).random((N, 4)).astype(np.float32)
    batch = loader(af.from_arrays(pictures(N, 4, 4), boxes)).fetch(0, 1)
    assert np.array_equal(batch.labels, boxes[batch.indices])
    assert loader(af.from_arrays(pictures(N, 4, 4))).fetch(0, 1).labels is None
    assert loader(Listed(list(pictures(N, 4, 4)))).fetch(0, 1).labels is None
    words = loader(af.from_arrays(pictures(4, 4, 4), ["cat", "dog", "cat", "eel"]), one_hot=True, shuffle=False).fetch(
        0, 0
    )
    assert np.array_equal(words.labels, np.eye(3)[[0, 1, 0, 2]])


def test_float_images_with_a_declared_range() -> None:
    x = pictures(6, 8, 8, 3, "float32") * 255
    out = epoch(loader(af.from_arrays(x, value_range=(0, 255)), af.Recipe([af.ToFloat()]), shuffle=False))
    np.testing.assert_allclose(np.concatenate([b[0] for b in out]), x / 255, atol=1e-6)


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
    assert any(t.name.startswith("augfuse-loader") for t in threading.enumerate())
    running.close()
    assert not any(t.name.startswith("augfuse-loader") for t in threading.enumerate())
    abandoned = iter(load)
    next(abandoned)
    del abandoned
    never_begun = iter(load)
    del never_begun


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


# --- files that cannot be read ------------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """40 JPEGs in two classes; b/27.jpg is cut off."""
    from PIL import Image

    for i, pixels in enumerate(pictures(40, 16, 16)):
        path = tmp_path / "ab"[i % 2] / f"{i:02}.jpg"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(pixels).save(path)
    cut = tmp_path / "b" / "27.jpg"
    cut.write_bytes(cut.read_bytes()[:300])
    return tmp_path


def test_a_broken_file_is_an_error_with_its_path(folder: Path, no_threads_left: None) -> None:
    with pytest.raises(af.DecodeError, match=r"b/27\.jpg"):
        list(loader(af.from_directory(folder)))


@pytest.mark.parametrize("workers", [0, 1, 3])
def test_broken_files_can_be_left_out(folder: Path, workers: int) -> None:
    data = af.from_directory(folder)
    bad = next(i for i, path in enumerate(present(data.paths)) if path.endswith("27.jpg"))
    load = loader(data, workers=workers, on_error="skip", max_skipped=0.05)
    with pytest.warns(af.AugfuseWarning, match=r"1 of 40 images left out, the first: .*27\.jpg") as said:
        batches = list(load)
    assert len(said) == 1 and said[0].filename == __file__
    assert sorted(int(i) for batch in batches for i in batch.indices) == [i for i in range(40) if i != bad]
    assert list(load.skipped) == [bad] and "27.jpg" in load.skipped[bad]
    for batch in batches:
        assert batch.paths == tuple(present(data.paths)[i] for i in batch.indices)
        assert data.labels is not None and np.array_equal(batch.labels, data.labels[batch.indices])
        assert len(batch.images) == len(batch.indices)
        for image, index in zip(batch.images, batch.indices, strict=True):
            alone = RECIPE(image=data[int(index)].image, seed=9, epoch=0, index=int(index))["image"]
            assert np.array_equal(image, alone)
    with warnings.catch_warnings():  # said once, not in every epoch
        warnings.simplefilter("error")
        assert sum(map(len, load)) == 39


def test_too_many_broken_files_are_an_error(folder: Path, no_threads_left: None) -> None:
    message = r"1 of 40 images cannot be read, more than max_skipped=0\.01 allows: .*27\.jpg.*Mend the files, or raise"
    with pytest.raises(af.DataError, match=message):
        list(loader(af.from_directory(folder), on_error="skip"))


def test_a_batch_of_broken_files_only(folder: Path) -> None:
    data = af.from_directory(folder)
    bad = next(i for i, path in enumerate(present(data.paths)) if path.endswith("27.jpg"))
    load = loader(data, batch_size=1, shuffle=False, on_error="skip", max_skipped=1.0)
    with pytest.raises(af.DataError, match=r"every image of this batch was skipped.*27\.jpg"):
        load.fetch(0, bad)


# --- errors -------------------------------------------------------------------------------------------------------


def test_images_of_different_sizes_name_the_remedy() -> None:
    data = Listed([pictures(1, 8 + i % 2, 9)[0] for i in range(N)])
    with pytest.raises(af.ImageError, match=r"8x9, 9x9.*do not stack into one batch.*af\.Resize"):
        list(loader(data))
    assert len(list(loader(data, af.Recipe([af.Resize(8)])))) == 5


def test_bad_pixels_are_named_with_their_sample() -> None:
    good = [pictures(1, 4, 4, 3, "float32")[0] for _ in range(N)]
    for bad, message in (
        (np.full((4, 4, 3), np.nan, np.float32), r"sample 7: got NaN or infinity, wanted finite numbers"),
        (np.full((4, 4, 3), np.inf, np.float32), r"sample 7: got NaN or infinity, wanted finite numbers"),
        (
            np.full((4, 4, 3), 100, np.float32),
            r"sample 7: got values 100\.\.100, wanted 0\.\.1\. Declare value_range=\(0, 255\)",
        ),
        (np.full((4, 4, 3), -3, np.float32), r"sample 7: got values -3\.\.-3, wanted 0\.\.1"),
        (
            np.zeros((4, 4, 3), np.uint8),
            r"sample 7: got uint8 with 3 channel\(s\), wanted float32 with 3 like sample 5",
        ),
        (
            np.zeros((4, 4, 1), np.float32),
            r"sample 7: got float32 with 1 channel\(s\), wanted float32 with 3 like sample 5",
        ),
        (np.zeros((4, 0, 3), np.float32), r"sample 7: got shape \(4, 0, 3\), wanted \(h, w, c\)"),
    ):
        data = Listed([*good[:7], bad, *good[8:]])
        with pytest.raises(af.ImageError, match=message):
            list(loader(data, af.Recipe(), shuffle=False))
    with pytest.raises(af.ImageTypeError, match=r"sample 7: got str, wanted \(image, label\)"):
        list(loader(Listed([*good[:7], "x", *good[8:]]), af.Recipe(), shuffle=False))  # type: ignore[list-item]
    with pytest.raises(af.DataError, match="3 labels for 23 images"):
        af.from_arrays(pictures(N, 4, 4), [1, 2, 3])


def test_a_state_of_another_loader_is_refused() -> None:
    state = loader().state_dict()
    for other, name in (
        (loader(shuffle=False), "shuffle is True, this loader has False"),
        (loader(source(24)), "length is 23, this loader has 24"),
        (loader(seed=1), "seed is 9, this loader has 1"),
        (loader(recipe=af.Recipe([af.Rotate()])), "recipe is '.*', this loader has '.*'"),
        (loader(training=False), "recipe is"),
    ):
        with pytest.raises(af.StateError, match=name):
            other.load_state_dict(state)
    for wrong in ({}, {"epoch": 1}, None, {**state, "extra": 1}, [1]):
        with pytest.raises(af.StateError, match=r"wanted what loader\.state_dict\(\) returns"):
            loader().load_state_dict(wrong)  # type: ignore[arg-type]
    for name, value in (("version", 1), ("samples", -1), ("epoch", 1.5), ("samples", 24)):
        with pytest.raises(af.AugfuseError, match=name):
            loader().load_state_dict({**state, name: value})


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"batch_size": 0}, af.RangeError, r"batch_size: got 0, wanted a whole number >= 1"),
        ({"batch_size": 2.5}, af.RangeError, r"batch_size: got 2\.5"),
        ({"batch_size": True}, af.RangeError, r"batch_size: got True"),
        ({"workers": -1}, af.RangeError, r"workers: got -1, wanted a whole number >= 0"),
        ({"seed": -1}, af.RangeError, r"seed: got -1, wanted 0\.\.2\*\*64 - 1"),
        ({"seed": 1.5}, af.ImageTypeError, r"seed: got 1\.5, wanted a whole number or None"),
        ({"shard": (2, 2)}, af.RangeError, r"shard: got \(2, 2\), wanted \(rank, world\) with 0 <= rank < world"),
        ({"shard": 3}, af.RangeError, r"shard: got 3"),
        ({"shard": (0.5, 2)}, af.RangeError, r"shard: rank: got 0\.5, wanted a whole number"),
        ({"shard": ("a", 2)}, af.RangeError, r"shard: rank: got 'a', wanted a whole number"),
        ({"shard": (0, 24)}, af.DataError, r"23 samples make no batch of 5 for 24 reader\(s\)"),
        ({"batch_size": 24, "drop_last": True}, af.DataError, r"23 samples make no batch of 24"),
        ({"on_error": "ignore"}, af.RangeError, r"on_error: got 'ignore', wanted 'raise' or 'skip'"),
        ({"max_skipped": 2}, af.RangeError, r"max_skipped: got 2, wanted a fraction 0\.\.1"),
        ({"layout": "HWC"}, af.RecipeError, r"layout: got 'HWC', wanted 'NHWC' or 'NCHW'"),
    ],
)
def test_wrong_options(options: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        loader(**options)


def test_wrong_data_and_recipes() -> None:
    with pytest.raises(af.ImageTypeError, match=r"data: got an array, wanted a data set\. Use af\.from_arrays\(x, y\)"):
        loader(pictures(3, 4, 4))
    with pytest.raises(
        af.ImageTypeError, match=r"data: got the path photos, wanted a data set\. Use af\.from_directory\('photos'\)"
    ):
        loader("photos")
    with pytest.raises(af.ImageTypeError, match=r"data: got int"):
        loader(3)
    with pytest.raises(af.DataError, match="data: got no samples"):
        loader(Listed([]))
    with pytest.raises(af.ImageTypeError, match=r"recipe: got list, wanted an af\.Recipe\. Use af\.Recipe"):
        loader(recipe=[af.Rotate()])  # type: ignore[arg-type]
    with pytest.raises(
        af.DataError, match=r"value_range: the data declares \(0\.0, 1\.0\), the recipe \(0\.0, 255\.0\)"
    ):
        loader(af.from_arrays(pictures(6, 4, 4, 3, "float32")), af.Recipe(value_range=(0, 255)))
    with pytest.raises(af.DataError, match="one_hot: got no labels, wanted one class id per sample"):
        loader(af.from_arrays(pictures(6, 4, 4)), one_hot=True)
    with pytest.raises(af.DataError, match=r"one_hot: got float64 labels of shape \(6, 2\)"):
        loader(af.from_arrays(pictures(6, 4, 4), np.zeros((6, 2))), one_hot=True)
    with pytest.raises(af.DataError, match="one_hot"):
        loader(af.from_arrays(pictures(6, 4, 4), [0, 1, 2, -1, 1, 0]), one_hot=True)


def test_steps_outside_the_epoch() -> None:
    for step in (5, 99):
        with pytest.raises(IndexError, match=rf"step: got {step}, wanted 0\.\.4"):
            loader().fetch(0, step)
    for wrong in (-1, 0.5):
        with pytest.raises(af.RangeError, match=rf"step: got {wrong}, wanted a whole number >= 0"):
            loader().fetch(0, wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize("wrong", [-1, 1.5, True, "1"])
def test_epochs_are_whole_numbers(wrong: Any) -> None:
    with pytest.raises(af.RangeError, match=r"epoch: got .*, wanted a whole number >= 0"):
        loader().set_epoch(wrong)
    with pytest.raises(af.RangeError, match=r"epoch: got .*, wanted a whole number >= 0"):
        loader().fetch(wrong, 0)
