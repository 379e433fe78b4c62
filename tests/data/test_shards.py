"""Ranks and resuming: one global stream of samples, whoever reads it, and where this process finds its rank."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import augfuse as af
from augfuse.data.batches.order import Order
from oracles import pictures
from several import processes

N = 50
RECIPE = af.Recipe([af.Rotate(30), af.HorizontalFlip(), af.ColorJitter(), af.Normalize(0.5, 0.5)])


def loader(size: int = 3, **options: Any) -> af.Loader:
    data = af.from_arrays(pictures(N, 8, 10), np.arange(N) % 4)
    return af.Loader(data, RECIPE, size, **{"seed": 9, "workers": 0, **options})


def joined(readers: list[af.Loader]) -> list[tuple[int, bytes]]:
    """What the readers of one epoch, step by step, see: (sample, image)."""
    found = []
    for batches in zip(*readers, strict=True):
        for batch in batches:
            found += [(int(i), image.tobytes()) for i, image in zip(batch.indices, batch.images, strict=True)]
    return found


@pytest.fixture(autouse=True)
def no_launcher(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("RANK", "WORLD_SIZE", "TF_CONFIG", "OMPI_COMM_WORLD_RANK", "PMI_RANK", "SLURM_PROCID"):
        monkeypatch.delenv(name, raising=False)


# --- the global stream -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("world", [1, 2, 4, 8])
def test_the_readers_of_any_world_see_the_same_stream(world: int) -> None:
    wanted = joined([loader(1)])
    assert len(wanted) == len({i for i, _ in wanted}) == N
    readers = [loader(3, shard=(rank, world)) for rank in range(world)]
    assert len({len(reader) for reader in readers}) == 1
    found = joined(readers)
    assert found == wanted[: len(found)] and N - len(found) < world


@pytest.mark.parametrize("rank", [0, 1, 3])
def test_a_step_begins_at_its_sample(rank: int) -> None:
    stream = [i for i, _ in joined([loader(1)])]
    reader = loader(3, shard=(rank, 4))
    for step in range(N // 12):  # the full global batches
        first = (step * 4 + rank) * 3
        assert reader.fetch(0, step).indices.tolist() == stream[first : first + 3]


def test_exactly_once() -> None:
    """10 000 loaders of chance, resumed with other batch sizes and worlds until the epoch is over."""
    chance = np.random.default_rng(np.random.SeedSequence().generate_state(1)[0])
    for _ in range(10_000):
        n, shuffle = int(chance.integers(1, 120)), bool(chance.integers(2))
        delivered, seen, readings = 0, [], 0
        stream = Order(n, 1, 5, shuffle).of(3).tolist()
        while True:
            size, world, drop_last = int(chance.integers(1, 9)), int(chance.integers(1, 9)), bool(chance.integers(2))
            orders = [Order(n, size, 5, shuffle, drop_last, rank, world) for rank in range(world)]
            (steps,) = {order.steps(delivered) for order in orders}
            stop = steps if readings == 4 else int(chance.integers(0, steps + 1))
            for step in range(stop):
                parts = [order.batch(3, step, delivered) for order in orders]
                assert all(1 <= len(part) <= size for part in parts)
                seen += np.concatenate(parts).tolist()
            begun, delivered = delivered, orders[0].delivered(stop, delivered)
            readings += 1
            if stop == steps:
                break
        assert seen == stream[: len(seen)], (n, size, world, drop_last)
        missing, block = n - len(seen), size * world
        assert missing < (block if drop_last else world)
        assert delivered == len(seen) or (missing == 0 and delivered == n) or steps == 0, begun


def test_resuming_at_every_step_with_other_readers() -> None:
    """Saved after each step of two readers; continued by others, with other workers and batch sizes."""
    wanted = joined([loader(1)])
    first = [loader(3, shard=(rank, 2), workers=rank) for rank in (0, 1)]
    loops, seen = [iter(reader) for reader in first], []
    for step in range(len(first[0])):
        seen += [(int(i), x.tobytes()) for b in [next(loop) for loop in loops] for i, x in zip(b.indices, b.images)]  # noqa: B905
        states = [json.loads(json.dumps(reader.state_dict())) for reader in first]
        assert states[0] == states[1] and states[0]["samples"] == min(6 * (step + 1), N)
        for world, size, workers in ((1, 4, 2), (1, 3, 0), (4, 2, 1), (3, 5, 0)):
            others = [loader(size, shard=(rank, world), workers=workers) for rank in range(world)]
            for other in others:
                other.load_state_dict(states[0])
            rest = joined(others)
            assert (seen + rest) == wanted[: len(seen) + len(rest)] and N - len(seen) - len(rest) < world
            assert {other.epoch for other in others} == {1}
            assert joined(others)[:5] == joined([after_first(loader(1))])[:5]


def after_first(one: af.Loader) -> af.Loader:
    one.set_epoch(1)
    return one


def test_a_resumed_epoch_counts_on() -> None:
    one, other = loader(4), loader(7)
    loop = iter(one)
    next(loop)
    next(loop)
    other.load_state_dict(one.state_dict())
    rest = iter(other)
    for samples in (15, 22, 29):
        next(rest)
        assert other.state_dict()["samples"] == samples
    third = loader(1, drop_last=True)
    third.load_state_dict(other.state_dict())
    assert len(list(third)) == N - 29 and third.state_dict()["samples"] == 0 and third.epoch == 1


# --- who says which rank ---------------------------------------------------------------------------------------------


def place(made: af.Loader) -> tuple[int, int]:
    return made._order.rank, made._order.world


def test_nobody_says_anything() -> None:
    assert place(loader(shard="auto")) == (0, 1)


@pytest.mark.parametrize(
    ("environment", "wanted"),
    [
        ({"RANK": "2", "WORLD_SIZE": "4"}, (2, 4)),
        ({"WORLD_SIZE": "4"}, (0, 1)),  # half of a pair
        ({"OMPI_COMM_WORLD_RANK": "1", "OMPI_COMM_WORLD_SIZE": "3"}, (1, 3)),
        ({"SLURM_PROCID": "0", "SLURM_NTASKS": "4"}, (0, 1)),  # a script outside of srun is one process
        ({"SLURM_PROCID": "3", "SLURM_STEP_NUM_TASKS": "4"}, (3, 4)),
        # torchrun, started once on each of two machines
        ({"SLURM_PROCID": "1", "SLURM_STEP_NUM_TASKS": "2", "RANK": "5", "WORLD_SIZE": "8"}, (5, 8)),
        ({"TF_CONFIG": '{"cluster": {"worker": ["a:1", "b:1"]}, "task": {"type": "worker", "index": 1}}'}, (1, 2)),
        (
            {
                "TF_CONFIG": '{"cluster": {"chief": ["c:1"], "worker": ["a:1", "b:1"]}, '
                '"task": {"type": "worker", "index": 1}}'
            },
            (2, 3),
        ),
        ({"TF_CONFIG": "{"}, (0, 1)),
        ({"TF_CONFIG": '{"cluster": {"worker": ["a:1"]}, "task": {"type": "evaluator", "index": 0}}'}, (0, 1)),
    ],
)
def test_the_environment_says_it(
    environment: dict[str, str], wanted: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert place(loader(shard="auto")) == wanted
    assert place(loader()) == (0, 1)  # only who asks for it


@pytest.mark.parametrize(("rank", "world"), [("2", "2"), ("-1", "2"), ("x", "2"), ("0", "0"), ("1.0", "2")])
def test_ranks_that_cannot_be(rank: str, world: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RANK", rank)
    monkeypatch.setenv("WORLD_SIZE", world)
    with pytest.raises(af.RangeError, match=r"RANK=.* and WORLD_SIZE=.*, wanted whole numbers.*Type shard=\(rank, wor"):
        loader(shard="auto")


def test_they_disagree(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RANK", "1")
    monkeypatch.setenv("WORLD_SIZE", "4")
    monkeypatch.setenv("TF_CONFIG", '{"cluster": {"worker": ["a", "b"]}, "task": {"type": "worker", "index": 1}}')
    with pytest.raises(af.RangeError, match=r"rank 1 of 4, TF_CONFIG: rank 1 of 2\)\. Type shard="):
        loader(shard="auto")
    assert place(loader(shard=(3, 5))) == (3, 5)


def test_ranks_that_come_too_late(monkeypatch: pytest.MonkeyPatch) -> None:
    made = loader(shard="auto")
    monkeypatch.setenv("RANK", "1")
    monkeypatch.setenv("WORLD_SIZE", "4")
    with pytest.raises(af.StateError, match=r"was rank 0 of 1 when the loader was made, and is rank 1 of 4 now"):
        next(iter(made))
    with pytest.raises(af.RangeError, match=r"shard: got 'automatic', wanted \(rank, world\).*or 'auto'"):
        loader(shard="automatic")


def test_readers_want_one_seed() -> None:
    with pytest.warns(af.AugfuseWarning, match="got 2 readers without a seed.*Give all the same seed="):
        loader(seed=None, shard=(1, 2))
    loader(seed=None, shard=(1, 2), shuffle=False)


def test_every_way_of_reading_asks_again(monkeypatch: pytest.MonkeyPatch) -> None:
    made = loader(shard="auto")
    for name, value in {"SLURM_PROCID": "1", "SLURM_STEP_NUM_TASKS": "2"}.items():
        monkeypatch.setenv(name, value)
    assert len(list(made)) == 17  # of schedulers only the first answer counts
    monkeypatch.setenv("RANK", "1")
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(af.StateError, match="rank 1 of 2 now"):
        next(made.stream(0))


_TORCH = """
import os, sys
import numpy as np
import torch.distributed as dist
import augfuse as af

rank, world, port, agree = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4]
dist.init_process_group("gloo", init_method=f"tcp://127.0.0.1:{port}", rank=rank, world_size=world)
x = np.arange(52, dtype=np.uint8)[:, None, None, None] + np.zeros((1, 4, 4, 3), np.uint8)
if agree == "no":
    os.environ["RANK"], os.environ["WORLD_SIZE"] = "0", str(world + 1)
    try:
        af.Loader(af.from_arrays(x), batch_size=3, shard="auto", seed=4)
    except af.RangeError as error:
        print(error)
    sys.exit()
loader = af.Loader(af.from_arrays(x), af.Recipe([af.HorizontalFlip()]), 3, shard="auto", seed=4, dtype=None)
seen = [int(v) for images in loader.to_torch() for v in images[:, 0, 0, 0]]
every = [None] * world
dist.all_gather_object(every, seen)
if rank == 0:
    print(len({len(one) for one in every}), sorted(v for one in every for v in one) == list(range(52)), loader.epoch)
dist.destroy_process_group()
"""


@pytest.mark.slow(reason="starts processes of torch.distributed")
@pytest.mark.parametrize("world", [2, 4])
def test_processes_of_torch_distributed_read_an_epoch_once(world: int, tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="needs the extra: pip install 'augfuse[torch]'")
    (tmp_path / "script.py").write_text(_TORCH)
    assert processes(tmp_path / "script.py", world, "yes")[0] == "1 True 1\n"


def test_torch_distributed_against_the_environment(tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="needs the extra: pip install 'augfuse[torch]'")
    (tmp_path / "script.py").write_text(_TORCH)
    (said,) = processes(tmp_path / "script.py", 1, "no")
    assert "they disagree (torch: rank 0 of 1, RANK and WORLD_SIZE: rank 0 of 2)" in said
