"""What `augfuse train` finds out before it trains, and what comes through to the end whatever it is called."""

from __future__ import annotations

import importlib
import json
import os
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("keras", reason="needs the extra: pip install 'augfuse[train]'")
pytest.importorskip("sklearn", reason="needs the extra: pip install 'augfuse[train]'")
pytest.importorskip("matplotlib", reason="needs the extra: pip install 'augfuse[train]'")

import keras
from PIL import Image

import augfuse as af
from augfuse.cli import main
from augfuse.experiment import evaluation
from augfuse.experiment.data_argument import parts_from
from augfuse.experiment.dry_run import dry_run
from augfuse.experiment.network.network import Network
from augfuse.experiment.network.user_model import own_model
from augfuse.experiment.options import Options
from augfuse.experiment.run_folder import result_file
from augfuse.experiment.run_folder.checkpoint import data_digest
from augfuse.experiment.setup.prepare import prepare
from present import present
from stripes import SHAPE, save_npz, stripes

# Keras' variables lack NumPy 2's `copy` argument of __array__; Keras itself calls np.array on them.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept:DeprecationWarning")
L = keras.layers


@pytest.fixture(scope="module")
def npz(tmp_path_factory: pytest.TempPathFactory) -> Path:
    (x, y), (x_test, y_test) = stripes(48, 0), stripes(40, 1)
    path = tmp_path_factory.mktemp("data") / "d.npz"
    return save_npz(path, x_train=x, y_train=y, x_test=x_test, y_test=y_test)


def small(shape: tuple[int, int, int] = SHAPE, classes: int = 2) -> Any:
    return keras.Sequential([keras.Input(shape), L.GlobalAveragePooling2D(), L.Dense(classes, activation="softmax")])


# --- arms that begin alike ---


def test_a_function_that_gives_the_same_layers_again_is_refused(npz: Path, tmp_path: Path) -> None:
    once = small()
    base = keras.Sequential([keras.Input(SHAPE), L.Conv2D(2, 3)])

    def headed(shape: Any, classes: int) -> Any:
        return keras.Sequential([keras.Input(shape), base, L.Flatten(), L.Dense(classes, activation="softmax")])

    for function in (lambda: once, headed):
        with pytest.raises(af.DataError, match="the same layers at each call"):
            prepare(Options(data=npz, model=function, out=tmp_path))
    prepare(Options(data=npz, model=once, out=tmp_path))  # a model at hand is copied


def test_weights_that_no_seed_repeats_are_refused(npz: Path, tmp_path: Path) -> None:
    def drawn(generator: Any) -> Any:
        def made(shape: Any, classes: int) -> Any:
            model = small(shape, classes)
            model.set_weights([generator().normal(size=weight.shape) for weight in model.get_weights()])
            return model

        return made

    with pytest.raises(af.DataError, match=r"of the same seed have different initial weights \(.*kernel\)"):
        prepare(Options(data=npz, model=drawn(np.random.default_rng), out=tmp_path))
    for generator in (lambda: np.random.default_rng(3), lambda: np.random):
        prepare(Options(data=npz, model=drawn(generator), out=tmp_path))


# --- networks that cannot be trained, or not be saved ---

NETS = """
import keras
from keras import layers as L

class Unregistered(L.Layer):
    def __init__(self, factor, **more):
        super().__init__(**more)
        self.factor = factor

    def call(self, x):
        return x * self.factor

    def get_config(self):
        return {**super().get_config(), "factor": self.factor}

class Fails(L.Layer):
    def call(self, x, training=False):
        if training:
            raise RuntimeError("not in training")
        return x

class Schedule(keras.optimizers.schedules.LearningRateSchedule):
    def __call__(self, step):
        return 0.01

def own_loss(truth, said):
    return keras.losses.sparse_categorical_crossentropy(truth, said)

def own_sparse(truth, said):
    return own_loss(truth, said)

def net(rule=None, loss="categorical_crossentropy", layer=None):
    layers = [L.GlobalAveragePooling2D(), *([] if layer is None else [layer()]), L.Dense(2, activation="softmax")]
    model = keras.Sequential([keras.Input((8, 10, 3)), *layers])
    if rule is not None:
        model.compile(rule, loss)
    return model

def plain():
    return net()

def fails():
    return net(layer=Fails)
"""


@pytest.fixture
def nets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    (tmp_path / "checkednets.py").write_text(NETS, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    yield importlib.import_module("checkednets")
    sys.modules.pop("checkednets", None)


def dry_run_of(data: Path, model: Any, **options: Any) -> Any:
    return dry_run(prepare(Options(data=data, model=model, **options)))


def test_what_the_users_network_raises_is_told_before_anything_is_written(nets: Any, npz: Path, tmp_path: Path) -> None:
    for words, model in (
        (r"cannot be trained \(RuntimeError: not in training, checkednets.py line 19\)", nets.fails),
        ("A loss of your own gets labels as one-hot rows", lambda: nets.net("adam", nets.own_loss)),
        (
            r"cannot be compiled anew .* must override `get_config",
            lambda: nets.net(keras.optimizers.Adam(nets.Schedule())),
        ),
    ):
        with pytest.raises(af.DataError, match=words):
            dry_run_of(npz, model, out=tmp_path / "runs")
    assert dry_run_of(npz, lambda: nets.net("adam", nets.own_sparse)) is not None
    assert not (tmp_path / "runs").exists()


def test_a_network_that_cannot_be_read_back_is_refused_before_it_is_trained(nets: Any, npz: Path) -> None:
    class Local(nets.Unregistered):  # no module has it
        pass

    with pytest.raises(af.DataError, match=r"once it is saved: needs the class .*register_keras_serializable"):
        dry_run_of(npz, lambda: nets.net(layer=lambda: Local(factor=3)))


def test_a_schedule_is_not_set_from_outside(nets: Any, npz: Path) -> None:
    def scheduled() -> Any:
        rate: Any = keras.optimizers.schedules.ExponentialDecay(0.01, 10, 0.9)
        return nets.net(keras.optimizers.Adam(rate))

    for option in ({"learning_rate": 0.1}, {"reduce_lr": 2}):
        with pytest.raises(af.RangeError, match=r"comes compiled with a schedule \(ExponentialDecay\)"):
            prepare(Options(data=npz, model=scheduled, **option))  # type: ignore[arg-type]
    assert dry_run_of(npz, scheduled).network.learning_rate is None


def test_names_of_inputs_and_outputs_are_refused() -> None:
    start = keras.Input(SHAPE, name="image")
    said = L.Dense(2, activation="softmax")(L.GlobalAveragePooling2D()(start))
    for model in (keras.Model({"image": start}, said), keras.Model(start, {"class": said})):
        with pytest.raises(af.DataError, match="is a dictionary"):
            own_model(model)


@pytest.mark.parametrize("units", [1, 2])
def test_probabilities_are_taken_as_they_are_whatever_the_loss_says(units: int) -> None:
    losses = keras.losses

    def made() -> Any:
        layers = [L.Flatten(), L.Dense(units, activation="softmax" if units == 2 else "sigmoid")]
        model = keras.Sequential([keras.Input(SHAPE), *layers])
        loss = losses.CategoricalCrossentropy if units == 2 else losses.BinaryCrossentropy
        model.compile("adam", loss(from_logits=True))
        return model

    network = Network(own_model(made).builder(SHAPE, 2), 2)
    images = np.random.default_rng(0).random((6, *SHAPE), np.float32)
    assert np.allclose(network.predict(images)[:, -1:], network.model.predict_on_batch(images)[:, -1:], atol=1e-6)


def test_overwrite_clears_a_run_only_when_all_else_is_right(
    nets: Any, npz: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    command = ["train", str(npz), "--epochs", "1", "--seeds", "1", "--batch-size", "16", "--name", "r"]
    assert main([*command, "--model", "checkednets:plain"]) == 0
    files = {path: path.read_bytes() for path in (tmp_path / "runs").rglob("*") if path.is_file()}
    for wrong in (["--model", "checkednets:fails"], ["--model", "checkednets:plain", "--keep-weights"]):
        assert main([*command, "--overwrite", *wrong]) == 2
        assert {path: path.read_bytes() for path in files} == files
    assert main([*command[:-1], "other", "--model", "checkednets:fails"]) == 2
    assert not (tmp_path / "runs" / "other").exists(), "the name stays free"
    capsys.readouterr()
    assert main([*command, "--overwrite", "--model", "checkednets:plain"]) == 0
    assert "is finished" not in capsys.readouterr().out


# --- parts that do not fit together ---


def test_parts_of_different_sizes_are_refused(npz: Path, tmp_path: Path, capsys: Any) -> None:
    (x, y), (x_test, y_test) = stripes(24, 0), stripes(8, 1, (12, 10, 3))
    sources = (af.from_arrays(x, y), af.from_arrays(x_test, y_test))
    with pytest.raises(af.RecipeError, match=r"\(training 8x10, test 12x10\).*Type --size 8x10"):
        prepare(Options(parts=parts_from(sources), out=tmp_path))
    with pytest.raises(af.RecipeError, match="training 8x10, test 8x10, validation 12x10"):
        three = (sources[0], sources[1], sources[0])
        prepare(Options(parts=parts_from(three), early_stopping=1, out=tmp_path))
    assert prepare(Options(parts=parts_from(sources), size=(8, 10), out=tmp_path)).settings.size == (8, 10)
    grey = af.from_arrays(x[..., :1], y)
    with pytest.raises(af.RecipeError, match=r"different channels \(training 3, test 1\)"):
        prepare(Options(parts=parts_from((sources[0], grey)), out=tmp_path))
    for part, images, labels in (("train", x, y), ("test", x_test, y_test)):
        for row, (image, label) in enumerate(zip(images, labels, strict=True)):
            folder = tmp_path / "photos" / part / f"c{label}"
            folder.mkdir(parents=True, exist_ok=True)
            Image.fromarray(image).save(folder / f"{row}.png")
    recipe = tmp_path / "r.yaml"
    recipe.write_text(af.Recipe([af.Rotate(5)]).to_yaml(), encoding="utf-8")
    assert main(["train", str(tmp_path / "photos"), "--recipe", str(recipe), "--out", str(tmp_path / "runs")]) == 2
    assert "(training 8x10, test 12x10)" in capsys.readouterr().err
    assert not (tmp_path / "runs").exists()


def test_other_pixels_are_other_data(tmp_path: Path) -> None:
    images, labels = stripes(60, 0)
    changed = images.copy()
    changed[1, 0, 0, 0] ^= 1

    def digest(train: Any) -> str:
        return data_digest(parts_from((train, (images, labels))))

    assert digest((images, labels)) == digest((images.copy(), labels))
    assert digest((changed, labels)) != digest((images, labels))
    for row, (image, label) in enumerate(zip(images, labels, strict=True)):
        folder = tmp_path / "photos" / f"c{label}"
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(folder / f"{row:02}.png")
    archive = Path(shutil.make_archive(str(tmp_path / "z"), "zip", tmp_path / "photos"))
    before = [data_digest(parts_from(path)) for path in (tmp_path / "photos", archive)]
    assert [data_digest(parts_from(path)) for path in (tmp_path / "photos", archive)] == before
    sample, held = parts_from(tmp_path / "photos").train, np.linspace(0, 47, 16).astype(int)
    missed = next(path for row, path in enumerate(present(sample.paths)) if row not in held)
    Image.fromarray(images[0] // 2).save(missed)
    shutil.make_archive(str(tmp_path / "z"), "zip", tmp_path / "photos")
    after = [data_digest(parts_from(path)) for path in (tmp_path / "photos", archive)]
    assert before[0] != after[0]
    assert before[1] != after[1]


def test_too_few_images_to_hold_any_out(tmp_path: Path) -> None:
    images, labels = stripes(2, 0)
    with pytest.raises(af.DataError, match="no test part can be held out: 2 images are too few"):
        parts_from((images, labels))
    with pytest.raises(af.DataError, match="no validation part can be held out"):
        prepare(Options(parts=parts_from(((images, labels), stripes(4, 1))), early_stopping=1, out=tmp_path))
    source = af.from_arrays(*stripes(8, 0), groups=["one"] * 8)
    with pytest.raises(af.DataError, match="all 8 images are of one group"):
        parts_from(source)


# --- numbers and folders ---


def test_numbers_of_numpy_are_numbers(tmp_path: Path) -> None:
    (x, y), (x_test, y_test) = stripes(16, 0), stripes(8, 1)
    given: dict[str, Any] = {"epochs": np.int64(1), "seeds": np.int32(1), "batch_size": np.uint8(8)}
    given |= {"learning_rate": np.float32(0.001), "sweep": np.array([0.5]), "size": np.int64(8)}
    result = af.train(((x, y), (x_test, y_test)), **given, out=tmp_path, progress=False)
    settings = result.comparison.settings
    assert (settings.epochs, settings.batch_size, settings.size) == (1, 8, (8, 8))
    assert settings.sweep == (0.0, 0.5, 1.0)
    assert "sweep=(0.0, 0.5, 1.0)" in result.comparison.command


@pytest.mark.parametrize(
    "given",
    [
        {"epochs": 1.5}, {"epochs": "3"}, {"epochs": True}, {"seeds": (0, 1)}, {"seed": None}, {"batch_size": None},
        {"learning_rate": "0.1"}, {"learning_rate": np.array([0.1])}, {"minutes": (1,)}, {"sweep": 0.5},
        {"sweep": "0,1"}, {"sweep": ("1",)}, {"size": 8.5}, {"size": (8, 8, 3)}, {"size": "128"}, {"name": 3},
        {"evaluations": 10**30}, {"workers": 10**30}, {"seed": 10**30}, {"name": "a" * 300},
    ],
    ids=str,
)  # fmt: skip
def test_what_is_no_number_is_refused(given: dict[str, Any], npz: Path, tmp_path: Path) -> None:
    with pytest.raises(af.AugfuseError, match="--" + next(iter(given)).replace("_", "-")):
        af.train(npz, **given, out=tmp_path / "runs", progress=False)
    assert not (tmp_path / "runs").exists()


def test_folders_that_cannot_be_used(npz: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "taken").write_text("mine", encoding="utf-8")
    with pytest.raises(af.DataError, match=r"taken: is a file, wanted a folder. Type another --name"):
        prepare(Options(data=npz, out=tmp_path, name="taken"))

    def refuse(path: Path) -> Any:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "iterdir", refuse)
    with pytest.raises(af.DataError, match=r"--out .*: Permission denied. Type another --out"):
        prepare(Options(data=npz, out=tmp_path))


# --- names ---


@pytest.mark.skipif(sys.platform != "linux", reason="other systems refuse such names")
def test_names_that_are_no_text_come_through(tmp_path: Path, capsys: Any) -> None:
    images, labels = stripes(24, 0)
    root = tmp_path / os.fsdecode(b"d\xe9")
    for row, (image, label) in enumerate(zip(images, labels, strict=True)):
        folder = root / os.fsdecode((b"chat", b"b\xeate")[label])
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(folder / os.fsdecode(b"caf\xe9%d.png" % row))
    out, net = tmp_path / "runs", tmp_path / os.fsdecode(b"n\xe9.py")
    text = "import keras\ndef net():\n    return keras.Sequential([keras.Input((8, 10, 3)), keras.layers.Flatten(), "
    net.write_text(text + "keras.layers.Dense(2, activation='softmax')])\n", encoding="utf-8")
    command = ["train", str(root), "--size", "8x10", "--model", f"{net}:net", "--epochs", "1", "--seeds", "1"]
    assert main([*command, "--name", "r", "--out", str(out)]) == 0, capsys.readouterr().err
    report = json.loads((out / "r" / "report.json").read_text(encoding="utf-8"))
    assert report["data"]["classes"] == ["b\\udceate", "chat"]
    assert "\\udce9" in (out / "r" / "report.html").read_text(encoding="utf-8")
    found = result_file.load(out / "r")
    assert found.settings.data == str(tmp_path / "d\\udce9")
    paths = evaluation.load(out / "r", "plain", 0).paths
    assert paths is not None
    assert paths[0].startswith(str(tmp_path / "d\\udce9" / "b\\udceate" / "caf\\udce9"))


# --- numbers that are none ---


@pytest.mark.parametrize("early_stopping", [None, 2])
def test_weights_that_the_last_step_destroyed_end_the_run(
    early_stopping: int | None, tmp_path: Path, capsys: Any
) -> None:
    # One step an epoch: its loss is taken before the weights leave all bounds.
    (x, y), (x_test, y_test) = stripes(16, 0), stripes(8, 1)
    data = save_npz(tmp_path / "d.npz", x_train=x, y_train=y, x_test=x_test, y_test=y_test, x_val=x_test, y_val=y_test)
    (tmp_path / "net.py").write_text(
        "import keras\nL = keras.layers\ndef net():\n    return keras.Sequential([keras.Input((8, 10, 3)), "
        "L.Flatten(), L.Dense(4), L.Dense(4), L.Dense(2, activation='softmax')])\n",
        encoding="utf-8",
    )
    command = ["train", str(data), "--epochs", "1", "--seeds", "1", "--batch-size", "16", "--learning-rate", "1e30"]
    command += ["--optimizer", "sgd", "--model", f"{tmp_path / 'net.py'}:net", "--out", str(tmp_path / "runs")]
    if early_stopping is not None:
        command += ["--early-stopping", str(early_stopping)]
    assert main(command) == 1
    assert "epoch 1: the network's predictions contain NaN or infinity. Try a smaller" in capsys.readouterr().err


def test_a_network_that_answers_no_numbers_is_refused() -> None:
    layers = [L.Rescaling(1e38), L.Rescaling(1e38), L.Flatten(), L.Dense(2, activation="softmax")]
    network = Network(lambda seed: keras.Sequential([keras.Input(SHAPE), *layers]), 2)
    with pytest.raises(af.DataError, match="NaN or infinity before any training"):
        network.warm_up(4)
