"""Checks of a model without running it: loss, outputs and first layers against the data."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from augfuse.doctor.dataset import Part, Survey
from augfuse.doctor.findings import Finding, counted, finding
from augfuse.errors import DataError, MissingExtraError
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
    from augfuse.experiment.network.model_file import read_network

    model = read_network(path, trusted=trusted)
    keras = load_keras()
    if len(model.inputs) != 1 or len(model.outputs) != 1 or len(model.input_shape) != 4 or len(model.output_shape) != 2:
        raise DataError(
            f"{path}: got inputs {model.input_shape} and outputs {model.output_shape}, wanted one image (n, h, w, c) "
            "and one row of class scores (n, k)."
        )
    loss = _loss(keras, model)
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


def check_model(survey: Survey, model: Model, recipe: Any, shape: tuple[int, ...] | None) -> list[Finding]:
    """AF601..AF606. shape: (h, w, c) of the model's input from this data, None if it differs."""
    found = [*_check_loss(survey, model), *_check_outputs(survey, model), *_check_activation(model)]
    for layer in model.normalization:
        mean, variance = (model.to_numpy(value) for value in (layer.mean, layer.variance))
        if (mean == 0).all() and (variance == 1).all():
            found.append(
                finding(
                    "AF603",
                    f"Layer {shown(layer.name)} (Normalization) has mean 0 and variance 1: it was never fitted and "
                    "changes "
                    "nothing.",
                    f"Call {layer.name}.adapt(training images) before training.",
                    examples=[layer.name],
                )
            )
    if shape is not None:
        found += _check_input(model, shape)
    write = recipe.transforms[-1] if recipe is not None and recipe.transforms else None
    if isinstance(write, Write) and model.scales_itself:
        layers = [layer.name for layer in (*model.rescaling, *model.normalization)]
        found.append(
            finding(
                "AF606",
                f"The recipe ends with {type(write).__name__}, and the model scales its input itself "
                f"({', '.join(layers)}): pixels are scaled twice.",
                "Keep one of the two: leave the write part out of the recipe, or the layer out of the model.",
                examples=layers,
            )
        )
    return found


def _check_loss(survey: Survey, model: Model) -> list[Finding]:
    """AF601, once for each form of labels that the parts have."""
    labelled = [part for part in survey.parts if part.labels is not None]
    first = {part.label_form == "one-hot": part for part in reversed(labelled)}
    return [found for part in first.values() for found in _check_form(survey, model, part, len(first) > 1)]


def _check_form(survey: Survey, model: Model, part: Part, several: bool) -> list[Finding]:
    form, y = part.label_form, f"y_{part.name}" if several else "y"
    ids = form != "one-hot"
    shapes = {"ids": "(n,)", "column": "(n, 1)", "one-hot": f"(n, {len(survey.classes)})", "folders": "(n,)"}
    if model.loss in _ONE_HOT and ids:
        files = form == "folders"
        return [
            finding(
                "AF601",
                f"The loss {model.loss} takes one-hot rows (n, {model.units}), "
                + ("sources give class numbers (n,)." if files else f"{y} is class numbers {shapes[form]}."),
                "Pass one_hot=True to af.Loader, or compile with sparse_categorical_crossentropy.",
                examples=[model.loss],
                severity="hint" if files else None,  # the loader may well be told to
            )
        ]
    if model.loss in _IDS and not ids:
        return [
            finding(
                "AF601",
                f"The loss {model.loss} takes class numbers (n,), {y} is one-hot rows {shapes[form]}.",
                f"Compile with categorical_crossentropy, or type {y} = {y}.argmax(axis=1).",
                examples=[model.loss],
            )
        ]
    if model.loss in _ONE_OUTPUT and not ids and model.units == 1 and len(survey.classes) > 1:
        return [
            finding(
                "AF601",
                f"The loss {model.loss} compares one output with one-hot rows, {y} is {shapes[form]}.",
                f"Type {y} = {y}.argmax(axis=1), or end the model with one unit for each class.",
                examples=[model.loss],
            )
        ]
    if model.loss in _ONE_OUTPUT and ids and model.units > 1:
        return [
            finding(
                "AF601",
                f"The loss {model.loss} compares {model.units} outputs with one class number {shapes[form]}.",
                "End the model with one unit for two classes, or compile with sparse_categorical_crossentropy.",
                examples=[model.loss],
            )
        ]
    return []


def _check_outputs(survey: Survey, model: Model) -> list[Finding]:
    classes = len(survey.classes)
    if classes < 2 or model.units == classes or (model.units == 1 and classes == 2):
        return []
    return [
        finding(
            "AF602",
            f"The model has {counted(model.units, 'output')}, the data has {counted(classes, 'class', 'classes')}.",
            f"End the model with {classes} units." if model.units < classes else "Was it trained for other classes?",
            examples=survey.classes,
            count=1,
            severity="error" if model.units < classes else "warning",
        )
    ]


def _check_activation(model: Model) -> list[Finding]:
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
    return [finding("AF605", problem + ".", advice, examples=[model.activation])] if problem else []


def _check_input(model: Model, shape: tuple[int, ...]) -> list[Finding]:
    if all(wanted in (None, got) for wanted, got in zip(model.input, shape, strict=True)):
        return []
    wanted = " x ".join("any" if side is None else str(side) for side in model.input)
    height, width, _ = model.input
    return [
        finding(
            "AF604",
            f"The model takes {wanted} images (height x width x channels), it would be given "
            f"{' x '.join(map(str, shape))}.",
            f"Begin the recipe with af.Resize(({height}, {width})); for channels, load with color='rgb' or "
            "'grayscale'.",
            examples=[model.name],
        )
    ]


def _loss(keras: Any, model: Any) -> Any:
    """The one loss that the model is compiled with, as a function or an object; None without one."""
    loss = getattr(model, "loss", None)
    if isinstance(loss, dict):
        loss = list(loss.values())
    if isinstance(loss, (list, tuple)):
        loss = loss[0] if len(loss) == 1 else None
    return keras.losses.get(loss) if isinstance(loss, str) else loss


def _first_layers(model: Any) -> Iterator[Any]:
    """The first layers in order, those of nested models among them."""
    for layer in model.layers[:_FIRST_LAYERS]:
        if hasattr(layer, "layers"):
            yield from _first_layers(layer)
        else:
            yield layer


def _last_activation(model: Any) -> str:
    layer = model.layers[-1]
    if hasattr(layer, "layers"):
        return _last_activation(layer)
    if type(layer).__name__ == "Softmax":
        return "softmax"
    return getattr(getattr(layer, "activation", None), "__name__", "")
