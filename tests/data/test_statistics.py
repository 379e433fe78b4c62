"""`data.statistics()`, its file, and what takes it: against float64 NumPy over all pixels at once."""

from __future__ import annotations

import itertools
import json
import pickle
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

import augfuse as af
from augfuse.data.measured.zca import Whitening


def images(n: int = 70, dtype: Any = np.uint8, channels: int = 3, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    if np.dtype(dtype).kind == "f":
        return rng.beta(2, 5, (n, 9, 7, channels)).astype(dtype)
    return rng.integers(3, np.iinfo(dtype).max // 2, (n, 9, 7, channels)).astype(dtype)


def expected(x: np.ndarray, full: float) -> tuple[np.ndarray, np.ndarray]:
    values = x.reshape(-1, x.shape[-1]).astype(np.float64) / full
    return values.mean(axis=0), values.std(axis=0)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Images of several sizes in two classes."""
    rng = np.random.default_rng(1)
    for i in range(40):
        path = tmp_path / "photos" / ("cat" if i % 4 else "dog") / f"{i}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (10 + i % 3, 20, 3), np.uint8)).save(path)
    return tmp_path / "photos"


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize(("dtype", "full"), [(np.uint8, 255), (np.uint16, 65535), (np.float32, 1.0)])
def test_mean_and_deviation_are_those_of_all_pixels(dtype: Any, full: float, channels: int) -> None:
    x = images(dtype=dtype, channels=channels)
    found = af.from_arrays(x).statistics()
    mean, std = expected(x, full)
    np.testing.assert_allclose(found.mean, mean, rtol=1e-12)
    np.testing.assert_allclose(found.std, std, rtol=1e-9)
    assert (found.images, found.pixels, found.channels) == (70, 70 * 9 * 7, channels)
    assert found.sizes == {(9, 7): 70}
    assert found.value_range == (0.0, float(full))


@pytest.mark.parametrize(("dtype", "full"), [(np.uint8, 256), (np.uint16, 65536), (np.float32, 1.0)])
def test_histogram(dtype: Any, full: float) -> None:
    x = images(dtype=dtype)
    found = np.array(af.from_arrays(x).statistics().histogram)
    for c in range(3):
        wanted, _ = np.histogram(x[..., c].astype(np.float64), bins=256, range=(0, full))
        np.testing.assert_array_equal(found[c], wanted)


def test_other_value_ranges() -> None:
    x = images(dtype=np.float32) * 2 - 1
    found = af.from_arrays(x, value_range=(-1, 1)).statistics()
    np.testing.assert_allclose(found.mean, ((x + 1) / 2).reshape(-1, 3).mean(axis=0, dtype=np.float64), rtol=1e-6)
    np.testing.assert_allclose(found.std, (x / 2).reshape(-1, 3).std(axis=0, dtype=np.float64), rtol=1e-6)
    y = images() // 2
    narrow = af.from_arrays(y, value_range=(0, 127)).statistics()
    np.testing.assert_allclose(narrow.mean, expected(y, 127)[0], rtol=1e-12)


@pytest.mark.parametrize("workers", [0, 1, 2, 5])
def test_threads_change_no_bit(workers: int, folder: Path) -> None:
    assert af.open(folder).statistics(workers=workers) == af.open(folder).statistics()
    floats = af.from_arrays(images(200, np.float32))
    assert floats.statistics(workers=workers) == floats.statistics(workers=1)


def test_small_spread_on_a_large_mean() -> None:
    x = (np.float32(0.9) + images(dtype=np.float32) * np.float32(1e-4)).astype(np.float32)
    np.testing.assert_allclose(af.from_arrays(x).statistics().std, expected(x, 1)[1], rtol=1e-6)


def test_files(folder: Path) -> None:
    data = af.open(folder)
    found = data.statistics()
    pixels = np.concatenate([sample.image.reshape(-1, 3) for sample in data])
    np.testing.assert_allclose(found.mean, pixels.mean(axis=0) / 255, rtol=1e-12)
    np.testing.assert_allclose(found.std, pixels.std(axis=0) / 255, rtol=1e-9)
    assert found.class_counts == {"cat": 30, "dog": 10}
    assert found.sizes == Counter(sample.image.shape[:2] for sample in data)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
@given(cuts=st.sets(st.integers(1, 69), max_size=4))
def test_parts_add_up(dtype: Any, cuts: set[int]) -> None:
    x, y = images(dtype=dtype), np.arange(70) % 3
    data = af.from_arrays(x, y)
    whole = data.statistics(workers=0)
    edges = [0, *sorted(cuts), 70]
    first, *rest = (data.subset(np.arange(a, b)).statistics(workers=0) for a, b in itertools.pairwise(edges))
    for part in rest:
        first = first.merged(part)
    if dtype != np.float32:
        assert first.totals == whole.totals
    np.testing.assert_allclose(first.mean, whole.mean, rtol=1e-12)
    np.testing.assert_allclose(first.std, whole.std, rtol=1e-9)
    assert (first.histogram, first.sizes) == (whole.histogram, whole.sizes)
    assert sum(first.class_counts.values()) == 70


def test_many_large_values_do_not_overflow() -> None:
    one = af.from_arrays(np.full((1, 300, 300, 1), 65535, np.uint16)).statistics()
    for _ in range(40):
        one = one.merged(one)
    assert one.mean == (1.0,)
    assert one.std == (0.0,)
    assert one.images == 2**40


def test_others_do_not_merge() -> None:
    one = af.from_arrays(images()).statistics()
    with pytest.raises(af.DataError, match="channels 3 and 1"):
        one.merged(af.from_arrays(images(channels=1)).statistics())
    with pytest.raises(af.DataError, match="value_range"):
        one.merged(af.from_arrays(images(dtype=np.uint16)).statistics())


def test_broken_files(folder: Path) -> None:
    (folder / "cat/1.png").write_bytes(b"\x89PNG")
    with pytest.raises(af.DecodeError, match=r"1\.png"):
        af.open(folder).statistics()
    with pytest.warns(af.AugfuseWarning, match="1 of 40 images left out"):
        found = af.open(folder).statistics(on_error="skip")
    assert (found.images, found.class_counts) == (39, {"cat": 29, "dog": 10})


def test_images_of_other_kinds(folder: Path) -> None:
    Image.fromarray(np.zeros((5, 5), np.uint8)).save(folder / "dog/gray.png")
    with pytest.raises(af.DataError, match=r"gray.png.* has 1 channel\(s\).*Give the data a color"):
        af.open(folder, color=None).statistics()
    assert af.open(folder).statistics().images == 41
    (folder / "dog/gray.png").unlink()
    Image.fromarray(np.zeros((5, 5), np.uint16)).save(folder / "cat/deep.png")
    with pytest.raises(af.DataError, match=r"deep.png|255.*65535"):
        af.open(folder).statistics()


def test_labels_that_are_no_classes() -> None:
    assert af.from_arrays(images(), np.linspace(0, 1, 70)).statistics().class_counts == {}
    assert af.from_arrays(images()).statistics().class_counts == {}
    assert af.from_arrays(images(6), [0, 2, 2, 0, 0, 2]).statistics().class_counts == {"0": 3, "1": 0, "2": 3}


# --- the file ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_a_file_holds_all_of_it(dtype: Any, tmp_path: Path) -> None:
    found = af.from_arrays(images(dtype=dtype), np.arange(70) % 2, classes=("a", "b")).statistics()
    found.save(tmp_path / "stats.json")
    assert af.Statistics.load(tmp_path / "stats.json") == found
    assert pickle.loads(pickle.dumps(found)) == found
    read = json.loads((tmp_path / "stats.json").read_text())
    np.testing.assert_allclose(read["mean"], found.mean)
    found.save(tmp_path / "stats.json")  # over what it wrote
    (tmp_path / "other.json").write_text("{}")
    with pytest.raises(af.DataError, match="was not written by"):
        found.save(tmp_path / "other.json")


def test_normalize_takes_it(tmp_path: Path) -> None:
    x = images()
    data = af.from_arrays(x)
    found = data.statistics()
    found.save(tmp_path / "stats.json")
    for source in (found, tmp_path / "stats.json", str(tmp_path / "stats.json")):
        made = af.Normalize.from_stats(source)
        assert made == af.Normalize(mean=found.mean, std=found.std)
    batch = af.Recipe([af.Normalize.from_stats(found)]).batch(x).images
    np.testing.assert_allclose(batch.mean(axis=(0, 1, 2)), 0, atol=1e-5)
    np.testing.assert_allclose(batch.std(axis=(0, 1, 2)), 1, atol=1e-5)


def test_normalize_refuses_a_constant_channel() -> None:
    x = images()
    x[..., 1] = 7
    with pytest.raises(af.DataError, match="channel 1 has one value"):
        af.Normalize.from_stats(af.from_arrays(x).statistics())
    with pytest.raises(af.ImageTypeError, match="got ndarray"):
        af.Normalize.from_stats(x)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "change",
    [
        lambda f: f.clear(),
        lambda f: f.update(version=2),
        lambda f: f.update(augfuse="recipe"),
        lambda f: f.pop("first"),
        lambda f: f.update(first=[1, 2]),
        lambda f: f.update(first=[1, 2, "3"]),
        lambda f: f.update(first=[1, 2, -3]),
        lambda f: f.update(second=[0, 0, 0]),
        lambda f: f.update(count=0),
        lambda f: f.update(count=True),
        lambda f: f.update(images=71),
        lambda f: f.update(value_range=[1, 0]),
        lambda f: f.update(value_range=[0]),
        lambda f: f["histogram"][0].pop(),
        lambda f: f["histogram"][0].__setitem__(0, 10**6),
        lambda f: f.update(sizes=[[9, 7]]),
        lambda f: f.update(sizes=[[9, 8, 70]]),
        lambda f: f.update(sizes=5),
        lambda f: f.update(class_counts=[]),
        lambda f: f.update(class_counts={"a": -1}),
        lambda f: f.update(exact="yes"),
        lambda f: f.update(exact=False, second=[-1.0, 0.0, 0.0]),
    ],
)
def test_files_that_say_impossible_things(change: Any, tmp_path: Path) -> None:
    path = tmp_path / "stats.json"
    af.from_arrays(images()).statistics().save(path)
    held = json.loads(path.read_text())
    change(held)
    path.write_text(json.dumps(held))
    with pytest.raises(af.DataError, match=r"stats.json: is not what data.statistics\(\).save"):
        af.Statistics.load(path)


@pytest.mark.parametrize(
    "raw", [b"", b"\xff\xfe", b"[1]", b"null", b'{"augfuse": "statistics", "version": 1, "images": NaN}', b"[" * 9999]
)
def test_files_that_are_something_else(raw: bytes, tmp_path: Path) -> None:
    (tmp_path / "stats.json").write_bytes(raw)
    with pytest.raises(af.DataError, match=r"stats\.json"):
        af.Normalize.from_stats(tmp_path / "stats.json")
    with pytest.raises(af.DataNotFoundError, match="no such file"):
        af.Normalize.from_stats(tmp_path / "stat.json")


# --- ZCA --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [40, 300])
def test_zca_whitens_any_data_set(n: int) -> None:
    x = np.random.default_rng(0).integers(0, 256, (n, 4, 4, 3)).astype(np.float64)
    x = (0.6 * x + 0.4 * np.roll(x, 1, axis=1)).astype(np.uint8)
    whitening = af.from_arrays(x).zca(epsilon=1e-6)
    assert isinstance(whitening, Whitening)
    values = whitening.apply(x / np.float32(255)).reshape(n, -1).astype(np.float64)
    covariance = values.T @ values / n
    wanted = np.linalg.matrix_rank(covariance, tol=1e-3)
    assert wanted == min(n - 1, 48)
    np.testing.assert_allclose(np.linalg.eigvalsh(covariance)[-wanted:], 1, atol=0.01)


def test_zca_of_files(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(af.DataError, match="images of shape"):
        af.open(folder).zca()
    data = af.from_arrays(images())
    first, second = data.zca(workers=1), data.zca(workers=3)
    np.testing.assert_array_equal(first.matrix(), second.matrix())
