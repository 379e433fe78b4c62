"""Mistakes that show when a model and its data meet: reported before Keras fails with shapes, or trains on nonsense."""

from __future__ import annotations

import dis
import inspect
import itertools
import sys
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np

from augfuse.frameworks import KerasModel
from augfuse.keras.checks.value_range import Values
from augfuse.keras.generator.options import Options, listed
from augfuse.keras.protocol import FIT, PREDICT, Asker
from augfuse.text import shown
from augfuse.warn_once import depth_of_caller, warn, warn_once

_NOTHING_LEFT = 0.1  # of images scaled to 0..1 and again by 1 / 255 about 0.004 is left
_ANOTHER_SCALE = 8  # times as large: 0..255 beside 0..1, -1..1, or images of mean 0 and standard deviation 1
_SURELY_PIXELS = 100.0  # floats up to here may have been standardised by hand
_SEEN = 64  # images that are looked at
_ONLY_COLOURS = ("brightness_range", "channel_shift_range")  # these leave a mask as it is
_BINARY = "binary_crossentropy"
# Whether a loss wants one-hot labels, None where that depends on the outputs.
_LOSSES: dict[str, bool | None] = {
    "sparse_categorical_crossentropy": False,
    "categorical_crossentropy": True,
    "categorical_focal_crossentropy": True,
    _BINARY: None,
}
_KEEP_THE_SCALE = ("keras.src.layers.preprocessing.", "keras.src.layers.reshaping.")


def check_loss(feed: Any, model: KerasModel | None, one_hot: bool, other_labels: str) -> None:
    """Warn where labels are one-hot and the loss of `model` wants class numbers, or the reverse.

    Keras announces a pass before it fails. other_labels: what to type for the other kind.
    """
    name, width = _loss_of(model), _width_of(model)
    wanted = _LOSSES[name] if name else None
    if name == _BINARY and width is not None:
        wanted = width > 1
    if wanted is None or wanted == one_hot:
        return
    got, want = ("one-hot labels", "class numbers") if one_hot else ("class numbers", "one-hot labels")
    right = "categorical_crossentropy" if one_hot else "sparse_categorical_crossentropy"
    fix = f"Compile with loss={shown(right)}, or use {other_labels}"
    if name == _BINARY and not one_hot:
        want, fix = f"{width} numbers of 0 and 1 a sample", f"Compile with loss={shown(right)}"
    elif width == 1 and one_hot:
        fix = (
            f"For two classes use {other_labels} and loss={shown(_BINARY)}; for more end the model with "
            f"Dense(classes, activation='softmax') and compile with loss={shown(right)}"
        )
    elif width == 1:
        fix = f"Compile with loss={shown(_BINARY)}"
    outputs = " of a model with one output" if width == 1 else ""
    warn_once(feed, f"the loss {name}{outputs} wants {want}, the data has {got}. {fix}.")


def check_labels(feed: Any, model: KerasModel | None, labels: Any, columns: int | None) -> None:
    """Warn of labels that the outputs of `model` do not have, and of those that are not whole numbers.

    labels: (n,) or (n, 1) numbers, None for others. columns: of one-hot labels, None for others.
    """
    name, width = _loss_of(model), _width_of(model)
    if name and columns is not None and width not in (None, 1, columns) and _LOSSES[name] is not False:
        warn_once(
            feed,
            f"labels are one-hot with {columns} columns, and the model has {width} outputs. End it with "
            f"Dense({columns}), or use keras.utils.to_categorical(y, {width}).",
        )
    if labels is None or not labels.size:
        return
    if width is None or labels.size != len(labels) or not (_LOSSES.get(name, True) is False or name == _BINARY):
        return
    low, high, last = labels.min(), labels.max(), max(width - 1, 1)
    if name == _BINARY and (width != 1 or (low >= 0 and high <= 1)):
        return
    whole = bool((labels == np.floor(labels)).all()) or name == _BINARY
    if whole and low >= 0 and high <= last:
        return
    outputs = "1 output" if width == 1 else f"{width} outputs"
    got = f"labels go from {low:g} to {high:g}" if whole else f"labels are not whole numbers (from {low:g} to {high:g})"
    fix = "Number the classes from 0: np.unique(y, return_inverse=True)[1]"
    if whole and low > 0 and high - low <= last:
        fix = f"Use y - {low:g}"
    elif whole and low >= 0 and name != _BINARY:
        fix += f"; or end the model with Dense({high + 1:g})"
    warn_once(feed, f"{got}, and a model with {outputs} and the loss {name} wants 0 to {last}. {fix}.")


def check_scaling(model: KerasModel, values: Values) -> None:
    """Warn where a model begins with Rescaling or Normalization made for another scale than that of what it gets."""
    layer = _first_scaling(model)
    low, high = values.span
    got = f"the model gets {low:.4g}..{high:.4g}" + (f" ({values.said})" if values.said else "")
    fix = "Leave the layer out, or feed pixels of 0..255"
    if values.said:
        fix = f"Leave one out: without {values.said} the saved model takes raw pixels"
    if isinstance(layer, keras.layers.Rescaling):
        scale = float(np.max(np.abs(layer.scale)))
        if scale * (high - low) < _NOTHING_LEFT:
            warn_once(
                model, f"pixels are scaled twice: {got}, and its layer Rescaling({scale:.6g}) scales them again. {fix}."
            )
    elif isinstance(layer, keras.layers.Normalization) and not layer.invert:
        given: Any = layer.mean if layer.input_mean is None else layer.input_mean
        mean = np.asarray(keras.ops.convert_to_numpy(given), np.float64).ravel()
        # The mean of numbers lies between the smallest and the largest of them.
        if np.any((mean < low) | (mean > high)):
            shown = np.array2string(mean[:4], precision=4, separator=", ")
            warn_once(
                model,
                f"pixels are scaled twice: {got}, and its layer Normalization has the mean {shown} of data on another "
                f"scale. {fix}; or adapt the layer to what it gets: layer.adapt(dataset[0][0])",
            )


def check_rescale(options: Options, scale: tuple[float, float]) -> None:
    """Warn where rescale divides floats that have been divided before. scale: of the images, as they come."""
    rescale = options.rescale or 1.0
    divides = options.featurewise_std_normalization or options.zca_whitening
    left = max(map(abs, scale)) * abs(rescale)
    if rescale == 1 or not 0 < left < _NOTHING_LEFT or divides or _comes_out_alike(options):
        return
    warn(
        f"flow: values of x lie in {_show(scale)}, and {listed({'rescale': rescale})} scales them again: the model "
        f"gets {_show((rescale * scale[0], rescale * scale[1]))}. Leave rescale out, or give flow() pixels of 0..255."
    )


def check_statistics(options: Options, what: str, scale: tuple[float, float]) -> None:
    """Warn where featurewise statistics were fitted to images on another scale than `what`, whose scale is given."""
    fitted = options.fitted_scale
    if fitted is None or not options.featurewise_center or _comes_out_alike(options):
        return
    spans = sorted((fitted[1] - fitted[0], scale[1] - scale[0]))
    if spans[1] > _ANOTHER_SCALE * spans[0]:  # as 0..255 is of 0..1
        warn(
            f"{what} lie in {_show(scale)}, those that fit() saw in {_show(fitted)}: the statistics do not fit. Give "
            "both the same data, not scaled before: rescale= is applied in both."
        )


def check_validation(feed: Any, values: Values, validation_data: Any, fix: str) -> None:
    """Warn where validation_data of fit are arrays of raw pixels and training is not, or the reverse.

    fix: what to type for arrays of raw pixels.
    """
    x = validation_data[0] if isinstance(validation_data, (tuple, list)) and validation_data else validation_data
    if not isinstance(x, np.ndarray) or x.ndim != 4 or x.dtype.kind not in "uif" or not x.size:
        return
    low, high = float(x[:_SEEN].min()), float(x[:_SEEN].max())
    largest = max(map(abs, values.span))
    whole = x.dtype.kind != "f"
    raw = low >= 0 and high > _ANOTHER_SCALE * largest and (whole or high > _SURELY_PIXELS)
    scaled = not whole and -1 <= low < high <= 1 and largest > _SURELY_PIXELS
    if not raw and not scaled:
        return
    if scaled:
        fix = (
            "Scale both or neither: drop the division of x_test, or scale in training too (rescale=1 / 255, ToFloat())"
        )
    warn_once(
        feed,
        f"validation_data are arrays of {low:.4g}..{high:.4g} that Keras takes as they are, the model is trained on "
        f"other numbers ({values.show()}): val_loss and the metrics will be wrong. {fix}.",
    )


def check_masks(options: Options, x: np.ndarray, y: np.ndarray) -> None:
    """Warn where y are images that belong to x, masks or x itself, which flow() hands out as they are."""
    if y.ndim not in (3, 4) or len(y) != len(x) or y.dtype.kind not in "buif":
        return
    sides = {y.shape[1:3]} if y.ndim == 3 else {y.shape[1:3], y.shape[2:4]}
    if (x.shape[options.row_axis], x.shape[options.col_axis]) not in sides:
        return
    moved = {name: value for name, value in options.random().items() if name not in _ONLY_COLOURS}
    same = y.shape == x.shape and (np.shares_memory(y, x) or np.array_equal(y, x))
    scaled = options.standardising() if same else {}
    if not moved and not scaled:
        return
    what = "x itself" if same else f"pictures of the size of x, {y.shape}"
    changes = " and ".join(listed(part) for part in (moved, scaled) if part)
    masks = "batches = augfuse.keras.flow_with_masks(datagen, x, y, seed=1); model.fit(batches)"
    pairs = (
        "images = datagen.flow(x, seed=1); pairs = ((batch, batch) for batch in images); model.fit((pair for pair in "
        "pairs), steps_per_epoch=len(images), shuffle=False)"
    )
    warn(
        f"flow: y is {what}, and is handed out as it is: {changes} changes x only. So that both change alike: "
        f"{pairs if same else masks}"
    )


def check_loop(batches: int) -> None:
    """Warn that a loop over an iterator takes more than its epoch of `batches`.

    Not where `next(it)` is written, nor in a generator: there somebody else decides how many.
    """
    frame = sys._getframe(depth_of_caller() - 1)
    if frame.f_code.co_flags & inspect.CO_GENERATOR:
        return
    heads_a_for = frame.f_code.co_code[frame.f_lasti] == dis.opmap["FOR_ITER"]
    if heads_a_for or "next" not in frame.f_code.co_names:
        warn(
            f"a loop over this iterator never ends: an epoch has {batches} batches, and the next one begins. "
            "Break after len(it) batches, or write: for batch in itertools.islice(it, len(it))"
        )


def check_steps(feed: Any, asker: Asker) -> None:
    """Warn where Keras asks for less than a pass over the data of `feed`, in training or in an evaluation."""
    steps, batches = asker.steps_per_epoch, len(feed)
    if not steps or steps >= batches:
        return
    if asker.method == FIT:
        warn_once(
            feed,
            f"steps_per_epoch={steps} is less than the {batches} batches of the data set: one pass over the data "
            "then takes several epochs of Keras. Drop steps_per_epoch: model.fit(dataset, epochs=...)",
        )
        return
    argument = "validation_steps" if asker.validates else "steps"
    lost = "has no rows for the others" if asker.method == PREDICT else "leaves out the others, each time"
    warn_once(
        feed,
        f"{argument}={steps} is less than the {batches} batches of the data set: {asker.method}() takes the first "
        f"{steps} and {lost}. Drop {argument}, or round up: math.ceil(samples / batch_size).",
    )


def _comes_out_alike(options: Options) -> bool:
    """Whether images may be standardised alike on whichever scale they come."""
    own = options.preprocessing_function is not None or options.overrides("standardize")
    return own or options.samplewise_std_normalization


def _show(scale: tuple[float, float]) -> str:
    return f"{scale[0]:.4g}..{scale[1]:.4g}"


def _loss_of(model: KerasModel | None) -> str:
    """The name of the one loss a model is compiled with, by what it computes: losses may have other names.

    "" for several, and for those that are not Keras' own: what they want is not known.
    """
    loss = getattr(model, "loss", None)
    if isinstance(loss, dict):
        loss = list(loss.values())
    if isinstance(loss, (list, tuple)):
        loss = loss[0] if len(loss) == 1 else None
    if isinstance(loss, str):
        try:
            loss = keras.losses.get(loss)
        except ValueError:  # Keras will say it
            return ""
    for name in _LOSSES:
        kind = "".join(part.capitalize() for part in name.split("_"))
        if loss is getattr(keras.losses, name) or type(loss) is getattr(keras.losses, kind):
            return name
    return ""


def _width_of(model: KerasModel | None) -> int | None:
    """The number of outputs of a model that gives a row of them; None where it cannot be known."""
    outputs = getattr(model, "outputs", None) or ()
    if len(outputs) == 1:
        shape = outputs[0].shape
        return shape[1] if len(shape) == 2 else None
    layers = [] if outputs else getattr(model, "layers", [])  # a model that has seen no data yet
    return getattr(layers[-1], "units", None) if layers else None


def _first_scaling(model: KerasModel) -> Any:
    """The Rescaling or Normalization that a model with one input begins with; None where it does not.

    Numbers that come out of a layer of another kind may be on any scale: there the search ends.
    """
    if len(getattr(model, "inputs", None) or ()) > 1:
        return None
    first = itertools.takewhile(lambda step: type(step).__module__.startswith(_KEEP_THE_SCALE), _steps(model))
    return next((s for s in first if isinstance(s, (keras.layers.Rescaling, keras.layers.Normalization))), None)


def _steps(model: KerasModel) -> Iterator[Any]:
    """The layers and operations of a model in order, those of nested models too."""
    for step in getattr(model, "operations", None) or model.layers:
        if getattr(step, "layers", None):
            yield from _steps(step)
        elif not isinstance(step, keras.layers.InputLayer):
            yield step
