"""The loader: the determinism contract, resuming, sharding, memory, threads, and what it says when data is bad."""

from __future__ import annotations

import json
import pickle
import random
import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import augfuse as af
from augfuse.data.batches.order import Order
from loader_cases import RECIPE, SIZE, Listed, N, epoch, loader, same, source
from oracles import pictures
from present import present

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
