"""`augfuse.torch.Augment`: a recipe as a module of PyTorch, on the device of the images."""

from __future__ import annotations

from typing import Any, final

import torch
from torch import Tensor, distributed, nn

from augfuse.algebra.ranges import Choice
from augfuse.algebra.rng import check_epoch
from augfuse.device import OnDevice, Position, check_alone
from augfuse.errors import ImageError, ImageTypeError, StateError
from augfuse.execute.arrays.numpy_names.torch import ON_THE_HOST
from augfuse.recipe import Recipe
from augfuse.text import shown

_HALVES = (torch.float16, torch.bfloat16, torch.float64)  # which are float32 to a recipe
_TURN = "Use Augment(recipe), whose layout is 'NCHW', or images.permute(0, 2, 3, 1)."
_LAYOUT = Choice("order of the axes", ("NCHW", "NHWC"))


@final
class Augment(nn.Module):
    """Images of a batch through a recipe, on their device: random in training, `recipe.eval()` after `.eval()`.

        augment = af.torch.Augment(recipe, seed=0).to(device)
        for images, labels in batches:                      # images (n, c, h, w) uint8
            scores = model(augment(images.to(device)))

    The draws are made on the host and sent over, about 100 bytes for each image; the pixels never leave the device.
    Without `epoch` and `indices` the number of the call and the place in the batch stand for them; the number is kept
    in the state of the module. Processes of torch.distributed draw differently.

    Args:
        recipe: an af.Recipe.
        seed: of the draws; None: a fresh one, which `extra_repr` shows.
        layout: "NCHW" or "NHWC", of the images that come in and out.
        dtype: of the images that come out: a float dtype, or uint8 for uint8 images that are not normalised.

    Raises:
        RecipeError: the recipe has a transform that does not run on a device, such as MixUp, CutMix or Lambda.
    """

    calls: Tensor

    def __init__(
        self, recipe: Recipe, seed: int | None = None, *, layout: str = "NCHW", dtype: torch.dtype = torch.float32
    ) -> None:
        nn.Module.__init__(self)
        self._layout = _LAYOUT.parse("Augment.layout", layout)
        if not isinstance(dtype, torch.dtype):
            raise ImageTypeError(f"Augment.dtype: got {shown(dtype)}, wanted a torch.dtype, such as torch.float32.")
        self._dtype = dtype
        self._on_device = OnDevice("Augment", "torch", recipe, seed, compiles=False, turn=_TURN)
        self.register_buffer("calls", torch.zeros((), dtype=torch.int64))

    @property
    def recipe(self) -> Recipe:
        """The recipe, as it was given."""
        return self._on_device.recipe

    @property
    def seed(self) -> int:
        """The seed of the draws."""
        return self._on_device.seed

    def __reduce__(self) -> Any:
        """Programs are not kept: a copy makes its own."""
        state = {name: value for name, value in self.__dict__.items() if name != "_on_device"}
        return _restored, (self.recipe, self.seed, self._layout, self._dtype), state

    def extra_repr(self) -> str:
        return f"{self.recipe.to_python()}, seed={self.seed}"

    def forward(self, images: Tensor, indices: Any = None, epoch: int | None = None, **targets: Any) -> Tensor:
        """The augmented images.

        Args:
            images: (n, c, h, w) or, by the layout, (n, h, w, c): uint8, uint16 or floats within the value range.
            indices: (n,) the indices of the samples in the data set: with an epoch, the draws of an af.Loader.
            epoch: the number of the epoch.
            targets: none: masks, boxes and points are moved by a loader.
        """
        check_alone("Augment", images, targets, ("indices", "epoch"))
        _check_images(images, self._layout)
        if self._layout == "NCHW":
            images = images.permute(0, 2, 3, 1)
        if images.dtype in _HALVES:
            images = images.float()
        static, numbers = self._numbers(images, indices, epoch)
        found = self._on_device.run(static, images, numbers).to(self._dtype)
        return found.permute(0, 3, 1, 2).contiguous() if self._layout == "NCHW" else found

    def _numbers(self, images: Tensor, indices: Any, epoch: int | None) -> Any:
        out = str(self._dtype).removeprefix("torch.")
        out = out if images.dtype == self._dtype else "float32"
        if not self.training:
            return self._on_device.numbers(images, None, out)
        if torch.compiler.is_exporting():
            raise StateError(
                "Augment: got torch.export in training mode, wanted evaluation mode: an exported program draws "
                "nothing. Call model.eval() first."
            )
        return self._drawn(images, indices, epoch, out)

    @torch.compiler.disable(reason=ON_THE_HOST)  # type: ignore[misc]
    def _drawn(self, images: Tensor, indices: Any, epoch: Any, out: str) -> Any:
        """The numbers of a batch in training."""
        if epoch is None:
            epoch = int(self.calls)
            self.calls += 1
        rank = distributed.get_rank() if distributed.is_available() and distributed.is_initialized() else 0
        places = indices.cpu().numpy() if isinstance(indices, Tensor) else indices
        position = Position(check_epoch(epoch), places, rank if indices is None else 0)
        static, numbers = self._on_device.numbers(images, position, out)
        return static, {name: torch.from_numpy(value).to(images.device) for name, value in numbers.items()}


def _check_images(images: Any, layout: str) -> None:
    if not isinstance(images, Tensor):
        raise ImageTypeError(
            f"Augment: got {type(images).__name__}, wanted a tensor. Use torch.from_numpy(images), or recipe.batch."
        )
    order = "(n, channels, height, width)" if layout == "NCHW" else "(n, height, width, channels)"
    if images.ndim != 4:
        raise ImageError(
            f"Augment: got images of shape {tuple(images.shape)}, wanted {order}. For one image use images[None]."
        )
    if layout == "NCHW" and images.shape[3] in (1, 3, 4) and images.shape[1] > 4:
        raise ImageError(
            f"Augment: got images of shape {tuple(images.shape)}, which looks like channels last, wanted {order}. "
            "Use Augment(recipe, layout='NHWC'), or images.permute(0, 3, 1, 2)."
        )


def _restored(recipe: Recipe, seed: int, layout: str, dtype: torch.dtype) -> Augment:
    return Augment(recipe, seed, layout=layout, dtype=dtype)
