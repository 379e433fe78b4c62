"""Images and what belongs to each of them: broken files do not part pairs, masks move as their images do."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

keras = pytest.importorskip("keras", reason="needs the extra: pip install 'augfuse[keras,tensorflow]'")
pd = pytest.importorskip("pandas", reason="needs the extra: pip install 'augfuse[keras]'")

from augfuse.errors import AugfuseWarning, DecodeError  # noqa: E402
from augfuse.keras import ImageDataGenerator  # noqa: E402

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*docs/imagedatagenerator.md:augfuse.errors.AugfuseWarning"),
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning"),
]

N = 8


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """images/x and masks/x, of which image 2 and mask 5 are broken; the pixels of number i are 10 * i."""
    for part in ("images", "masks"):
        (tmp_path / part / "x").mkdir(parents=True)
        for i in range(N):
            Image.new("RGB", (6, 6), (10 * i,) * 3).save(tmp_path / part / "x" / f"{i}.png")
    for broken in ("images/x/2.png", "masks/x/5.png"):
        (tmp_path / broken).write_bytes((tmp_path / broken).read_bytes()[:40])
    return tmp_path


def flow(folder: Path, kind: str, **options: Any) -> Any:
    options = {"target_size": (6, 6), "shuffle": False, "seed": 1, "batch_size": 8, "class_mode": None} | options
    compat = options.pop("compat", None)
    datagen = ImageDataGenerator(compat=compat)
    if kind == "directory":
        return datagen.flow_from_directory(str(folder), **options)
    frame = pd.DataFrame({"filename": [f"x/{i}.png" for i in range(N)], "class": list("ab" * 4)})
    return datagen.flow_from_dataframe(frame, str(folder), **options)


# --- a broken file ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("class_mode", [None, "input"])
@pytest.mark.parametrize("kind", ["directory", "dataframe"])
@pytest.mark.parametrize(("part", "name"), [("images", "2.png"), ("masks", "5.png")])
def test_without_labels_nothing_is_left_out(root: Path, kind: str, class_mode: Any, part: str, name: str) -> None:
    it = flow(root / part, kind, class_mode=class_mode)
    with pytest.raises(DecodeError, match=rf'{name}: .*would no longer match .*the masks.*on_error="skip"') as caught:
        next(it)
    assert str(caught.value.path).endswith(name)
    with pytest.raises(DecodeError, match=name):
        it[0]
    assert it.skipped == {}


@pytest.mark.parametrize("kind", ["directory", "dataframe"])
def test_two_that_are_walked_together(root: Path, kind: str) -> None:
    images, masks = flow(root / "images", kind), flow(root / "masks", kind)
    with pytest.raises(DecodeError):
        for _ in zip(images, masks, strict=True):
            pytest.fail("a pair of which one half is missing")
    for i in range(N):
        if i in (2, 5):
            for part in ("images", "masks"):
                (root / part / "x" / f"{i}.png").unlink()
    left = [f"x/{i}.png" for i in range(N) if i not in (2, 5)]
    if kind == "dataframe":
        return
    images, masks = flow(root / "images", kind), flow(root / "masks", kind)
    np.testing.assert_array_equal(next(images), next(masks))
    assert images.filenames == left


def test_a_file_that_went_away(root: Path) -> None:
    it = flow(root / "images", "dataframe")
    (root / "images/x/2.png").unlink()
    with pytest.raises(FileNotFoundError, match=r"2.png.*With class_mode=None no file is left out"):
        next(it)


def test_fit_does_not_go_on(root: Path) -> None:
    inputs = keras.Input((6, 6, 3))
    model = keras.Model(inputs, keras.layers.Conv2D(3, 1)(inputs))
    model.compile(loss="mse")
    images, masks = flow(root / "images", "directory"), flow(root / "masks", "directory")
    with pytest.raises(Exception, match=r"2\.png"):
        model.fit(((a, b) for a, b in zip(images, masks, strict=True)), steps_per_epoch=1, verbose=0, shuffle=False)


def test_what_is_left_out_on_request_is_said_of_pairs(root: Path) -> None:
    it = flow(root / "images", "directory", on_error="skip")
    with pytest.warns(AugfuseWarning, match="Nor do batches line up with those of another iterator that is walked"):
        assert len(next(it)) == N - 1


@pytest.mark.parametrize("kind", ["directory", "dataframe"])
def test_with_labels_a_row_is_complete(root: Path, kind: str) -> None:
    it = flow(root / "images", kind, class_mode="sparse")
    with pytest.warns(AugfuseWarning, match="Nor do batches line up"):
        x, y = next(it)
    assert len(x) == len(y) == N - 1
    it.class_mode = None
    with pytest.raises(DecodeError, match=r"2\.png"):
        it.skipped.clear()
        next(it)


# --- masks as y -------------------------------------------------------------------------------------------------------

X = np.random.default_rng(0).integers(0, 256, (N, 12, 12, 3), np.uint8)
MASKS = (X[..., :1] > 127).astype(np.uint8)
MOVES = {"rotation_range": 40, "horizontal_flip": True, "width_shift_range": 0.2, "zoom_range": 0.2}


@pytest.mark.parametrize("compat", [None, "strict"])
@pytest.mark.parametrize(
    ("y", "said"),
    [
        (MASKS, r"pictures of the size of x, \(8, 12, 12, 1\)"),
        (MASKS[..., 0], r"pictures of the size of x, \(8, 12, 12\)"),
        (MASKS[..., 0].astype(bool), "pictures of the size of x"),
        (np.moveaxis(MASKS, 3, 1), r"pictures of the size of x, \(8, 1, 12, 12\)"),
        (np.eye(4)[MASKS[..., 0]], r"pictures of the size of x, \(8, 12, 12, 4\)"),
        (X, "x itself"),
        (X.astype("float32"), "x itself"),
    ],
)
def test_masks_are_not_moved_and_that_is_said(y: np.ndarray, said: str, compat: Any) -> None:
    with pytest.warns(AugfuseWarning, match=rf"flow: y is {said}.*rotation_range=40.*changes x only.*seed=1"):
        it = ImageDataGenerator(**MOVES, compat=compat).flow(X, y, batch_size=8, shuffle=False)
    np.testing.assert_array_equal(it[0][1], y)


def test_x_as_y_is_not_rescaled_and_that_is_said() -> None:
    with pytest.warns(AugfuseWarning, match="y is x itself.*rescale=1 / 255 changes x only"):
        ImageDataGenerator(rescale=1 / 255).flow(X, X)


@pytest.mark.parametrize(
    ("options", "y", "flow"),
    [
        ({"rescale": 1 / 255}, MASKS, {}),
        ({"brightness_range": (0.5, 1.5), "channel_shift_range": 9.0}, MASKS, {}),
        (MOVES, np.zeros((N, 5, 4)), {}),
        (MOVES, np.zeros((N, 12)), {}),
        (MOVES | {"validation_split": 0.5}, MASKS, {"subset": "validation"}),
        ({}, X, {}),
    ],
)
def test_what_is_right_needs_no_warning(options: Any, y: np.ndarray, flow: Any) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", ".*docs/imagedatagenerator.md")
        ImageDataGenerator(**options).flow(X, y, **flow)


@pytest.mark.parametrize("compat", [None, "strict"])
@pytest.mark.parametrize("shuffle", [True, False])
def test_two_generators_with_one_seed_move_alike(shuffle: bool, compat: Any) -> None:
    """The image is 0 or 255 and nearest: where its mask says 1, it is 255."""
    images = MASKS.repeat(3, axis=3) * 255
    datagen = ImageDataGenerator(**MOVES, interpolation_order=0, rescale=1 / 255, compat=compat)
    mask_datagen = ImageDataGenerator(**MOVES, interpolation_order=0, compat=compat)
    options = {"batch_size": 3, "seed": 1, "shuffle": shuffle}
    a, b = datagen.flow(images, **options), mask_datagen.flow(MASKS, **options)
    x = images
    for _ in range(7):
        x, y = next(a), next(b)
        assert set(np.unique(y)) <= {0, 1}
        np.testing.assert_allclose(x, y.repeat(3, axis=3), atol=1e-6)
    assert not np.array_equal(x, images[:2] / 255)


def test_a_mask_of_a_smooth_image_stays_a_mask_in_its_place() -> None:
    """As the page says it: the image bilinear, the mask nearest and without colours."""
    disc = (np.hypot(*(np.mgrid[:40, :40] - np.array([14, 22])[:, None, None])) < 9).astype(np.uint8)
    masks = np.stack([disc] * 6)[..., None]
    datagen = ImageDataGenerator(**MOVES, rescale=1 / 255, brightness_range=(0.9, 1.1))
    mask_datagen = ImageDataGenerator(**MOVES, interpolation_order=0)
    a, b = datagen.flow(masks * 200, seed=1), mask_datagen.flow(masks, seed=1)
    x, y = next(a), next(b)
    assert set(np.unique(y)) == {0, 1}
    assert ((x > 0.4) == y).mean() > 0.99
    assert (y != masks).any(axis=(1, 2, 3)).all()


def test_fit_takes_such_pairs() -> None:
    inputs = keras.Input((12, 12, 3))
    model = keras.Model(inputs, keras.layers.Conv2D(1, 1, activation="sigmoid")(inputs))
    model.compile(loss="binary_crossentropy")
    images = ImageDataGenerator(**MOVES, rescale=1 / 255).flow(X, batch_size=4, seed=1)
    masks = ImageDataGenerator(**MOVES, interpolation_order=0).flow(MASKS, batch_size=4, seed=1)
    pairs = zip(images, masks)  # noqa: B905  as the message says it
    history = model.fit(
        (pair for pair in pairs), steps_per_epoch=len(images), epochs=2, verbose=0, shuffle=False
    ).history
    assert np.isfinite(history["loss"]).all()
    itself = ImageDataGenerator(**MOVES, rescale=1 / 255).flow(X, batch_size=4, seed=1)
    encoder = keras.Model(inputs, keras.layers.Conv2D(3, 1)(inputs))
    encoder.compile(loss="mse")
    encoder.fit(((batch, batch) for batch in itself), steps_per_epoch=len(itself), verbose=0, shuffle=False)
