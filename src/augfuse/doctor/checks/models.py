"""Checks of a model without running it: loss, outputs and first layers against the data."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from augfuse.doctor.examined_data import Survey
from augfuse.doctor.findings import Finding, counted, finding
from augfuse.errors import DataError, MissingExtraError
from augfuse.frameworks import KerasModel
from augfuse.text import shown
from augfuse.transforms.base import Write

_ONE_HOT = ("categorical_crossentropy", "categorical_focal_crossentropy")
_IDS = ("sparse_categorical_crossentropy",)
_ONE_OUTPUT = ("binary_crossentropy", "binary_focal_crossentropy")
_FIRST_LAYERS = 8  # among which preprocessing is looked for


@dataclass(frozen=True, slots=True)
class Model:
    """A loaded model. input: (h, w, c), None where a side is free. units: outputs. activation: of the last layer, ""
    where it is unknown. loss: its name, "" where it was saved uncompiled. rescaling, normalization: the layers of these
    kinds among the first ones."""

    keras_model: Any
    name: str
    input: tuple[int | None, int | None, int | None]
    units: int
    activation: str
    loss: str
    from_logits: bool
    rescaling: tuple[Any, ...]
    normalization: tuple[Any, ...]
    to_numpy: Callable[[Any], np.ndarray]

    @property
    def scales_itself(self) -> bool:
        """Whether its first layers scale the pixels down."""
        return bool(self.rescaling or self.normalization)


def load_model(path: Path, *, trusted: bool = False) -> Model:
    """Read a `.keras` or `.h5` model with one image input and one output. trusted: code in it may run.

    Raises DataNotFoundError (no such file), MissingExtraError (no Keras), DataError (not such a model, or one that
    holds code).
    """
    if importlib.util.find_spec("keras") is None:
        raise MissingExtraError('augfuse doctor --model needs keras. Type: pip install "augfuse[train]"')
    from augfuse.experiment.backend import load_keras
    from augfuse.experiment.network.head import loss_of
    from augfuse.experiment.network.model_file import read_network

    model = read_network(path, trusted=trusted)
    keras = load_keras()
    if len(model.inputs) != 1 or len(model.outputs) != 1 or len(model.input_shape) != 4 or len(model.output_shape) != 2:
        raise DataError(
            f"{path}: got inputs {model.input_shape} and outputs {model.output_shape}, wanted one image (n, h, w, c) "
            "and one row of class scores (n, k)."
        )
    loss = loss_of(model)
    loss = keras.losses.get(loss) if isinstance(loss, str) else loss
    config = loss.get_config() if hasattr(loss, "get_config") else {}
    first = list(_first_layers(model))
    return Model(
        keras_model=model,
        name=path.name,
        input=tuple(model.input_shape[1:]),
        units=int(model.output_shape[-1]),
        activation=_last_activation(model),
        loss=getattr(loss, "name", getattr(loss, "__name__", "")),
        from_logits=bool(config.get("from_logits", False)),
        rescaling=tuple(layer for layer in first if type(layer).__name__ == "Rescaling"),
        normalization=tuple(layer for layer in first if type(layer).__name__ == "Normalization"),
        to_numpy=keras.ops.convert_to_numpy,
    )


def check_model(survey: Survey, model: Model, recipe: Any, shape: tuple[int, ...] | None) -> Iterator[Finding]:
    """AF601..AF606. shape: (h, w, c) of the model's input from this data, None if it differs."""
    yield from _check_loss(survey, model)
    yield from _check_outputs(survey, model)
    yield from _check_activation(model)
    for layer in model.normalization:
        mean, variance = (model.to_numpy(value) for value in (layer.mean, layer.variance))
        if (mean == 0).all() and (variance == 1).all():
            yield finding(
                "AF603",
                f"Layer {shown(layer.name)} (Normalization) has mean 0 and variance 1: it was never fitted and changes "
                "nothing.",
                f"Call {layer.name}.adapt(training images) before training.",
                examples=[layer.name],
            )
    if shape is not None:
        yield from _check_input(model, shape)
    write = recipe.transforms[-1] if recipe is not None and recipe.transforms else None
    if isinstance(write, Write) and model.scales_itself:
        layers = [layer.name for layer in (*model.rescaling, *model.normalization)]
        yield finding(
            "AF606",
            f"The recipe ends with {type(write).__name__}, and the model scales its input itself "
            f"({', '.join(layers)}): pixels are scaled twice.",
            "Keep one of the two: leave the write part out of the recipe, or the layer out of the model.",
            examples=layers,
        )


def _check_loss(survey: Survey, model: Model) -> Iterator[Finding]:
    """AF601, once for each form of labels that the parts have."""
    labelled = [part for part in survey.parts if part.labels is not None]
    first = {part.label_form == "one-hot": part for part in reversed(labelled)}
    for part in first.values():
        form, y = part.label_form, f"y_{part.name}" if len(first) > 1 else "y"
        ids, files = form != "one-hot", form == "folders"
        shape = {"column": "(n, 1)", "one-hot": f"(n, {len(survey.classes)})"}.get(form, "(n,)")
        if model.loss in _ONE_HOT and ids:
            given = f"sources give class numbers {shape}" if files else f"{y} is class numbers {shape}"
            problem = f"takes one-hot rows (n, {model.units}), {given}"
            advice = "Pass one_hot=True to af.Loader, or compile with sparse_categorical_crossentropy."
        elif model.loss in _IDS and not ids:
            problem = f"takes class numbers (n,), {y} is one-hot rows {shape}"
            advice = f"Compile with categorical_crossentropy, or type {y} = {y}.argmax(axis=1)."
        elif model.loss in _ONE_OUTPUT and not ids and model.units == 1 and len(survey.classes) > 1:
            problem = f"compares one output with one-hot rows, {y} is {shape}"
            advice = f"Type {y} = {y}.argmax(axis=1), or end the model with one unit for each class."
        elif model.loss in _ONE_OUTPUT and ids and model.units > 1:
            problem = f"compares {model.units} outputs with one class number {shape}"
            advice = "End the model with one unit for two classes, or compile with sparse_categorical_crossentropy."
        else:
            continue
        told = "hint" if model.loss in _ONE_HOT and files else None  # the loader may well be told to
        yield finding("AF601", f"The loss {model.loss} {problem}.", advice, examples=[model.loss], severity=told)


def _check_outputs(survey: Survey, model: Model) -> Iterator[Finding]:
    classes = len(survey.classes)
    if classes < 2 or model.units == classes or (model.units == 1 and classes == 2):
        return
    yield finding(
        "AF602",
        f"The model has {counted(model.units, 'output')}, the data has {counted(classes, 'class', 'classes')}.",
        f"End the model with {classes} units." if model.units < classes else "Was it trained for other classes?",
        examples=survey.classes,
        count=1,
        severity="error" if model.units < classes else "warning",
    )


def _check_activation(model: Model) -> Iterator[Finding]:
    entropy = model.loss in (*_ONE_HOT, *_IDS, *_ONE_OUTPUT)
    problem, advice = "", ""
    if model.activation == "softmax" and model.units == 1:
        problem = "The model ends with softmax over one unit, which is always 1"
        advice = 'Use activation="sigmoid" for one unit, or two units.'
    elif entropy and model.from_logits and model.activation in ("softmax", "sigmoid"):
        problem = f"The model ends with {model.activation}, and its loss {model.loss} expects logits (from_logits=True)"
        advice = "Take one of the two away."
    elif entropy and not model.from_logits and model.activation == "linear":
        problem = f"The model ends without activation, and its loss {model.loss} expects probabilities"
        advice = "Compile with from_logits=True in the loss, or end the model with softmax or sigmoid."
    if problem:
        yield finding("AF605", problem + ".", advice, examples=[model.activation])


def _check_input(model: Model, shape: tuple[int, ...]) -> Iterator[Finding]:
    if all(wanted in (None, got) for wanted, got in zip(model.input, shape, strict=True)):
        return
    wanted = " x ".join("any" if side is None else str(side) for side in model.input)
    height, width, _ = model.input
    yield finding(
        "AF604",
        f"The model takes {wanted} images (height x width x channels), it would be given "
        f"{' x '.join(map(str, shape))}.",
        f"Begin the recipe with af.Resize(({height}, {width})); for channels, load with color='rgb' or 'grayscale'.",
        examples=[model.name],
    )


def _first_layers(model: KerasModel) -> Iterator[Any]:
    """The first layers in order, those of nested models among them."""
    for layer in model.layers[:_FIRST_LAYERS]:
        if hasattr(layer, "layers"):
            yield from _first_layers(layer)
        else:
            yield layer


def _last_activation(model: KerasModel) -> str:
    layer = model.layers[-1]
    if hasattr(layer, "layers"):
        return _last_activation(layer)
    if type(layer).__name__ == "Softmax":
        return "softmax"
    return getattr(getattr(layer, "activation", None), "__name__", "")
