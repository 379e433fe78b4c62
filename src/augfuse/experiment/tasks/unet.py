"""The network of a segmentation where no other is named: a small U-Net."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from augfuse.experiment.backend import load_keras

# Keras' statistics follow a hundred steps, which small data sets do not take in many epochs.
MOMENTUM = 0.9


def unet_builder(shape: tuple[int, int, int], classes: int, widths: Sequence[int]) -> Callable[[int], Any]:
    """A U-Net as a function of its seed, of images (h, w, c) of any size: two 3x3 convolutions with batch normalisation
    at each width, halved between them, and the same way back."""
    return lambda seed: _unet(shape, classes, widths, seed)


def kernels(seed: int) -> Iterator[Any]:
    """Initialisers of one network, one after the other; the same seed, the same weights."""
    keras = load_keras()
    state = np.random.SeedSequence(seed)
    while True:
        # 31 bits: torch keeps seeds as int32.
        (part,) = state.spawn(1)
        yield keras.initializers.HeUniform(seed=int(part.generate_state(1)[0] >> 1))


def convolved(x: Any, filters: int, kernel: Iterator[Any], strides: int = 1) -> Any:
    """A 3x3 convolution with batch normalisation and a ReLU."""
    layers = load_keras().layers
    x = layers.Conv2D(filters, 3, strides, padding="same", use_bias=False, kernel_initializer=next(kernel))(x)
    return layers.Activation("relu")(layers.BatchNormalization(momentum=MOMENTUM)(x))


def padded_to(
    x: Any, shape: tuple[int, int, int], multiple: int
) -> tuple[Any, tuple[tuple[int, int], tuple[int, int]]]:
    """An image padded with zeros at the right and below to sides that are multiples, and how much that was."""
    below, right = (-side % multiple for side in shape[:2])
    amounts = ((0, below), (0, right))
    return (load_keras().layers.ZeroPadding2D(amounts)(x) if below or right else x), amounts


def _unet(shape: tuple[int, int, int], classes: int, widths: Sequence[int], seed: int) -> Any:
    keras = load_keras()
    layers, kernel = keras.layers, kernels(seed)
    inputs = keras.Input(shape)
    x, padding = padded_to(inputs, shape, 2 ** (len(widths) - 1))
    levels = []
    for filters in widths:
        if levels:
            x = layers.MaxPooling2D()(x)
        x = convolved(convolved(x, filters, kernel), filters, kernel)
        levels.append(x)
    for filters, level in zip(widths[-2::-1], levels[-2::-1], strict=True):
        x = layers.Concatenate()([layers.UpSampling2D(interpolation="bilinear")(x), level])
        x = convolved(convolved(x, filters, kernel), filters, kernel)
    x = layers.Conv2D(classes, 1, kernel_initializer=next(kernel))(x)
    if any(map(any, padding)):
        x = layers.Cropping2D(padding)(x)
    return keras.Model(inputs, layers.Softmax(dtype="float32")(x), name="network")
