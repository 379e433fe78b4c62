"""`augfuse.torch.Augment` and `augfuse.jax.augment`: the host's draws, and what is refused."""

from __future__ import annotations

import io
import pickle
import subprocess
import sys
from typing import Any

import numpy as np
import pytest

import augfuse as af
from augfuse.errors import ImageError, ImageTypeError, RangeError, RecipeError
from oracles import pictures

H, W = 24, 32
IMAGES = pictures(6, H, W)
INDICES = np.array([5, 0, 77, 3, 2**20, 9])
RECIPE = af.Recipe(
    [af.Rotate(20), af.Translate(), af.HorizontalFlip(), af.ColorJitter(), af.GaussianBlur((0.5, 1)), af.Normalize()]
)
ON_HOST = af.Recipe([af.Schedule(af.Rotate(40), epochs=4), af.Solarize(), af.Erase()])
GRAY_LEVELS = 255 * 0.224


@pytest.fixture
def torch() -> Any:
    return pytest.importorskip("torch", reason="needs the extra: pip install 'augfuse[torch]'")


@pytest.fixture
def jax() -> Any:
    return pytest.importorskip("jax", reason="needs the extra: pip install 'augfuse[jax]'")


@pytest.mark.parametrize(("recipe", "bound"), [(RECIPE, 2e-3 / GRAY_LEVELS), (ON_HOST, 0.02)])
@pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
def test_torch_has_the_hosts_draws(torch: Any, recipe: af.Recipe, bound: float, layout: str) -> None:
    augment = af.torch.Augment(recipe, seed=3, layout=layout)
    images = torch.from_numpy(IMAGES)
    images = images.permute(0, 3, 1, 2) if layout == "NCHW" else images
    found = augment(images, indices=torch.from_numpy(INDICES), epoch=4)
    assert found.dtype == torch.float32 and found.is_contiguous()
    found = found.permute(0, 2, 3, 1) if layout == "NCHW" else found
    wanted = recipe.batch(IMAGES, seed=3, epoch=4, indices=INDICES, dtype="float32").images
    assert np.abs(found.numpy() - wanted).max() < bound


def test_torch_counts_its_calls_in_its_state(torch: Any) -> None:
    images = torch.from_numpy(IMAGES[:1]).permute(0, 3, 1, 2).expand(3, -1, -1, -1)
    augment = af.torch.Augment(RECIPE, seed=3)
    found = [augment(images) for _ in range(3)]
    assert len({image.numpy().tobytes() for batch in found for image in batch}) == 9
    file = io.BytesIO()
    torch.save(augment.state_dict(), file)
    file.seek(0)
    other = af.torch.Augment(RECIPE, seed=3)
    other.load_state_dict(torch.load(file, weights_only=True))
    assert torch.equal(other(images), augment(images)) and int(other.calls) == 4


def test_torch_modules_are_pickled(torch: Any) -> None:
    images = torch.from_numpy(IMAGES)
    augment = af.torch.Augment(RECIPE, seed=3, layout="NHWC").train()
    augment(images)
    copy = pickle.loads(pickle.dumps(torch.nn.Sequential(augment)))[0]
    assert copy.training and copy.seed == 3 and copy.recipe == RECIPE and int(copy.calls) == 1
    assert torch.equal(copy(images), augment(images))


def test_torch_in_evaluation(torch: Any) -> None:
    recipe = af.Recipe([af.Rotate(40), af.RandomCrop((20, 16)), af.Normalize()])
    augment = af.torch.Augment(recipe, seed=0).eval()
    images = torch.from_numpy(IMAGES).permute(0, 3, 1, 2)
    wanted = recipe.batch(IMAGES, training=False, seed=0, layout="NCHW").images
    assert np.abs(augment(images).numpy() - wanted).max() < 1e-5 and int(augment.calls) == 0
    program = torch.export.export(augment, (images,)).module()
    assert torch.equal(program(images), augment(images))


def test_torch_gives_other_dtypes(torch: Any) -> None:
    recipe = af.Recipe([af.Rotate(40), af.Invert()])
    images = torch.from_numpy(IMAGES)
    whole = af.torch.Augment(recipe, seed=0, layout="NHWC", dtype=torch.uint8)(images, INDICES, 1)
    wanted = recipe.batch(IMAGES, seed=0, epoch=1, indices=INDICES).images
    assert whole.dtype == torch.uint8 and np.abs(whole.numpy().astype(int) - wanted).max() <= 1
    half = af.torch.Augment(recipe, seed=0, layout="NHWC", dtype=torch.bfloat16)(images, INDICES, 1)
    assert half.dtype == torch.bfloat16 and np.abs(half.float().numpy() - wanted).max() <= 1


def test_torch_refuses(torch: Any) -> None:
    with pytest.raises(RecipeError, match="CutMix, which mixes samples"):
        af.torch.Augment(af.Recipe([af.CutMix()]))
    with pytest.raises(RangeError, match="layout"):
        af.torch.Augment(RECIPE, layout="CHWN")
    with pytest.raises(ImageTypeError, match="wanted a torch"):
        af.torch.Augment(RECIPE, dtype="float32")  # type: ignore[arg-type]
    augment = af.torch.Augment(RECIPE, seed=0)
    with pytest.raises(ImageError, match=r"For one image use images\[None\]"):
        augment(torch.from_numpy(IMAGES[0]).permute(2, 0, 1))
    with pytest.raises(ImageTypeError, match="wanted a tensor"):
        augment(IMAGES)
    with pytest.raises(ImageError, match="looks like channels last"):
        augment(torch.from_numpy(IMAGES))
    with pytest.raises(ImageError, match="Declare value_range"):
        augment(torch.from_numpy(IMAGES).permute(0, 3, 1, 2).float())
    with pytest.raises(ImageError, match="looks like channels first"):
        af.torch.Augment(RECIPE, layout="NHWC")(torch.from_numpy(IMAGES).permute(0, 3, 1, 2))


@pytest.mark.parametrize("epoch", [4, "traced"])
def test_jax_has_the_hosts_draws(jax: Any, epoch: Any) -> None:
    """Called alone, and in a compiled step that is given its positions."""

    def step(images: Any, indices: Any, epoch: Any) -> Any:
        return af.jax.augment(RECIPE, images, seed=3, epoch=epoch, indices=indices)

    found = (jax.jit(step) if epoch == "traced" else step)(IMAGES, INDICES.astype(np.int32), 4)
    wanted = RECIPE.batch(IMAGES, seed=3, epoch=4, indices=INDICES).images
    assert np.abs(np.asarray(found) - wanted).max() * GRAY_LEVELS < 5e-3


def test_jax_reads_the_pixel_that_it_weights(jax: Any) -> None:
    """A compiler that computes a place twice may round it to both sides of a whole number: of 400 000 pixels of noise
    three were another one's."""
    recipe = af.Recipe([af.Rotate(20), af.Translate(0.1, 0.1), af.Scale((0.9, 1.1)), af.Normalize(0, 1)])
    images, indices = pictures(8, 224, 224), np.array([5, 0, 77, 3, 2**20, 9, 1, 40], np.int32)
    step = jax.jit(lambda images, indices: af.jax.augment(recipe, images, seed=3, epoch=4, indices=indices))
    wanted = recipe.batch(images, seed=3, epoch=4, indices=indices).images
    assert np.abs(np.asarray(step(images, indices)) - wanted).max() * 255 < 0.1


def test_jax_without_indices_and_in_evaluation(jax: Any) -> None:
    recipe = af.Recipe([af.Rotate(40), af.RandomCrop((20, 16))])
    places = recipe.batch(IMAGES, seed=0, epoch=2, indices=np.arange(6), dtype="float32").images
    assert np.abs(np.asarray(af.jax.augment(recipe, IMAGES, seed=0, epoch=2)) - places).max() < 2e-3
    fixed = af.jax.augment(recipe, IMAGES, seed=0, training=False, dtype="bfloat16")
    wanted = recipe.batch(IMAGES, seed=0, training=False).images
    assert fixed.dtype == jax.numpy.bfloat16 and np.abs(np.asarray(fixed, np.float32) - wanted).max() <= 1
    whole = af.jax.augment(recipe, IMAGES, seed=0, epoch=2, dtype="uint8")
    assert whole.dtype == np.uint8 and np.abs(np.asarray(whole, np.float32) - places).max() <= 0.51


def test_jax_refuses(jax: Any) -> None:
    with pytest.raises(RecipeError, match="Schedule, which asks for the epoch"):
        af.jax.augment(af.Recipe([af.Schedule(af.Rotate())]), IMAGES, seed=0, epoch=0)
    with pytest.raises(ImageTypeError, match="wanted a Python integer"):
        jax.jit(lambda seed: af.jax.augment(RECIPE, IMAGES, seed=seed, epoch=0))(3)
    with pytest.raises(ImageTypeError, match="wanted a Python integer"):
        af.jax.augment(RECIPE, IMAGES, seed=jax.random.key(0), epoch=0)
    with pytest.raises(ImageTypeError, match="Otherwise each batch gets the same draws"):
        af.jax.augment(RECIPE, IMAGES, seed=0)
    with pytest.raises(RangeError, match="epoch"):
        af.jax.augment(RECIPE, IMAGES, seed=0, epoch=-1)
    with pytest.raises(ImageError, match="Declare value_range"):
        af.jax.augment(RECIPE, IMAGES.astype(np.float32), seed=0, epoch=0)
    with pytest.warns(af.AugfuseWarning, match="float images, which count as 0..1"):
        jax.jit(lambda images: af.jax.augment(RECIPE, images, seed=0, epoch=0))(IMAGES.astype(np.float32) / 255)


@pytest.mark.parametrize("name", ["torch", "jax"])
def test_a_missing_framework_names_its_extra(name: str) -> None:
    code = f"import sys; sys.modules[{name!r}] = None; import augfuse as af; af.{name}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert f"pip install 'augfuse[{name}]'" in done.stderr
