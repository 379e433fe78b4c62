"""Labels beside arrays: what cannot be one label for each image is named, with its row and the line to type."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import augfuse as af

X = np.zeros((6, 9, 9, 3), np.uint8)
SEVERAL = r"several outputs.*np\.column_stack\(\[a, b\]\)"


class Sparse:
    """What scipy's sparse matrices have."""

    def toarray(self) -> np.ndarray:
        return np.eye(6)


@pytest.mark.parametrize(
    ("y", "row", "value"),
    [
        ([1.0, np.nan, 2, 3, 4, 5], 1, "nan"),
        ([1.0, 2, 3, 4, np.inf, 5], 4, "inf"),
        (np.array([[0, 1.0]] * 3 + [[0, -np.inf]] * 3), 3, "-inf"),
        (np.where(np.arange(6 * 9 * 9) == 300, np.nan, 0).reshape(6, 9, 9).astype(np.float32), 3, "nan"),
        (np.array([1, 2, 3, 4, 5, np.nan], np.float16), 5, "nan"),
        (["a", "b", None, "a", "b", "a"], 2, "None"),
        (np.array(["a", "b", "a", np.nan, "b", "a"], object), 3, "nan"),
        (["a", 1.5, "a", "b", None, "a"], 4, "None"),
    ],
)
def test_labels_that_are_missing_are_named_with_their_row(y: Any, row: int, value: str) -> None:
    with pytest.raises(af.DataError, match=rf"^y: label {value} of sample {row}, wanted"):
        af.from_arrays(X, np.array(y, object) if isinstance(y, list) and "a" in y else y)


class Own:
    """A source of the user's with one label that is no number."""

    def __init__(self, label: Any) -> None:
        self.label = label

    def __len__(self) -> int:
        return 6

    def __getitem__(self, index: int) -> tuple[np.ndarray, Any]:
        return X[index], self.label if index == 4 else np.zeros_like(self.label)


@pytest.mark.parametrize("label", [np.nan, np.float32(np.inf), np.array([0.5, np.nan])])
def test_labels_of_other_sources_are_looked_at_as_they_come(label: Any) -> None:
    loader = af.Loader(Own(label), batch_size=3, shuffle=False, workers=0)
    with pytest.raises(af.DataError, match=r"^label (nan|inf) of sample 4, wanted finite numbers"):
        list(loader)


def test_labels_of_other_sources_that_differ_in_shape_are_named() -> None:
    class Uneven(Own):
        def __getitem__(self, index: int) -> tuple[np.ndarray, Any]:
            return X[index], np.zeros(index)

    with pytest.raises(af.DataError, match=r"labels of samples 0 to 2 .*same shape"):
        list(af.Loader(Uneven(0), batch_size=3, shuffle=False, workers=0))


@pytest.mark.parametrize("label", [0.5, np.array([0.5, 1]), 3])
def test_labels_that_are_numbers_are_served(label: Any) -> None:
    batches = list(af.Loader(Own(label), batch_size=3, shuffle=False, workers=0))
    np.testing.assert_array_equal(batches[1].labels[1], label)


@pytest.mark.parametrize(
    ("y", "words"),
    [
        ([np.eye(3)[[0, 1, 2, 0, 1, 2]], np.arange(6)], SEVERAL),
        ((np.arange(6), np.arange(6)), SEVERAL),
        ([np.arange(6)] * 3, SEVERAL),
        ({"a": np.arange(6), "b": np.arange(6)}, SEVERAL),
        ([[1, 2, 3, 4, 5, 6], [6, 5, 4, 3, 2, 1]], SEVERAL),
        ([np.arange(6)] * 6, r"For rows type np\.stack\(y\).*" + SEVERAL),
        (Sparse(), r"sparse.*y\.toarray\(\)"),
        ([[1], [1, 2], [3], [1], [1], [1]], r"same shape.*0/1 columns"),
        ([["a"], ["b"]] * 3, r"shape \(6, 1\), wanted \(n,\)\. Type y\.ravel\(\)"),
        (np.array([["a", "b"]] * 6), r"strings of shape \(6, 2\), wanted \(n,\)"),
        (np.array([[1, 2], [3]] * 3, object), r"label \[1, 2\] of sample 0.*0/1 columns"),
        (np.array([1, 2, 3, 4, 5, 6], object), r"label 1 of sample 0.*y\.astype\(np\.int64\)"),
        (np.array([b"a"] * 6), r"got \|S1.*y\.astype\(str\)"),
        (np.array(["2026-01-01"] * 6, "datetime64[D]"), r"got datetime64\[D\].*wanted numbers, or strings"),
        (np.arange(6) * 1j, r"got complex128.*wanted numbers"),
        (5, r"got one value for 6 images"),
        ([1, 2], r"got 2 labels for 6 images"),
    ],
)
def test_what_is_not_one_label_for_each_image(y: Any, words: str) -> None:
    with pytest.raises(af.DataError, match=rf"^y: .*{words}"):
        af.from_arrays(X, y)


def test_two_arrays_for_two_images_are_not_taken_for_rows() -> None:
    with pytest.raises(af.DataError, match=SEVERAL):
        af.from_arrays(X[:2], [np.array([0, 1]), np.array([1, 0])])
    assert af.from_arrays(X[:2], np.eye(2)).labels is not None


@pytest.mark.parametrize(
    ("y", "words"),
    [
        (np.zeros((6, 1), int), r"int64 labels of shape \(6, 1\).*Give the source y\.ravel\(\)\."),
        (np.zeros((6, 1)), r"Give the source y\.ravel\(\)\."),
        (np.eye(6), r"They are one-hot already: leave one_hot out\."),
        (np.arange(6.0), r"Give the source y\.astype\(np\.int64\)\."),
        (np.arange(6) / 6, r"Leave one_hot out\."),
        ([0, 1, -1, 0, 1, -1], r"labels -1\.\.1, wanted class ids from 0 on; 2 are below 0\. Number the classes anew"),
        ([-1, -1, -2, -1, -1, -1], r"labels -2\.\.-1, .*6 are below 0"),
        (None, r"no labels, wanted one class id"),
    ],
)
def test_one_hot_of_what_is_no_class_number(y: Any, words: str) -> None:
    with pytest.raises(af.DataError, match=rf"^one_hot: got .*{words}"):
        af.Loader(af.from_arrays(X, y), one_hot=True)


def test_the_advice_on_labels_works() -> None:
    x, y = X, np.array([[2], [0], [1], [2], [0], [1]])
    batch = next(iter(af.Loader(af.from_arrays(x, y.ravel()), one_hot=True, batch_size=6, shuffle=False)))
    np.testing.assert_array_equal(batch.labels, np.eye(3)[y.ravel()])
    below = np.array([-1, 1, -1, 1, 1, -1])
    numbered = np.unique(below, return_inverse=True)[1]
    batch = next(iter(af.Loader(af.from_arrays(x, numbered), one_hot=True, batch_size=6, shuffle=False)))
    np.testing.assert_array_equal(batch.labels.argmax(1), below > 0)
    both = np.column_stack([y.ravel(), below])
    np.testing.assert_array_equal(af.from_arrays(x, both)[1].label, [0, 1])


@pytest.mark.parametrize("classes", [np.array(["b", "a"]), ["b", "a"], ("b", "a")])
def test_classes_may_be_given_as_an_array(classes: Any) -> None:
    source = af.from_arrays(X, ["a", "b"] * 3, classes=classes)
    assert source.classes == ("b", "a") and source.labels is not None and source.labels.tolist() == [1, 0] * 3
