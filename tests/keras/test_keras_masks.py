"""`flow_with_masks`: an image and its mask out of one draw, beside two generators with one seed, which it replaces."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from places import DATA

keras = pytest.importorskip("keras", reason="needs the extras: pip install 'augfuse[keras,tensorflow]'")
pytest.importorskip("scipy", reason="needs the extra: pip install 'augfuse[keras]'")

from augfuse.errors import DataError, DataNotFoundError, DecodeError, ImageTypeError  # noqa: E402
from augfuse.keras import ImageDataGenerator, flow_with_masks  # noqa: E402

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*docs/imagedatagenerator.md:augfuse.errors.AugfuseWarning"),
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:Please import `affine_transform` from the `scipy.ndimage`:DeprecationWarning"),
]

DATA = DATA / "boxes_masks"
MOVES: dict[str, Any] = {
    "rotation_range": 30, "width_shift_range": 0.2, "height_shift_range": 0.1, "zoom_range": 0.2, "shear_range": 10,
    "horizontal_flip": True, "vertical_flip": True,
}  # fmt: skip
COLOURS: dict[str, Any] = {"brightness_range": (0.5, 1.5), "channel_shift_range": 30.0, "rescale": 1 / 255}
N, SIDE = 10, 24
rng = np.random.default_rng(0)
MASKS = (rng.random((N, SIDE, SIDE)) < 0.3).astype(np.uint8) * rng.integers(1, 9, (N, 1, 1), np.uint8)
IMAGES = (MASKS[..., None] * 25).repeat(3, axis=3)  # so that a mask can be read off its image


def write(root: Path, nested: bool = False, palette: bool = False, suffix: str = "") -> tuple[Path, Path]:
    """images and masks as files of one name."""
    for i in range(N):
        inner = f"{'ab'[i % 2]}/" if nested else ""
        for part, end in (("images", ""), ("masks", suffix)):
            path = root / part / f"{inner}{i}{end}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            picture = Image.fromarray(IMAGES[i] if part == "images" else MASKS[i])
            if palette and part == "masks":
                picture.putpalette([255 - i % 256 for i in range(768)])
            picture.save(path)
    return root / "images", root / "masks"


def nearest(**options: Any) -> ImageDataGenerator:
    """A generator that copies pixels, so that a mask is still written in its image."""
    return ImageDataGenerator(**{**MOVES, "interpolation_order": 0, **options})


def in_step(x: np.ndarray, y: np.ndarray, scale: float = 25) -> bool:
    return bool(np.array_equal(np.rint(x[..., :1] / scale), y))


@pytest.mark.parametrize("compat", [None, "strict"])
@pytest.mark.parametrize("shuffle", [True, False])
def test_arrays_stay_in_step(shuffle: bool, compat: Any) -> None:
    batches = flow_with_masks(nearest(compat=compat), IMAGES, MASKS, batch_size=4, shuffle=shuffle, seed=3)
    moved = False
    for _ in range(8):
        x, y = next(batches)
        assert x.dtype == y.dtype == np.float32
        assert y.shape == (len(x), SIDE, SIDE, 1)
        assert in_step(x, y)
        moved |= not any(np.array_equal(y[0, ..., 0], mask) for mask in MASKS)
    assert moved


@pytest.mark.parametrize("compat", [None, "strict"])
def test_colours_are_of_the_images_alone(compat: Any) -> None:
    """With brightness and channel shifts two generators with one seed draw other numbers: the pair does not."""
    batches = flow_with_masks(nearest(**COLOURS, compat=compat), IMAGES, MASKS, batch_size=N, shuffle=False, seed=3)
    plain = flow_with_masks(nearest(compat=None), IMAGES, MASKS, batch_size=N, shuffle=False, seed=3)
    for _ in range(3):
        (x, y), (_, same) = next(batches), next(plain)
        assert set(np.unique(y)) <= set(range(9))
        for image, mask in zip(x[..., 0], y[..., 0], strict=True):
            inside, outside = image[mask > 0], image[mask == 0]
            assert not inside.size or not outside.size or inside.min() >= outside.max()
        if compat is None:
            np.testing.assert_array_equal(y, same)


@pytest.mark.parametrize("compat", [None, "strict"])
def test_images_are_those_of_flow(compat: Any) -> None:
    datagen = ImageDataGenerator(**MOVES, **COLOURS, compat=compat)
    alone = datagen.flow(IMAGES, batch_size=4, seed=5)
    batches = flow_with_masks(datagen, IMAGES, MASKS, batch_size=4, seed=5)
    for _ in range(5):
        np.testing.assert_array_equal(next(batches)[0], next(alone))
    if compat is None:
        masks = ImageDataGenerator(**MOVES, interpolation_order=0).flow(MASKS[..., None], batch_size=4, seed=5)
        again = flow_with_masks(datagen, IMAGES, MASKS, batch_size=4, seed=5)
        for _ in range(5):
            np.testing.assert_array_equal(next(again)[1], next(masks))


@pytest.mark.parametrize("compat", [None, "strict"])
@pytest.mark.parametrize("nested", [False, True])
@pytest.mark.parametrize("palette", [False, True])
def test_folders(palette: bool, nested: bool, compat: Any, tmp_path: Path) -> None:
    images, masks = write(tmp_path, nested, palette)
    options = {"target_size": (SIDE, SIDE), "batch_size": 4, "seed": 2}
    batches = flow_with_masks(nearest(compat=compat), images, masks, **options)
    for _ in range(4):
        assert in_step(*next(batches))
    assert batches.filepaths is not None
    assert batches.mask_paths is not None
    assert [Path(path).name for path in batches.filepaths] == [Path(path).name for path in batches.mask_paths]
    if nested:
        alone = nearest(compat=compat).flow_from_directory(str(images), class_mode=None, **options)
        assert alone.filepaths == batches.filepaths
        np.testing.assert_array_equal(
            next(flow_with_masks(nearest(compat=compat), images, masks, **options))[0], next(alone)
        )


@pytest.mark.parametrize("keep", [False, True])
def test_masks_are_resized_by_nearest_neighbour(keep: bool, tmp_path: Path) -> None:
    images, masks = write(tmp_path)
    batches = flow_with_masks(
        ImageDataGenerator(), images, masks, target_size=(15, 40), keep_aspect_ratio=keep, shuffle=False
    )
    x, y = next(batches)
    assert y.shape == (N, 15, 40, 1)
    assert in_step(x, y)


@pytest.mark.parametrize("kind", ["arrays", "folders"])
def test_subsets(kind: str, tmp_path: Path) -> None:
    given = (IMAGES, MASKS) if kind == "arrays" else write(tmp_path, nested=True)
    datagen = nearest(validation_split=0.4)
    options = {"batch_size": N, "shuffle": False, "target_size": (SIDE, SIDE)}
    train, val = (flow_with_masks(datagen, *given, subset=subset, **options) for subset in ("training", "validation"))
    assert (train.n, val.n) == (6, 4)
    x, y = next(val)
    assert in_step(x, y)
    assert all(any(np.array_equal(mask[..., 0], known) for known in MASKS) for mask in y), "validation is augmented"
    assert in_step(*next(train))


def test_channels_first() -> None:
    datagen = nearest(data_format="channels_first")
    first = np.moveaxis(IMAGES, 3, 1)
    for masks in (MASKS, MASKS[:, None]):
        x, y = next(flow_with_masks(datagen, first, masks, batch_size=4, seed=1))
        assert (x.shape, y.shape) == ((4, 3, SIDE, SIDE), (4, 1, SIDE, SIDE))
        assert in_step(np.moveaxis(x, 1, 3), np.moveaxis(y, 1, 3))


def test_what_comes_in_from_outside() -> None:
    datagen = nearest(fill_mode="constant", cval=200.0)
    for wanted in (0, 255):
        x, y = next(flow_with_masks(datagen, IMAGES, np.ones_like(MASKS), batch_size=N, seed=1, mask_cval=wanted))
        assert set(np.unique(y)) == {1, wanted}
        assert (x[..., :1][y == wanted] == 200).all()


@pytest.mark.parametrize("dtype", [bool, np.uint8, np.uint16, np.int64, np.float64])
def test_values_of_masks_are_kept(dtype: Any) -> None:
    top = 1 if dtype is bool else 200 if dtype == np.uint8 else 40000
    masks = ((MASKS > 0) * top).astype(dtype)
    _, y = next(flow_with_masks(nearest(), IMAGES, masks, batch_size=N, seed=1))
    assert set(np.unique(y)) == {0, top}
    _, scaled = next(flow_with_masks(nearest(), IMAGES, masks, batch_size=N, seed=1, mask_rescale=1 / top))
    np.testing.assert_allclose(scaled, y / top, rtol=1e-6)


def test_masks_of_several_channels(tmp_path: Path) -> None:
    planes = np.stack([MASKS > 0, MASKS > 3, MASKS > 6], axis=3)
    _, y = next(flow_with_masks(nearest(), IMAGES, planes, batch_size=4, seed=1))
    assert y.shape == (4, SIDE, SIDE, 3)
    images, masks = write(tmp_path)
    for path in masks.iterdir():
        Image.open(path).convert("RGB").save(path)
    x, y = next(flow_with_masks(nearest(), images, masks, target_size=(SIDE, SIDE), mask_mode="rgb", seed=1))
    np.testing.assert_array_equal(y.repeat(1, axis=3), np.rint(x / 25))
    with pytest.raises(DecodeError, match=r"3 channels, wanted a gray"):
        next(flow_with_masks(nearest(), images, masks, target_size=(SIDE, SIDE)))


def test_the_same_bytes_whatever_asks(tmp_path: Path) -> None:
    images, masks = write(tmp_path)
    options = {"target_size": (SIDE, SIDE), "batch_size": 3, "seed": 4}
    datagen = ImageDataGenerator(**MOVES, **COLOURS)
    loop = flow_with_masks(datagen, images, masks, workers=1, **options)
    walked = [next(loop) for _ in range(8)]
    by_number = flow_with_masks(datagen, images, masks, workers=3, **options)
    for i in (2, 0, 3, 1):
        for ours, theirs in zip(by_number[i], walked[i], strict=True):
            np.testing.assert_array_equal(ours, theirs)
    copy = pickle.loads(pickle.dumps(by_number))
    np.testing.assert_array_equal(copy[1][1], walked[1][1])


def test_fit_takes_it() -> None:
    inputs = keras.Input((SIDE, SIDE, 3))
    model = keras.Model(inputs, keras.layers.Conv2D(1, 1, activation="sigmoid")(inputs))
    model.compile(loss="binary_crossentropy", metrics=["accuracy"])
    datagen = ImageDataGenerator(**MOVES, rescale=1 / 255, validation_split=0.2)
    train, val = (
        flow_with_masks(datagen, IMAGES, MASKS > 0, batch_size=4, seed=1, subset=s) for s in ("training", "validation")
    )
    history = model.fit(train, validation_data=val, epochs=2, verbose=0).history
    assert np.isfinite(history["loss"] + history["val_loss"]).all()


@pytest.mark.parametrize("name", ["camvid", "membrane"])
def test_real_folders(name: str) -> None:
    if not (DATA / name).is_dir():
        pytest.skip(f"needs the masks of {DATA / name}")
    batches = flow_with_masks(
        ImageDataGenerator(**MOVES, **COLOURS), DATA / name / "images", DATA / name / "masks", batch_size=2, seed=0
    )
    x, y = next(batches)
    assert x.shape == (2, 256, 256, 3)
    assert y.shape == (2, 256, 256, 1)
    assert len(np.unique(y)) > 1
    np.testing.assert_array_equal(y, np.rint(y))


# --- what does not belong together ------------------------------------------------------------------------------------


def test_a_missing_partner_is_named(tmp_path: Path) -> None:
    images, masks = write(tmp_path, nested=True)
    (masks / "a/4.png").unlink()
    with pytest.raises(DataError, match=r"1 of 10 have no mask in .*masks, the first is .*images/a/4\.png"):
        flow_with_masks(nearest(), images, masks)
    (images / "a/4.png").unlink()
    (images / "b/5.png").unlink()
    with pytest.raises(DataError, match=r"1 of 9 have no image, the first is .*masks/b/5\.png"):
        flow_with_masks(nearest(), images, masks)


def test_names_with_an_ending(tmp_path: Path) -> None:
    images, masks = write(tmp_path, suffix="_mask")
    with pytest.raises(DataError, match=r"Is it '0_mask'\? Then pass mask_suffix='_mask'"):
        flow_with_masks(nearest(), images, masks)
    batches = flow_with_masks(nearest(), images, masks, mask_suffix="_mask", target_size=(SIDE, SIDE))
    assert in_step(*next(batches))


def test_masks_of_another_size(tmp_path: Path) -> None:
    images, masks = write(tmp_path)
    Image.open(masks / "3.png").resize((SIDE // 2, SIDE // 2)).save(masks / "3.png")
    with pytest.raises(DecodeError, match=r"masks/3\.png: the mask is 12 x 12, its image .*images/3\.png is 24 x 24"):
        next(flow_with_masks(nearest(), images, masks, shuffle=False))
    with pytest.raises(DataError, match=r"wanted the same height and width"):
        flow_with_masks(nearest(), IMAGES, MASKS[:, :12])


def test_broken_files_stop(tmp_path: Path) -> None:
    images, masks = write(tmp_path)
    (masks / "6.png").write_bytes((masks / "6.png").read_bytes()[:40])
    batches = flow_with_masks(nearest(), images, masks, batch_size=5, shuffle=False, target_size=(SIDE, SIDE))
    next(batches)
    with pytest.raises(DecodeError, match=r"6\.png"):
        next(batches)


class Own(ImageDataGenerator):
    def apply_transform(self, x: np.ndarray, transform_parameters: dict[str, Any]) -> np.ndarray:
        return x[::-1]


@pytest.mark.parametrize(
    ("given", "error", "words"),
    [
        ((IMAGES, MASKS[:9]), DataError, r"masks: got 9 for 10 images"),
        ((IMAGES, "masks"), ImageTypeError, r"two folders or two arrays"),
        (("images", MASKS), ImageTypeError, r"two folders or two arrays"),
        ((IMAGES, MASKS.astype(str)), ImageTypeError, r"wanted numbers"),
        ((IMAGES, MASKS[0]), ImageTypeError, r"wanted numbers \(n, h, w\)"),
        ((IMAGES, MASKS.astype(np.int64) * 10**8), DataError, r"above 2\*\*24"),
        (("nowhere", "masks"), DataNotFoundError, r"images: "),
    ],
)
def test_what_is_no_pair(given: tuple[Any, Any], error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        flow_with_masks(nearest(), *given)


def test_options_that_cannot_be_used() -> None:
    with pytest.raises(ImageTypeError, match="masks cannot follow"):
        flow_with_masks(Own(), IMAGES, MASKS)
    with pytest.raises(DataError, match="Invalid mask_mode"):
        flow_with_masks(nearest(), IMAGES, MASKS, mask_mode="palette")
    with pytest.raises(ImageTypeError, match="no argument 'class_mode'"):
        flow_with_masks(nearest(), IMAGES, MASKS, class_mode=None)
    with pytest.raises(ImageTypeError, match="datagen"):
        flow_with_masks(None, IMAGES, MASKS)  # type: ignore[arg-type]
