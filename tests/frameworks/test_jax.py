"""JAX: a loader's batches as arrays on devices."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import augfuse as af
from framework_cases import SIZE, N, loader, source, wanted
from oracles import pictures
from several import processes

jax = pytest.importorskip("jax", reason="needs the extra: pip install 'augfuse[jax]'")


def found(batches: Any) -> list[tuple[bytes, list[int]]]:
    return [(np.asarray(images).tobytes(), labels.tolist()) for images, labels in batches]


@pytest.mark.parametrize("prefetch", [0, 2, 9])
def test_the_loaders_own_bytes_epoch_by_epoch(prefetch: int) -> None:
    made = loader()
    batches = made.to_jax(prefetch=prefetch)
    assert len(batches) == 5
    assert [found(batches), found(batches)] == [wanted(0), wanted(1)] and made.epoch == 2
    images, labels = next(iter(batches))
    assert isinstance(images, jax.Array) and images.shape == (5, 12, 16, 3) and images.dtype == np.float32
    assert labels.dtype == jax.dtypes.canonicalize_dtype(np.int64)


@pytest.mark.parametrize("size", [12, 160])
def test_what_is_kept_stays(size: int) -> None:
    data = af.from_arrays(pictures(60, size, 90), np.arange(60))
    kept = list(loader(data).to_jax())
    for (images, _), batch in zip(kept, loader(data).stream(0), strict=True):
        assert np.array_equal(images, batch.images)


@pytest.mark.parametrize("prefetch", [0, 3])
def test_a_state_counts_what_was_handed_out(prefetch: int) -> None:
    made = loader()
    batches = made.to_jax(prefetch=prefetch)
    loop = iter(batches)
    for step in range(1, 4):
        next(loop)
        assert batches.state_dict()["samples"] == made.state_dict()["samples"] == step * SIZE
    other = loader(batch_size=4).to_jax()
    other.load_state_dict(batches.state_dict())
    rest = np.concatenate([images for images, _ in other])
    whole = np.concatenate([batch.images for batch in loader().stream(0)])
    assert np.array_equal(rest, whole[15:])
    other.set_epoch(3)
    assert other.loader.epoch == 3


def test_targets() -> None:
    boxes = [np.array([[1, 2, 5, 6]] * (i % 3), np.float32).reshape(-1, 4) for i in range(N)]
    data = source().with_targets(boxes=boxes, mask=np.zeros((N, 12, 16), np.uint8), name=[str(i) for i in range(N)])
    with pytest.raises(af.DataError, match="to_jax: 'name' is not made of numbers"):
        next(iter(loader(data).to_jax()))
    _, targets = next(iter(loader(data, af.Recipe(), training=False).to_jax(targets=["boxes", "mask"])))
    assert set(targets) == {"labels", "boxes", "mask"} and targets["mask"].shape == (5, 12, 16)
    assert targets["boxes"]["counts"].tolist() == [0, 1, 2, 0, 1] and targets["boxes"]["values"].shape == (5, 2, 4)
    alone = next(iter(loader(af.from_arrays(pictures(N, 12, 16))).to_jax()))
    assert alone.shape == (5, 12, 16, 3)


def test_wrong_arguments() -> None:
    with pytest.raises(af.ImageTypeError, match=r"sharding: got str, wanted a jax\.sharding\.Sharding"):
        loader().to_jax("data")
    with pytest.raises(af.DataError, match="to_jax: got a loader with collate='list'"):
        loader(collate="list").to_jax()
    with pytest.raises(af.RangeError, match="prefetch: got -1"):
        loader().to_jax(prefetch=-1)


_DEVICES = """
import numpy as np, jax
import augfuse as af
from jax.sharding import Mesh, NamedSharding, PartitionSpec

x = np.arange(48, dtype=np.uint8)[:, None, None, None] + np.zeros((1, 4, 4, 3), np.uint8)
data = af.from_arrays(x, np.arange(48))
mesh = Mesh(np.array(jax.devices()), ("batch",))
split = NamedSharding(mesh, PartitionSpec("batch"))
whole = [b.images.copy() for b in af.Loader(data, batch_size=8, seed=1, dtype=None)]
batches = list(af.Loader(data, batch_size=8, seed=1, dtype=None).to_jax(split))
print(len(jax.devices()), all(np.array_equal(a, b) for (a, _), b in zip(batches, whole, strict=True)))
print({tuple(s.data.shape) for images, _ in batches for s in images.addressable_shards})
for options in ({"batch_size": 6}, {"batch_size": 20}):
    try:
        af.Loader(data, seed=1, **options).to_jax(split)
    except af.DataError as error:
        print(error)
print(len(af.Loader(data, batch_size=20, seed=1, drop_last=True).to_jax(split)))
"""


def test_one_process_with_several_devices(tmp_path: Path) -> None:
    import os

    environment = {**os.environ, "XLA_FLAGS": "--xla_force_host_platform_device_count=4", "JAX_PLATFORMS": "cpu"}
    done = subprocess.run(
        [sys.executable, "-c", _DEVICES], capture_output=True, text=True, env=environment, check=False
    )
    lines = done.stdout.splitlines()
    assert lines[:2] == ["4 True", "{(2, 4, 4, 3)}"], done.stderr
    assert "a batch of 6 images cannot be split" in lines[2] and "Use another batch_size" in lines[2]
    assert lines[3] == "2"


_PROCESSES = """
import os, sys
os.environ["JAX_PLATFORMS"] = "cpu"
import numpy as np, jax
import augfuse as af
from jax.sharding import Mesh, NamedSharding, PartitionSpec

rank, world, port = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
jax.distributed.initialize(f"127.0.0.1:{port}", world, rank)
x = np.arange(48, dtype=np.uint8)[:, None, None, None] + np.zeros((1, 4, 4, 3), np.uint8)
data = af.from_arrays(x, np.arange(48))
split = NamedSharding(Mesh(np.array(jax.devices()), ("batch",)), PartitionSpec("batch"))
try:
    af.Loader(data, batch_size=4, seed=1).to_jax(split)
except af.RangeError as error:
    print("refused" if "shard='auto'" in str(error) else error)
batches = af.Loader(data, batch_size=4, seed=1, dtype=None, shard="auto").to_jax(split)
seen, shapes = [], set()
for images, labels in batches:
    shapes.add(images.shape)
    seen += [int(v) for shard in labels.addressable_shards for v in np.asarray(shard.data)]
print(sorted(shapes), seen)
"""


@pytest.mark.parametrize("world", [2])
def test_processes_of_jax_read_an_epoch_once(world: int, tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text(_PROCESSES)
    said = [out.splitlines() for out in processes(tmp_path / "script.py", world)]
    assert all(lines[0] == "refused" for lines in said)
    shapes, seen = zip(*(lines[1].split("] ", 1) for lines in said), strict=True)
    assert set(shapes) == {f"[({4 * world}, 4, 4, 3)"}
    every = [int(v) for one in seen for v in one.strip("[]").split(",")]
    assert sorted(every) == list(range(48))
