"""Keras: what `loader.to_keras()` returns, and which process of a distribution this one is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import keras

from augfuse.data.batches.loader import Loader

if TYPE_CHECKING:
    from augfuse.keras import LoaderDataset


def serve(loader: Loader, target: str | None) -> LoaderDataset:
    """See `Loader.to_keras`."""
    from augfuse.keras.sequence import LoaderDataset  # of all of augfuse.keras, which rank() does without

    return LoaderDataset(loader, target)


def rank() -> tuple[int, int] | None:
    """Which part of the data this process of a `keras.distribution` takes: processes that share one copy of a model
    take the same."""
    found = keras.distribution.distribution()
    if found is None or found.num_processes == 1:
        return None
    return found.data_shard_id, min(found.num_processes, found.num_model_replicas)
