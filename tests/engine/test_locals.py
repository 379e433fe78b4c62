"""Local transforms: many images at once against one at a time, the definition of the noise, what is not computed."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from scipy import ndimage, special, stats

import augfuse as af
import augfuse.functional as F
from augfuse.algebra.geometry import Canvas
from augfuse.algebra.rng import Draw, Words
from augfuse.execute.batch_images import as_images
from augfuse.execute.cpu import chunks
from augfuse.transforms.base import Frame, Local
from augfuse.transforms.local import normal_quantiles
from augfuse.transforms.placed import ErasedPart
from oracles import FULL_SCALE, assert_like_reference, by_reference, fused, pictures

SIZES = [(1, 1), (1, 7), (9, 1), (5, 4), (33, 47), (8, 64), (3, 130)]
LOCALS: list[Local] = [
    *(af.GaussianBlur((sigma, sigma)) for sigma in (0.01, 0.2, 0.5, 1.1, 3, 30, 100)),
    *(af.GaussianNoise((std, std)) for std in (0, 0.05, 1)),
    af.Erase(scale=(0.1, 0.9), value=7, p=1),
    ErasedPart(-2, 1, 6, 3, 250),
    ErasedPart(50, 0, 9, 9, 250),
    af.Barrier(),
]


@pytest.mark.parametrize("transform", LOCALS, ids=repr)
@pytest.mark.parametrize("channels", [1, 3, 4, 5])
def test_many_images_at_once_are_like_one_at_a_time(transform: Local, channels: int) -> None:
    for height, width in SIZES:
        canvas = Canvas(np.full(5, height), np.full(5, width))
        drawn = transform.draw(Draw(Words(3, 0, np.arange(5)), "Local#0"))
        params = transform.plan(drawn, Frame(canvas, channels, 0.0, 255.0, True))
        images = (pictures(5, height, width, channels) * 1.2 - 20).astype(np.float32)
        active = np.array([True, False, True, True, False])
        many = images.copy()
        transform.apply_all(many, many, params, active)
        for i, image in enumerate(images):
            own = {name: values[i] for name, values in params.items()}
            one = transform.apply(image.astype(np.float64), own) if active[i] else image
            # A value that lies between two whole numbers may be rounded to either.
            slack = 2e-3 if not isinstance(transform, af.Barrier) else 1
            np.testing.assert_allclose(many[i], one, rtol=0, atol=slack)
        assert np.array_equal(many[~active], images[~active])
        for dtype in ("uint8", "uint16", "float32"):
            source, there = images.clip(0, 255).astype(dtype), np.full_like(images, np.nan)
            here = source.astype(np.float32)
            transform.apply_all(source, there, params, active)
            transform.apply_all(here, here, params, active)
            assert np.array_equal(there, here)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
@pytest.mark.parametrize("layout", ["NHWC", "NCHW"])
@pytest.mark.parametrize("channels", [1, 3, 4, 5])
@pytest.mark.parametrize("ends", [[], [af.Normalize(0.4, 0.3)], [af.PerImageStandardize()]], ids=repr)
def test_recipes_with_locals_are_like_the_reference(dtype: str, layout: Any, channels: int, ends: list[Any]) -> None:
    blur, noise, erase = af.GaussianBlur(p=0.6), af.GaussianNoise((0.01, 0.1), p=0.6), af.Erase(p=0.6)
    for body in (
        [blur],
        [noise, erase],
        [af.Brightness((0.8, 1.2)), blur, noise, erase],
        [erase, af.HorizontalFlip(), af.Resize((19, 23))],
        [af.Rotate(20), noise, af.Barrier(p=0.5), af.Contrast((0.7, 1.3)), blur],
        [af.Contrast(pivot="mean"), blur, af.Contrast(pivot="mean")],
    ):
        recipe = af.Recipe([*body, *ends])
        images = pictures(6, 21, 26, channels, dtype)
        got = recipe.batch(images, seed=4, layout=layout).images
        wanted = by_reference(fused(recipe, as_images(images), seed=4), as_images(images))
        full = 1.0 if got.dtype == np.float32 and ends else FULL_SCALE[dtype]
        slack = 4e-4 * full * (8 if ends else 1) + (1 if got.dtype.kind == "u" else 0)
        got = got.transpose(0, 2, 3, 1) if layout == "NCHW" else got
        np.testing.assert_allclose(got.astype(float), wanted.astype(float), rtol=0, atol=slack)


BODIES: dict[str, list[af.Transform]] = {
    "locals": [af.GaussianBlur(p=0.4), af.GaussianNoise(p=0.4), af.Erase(p=0.4)],
    "a pass before": [af.Rotate(20), af.ColorJitter(), af.GaussianBlur(p=0.3), af.GaussianNoise(p=0.3)],
    "a pass behind": [af.Erase(p=0.3), af.GaussianNoise(p=0.3), af.Rotate(30), af.Brightness()],
    "passes around": [af.Shear(9), af.GaussianBlur(p=0.3), af.HorizontalFlip(), af.Erase(p=0.3), af.Rotate(9)],
    "copies around": [af.HorizontalFlip(), af.Erase(p=0.3), af.VerticalFlip(), af.GaussianNoise(p=0.3)],
    "a reduction": [af.GaussianNoise(p=0.4), af.Resize((11, 9)), af.GaussianBlur(p=0.4)],
    "statistics": [af.GaussianNoise(p=0.4), af.Contrast(pivot="mean"), af.Invert(), af.PerImageStandardize()],
}


@pytest.mark.parametrize("name", BODIES)
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
@pytest.mark.parametrize("ends", [[], [af.Normalize(0.5, 0.2)]], ids=["", "normalized"])
@pytest.mark.parametrize("layout", ["NHWC", "NCHW"])
def test_an_image_is_the_same_whatever_shares_its_chunk(
    name: str, dtype: str, ends: list[Any], layout: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Alone, where steps that do nothing are left out, among others, in threads, in a list, and in chunks of one."""
    body = BODIES[name]
    if ends and isinstance(body[-1], af.PerImageStandardize):
        return
    recipe, images = af.Recipe([*body, *ends]), pictures(17, 20, 30, 3, dtype)
    options: dict[str, Any] = {"seed": 9, "layout": layout}
    together = recipe.batch(images, **options, workers=0).images
    for i in range(len(images)):
        alone = recipe.batch(images[i : i + 1], **options, indices=[i], workers=0).images
        assert np.array_equal(alone[0], together[i]), i
    assert np.array_equal(recipe.batch(images, **options, workers=3).images, together)
    assert np.array_equal(recipe.batch(list(images), **options).images, together)
    swapped = recipe.batch(images[::-1].copy(), **options, indices=np.arange(17)[::-1]).images
    assert np.array_equal(swapped[::-1], together)
    for name_of_size in ("CHUNK_BYTES", "CHUNK_BYTES_OF_LEVELS"):
        monkeypatch.setattr(chunks, name_of_size, 1)
    assert np.array_equal(recipe.batch(images, **options).images, together)


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
@pytest.mark.parametrize("value", [0.3, 100.5, 100, -5, 300, 1e5])
@pytest.mark.parametrize(
    "move", [af.Pad((8, 8, 8, 8)), af.CenterCrop((30, 31)), af.LetterBox((20, 30), value=9.7)], ids=str
)
def test_a_fill_value_is_not_rounded_before_the_end(move: af.Transform, value: float, dtype: str) -> None:
    blur = af.GaussianBlur((2, 2), p=1)
    for local in (blur, af.GaussianNoise((0.02, 0.02), p=1), af.Erase(value=50, p=1), af.HorizontalFlip()):
        recipe = af.Recipe([move, local, blur], fill="constant", fill_value=value)
        assert_like_reference(recipe, pictures(2, 13, 17, 1, dtype))


@pytest.mark.parametrize("resize", [af.Resize((12, 10)), af.RandomCrop((6, 6)), af.Resize((40, 50))], ids=repr)
def test_images_of_their_own_sizes_are_like_each_alone(resize: af.Transform) -> None:
    sizes = [(20, 30), (20, 30), (9, 14), (20, 30), (41, 7), (41, 7), (41, 8)]
    images = [pictures(1, h, w, seed=i)[0] for i, (h, w) in enumerate(sizes)]
    recipe = af.Recipe([af.GaussianBlur(p=0.5), af.Erase(), resize, af.GaussianNoise(p=0.5), af.Normalize()])
    together = recipe.batch(images, seed=2, workers=0).images
    for i, image in enumerate(images):
        assert np.array_equal(recipe.batch([image], seed=2, indices=[i]).images[0], together[i])
    assert np.array_equal(recipe.batch(images, seed=2, workers=4).images, together)


def test_the_source_is_never_written_to() -> None:
    for dtype in FULL_SCALE:
        images = pictures(5, 12, 13, 3, dtype)
        before = images.copy()
        recipe = af.Recipe([af.GaussianBlur(), af.GaussianNoise(), af.Erase(p=1), af.Barrier()])
        assert not np.array_equal(recipe.batch(images, seed=0).images, before)
        assert np.array_equal(images, before)
        images.flags.writeable = False
        recipe.batch(images, seed=0)


@pytest.mark.parametrize("sigma", [0.05, 0.4, 1.3, 7, 40])
@pytest.mark.parametrize("size", [(1, 1), (2, 9), (30, 17)])
def test_blur_is_that_of_scipy(sigma: float, size: tuple[int, int]) -> None:
    images = pictures(3, *size, dtype="float32")
    wanted = [ndimage.gaussian_filter(image.astype(float), (sigma, sigma, 0), mode="reflect") for image in images]
    np.testing.assert_allclose(F.gaussian_blur(images, sigma), np.stack(wanted), rtol=0, atol=1e-5)


def noise_of(key: tuple[int, int], shape: tuple[int, ...]) -> np.ndarray:
    """By the definition, in other words than those of the package."""
    values = int(np.prod(shape))
    words = [int(word) for word in np.random.Philox(key=np.array(key, np.uint64)).random_raw(values // 4 + 1)]
    u = np.array([words[p // 4] >> 16 * (p % 4) & 0xFFFF for p in range(values)])
    return special.ndtri((u + 0.5) / 65536).reshape(shape)


@pytest.mark.parametrize("key", [(0, 0), (1, 2), (2**64 - 1, 2**63)])
@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 5, 3), (4, 4, 1), (7, 9, 3), (6, 11, 4)])
def test_noise_follows_its_definition(key: tuple[int, int], shape: tuple[int, int, int]) -> None:
    params = {"std": np.full(2, 2.5), "key": np.array([(5, 5), key], np.uint64)}
    images = np.zeros((2, *shape), np.float32)
    af.GaussianNoise().apply_all(images, images, params, np.ones(2, bool))
    np.testing.assert_allclose(images[1], 2.5 * noise_of(key, shape), rtol=1e-6, atol=0)
    one = af.GaussianNoise().apply(np.zeros(shape), {"std": params["std"][1], "key": params["key"][1]})
    np.testing.assert_allclose(one, 2.5 * noise_of(key, shape), rtol=1e-6, atol=0)


def test_noise_is_pinned() -> None:
    """A change here changes what everybody's seeds mean."""
    params = {"std": np.ones(1), "key": np.array([(1, 2)], np.uint64)}
    image = np.zeros((1, 2, 3, 3), np.float32)
    af.GaussianNoise().apply_all(image, image, params, np.ones(1, bool))
    pinned = [
        -0.2067214,
        0.5484408,
        -0.6371416,
        -0.4977829,
        1.643568,
        -1.120079,
        -0.04026702,
        -0.366606,
        -0.1000901,
        -0.1615524,
        0.1899089,
        -1.787809,
        -0.7598539,
        0.2188499,
        -0.7250864,
        1.773251,
        -1.55794,
        -0.1210635,
    ]
    np.testing.assert_allclose(image.ravel(), pinned, rtol=1e-6)


def test_the_normal_quantiles_are_exact() -> None:
    table = normal_quantiles()
    assert table.dtype == np.float32 and table.shape == (65536,)
    np.testing.assert_allclose(table, special.ndtri((np.arange(65536) + 0.5) / 65536), rtol=1.2e-7)
    assert np.array_equal(table, -table[::-1]) and (np.diff(table) > 0).all()
    assert table[-1] == pytest.approx(4.3258, abs=1e-3)


@pytest.fixture(scope="module")
def noise() -> np.ndarray:
    """(40, 64, 64, 3) of standard normal values, as a recipe adds them."""
    flat = np.zeros((40, 64, 64, 3), np.float32)
    recipe = af.Recipe([af.GaussianNoise((0.05, 0.05))], value_range=(-1.0, 1.0))
    return recipe.batch(flat, seed=11).images.astype(np.float64) / 0.1


def test_noise_is_normal(noise: np.ndarray) -> None:
    values = noise.ravel()
    n = len(values)
    assert abs(values.mean()) < 5 / np.sqrt(n)
    assert abs(values.std() - 1) < 5 / np.sqrt(2 * n)
    assert abs(stats.skew(values)) < 5 * np.sqrt(6 / n)
    assert abs(stats.kurtosis(values)) < 5 * np.sqrt(24 / n)
    assert stats.kstest(values, "norm").pvalue > 1e-4


def test_noise_is_independent(noise: np.ndarray) -> None:
    """Between images, channels, neighbours, and from what the same seed draws elsewhere."""
    pairs = {
        "images": (noise[:-1], noise[1:]),
        "channels": (noise[..., :-1], noise[..., 1:]),
        "first and last channel": (noise[..., 0], noise[..., 2]),
        "columns": (noise[:, :, :-1], noise[:, :, 1:]),
        "rows": (noise[:, :-1], noise[:, 1:]),
        "squares of images": (noise[:-1] ** 2 - 1, noise[1:] ** 2 - 1),
        "squares of neighbours": (noise[:, :, :-1] ** 2 - 1, noise[:, :, 1:] ** 2 - 1),
    }
    for name, (a, b) in pairs.items():
        assert abs((a * b).mean() / (a.std() * b.std())) < 5 / np.sqrt(a.size), name
    for lag in (1, 2, 3, 4, 15, 16, 17, 64):  # values of one word, of one block, of the next
        line = noise.reshape(40, -1)
        assert abs((line[:, :-lag] * line[:, lag:]).mean()) < 5 / np.sqrt(line.size), lag


def test_two_noises_of_a_recipe_differ() -> None:
    flat = np.full((1, 32, 32, 3), 128, np.uint8)
    once = af.Recipe([af.GaussianNoise((0.05, 0.05))]).batch(flat, seed=1).images.astype(int) - 128
    twice = af.Recipe([af.GaussianNoise((0.05, 0.05))] * 2).batch(flat, seed=1).images.astype(int) - 128
    assert twice.std() == pytest.approx(once.std() * np.sqrt(2), rel=0.1)


def test_a_function_may_keep_its_image_and_call_augfuse() -> None:
    kept: list[np.ndarray] = []

    def blurred(image: np.ndarray) -> np.ndarray:
        kept.append(image)
        inner = af.Recipe([af.GaussianBlur((2, 2)), af.Invert(p=1)], value_range=(0, 255))
        return inner.batch(image[None], seed=0).images[0]

    images = pictures(6, 15, 16)
    recipe = af.Recipe([af.Invert(p=1), af.Lambda(blurred), af.Invert(p=1), af.Erase(p=0.5)])
    got = recipe.batch(images, seed=3, workers=0).images
    plain = af.Recipe([af.GaussianBlur((2, 2)), af.Invert(p=1), af.Erase(p=0.5)]).batch(images, seed=3).images
    assert len(kept) == 6 and all(np.array_equal(image, 255.0 - own) for image, own in zip(kept, images, strict=True))
    erased = (got == 0).all(axis=-1)
    assert np.abs(got.astype(int) - plain)[~erased].max() <= 1


LOADED = """
import sys
import numpy as np
import augfuse as af
def names():
    return sorted(name.split(".")[-1] for name in sys.modules if name.startswith("augfuse.transforms.compiled."))
images = np.zeros((2, 9, 9, 3), np.uint8)
for transforms in ([af.Rotate(9), af.Invert()], [af.Erase(p=1)], [af.GaussianNoise(p=0)], [af.GaussianBlur((1, 2))]):
    recipe = af.Recipe(transforms)
    recipe.explain(shape=(9, 9, 3))
    recipe.batch(images, seed=0)
    print(*names())
"""


def test_a_recipe_compiles_what_it_uses() -> None:
    done = subprocess.run([sys.executable, "-c", LOADED], capture_output=True, text=True, check=False)
    assert done.stdout.splitlines() == ["", "rectangles", "rectangles", "blur convert_values rectangles"], done.stderr
