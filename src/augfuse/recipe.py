"""The facade: a recipe of transforms, applied to one image or a batch. Draw, plan, do."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from hashlib import blake2b
from typing import Any, final

import msgspec
import numpy as np

from augfuse.arguments import (
    allocated,
    as_index,
    as_indices,
    canvas_of,
    check_labels,
    check_out,
    is_planar,
    overlap,
    own_range,
    wanted_dtype,
)
from augfuse.batch import Batch
from augfuse.errors import ImageTypeError, RecipeError
from augfuse.execute.images import Images, as_image, as_images, check_values
from augfuse.geometry import Canvas
from augfuse.plan.build import build, value_range
from augfuse.plan.describe import Applied
from augfuse.plan.explain import explain
from augfuse.plan.fuse import fuse
from augfuse.plan.plan import Plan, check
from augfuse.ranges import Choice, Numbers, sides, whole
from augfuse.rng import check_epoch, check_seed
from augfuse.targets import refuse_targets, warn_of_masks
from augfuse.text import shown
from augfuse.transforms._crop import undone
from augfuse.transforms._custom import Lambda, named
from augfuse.transforms.base import Transform, Write
from augfuse.transforms.calls import Called
from augfuse.warn_once import warn

_FILL = Choice("border mode", ("nearest", "reflect", "wrap", "constant"))
_INTERPOLATION = Choice("interpolation", ("bilinear", "nearest"))
_BOX_FORMAT = Choice("box format", ("pascal_voc",))
_FILL_VALUE = Numbers("fill colour", "at the image's own scale")
_MOST_TRANSFORMS = 100


@final
class Recipe(msgspec.Struct, metaclass=Called, frozen=True):
    """A list of transforms, applied in order, compiled for each batch into one fused pass over the pixels.

    fill: what surrounds an image: "nearest" (the edge pixel), "reflect" (d c b a | a b c d | d c b a), "wrap" (period
    n) or "constant" (`fill_value`, one number or one per channel, at the image's own scale; cut at the image edge).
    interpolation: "bilinear", or "nearest", which mixes no values: the pixel that covers the point, on the edge between
    two the right or lower one. value_range: (low, high) of float images; None means 0..1, and the full range of integer
    dtypes. box_format: "pascal_voc", [x1, y1, x2, y2] in pixels; boxes are not supported yet.
    """

    transforms: Sequence[Transform] = ()
    fill: str = "nearest"
    fill_value: tuple[float, ...] | float = 0
    interpolation: str = "bilinear"
    value_range: tuple[float, float] | None = None
    box_format: str = "pascal_voc"

    def __post_init__(self) -> None:
        if not isinstance(self.transforms, (tuple, list)):
            raise RecipeError(
                f"Recipe: got one {type(self.transforms).__name__}, wanted a list. Use af.Recipe([af.Rotate(), ...])."
            )
        if len(self.transforms) > _MOST_TRANSFORMS:
            raise RecipeError(f"Recipe: got {len(self.transforms)} transforms, wanted at most {_MOST_TRANSFORMS}.")
        put = msgspec.structs.force_setattr
        put(self, "transforms", tuple(self.transforms))
        put(self, "fill_value", _FILL_VALUE.parse("Recipe.fill_value", self.fill_value))
        for name, spec in (("fill", _FILL), ("interpolation", _INTERPOLATION), ("box_format", _BOX_FORMAT)):
            spec.parse(f"Recipe.{name}", getattr(self, name))
        if self.value_range is not None:
            put(self, "value_range", own_range(self.value_range))
        _check_order(tuple(self.transforms))
        if (found := undone(tuple(self.transforms))) is not None:
            stretched, resize = type(found[0]).__name__, sides(found[1].size)
            warn(
                f"Recipe: {stretched} changes nothing, for Resize({resize}) stretches the picture back. Type "
                f'af.Resize({resize}, mode="cover"), af.CenterCrop({resize}) in its place.'
            )

    def __call__(
        self,
        *,
        image: np.ndarray,
        label: Any = None,
        seed: int | None = None,
        epoch: int = 0,
        index: int | None = None,
        training: bool = True,
        **others: Any,
    ) -> dict[str, Any]:
        """One image, (h, w, c) or (h, w); returns a dict with the keys given, "image" and, if given, "label".

        The same bytes as the image at `index` of a batch with this seed and epoch. With a seed, `index` is asked for.
        Masks, boxes and keypoints are refused, with the way to do it (`others`).
        """
        refuse_targets(self, tuple(others))
        if seed is not None and index is None:
            raise RecipeError(
                "Recipe: got a seed without an index, wanted both: randomness is a function of position. Use index=0."
            )
        images = Images(items=[as_image(image, "image")])
        check_values(images, *value_range(images.dtype, self.value_range), "image")
        indices = np.array([0 if index is None else as_index(index)], np.int64)
        recipe = self if training else self.eval()
        batch = recipe._run(
            images, None, indices, None, seed=seed, epoch=epoch, workers=1, dtype=None, layout="NHWC", out=None
        )
        result: dict[str, Any] = {"image": batch.images[0]}
        if label is not None:
            result["label"] = label
        return result

    def batch(
        self,
        images: np.ndarray | Sequence[np.ndarray],
        labels: Any = None,
        *,
        seed: int | None = None,
        epoch: int = 0,
        indices: Any = None,
        training: bool = True,
        workers: int | None = None,
        dtype: Any = None,
        layout: str = "NHWC",
        out: np.ndarray | None = None,
    ) -> Batch:
        """Images (n, h, w, c), (n, h, w) or a sequence of (h, w, c), uint8, uint16 or float32 -> a `Batch`.

        indices (n,): the positions that key the draws, 0..n-1 by default. seed None draws fresh entropy, kept in
        `batch.plan.seed`. training=False applies `eval()`. workers: threads, all cores by default; it changes no byte.
        dtype: None keeps the input's dtype (rounded), or float32 where the recipe normalises; "float32" without a
        normalising transform is unrounded at the input's scale. layout "NHWC" or "NCHW". out: a C-contiguous array that
        is written to and returned as `batch.images`. Raises ImageError, ImageTypeError, RecipeError.
        """
        pixels = as_images(images)
        n = len(pixels)
        positions = np.arange(n, dtype=np.int64) if indices is None else as_indices(indices, n)
        check_labels(labels, n)
        recipe = self if training else self.eval()
        wanted = wanted_dtype(dtype)
        check_values(pixels, *value_range(pixels.dtype, self.value_range))
        if isinstance(out, np.ndarray) and overlap(out, pixels):
            raise ImageTypeError(
                "out: got memory that the images lie in, wanted memory of its own. Use out=np.empty_like(images)."
            )
        return recipe._run(
            pixels,
            labels,
            positions,
            None,
            seed=seed,
            epoch=epoch,
            workers=workers,
            dtype=wanted,
            layout=layout,
            out=out,
        )

    def _run(
        self,
        images: Images,
        labels: Any,
        indices: np.ndarray,
        paths: tuple[str, ...] | None,
        *,
        seed: int | None,
        epoch: int,
        workers: int | None,
        dtype: np.dtype | None,
        layout: str,
        out: np.ndarray | Callable[[tuple[int, ...], np.dtype], np.ndarray] | None,
    ) -> Batch:
        """The unchecked inner call: images and indices are known to be good. `out` may be what allocates it."""
        from augfuse.execute.cpu import cpu_count, execute  # compiled code: loaded on first use

        planar = is_planar(layout)
        threads = cpu_count() if workers is None else whole("workers", workers, 0)
        epoch = check_epoch(epoch)
        plan = self.plan(images.canvas, images.channels, images.dtype, indices, seed=seed, epoch=epoch, dtype=dtype)
        height, width = int(plan.size.height[0]), int(plan.size.width[0])
        shape = (len(images), plan.channels, height, width) if planar else (len(images), height, width, plan.channels)
        warn_of_masks(self, images[0], labels)
        if out is None or callable(out):
            target = allocated(out or np.empty, shape, plan.write.dtype)
        else:
            target = check_out(out, shape, plan.write.dtype)
        execute(plan, images, target, planar, threads)
        return Batch(target, labels, indices, paths, plan, planar)

    def plan(
        self,
        source: Canvas,
        channels: int,
        source_dtype: np.dtype,
        indices: np.ndarray,
        *,
        seed: int | None = None,
        epoch: int = 0,
        dtype: np.dtype | None = None,
    ) -> Plan:
        """The fused, checked plan for images of these sizes: what would be done, without any pixels."""
        if dtype is not None and dtype not in (source_dtype, np.dtype(np.float32)):
            raise RecipeError(
                f"dtype: got {dtype.name} for {source_dtype.name} images, wanted '{source_dtype.name}' or 'float32'."
            )
        plan = fuse(build(self, source, channels, source_dtype, dtype, check_seed(seed), epoch, indices))
        check(plan)
        return plan

    def eval(self) -> Recipe:
        """The evaluation form: random transforms are left out or replaced by their deterministic counterpart
        (RandomResizedCrop: resize and centre crop), deterministic ones (Resize, Normalize) stay. It draws nothing."""
        kept: list[Transform] = []
        for transform in self.transforms:
            if transform.evaluation == "deterministic":
                kept.append(transform)
            elif transform.evaluation == "counterpart":
                kept.extend(transform.counterpart() if transform.p > 0 else ())
        always = tuple(msgspec.structs.replace(t, p=1.0) if 0 < t.p < 1 else t for t in kept)
        return self._with(always)

    def scaled(self, strength: float) -> Recipe:
        """The same recipe, milder or stronger: every range scaled about the value that changes nothing (0 degrees,
        factor 1, the whole image), within its domain; probabilities scale too, up to 1.

        strength 1 is this recipe, 0 its evaluation form. A transform that always acts (p=1) and has ranges keeps its
        p: its ranges say how much. Sizes, the places of crops, aspects of erased parts and whatever evaluation keeps
        stay as they are. RangeError for a strength below 0.
        """
        from augfuse.transforms.strength import check_strength, scaled

        strength = check_strength(strength)
        if strength == 0:
            return self.eval()
        if strength == 1:
            return self
        return self._with(tuple(scaled(t, strength) for t in self.transforms))

    def _with(self, transforms: tuple[Transform, ...]) -> Recipe:
        """The same recipe with transforms that follow from its own: nothing is checked, nor warned about, again."""
        values = {name: getattr(self, name) for name in self.__struct_fields__}
        return _restored({**values, "transforms": transforms})

    def __reduce__(self) -> tuple[Any, ...]:
        return _restored, ({name: getattr(self, name) for name in self.__struct_fields__},)

    def explain(self, shape: tuple[int, ...] = (224, 224, 3), dtype: Any = np.uint8) -> str:
        """What is fused into what, for images of this (h, w, c): "Rotate, Scale -> 1 warp; ...; Normalize -> write"."""
        canvas, channels = canvas_of(shape)
        return explain(
            self.plan(canvas, channels, wanted_dtype(dtype) or np.dtype(np.uint8), np.zeros(1, np.int64), seed=0)
        )

    def describe(
        self, shape: tuple[int, ...], *, seed: int, epoch: int = 0, index: int = 0, training: bool = True
    ) -> tuple[Applied, ...]:
        """What each transform does to the image of this (h, w, c) at `index`, computed without any pixels.

        One entry for each transform, in list order: whether it fires, and the drawn numbers in the units of its fields,
        `text` says it in words. The same as `batch.plan.describe(i)` of a batch with this seed, epoch and index.
        """
        canvas, channels = canvas_of(shape)
        recipe = self if training else self.eval()
        position = as_indices([index], 1)
        # The draws do not depend on the dtype; float32 is the one that every value range fits.
        plan = recipe.plan(canvas, channels, np.dtype(np.float32), position, seed=seed, epoch=check_epoch(epoch))
        return plan.describe(0)

    def _repr_html_(self) -> str:
        """What a notebook shows: what is fused into what, and a table of the transforms."""
        from augfuse.notebook import recipe_html

        return recipe_html(self)

    def to_dict(self) -> dict[str, Any]:
        """Plain data: numbers, strings, lists and dicts, with every field written out."""
        from augfuse.transforms.spec import recipe_to_dict

        return recipe_to_dict(self)

    def to_yaml(self) -> str:
        """The recipe as YAML text; `Recipe.from_yaml` reads it back equal."""
        from augfuse.transforms.spec import to_yaml

        return to_yaml(self.to_dict())

    def to_python(self) -> str:
        """The recipe as Python source, `af.Recipe([...])`, with the fields that differ from their defaults."""
        from augfuse.transforms.spec import to_python

        return to_python(self)

    def fingerprint(self) -> str:
        """16 hex digits that differ where the recipes do; the same in every process. Functions count by their names."""
        functions = [named(t.fn) for t in self.transforms if isinstance(t, Lambda)]
        return blake2b("\n".join([self.to_python(), *functions]).encode(), digest_size=8).hexdigest()

    @staticmethod
    def from_dict(data: dict[str, Any]) -> Recipe:
        """The inverse of `to_dict`. RecipeError or RangeError names the place of what is wrong."""
        from augfuse.transforms.spec import fields_from_dict

        return Recipe(**fields_from_dict(data))

    @staticmethod
    def from_yaml(text: str) -> Recipe:
        """Read YAML text (not a path: use Path(...).read_text()). Nothing is imported or run by reading."""
        from augfuse.transforms.reading import read_yaml

        if not isinstance(text, str):
            raise ImageTypeError(f"from_yaml: got {type(text).__name__}, wanted text. Use Path(...).read_text().")
        return Recipe.from_dict(read_yaml(text))


def _restored(fields: dict[str, Any]) -> Recipe:
    """A recipe of fields that were those of one, so that no process warns again of what was said when it was made."""
    recipe = Recipe()
    for name, value in fields.items():
        msgspec.structs.force_setattr(recipe, name, value)
    return recipe


def _check_order(transforms: tuple[Transform, ...]) -> None:
    for i, transform in enumerate(transforms):
        if not isinstance(transform, Transform):
            name = getattr(transform, "__name__", type(transform).__name__)
            hint = f" Call it: af.{name}()." if isinstance(transform, type) else ""
            raise RecipeError(f"Recipe.transforms[{i}]: got {shown(transform)}, wanted a transform.{hint}")
        if isinstance(transform, Write) and i + 1 < len(transforms):
            name, after = type(transform).__name__, type(transforms[i + 1]).__name__
            raise RecipeError(
                f"Recipe.transforms[{i}]: got {name} before {after}, wanted {name} last and nothing behind it. "
                "Move it to the end."
            )
