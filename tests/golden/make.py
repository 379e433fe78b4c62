"""Write the golden file: `python tests/golden/make.py`. A change to it is a breaking change, for CHANGELOG.md."""

from __future__ import annotations

import json
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np

import augfuse as af

FILE = Path(__file__).parent / "golden.json"
SEED, EPOCH, INDICES, LABELS = 2024, 3, (0, 7, 2**40), (0, 1, 2)

RECIPES: dict[str, af.Recipe] = {
    "geometric": af.Recipe([af.Affine(degrees=30, translate_x=0.2, scale=0.2, shear_y=9), af.HorizontalFlip()]),
    "constant": af.Recipe([af.Rotate(45), af.Invert(), af.Translate(0.3)], fill="constant", fill_value=(9, 99, 199)),
    "crop": af.Recipe([af.RandomResizedCrop((7, 9)), af.Rotate90(p=1.0, quarters=(2, 2))], fill="reflect"),
    "stretched": af.Recipe(
        [af.RandomWidth(), af.RandomHeight((0.5, 1.0)), af.Resize((7, 9), mode="cover"), af.CenterCrop((7, 9))]
    ),
    "reduced": af.Recipe([af.Resize((6, 5)), af.Rotate(20)], fill="wrap"),
    "nearest": af.Recipe([af.Rotate(45), af.Shear(10)], interpolation="nearest"),
    "color": af.Recipe([af.ColorJitter(), af.ChannelShift(), af.Grayscale()]),
    "mean": af.Recipe([af.Brightness(), af.Contrast(pivot="mean"), af.Hue(0.3)]),
    "tone": af.Recipe(
        [
            af.Gamma(),
            af.Rotate(20),
            af.Solarize(),
            af.Equalize(p=0.7),
            af.Posterize(p=0.8),
            af.HorizontalFlip(),
            af.AutoContrast(p=0.9),
            af.ToneCurve(p=0.9),
        ]
    ),
    "bent": af.Recipe(
        [
            af.Perspective(0.4),
            af.GridDistortion(3),
            af.Rotate(20),
            af.ElasticTransform(2, 2),
            af.OpticalDistortion(0.3),
        ],
        fill="reflect",
    ),
    "local": af.Recipe([af.GaussianBlur(), af.GaussianNoise(), af.Erase(p=0.8)]),
    "write": af.Recipe([af.Saturation(0.5), af.Normalize()]),
    "standardized": af.Recipe([af.PerImageStandardize()]),
    "nested": af.Recipe(
        [
            af.OneOf([af.Rotate(30), af.Sequential([af.Shear(9), af.Rotate(5, p=0.5)], p=0.7)], weights=(1, 2), p=0.9),
            af.SomeOf([af.Invert(), af.Brightness(), af.GaussianBlur()], n=(1, 2)),
            af.SomeOf([af.Translate(0.1), af.HorizontalFlip()], n=2, replace=True),
            af.RandomOrder([af.Brightness((1.1, 1.3)), af.Contrast((0.5, 0.8)), af.Rotate90(p=1, quarters=(2, 2))]),
            af.When(labels=[1], transforms=[af.Saturation(0.5), af.Translate(0.2)]),
            af.When(labels=[0, 2], transforms=[af.Hue(0.2)], p=0.8),
            af.Schedule(af.Rotate(40), strength=(0, 1), epochs=5),
            af.Schedule(af.Sequential([af.VerticalFlip(), af.Invert(p=1)]), epochs=4, p=(1, 0)),
        ]
    ),
    "views": af.Recipe(
        [
            af.Rotate(20),
            af.Views(
                small=[af.RandomResizedCrop((5, 6)), af.OneOf([af.Invert(p=1), af.Brightness()])],
                same=[af.Rotate(20), af.HorizontalFlip()],
            ),
        ]
    ),
}


def picture() -> np.ndarray:
    """(8, 10, 3) uint8: whole numbers only, the same everywhere."""
    y, x, c = np.mgrid[:8, :10, :3]
    return ((x * 31 + y * 17 + c * 77 + x * y * (c + 1)) % 256).astype(np.uint8)


def _pinned(values: np.ndarray) -> Any:
    """The values; of many a digest, which says as much."""
    if values.size <= 100:
        return values.tolist()
    return blake2b(np.ascontiguousarray(values).astype("<f8").tobytes(), digest_size=16).hexdigest()


def results() -> dict[str, Any]:
    """For each recipe the pixels, and for each transform with parameters what it drew."""
    from augfuse.algebra.rng import Draw, Words

    images = [picture()] * len(INDICES)
    found: dict[str, Any] = {"draws": {}, "pixels": {}}
    for name, recipe in RECIPES.items():
        batch = recipe.batch(images, LABELS, seed=SEED, epoch=EPOCH, indices=INDICES)
        for node in batch.plan.drawn.walk():
            # Also where p is 1, and nobody asks: what a seed means for it must not change.
            coin = Draw(Words(SEED, EPOCH, np.array(INDICES, np.int64)), node.path).coin(
                "p", node.transform.probability
            )
            drawn = node.params | {"p": coin}
            if "/" in node.path:  # what chooses it counts too
                drawn["acts"] = np.ones(len(INDICES), bool) if node.active is None else node.active
            found["draws"][f"{name}/{node.path}"] = {key: _pinned(np.asarray(value)) for key, value in drawn.items()}
        views = {f"{name}/{view}": own.images for view, own in batch.views.items()}
        for where, pixels in (views or {name: batch.images}).items():
            values = pixels if pixels.dtype == np.uint8 else np.round(pixels.astype(np.float64), 4)
            found["pixels"][where] = {"shape": list(values.shape), "values": values.ravel().tolist()}
    return found


if __name__ == "__main__":
    lines = [
        f'"{part}": {{\n'
        + ",\n".join(f'"{name}": {json.dumps(value)}' for name, value in results()[part].items())
        + "\n}"
        for part in ("draws", "pixels")
    ]
    FILE.write_text("{" + ",\n".join(lines) + "}\n", encoding="utf-8")
