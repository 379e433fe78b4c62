"""Recipes: their files, what they accept, and what they say about the rest."""

from __future__ import annotations

import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

import augfuse as af
from augfuse.transforms.custom import reverse_channels
from oracles import pictures
from trees import bodies, ends

recipes = st.builds(
    lambda body, end, **options: af.Recipe([*body, *end], **options),
    bodies(),
    ends(),
    fill=st.sampled_from(["nearest", "reflect", "wrap", "constant"]),
    fill_value=st.floats(-1e6, 1e6) | st.lists(st.integers(0, 255), min_size=1, max_size=4).map(tuple),
    interpolation=st.sampled_from(["bilinear", "nearest", "bicubic", "area"]),
    value_range=st.none() | st.tuples(st.floats(-1e3, 0), st.floats(1e-3, 1e3)),
    box_format=st.just("pascal_voc"),
)


@given(recipes)
def test_round_trips(recipe: af.Recipe) -> None:
    assert af.Recipe.from_yaml(recipe.to_yaml()) == recipe
    assert af.Recipe.from_dict(recipe.to_dict()) == recipe
    assert eval(recipe.to_python(), {"af": af, "reverse_channels": reverse_channels}) == recipe
    assert pickle.loads(pickle.dumps(recipe)) == recipe
    assert yaml.safe_load(recipe.to_yaml()) == recipe.to_dict()


@given(recipes, recipes)
def test_fingerprints_differ_where_recipes_do(one: af.Recipe, other: af.Recipe) -> None:
    assert (one.fingerprint() == other.fingerprint()) == (one == other)


def test_the_fingerprint_is_the_same_in_every_process() -> None:
    code = "import augfuse as af; print(af.Recipe([af.Rotate(20), af.Normalize()]).fingerprint())"
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert printed.strip() == af.Recipe([af.Rotate(20), af.Normalize()]).fingerprint()


def test_how_a_file_looks() -> None:
    recipe = af.Recipe([af.Rotate(20), af.Normalize(0.5, 0.25)], fill="constant", fill_value=128)
    assert recipe.to_yaml() == (
        "augfuse: 1\n"
        "transforms:\n"
        "- Rotate:\n"
        "    degrees: [-20.0, 20.0]\n"
        "    p: 1.0\n"
        "- Normalize:\n"
        "    mean: [0.5]\n"
        "    std: [0.25]\n"
        "    p: 1.0\n"
        "fill: constant\n"
        "fill_value: [128.0]\n"
        "interpolation: bilinear\n"
        "value_range: null\n"
        "box_format: pascal_voc\n"
    )
    assert recipe.to_python() == (
        "af.Recipe([\n    af.Rotate(degrees=(-20, 20)),\n    af.Normalize(mean=(0.5,), std=(0.25,)),\n"
        "], fill='constant', fill_value=(128,))"
    )


def test_what_people_write_by_hand() -> None:
    text = """
transforms:
- HorizontalFlip
- Rotate: {degrees: 20}
- Resize: {size: 96}
- Normalize:
fill: reflect
"""
    wanted = af.Recipe([af.HorizontalFlip(), af.Rotate(20), af.Resize(96), af.Normalize()], fill="reflect")
    assert af.Recipe.from_yaml(text) == wanted
    assert af.Recipe.from_yaml("transforms: []") == af.Recipe() == af.Recipe.from_yaml("fill: nearest")


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("- Rotate", "RecipeError", r"recipe: got list, wanted a mapping with the key 'transforms'"),
        ("", "RecipeError", r"recipe: got NoneType, wanted a mapping"),
        ("a: [", "RecipeError", r"recipe: not readable as YAML: .*line 1"),
        (
            "transform: []",
            "RecipeError",
            r"recipe: unknown key 'transform', wanted one of .* Did you mean 'transforms'\?",
        ),
        ("transforms: {Rotate: 1}", "RecipeError", r"recipe\.transforms: got dict, wanted a list"),
        (
            "transforms: [Rotat]",
            "RecipeError",
            r"recipe\.transforms\[0\]: got 'Rotat', wanted the name of a transform\. Did you mean 'Rotate'\?",
        ),
        (
            "transforms: [HorizontalFlip, 3]",
            "RecipeError",
            r"recipe\.transforms\[1\]: got 3, wanted one transform, such as '- Rotate:",
        ),
        (
            "transforms: [{Rotate: {}, Shear: {}}]",
            "RecipeError",
            r"recipe\.transforms\[0\]: got \{.*\}, wanted one transform",
        ),
        (
            "transforms: [{Rotate: {degree: 3}}]",
            "RecipeError",
            r"recipe\.transforms\[0\]\.Rotate: unknown key 'degree', wanted one of degrees, p\. Did you mean 'degrees'",
        ),
        ("transforms: [{Rotate: 3}]", "RecipeError", r"recipe\.transforms\[0\]\.Rotate: got 3, wanted fields, such as"),
        (
            "transforms: [Resize]",
            "RecipeError",
            r"recipe\.transforms\[0\]\.Resize: got no 'size', which has no default\. Add size: to it\.",
        ),
        (
            "transforms: [{Rotate: {degrees: [0, 720]}}]",
            "RangeError",
            r"Rotate\.degrees: got \[0, 720\], wanted low <= high",
        ),
        (
            "transforms: [{Rotate: {degrees: .nan}}]",
            "RangeError",
            r"Rotate\.degrees: got nan, wanted one finite number",
        ),
        (
            "fill: mirror",
            "RangeError",
            r"Recipe\.fill: got 'mirror', wanted one of 'nearest', 'reflect', 'wrap', 'constant'",
        ),
        (
            "interpolation: cubic",
            "RangeError",
            r"Recipe\.interpolation: got 'cubic', wanted one of 'bilinear', 'nearest'",
        ),
        ("box_format: xyxy", "RangeError", r"Recipe\.box_format: got 'xyxy'"),
        ("fill_value: red", "RangeError", r"Recipe\.fill_value: got 'red', wanted one number, or one per channel"),
        (
            "value_range: [1, 1]",
            "RangeError",
            r"Recipe\.value_range: got \(1, 1\), wanted \(low, high\) with low < high",
        ),
        ("value_range: [a, 1]", "RangeError", r"Recipe\.value_range: got \('a', 1\), wanted \(low, high\)"),
        ("value_range: [0, .inf]", "RangeError", r"Recipe\.value_range: got \(0, inf\), wanted \(low, high\)"),
        ("augfuse: 2", "RecipeError", r"recipe: got format version 2, wanted 1\. Install the augfuse that wrote it\."),
        (
            "transforms: [Normalize, Rotate]",
            "RecipeError",
            r"Recipe\.transforms\[0\]: got Normalize before Rotate, wanted Normalize last",
        ),
        (
            "transforms: [{Lambda: {fn: 'os:system'}}]",
            "RecipeError",
            r"Lambda\.fn: got 'os:system', wanted a function this program has used",
        ),
        ("!!python/object/apply:os.getcwd []", "RecipeError", r"recipe: not readable as YAML: .*python/object"),
    ],
)
def test_files_that_are_wrong(text: str, error: str, message: str) -> None:
    with pytest.raises(getattr(af, error), match="(?s)^" + message):
        af.Recipe.from_yaml(text)


def test_a_path_is_not_text() -> None:
    with pytest.raises(af.AugfuseError, match=r"wanted text\. Use Path\(\.\.\.\)\.read_text\(\)"):
        af.Recipe.from_yaml(Path("recipe.yaml"))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("steps", "message"),
    [
        (
            [af.Rotate],
            r"Recipe\.transforms\[0\]: got <class '.*Rotate'>, wanted a transform\. Call it: af\.Rotate\(\)\.",
        ),
        ([af.Rotate(), "flip"], r"Recipe\.transforms\[1\]: got 'flip', wanted a transform\."),
        (af.Rotate(), r"Recipe\.transforms: got one Rotate, wanted a list"),
        (None, r"Recipe\.transforms: got None, wanted a list"),
        ([af.ToFloat(), af.Normalize()], r"Recipe\.transforms\[0\]: got ToFloat before Normalize, wanted ToFloat last"),
        ([[af.Rotate()]], r"Recipe\.transforms\[0\]: got \[Rotate.*\], wanted a transform"),
    ],
)
def test_what_is_no_list_of_transforms(steps: Any, message: str) -> None:
    with pytest.raises(af.RecipeError, match="^" + message):
        af.Recipe(steps)


# --- functions of one's own ---------------------------------------------------------------------------------------


def darker(image: np.ndarray) -> np.ndarray:
    return image * 0.5


def speckle(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return image + rng.integers(-9, 9, image.shape)


def test_lambda_sees_float32_at_the_images_own_scale() -> None:
    seen: list[np.ndarray] = []
    x = pictures(2, 8, 9)
    out = af.Recipe([af.Lambda(lambda image: seen.append(image.copy()) or image)]).batch(x, workers=1).images
    assert np.array_equal(out, x)
    assert all(s.dtype == np.float32 and s.shape == (8, 9, 3) for s in seen)
    assert np.array_equal(np.stack(seen), x)
    assert np.array_equal(af.Recipe([af.Lambda(darker)]).batch(x).images, np.rint(x * 0.5).astype(np.uint8))


def test_a_random_lambda_follows_the_seed_and_is_dropped_in_evaluation() -> None:
    x = pictures(3, 8, 9)
    recipe = af.Recipe([af.Lambda(speckle, random=True), af.Lambda(darker)])
    one = recipe.batch(x, seed=1).images
    assert np.array_equal(one, recipe.batch(x, seed=1, workers=3).images)
    assert not np.array_equal(one, recipe.batch(x, seed=2).images)
    assert np.array_equal(one[1], recipe(image=x[1], seed=1, index=1)["image"])
    assert recipe.eval() == af.Recipe([af.Lambda(darker)])


def test_a_lambda_file_names_a_function_of_this_program() -> None:
    recipe = af.Recipe([af.Lambda(darker)])
    assert f"fn: '{__name__}:darker'" in recipe.to_yaml()
    assert af.Recipe.from_yaml(recipe.to_yaml()) == recipe
    assert pickle.loads(pickle.dumps(recipe)) == recipe
    with pytest.raises(af.RecipeError, match=r"Lambda\.fn: got <function .*lambda.*>, which has no name to write down"):
        af.Recipe([af.Lambda(lambda image: image)]).to_yaml()


def test_lambdas_that_go_wrong() -> None:
    x = pictures(2, 8, 9)
    with pytest.raises(
        af.RecipeError, match=r"Lambda\.fn: .* returned shape \(8, 9\), wanted an array of shape \(8, 9, 3\)"
    ):
        af.Recipe([af.Lambda(lambda image: image[..., 0])]).batch(x)
    with pytest.raises(af.RecipeError, match=r"Lambda\.fn: .* returned NoneType, wanted an array of shape"):
        af.Recipe([af.Lambda(lambda image: None)]).batch(x)
    with pytest.raises(ZeroDivisionError):
        af.Recipe([af.Lambda(lambda image: 1 / 0)]).batch(x, workers=2)
    marked = pictures(6, 8, 9)
    marked[5] = 3  # the last image, in another thread's slice
    with pytest.raises(ZeroDivisionError):
        af.Recipe([af.Lambda(lambda image: image if np.ptp(image) else 1 / 0)]).batch(marked, workers=3)
    with pytest.raises(af.RangeError, match=r"Lambda\.kind: got 'color', wanted one of 'local'"):
        af.Lambda(darker, kind="color")  # type: ignore[arg-type]


# --- images -------------------------------------------------------------------------------------------------------


def test_what_counts_as_images() -> None:
    x = pictures(3, 8, 9)
    recipe = af.Recipe([af.HorizontalFlip(p=1.0)])
    flipped = x[:, :, ::-1]
    assert np.array_equal(recipe.batch(x).images, flipped)
    assert np.array_equal(recipe.batch(list(x)).images, flipped)
    assert np.array_equal(recipe.batch(np.asfortranarray(x)).images, flipped)
    assert np.array_equal(recipe.batch(x[:, :, ::-1]).images, x)
    assert recipe.batch(x[..., 0]).images.shape == (3, 8, 9, 1)
    assert recipe(image=x[0, ..., 0])["image"].shape == (8, 9, 1)
    assert np.array_equal(recipe.batch(x.astype(">u2")).images, flipped)
    halves = (x / 255).astype(np.float16)
    for wide in (halves, halves.astype(np.float64), halves.astype(np.float32)):
        out = recipe.batch(wide).images
        assert out.dtype == np.float32 and np.array_equal(out, halves.astype(np.float32)[:, :, ::-1])


def test_a_single_image() -> None:
    x = pictures(1, 8, 9)[0]
    out = af.Recipe([af.HorizontalFlip(p=1.0)])(image=x, label="cat", seed=0, index=0)
    assert list(out) == ["image", "label"] and out["label"] == "cat" and np.array_equal(out["image"], x[:, ::-1])
    assert list(af.Recipe()(image=x)) == ["image"]
    with pytest.raises(af.RecipeError, match=r"got a seed without an index, wanted both: .* Use index=0\."):
        af.Recipe()(image=x, seed=3)


@pytest.mark.parametrize(
    ("images", "error", "message"),
    [
        (
            np.zeros((4, 4)),
            "ImageError",
            r"images: got shape \(4, 4\), wanted \(n, h, w, c\) or \(n, h, w\)\. For one image type images\[None\]\.",
        ),
        (
            np.zeros((0, 4, 4, 3), np.uint8),
            "ImageError",
            r"images: got shape \(0, 4, 4, 3\), wanted at least one image",
        ),
        (
            np.zeros((1, 4, 0, 3), np.uint8),
            "ImageError",
            r"images: got shape \(1, 4, 0, 3\), wanted at least one image of at least one pixel",
        ),
        ([], "ImageError", r"images: got none, wanted at least one image"),
        (
            [np.zeros((4, 4, 3), np.uint8), np.zeros((4, 4, 1), np.uint8)],
            "ImageError",
            r"images\[1\]: got uint8 with 1 channel\(s\)",
        ),
        (
            [np.zeros((4, 4, 3), np.uint8), np.zeros((4, 4, 3), np.float32)],
            "ImageError",
            r"images\[1\]: got float32 with 3 channel",
        ),
        (
            [[1, 2]],
            "ImageTypeError",
            r"images\[0\]: got list, wanted a NumPy array \(h, w, c\); type np\.asarray\(image\)",
        ),
        (
            np.zeros((1, 4, 4, 3), np.int32),
            "ImageTypeError",
            r"images: got int32, wanted uint8, uint16 or float32; .*type images\.astype\(np\.float32\)",
        ),
        (np.zeros((1, 4, 4, 3), bool), "ImageTypeError", r"images: got bool, .*type images \* np\.uint8\(255\)"),
        (
            np.full((2, 4, 4, 3), 200.0),
            "ImageError",
            r"images\[0\]: got values 200\.\.200, wanted 0\.\.1\. Declare value_range=\(0, 255\)",
        ),
        (
            np.full((2, 4, 4, 3), -0.5),
            "ImageError",
            r"images\[0\]: got values -0\.5\.\.-0\.5, wanted 0\.\.1\. Declare value_range=\(-1, 1\)",
        ),
        (np.full((2, 4, 4, 3), np.nan), "ImageError", r"images\[0\]: got NaN or infinity, wanted finite numbers"),
        (
            np.array([np.zeros((4, 4, 3)), np.full((4, 4, 3), np.inf)]),
            "ImageError",
            r"images\[1\]: got NaN or infinity",
        ),
    ],
)
def test_images_that_are_wrong(images: Any, error: str, message: str) -> None:
    with pytest.raises(getattr(af, error), match="^" + message):
        af.Recipe([af.Rotate()]).batch(images, seed=0)


def test_one_image_is_checked_like_a_batch() -> None:
    recipe = af.Recipe([af.Rotate()])
    for value, message in ((np.nan, "got NaN or infinity"), (200, r"got values 200\.\.200, wanted 0\.\.1")):
        with pytest.raises(af.ImageError, match=message):
            recipe(image=np.full((4, 4, 3), value, np.float32))
    with pytest.raises(af.ImageError, match=r"image: got shape \(4,\), wanted \(h, w, c\)"):
        recipe(image=np.zeros(4, np.uint8))
    with pytest.raises(af.ImageTypeError, match="image: got list"):
        recipe(image=[[1]])  # type: ignore[arg-type]


def test_integers_outside_the_declared_range() -> None:
    with pytest.raises(af.AugfuseError, match=r"4000"):
        af.Recipe(value_range=(0, 255)).batch(np.full((1, 4, 4, 3), 4000, np.uint16))
    with pytest.raises(af.AugfuseError, match=r"value_range"):  # it would wrap around when it is written
        af.Recipe([af.Brightness((2, 2))], value_range=(0, 1000)).batch(pictures(1, 4, 4), seed=0)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"labels": [1]}, "ImageError", r"labels: got 1 for 2 images, wanted one per image"),
        (
            {"indices": [1]},
            "ImageError",
            r"indices: got int64 of shape \(1,\), wanted 2 whole numbers 0\.\.2\*\*63 - 1",
        ),
        (
            {"indices": [1, -1]},
            "ImageError",
            r"indices: got int64 of shape \(2,\), wanted 2 whole numbers 0\.\.2\*\*63 - 1",
        ),
        ({"indices": np.array([1, 2**63], np.uint64)}, "ImageError", r"indices: got uint64 of shape \(2,\)"),
        ({"indices": [1.0, 2.0]}, "ImageError", r"indices: got float64"),
        ({"epoch": -1}, "RangeError", r"epoch: got -1, wanted a whole number >= 0"),
        ({"epoch": 1.5}, "RangeError", r"epoch: got 1\.5, wanted a whole number >= 0"),
        ({"workers": "2"}, "RangeError", r"workers: got '2', wanted a whole number"),
        ({"workers": -1}, "RangeError", r"workers: got -1, wanted a whole number"),
        ({"seed": -1}, "RangeError", r"seed: got -1"),
        ({"layout": "HWC"}, "RecipeError", r"layout: got 'HWC', wanted 'NHWC' or 'NCHW'"),
        (
            {"dtype": "uint16"},
            "RecipeError",
            r"dtype: got uint16 for uint8 images, wanted 'uint8', 'float32' or 'float16'",
        ),
        ({"dtype": "float64"}, "RecipeError", r"dtype: got float64 for uint8 images"),
        (
            {"out": np.empty((2, 4, 4, 3), np.float32)},
            "ImageTypeError",
            r"out: got float32 \(2, 4, 4, 3\), wanted a writable C-contiguous uint8 array \(2, 4, 4, 3\)\. "
            r"Use np\.empty\(\(2, 4, 4, 3\), np\.uint8\)",
        ),
        ({"out": np.empty((2, 4, 5, 3), np.uint8)}, "ImageTypeError", r"out: got uint8 \(2, 4, 5, 3\)"),
        ({"out": np.empty((2, 4, 4, 6), np.uint8)[..., ::2]}, "ImageTypeError", r"out: got uint8 \(2, 4, 4, 3\)"),
        ({"out": [1]}, "ImageTypeError", r"out: got list"),
    ],
)
def test_batch_options_that_are_wrong(options: dict[str, Any], error: str, message: str) -> None:
    with pytest.raises(getattr(af, error), match="^" + message):
        af.Recipe([af.Rotate()]).batch(pictures(2, 4, 4), **{"seed": 0, **options})


def test_more_options_that_are_wrong() -> None:
    x = pictures(2, 4, 4)
    with pytest.raises(af.RecipeError, match=r"dtype: got uint8 for a recipe that ends in Normalize, wanted 'float32'"):
        af.Recipe([af.Normalize()]).batch(x, dtype="uint8")
    for same in (x, x[:], [x[0], x[1]]):
        with pytest.raises(af.ImageTypeError, match="out: "):
            af.Recipe([af.VerticalFlip()]).batch(same, out=x)
    for index in (-1, 1.5, "0", True):
        with pytest.raises(af.RangeError, match=r"index: got .*, wanted a whole number >= 0"):
            af.Recipe()(image=x[0], seed=0, index=index)  # type: ignore[arg-type]


# --- batches ------------------------------------------------------------------------------------------------------


def test_a_batch_keeps_what_belongs_to_its_images() -> None:
    x = pictures(3, 8, 9)
    batch = af.Recipe().batch(x, ["a", "b", "c"], indices=np.array([5, 6, 7], np.uint16))
    assert len(batch) == 3 and batch.labels == ["a", "b", "c"] and batch.paths is None
    assert batch.indices.tolist() == [5, 6, 7] and batch.indices.dtype == np.int64
    assert repr(batch).startswith("Batch(3 images")
    assert np.array_equal(af.Recipe().batch(x).indices, [0, 1, 2])


@pytest.mark.parametrize("layout", ["NHWC", "NCHW"])
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_pixels_undo_the_write(dtype: str, layout: str) -> None:
    x = pictures(3, 8, 9, 3, dtype)
    grey_scale = np.rint(x / {"uint8": 255, "uint16": 65535, "float32": 1}[dtype] * 255).astype(np.uint8)
    for end in ([], [af.ToFloat()], [af.Normalize()]):
        assert np.array_equal(af.Recipe(end).batch(x, layout=layout).pixels(), grey_scale)
    stretched = af.Recipe([af.PerImageStandardize()]).batch(x, layout=layout).pixels()
    assert stretched.min() == 0 and stretched.max() == 255


def test_grid() -> None:
    x = pictures(5, 8, 9)
    page = af.Recipe().batch(x).grid(columns=3, gap=1)
    assert page.shape == (17, 29, 3) and page.dtype == np.uint8
    for i in range(5):
        top, left = i // 3 * 9, i % 3 * 10
        assert np.array_equal(page[top : top + 8, left : left + 9], x[i])
    assert (page[9:, 20:] == 255).all() and (page[8] == 255).all() and (page[:, 9] == 255).all()
    assert af.Recipe().batch(x[..., :1]).grid().shape == (8 + 2 + 8, 3 * 9 + 2 * 2, 3)
    opaque = pictures(1, 8, 9, 4)
    opaque[..., 3] = 255
    assert np.array_equal(af.Recipe().batch(opaque).grid(), opaque[0, ..., :3])


def test_evaluation() -> None:
    recipe = af.Recipe(
        [
            af.Resize(40),
            af.Rotate(),
            af.RandomCrop(32),
            af.ColorJitter(),
            af.Grayscale(p=1.0),
            af.Grayscale(),
            af.Normalize(),
        ],
        fill="wrap",
    )
    wanted = af.Recipe([af.Resize(40), af.CenterCrop(32), af.Grayscale(p=1.0), af.Normalize()], fill="wrap")
    assert recipe.eval() == wanted
    assert af.Recipe([af.Resize(8, p=0.5), af.Normalize(p=0.3)]).eval() == af.Recipe([af.Resize(8), af.Normalize()])
