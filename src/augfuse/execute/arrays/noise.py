"""Normal noise from the words of a key for each image, as `GaussianNoise` defines it: the same on every executor."""

from __future__ import annotations

from augfuse.execute.arrays.backend import Ops, Tensor
from augfuse.execute.arrays.numpy_names import algebra_for
from augfuse.execute.arrays.philox32 import keyed
from augfuse.execute.arrays.planes import Planes, per_image
from augfuse.transforms.local import normal_quantiles


def noisy(planes: Planes, values: list[Tensor], own: dict[str, Tensor], ops: Ops) -> list[Tensor]:
    """Values take 16 bits each, in (row, column, channel) order, the lowest of each word first."""
    algebra, channels = algebra_for(ops.name), len(values)
    size = planes.height * planes.width * channels
    words = keyed(algebra, own["key"], -(-size // 16))
    pair = [words & algebra.bits(0xFFFF), algebra.right(words, 16)]
    bits = ops.transpose(ops.stack([ops.cast(part, "int32") for part in pair], 2), (4, 3, 0, 1, 2))
    bits = ops.reshape(
        ops.reshape(bits, (-1, -(-size // 16) * 16))[:, :size], (-1, planes.height, planes.width, channels)
    )
    table, std = ops.tensor(normal_quantiles(), values[0]), per_image(ops, own["std"])
    return [value + ops.take(table, bits[..., c]) * std for c, value in enumerate(values)]
