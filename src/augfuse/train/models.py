"""The network of the training command, its reset between arms, and the model that is saved."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, final

import numpy as np

from augfuse.train.backend import load_keras


@final
class Network:
    """A small CNN, compiled once and reset for each arm, so that tracing is paid once and both arms start alike.

    input_shape is (h, w, channels); the input is what the recipe writes (float32), the output (n, classes)
    probabilities. One 3x3 convolution and one halving per width, then dropout and a dense layer.
    """

    def __init__(
        self,
        input_shape: tuple[int, int, int],
        classes: int,
        widths: Sequence[int],
        *,
        dense: int,
        dropout: float,
        learning_rate: float,
    ) -> None:
        keras = load_keras()
        self.input_shape = input_shape
        self.classes = classes
        self._build = lambda seed: _cnn(input_shape, classes, widths, dense, dropout, seed)
        self.model: Any = self._build(0)
        # Labels are always one-hot: mixing transforms give an image a share of two classes.
        self.model.compile(keras.optimizers.Adam(learning_rate), loss="categorical_crossentropy")
        self.model.optimizer.build(self.model.trainable_variables)
        self._fresh_optimizer = [keras.ops.convert_to_numpy(v).copy() for v in self.model.optimizer.variables]

    def warm_up(self, batch_size: int) -> None:
        """Trace the training and the prediction step, so that no timed step pays for it. Changes the weights."""
        images = np.zeros((batch_size, *self.input_shape), np.float32)
        labels = np.zeros((batch_size, self.classes), np.float32)
        labels[:, 0] = 1
        self.train_step(images, labels)
        self.predict(images)

    def reset(self, seed: int) -> None:
        """The initial weights that belong to `seed`, a forgetful optimiser, and the dropout sequence of `seed`."""
        fresh = self._build(seed)
        for ours, theirs in zip(self.model.variables, fresh.variables, strict=True):
            ours.assign(theirs)
        for variable, value in zip(self.model.optimizer.variables, self._fresh_optimizer, strict=True):
            variable.assign(value)

    def train_step(self, images: np.ndarray, labels: np.ndarray) -> float:
        """One optimiser step on (n, h, w, c) float32 images and (n, classes) labels; returns the loss before it."""
        return float(np.asarray(self.model.train_on_batch(images, labels)))

    def predict(self, images: np.ndarray) -> np.ndarray:
        """(n, classes) float32 probabilities, in evaluation mode."""
        return predict(self.model, images)

    def weights(self) -> list[np.ndarray]:
        """Copies of the present weights."""
        return [np.array(w) for w in self.model.get_weights()]

    def restore(self, weights: list[np.ndarray]) -> None:
        """Put copies from `weights()` back."""
        self.model.set_weights(weights)

    def save(self, path: Path, gain: Sequence[float], offset: Sequence[float], *, standardizes: bool) -> None:
        """Save a `.keras` model that takes raw uint8 images (n, h, w, c) and returns class probabilities.

        Per channel, `value * gain + offset` is what the recipe writes for a pixel value; it becomes the first layer.
        `standardizes`: each image is then brought to mean 0 and deviation 1, as PerImageStandardize does.
        """
        keras = load_keras()
        network = self._build(0)  # not `self.model`: the optimiser's state would triple the file
        network.set_weights(self.model.get_weights())
        raw = keras.Input(self.input_shape, dtype="uint8", name="image")
        written = keras.layers.Rescaling(list(gain), list(offset), name="preprocessing")(raw)
        if standardizes:
            written = _standardized(keras.ops, written, self.input_shape)
        keras.Model(raw, network(written), name="augfuse").save(path)


def load_saved(path: Path) -> Any:
    """The saved model, read back from the disk."""
    return load_keras().models.load_model(path, compile=False)


def predict(model: Any, images: np.ndarray) -> np.ndarray:
    """What a Keras model says about one batch, as float32."""
    return np.asarray(model.predict_on_batch(images), dtype=np.float32)


def _standardized(ops: Any, images: Any, shape: tuple[int, int, int]) -> Any:
    centred = images - ops.mean(images, axis=(1, 2, 3), keepdims=True)
    deviation = ops.sqrt(ops.mean(ops.square(centred), axis=(1, 2, 3), keepdims=True))
    return centred / ops.maximum(deviation, 1 / math.sqrt(math.prod(shape)))


def _cnn(
    input_shape: tuple[int, int, int], classes: int, widths: Sequence[int], dense: int, dropout: float, seed: int
) -> Any:
    keras = load_keras()
    layers = keras.layers
    # 31 bits: torch keeps seeds as int32.
    seeds = iter((np.random.SeedSequence(seed).generate_state(len(widths) + 3) >> 1).tolist())

    def kernel(kind: str) -> Any:
        return getattr(keras.initializers, kind)(seed=next(seeds))

    stack = [keras.Input(input_shape)]
    height, width = input_shape[:2]
    for filters in widths:
        stack.append(
            layers.Conv2D(filters, 3, padding="same", activation="relu", kernel_initializer=kernel("HeUniform"))
        )
        if min(height, width) >= 2:
            stack.append(layers.MaxPooling2D())
            height, width = height // 2, width // 2
    stack += [
        layers.Flatten(),
        layers.Dropout(dropout, seed=next(seeds)),
        layers.Dense(dense, activation="relu", kernel_initializer=kernel("HeUniform")),
        layers.Dense(classes, activation="softmax", kernel_initializer=kernel("GlorotUniform")),
    ]
    return keras.Sequential(stack, name="network")
