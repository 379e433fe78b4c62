"""A transform made of the user's own function."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, ClassVar, Literal, final

import numpy as np

from augfuse.algebra.ranges import Anything, Choice, Flag
from augfuse.algebra.rng import Draw
from augfuse.algebra.values import is_array
from augfuse.errors import RecipeError
from augfuse.text import shown
from augfuse.transforms.base import Evaluation, Local, Params, Transform

# Functions that a Lambda of this process was built with, by "module:name". A recipe file can only name one of these:
# reading a file imports nothing and calls nothing that the program did not hand over itself.
_known: dict[str, Callable[..., Any]] = {}


def reverse_channels(image: np.ndarray) -> np.ndarray:
    """RGB to BGR: the example of a Lambda."""
    return image[:, :, ::-1]


def named(fn: Callable[..., Any]) -> str:
    """ "module:name" of a function, or of the class of an object that is called, such as a functools.partial."""
    known = fn if hasattr(fn, "__qualname__") else type(fn)
    return f"{known.__module__}:{known.__qualname__}"


def function_name(fn: Callable[..., Any]) -> str:
    """ "module:name" of a function that can be named; RecipeError for one that cannot (lambda, nested, no function)."""
    name = getattr(fn, "__qualname__", "<>")
    if "<" in name or not hasattr(fn, "__module__"):
        raise RecipeError(
            f"Lambda.fn: got {shown(fn)}, which has no name to write down. Define it with def at the top of a module."
        )
    return f"{fn.__module__}:{name}"


def function_named(name: str) -> Callable[..., Any]:
    """The function a Lambda of this process was built with under this name."""
    if name not in _known:
        raise RecipeError(
            f"Lambda.fn: got {shown(name)}, wanted a function this program has used. "
            "Call af.Lambda(fn) once before reading the recipe."
        )
    return _known[name]


@final
class Lambda(Local, frozen=True):
    """Your own function of one image: `fn(image)` or, with random=True, `fn(image, rng)`.

    `image` is float32 (h, w, c) at the input's own scale (0..255 for uint8), not clipped; the result has the same
    shape. `rng` is a `numpy.random.Generator` keyed by (seed, epoch, index): use it, and the result is reproducible. A
    function with random=True is left out in evaluation. It is called from several threads, and must not keep state.
    """

    fn: Annotated[Any, Anything("fn(image) or fn(image, rng) -> image")]
    kind: Annotated[Literal["local"], Choice("how it acts", ("local",))] = "local"
    random: Annotated[bool, Flag("fn takes an rng, and is left out in evaluation")] = False
    examples: ClassVar = ({"fn": reverse_channels},)
    evaluation: ClassVar[Evaluation] = "counterpart"

    def check(self) -> None:
        if not callable(self.fn):
            raise RecipeError(f"Lambda.fn: got {shown(self.fn)}, wanted a function of one image.")
        if "<" not in getattr(self.fn, "__qualname__", "<"):
            _known[function_name(self.fn)] = self.fn

    def counterpart(self) -> tuple[Transform, ...]:
        return () if self.random else (self,)

    def draw(self, draw: Draw) -> Params:
        return {"key": draw.key("key")} if self.random else {}

    def _call(self, image: np.ndarray, params: Params) -> np.ndarray:
        if self.random:
            out = self.fn(image, np.random.Generator(np.random.Philox(key=params["key"])))
        else:
            out = self.fn(image)
        if not is_array(out) or out.shape != image.shape:
            got = f"shape {out.shape}" if is_array(out) else type(out).__name__
            raise RecipeError(f"Lambda.fn: {shown(self.fn)} returned {got}, wanted an array of shape {image.shape}.")
        if out.dtype.kind not in "biuf":
            raise RecipeError(f"Lambda.fn: {shown(self.fn)} returned {out.dtype} values, wanted numbers.")
        if out.dtype.kind == "f" and not np.isfinite(out).all():
            raise RecipeError(f"Lambda.fn: {shown(self.fn)} returned NaN or infinity, wanted finite numbers.")
        return out

    def apply(self, image: np.ndarray, params: Params) -> np.ndarray:
        out = self._call(image.astype(np.float32, copy=False), params)
        return np.ascontiguousarray(out, dtype=image.dtype)
