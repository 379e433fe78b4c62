"""Training one arm: the same steps for every arm, timed, and measured without augmentation."""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import numpy as np

from augfuse.train import metrics
from augfuse.train.models import Network
from augfuse.train.progress import Progress
from augfuse.train.record import Arm, Point

# Predictions are made in batches of about this many bytes of float32 input.
_EVALUATION_BYTES = 16 << 20


class Measure:
    """A part of the data to score a network on: every image once, or the first `limit` of a seeded random order.

    `loader` is an evaluation loader with class numbers as labels; nothing of it is kept between calls.
    """

    def __init__(self, loader: Any, limit: int | None = None) -> None:
        self.loader = loader
        full = len(loader)
        self.steps = full if limit is None else max(1, min(full, limit // loader.batch_size))

    def batches(self) -> Iterator[Any]:
        """The batches of this part, the same ones in the same order at every call."""
        return self.loader.stream(0, range(self.steps))

    def __call__(self, network: Network) -> tuple[np.ndarray, np.ndarray]:
        """(n, classes) float32 probabilities and (n,) class numbers."""
        probabilities, labels = [], []
        for batch in self.batches():
            probabilities.append(network.predict(batch.images))
            labels.append(batch.labels)
        return np.concatenate(probabilities), np.concatenate(labels)


def evaluation_batch_size(image_shape: tuple[int, int, int]) -> int:
    """How many images of this shape to predict at once: at most 256, and at most 16 MiB of float32."""
    return max(1, min(256, _EVALUATION_BYTES // (4 * math.prod(image_shape))))


def measured_epochs(epochs: int, evaluations: int) -> frozenset[int]:
    """At most `evaluations` epochs, evenly spread, the last one always among them."""
    count = min(epochs, evaluations)
    return frozenset(round((i + 1) * epochs / count) - 1 for i in range(count))


def train_arm(
    network: Network,
    name: str,
    seed: int,
    loader: Any,
    *,
    epochs: int,
    evaluations: int,
    train_part: Measure,
    test_part: Measure,
    progress: Progress,
) -> Arm:
    """Reset `network` to the initial weights of `seed`, train it for `epochs` over `loader`, and score it.

    `loader` gives full batches with one-hot labels; waiting is the time spent asking it for the next batch, computing
    the time of the optimiser step. Nothing is chosen by a score: the last weights are the result.
    """
    network.reset(seed)
    measured = measured_epochs(epochs, evaluations)
    points: list[Point] = []
    correct = np.empty(0, bool)
    progress.begin(name, seed, epochs * len(loader))
    batches = _all_batches(loader, epochs)
    for epoch in range(epochs):
        losses, wait, compute = _one_epoch(network, batches, len(loader), progress)
        train = test = None
        if epoch in measured:
            train = metrics.score(*train_part(network))
            probabilities, labels = test_part(network)
            test = metrics.score(probabilities, labels)
            correct = probabilities.argmax(axis=1) == labels
            progress.measured(epoch, train.accuracy, test.accuracy)
        points.append(Point(epoch, len(losses), float(np.mean(losses)), wait, compute, train, test))
    return Arm(name, seed, tuple(points), correct)


def _all_batches(loader: Any, epochs: int) -> Iterator[Any]:
    """The batches of all epochs. The threads of an epoch start while the last step before it computes: an epoch of a
    few short steps would otherwise wait for its first batch as long as for all others."""
    with ThreadPoolExecutor(1) as starter:

        def begin(epoch: int) -> tuple[Iterator[Any], Future[Any]]:
            stream = loader.stream(epoch)
            return stream, starter.submit(next, stream)

        following = begin(0)
        for epoch in range(epochs):
            stream, first = following
            for step, batch in enumerate(itertools.chain([first.result()], stream), 1):
                if step == len(loader) and epoch + 1 < epochs:
                    following = begin(epoch + 1)
                yield batch


def _one_epoch(
    network: Network, batches: Iterator[Any], steps: int, progress: Progress
) -> tuple[list[float], float, float]:
    losses: list[float] = []
    wait = compute = 0.0
    for _ in range(steps):
        asked = time.perf_counter()
        batch = next(batches)
        given = time.perf_counter()
        losses.append(network.train_step(batch.images, batch.labels))
        done = time.perf_counter()
        wait += given - asked
        compute += done - given
        progress.step(given - asked, done - given)
    return losses, wait, compute
