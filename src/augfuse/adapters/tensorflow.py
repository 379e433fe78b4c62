"""TensorFlow: what `loader.to_tf()` returns."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from augfuse.adapters.batch_parts import check_numbers, check_stacks, parts, wanted_targets
from augfuse.algebra.ranges import whole
from augfuse.batch import Batch
from augfuse.data.batches.loader import Loader
from augfuse.errors import StateError


def serve(loader: Loader, prefetch: int, targets: Sequence[str] | None) -> tf.data.Dataset:
    """See `Loader.to_tf`."""
    check_stacks(loader, "to_tf")
    ahead = whole("prefetch", prefetch, 0)
    names = wanted_targets(loader, targets)
    at_the_start = loader._delivered == 0
    # The first batch of epoch 0 tells names, dtypes and sizes; what differs from batch to batch is left open.
    signature = parts(loader.fetch(0, 0), _signature_of(loader), names)

    def generate() -> Generator[Any, None, None]:
        if at_the_start and loader._delivered and not loader._begun:
            raise StateError(
                "loader.to_tf(): made for whole epochs, and the loader is in the middle of one since load_state_dict. "
                "Call loader.to_tf() again after loader.load_state_dict(state)."
            )
        # TensorFlow lets go of arrays when it asks for others.
        yield from loader._begin(None, through, held=ahead + 2)

    def through(batches: Iterator[Batch]) -> Iterator[Any]:
        return (parts(batch, _value, names) for batch in batches)

    options = tf.data.Options()
    # Each process of tf.distribute has its own loader, with its own part (shard="auto").
    options.experimental_distribute.auto_shard_policy = tf.data.experimental.AutoShardPolicy.OFF
    found = tf.data.Dataset.from_generator(generate, output_signature=signature)
    if at_the_start:  # else the first epoch is a shorter one
        found = found.apply(tf.data.experimental.assert_cardinality(len(loader)))
    found = found.with_options(options)
    return found.prefetch(ahead) if ahead else found


def _signature_of(loader: Loader) -> Any:
    """What makes the signature of an array, or of a list of arrays."""
    full = loader.drop_last or loader._order.n % (loader.batch_size * loader._order.world) == 0
    rows = loader.batch_size if full and not loader._reader._skips else None
    sizes_differ = isinstance(getattr(loader._collation, "pad_to", None), int)

    def one(name: str, value: Any) -> Any:
        check_numbers("to_tf", name, value)
        if isinstance(value, np.ndarray):
            shape = list(value.shape[1:])
            if sizes_differ and name in ("images", "mask", "masks", "pixel_mask"):
                at = 1 if name == "images" and loader._layout == "NCHW" else 0
                shape[at : at + 2] = (None, None)
            return tf.TensorSpec((rows, *shape), value.dtype, name)
        return tf.RaggedTensorSpec((None, None, *value[0].shape[1:]), value[0].dtype, 1, tf.int64)

    return one


def _value(name: str, value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return value
    counts = np.array([len(entry) for entry in value], np.int64)
    ragged: Any = tf.RaggedTensor
    return ragged.from_row_lengths(np.concatenate(value), counts, validate=False)
