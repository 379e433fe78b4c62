"""The tree of errors."""

from __future__ import annotations

import inspect
import pickle

import pytest

import augfuse as af
from augfuse import errors

CLASSES = [c for _, c in inspect.getmembers(errors, inspect.isclass) if c.__module__ == errors.__name__]
ERRORS = [c for c in CLASSES if not issubclass(c, Warning)]
CAUGHT_AS = {
    "RangeError": ValueError,
    "RecipeError": ValueError,
    "ImageError": ValueError,
    "ImageTypeError": TypeError,
    "DataError": ValueError,
    "DataNotFoundError": FileNotFoundError,
    "DecodeError": OSError,
    "StateError": ValueError,
    "MissingExtraError": ImportError,
    "ReadOnlyError": AttributeError,
}


@pytest.mark.parametrize("cls", ERRORS, ids=lambda c: c.__name__)
def test_one_tree_and_what_people_catch(cls: type[af.AugfuseError]) -> None:
    assert issubclass(cls, af.AugfuseError) and getattr(af, cls.__name__) is cls
    if cls is not af.AugfuseError:
        assert issubclass(cls, CAUGHT_AS[cls.__name__])


@pytest.mark.parametrize("cls", ERRORS, ids=lambda c: c.__name__)
def test_errors_come_back_whole_from_another_process(cls: type[af.AugfuseError]) -> None:
    error = pickle.loads(pickle.dumps(cls("what, got, wanted")))
    assert type(error) is cls and str(error) == "what, got, wanted"


def test_a_decode_error_knows_its_file() -> None:
    for error in (
        af.DecodeError("cut off", "a/b.jpg"),
        pickle.loads(pickle.dumps(af.DecodeError("cut off", "a/b.jpg"))),
    ):
        assert str(error) == "a/b.jpg: cut off" and error.path == "a/b.jpg" and error.reason == "cut off"
        assert isinstance(error, OSError) and isinstance(error, ValueError)
    assert str(af.DecodeError("cut off")) == "cut off" and af.DecodeError("cut off").path is None


def test_did_you_mean() -> None:
    assert errors.did_you_mean("Rotat", ["Rotate", "Shear"]) == " Did you mean 'Rotate'?"
    assert errors.did_you_mean("xyz", ["Rotate", "Shear"]) == ""
    assert errors.did_you_mean("x", []) == ""
