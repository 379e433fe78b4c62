"""The loader reads and draws, a device augments: what `to_torch(device=...)` and `to_jax(device=...)` share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, final

import numpy as np

from augfuse.batch import Batch
from augfuse.data.batches.batch_form import Form
from augfuse.data.batches.loader import Loader
from augfuse.errors import DataError, RecipeError, StateError
from augfuse.execute.arrays import Static, ops_for, prepare, run
from augfuse.transforms.children import leaves, tree
from augfuse.transforms.mix_base import Mix
from augfuse.transforms.views import Views

_TRIED = 16  # samples


@final
class DevicePart:
    """What is left to do to batches of a loader whose images are as they were read.

    method: what messages call it. finish: what is done to the images within the compiled program, at its end.

    Raises RecipeError for a recipe with what a device does not run, by name, and DataError for a loader whose batches
    have no one size. The first samples are read for it.
    """

    def __init__(self, method: str, framework: str, loader: Loader, finish: Callable[[Any], Any]) -> None:
        self._method, self._loader, self._finish = method, loader, finish
        self._ops = ops_for(framework)
        self._latest: Static | None = None
        self._programs: dict[Static, Callable[..., Any]] = {}
        self._check()

    def __getstate__(self) -> Any:
        raise StateError(
            f"{self._method}: got device in a copy or another process, such as a worker of a DataLoader. Loop over "
            f"loader.{self._method}(device=...) itself: the loader's threads work ahead."
        )

    def _check(self) -> None:
        loader = self._loader
        transforms = loader.recipe.transforms
        for transform in (*leaves(transforms), *(one for _, one in tree(transforms))):
            if isinstance(transform, Mix):
                self._refuse(f"{type(transform).__name__} mixes finished samples")
            if isinstance(transform, Views):
                self._refuse("Views makes several images of one")
        if loader._collation is not None:
            raise DataError(
                f"{self._method}: got a loader with collate='list' or pad_to, wanted images of one size, for a "
                "compiled program has one. Leave device out, or leave these out and give images of one size."
            )
        loader._settle()
        first = loader._order.batch(loader.epoch, 0)[:_TRIED]
        form = Form("NHWC", np.empty, as_read=True)
        plan = loader._compute(loader.epoch, first, max(1, loader.workers), form).plan
        try:
            prepare(plan)
        except RecipeError as error:
            self._refuse(str(error).partition(". ")[0], error)

    def _refuse(self, why: str, cause: Exception | None = None) -> None:
        raise RecipeError(
            f"{self._method}: {why}, which does not run on a device. Leave device out: the loader does it on the CPU."
        ) from cause

    def numbers(self, batch: Batch) -> tuple[Any, np.ndarray, dict[str, np.ndarray]]:
        """The compiled program, and the pixels and the numbers that it takes, for `run`."""
        static, numbers = prepare(batch.plan, self._latest)
        self._latest = static
        if static not in self._programs:
            ops, finish = self._ops, self._finish
            self._programs[static] = ops.compiled(lambda images, held: finish(run(static, images, held, ops)))
        size = self._loader.batch_size  # a smaller last batch would be compiled anew
        full = {name: _filled(array, size) for name, array in numbers.items()}
        return self._programs[static], _filled(np.asarray(batch.images), size), full


def _filled(array: np.ndarray, size: int) -> np.ndarray:
    """With the last row again, up to `size` rows."""
    missing = size - len(array)
    return array if missing <= 0 else np.concatenate([array, np.repeat(array[-1:], missing, axis=0)])
