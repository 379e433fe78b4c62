"""The networks of the training command: built, reset between arms, trained, and saved for raw images."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeAlias, final

import numpy as np

from augfuse.errors import DataError
from augfuse.train.backend import global_random_state, layers_of, load_keras, set_global_random_state
from augfuse.train.heads import Head, read_head

State: TypeAlias = tuple[list[np.ndarray], list[np.ndarray], list[np.ndarray]]


@final
class Network:
    """A Keras model, compiled once and reset for each arm, so that tracing is paid once and all arms start alike.

    `build(seed)` returns a fresh model of one image input (h, w, channels) and one output: `classes` probabilities or
    logits, or a single one for two classes. The same seed must give the same weights. Where it comes compiled, its
    optimiser and its loss are used, each as new; otherwise `optimizer`, and the cross-entropy that suits the output.
    `learning_rate` None leaves that of the optimiser.

    The input is what the recipe writes (float32 NHWC). Labels are always given as one-hot rows (n, classes), because
    mixing transforms give an image a share of two classes; predictions are always (n, classes) probabilities.
    """

    def __init__(
        self,
        build: Callable[[int], Any],
        classes: int,
        *,
        optimizer: str | None = "adam",
        learning_rate: float | None = 1e-3,
    ) -> None:
        keras = load_keras()
        self.classes = classes
        self._build = build
        self.model: Any = build(0)
        self.input_shape: tuple[int, int, int] = tuple(self.model.input_shape[1:])
        self._head: Head = read_head(self.model, classes)
        own = getattr(self.model, "optimizer", None)
        rule = keras.optimizers.get(optimizer) if own is None else own.from_config(own.get_config())
        if learning_rate is not None:
            rule.learning_rate = learning_rate
        self.model.compile(rule, loss=self._head.loss)
        self.model.optimizer.build(self.model.trainable_variables)
        self._fresh_optimizer = _values(self.model.optimizer.variables)

    def warm_up(self, batch_size: int, *, weighted: bool = False) -> None:
        """Trace the training and the prediction step, so that no timed step pays for it. Changes the weights.

        weighted: train_step will be given weights. Raises DataError where the predictions are no probabilities.
        """
        images = np.random.default_rng(0).random((batch_size, *self.input_shape), np.float32)
        labels = np.zeros((batch_size, self.classes), np.float32)
        labels[:, 0] = 1
        said = self.predict(images)
        if not np.isfinite(said).all():
            raise DataError(
                "--model: its predictions contain NaN or infinity before any training. Look for a layer that divides "
                "by 0 "
                "or makes values too large."
            )
        if not (said >= 0).all() or not np.allclose(said.sum(axis=1), 1, atol=1e-3):
            raise DataError(
                "--model: its loss takes probabilities, and its predictions are not (below 0, or not 1 in total). End "
                'it with activation="softmax" (in mixed precision also dtype="float32"), or compile it with a loss '
                "made with from_logits=True."
            )
        self.train_step(images, labels, np.ones(batch_size, np.float32) if weighted else None)

    def reset(self, seed: int) -> None:
        """The initial weights that belong to `seed`, a forgetful optimiser, and the dropout sequence of `seed`."""
        for ours, theirs in zip(self.model.variables, self._build(seed).variables, strict=True):
            ours.assign(theirs)
        self._assign(self.model.optimizer.variables, self._fresh_optimizer)

    def train_step(self, images: np.ndarray, labels: np.ndarray, weights: np.ndarray | None = None) -> float:
        """One optimiser step on (n, h, w, c) float32 images and (n, classes) labels; returns the loss before it.

        weights: (n,) float32, how much each image counts.
        """
        found = self.model.train_on_batch(images, self._head.targets(labels), weights, return_dict=True)
        return float(np.asarray(found["loss"]))

    def predict(self, images: np.ndarray) -> np.ndarray:
        """(n, classes) float32 probabilities, in evaluation mode."""
        return self._head.probabilities(predict(self.model, images))

    @property
    def learning_rate(self) -> float | None:
        """Of the optimiser; None where a schedule sets it."""
        optimizer = self.model.optimizer
        if not any(variable is optimizer.learning_rate for variable in optimizer.variables):
            return None
        return float(load_keras().ops.convert_to_numpy(optimizer.learning_rate))

    @learning_rate.setter
    def learning_rate(self, value: float) -> None:
        self.model.optimizer.learning_rate = value

    @property
    def precision(self) -> str:
        """The coarsest dtype a layer computes in: "float32", unless the model asks for mixed precision."""
        used = {layer.compute_dtype for layer in self.model._flatten_layers()}
        return next((dtype for dtype in ("bfloat16", "float16") if dtype in used), "float32")

    def weights(self) -> list[np.ndarray]:
        """Copies of the present weights."""
        return [np.array(w) for w in self.model.get_weights()]

    def restore(self, weights: list[np.ndarray]) -> None:
        """Put copies from `weights()` back."""
        self.model.set_weights(weights)

    def state(self) -> State:
        """Copies of everything that training changes: weights and random states of the model, the optimiser's
        variables, and the backend's own random state."""
        return _values(self.model.variables), _values(self.model.optimizer.variables), global_random_state()

    def load_state(self, state: State) -> None:
        """Put what `state()` returned back."""
        of_model, of_optimizer, of_backend = state
        self._assign(self.model.variables, of_model)
        self._assign(self.model.optimizer.variables, of_optimizer)
        set_global_random_state(of_backend)

    def save(self, path: Path, gain: Sequence[float], offset: Sequence[float], *, standardizes: bool) -> None:
        """Save a `.keras` model that takes raw uint8 images (n, h, w, c) and returns class probabilities.

        Per channel, `value * gain + offset` is what the recipe writes for a pixel value; it becomes the first layer.
        `standardizes`: each image is then brought to mean 0 and deviation 1, as PerImageStandardize does.
        """
        keras = load_keras()
        # Not `self.model`: the optimiser's state would triple the file.
        network = layers_of(self._build(0))
        network.set_weights(self.model.get_weights())
        with _single_precision(keras):  # what stands around the network; it keeps its own precision
            raw = keras.Input(self.input_shape, dtype="uint8", name="image")
            written = keras.layers.Rescaling(list(gain), list(offset), name="preprocessing")(raw)
            if standardizes:
                written = _standardized(keras.ops, written, self.input_shape)
            said = self._head.symbolic(network(written))
            keras.Model(raw, said, name="augfuse").save(path)

    @staticmethod
    def _assign(variables: Sequence[Any], values: Sequence[np.ndarray]) -> None:
        for variable, value in zip(variables, values, strict=True):
            variable.assign(value)


def predict(model: Any, images: np.ndarray) -> np.ndarray:
    """What a Keras model says about one batch, as float32."""
    return np.asarray(model.predict_on_batch(images), dtype=np.float32)


def cnn_builder(
    input_shape: tuple[int, int, int], classes: int, widths: Sequence[int], *, dense: int, dropout: float
) -> Callable[[int], Any]:
    """The network that is trained where no other is named, as a function of its seed.

    One 3x3 convolution and one halving per width, then dropout and a dense layer.
    """
    return lambda seed: _cnn(input_shape, classes, widths, dense, dropout, seed)


def _values(variables: Sequence[Any]) -> list[np.ndarray]:
    convert = load_keras().ops.convert_to_numpy
    return [np.array(convert(variable)) for variable in variables]


@contextmanager
def _single_precision(keras: Any) -> Iterator[None]:
    """Layers made inside compute in float32, whatever the program chose for its own."""
    chosen = keras.config.dtype_policy()
    keras.config.set_dtype_policy("float32")
    try:
        yield
    finally:
        keras.config.set_dtype_policy(chosen)


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
