"""The facade: a recipe of transforms, applied to one image or a batch. Draw, plan, do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from hashlib import blake2b
from typing import Any, final, get_args

import msgspec
import numpy as np

from augfuse.algebra.geometry import Canvas
from augfuse.algebra.ranges import Choice, Numbers
from augfuse.algebra.rng import check_epoch, check_seed
from augfuse.batch import Batch
from augfuse.errors import RecipeError
from augfuse.execute.batch_images import Images, as_image, as_images, check_values
from augfuse.frameworks import ColumnFunction, adapter
from augfuse.plan.describe import Applied
from augfuse.plan.explain import explain
from augfuse.plan.plan import Plan
from augfuse.plan.settings import Interpolation, Settings, Source, value_range
from augfuse.recipe_call.arguments import (
    as_index,
    as_indices,
    canvas_of,
    check_apart,
    check_labels,
    class_labels,
    own_range,
    wanted_dtype,
)
from augfuse.recipe_call.clips import clips_of, together
from augfuse.recipe_call.run_plan import How, carried_out, check_plan
from augfuse.recipe_call.single_calls import InTurn
from augfuse.recipe_call.unchecked import Inner
from augfuse.targets import validate as of
from augfuse.targets.partners import Partners, again, given_labels, partners_of
from augfuse.targets.policy import BOX_FORMAT, DEFAULT, Targets
from augfuse.targets.roles import additional_kinds, as_targets
from augfuse.targets.validate import given
from augfuse.transforms.base import Transform
from augfuse.transforms.checks.misused_calls import Called
from augfuse.transforms.children import check_ends, checked_list, leaves
from augfuse.transforms.custom import Lambda, named
from augfuse.transforms.derived.eval_form import evaluated

_FILL = Choice("border mode", ("nearest", "reflect", "wrap", "constant"))
_INTERPOLATION = Choice("interpolation", get_args(Interpolation))
_FIRST = np.zeros(1, np.int64)
_FILL_VALUE = Numbers("fill colour", "at the image's own scale")
_OF_PLAN = "Use the data set that the plan was made with."


@final
class Recipe(msgspec.Struct, metaclass=Called, frozen=True, dict=True, weakref=True):
    """A list of transforms, applied in order, compiled for each batch into one fused pass over the pixels.

    Args:
        transforms: the transforms, in order.
        fill: padding mode outside of the image: "nearest" (the edge pixel), "reflect" (d c b a | a b c d | d c b a),
            "wrap" (period n) or "constant" (`fill_value`, cut at the image edge).
        fill_value: one number or one per channel, at the image's own scale.
        interpolation: "bilinear"; "bicubic", sharper; both average what shrinks by more than 1.5. "area", the mean of
            what an output pixel covers. "nearest", the pixel that covers the point; between two the right or lower one.
        value_range: (low, high) of float images; None means 0..1, and the full range of integer dtypes.
        box_format: of boxes in and out: "pascal_voc", [x1, y1, x2, y2] in pixels; "coco", [x1, y1, width, height] in
            pixels; "yolo", [centre x, centre y, width, height] and "normalized", [x1, y1, x2, y2], as fractions;
            "oriented", [centre x, centre y, width, height, degrees anticlockwise as seen] in pixels.
        targets: how masks, boxes, key points and polygons are treated; see `Targets`.
        additional: further fields of a sample, and what each is treated like: {"depth": "mask", "ids": "box_labels"}.
    """

    transforms: Sequence[Transform] = ()
    fill: str = "nearest"
    fill_value: tuple[float, ...] | float = 0
    interpolation: str = "bilinear"
    value_range: tuple[float, float] | None = None
    box_format: str = "pascal_voc"
    targets: Targets = DEFAULT
    additional: Mapping[str, str] | tuple[tuple[str, str], ...] = ()

    def __post_init__(self) -> None:
        put = msgspec.structs.force_setattr
        put(self, "transforms", checked_list("Recipe.transforms", self.transforms))
        put(self, "fill_value", _FILL_VALUE.parse("Recipe.fill_value", self.fill_value))
        for name, spec in (("fill", _FILL), ("interpolation", _INTERPOLATION), ("box_format", BOX_FORMAT)):
            spec.parse(f"Recipe.{name}", getattr(self, name))
        if self.value_range is not None:
            put(self, "value_range", own_range(self.value_range))
        put(self, "targets", as_targets(self.targets))
        put(self, "additional", additional_kinds(self.additional))
        check_ends("Recipe.transforms", self.transforms)

    def __call__(
        self, image: np.ndarray, *, label: Any = None, seed: int | None = None, epoch: int = 0,
        index: int | None = None, training: bool = True, data: Partners | None = None, **targets: Any,
    ) -> dict[str, Any]:  # fmt: skip
        """One image, (h, w, c) or (h, w); returns a dict with the keys given, "image" and, if given, "label".

        Of d frames or slices (d, h, w, c), which share all draws, each target has an entry for each, as in a batch.
        With Views, "image" is the first one, and "views" holds a dict {"image": ...} for each by name.
        targets: what belongs to the image and moves with it, by name: mask (h, w); masks (k, h, w); boxes (k, 4), see
        `box_format`; box_labels, k of anything; keypoints (k, 2), (k, 3) with a visibility, or (k, p, 3) of k objects;
        polygons, k rings (m, 2) or lists of rings; and the names of `additional`. They come out under the same names.
        The same bytes as the image at `index` of a batch with this seed and epoch. With a seed, `index` is asked for.
        data: the data set that partners of mixes (MixUp, ...) are drawn from; None: the image is mixed with itself.
        """
        if seed is not None and index is None:
            raise RecipeError(
                "Recipe: got a seed without an index, wanted both: randomness is a function of position. Use index=0."
            )
        if getattr(image, "ndim", 0) == 4:
            options = {**targets, "seed": seed, "epoch": epoch, "training": training}
            return together(self.transforms, self.batch, image, label, index, options)
        images = Images(stack=as_image(image, "image")[None], rows=_FIRST)
        check_values(images, *value_range(images.dtype, self.value_range), "image")
        at, recipe = 0 if index is None else as_index(index), self if training else self._evaluation
        own, epoch, given_label = check_seed(seed), check_epoch(epoch), {} if label is None else {"label": label}
        plain = not targets and not isinstance(label, np.ndarray)
        if plain and (made := recipe._in_turn.image(recipe.inner, seed, epoch, at, images)) is not None:
            return {"image": made, **given_label}
        indices, labels = np.array([at]), recipe.inner.asked_labels(None if label is None else [label], data)
        pool, read = partners_of(data, recipe, indices)
        drawn = recipe.inner.draw(own, epoch, indices, labels, None, pool)
        held = given(self, {name: t if t is None else [t] for name, t in targets.items()}, images.canvas, of.alone)
        mixed = None if label is None or data is None else given_labels([label], recipe.inner.asks.softens)
        batch = recipe.inner.run(drawn, images, How(workers=1), mixed, None, held, read)
        given_label = given_label if mixed is None else {"label": batch.labels[0]}
        views = {"views": {name: view.sample(0) for name, view in batch.views.items()}} if batch.views else {}
        return {**batch.sample(0), **views, **given_label}

    def batch(
        self, images: np.ndarray | Sequence[np.ndarray], labels: Any = None, *, seed: int | None = None, epoch: int = 0,
        indices: Any = None, training: bool = True, workers: int | None = None, dtype: Any = None, layout: str = "NHWC",
        out: np.ndarray | None = None, data: Partners | None = None, **targets: Any,
    ) -> Batch:  # fmt: skip
        """Return a `Batch` of augmented images.

        Args:
            images: (n, h, w, c), (n, h, w) or a sequence of (h, w, c); uint8, uint16 or float32. Of clips or volumes
                (n, d, h, w, c) all frames share the draws, and each target has d entries for each of them.
            labels: (n, ...) or None.
            seed, epoch, indices: what the draws depend on. seed None draws fresh entropy, kept in `batch.plan.seed`;
                indices (n,) are positions in a data set, 0..n-1 by default.
            training, workers: False applies `eval()`; threads, all cores by default, which change no byte.
            dtype: None keeps the input's dtype (rounded), or gives float32 if the recipe normalises; "float32" without
                a normalising transform is unrounded, at the input's scale; "float16" is the same with half the digits.
            layout: "NHWC" or "NCHW".
            out: a C-contiguous array that is written to and returned as `batch.images`.
            data: the data set that partners of mixes are drawn from, at `indices`; None: the images given.
            **targets: as a call takes them, with an entry for each image; they become `batch.targets`.

        Raises:
            ImageError, ImageTypeError, RecipeError: images, targets or options that cannot be used.
        """
        if (clips := clips_of(self.transforms, images)) is not None:
            images, labels, indices, targets, out = clips.flat(images, labels, indices, targets, out)
        n = len(pixels := as_images(images))
        positions = np.arange(n, dtype=np.int64) if indices is None else as_indices(indices, n)
        check_labels(labels, n)
        recipe, wanted = self if training else self._evaluation, wanted_dtype(dtype)
        check_values(pixels, *value_range(pixels.dtype, self.value_range))
        check_apart(out, pixels)
        pool, read = partners_of(data, recipe, positions)
        asked = recipe.inner.asked_labels(labels, data)
        drawn = recipe.inner.draw(check_seed(seed), check_epoch(epoch), positions, asked, None, pool)
        held = given(self, targets, pixels.canvas, of.in_a_batch if clips is None else clips.where)
        labels = given_labels(labels, recipe.inner.asks.softens)
        batch = recipe.inner.run(drawn, pixels, How(workers, wanted, layout, out), labels, None, held, read)
        return batch if clips is None else clips.shaped(batch)

    def replay(
        self, plan: Plan, images: np.ndarray | Sequence[np.ndarray], labels: Any = None, *, workers: int | None = None,
        layout: str = "NHWC", out: np.ndarray | None = None, data: Partners | None = None, **targets: Any,
    ) -> Batch:  # fmt: skip
        """Return the batch that `plan` describes, from the same images: the same bytes, also in another process.

            kept = batch.plan.to_bytes()
            recipe.replay(af.Plan.from_bytes(kept), images=images).images

        Args:
            plan: a plan of this recipe.
            images: as many, of the sizes, channels and dtype that the plan was made for.
            data: the data set that partners of mixes were drawn from, for the plan of a loader.
            others: as in `batch`.

        Raises:
            RecipeError, ImageError: another recipe made the plan; the images do not fit it.
        """
        check_plan(plan, (self.transforms, self._evaluation.transforms), self.inner.settings)
        if (clips := clips_of(self.transforms, images)) is not None:
            images, labels, _, targets, out = clips.flat(images, labels, None, targets, out)
        pixels = as_images(images)
        plan.given.check(pixels.canvas, pixels.channels, pixels.dtype)
        check_labels(labels, len(pixels))
        check_values(pixels, plan.low, plan.high)
        check_apart(out, pixels)
        held = given(self, targets, pixels.canvas, of.in_a_batch if clips is None else clips.where)
        labels = labels if plan.before is None else given_labels(labels, self.inner.asks.softens)
        mates = again(plan, pixels, held, labels, partners_of(data, self, plan.indices, _OF_PLAN)[1])
        batch = carried_out(plan, pixels, How(workers, None, layout, out), labels, None, held, mates)
        return batch if clips is None else clips.shaped(batch)

    def plan(
        self, source: Canvas, channels: int, source_dtype: np.dtype, indices: np.ndarray, *, seed: int | None = None,
        epoch: int = 0, dtype: np.dtype | None = None, labels: np.ndarray | None = None,
    ) -> Plan:  # fmt: skip
        """Return the fused, checked plan for images of these sizes, without any pixels.

        Args:
            source, channels, source_dtype: size (a `Canvas`), channels and dtype of the images.
            indices: (n,) int64 positions in a data set.
            others: as in `batch`.
        """
        drawn = self.inner.draw(check_seed(seed), epoch, indices, labels, None)
        return self.inner.plan(drawn, Source(source, channels, source_dtype), dtype)

    def eval(self) -> Recipe:
        """Return the evaluation form, which draws nothing.

        Random transforms are left out or replaced by their deterministic counterpart (RandomResizedCrop: resize and
        centre crop); deterministic ones (Resize, Normalize) stay.
        Of transforms that choose among others: OneOf and SomeOf are left out; Sequential, RandomOrder, When and
        Schedule become the evaluation forms of their transforms in list order, Views those of each view.
        """
        return self._with(evaluated(self.transforms))

    def scaled(self, strength: float) -> Recipe:
        """Return the same recipe, milder or stronger by `strength`: 1 is this recipe, 0 its evaluation form.

        Every range is scaled about the value that changes nothing (0 degrees, factor 1, the whole image), within its
        domain; probabilities scale too, up to 1. A transform that always acts (p=1) and has ranges keeps its p. Sizes,
        the places of crops, aspects of erased parts and whatever evaluation keeps stay. Below 0 it is a RangeError.
        """
        from augfuse.transforms.derived.strength import check_strength, scaled

        strength = check_strength(strength)
        if strength == 0:
            return self.eval()
        if strength == 1:
            return self
        return self._with(tuple(scaled(t, strength) for t in self.transforms))

    @cached_property
    def _evaluation(self) -> Recipe:
        return self.eval()

    @cached_property
    def inner(self) -> Inner:
        """What the rest of augfuse calls, which has checked what it gives."""
        own: Any = self  # whose words were checked
        names = own.fill, own.fill_value, own.interpolation, own.value_range, own.box_format
        return Inner(own.transforms, Settings(*names, own.targets.keypoint_format), self._asked)

    @cached_property
    def _in_turn(self) -> InTurn:
        return InTurn(self.transforms)

    @cached_property
    def _asked(self) -> set[str]:
        return set()

    def _with(self, transforms: tuple[Transform, ...]) -> Recipe:
        """The same recipe with transforms that follow from its own: nothing is checked, nor warned about, again."""
        return _restored({**msgspec.structs.asdict(self), "transforms": transforms}, self._asked)

    def __copy__(self) -> Recipe:
        return self  # it does not change

    def __reduce__(self) -> tuple[Any, ...]:
        return _restored, (msgspec.structs.asdict(self), self._asked)

    def explain(self, shape: tuple[int, ...] = (224, 224, 3), dtype: Any = np.uint8) -> str:
        """Return what is fused into what for images of `shape` (h, w, c) and `dtype`: "Rotate, Scale -> 1 warp"."""
        canvas, channels = canvas_of(shape)
        return explain(self.plan(canvas, channels, wanted_dtype(dtype) or np.dtype(np.uint8), _FIRST, seed=0))

    def describe(
        self, shape: tuple[int, ...], *, seed: int, epoch: int = 0, index: int = 0, label: Any = None,
        training: bool = True,
    ) -> tuple[Applied, ...]:  # fmt: skip
        """Return what each transform does to one image, in the order of application, computed without any pixels.

        The same as `batch.plan.describe(i)` of that batch; of Views it describes the first one.

        Args:
            shape: (h, w, c) of the image.
            index, label: its position in the data set, and its label (for a When).
            others: as in `batch`.
        """
        canvas, channels = canvas_of(shape)
        recipe, at = self if training else self._evaluation, as_indices([index], 1)
        labels, single = None if label is None else class_labels([label]), np.dtype(np.float32)  # any range fits it
        return recipe.plan(canvas, channels, single, at, seed=seed, epoch=check_epoch(epoch), labels=labels).describe(0)

    def hf(self, image: str = "image", out: str = "pixel_values", **options: Any) -> ColumnFunction:
        """Return a function for `set_transform` of Hugging Face's data sets, which makes of images in column `image`
        float32 arrays (c, h, w) in column `out`; for `options` see `HfTransform`."""
        return adapter("hf", "recipe.hf()").serve(self, image, out, **options)

    def _repr_html_(self) -> str:
        from augfuse.display.notebook import recipe_html

        return recipe_html(self)

    def to_dict(self) -> dict[str, Any]:
        """Return plain data: numbers, strings, lists and dicts, with every field written out."""
        from augfuse.transforms.serial.plain_data import recipe_to_dict

        return recipe_to_dict(self)

    def to_yaml(self) -> str:
        """Return the recipe as YAML text; `Recipe.from_yaml` reads it back equal."""
        from augfuse.transforms.serial.plain_data import to_yaml

        return to_yaml(self.to_dict())

    def to_python(self) -> str:
        """Return the recipe as Python source, `af.Recipe([...])`, with the fields that differ from their defaults."""
        from augfuse.transforms.serial.plain_data import to_python

        return to_python(self)

    def fingerprint(self) -> str:
        """Return 16 hex digits that differ if the recipes do; functions are compared by name."""
        functions = [named(t.fn) for t in leaves(self.transforms) if isinstance(t, Lambda)]
        return blake2b("\n".join([self.to_python(), *functions]).encode(), digest_size=8).hexdigest()

    @staticmethod
    def from_dict(data: dict[str, Any]) -> Recipe:
        """Return the recipe of `data`, as `to_dict` makes it; RecipeError or RangeError names what is wrong."""
        from augfuse.transforms.serial.plain_data import fields_from_dict

        return Recipe(**fields_from_dict(data))

    @staticmethod
    def from_yaml(text: str) -> Recipe:
        """Return the recipe of YAML `text` (not a path: Path(...).read_text()); nothing in it is imported or run."""
        from augfuse.transforms.serial.yaml_text import read_yaml

        return Recipe.from_dict(read_yaml(text))


def _restored(fields: dict[str, Any], asked: set[str]) -> Recipe:
    """A recipe of fields that were those of one, so that nothing is warned about again."""
    recipe = Recipe()
    recipe._asked.update(asked)
    for name, value in fields.items():
        msgspec.structs.force_setattr(recipe, name, value)
    return recipe
