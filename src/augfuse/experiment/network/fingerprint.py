"""The fingerprint of a network: its configuration, weights, optimiser and loss."""

from __future__ import annotations

import json
import types
import warnings
from hashlib import blake2b
from typing import Any

import numpy as np

from augfuse.experiment.backend import load_keras
from augfuse.experiment.network.head import loss_of
from augfuse.frameworks import KerasModel

# Where the configuration of a model says names of layers: Keras numbers them as a process goes on.
_NAMES = ("name", "keras_history", "input_layers", "output_layers")


def fingerprint(model: KerasModel) -> str:
    """16 hex digits of a new model (of seed 0): layers and connections, precision, weights, optimiser and loss. The
    same in every process; names of layers do not count."""
    layers = [
        (type(layer).__name__, layer.dtype_policy.name, _config(layer), _functions(layer))
        for layer in model._flatten_layers()
    ]
    optimizer, loss = getattr(model, "optimizer", None), loss_of(model)
    rule = None if optimizer is None else (type(optimizer).__name__, _config(optimizer))
    if isinstance(loss, types.FunctionType):
        aim: Any = (loss.__name__, _function(loss))
    else:
        aim = loss if loss is None or isinstance(loss, str) else (type(loss).__name__, _config(loss), _functions(loss))
    digest = blake2b(_text([layers, rule, aim]), digest_size=8)
    for weight in model.get_weights():
        digest.update(str(weight.shape).encode() + np.ascontiguousarray(weight).tobytes())
    return digest.hexdigest()


def _config(part: Any) -> Any:
    """The configuration that Keras would save of a model, layer, optimiser or loss. For an object that cannot be saved,
    such as a custom layer without get_config, its plain attributes; a model with such a layer is described by its
    layers."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # functions without a name are unsafe to load; nothing loads this
            return load_keras().saving.serialize_keras_object(part)["config"]
    except Exception:  # own layers may raise anything
        return {name: value for name, value in _public(part).items() if isinstance(value, (bool, int, float, str))}


def _functions(part: Any) -> dict[str, Any]:
    """The code of the user's functions in a layer or a loss; a configuration holds only their names."""
    return {name: _function(value) for name, value in _public(part).items() if isinstance(value, types.FunctionType)}


def _public(part: Any) -> dict[str, Any]:
    return {name: value for name, value in vars(part).items() if not name.startswith("_") and name != "name"}


def _function(function: types.FunctionType) -> Any:
    if (function.__module__ or "").startswith("keras."):
        return function.__name__
    kept = [*(function.__defaults__ or ()), *(cell.cell_contents for cell in function.__closure__ or ())]
    return [_code(function.__code__), [one for one in kept if isinstance(one, (bool, int, float, str))]]


def _code(code: types.CodeType) -> list[Any]:
    """Bytecode, names and constants of a function, without line numbers."""
    return [code.co_code.hex(), list(code.co_names), [_constant(one) for one in code.co_consts]]


def _constant(value: Any) -> Any:
    if isinstance(value, types.CodeType):
        return _code(value)
    return sorted(map(repr, value)) if isinstance(value, frozenset) else repr(value)


def _text(found: Any) -> bytes:
    """As JSON, with names by their order of appearance."""
    numbers: dict[str, int] = {}

    def plain(value: Any, names: bool = False) -> Any:
        if isinstance(value, dict):
            kind = str(value.get("class_name"))
            if kind == "__lambda__":  # Keras' form holds lines and files; `_functions` has what it does
                return kind
            if kind.endswith("DTypePolicy"):  # its name is not a layer's
                return [kind, repr(value.get("config"))]
            # compile_config is that of the metrics too, which change no number.
            return {str(k): plain(v, names or k in _NAMES) for k, v in value.items() if k != "compile_config"}
        if isinstance(value, (list, tuple)):
            return [plain(one, names) for one in value]
        if isinstance(value, str) and names:
            return numbers.setdefault(value, len(numbers))
        if value is None or isinstance(value, (bool, int, float, str)):
            return value
        return value.tolist() if isinstance(value, (np.ndarray, np.generic)) else type(value).__name__

    return json.dumps(plain(found), sort_keys=True).encode()
