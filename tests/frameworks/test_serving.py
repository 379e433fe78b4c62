"""`af.export`: what an artefact gives its network is what the recipe writes; what it cannot hold is refused by name."""

from __future__ import annotations

import os
import subprocess
import sys
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import augfuse as af
from augfuse.serving.placement import followed
from augfuse.serving.program import program

keras = pytest.importorskip("keras", reason="needs the extra: pip install 'augfuse[keras,tensorflow]'")
# Of Keras' variables, and of its use of tf2onnx.
pytestmark = [
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:In the future `np.object`:FutureWarning"),
]

RNG = np.random.default_rng(0)
SIZES = ((48, 40), (64, 64), (97, 33), (375, 500), (20, 30), (73, 61), (1, 1), (300, 7))
PHOTO = af.Recipe([af.RandomResizedCrop(32), af.HorizontalFlip(), af.ColorJitter(), af.Normalize()])
HELD = {
    "stretched": af.Recipe([af.Resize((48, 40)), af.Normalize()]),
    "covered and cropped": af.Recipe([af.RandomResizedCrop(56), af.Rotate(20), af.Normalize()]),
    "nearest": af.Recipe([af.Resize(56, mode="cover"), af.CenterCrop((48, 40))], interpolation="nearest"),
    "bicubic": af.Recipe([af.Resize((48, 40)), af.ToFloat()], interpolation="bicubic"),
    "area": af.Recipe([af.Resize((48, 40)), af.ToFloat()], interpolation="area"),
    "letter box": af.Recipe([af.LetterBox((48, 64), value=(9, 99, 199)), af.ToFloat()]),
    "padded with a colour": af.Recipe(
        [af.Resize(48, mode="contain"), af.PadIfNeeded(48), af.Grayscale(p=1), af.Invert(p=1), af.ToFloat()],
        fill="constant",
        fill_value=(10, 200, 30),
    ),
    "padded with the edge": af.Recipe([af.SmallestMaxSize(50), af.Pad(3), af.CenterCrop(48), af.ToFloat()]),
    "longest side": af.Recipe([af.LongestMaxSize(40), af.PadIfNeeded(1, divisor=48, position="top_left")]),
    "standardized": af.Recipe([af.Resize(33), af.PerImageStandardize()]),
    "another range": af.Recipe([af.Resize(33), af.ToFloat()], value_range=(20, 200)),
}


def noise(*shape: int) -> np.ndarray:
    return RNG.integers(0, 256, shape, dtype=np.uint8)


def network(shape: tuple[int, ...] = (32, 32, 3), classes: int = 4) -> Any:
    """Weights that depend on every pixel, compiled, so that there is an optimiser to leave out."""
    layers = keras.layers
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [keras.Input(shape), layers.Conv2D(4, 3, activation="relu"), layers.Dropout(0.5), layers.Flatten(),
         layers.Dense(classes, activation="softmax")]
    )  # fmt: skip
    model.compile("adam", "categorical_crossentropy")
    return model


def predicted(model: Any, recipe: af.Recipe, images: Any) -> np.ndarray:
    return model.predict_on_batch(recipe.batch(images, training=False, dtype="float32").images)


def elsewhere(code: str, **variables: Path) -> np.ndarray:
    """What a new process without augfuse saves as out.npy; the names of `variables` are paths in it."""
    out = next(iter(variables.values())).parent / "out.npy"
    lines = [
        "import sys; sys.modules['augfuse'] = None; import numpy as np",
        *(f"{name} = {str(value)!r}" for name, value in variables.items()),
        code,
        f"np.save({str(out)!r}, np.asarray(found))",
    ]
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "KERAS_BACKEND": keras.backend.backend()}
    done = subprocess.run([sys.executable, "-c", "\n".join(lines)], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    return np.load(out)


@pytest.mark.parametrize("name", HELD)
def test_the_network_is_given_what_the_recipe_writes(name: str) -> None:
    from augfuse.serving.keras import predictor, raw_input

    recipe = HELD[name]
    if keras.backend.backend() == "jax":
        pytest.skip("each size takes seconds to compile")
    written = predictor(keras.Model(*raw_input(program(recipe, 3), None)))
    for size in SIZES:
        images = noise(2, *size, 3) // 2 + 50 if recipe.value_range else noise(2, *size, 3)
        wanted = recipe.batch(np.clip(images, 20, 200) if recipe.value_range else images, training=False).images
        given = np.asarray(written(images), np.float32)
        span = max(float(np.ptp(wanted)), 1 / 255)
        assert given.shape == wanted.shape
        uint8 = 0.51 * 255 / span if wanted.dtype == np.uint8 else 0
        assert np.abs(given - wanted).max() / span * 255 < max(2e-3, uint8), (name, size)


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_channels_of_every_kind(channels: int) -> None:
    from augfuse.serving.keras import predictor, raw_input

    recipe = af.Recipe([af.Resize((20, 24)), af.Grayscale(p=1), af.Normalize(mean=0.4, std=0.3)])
    images = noise(2, 31, 50, channels)
    written = predictor(keras.Model(*raw_input(program(recipe, channels), None)))
    np.testing.assert_allclose(written(images), recipe.batch(images, training=False).images, atol=1e-4)


@pytest.mark.parametrize("name", HELD)
def test_the_formulas_follow_the_transforms_for_any_size(name: str) -> None:
    made = program(HELD[name], 3)
    height, width = RNG.integers(1, 3000, (2, 20_000))
    y, x = followed(made.moves, np, height.astype(float), width.astype(float))
    sizes = af.recipe.Canvas(height, width)  # type: ignore[attr-defined]
    plan = HELD[name].eval().plan(sizes, 3, np.dtype(np.uint8), np.arange(len(height)), seed=0)
    (step,) = plan.steps
    matrix: Any = step.geometry  # type: ignore[union-attr]
    for ours, theirs in ((x.scale, matrix[:, 0, 0]), (x.shift, matrix[:, 0, 2]), (y.scale, matrix[:, 1, 1])):
        np.testing.assert_allclose(np.broadcast_to(ours, theirs.shape), theirs, rtol=1e-12, atol=1e-9)


@pytest.mark.slow(reason="in a process of its own, with TensorFlow")
def test_a_keras_file_needs_nothing_of_augfuse(tmp_path: Path) -> None:
    model, images = network(), noise(3, 71, 90, 3)
    done = af.export(model, PHOTO, tmp_path / "m.keras")
    assert done.format == "keras" and done.images == 12 and done.levels < 0.01
    assert done.max_difference <= done.bound == 1e-3
    assert "12 raw images: predictions differ by at most" in str(done)
    np.save(tmp_path / "x.npy", images)
    found = elsewhere(
        "import keras\nfound = keras.models.load_model(path).predict_on_batch(np.load(images))",
        path=done.path, images=tmp_path / "x.npy",
    )  # fmt: skip
    np.testing.assert_allclose(found, predicted(model, PHOTO, images), atol=1e-5)
    assert done.path.stat().st_size < 1.5 * sum(w.nbytes for w in model.get_weights()) + 100_000, "no optimiser in it"


def photo(number: int) -> Image.Image:
    return Image.fromarray(np.kron(noise(6, 9, 3), np.ones((8, 8, 1), np.uint8))).resize((70 + 9 * number, 60))


def files() -> list[bytes]:
    """JPEG in all eight orientations and kinds, PNG, GIF, BMP."""
    found = []
    for turn in range(1, 9):
        file, exif = BytesIO(), Image.Exif()
        exif[0x112] = turn
        photo(turn).save(file, "JPEG", quality=85, exif=exif, subsampling=turn % 3, progressive=bool(turn % 2))
        found.append(file.getvalue())
    for form, mode in (("PNG", "RGB"), ("PNG", "RGBA"), ("PNG", "L"), ("PNG", "P"), ("BMP", "RGB"), ("JPEG", "L")):
        file = BytesIO()
        photo(1).convert(mode).save(file, form)
        found.append(file.getvalue())
    return found


def needs_tensorflow() -> None:
    pytest.importorskip("tensorflow", reason="needs the extra: pip install 'augfuse[tensorflow]'")
    if keras.backend.backend() != "tensorflow":
        pytest.skip("Keras does not run on TensorFlow here")


@pytest.mark.slow(reason="writes and reads models in other processes")
def test_a_saved_model_answers_encoded_images(tmp_path: Path) -> None:
    needs_tensorflow()
    model, raw = network(), files()
    done = af.export(model, PHOTO, tmp_path / "served")
    assert {kind: found.levels for kind, found in done.encoded.items()} == {"PNG": 0, "JPEG": 0}
    for number, one in enumerate(raw):
        (tmp_path / f"{number}.bin").write_bytes(one)
    found = elsewhere(
        "import tensorflow as tf, glob, pathlib\n"
        "raw = [pathlib.Path(folder, f'{i}.bin').read_bytes() for i in range(14)]\n"
        "served = tf.saved_model.load(path).signatures\n"
        "found = served['serving_default'](image_bytes=tf.constant(raw))['output'].numpy()",
        path=done.path, folder=tmp_path,
    )  # fmt: skip
    wanted = predicted(model, PHOTO, [af.decode(one, color="rgb") for one in raw])
    np.testing.assert_allclose(found, wanted, atol=1e-5)


@pytest.mark.parametrize(("channels", "color"), [(3, "rgb"), (1, "grayscale"), (4, "rgba")])
def test_bytes_are_decoded_as_augfuse_does(channels: int, color: Any) -> None:
    needs_tensorflow()
    from augfuse.serving.tensorflow import decoded

    for one in files():
        wanted = af.decode(one, color=color)
        given = decoded(one, channels).numpy().astype(int)
        assert given.shape == wanted.shape
        # Gray JPEGs of colour are the stored luma in augfuse, of the kinds that store it.
        assert np.abs(given - wanted).max() <= (1 if channels == 1 else 0)


@pytest.mark.parametrize("head", [b"", b"\xff\xd8\xff\xe1\x00\x20Exif\0\0MM\0*", b"\xff\xd8\xff" + b"\xff" * 50])
def test_broken_exif_says_nothing(head: bytes) -> None:
    needs_tensorflow()
    from augfuse.serving.tensorflow import orientation

    assert int(orientation(head)) == 1


def test_onnx_of_keras(tmp_path: Path) -> None:
    needs_tensorflow()
    pytest.importorskip("tf2onnx", reason="needs the extra: pip install 'augfuse[onnx]'")
    runtime = pytest.importorskip("onnxruntime", reason="needs the extra: pip install 'augfuse[onnx]'")
    model, images = network(), noise(3, 71, 90, 3)
    done = af.export(model, PHOTO, tmp_path / "m.onnx")
    session = runtime.InferenceSession(str(done.path))
    (found,) = session.run(None, {session.get_inputs()[0].name: images})
    np.testing.assert_allclose(found, predicted(model, PHOTO, images), atol=1e-5)


def test_a_recipe_without_a_size_takes_that_of_the_model(tmp_path: Path) -> None:
    model, recipe, images = network((16, 20, 1)), af.Recipe([af.Rotate(20), af.ToFloat()]), noise(5, 16, 20, 1)
    done = af.export(model, recipe, tmp_path / "m.keras", images=images)
    assert done.images == 5
    served = keras.models.load_model(done.path)
    assert served.input_shape == (None, 16, 20, 1)
    np.testing.assert_allclose(served.predict_on_batch(images), predicted(model, recipe, images), atol=1e-5)


def test_images_of_a_data_set_are_compared(tmp_path: Path) -> None:
    data = af.from_arrays(noise(70, 50, 40, 3), np.zeros(70, np.int64))
    assert af.export(network(), PHOTO, tmp_path / "m.keras", images=data).images == 64


def test_what_disagrees_is_not_kept(tmp_path: Path) -> None:
    """A layer that does something else once it is read back."""

    @keras.saving.register_keras_serializable("test")
    class Drifting(keras.layers.Layer):
        def __init__(self, by: float = 1.0, **given: Any) -> None:
            super().__init__(**given)
            self.by = by

        def call(self, inputs: Any) -> Any:
            return inputs * self.by

        def get_config(self) -> dict[str, Any]:
            return {**keras.layers.Layer.get_config(self), "by": self.by + 0.5}

    model = keras.Sequential([keras.Input((32, 32, 3)), Drifting(), keras.layers.Flatten(), keras.layers.Dense(3)])
    with pytest.raises(af.DataError, match=r"disagrees with the training pipeline for raw images, and is not kept"):
        af.export(model, PHOTO, tmp_path / "m.keras")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("recipe", "message"),
    [
        (af.Recipe([af.Resize(32), af.Barrier(), af.ToFloat()]), r"keeps Barrier.*put what it does into the model"),
        (af.Recipe([af.Resize(32), af.Equalize(p=1)]), r"keeps Equalize.*leave it out"),
        (af.Recipe([af.LongestMaxSize(32), af.ToFloat()]), r"differs in size from image to image.*CenterCrop"),
        (af.Recipe([af.CenterCrop(32), af.ToFloat()], fill="reflect"), r'fill="nearest" or "constant"'),
        (af.Recipe([af.Resize(30), af.LetterBox(32)]), r"takes 2 passes over the pixels"),
        (af.Recipe([af.Resize(31), af.ToFloat()]), r"makes images of 31x31, and the model takes 32x32"),
        (af.Recipe([af.Views(a=[af.Resize(32)], b=[af.Resize(32)])]), r"keeps Views.*leave it out"),
    ],
)
def test_recipes_that_no_artefact_holds(recipe: af.Recipe, message: str, tmp_path: Path) -> None:
    with pytest.raises(af.RecipeError, match=message):
        af.export(network(), recipe, tmp_path / "m.keras")


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"model": len}, af.ImageTypeError, "wanted a Keras model or a PyTorch module"),
        ({"recipe": [af.ToFloat()]}, af.ImageTypeError, r"as recipe, wanted af.Recipe"),
        ({"path": "m.h5"}, af.DataError, r"wanted a path such as 'served'"),
        ({"path": "m.pt2"}, af.DataError, r"a Keras model does not become an ExportedProgram"),
        ({"path": "none/m.keras"}, af.DataError, "there is no folder"),
        ({"format": "tflite"}, af.DataError, r"one of the formats"),
        ({"tolerance": 0}, af.RangeError, "wanted a number between 0 and 1"),
        ({"layout": "HWC"}, af.RangeError, "layout"),
        ({"layout": "NCHW"}, af.RangeError, "for a Keras model"),
        ({"color": "grayscale"}, af.DataError, r"takes 3 channels: color='rgb'"),
        ({"color": "bgr"}, af.DataError, r"color: got 'bgr'"),
        ({"images": np.zeros((2, 40, 40, 3), np.float32)}, af.ImageTypeError, r"float32 and 3 channels, wanted uint8"),
        ({"images": np.zeros((2, 40, 40, 1), np.uint8)}, af.ImageTypeError, r"1 channels, wanted uint8 and 3"),
    ],
)
def test_wrong_arguments(change: dict[str, Any], error: Any, message: str, tmp_path: Path) -> None:
    given: dict[str, Any] = {"model": network(), "recipe": PHOTO, "path": "m.keras", **change}
    with pytest.raises(error, match=message):
        af.export(given.pop("model"), given.pop("recipe"), tmp_path / given.pop("path"), **given)


def test_nothing_is_replaced_unasked(tmp_path: Path) -> None:
    target = tmp_path / "m.keras"
    target.write_bytes(b"mine")
    with pytest.raises(af.DataError, match=r"is there already\. Type overwrite=True"):
        af.export(network(), PHOTO, target)
    assert target.read_bytes() == b"mine"
    af.export(network(), PHOTO, target, overwrite=True)
    assert keras.models.load_model(target).count_params()
    (tmp_path / "served").mkdir()
    (tmp_path / "served" / "notes.txt").write_text("mine")
    if keras.backend.backend() == "tensorflow":
        with pytest.raises(af.DataError, match="is there, and is not a SavedModel"):
            af.export(network(), PHOTO, tmp_path / "served", overwrite=True)


def test_a_model_that_is_not_square(tmp_path: Path) -> None:
    """Files that are stored turned have its size, too."""
    network = keras.Sequential([keras.Input((20, 30, 3)), keras.layers.GlobalAveragePooling2D(), keras.layers.Dense(2)])
    found = af.export(network, af.Recipe([af.HorizontalFlip(), af.ToFloat()]), tmp_path / "served")
    assert "JPEG" in str(found)


def test_a_model_with_a_recipe_inside(tmp_path: Path) -> None:
    """Its recipe is not done twice."""
    from augfuse.keras import Augment

    recipe = af.Recipe([af.Rotate(), af.Normalize()])
    inputs = keras.Input((24, 24, 3), dtype="uint8")
    pooled = keras.layers.GlobalAveragePooling2D()(Augment(recipe, seed=0)(inputs))
    model = keras.Model(inputs, keras.layers.Dense(2)(pooled))
    with pytest.raises(af.RecipeError, match=r"the model holds an Augment.*af.Recipe\(\[\]\)"):
        af.export(model, recipe, tmp_path / "served")
    with pytest.raises(af.RecipeError, match="a SavedModel"):
        af.export(model, af.Recipe([]), tmp_path / "served.keras")
    af.export(model, af.Recipe([]), tmp_path / "served")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["served"]
