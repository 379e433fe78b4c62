"""Model files: none runs code unless it is trusted, and what is wrong with one is said in its own words."""

from __future__ import annotations

import json
import pickle
import re
import tomllib
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import augfuse as af
from augfuse.cli import main
from augfuse.doctor import examine
from places import ROOT

keras = pytest.importorskip("keras", reason="needs the extra: pip install 'augfuse[train]'")

# Keras' variables lack NumPy 2's `copy` argument of __array__; Keras itself calls np.array on them.
pytestmark = [
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file"),
]
SHAPE = (8, 8, 3)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    y = np.arange(40) % 2
    x = (rng.integers(0, 100, (40, *SHAPE)) + 150 * y[:, None, None, None]).astype(np.uint8)
    path = tmp_path / "data.npz"
    np.savez(path, x_train=x[:24], y_train=y[:24], x_test=x[24:], y_test=y[24:])
    return path


def network(*first: Any, **compiled: Any) -> Any:
    layers = keras.layers
    model = keras.Sequential([keras.Input(SHAPE), *first, layers.Flatten(), layers.Dense(2, activation="softmax")])
    if compiled:
        model.compile(**compiled)
    return model


def lambda_layer(marker: Path) -> Any:
    """A layer whose code leaves a file behind when it runs."""
    return keras.layers.Lambda(eval(f"lambda x: (open({str(marker)!r}, 'w').close(), x * 0.5)[1]"))


def in_front(marker: Path) -> Any:
    return network(lambda_layer(marker))


def nested(marker: Path) -> Any:
    return network(keras.Sequential([keras.Input(SHAPE), lambda_layer(marker)]))


def functional(marker: Path) -> Any:
    inputs = keras.Input(SHAPE)
    outputs = keras.layers.Dense(2, activation="softmax")(keras.layers.Flatten()(lambda_layer(marker)(inputs)))
    return keras.Model(inputs, outputs)


def on_the_command_line(command: str, data: Path, model: Path, *words: str) -> int:
    more = ("--epochs", "1", "--seeds", "1", "--out", str(data.parent / "runs")) if command == "train" else ()
    return main([command, str(data), "--model", str(model), *more, *words])


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
@pytest.mark.parametrize("make", [in_front, nested, functional])
@pytest.mark.parametrize("command", ["train", "doctor"])
def test_a_file_with_a_lambda_is_refused(
    command: str,
    make: Callable[[Path], Any],
    suffix: str,
    data: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    marker = data.parent / "ran"
    path = data.parent / f"model{suffix}"
    make(marker).save(path)
    marker.unlink()  # making the model ran it
    assert on_the_command_line(command, data, path) == 2
    said = capsys.readouterr().err
    assert "holds code that would run here" in said
    assert "--trust-model" in said
    assert not marker.exists()
    assert not (data.parent / "runs").exists()


@pytest.mark.filterwarnings("ignore:The recipe")
@pytest.mark.parametrize(("make", "suffix"), [(in_front, ".keras"), (in_front, ".h5"), (nested, ".keras")])
def test_a_file_with_a_lambda_is_read_where_it_is_trusted(
    make: Callable[[Path], Any], suffix: str, data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    marker = data.parent / "ran"
    path = data.parent / f"model{suffix}"
    make(marker).save(path)
    marker.unlink()
    assert on_the_command_line("doctor", data, path, "--trust-model") in (0, 1)
    assert marker.exists()
    assert on_the_command_line("train", data, path, "--trust-model", "--name", "run") == 0
    report = json.loads((data.parent / "runs" / "run" / "report.json").read_text(encoding="utf-8"))
    assert "--trust-model" in report["command"]
    capsys.readouterr()


def test_a_function_that_makes_a_lambda_is_refused_before_it_is_trained(data: Path) -> None:
    def made() -> Any:
        return in_front(data.parent / "ran")

    with pytest.raises(af.DataError, match=r"once it is saved: holds code .*trust_model=True"):
        af.train(data, model=made, epochs=1, seeds=1, out=data.parent / "runs", progress=False)
    assert not (data.parent / "runs").exists()
    done = af.train(data, model=made, trust_model=True, epochs=1, seeds=1, out=data.parent / "runs", progress=False)
    assert done.model.is_file()


def rewritten(path: Path, layer: dict[str, Any]) -> Path:
    """The same `.keras` file, whose second layer is another one."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    config = json.loads(members["config.json"])
    config["config"]["layers"][1] = layer
    members["config.json"] = json.dumps(config).encode()
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


FOREIGN = {
    "a function of another module": {
        "class_name": "Lambda",
        "module": "keras.layers",
        "registered_name": None,
        "config": {
            "name": "foreign",
            "function": {"class_name": "function", "module": "os", "config": "getcwd", "registered_name": "getcwd"},
        },
    },
    "a class of another module": {
        "class_name": "Popen",
        "module": "subprocess",
        "registered_name": None,
        "config": {"args": ["touch", "MARKER"]},
    },
    "a switch of Keras": {
        "class_name": "function",
        "module": "keras.config",
        "config": "enable_unsafe_deserialization",
        "registered_name": "enable_unsafe_deserialization",
    },
    "a TensorFlow graph": {
        "class_name": "TFSMLayer",
        "module": "keras.layers",
        "registered_name": None,
        "config": {"name": "graph", "filepath": "MARKER", "call_endpoint": "serve"},
    },
}


@pytest.mark.parametrize("layer", FOREIGN.values(), ids=FOREIGN)
def test_a_file_that_names_what_is_no_layer_is_refused(layer: dict[str, Any], data: Path) -> None:
    marker = data.parent / "ran"
    path = data.parent / "model.keras"
    network(keras.layers.ReLU()).save(path)
    rewritten(path, json.loads(json.dumps(layer).replace("MARKER", str(marker))))
    for read in (lambda: examine(data, model=path), lambda: af.train(data, model=path, out=data.parent / "runs")):
        with pytest.raises(af.DataError, match=r"model\.keras: (holds code|needs the|not a model)"):
            read()
    assert not marker.exists()
    assert not (data.parent / "runs").exists()


class _Runs:
    """A pickle that leaves a file behind."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.marker,)


@pytest.mark.parametrize("name", ["model.keras", "model.h5", "model.pkl", "model.pt"])
def test_pickles_are_not_read(name: str, data: Path) -> None:
    marker = data.parent / "ran"
    path = data.parent / name
    path.write_bytes(pickle.dumps(_Runs(marker)))
    with pytest.raises(af.DataError, match=r"not a zip archive|not an HDF5 file|wanted a \.keras or \.h5 file"):
        examine(data, model=path)
    with pytest.raises(af.DataError, match=r"not a zip archive|not an HDF5 file|wanted a \.keras or \.h5 file"):
        af.train(data, model=path, out=data.parent / "runs", trust_model=True)
    assert not marker.exists()


@pytest.mark.parametrize("version", ["3.10.0", "3.11.2", "3.14.0"])
def test_a_keras_that_runs_code_all_the_same_is_not_asked(
    version: str, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = data.parent / "model.keras"
    network(keras.layers.ReLU()).save(path)
    monkeypatch.setattr(keras, "__version__", version)
    for read in (lambda: examine(data, model=path), lambda: af.train(data, model=path, out=data.parent / "runs")):
        with pytest.raises(af.MissingExtraError, match=rf"Keras {version} can run code.*pip install .keras>=3\.15\.1"):
            read()
    assert examine(data, model=path, trust_model=True).model == "model.keras"


def test_every_extra_asks_for_a_keras_without_holes() -> None:
    from augfuse.experiment.network.model_file import SAFE_KERAS

    extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    asked = {name: line for name, lines in extras.items() for line in lines if re.match(r"keras\b", line)}
    assert set(asked) == {"keras", "train", "bench", "dev"}
    assert set(asked.values()) == {f"keras>={'.'.join(map(str, SAFE_KERAS))}"}
    assert sorted([SAFE_KERAS, (3, 11, 3)])[1] == SAFE_KERAS, "the release with the fixes of both readers"


def cut(whole: bytes) -> bytes:
    return whole[: len(whole) // 2]


@pytest.mark.parametrize(
    ("name", "damage", "words"),
    [
        ("model.keras", cut, "not a zip archive"),
        ("model.keras", lambda whole: b"no model", "not a zip archive"),
        ("model.keras", lambda whole: b"", "the file is empty"),
        ("model.h5", cut, "truncated file"),
        ("model.h5", lambda whole: b"no model", "not an HDF5 file"),
    ],
)
@pytest.mark.parametrize("command", ["train", "doctor"])
def test_a_damaged_file_is_not_called_missing(
    command: str,
    name: str,
    damage: Callable[[bytes], bytes],
    words: str,
    data: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = data.parent / name
    network(keras.layers.ReLU()).save(path)
    path.write_bytes(damage(path.read_bytes()))
    assert on_the_command_line(command, data, path) == 2
    said = capsys.readouterr().err
    assert words in said
    assert "not found" not in said.lower()


def test_an_archive_without_a_model_is_named(data: Path) -> None:
    path = data.parent / "model.keras"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("readme.txt", "nothing")
    with pytest.raises(af.DataError, match=r"the archive has no config\.json"):
        examine(data, model=path)
    (data.parent / "folder.keras").mkdir()
    with pytest.raises(af.DataError, match="not a regular file"):
        examine(data, model=data.parent / "folder.keras")
    with pytest.raises(af.DataNotFoundError, match="no such model file"):
        af.train(data, model="nosuch.h5", out=data.parent / "runs")


class Thrice(keras.layers.Layer):
    """A layer that no registry knows."""

    def call(self, inputs: Any) -> Any:
        return 3 * inputs


def squared(truth: Any, predicted: Any) -> Any:
    return keras.ops.mean((truth - predicted) ** 2)


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
@pytest.mark.parametrize("command", ["train", "doctor"])
def test_a_missing_class_is_named(command: str, suffix: str, data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = data.parent / f"model{suffix}"
    network(Thrice()).save(path)
    assert on_the_command_line(command, data, path) == 2
    said = capsys.readouterr().err
    assert "'Thrice', which Keras does not know here" in said
    assert "register_keras_serializable" in said


def test_a_missing_loss_is_named_by_what_trains_and_passed_over_by_what_looks(data: Path) -> None:
    path = data.parent / "model.keras"
    network(optimizer="adam", loss=squared).save(path)
    with pytest.raises(af.DataError, match="needs the function 'squared'"):
        af.train(data, model=path, epochs=1, out=data.parent / "runs")
    assert examine(data, model=path).model == "model.keras"


@pytest.mark.parametrize("trust", ["no", 1, None])
def test_trust_is_true_or_false(trust: Any, data: Path) -> None:
    for read in (examine, af.train):
        with pytest.raises(af.RangeError, match=r"trust.model: got .*wanted True or False"):
            read(data, model=data.parent / "model.keras", trust_model=trust)


def test_both_kinds_of_files_are_trained(data: Path) -> None:
    for suffix in (".keras", ".h5"):
        path = data.parent / f"model{suffix}"
        network(keras.layers.ReLU()).save(path)
        done = af.train(data, model=str(path), epochs=1, seeds=1, out=data.parent / "runs", progress=False)
        assert done.comparison.settings.model == str(path)
