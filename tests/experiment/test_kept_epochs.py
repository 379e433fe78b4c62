"""What early stopping keeps: an average of the weights over epochs, because single epochs go up and down."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("keras", reason="needs the extra: pip install 'augfuse[train]'")
pytest.importorskip("sklearn", reason="needs the extra: pip install 'augfuse[train]'")

import keras
from rich.console import Console

import augfuse as af
from augfuse.experiment.arms import ArmState, Course, Measure, Measures, averaged, finished_arm, train_epochs
from augfuse.experiment.evaluation import Evaluation
from augfuse.experiment.network.network import Network
from augfuse.experiment.network.user_model import own_model
from augfuse.experiment.options import Options
from augfuse.experiment.progress import Progress
from stripes import SHAPE, stripes

# Keras' variables lack NumPy 2's `copy` argument of __array__; Keras itself calls np.array on them.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept:DeprecationWarning")

LOSSES = (0.9, 0.8, 0.5, 0.7, 0.8)


class Scripted(Measure):
    """A validation part whose loss follows a script: probabilities p of the true class with -log p = loss."""

    def __init__(self, losses: tuple[float, ...]) -> None:
        self.left = list(losses)

    def __call__(self, network: Network) -> Evaluation:
        p = math.exp(-self.left.pop(0))
        return Evaluation("", 0, np.array([[p, 1 - p]]), np.array([0]), np.array([0]), None)


def normalised(shape: tuple[int, int, int], classes: int) -> Any:
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input(shape),
            layers.BatchNormalization(momentum=0.9),
            layers.Flatten(),
            layers.Dropout(0.2),
            layers.Dense(classes, activation="softmax"),
        ]
    )


def arm(**course: Any) -> tuple[Network, ArmState, list[list[np.ndarray]], list[ArmState], Measures]:
    """A network after its epochs, with its weights and states after each of them."""
    images, labels = stripes(16, 0)
    source = af.from_arrays(images, labels, classes=("a", "b"))
    recipe = af.Recipe([af.Rotate(5), af.ToFloat()])
    loader = af.Loader(source, recipe, batch_size=8, seed=0, one_hot=True, drop_last=True, workers=0)
    test = Measure(af.Loader(source, recipe, batch_size=16, training=False, workers=0))
    measures = Measures(test, test, Scripted(LOSSES))
    network = Network(own_model(normalised).builder(SHAPE, 2), 2, learning_rate=0.01)
    network.reset(0)
    weights: list[list[np.ndarray]] = []
    states: list[ArmState] = []

    def save(state: ArmState) -> None:
        weights.append(network.weights())
        states.append(state)

    state = train_epochs(
        network, loader, ArmState(), course=Course(len(LOSSES), 10, **course), measures=measures,
        progress=Progress(Console(quiet=True), 1), save=save,
    )  # fmt: skip
    return network, state, weights, states, measures


@pytest.mark.parametrize(("span", "shares"), [(3, (0.25, 0.25, 0.5)), (2, (1 / 9, 2 / 9, 2 / 3)), (1, (0, 0, 1))])
def test_the_average_is_kept_and_training_goes_on_from_the_weights_themselves(
    span: int, shares: tuple[float, ...]
) -> None:
    network, state, weights, _, measures = arm(early_stopping=2, average_epochs=span)
    _, plain, trained, _, _ = arm(early_stopping=2)
    assert [point.step_loss for point in state.points] == [point.step_loss for point in plain.points]
    for ours, theirs in zip(weights, trained, strict=True):
        assert all(np.array_equal(one, other) for one, other in zip(ours, theirs, strict=True))
    found, _ = finished_arm(network, "plain", 0, 0.0, state, measures)
    assert found.kept == 2
    for kept, *epochs in zip(network.weights(), *trained[:3], strict=True):
        expected = sum(share * epoch for share, epoch in zip(shares, epochs, strict=True))
        np.testing.assert_allclose(kept, expected, rtol=1e-5, atol=1e-6)


def test_every_score_is_of_the_averaged_weights() -> None:
    network, state, _, states, measures = arm(early_stopping=3, average_epochs=4)
    assert all(saved.average is not None for saved in states)
    for point, saved in zip(state.points[:-1], states, strict=False):
        network.restore(saved.average or [])
        assert point.test == measures.test.score(network, point.epoch)
    assert arm(early_stopping=3)[1].average is None
    assert arm(reduce_lr=1, average_epochs=4)[1].average is None, "nothing is chosen: the last weights are kept"


@pytest.mark.parametrize(("span", "values", "expected"), [(9, (3, 5, 10), 6), (1, (3, 5, 10), 10), (3, (4, 8, 2), 4)])
def test_an_average_is_a_plain_mean_while_the_epochs_are_few(
    span: int, values: tuple[int, ...], expected: float
) -> None:
    found = None
    for epoch, value in enumerate(values):
        found = averaged(found, [np.full(2, value, np.float32), np.array(value, np.int32)], epoch, span)
    assert found is not None
    np.testing.assert_allclose(found[0], [expected, expected], rtol=1e-6)
    assert found[0].dtype == np.float32
    assert found[1] == values[-1], "a count, not a weight"


def test_the_span_is_an_option(tmp_path: Path) -> None:
    x, y = stripes(60, 0)
    usual = {"epochs": 2, "seeds": 1, "batch_size": 8, "early_stopping": 1, "out": tmp_path, "progress": False}
    result = af.train((x, y), **usual)
    assert result.comparison.settings.average_epochs == Options().average_epochs
    assert "moving average of the weights over about" in result.report.read_text(encoding="utf-8")
    result = af.train((x, y), average_epochs=1, **usual)
    assert "average_epochs=1" in result.comparison.command
    assert "moving average of the weights" not in result.report.read_text(encoding="utf-8")
    for wrong in (0, -1, 10**9):
        with pytest.raises(af.RangeError, match="--average-epochs"):
            af.train((x, y), average_epochs=wrong, **usual)
