"""The training command's parts on real Keras, and one whole small run."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("keras", reason="needs the extra: pip install 'augfuse[train]'")
pytest.importorskip("sklearn", reason="needs the extra: pip install 'augfuse[train]'")
pytest.importorskip("matplotlib", reason="needs the extra: pip install 'augfuse[train]'")

from rich.console import Console

import augfuse as af
from augfuse.experiment import metrics
from augfuse.experiment.arms import Measure, evaluation_batch_size, measured_epochs
from augfuse.experiment.dry_run import dry_run
from augfuse.experiment.evaluation import Evaluation
from augfuse.experiment.network.model_file import read_model
from augfuse.experiment.network.network import Network, predict
from augfuse.experiment.options import Options
from augfuse.experiment.records import AUGMENTED, PLAIN
from augfuse.experiment.run_job import Outcome, run
from augfuse.experiment.setup.prepare import Job, prepare
from augfuse.experiment.setup.run_loaders import training_loader
from augfuse.experiment.tasks.cnn import cnn_builder
from augfuse.serving.program import program
from present import present
from stripes import SHAPE, save_npz, stripes

# Keras' variables lack NumPy 2's `copy` argument of __array__; Keras itself calls np.array on them.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept:DeprecationWarning:keras")


@pytest.fixture(scope="module")
def npz(tmp_path_factory: pytest.TempPathFactory) -> Path:
    x, y = stripes(48, 0)
    x_test, y_test = stripes(40, 1)
    path = tmp_path_factory.mktemp("data") / "stripes.npz"
    return save_npz(path, x_train=x, y_train=y, x_test=x_test, y_test=y_test)


def network(seed: int = 0, shape: tuple[int, int, int] = SHAPE, classes: int = 2) -> Network:
    made = Network(cnn_builder(shape, classes, (4, 8), dense=8, dropout=0.5), classes, learning_rate=1e-2)
    made.reset(seed)
    return made


# --- the network ---


def test_reset_brings_back_the_weights_the_optimiser_and_the_dropout() -> None:
    images, labels = stripes(16, 0)
    x, y = images.astype(np.float32) / 255, np.eye(2, dtype=np.float32)[labels]
    made = network(seed=3)
    before = made.weights()
    losses = [made.train_step(x, y) for _ in range(30)]
    assert not all(np.array_equal(a, b) for a, b in zip(before, made.weights(), strict=True))
    made.reset(3)
    assert all(np.array_equal(a, b) for a, b in zip(before, made.weights(), strict=True))
    assert [made.train_step(x, y) for _ in range(30)] == losses
    made.reset(4)
    assert not np.array_equal(before[0], made.weights()[0])
    assert np.mean(losses[-5:]) < 0.8 * np.mean(losses[:5])


def test_a_new_network_starts_from_the_same_weights_and_leaves_the_global_state_alone() -> None:
    state = np.random.get_state(legacy=False)["state"]["key"].copy()  # noqa: NPY002 - it is what must stay
    one, two = network(seed=7), network(seed=7)
    assert all(np.array_equal(a, b) for a, b in zip(one.weights(), two.weights(), strict=True))
    assert np.array_equal(np.random.get_state(legacy=False)["state"]["key"], state)  # noqa: NPY002


@pytest.mark.parametrize("shape", [(1, 1, 1), (3, 40, 3), (28, 28, 1)])
def test_networks_fit_small_images(shape: tuple[int, int, int]) -> None:
    made = Network(cnn_builder(shape, 5, (4, 4, 4), dense=4, dropout=0.0), 5)
    out = made.predict(np.zeros((2, *shape), np.float32))
    assert out.shape == (2, 5)
    assert out.sum(axis=1) == pytest.approx([1, 1], abs=1e-5)


@pytest.mark.parametrize(
    "write", [af.ToFloat(), af.Normalize(), af.Normalize(mean=0.5, std=0.25), af.PerImageStandardize()]
)
def test_the_saved_model_takes_raw_images(tmp_path: Path, write: af.Transform) -> None:
    recipe = af.Recipe([write])
    images, _ = stripes(12, 5)
    images[3] = 77  # a constant image: its deviation is zero
    made = network(seed=1)
    made.save(tmp_path / "m.keras", program(recipe, 3))
    saved = read_model(tmp_path / "m.keras", trusted=False, compiled=False)
    assert str(saved.inputs[0].dtype).endswith("uint8")
    assert saved.output_shape == (None, 2)
    wanted = made.predict(recipe.batch(images).images)
    assert np.abs(predict(saved, images) - wanted).max() < 1e-5
    # The check can fail: without the write part the answers are others.
    assert np.abs(made.predict(images.astype(np.float32)) - wanted).max() > 1e-3


def test_the_saved_model_leaves_the_optimiser_behind(tmp_path: Path) -> None:
    import io
    import zipfile

    import h5py

    made = network()
    made.warm_up(4)
    made.save(tmp_path / "m.keras", program(af.Recipe([af.ToFloat()]), 3))
    names: list[str] = []
    with zipfile.ZipFile(tmp_path / "m.keras") as archive:
        weights = io.BytesIO(archive.read("model.weights.h5"))
    with h5py.File(weights) as file:
        file.visit(names.append)
    assert any("conv2d" in name for name in names)
    assert not any("optimizer" in name for name in names)


# --- measuring ---


def test_measured_epochs_are_spread_and_end_with_the_last() -> None:
    assert measured_epochs(4, 10) == {0, 1, 2, 3}
    assert sorted(measured_epochs(60, 10)) == [5, 11, 17, 23, 29, 35, 41, 47, 53, 59]
    assert len(measured_epochs(17, 10)) == 10
    assert max(measured_epochs(17, 10)) == 16
    assert measured_epochs(1, 1) == {0}


def test_evaluation_batches_are_bounded() -> None:
    assert evaluation_batch_size((28, 28, 1)) == 256
    assert evaluation_batch_size((150, 150, 3)) * 150 * 150 * 3 * 4 <= 16 << 20
    assert evaluation_batch_size((5000, 5000, 3)) == 1


def test_measure_takes_each_image_once_or_a_part() -> None:
    images, labels = stripes(30, 0)
    source = af.from_arrays(images, labels)
    loader = af.Loader(source, af.Recipe([af.ToFloat()]), batch_size=8, seed=0, training=False, shuffle=True)
    seen = Measure(loader)(network()).indices.tolist()
    assert sorted(seen) == list(range(30))
    part = Measure(loader, 16)
    found = part(network())
    assert isinstance(found, Evaluation)
    assert found.indices.tolist() == seen[:16]
    assert found.probabilities.shape == (16, 2)
    assert found.labels.tolist() == labels[seen[:16]].tolist()


# --- the whole run ---


@pytest.fixture(scope="module")
def finished(npz: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Job, Outcome]:
    job = prepare(
        Options(data=npz, epochs=2, seeds=2, seed=5, batch_size=16, out=tmp_path_factory.mktemp("runs"), name="r")
    )
    return job, run(job, dry_run(job), Console(quiet=True))


def test_a_run_writes_what_it_promises(finished: tuple[Job, Outcome]) -> None:
    job, outcome = finished
    assert outcome.report == job.folder / "report.html"
    names = {path.name for path in job.folder.iterdir()}
    assert names == {
        "config.yaml", "recipe.yaml", "metrics.csv", "accuracy.svg", "loss.svg", "samples.png", "samples_plain.png",
        "report.html", "report.json", "model.keras", "predictions", "record.msgpack", "run.json",
    }  # fmt: skip
    data = json.loads((job.folder / "report.json").read_text(encoding="utf-8"))
    for arm in (PLAIN, AUGMENTED):
        accuracies = [seed["test_accuracy"] for seed in data["arms"][arm]["seeds"]]
        assert data["arms"][arm]["test_accuracy"] == pytest.approx(np.mean(accuracies))
        assert data["arms"][arm]["timing"]["steps"] == 2 * 2 * 3
    assert 0 <= data["data_wait_fraction"] <= 1
    assert data["export"]["max_difference"] < 1e-5
    assert data["export"]["images"] == 40
    assert data["config"]["seeds"] == [5, 6]
    assert af.Recipe.from_yaml((job.folder / "recipe.yaml").read_text(encoding="utf-8")) == job.recipe


def test_the_saved_model_scores_what_the_report_says(finished: tuple[Job, Outcome]) -> None:
    job, outcome = finished
    saved = read_model(job.folder / "model.keras", trusted=False, compiled=False)
    images, labels = stripes(40, 1)
    accuracy = (predict(saved, images).argmax(axis=1) == labels).mean()
    exported = outcome.comparison.exported
    assert accuracy == pytest.approx(exported.test_accuracy)
    assert exported.arm == metrics.better(outcome.comparison.interval)
    first = outcome.comparison.of(exported.arm)[0]
    assert first.seed == exported.seed == 5
    assert accuracy == pytest.approx(first.test.value)


def test_both_arms_see_the_same_images_in_the_same_order(finished: tuple[Job, Outcome]) -> None:
    job, _ = finished
    plain, augmented = (training_loader(job, name, 5, 16) for name in (PLAIN, AUGMENTED))
    assert len(plain) == len(augmented) == 3
    for step in range(3):
        one, two = plain.fetch(1, step), augmented.fetch(1, step)
        assert np.array_equal(one.indices, two.indices)
        assert np.array_equal(one.labels, two.labels)
        assert not np.array_equal(one.images, two.images)
        untouched = job.recipe.eval().batch(present(job.parts.train.images)[one.indices]).images
        assert np.array_equal(one.images, untouched)
    few = training_loader(job, AUGMENTED, 5, 4).fetch(0, 0)
    assert np.array_equal(few.images, augmented.fetch(0, 0).images[:4])


def test_prepare_refuses_before_anything_is_written(npz: Path, tmp_path: Path) -> None:
    out = tmp_path / "runs"

    def refused(words: str, **changes: object) -> None:
        with pytest.raises(af.AugfuseError) as caught:
            prepare(Options(**({"data": npz, "out": out} | changes)))  # type: ignore[arg-type]
        assert words in str(caught.value)
        assert not out.exists()

    refused("--epochs: got 0", epochs=0)
    refused("--seeds: got -1", seeds=-1)
    refused("--batch-size: got 0", batch_size=0)
    refused("--workers: got -1", workers=-1)
    refused("--learning-rate", learning_rate=float("nan"))
    refused("plain folder name", name="../elsewhere")
    refused("no such recipe file", recipe=tmp_path / "none.yaml")
    bad = tmp_path / "bad.yaml"
    bad.write_text("transforms:\n- rotat: 3\n", encoding="utf-8")
    refused("bad.yaml", recipe=bad)
    bad.write_bytes(b"\xff\xfe\x00")
    refused("not a text file", recipe=bad)


def test_prepare_never_overwrites_a_run(finished: tuple[Job, Outcome], tmp_path: Path) -> None:
    job, _ = finished
    with pytest.raises(af.DataError, match=r"exists already, a run with other settings.*--epochs was 2 and is 15"):
        prepare(Options(data=Path(str(job.settings.data)), out=job.folder.parent, name="r"))
    (tmp_path / "r").mkdir()
    (tmp_path / "r" / "thesis.txt").write_text("mine")
    for overwrite in (False, True):
        with pytest.raises(af.DataError, match="exists already, and holds no run"):
            prepare(Options(data=Path(str(job.settings.data)), out=tmp_path, name="r", overwrite=overwrite))


@pytest.mark.parametrize(
    ("backend", "words"),
    [
        ("nosuchbackend", "KERAS_BACKEND=nosuchbackend: Keras has no such backend"),
        ("tensorfow", "Did you mean 'tensorflow'?"),
        ("jax", "jax is not installed here. Type: unset KERAS_BACKEND, or pip install jax"),
        ("openvino", "openvino is not installed here"),
    ],
)
def test_a_missing_backend_is_named(backend: str, words: str, tmp_path: Path) -> None:
    if importlib.util.find_spec(backend) is not None:
        pytest.skip(f"{backend} is installed here")
    done = run_train(tmp_path, KERAS_BACKEND=backend)
    assert done.returncode == 2
    assert words in done.stderr
    assert "augfuse[train]" not in done.stderr


def test_a_backend_that_cannot_train_is_named(tmp_path: Path) -> None:
    done = run_train(tmp_path, KERAS_BACKEND="numpy")
    assert done.returncode == 2
    assert "the numpy backend, which cannot train. Type: KERAS_BACKEND=tensorflow" in done.stderr


def run_train(folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "augfuse", "train"],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
    )
