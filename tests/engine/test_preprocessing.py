"""`af.preprocessing`: what configurations of published models mean, by the arithmetic that they describe."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import augfuse as af

IMAGENET: dict[str, Any] = {"image_mean": [0.485, 0.456, 0.406], "image_std": [0.229, 0.224, 0.225]}
# As published models have them.
CLIP: dict[str, Any] = {
    "crop_size": 224, "do_center_crop": True, "do_normalize": True, "do_resize": True,
    "feature_extractor_type": "CLIPFeatureExtractor", "image_mean": [0.48145466, 0.4578275, 0.40821073],
    "image_std": [0.26862954, 0.26130258, 0.27577711], "resample": 3, "size": 224,
}  # fmt: skip
VIT: dict[str, Any] = {
    "do_normalize": True, "do_resize": True, "image_mean": [0.5, 0.5, 0.5], "image_std": [0.5, 0.5, 0.5], "size": 224,
    "feature_extractor_type": "ViTFeatureExtractor", "resample": 2,
}  # fmt: skip
RESNET: dict[str, Any] = {
    "crop_pct": 0.875, "do_normalize": True, "do_resize": True, "feature_extractor_type": "ConvNextFeatureExtractor",
    "resample": 3, "size": 224, **IMAGENET,
}  # fmt: skip
DINO: dict[str, Any] = {
    "crop_size": {"height": 224, "width": 224}, "do_center_crop": True, "do_convert_rgb": True, "do_normalize": True,
    "do_rescale": True, "do_resize": True, "image_processor_type": "BitImageProcessor", "resample": 3,
    "rescale_factor": 0.00392156862745098, "size": {"shortest_edge": 256}, **IMAGENET,
}  # fmt: skip
EFFICIENTNET: dict[str, Any] = {
    "crop_size": {"height": 289, "width": 289}, "do_center_crop": False, "do_normalize": True, "do_rescale": True,
    "do_resize": True, "image_processor_type": "EfficientNetImageProcessor", "include_top": True, "resample": 0,
    "rescale_factor": 0.00392156862745098, "rescale_offset": False, "size": {"height": 224, "width": 224},
    "image_mean": [0.485, 0.456, 0.406], "image_std": [0.47853944, 0.4732864, 0.47434163],
}  # fmt: skip


def image(height: int = 300, width: int = 400) -> np.ndarray:
    y, x = np.mgrid[:height, :width]
    planes = [x * 255 // width, y * 255 // height, (x + y) * 255 // (height + width)]
    return np.stack(planes, axis=2).astype(np.uint8)


def fed(source: Any, pixels: np.ndarray) -> np.ndarray:
    return af.preprocessing(source)(image=pixels)["image"]


@pytest.mark.parametrize(
    ("config", "steps", "interpolation"),
    [
        (CLIP, [af.Resize(224, mode="cover"), af.CenterCrop(224)], "bicubic"),
        (VIT, [af.Resize(224)], "bilinear"),
        (RESNET, [af.Resize(256, mode="cover"), af.CenterCrop(224)], "bicubic"),
        ({**RESNET, "size": {"shortest_edge": 384}}, [af.Resize(384)], "bicubic"),
        (DINO, [af.Resize(256, mode="cover"), af.CenterCrop(224)], "bicubic"),
        (EFFICIENTNET, [af.Resize(224)], "nearest"),
        ({**VIT, "size": {"height": 100, "width": 50}}, [af.Resize((100, 50))], "bilinear"),
        ({**VIT, "size": {"max_height": 90, "max_width": 50}}, [af.Resize((90, 50), mode="contain")], "bilinear"),
        ({**VIT, "do_resize": False}, [], "bilinear"),
        ({**CLIP, "do_center_crop": False}, [af.Resize(224, mode="cover")], "bicubic"),
        ({**CLIP, "resample": 4}, [af.Resize(224, mode="cover"), af.CenterCrop(224)], "area"),
        (
            {**DINO, "size": {"shortest_edge": 224}, "image_processor_type": "LevitImageProcessor"},
            [af.Resize(256, mode="cover"), af.CenterCrop(224)],
            "bicubic",
        ),
    ],
)
def test_sizes(config: dict[str, Any], steps: list[Any], interpolation: str) -> None:
    recipe = af.preprocessing(config)
    assert list(recipe.transforms[:-1]) == steps
    assert isinstance(recipe.transforms[-1], af.Normalize)
    assert recipe.interpolation == interpolation
    assert recipe.eval() == recipe


@pytest.mark.parametrize(
    "config",
    [
        VIT,
        DINO,
        EFFICIENTNET,
        {**VIT, "do_rescale": False},
        {**VIT, "do_normalize": False, "do_rescale": True},
        {**VIT, "do_normalize": False, "do_rescale": True, "rescale_factor": 1 / 127.5},
        {**VIT, "rescale_factor": 1 / 127.5, "do_rescale": True},
        {**EFFICIENTNET, "rescale_factor": 1 / 127.5, "rescale_offset": True, "include_top": False},
        {**VIT, "do_normalize": False, "do_rescale": True, "rescale_factor": 1.0},
    ],
)
def test_scale_is_the_arithmetic_of_the_file(config: dict[str, Any]) -> None:
    size = {"height": 60, "width": 80}
    pixels = image(60, 80)
    wanted = pixels.astype(np.float64)
    if config.get("do_rescale", True):
        wanted = wanted * config.get("rescale_factor", 1 / 255) - bool(config.get("rescale_offset"))
    if config["do_normalize"]:
        wanted = (wanted - config["image_mean"]) / config["image_std"]
        if config.get("include_top"):
            wanted = wanted / config["image_std"]
    found = fed({**config, "size": size, "do_center_crop": False}, pixels)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, wanted, atol=1e-3 * max(1, np.abs(wanted).max()))


def test_nothing_but_sizes_keeps_bytes() -> None:
    pixels = image(60, 80)
    found = fed({"size": {"height": 60, "width": 80}, "do_normalize": False, "do_rescale": False}, pixels)
    np.testing.assert_array_equal(found, pixels)


@pytest.mark.parametrize("preset", ["imagenet", "clip", "vit", "siglip", "inception"])
def test_presets(preset: str) -> None:
    side = 299 if preset == "inception" else 224
    found = fed(preset, image())
    assert found.shape == (side, side, 3)
    assert -3 < found.min() < 0 < found.max() < 3


def test_presets_are_those_of_the_papers() -> None:
    imagenet = af.preprocessing("imagenet")
    assert imagenet.transforms == (af.Resize(256, mode="cover"), af.CenterCrop(224), af.Normalize())
    assert af.preprocessing("clip") == af.preprocessing(CLIP)
    white = np.full((299, 299, 3), 255, np.uint8)
    np.testing.assert_allclose(fed("inception", white), 1, rtol=1e-6)
    np.testing.assert_allclose(fed("inception", 0 * white), -1, rtol=1e-6)


def test_files_and_folders(tmp_path: Path) -> None:
    path = tmp_path / "preprocessor_config.json"
    path.write_text(json.dumps(DINO))
    assert af.preprocessing(path) == af.preprocessing(tmp_path) == af.preprocessing(str(path)) == af.preprocessing(DINO)
    (tmp_path / "processor_config.json").write_text(json.dumps({"image_processor": DINO}))
    assert af.preprocessing(tmp_path / "processor_config.json") == af.preprocessing(DINO)
    recipe = af.preprocessing(path)
    assert af.Recipe.from_yaml(recipe.to_yaml()) == recipe


def test_lanczos_is_said() -> None:
    with pytest.warns(af.AugfuseWarning, match=r"resample is Lanczos.*bicubic is used"):
        assert af.preprocessing({**CLIP, "resample": 1}).interpolation == "bicubic"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"do_flip_channel_order": True}, r"do_flip_channel_order is True, and a recipe cannot do it: it swaps"),
        ({"do_pad": True}, r"do_pad"),
        ({"do_blur": True}, r"what 'do_blur' \(True\) does is not known"),
        ({"do_reszie": True}, r"Did you mean 'do_resize'"),
        ({"size": None}, r"size is None, wanted"),
        ({"size": {"shortest_edge": 800, "longest_edge": 1333}}, r"size is .*wanted"),
        ({"size": {"height": 0, "width": 4}}, r"size"),
        ({"size": "224"}, r"size is '224'"),
        ({"size": [1, 2, 3]}, r"size is"),
        ({"size": True}, r"size is True"),
        ({"size": 10**9}, r"at most"),
        ({"resample": 7}, r"resample is 7, wanted a code of Pillow"),
        ({"resample": "bicubic"}, r"resample is 'bicubic'"),
        ({"resample": [3]}, r"resample is"),
        ({"image_std": [0.2, 0, 0.2]}, r"image_std .*above 0"),
        ({"image_std": []}, r"image_std is"),
        ({"image_mean": None}, r"image_mean is None"),
        ({"image_mean": "0.5"}, r"image_mean is '0.5'"),
        ({"image_mean": [float("nan")] * 3}, r"image_mean is"),
        ({"rescale_factor": 0}, r"rescale_factor is 0"),
        ({"rescale_factor": "1/255"}, r"rescale_factor is '1/255'"),
        ({"do_resize": "yes"}, r"do_resize is 'yes', wanted true or false"),
        ({"do_center_crop": True, "crop_size": None}, r"crop_size is None"),
        ({"do_center_crop": True, "crop_size": {"height": 3}}, r"crop_size is"),
        ({"crop_pct": 1.5, "feature_extractor_type": "ConvNextFeatureExtractor"}, r"crop_pct is 1.5"),
    ],
)
def test_entries_that_cannot_be_used(change: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        af.preprocessing({**VIT, **change})


def test_a_crop_larger_than_the_image() -> None:
    with pytest.raises(af.DataError, match=r"crop_size is 256, wanted at most the 224"):
        af.preprocessing({**CLIP, "crop_size": 256})


def test_one_number_that_may_mean_either() -> None:
    unknown = {key: value for key, value in CLIP.items() if key != "feature_extractor_type"}
    with pytest.raises(af.DataError, match=r"one number may mean either"):
        af.preprocessing(unknown)
    assert af.preprocessing({**unknown, "default_to_square": False}) == af.preprocessing(CLIP)


@pytest.mark.parametrize("raw", [b"", b"\xff", b"[]", b"{}", b'{"architectures": ["x"]}', b"[" * 9999])
def test_files_that_are_something_else(raw: bytes, tmp_path: Path) -> None:
    (tmp_path / "preprocessor_config.json").write_bytes(raw)
    with pytest.raises(af.DataError, match=r"preprocessor_config\.json"):
        af.preprocessing(tmp_path)


def test_names_that_are_nothing(tmp_path: Path) -> None:
    with pytest.raises(af.DataNotFoundError, match=r"Did you mean 'imagenet'"):
        af.preprocessing("imagnet")
    with pytest.raises(af.DataNotFoundError, match=r"BGR"):
        af.preprocessing("caffe")
    with pytest.raises(af.DataNotFoundError, match=r"preprocessor_config\.json"):
        af.preprocessing(tmp_path)
    with pytest.raises(af.ImageTypeError, match="got int"):
        af.preprocessing(3)  # type: ignore[arg-type]
