"""PyTorch modules with a program in front, as an ExportedProgram or ONNX: of the framework's own operations."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr
from pathlib import Path
from typing import Any, final

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves, tree_map_only

from augfuse.serving.preprocess import preprocessed
from augfuse.serving.program import Program

_PLACES = torch.float64


@final
class _Arrays:
    """PyTorch's functions. Scalars are tensors without an axis: a number would become a part of the graph."""

    def __init__(self, device: torch.device) -> None:
        self._device = device

    floor = staticmethod(torch.floor)
    round = staticmethod(torch.round)
    sqrt = staticmethod(torch.sqrt)
    equal = staticmethod(torch.eq)

    def _number(self, value: Any) -> Any:
        return value if isinstance(value, Tensor) else torch.tensor(value, dtype=_PLACES, device=self._device)

    def maximum(self, a: Any, b: Any) -> Any:
        return torch.maximum(self._number(a), self._number(b))

    def minimum(self, a: Any, b: Any) -> Any:
        return torch.minimum(self._number(a), self._number(b))

    def where(self, condition: Any, a: Any, b: Any) -> Any:
        if isinstance(condition, bool):
            return a if condition else b
        return torch.where(condition, a, b)

    def places(self, values: np.ndarray) -> Any:
        return torch.tensor(values, dtype=_PLACES, device=self._device)

    def positions(self, images: Any, axis: int) -> Any:
        return torch.arange(images.shape[axis], dtype=_PLACES, device=self._device)

    def length(self, images: Any, axis: int) -> Any:
        return self.positions(images, axis)[-1] + 1.0

    def pixels(self, values: Any) -> Any:
        if isinstance(values, np.ndarray):
            return torch.tensor(values, dtype=torch.float32, device=self._device)
        return values.to(torch.float32)

    def contracted(self, rows: Any, columns: Any, images: Any) -> Any:
        down = torch.einsum("yh,nhwc->nywc", rows, images)
        return torch.einsum("xw,nywc->nyxc", columns, down)

    def mixed(self, images: Any, matrix: Any) -> Any:
        return images @ matrix.T

    def scaled(self, images: Any, scale: np.ndarray, bias: np.ndarray) -> Any:
        return images * self.pixels(scale) + self.pixels(bias)

    def mean(self, images: Any) -> Any:
        return images.mean(dim=(1, 2, 3), keepdim=True)


@final
class Served(nn.Module):
    """A model behind a program: uint8 images (n, h, w, c) in."""

    def __init__(self, model: nn.Module, program: Program, planar: bool) -> None:
        nn.Module.__init__(self)
        self.model = model
        self._program = program
        self._planar = planar

    def written(self, images: Tensor) -> Tensor:
        """What the model is given."""
        found = preprocessed(self._program, _Arrays(images.device), images)
        return found.permute(0, 3, 1, 2).contiguous() if self._planar else found

    def forward(self, images: Tensor) -> Any:
        return self.model(self.written(images))


def write(served: Served, size: tuple[int, int] | None, channels: int, path: Path, onnx: bool) -> None:
    """An ExportedProgram, or ONNX, of any number of images, and of any size where `size` is None. The model is in
    evaluation mode."""
    device = device_of(served)
    example = torch.zeros((2, *(size or (61, 83)), channels), dtype=torch.uint8, device=device)
    free = {0: torch.export.Dim("n")}
    if size is None:
        free |= {1: torch.export.Dim("height"), 2: torch.export.Dim("width")}
    # Of a model that cannot be exported PyTorch prints the graph.
    with torch.no_grad(), redirect_stderr(io.StringIO()):
        if onnx:
            torch.onnx.export(
                served, (example,), str(path), dynamo=True, dynamic_shapes={"images": free}, input_names=["image"],
                output_names=_names(served(example)), external_data=False, verbose=False,
            )  # fmt: skip
        else:
            torch.export.save(torch.export.export(served, (example,), dynamic_shapes={"images": free}), path)


def _names(outputs: Any) -> list[str]:
    """Of the outputs: those that the model gives them, or numbers."""
    if isinstance(outputs, dict):
        return list(outputs)
    count = len(tree_leaves(outputs))
    return ["output"] if count == 1 else [f"output_{number}" for number in range(count)]


def read(path: Path, device: torch.device) -> Callable[[np.ndarray], Any]:
    """What an ExportedProgram says of images."""
    module = torch.export.load(path).module()
    return lambda images: plain(module(torch.from_numpy(images).to(device)))


def written(served: Served, device: torch.device) -> Callable[[np.ndarray], np.ndarray]:
    """What the model is given, for raw images."""
    return lambda images: served.written(torch.from_numpy(images).to(device)).cpu().numpy()


def predictor(model: nn.Module) -> Callable[[np.ndarray], Any]:
    """What a model says of float32 images as it takes them."""
    device = device_of(model)

    def predicted(images: np.ndarray) -> Any:
        with torch.no_grad():
            return plain(model(torch.from_numpy(images).to(device)))

    return predicted


def device_of(model: nn.Module) -> torch.device:
    """Where a model's parameters lie."""
    return next((one.device for one in (*model.parameters(), *model.buffers())), torch.device("cpu"))


def plain(outputs: Any) -> Any:
    """The same with arrays."""
    return tree_map_only(Tensor, lambda one: one.detach().cpu().numpy(), outputs)


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """The model in evaluation mode, each module then as it was."""
    modes = {module: module.training for module in model.modules()}
    try:
        model.eval()
        yield
    finally:
        for module, mode in modes.items():
            module.training = mode
