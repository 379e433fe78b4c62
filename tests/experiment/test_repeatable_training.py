"""The same command ends with the same numbers: two processes, bit for bit, with the layers whose sums threads share."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("keras", reason="needs the extra: pip install 'augfuse[train]'")
pytest.importorskip("sklearn", reason="needs the extra: pip install 'augfuse[train]'")
pytest.importorskip("matplotlib", reason="needs the extra: pip install 'augfuse[train]'")

import augfuse as af
from augfuse.cli import main
from augfuse.experiment import backend
from stripes import save_npz, stripes

# Keras' variables lack NumPy 2's `copy` argument of __array__; Keras itself calls np.array on them.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept:DeprecationWarning")

# A network with batch normalisation and a sparse loss; one with dropout; one with a single output.
NETWORKS = """
import keras
from keras import layers


def normalised(shape, classes):
    model = keras.Sequential([keras.Input(shape)])
    for filters in (16, 32):
        model.add(layers.BatchNormalization(momentum=0.9))
        model.add(layers.Conv2D(filters, 3, padding="same", activation="relu"))
        model.add(layers.MaxPooling2D())
    for layer in (layers.BatchNormalization(momentum=0.9), layers.Flatten(), layers.Dense(8, activation="relu")):
        model.add(layer)
    model.add(layers.Dense(classes, activation="softmax"))
    model.compile(keras.optimizers.Adam(0.01), "sparse_categorical_crossentropy")
    return model


def wide(shape, classes):
    return keras.Sequential([
        keras.Input(shape),
        layers.Conv2D(8, 3, activation="relu"),
        layers.Flatten(),
        layers.Dropout(0.5),
        layers.Dense(64, activation="relu"),
        layers.Dense(classes, activation="softmax"),
    ])


def single(shape, classes):
    model = keras.Sequential([
        keras.Input(shape),
        layers.SeparableConv2D(8, 3, activation="relu"),
        layers.GlobalAveragePooling2D(),
        layers.Dense(1, activation="sigmoid"),
    ])
    model.compile(keras.optimizers.RMSprop(1e-3), "binary_crossentropy")
    return model

"""


# Trains them all, each in its own folder.
TRAINS = """
import sys
import networks
import augfuse as af

for name in ("normalised", "wide", "single"):
    af.train("d.npz", model=getattr(networks, name), epochs=3, seeds=1, batch_size=16, early_stopping=2,
             out=sys.argv[1], name=name, progress=False)
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("work")
    (folder / "networks.py").write_text(NETWORKS, encoding="utf-8")
    x, y = stripes(96, 0)
    x_test, y_test = stripes(40, 1)
    save_npz(folder / "d.npz", x_train=x, y_train=y, x_test=x_test, y_test=y_test)
    return folder


@pytest.fixture(scope="module")
def twice(folder: Path) -> tuple[Path, Path]:
    """The folders of two processes that did the same, beside one another."""
    outs = folder / "first", folder / "second"
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", TRAINS, out.name],
            cwd=folder,
            env=os.environ | {"PYTHONHASHSEED": str(number), "PYTHONPATH": _path(folder)},
            stderr=subprocess.PIPE,
            text=True,
        )
        for number, out in enumerate(outs)
    ]
    for process in processes:
        _, said = process.communicate()
        assert process.returncode == 0, said
    return outs


def _path(folder: Path) -> str:
    return os.pathsep.join([str(folder), os.environ.get("PYTHONPATH", "")])


def weights(run: Path) -> list[np.ndarray]:
    import keras

    model: Any = keras.models.load_model(run / "model.keras", compile=False)
    return model.get_weights()


def answers(run: Path) -> dict[str, np.ndarray]:
    found = {}
    for path in sorted((run / "predictions").iterdir()):
        with np.load(path) as file:
            found[path.name] = file["probabilities"]
    return found


def report(run: Path) -> dict[str, Any]:
    return json.loads((run / "report.json").read_text(encoding="utf-8"))


@pytest.mark.slow(reason="processes that train")
@pytest.mark.parametrize("network", ["normalised", "wide", "single"])
def test_two_processes_end_with_the_same_weights_and_numbers(twice: tuple[Path, Path], network: str) -> None:
    runs = [out / network for out in twice]
    for one, other in zip(*map(weights, runs), strict=True):
        assert np.array_equal(one, other)
    first, second = map(answers, runs)
    assert len(first) == 2
    assert first.keys() == second.keys()
    assert all(np.array_equal(first[name], second[name]) for name in first)
    assert runs[0].joinpath("recipe.yaml").read_bytes() == runs[1].joinpath("recipe.yaml").read_bytes()
    first, second = map(report, runs)
    for name in ("sentence", "difference", "interval"):
        assert first["verdict"][name] == second["verdict"][name]
    for found in (first, second):
        assert found["config"]["deterministic"] is True
        assert found["environment"]["repeatable"] == "yes"


def test_what_does_not_repeat_is_named(folder: Path) -> None:
    call = {"data": folder / "d.npz", "epochs": 1, "seeds": 1, "batch_size": 16, "out": folder, "name": "free"}
    result = af.train(**call, deterministic=False, progress=False)
    assert result.comparison.command.endswith("--no-deterministic")
    words = "The same command may end with other numbers (trained with --no-deterministic)"
    assert any(words in text for text in report(result.folder)["verdict"]["findings"])
    assert "The same command may end with other numbers" in result.report.read_text(encoding="utf-8")
    with pytest.raises(af.DataError, match="--deterministic was False and is True"):
        af.train(**call, progress=False)


def test_the_command_has_the_flag(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["train", str(folder / "d.npz"), "--out", str(folder), "--epochs", "1", "--seeds", "1", "--name", "flag"]
    assert main([*command, "--no-deterministic"]) == 0
    assert "The same command may end with other numbers" in capsys.readouterr().out
    assert main(command) == 2
    assert "--deterministic was False and is True" in capsys.readouterr().err


def refused(shape: tuple[int, int, int], classes: int) -> Any:
    import keras

    class Refused(keras.layers.Layer):
        """Stands for an operation without a repeatable form: it refuses as the backends do."""

        def call(self, x: Any) -> Any:
            if backend.repeats() == "yes":
                raise RuntimeError("a deterministic implementation of this operation is not available")
            return x

    layers = [keras.Input(shape), Refused(), keras.layers.Flatten(), keras.layers.Dense(classes, activation="softmax")]
    return keras.Sequential(layers)


def test_an_operation_without_a_repeatable_form_says_what_to_type(tmp_path: Path) -> None:
    with pytest.raises(af.DataError, match="Type --no-deterministic"):
        af.train(stripes(32, 0), model=refused, epochs=1, seeds=1, batch_size=8, out=tmp_path, progress=False)
    assert not list(tmp_path.iterdir()), "found before anything is written"


@pytest.mark.parametrize("before", [False, True])
def test_the_switch_of_the_process_is_put_back(tmp_path: Path, before: bool) -> None:
    if backend.load_keras().backend.backend() == "jax":
        pytest.skip("JAX has no switch")
    with backend.repeatable(before):
        state = backend.repeats()
        assert (state == "yes") == before
        result = af.train(stripes(32, 0), epochs=1, seeds=1, batch_size=8, out=tmp_path, progress=False)
        assert result.comparison.environment["repeatable"] == "yes"
        assert backend.repeats() == state
