"""What is no array of images: `flow` and `fit` name what was given, and the next line to type works."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("keras", reason="needs the extra: pip install 'augfuse[keras]'")
pd = pytest.importorskip("pandas", reason="needs the extra: pip install 'augfuse[keras]'")

from augfuse.errors import AugfuseError, ImageError, ImageTypeError  # noqa: E402
from augfuse.keras import ImageDataGenerator  # noqa: E402

# The notices about mended defects come once in a process, from whichever test is first; their tests are elsewhere.
pytestmark = pytest.mark.filterwarnings("ignore:.*docs/imagedatagenerator.md:augfuse.errors.AugfuseWarning")
RNG = np.random.default_rng(0)
Y = np.arange(4)


def image(height: int = 16, width: int = 16, channels: int = 3) -> np.ndarray:
    return RNG.integers(0, 256, (height, width, channels), dtype=np.uint8)


def objects(*entries: Any) -> np.ndarray:
    found = np.empty(len(entries), object)
    for place, entry in enumerate(entries):
        found[place] = entry
    return found


def flow(x: Any) -> Any:
    return ImageDataGenerator().flow(x)


def strict(x: Any) -> Any:
    return ImageDataGenerator(compat="strict").flow(x)


def fit(x: Any) -> Any:
    return ImageDataGenerator(featurewise_center=True).fit(x)


SIZES: dict[str, Callable[[], Any]] = {
    "an array of objects": lambda: objects(image(), image(17, 17), image(), image()),
    "a list": lambda: [image(), image(17, 17), image()],
    "a list of lists": lambda: [image().tolist(), image(17).tolist(), image().tolist()],
    "a tuple": lambda: (image(), image(16, 17), image(), image()),
}


@pytest.mark.parametrize("method", [flow, strict, fit])
@pytest.mark.parametrize("kind", SIZES)
def test_images_of_different_sizes(kind: str, method: Any) -> None:
    with pytest.raises(ImageError, match=r"different shapes \(16 x 16 x 3, 1[67] x 1[67] x 3\).*target_size") as caught:
        method(SIZES[kind]())
    assert "x[..., None]" not in str(caught.value) and "np.stack" not in str(caught.value)


@pytest.mark.parametrize("method", [flow, fit])
def test_images_of_different_channels(method: Any) -> None:
    with pytest.raises(ImageError, match=r"16 x 16 x 3, 16 x 16 x 1.*number of channels"):
        method(objects(image(), image(channels=1), image()))


@pytest.mark.parametrize("method", [flow, fit])
def test_an_array_of_equal_images_is_stacked(method: Any) -> None:
    x = objects(*(image() for _ in range(4)))
    with pytest.raises(ImageError, match=r"Use np\.stack\(x\)"):
        method(x)
    method(np.stack(x.tolist()))


@pytest.mark.parametrize("method", [flow, strict, fit])
@pytest.mark.parametrize(
    "paths",
    [["a.png", "b.png", "c.png"], np.array(["a.png", "b.png"]), objects("a.png", "b.png"), [Path("a.png")] * 3],
    ids=["list", "array", "objects", "paths"],
)
def test_paths_are_no_images(paths: Any, method: Any) -> None:
    with pytest.raises(ImageTypeError, match=r"got paths as x, the first is .*a\.png.*flow_from_dataframe"):
        method(paths)


@pytest.mark.parametrize(
    ("shape", "advice"),
    [
        ((4, 5, 8, 8, 3), "x.reshape(-1, *x.shape[2:])"),
        ((4, 784), "x.reshape(-1, 28, 28, 1)"),
        ((4, 3072), "x.reshape(-1, 32, 32, 3)"),
        ((4, 10), "x.reshape(-1, height, width, channels)"),
        ((4, 8, 8), "x[..., None]"),
        ((8, 8, 3), "x[None]"),
    ],
)
@pytest.mark.parametrize("method", [flow, strict, fit])
def test_arrays_of_another_rank(shape: tuple[int, ...], advice: str, method: Any) -> None:
    x = np.zeros(shape, np.uint8)
    with pytest.raises(ImageError, match="wanted rank 4") as caught:
        method(x)
    assert advice in str(caught.value)
    if "height" not in advice:
        method(eval(advice))


def test_two_images_are_no_image_with_another_array() -> None:
    with pytest.raises(ImageError, match=r"two arrays of shapes \(16, 16, 3\) and \(17, 17, 3\).*target_size"):
        flow([image(), image(17, 17)])
    with pytest.raises(ImageError, match=r"a list of two images: Use np\.stack\(x\)"):
        flow([image(), image()])
    several = flow((np.stack([image(), image()]), np.zeros((2, 5))))
    assert [part.shape for part in several[0]] == [(2, 16, 16, 3), (2, 5)]


def batches() -> Any:
    yield np.zeros((2, 8, 8, 3)), np.zeros(2)


@pytest.mark.parametrize("method", [flow, strict, fit])
@pytest.mark.parametrize(
    ("x", "said"),
    [
        (None, "got None"),
        (5, "got 5"),
        ("photos", r"flow_from_directory\(path\)"),
        ({"image": np.zeros((4, 8, 8, 3))}, "got a dict as x.*several inputs"),
        (batches(), "np.concatenate"),
        (pd.DataFrame({"filename": ["a.png"]}), "flow_from_dataframe"),
        (pd.Series([np.zeros((8, 8, 3))] * 2), "np.stack"),
        (np.zeros((4, 8, 8, 3), complex), "dtype complex128"),
    ],
    ids=["None", "5", "text", "dict", "generator", "frame", "series", "complex"],
)
def test_what_is_no_array(x: Any, said: str, method: Any) -> None:
    with pytest.raises(ImageTypeError, match=f"(?s){said}"):
        method(x)


def test_data_sets_of_frameworks_are_no_array() -> None:
    tf = pytest.importorskip("tensorflow", reason="needs the extra: pip install 'augfuse[tensorflow]'")
    batched = tf.data.Dataset.from_tensor_slices((np.zeros((4, 8, 8, 3), np.uint8), np.arange(4))).batch(2)
    with pytest.raises(ImageTypeError, match=r"np\.concatenate\(\[images for images, labels in batches\]\)"):
        flow(batched)
    assert flow(np.concatenate([images for images, labels in batched])).n == 4
    assert flow(tf.zeros((4, 8, 8, 3))).n == 4


@pytest.mark.parametrize("dtype", [np.int16, np.int32, bool, np.float64, np.uint16])
def test_every_real_dtype_is_taken_with_its_values(dtype: Any) -> None:
    x = np.array([0, 1, 0, 1]).astype(dtype)[:, None, None, None] * np.ones((1, 4, 4, 1), dtype)
    np.testing.assert_array_equal(flow(x).next().sum(axis=(1, 2, 3)).sum(), 32)


@pytest.mark.parametrize(
    "y",
    [5, 1.0, "cat", {1, 2, 3, 4}, object(), (i for i in range(4)), [[1, 2], [3], [4], [5]], [1, 2, 3]],
    ids=["number", "float", "text", "set", "object", "generator", "ragged", "short"],
)
@pytest.mark.parametrize("name", ["y", "sample_weight"])
def test_labels_and_weights_have_a_row_for_each_image(name: str, y: Any) -> None:
    x = np.stack([image() for _ in range(4)])
    with pytest.raises(AugfuseError, match=rf"{name}\b.*wanted"):
        ImageDataGenerator().flow(x, **{"y": Y, name: y})


def test_one_number_for_all_is_written_out() -> None:
    x = np.stack([image() for _ in range(4)])
    with pytest.raises(AugfuseError, match=r"For one value for all: np\.full\(4, 1\.0\)"):
        ImageDataGenerator().flow(x, Y, sample_weight=1.0)
    assert ImageDataGenerator().flow(x, Y, sample_weight=np.full(4, 1.0))[0][2].shape == (4,)
