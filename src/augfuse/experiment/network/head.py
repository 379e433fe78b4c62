"""The head of a model: the form of the targets that its loss takes, and how its output becomes predictions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from augfuse.errors import DataError
from augfuse.experiment.backend import load_keras
from augfuse.frameworks import KerasModel

_TO_PROBABILITIES = ("softmax", "sigmoid")


class Head(Protocol):
    """The loss that a model is compiled with, and the conversion of targets and outputs."""

    @property
    def loss(self) -> Any: ...

    def targets(self, truth: np.ndarray) -> np.ndarray:
        """The ground truth of a batch, from the form of the task to that of the loss."""
        ...

    def predictions(self, said: np.ndarray) -> np.ndarray:
        """The output of the model in the form of the task."""
        ...

    def symbolic(self, said: Any) -> Any:
        """The same inside a Keras model."""
        ...

    def problem(self, predictions: np.ndarray) -> str | None:
        """What is wrong with finite predictions, in words; None if nothing is."""
        ...


@dataclass(frozen=True, slots=True)
class ClassHead:
    """Classes along the last axis, of an image or of each of its pixels.

    single: one output for the second of two classes. logits: the output is logits. sparse: the loss takes class
    numbers.
    """

    loss: Any
    single: bool
    logits: bool
    sparse: bool

    def targets(self, truth: np.ndarray) -> np.ndarray:
        """One-hot rows (..., classes) as the loss takes them."""
        if self.single:
            return truth[..., 1:]
        if self.sparse and truth.size and (truth.max(axis=-1) < 1).any():
            raise DataError(
                "--model: its loss takes class numbers, and the recipe mixes samples: an image then belongs to several "
                "classes. Compile the model with keras.losses.CategoricalCrossentropy(), or leave the mix out."
            )
        return truth.argmax(axis=-1) if self.sparse else truth

    def predictions(self, said: np.ndarray) -> np.ndarray:
        """The output of the model as (..., classes) float32 probabilities."""
        if self.single:
            second = 0.5 * (np.tanh(0.5 * said) + 1) if self.logits else said
            return np.concatenate([1 - second, second], axis=-1)
        if not self.logits:
            return said
        powers = np.exp(said - said.max(axis=-1, keepdims=True))
        return powers / powers.sum(axis=-1, keepdims=True)

    def symbolic(self, said: Any) -> Any:
        ops = load_keras().ops
        if self.single:
            second = ops.sigmoid(said) if self.logits else said
            return ops.concatenate([1 - second, second], axis=-1)
        return ops.softmax(said) if self.logits else said

    def problem(self, predictions: np.ndarray) -> str | None:
        if (predictions >= 0).all() and np.allclose(predictions.sum(axis=-1), 1, atol=1e-3):
            return None
        return (
            "its loss takes probabilities, and its predictions are not (below 0, or not 1 in total). End "
            'it with activation="softmax" (in mixed precision also dtype="float32"), or compile it with a loss '
            "made with from_logits=True."
        )


def read_head(model: KerasModel, classes: int, *, pixels: bool = False) -> ClassHead:
    """The head of a model with one output: classes of an image, or with `pixels` of each pixel. Raises DataError if it
    does not fit this number of classes."""
    losses = load_keras().losses
    shape = tuple(model.output_shape)
    single = shape[-1] == 1 and classes == 2
    sides = tuple(model.input_shape[1:3]) if pixels else ()
    if shape[1:-1] != sides or not (single or shape[-1] == classes):
        wanted = f"(None, {', '.join(map(str, (*sides, classes)))})"
        what = "pixel of the input and each " if pixels else ""
        raise DataError(
            f"--model: gives {shape}, wanted {wanted}, one output for each {what}of the {classes} classes"
            f"{f', or {wanted[: wanted.rindex(str(classes))]}1)' if classes == 2 else ''}."
        )
    loss = loss_of(model)
    last = _last(model)
    activation = getattr(last, "activation", None)
    ends = getattr(activation, "__name__", "" if activation is not None else type(last).__name__.lower())
    if single and ends == "softmax":
        raise DataError(
            "--model: ends with a softmax over one output, which is always 1. End it with "
            f'{"Conv2D(1, 1" if pixels else "Dense(1"}, activation="sigmoid"), or with '
            f'{"Conv2D(2, 1" if pixels else "Dense(2"}, activation="softmax").'
        )
    if loss is None:
        logits = activation is not None and ends not in _TO_PROBABILITIES
        kind = losses.BinaryCrossentropy if single else losses.CategoricalCrossentropy
        return ClassHead(kind(from_logits=logits), single, logits, sparse=False)
    config = loss.get_config() if isinstance(loss, losses.Loss) else {}
    name = loss if isinstance(loss, str) else getattr(loss, "__name__", type(loss).__name__)
    if single and "categorical" in name.lower():
        raise DataError(
            f"--model: has one output, and its loss {name} wants one for each of the 2 classes. Compile it with "
            f'"binary_crossentropy", or end it with {"Conv2D(2, 1" if pixels else "Dense(2"}, activation="softmax").'
        )
    # A softmax at the end makes probabilities, whatever the loss takes them for.
    logits = bool(config.get("from_logits")) and ends not in _TO_PROBABILITIES
    return ClassHead(loss, single, logits, "sparse" in name.lower())


def loss_of(model: KerasModel) -> Any:
    """The one loss that a model was compiled with; None for one that was not, or with several."""
    loss = getattr(model, "loss", None)
    if isinstance(loss, dict):
        loss = list(loss.values())
    if isinstance(loss, (list, tuple)):
        return loss[0] if len(loss) == 1 else None
    return loss


def _last(model: KerasModel) -> Any:
    """The layer or operation that makes the output, also inside a model that is a layer of this one."""
    last = model
    while getattr(last, "outputs", None) and getattr(last, "layers", None):
        last = last.outputs[0]._keras_history.operation
    return last
