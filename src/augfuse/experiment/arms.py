"""Training one arm: the same steps for every arm, timed, measured without augmentation, and resumable."""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field, replace

import numpy as np

from augfuse.batch import Batch
from augfuse.data.batches.loader import Loader
from augfuse.errors import DataError
from augfuse.experiment import metrics
from augfuse.experiment.early_stopping import Watch
from augfuse.experiment.evaluation import Found
from augfuse.experiment.method import Stopping
from augfuse.experiment.network.network import Network, State
from augfuse.experiment.progress import Progress
from augfuse.experiment.records import Arm, Point
from augfuse.threads import Threads

# Predictions are made in batches of about this many bytes of float32 input.
_EVALUATION_BYTES = 16 << 20


class Measure:
    """A part of the data to score a network on: every image once, or the first `limit` of a seeded random order.

    `loader` is an evaluation loader, of a classification with class numbers as labels; nothing of it is kept between
    calls.
    """

    def __init__(self, loader: Loader, limit: int | None = None) -> None:
        self.loader = loader
        full = len(loader)
        self.steps = full if limit is None else max(1, min(full, limit // loader.batch_size))

    def __call__(self, network: Network) -> Found:
        """The predictions for this part: the same images in the same order at every call."""
        return network.task.evaluate(network, self.loader, steps=self.steps)

    def score(self, network: Network, epoch: int) -> metrics.Score:
        """The scores on this part after `epoch`. Raises DataError if the predictions contain NaN or infinity."""
        return _scored(network, self(network), epoch)


@dataclass(frozen=True, slots=True)
class Measures:
    """The parts an arm is scored on; `validation` only if early stopping or the learning rate depends on it."""

    train: Measure
    test: Measure
    validation: Measure | None = None


class Course(Stopping, frozen=True):
    """How long and how an arm is trained; see the flags of `augfuse train`. `class_weights`: (classes,) float32."""

    epochs: int
    evaluations: int
    average_epochs: int = 1
    class_weights: np.ndarray | None = None

    @property
    def measured(self) -> frozenset[int]:
        """The epochs after which the training and the test part are scored."""
        return measured_epochs(self.epochs, self.evaluations)


@dataclass(frozen=True, slots=True)
class ArmState:
    """The state of an arm after some epochs, from which training resumes.

    `network` is `Network.state()`, `average` the moving average of its weights with early stopping, `best` the average
    with the lowest validation loss so far.
    """

    points: tuple[Point, ...] = ()
    network: State | None = None
    best: list[np.ndarray] | None = None
    stopping: Watch = field(default_factory=Watch)
    slowing: Watch = field(default_factory=Watch)
    average: list[np.ndarray] | None = None

    def stopped(self, course: Course) -> bool:
        """Whether training is over."""
        patience = course.early_stopping
        return len(self.points) >= course.epochs or (patience is not None and self.stopping.waited >= patience)


def evaluation_batch_size(image_shape: tuple[int, int, int]) -> int:
    """How many images of this shape to predict at once: at most 256, and at most 16 MiB of float32."""
    return max(1, min(256, _EVALUATION_BYTES // (4 * math.prod(image_shape))))


def measured_epochs(epochs: int, evaluations: int) -> frozenset[int]:
    """At most `evaluations` epochs, evenly spread, the last one always among them."""
    count = min(epochs, evaluations)
    return frozenset(round((i + 1) * epochs / count) - 1 for i in range(count))


def averaged(before: list[np.ndarray] | None, weights: list[np.ndarray], epoch: int, span: int) -> list[np.ndarray]:
    """The exponential moving average of the weights after `epoch`, over about `span` epochs; over fewer it is the plain
    mean. Integer variables are counters, not weights: the newest values are taken."""
    if before is None:
        return weights
    share = max(2 / (span + 1), 1 / (epoch + 1))
    return [
        old + np.asarray(share, new.dtype) * (new - old) if np.issubdtype(new.dtype, np.floating) else new
        for old, new in zip(before, weights, strict=True)
    ]


def train_epochs(
    network: Network,
    loader: Loader,
    state: ArmState,
    *,
    course: Course,
    measures: Measures,
    progress: Progress,
    save: Callable[[ArmState], None],
) -> ArmState:
    """Train on from `state`, which `network` has loaded, to the last epoch; `save` is called after each epoch.

    `loader` gives full batches with one-hot labels. Waiting is the time until the next batch arrives, computing the
    time of the optimiser step. With early stopping the moving average of the weights is scored and may be kept: a small
    validation part cannot tell single epochs apart. Raises DataError if the loss or a prediction is NaN or infinite.
    """
    batches = _all_batches(loader, len(state.points), course.epochs)
    while not state.stopped(course):
        epoch = len(state.points)
        rate = network.learning_rate
        losses, wait, compute = _one_epoch(network, batches, len(loader), course.class_weights, progress)
        loss = float(np.mean(losses))
        if not math.isfinite(loss):
            raise DataError(f"epoch {epoch + 1}: the training loss is {loss}. Type a smaller --learning-rate.")
        trained = None
        if course.early_stopping is not None and course.average_epochs > 1:
            trained = network.weights()
            average = averaged(state.average, trained, epoch, course.average_epochs)
            state = replace(state, average=average)
            network.restore(average)
        train = test = None
        if epoch in course.measured and epoch + 1 < course.epochs:  # the end is measured by `finished_arm`
            train, test = score(network, measures, epoch)
            progress.measured(epoch, train.value, test.value)
        point = Point(epoch, len(losses), loss, wait, compute, train, test, learning_rate=rate)
        state = replace(state, points=(*state.points, point))
        if measures.validation is not None:
            state = _validated(network, state, course, measures.validation.score(network, epoch).loss)
        if trained is not None:
            network.restore(trained)
        state = replace(state, network=network.state())
        save(state)
    batches.close()
    return state


def finished_arm(
    network: Network, name: str, seed: int, strength: float, state: ArmState, measures: Measures
) -> tuple[Arm, Found]:
    """The arm at its end, and the predictions of its kept weights for the test part.

    With early stopping the weights with the lowest validation loss are loaded into `network` and scored, whatever epoch
    they are from. Raises DataError if the predictions contain NaN or infinity.
    """
    kept = len(state.points) - 1
    if state.best is not None:
        network.restore(state.best)
        kept = state.stopping.epoch
    found = network.task.evaluate(network, measures.test.loader, arm=name, seed=seed)
    test = _scored(network, found, kept)
    train = state.points[kept].train or measures.train.score(network, kept)
    points = list(state.points)
    points[kept] = replace(points[kept], train=train, test=test)
    return Arm(name, seed, tuple(points), strength, kept), found


def score(network: Network, measures: Measures, epoch: int) -> tuple[metrics.Score, metrics.Score]:
    """The scores on the training and on the test part after `epoch`. Raises DataError where they are not numbers."""
    return measures.train.score(network, epoch), measures.test.score(network, epoch)


def _scored(network: Network, found: Found, epoch: int) -> metrics.Score:
    # The loss of the last step, taken before it, may still have been a number when this step destroyed the weights.
    if not found.finite:
        raise DataError(
            f"epoch {epoch + 1}: the network's predictions contain NaN or infinity. Try a smaller --learning-rate."
        )
    return network.task.score(found)


def _validated(network: Network, state: ArmState, course: Course, loss: float) -> ArmState:
    """Update the best weights and the learning rate from the validation loss of the last epoch."""
    point = replace(state.points[-1], validation_loss=loss)
    state = replace(state, points=(*state.points[:-1], point))
    if course.early_stopping is not None:
        stopping = state.stopping.stopping(point.epoch, loss)
        best = network.weights() if stopping.epoch == point.epoch else state.best
        state = replace(state, stopping=stopping, best=best)
    if course.reduce_lr is not None:
        slowing, due = state.slowing.slowing(point.epoch, loss, course.reduce_lr)
        state = replace(state, slowing=slowing)
        rate = network.learning_rate
        if due and rate is not None and rate > course.min_lr:
            network.learning_rate = max(rate * course.lr_factor, course.min_lr)
    return state


def _all_batches(loader: Loader, first: int, epochs: int) -> Generator[Batch, None, None]:
    """The batches of the epochs from `first` on. The threads of the next epoch start during the last step of the
    present one, so that short epochs do not wait for their first batch."""
    if first >= epochs:
        return
    with Threads(1, "starter") as starter:

        def begin(epoch: int) -> tuple[Iterator[Batch], Future[Batch]]:
            stream = loader.stream(epoch)
            return stream, starter.submit(next, stream)

        following = begin(first)
        for epoch in range(first, epochs):
            stream, first_batch = following
            for step, batch in enumerate(itertools.chain([first_batch.result()], stream), 1):
                if step == len(loader) and epoch + 1 < epochs:
                    following = begin(epoch + 1)
                yield batch


def _one_epoch(
    network: Network, batches: Iterator[Batch], steps: int, class_weights: np.ndarray | None, progress: Progress
) -> tuple[list[float], float, float]:
    losses: list[float] = []
    wait = compute = 0.0
    for _ in range(steps):
        asked = time.perf_counter()
        batch = next(batches)
        given = time.perf_counter()
        truth, weights = network.truth(batch)
        if class_weights is not None:
            weights = truth @ class_weights * (1 if weights is None else weights)
        losses.append(network.train_step(batch.images, truth, weights))
        done = time.perf_counter()
        wait += given - asked
        compute += done - given
        progress.step(given - asked, done - given)
    return losses, wait, compute
