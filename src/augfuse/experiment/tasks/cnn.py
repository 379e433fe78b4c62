"""The built-in classification network."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from augfuse.experiment.backend import load_keras

DENSE, DROPOUT = 128, 0.5


def cnn_builder(
    input_shape: tuple[int, int, int], classes: int, widths: Sequence[int], *, dense: int, dropout: float
) -> Callable[[int], Any]:
    """The built-in network as a function of its seed.

    One 3x3 convolution and one halving per width, then dropout and a dense layer.
    """
    return lambda seed: _cnn(input_shape, classes, widths, dense, dropout, seed)


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
