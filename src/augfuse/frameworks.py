"""The frameworks that batches go to, each known by the files of its adapter, the only ones that import it.

An adapter is a module with `serve(loader, ...)`, what `loader.to_<framework>(...)` returns. That of a framework which
knows processes has `rank()`, which of how many this one is, or None. It is imported when it is first asked for.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeAlias

from augfuse.errors import MissingExtraError

if TYPE_CHECKING:
    import keras
    import torch
    from torch.utils.data import IterableDataset


class _Framework(NamedTuple):
    title: str
    module: str  # what users import
    extra: str


_FRAMEWORKS = {
    "keras": _Framework("Keras and one of its backends", "keras", "keras,tensorflow"),
    "torch": _Framework("PyTorch", "torch", "torch"),
    "tensorflow": _Framework("TensorFlow", "tensorflow", "tensorflow"),
    "jax": _Framework("JAX", "jax", "jax"),
    "grain": _Framework("Grain", "grain", "grain"),
    "hf": _Framework("Hugging Face's datasets", "datasets", "hf"),
}
_RANKED = ("keras", "torch", "jax")  # TensorFlow says it in the environment, as TF_CONFIG, and Grain asks JAX
_METHODS = {name: f"loader.to_{'tf' if name == 'tensorflow' else name}()" for name in _FRAMEWORKS}


class Served(Protocol):
    """Batches of a loader as a framework takes them: what `loader.to_jax()` returns. Each loop is the next epoch."""

    @property
    def loader(self) -> Any: ...
    def __len__(self) -> int: ...
    def __iter__(self) -> Iterator[Any]: ...
    def set_epoch(self, epoch: int) -> None: ...
    def state_dict(self) -> dict[str, Any]: ...
    def load_state_dict(self, state: dict[str, Any]) -> None: ...


class ColumnFunction(Protocol):
    """A function of columns, for `set_transform` of a Hugging Face data set: what `recipe.hf()` returns."""

    def set_epoch(self, epoch: int) -> None: ...
    def __call__(self, examples: Mapping[str, Any]) -> dict[str, Any]: ...


class KerasModel(Protocol):
    """What is asked of a Keras model. Keras gives its models most of these when they are made, so that `keras.Model`
    does not declare them."""

    name: str
    layers: list[Any]
    inputs: list[Any]
    outputs: list[Any]
    input_shape: Any
    output_shape: Any
    input: Any
    loss: Any
    optimizer: Any
    compiled: bool
    variables: list[Any]
    trainable_variables: list[Any]

    def __call__(self, inputs: Any, training: bool | None = None) -> Any: ...
    def _flatten_layers(self, recursive: bool = True, include_self: bool = True) -> list[Any]: ...
    def count_params(self) -> int: ...
    def compile(self, *args: Any, **kwargs: Any) -> None: ...
    def fit(self, *args: Any, **kwargs: Any) -> Any: ...
    def train_on_batch(self, *args: Any, **kwargs: Any) -> Any: ...
    def predict_on_batch(self, x: Any) -> Any: ...
    def get_weights(self) -> list[Any]: ...
    def set_weights(self, weights: list[Any]) -> None: ...
    def get_config(self) -> dict[str, Any]: ...
    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any: ...
    def save(self, filepath: Any, overwrite: bool = True) -> None: ...
    def save_weights(self, filepath: Any, overwrite: bool = True) -> None: ...
    def export(self, *args: Any, **kwargs: Any) -> None: ...


if TYPE_CHECKING:
    Model: TypeAlias = KerasModel | torch.nn.Module
    KerasSequence: TypeAlias = keras.utils.PyDataset

    class ServedToTorch(IterableDataset[Any], Served):
        """The same as a data set of PyTorch: what `loader.to_torch()` returns."""


def adapter(name: str, what: str | None = None) -> Any:
    """Import the adapter of a framework.

    Args:
        name: the framework: "torch", "jax", ...
        what: what needs it, for the error message.

    Returns:
        The module of the adapter.

    Raises:
        MissingExtraError: the framework is not installed.
    """
    require(name, what or _METHODS[name])
    return import_module(f"augfuse.adapters.{name}")


def require(name: str, what: str) -> None:
    """Import a framework that `what` needs. MissingExtraError where it is not installed."""
    framework = _FRAMEWORKS[name]
    try:
        import_module(framework.module)
    except ImportError as error:
        raise MissingExtraError(
            f"{what} needs {framework.title}, and `import {framework.module}` failed: {error}. "
            f"Install it with: pip install 'augfuse[{framework.extra}]'"
        ) from error


def ranks() -> dict[str, tuple[int, int]]:
    """(rank, world) of this process, by the framework that says so, of those that this process has imported."""
    found = {}
    for name in _RANKED:  # which their modules are called, too
        if sys.modules.get(name) is not None and (place := adapter(name).rank()) is not None:
            found[name] = place
    return found
