"""Every script in examples/ runs on a few pictures of the kind it is for; its recipe is the one it speaks of."""

from __future__ import annotations

import gzip
import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from PIL import Image

import augfuse as af
from blocks import blocks, write_voc
from places import ROOT

EXAMPLES = ROOT / "examples"
SCRIPTS = sorted(path.stem for path in EXAMPLES.glob("*.py"))
RNG = np.random.default_rng(0)

# Keras' variables lack NumPy 2's `copy` argument of __array__; Keras itself calls np.array on them.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept:DeprecationWarning")


@pytest.fixture(autouse=True)
def on_the_path(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.syspath_prepend(str(EXAMPLES))
    yield
    for name in SCRIPTS:
        sys.modules.pop(name, None)


def example(name: str) -> ModuleType:
    pytest.importorskip("keras", reason="needs the extra: pip install 'augfuse[train]'")
    return importlib.import_module(name)


def class_folders(root: Path, size: tuple[int, int], parts: dict[str, int], classes: tuple[str, ...]) -> Path:
    """Class folders of dark and bright noise, which a network can tell apart."""
    for part, count in parts.items():
        for number, name in enumerate(classes):
            folder = root / part / name
            folder.mkdir(parents=True)
            for i in range(count):
                pixels = RNG.integers(0, 100, (*size, 3)) + 155 * number // (len(classes) - 1)
                Image.fromarray(pixels.astype(np.uint8)).save(folder / f"{i}.png")
    return root


def arms_of(out: Path) -> set[str]:
    (run,) = [path for path in out.iterdir() if (path / "report.html").is_file()]
    return {path.stem.rpartition("-")[0] for path in (run / "predictions").iterdir()}


def test_job_a(tmp_path: Path) -> None:
    data = class_folders(tmp_path / "cifar", (32, 32), {"train": 70, "test": 4}, ("cat", "dog"))
    example("a_cifar10").main(data, epochs=1, seeds=2, out=tmp_path / "runs")
    assert arms_of(tmp_path / "runs") == {"plain", "augmented"}


def test_job_a_wrong_on_purpose(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = class_folders(tmp_path / "cifar", (32, 32), {"train": 40, "test": 20}, ("cat", "dog"))
    with pytest.warns(af.AugfuseWarning, match="standardised in another way"):
        example("a_wrong_on_purpose").main(data, epochs=1)
    said = capsys.readouterr().out
    assert all(way in said for way in ("standardised as in training:", "not standardised:", "arrays as they are:"))


def test_job_b(tmp_path: Path) -> None:
    data = class_folders(tmp_path / "cifar", (32, 32), {"train": 80, "test": 4}, ("cat", "dog"))
    example("b_cifar10_strength").main(data, epochs=1, seeds=1, out=tmp_path / "runs")
    assert len(arms_of(tmp_path / "runs")) == 4


@pytest.mark.filterwarnings("ignore:Keras' ZCA")  # the notice of a difference, once in a process
def test_grids_of_job_b(tmp_path: Path) -> None:
    photo = tmp_path / "photo.png"
    Image.fromarray(RNG.integers(0, 256, (60, 90, 3), dtype=np.uint8)).save(photo)
    module = example("b_grids")
    module.main(photo, tmp_path / "grids")
    shown = {path.stem for path in (tmp_path / "grids").iterdir()}
    assert shown == {*module.SHOWN, *module.STANDARDISED, *(f"fill-{fill}" for fill in module.FILLS)}
    assert set(module.FILLS) == {"nearest", "reflect", "wrap", "constant"}


@pytest.mark.slow(reason="trains networks")
def test_job_c(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    for part, count in (("train", 60), ("t10k", 12)):
        labels = np.arange(count, dtype=np.uint8) % 3
        images = RNG.integers(0, 100, (count, 28, 28), dtype=np.uint8) + 70 * labels[:, None, None]
        for name, magic, array in (("images-idx3", 2051, images), ("labels-idx1", 2049, labels)):
            header = np.array([magic, *array.shape], ">u4").tobytes()
            (data / f"{part}-{name}-ubyte.gz").write_bytes(gzip.compress(header + array.tobytes()))
    module = example("c_fashion_mnist")
    assert round(module.network((28, 28, 1), 10).count_params() / 1e6, 2) == 5.19
    module.main(data, epochs=1, out=tmp_path / "runs")
    assert arms_of(tmp_path / "runs") == {"plain", "augmented"}


@pytest.mark.slow(reason="trains networks")
@pytest.mark.parametrize(
    ("name", "size", "parts"),
    [
        ("d_cats_and_dogs", (90, 120), {"train": 10, "validation": 4}),
        ("e_car_or_truck", (60, 100), {"train": 36, "valid": 4}),
    ],
)
def test_jobs_on_photos(name: str, size: tuple[int, int], parts: dict[str, int], tmp_path: Path) -> None:
    module: Any = example(name)
    data = class_folders(tmp_path / "photos", size, parts, ("one", "other"))
    module.main(data, epochs=1, out=tmp_path / "runs")
    assert arms_of(tmp_path / "runs") == {"plain", "augmented"}


# What an example is called, and what it needs: a module, and what installs it.
FRAMEWORKS = {
    "torch": ("torch", "'augfuse[torch]'"),
    "tensorflow": ("tensorflow", "'augfuse[tensorflow]'"),
    "jax": ("jax", "'augfuse[jax]'"),
    "grain": ("grain", "'augfuse[grain,jax]'"),
    "lightning": ("pytorch_lightning", "pytorch-lightning"),
    "huggingface": ("datasets", "'augfuse[hf,torch]'"),
}


def in_framework(name: str) -> Any:
    module, install = FRAMEWORKS[name]
    pytest.importorskip(module, reason=f"needs: pip install {install}")
    if name in ("lightning", "huggingface"):
        pytest.importorskip("torch", reason="needs the extra: pip install 'augfuse[torch]'")
    return example(f"{name}_cifar10")


def small_cifar(root: Path) -> Path:
    return class_folders(root / "cifar", (32, 32), {"train": 96, "test": 8}, ("cat", "dog"))


# Lightning says how many workers it would like, and uses a name of PyTorch's that is about to go.
@pytest.mark.slow(reason="trains networks")
@pytest.mark.filterwarnings("ignore:.*does not have many workers")
@pytest.mark.filterwarnings("ignore:.*LeafSpec:FutureWarning")
@pytest.mark.parametrize("name", FRAMEWORKS)
def test_job_a_in_other_frameworks(name: str, tmp_path: Path) -> None:
    module = in_framework(name)
    assert 0 <= module.main(small_cifar(tmp_path), epochs=2) <= 1


def first_of(name: str, data: Path) -> tuple[np.ndarray, np.ndarray]:
    """The first images, (n, h, w, c), and labels that an example trains with; of those whose framework makes the order,
    in the order of the data."""
    module, train = in_framework(name), af.open(data).parts["train"]
    if name == "grain":
        batch = module.stream(train, shuffle=False)[0]
        return batch["image"], batch["label"]
    if name == "huggingface":
        table = module.table(train)
        table.set_transform(af.Recipe.from_yaml(module.RECIPE.read_text(encoding="utf-8")).hf(seed=0, index="id"))
        images, labels = module.together([table[i] for i in range(128)])
    else:
        feed = module.Data(data).train_dataloader() if name == "lightning" else module.feeds(data)[0]
        images, labels = next(iter(feed))
    images, labels = np.asarray(images), np.asarray(labels)
    return (images if images.shape[-1] == 3 else images.transpose(0, 2, 3, 1)), labels


@pytest.mark.parametrize("name", FRAMEWORKS)
def test_the_first_batch_is_the_same_in_all_frameworks(name: str, tmp_path: Path) -> None:
    data = small_cifar(tmp_path)
    recipe = af.Recipe.from_yaml((EXAMPLES / "a_cifar10.yaml").read_text(encoding="utf-8"))
    shuffle = name not in ("grain", "huggingface")
    wanted = next(iter(af.Loader(af.open(data).parts["train"], recipe, 128, seed=0, shuffle=shuffle)))
    images, labels = first_of(name, data)
    assert images.tobytes() == wanted.images.tobytes() and labels.tolist() == np.asarray(wanted.labels).tolist()


@pytest.mark.slow(reason="trains networks")
def test_job_f(tmp_path: Path) -> None:
    for name in ("images", "masks"):
        (tmp_path / "set" / name).mkdir(parents=True)
    for i in range(5):
        mask = np.repeat(np.repeat(RNG.integers(0, 2, (4, 4)), 16, axis=0), 16, axis=1) * 255
        Image.fromarray((mask // 2 + RNG.integers(0, 100, mask.shape)).astype(np.uint8)).save(
            tmp_path / "set" / "images" / f"{i}.png"
        )
        Image.fromarray(mask.astype(np.uint8)).save(tmp_path / "set" / "masks" / f"{i}.png")
    example("f_membranes").main(tmp_path / "set", epochs=1, seeds=1, side=32, out=tmp_path / "runs")
    assert arms_of(tmp_path / "runs") == {"plain", "augmented"}


@pytest.mark.slow(reason="trains a detector")
def test_job_g(tmp_path: Path) -> None:
    pytest.importorskip("pycocotools", reason="needs the extra: pip install 'augfuse[detection]'")
    data = write_voc(tmp_path / "set", blocks(16, 0))
    example("g_blood_cells").main(data, epochs=1, seeds=1, out=tmp_path / "runs")
    assert arms_of(tmp_path / "runs") == {"plain", "augmented"}


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.yaml")), ids=lambda path: path.stem)
def test_recipes_are_as_they_are_written(path: Path) -> None:
    recipe = af.Recipe.from_yaml(path.read_text(encoding="utf-8"))
    assert recipe.to_yaml() == path.read_text(encoding="utf-8")
    assert path.with_suffix(".py").is_file()
