"""Validation data whose classes are numbered otherwise than those of training: said before the first epoch ends."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

keras = pytest.importorskip("keras", reason="needs the extra: pip install 'augfuse[keras,tensorflow]'")
pd = pytest.importorskip("pandas", reason="needs the extra: pip install 'augfuse[keras]'")

import augfuse as af  # noqa: E402
from augfuse.errors import AugfuseWarning  # noqa: E402
from augfuse.keras import ImageDataGenerator  # noqa: E402

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*docs/imagedatagenerator.md:augfuse.errors.AugfuseWarning"),
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning"),
]

COLOURS = {"a": (255, 0, 0), "b": (0, 255, 0), "c": (0, 0, 255), "d": (90, 90, 90)}
DIFFERS = "classes are numbered in another way than in the data that the model was trained on"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """train/ with a, b, c; val/ with b and c; other/ with a and d."""
    for part, names in (("train", "abc"), ("val", "bc"), ("other", "ad"), ("first", "ab")):
        for name in names:
            folder = tmp_path / part / name
            folder.mkdir(parents=True)
            for i in range(4):
                Image.new("RGB", (8, 8), COLOURS[name]).save(folder / f"{i}.png")
    return tmp_path


def make_model(width: int = 3, loss: str = "sparse_categorical_crossentropy") -> Any:
    inputs = keras.Input((8, 8, 3))
    outputs = keras.layers.Dense(width, "softmax")(keras.layers.GlobalAveragePooling2D()(inputs))
    model = keras.Model(inputs, outputs)
    model.compile(keras.optimizers.Adam(0.2), loss=loss, metrics=["accuracy"])
    return model


def flow(folder: Path, kind: str = "directory", compat: Any = None, **options: Any) -> Any:
    datagen = ImageDataGenerator(rescale=1 / 255, compat=compat)
    options = {"target_size": (8, 8), "class_mode": "sparse", "shuffle": False} | options
    if kind == "directory":
        return datagen.flow_from_directory(str(folder), **options)
    names = sorted(str(path.relative_to(folder)) for path in folder.rglob("*.png"))
    frame = pd.DataFrame({"filename": names, "class": [name[0] for name in names]})
    return datagen.flow_from_dataframe(frame, str(folder), **options)


def said(run: Any) -> list[str]:
    """The warnings of a call about numbers of classes; whatever Keras raises after them is Keras'."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            run()
        except Exception as error:
            assert "shape" in str(error).lower(), error
    return [str(w.message) for w in caught if DIFFERS in str(w.message)]


@pytest.mark.parametrize("compat", [None, "strict"])
@pytest.mark.parametrize("kind", ["directory", "dataframe"])
@pytest.mark.parametrize(
    ("class_mode", "loss"),
    [("sparse", "sparse_categorical_crossentropy"), ("categorical", "categorical_crossentropy")],
)
def test_fit(root: Path, kind: str, class_mode: str, loss: str, compat: Any) -> None:
    options = {"kind": kind, "class_mode": class_mode, "compat": compat}
    train, val = flow(root / "train", **options), flow(root / "val", **options)
    heard = said(lambda: make_model(loss=loss).fit(train, validation_data=val, verbose=0))
    assert len(heard) == 1
    assert "validation_data of fit()" in heard[0] and "'b' is 1 in training and 0 here" in heard[0]
    assert "classes=['a', 'b', 'c']" in heard[0]


def test_it_is_said_before_the_first_step(root: Path) -> None:
    train, val = flow(root / "train"), flow(root / "val")
    warned: list[int] = []
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        note = keras.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: warned.append(len(caught)))
        make_model().fit(train, validation_data=val, verbose=0, callbacks=[note])
    assert warned == [1]


@pytest.mark.parametrize("kind", ["directory", "dataframe"])
def test_evaluate_and_predict(root: Path, kind: str) -> None:
    model = make_model()
    model.fit(flow(root / "train", kind), verbose=0)
    (heard,) = said(lambda: model.evaluate(flow(root / "val", kind), verbose=0))
    assert heard.startswith("evaluate()")
    (heard,) = said(lambda: model.predict(flow(root / "val", kind), verbose=0))
    assert heard.startswith("predict()") and "class_indices do not tell" in heard
    assert said(lambda: model.predict(flow(root / "other", kind), verbose=0)) == [], "its labels may mean nothing"


def test_binary(root: Path) -> None:
    train, val = flow(root / "first", class_mode="binary"), flow(root / "val", class_mode="binary")
    model = make_model(1, "binary_crossentropy")
    (heard,) = said(lambda: model.fit(train, validation_data=val, verbose=0))
    assert "'b' is 1 in training and 0 here" in heard
    backwards = flow(root / "first", class_mode="binary", classes=["b", "a"])
    (heard,) = said(lambda: model.evaluate(backwards, verbose=0))
    assert "is 1 in training and 0 here" in heard and "classes=['a', 'b']" in heard


def test_classes_that_did_not_occur(root: Path) -> None:
    model = make_model(2)
    model.fit(flow(root / "first"), verbose=0)
    (heard,) = said(lambda: model.evaluate(flow(root / "other"), verbose=0))
    assert "'d' did not occur in training" in heard


def test_the_first_classes_of_training(root: Path) -> None:
    """Numbers are right, but one-hot labels lack a column."""
    train, first = flow(root / "train"), flow(root / "first")
    assert said(lambda: make_model().fit(train, validation_data=first, verbose=0)) == []
    train.class_mode = first.class_mode = "categorical"
    model = make_model(loss="categorical_crossentropy")
    (heard,) = said(lambda: model.fit(train, validation_data=first, verbose=0))
    assert "labels have 2 columns here and 3 in training" in heard


def test_what_the_message_says_to_do(root: Path) -> None:
    (root / "val/a").mkdir()
    train = flow(root / "train")
    with pytest.warns(AugfuseWarning, match="no images in 'a'"):
        val = flow(root / "val", classes=["a", "b", "c"])
    frames = flow(root / "val", "dataframe", classes=["a", "b", "c"])
    model = make_model()
    assert said(lambda: model.fit(train, epochs=20, verbose=0)) == []
    for held_out in (val, frames):
        assert model.evaluate(held_out, verbose=0)[1] == 1.0, "and no warning, which would be an error"


def test_class_indices_that_are_set(root: Path) -> None:
    train, val = flow(root / "train"), flow(root / "val", "dataframe")
    val.classes, val.class_indices = [n + 1 for n in val.classes], train.class_indices
    assert said(lambda: make_model().fit(train, validation_data=val, verbose=0)) == []


def test_loaders_and_iterators(root: Path) -> None:
    recipe = af.Recipe((af.ToFloat(),))

    def loader(part: str, training: bool) -> Any:
        return af.Loader(af.from_directory(root / part), recipe, batch_size=4, training=training).to_keras()

    (heard,) = said(lambda: make_model().fit(loader("train", True), validation_data=loader("val", False), verbose=0))
    assert "af.from_directory(path, classes=['a', 'b', 'c'])" in heard
    model = make_model()
    model.fit(loader("train", True), verbose=0)
    assert len(said(lambda: model.evaluate(flow(root / "val"), verbose=0))) == 1
    assert said(lambda: model.evaluate(flow(root / "train"), verbose=0)) == []


def test_arrays_and_unlabelled_images_have_no_names(root: Path) -> None:
    x, y = np.zeros((4, 8, 8, 3), "float32"), np.arange(4) % 3
    model = make_model()
    model.fit(flow(root / "train"), verbose=0)
    assert said(lambda: model.evaluate(ImageDataGenerator(rescale=1 / 255).flow(x, y), verbose=0)) == []
    assert said(lambda: model.predict(flow(root / "val", class_mode=None), verbose=0)) == []
