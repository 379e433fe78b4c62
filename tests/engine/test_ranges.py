"""What fields of transforms accept, and what is said about the rest: what, got, wanted, the next line to type."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import augfuse as af
from augfuse.algebra.ranges import Anything, Choice, Interval, Lengths, Margins, Number, Numbers

angle = Interval("angle", "degrees", -360, 360, hint="Full turns repeat: use (0, 360).")
factor = Interval("factor", "times", 0, 100, "factor")
exact = Interval("sigma", "pixels", 0.01, 100, "exact")


@pytest.mark.parametrize(
    ("spec", "given_", "stored"),
    [
        (angle, (-20, 20), (-20.0, 20.0)),
        (angle, [5, 5], (5.0, 5.0)),
        (angle, 20, (-20.0, 20.0)),
        (angle, 0, (0.0, 0.0)),
        (angle, np.float32(7), (-7.0, 7.0)),
        (angle, (np.int64(-3), 4), (-3.0, 4.0)),
        (factor, 0.25, (0.75, 1.25)),
        (factor, (0.5, 2), (0.5, 2.0)),
        (exact, 3, (3.0, 3.0)),
        (Interval("x", "", 0, 1, optional=True), None, None),
        (Number("p", "", 0, 1), 1, 1.0),
        (Number("n", "", 0, 9, integer=True), 3.0, 3),
        (Numbers("mean", ""), 0.5, (0.5,)),
        (Numbers("mean", ""), [1, 2], (1.0, 2.0)),
        (Lengths("size"), 7, (7, 7)),
        (Lengths("size"), [7, np.int32(9)], (7, 9)),
        (Margins("pad"), 2, (2, 2, 2, 2)),
        (Margins("pad"), (1, 2), (1, 2, 1, 2)),
        (Margins("pad"), (1, 2, 3, 4), (1, 2, 3, 4)),
        (Choice("fill", ("a", "b")), "b", "b"),
    ],
)
def test_one_stored_form(spec: Any, given_: Any, stored: Any) -> None:
    got = spec.parse("X.y", given_)
    assert got == stored and type(got) is type(stored)
    if isinstance(got, tuple):
        assert [type(v) for v in got] == [type(v) for v in stored]
    assert spec.parse("X.y", got) == stored  # what is stored is accepted again


low_high = r"low <= high within -360\.\.360 degrees\."


@pytest.mark.parametrize(
    ("spec", "given_", "message"),
    [
        (angle, (0, 720), r"X\.y: got \(0, 720\), wanted " + low_high + r" Full turns repeat: use \(0, 360\)\."),
        (angle, (20, -20), r"X\.y: got \(20, -20\), wanted " + low_high + r" Upside down: use \(-20, 20\)\."),
        (angle, -20, r"X\.y: got -20, wanted a number >= 0, or \(low, high\) for a range\."),
        (angle, 400, r"X\.y: got 400, wanted " + low_high),
        (angle, (1, 2, 3), r"X\.y: got \(1, 2, 3\), wanted one number or \(low, high\)\."),
        (angle, (), r"X\.y: got \(\), wanted one number or \(low, high\)\."),
        (angle, (math.nan, 2), r"X\.y: got nan, wanted two finite numbers \(low, high\)\."),
        (angle, (0, math.inf), r"X\.y: got inf, wanted two finite numbers \(low, high\)\."),
        (angle, math.nan, r"X\.y: got nan, wanted one finite number or \(low, high\)\."),
        (angle, True, r"X\.y: got True, wanted one finite number or \(low, high\)\."),
        (angle, (False, 3), r"X\.y: got False, wanted two finite numbers"),
        (angle, "20", r"X\.y: got '20', wanted one finite number or \(low, high\)\."),
        (angle, ("a", 1), r"X\.y: got 'a', wanted two finite numbers"),
        (angle, 1j, r"X\.y: got 1j, wanted one finite number"),
        (angle, None, r"X\.y: got None, wanted one finite number"),
        (factor, 1.5, r"X\.y: got 1\.5, wanted low <= high within 0\.\.100 times\."),
        (factor, (-1, 2), r"X\.y: got \(-1, 2\), wanted low <= high within 0\.\.100 times\."),
        (factor, -0.1, r"X\.y: got -0\.1, wanted a number >= 0"),
        (exact, 0, r"X\.y: got 0, wanted low <= high within 0\.01\.\.100 pixels\."),
        (exact, -1, r"X\.y: got -1, wanted low <= high within 0\.01\.\.100 pixels\."),
        (Number("p", "", 0, 1), 1.01, r"X\.y: got 1\.01, wanted a number within 0\.\.1\."),
        (Number("p", "", 0, 1), math.nan, r"X\.y: got nan, wanted a number within 0\.\.1\."),
        (Number("p", "", 0, 1), False, r"X\.y: got False, wanted a number within 0\.\.1\."),
        (Number("n", "bits", 1, 8, integer=True), 2.5, r"X\.y: got 2\.5, wanted a whole number within 1\.\.8 bits\."),
        (Numbers("m", "fraction"), (), r"X\.y: got \(\), wanted one number, or one per channel \(fraction\)\."),
        (Numbers("m", "fraction"), (1, "a"), r"X\.y: got 'a', wanted one number, or one per channel"),
        (
            Numbers("s", "f", positive=True),
            (1, 0),
            r"X\.y: got \(1, 0\), wanted one number, or one per channel, each > 0",
        ),
        (Numbers("s", "f", 0, 1), (0.5, 2), r"X\.y: got \(0\.5, 2\), wanted one number, or one per channel"),
        (Lengths("size"), 0, r"X\.y: got 0, wanted one whole number >= 1 or \(height, width\)\."),
        (Lengths("size"), 2.0, r"X\.y: got 2\.0, wanted one whole number >= 1"),
        (Lengths("size"), True, r"X\.y: got True, wanted one whole number >= 1"),
        (Lengths("size"), (1, 2, 3), r"X\.y: got \(1, 2, 3\), wanted one whole number >= 1 or \(height, width\)\."),
        (
            Margins("pad"),
            -1,
            r"X\.y: got -1, wanted one, two or four whole numbers >= 0: \(left, top, right, bottom\)\.",
        ),
        (Margins("pad"), (1, 2, 3), r"X\.y: got \(1, 2, 3\), wanted one, two or four whole numbers"),
        (Margins("pad"), 1.5, r"X\.y: got 1\.5, wanted one, two or four whole numbers"),
        (Choice("fill", ("a", "b")), "c", r"X\.y: got 'c', wanted one of 'a', 'b'\."),
        (Choice("fill", ("a", "b")), np.array(["a", "b"]), r"X\.y: got array\(.*, wanted one of 'a', 'b'\."),
        (Choice("fill", ("a", "b")), ["a"], r"X\.y: got \['a'\], wanted one of 'a', 'b'\."),
    ],
)
def test_messages(spec: Any, given_: Any, message: str) -> None:
    with pytest.raises(af.RangeError, match="^" + message):
        spec.parse("X.y", given_)


def test_a_number_too_large_for_a_float() -> None:
    with pytest.raises(af.RangeError, match=r"X\.y: got 10+ \.\.\. 0+, wanted one finite number"):
        angle.parse("X.y", 10**400)


def test_anything_is_left_to_its_transform() -> None:
    value = object()
    assert Anything("a function").parse("X.y", value) is value


@given(st.floats(-360, 360), st.floats(-360, 360))
def test_ranges_are_kept_or_called_upside_down(a: float, b: float) -> None:
    if a <= b:
        assert angle.parse("X.y", (a, b)) == (a, b)
    else:
        with pytest.raises(af.RangeError, match="Upside down"):
            angle.parse("X.y", (a, b))


rubbish = st.one_of(st.none(), st.booleans(), st.integers(), st.text(), st.binary(), st.complex_numbers())


@given(rubbish | st.dictionaries(st.text(), st.text()) | st.lists(rubbish | st.floats(), max_size=4))
def test_rubbish_is_a_range_error_and_nothing_else(value: Any) -> None:
    for spec in (
        angle,
        factor,
        exact,
        Number("p", "", 0, 1),
        Numbers("m", ""),
        Lengths("s"),
        Margins("m"),
        Choice("c", ("x",)),
    ):
        try:
            spec.parse("X.y", value)
        except af.RangeError as error:
            assert str(error).startswith("X.y: got ") and ", wanted " in str(error)


def test_the_transform_and_the_field_are_named() -> None:
    with pytest.raises(af.RangeError) as caught:
        af.Rotate(degrees=(0, 720))
    assert str(caught.value) == (
        "Rotate.degrees: got (0, 720), wanted low <= high within -360..360 degrees. Full turns repeat: use (0, 360)."
    )
    assert isinstance(caught.value, ValueError)
    with pytest.raises(af.RangeError, match=r"Shear\.x: .*A shear of 90 degrees has no inverse\."):
        af.Shear(x=90)
    with pytest.raises(af.RangeError, match=r"Scale: got factor together with x or y, wanted one or the other"):
        af.Scale(factor=(1, 2), x=(1, 2))
    with pytest.raises(af.RangeError, match=r"Rotate90\.quarters: got \(0\.5, 1\.0\), wanted whole numbers"):
        af.Rotate90(quarters=(0.5, 1))
    with pytest.raises(af.RecipeError, match=r"Lambda\.fn: got 3, wanted a function of one image"):
        af.Lambda(fn=3)


def test_one_number_is_a_range_by_kind() -> None:
    assert af.Rotate(20).degrees == (-20, 20) == af.Rotate(degrees=(-20, 20)).degrees
    assert af.Translate(0.2, 0).x == (-0.2, 0.2) and af.Translate(0.2, 0).y == (0, 0)
    assert af.Scale(0.1).factor == (0.9, 1.1)
    assert af.Brightness(0.5).factor == (0.5, 1.5)
    assert af.ColorJitter(hue=0.25).hue == (-0.25, 0.25)
    assert af.GaussianBlur(3).sigma == (3, 3)


def test_transforms_are_values() -> None:
    assert af.Rotate(20) == af.Rotate((-20, 20)) != af.Rotate(21)
    assert hash(af.Rotate(20)) == hash(af.Rotate((-20, 20)))
    assert repr(af.Rotate(20)) == "Rotate(degrees=(-20.0, 20.0), p=1.0)"
    with pytest.raises(AttributeError):
        af.Rotate(20).degrees = (0, 1)  # type: ignore[misc]
    with pytest.raises(TypeError, match="angle"):
        af.Rotate(angle=20)  # type: ignore[call-arg]
