"""Test-time augmentation: what a model says of several augmented forms of an image, as one prediction for the image."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, TypeAlias, final

import numpy as np

from augfuse.algebra.ranges import Choice, truth, whole
from augfuse.algebra.rng import check_seed
from augfuse.batch import Batch
from augfuse.errors import DataError, ImageTypeError, RecipeError
from augfuse.execute.batch_images import as_images
from augfuse.recipe import Recipe
from augfuse.targets.inverse import as_array
from augfuse.targets.move import swapped_labels
from augfuse.text import shown
from augfuse.transforms.children import leaves
from augfuse.transforms.mix_base import Mix

Target: TypeAlias = Literal["mask", "keypoints", "boxes"]

_TARGET = Choice("what is predicted", ("mask", "keypoints", "boxes"))
_LAYOUT = Choice("layout", ("NHWC", "NCHW"))
_LABELS = ("labels", "box_labels", "classes")


@final
@dataclass(eq=False, repr=False)
class TestTime:
    """A model that is asked several times, see `tta`."""

    __test__: ClassVar[bool] = False  # nothing that pytest collects

    _model: Callable[..., Any]
    _recipe: Recipe
    _n: int
    _target: Target | None
    _seed: int
    _layout: Any
    _batch_size: int
    _plain: bool
    _fill: float

    def __repr__(self) -> str:
        target = "" if self._target is None else f", target={self._target!r}"
        return f"tta({type(self._model).__name__}, {self._n} draws{target}, seed={self._seed})"

    def __call__(self, images: np.ndarray | Sequence[np.ndarray]) -> Any:
        """The predictions for images (n, h, w, c), or a list of them, as `Recipe.batch` takes them."""
        count = len(as_images(images))
        parts = [
            self._part(images[start : start + self._batch_size], np.arange(start, min(start + self._batch_size, count)))
            for start in range(0, count, self._batch_size)
        ]
        if self._target is None:
            return _each(np.concatenate, parts)
        together = [one for part in parts for one in part]
        alike = self._target != "boxes" and len({one.shape for one in together}) == 1
        return np.stack(together) if alike else together

    def _part(self, images: Any, at: np.ndarray) -> Any:
        found: list[tuple[int, Batch, Any]] = []
        for draw in range(-1 if self._plain else 0, self._n):
            batch = self._recipe.batch(
                images, seed=self._seed, indices=at * self._n + max(draw, 0), training=draw >= 0, dtype="float32",
                layout=self._layout,
            )  # fmt: skip
            for view in batch.views.values() or (batch,):
                found.append((draw, view, self._asked(view)))
        if self._target is None:
            return _each(lambda values: np.mean(values, axis=0, dtype=np.float64).astype(np.float32), [
                _each(lambda one: _checked(one[0], len(at)), [said]) for _, _, said in found
            ])  # fmt: skip
        return {"mask": self._maps, "keypoints": self._keypoints, "boxes": self._boxes}[self._target](found)

    def _asked(self, batch: Batch) -> Any:
        torch, keras = sys.modules.get("torch"), sys.modules.get("keras")
        model: Any = self._model
        if torch is not None and isinstance(model, torch.nn.Module):
            training = model.training
            where = next(model.parameters(), torch.empty(0)).device
            try:
                with torch.inference_mode():
                    return model.eval()(torch.from_numpy(batch.images).to(where))
            finally:
                model.train(training)
        if keras is not None and isinstance(model, keras.Model):
            return model(batch.images, training=False)
        return model(batch.images)

    def _maps(self, found: list[tuple[int, Batch, Any]]) -> list[np.ndarray]:
        swap = self._recipe.targets.swap_mask
        total: list[Any] = []
        seen: list[Any] = []
        for _, batch, said in found:
            maps = _checked(said, len(batch))
            if maps.dtype.kind != "f":
                raise ImageTypeError(
                    f"model: got maps of {maps.dtype}, wanted probabilities, or other floats that have a mean."
                )
            inverse = batch.plan.inverse
            back = inverse.images(maps, layout=self._layout, swap=swap if maps.ndim == 4 else ())
            within = inverse.seen()
            if self._layout == "NCHW" and maps.ndim == 4:
                back = [one.transpose(1, 2, 0) for one in back]
            for i, (one, own) in enumerate(zip(back, within, strict=True)):
                if i == len(total):
                    total.append(np.zeros(one.shape))
                    seen.append(np.zeros(own.shape, np.int64))
                total[i][own] += one[own]
                seen[i] += own
        means = []
        for whole_sum, times in zip(total, seen, strict=True):
            count = times if whole_sum.ndim == 2 else times[:, :, None]
            mean = np.where(count > 0, whole_sum / np.maximum(count, 1), self._fill).astype(np.float32)
            means.append(mean.transpose(2, 0, 1) if self._layout == "NCHW" and mean.ndim == 3 else mean)
        return means

    def _keypoints(self, found: list[tuple[int, Batch, Any]]) -> list[np.ndarray]:
        policy = self._recipe.targets
        back = [
            batch.plan.inverse.keypoints(_checked(said, len(batch)), swap=policy.swap_keypoints)
            for _, batch, said in found
        ]
        return list(np.asarray(np.mean(back, axis=0, dtype=np.float64), np.float32))

    def _boxes(self, found: list[tuple[int, Batch, Any]]) -> list[dict[str, np.ndarray]]:
        together: list[dict[str, list[np.ndarray]]] = []
        for draw, batch, said in found:
            objects = _objects(said, len(batch))
            inverse = batch.plan.inverse
            back = inverse.boxes([own["boxes"] for own in objects])
            for i, (own, boxes) in enumerate(zip(objects, back, strict=True)):
                if i == len(together):
                    together.append({})
                own = {
                    name: swapped_labels(value, self._recipe.targets, bool(inverse.mirrored[i]))
                    if name in _LABELS
                    else value
                    for name, value in own.items()
                }
                for name, value in (own | {"boxes": boxes, "draw": np.full(len(boxes), draw)}).items():
                    together[i].setdefault(name, []).append(value)
        return [{name: np.concatenate(values) for name, values in own.items()} for own in together]


def tta(
    model: Callable[..., Any],
    recipe: Recipe,
    n: int = 8,
    *,
    target: Target | None = None,
    seed: int = 0,
    layout: Literal["NHWC", "NCHW"] | None = None,
    batch_size: int = 32,
    plain: bool = False,
    fill: float = float("nan"),
) -> TestTime:
    """Test-time augmentation: a function of images that asks `model` about `n` draws of `recipe` for each image, and
    makes one prediction of the answers.

        predict = af.tta(model, af.Recipe([af.HorizontalFlip(), af.Rotate(10), af.Normalize()]), n=8)
        probabilities = predict(images)  # (n, classes)

    Args:
        model: a Keras model, a PyTorch module (it is asked in evaluation mode), or any function of a batch of images,
            float32 as the recipe writes them.
        recipe: what is drawn; of a recipe with Views each draw has all of its views.
        n: draws for each image.
        target: None: the mean of what the model says, so let it give probabilities, not logits. "mask": maps (n, h, w)
            or (n, h, w, c) such as probabilities of classes, carried back to the original images, and the mean of the
            draws that saw a pixel. "keypoints": points (n, k, d), carried back, and their mean. "boxes": for each image
            a dict with "boxes" (k, 4), or more columns, in the recipe's `box_format`, and whatever else has k entries
            ("scores", "labels"); all boxes of all draws are carried back and come out in such dicts, with "draw", the
            number of the draw: merge them as you like, for example with torchvision.ops.batched_nms.
        seed: the same seed draws the same: image i in draw j is what `recipe.batch` makes at the index i * n + j.
        layout: of the images that the model takes, and of its maps; by default "NCHW" for PyTorch, else "NHWC".
        batch_size: how many images the model is asked about at once.
        plain: ask about the recipe's evaluation form too, which counts as draw -1.
        fill: what pixels of maps get that no draw saw.

    Left and right in mirrored images are exchanged as the recipe's `targets` says.

    Returns:
        A function of images (n, h, w, c), or of a list of them. It returns NumPy arrays.

    Raises:
        ImageTypeError: for a model or recipe that is none. RecipeError: for a recipe in which nothing is random.
    """
    if not callable(model):
        raise ImageTypeError(f"tta: got {shown(model)} as model, wanted a model, or a function of a batch of images.")
    if not isinstance(recipe, Recipe):
        raise ImageTypeError(f"tta: got {shown(recipe)} as recipe, wanted af.Recipe([...]).")
    mixing = [type(one).__name__ for one in leaves(recipe.transforms) if isinstance(one, Mix)]
    if mixing:
        raise RecipeError(
            f"tta: {', '.join(dict.fromkeys(mixing))} mixes an image with others, and what a model says is then not of "
            "it alone. Leave it out."
        )
    number = whole("n", n, 1)
    if number > 1 and recipe.eval() == recipe:
        raise RecipeError("tta: got a recipe in which nothing is random, so that all draws are alike. Use n=1.")
    if target is not None:
        _TARGET.parse("target", target)
    torch = sys.modules.get("torch")
    if layout is None:
        layout = "NCHW" if torch is not None and isinstance(model, torch.nn.Module) else "NHWC"
    return TestTime(
        model, recipe, number, target, check_seed(seed), _LAYOUT.parse("layout", layout),
        whole("batch_size", batch_size, 1), truth("plain", plain), fill,
    )  # fmt: skip


def _each(do: Callable[[list[Any]], Any], values: list[Any]) -> Any:
    """A function of the arrays at each place of several predictions: arrays, or lists and dicts of them."""
    first = values[0]
    if isinstance(first, Mapping):
        return {name: _each(do, [value[name] for value in values]) for name in first}
    if isinstance(first, (list, tuple)):
        return [_each(do, [value[k] for value in values]) for k in range(len(first))]
    return do(values)


def _checked(said: Any, n: int) -> np.ndarray:
    found = as_array(said)
    if not isinstance(found, np.ndarray) or not found.ndim or len(found) != n or found.dtype.kind not in "buif":
        got = f"shape {found.shape} {found.dtype}" if isinstance(found, np.ndarray) else type(found).__name__
        raise DataError(
            f"model: got {got} for {n} images, wanted an array of numbers (n, ...) with one entry for each."
        )
    return found


def _objects(said: Any, n: int) -> list[dict[str, np.ndarray]]:
    """What a model that finds boxes says of each image, by name."""
    if isinstance(said, Mapping):
        said = [{name: values[i] for name, values in said.items()} for i in range(n)]
    said = as_array(said)
    if not hasattr(said, "__len__") or len(said) != n:
        raise DataError(f"model: got {shown(type(said).__name__)} for {n} images, wanted a list with boxes of each.")
    found = []
    for i, own in enumerate(said):
        own = own if isinstance(own, Mapping) else {"boxes": own}
        if "boxes" not in own:
            raise DataError(
                f"model, image {i}: got {', '.join(map(shown, own))}, wanted boxes and what belongs to them."
            )
        try:
            arrays = {name: np.asarray(as_array(value)) for name, value in own.items()}
        except ValueError:
            raise DataError(
                f"model, image {i}: got what is not an array, wanted boxes (k, 4), or a dict with names: {{'boxes': "
                "boxes, 'scores': scores}."
            ) from None
        if any(not value.ndim or len(value) != len(arrays["boxes"]) for value in arrays.values()):
            sizes = ", ".join(f"{name} {value.shape}" for name, value in arrays.items())
            raise DataError(f"model, image {i}: got {sizes}, wanted as many entries as boxes.")
        found.append(arrays)
    return found
