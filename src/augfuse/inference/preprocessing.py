"""The preprocessing of a published model as a recipe: Hugging Face's `preprocessor_config.json`, and usual presets."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple, final

from augfuse.algebra.ranges import sides, whole
from augfuse.errors import DataError, DataNotFoundError, ImageTypeError, RecipeError, did_you_mean
from augfuse.recipe import Recipe
from augfuse.text import shown
from augfuse.transforms import CenterCrop, Normalize, Resize, ToFloat
from augfuse.transforms.base import Transform
from augfuse.transforms.write import IMAGENET_MEAN, IMAGENET_STD
from augfuse.warn_once import warn

_HALF = [0.5, 0.5, 0.5]
_IMAGENET: dict[str, Any] = {"image_mean": list(IMAGENET_MEAN), "image_std": list(IMAGENET_STD)}
# As files would say it.
PRESETS: Mapping[str, Mapping[str, Any]] = {
    "imagenet": {"size": {"shortest_edge": 256}, "crop_size": 224, "do_center_crop": True, "resample": 2, **_IMAGENET},
    "clip": {
        "size": {"shortest_edge": 224},
        "crop_size": 224,
        "do_center_crop": True,
        "resample": 3,
        "image_mean": [0.48145466, 0.4578275, 0.40821073],
        "image_std": [0.26862954, 0.26130258, 0.27577711],
    },
    "vit": {"size": {"height": 224, "width": 224}, "resample": 2, "image_mean": _HALF, "image_std": _HALF},
    "siglip": {"size": {"height": 224, "width": 224}, "resample": 3, "image_mean": _HALF, "image_std": _HALF},
    "inception": {"size": {"height": 299, "width": 299}, "resample": 2, "image_mean": _HALF, "image_std": _HALF},
}
# Codes of Pillow. Recipes have no Lanczos, box and Hamming filters: what is nearest to them.
_RESAMPLE = {0: "nearest", 1: "bicubic", 2: "bilinear", 3: "bicubic", 4: "area", 5: "bilinear"}
_INSTEAD = {1: "Lanczos", 5: "Hamming"}
# Processors for which one number as `size` is the shorter edge; for others that crop nothing it is both edges.
_SHORTEST = ("clip", "chineseclip", "convnext", "levit", "bit", "mobilenetv1", "mobilenetv2", "mobilevit", "poolformer")
_SWITCHES = ("do_resize", "do_center_crop", "do_rescale", "do_normalize", "rescale_offset", "include_top")
_NUMBERS = ("size", "crop_size", "crop_pct", "resample", "rescale_factor", "image_mean", "image_std")
_KINDS = ("image_processor_type", "feature_extractor_type", "processor_class")
# What changes no pixel of an RGB image.
_WITHOUT_EFFECT = (
    "do_convert_rgb", "data_format", "input_data_format", "return_tensors", "device", "disable_grouping", "auto_map",
    "transformers_version", "_valid_processor_keys", "model_input_names", "default_to_square", "image_seq_length",
    "return_metadata", "use_fast", "backend",
)  # fmt: skip
# What does, and no recipe says: refused where it is switched on.
_REFUSED = {
    "do_flip_channel_order": "it swaps red and blue: do so behind the loader, images[..., ::-1]",
    "do_pad": "it pads images to one size: that is done by the loader",
    "do_reduce_labels": "it changes masks: subtract 1 from them, 0 becomes 255",
    "do_thumbnail": "it is of documents",
    "do_align_long_axis": "it turns documents",
    "apply_ocr": "it reads text",
    "do_split_image": "it cuts an image into several",
    "do_image_splitting": "it cuts an image into several",
}


@final
class _Config(NamedTuple):
    """A configuration, and what messages call it."""

    name: str
    values: Mapping[str, Any]

    def flag(self, key: str, default: bool) -> bool:
        value = self.values.get(key)
        if value is not None and not isinstance(value, bool):
            raise self.error(key, "true or false")
        return default if value is None else value

    def error(self, key: str, wanted: str) -> DataError:
        return DataError(f"{self.name}: {key} is {shown(self.values.get(key))}, wanted {wanted}.")


def preprocessing(source: str | os.PathLike[str] | Mapping[str, Any]) -> Recipe:
    """The recipe that a published model was trained behind: sizes, cut and scale, without augmentation.

        af.preprocessing("imagenet")                                # also "clip", "siglip", "vit", "inception"
        af.preprocessing("my_model/preprocessor_config.json")       # or the folder that it lies in
        af.Recipe([af.HorizontalFlip(), *af.preprocessing("clip").transforms], interpolation="bicubic")

    A recipe reduces images by area averaging where they shrink much, and rounds sizes; Pillow's filters differ from
    that by a level or two. Lanczos becomes bicubic, with an AugfuseWarning.

    Args:
        source: the name of a preset; a `preprocessor_config.json` of Hugging Face, or its folder; or what such a file
            holds, as a dict. Honoured are do_resize, size, resample, do_center_crop, crop_size, crop_pct, do_rescale,
            rescale_factor, rescale_offset, do_normalize, image_mean, image_std.

    Returns:
        A `Recipe`.

    Raises:
        DataNotFoundError: no such preset or file.
        DataError: a file that is not one, an entry that means nothing, or that no recipe can do; both with the file and
            the entry.
    """
    config = _config(source)
    _refuse_others(config)
    steps = [*_sizes(config), *_scale(config)]
    if not steps:
        raise DataError(f"{config.name}: it asks for nothing that changes a pixel. Is it the right file?")
    try:
        return Recipe(steps, interpolation=_interpolation(config))
    except RecipeError as error:
        raise DataError(f"{config.name}: {error}") from None


def _config(source: Any) -> _Config:
    if isinstance(source, Mapping):
        return _Config("preprocessing", source)
    if not isinstance(source, (str, os.PathLike)):
        raise ImageTypeError(
            f"preprocessing: got {type(source).__name__}, wanted a preset ({', '.join(PRESETS)}), a "
            "preprocessor_config.json, or a dict."
        )
    if isinstance(source, str) and source in PRESETS:
        return _Config(source, PRESETS[source])
    path = Path(source)
    path = path / "preprocessor_config.json" if path.is_dir() else path
    if not path.is_file():
        if str(source).lower() == "caffe":
            raise DataNotFoundError(
                "preprocessing: 'caffe' is in the order BGR, and recipes keep RGB. End the recipe with "
                "af.Normalize(mean=(0.4850, 0.4580, 0.4076), std=1 / 255), and swap behind it: images[..., ::-1]."
            )
        hint = did_you_mean(str(source), PRESETS)
        raise DataNotFoundError(
            f"preprocessing: {path} is neither a preset ({', '.join(PRESETS)}) nor a file, wanted a "
            f"preprocessor_config.json.{hint}"
        )
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}).") from None
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path}: is not JSON ({error}).") from None
    if not isinstance(found, dict):
        raise DataError(f"{path}: holds {type(found).__name__}, wanted the entries of an image processor.")
    inner = found.get("image_processor", found)  # as processor_config.json has it
    return _Config(str(path), inner if isinstance(inner, dict) else found)


def _refuse_others(config: _Config) -> None:
    known = {*_SWITCHES, *_NUMBERS, *_KINDS, *_WITHOUT_EFFECT}
    for key, value in config.values.items():
        if key in _REFUSED:
            if value not in (None, False):
                raise DataError(f"{config.name}: {key} is {shown(value)}, and a recipe cannot do it: {_REFUSED[key]}.")
        elif key not in known and value not in (None, False):
            raise DataError(
                f"{config.name}: what {shown(key)} ({shown(value)}) does is not known.{did_you_mean(str(key), known)} "
                "If it changes no pixel, take it out: config = json.load(file); del config[...]; "
                "af.preprocessing(config)."
            )
    if not {*_SWITCHES, *_NUMBERS} & config.values.keys():
        raise DataError(f"{config.name}: has no entry of an image processor, such as image_mean or size.")


# --- sizes ------------------------------------------------------------------------------------------------------------


def _sizes(config: _Config) -> list[Transform]:
    crop = _pair(config, "crop_size") if config.flag("do_center_crop", False) else None
    if config.flag("do_center_crop", False) and crop is None:
        raise config.error("crop_size", "a size for do_center_crop")
    steps: list[Transform] = []
    if config.flag("do_resize", "size" in config.values):
        resize, cut = _resize(config)
        steps.append(resize)
        crop = cut if crop is None else crop
        if crop is not None and resize.mode == "cover" and max(crop) > min(sides(resize.size)):
            raise config.error("crop_size", f"at most the {min(sides(resize.size))} that images are resized to")
    if crop is not None:
        steps.append(CenterCrop(crop))
    return steps


def _resize(config: _Config) -> tuple[Resize, tuple[int, int] | None]:
    """How images are resized, and what is cut out behind it where the processor does so by itself."""
    size = config.values.get("size")
    kind = _kind(config)
    if isinstance(size, (int, float)) and not isinstance(size, bool):
        size = {"shortest_edge": size} if _is_shortest(config, kind) else {"height": size, "width": size}
    if isinstance(size, (list, tuple)) and len(size) == 2:
        size = {"height": size[0], "width": size[1]}
    wanted = "{'height': .., 'width': ..} or {'shortest_edge': ..}"
    if not isinstance(size, Mapping):
        raise config.error("size", wanted)
    given = {key: value for key, value in size.items() if value is not None}
    if given.keys() == {"height", "width"}:
        return Resize((_side(config, given["height"]), _side(config, given["width"]))), None
    if given.keys() == {"max_height", "max_width"}:
        return Resize((_side(config, given["max_height"]), _side(config, given["max_width"])), mode="contain"), None
    if given.keys() == {"shortest_edge"}:
        return _shortest(config, kind, _side(config, given["shortest_edge"]))
    raise config.error("size", wanted)


def _shortest(config: _Config, kind: str, edge: int) -> tuple[Resize, tuple[int, int] | None]:
    if kind == "levit":
        return Resize(int(256 / 224 * edge), mode="cover"), None
    share = config.values.get("crop_pct")
    if share is None and kind != "convnext":
        return Resize(edge, mode="cover"), None
    share = 224 / 256 if share is None else share
    if isinstance(share, bool) or not isinstance(share, (int, float)) or not 0 < share <= 1:
        raise config.error("crop_pct", "a fraction up to 1")
    if edge >= 384:
        return Resize(edge), None
    return Resize(int(edge / share), mode="cover"), (edge, edge)


def _is_shortest(config: _Config, kind: str) -> bool:
    """Whether one number is the shorter edge: files of old say a number, and the class of the processor what it is."""
    square = config.values.get("default_to_square")
    if isinstance(square, bool):
        return not square
    if not kind and config.flag("do_center_crop", False):
        raise config.error("size", "{'shortest_edge': ..} or {'height': .., 'width': ..}: one number may mean either")
    return kind in _SHORTEST


def _kind(config: _Config) -> str:
    """ "clip" of CLIPImageProcessor; "" where nothing says it."""
    for key in _KINDS[:2]:
        name = config.values.get(key)
        if isinstance(name, str):
            return name.lower().removesuffix("fast").removesuffix("imageprocessor").removesuffix("featureextractor")
    return ""


def _pair(config: _Config, key: str) -> tuple[int, int] | None:
    value = config.values.get(key)
    if value is None:
        return None
    if isinstance(value, Mapping) and {k for k, v in value.items() if v is not None} == {"height", "width"}:
        value = value["height"], value["width"]
    elif isinstance(value, int) and not isinstance(value, bool):
        value = value, value
    if not isinstance(value, (list, tuple)) or len(value) != 2:
        raise config.error(key, "one number, or {'height': .., 'width': ..}")
    return _side(config, value[0], key), _side(config, value[1], key)


def _side(config: _Config, value: Any, key: str = "size") -> int:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return whole(f"{config.name}: {key}", value, 1)


def _interpolation(config: _Config) -> str:
    code = config.values.get("resample")
    if code is None:
        return "bilinear"
    if isinstance(code, bool) or not isinstance(code, int) or code not in _RESAMPLE:
        raise config.error(
            "resample", "a code of Pillow: 0 nearest, 1 Lanczos, 2 bilinear, 3 bicubic, 4 box, 5 Hamming"
        )
    if code in _INSTEAD and config.flag("do_resize", True):
        warn(f"{config.name}: resample is {_INSTEAD[code]}, which recipes do not have: {_RESAMPLE[code]} is used.")
    return _RESAMPLE[code]


# --- scale ------------------------------------------------------------------------------------------------------------


def _scale(config: _Config) -> list[Transform]:
    """(x * factor - offset - mean) / std, of pixels 0..255, as Normalize, which is given fractions of 255."""
    normalizes = config.flag("do_normalize", "image_mean" in config.values)
    rescales = config.flag("do_rescale", normalizes or "rescale_factor" in config.values)
    if not normalizes and not rescales:
        return []
    factor = _factor(config) if rescales else 1.0
    unit = 255 * factor
    if math.isclose(unit, 1, rel_tol=1e-6):
        unit = 1.0
    mean, std = [0.0], [1.0]
    if normalizes:
        mean, std = _channels(config, "image_mean"), _channels(config, "image_std")
        if min(std) <= 0:
            raise config.error("image_std", "numbers above 0")
    if rescales and config.flag("rescale_offset", False):
        mean = [value + 1 for value in mean]
    if normalizes and _kind(config) == "efficientnet" and config.flag("include_top", True):
        std = [value * value for value in std]  # it divides twice
    if unit == 1 and not any(mean) and all(value == 1 for value in std):
        return [ToFloat()]
    return [Normalize(mean=tuple(m / unit for m in mean), std=tuple(s / unit for s in std))]


def _factor(config: _Config) -> float:
    factor = config.values.get("rescale_factor", 1 / 255)
    if isinstance(factor, bool) or not isinstance(factor, (int, float)) or not 0 < factor < math.inf:
        raise config.error("rescale_factor", "a number above 0, such as 0.00392156862745098 (1 / 255)")
    return float(factor)


def _channels(config: _Config, key: str) -> list[float]:
    given = config.values.get(key)
    values: list[Any] = list(given) if isinstance(given, (list, tuple)) else [given]
    numbers = [isinstance(v, (int, float)) and not isinstance(v, bool) and math.isfinite(v) for v in values]
    if not values or not all(numbers):
        raise config.error(key, "numbers, one for each channel")
    return list(map(float, values))
