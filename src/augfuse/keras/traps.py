"""Mistakes that show when a model and its data meet: said before Keras fails with shapes, or trains on nonsense."""

from __future__ import annotations

from collections.abc import Iterator
from types import FrameType
from typing import Any

import keras

from augfuse.keras.feed import BUILD, FIT, who_asks
from augfuse.keras.notices import warn


def check_loss(frame: FrameType, one_hot: bool, other_labels: str) -> None:
    """Warn where labels are one-hot and the loss of the model that trains wants class numbers, or the reverse.

    frame: where a batch is asked for; Keras does so before it fails. other_labels: what to type for the other kind.
    """
    asker = who_asks(frame)
    loss = getattr(asker.model, "loss", None) if asker.method in (FIT, BUILD) else None
    name = loss if isinstance(loss, str) else getattr(loss, "name", getattr(loss, "__name__", None))
    wanted = {"sparse_categorical_crossentropy": False, "categorical_crossentropy": True}.get(str(name))
    if wanted is None or wanted == one_hot:
        return
    got, want = ("one-hot labels", "class numbers") if one_hot else ("class numbers", "one-hot labels")
    right = "categorical_crossentropy" if one_hot else "sparse_categorical_crossentropy"
    warn(f"the loss {name} wants {want}, the data has {got}. Compile with loss={right!r}, or use {other_labels}.")


def check_rescaling(model: Any, rescale: float | None) -> None:
    """Warn where the generator scales pixels down, and the model does so again."""
    if not rescale or rescale >= 1:
        return
    for layer in _layers(model):
        scale = getattr(layer, "scale", None) if isinstance(layer, keras.layers.Rescaling) else None
        if isinstance(scale, (int, float)) and scale < 1:
            warn(
                f"pixels are scaled twice: rescale={rescale:.6g} in the generator, Rescaling({scale:.6g}) in the "
                "model. Leave one out: without rescale= the saved model takes raw pixels."
            )
            return


def check_steps(steps: int | None, batches: int) -> None:
    """Warn where an epoch of Keras is less than a pass over the data."""
    if steps and steps < batches:
        warn(
            f"steps_per_epoch={steps} is less than the {batches} batches of the data: one pass then takes several "
            "epochs of Keras. Drop steps_per_epoch: model.fit(iterator, epochs=...)"
        )


def _layers(model: Any) -> Iterator[Any]:
    for layer in getattr(model, "layers", ()):
        yield layer
        yield from _layers(layer)
