"""How every function of `augfuse.functional` runs: a transform with numbers that are given, through the engine."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeAlias, Unpack

import numpy as np

from augfuse.algebra.ranges import Interval, Number, listed
from augfuse.errors import ImageError, RangeError
from augfuse.execute.advice import MOST_CHANNELS
from augfuse.execute.batch_images import Images, as_image, as_images, check_values
from augfuse.functional.options import DEFAULTS, Resampled
from augfuse.plan.draw import Drawn, Node
from augfuse.plan.settings import value_range
from augfuse.recipe import Recipe
from augfuse.recipe_call.arguments import wanted_dtype
from augfuse.recipe_call.run_plan import How
from augfuse.text import shown
from augfuse.transforms.base import Params, Transform, specs

Pictures: TypeAlias = np.ndarray | Sequence[np.ndarray]
PerImage: TypeAlias = float | Sequence[float] | np.ndarray


class _Given(NamedTuple):
    """Images as they were given, and what the result has to look like."""

    images: Images
    one: bool  # a single image
    flat: bool  # without an axis of channels


def apply(
    images: Pictures,
    transform: Transform,
    numbers: dict[str, Any] | None = None,
    more: Callable[[int, int], Params] | None = None,
    **options: Unpack[Resampled],
) -> np.ndarray:
    """What `transform` does to these images where its parameters are `numbers`: for each one number, or one per image,
    within the domain of the field of that name. `more`: parameters of another form, for n images with c channels.
    """
    settings: dict[str, Any] = {**DEFAULTS, **options}
    workers, dtype = settings.pop("workers"), settings.pop("dtype")
    recipe = Recipe([transform], **settings)
    given = _given(images)
    n, channels = len(given.images), given.images.channels
    params = {name: per_image(transform, name, value, n) for name, value in (numbers or {}).items()}
    if more is not None:
        params |= more(n, channels)
    name = "images" if given.one else "images[{}]"
    check_values(given.images, *value_range(given.images.dtype, recipe.value_range), name)
    node = Node(f"{type(transform).__name__}#0", transform, None, params)
    drawn = Drawn(tuple(recipe.transforms), 0, 0, np.arange(n, dtype=np.int64), (node,))
    batch = recipe.inner.run(drawn, given.images, How(workers, wanted_dtype(dtype)))
    done = batch.images[..., 0] if given.flat else batch.images
    return done[0] if given.one else done


def _given(images: Pictures) -> _Given:
    if isinstance(images, np.ndarray) and images.dtype != object and images.ndim in (2, 3):
        image = as_image(images, "images")
        if image.shape[2] > MOST_CHANNELS:
            h, w, c = image.shape
            raise ImageError(
                f"images: got shape {images.shape}, wanted one image (h, w, c) with at most {MOST_CHANNELS} channels, "
                f"or (n, h, w, c). For {h} grey images of {w}x{c} pixels type images[..., None], for one image of {c} "
                "channels images[None]."
            )
        return _Given(Images(items=[image]), True, images.ndim == 2)
    found = as_images(images)
    flat = not isinstance(images, np.ndarray) or images.dtype == object
    return _Given(found, False, flat and all(image.ndim == 2 for image in images))


def per_image(transform: Transform, name: str, value: Any, n: int) -> np.ndarray:
    """(n,) of one number for all images, or one for each. RangeError outside the domain of the field `name`."""
    spec, where = specs(type(transform))[name], f"{type(transform).__name__}.{name}"
    number = spec.number if isinstance(spec, Interval) else spec
    assert isinstance(number, Number)
    value = listed(value)
    if not isinstance(value, (tuple, list)):
        if isinstance(value, np.ndarray):
            raise RangeError(f"{where}: got shape {value.shape}, wanted one number, or one for each image: ({n},).")
        return np.full(n, number.parse(where, value))
    if len(value) != n:
        raise RangeError(
            f"{where}: got {len(value)} numbers for {n} image(s), wanted one number, or one for each image."
        )
    return np.array([number.parse(f"{where}[{i}]", one) for i, one in enumerate(value)])


def four_points(transform: Transform, name: str, value: Any, n: int) -> np.ndarray:
    """(n, 4, 2) of four points (x, y) for all images, or four for each."""
    spec, where = specs(type(transform))[name], f"{type(transform).__name__}.{name}"
    if _depth(value) != 3:
        return np.tile(np.array(spec.parse(where, value)), (n, 1, 1))
    if len(value) != n:
        raise RangeError(
            f"{where}: got four points for {len(value)} images, wanted four for all, or four for each of {n} image(s)."
        )
    return np.array([spec.parse(f"{where}[{i}]", one) for i, one in enumerate(value)])


def _depth(value: Any) -> int:
    """How many lists lie within each other, by their first entries."""
    if not isinstance(value, (tuple, list, np.ndarray)):
        return 0
    return value.ndim if isinstance(value, np.ndarray) else 1 + (_depth(value[0]) if len(value) else 0)


def per_color(transform: Transform, name: str, value: Any, n: int, channels: int) -> np.ndarray:
    """(n, 3) of one number, of one for each colour, (c,), or of these for each image, (n, c) or (n, 1)."""
    spec, where = specs(type(transform))[name], f"{type(transform).__name__}.{name}"
    assert isinstance(spec, Interval)
    colors = 1 if channels == 1 else 3  # a fourth channel is alpha
    try:
        array = np.asarray(value)
    except ValueError:  # lists of different lengths
        array = np.empty((0, 0))
    if array.shape not in ((), (1,), (colors,), (n, 1), (n, colors)):
        raise RangeError(
            f"{where}: got {shown(value)}, wanted one number, {colors} (one per colour), or an array of shape "
            f"({n}, 1) or ({n}, {colors}): one row per image."
        )
    found = np.array([spec.number.parse(where, one) for one in array.ravel().tolist()], np.float64)
    return np.broadcast_to(found.reshape(array.shape), (n, 3)).copy()
