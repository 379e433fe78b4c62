"""The two sides that are compared: what the training pipeline predicts, and how an artefact is written and read."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, final

import numpy as np

from augfuse.errors import ImageTypeError, MissingExtraError, RecipeError
from augfuse.recipe import Recipe
from augfuse.serving.program import Program
from augfuse.text import shown

if TYPE_CHECKING:
    from augfuse.frameworks import Model

Format: TypeAlias = Literal["saved_model", "keras", "torch", "onnx"]
Predict: TypeAlias = Callable[[Any], Any]
_NEEDED = {"onnx": {"torch": ("onnxruntime", "onnxscript"), "keras": ("onnxruntime", "tf2onnx")}}


@final
@dataclass(frozen=True, slots=True)
class Side:
    """A model on its way into an artefact.

    expected: what it predicts of float32 images as the recipe writes them, (n, h, w, c) or `planar`. written: what the
    artefact gives to its network, for raw images. write: puts the artefact to a path. read: what one there says of raw
    images, and of encoded ones where it takes such. decoded: pixels (h, w, c) as it decodes them.
    """

    expected: Predict
    planar: bool
    written: Predict
    write: Callable[[Path], None]
    read: Callable[[Path], tuple[Predict, Predict | None]]
    decoded: Callable[[bytes], np.ndarray] | None = None
    evaluating: Callable[[], AbstractContextManager[None]] = nullcontext


def framework_of(model: Model) -> Literal["keras", "torch"]:
    """ "keras" or "torch". ImageTypeError for what is not a model."""
    keras, torch = sys.modules.get("keras"), sys.modules.get("torch")
    if keras is not None and isinstance(model, keras.Model):
        return "keras"
    if torch is not None and isinstance(model, torch.nn.Module):
        return "torch"
    raise ImageTypeError(
        f"export: got {shown(model)} as model, wanted a Keras model or a PyTorch module. Of JAX, put the function into "
        "a Keras layer."
    )


def check_raw(model: Model, recipe: Recipe, form: Format) -> None:
    """RecipeError for a model that holds its own recipe, as an Augment layer or module."""
    kinds = {type(part) for part in _parts(model)}
    if not any(kind.__name__ == "Augment" and kind.__module__.startswith("augfuse.") for kind in kinds):
        return
    if recipe.eval().transforms:
        raise RecipeError(
            "export: the model holds an Augment, which does in evaluation what its recipe says, and this recipe would "
            "come on top, wanted one of them. Use af.export(model, af.Recipe([]), path)."
        )
    if form == "keras":
        raise RecipeError(
            "export: the model holds an Augment, so that a .keras file of it is loaded only where augfuse is, wanted "
            "operations of Keras alone. Use af.export(model, af.Recipe([]), 'served'), a SavedModel."
        )


def _parts(model: Any) -> Any:
    return model._flatten_layers() if framework_of(model) == "keras" else model.modules()


def of(model: Model, program: Program, form: Format, planar: bool | None) -> Side:
    """The sides of a model. planar: whether it takes (n, c, h, w); None: as its framework does. RecipeError,
    MissingExtraError for a format that it cannot get here."""
    kind = framework_of(model)
    for module in _NEEDED.get(form, {}).get(kind, ()):
        try:
            import_module(module)
        except ImportError as error:
            raise MissingExtraError(
                f"export: an ONNX file needs {module}, and `import {module}` failed: {error}. Install it with: pip "
                "install 'augfuse[onnx]'"
            ) from error
    if kind == "torch":
        return _torch(model, program, form, planar is not False)
    return _keras(model, program, form)


def size_of(model: Model) -> tuple[int, int] | None:
    """(h, w) that a model takes; None where it does not say."""
    return _module("keras").size_of(model) if framework_of(model) == "keras" else None


def channels_of(model: Model) -> int | None:
    """The channels that a model takes; None where it does not say."""
    return _module("keras").channels_of(model) if framework_of(model) == "keras" else None


def _module(name: str) -> Any:
    return import_module(f"augfuse.serving.{name}")


def _torch(model: Model, program: Program, form: Format, planar: bool) -> Side:
    torch = _module("torch")
    served = torch.Served(model, program, planar)
    size = None if program.moves else program.size
    device = torch.device_of(model)

    def read(path: Path) -> tuple[Predict, None]:
        return (_module("onnx").read(path) if form == "onnx" else torch.read(path, device)), None

    return Side(
        torch.predictor(model),
        planar,
        torch.written(served, device),
        lambda path: torch.write(served, size, program.channels, path, form == "onnx"),
        read,
        evaluating=lambda: torch.evaluating(served),
    )


def _keras(model: Model, program: Program, form: Format) -> Side:
    keras = _module("keras")
    backend = sys.modules["keras"].backend.backend()
    if form in ("saved_model", "onnx") and backend != "tensorflow":
        raise RecipeError(
            f"export: {'a SavedModel' if form == 'saved_model' else 'ONNX'} needs Keras on TensorFlow, and it runs on "
            f"{backend}. Save it with model.save('model.keras'), and export it in a process with "
            "KERAS_BACKEND=tensorflow; or write a '.keras' file here, which loads on every backend."
        )
    served = keras.served(model, program)
    predict = keras.predictor(model)
    written = keras.predictor(served.written)
    if form == "saved_model":
        tensorflow = _module("tensorflow")
        return Side(
            predict,
            False,
            written,
            lambda path: tensorflow.write_saved_model(*served, program.channels, path),
            tensorflow.read_saved_model,
            lambda raw: tensorflow.decoded(raw, program.channels).numpy(),
        )
    if form == "onnx":
        return Side(
            predict, False, written, lambda path: keras.write_onnx(served.model, path),
            lambda path: (_module("onnx").read(path), None),
        )  # fmt: skip
    return Side(predict, False, written, served.model.save, lambda path: (keras.read(path), None))
