"""`augfuse.keras.Augment` with real Keras: the host's draws, training, saving, exporting, and what is refused.

Runs on the backend Keras has here; `test_other_backend` runs this file again on each other one that is installed.
"""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

keras = pytest.importorskip(
    "keras", reason="needs the extras: pip install 'augfuse[keras,tensorflow]'", exc_type=ImportError
)

import augfuse as af  # noqa: E402
from augfuse.errors import AugfuseError, ImageError, ImageTypeError, RecipeError  # noqa: E402
from augfuse.keras import Augment  # noqa: E402
from oracles import pictures  # noqa: E402

# Keras 3.15 turns torch tensors into arrays in a way NumPy 2 is about to drop; TensorFlow's and JAX's exports warn of
# what they use themselves.
pytestmark = [
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning:(tensorflow|keras|jax|torch)"),
]

BACKEND = keras.backend.backend()
BACKENDS = [name for name in ("tensorflow", "torch", "jax") if importlib.util.find_spec(name)]
H, W = 24, 32
IMAGES = pictures(6, H, W)
INDICES = np.array([5, 0, 77, 3, 2**20, 9])
RECIPE = af.Recipe(
    [
        af.Rotate(20), af.Translate(), af.Scale(), af.Shear(), af.HorizontalFlip(), af.ColorJitter(),
        af.Grayscale(p=0.3), af.Normalize(),
    ],
    fill="reflect",
)  # fmt: skip
GRAY_LEVELS = 255 * 0.224  # what one is after Normalize


def array(tensor: Any) -> np.ndarray:
    return keras.ops.convert_to_numpy(tensor)


def compiled(function: Any) -> Any:
    """As `fit(jit_compile=True)` does it; PyTorch's takes a minute."""
    if BACKEND == "jax":
        import jax

        return jax.jit(function)
    if BACKEND == "tensorflow":
        import tensorflow as tf

        return tf.function(function, jit_compile=True)
    pytest.skip("torch.compile takes a minute; its draws are the host's")


def model(recipe: af.Recipe = RECIPE, shape: tuple[int, int, int] = (H, W, 3), **options: Any) -> Any:
    inputs = keras.Input(shape, dtype="uint8")
    x = Augment(recipe, seed=1, **options)(inputs)
    return keras.Model(inputs, keras.layers.Dense(2)(keras.layers.GlobalAveragePooling2D()(x)))


def trained(made: Any, **options: Any) -> Any:
    made.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True), **options)
    made.fit(pictures(10, H, W), np.arange(10) % 2, batch_size=4, epochs=2, verbose=0)
    return made


@pytest.mark.parametrize("seed", [0, 2**63 + 11])
def test_the_hosts_draws(seed: int) -> None:
    """With indices and epoch: those of `recipe.batch` and of an af.Loader."""
    layer = Augment(RECIPE, seed=seed)
    found = array(layer(keras.ops.convert_to_tensor(IMAGES), indices=INDICES, epoch=4, training=True))
    wanted = RECIPE.batch(IMAGES, seed=seed, epoch=4, indices=INDICES).images
    assert found.dtype == np.float32 and np.abs(found - wanted).max() * GRAY_LEVELS < 2e-3


@pytest.mark.slow(reason="compiles five programs")
@pytest.mark.parametrize(
    ("recipe", "bound"),
    [
        (RECIPE, 5e-3 / GRAY_LEVELS),
        (af.Recipe([af.RandomResizedCrop((20, 16)), af.SomeOf([af.Invert(p=1), af.Brightness()], 1)]), 5e-3),
        (af.Recipe([af.CenterCrop(20), af.RandomOrder([af.Rotate90(p=1), af.Gamma()])], fill="wrap"), 1.01),
        (af.Recipe([af.RandomWidth(), af.Resize((H, W), "cover"), af.CenterCrop((H, W)), af.Erase(p=0.7)]), 5e-3),
        (af.Recipe([af.OneOf([af.Posterize(p=1), af.Solarize(p=1)]), af.PerImageStandardize()]), 0.1),
    ],
)
def test_the_hosts_draws_in_a_compiled_program(recipe: af.Recipe, bound: float) -> None:
    """A value of a table may be a level off where the host's lies between two."""
    layer = Augment(recipe, seed=7)
    step = compiled(lambda images, indices, epoch: layer(images, indices=indices, epoch=epoch, training=True))
    tensors = [keras.ops.convert_to_tensor(a) for a in (IMAGES, INDICES.astype(np.int32), np.int32(4))]
    wanted = recipe.batch(IMAGES, seed=7, epoch=4, indices=INDICES, dtype="float32").images
    assert np.abs(array(step(*tensors)) - wanted).max() < bound


@pytest.mark.parametrize("jit", [True, False])
def test_fit_with_a_last_batch_that_is_smaller(jit: bool) -> None:
    if BACKEND == "torch" and jit:
        pytest.skip("torch.compile takes minutes")
    made = trained(model(), jit_compile=jit)
    assert int(array(made.layers[1].calls)) == 6
    assert np.isfinite(made.history.history["loss"]).all()


def test_without_positions_each_call_and_each_image_draws_anew() -> None:
    same = keras.ops.convert_to_tensor(np.repeat(IMAGES[:1], 4, axis=0))
    layer = Augment(RECIPE, seed=3)
    one, two = (array(layer(same, training=True)) for _ in range(2))
    assert len({image.tobytes() for image in (*one, *two)}) == 8
    again = Augment(RECIPE, seed=3)
    assert np.array_equal(array(again(same, training=True)), one)
    wanted = RECIPE.batch(array(same), seed=3, epoch=1, indices=np.arange(4)).images
    assert np.abs(two - wanted).max() * GRAY_LEVELS < 2e-3


@pytest.mark.parametrize("training", [False, None])
def test_inference_is_the_evaluation_form(training: bool | None) -> None:
    recipe = af.Recipe([af.Rotate(40), af.RandomCrop((20, 16)), af.Normalize()])
    layer = Augment(recipe, seed=0)
    found = array(layer(keras.ops.convert_to_tensor(IMAGES), training=training))
    assert np.abs(found - recipe.batch(IMAGES, training=False, seed=0).images).max() < 1e-5
    assert int(array(layer.calls)) == 0
    assert layer.compute_output_shape((None, H, W, 3)) == (None, 20, 16, 3)


def test_saved_and_loaded(tmp_path: Path) -> None:
    made = trained(model())
    made.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    layer = loaded.layers[1]
    assert (layer.recipe, layer.seed, int(array(layer.calls))) == (RECIPE, 1, 6)
    assert np.array_equal(loaded.predict(IMAGES, verbose=0), made.predict(IMAGES, verbose=0))


def test_exported(tmp_path: Path) -> None:
    made = model()
    wanted = made.predict(IMAGES, verbose=0)
    if BACKEND == "torch":
        import torch

        program = torch.export.export(made.eval(), (torch.from_numpy(IMAGES),)).module()
        found = program(torch.from_numpy(IMAGES)).detach().numpy()
    else:
        tf = pytest.importorskip("tensorflow", reason="needs the extra: pip install 'augfuse[tensorflow]'")
        made.export(str(tmp_path / "model"), format="tf_saved_model", verbose=False)
        loaded = tf.saved_model.load(str(tmp_path / "model"))
        found = loaded.serve(IMAGES).numpy()
    assert np.abs(found - wanted).max() < 1e-5


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_mixed_precision_keeps_coordinates(policy: str) -> None:
    layer = Augment(RECIPE, seed=0, dtype=policy)
    found = layer(keras.ops.convert_to_tensor(IMAGES), indices=INDICES, epoch=0, training=True)
    assert keras.backend.standardize_dtype(found.dtype) == policy[6:]
    wanted = RECIPE.batch(IMAGES, seed=0, indices=INDICES).images
    assert np.abs(array(keras.ops.cast(found, "float32")) - wanted).max() < (0.01 if "bf" in policy else 2e-3)


def test_uint8_in_and_out() -> None:
    recipe = af.Recipe([af.Rotate(30), af.Brightness()])
    layer = Augment(recipe, seed=0, dtype="uint8")
    found = array(layer(keras.ops.convert_to_tensor(IMAGES), indices=INDICES, epoch=0, training=True))
    wanted = recipe.batch(IMAGES, seed=0, indices=INDICES).images
    assert found.dtype == np.uint8 and np.abs(found.astype(int) - wanted).max() <= 1


@pytest.mark.parametrize(
    ("transform", "words"),
    [
        (af.MixUp(), "MixUp, which mixes samples"),
        (af.When([1], [af.Rotate()]), "When, which asks for labels"),
        (af.Lambda(np.flip, kind="local"), "Lambda"),
        (af.CropToMask(8), "CropToMask, which looks for boxes or masks"),
        (af.OneOf([af.Rotate(), af.Lambda(np.flip, kind="local")]), "Lambda"),
        (af.Views(a=[af.Rotate()], b=[]), "Views, which makes several images"),
    ],
)
def test_what_does_not_run_is_refused_by_name(transform: Any, words: str) -> None:
    with pytest.raises(RecipeError, match=f"Augment: got a recipe with {words}.*(Take it out)"):
        Augment(af.Recipe([transform]))


@pytest.mark.parametrize("transform", [af.Perspective(), af.Schedule(af.Rotate(), epochs=3)])
def test_what_only_draws_on_the_host(transform: Any) -> None:
    recipe = af.Recipe([transform], interpolation="nearest")
    if BACKEND != "torch":
        with pytest.raises(RecipeError, match=f"{type(transform).__name__}.*into the recipe of the af.Loader"):
            Augment(recipe)
        return
    found = Augment(recipe, seed=0)(keras.ops.convert_to_tensor(IMAGES), indices=INDICES, epoch=2, training=True)
    wanted = recipe.batch(IMAGES, seed=0, epoch=2, indices=INDICES).images
    assert (array(found) == wanted).mean() > 0.999  # a pixel on an edge may be its neighbour


@pytest.mark.parametrize(
    ("transforms", "shape", "words"),
    [
        ([af.RandomWidth()], (H, W, 3), "different sizes"),
        ([af.Transpose()], (H, W, 3), "different sizes"),
        ([af.Rotate()], (None, None, 3), "wanted a fixed height, width"),
        ([af.Rotate()], (3, H, W), "looks like channels first"),
        ([af.Rotate()], (H, W), "wanted \\(n, height, width, channels\\)"),
        ([af.Hue()], (H, W, 2), "2 channels"),
    ],
)
def test_images_that_do_not_fit_are_refused_when_the_model_is_built(
    transforms: list[af.Transform], shape: Any, words: str
) -> None:
    with pytest.raises(AugfuseError, match=words):
        Augment(af.Recipe(transforms))(keras.Input(shape, dtype="uint8"))


def test_floats_are_warned_about_where_they_cannot_be_looked_at() -> None:
    with pytest.warns(af.AugfuseWarning, match=r"count as 0..1; .* keras.Input\(shape, dtype='uint8'\)"):
        Augment(af.Recipe([af.Rotate()]), seed=0)(keras.Input(IMAGES.shape[1:]))
    Augment(af.Recipe([af.Rotate()], value_range=(0, 255)), seed=0)(keras.Input(IMAGES.shape[1:]))


def test_values_and_dtypes_that_do_not_fit() -> None:
    layer = Augment(af.Recipe([af.Rotate()]), seed=0)
    with pytest.raises(ImageError, match="Declare value_range"):
        layer(keras.ops.convert_to_tensor(IMAGES.astype(np.float32)), training=True)
    with pytest.raises(ImageTypeError, match="int32"):
        layer(keras.ops.convert_to_tensor(IMAGES.astype(np.int32)))
    with pytest.raises(ImageError, match="got indices"):
        layer(keras.ops.convert_to_tensor(IMAGES), indices=INDICES[:2], epoch=0, training=True)
    with pytest.raises(ImageTypeError, match="wanted an af"):
        Augment([af.Rotate()])  # type: ignore[arg-type]


def test_floats_in_a_declared_range() -> None:
    recipe = af.Recipe([af.Rotate(30), af.Invert()], value_range=(-1, 1))
    images = IMAGES.astype(np.float32) / 127.5 - 1
    layer = Augment(recipe, seed=0)
    found = array(layer(keras.ops.convert_to_tensor(images), indices=INDICES, epoch=0, training=True))
    assert np.abs(found - recipe.batch(images, seed=0, indices=INDICES).images).max() < 1e-4


def test_a_layer_of_a_later_version() -> None:
    config = Augment(RECIPE, seed=0).get_config()
    assert Augment.from_config(config).recipe == RECIPE
    with pytest.raises(RecipeError, match="later version of augfuse"):
        Augment.from_config(config | {"form": 99})
    with pytest.raises(RecipeError, match="another layer"):
        Augment.from_config({"name": "rescaling"})


@pytest.mark.slow(reason="TensorFlow's strategies, in a process of their own")
@pytest.mark.skipif(BACKEND != "tensorflow", reason="TensorFlow's strategies")
def test_replicas_draw_differently() -> None:
    """Each sees a part of the batch, with places that begin at 0. In a process of its own: devices come first."""
    code = """
import numpy as np, tensorflow as tf
cpus = tf.config.list_physical_devices("CPU")
tf.config.set_logical_device_configuration(cpus[0], [tf.config.LogicalDeviceConfiguration()] * 2)
import augfuse as af
from augfuse.keras import Augment
strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
with strategy.scope():
    layer = Augment(af.Recipe([af.Rotate(40)]), seed=0)
images = tf.constant(np.random.default_rng(0).integers(0, 256, (1, 24, 24, 3), dtype=np.uint8))
step = tf.function(lambda: strategy.run(lambda: layer(images, training=True)))
found = [v.numpy() for _ in range(2) for v in strategy.experimental_local_results(step())]
assert len({v.tobytes() for v in found}) == 4, [v.mean() for v in found]
assert int(layer.calls.value.numpy()) == 2
"""
    environment = {**os.environ, "KERAS_BACKEND": "tensorflow", "TF_CPP_MIN_LOG_LEVEL": "3"}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]


@pytest.mark.slow(reason="runs this file again on another backend")
@pytest.mark.skipif("AUGFUSE_TEST_BACKEND" in os.environ, reason="this run is one for another backend")
@pytest.mark.parametrize("backend", [name for name in ("tensorflow", "torch", "jax") if name != BACKEND])
def test_other_backend(backend: str) -> None:
    if backend not in BACKENDS:
        pytest.skip(f"needs the extra: pip install 'augfuse[{backend}]'")
    environment = os.environ | {"KERAS_BACKEND": backend, "AUGFUSE_TEST_BACKEND": backend}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", __file__]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
