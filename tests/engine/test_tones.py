"""Tones: what Pillow and torchvision define on uint8, the formula on floats, and how they join their neighbours."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageOps

import augfuse as af
from augfuse.execute.batch_images import as_images
from augfuse.transforms.base import Tone, Transform
from oracles import EXAMPLES, assert_like_reference, by_reference, fused, labels_of, pictures, random_recipes, unfused
from torchvision_parts import torchvision_functions
from trees import LEAVES, ends

CURVE: Any = af.ToneCurve
TONES = [cls(**example) for cls, example in EXAMPLES if issubclass(cls, Tone)]
ALWAYS = [type(t)(**{n: getattr(t, n) for n in t.__struct_fields__} | {"p": 1.0}) for t in TONES]


def done(steps: list[Transform], images: Any, **options: Any) -> np.ndarray:
    settings = {k: options.pop(k) for k in ("fill", "fill_value", "value_range") if k in options}
    return af.Recipe(steps, **settings).batch(images, seed=0, **options).images


def dim(n: int, height: int, width: int, channels: int, seed: int = 0) -> np.ndarray:
    """Pictures with something to gain: each channel lies within a part of the range."""
    low = np.arange(channels) * 20 + 15
    return (pictures(n, height, width, channels, seed=seed) // 2 + low.astype(np.uint8)).astype(np.uint8)


def by_pillow(function: Any, images: np.ndarray) -> np.ndarray:
    kept = [function(Image.fromarray(image if image.shape[2] == 3 else image[..., 0])) for image in images]
    return np.stack([np.asarray(image).reshape(images.shape[1:]) for image in kept])


PILLOW: list[tuple[Transform, Any]] = [
    *((af.Solarize(threshold=t / 255, p=1), lambda i, t=t: ImageOps.solarize(i, t)) for t in (0, 1, 90, 128, 255)),
    *((af.Posterize(bits=b, p=1), lambda i, b=b: ImageOps.posterize(i, b)) for b in range(1, 9)),
    (af.AutoContrast(), ImageOps.autocontrast),
    (af.Equalize(), ImageOps.equalize),
    *(
        (
            af.Gamma((g, g)),
            lambda i, g=g: i.point([round(255 * (v / 255) ** g) for v in range(256)] * len(i.getbands())),
        )
        for g in (0.4, 0.8, 1, 1.25, 2.2)
    ),
    (
        af.ToneCurve(((0, 0.1), (0.4, 0.9), (1, 0.3))),
        lambda i: i.point(
            [round(255 * float(v)) for v in np.interp(np.arange(256) / 255, (0, 0.4, 1), (0.1, 0.9, 0.3))]
            * len(i.getbands())
        ),
    ),
]


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(("transform", "function"), PILLOW, ids=lambda v: str(v) if isinstance(v, Transform) else "")
def test_uint8_is_pillows(transform: Transform, function: Any, channels: int) -> None:
    flat = np.full((2, 9, 8, channels), 77, np.uint8)
    two = flat.copy()
    two[:, 2] = 200
    ramp = np.tile(np.arange(256, dtype=np.uint8)[None, None, :, None], (1, 2, 1, channels))
    for images in (dim(3, 41, 30, channels), pictures(1, 64, 64, channels), flat, two, ramp, flat[:, :1, :1]):
        wanted = by_pillow(function, images)
        assert np.array_equal(done([transform], images), wanted)
        assert np.array_equal(done([transform], images, layout="NCHW").transpose(0, 2, 3, 1), wanted)
        floats = done([transform], images, dtype="float32", layout="NCHW")
        assert np.array_equal(floats.transpose(0, 2, 3, 1), wanted.astype(np.float32))
        assert np.array_equal(done([transform], list(images)), wanted)


def test_uint8_and_floats_are_torchvisions() -> None:
    torch = pytest.importorskip("torch")
    v2 = torchvision_functions(torch)
    for images in (dim(2, 31, 40, 3), dim(2, 31, 40, 1), (dim(2, 31, 40, 3) / 255).astype(np.float32)):
        x = torch.from_numpy(images.transpose(0, 3, 1, 2).copy())
        floats = images.dtype == np.float32
        for transform, other in (
            (af.Solarize(threshold=1 / 2, p=1), lambda x, t=0.5 if floats else 128: v2.solarize(x, t)),
            (af.Posterize(bits=3, p=1), lambda x: v2.posterize(x, 3)),
            (af.AutoContrast(), v2.autocontrast),
            (af.Gamma((0.7, 0.7)), lambda x: v2.adjust_gamma(x, 0.7)),
            (af.Equalize(), None if floats else v2.equalize),
        ):
            if other is None:  # torchvision goes through uint8
                continue
            wanted = other(x).numpy().transpose(0, 2, 3, 1).astype(float)
            # torchvision cuts a gamma to whole numbers, and computes in float32 what Pillow computes in float64.
            off = 1e-6 if floats else 1 if isinstance(transform, (af.Gamma, af.AutoContrast)) else 0
            assert np.abs(done([transform], images).astype(float) - wanted).max() <= off, transform


FORMULAS: list[tuple[Transform, Any]] = [
    (af.Gamma((2.2, 2.2)), lambda v: v**2.2),
    (af.Gamma((0.5, 0.5)), np.sqrt),
    (af.Solarize(threshold=0.3, p=1), lambda v: np.where(v < 0.3, v, 1 - v)),
    (af.Posterize(bits=4, p=1), lambda v: np.minimum(np.floor(v * 16), 15) / 16),
    (af.ToneCurve(((0, 1), (0.5, 0.2), (1, 0.4))), lambda v: np.interp(v, (0, 0.5, 1), (1, 0.2, 0.4))),
    (af.AutoContrast(), lambda v: (v - v.min((1, 2), keepdims=True)) / np.ptp(v, axis=(1, 2), keepdims=True)),
]


@pytest.mark.parametrize(("transform", "formula"), FORMULAS, ids=lambda v: str(v) if isinstance(v, Transform) else "")
@pytest.mark.parametrize("channels", [1, 2, 3, 5])
def test_floats_are_the_formula(transform: Transform, formula: Any, channels: int) -> None:
    images = (0.1 + 0.7 * pictures(3, 21, 30, channels, "float32")).astype(np.float32)
    images[0, :2] = 0.0
    images[0, 2:4] = 1.0
    np.testing.assert_allclose(done([transform], images), formula(images.astype(float)), rtol=0, atol=1e-6)
    wide = 40 * images - 20
    found = done([transform], wide, value_range=(-20, 20))
    np.testing.assert_allclose(found, 40 * formula((wide.astype(float) + 20) / 40) - 20, rtol=0, atol=5e-5)


@pytest.mark.parametrize("dtype", ["uint16", "float32"])
def test_equalized_levels_come_equally_often(dtype: str) -> None:
    images = pictures(2, 64, 64, 2, dtype)
    images = (images // 7 + 900).astype(dtype) if dtype == "uint16" else (0.1 + images / 2).astype(dtype)
    full = 65535 if dtype == "uint16" else 1
    found = done([af.Equalize()], images) / full
    for image, before in zip(found, images, strict=True):
        for c in range(2):
            rank = np.searchsorted(np.sort(before[..., c].ravel()), before[..., c]) / (64 * 64 - 1)
            assert np.abs(image[..., c] - rank).max() < 2e-3


@pytest.mark.parametrize("transform", ALWAYS, ids=str)
def test_uint16_are_65536_levels_and_alpha_stays(transform: Transform) -> None:
    rgba = pictures(2, 24, 31, 4)
    found = done([transform], rgba)
    assert np.array_equal(found[..., 3], rgba[..., 3])
    assert np.array_equal(found[..., :3], done([transform], rgba[..., :3].copy()))
    for dtype in ("uint16", "float32"):
        images = pictures(2, 24, 31, 4, dtype)
        out = done([transform], images)
        assert out.dtype == images.dtype and np.array_equal(out[..., 3], images[..., 3])
        assert_like_reference(af.Recipe([transform]), images)
    if transform.statistic is None:  # type: ignore[attr-defined]
        wide = done([transform], (rgba[..., :3].astype(np.uint16) * 257)) / 257
        posterized = 17 if isinstance(transform, af.Posterize) else 0.51
        assert np.abs(wide - found[..., :3]).max() <= posterized


def test_before_a_warp_the_values_of_the_source_pass_and_behind_it_those_that_were_blended() -> None:
    images = pictures(2, 20, 24)
    turn, curve = af.Rotate((33, 33)), af.Solarize(threshold=0.4, p=1)
    first = done([turn], done([curve], images))
    assert np.array_equal(done([curve, turn], images), first)
    last = done([curve], done([turn], images))
    together = done([turn, curve], images).astype(int)  # what lies between two levels goes up, and not to the even one
    assert np.abs(together - last).max() <= 1 and (together != last).mean() < 0.01
    assert not np.array_equal(first, last)
    names = [(len(step.before), step.geometry is not None, len(step.after)) for step in steps_of([curve, turn, curve])]  # type: ignore[union-attr]
    assert names == [(1, True, 1)]


def steps_of(steps: list[Transform]) -> tuple[Any, ...]:
    return fused(af.Recipe(steps), as_images(pictures(1, 8, 8))).steps


@pytest.mark.parametrize(
    ("steps", "text"),
    [
        ([af.Gamma(), af.Solarize(), af.Rotate(), af.Invert(), af.Posterize(), af.Gamma()],
         "Gamma, Solarize -> 1 curve; Rotate -> 1 warp; Invert -> 1 matrix; Posterize, Gamma -> 1 curve; write"),
        ([af.Rotate(), af.Gamma(), af.Rotate()], "Rotate -> 1 warp; Gamma -> 1 curve; Rotate -> 1 warp; write"),
        ([af.Gamma(), af.Equalize(), af.Solarize(), af.Rotate()],
         "Gamma -> 1 curve; Equalize, Solarize -> 1 curve of the image; Rotate -> 1 warp; write"),
        ([af.Solarize(), af.Contrast(pivot="mean"), af.AutoContrast()],
         "Solarize -> 1 curve; Contrast -> 1 matrix with the image mean; AutoContrast -> 1 curve of the image; write"),
    ],
)  # fmt: skip
def test_explain(steps: list[Transform], text: str) -> None:
    assert af.Recipe(steps).explain().startswith(text)


def test_the_fill_colour_passes_later_curves() -> None:
    white = np.full((1, 8, 8, 3), 255, np.uint8)
    away = af.Translate((1, 1), (0, 0))
    solar, half, darker = af.Solarize(threshold=0, p=1), af.Gamma((2, 2)), af.Brightness((0.5, 0.5))

    def colour(*steps: Transform) -> list[int]:
        recipe = af.Recipe(list(steps), fill="constant", fill_value=(100, 50, 7))
        assert_like_reference(recipe, white)
        return recipe.batch(white, seed=0).images[0, 0, 0].tolist()

    assert colour(solar, away) == [100, 50, 7]
    assert colour(away, solar) == [155, 205, 248]
    assert colour(away, solar, away) == [155, 205, 248]  # it was there before the second warp
    assert colour(away, half, solar, away, darker) == [108, 122, 128]  # 255 - v * v / 255, halved
    assert colour(away, darker, solar, away, solar) == [50, 25, 4]
    assert colour(away, af.GaussianBlur(1), solar) == [155, 205, 248]
    assert colour(af.LetterBox((8, 12), value=0.2), half, away) == [100, 50, 7]  # and not that of the LetterBox


HALVES = [
    af.Contrast((1.7, 1.7)),
    af.Brightness((0.5, 0.5)),
    af.Brightness((1.7, 1.7)),
    af.Invert(p=1),
    af.HorizontalFlip(p=1),
    af.Transpose(p=1),
]


@pytest.mark.parametrize("curve", ALWAYS, ids=str)
def test_values_between_two_levels_go_up_fused_or_not(curve: Transform) -> None:
    """What colours leave there differs in its last bit with the order of the products, and a curve may jump."""
    images = as_images(pictures(1, 13, 13))
    for first, second in itertools.product(HALVES, HALVES):
        recipe = af.Recipe([first, second, curve, second, first, af.Posterize(bits=4, p=1)])
        plans = fused(recipe, images, dtype="float32"), unfused(recipe, images, dtype="float32")
        one, other = (by_reference(plan, images) for plan in plans)
        np.testing.assert_allclose(one, other, rtol=0, atol=1e-3)


DTYPES = st.sampled_from(["uint8", "uint16", "float32"])


@random_recipes
@settings(max_examples=60)
@given(
    st.lists(st.one_of(st.sampled_from(TONES), st.sampled_from(LEAVES)), min_size=1, max_size=4), ends(),
    DTYPES, st.sampled_from([1, 3, 4, 5]), st.sampled_from(["nearest", "constant", "wrap"]),
    st.sampled_from([None, "float32"]), st.sampled_from(["NHWC", "NCHW"]), st.integers(0, 2**64 - 1),
)  # fmt: skip
def test_tones_among_others_like_reference(
    body: list[Transform], end: list[Transform], dtype: str, channels: int, fill: str, out: Any, layout: str, seed: int
) -> None:
    images = pictures(2, 13, 17, channels, dtype)
    try:
        recipe = af.Recipe([*body, *end], fill=fill, fill_value=0.3)
        recipe.batch(images, seed=seed, dtype=out)
    except af.AugfuseError:  # colours that mix, or paint, other channels; sizes that do not stack
        return
    assert_like_reference(recipe, images, seed=seed, dtype=out, layout=layout)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
@pytest.mark.parametrize(
    "body",
    [
        [af.RandomOrder([af.CenterCrop((48, 40)), af.AutoContrast()])],
        [af.When((0, 2), [af.CenterCrop((48, 40)), af.Gamma()]), af.Posterize(p=0.5)],
        [af.Rotate90(), af.Equalize(), af.HorizontalFlip()],
        [af.Transpose(p=0.5), af.ToneCurve(), af.GaussianBlur(1), af.Gamma()],
        [af.When((1,), [af.Pad(3)]), af.Solarize(p=1)],
        [af.RandomWidth((1.1, 1.4)), af.AutoContrast(p=0.7)],
    ],
    ids=str,
)
def test_sizes_that_differ_between_the_steps(body: list[Transform], dtype: str) -> None:
    """Images of one size before and behind, and of several where the tones are."""
    images, recipe = pictures(9, 40, 33, 3, dtype), af.Recipe([*body, af.Resize((60, 64))])
    for seed in range(4):
        batch = recipe.batch(images, labels_of(range(9)), seed=seed, workers=0)
        for i in range(9):
            alone = recipe(image=images[i], label=i % 3, seed=seed, index=i)["image"]
            assert np.array_equal(alone, batch.images[i]), (seed, i)
        turned = recipe.batch(images[::-1], labels_of(range(9))[::-1], indices=np.arange(9)[::-1], seed=seed, workers=0)
        assert np.array_equal(turned.images[::-1], batch.images)
    assert_like_reference(recipe, images)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
@pytest.mark.parametrize("transform", TONES, ids=str)
def test_a_value_range_within_the_levels(transform: Transform, dtype: str) -> None:
    high = {"uint8": 200.0, "uint16": 40000.0, "float32": 0.75}[dtype]
    images = np.minimum(pictures(3, 15, 16, 3, dtype), np.array(high).astype(dtype))
    for steps in ([transform], [af.Brightness(), transform], [transform, af.Rotate(20), af.Normalize()]):
        assert_like_reference(af.Recipe(steps, value_range=(0, high)), images)
    out = done([transform], images, value_range=(0, high))
    assert out.max() <= high


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: af.Gamma((0, 1)), r"^Gamma\.gamma: got \(0, 1\), wanted low <= high within 0\.01\.\.100"),
        (lambda: af.Gamma((-1, 1)), r"^Gamma\.gamma: got \(-1, 1\), wanted low <= high within 0\.01\.\.100"),
        (lambda: af.Gamma((1, float("inf"))), r"^Gamma\.gamma: got inf, wanted two finite numbers"),
        (lambda: af.Solarize(threshold=(0.5, 128)), r"^Solarize\.threshold: got \(0\.5, 128\), wanted low"),
        (lambda: af.Posterize(bits=(0, 4)), r"^Posterize\.bits: got \(0, 4\), wanted low <= high within 1\.\.8"),
        (lambda: af.Posterize(bits=4.5), r"^Posterize\.bits: got \(4\.5, 4\.5\), wanted whole numbers"),
        (lambda: CURVE(()), r"^ToneCurve\.points: got \(\), wanted at least two points"),
        (lambda: CURVE("abc"), r"^ToneCurve\.points: got 'abc', wanted at least two points"),
        (lambda: CURVE(((0, 0), (1, 1, 1))), r"^ToneCurve\.points\[1\]: got \(1, 1, 1\), wanted two numbers"),
        (lambda: CURVE(((0, 0), (0.5, 1), (0.5, 0), (1, 1))), r"^ToneCurve\.points\[2\]: got x = 0\.5 behind x"),
        (lambda: CURVE(((0, 0), (0.7, 1), (0.5, 0), (1, 1))), r"^ToneCurve\.points\[2\]: got x = 0\.5 behind x"),
        (lambda: CURVE(((0, 0), (0.5, 1.5), (1, 1))), r"^ToneCurve\.points\[1\]: got .*within 0\.\.1"),
        (lambda: CURVE(((0, 0), (float("nan"), 0.5), (1, 1))), r"^ToneCurve\.points\[1\]: got nan"),
        (lambda: CURVE(((0.1, 0), (1, 1))), r"^ToneCurve\.points: got a curve from x = 0\.1 .*Add \(0, 0\)"),
        (lambda: CURVE(np.arange(256)), r"^ToneCurve\.points\[0\]: got 0, wanted two numbers \(x, y\)"),
        (lambda: CURVE(np.zeros((70000, 2))), r"^ToneCurve\.points: got .*65,536 at most"),
    ],
)  # fmt: skip
def test_what_is_no_curve_is_refused(make: Any, message: str) -> None:
    with pytest.raises(af.RangeError, match=message):
        make()


def test_curves_that_always_act_stay_in_evaluation() -> None:
    kept = [af.AutoContrast(), af.Equalize(), af.ToneCurve()]
    random = [
        af.Gamma(),
        af.Solarize(),
        af.Posterize(p=1),
        af.AutoContrast(p=0.5),
        af.Equalize(p=0.9),
        af.ToneCurve(p=0.2),
    ]
    assert af.Recipe([*random, *kept]).eval() == af.Recipe(kept)
    assert af.Recipe([*random, *kept]).scaled(0).eval() == af.Recipe(kept)
    assert af.Recipe([af.AutoContrast(p=0.5)]).scaled(2).eval() == af.Recipe([])
    milder = af.Recipe([af.Gamma(), af.Solarize(), af.Posterize()]).scaled(0.5)
    assert [t.p for t in milder.transforms] == [1.0, 0.25, 0.25]
    assert milder.transforms[0] == af.Gamma((0.9, 1.125))
    assert milder.transforms[1] == af.Solarize(threshold=(0.75, 1.0), p=0.25)
    assert milder.transforms[2] == af.Posterize(p=0.25)


def test_captions_say_what_was_drawn() -> None:
    recipe = af.Recipe(
        [af.Gamma((1.5, 1.5)), af.Solarize(threshold=0.25, p=1), af.Posterize(bits=3, p=1), af.AutoContrast(p=0.9999)]
    )
    told = [step.text for step in recipe.batch(pictures(1, 8, 8), seed=0).plan.describe(0)]
    assert told == ["gamma 1.50", "solarize 25.0%", "posterize 3 bits", "auto contrast"]
