"""Damage is an error where pixels are missing, in every format, and no codec writes to the terminal."""

from __future__ import annotations

import numpy as np
import pytest

import augfuse as af
import fuzz_decode as fuzz

DAMAGED = dict(fuzz.damaged())
WHOLE = fuzz.originals()


@pytest.mark.parametrize("name", DAMAGED)
def test_files_that_lack_pixels_are_refused(name: str, capfd: pytest.CaptureFixture[str]) -> None:
    for color in ("rgb", None):
        with pytest.raises(af.DecodeError):
            af.decode(DAMAGED[name], color=color)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("name", WHOLE)
def test_a_cut_gives_the_whole_picture_or_an_error(name: str, capfd: pytest.CaptureFixture[str]) -> None:
    raw = WHOLE[name]
    whole = af.decode(raw)
    for length in range(1, len(raw), max(1, len(raw) // 97)):
        try:
            found = af.decode(raw[:length])
        except af.DecodeError:
            continue
        np.testing.assert_array_equal(found, whole)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("seed", range(4))
def test_mutations_are_arrays_or_errors_within_their_memory(seed: int, capfd: pytest.CaptureFixture[str]) -> None:
    rng = np.random.default_rng([seed, 77])
    for number in range(150):
        name, kind, raw = fuzz.mutated(rng, WHOLE)
        _, wrong = fuzz.check(raw, fuzz.COLORS[number % 4])
        assert not wrong or wrong.endswith(" s"), (name, kind, wrong)  # another process may slow this one
    assert capfd.readouterr() == ("", "")
