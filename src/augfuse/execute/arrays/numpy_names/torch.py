"""What `words` needs of PyTorch, which has no whole set of unsigned operations: words are int64, masked. Matrices are
made on the host."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, final

import numpy as np
import torch

ON_THE_HOST = (
    "Augment makes its numbers on the host, which is not compiled. Leave fullgraph=True out, or compile the model "
    "behind it: model = torch.compile(model, fullgraph=True), then model(augment(images))"
)
_MASK = 0xFFFFFFFF
_typeless: Any = torch  # of some functions it declares half of the types


@final
class Algebra:
    """See `algebras`."""

    compiles_each = False
    masks = True

    def bits(self, values: Any) -> Any:
        if isinstance(values, torch.Tensor):
            return values.to(torch.int64)
        if np.ndim(values) == 0:  # a tensor made of a number would be one more on the wrong device
            return int(values)
        return _typeless.from_numpy(np.asarray(values).astype(np.int64))

    def cast(self, tensor: Any, dtype: str) -> Any:
        return tensor.to(getattr(torch, dtype))

    def left(self, word: Any, by: int) -> Any:
        return (word << by) & _MASK

    def right(self, word: Any, by: int) -> Any:
        return word >> by

    def stack(self, tensors: Sequence[Any], axis: int = 0) -> Any:
        return torch.stack(list(tensors), axis)

    def broadcast_to(self, tensor: Any, shape: tuple[int, ...]) -> Any:
        return tensor.expand(*shape)

    def array(self, values: np.ndarray) -> Any:
        return _typeless.from_numpy(values)

    def outside(self, function: Any) -> Any:
        return _typeless.compiler.disable(function, reason=ON_THE_HOST)

    def is_known(self, value: Any) -> bool:
        return True

    def pixels(self, images: Any) -> np.ndarray | None:
        if torch.compiler.is_compiling() or images.device.type != "cpu":
            return None
        return images.detach().numpy()

    def dtype(self, images: Any) -> str:
        return str(images.dtype).removeprefix("torch.")
