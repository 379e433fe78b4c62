"""Plain functions: the bytes of a recipe whose ranges hold one number, for one image, a batch and a list."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy import ndimage
from test_architecture import HEAVY

import augfuse as af
from augfuse.transforms.base import Transform, specs
from augfuse.transforms.placed import Crop, ErasedPart, FourPoints, ResizedCrop
from oracles import pictures
from places import ROOT

F: Any = af.functional
FUNCTIONS = {name: f for name, f in sorted(vars(F).items()) if inspect.isfunction(f)}
LUMA = np.array([0.299, 0.587, 0.114])
H, W = 23, 34

# For each function: arguments, and the transform of a recipe that does the same.
SAME: list[tuple[str, dict[str, Any], Transform]] = [
    ("rotate", {"degrees": 37.5}, af.Rotate((37.5, 37.5))),
    ("rotate", {"degrees": -90}, af.Rotate((-90, -90))),
    ("translate", {"x": 0.2, "y": -0.3}, af.Translate((0.2, 0.2), (-0.3, -0.3))),
    ("translate", {"y": 0.5}, af.Translate((0, 0), (0.5, 0.5))),
    ("scale", {"factor": 1.7}, af.Scale((1.7, 1.7))),
    ("scale", {"factor": 0.4}, af.Scale((0.4, 0.4))),
    ("scale", {"x": 0.7}, af.Scale(x=(0.7, 0.7))),
    ("scale", {"x": 1.1, "y": 0.8}, af.Scale(x=(1.1, 1.1), y=(0.8, 0.8))),
    ("shear", {"x": 12}, af.Shear((12, 12), (0, 0))),
    ("shear", {"x": -5, "y": 20.5}, af.Shear((-5, -5), (20.5, 20.5))),
    (
        "affine",
        {"degrees": 30, "translate_x": 0.1, "translate_y": -0.2, "scale": 1.2, "shear_x": 4, "shear_y": -3},
        af.Affine((30, 30), (0.1, 0.1), (-0.2, -0.2), (1.2, 1.2), (4, 4), (-3, -3)),
    ),
    ("affine", {"degrees": 15}, af.Affine((15, 15))),
    (
        "perspective",
        {"startpoints": [(0, 0), (W, 0), (W, H), (0, H)], "endpoints": [(3, 1), (30, 4), (29, 20), (-2, 25)]},
        FourPoints(((0, 0), (W, 0), (W, H), (0, H)), ((3, 1), (30, 4), (29, 20), (-2, 25))),
    ),
    ("horizontal_flip", {}, af.HorizontalFlip(p=1)),
    ("vertical_flip", {}, af.VerticalFlip(p=1)),
    ("transpose", {}, af.Transpose(p=1)),
    ("rotate90", {"quarters": 0}, af.Rotate90(quarters=(0, 0), p=1)),
    ("rotate90", {"quarters": 3}, af.Rotate90(quarters=(3, 3), p=1)),
    ("resize", {"size": (40, 31)}, af.Resize((40, 31))),
    ("resize", {"size": 12}, af.Resize(12)),
    ("resize", {"size": (12, 20), "mode": "cover"}, af.Resize((12, 20), "cover")),
    ("resize", {"size": 20, "mode": "contain"}, af.Resize(20, "contain")),
    ("center_crop", {"size": (10, 33)}, af.CenterCrop((10, 33))),
    ("center_crop", {"size": 40}, af.CenterCrop(40)),
    ("crop", {"top": 3, "left": 4, "height": 11, "width": 9}, Crop(3, 4, (11, 9))),
    ("crop", {"top": -3, "left": 30, "height": 11, "width": 9}, Crop(-3, 30, (11, 9))),
    (
        "resized_crop",
        {"top": 2, "left": 3, "height": 11, "width": 13, "size": (20, 30)},
        ResizedCrop(2, 3, 11, 13, (20, 30)),
    ),
    ("pad", {"padding": 3}, af.Pad(3)),
    ("pad", {"padding": (1, 2, 3, 4)}, af.Pad((1, 2, 3, 4))),
    ("adjust_brightness", {"factor": 1.3}, af.Brightness((1.3, 1.3))),
    ("adjust_brightness", {"factor": 0}, af.Brightness((0, 0))),
    ("adjust_contrast", {"factor": 0.6}, af.Contrast((0.6, 0.6))),
    ("adjust_contrast", {"factor": 1.4, "pivot": "mean"}, af.Contrast((1.4, 1.4), "mean")),
    ("adjust_saturation", {"factor": 1.8}, af.Saturation((1.8, 1.8))),
    ("adjust_hue", {"turns": 0.1}, af.Hue((0.1, 0.1))),
    ("adjust_hue", {"turns": -0.4}, af.Hue((-0.4, -0.4))),
    (
        "adjust_color",
        {"brightness": 1.2, "contrast": 0.9, "saturation": 0.7, "hue": 0.05},
        af.ColorJitter((1.2, 1.2), (0.9, 0.9), (0.7, 0.7), (0.05, 0.05)),
    ),
    ("adjust_color", {"saturation": 0.7}, af.ColorJitter((1, 1), (1, 1), (0.7, 0.7), (0, 0))),
    ("grayscale", {}, af.Grayscale(p=1)),
    ("invert", {}, af.Invert(p=1)),
    ("shift_channels", {"shift": 0.15}, af.ChannelShift((0.15, 0.15))),
    ("adjust_gamma", {"gamma": 0.7}, af.Gamma((0.7, 0.7))),
    ("solarize", {"threshold": 0.25}, af.Solarize(threshold=0.25, p=1)),
    ("posterize", {"bits": 3}, af.Posterize(bits=3, p=1)),
    ("autocontrast", {}, af.AutoContrast()),
    ("equalize", {}, af.Equalize()),
    ("gaussian_blur", {"sigma": 1.5}, af.GaussianBlur((1.5, 1.5))),
    ("gaussian_noise", {"std": 0.1, "seed": 5}, af.GaussianNoise((0.1, 0.1))),
    ("erase", {"top": 4, "left": 5, "height": 6, "width": 7}, ErasedPart(4, 5, 6, 7)),
    ("erase", {"top": 20, "left": -3, "height": 9, "width": 9, "value": 1}, ErasedPart(20, -3, 9, 9, 1)),
    ("normalize", {"mean": 0.4, "std": 0.3}, af.Normalize(0.4, 0.3)),
    ("to_float", {}, af.ToFloat()),
    ("standardize", {}, af.PerImageStandardize()),
]
IDS = [f"{name}-{i}" for i, (name, _, _) in enumerate(SAME)]
every_case = pytest.mark.parametrize(("name", "given", "transform"), SAME, ids=IDS)

# For each argument that may be one number per image: three of them.
MANY: list[tuple[str, dict[str, Any], dict[str, list[float]]]] = [
    ("rotate", {}, {"degrees": [10, -200.5, 90]}),
    ("translate", {}, {"x": [0.1, 0, -1], "y": [0.5, 0.25, 0]}),
    ("scale", {}, {"factor": [0.5, 1, 3]}),
    ("scale", {}, {"x": [0.5, 1, 3], "y": [2, 0.3, 1]}),
    ("shear", {}, {"x": [5, -80, 0], "y": [0, 30, -7]}),
    ("affine", {"shear_x": 3}, {"degrees": [5, 60, 0], "translate_y": [0.1, 0, 0.3], "scale": [1, 0.7, 2]}),
    ("affine", {}, {"translate_x": [0.2, 0.1, 0], "shear_x": [1, 2, 3], "shear_y": [0, 9, -9]}),
    ("rotate90", {}, {"quarters": [0, 2, 2]}),
    ("crop", {"height": 8, "width": 9}, {"top": [0, 3, -4], "left": [20, 1, 30]}),
    (
        "resized_crop",
        {"size": (12, 15)},
        {"top": [0, 3, 4], "left": [2, 1, 3], "height": [4, 5, 9], "width": [6, 9, 3]},
    ),
    ("adjust_brightness", {}, {"factor": [0, 1, 1.5]}),
    ("adjust_contrast", {}, {"factor": [0, 1, 1.5]}),
    ("adjust_contrast", {"pivot": "mean"}, {"factor": [0.2, 1, 1.5]}),
    ("adjust_saturation", {}, {"factor": [0, 1, 1.5]}),
    ("adjust_hue", {}, {"turns": [0, 0.5, -0.1]}),
    ("adjust_color", {}, {"brightness": [1, 2, 0.5], "contrast": [1, 0.3, 1.1], "hue": [0, 0.1, -0.1]}),
    ("adjust_color", {"brightness": 1.1}, {"saturation": [0, 1, 1.5]}),
    ("adjust_gamma", {}, {"gamma": [0.5, 1, 2.2]}),
    ("solarize", {}, {"threshold": [0, 0.4, 1]}),
    ("posterize", {}, {"bits": [1, 4, 8]}),
    ("gaussian_blur", {}, {"sigma": [0.5, 1, 3]}),
    ("erase", {"value": 9}, {"top": [0, 3, 4], "left": [2, 1, 3], "height": [4, 5, 90], "width": [6, 9, 3]}),
]


def test_the_tables_are_complete() -> None:
    assert {name for name, _, _ in SAME} == set(FUNCTIONS) and len(FUNCTIONS) >= 28
    seen = {(name, argument) for name, _, many in MANY for argument in many}
    wanted = {
        (name, p.name)
        for name, f in FUNCTIONS.items()
        for p in inspect.signature(f).parameters.values()
        if "PerImage" in str(p.annotation)
    }
    # The noise of an image depends on its place, and a shift may be one number per colour too: they have tests below.
    assert wanted - seen == {("gaussian_noise", "std"), ("shift_channels", "shift")} and seen <= wanted


@every_case
@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_same_bytes_as_a_recipe(
    name: str, given: dict[str, Any], transform: Transform, channels: int, dtype: str
) -> None:
    images = pictures(3, H, W, channels, dtype)
    before = images.copy()
    wanted = af.Recipe([transform]).batch(images, seed=5).images
    got = FUNCTIONS[name](images, **given)
    assert got.dtype == wanted.dtype and np.array_equal(got, wanted)
    assert np.array_equal(images, before) and not np.shares_memory(got, images)


@every_case
def test_one_image_a_batch_and_a_list_are_alike(name: str, given: dict[str, Any], transform: Transform) -> None:
    f: Callable[..., np.ndarray] = FUNCTIONS[name]
    for dtype in ("uint8", "float32"):
        images = pictures(3, H, W, 3, dtype)
        batch = f(images, **given)
        assert batch.ndim == 4 and len(batch) == 3
        assert np.array_equal(f(list(images), **given), batch)
        assert np.array_equal(f(tuple(images), workers=1, **given), batch)
        assert np.array_equal(f(images[:1], **given), batch[:1])
        for i in range(1 if name == "gaussian_noise" else 3):  # the noise of an image depends on its place
            assert np.array_equal(f(images[i], **given), batch[i])
        grey = pictures(3, H, W, 1, dtype)
        wanted = f(grey, **given)
        assert np.array_equal(f(grey[0, ..., 0], **given), wanted[0, ..., 0])
        assert np.array_equal(f(list(grey[..., 0]), **given), wanted[..., 0])
        assert np.array_equal(f(list(grey), **given), wanted)


@every_case
def test_options_are_those_of_a_recipe(name: str, given: dict[str, Any], transform: Transform) -> None:
    f = FUNCTIONS[name]
    taken = set(inspect.signature(f).parameters)
    about = {"fill": "constant", "fill_value": 0.5, "interpolation": "nearest", "value_range": (-1, 1)}
    about = {option: value for option, value in about.items() if option in taken}
    images = pictures(2, H, W, 3, "float32") * 2 - 1
    wanted = af.Recipe([transform], **about).batch(images, seed=5).images  # type: ignore[arg-type]
    assert np.array_equal(f(images, **given, **about), wanted)
    if "dtype" in taken:
        whole = pictures(2, H, W)
        unrounded = f(whole, **given, dtype="float32")
        assert unrounded.dtype == np.float32
        assert np.array_equal(unrounded, af.Recipe([transform]).batch(whole, seed=5, dtype="float32").images)
        assert f(whole, **given).dtype == np.uint8
    else:
        assert f(pictures(2, H, W), **given).dtype == np.float32


def test_options_are_there_where_they_mean_something() -> None:
    taken = {name: set(inspect.signature(f).parameters) for name, f in FUNCTIONS.items()}
    everywhere = {"value_range", "workers"}
    assert all(everywhere <= options for options in taken.values())
    assert {n for n, o in taken.items() if "dtype" not in o} == {"normalize", "standardize", "to_float"}
    moves = {"affine", "perspective", "resized_crop", "rotate", "scale", "shear", "translate"}
    assert {n for n, o in taken.items() if "interpolation" in o} == moves | {"resize"}
    assert {n for n, o in taken.items() if {"fill", "fill_value"} <= o} == moves | {"center_crop", "crop", "pad"}


@pytest.mark.parametrize(("name", "given", "many"), MANY, ids=[f"{m[0]}-{i}" for i, m in enumerate(MANY)])
def test_one_number_for_each_image(name: str, given: dict[str, Any], many: dict[str, list[float]]) -> None:
    f = FUNCTIONS[name]
    for form in (list, tuple, np.array, lambda v: np.array(v, np.float32)):
        numbers = {argument: form(values) for argument, values in many.items()}
        for images in (pictures(3, H, W), pictures(3, H, W, 1, "float32")):
            singles = [
                f(image, **given, **{argument: values[i] for argument, values in numbers.items()})
                for i, image in enumerate(images)
            ]
            assert np.array_equal(f(images, **given, **numbers), np.stack(singles))
            assert np.array_equal(f(list(images), **given, **numbers), np.stack(singles))


def test_one_number_for_each_image_of_another_size() -> None:
    images = [pictures(1, height, 30, seed=height)[0] for height in (20, 31, 42)]
    parts = F.resized_crop(images, [0, 2, 9], 3, [20, 8, 30], [10, 20, 25], (16, 18))
    for i, (image, top, height, width) in enumerate(zip(images, [0, 2, 9], [20, 8, 30], [10, 20, 25], strict=True)):
        assert np.array_equal(parts[i], F.resized_crop(image, top, 3, height, width, (16, 18)))
    with pytest.raises(af.ImageError, match=r"different sizes \(20x30, 31x30, 42x30\)"):
        F.rotate(images, 10)


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("dtype", ["uint8", "float32"])
def test_whole_pixels_are_moved_as_numpy_does(channels: int, dtype: str) -> None:
    x = pictures(3, H, W, channels, dtype)
    equal = np.testing.assert_array_equal
    for k in range(4):
        equal(F.rotate90(x, k), np.rot90(x, k, (1, 2)))
    equal(F.rotate(x, 180), x[:, ::-1, ::-1])
    square = x[:, :, :H]
    equal(F.rotate(square, 90), np.rot90(square, 1, (1, 2)))
    equal(F.horizontal_flip(x), x[:, :, ::-1])
    equal(F.vertical_flip(x), x[:, ::-1])
    equal(F.transpose(x), x.transpose(0, 2, 1, 3))
    equal(F.crop(x, 3, 5, 10, 20), x[:, 3:13, 5:25])
    equal(F.crop(x, [0, 5, 13], [14, 3, 0], 10, 20), [x[0, :10, 14:], x[1, 5:15, 3:23], x[2, 13:, :20]])
    equal(F.center_crop(x, (11, 20)), x[:, 6:17, 7:27])
    equal(F.resized_crop(x, 3, 5, 10, 20, (10, 20)), x[:, 3:13, 5:25])
    around = ((0, 0), (2, 4), (1, 3), (0, 0))
    equal(F.pad(x, (1, 2, 3, 4)), np.pad(x, around, mode="edge"))
    equal(F.pad(x, (1, 2, 3, 4), fill="reflect"), np.pad(x, around, mode="symmetric"))
    equal(F.pad(x, (1, 2, 3, 4), fill="constant", fill_value=1), np.pad(x, around, constant_values=1))
    equal(F.crop(x, -2, -1, H + 6, W + 4, fill="wrap"), np.pad(x, around, mode="wrap"))
    moved = F.translate(x, 2 / W, -3 / H, fill="constant")
    equal(moved[:, : H - 3, 2:], x[:, 3:, : W - 2])
    assert not moved[:, H - 3 :].any() and not moved[:, :, :2].any()
    erased = x.copy()
    erased[:, 2:7, 3:9] = 1
    equal(F.erase(x, 2, 3, 5, 6, 1), erased)
    erased[:, :, 30:] = 0
    equal(F.erase(F.erase(x, 2, 3, 5, 6, 1), -5, 30, 100, 100), erased)
    equal(F.erase(x, 40, 0, 5, 5), x)
    equal(F.erase(x, -9, 0, 9, 5), x)


def test_colours_are_those_of_the_definitions() -> None:
    x = pictures(3, H, W)
    wide = x.astype(np.float64)
    luma = (wide @ LUMA)[..., None]
    factor = np.array([0.4, 1.0, 1.7])[:, None, None, None]

    def is_like(got: np.ndarray, wanted: np.ndarray) -> None:
        assert got.dtype == np.uint8
        np.testing.assert_allclose(got, np.clip(wanted, 0, 255), atol=0.5 + 1e-3)

    is_like(F.adjust_brightness(x, [0.4, 1.0, 1.7]), factor * wide)
    is_like(F.adjust_contrast(x, [0.4, 1.0, 1.7]), factor * wide + (1 - factor) * 127.5)
    mean = luma.mean((1, 2, 3), keepdims=True)
    is_like(F.adjust_contrast(x, [0.4, 1.0, 1.7], "mean"), factor * wide + (1 - factor) * mean)
    is_like(F.adjust_saturation(x, [0.4, 1.0, 1.7]), factor * wide + (1 - factor) * luma)
    is_like(F.grayscale(x), np.repeat(luma, 3, axis=3))
    np.testing.assert_array_equal(F.invert(x), 255 - x)
    np.testing.assert_array_equal(F.adjust_hue(x, 0), x)
    np.testing.assert_array_equal(F.adjust_hue(x, 1), x)
    mild = pictures(2, H, W, 3, "float32") / 8 + np.float32(0.4)  # no turn leaves the range
    np.testing.assert_allclose(F.adjust_hue(mild, [0.3, -0.1]) @ LUMA, mild @ LUMA, atol=1e-5)
    reddish = np.full((4, 5, 3), (0.6, 0.5, 0.5), np.float32)
    assert [F.adjust_hue(reddish, k / 3)[0, 0].argmax() for k in range(3)] == [0, 1, 2]
    np.testing.assert_allclose(F.to_float(x), wide / 255, atol=1e-6)
    wanted = (wide / 255 - [0.4, 0.5, 0.6]) / [0.2, 0.3, 0.25]
    np.testing.assert_allclose(F.normalize(x, (0.4, 0.5, 0.6), (0.2, 0.3, 0.25)), wanted, atol=1e-5)
    deviation = wide.std((1, 2, 3), keepdims=True)
    wanted = (wide - wide.mean((1, 2, 3), keepdims=True)) / deviation
    np.testing.assert_allclose(F.standardize(x), wanted, atol=1e-4)
    blurred = [ndimage.gaussian_filter(image, (1.5, 1.5, 0), mode="reflect") for image in wide]
    is_like(F.gaussian_blur(x, 1.5), np.stack(blurred))


def test_channels_are_shifted_together_alone_and_per_image() -> None:
    x = pictures(2, H, W, 3, "float32")
    for shift in (0.1, [0.1, -0.2, 0.3], [[0.1], [0.2]], [[0.1, 0, 0.2], [0, -0.3, 0.5]]):
        offsets = np.broadcast_to(np.array(shift, np.float64), (2, 3))[:, None, None]
        np.testing.assert_allclose(F.shift_channels(x, shift), np.clip(x + offsets, 0, 1), atol=1e-6)
    assert np.array_equal(F.shift_channels(x[0], [0.1, -0.2, 0.3]), F.shift_channels(x, [0.1, -0.2, 0.3])[0])
    rgba = pictures(2, H, W, 4, "float32")
    assert np.array_equal(F.shift_channels(rgba, [0.1, -0.2, 0.3])[..., 3], rgba[..., 3])
    grey = x[..., 0]
    np.testing.assert_allclose(F.shift_channels(list(grey), [[0.1], [0]])[0], np.clip(grey[0] + 0.1, 0, 1), atol=1e-6)
    for images, shift in ((x, [0.1, 0.2]), (x, np.zeros((3, 3))), (grey[0], [0.1, 0.2, 0.3]), (x, [[0.1], [0.1, 0.2]])):
        with pytest.raises(af.RangeError, match=r"ChannelShift\.shift: got .*, wanted one number, "):
            F.shift_channels(images, shift)
    with pytest.raises(af.RangeError, match=r"ChannelShift\.shift: got 1\.5, wanted a number within -1\.\.1 fraction"):
        F.shift_channels(x, [0.1, 0.2, 1.5])


def test_noise_follows_its_seed_and_the_place_in_the_batch() -> None:
    flat = np.full((3, 40, 50, 3), 0.5, np.float32)
    noisy = F.gaussian_noise(flat, [0.0, 0.05, 0.1], 7)
    assert np.array_equal(noisy[0], flat[0])
    assert abs(noisy[1].std() / 0.05 - 1) < 0.05 and abs(noisy[2].std() / 0.1 - 1) < 0.05
    assert np.array_equal(F.gaussian_noise(flat, [0.0, 0.05, 0.1], 7), noisy)
    assert np.array_equal(F.gaussian_noise(flat, 0.05, 7)[1], noisy[1])
    assert not np.array_equal(F.gaussian_noise(flat, 0.05, 8)[1], noisy[1])
    for seed in (None, -1, 1.5, "7", 2**64):
        with pytest.raises(af.AugfuseError, match=r"^seed: got "):
            F.gaussian_noise(flat, 0.05, seed)


@pytest.mark.parametrize(("name", "given", "many"), MANY, ids=[f"{m[0]}-{i}" for i, m in enumerate(MANY)])
def test_numbers_outside_of_the_field_are_refused(
    name: str, given: dict[str, Any], many: dict[str, list[float]]
) -> None:
    f, images = FUNCTIONS[name], pictures(3, H, W)
    transform = type(next(t for other, _, t in SAME if other == name))
    for argument in many:
        spec: Any = specs(transform)[argument]
        where = re.escape(f"{transform.__name__}.{argument}")
        domain = re.escape(f"within {spec.minimum:.7g}..{spec.maximum:.7g} {spec.unit}".rstrip() + ".")
        others = {**given, **{key: values[0] for key, values in many.items() if key != argument}}
        for wrong in (spec.minimum - 1, spec.maximum + 1):
            with pytest.raises(af.RangeError, match=rf"^{where}: got .*, wanted .*{domain}"):
                f(images, **others, **{argument: wrong})
            with pytest.raises(af.RangeError, match=rf"^{where}\[2\]: got .*, wanted .*{domain}"):
                f(images, **others, **{argument: [*many[argument][:2], wrong]})
        for wrong in (float("nan"), "3", True, [3, 4, None], np.nan):
            with pytest.raises(af.RangeError, match=rf"^{where}"):
                f(images, **others, **{argument: wrong})
        for wrong in (many[argument][:2], [], (1, 1, 1, 1)):
            with pytest.raises(
                af.RangeError, match=rf"^{where}: got {len(wrong)} numbers for 3 image\(s\), wanted one "
            ):
                f(images, **others, **{argument: wrong})
        with pytest.raises(af.RangeError, match=rf"^{where}: got shape \(3, 1\), wanted one number, or one for each"):
            f(images, **others, **{argument: np.ones((3, 1))})


def test_words_and_sizes_outside_of_the_field_are_refused() -> None:
    x = pictures(2, H, W)
    for call, message in (
        (lambda: F.resize(x, 0), r"^Resize\.size: got 0, wanted one whole number >= 1"),
        (lambda: F.resize(x, 9, "fit"), r"^Resize\.mode: got 'fit', wanted one of "),
        (lambda: F.crop(x, 0, 0, 0, 4), r"^Crop\.size: got \(0, 4\)"),
        (lambda: F.crop(x, 1.5, 0, 4, 4), r"^Crop\.top: got 1\.5, wanted a whole number within -1000000\.\.1000000"),
        (lambda: F.pad(x, -1), r"^Pad\.padding: got -1"),
        (lambda: F.adjust_contrast(x, 1, "median"), r"^Contrast\.pivot: got 'median'"),
        (lambda: F.normalize(x, 0.5, 0), r"^Normalize\.std: got 0"),
        (lambda: F.scale(x), r"^Scale: got neither factor nor x nor y"),
        (lambda: F.scale(x, 2, x=1), r"^Scale: got factor together with x or y"),
        (lambda: F.rotate90(x, 0.5), r"^Rotate90\.quarters: got 0\.5, wanted a whole number within 0\.\.3 quarters"),
        (lambda: F.rotate(x, 1, fill="mirror"), r"^Recipe\.fill: got 'mirror'"),
        (lambda: F.rotate(x, 1, interpolation="cubic"), r"^Recipe\.interpolation: got 'cubic'"),
        (lambda: F.rotate(x, 1, workers=-1), r"^workers: got -1"),
    ):
        with pytest.raises(af.RangeError, match=message):
            call()
    for call, message in (
        (lambda: F.rotate(x, 1, fill="constant", fill_value=(1, 2)), r"^fill_value: got 2 numbers"),
        (lambda: F.erase(x, 1, 1, 1, 1, (1, 2)), r"^ErasedPart\.value: got 2 numbers for images with 3"),
        (lambda: F.rotate(x, 1, dtype="uint16"), r"^dtype: got uint16 for uint8 images"),
        (lambda: F.adjust_hue(pictures(1, 9, 9, 2), 0.1), r"^Hue: got images with 2 channels"),
    ):
        with pytest.raises(af.RecipeError, match=message):
            call()


@every_case
def test_arrays_that_are_not_images_are_refused(name: str, given: dict[str, Any], transform: Transform) -> None:
    f = FUNCTIONS[name]
    x = pictures(3, H, W, 3)
    for wrong, kind, message in (
        (x.astype(np.int64), af.ImageTypeError, "got int64, wanted uint8, uint16 or float32"),
        (x[0].astype(np.int64), af.ImageTypeError, "got int64, wanted uint8, uint16 or float32"),
        ("photo.jpg", af.ImageTypeError, "got str"),
        ([], af.ImageError, "got none"),
        (x[:0], af.ImageError, "wanted at least one image"),
        (x[0, 0, 0], af.ImageError, r"got shape \(3,\)"),
        (x[None], af.ImageError, r"got shape \(1, 3, 23, 34, 3\)"),
        (x[0].transpose(2, 0, 1), af.ImageError, "looks like channels first"),
        (x.transpose(0, 3, 1, 2), af.ImageError, "looks like channels first"),
        (np.repeat(x, 4, axis=0)[..., 0], af.ImageError, r"type images\[\.\.\., None\], for one image of 34 channels"),
        (x / np.float32(100), af.ImageError, r"images\[0\]: got values 0\.\.2\.55, wanted 0\.\.1"),
        (x[0] / np.float32(100), af.ImageError, r"images: got values 0\.\.2\.55, wanted 0\.\.1"),
        (np.full((9, 9), np.nan, np.float32), af.ImageError, "got NaN or infinity"),
    ):
        with pytest.raises(kind, match=message):
            f(wrong, **given)


def test_many_channels_are_a_batch_of_one() -> None:
    x = pictures(1, H, W, 7)
    assert np.array_equal(F.horizontal_flip(x), x[:, :, ::-1])
    assert np.array_equal(F.horizontal_flip([x[0]]), x[:, :, ::-1])


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_function_is_documented(name: str) -> None:
    f = FUNCTIONS[name]
    text = inspect.getdoc(f) or ""
    first, *rest = text.split("\n\n")
    assert re.fullmatch(r"[^.].*\.", first.replace("\n", " ").strip()) and len(first) < 250
    arguments = next(part for part in rest if part.startswith("Args:"))
    assert [part.split(":")[0] for part in rest] == ["Args", "Returns", "Raises"]
    for parameter in inspect.signature(f).parameters:
        assert re.search(rf"^    (\w+, )*{parameter}(, \w+)*: ", arguments, re.MULTILINE), parameter
    page = (ROOT / "docs" / "functional.md").read_text(encoding="utf-8")
    known = re.search(rf"^\| `{name}\((.*?)\)`", page, re.MULTILINE)
    assert known, f"docs/functional.md has no row for {name}"
    options = {"fill", "fill_value", "interpolation", "value_range", "dtype", "workers", "images"}
    own = [p for p in inspect.signature(f).parameters if p not in options]
    assert [word.split("=")[0] for word in known[1].split(", ")] == ["images", *own]


def test_it_is_loaded_when_it_is_asked_for() -> None:
    code = (
        "import sys, augfuse as af\n"
        "before = 'augfuse.functional' in sys.modules\n"
        "f = af.functional.rotate\n"
        f"print(before, 'functional' in dir(af), sorted({HEAVY!r} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout == "False True []\n", done.stderr
