"""An anchor-free detector: each cell of a grid predicts, for each class, how near it is to the centre of an object, and
the distances to its four sides. Source: CenterNet ("Objects as Points") for the centres, FCOS for the sides.

A model makes (n, rows, columns, classes + 4): logits of the classes, and the logarithms of the distances to the left,
upper, right and lower side, in units of four cells. As predictions that is (n, rows, columns, 4 + classes): x1, y1, x2,
y2 as fractions of the width and the height, and a score between 0 and 1 for each class.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from augfuse.errors import DataError
from augfuse.experiment.backend import load_keras
from augfuse.experiment.network.head import loss_of
from augfuse.experiment.tasks.unet import convolved, kernels, padded_to
from augfuse.frameworks import KerasModel

_UNIT = 4.0  # cells
_FARTHEST = 8.0  # a logarithm
_NEAR = 0.4  # cells with at least this share of a middle learn its sides
_SPREAD = 1 / 6  # of a side: the standard deviation of a middle, in which cells are not called wrong
_RARE = 0.01  # a cell is a middle of a class as often, before anything is learnt
_SIDES = 2.0  # what the sides count beside the classes
_FAINT, _OVERLAP, _MOST, _LOOKED_AT = 0.05, 0.5, 100, 1000
_LEAST = 1e-6


@dataclass(frozen=True, slots=True)
class CenterHead:
    """The head of a model whose output this file describes."""

    classes: int

    @property
    def loss(self) -> Any:
        def centers(truth: Any, said: Any) -> Any:
            return losses(truth, self.symbolic(said), self.classes)

        return centers

    def targets(self, truth: np.ndarray) -> np.ndarray:
        return truth

    def predictions(self, said: np.ndarray) -> np.ndarray:
        """The output of the model as (n, rows, columns, 4 + classes) float32."""
        return np.asarray(load_keras().ops.convert_to_numpy(self.symbolic(said)), np.float32)

    def symbolic(self, said: Any) -> Any:
        ops = load_keras().ops
        rows, columns, classes = int(said.shape[1]), int(said.shape[2]), self.classes
        y, x = np.mgrid[:rows, :columns].astype(np.float32)[:, None, :, :, None] + 0.5
        said = ops.cast(said, "float32")
        far = ops.exp(ops.clip(said[..., classes:], -_FARTHEST, _FARTHEST)) * _UNIT
        sides = [
            ops.subtract(x, far[..., 0:1]) / columns,
            ops.subtract(y, far[..., 1:2]) / rows,
            ops.add(x, far[..., 2:3]) / columns,
            ops.add(y, far[..., 3:4]) / rows,
        ]
        return ops.concatenate([*sides, ops.sigmoid(said[..., :classes])], axis=-1)

    def problem(self, predictions: np.ndarray) -> str | None:
        return None


def read_centers(model: KerasModel, classes: int) -> CenterHead:
    """The head of such a model. Raises DataError where the model is another one."""
    shape = tuple(model.output_shape)
    if len(shape) != 4 or None in shape[1:] or shape[-1] != classes + 4:
        raise DataError(
            f"--model: gives {shape}, wanted (None, rows, columns, {classes + 4}): for each cell of a grid over the "
            f"image logits of the {classes} classes, and the logarithms of the distances to the four sides. See "
            "docs/training.md."
        )
    if loss_of(model) is not None:
        raise DataError(
            "--model: a detection brings its loss. Compile the model with an optimiser alone, or not at all."
        )
    return CenterHead(classes)


def centers_builder(shape: tuple[int, int, int], classes: int, widths: Sequence[int]) -> Callable[[int], Any]:
    """The built-in detection network, as a function of its seed: halved at each width, and upsampled to a quarter of
    the image."""
    return lambda seed: _network(shape, classes, widths, seed)


def drawn(boxes: np.ndarray, labels: np.ndarray, classes: int, grid: tuple[int, int]) -> np.ndarray:
    """(rows, columns, classes + 5) float32, the ground truth of an image: per cell how near it is to a centre of each
    class (1 in the cell of the centre), the distances to the four sides of the smallest box near it, and how near.

    boxes: (k, 4) float, x1, y1, x2, y2 as fractions. labels: (k,) class numbers.
    """
    rows, columns = grid
    out = np.zeros((rows, columns, classes + 5), np.float32)
    order = np.argsort(-np.prod(boxes[:, 2:] - boxes[:, :2], axis=1), kind="stable")
    for (x1, y1, x2, y2), label in zip(boxes[order].astype(np.float64), labels[order], strict=True):
        near = []
        for low, high, cells in ((y1, y2, rows), (x1, x2, columns)):
            middle = min(int((low + high) / 2 * cells), cells - 1)
            deviation = max(_SPREAD * (high - low) * cells, 0.5)
            near.append(np.exp(-0.5 * ((np.arange(cells) - middle) / deviation) ** 2))
        share = np.outer(*near).astype(np.float32)
        out[..., label] = np.maximum(out[..., label], share)
        inside = share >= _NEAR
        out[inside, classes : classes + 4] = (x1, y1, x2, y2)
        out[inside, classes + 4] = share[inside]
    return out


def losses(truth: Any, predictions: Any, classes: int) -> Any:
    """(n,) loss of each image: the focal loss of the middles, and one minus the intersection over union of the boxes
    at the cells that are near to one."""
    ops = load_keras().ops
    near, sides, weight = truth[..., :classes], truth[..., classes : classes + 4], truth[..., classes + 4]
    boxes, scores = predictions[..., :4], ops.clip(predictions[..., 4:], _LEAST, 1 - _LEAST)
    middle = ops.cast(near >= 1, "float32")
    right = middle * ops.square(1 - scores) * ops.log(scores)
    wrong = (1 - middle) * ops.power(1 - near, 4) * ops.square(scores) * ops.log(1 - scores)
    objects = ops.maximum(ops.sum(middle, axis=(1, 2, 3)), 1)
    low = ops.maximum(boxes[..., :2], sides[..., :2])
    high = ops.minimum(boxes[..., 2:], sides[..., 2:])
    common = ops.prod(ops.maximum(high - low, 0), axis=-1)
    areas = ops.prod(boxes[..., 2:] - boxes[..., :2], axis=-1) + ops.prod(sides[..., 2:] - sides[..., :2], axis=-1)
    apart = 1 - common / ops.maximum(areas - common, _LEAST)
    of_sides = ops.sum(weight * apart, axis=(1, 2)) / ops.maximum(ops.sum(weight, axis=(1, 2)), 1)
    return -ops.sum(right + wrong, axis=(1, 2, 3)) / objects + _SIDES * of_sides


def detected(predictions: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(boxes (k, 4) within 0..1, scores (k,), labels (k,) int64) of one image, the highest score first: at most 100,
    after non-maximum suppression per class at an overlap of one half."""
    import cv2

    flat = predictions.reshape(-1, predictions.shape[-1])
    boxes, scores = np.clip(flat[:, :4], 0, 1), flat[:, 4:]
    cells, labels = np.nonzero(scores >= _FAINT)
    stated = scores[cells, labels]
    surest = np.argsort(-stated, kind="stable")[:_LOOKED_AT]
    cells, labels, stated = cells[surest], labels[surest], stated[surest]
    if not len(cells):
        return np.zeros((0, 4), np.float32), np.zeros(0, np.float32), np.zeros(0, np.int64)
    found = boxes[cells]
    corners = np.concatenate([found[:, :2], found[:, 2:] - found[:, :2]], axis=1)
    kept = cv2.dnn.NMSBoxesBatched(corners.tolist(), stated.tolist(), labels.tolist(), _FAINT, _OVERLAP)
    order = np.sort(np.asarray(kept, np.int64).reshape(-1))[:_MOST]
    return found[order].astype(np.float32), stated[order].astype(np.float32), labels[order].astype(np.int64)


def _network(shape: tuple[int, int, int], classes: int, widths: Sequence[int], seed: int) -> Any:
    keras = load_keras()
    layers, kernel = keras.layers, kernels(seed)
    inputs = keras.Input(shape)
    x, _ = padded_to(inputs, shape, 2 ** len(widths))
    levels = []
    for number, filters in enumerate(widths):
        x = convolved(x, filters, kernel, strides=2)
        if number:
            x = convolved(x, filters, kernel)
            levels.append(x)
    for level in levels[-2::-1]:
        x = layers.Concatenate()([layers.UpSampling2D(interpolation="bilinear")(x), level])
        x = convolved(x, level.shape[-1], kernel)
    x = convolved(x, widths[1], kernel)
    # The bias of a class is the logit of a rare thing: thousands of cells would else begin half sure.
    rare = keras.initializers.Constant(float(np.log(_RARE / (1 - _RARE))))
    middles = layers.Conv2D(classes, 1, kernel_initializer=next(kernel), bias_initializer=rare, dtype="float32")(x)
    sides = layers.Conv2D(4, 1, kernel_initializer=next(kernel), dtype="float32")(x)
    made = layers.Concatenate(dtype="float32")([middles, sides])
    rows, columns = (-(-side // 4) for side in shape[:2])
    extra = tuple((0, have - want) for have, want in zip(made.shape[1:3], (rows, columns), strict=True))
    if any(map(any, extra)):
        made = layers.Cropping2D(extra)(made)
    return keras.Model(inputs, made, name="network")
