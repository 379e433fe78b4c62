"""Perspectives and fields that are none: ranges, matrices and fields of one's own, points of the function."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import augfuse as af
from oracles import pictures
from own import ENDS, Given, Tilted, corners

FILLS = ("nearest", "reflect", "wrap", "constant")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: af.Perspective(0.7), r"Perspective.distortion_scale: got 0.7, wanted low <= high within 0..0.6 .*2/3"),
        (lambda: af.Perspective((-0.1, 0.2)), r"Perspective.distortion_scale: got \(-0.1, 0.2\)"),
        (lambda: af.OpticalDistortion(-0.4), r"OpticalDistortion.distort_limit: got -0.4, wanted a number >= 0"),
        (lambda: af.OpticalDistortion((-0.4, 0)), r"OpticalDistortion.distort_limit: .* Below -0.36 corners fold"),
        (lambda: af.GridDistortion(5, 1.0), r"GridDistortion.distort_limit: .* At -1 nothing is left"),
        (lambda: af.GridDistortion(1), r"GridDistortion.num_steps: got 1, wanted a whole number within 2..64"),
        (lambda: af.GridDistortion(2.5), r"GridDistortion.num_steps: got 2.5"),  # type: ignore[arg-type]
        (lambda: af.ElasticTransform(-1), r"ElasticTransform.alpha: got -1"),
        (lambda: af.ElasticTransform(1, 0), r"ElasticTransform.sigma: got 0, wanted low <= high within 0.1..10000"),
        (lambda: af.ElasticTransform(float("nan")), r"ElasticTransform.alpha: got nan"),
    ],
)
def test_ranges_of_the_constructors(make: Any, message: str) -> None:
    with pytest.raises(af.RangeError, match=message):
        make()


@pytest.mark.parametrize(
    ("matrix", "message"),
    [
        (
            [[1, 0, 0], [0, 1, 0], [0.05, 0, -1]],
            r"maps a corner of the picture onto or behind the horizon .*Tilt it less",
        ),
        ([[1, 0, 0], [0, 1, 0], [-0.02, 0, 1]], r"onto or behind the horizon"),
        ([[1, 0, 0], [0, 1, 0], [1, 0, 0]], r"onto or behind the horizon"),
        ([[1, 0, 0], [0, 1, 0], [0, 0, 0]], r"onto or behind the horizon"),
        ([[1, 0, 0], [2, 0, 0], [0.001, 0, 1]], r"has no inverse"),
        ([[1, np.nan, 0], [0, 1, 0], [0, 0, 1]], r"has no inverse"),
        ([[1, 0, 0], [0, 1, np.inf], [0, 0, 1]], r"has no inverse"),
        ([[1, 0, 1e17], [0, 1, 0], [0, 0, 1]], r"numbers beyond 1e15"),
    ],
)
def test_matrices_of_ones_own(matrix: Any, message: str) -> None:
    Tilted.given = matrix
    try:
        with pytest.raises(af.RecipeError, match=rf"(?s)^(Rotate, )?Tilted: the .* of sample 40 .*{message}"):
            af.Recipe([af.Rotate((0, 0)), Tilted()]).batch(pictures(2, 40, 50), seed=0, indices=[40, 41])
    finally:
        Tilted.given = np.eye(3)


@pytest.mark.parametrize(
    ("points", "smooth", "message"),
    [
        (
            np.full((3, 3, 2), np.nan),
            False,
            r"Given: the field of sample 0 has displacements that are not numbers below",
        ),
        (np.full((5, 5, 2), np.inf), True, r"Given: the field of sample 0"),
        (np.full((3, 3, 2), 1e7), False, r"Given: the field of sample 0"),
        (np.zeros((1, 3, 2)), False, r"Given: got a field with points of shape \(1, 1, 3, 2\), wanted .* at least 2"),
        (np.zeros((3, 5, 2)), True, r"Given: got a field .* with at least 4 rows and columns"),
        (np.zeros((3, 3, 3)), False, r"Given: got a field with points of shape \(1, 3, 3, 3\)"),
    ],
)
def test_fields_of_ones_own(points: np.ndarray, smooth: bool, message: str) -> None:
    Given.points = points
    with pytest.raises(af.RecipeError, match=message):
        af.Recipe([Given(smooth)]).batch(pictures(1, 20, 30), seed=0)


@pytest.mark.parametrize("value", [-9e5, 9e5])
@pytest.mark.parametrize("fill", FILLS)
def test_a_field_that_leads_out_of_every_image(value: float, fill: str) -> None:
    Given.points = np.full((2, 2, 2), value)
    images = af.Recipe([Given(), af.Scale((0.01, 0.01)), Given(), af.Rotate(9)], fill=fill).batch(
        np.ones((2, 20, 30, 3), np.float32), seed=0
    )
    assert set(np.unique(images.images)) <= {0, 1}


CORNERS = corners(20, 30)


@pytest.mark.parametrize(
    ("start", "end", "message"),
    [
        (CORNERS, CORNERS[:3], r"FourPoints.endpoints: got .*, wanted four points \(x, y\), such as"),
        ("abcd", CORNERS, r"FourPoints.startpoints: got 'abcd', wanted four points"),
        (
            CORNERS,
            [(0, 0), (10, 10), (20, 20), (0, 30)],
            r"FourPoints.endpoints: got .*, of which three lie on one line",
        ),
        (CORNERS, [(0, 0)] * 4, r"three lie on one line"),
        (CORNERS, [CORNERS] * 3, r"got four points for 3 images, wanted four for all, or four for each of 2 image"),
        (CORNERS, [CORNERS, CORNERS[::-1][:3]], r"FourPoints.endpoints\[1\]: got"),
        (CORNERS, [(0, 0), (float("inf"), 0), (9, 9), (0, 9)], r"FourPoints.endpoints: got inf"),
    ],
)
def test_points_of_the_function(start: Any, end: Any, message: str) -> None:
    with pytest.raises(af.RangeError, match=message):
        af.functional.perspective(pictures(2, 20, 30), start, end)


def test_points_for_each_image() -> None:
    images, ends = pictures(3, 40, 56), np.array(ENDS)
    many = af.functional.perspective(images, corners(40, 56), ends)
    for i in range(3):
        assert np.array_equal(many[i], af.functional.perspective(images[i], corners(40, 56), ENDS[i]))
    with pytest.raises(
        af.RecipeError, match=r"(?s)FourPoints: the perspective of sample 1 maps a corner .* behind the horizon"
    ):
        inwards = [(0, 0), (56, 0), (20, 15), (0, 40)]
        af.functional.perspective(images, corners(40, 56), [ENDS[0], inwards, ENDS[1]])
