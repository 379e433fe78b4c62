"""What several files of tests share. test_keras_adapter.py and its neighbours use it."""

from __future__ import annotations

import gc
import importlib.util
import threading
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

keras = pytest.importorskip(
    "keras", reason="needs the extras: pip install 'augfuse[keras,tensorflow]'", exc_type=ImportError
)

import augfuse as af  # noqa: E402

SIZE = 4  # images per batch
BACKEND = keras.backend.backend()
BACKENDS = [name for name in ("tensorflow", "torch", "jax") if importlib.util.find_spec(name)]


class Recorder(keras.Model):
    """The smallest model, keeping every batch that reaches it."""

    def __init__(self) -> None:
        keras.Model.__init__(self)
        self.flatten = keras.layers.Flatten()
        self.dense = keras.layers.Dense(2)
        self.seen: dict[str, list[tuple[np.ndarray, ...]]] = {"train": [], "test": [], "predict": []}
        self.compile(
            optimizer="sgd", loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True), run_eagerly=True
        )

    def call(self, inputs: Any) -> Any:
        return self.dense(self.flatten(inputs))

    def keep(self, step: str, data: Any) -> None:
        self.seen[step].append(tuple(np.array(part.numpy() if hasattr(part, "numpy") else part) for part in data))

    # The batch is the last argument on every backend; JAX passes its state first.
    def train_step(self, *args: Any) -> Any:
        self.keep("train", args[-1])
        return keras.Model.train_step(self, *args)

    def test_step(self, *args: Any) -> Any:
        self.keep("test", args[-1])
        return keras.Model.test_step(self, *args)

    def predict_step(self, *args: Any) -> Any:
        self.keep("predict", args[-1])
        return keras.Model.predict_step(self, *args)


def after_batch(number: int, action: Callable[[], None]) -> Any:
    """A callback that calls `action` after training on batch `number` of an epoch of Keras."""
    return keras.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: action() if batch == number else None)


def images(count: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (count, 8, 8, 3), dtype=np.uint8)


def make_loader(batches: int = 6, training: bool = True, labels: bool = True, **options: Any) -> Any:
    """A loader of `batches` batches, the last one smaller, unless there is only one."""
    count = batches * SIZE - (batches > 1)
    y = np.arange(count) % 2 if labels else None
    recipe = af.Recipe((af.Rotate(degrees=(-30, 30)), af.HorizontalFlip()))
    return af.Loader(
        af.from_arrays(images(count), y), recipe, batch_size=SIZE, seed=5, training=training, workers=2, **options
    )


def which(loader: Any, batches: Sequence[tuple[np.ndarray, ...]]) -> list[tuple[int, int]]:
    """(epoch, index) of each batch, told by its bytes. Fails on bytes that are no batch of the first twelve epochs."""
    names: dict[tuple[bytes, bytes], tuple[int, int]] = {}
    places = ((epoch, step) for epoch in range(12) for step in range(len(loader)))

    def name(images: np.ndarray, labels: np.ndarray) -> tuple[int, int]:
        content = images.tobytes(), labels.astype(np.int64).tobytes()
        while content not in names:
            place = next(places)
            batch = loader.fetch(*place)
            names.setdefault((batch.images.tobytes(), batch.labels.tobytes()), place)
        return names[content]

    return [name(*batch) for batch in batches]


def whole(*epochs: int, batches: int = 6) -> list[list[tuple[int, int]]]:
    return [[(epoch, step) for step in range(batches)] for epoch in epochs]


def in_order(*epochs: int) -> list[tuple[int, int]]:
    return [batch for epoch in whole(*epochs) for batch in epoch]


def by_epoch(named: list[tuple[int, int]], batches: int = 6) -> list[list[tuple[int, int]]]:
    """The batches of each pass in ascending order."""
    return [sorted(named[start : start + batches]) for start in range(0, len(named), batches)]


def live_threads() -> set[threading.Thread]:
    """Threads started by Python code, without the kernels' own pool (augfuse_0, ...), which lives with the process.

    TensorFlow's own threads show as dummies once they have run Python.
    """
    return {
        thread
        for thread in threading.enumerate()
        if not isinstance(thread, threading._DummyThread) and not thread.name.startswith("augfuse_")
    }


def assert_ended(before: set[threading.Thread]) -> None:
    gc.collect()
    for thread in live_threads() - before:
        thread.join(20)
    assert live_threads() <= before
