"""PyTorch: batches that are augmented on the device that they are sent to."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor

from augfuse.adapters.batch_parts import parts
from augfuse.adapters.on_device import DevicePart
from augfuse.batch import Batch
from augfuse.data.batches.loader import Loader
from augfuse.errors import RangeError
from augfuse.text import shown


def device_part(loader: Loader) -> DevicePart:
    """What is left to do to the batches of a loader, channels first."""
    return DevicePart("to_torch", "torch", loader, lambda images: images.permute(0, 3, 1, 2).contiguous())


def device_of(device: Any) -> torch.device:
    """A device that is there. RangeError for others."""
    try:
        found = torch.device(device)
        torch.empty(0, device=found)
    except (RuntimeError, AssertionError, TypeError) as error:
        reason = str(error).partition("\n")[0]
        raise RangeError(f"device: got {shown(device)}, wanted one that this PyTorch has: {reason}") from error
    return found


def augmented(
    batches: Iterator[Batch],
    part: DevicePart,
    device: torch.device,
    tensor: Callable[[str, Any], Any],
    names: tuple[str, ...] | None,
) -> Iterator[Any]:
    """Sent to the device and augmented there; nothing waits for it. tensor: makes tensors of arrays. names:
    see `parts`."""

    def sent(name: str, value: Any) -> Any:
        found = tensor(name, value)
        if isinstance(found, Tensor):
            return found.to(device, non_blocking=device.type == "cuda")
        return [sent(name, one) for one in found] if isinstance(found, list) else found

    for batch in batches:
        program, pixels, numbers = part.numbers(batch)
        images = program(sent("images", pixels), {name: sent(name, array) for name, array in numbers.items()})
        batch.images = images[: len(batch)]
        yield parts(batch, sent, names)
        del batch, pixels, images
