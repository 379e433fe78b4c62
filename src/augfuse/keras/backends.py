"""What a layer asks of Keras' backend itself."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import wraps
from typing import Any

import keras

from augfuse.errors import AugfuseError, AugfuseWarning


def as_they_are(method: Callable[..., Any]) -> Callable[..., Any]:
    """A method of a layer whose own errors Keras passes on as they are. To others it adds the arguments of the call,
    and the codes with which a terminal writes bold letters."""

    @wraps(method)
    def called(*args: Any, **kwargs: Any) -> Any:
        try:
            return method(*args, **kwargs)
        except (AugfuseError, AugfuseWarning) as error:
            error.__dict__["_keras_call_info_injected"] = True
            raise

    return called


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
