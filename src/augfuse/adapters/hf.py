"""Hugging Face's datasets: what `recipe.hf()` returns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, final

import numpy as np

from augfuse.algebra.ranges import truth
from augfuse.algebra.rng import check_epoch, check_seed
from augfuse.data.batches.collate import Collation
from augfuse.errors import DataError, RecipeError, did_you_mean
from augfuse.execute.batch_images import as_images, check_values
from augfuse.plan.settings import value_range
from augfuse.recipe import Recipe
from augfuse.recipe_call.arguments import as_indices, is_planar, wanted_dtype
from augfuse.recipe_call.run_plan import How
from augfuse.text import shown

_MODES = {"rgb": "RGB", "rgba": "RGBA", "grayscale": "L"}
_DEEP = ("I", "F", "I;16", "I;16B", "I;16L")  # more than 8 bits: Pillow would cut them off


@final
class HfTransform:
    """What `set_transform` and `with_transform` of a Hugging Face data set take: what `recipe.hf()` returns.

        dataset.set_transform(recipe.hf(seed=0, index="id"))
        dataset[0]["pixel_values"]                      # (c, h, w) float32

    image, out: the columns that images are taken from, and that they go to; other columns stay as they are. seed,
    index: the draws are those of an `af.Loader` of this seed for the sample whose whole number stands in the column
    `index`; without a seed each call draws anew. training=False applies `recipe.eval()`. color: "rgb", "rgba" or
    "grayscale"; label: the column that a When asks for. Images are Pillow's or arrays (h, w, c). `set_epoch(e)`
    is seen by worker processes that start after it.
    """

    def __init__(
        self,
        recipe: Recipe,
        image: str = "image",
        out: str = "pixel_values",
        *,
        seed: int | None = None,
        index: str | None = None,
        training: bool = True,
        color: Literal["rgb", "rgba", "grayscale"] = "rgb",
        dtype: Any = "float32",
        layout: Literal["NHWC", "NCHW"] = "NCHW",
        label: str = "label",
    ) -> None:
        self._recipe = recipe if truth("training", training) else recipe.eval()
        self._image, self._out, self._index, self._label = image, out, index, label
        if seed is not None and index is None:
            raise RecipeError(
                "recipe.hf: got a seed without an index, wanted both: randomness is a function of position. Type "
                'index="id", the name of a column of whole numbers: dataset.add_column("id", range(len(dataset))).'
            )
        self._seed = None if seed is None else check_seed(seed)
        self._epoch = 0
        if color not in _MODES:
            raise RecipeError(f"color: got {shown(color)}, wanted one of {', '.join(map(shown, _MODES))}.")
        self._mode = _MODES[color]
        is_planar(layout)
        self._how = How(1, wanted_dtype(dtype), layout)

    def set_epoch(self, epoch: int) -> None:
        """Draw for `epoch` from now on."""
        self._epoch = check_epoch(epoch)

    def __call__(self, examples: Mapping[str, Any]) -> dict[str, Any]:
        """Columns of a few rows, as `datasets` hands them over, with the images replaced.

        Raises DataError for columns that are missing and images that cannot be used, and what `Recipe.batch` raises.
        """
        images = as_images([self._pixels(one, row) for row, one in enumerate(self._column(examples, self._image))])
        recipe, n = self._recipe, len(images)
        check_values(images, *value_range(images.dtype, recipe.value_range))
        keys = np.arange(n) if self._index is None else self._column(examples, self._index)
        labels = recipe.inner.asked_labels(examples.get(self._label))
        drawn = recipe.inner.draw(check_seed(self._seed), self._epoch, as_indices(np.asarray(keys), n), labels, None)
        found = Collation().run(recipe, drawn, images, self._how, None, None, None).images
        return {name: column for name, column in examples.items() if name != self._image} | {self._out: found}

    def _column(self, examples: Mapping[str, Any], name: str) -> Any:
        if name not in examples:
            known = ", ".join(map(shown, examples))
            raise DataError(f"recipe.hf: got the columns {known}, wanted {shown(name)}.{did_you_mean(name, examples)}")
        return examples[name]

    def _pixels(self, image: Any, row: int) -> np.ndarray:
        if isinstance(image, np.ndarray):
            return image
        if not hasattr(image, "convert"):
            raise DataError(
                f"recipe.hf: row {row} of {shown(self._image)} holds {type(image).__name__}, wanted an image of Pillow "
                'an array (h, w, c). Use dataset.cast_column("image", datasets.Image()).'
            )
        if image.mode in _DEEP:
            raise DataError(
                f"recipe.hf: row {row} of {shown(self._image)} has pixels of mode {image.mode}, wanted 8 bits. Use "
                "af.Loader(af.from_hf(dataset), recipe), which keeps 16."
            )
        pixels = np.asarray(image if image.mode == self._mode else image.convert(self._mode))
        return pixels if pixels.ndim == 3 else pixels[:, :, None]


serve = HfTransform  # see `Recipe.hf`
