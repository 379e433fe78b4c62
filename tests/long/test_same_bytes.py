"""The same bytes for any workers, batch size, order of access, resume point and process; each position exactly once."""

from __future__ import annotations

import gzip
import os
import pickle
import struct
import subprocess
import sys
import zipfile
from collections.abc import Callable
from hashlib import blake2b
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
from PIL import Image

import augfuse as af
from augfuse.data.batches.order import Order
from children import in_clean_process

N = 37
RECIPE = af.Recipe(
    [
        af.RandomResizedCrop((33, 45)), af.Rotate(30), af.HorizontalFlip(), af.ColorJitter(),
        af.GaussianBlur(p=0.3), af.GaussianNoise(p=0.5), af.Erase(), af.Normalize(0.5, 0.25),
    ]
)  # fmt: skip
SOURCES = ("uint8", "float32", "folder", "zip", "idx", "own")


class Own:
    """The least a source can be: images of their own sizes."""

    def __init__(self, images: list[np.ndarray]) -> None:
        self.images = images

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> tuple[np.ndarray, int]:
        return self.images[index], index % 3


def pictures(n: int, height: int = 50, width: int = 70, channels: int = 3) -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (n, height, width, channels), np.uint8)


def make(kind: str, root: Path) -> Any:
    """The source of a kind; its files are written below `root` where they are not there yet."""
    images = pictures(N)
    if kind == "uint8":
        return af.from_arrays(images, np.arange(N) % 3)
    if kind == "float32":
        return af.from_arrays(images.astype(np.float32) / 255, np.arange(N) % 3)
    if kind == "own":
        return Own([image[: 40 + i % 11, : 60 + i % 7] for i, image in enumerate(images)])
    if kind == "idx":
        folder = root / "idx"
        if not folder.exists():
            folder.mkdir()
            header = struct.pack(">BBBBIII", 0, 0, 8, 3, N, 50, 70)
            (folder / "train-images-idx3-ubyte.gz").write_bytes(gzip.compress(header + images[..., 0].tobytes()))
            labels = struct.pack(">BBBBI", 0, 0, 8, 1, N) + (np.arange(N) % 3).astype(np.uint8).tobytes()
            (folder / "train-labels-idx1-ubyte.gz").write_bytes(gzip.compress(labels))
        return af.from_idx(folder)
    folder = root / "folder"
    if not folder.exists():
        for i, image in enumerate(images):
            path = folder / "abc"[i % 3] / f"{i:03}.{'jpg' if i % 2 else 'png'}"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(image).save(path)
        with zipfile.ZipFile(root / "folder.zip", "w") as archive:
            for path in sorted(folder.rglob("*.*")):
                archive.write(path, path.relative_to(folder))
    return af.from_directory(folder) if kind == "folder" else af.from_zip(root / "folder.zip")


def loader(data: Any, **options: Any) -> af.Loader:
    grey = getattr(data, "images", np.empty((0, 0, 0, 3)))
    channels = grey.shape[-1] if isinstance(grey, np.ndarray) else 3
    recipe = RECIPE if channels == 3 else af.Recipe([t for t in RECIPE.transforms if not isinstance(t, af.ColorJitter)])
    return af.Loader(data, recipe, seed=3, **options)


def by_sample(batches: Any, into: dict[int, bytes] | None = None) -> dict[int, bytes]:
    """The digest of each sample of these batches; none may be there twice."""
    found = {} if into is None else into
    for batch in batches:
        for index, image, label in zip(batch.indices.tolist(), batch.images, batch.labels, strict=True):
            assert index not in found
            found[index] = blake2b(image.tobytes() + bytes([int(label)]), digest_size=12).digest()
    return found


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("sources")


@pytest.mark.parametrize("kind", SOURCES)
def test_workers_batches_order_pickles_and_resume_points(kind: str, root: Path) -> None:
    data = make(kind, root)
    wanted = [by_sample(loader(data, batch_size=1, workers=0).stream(epoch)) for epoch in (0, 1)]
    assert all(set(samples) == set(range(N)) for samples in wanted) and wanted[0] != wanted[1]
    for size in (1, 4, 16, N):
        for workers in (0, 1, 2, 4, 8):
            load = loader(data, batch_size=size, workers=workers)
            assert by_sample(load) == wanted[0] and by_sample(load) == wanted[1]
            back = list(range(len(load)))[::-1]
            assert by_sample(load.stream(0, back)) == wanted[0]
            assert by_sample(load.fetch(1, step) for step in back) == wanted[1]
        copy = pickle.loads(pickle.dumps(loader(data, batch_size=size, workers=2)))
        assert by_sample(copy) == wanted[0]
        whole = loader(data, batch_size=size, workers=2)
        states = [whole.state_dict()]
        for _ in whole:
            states.append(whole.state_dict())
        for step, state in enumerate(states[:-1]):
            first, rest = (
                loader(data, batch_size=size, workers=step % 3),
                loader(data, batch_size=size, workers=(0, 4)[step % 2]),
            )
            found = by_sample(first.fetch(0, s) for s in range(step))
            rest.load_state_dict(state)
            assert by_sample(rest, found) == wanted[0]
            assert by_sample(rest) == wanted[1]


@pytest.mark.parametrize("kind", SOURCES)
def test_another_process(kind: str, root: Path) -> None:
    here = by_sample(loader(make(kind, root), batch_size=5, workers=2).stream(2))
    paths = {"PYTHONPATH": os.pathsep.join(sys.path)}  # where the helpers of tests are
    command = [sys.executable, __file__, kind, str(root)]
    done = subprocess.run(command, env=os.environ | paths, capture_output=True, text=True, check=False)
    assert done.stdout == printed(here), done.stderr


def printed(found: dict[int, bytes]) -> str:
    return "".join(f"{index} {digest.hex()}\n" for index, digest in sorted(found.items()))


@pytest.mark.parametrize("method", ["spawn", "forkserver"])
@pytest.mark.parametrize("workers", [1, 2])
def test_pytorchs_data_loader(method: str, workers: int, root: Path) -> None:
    check_pytorchs_data_loader(method, workers, root)


@pytest.mark.parametrize("workers", [1, 2])
@in_clean_process
def test_pytorchs_data_loader_that_forks(workers: int) -> None:
    with TemporaryDirectory() as folder:
        check_pytorchs_data_loader("fork", workers, Path(folder))


def check_pytorchs_data_loader(method: str, workers: int, root: Path) -> None:
    """Its worker processes, started by `method`, give the loader's bytes."""
    data = pytest.importorskip("torch.utils.data", reason="needs the extra: pip install 'augfuse[torch]'")
    steps = Steps(loader(make("uint8", root), batch_size=5, workers=0))
    found: dict[int, bytes] = {}
    for images, labels, indices in data.DataLoader(
        steps, batch_size=None, num_workers=workers, multiprocessing_context=method
    ):
        by_sample([af.Batch(images.numpy(), labels.numpy(), indices.numpy(), None, None, False)], found)  # type: ignore[arg-type]
    assert found == by_sample(loader(make("uint8", root), batch_size=5, workers=0).stream(0))


class Steps:
    """The batches of a loader's first epoch as a data set for PyTorch."""

    def __init__(self, load: af.Loader) -> None:
        self.load = load

    def __len__(self) -> int:
        return len(self.load)

    def __getitem__(self, step: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        batch = self.load.fetch(0, step)
        return batch.images.copy(), np.array(batch.labels), batch.indices.copy()


def test_each_position_exactly_once(share: Callable[[int], int], chance: np.random.Generator) -> None:
    for _ in range(share(2000)):
        n, size = int(chance.integers(1, 60)), int(chance.integers(1, 20))
        drop_last, shuffle, workers = bool(chance.integers(2)), bool(chance.integers(2)), int(chance.integers(0, 4))
        if drop_last and size > n:
            continue
        data = af.from_arrays(np.broadcast_to(np.arange(n, dtype=np.uint8)[:, None, None, None], (n, 2, 2, 1)).copy())
        options: dict[str, Any] = {
            "batch_size": size,
            "seed": int(chance.integers(2**40)),
            "shuffle": shuffle,
            "drop_last": drop_last,
            "workers": workers,
            "dtype": None,
        }
        load = af.Loader(data, **options)
        served = n // size * size if drop_last else n
        seen: list[int] = []
        while load.epoch < 2:
            stop = int(chance.integers(1, len(load) + 1))
            for step, batch in enumerate(load, 1):
                assert (batch.images[:, 0, 0, 0] == batch.indices).all()
                seen += batch.indices.tolist()
                if step == stop:
                    break
            if (load.epoch == 0 and load.state_dict()["samples"]) or (load.epoch == 1 and load.state_dict()["samples"]):
                state = load.state_dict()  # left in the middle: another loader goes on from there
                load = af.Loader(data, **{**options, "workers": int(chance.integers(0, 3))})
                load.load_state_dict(state)
        counts = np.bincount(seen, minlength=n)
        assert counts.sum() == 2 * served and counts.max() <= 2
        if not drop_last:
            assert (counts == 2).all()


def test_shards_share_each_epoch(share: Callable[[int], int], chance: np.random.Generator) -> None:
    for _ in range(share(2000)):
        n, size, world = (int(chance.integers(1, most)) for most in (90, 12, 6))
        orders = [Order(n, size, 5, bool(chance.integers(2)), False, rank, world) for rank in range(world)]
        orders = [Order(n, size, 5, orders[0].shuffle, False, rank, world) for rank in range(world)]
        seen = [int(i) for order in orders for step in range(len(order)) for i in order.batch(3, step)]
        assert len(seen) == len(set(seen)) and n - len(seen) < world


if __name__ == "__main__":
    print(printed(by_sample(loader(make(sys.argv[1], Path(sys.argv[2])), batch_size=7, workers=0).stream(2))), end="")
