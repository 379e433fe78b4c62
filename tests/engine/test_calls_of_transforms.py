"""Calls of transforms and recipes that do not fit: the name, and the line that was meant."""

from __future__ import annotations

import copy
import functools
import pickle
from collections.abc import Callable
from typing import Any

import msgspec
import numpy as np
import pytest

import augfuse

af: Any = augfuse  # what is called wrongly here, type checkers would refuse
GREY = np.zeros((2, 9, 9, 1), np.uint8)

CALLS: list[tuple[Callable[[], Any], str]] = [
    (lambda: af.Rotate(degree=20), r"^Rotate has no 'degree', wanted one of degrees, p\. Did you mean 'degrees'\?"),
    (lambda: af.Rotate(angle=20), r"^Rotate has no 'angle', .*Did you mean 'degrees'"),
    (lambda: af.GaussianBlur(kernel_size=3), r"^GaussianBlur has no 'kernel_size', .*Did you mean 'sigma'"),
    (lambda: af.HorizontalFlip(prob=0.5), r"^HorizontalFlip has no 'prob', .*Did you mean 'p'"),
    (lambda: af.Resize(height=9, width=9), r"^Resize has no 'height', .*Did you mean 'size'"),
    (lambda: af.Recipe(fill_mode="wrap"), r"^Recipe has no 'fill_mode', .*Did you mean 'fill'"),
    (lambda: af.Recipe([], cval=3), r"^Recipe has no 'cval', .*Did you mean 'fill_value'"),
    (lambda: af.Recipe(fil="wrap"), r"^Recipe has no 'fil', .*Did you mean 'fill'"),
    (lambda: af.Resize(), r"^Resize: got no 'size', which has no default"),
    (lambda: af.Rotate(20, degrees=9), r"^Rotate: got degrees twice"),
    (lambda: af.Resize(224, 224), r"Resize\.mode: got 224.*Did you mean Resize\(\(224, 224\)\)\?"),
    (lambda: af.RandomResizedCrop(224, 224), r"Did you mean RandomResizedCrop\(\(224, 224\)\)\?"),
    (lambda: af.CenterCrop(224, 192), r"got 2 values, wanted at most 1.*Did you mean CenterCrop\(\(224, 192\)\)\?"),
    (lambda: af.Rotate(-20, 20), r"Did you mean Rotate\(\(-20, 20\)\)\?"),
    (lambda: af.Contrast(0.8, 1.2), r"Did you mean Contrast\(\(0\.8, 1\.2\)\)\?"),
    (lambda: af.Translate(-0.1, 0.1), r"Did you mean Translate\(\(-0\.1, 0\.1\)\)\?"),
    (lambda: af.Pad(1, 2, 3, 4), r"Did you mean Pad\(\(1, 2, 3, 4\)\)\?"),
    (lambda: af.Normalize(0.4, 0.5, 0.6), r"Did you mean Normalize\(\(0\.4, 0\.5, 0\.6\)\)\?"),
    (lambda: af.Erase(0.1, 0.2), r"^Erase: got 2 values, wanted at most 0; all are given by name\."),
    (lambda: af.Brightness((-0.2, 0.2)), r"Brightness\.factor: .*use \(0\.8, 1\.2\)"),
    (lambda: af.Saturation((-0.5, 0.5)), r"Saturation\.factor: .*use \(0\.5, 1\.5\)"),
    (lambda: af.ColorJitter(contrast=(-0.1, 0.3)), r"ColorJitter\.contrast: .*use \(0\.9, 1\.3\)"),
    (lambda: af.Scale(1.1), r"Scale\.factor: .*A fixed factor is \(1\.1, 1\.1\)\."),
    (lambda: af.RandomWidth(1.25), r"RandomWidth\.factor: .*A fixed factor is \(1\.25, 1\.25\)\."),
    (lambda: af.Translate(x=10), r"Translate\.x: got 10, wanted low <= high within -1\.\.1 .*For pixels divide by it"),
    (lambda: af.Translate(y=(-5, 5)), r"Translate\.y: .*For pixels divide by it"),
    (lambda: af.Affine(translate_x=(0, 20)), r"Affine\.translate_x: .*For pixels divide by it"),
    (lambda: af.Lambda(abs, random="no"), r"Lambda\.random: got 'no', wanted True or False"),
    (lambda: af.Recipe(box_format="xywh"), r"Recipe\.box_format: got 'xywh', wanted one of 'pascal_voc', 'coco',"),
    (lambda: af.Recipe(targets={"min_aria": 3}), r"Targets has no 'min_aria', .*Did you mean 'min_area'"),
    (lambda: af.Recipe(targets=True), r"Recipe\.targets: got True, wanted af\.Targets\(\.\.\.\)"),
    (lambda: af.Recipe(additional={"depth": "map"}), r"Recipe\.additional\['depth'\]: got 'map', wanted one of"),
    (lambda: af.Recipe(additional={"boxes": "mask"}), r"Recipe\.additional: got the name 'boxes', wanted one that is"),
    (lambda: af.Targets(swap_labels=[(1, 1)]), r"Targets\.swap_labels: got .* wanted pairs of different whole numbers"),
    (lambda: af.Targets(min_visibility=2), r"Targets\.min_visibility: got 2, wanted a number within 0\.\.1"),
    (lambda: af.Targets(hull="box"), r"Targets\.hull: got 'box', wanted one of 'corners', 'ellipse', 'tight'"),
    (lambda: af.Recipe.from_yaml("box_format: albumentations"), r"Recipe\.box_format: got 'albumentations'"),
    (
        lambda: af.Recipe([af.Rotate(9)], fill="constant", fill_value=(1, 2, 3)).batch(GREY),
        r"^fill_value: got 3 numbers for images with 1 channel\(s\), wanted 1 number\. Use fill_value=1\.",
    ),
    (lambda: af.Recipe([af.Normalize()]).batch(GREY), r"^Normalize\.mean: .*wanted 1 number\. Use mean=0\.485"),
    (
        lambda: af.Recipe([af.Erase(value=(1, 2), p=1)]).batch(np.zeros((2, 9, 9, 3), np.uint8)),
        r"^Erase\.value: got 2 numbers for images with 3 channel\(s\), wanted 1 or 3\. Use value=1",
    ),
    (lambda: af.Recipe().explain((24, 24)), r"^shape: got \(24, 24\), wanted \(height, width, channels\)"),
    (lambda: af.Recipe().batch(GREY, dtype="double precision"), r"^dtype: got 'double precision', wanted 'uint8'"),
    (lambda: af.Recipe().batch(GREY, indices=[0, [1]]), r"^indices: got .*wanted 2 whole numbers"),
    (lambda: af.from_arrays(GREY, groups=[[1], [1, 2]]), r"^groups: wanted one group for each image"),
    (lambda: af.Rotate(np.zeros((2, 2))), r"^Rotate\.degrees: got array"),
    (lambda: af.Recipe().batch(GREY, 5), r"^labels: got 5, wanted one per image"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "words"), CALLS)
def test_what_was_meant_is_said(call: Callable[[], Any], words: str) -> None:
    with pytest.raises(af.AugfuseError, match=words):
        call()


def test_an_argument_that_does_not_exist_is_a_type_error_too() -> None:
    for call in (lambda: af.Rotate(degree=20), lambda: af.Recipe(fill_mode=1), lambda: af.CenterCrop()):
        with pytest.raises(TypeError) as caught:
            call()
        assert isinstance(caught.value, af.AugfuseError)


def test_hints_are_given_only_where_they_help() -> None:
    for call in (lambda: af.Brightness((0, 200)), lambda: af.Brightness(200), lambda: af.Translate(3, 4)):
        with pytest.raises(af.RangeError) as caught:
            call()
        assert "use (" not in str(caught.value) and "fixed" not in str(caught.value) and "mean" not in str(caught.value)


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        (lambda: af.Rotate(np.array([-5, 5])), lambda: af.Rotate((-5, 5))),
        (lambda: af.Rotate(np.array(7.0)), lambda: af.Rotate(7)),
        (lambda: af.Resize(np.array([5, 6])), lambda: af.Resize((5, 6))),
        (lambda: af.Pad(np.arange(4)), lambda: af.Pad((0, 1, 2, 3))),
        (lambda: af.Normalize(np.full(3, 0.5), np.ones(3)), lambda: af.Normalize((0.5, 0.5, 0.5), (1, 1, 1))),
        (lambda: af.Recipe(value_range=np.array([0, 255])), lambda: af.Recipe(value_range=(0, 255))),
        (lambda: af.Recipe(fill_value=np.zeros(3)), lambda: af.Recipe(fill_value=(0, 0, 0))),
    ],
)
def test_arrays_are_taken_where_a_list_is(given: Callable[[], Any], wanted: Callable[[], Any]) -> None:
    assert given() == wanted()
    assert pickle.dumps(given()) == pickle.dumps(wanted())


def test_transforms_are_still_pickled_copied_and_replaced() -> None:
    one = af.Resize((3, 4), mode="cover", p=0.5)
    for other in (pickle.loads(pickle.dumps(one)), copy.copy(one), copy.deepcopy(one), msgspec.structs.replace(one)):
        assert other == one and type(other) is af.Resize and hash(other) == hash(one)
    recipe = af.Recipe([one, af.HorizontalFlip()], fill="wrap")
    for again in (pickle.loads(pickle.dumps(recipe)), copy.deepcopy(recipe)):
        assert again == recipe and hash(again) == hash(recipe)


@pytest.mark.parametrize("name", ["seed", "epoch", "index", "indices"])
@pytest.mark.parametrize("number", [2**64, 2**70, 10**5000], ids=["2**64", "2**70", "10**5000"])
def test_numbers_beyond_64_bits_are_range_errors(name: str, number: int) -> None:
    recipe, image = af.Recipe([af.Rotate()]), np.zeros((9, 9, 3), np.uint8)
    with pytest.raises((af.RangeError, af.ImageError), match=r"0\.\.2\*\*6"):
        if name == "indices":
            recipe.batch(image[None], seed=0, indices=[number])
        else:
            recipe(image=image, **{"seed": 1, "index": 0, name: number})


def test_the_largest_index_is_taken() -> None:
    recipe, image = af.Recipe([af.Rotate()]), np.arange(243, dtype=np.uint8).reshape(9, 9, 3)
    last = 2**63 - 1
    batch = recipe.batch(image[None], seed=1, indices=[last])
    np.testing.assert_array_equal(recipe(image=image, seed=1, index=last)["image"], batch.images[0])
    with pytest.raises(af.RangeError, match=r"index: got 9223372036854775808, wanted 0\.\.2\*\*63 - 1"):
        recipe(image=image, seed=1, index=2**63)
    with pytest.raises(af.AugfuseError, match=r"2\*\*63 - 1"):
        recipe.describe((9, 9, 3), seed=1, index=2**63)


@pytest.mark.parametrize(
    ("fn", "words"),
    [
        (lambda image: image * np.nan, "returned NaN or infinity"),
        (lambda image: image / 0, "returned NaN or infinity"),
        (lambda image: image.astype(object), "returned object values"),
        (lambda image: image * 1j, "returned complex64 values"),
    ],
)
def test_a_function_that_returns_no_numbers_is_named(fn: Any, words: str) -> None:
    x = np.ones((2, 9, 9, 3), np.uint8)
    with np.errstate(all="ignore"), pytest.raises(af.RecipeError, match=rf"Lambda\.fn: .*{words}"):
        af.Recipe([af.Lambda(fn)]).batch(x, workers=1)


class Darker:
    def __call__(self, image: np.ndarray) -> np.ndarray:
        return image * 0.5


@pytest.mark.parametrize(
    "fn", [functools.partial(np.multiply, 0.5), Darker(), np.sqrt, np.random.default_rng(0).random]
)
def test_any_function_can_be_written_down_in_a_state(fn: Any) -> None:
    recipe = af.Recipe([af.Lambda(fn)])
    loader = af.Loader(af.from_arrays(np.zeros((4, 9, 9, 3), np.uint8)), recipe, batch_size=2)
    loader.load_state_dict(loader.state_dict())
    assert recipe.fingerprint() == af.Recipe([af.Lambda(fn)]).fingerprint() and "af.Lambda(fn=" in recipe.to_python()
