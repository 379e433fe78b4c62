"""Facts about a network, built-in or the user's, for the recorded settings and the report."""

from __future__ import annotations

import math
from collections import Counter
from typing import Any

from augfuse.experiment.network.network import Network
from augfuse.experiment.records import ModelFacts


def model_facts(network: Network) -> ModelFacts:
    """Size, layers, precision, optimiser and loss of a network that has not been trained yet."""
    model = network.model
    layers = (layer for layer in model._flatten_layers(include_self=False) if not getattr(layer, "layers", None))
    counts = Counter(type(layer).__name__ for layer in layers)
    del counts["InputLayer"]
    return ModelFacts(
        parameters=int(model.count_params()),
        trained=sum(math.prod(variable.shape) for variable in model.trainable_variables),
        layers=", ".join(name if count == 1 else f"{count} {name}" for name, count in counts.items()),
        precision=network.precision,
        optimizer=_words(model.optimizer),
        loss=_words(model.loss),
    )


def _words(part: Any) -> str:
    """An optimiser, a schedule or a loss with its arguments, such as "SGD(learning_rate=0.05)"."""
    if isinstance(part, str):
        return part
    if not hasattr(part, "get_config"):
        return getattr(part, "__name__", type(part).__name__)
    return _said(type(part).__name__, part.get_config())


def _said(name: str, config: dict[str, Any]) -> str:
    unused = () if config.get("use_ema") else ("ema_momentum", "ema_overwrite_frequency")
    words = [
        f"{key}={_value(value)}"
        for key, value in config.items()
        if key != "name" and key not in unused and value is not None and value is not False
    ]
    return f"{name}({', '.join(words)})" if words else name


def _value(value: Any) -> str:
    if isinstance(value, dict) and "class_name" in value:
        return _said(str(value["class_name"]), dict(value.get("config") or {}))
    return f"{value:g}" if isinstance(value, float) else str(value)
