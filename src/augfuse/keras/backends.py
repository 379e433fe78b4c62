"""What a layer asks of Keras' backend itself."""

from __future__ import annotations

import sys
from typing import Any

import keras


def replica() -> Any:
    """The number of this replica of the model among those that each see a part of the batch as if it were all of it.

    TensorFlow's strategies run the layer once for each replica; processes of PyTorch have their rank. JAX runs one
    program for the whole batch, so that places in it differ already.
    """
    backend = keras.backend.backend()
    if backend == "tensorflow":
        import tensorflow as tf

        context = tf.distribute.get_replica_context()
        return 0 if context is None or context.num_replicas_in_sync == 1 else context.replica_id_in_sync_group
    if backend == "torch":
        distributed: Any = sys.modules["torch"].distributed
        return distributed.get_rank() if distributed.is_available() and distributed.is_initialized() else 0
    return 0
