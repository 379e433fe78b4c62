"""What the doctor says about a model: its loss and outputs, and how it wants to be fed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import augfuse as af
from augfuse.doctor import examine
from doctor_cases import codes, one, photos, save

keras = pytest.importorskip("keras", reason="needs the extra: pip install 'augfuse[keras]'")

# Keras' variables lack NumPy 2's `copy` argument of __array__; Keras itself calls np.array on them.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept:DeprecationWarning:keras")

# Of different brightness, so that a model which is fed on another scale takes all for one.
COLORS = {"blue": (20, 30, 90), "green": (60, 150, 70), "red": (235, 140, 110)}


def swatch(name: str, seed: int, size: int = 12) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return np.clip(np.array(COLORS[name]) + rng.normal(0, 25, (size, size, 3)), 0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """60 training and 60 test swatches of three colours."""
    names = sorted(COLORS) * 20
    x = np.stack([swatch(name, seed) for seed, name in enumerate(names * 2)])
    y = np.tile(np.arange(3), 40)
    path = tmp_path_factory.mktemp("swatches") / "swatches.npz"
    np.savez(path, x_train=x[:60], y_train=y[:60], x_test=x[60:], y_test=y[60:], classes=np.array(sorted(COLORS)))
    return path


def reads_colours(path: Path, feed: Callable[[np.ndarray], np.ndarray], order: tuple[int, ...] = (0, 1, 2)) -> Path:
    """A model that tells swatches by their mean colour, exactly as it would if it was trained on `feed(pixels 0..255)`.

    The score of a class is minus the squared distance of the image's mean colour to that of the class.
    """
    means = np.stack(
        [feed(np.broadcast_to(np.array(COLORS[sorted(COLORS)[k]], np.float32), (12, 12, 3))) for k in order]
    )
    centres = means.mean(axis=(1, 2))
    sharpness = 40 / ((centres[0] - centres[1]) ** 2).sum()
    inputs = keras.Input((12, 12, 3))
    scores = keras.layers.Dense(3, activation="softmax")
    outputs = scores(keras.layers.GlobalAveragePooling2D()(inputs))
    scores.set_weights([2 * sharpness * centres.T, -sharpness * (centres**2).sum(axis=1)])
    model = keras.Model(inputs, outputs)
    model.compile("adam", "sparse_categorical_crossentropy")
    model.save(path)
    return path


MEAN, STD = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
FEEDS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "divided by 255": lambda x: x / 255,
    "in -1..1": lambda x: x / 127.5 - 1,
    "standardised by ImageNet": lambda x: (x / 255 - MEAN) / STD,
    "divided by 255, channels swapped": lambda x: x[..., ::-1] / 255,
}


@pytest.mark.parametrize("way", FEEDS)
def test_it_says_how_the_model_was_trained(tmp_path: Path, data: Path, way: str) -> None:
    checkup = examine(data, model=reads_colours(tmp_path / "m.keras", FEEDS[way]))
    found = one(checkup, "AF607")
    assert found.examples[0] == way or way in found.examples
    trials = {trial.way: trial for trial in checkup.trials}
    assert trials[way].accuracy == 1 and checkup.trials[0].way == "as given (0..255)"
    assert f"{checkup.trials[0].accuracy:.2f} as given (0..255)" in found.message or "the loss is" in found.message


def test_fed_as_trained_is_no_finding(tmp_path: Path, data: Path) -> None:
    raw = reads_colours(tmp_path / "raw.keras", lambda x: x)
    assert codes(examine(data, model=raw)) == set()
    scaled = reads_colours(tmp_path / "scaled.keras", FEEDS["divided by 255"])
    assert codes(examine(data, af.Recipe([af.HorizontalFlip(), af.ToFloat()]), scaled)) == set()
    checkup = examine(data, af.Recipe([af.HorizontalFlip(), af.Normalize()]), scaled)
    assert codes(checkup) == {"AF607"}
    assert checkup.trials[0].way == "as the recipe gives them"
    assert "af.ToFloat()" in one(checkup, "AF607").advice


def test_another_class_order(tmp_path: Path, data: Path) -> None:
    model = reads_colours(tmp_path / "m.keras", lambda x: x, order=(2, 0, 1))
    found = one(examine(data, model=model), "AF609")
    assert "accuracy 0.00" in found.message and "1.00 with 3 of 3 renumbered" in found.message
    assert found.examples[0] == "'blue' is its number 1, here 0"


def test_a_model_that_knows_nothing(tmp_path: Path, data: Path) -> None:
    model = keras.Sequential([keras.Input((12, 12, 3)), keras.layers.Flatten(), keras.layers.Dense(3, "softmax")])
    model.layers[-1].set_weights([np.zeros((432, 3)), np.array([0.0, 1.0, 0.0])])
    model.compile("adam", "sparse_categorical_crossentropy")
    model.save(tmp_path / "m.keras")
    found = one(examine(data, model=tmp_path / "m.keras"), "AF608")
    assert "at most 0.33" in found.message


def test_a_model_that_was_not_asked_says_why(tmp_path: Path, data: Path) -> None:
    def why(model: Any, data: Path, **more: Any) -> Any:
        model.save(tmp_path / "m.keras")
        checkup = examine(data, model=tmp_path / "m.keras", **more)
        assert checkup.trials == ()
        return one(checkup, "AF610")

    three = network(*head(3, "softmax"))
    assert "9 readable images of test are too few" in (few := why(three, data, limit=9)).message
    assert "--limit 10" in few.advice and few.severity == "hint"
    small = photos(tmp_path / "small", {"train": {"a": 12, "b": 12, "c": 12}, "val": {"a": 1}})
    assert "1 readable image of val is too few" in why(three, small).message
    unlabelled = photos(tmp_path / "flat", {"": {".": 12}})
    assert "the data has no labels" in why(three, unlabelled).message
    single = photos(tmp_path / "single", {"": {"a": 12}})
    assert "it has 3 outputs, and the data has 1 class" in why(three, single).message
    assert "AF604 stands in the way" in why(network(*head(3, "softmax"), shape=(32, 32, 3)), data).message


def test_limit_and_one_output(tmp_path: Path) -> None:
    """Two classes, files larger than the input, one sigmoid unit that says how red an image is."""
    for part, count in (("train", 12), ("val", 30)):
        for number in range(count):
            for name in ("blue", "red"):
                save(tmp_path / f"set/{part}/{name}/{number}.png", swatch(name, 1000 * len(part + name) + number, 20))
    model = keras.Sequential(
        [keras.Input((12, 12, 3)), keras.layers.GlobalAveragePooling2D(), keras.layers.Dense(1, "sigmoid")]
    )
    model.layers[-1].set_weights([np.array([[20.0], [0.0], [-20.0]]), np.zeros(1)])
    model.compile("adam", "binary_crossentropy")
    model.save(tmp_path / "m.keras")
    checkup = examine(tmp_path / "set", model=tmp_path / "m.keras", limit=24)
    assert codes(checkup) <= {"AF607"}  # 255 times too large only makes it surer
    assert checkup.trials[0].accuracy == 1 and any("resized by area" in t.way for t in checkup.trials)
    # Seven scales, six of them with channels swapped, and four ways to resize for three that cannot be told apart.
    assert len(checkup.trials) == 13 + 3 * 4


def test_resizing_is_tried_beside_a_recipe_too(tmp_path: Path) -> None:
    """The middle third of each picture tells the class; a model that was trained on it is given the whole."""
    for number in range(60):
        kind = sorted(COLORS)[number % 3]
        sides = swatch(sorted(COLORS)[number // 3 % 3], number)
        picture = np.concatenate([sides, swatch(kind, 100 + number), sides], axis=1)
        save(tmp_path / f"set/{('train', 'test')[number % 2]}/{kind}/{number}.png", picture)
    model = reads_colours(tmp_path / "m.keras", FEEDS["divided by 255"])
    recipe = af.Recipe([af.Resize((12, 12)), af.HorizontalFlip(), af.ToFloat()])
    found = one(examine(tmp_path / "set", recipe, model), "AF607")
    assert "1.00 divided by 255, resized with aspect kept and a centre crop" in found.message
    cut = af.Recipe([af.CenterCrop((12, 12)), af.HorizontalFlip(), af.ToFloat()])
    assert "AF607" not in codes(examine(tmp_path / "set", cut, model))


def test_a_part_without_labels_is_not_the_one_to_ask_about(tmp_path: Path) -> None:
    for part, count in (("train/{}", 4), ("val/{}", 5), ("test", 5)):
        for number in range(count):
            for name in COLORS:
                place = tmp_path / "set" / part.format(name)
                save(place / f"{name}{number}.png", swatch(name, 100 * len(part) + number))
    model = reads_colours(tmp_path / "m.keras", FEEDS["divided by 255"])
    assert "images of val" in one(examine(tmp_path / "set", model=model), "AF607").message


def network(
    *layers: Any, loss: Any = "sparse_categorical_crossentropy", shape: tuple[int | None, ...] = (12, 12, 3)
) -> Any:
    model = keras.Sequential([keras.Input(shape), *layers])
    model.compile("adam", loss)
    return model


def head(units: int, activation: str | None) -> list[Any]:
    return [keras.layers.GlobalAveragePooling2D(), keras.layers.Dense(units, activation)]


def examined(path: Path, model: Any, data: Path, recipe: af.Recipe | None = None) -> Any:
    model.save(path / "m.keras")
    return examine(data, recipe, path / "m.keras", limit=20)


@pytest.mark.parametrize(
    ("units", "activation", "loss", "code", "words"),
    [
        (3, "softmax", "categorical_crossentropy", "AF601", "takes one-hot rows (n, 3), y is class numbers (n,)"),
        (3, "sigmoid", "binary_crossentropy", "AF601", "3 outputs with one class number"),
        (2, "softmax", "sparse_categorical_crossentropy", "AF602", "2 outputs, the data has 3 classes"),
        (1, "softmax", "mse", "AF605", "always 1"),
        (3, "linear", "sparse_categorical_crossentropy", "AF605", "expects probabilities"),
        (3, "softmax", "logits", "AF605", "expects logits"),
    ],
)
def test_loss_outputs_and_activation(
    tmp_path: Path, data: Path, units: int, activation: str, loss: str, code: str, words: str
) -> None:
    taken = keras.losses.SparseCategoricalCrossentropy(from_logits=True) if loss == "logits" else loss
    checkup = examined(tmp_path, network(*head(units, activation), loss=taken), data)
    assert words in one(checkup, code).message


def test_one_hot_labels_with_a_sparse_loss(tmp_path: Path, data: Path) -> None:
    with np.load(data) as held:
        np.savez(tmp_path / "hot.npz", x_train=held["x_train"], y_train=np.eye(3)[held["y_train"]])
    checkup = examined(tmp_path, network(*head(3, "softmax")), tmp_path / "hot.npz")
    assert "takes class numbers (n,), y is one-hot rows (n, 3)" in one(checkup, "AF601").message
    assert "AF601" not in codes(
        examined(tmp_path, network(*head(3, "softmax"), loss="categorical_crossentropy"), tmp_path / "hot.npz")
    )


def test_one_hot_labels_with_a_single_output(tmp_path: Path, data: Path) -> None:
    with np.load(data) as held:
        two = held["y_train"] < 2
        x, y = held["x_train"][two], held["y_train"][two]
    np.savez(tmp_path / "hot.npz", x_train=x, y_train=np.eye(2)[y])
    model = network(*head(1, "sigmoid"), loss="binary_crossentropy")
    found = one(examined(tmp_path, model, tmp_path / "hot.npz"), "AF601")
    assert "compares one output with one-hot rows, y is (n, 2)" in found.message
    np.savez(tmp_path / "ids.npz", x_train=x, y_train=y)
    assert "AF601" not in codes(examined(tmp_path, model, tmp_path / "ids.npz"))


def test_every_part_is_held_against_the_loss(tmp_path: Path, data: Path) -> None:
    with np.load(data) as held:
        np.savez(tmp_path / "mixed.npz", **{**held, "y_train": np.eye(3)[held["y_train"]]})
    found = one(examined(tmp_path, network(*head(3, "softmax")), tmp_path / "mixed.npz"), "AF601")
    assert "y_train is one-hot rows (n, 3)" in found.message
    categorical = network(*head(3, "softmax"), loss="categorical_crossentropy")
    checkup = examined(tmp_path, categorical, tmp_path / "mixed.npz")
    assert "y_test is class numbers (n,)" in one(checkup, "AF601").message and "AF312" in codes(checkup)


def test_a_class_without_images_has_its_output(tmp_path: Path, data: Path) -> None:
    with np.load(data) as held:
        two = held["y_train"] < 2
        np.savez(tmp_path / "hot.npz", x_train=held["x_train"][two], y_train=np.eye(3)[held["y_train"][two]])
    model = network(*head(3, "softmax"), loss="categorical_crossentropy")
    found = codes(examined(tmp_path, model, tmp_path / "hot.npz"))
    assert "AF307" in found and not {"AF602", "AF610"} & found


def test_one_hot_loss_with_folders_is_a_hint(tmp_path: Path) -> None:
    root = photos(tmp_path / "set", {"": {"a": 12, "b": 12}})
    checkup = examined(tmp_path, network(*head(2, "softmax"), loss="categorical_crossentropy"), root)
    found = one(checkup, "AF601")
    assert found.severity == "hint" and "one_hot=True" in found.advice


def test_input_shape(tmp_path: Path, data: Path) -> None:
    model = network(*head(3, "softmax"), shape=(32, 32, 3))
    found = one(examined(tmp_path, model, data), "AF604")
    assert "takes 32 x 32 x 3" in found.message and "given 12 x 12 x 3" in found.message
    good = af.Recipe([af.Resize(32), af.ToFloat()])
    assert "AF604" not in codes(examined(tmp_path, model, data, good))
    model = network(*head(3, "softmax"), shape=(None, None, 1))
    assert "takes any x any x 1 images" in one(examined(tmp_path, model, data), "AF604").message


def test_scaled_twice_and_statistics_never_fitted(tmp_path: Path, data: Path) -> None:
    recipe = af.Recipe([af.HorizontalFlip(), af.ToFloat()])
    rescaled = network(keras.layers.Rescaling(1 / 255, name="shrink"), *head(3, "softmax"))
    assert "shrink" in one(examined(tmp_path, rescaled, data, recipe), "AF606").message
    plain = af.Recipe([af.HorizontalFlip()])
    assert not {"AF503", "AF606"} & codes(examined(tmp_path, rescaled, data, plain))
    fresh = keras.layers.Normalization(name="norm")
    fresh.build((None, 12, 12, 3))
    assert "norm" in one(examined(tmp_path, network(fresh, *head(3, "softmax")), data), "AF603").message
    fitted = keras.layers.Normalization(name="norm")
    with np.load(data) as held:
        fitted.adapt(held["x_train"].astype("float32"))
    assert "AF603" not in codes(examined(tmp_path, network(fitted, *head(3, "softmax")), data))


def test_models_that_cannot_be_examined(tmp_path: Path, data: Path) -> None:
    with pytest.raises(af.DataNotFoundError, match="no such model file"):
        examine(data, model=tmp_path / "nosuch.keras")
    (tmp_path / "bad.keras").write_bytes(b"no model")
    with pytest.raises(af.DataError, match=r"bad\.keras: damaged or cut short: not a zip archive"):
        examine(data, model=tmp_path / "bad.keras")
    inputs = keras.Input((12, 12, 3))
    keras.Model(inputs, keras.layers.Conv2D(3, 3)(inputs)).save(tmp_path / "map.keras")
    with pytest.raises(af.DataError, match="wanted one image"):
        examine(data, model=tmp_path / "map.keras")


def test_an_uncompiled_model_is_examined_all_the_same(tmp_path: Path, data: Path) -> None:
    model = keras.Sequential([keras.Input((12, 12, 3)), *head(3, "softmax")])
    assert len(examined(tmp_path, model, data).trials) > 5
