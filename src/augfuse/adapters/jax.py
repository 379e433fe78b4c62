"""JAX: what `loader.to_jax()` returns, and `augfuse.jax`."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Iterator, Sequence
from threading import Lock
from typing import Any, final

import jax
import numpy as np
from jax.core import Tracer
from jax.sharding import Sharding

from augfuse.adapters.batch_parts import check_numbers, check_stacks, parts, wanted_targets
from augfuse.adapters.on_device import DevicePart
from augfuse.algebra.ranges import whole
from augfuse.algebra.rng import check_epoch
from augfuse.batch import Batch, padded
from augfuse.data.batches.batch_form import Form
from augfuse.data.batches.loader import Loader
from augfuse.device import OnDevice, Position, check_alone
from augfuse.errors import DataError, ImageTypeError, RangeError
from augfuse.recipe import Recipe
from augfuse.text import shown

_TURN = "Use images.transpose(0, 2, 3, 1)."
_MOST = 64  # recipes of which what was prepared is kept
_known: OrderedDict[tuple[int, int], tuple[Recipe, OnDevice]] = OrderedDict()
_lock = Lock()


def rank() -> tuple[int, int] | None:
    """Of jax.distributed."""
    if not jax.distributed.is_initialized():
        return None
    return jax.process_index(), jax.process_count()


@final
class JaxBatches:
    """The batches of a loader as arrays on a device: what `loader.to_jax()` returns.

        for epoch in range(10):
            for images, labels in loader.to_jax(): ...        # images (n, h, w, c)

    Each loop is the next epoch of the loader. `prefetch` batches are on their way to the device before they are asked
    for. With a sharding the arrays are global ones, of which each process holds the part that its loader computed. With
    a device (a jax.Device, or "cpu", "gpu", "tpu") the loader reads and draws; pixels go there as they were read, and
    one compiled program augments them. Masks are moved by the CPU.

    Args:
        loader: an `af.Loader`.
        sharding: a jax Sharding for the first axis; None for one device.
        prefetch: batches on their way to the device, 0 or more.
        targets: names of the targets that are wanted; all by default.
        device: where images are augmented: a jax.Device, or "cpu", "gpu", "tpu"; None: on the host.
    """

    def __init__(
        self, loader: Loader, sharding: Any = None, prefetch: int = 2, targets: Sequence[str] | None = None,
        device: Any = None,
    ) -> None:  # fmt: skip
        self._loader = loader
        self._ahead = whole("prefetch", prefetch, 0)
        self._targets = wanted_targets(loader, targets)
        check_stacks(loader, "to_jax")
        self._several = False
        if sharding is not None and not isinstance(sharding, Sharding):
            raise ImageTypeError(
                f"sharding: got {type(sharding).__name__}, wanted a jax.sharding.Sharding, such as "
                "NamedSharding(mesh, PartitionSpec('batch'))."
            )
        self._sharding = sharding
        self._device = None if device is None else _device(device, sharding)
        self._part = None
        if device is not None:
            axes = (0, 3, 1, 2) if loader._layout == "NCHW" else (0, 1, 2, 3)
            self._part = DevicePart("to_jax", "jax", loader, lambda images: images.transpose(axes))
        if sharding is not None:
            self._check(sharding)

    def _check(self, sharding: Sharding) -> None:
        """Before the first step: each batch can be split among the devices, and each process has its part."""
        order = self._loader._order
        self._several = several = jax.process_count() > 1 and not sharding.is_fully_addressable
        here = (jax.process_index(), jax.process_count()) if several else (0, 1)
        if several and (order.rank, order.world) != here:
            raise RangeError(
                f"sharding: this is process {here[0]} of {here[1]} of JAX, and the loader has shard="
                f"{(order.rank, order.world)}. Use af.Loader(..., shard='auto')."
            )
        sizes = {len(order.batch(0, step)) for step in {0, len(order) - 1}}
        for size in sorted(sizes, reverse=True):
            try:
                sharding.shard_shape((size * here[1],))
            except (ValueError, IndexError) as error:
                hint = "drop_last=True" if size != max(sizes) else "another batch_size, or PartitionSpec('batch')"
                raise DataError(
                    f"sharding: a batch of {size * here[1]} images cannot be split: {error}. Use {hint}."
                ) from error
        if several and not self._loader.drop_last and order.n % (order.batch_size * order.world):
            raise DataError(
                "sharding: the last batch is not full, and every process wants the same. Use drop_last=True."
            )

    @property
    def loader(self) -> Loader:
        """The loader whose batches these are."""
        return self._loader

    def __len__(self) -> int:
        """Batches of an epoch."""
        return len(self._loader)

    def set_epoch(self, epoch: int) -> None:
        """The next loop serves `epoch` from its first batch."""
        self._loader.set_epoch(epoch)

    def state_dict(self) -> dict[str, Any]:
        """That of the loader: after the batches that were handed out, not those on their way."""
        return self._loader.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """That of the loader."""
        self._loader.load_state_dict(state)

    def __iter__(self) -> Iterator[Any]:
        # JAX lets go of arrays when it is called for others.
        loader = self._loader
        loader._settle()
        form = None if self._part is None else Form("NHWC", loader._ring.take, as_read=True)
        return loader._begin(form, self._on_device, held=self._ahead + 2)

    def _on_device(self, batches: Iterator[Batch]) -> Iterator[Any]:
        """The batches as JAX arrays, some of them ahead: sending does not wait."""
        sent: deque[Any] = deque()
        for batch in batches:
            if self._part is not None:
                program, pixels, numbers = self._part.numbers(batch)
                images = program(*jax.device_put((pixels, numbers), self._device))
                batch.images = images[: len(batch)]
                del pixels, images
            sent.append(self._sent(parts(batch, self._arrays, self._targets)))
            del batch
            if len(sent) > self._ahead:
                yield sent.popleft()
        while sent:
            yield sent.popleft()

    def _arrays(self, name: str, value: Any) -> Any:
        """As JAX takes it: an array of 32 bits where it has no 64, or padded ones with the counts of their entries."""
        if isinstance(value, jax.Array):
            return value
        check_numbers("to_jax", name, value)
        if isinstance(value, np.ndarray):
            return np.asarray(value, jax.dtypes.canonicalize_dtype(value.dtype))
        if self._several:
            raise DataError(
                f"to_jax: {shown(name)} has entries of different lengths, which several processes cannot make one "
                "array of. Leave it out: targets=(...)."
            )
        array, counts = padded({name: value}, name, None)
        return {"values": self._arrays(name, array), "counts": self._arrays(name, counts)}

    def _sent(self, arrays: Any) -> Any:
        if self._sharding is None:
            return jax.device_put(arrays, self._device)
        return jax.tree.map(lambda array: jax.make_array_from_process_local_data(self._sharding, array), arrays)


serve = JaxBatches  # see `Loader.to_jax`


def _device(device: Any, sharding: Any) -> Any:
    """A device that is there. RangeError for others, and beside a sharding."""
    if sharding is not None:
        raise RangeError(
            "device: got one and a sharding, wanted one of them. Augment sharded batches inside the step, with "
            "af.jax.augment, or leave device out."
        )
    if isinstance(device, jax.Device):
        return device
    try:
        return jax.devices(device)[0]
    except (RuntimeError, TypeError, AttributeError) as error:
        reason = str(error).partition("\n")[0]
        raise RangeError(f"device: got {shown(device)}, wanted one that this JAX has: {reason}") from error


def augment(
    recipe: Recipe, images: Any, *, seed: int, epoch: Any = None, indices: Any = None, training: bool = True,
    dtype: Any = "float32", **targets: Any,
) -> Any:  # fmt: skip
    """Augment a batch inside a compiled program.

    A pure function: the same arguments give the same images, also under `jax.jit`.

        @jax.jit
        def step(weights, images, labels, epoch, indices):
            images = af.jax.augment(recipe, images, seed=0, epoch=epoch, indices=indices)

    Args:
        recipe: an af.Recipe.
        images: (n, h, w, c) uint8, uint16 or floats within the recipe's value range, which count as float32.
        seed: a Python integer, part of the program.
        epoch: a number, or an int32 scalar that may be traced. With indices the epoch; without them the number of the
            step, or else each batch of an epoch gets the same draws.
        indices: (n,) the indices of the samples in the data set, which give the draws of an af.Loader with this seed in
            this epoch; None: their places in the batch. They may be traced.
        training: False: the evaluation form, which draws nothing.
        dtype: "float32", another float dtype, or that of the images.
        targets: none: masks, boxes and points are moved by a loader.

    Returns:
        (n, height, width, c) images of `dtype`.

    Raises:
        RecipeError: the recipe has a transform that does not run inside a compiled program.
        ImageError: images of a shape or values that do not fit.
    """
    check_alone("augment", images, targets, ("seed", "epoch", "indices", "training", "dtype"))
    if not isinstance(seed, int | np.integer) or isinstance(seed, bool):
        raise ImageTypeError(
            f"augment.seed: got {type(seed).__name__}, wanted a Python integer, which a program is compiled for. For "
            "a jax.random.key type seed=0: draws follow from the seed, epoch and indices. Pass what changes as these."
        )
    if training is not True and training is not False:
        raise ImageTypeError(f"augment.training: got {type(training).__name__}, wanted True or False.")
    if training and epoch is None:
        raise ImageTypeError(
            "augment.epoch: got None, wanted a number: the number of the step, or the epoch together with indices. "
            "Otherwise each batch gets the same draws."
        )
    on_device = _prepared(recipe, int(seed))
    if not isinstance(epoch, Tracer):
        epoch = 0 if epoch is None else check_epoch(epoch)
    images = jax.numpy.asarray(images)
    if images.dtype.name in ("float16", "bfloat16", "float64"):
        images = images.astype("float32")
    name = jax.numpy.dtype(dtype).name
    out = name if name == images.dtype.name else "float32"
    position = Position(epoch, indices) if training else None
    static, numbers = on_device.numbers(images, position, out)
    return on_device.run(static, images, numbers).astype(name)


def _prepared(recipe: Recipe, seed: int) -> OnDevice:
    key = id(recipe), seed
    with _lock:
        found = _known.pop(key, None) or (recipe, OnDevice("augment", "jax", recipe, seed, True, _TURN))
        _known[key] = found
        while len(_known) > _MOST:
            _known.popitem(last=False)
    return found[1]
