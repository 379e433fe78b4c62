"""`to_recipe` and `describe`: the same pixels where the recipe's transforms can express them, words where not."""

from __future__ import annotations

import math
import warnings
from types import SimpleNamespace
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

pytest.importorskip("keras", reason="needs the extra: pip install 'augfuse[keras]'")
pytest.importorskip("scipy", reason="needs the extra: pip install 'augfuse[keras]'")

from keras.src.legacy.preprocessing.image import ImageDataGenerator as Legacy

import augfuse as af
from augfuse.errors import AugfuseError, RangeError, RecipeError
from augfuse.keras.migrate import describe, to_recipe

SIZE = 48


def legacy(**arguments: Any) -> Legacy:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Keras says which arguments override which
        return Legacy(**arguments)


def scene(size: int = SIZE) -> np.ndarray:
    """One smooth uint8 image without symmetry, so that the half grey level of two interpolations does not grow."""
    y, x = np.mgrid[0:size, 0:size] / size
    planes = [np.sin(5 * x + 2 * y), np.cos(4 * y - x), np.sin(3 * x * y + 1)]
    return np.rint(127.5 + 120 * np.stack(planes, axis=-1)).astype(np.uint8)


def keras_pixels(generator: Legacy, parameters: dict[str, Any], image: np.ndarray) -> np.ndarray:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # scipy.ndimage.interpolation is deprecated
        return generator.standardize(generator.apply_transform(image.astype(np.float32), parameters))


def pinned(recipe: af.Recipe, parameters: dict[str, Any]) -> af.Recipe:
    """The recipe with each range narrowed to what Keras drew. tx is Keras' shift in pixels along the width."""
    theta, shear = parameters.get("theta", 0.0), parameters.get("shear", 0.0)
    zx, zy = parameters.get("zx", 1.0), parameters.get("zy", 1.0)
    shift_x, shift_y = -parameters.get("tx", 0.0) / SIZE, -parameters.get("ty", 0.0) / SIZE
    values: dict[type, dict[str, Any]] = {
        af.Rotate: {"degrees": (theta, theta)},
        af.Translate: {"x": (shift_x, shift_x), "y": (shift_y, shift_y)},
        af.Shear: {"x": (shear, shear)},
        af.Scale: {"x": (1 / zx, 1 / zx), "y": (1 / zy, 1 / zy)},
        af.HorizontalFlip: {"p": float(parameters.get("flip_horizontal", False))},
        af.VerticalFlip: {"p": float(parameters.get("flip_vertical", False))},
    }
    fixed: list[af.Transform] = []
    for transform in recipe.transforms:
        fixed.append(msgspec.structs.replace(transform, **values.get(type(transform), {})))
        if isinstance(transform, af.Shear):  # the part of Keras' matrix that is no shear
            stretch = 1 / math.cos(math.radians(shear))
            fixed.append(af.Scale(x=(1, 1), y=(stretch, stretch)))
    return msgspec.structs.replace(recipe, transforms=fixed)


def recipe_pixels(recipe: af.Recipe, image: np.ndarray) -> np.ndarray:
    return recipe.batch(image[None], seed=0, dtype="float32").images[0]


WARP = {
    "rotation_range": 40,
    "width_shift_range": 0.3,
    "height_shift_range": 0.3,
    "shear_range": 25,
    "zoom_range": (0.8, 1.4),
    "horizontal_flip": True,
    "vertical_flip": True,
}
WARPS = {
    "rotation": {"theta": 20.0},
    "shift": {"tx": 5.0, "ty": -3.25},
    "shear": {"shear": 15.0},
    "zoom": {"zx": 1.3, "zy": 0.85},
    "flips": {"flip_horizontal": True},
    "flip down": {"flip_vertical": True},
    "all": {"theta": -33.0, "tx": 4.5, "ty": 6.0, "shear": -20.0, "zx": 0.9, "zy": 1.2, "flip_horizontal": True},
}


@pytest.mark.parametrize("fill_mode", ["nearest", "reflect"])
@pytest.mark.parametrize("parameters", WARPS.values(), ids=WARPS.keys())
def test_the_same_pixels_as_keras(parameters: dict[str, Any], fill_mode: str) -> None:
    generator = legacy(**WARP, fill_mode=fill_mode)
    ours = recipe_pixels(pinned(to_recipe(generator), parameters), scene())
    assert np.abs(ours - keras_pixels(generator, parameters, scene())).max() < 0.02


@pytest.mark.parametrize("fill_mode", ["constant", "wrap"])
def test_the_same_pixels_as_keras_away_from_the_borders(fill_mode: str) -> None:
    parameters = {"theta": 25.0, "tx": 2.0, "zx": 0.8, "zy": 0.8}
    generator = legacy(**WARP, fill_mode=fill_mode, cval=7)
    recipe = to_recipe(generator)
    ours, theirs = recipe_pixels(pinned(recipe, parameters), scene()), keras_pixels(generator, parameters, scene())
    middle = slice(SIZE // 4, -SIZE // 4)
    assert np.abs(ours - theirs)[middle, middle].max() < 0.02
    assert recipe.fill_value == ((7.0,) if fill_mode == "constant" else (0.0,))


@pytest.mark.parametrize("seed", range(4))
def test_the_same_pixels_as_our_own_class_on_pictures_that_are_not_square(seed: int) -> None:
    from augfuse.keras import ImageDataGenerator

    generator = ImageDataGenerator(**WARP)
    wide = np.concatenate([scene(), scene()[:, ::-1]], axis=1)
    drawn = generator.get_random_transform(wide.shape, seed=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", af.AugfuseWarning)  # says that Keras would turn about another point
        theirs = generator.apply_transform(wide.astype(np.float32), drawn)
    recipe = pinned(to_recipe(generator), drawn | {"tx": drawn["tx"] / 2})  # twice as wide as `pinned` takes it to be
    assert np.abs(recipe_pixels(recipe, wide) - theirs).max() < 0.02


def test_a_zoom_of_zero_width_needs_no_pinning() -> None:
    generator = legacy(zoom_range=(1.2, 1.2), rescale=1 / 255)
    assert to_recipe(generator).transforms == (af.Scale(x=(1 / 1.2, 1 / 1.2), y=(1 / 1.2, 1 / 1.2)), af.ToFloat())
    theirs = keras_pixels(generator, {"zx": 1.2, "zy": 1.2}, scene())
    assert np.abs(recipe_pixels(to_recipe(generator), scene()) - theirs).max() < 1e-4


@pytest.mark.parametrize("order", [0, 1])
def test_interpolation(order: int) -> None:
    generator = legacy(width_shift_range=0.5, interpolation_order=order)
    parameters = {"tx": 7.25}
    ours = recipe_pixels(pinned(to_recipe(generator), parameters), scene())
    assert np.abs(ours - keras_pixels(generator, parameters, scene())).max() < 0.02


def test_brightness() -> None:
    generator = legacy(brightness_range=(0.6, 0.6))
    ours = recipe_pixels(to_recipe(generator), scene())
    assert np.abs(ours - keras_pixels(generator, {"brightness": 0.6}, scene())).max() <= 1  # Keras rounds to 8 bits


@pytest.mark.parametrize("rescale", [None, 1 / 255, 1 / 127.5, 2.0])
@pytest.mark.parametrize("scale", ["uint8", "floats 0..255", "floats 0..1"])
def test_statistics_and_rescale(rescale: float | None, scale: str) -> None:
    image = scene() if scale == "uint8" else scene().astype(np.float32) / (1 if "255" in scale else 255)
    for arguments in ({}, {"featurewise_center": True}, {"featurewise_std_normalization": True}):
        generator = legacy(rescale=rescale, **arguments)
        generator.fit(np.stack([image, image[::-1] * 0.5]))
        recipe = to_recipe(generator)
        if not recipe.transforms:
            recipe = af.Recipe(value_range=(0, 255))
        theirs = keras_pixels(generator, {}, image)
        np.testing.assert_allclose(recipe_pixels(recipe, image), theirs, rtol=2e-4, atol=2e-4 * np.abs(theirs).max())


def test_samplewise() -> None:
    generator = legacy(samplewise_std_normalization=True, rescale=1 / 255)
    theirs = keras_pixels(generator, {}, scene())
    np.testing.assert_allclose(recipe_pixels(to_recipe(generator), scene()), theirs, atol=1e-3)


def test_the_ranges_of_the_draws() -> None:
    generator = legacy(
        rotation_range=20, width_shift_range=0.1, height_shift_range=[2, 6], shear_range=10, zoom_range=0.2,
        channel_shift_range=51, brightness_range=[0.5, 1.5], horizontal_flip=True, vertical_flip=True,
    )  # fmt: skip
    factor = (1 / 1.2, 1 / 0.8)
    assert to_recipe(generator, (60, 40, 3)).transforms == (
        af.Rotate((-20, 20)),
        af.Translate(x=(-0.1, 0.1), y=(-0.1, 0.1)),
        af.Shear(x=(-10, 10)),
        af.Scale(x=factor, y=factor),
        af.HorizontalFlip(),
        af.VerticalFlip(),
        af.ChannelShift((-0.2, 0.2)),
        af.Brightness((0.5, 1.5)),
    )
    assert to_recipe(legacy()) == af.Recipe()


def test_the_ends_of_keras_draws_lie_within_the_recipe() -> None:
    """Keras' own draws, 300 times: none outside the recipe's ranges, some close to their ends."""
    generator = legacy(**{**WARP, "width_shift_range": 6, "height_shift_range": [3, 5]})
    translate = next(t for t in to_recipe(generator, (SIZE, SIZE)).transforms if isinstance(t, af.Translate))
    scale = next(t for t in to_recipe(generator, (SIZE, SIZE)).transforms if isinstance(t, af.Scale))
    np.random.seed(0)
    drawn = [generator.get_random_transform((SIZE, SIZE, 3)) for _ in range(300)]
    # Keras fills tx from height_shift_range.
    for name, reach in (("ty", translate.x), ("tx", translate.y)):
        assert isinstance(reach, tuple)
        assert max(abs(p[name]) for p in drawn) == pytest.approx(reach[1] * SIZE)
    enlarged = [1 / p["zx"] for p in drawn]
    assert isinstance(scale.x, tuple)
    assert scale.x[0] <= min(enlarged) < scale.x[0] * 1.02
    assert scale.x[1] / 1.02 < max(enlarged) <= scale.x[1]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"width_shift_range": 5}, "width_shift_range: got 5, a shift in pixels"),
        ({"height_shift_range": [3, 9]}, r"height_shift_range: got \[3, 9\].*image_shape=\(height, width, channels\)"),
        ({"rotation_range": 720}, "rotation_range: got 720.*use rotation_range=180"),
        ({"zoom_range": 1.0}, r"zoom_range: got \(0.0, 2.0\).*use zoom_range"),
        ({"shear_range": 90}, "shear_range: got 90"),
        ({"channel_shift_range": 300.0}, "channel_shift_range: got 300"),
        ({"brightness_range": (-1, 1)}, "brightness_range: got"),
        ({"fill_mode": "mirror"}, "fill_mode: got 'mirror'"),
        ({"fill_mode": "constant", "cval": None}, "cval: got None"),
        ({"interpolation_order": 9}, "interpolation_order: got 9"),
        ({"interpolation_order": 0.5}, "interpolation_order: got 0.5"),
        ({"rescale": -1}, "rescale: got -1"),
        ({"width_shift_range": "far"}, "width_shift_range: got 'far'"),
        ({"width_shift_range": -2}, "width_shift_range: got -2.*Use width_shift_range=2"),
    ],
)
def test_errors_name_the_argument(arguments: dict[str, Any], words: str) -> None:
    with pytest.raises((RangeError, RecipeError), match=words):
        to_recipe(legacy(**arguments))


def test_statistics_are_left_out_with_the_function_they_belong_to() -> None:
    generator = legacy(featurewise_center=True, preprocessing_function=preprocess)
    generator.mean = np.zeros((1, 1, 3))
    assert to_recipe(generator) == af.Recipe()
    assert "They are statistics of what" in describe(generator)


def test_a_mean_picture_is_refused() -> None:
    generator = legacy(featurewise_center=True)
    generator.mean = np.zeros((8, 8, 3))
    with pytest.raises(RecipeError, match=r"mean: got an array of shape \(8, 8, 3\).*generator.mean"):
        to_recipe(generator)


@pytest.mark.parametrize("image_shape", [7, (7,), (0, 7), (2, 3, 4, 5), (1.5, 2), "ab", (True, 3)])
def test_image_shape_is_checked(image_shape: Any) -> None:
    with pytest.raises(RangeError, match="image_shape: got"):
        to_recipe(legacy(width_shift_range=3), image_shape)


def test_image_shape_of_channels_first() -> None:
    generator = legacy(width_shift_range=3.0, data_format="channels_first")
    assert to_recipe(generator, (3, 40, 60)) == to_recipe(generator, (40, 60))


def preprocess(x: np.ndarray) -> np.ndarray:
    return x / 127.5 - 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"shear_range": 0.2}, "11.5"),
        ({"zoom_range": 0.2}, "reciprocal"),
        ({"zoom_range": 0.6}, "averages"),
        ({"zoom_range": (1.2, 1.2)}, None),
        ({"channel_shift_range": 9.0}, "af.Lambda"),
        ({"brightness_range": (0.5, 1)}, "8 bits"),
        ({"preprocessing_function": preprocess}, "preprocess is left out"),
        ({"zca_whitening": True}, "zca_whitening: has no transform"),
        ({"featurewise_center": True}, "no mean yet"),
        ({"featurewise_std_normalization": True}, "no mean and no std yet"),
        ({"samplewise_center": True}, "samplewise_center: has no transform"),
        ({"samplewise_std_normalization": True, "featurewise_center": True}, "standardises once"),
        ({"fill_mode": "wrap"}, "n - 1"),
        ({"fill_mode": "constant"}, "half a pixel"),
        ({"interpolation_order": 3}, "3 is a spline"),
        ({"width_shift_range": 4}, "whole pixels from -3 to 3"),
        ({"width_shift_range": [0.1, 0.2]}, "one of"),
        ({"width_shift_range": 0.2}, "moves pictures by height_shift_range along the width"),
        ({"validation_split": 0.25}, "data.split(0.25)"),
        ({"data_format": "channels_first"}, "NCHW"),
        ({"dtype": "float64"}, "not float64"),
        ({"rescale": 1 / 255}, "value_range=(0, 255)"),
        ({}, "dtype='float32'"),
    ],
)
def test_what_differs_is_said(arguments: dict[str, Any], words: str | None) -> None:
    comments = "".join(line for line in describe(legacy(**arguments), (32, 32)).splitlines() if line.startswith("#"))
    comments = " ".join(comments.replace("#", " ").split())
    if words is None:
        assert "zoom_range" not in comments
    else:
        assert words in comments


def test_the_exchange_of_the_shifts_is_no_matter_of_the_mended_mode() -> None:
    generator = legacy(width_shift_range=0.2)
    mended = SimpleNamespace(**vars(generator), compat=None)
    assert "along the width" not in describe(mended)
    assert to_recipe(mended) == to_recipe(generator)


# Mostly values that make sense: with one odd value among twenty, a recipe would never come out.
ODD = st.one_of(st.floats(-400, 400), st.sampled_from([math.nan, math.inf, -1, "x"]))
NUMBERS = st.integers(0, 15).flatmap(lambda k: ODD if k == 0 else st.one_of(st.floats(0, 2), st.integers(0, 5)))
SHIFTS = st.one_of(NUMBERS, st.lists(st.floats(-1, 9), max_size=3), st.none(), st.just(np.array([0.1, 0.2])))
PAIRS = st.tuples(st.floats(0.02, 5), st.floats(0, 5))
ARGUMENTS = st.fixed_dictionaries(
    {},
    optional={
        "featurewise_center": st.booleans(),
        "samplewise_center": st.booleans(),
        "featurewise_std_normalization": st.booleans(),
        "samplewise_std_normalization": st.booleans(),
        "zca_whitening": st.booleans(),
        "zca_epsilon": st.just(1e-5),
        "rotation_range": NUMBERS,
        "width_shift_range": SHIFTS,
        "height_shift_range": SHIFTS,
        "brightness_range": st.one_of(st.none(), PAIRS, PAIRS.map(list)),
        "shear_range": NUMBERS,
        "zoom_range": st.one_of(st.floats(0, 1.2), PAIRS, PAIRS.map(list)),
        "channel_shift_range": NUMBERS,
        "fill_mode": st.sampled_from(["nearest", "reflect", "wrap", "constant"] * 4 + ["mirror"]),
        "cval": NUMBERS,
        "horizontal_flip": st.booleans(),
        "vertical_flip": st.booleans(),
        "rescale": st.one_of(st.none(), st.sampled_from([1 / 255, 0, 1] * 4 + [-1]), st.floats(1e-4, 10)),
        "preprocessing_function": st.sampled_from([None, preprocess, np.sqrt]),
        "data_format": st.sampled_from([None, "channels_first", "channels_last"]),
        "validation_split": st.sampled_from([0.0, 0.2]),
        "interpolation_order": st.sampled_from([0, 1, 2, 5] * 4 + [-1, 6]),
        "dtype": st.sampled_from([None, "float32", np.float64]),
    },
)


@pytest.mark.filterwarnings("ignore:Normalize.mean:augfuse.errors.AugfuseWarning")  # the mean may be in other units
@settings(max_examples=200)
@given(arguments=ARGUMENTS, image_shape=st.sampled_from([None, (32, 32), (3, 32, 3)]), fitted=st.booleans())
def test_any_generator_gives_a_recipe_or_an_error_that_names_an_argument(
    arguments: dict[str, Any], image_shape: tuple[int, ...] | None, fitted: bool
) -> None:
    generator = legacy(**arguments)
    if fitted:
        shape = (1, 1, 3) if generator.data_format == "channels_last" else (3, 1, 1)
        generator.mean, generator.std = np.full(shape, 100.25), np.full(shape, 3.5)
    try:
        recipe = to_recipe(generator, image_shape)
        event("a recipe")
    except AugfuseError as error:
        assert str(error).split(":")[0] in arguments
        return
    assert af.Recipe.from_yaml(recipe.to_yaml()) == recipe
    session: dict[str, Any] = {}
    exec(describe(generator, image_shape), session)
    assert session["recipe"] == recipe
    images = recipe.batch(scene(32)[None], seed=0).images
    assert images.shape == (1, 32, 32, 3)
    assert np.isfinite(images).all()


def test_the_comments_fit_the_page() -> None:
    everything = legacy(
        rotation_range=5, width_shift_range=4, height_shift_range=[1, 2], shear_range=0.1, zoom_range=0.6,
        channel_shift_range=9.0, brightness_range=(0.5, 1), fill_mode="constant", interpolation_order=3,
        preprocessing_function=preprocess, validation_split=0.2, data_format="channels_first", dtype="float64",
        samplewise_std_normalization=True, featurewise_center=True,
    )  # fmt: skip
    lines = describe(everything, (3, 40, 60)).splitlines()
    assert lines[0] == "import augfuse as af"
    assert max(len(line) for line in lines if line.startswith("#")) <= 100
