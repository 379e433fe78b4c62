"""A recipe on the device that trains: what `augfuse.keras.Augment`, `augfuse.torch.Augment` and `augfuse.jax.augment`
share. It names no framework.

Draws are those of the host wherever their positions are known, and are then only sent to the device. Where a program is
compiled once and run for all epochs, the program makes them, from the same words.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple, final

import numpy as np

from augfuse.algebra.geometry import Canvas
from augfuse.algebra.rng import check_seed
from augfuse.errors import AugfuseError, ImageError, ImageTypeError, RecipeError
from augfuse.execute.arrays import Numbers, Static, ops_for, prepare, run
from augfuse.execute.arrays.drawn import Program
from augfuse.execute.arrays.numpy_names import algebra_for
from augfuse.execute.batch_images import as_images, check_values
from augfuse.plan.settings import Source, value_range
from augfuse.recipe import Recipe
from augfuse.transforms import base
from augfuse.transforms.children import leaves, tree
from augfuse.transforms.compose import Schedule, When
from augfuse.transforms.fit_size import Resize
from augfuse.transforms.mix_base import Mix
from augfuse.transforms.views import Views
from augfuse.warn_once import warn_once

DTYPES = ("uint8", "uint16", "float32")
_TRIED_SIZE = 64  # of the images for which a recipe is tried before their size is known
_LOADER = "put it into the recipe of the af.Loader"


def check_alone(who: str, images: Any, named: Iterable[str], known: Sequence[str]) -> None:
    """Refuse targets, which stay on the host. named: the names of the further arguments of a call. ImageTypeError."""
    more = [name for name in named if name not in known]
    if isinstance(images, Mapping):
        more = [name for name in images if name not in ("image", "images")] or more or ["a dict"]
    if more:
        raise ImageTypeError(
            f"{who}: got {', '.join(map(str, more))}, wanted images alone, and {', '.join(known)}: on a device only "
            "images are moved. Masks, boxes and points are moved by a loader: af.Loader(data.with_targets(mask=masks), "
            "recipe)."
        )


class Form(NamedTuple):
    """What a program is made for: (h, w, c) and the dtype of images."""

    shape: tuple[int, int, int]
    dtype: str


class Position(NamedTuple):
    """Where the images of a batch stand: tensors or numbers. indices: (n,), None: their places in the batch. high: the
    upper 32 bits of those places, so that several replicas do not draw alike."""

    epoch: Any
    indices: Any = None
    high: Any = 0


@final
class OnDevice:
    """A recipe and a seed for one framework.

    compiles: whether programs are compiled that are to make draws, so that the recipe has to be fit for it. turn: what
    to type where images come channels first. Images come out as float32, at their own scale where the recipe has no
    Normalize or ToFloat, or in their own dtype.

    Raises RecipeError for a recipe with what cannot be done on a device, by name.
    """

    def __init__(self, who: str, framework: str, recipe: Recipe, seed: int | None, compiles: bool, turn: str) -> None:
        if not isinstance(recipe, Recipe):
            raise ImageTypeError(f"{who}: got {type(recipe).__name__}, wanted an af.Recipe. Use af.Recipe([...]).")
        self.who, self.framework, self.recipe, self.seed = who, framework, recipe, check_seed(seed)
        self.ops = ops_for(framework)
        self._compiles, self._turn = compiles, turn
        self._evaluation = recipe.eval()
        self._programs: dict[tuple[Form, int | None, str], Program] = {}
        self._fixed: dict[tuple[Form, str], tuple[Static, Numbers]] = {}
        self._compiled: dict[Static, Any] = {}
        self._latest: dict[tuple[Form, str], Static] = {}
        self._outside = algebra_for(framework).outside(self._numbers)
        self._check()

    def _check(self) -> None:
        """Refuse transforms that no program has, before images are seen."""
        for transform in leaves(self.recipe.transforms):
            if isinstance(transform, Mix):
                self._refuse(transform, "mixes samples of a data set", _LOADER)
            if isinstance(transform, base.Seeking):
                self._refuse(transform, "looks for boxes or masks, which only a loader has", _LOADER)
        for _, transform in tree(self.recipe.transforms):
            if isinstance(transform, When):
                self._refuse(transform, "asks for labels, which a layer does not see", _LOADER)
            if isinstance(transform, Views):
                self._refuse(transform, "makes several images of one", "use one layer for each view")
            if isinstance(transform, Schedule) and self._compiles:
                self._refuse(transform, "asks for the epoch, which a compiled program does not know", _LOADER)
        tried = Form((_TRIED_SIZE, _TRIED_SIZE, 3), self.usual_dtype)
        try:
            self.prepare(tried)
        except AugfuseError:
            for transform in leaves(self.recipe.transforms):
                self._check_alone(transform, [Form((*tried.shape[:2], c), d) for c in (3, 1, 4) for d in DTYPES])

    @property
    def usual_dtype(self) -> str:
        """Of images that are not seen yet: where a value range is declared, it need not be one of uint8."""
        return "uint8" if self.recipe.value_range is None else "float32"

    def _check_alone(self, transform: base.Transform, forms: list[Form]) -> None:
        """Refuse a transform that runs for none of these images."""
        first: AugfuseError | None = None
        for form in forms:
            try:
                self._made(self.recipe._with((transform,)), form)
                return
            except AugfuseError as error:
                first = first or error
        raise RecipeError(
            f"{self.who}: got a recipe with {type(transform).__name__}, which does not run inside a model on "
            f"{self.framework}: {first} Take it out, or {_LOADER}, which runs on the CPU."
        ) from first

    def _refuse(self, transform: base.Transform, why: str, instead: str) -> None:
        name = type(transform).__name__
        raise RecipeError(f"{self.who}: got a recipe with {name}, which {why}. Take it out, or {instead}.")

    def form(self, shape: tuple[Any, ...], dtype: str) -> Form:
        """What images of (n, h, w, c) are, checked: before the first step."""
        if len(shape) != 4:
            raise ImageError(
                f"{self.who}: got images of shape {shape}, wanted (n, height, width, channels). For one image use "
                "images[None]."
            )
        height, width, channels = shape[1:]
        if height is None or width is None or channels is None:
            raise ImageError(
                f"{self.who}: got images of shape {shape}, wanted a fixed height, width and number of channels, for a "
                f"compiled program has one size. {self._sized()}"
            )
        if channels > 4 and height in (1, 3, 4):
            raise ImageError(
                f"{self.who}: got images of shape {shape}, which looks like channels first, wanted (n, height, width, "
                f"channels). {self._turn}"
            )
        if dtype not in DTYPES:
            raise ImageTypeError(
                f"{self.who}: got images of dtype {dtype}, wanted {', '.join(DTYPES)}. Cast them to float32, and give "
                "Recipe(value_range=(low, high)) where they are not within 0..1."
            )
        return Form((int(height), int(width), int(channels)), dtype)

    def _sized(self) -> str:
        """What to type where images have no fixed size."""
        resizes = any(isinstance(one, Resize) for one in leaves(self.recipe.transforms))
        first = "Move Resize from this recipe to the loader's" if resizes else "Let the loader make them"
        return (
            f"{first}: af.Loader(data, af.Recipe([af.Resize((height, width))]), dtype='uint8'), and keras.Input(("
            "height, width, channels), dtype='uint8')."
        )

    def prepare(self, form: Form) -> tuple[int, int, int]:
        """Make what is needed for these images, or raise RecipeError or ImageError. Returns (h, w, c) of the output."""
        self._made(self.recipe, form)
        static = self._evaluated(form, "float32")[0]
        return static.out_height, static.out_width, static.channels

    def _made(self, recipe: Recipe, form: Form) -> None:
        if self._compiles:
            self._program(recipe, form, None)
        else:
            self._planned(recipe, form, np.arange(16), 0, "float32")

    def numbers(self, images: Any, position: Position | None, out: str = "float32") -> tuple[Static, Any]:
        """What `run` takes to make the images of a batch. position: where they stand; None: the evaluation form."""
        return self._outside(images, position, out)

    def _numbers(self, images: Any, position: Position | None, out: str) -> tuple[Static, Any]:
        algebra = algebra_for(self.framework)
        form = self.form(tuple(images.shape), algebra.dtype(images))
        self._check_values(algebra.pixels(images), form)
        count = self.ops.length(images)
        if position is None:
            static, fixed = self._evaluated(form, out)
            rows = {name: algebra.array(value) for name, value in fixed.items()}
            return static, {name: algebra.broadcast_to(row, (count, *row.shape[1:])) for name, row in rows.items()}
        if isinstance(count, int) and all(algebra.is_known(value) for value in position):
            return self._on_host(form, count, position, out)
        epoch = int(position.epoch) if algebra.is_known(position.epoch) else None
        return self._in_program(algebra, form, count, position, epoch, out)

    def run(self, static: Static, images: Any, numbers: Any) -> Any:
        """(n, h, w, c) images of the program's output dtype."""
        if not algebra_for(self.framework).compiles_each:
            return run(static, images, numbers, self.ops)
        if static not in self._compiled:
            self._compiled[static] = self.ops.compiled(lambda images, numbers: run(static, images, numbers, self.ops))
        return self._compiled[static](images, numbers)

    def __call__(self, images: Any, position: Position | None, out: str = "float32") -> Any:
        """The images of a batch, see `numbers`."""
        static, numbers = self.numbers(images, position, out)
        return self.run(static, images, numbers)

    def _check_values(self, pixels: np.ndarray | None, form: Form) -> None:
        """Refuse NaN and values out of range, where they can be looked at."""
        if form.dtype != "float32":
            return
        if pixels is None:
            self.warn_of_floats()
        else:
            held = as_images(pixels)
            check_values(held, *value_range(held.dtype, self.recipe.value_range))

    def warn_of_floats(self) -> None:
        """Say what floats are taken for, where their values cannot be looked at: in a compiled program."""
        if self.recipe.value_range is None:
            warn_once(
                self,
                f"{self.who}: got float images, which count as 0..1; values above 1 are clipped to white. Give uint8 "
                "images, such as keras.Input(shape, dtype='uint8'), or say what floats are: af.Recipe([...], "
                "value_range=(0, 255)), or (0, 1).",
            )

    def _on_host(self, form: Form, count: int, position: Position, out: str) -> tuple[Static, Numbers]:
        places = np.arange(count, dtype=np.int64) if position.indices is None else np.asarray(position.indices)
        if places.shape != (count,) or places.dtype.kind not in "iu":
            raise ImageError(
                f"{self.who}: got indices {places.dtype.name} of shape {places.shape} for {count} images, wanted one "
                "whole number for each: the indices of the samples in the data set."
            )
        indices = places.astype(np.int64) + (int(position.high) << 32)
        static, numbers = self._planned(self.recipe, form, indices, int(position.epoch), out)
        self._latest[form, out] = static
        return static, numbers

    def _in_program(
        self, algebra: Any, form: Form, count: Any, position: Position, epoch: int | None, out: str
    ) -> tuple[Static, Any]:
        low = algebra.bits(self.ops.arange(count, None) if position.indices is None else position.indices)
        high = algebra.bits(position.high) + (low ^ low)
        number = algebra.bits(position.epoch)
        words = algebra.stack([low, high]), algebra.stack([number, number ^ number])
        program = self._program(self.recipe, form, epoch, out)
        return program.static, program.numbers(algebra, self.seed, words[1], words[0])

    def _program(self, recipe: Recipe, form: Form, epoch: int | None, out: str = "float32") -> Program:
        key = form, epoch, out
        found = self._programs.get(key) if recipe is self.recipe else None
        if found is None:
            source = _source(form, 1)
            found = Program(recipe.transforms, recipe.inner.settings, recipe.inner.slots, source, np.dtype(out), epoch)
            if recipe is self.recipe:
                self._programs[key] = found
        return found

    def _evaluated(self, form: Form, out: str) -> tuple[Static, Numbers]:
        if (form, out) not in self._fixed:
            one = np.zeros(1, np.int64)
            self._fixed[form, out] = self._planned(self._evaluation, form, one, 0, out)
        return self._fixed[form, out]

    def _planned(self, recipe: Recipe, form: Form, indices: np.ndarray, epoch: int, out: str) -> tuple[Static, Numbers]:
        drawn = recipe.inner.draw(self.seed, epoch, indices, None, None)
        plan = recipe.inner.plan(drawn, _source(form, len(indices)), np.dtype(out))
        return prepare(plan, self._latest.get((form, out)) if recipe is self.recipe else None)


def _source(form: Form, count: int) -> Source:
    height, width, channels = form.shape
    return Source(Canvas(np.full(count, height), np.full(count, width)), channels, np.dtype(form.dtype))
