"""`augfuse.keras.Augment`: a recipe as a layer of a model, on any backend of Keras."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import wraps
from typing import Any, final

import keras
from keras import ops

from augfuse.algebra.rng import check_epoch
from augfuse.device import OnDevice, Position, check_alone
from augfuse.errors import AugfuseError, AugfuseWarning, RecipeError
from augfuse.recipe import Recipe

_TURN = (
    "Put keras.layers.Permute((2, 3, 1)) in front of it, or use keras.ops.transpose(images, (0, 2, 3, 1)), which is "
    "images.transpose(0, 2, 3, 1) of NumPy arrays."
)
_HALVES = ("float16", "bfloat16", "float64")  # which are float32 to a recipe
_FORM = 1  # of a saved layer: a later one may mean something else


def _as_they_are(method: Callable[..., Any]) -> Callable[..., Any]:
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


def _replica() -> Any:
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


@final
@keras.saving.register_keras_serializable(package="augfuse")
class Augment(keras.layers.Layer):
    """Images of a batch through a recipe, inside the model: random for each image in training, `recipe.eval()` else.

        inputs = keras.Input((128, 128, 3), dtype="uint8")
        x = Augment(recipe, seed=0)(inputs)

    Without `epoch` and `indices` the number of the call and the place in the batch stand for them. The number is a
    weight that is not trained, so that it is saved with the model, and a training that goes on draws anew. With both
    the draws are those of an af.Loader with this seed, for these samples in this epoch.

    Images of uint8, uint16, or float32 within the recipe's value range (0..1 unless it says otherwise), channels last,
    of one size. They come out in the compute dtype of the layer, at their own scale unless the recipe ends in Normalize
    or ToFloat; matrices and coordinates are float32 under mixed precision, too.

    Args:
        recipe: an af.Recipe, saved with the model.
        seed: of the draws, 0..2**64 - 1; None: a fresh one, saved with the model.
        kwargs: as for every layer: `name`, `dtype`.

    Raises:
        RecipeError: the recipe has a transform that does not run inside a model, such as MixUp, CutMix or Lambda.
    """

    def __init__(self, recipe: Recipe, seed: int | None = None, **kwargs: Any) -> None:
        kwargs.pop("autocast", None)  # uint8 images would come as floats of the compute dtype
        keras.layers.Layer.__init__(self, autocast=False, **kwargs)
        backend = keras.backend.backend()
        self._on_device = OnDevice("Augment", backend, recipe, seed, backend != "torch", _TURN)
        self.calls = self.add_weight(
            shape=(),
            dtype="int32",
            initializer="zeros",
            trainable=False,
            name="calls",
            aggregation="only_first_replica",
        )

    @property
    def recipe(self) -> Recipe:
        """The recipe, as it was given."""
        return self._on_device.recipe

    @property
    def seed(self) -> int:
        """The seed of the draws."""
        return self._on_device.seed

    def build(self, input_shape: Any) -> None:
        """Check images of this shape, (n, height, width, channels), before the first step."""
        self._on_device.form(tuple(input_shape), self._on_device.usual_dtype)
        self.built = True

    def __call__(self, images: Any, *args: Any, **kwargs: Any) -> Any:
        check_alone("Augment", images, kwargs, ("indices", "epoch", "training", "mask"))
        return keras.layers.Layer.__call__(self, images, *args, **kwargs)

    @_as_they_are
    def call(self, images: Any, indices: Any = None, epoch: Any = None, training: bool | None = None) -> Any:
        """The augmented images.

        Args:
            images: (n, height, width, channels).
            indices: (n,) the indices of the samples in the data set.
            epoch: the number of the epoch.
            training: whether to augment; by default as Keras says.
        """
        position = self._position(indices, epoch) if training else None
        images = self._as_images(images)
        return ops.cast(self._on_device(images, position, self._out(images)), self.compute_dtype)

    def _position(self, indices: Any, epoch: Any) -> Position:
        if epoch is None:
            epoch = ops.add(self.calls, 0)
            self.calls.assign(ops.add(epoch, 1))
        elif isinstance(epoch, int):
            epoch = check_epoch(epoch)
        return Position(epoch, indices, _replica() if indices is None else 0)

    def _as_images(self, images: Any) -> Any:
        """Floats of another size are float32 to the recipe."""
        return ops.cast(images, "float32") if keras.backend.standardize_dtype(images.dtype) in _HALVES else images

    def _out(self, images: Any) -> str:
        dtype = keras.backend.standardize_dtype(images.dtype)
        return dtype if dtype == self.compute_dtype else "float32"

    @_as_they_are
    def compute_output_spec(
        self, images: Any, indices: Any = None, epoch: Any = None, training: bool | None = None
    ) -> keras.KerasTensor:
        """The images that come out; RecipeError or ImageError where the recipe does not fit them."""
        dtype = keras.backend.standardize_dtype(images.dtype)
        dtype = "float32" if dtype in _HALVES else dtype
        form = self._on_device.form(tuple(images.shape), dtype)
        if dtype == "float32":
            self._on_device.warn_of_floats()
        return keras.KerasTensor((images.shape[0], *self._on_device.prepare(form)), self.compute_dtype)

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        """(n, height, width, channels) of the images that come out."""
        return input_shape[0], *self._on_device.prepare(
            self._on_device.form(tuple(input_shape), self._on_device.usual_dtype)
        )

    def get_config(self) -> dict[str, Any]:
        """The recipe as plain data, the seed, and which form this is."""
        return {
            **keras.layers.Layer.get_config(self),
            "recipe": self.recipe.to_dict(),
            "seed": self.seed,
            "form": _FORM,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Augment:
        """The inverse of `get_config`. RecipeError for a layer of a later version of augfuse."""
        own = dict(config)
        form = own.pop("form", None)
        if not isinstance(form, int) or not isinstance(own.get("recipe"), dict):
            raise RecipeError("Augment: got the config of another layer, wanted one that Augment.get_config made.")
        if form > _FORM:
            raise RecipeError(
                f"Augment: got a layer of form {form}, which a later version of augfuse saved, wanted {_FORM} at most. "
                "Update it: pip install -U augfuse"
            )
        return cls(Recipe.from_dict(own.pop("recipe")), **own)
