"""Job B: what each augmentation and each fill mode does to a photo, as grids of pictures.

python examples/b_grids.py PHOTO OUT
"""

from pathlib import Path

import cyclopts
from PIL import Image

import augfuse as af

SHOWN = {
    "flips": [af.HorizontalFlip(), af.VerticalFlip()],
    "shifts": [af.Translate(x=0.3, y=0.3)],
    "rotation": [af.Rotate(90)],
    "zoom": [af.Scale(factor=(0.5, 1.5))],
    "shear": [af.Shear(x=30)],
    "brightness": [af.Brightness((0.3, 1.7))],
    "channel-shift": [af.ChannelShift(0.3)],
    "contrast": [af.Contrast((0.4, 1.6))],
    "width": [af.RandomWidth((0.5, 1.5)), af.Resize((160, 160))],
}


def main(photo: Path, out: Path) -> None:
    """One PNG per augmentation, and one per fill mode with shifts and rotation."""
    out.mkdir(parents=True, exist_ok=True)
    pixels = af.Recipe([af.Resize((160, 160))]).batch([af.decode(photo.read_bytes(), color="rgb")]).images
    recipes = {name: af.Recipe(transforms) for name, transforms in SHOWN.items()}
    moves = [af.Translate(x=0.3, y=0.3), af.Rotate(30)]
    recipes |= {f"fill-{fill}": af.Recipe(moves, fill=fill) for fill in ("nearest", "reflect", "wrap", "constant")}
    for name, recipe in recipes.items():
        batch = recipe.batch(pixels.repeat(12, axis=0), seed=0)
        Image.fromarray(batch.grid()).save(out / f"{name}.png")


if __name__ == "__main__":
    cyclopts.run(main)
