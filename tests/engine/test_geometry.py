"""Matrices against NumPy's own, and which way every transform moves a picture."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import augfuse as af
from augfuse.algebra import geometry
from augfuse.algebra.geometry import Canvas
from augfuse.algebra.rng import Draw, Words
from augfuse.transforms.base import Geometric
from oracles import pictures

numbers = st.floats(-50, 50)
six = st.tuples(*[numbers] * 6)


def canvas(*sizes: tuple[int, int]) -> Canvas:
    return Canvas(*(np.array(side, np.int64) for side in zip(*sizes, strict=True)))


def full(rows: list[tuple[float, ...]]) -> np.ndarray:
    return np.array([[row[:3], row[3:], (0, 0, 1)] for row in rows], np.float64)


def ours(rows: list[tuple[float, ...]]) -> np.ndarray:
    return geometry.affine(len(rows), *np.array(rows, np.float64).T)


@given(st.lists(st.tuples(six, six), min_size=1, max_size=5))
def test_affine_and_product_are_numpys_matmul(pairs: list[tuple[tuple[float, ...], tuple[float, ...]]]) -> None:
    first, second = [p[0] for p in pairs], [p[1] for p in pairs]
    assert np.array_equal(ours(first), full(first))
    got = geometry.product([ours(first), ours(second)])
    np.testing.assert_allclose(got, full(second) @ full(first), rtol=1e-13, atol=1e-10)
    for i in range(len(pairs)):  # bit for bit the same alone
        assert np.array_equal(geometry.product([ours(first[i : i + 1]), ours(second[i : i + 1])])[0], got[i])


@given(st.lists(six, min_size=1, max_size=5))
def test_invert_is_numpys_inv(rows: list[tuple[float, ...]]) -> None:
    m = ours(rows)
    # Not NumPy's determinant: it divides by the pivot, and where that is 1e-300 the quotient overflows.
    keep = np.abs(m[:, 0, 0] * m[:, 1, 1] - m[:, 0, 1] * m[:, 1, 0]) > 1e-3
    if keep.any():
        inverse = geometry.invert(m[keep])
        wanted = np.linalg.inv(m[keep])
        np.testing.assert_allclose(inverse.maps.reshape(-1, 2, 3), wanted[:, :2], rtol=1e-6, atol=1e-6)
        np.testing.assert_allclose(inverse.spans.T, np.linalg.norm(wanted[:, :2, :2], axis=2), rtol=1e-6, atol=1e-6)
        assert inverse.irregular == -1 and inverse.most == inverse.spans.max()


def test_what_has_no_inverse_is_named() -> None:
    good = [(1, 0, 0, 0, 1, 0), (1e-3, 0, 5, 0, 1e-3, 5), (0, 1, 0, -1, 0, 0), (1e3, 0, 0, 0, 1e3, 0)]
    bad = [
        (0, 0, 0, 0, 0, 0),
        (1, 2, 0, 2, 4, 0),
        (1e-7, 0, 0, 0, 1e-7, 0),
        (np.nan, 0, 0, 0, 1, 0),
        (1, 0, np.inf, 0, 1, 0),
        (1, 0, 0, 0, 1, -1e15),
    ]
    assert geometry.invert(ours(good)).irregular == -1
    for k in range(len(bad)):
        refused = geometry.invert(ours([*good, bad[k]]))
        assert refused.irregular == len(good) and (refused.maps[-1] == 0).all() and refused.maps[:-1].any(axis=1).all()


def test_where() -> None:
    m = ours([(2, 0, 1, 0, 4, 1), (0.5, 0, 1, 0, 0.25, 1)])
    kept = geometry.where(np.array([True, False]), m)
    assert np.array_equal(kept[0], m[0]) and np.array_equal(kept[1], np.eye(3))


def test_spans_are_along_the_axes_of_the_source() -> None:
    halved = ours([(2, 0, 1, 0, 4, 1), (0.5, 0, 1, 0, 0.25, 1)])
    x, y = geometry.invert(halved).spans
    assert np.array_equal(x, [0.5, 2]) and np.array_equal(y, [0.25, 4])
    turned = geometry.product([ours([(0.5, 0, 0, 0, 0.25, 0)]), geometry.about_centre(canvas((9, 9)), 0, 1, -1, 0)])
    x, y = geometry.invert(turned).spans
    np.testing.assert_allclose([x[0], y[0]], [2, 4])  # shrunk, then turned by a quarter: still along x and y before it


@given(six, st.integers(1, 99), st.integers(1, 99))
def test_about_centre_leaves_the_centre_where_it_is(row: tuple[float, ...], height: int, width: int) -> None:
    m = geometry.about_centre(canvas((height, width)), *row[:4])
    centre = np.array([width / 2, height / 2, 1])
    np.testing.assert_allclose(m[0] @ centre, centre, atol=1e-9)
    assert np.array_equal(m[0, :2, :2].ravel(), row[:4])


# --- transforms ---------------------------------------------------------------------------------------------------


def matrix(transform: Geometric, size: Canvas) -> np.ndarray:
    name = type(transform).__name__
    return transform.matrix(transform.draw(Draw(Words(0, 0, np.arange(len(size.width))), f"{name}#0")), size)[0]


one = st.floats(0.3, 3)


@given(
    scale=one, shear_x=st.floats(-60, 60), shear_y=st.floats(-60, 60), degrees=st.floats(-360, 360),
    x=st.floats(-1, 1), y=st.floats(-1, 1), height=st.integers(1, 99), width=st.integers(1, 99),
)  # fmt: skip
def test_affine_is_its_parts_in_their_order(
    scale: float, shear_x: float, shear_y: float, degrees: float, x: float, y: float, height: int, width: int
) -> None:
    size = canvas((height, width))
    whole = af.Affine(
        degrees=(degrees, degrees), translate_x=(x, x), translate_y=(y, y),
        scale=(scale, scale), shear_x=(shear_x, shear_x), shear_y=(shear_y, shear_y),
    )  # fmt: skip
    parts = [
        af.Scale((scale, scale)),
        af.Shear((shear_x, shear_x), (shear_y, shear_y)),
        af.Rotate((degrees, degrees)),
        af.Translate((x, x), (y, y)),
    ]
    product = np.eye(3)
    for part in parts:
        product = matrix(part, size)[0] @ product
    np.testing.assert_allclose(matrix(whole, size)[0], product, atol=1e-8)


def test_the_textbook_matrices() -> None:
    size = canvas((40, 60))
    centre, back = full([(1, 0, 30, 0, 1, 20)])[0], full([(1, 0, -30, 0, 1, -20)])[0]
    a, k, q = np.deg2rad(30), np.tan(np.deg2rad(20)), np.tan(np.deg2rad(-10))
    for transform, inner in (
        (af.Rotate((30, 30)), [[np.cos(a), np.sin(a), 0], [-np.sin(a), np.cos(a), 0], [0, 0, 1]]),
        (af.Scale((2, 2)), np.diag([2, 2, 1])),
        (af.Scale(x=(2, 2)), np.diag([2, 1, 1])),
        (af.Scale(y=(0.5, 0.5)), np.diag([1, 0.5, 1])),
        (af.Shear((20, 20)), [[1, k, 0], [0, 1, 0], [0, 0, 1]]),
        (
            af.Shear((20, 20), (-10, -10)),
            np.array([[1, 0, 0], [q, 1, 0], [0, 0, 1]]) @ [[1, k, 0], [0, 1, 0], [0, 0, 1]],
        ),
    ):
        np.testing.assert_allclose(matrix(transform, size)[0], centre @ np.array(inner) @ back, atol=1e-12)
    np.testing.assert_allclose(matrix(af.Translate((0.1, 0.1), (-0.5, -0.5)), size)[0], full([(1, 0, 6, 0, 1, -20)])[0])


def centre_of_light(image: np.ndarray) -> tuple[float, float]:
    light = image[..., 0].astype(np.float64)
    y, x = np.mgrid[: light.shape[0], : light.shape[1]] + 0.5
    return float((light * x).sum() / light.sum()), float((light * y).sum() / light.sum())


def spot(x: float, y: float) -> np.ndarray:
    """A bright spot of 3 x 3 pixels on a black 41 x 61 picture, at (x, y) from the centre of the picture."""
    image = np.zeros((41, 61, 3), np.uint8)
    column, row = int(x + 30), int(y + 20)
    image[row - 1 : row + 2, column - 1 : column + 2] = 255
    return image


@pytest.mark.parametrize(
    ("transform", "start", "end"),
    [
        (af.Rotate((90, 90)), (10, 0), (0, -10)),  # anticlockwise as seen: what is right goes up
        (af.Rotate((-90, -90)), (10, 0), (0, 10)),
        (af.Rotate((45, 45)), (0, -10), (-7.07, -7.07)),
        (af.Rotate90(quarters=1, p=1.0), (10, 0), (0, -10)),
        (af.Translate((0.1, 0.1), (0, 0)), (0, 0), (6.1, 0)),  # + is right
        (af.Translate((0, 0), (0.1, 0.1)), (0, 0), (0, 4.1)),  # + is down
        (af.Scale((1.5, 1.5)), (10, -4), (15, -6)),  # above 1 enlarges
        (af.Scale(x=(0.5, 0.5)), (10, -4), (5, -4)),
        (af.Shear((45, 45)), (0, 6), (6, 6)),  # lower rows move right
        (af.Shear((0, 0), (45, 45)), (6, 0), (6, 6)),  # right columns move down
        (af.HorizontalFlip(p=1.0), (10, 5), (-10, 5)),
        (af.VerticalFlip(p=1.0), (10, 5), (10, -5)),
        (af.Transpose(p=1.0), (10, 5), (5, 10)),
        (af.Affine(translate_x=(0.1, 0.1), scale=(2, 2), degrees=(90, 90)), (4, 0), (6.1, -8)),
    ],
)
def test_which_way(transform: af.Transform, start: tuple[float, float], end: tuple[float, float]) -> None:
    out = af.Recipe([transform], fill="constant")(image=spot(*start), seed=0, index=0)["image"]
    x, y = centre_of_light(out)
    height, width = out.shape[:2]
    assert (x - width / 2, y - height / 2) == pytest.approx(end, abs=0.12)


def test_ranges_are_reached() -> None:
    """Draws cover the declared range, on both sides: of 400 images the extremes lie within 5 % of the ends."""
    sizes = canvas(*[(100, 200)] * 400)

    def spread(transform: Geometric, measure: Callable[[np.ndarray], np.ndarray]) -> tuple[float, float]:
        values = measure(matrix(transform, sizes))
        return float(values.min()), float(values.max())

    for transform, measure, low, high in (
        (af.Rotate((-20, 60)), lambda m: np.rad2deg(np.arctan2(-m[:, 1, 0], m[:, 0, 0])), -20, 60),
        (af.Translate((-0.1, 0.3)), lambda m: m[:, 0, 2] / 200, -0.1, 0.3),
        (af.Translate(y=(-0.1, 0.3)), lambda m: m[:, 1, 2] / 100, -0.1, 0.3),
        (af.Scale((0.5, 1.5)), lambda m: m[:, 0, 0], 0.5, 1.5),
        (af.Scale(y=(0.5, 1.5)), lambda m: m[:, 1, 1], 0.5, 1.5),
        (af.Shear((0, 30)), lambda m: np.rad2deg(np.arctan(m[:, 0, 1])), 0, 30),
    ):
        least, most = spread(transform, measure)
        margin = 0.05 * (high - low)
        assert low <= least < low + margin and high - margin < most <= high
    scales = matrix(af.Scale((0.5, 1.5)), sizes)
    assert np.array_equal(scales[:, 0, 0], scales[:, 1, 1])  # one factor for both axes
    apart = matrix(af.Scale(x=(0.5, 1.5), y=(0.5, 1.5)), sizes)
    assert abs(np.corrcoef(apart[:, 0, 0], apart[:, 1, 1])[0, 1]) < 0.2


# --- sizes --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("transform", "size"),
    [
        (af.Resize((30, 50)), (30, 50)),
        (af.Resize(20), (20, 20)),
        (af.Resize((20, 20), mode="cover"), (20, 30)),
        (af.Resize((20, 20), mode="contain"), (13, 20)),
        (af.Resize((80, 20), mode="cover"), (80, 120)),
        (af.Resize((80, 20), mode="contain"), (13, 20)),
        (af.CenterCrop((10, 70)), (10, 70)),
        (af.RandomCrop(90), (90, 90)),
        (af.RandomResizedCrop((11, 12)), (11, 12)),
        (af.Pad((1, 2, 3, 4)), (46, 64)),
        (af.Transpose(p=1.0), (60, 40)),
        (af.Rotate90(quarters=3, p=1.0), (60, 40)),
        (af.Rotate90(quarters=2, p=1.0), (40, 60)),
        (af.Rotate(45), (40, 60)),
    ],
)
def test_sizes(transform: af.Transform, size: tuple[int, int]) -> None:
    assert af.Recipe([transform])(image=pictures(1, 40, 60)[0], seed=0, index=0)["image"].shape == (*size, 3)


def test_center_crop_of_an_odd_rest() -> None:
    x = pictures(1, 11, 14)[0]
    assert np.array_equal(af.Recipe([af.CenterCrop((6, 7))])(image=x)["image"], x[2:8, 3:10])
    padded = af.Recipe([af.CenterCrop((14, 15))], fill="constant")(image=x)["image"]
    assert np.array_equal(padded[2:13, 1:15], x) and padded[:2].max() == 0 and padded[:, :1].max() == 0


def test_random_resized_crop_covers_what_it_says() -> None:
    sizes = canvas(*[(120, 200)] * 500)
    m = matrix(af.RandomResizedCrop(50, scale=(0.1, 0.5), ratio=(0.5, 2.0)), sizes)
    width, height = 50 / m[:, 0, 0], 50 / m[:, 1, 1]
    left, top = -m[:, 0, 2] / m[:, 0, 0], -m[:, 1, 2] / m[:, 1, 1]
    for values in (width, height, left, top):
        np.testing.assert_allclose(values, np.rint(values), atol=1e-9)  # whole pixels
    assert (left > -1e-9).all() and (top > -1e-9).all()
    assert (left + width < 200 + 1e-9).all() and (top + height < 120 + 1e-9).all()
    area, ratio = width * height / (120 * 200), width / height
    assert 0.095 < area.min() < 0.13 and 0.45 < area.max() < 0.505
    assert 0.49 < ratio.min() < 0.56 and 1.8 < ratio.max() < 2.04
    assert (left + width > 195).any() and (left < 5).any() and (top < 5).any() and (top + height > 115).any()
    # Nothing of this ratio fits: the largest centred part within the ratio.
    tall = matrix(af.RandomResizedCrop(50, scale=(1, 1), ratio=(1, 1)), canvas((120, 200)))
    assert (50 / tall[0, 0, 0], 50 / tall[0, 1, 1]) == pytest.approx((120, 120))
    assert -tall[0, 0, 2] / tall[0, 0, 0] == pytest.approx(40) and tall[0, 1, 2] == pytest.approx(0)


def test_evaluation_of_random_crops() -> None:
    assert af.Recipe([af.RandomResizedCrop(224)]).eval() == af.Recipe(
        [af.Resize(256, mode="cover"), af.CenterCrop(224)]
    )
    assert af.Recipe([af.RandomCrop((8, 9))]).eval() == af.Recipe([af.CenterCrop((8, 9))])
    x = pictures(1, 300, 500)[0]
    assert af.Recipe([af.RandomResizedCrop(224)])(image=x, training=False)["image"].shape == (224, 224, 3)
