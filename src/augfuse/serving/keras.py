"""Keras models with a program in front: of the framework's own operations, so that a file loads without augfuse."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple, final

import keras
import numpy as np
from keras import ops

from augfuse.frameworks import KerasModel
from augfuse.serving.preprocess import preprocessed
from augfuse.serving.program import Program


class _Arrays:
    """`keras.ops`, on symbolic tensors; sizes are counted, because a symbolic size is unknown."""

    def __init__(self) -> None:
        # JAX has none unless the program asks for it, and warns.
        self._exact = "float32" if keras.backend.backend() == "jax" else "float64"

    maximum = staticmethod(ops.maximum)
    minimum = staticmethod(ops.minimum)
    where = staticmethod(ops.where)
    floor = staticmethod(ops.floor)
    round = staticmethod(ops.round)
    sqrt = staticmethod(ops.sqrt)
    equal = staticmethod(ops.equal)

    def places(self, values: np.ndarray) -> Any:
        return np.asarray(values, self._exact)

    def positions(self, images: Any, axis: int) -> Any:
        others = tuple(other for other in range(4) if other != axis)
        ones: Any = ops.ones_like(ops.max(images, axis=others), dtype=self._exact)
        counted: Any = ops.cumsum(ones)
        return counted - 1.0

    def length(self, images: Any, axis: int) -> Any:
        last: Any = ops.max(self.positions(images, axis))
        return last + 1.0

    def pixels(self, values: Any) -> Any:
        return values.astype(np.float32) if isinstance(values, np.ndarray) else ops.cast(values, "float32")

    def contracted(self, rows: Any, columns: Any, images: Any) -> Any:
        # Not `tensordot`, which compares unknown sizes with numbers.
        planes = ops.matmul(rows, ops.transpose(images, (0, 3, 1, 2)))
        return ops.transpose(ops.matmul(planes, ops.transpose(columns)), (0, 2, 3, 1))

    def mixed(self, images: Any, matrix: Any) -> Any:
        return ops.matmul(images, matrix.T)

    def scaled(self, images: Any, scale: np.ndarray, bias: np.ndarray) -> Any:
        return keras.layers.Rescaling(scale.tolist(), bias.tolist(), name="preprocessing")(images)

    def mean(self, images: Any) -> Any:
        return ops.mean(images, axis=(1, 2, 3), keepdims=True)


def raw_input(program: Program, size: tuple[int, int] | None) -> tuple[Any, Any]:
    """A symbolic uint8 input (n, h, w, c), of any size where `size` is None, and what the program makes of it."""
    with single_precision():
        raw = keras.Input((*(size or (None, None)), program.channels), dtype="uint8", name="image")
        return raw, preprocessed(program, _Arrays(), raw)


@contextmanager
def single_precision() -> Iterator[None]:
    """Layers made inside compute in float32, whatever the program chose for its own."""
    chosen = keras.config.dtype_policy()
    keras.config.set_dtype_policy("float32")
    try:
        yield
    finally:
        keras.config.set_dtype_policy(chosen)


def channels_of(model: KerasModel) -> int | None:
    """Of the images that a model takes; None where it does not say."""
    shape = _input_shape(model)
    return shape[3] if shape is not None and len(shape) == 4 else None


def size_of(model: KerasModel) -> tuple[int, int] | None:
    """(h, w) of the images that a model takes; None where it takes any."""
    shape = _input_shape(model)
    height, width = (None, None) if shape is None or len(shape) != 4 else shape[1:3]
    return None if height is None or width is None else (height, width)


def _input_shape(model: KerasModel) -> tuple[int | None, ...] | None:
    try:
        shape = model.input_shape
    except (AttributeError, ValueError):  # a subclass, or one that was never called
        return None
    return tuple(shape) if isinstance(shape, tuple) else None


def predictor(model: KerasModel) -> Callable[[np.ndarray], Any]:
    """What a model says of a batch of images."""
    if keras.backend.backend() == "jax":  # else it would compile each operation for each size
        return model.predict_on_batch
    # `predict` would compile all for each size, and warn of it.
    return lambda images: keras.tree.map_structure(ops.convert_to_numpy, model(images, training=False))


@final
class Served(NamedTuple):
    """A model behind a program. network: the model itself, without its optimiser. written: what it is given."""

    model: KerasModel
    written: Any
    network: KerasModel


def served(model: KerasModel, program: Program) -> Served:
    """A model of raw uint8 images."""
    raw, written = raw_input(program, None if program.moves else program.size)
    network = _bare(model)
    return Served(
        keras.Model(raw, network(written, training=False), name="augfuse"), keras.Model(raw, written), network
    )


def _bare(model: KerasModel) -> Any:
    """The model without the state of its optimiser, which would be written with it."""
    if getattr(model, "optimizer", None) is None or _input_shape(model) is None:
        return model
    bare = type(model).from_config(model.get_config())
    bare.set_weights(model.get_weights())
    return bare


def write_onnx(model: KerasModel, path: Path) -> None:
    """An ONNX file of a model of raw images."""
    model(np.zeros((1, *(side or 64 for side in model.input_shape[1:])), np.uint8))  # the exporter wants a call
    model.export(path, format="onnx", verbose=False)


def read(path: Path) -> Callable[[np.ndarray], Any]:
    """What the model in a file says of images."""
    saved: Any = keras.models.load_model(path, compile=False)
    return predictor(saved)
