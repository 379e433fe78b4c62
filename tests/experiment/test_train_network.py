"""The user's network in a run: what tells it from another, what is said of it, what is refused, how it is run again."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
import yaml

pytest.importorskip("keras", reason="needs the extra: pip install 'augfuse[train]'")
pytest.importorskip("sklearn", reason="needs the extra: pip install 'augfuse[train]'")
pytest.importorskip("matplotlib", reason="needs the extra: pip install 'augfuse[train]'")

import keras

import augfuse as af
from augfuse.cli import main
from augfuse.experiment.network.fingerprint import fingerprint
from augfuse.experiment.network.network import Network
from augfuse.experiment.network.user_model import own_model
from augfuse.experiment.options import Options
from augfuse.experiment.report import write_report
from augfuse.experiment.run_folder import rerun_command, result_file
from augfuse.experiment.setup.prepare import prepare
from stripes import SHAPE, save_npz, stripes

# Keras' variables lack NumPy 2's `copy` argument of __array__; Keras itself calls np.array on them.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept:DeprecationWarning")

FILE = """
import keras
from keras import layers

@keras.saving.register_keras_serializable()
class Times(layers.Layer):
    def __init__(self, function, factor):  # no get_config, and Keras cannot make one
        super().__init__()
        self.function, self.factor = function, factor

    def call(self, x):
        return self.function(x) * self.factor

def net(shape=(8, 10, 3), classes=2, act="relu", strides=1, padding="valid", pool=2, rule=None, logits=True,
        factor=None, swap=False, policy=None, own=None, rate=0.1, name=None):
    start = keras.Input(shape)
    one = layers.Conv2D(4, 3, strides, padding, activation=act, kernel_regularizer=rule, dtype=policy, name=name)(start)
    two = layers.Conv2D(4, 3, strides, padding, activation="tanh")(start)
    x = layers.Subtract()([two, one] if swap else [one, two])
    if factor is not None:
        x = layers.Lambda(lambda t: t * factor)(x)
    if own is not None:
        x = Times(lambda t: t + 1, own)(x)
    x = keras.ops.relu(layers.MaxPooling2D(pool, 1, "same")(x))
    inner = keras.Sequential([layers.GlobalAveragePooling2D(), layers.Dropout(rate)])
    model = keras.Model(start, layers.Dense(classes)(inner(x)))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=logits)
    model.compile(keras.optimizers.SGD(0.05, momentum=0.9), loss, metrics=["accuracy"])
    return model
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("nets")
    (folder / "manynets.py").write_text(FILE, encoding="utf-8")
    (x, y), (x_test, y_test) = stripes(48, 0), stripes(40, 1)
    save_npz(folder / "d.npz", x_train=x, y_train=y, x_test=x_test, y_test=y_test)
    return folder


@pytest.fixture
def nets(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    import importlib

    monkeypatch.syspath_prepend(folder)
    monkeypatch.chdir(folder)
    yield importlib.import_module("manynets")
    sys.modules.pop("manynets", None)


CHANGES: dict[str, dict[str, Any]] = {
    "activation": {"act": "elu"},
    "a function without a name": {"act": lambda t: t},
    "another one": {"act": lambda t: 2 * t},
    "strides": {"strides": 2},
    "padding": {"padding": "same"},
    "pool size": {"pool": 3},
    "regulariser": {"rule": "l2"},
    "loss": {"logits": False},
    "a function of the user's": {"factor": 2},
    "a number that it keeps": {"factor": 3},
    "wiring": {"swap": True},
    "precision": {"policy": "mixed_bfloat16"},
    "dropout inside": {"rate": 0.2},
    "an own layer": {"own": 3},
    "its setting": {"own": 4},
    "strides beside an own layer": {"own": 3, "strides": 2},
}


def marks(nets: Any, **changes: Any) -> str:
    return fingerprint(own_model(lambda: nets.net(**changes)).builder(SHAPE, 2)(0))


def test_every_change_of_a_network_is_another_one(nets: Any) -> None:
    found = {name: marks(nets, **changes) for name, changes in CHANGES.items()}
    found["as it is"] = marks(nets)
    assert len(set(found.values())) == len(found), found
    for name, changes in CHANGES.items():
        assert marks(nets, **changes) == found[name], f"{name}: built again, its layers have other names"
    assert marks(nets, name="first") == found["as it is"], "a name changes no number"


@pytest.mark.slow(reason="in a process of its own, with Keras")
def test_a_network_is_the_same_in_another_process(nets: Any, folder: Path) -> None:
    moved = "# a line more\n" + FILE
    (folder / "elsewhere").mkdir()
    (folder / "elsewhere" / "manynets.py").write_text(moved, encoding="utf-8")
    code = (
        "import keras, manynets\nfrom augfuse.experiment.network.fingerprint import fingerprint\n"
        "from augfuse.experiment.network.user_model import own_model\n"
        "keras.layers.Dense(3), keras.layers.Conv2D(3, 3)\n"
        "print(fingerprint(own_model(lambda: manynets.net(own=3)).builder((8, 10, 3), 2)(0)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=folder / "elsewhere", capture_output=True, text=True, check=False
    )
    assert done.stdout.strip() == marks(nets, own=3), done.stderr


def test_another_network_is_refused_under_the_same_name(nets: Any, folder: Path, tmp_path: Path) -> None:
    def settled(**changes: Any) -> Any:
        return prepare(Options(data=folder / "d.npz", model=lambda: nets.net(**changes), out=tmp_path, name="r"))

    from augfuse.experiment.run_folder.checkpoint import RunFolder

    with RunFolder(tmp_path / "r").open(settled().identity):
        pass
    assert settled().begun
    for changes in ({"act": "elu"}, {"strides": 2}, {"logits": False}):
        with pytest.raises(af.DataError, match="the model was"):
            settled(**changes)


# --- what is on record ---


def test_the_record_says_what_was_trained(nets: Any, folder: Path, tmp_path: Path) -> None:
    result = af.train("d.npz", model=nets.net, epochs=3, seeds=1, evaluations=2, out=tmp_path,
                      name="own", progress=False)  # fmt: skip
    facts, settings = result.comparison.network, result.comparison.settings
    assert facts is not None
    assert facts.parameters == facts.trained == 2 * (3 * 3 * 3 * 4 + 4) + 4 * 2 + 2
    assert facts.layers.startswith("2 Conv2D, Subtract, MaxPooling2D")
    assert facts.optimizer == "SGD(learning_rate=0.05, momentum=0.9)"
    assert facts.loss.startswith("SparseCategoricalCrossentropy(")
    assert "from_logits=True" in facts.loss
    assert facts.precision == "float32"
    assert (settings.optimizer, settings.learning_rate, settings.widths, settings.dense) == (None, None, None, None)
    assert [p.test is not None for p in result.comparison.arms[0].points] == [False, True, True]
    config = yaml.safe_load((result.folder / "config.yaml").read_text(encoding="utf-8"))
    assert config["network"]["optimizer"] == facts.optimizer
    assert config["dropout"] is None
    assert json.loads((result.folder / "report.json").read_text(encoding="utf-8"))["network"] == config["network"]
    page = result.report.read_text(encoding="utf-8")
    assert f"{facts.parameters} parameters" in page
    assert result_file.load(result.folder).network == facts
    with pytest.raises(af.RangeError, match=r"--optimizer sgd: .* comes compiled"):
        prepare(Options(data=folder / "d.npz", model=nets.net, out=tmp_path, optimizer="sgd"))


def test_runs_of_older_versions_are_still_read(tmp_path: Path) -> None:
    from augfuse.experiment.run_folder.encoding import pack
    from augfuse.files import write_bytes
    from comparisons import comparison, save_predictions

    whole = comparison()
    old = msgspec.msgpack.decode(pack(whole))
    del old["network"]
    old["evaluations"] = []
    write_bytes(tmp_path / result_file.FILE, msgspec.msgpack.encode(old))
    save_predictions(whole, tmp_path)
    found = result_file.load(tmp_path)
    assert found.network is None
    write_report.rewrite(tmp_path)
    assert "network:" not in write_report.config_yaml(found.settings, None)


# --- running it again ---


@pytest.mark.slow(reason="six trainings")
def test_the_call_that_is_printed_repeats_the_run(nets: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe, options = af.Recipe([af.Rotate(9)]), {"epochs": 2, "seeds": 1, "evaluations": 1, "sweep": (0.5,)}
    result = af.train("d.npz", recipe, model=nets.net, **options, out=tmp_path, progress=False)  # type: ignore[arg-type]
    command = result.comparison.command
    assert "from manynets import net" in command
    assert "af.train('d.npz', recipe, model=net, epochs=2" in command
    assert "evaluations=1" in command
    assert "#" not in command
    outcomes = []
    train = af.train
    monkeypatch.setattr(af, "train", lambda *args, **given: outcomes.append(train(*args, **given, out=tmp_path / "2")))
    exec(command, {})
    assert outcomes[0].test_accuracy == result.test_accuracy


def settled(options: Options) -> str:
    job = prepare(options)
    return rerun_command.again(job.settings, Path("runs/r"), options, "Arrays; 48 images")


def test_what_cannot_be_written_down_has_a_comment(
    nets: Any, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data, script = folder / "d.npz", tmp_path / "my nets.py"
    main_module = sys.modules["__main__"]
    monkeypatch.setattr(main_module, "__spec__", None)
    monkeypatch.setattr(main_module, "__file__", str(script), raising=False)
    monkeypatch.setattr(main_module, "small", nets.net, raising=False)
    monkeypatch.setattr(nets.net, "__module__", "__main__")
    monkeypatch.setattr(nets.net, "__qualname__", "small")
    monkeypatch.setattr(sys, "argv", [str(script), "--fast"])
    text = settled(Options(data=data, model=nets.net, python=True))
    assert f"#   python '{script}' --fast" in text
    assert "# small: __main__:small, as it was given" in text
    assert "model=small" in text
    assert "import small" not in text
    text = settled(Options(parts=prepare(Options(data=data)).parts, python=True))
    assert "# data: Arrays; 48 images" in text
    assert "af.train(data, recipe, epochs" in text
    compile(text, "again", "exec")
    monkeypatch.delattr(main_module, "__file__")  # a prompt, or a notebook
    assert "python" not in settled(Options(data=data, model=nets.net(), python=True))
    assert "# model: " in settled(Options(data=data, model=nets.net(), python=True))


def test_a_command_repeats_numbers_to_the_last_digit(folder: Path) -> None:
    text = settled(Options(data=folder / "d.npz", learning_rate=0.00123456789, evaluations=3, sweep=(0.5,)))
    assert "--learning-rate 0.00123456789 --sweep 0,0.5,1" in text
    assert "--evaluations 3" in text
    assert "--evaluations" not in settled(Options(data=folder / "d.npz"))


# --- what is refused ---


def dense(units: int, activation: Any, loss: Any = None) -> Any:
    model = keras.Sequential([keras.Input(SHAPE), keras.layers.Flatten(), keras.layers.Dense(units, activation)])
    if loss is not None:
        model.compile("sgd", loss)
    return model


@pytest.mark.parametrize(
    "loss", ["sparse_categorical_crossentropy", keras.losses.CategoricalCrossentropy(), "categorical_crossentropy"]
)
def test_one_output_with_a_loss_for_several_is_refused(loss: Any, folder: Path, tmp_path: Path) -> None:
    with pytest.raises(af.DataError, match=r"has one output, and its loss .* wants one for each of the 2 classes"):
        prepare(Options(data=folder / "d.npz", model=lambda: dense(1, "sigmoid", loss), out=tmp_path / "runs"))
    assert not (tmp_path / "runs").exists()


@pytest.mark.filterwarnings("ignore:You are using a softmax over axis")
def test_a_softmax_over_one_output_is_refused() -> None:
    bare = dense(1, None)
    wrapped = keras.Sequential([keras.Input(SHAPE), dense(1, "softmax", "binary_crossentropy")])
    operation = keras.Model(bare.inputs, keras.ops.softmax(bare.outputs[0]))
    for model in (dense(1, "softmax"), wrapped, operation):
        with pytest.raises(af.DataError, match="softmax over one output"):
            Network(own_model(model).builder(SHAPE, 2), 2)


def test_a_softmax_that_is_no_layer_is_seen() -> None:
    bare = dense(2, None)
    model = keras.Model(bare.inputs, keras.ops.softmax(bare.outputs[0]))
    said = Network(own_model(model).builder(SHAPE, 2), 2)
    images = np.random.default_rng(0).random((4, *SHAPE), np.float32)
    assert np.allclose(said.predict(images), np.asarray(said.model.predict_on_batch(images)), atol=1e-6)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("def net(:\n", "bad.py cannot be imported (SyntaxError: invalid syntax"),
        ("x = 1\nraise ValueError('no\\nmore')\n", "bad.py cannot be imported (ValueError: no, bad.py line 2)"),
        ("import nothing_of_the_kind\n", "(ModuleNotFoundError: No module named 'nothing_of_the_kind', bad.py line 1)"),
        ("import sys; sys.exit(3)\n", "bad.py cannot be imported (SystemExit: 3"),
        ("def net(shape, n):\n    raise RuntimeError\n", "for images of 8x10x3 (RuntimeError, bad.py line 2)"),
        (
            "import keras\nL = keras.layers\ndef net(shape, n):\n    return keras.Sequential([keras.Input(shape), "
            "*[L.MaxPooling2D() for _ in range(6)], L.Flatten(), L.Dense(n)])\n",
            "for images of 8x10x3 (ValueError: Computed output size would be zero or negative",
        ),
        ("def net(): return [][0]\n", "cannot make a network (IndexError: list index out of range, bad.py line 1)"),
    ],
)
def test_what_a_model_file_raises_is_a_message(
    text: str, words: str, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    (tmp_path / "bad.py").write_text(text, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    before = set(sys.modules)
    assert main(["train", str(folder / "d.npz"), "--model", "bad.py:net"]) == 2
    err = capsys.readouterr().err
    assert err.startswith("augfuse: --model bad.py:net: ")
    assert words in err
    assert err.count("\n") == 1
    assert "zero or negative" not in words or "type a larger --size" in err
    if "cannot be imported" in words:
        assert "bad" not in set(sys.modules) - before
    sys.modules.pop("bad", None)


def test_what_could_not_be_saved_in_the_end_is_refused_at_once(nets: Any, folder: Path, tmp_path: Path) -> None:
    for changes, words in (
        ({"factor": 2}, "once it is saved: holds code .*Lambda"),
        ({"own": 3}, "cannot be saved .*Times"),
    ):
        with pytest.raises(af.DataError, match=words):
            prepare(Options(data=folder / "d.npz", model=lambda c=changes: nets.net(**c), out=tmp_path))


def test_numbers_beyond_any_machine_are_refused(folder: Path) -> None:
    for change, words in (
        ({"size": (99999999, 8)}, "--size: got 99999999x8"),
        ({"size": (0, 8)}, "--size: got 0x8"),
        ({"seeds": 10**9}, "--seeds: got 1000000000"),
        ({"epochs": 10**12}, "--epochs: got"),
        ({"evaluations": 0}, "--evaluations: got 0"),
    ):
        with pytest.raises(af.RangeError) as caught:
            prepare(Options(data=folder / "d.npz", **change))  # type: ignore[arg-type]
        assert words in str(caught.value)
