"""PyTorch: what `loader.to_torch()` returns, and `augfuse.torch`."""

from __future__ import annotations

import operator
import os
import sys
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any, final

import numpy as np
import torch
from torch import Tensor, distributed
from torch.utils.data import Dataset, IterableDataset, default_collate, get_worker_info

from augfuse.adapters.batch_parts import parts, together, wanted_targets
from augfuse.adapters.torch_device import augmented, device_of, device_part
from augfuse.adapters.torch_shared import Collated, collates, hands_over, memory, tensor_or_sent
from augfuse.algebra.ranges import truth, whole
from augfuse.algebra.rng import check_epoch
from augfuse.batch import Batch
from augfuse.data.batches.batch_form import Form, Take
from augfuse.data.batches.loader import Loader
from augfuse.data.dataset import DataSet
from augfuse.data.rows import check_index
from augfuse.data.stores.samples import Samples
from augfuse.errors import RangeError, StateError
from augfuse.recipe import Recipe
from augfuse.text import shown
from augfuse.threads import cpu_count
from augfuse.transforms.checks.misused_calls import options
from augfuse.warn_once import warn

_MOST_WORKERS = 1024  # of a DataLoader


def rank() -> tuple[int, int] | None:
    """Of torch.distributed."""
    if not distributed.is_available() or not distributed.is_initialized():
        return None
    return distributed.get_rank(), distributed.get_world_size()


@final
class TorchBatches(IterableDataset):
    """The batches of a loader as tensors: what `loader.to_torch()` returns.

        batches = loader.to_torch()
        for epoch in range(10):
            for images, labels in batches: ...      # images (n, c, h, w), on the CPU

    Each loop is the next epoch of the loader. Images are written channels first, into memory that the tensor shares.
    The loader's threads prefetch; for a DataLoader use `DataLoader(batches, batch_size=None)`. With `num_workers=k`
    each worker computes every k-th batch with its part of the threads, and the batches come in the order of the loader.
    `state_dict` is that of the loader; torchdata's StatefulDataLoader finds and keeps it.

    With a device the pixels go there as they were read, and one compiled program augments them; the CPU moves masks.

    Args:
        loader: an `af.Loader`.
        pin_memory: images in page-locked memory; by default where CUDA is available.
        device: where images are augmented, such as "cuda"; None: on the CPU.
        targets: names of the targets that are wanted; all by default.
    """

    def __init__(
        self, loader: Loader, pin_memory: bool | None = None, device: Any = None, targets: Sequence[str] | None = None
    ) -> None:
        self._loader = loader
        self._targets = wanted_targets(loader, targets)
        self._device = None if device is None else device_of(device)
        self._part = None if device is None else device_part(loader)
        available = torch.cuda.is_available()
        default = available and (self._device is None or self._device.type == "cuda")
        self._pinned = default if pin_memory is None else truth("pin_memory", pin_memory)
        if self._pinned and not available:
            raise RangeError("pin_memory: got True, and this PyTorch finds no CUDA device. Leave pin_memory out.")
        # What the workers of a DataLoader know of each other, which are copies: how often `set_epoch` was called, the
        # epoch it was given, and for each worker the loader's number (plus 1) and the epoch that its next pass serves.
        self._shared = torch.zeros(2 + 2 * _MOST_WORKERS, dtype=torch.int64).share_memory_()
        self._calls = 0
        self._pass: _Pass | None = None  # of a worker

    @property
    def loader(self) -> Loader:
        """The loader whose batches these are."""
        return self._loader

    def __len__(self) -> int:
        """Batches of an epoch."""
        return len(self._loader)

    def set_epoch(self, epoch: int) -> None:
        """The next loop serves `epoch` from its first batch, also in workers that are running."""
        self._loader.set_epoch(epoch)
        self._calls += 1
        self._shared[1] = check_epoch(epoch)
        self._shared[0] = self._calls

    def state_dict(self) -> dict[str, Any]:
        """That of the loader; in a worker of a DataLoader that of the worker."""
        return self._loader.state_dict() if get_worker_info() is None else self._mine().state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue where a state was saved. StateError where it belongs to another loader, or to a worker and is not
        loaded by one."""
        if get_worker_info() is not None:
            self._mine().load_state_dict(state)
        else:
            if isinstance(state, dict) and "step" in state:
                raise StateError("state: got that of a worker of a DataLoader. Load it with the same num_workers.")
            self._loader.load_state_dict(state)

    def __iter__(self) -> Iterator[Any]:
        # Begun when the first batch is asked for: StatefulDataLoader makes iterators that it then drops.
        caller = sys._getframe(1)
        _check_fetcher(caller.f_locals.get("self"))
        if self._part is not None and self._device is not None:
            if get_worker_info() is not None:
                raise StateError(
                    "to_torch: got device in a worker of a DataLoader, which has no device. Loop over loader.to_torch("
                    "device=...) itself, whose threads work ahead, or leave device out."
                )
            through = partial(augmented, part=self._part, device=self._device, tensor=_tensor, names=self._targets)
            yield from self._loader._begin(Form("NHWC", self._take, as_read=True), through)
        elif get_worker_info() is None:
            yield from self._loader._begin(Form("NCHW", self._take), self._tensors)
        elif hands_over(caller):
            one = tensor_or_sent(_tensor)
            yield from (parts(batch, one, self._targets) for batch in self._mine().batches(memory().take))
        else:
            yield from self._tensors(self._mine().batches(self._loader._ring.take))

    def _mine(self) -> _Pass:
        if self._pass is None or self._pass.process != os.getpid():
            self._pass = _Pass(self._loader, self._shared, self._calls)
        return self._pass

    def _tensors(self, batches: Iterator[Batch]) -> Iterator[Any]:
        return (parts(batch, _tensor, self._targets) for batch in batches)

    @property
    def _take(self) -> Any:
        self._loader._settle()
        return _pinned if self._pinned else self._loader._ring.take


serve = TorchBatches  # see `Loader.to_torch`


def _check_fetcher(caller: Any) -> None:
    """RangeError where a DataLoader would stack batches of the loader: it does not say so to a data set."""
    if getattr(caller, "auto_collation", False) is True and getattr(caller, "collate_fn", None) is default_collate:
        raise RangeError(
            "to_torch: got a DataLoader that stacks batches, wanted DataLoader(loader.to_torch(), batch_size=None)."
        )


@final
class _Pass:
    """Which batches a worker of a DataLoader computes: of one pass after the other, each k-th."""

    def __init__(self, loader: Loader, shared: Tensor, calls: int) -> None:
        info = get_worker_info()
        assert info is not None
        if info.num_workers > _MOST_WORKERS:
            raise RangeError(f"num_workers: got {info.num_workers}, wanted at most {_MOST_WORKERS}.")
        self.process = os.getpid()
        self._loader = loader
        self._first, self._every = info.id, info.num_workers
        self._number = loader._iterator + 1
        self._shared, self._slot = shared, shared[2 + 2 * info.id : 4 + 2 * info.id]
        self._calls = calls
        loader._workers = min(loader.workers, max(1, loader.workers // info.num_workers))
        self._begun = False
        self._epoch, self._start, self._step = loader._epoch, loader._delivered, self._first
        if self._slot[0] == self._number:  # a worker of an earlier pass had this place
            self._go_to(int(self._slot[1]), 0)

    def _go_to(self, epoch: int, start: int) -> None:
        self._epoch, self._start, self._step = epoch, start, self._first

    def _see_calls(self) -> None:
        if self._shared[0] != self._calls:  # set_epoch, by the main process
            self._calls = int(self._shared[0])
            self._go_to(int(self._shared[1]), 0)
            self._begun = False

    def batches(self, take: Take) -> Iterator[Batch]:
        """The batches of this worker in the next pass."""
        self._see_calls()
        if self._begun:  # the pass before was broken off
            self._go_to(self._epoch + 1, 0)
        self._begun = True
        self._slot[1] = epoch = self._epoch
        self._slot[1] += 1
        self._slot[0] = self._number
        order, start, form = self._loader._order, self._start, Form("NCHW", take)
        steps = range(self._step, order.steps(start), self._every)
        for batch in self._loader._stream(epoch, steps, start, form):
            self._step += self._every
            yield batch
            del batch
        self._go_to(epoch + 1, 0)
        self._begun = False

    def state_dict(self) -> dict[str, Any]:
        self._see_calls()
        own = self._loader.state_dict()
        return {**own, "epoch": self._epoch, "samples": self._start, "step": self._step}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        if not isinstance(state, dict) or "step" not in state:
            raise StateError(f"state: got {shown(state)}, wanted that of a worker of a DataLoader.")
        rest = {name: value for name, value in state.items() if name != "step"}
        self._loader.load_state_dict(rest)
        self._epoch, self._start, self._step = rest["epoch"], rest["samples"], whole("state: step", state["step"], 0)
        self._begun = False


@final
class TorchDataset(Dataset):
    """Samples one by one, for the workers of a DataLoader: what `augfuse.torch.dataset` returns.

    `dataset[i]` is `(image, label)`, `(image, targets)` with a dict where the data set has targets, or the image alone:
    what an `af.Loader` of the same seed makes of sample i in the same epoch. The dict has the "index" of the sample
    and, beside boxes, their "box_format", too. A DataLoader asks for a whole batch at a time (`__getitems__`), which is
    quicker than one by one.

    Args:
        loader: an `af.Loader`.
    """

    def __init__(self, loader: Loader) -> None:
        self._loader = loader
        self._draws = loader.recipe != loader.recipe.eval()
        # The epoch, how many samples of it were asked for, and whether a process has warned.
        self._shared = torch.zeros(3, dtype=torch.int64).share_memory_()

    @property
    def loader(self) -> Loader:
        """What computes the samples: its data, recipe and seed."""
        return self._loader

    @property
    def epoch(self) -> int:
        """The epoch that samples belong to."""
        return int(self._shared[0])

    def set_epoch(self, epoch: int) -> None:
        """Samples belong to `epoch` from now on, also those that running workers compute. Call it before each loop over
        the DataLoader: else every pass has the same draws."""
        self._shared[0] = check_epoch(epoch)
        self._shared[1] = 0

    def __len__(self) -> int:
        """Samples."""
        return len(self._loader.data)

    def __getitem__(self, index: int) -> Any:
        """Sample `index`. IndexError as for lists."""
        return self.__getitems__([index])[0]

    def __getitems__(self, indices: Sequence[int]) -> list[Any]:
        """Several samples, computed together."""
        loader = self._loader
        positions = np.array([check_index(operator.index(i), len(self)) for i in indices], np.int64)
        loader._settle()
        works, stacks = get_worker_info() is not None, collates(sys._getframe(1))
        form = Form("NCHW", memory().take) if works and stacks else None
        batch = loader._compute(self.epoch, positions, 1 if works else cpu_count(), form)
        self._count(len(positions))
        for view in batch.views.values() if batch.views else (batch,):
            view.images = together(view.images)
            stacks = stacks and all(isinstance(held, np.ndarray) for held in (view.images, *view.targets.values()))
        if stacks and not (batch.views and batch.targets):
            names = (*batch.targets, "index") if batch.targets else None
            return [Collated(_collated(parts(batch, tensor_or_sent(_tensor), names)))]
        whole = parts(batch, _tensor)
        rows = [_row(whole, i) for i in range(len(batch))]
        if batch.targets:
            for (_, targets, *_), position in zip(rows, positions.tolist(), strict=True):
                targets["index"] = position
                if "boxes" in targets:
                    targets["box_format"] = batch.box_format
        return rows

    def _count(self, samples: int) -> None:
        self._shared[1] += samples
        # More than a pass and a look at some samples.
        if self._draws and 2 * self._shared[1] > 3 * len(self) and not self._shared[2]:
            self._shared[2] = 1
            warn(
                f"one epoch was asked for more often than it has samples ({len(self)}): each pass has the same draws. "
                "To train, type dataset.set_epoch(epoch) before each loop over the DataLoader. To look at the same "
                "samples again, or to compare, nothing is wrong."
            )

    def state_dict(self) -> dict[str, Any]:
        """The epoch, for torchdata's StatefulDataLoader; the place within it is that of the sampler."""
        return {"epoch": self.epoch}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """The epoch of a state. StateError for what is not such a state."""
        if not isinstance(state, dict) or set(state) != {"epoch"}:
            raise StateError(f"state: got {shown(state)}, wanted what dataset.state_dict() returns.")
        self.set_epoch(state["epoch"])


@options
def dataset(
    data: DataSet | Samples,
    recipe: Recipe | None = None,
    seed: int | None = None,
    *,
    training: bool = True,
    dtype: Any = "float32",
    one_hot: bool = False,
) -> TorchDataset:
    """A map-style data set for `torch.utils.data.DataLoader`, its samplers, workers and collate functions.

        train = af.torch.dataset(data, recipe, seed=0)
        loader = DataLoader(train, batch_size=32, shuffle=True, num_workers=2, persistent_workers=True)
        for epoch in range(10):
            train.set_epoch(epoch)
            for images, labels in loader: ...

    Args:
        data, recipe: as an `af.Loader` takes them.
        seed: of all draws; None draws fresh entropy, kept in `dataset.loader.seed`.
        training: False applies `recipe.eval()`.
        dtype, one_hot: as of an `af.Loader`.

    Returns:
        A `TorchDataset`: `dataset[i]` is `(image, label)`, the image (c, h, w). Images may come out in different sizes:
        then the DataLoader wants a collate function, such as `af.torch.DetectionCollate()`.

    Raises:
        What `af.Loader` raises.
    """
    return TorchDataset(
        Loader(
            data, recipe, 1, seed, shuffle=False, training=training, workers=0, dtype=dtype, layout="NCHW",
            one_hot=one_hot, collate="list",
        )
    )  # fmt: skip


def _tensor(name: str, value: Any) -> Any:
    """Arrays of numbers as tensors that share their memory; others as lists."""
    if isinstance(value, np.ndarray):
        base: Any = value.base
        if isinstance(base, Tensor) and base.shape == value.shape:
            return base  # pinned
        if value.dtype.kind in "biuf":
            return torch.from_numpy(value if value.flags.writeable else value.copy())
        return value.tolist()
    return [_tensor(name, one) for one in value] if isinstance(value, (list, tuple)) else value


def _pinned(shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    """Page-locked memory. PyTorch's own allocator hands it out again only once copies to the device are done."""
    return torch.empty(shape, dtype=torch.from_numpy(np.empty(0, dtype)).dtype, pin_memory=True).numpy()


def _collated(part: Any) -> Any:
    """The parts of a batch as `default_collate` has them: a list, and class numbers as they come out of a list of
    ints."""
    if isinstance(part, tuple):
        return [_collated(one) for one in part]
    if isinstance(part, dict):
        return {name: _collated(one) for name, one in part.items()}
    numbers = isinstance(part, Tensor) and part.ndim == 1 and not part.is_floating_point() and part.dtype != torch.bool
    return part.long() if numbers else part


def _row(part: Any, i: int) -> Any:
    """Sample `i` of the parts of a batch; a class number as an int."""
    if isinstance(part, tuple):
        return tuple(_row(one, i) for one in part)
    if isinstance(part, dict):
        return {name: _row(one, i) for name, one in part.items()}
    found = part[i]
    whole_number = isinstance(found, Tensor) and found.ndim == 0 and not found.is_floating_point()
    return found.item() if whole_number else found
