"""Job B: what each augmentation, each fill mode and each standardisation does to a photo, as grids of pictures.

python examples/b_grids.py PHOTO OUT
"""

from pathlib import Path

import numpy as np
from shell import run

import augfuse as af
from augfuse.display.pages import png_bytes, png_state
from augfuse.files import write_bytes
from augfuse.keras import ImageDataGenerator, array_to_img
from augfuse.outputs import Output, check

SHOWN = {
    "flips": [af.HorizontalFlip(), af.VerticalFlip()],
    "shifts": [af.Translate(x=0.3, y=0.3)],
    "rotation": [af.Rotate(90)],
    "zoom": [af.Scale(factor=(0.5, 1.5))],
    "shear": [af.Shear(x=30)],
    "brightness": [af.Brightness((0.3, 1.7))],
    "channel-shift": [af.ChannelShift(0.3)],
    "contrast": [af.Contrast((0.4, 1.6))],
    "width": [af.RandomWidth((0.5, 1.5)), af.Resize((160, 160), mode="cover"), af.CenterCrop((160, 160))],
}
FILLS = {"nearest": 0.0, "reflect": 0.0, "wrap": 0.0, "constant": 0.5}
STANDARDISED = {
    "rescale": {"rescale": 1 / 255},
    "samplewise": {"samplewise_center": True, "samplewise_std_normalization": True},
    "featurewise": {"featurewise_center": True, "featurewise_std_normalization": True},
    "zca": {"featurewise_center": True, "zca_whitening": True, "zca_epsilon": 0.1},
}
TILE, SHOWN_TILES = 20, 12


def tiles(photo: np.ndarray) -> np.ndarray:
    """The photo cut into small pictures, those with most in them first: whitening needs a set of them."""
    rows, columns = photo.shape[0] // TILE, photo.shape[1] // TILE
    cut = photo[: rows * TILE, : columns * TILE].reshape(rows, TILE, columns, TILE, 3)
    pieces = cut.swapaxes(1, 2).reshape(-1, TILE, TILE, 3)
    return pieces[np.argsort(-pieces.std(axis=(1, 2, 3)))]


def save(page: np.ndarray, path: Path, photo: Path) -> None:
    """Write a picture; never over the photo, or over one that augfuse did not write."""
    check(Output("OUT", path, "augfuse", lambda path: png_state(path, "augfuse")), [photo])
    write_bytes(path, png_bytes(page))


def main(photo: Path, out: Path) -> None:
    """One PNG per augmentation, per fill mode with shifts and rotation, and per standardisation of its pieces."""
    whole = af.decode(photo.read_bytes(), color="rgb", path=str(photo))
    if len(tiles(whole)) < SHOWN_TILES:
        raise af.ImageError(f"{photo}: is too small, wanted at least {SHOWN_TILES} pieces of {TILE}x{TILE} pixels.")
    out.mkdir(parents=True, exist_ok=True)
    pixels = af.Recipe([af.Resize((160, 160))]).batch([whole]).images

    recipes = {name: af.Recipe(transforms) for name, transforms in SHOWN.items()}
    moves = [af.Translate(x=0.3, y=0.3), af.Rotate(30)]
    recipes |= {f"fill-{fill}": af.Recipe(moves, fill=fill, fill_value=value) for fill, value in FILLS.items()}
    for name, recipe in recipes.items():
        batch = recipe.batch(pixels.repeat(12, axis=0), seed=0)
        save(batch.grid(captions=True), out / f"{name}.png", photo)

    small = tiles(whole)
    for name, arguments in STANDARDISED.items():
        datagen = ImageDataGenerator(**arguments)
        if name in ("featurewise", "zca"):
            datagen.fit(small)
        values = datagen.flow(small[:SHOWN_TILES], shuffle=False, batch_size=SHOWN_TILES)[0]
        shown = np.stack([np.asarray(array_to_img(image)) for image in values])  # each over its own range
        words = [f"{image.min():.1f} to {image.max():.1f}, mean {image.mean():.2f}" for image in values]
        page = af.Recipe([]).batch(shown).grid(captions=words, side=160)
        save(page, out / f"{name}.png", photo)
    print(f"{out}: {len(list(out.glob('*.png')))} pictures")


if __name__ == "__main__":
    run(main)
