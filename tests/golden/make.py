"""Write the golden file: `python tests/golden/make.py`. A change to it is a breaking change, for CHANGELOG.md."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

import augfuse as af

FILE = Path(__file__).parent / "golden.json"
SEED, EPOCH, INDICES = 2024, 3, (0, 7, 2**40)

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
    "local": af.Recipe([af.GaussianBlur(), af.GaussianNoise(), af.Erase(p=0.8)]),
    "write": af.Recipe([af.Saturation(0.5), af.Normalize()]),
    "standardized": af.Recipe([af.PerImageStandardize()]),
}


def picture() -> np.ndarray:
    """(8, 10, 3) uint8: whole numbers only, the same everywhere."""
    y, x, c = np.mgrid[:8, :10, :3]
    return ((x * 31 + y * 17 + c * 77 + x * y * (c + 1)) % 256).astype(np.uint8)


def results() -> dict[str, Any]:
    """For each recipe the pixels, and for each transform with parameters what it drew."""
    from augfuse.rng import Draw, Words

    images = [picture()] * len(INDICES)
    found: dict[str, Any] = {"draws": {}, "pixels": {}}
    for name, recipe in RECIPES.items():
        batch = recipe.batch(images, seed=SEED, epoch=EPOCH, indices=INDICES)
        for node in batch.plan.drawn.walk():
            # Also where p is 1, and nobody asks: what a seed means for it must not change.
            coin = Draw(Words(SEED, EPOCH, np.array(INDICES, np.int64)), node.path).coin(
                "p", node.transform.probability
            )
            drawn = node.params | {"p": coin}
            found["draws"][f"{name}/{node.path}"] = {key: np.asarray(value).tolist() for key, value in drawn.items()}
        pixels = batch.images if batch.images.dtype == np.uint8 else np.round(batch.images.astype(np.float64), 4)
        found["pixels"][name] = {"shape": list(pixels.shape), "values": pixels.ravel().tolist()}
    return found


if __name__ == "__main__":
    lines = [
        f'"{part}": {{\n'
        + ",\n".join(f'"{name}": {json.dumps(value)}' for name, value in results()[part].items())
        + "\n}"
        for part in ("draws", "pixels")
    ]
    FILE.write_text("{" + ",\n".join(lines) + "}\n", encoding="utf-8")
