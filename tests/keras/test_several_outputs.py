"""Labels for a model with several outputs: a list or a dict of arrays, as `flow` of several inputs and frames have."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest

keras = pytest.importorskip("keras", reason="needs the extra: pip install 'augfuse[keras]'")
sparse = pytest.importorskip("scipy.sparse", reason="needs the extra: pip install 'augfuse[keras]'")

from augfuse.errors import DataError  # noqa: E402
from augfuse.keras import ImageDataGenerator  # noqa: E402

# The notices about mended defects come once in a process, from whichever test is first; their tests are elsewhere.
pytestmark = pytest.mark.filterwarnings("ignore:.*docs/imagedatagenerator.md:augfuse.errors.AugfuseWarning")
N = 10
X = np.random.default_rng(0).integers(0, 256, (N, 8, 8, 3), dtype=np.uint8)
A = np.arange(N) % 3
B = np.linspace(0, 1, N, dtype=np.float32)
ONE_HOT = np.eye(3)[A]


def flow(y: Any, compat: Any = None, **options: Any) -> Any:
    return ImageDataGenerator(compat=compat).flow(X, y, **{"batch_size": 4, "shuffle": False, **options})


@pytest.mark.parametrize("compat", [None, "strict"])
@pytest.mark.parametrize(
    "y", [[ONE_HOT, B], (ONE_HOT, B), [ONE_HOT.tolist(), B.tolist()]], ids=["list", "tuple", "lists"]
)
def test_a_list_of_arrays(y: Any, compat: Any) -> None:
    x, (first, second) = flow(y, compat)[1]
    assert x.shape == (4, 8, 8, 3)
    np.testing.assert_array_equal(first, ONE_HOT[4:8])
    np.testing.assert_array_equal(second, B[4:8].astype(second.dtype))


@pytest.mark.parametrize("compat", [None, "strict"])
def test_a_dict_of_arrays(compat: Any) -> None:
    it = flow({"kind": A, "age": B, "one": ONE_HOT}, compat)
    _, y = it[2]
    assert list(y) == ["kind", "age", "one"]
    np.testing.assert_array_equal(y["kind"], A[8:])
    np.testing.assert_array_equal(y["one"], ONE_HOT[8:])


def test_two_equal_arrays_are_two_outputs() -> None:
    _, (first, second) = flow([B, B])[0]
    np.testing.assert_array_equal(first, second)


def test_every_feature_of_the_iterator_keeps_rows_together() -> None:
    datagen = ImageDataGenerator(validation_split=0.3)
    weights = [np.arange(N), np.arange(N) * 2]
    y = {"index": np.arange(N), "age": B}
    for subset, count in (("training", 7), ("validation", 3)):
        it = datagen.flow(
            (X, [np.arange(N)]), y, batch_size=4, sample_weight=weights, subset=subset, ignore_class_split=True, seed=1
        )
        assert it.n == count
        for batches in (it, pickle.loads(pickle.dumps(it))):
            for _ in range(len(it)):
                (x, index), labels, (first, second) = next(batches)
                np.testing.assert_array_equal(x, X[index])
                np.testing.assert_array_equal(labels["index"], index)
                np.testing.assert_array_equal(labels["age"], B[index])
                np.testing.assert_array_equal(first * 2, second)
                np.testing.assert_array_equal(first, index)


def model(names: tuple[str, str]) -> Any:
    inputs = keras.Input((8, 8, 3))
    flat = keras.layers.Flatten()(keras.layers.Rescaling(1 / 255)(inputs))
    kind = keras.layers.Dense(3, activation="softmax", name=names[0])(flat)
    age = keras.layers.Dense(1, name=names[1])(flat)
    made = keras.Model(inputs, {names[0]: kind, names[1]: age} if names[0] == "kind" else [kind, age])
    losses: Any = ["sparse_categorical_crossentropy", "mse"]
    made.compile("sgd", dict(zip(names, losses, strict=True)) if names[0] == "kind" else losses)
    return made


@pytest.mark.parametrize("y", [[A, B], (A, B), {"kind": A, "age": B}], ids=["list", "tuple", "dict"])
def test_a_model_of_two_outputs_is_trained(y: Any) -> None:
    names = ("kind", "age") if isinstance(y, dict) else ("a", "b")
    history = model(names).fit(flow(y), epochs=1, verbose=0).history
    assert np.isfinite(history["loss"]).all()
    model(names).evaluate(flow(y), verbose=0)


@pytest.mark.parametrize(
    ("y", "message"),
    [
        ([A, B[:9]], r"10 images and y\[1\] of shape \(9,\).*10 is not 9"),
        (list(ONE_HOT[:9]), r"10 images and y of shape \(9, 3\)"),
        ({"a": A[:3], "b": B}, r"y\['a'\] of shape \(3,\)"),
        ({"a": 5}, r"y\['a'\]: got 5, wanted an array of 10 rows"),
        ({}, "empty dict"),
    ],
    ids=["list", "rows", "dict", "number", "empty"],
)
def test_an_output_of_another_length_is_named(y: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        flow(y)


def test_as_many_images_as_outputs() -> None:
    # As rows they would have different lengths, so they are outputs; a dict always is one of outputs.
    x, y = X[:2], [ONE_HOT[:2], B[:2]]
    _, (first, second) = ImageDataGenerator().flow(x, y, shuffle=False)[0]
    assert first.shape == (2, 3) and second.shape == (2,)
    _, rows = ImageDataGenerator().flow(x, [[1, 2], [3, 4]], shuffle=False)[0]
    np.testing.assert_array_equal(rows, [[1, 2], [3, 4]])


@pytest.mark.parametrize("kind", ["csr_matrix", "coo_matrix", "csc_array"])
@pytest.mark.parametrize("compat", [None, "strict"])
def test_sparse_labels_are_taken(kind: str, compat: Any) -> None:
    _, y = flow(getattr(sparse, kind)(ONE_HOT), compat)[0]
    np.testing.assert_array_equal(y, ONE_HOT[:4])


@pytest.mark.parametrize(
    "y",
    [np.array([0, 1] * 5, object), [np.float32(1)] * N, [np.zeros(2)] * N],
    ids=["objects", "scalars", "arrays"],
)
def test_objects_that_are_numbers_become_numbers(y: Any) -> None:
    assert flow(y)[0][1].dtype.kind in "if"


@pytest.mark.parametrize(
    ("y", "advice"),
    [
        (np.array(list("abcabcabca")), r"np\.unique\(y, return_inverse=True\)\[1\]"),
        (list("abcabcabca"), r"np\.unique\(y, return_inverse=True\)\[1\]"),
        (np.array(["1", "2"] * 5), r"y\.astype\('float32'\)"),
        ([A, np.array(list("abcabcabca"))], r"np\.unique"),
    ],
    ids=["texts", "a list of texts", "numbers as text", "one of two outputs"],
)
@pytest.mark.parametrize("compat", [None, "strict"])
def test_texts_are_no_labels_of_a_model(y: Any, advice: str, compat: Any) -> None:
    it = flow(y, compat)
    assert len(next(it)) == 2  # a loop of one's own may take them
    network = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Flatten(), keras.layers.Dense(3)])
    network.compile("sgd", "sparse_categorical_crossentropy")
    with pytest.raises(DataError, match=rf"got labels such as .*{advice}"):
        network.fit(it, verbose=0)
