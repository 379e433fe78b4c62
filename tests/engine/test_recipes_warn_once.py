"""What a recipe warns of is said once, with its first plan; making one draws nothing, and loads nothing."""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys
import warnings

import pytest

import augfuse as af

CHANGES_NOTHING = "changes nothing"


@pytest.mark.parametrize("name", ["RandomWidth", "RandomHeight"])
def test_what_follows_from_a_recipe_does_not_warn_again(name: str) -> None:
    recipe = af.Recipe([getattr(af, name)((0.5, 1.5)), af.HorizontalFlip(), af.Resize(20)])
    with pytest.warns(af.AugfuseWarning, match=f"{name} {CHANGES_NOTHING}"):
        recipe.explain()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        recipe.explain()
        recipe.eval().explain()
        recipe.scaled(0.5).explain()
        assert recipe.eval() == af.Recipe([af.Resize(20)])
        assert recipe.scaled(0.5).transforms[0] == getattr(af, name)((0.75, 1.25))
        for again in (pickle.loads(pickle.dumps(recipe)), copy.copy(recipe), copy.deepcopy(recipe)):
            again.explain()
            assert again == recipe and again.fingerprint() == recipe.fingerprint()
    with pytest.warns(af.AugfuseWarning, match=CHANGES_NOTHING):  # somebody reads another file
        af.Recipe.from_yaml(recipe.to_yaml()).explain()


def test_checking_a_recipe_loads_no_compiled_code() -> None:
    code = """
import sys, warnings
warnings.simplefilter("ignore")
import augfuse as af
af.Recipe([af.RandomWidth(), af.RandomCrop(50), af.Rotate90(), af.RandomResizedCrop(60), af.Resize(64)]).scaled(0.5)
af.Recipe([af.RandomHeight(), af.Translate(), af.Scale(), af.Resize(64)])
print(sorted({"numba", "augfuse.algebra.philox"} & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout == "[]\n", done.stderr


@pytest.mark.parametrize(
    ("between", "cancels"),
    [
        ([af.Rotate((0, 0))], True),
        ([af.Rotate((-1, 1))], False),
        ([af.Scale(x=(0.5, 2), y=(1, 1)), af.VerticalFlip(p=0.5)], True),
        ([af.Transpose()], True),
        ([af.RandomHeight((0.5, 2)), af.RandomWidth((0.5, 2))], True),
        ([af.Pad(3)], False),
        ([af.Shear(x=5)], False),
        ([af.RandomResizedCrop(30)], False),
        ([af.Resize(30, mode="cover")], True),
        ([af.CenterCrop(30)], False),
    ],
)
def test_what_cancels_and_what_does_not(between: list[af.Transform], cancels: bool) -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        af.Recipe([af.RandomWidth((0.5, 1.5)), *between, af.Resize((40, 50))]).explain()
    assert any("RandomWidth changes nothing" in str(w.message) for w in caught) is cancels
