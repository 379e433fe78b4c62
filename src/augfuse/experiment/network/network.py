"""The networks of a training run: build, reset between arms, train, and save for raw images."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeAlias, final

import numpy as np

from augfuse.batch import Batch
from augfuse.errors import DataError
from augfuse.experiment.backend import global_random_state, layers_of, load_keras, set_global_random_state
from augfuse.experiment.network.head import Head
from augfuse.experiment.tasks.classification import CLASSIFICATION
from augfuse.experiment.tasks.task import Task
from augfuse.frameworks import KerasModel
from augfuse.serving.program import Program

State: TypeAlias = tuple[list[np.ndarray], list[np.ndarray], list[np.ndarray]]


@final
class Network:
    """A Keras model, compiled once and reset for each arm, so that tracing is paid once and all arms start alike.

    `build(seed)` returns a fresh model of one image input (h, w, channels) and one output that suits the task: of a
    classification `classes` probabilities or logits, or a single one for two classes. The same seed must give the same
    weights. Where it comes compiled, its optimiser and its loss are used, each as new; otherwise `optimizer`, and the
    loss of the task that suits the output. `learning_rate` None leaves that of the optimiser.

    The input is what the recipe writes (float32 NHWC). Truths are given, and predictions come, in one form for each
    task, whatever the model is: of a classification one-hot rows (n, classes), because mixing transforms give an image
    a share of two classes, and probabilities (n, classes).
    """

    def __init__(
        self,
        build: Callable[[int], Any],
        classes: int,
        *,
        optimizer: str | None = "adam",
        learning_rate: float | None = 1e-3,
        task: Task = CLASSIFICATION,
    ) -> None:
        keras = load_keras()
        self.classes = classes
        self.task = task
        self._build = build
        self.model: KerasModel = build(0)
        self.input_shape: tuple[int, int, int] = tuple(self.model.input_shape[1:])
        self._head: Head = task.read_head(self.model, classes)
        own = getattr(self.model, "optimizer", None)
        rule = keras.optimizers.get(optimizer) if own is None else own.from_config(own.get_config())
        if learning_rate is not None:
            rule.learning_rate = learning_rate
        self.model.compile(rule, loss=self._head.loss)
        self.model.optimizer.build(self.model.trainable_variables)
        self._fresh_optimizer = _values(self.model.optimizer.variables)

    def warm_up(self, batch_size: int, *, weighted: bool = False) -> None:
        """Trace the training and the prediction step, so that no timed step pays for it. Changes the weights.

        weighted: train_step will be given weights. Raises DataError where the predictions are not probabilities.
        """
        images = np.random.default_rng(0).random((batch_size, *self.input_shape), np.float32)
        truth, weights = self.task.blank(batch_size, self.classes, self.input_shape, tuple(self.model.output_shape))
        said = self.predict(images)
        if not np.isfinite(said).all():
            raise DataError(
                "--model: its predictions contain NaN or infinity before any training. Look for a layer that divides "
                "by 0 or makes values too large."
            )
        problem = self._head.problem(said)
        if problem is not None:
            raise DataError(f"--model: {problem}")
        self.train_step(images, truth, np.ones(truth.shape[:-1], np.float32) if weighted else weights)

    def reset(self, seed: int) -> None:
        """Load the initial weights of `seed`, clear the optimiser, and restart the dropout sequence of `seed`."""
        for ours, theirs in zip(self.model.variables, self._build(seed).variables, strict=True):
            ours.assign(theirs)
        self._assign(self.model.optimizer.variables, self._fresh_optimizer)

    def truth(self, batch: Batch) -> tuple[np.ndarray, np.ndarray | None]:
        """The ground truth of a training batch, and the weight of each part of it in the loss: see `Task.truth`."""
        return self.task.truth(batch, self.classes, tuple(self.model.output_shape))

    def train_step(self, images: np.ndarray, truth: np.ndarray, weights: np.ndarray | None = None) -> float:
        """One optimiser step on (n, h, w, c) float32 images and their truth; returns the loss before it.

        weights: (n,) float32, how much each image counts; of a segmentation (n, h, w), each pixel.
        """
        found = self.model.train_on_batch(images, self._head.targets(truth), weights, return_dict=True)
        return float(np.asarray(found["loss"]))

    def predict(self, images: np.ndarray) -> np.ndarray:
        """float32 predictions in the form of the task, in evaluation mode: of a classification (n, classes)
        probabilities."""
        return self._head.predictions(predict(self.model, images))

    @property
    def learning_rate(self) -> float | None:
        """The learning rate of the optimiser; None if a schedule sets it."""
        optimizer = self.model.optimizer
        if not any(variable is optimizer.learning_rate for variable in optimizer.variables):
            return None
        return float(load_keras().ops.convert_to_numpy(optimizer.learning_rate))

    @learning_rate.setter
    def learning_rate(self, value: float) -> None:
        self.model.optimizer.learning_rate = value

    @property
    def precision(self) -> str:
        """The coarsest dtype that a layer computes in: "float32", unless the model uses mixed precision."""
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

    def save(self, path: Path, write: Program) -> None:
        """Save a `.keras` model that takes raw uint8 images (n, h, w, c) of the network's size and returns predictions
        as `predict` does. write: the write part of the recipe.
        """
        keras = load_keras()
        from augfuse.serving.keras import raw_input, single_precision

        # Not `self.model`: the optimiser's state would triple the file.
        network = layers_of(self._build(0))
        network.set_weights(self.model.get_weights())
        raw, written = raw_input(write, self.input_shape[:2])
        with single_precision():  # what stands around the network; it keeps its own precision
            keras.Model(raw, self._head.symbolic(network(written)), name="augfuse").save(path)

    @staticmethod
    def _assign(variables: Sequence[Any], values: Sequence[np.ndarray]) -> None:
        for variable, value in zip(variables, values, strict=True):
            variable.assign(value)


def predict(model: KerasModel, images: np.ndarray) -> np.ndarray:
    """What a Keras model says about one batch, as float32."""
    return np.asarray(model.predict_on_batch(images), dtype=np.float32)


def _values(variables: Sequence[Any]) -> list[np.ndarray]:
    convert = load_keras().ops.convert_to_numpy
    return [np.array(convert(variable)) for variable in variables]
