"""An `ImageDataGenerator` (ours, or Keras' own) -> the same augmentation as an `af.Recipe`, with notes on what differs.

Keras' matrix maps output to input, R(theta) . S(tx, ty) . Sh(shear) . Z(zx, zy) about the centre. Its inverse turns
first, then shifts, slants and scales, which is the order of the transforms here. Flips, colours and the numbers that
are written (rescale, mean, standard deviation) follow. Shifts go where their names say: along the width, along the
height.
"""

from __future__ import annotations

import math
import textwrap
from typing import Any

import numpy as np

from augfuse.algebra.ranges import Choice, Interval, Number
from augfuse.errors import RangeError, RecipeError
from augfuse.recipe import Recipe
from augfuse.text import shown
from augfuse.transforms import (
    Brightness,
    ChannelShift,
    HorizontalFlip,
    Normalize,
    PerImageStandardize,
    Rotate,
    Scale,
    Shear,
    ToFloat,
    Transform,
    Translate,
    VerticalFlip,
)

# What is to be known about a recipe goes into `notes`, in the order of its transforms.

_FILL = Choice("border mode", ("nearest", "reflect", "wrap", "constant"))
_FULL_SCALE = 255.0  # the generator's numbers (rescale, mean, channel shift) are in units of 8-bit pixels
_KERAS_EPSILON = 1e-6  # what Keras adds to a standard deviation before it divides by it


def to_recipe(generator: Any, image_shape: tuple[int, ...] | None = None) -> Recipe:
    """The recipe that augments and standardises as the generator does; `describe` says where it differs.

    image_shape: (height, width), or the shape of one image with its channels where the generator has them; asked for
    where a shift is in pixels. The statistics of `fit` are taken along. Raises RangeError or RecipeError, naming the
    generator's argument, for values that no recipe can hold.
    """
    return _translate(generator, image_shape)[0]


def describe(generator: Any, image_shape: tuple[int, ...] | None = None) -> str:
    """Python source that builds the recipe of `to_recipe`, with a comment for all that differs or is left out."""
    recipe, notes = _translate(generator, image_shape)
    comments = [textwrap.fill(n, 100, initial_indent="# ", subsequent_indent="#     ") for n in notes]
    gap = "\n" if comments else ""
    return "import augfuse as af\n\n" + "\n".join(comments) + gap + f"recipe = {recipe.to_python()}\n"


def _translate(generator: Any, image_shape: tuple[int, ...] | None) -> tuple[Recipe, list[str]]:
    extent = _extent(generator.data_format, image_shape)
    notes: list[str] = []
    transforms: list[Transform] = [
        *_rotation(generator.rotation_range),
        *_shifts(generator, extent, notes),
        *_shear(generator.shear_range, notes),
        *_zoom(generator.zoom_range, notes),
        *_flips(generator),
        *_channel_shift(generator.channel_shift_range, notes),
        *_brightness(generator.brightness_range, notes),
        *_written(generator, notes),
    ]
    in_pixel_units = any(isinstance(t, (ChannelShift, Normalize, ToFloat)) for t in transforms)
    if in_pixel_units:
        notes.append(
            "value_range: the generator's numbers are in the units of its pixels, taken to be 0..255 (uint8, or floats "
            "of that size). Pass float arrays as af.from_arrays(x, y, value_range=(0, 255)), also those within 0..1."
        )
    elif not transforms or not isinstance(transforms[-1], PerImageStandardize):
        notes.append(
            "rescale: None, so values stay as they are. af.Loader yields them as float32; recipe.batch keeps uint8 "
            "unless it is given dtype='float32'."
        )
    fill, cval = _border(generator, notes)
    interpolation = _interpolation(generator.interpolation_order, notes)
    _note_surroundings(generator, notes)
    full = (0, _FULL_SCALE) if in_pixel_units else None
    return Recipe(transforms, fill=fill, fill_value=cval, interpolation=interpolation, value_range=full), notes


def _one(name: str, value: Any, low: float, high: float, unit: str, hint: str = "") -> float:
    """One finite number within low..high, or a RangeError that names the generator's argument."""
    try:
        return float(Number(name, unit, low, high).parse(name, value))
    except RangeError as error:
        raise RangeError(f"{error} {hint}".rstrip()) from None


def _pair(name: str, value: Any, low: float, high: float, unit: str, hint: str = "") -> tuple[float, float]:
    """Two finite numbers within low..high, in rising order: Keras draws between them either way round."""
    if not isinstance(value, (tuple, list)) or len(value) != 2:
        raise RangeError(f"{name}: got {shown(value)}, wanted (low, high).")
    parsed = [_one(name, v, -math.inf, math.inf, unit) for v in value]
    result = Interval(name, unit, low, high, hint=hint).parse(name, (min(parsed), max(parsed)))
    assert result is not None
    return result


def _extent(data_format: str, image_shape: Any) -> tuple[int, int] | None:
    if image_shape is None:
        return None
    shape = tuple(image_shape) if isinstance(image_shape, (tuple, list)) else ()
    good = all(isinstance(side, (int, np.integer)) and not isinstance(side, bool) and side > 0 for side in shape)
    if len(shape) not in (2, 3) or not good:
        raise RangeError(f"image_shape: got {shown(image_shape)}, wanted (height, width) or (height, width, channels).")
    first = 1 if len(shape) == 3 and data_format == "channels_first" else 0
    return int(shape[first]), int(shape[first + 1])


def _rotation(value: Any) -> list[Transform]:
    angle = abs(_one("rotation_range", value, -360, 360, "degrees", "Full turns repeat: use rotation_range=180."))
    return [Rotate((-angle, angle))] if angle else []


def _shifts(generator: Any, extent: tuple[int, int] | None, notes: list[str]) -> list[Transform]:
    height, width = extent or (None, None)
    x = _shift("width_shift_range", generator.width_shift_range, width, notes)
    y = _shift("height_shift_range", generator.height_shift_range, height, notes)
    if x != y and getattr(generator, "compat", "strict") == "strict":
        notes.append(
            "width_shift_range, height_shift_range: Keras moves pictures by height_shift_range along the width, and by "
            "width_shift_range along the height. Here each moves along its own side; exchange x and y to keep that."
        )
    return [Translate(x=(-x, x), y=(-y, y))] if x or y else []


def _shift(name: str, value: Any, side: int | None, notes: list[str]) -> float:
    """How far a shift goes, as a fraction of the picture, by Keras' rules: an int n draws from arange(n), an array one
    of its elements, a float any number up to it; pixels where the largest number is 1 or more, else fractions."""
    array = np.asarray(0.0 if value is None else value)
    if array.ndim > 1 or array.dtype.kind not in "iuf" or not np.isfinite(array).all():
        raise RangeError(f"{name}: got {shown(value)}, wanted a finite number or a 1-D array of them.")
    if array.size == 0 or not array.any():
        return 0.0
    reach = float(np.abs(array).max())
    if array.ndim == 1:
        notes.append(
            f"{name}: Keras draws one of {array.tolist()}, times 1 or -1. "
            "af.Translate draws any number up to the largest."
        )
    elif array.dtype.kind in "iu":
        if array < 0:
            raise RangeError(f"{name}: got {shown(value)}, wanted a number >= 0. Use {name}={-int(array)}.")
        reach -= 1.0
        notes.append(
            f"{name}: for {shown(value)} Keras draws whole pixels from -{reach:g} to {reach:g}. "
            "af.Translate draws any number between."
        )
    if array.max() >= 1:
        if side is None:
            raise RecipeError(
                f"{name}: got {shown(value)}, a shift in pixels, and a recipe shifts by fractions of the picture. "
                "Use to_recipe(image_shape=(height, width, channels))."
            )
        reach /= side
    return _one(name, reach, 0, 1, "fractions of the picture")


def _shear(value: Any, notes: list[str]) -> list[Transform]:
    angle = abs(_one("shear_range", value, -89, 89, "degrees", "A shear of 90 degrees has no inverse."))
    if not angle:
        return []
    if angle < 1:
        notes.append(
            f"shear_range: degrees, here and in Keras. {angle:g} degrees are next to nothing; {angle:g} radians are "
            f"{math.degrees(angle):.3g} degrees."
        )
    else:
        notes.append(
            "shear_range: Keras' matrix [[1, -sin s], [0, cos s]] is not a shear: it slants by s and also stretches "
            f"the height by 1 / cos s, here up to {1 / math.cos(math.radians(angle)):.5g} times. af.Shear slants only."
        )
    return [Shear(x=(-angle, angle))]


def _zoom(value: Any, notes: list[str]) -> list[Transform]:
    hint = "A zoom of 0 enlarges without end: use zoom_range=(0.5, 1.5), or a number below 1."
    low, high = _pair("zoom_range", value, 0.01, 100, "times", hint)
    if low != high:
        notes.append(
            "zoom_range: Keras draws the reciprocal of the enlargement evenly, af.Scale the enlargement itself, "
            "between the same ends."
        )
    if high > 1.5:
        notes.append(
            "zoom_range: where a picture shrinks to less than two thirds, the recipe averages the pixels that fall "
            "together; Keras leaves most of them out."
        )
    factor = (1 / high, 1 / low)
    return [] if low == high == 1 else [Scale(x=factor, y=factor)]


def _flips(generator: Any) -> list[Transform]:
    asked = ((generator.horizontal_flip, HorizontalFlip), (generator.vertical_flip, VerticalFlip))
    return [flip() for wanted, flip in asked if wanted]


def _channel_shift(value: Any, notes: list[str]) -> list[Transform]:
    shift = abs(_one("channel_shift_range", value, -_FULL_SCALE, _FULL_SCALE, "grey levels"))
    if not shift:
        return []
    notes.append(
        "channel_shift_range: Keras adds one number to all channels and clips to the picture's own darkest and "
        "brightest value. af.ChannelShift draws a number for each channel and clips to the value range. To keep one "
        "number: af.Lambda(f, random=True) with a function f(image, rng) that returns image + rng.uniform(low, high)."
    )
    return [ChannelShift((-shift / _FULL_SCALE, shift / _FULL_SCALE))]


def _brightness(value: Any, notes: list[str]) -> list[Transform]:
    if value is None:
        return []
    factor = _pair("brightness_range", value, 0, 100, "times")
    notes.append(
        "brightness_range: Keras rounds to 8 bits here, and makes pictures within 0..1 black. af.Brightness rounds "
        "nothing, and clips to the value range."
    )
    return [Brightness(factor)]


def _written(generator: Any, notes: list[str]) -> list[Transform]:
    """What ends the recipe: rescale, the statistics of `fit`, or those of each picture."""
    function = generator.preprocessing_function
    if function is not None:
        name = getattr(function, "__qualname__", type(function).__name__)
        notes.append(
            f"preprocessing_function: {name} is left out. If it is x / 127.5 - 1, end the recipe with "
            "af.Normalize(mean=0.5, std=0.5); if it subtracts and divides by ImageNet's mean and standard deviation, "
            "with af.Normalize(). If its result stays within the value range, put af.Lambda(its name) before the last "
            "line."
        )
    scale = _one("rescale", generator.rescale or 1, -math.inf, math.inf, "times")
    if scale < 0:
        raise RangeError(
            f"rescale: got {shown(generator.rescale)}, wanted a number > 0. Put the sign into the model: Rescaling(-1)."
        )
    samplewise = generator.samplewise_center or generator.samplewise_std_normalization
    last = _samplewise(generator, notes) if samplewise else _featurewise(generator, scale, notes)
    return _rescaled(scale) if last is None else [last]


def _samplewise(generator: Any, notes: list[str]) -> Transform | None:
    """What standardises each picture, where a recipe can."""
    if generator.featurewise_center or generator.featurewise_std_normalization or generator.zca_whitening:
        notes.append(
            "featurewise_center, featurewise_std_normalization, zca_whitening: left out. A recipe standardises once, "
            "here each picture by itself."
        )
    if generator.samplewise_center and generator.samplewise_std_normalization:
        notes.append(
            "samplewise_std_normalization: the same numbers as Keras', but for pictures of one colour: a standard "
            "deviation below 1 / sqrt(h w c) counts as that, where Keras adds 1e-6. rescale cancels and is left out."
        )
        return PerImageStandardize()
    one = "samplewise_center" if generator.samplewise_center else "samplewise_std_normalization"
    notes.append(
        f"{one}: has no transform in augfuse and is left out. Take both (af.PerImageStandardize()), or do it on the "
        "batch: images - images.mean(axis=(1, 2, 3), keepdims=True), or / images.std(axis=(1, 2, 3), keepdims=True)."
    )
    return None


def _featurewise(generator: Any, scale: float, notes: list[str]) -> Transform | None:
    """What standardises by the statistics of `fit`, where a recipe can."""
    asked = {"mean": generator.featurewise_center, "std": generator.featurewise_std_normalization}
    wanted = [name for name, is_asked in asked.items() if is_asked]
    unfitted = [name for name in wanted if getattr(generator, name) is None]
    if generator.zca_whitening:
        notes.append(
            "zca_whitening: has no transform, and is left out with the mean that goes with it. Keep the generator for "
            "it, or whiten the arrays once and give the result to af.from_arrays with its value_range."
        )
    elif wanted and generator.preprocessing_function is not None:
        notes.append(
            "featurewise_center, featurewise_std_normalization: left out. They are statistics of what "
            "preprocessing_function returns."
        )
    elif unfitted:
        notes.append(
            f"featurewise_center, featurewise_std_normalization: the generator has no {' and no '.join(unfitted)} yet. "
            "Call generator.fit(x_train) before to_recipe(), or af.Normalize(mean=..., std=...) is missing here."
        )
    elif wanted:
        return _normalize(generator, scale, wanted)
    return None


def _normalize(generator: Any, scale: float, wanted: list[str]) -> Normalize:
    # (scale x - mean) / std = (x / 255 - unit mean) / (unit std)
    unit = 1 / (_FULL_SCALE * scale)
    mean = _per_channel("mean", generator) if "mean" in wanted else (0.0,)
    std = (1.0,)
    if "std" in wanted:
        std = tuple(deviation + _KERAS_EPSILON for deviation in _per_channel("std", generator))
    return Normalize(mean=tuple(unit * v for v in mean), std=tuple(unit * v for v in std))


def _rescaled(scale: float) -> list[Transform]:
    if scale == 1:
        return []
    if math.isclose(scale * _FULL_SCALE, 1, rel_tol=1e-6):
        return [ToFloat()]
    return [Normalize(mean=0, std=1 / (_FULL_SCALE * scale))]


def _per_channel(name: str, generator: Any) -> tuple[float, ...]:
    """generator.mean or .std as one number for all channels or one for each."""
    value = np.asarray(getattr(generator, name), np.float64)
    axis = value.ndim - (3 if generator.data_format == "channels_first" else 1)
    if value.size > 1 and (axis < 0 or value.shape[axis] != value.size):
        raise RecipeError(
            f"{name}: got an array of shape {value.shape}, wanted one number per channel. "
            f"Set generator.{name} to its average over height and width first."
        )
    low = -math.inf if name == "mean" else 0.0
    return tuple(_one(name, float(v), low, math.inf, "per channel") for v in value.ravel())


def _border(generator: Any, notes: list[str]) -> tuple[str, float]:
    fill = _FILL.parse("fill_mode", generator.fill_mode)
    if fill == "wrap":
        notes.append("fill_mode: 'wrap' repeats after n pixels; Keras repeats after n - 1.")
    if fill != "constant":
        return fill, 0.0
    notes.append("fill_mode: 'constant' cuts at the edge of the picture; Keras cuts half a pixel further in.")
    return fill, _one("cval", generator.cval, -math.inf, math.inf, "at the scale of the pixels")


def _interpolation(order: Any, notes: list[str]) -> str:
    whole = _one("interpolation_order", order, 0, 5, "(0, 1, ..., 5)")
    if whole != int(whole):
        raise RangeError(f"interpolation_order: got {shown(order)}, wanted a whole number. Use interpolation_order=1.")
    if whole > 1:
        notes.append(f"interpolation_order: {order} is a spline; the recipe interpolates bilinearly (order 1).")
    return "bilinear" if whole else "nearest"


def _note_surroundings(generator: Any, notes: list[str]) -> None:
    """What a generator holds and a recipe does not: it belongs to the data or the loader."""
    if generator._validation_split:
        notes.append(
            f"validation_split: train, val = data.split({generator._validation_split!r}). It keeps the share of each "
            "class and draws by a seed; Keras takes the first files of each folder."
        )
    if generator.data_format == "channels_first":
        notes.append(
            "data_format: recipes take channels last: x.transpose(0, 2, 3, 1). af.Loader(layout='NCHW') yields "
            "channels first."
        )
    dtype = str(getattr(generator.dtype, "__name__", generator.dtype))
    if dtype not in ("float32", "None"):
        notes.append(f"dtype: batches are float32, not {dtype}.")
