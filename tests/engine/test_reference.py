"""The oracle itself, against SciPy, OpenCV and NumPy, where they define the same thing."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from augfuse.algebra import geometry
from augfuse.algebra.geometry import Canvas
from augfuse.execute import reference
from augfuse.plan.lowered import REDUCE_ABOVE
from augfuse.transforms import Erase, GaussianBlur, GaussianNoise
from oracles import pictures

SCIPY = {"nearest": "nearest", "reflect": "reflect", "wrap": "grid-wrap"}
OPENCV = {"nearest": cv2.BORDER_REPLICATE, "reflect": cv2.BORDER_REFLECT, "wrap": cv2.BORDER_WRAP}


def to_source(degrees: float, scale: float, x: float, y: float, height: int, width: int) -> np.ndarray:
    """(2, 3): a map from output to source in continuous coordinates."""
    canvas = Canvas(np.array([height]), np.array([width]))
    a = np.deg2rad(degrees)
    m = geometry.about_centre(canvas, scale * np.cos(a), scale * np.sin(a), -scale * np.sin(a), scale * np.cos(a))
    return geometry.invert(geometry.product([m, geometry.affine(1, c=x, f=y)])).maps.reshape(2, 3)


def to_pixel_centres(matrix: np.ndarray) -> np.ndarray:
    """The same map where pixel centres are whole numbers, as in SciPy and OpenCV."""
    half = matrix.copy()
    half[:, 2] += matrix[:, :2].sum(axis=1) * 0.5 - 0.5
    return half


@pytest.mark.parametrize("fill", list(SCIPY))
@given(
    degrees=st.floats(-180, 180), scale=st.floats(0.4, 3), x=st.floats(-30, 30), y=st.floats(-30, 30),
    size=st.tuples(st.integers(1, 12), st.integers(1, 12)), out=st.tuples(st.integers(1, 12), st.integers(1, 12)),
)  # fmt: skip
def test_warp_like_scipy(
    fill: str, degrees: float, scale: float, x: float, y: float, size: tuple[int, int], out: tuple[int, int]
) -> None:
    ndimage = pytest.importorskip("scipy.ndimage", reason="needs the extra: pip install 'augfuse[keras]'")
    image = pictures(1, *size, 2)[0].astype(np.float64)
    matrix = to_source(degrees, scale, x, y, *size)
    got, _ = reference.warp(image, matrix, out, fill, False)
    rows = to_pixel_centres(matrix)
    yx = rows[::-1, [1, 0, 2]]  # SciPy counts rows first
    for channel in range(2):
        wanted = ndimage.affine_transform(
            image[..., channel], yx[:, :2], yx[:, 2], output_shape=out, order=1, mode=SCIPY[fill], prefilter=False
        )
        np.testing.assert_allclose(got[..., channel], wanted, atol=1e-6)


@pytest.mark.parametrize("fill", list(OPENCV))
def test_warp_like_opencv(fill: str) -> None:
    # OpenCV rounds coordinates to 1/32 of a pixel: 1/64 pixels off on each axis, on a picture that is smooth.
    y, x = np.mgrid[:40, :56]
    image = (100 + 60 * np.sin(x / 56 * 2 * np.pi) + 60 * np.sin(y / 40 * 2 * np.pi)).astype(np.float32)[..., None]
    steepest = 60 * 2 * np.pi / 40 + 60 * 2 * np.pi / 56
    for degrees, scale, dx, dy in ((20, 1, 0, 0), (-70, 0.8, 3.3, -7.7), (0, 1.3, 0.5, 0.25), (45, 0.5, 20, 10)):
        matrix = to_source(degrees, scale, dx, dy, 40, 56)
        got, _ = reference.warp(image.astype(np.float64), matrix, (40, 56), fill, False)
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        wanted = cv2.warpAffine(image, to_pixel_centres(matrix), (56, 40), flags=flags, borderMode=OPENCV[fill])
        assert np.abs(got[..., 0] - wanted).max() < steepest / 64 + 0.05


def test_nearest_takes_the_pixel_that_covers_the_point() -> None:
    image = pictures(1, 5, 7, 3)[0].astype(np.float64)
    matrix = to_source(33, 0.7, 1.2, -0.8, 5, 7)
    got, inside = reference.warp(image, matrix, (9, 8), "constant", True)
    for row in range(9):
        for column in range(8):
            u, v = matrix @ (column + 0.5, row + 0.5, 1)
            within = 0 <= u < 7 and 0 <= v < 5
            assert inside[row, column] == within
            if within:
                assert np.array_equal(got[row, column], image[int(v), int(u)])


@given(st.integers(1, 30), st.integers(1, 30), st.integers(1, 30), st.integers(1, 30))
def test_average_like_opencv(height: int, width: int, out_height: int, out_width: int) -> None:
    out_height, out_width = min(height, out_height), min(width, out_width)
    image = pictures(1, height, width, 3, "float32")[0]
    got = reference.average(image.astype(np.float64), out_height, out_width)
    wanted = cv2.resize(image, (out_width, out_height), interpolation=cv2.INTER_AREA)
    np.testing.assert_allclose(got, wanted, atol=2e-6)
    np.testing.assert_allclose(got.mean(axis=(0, 1)), image.mean(axis=(0, 1), dtype=np.float64), atol=1e-6)


@given(st.integers(1, 30), st.integers(1, 30), st.integers(1, 30), st.integers(1, 30))
def test_scaling_down_like_opencv(height: int, width: int, out_height: int, out_width: int) -> None:
    """Each pixel is the mean of what it covers; up to 1.5 times as small it is a blend of two."""
    image = pictures(1, height, width, 3, "float32")[0].astype(np.float64)
    across, down = width / out_width, height / out_height
    matrix = np.array([[across, 0, 0], [0, down, 0]])
    got, inside = reference.scale(image, matrix, (out_height, out_width), "nearest", REDUCE_ABOVE)
    assert inside.all()
    wanted = image.astype(np.float32)
    for axis, factor in enumerate((down, across)):
        size = (wanted.shape[1], out_height) if axis == 0 else (out_width, wanted.shape[0])
        how = cv2.INTER_AREA if factor > REDUCE_ABOVE else cv2.INTER_LINEAR
        wanted = cv2.resize(wanted, size, interpolation=how)
    np.testing.assert_allclose(got, wanted, atol=5e-6)


@given(
    st.floats(-4, 4).filter(lambda a: abs(a) > 0.1), st.floats(-30, 30), st.integers(1, 12), st.integers(1, 12),
    st.sampled_from(["nearest", "reflect", "wrap"]),
)  # fmt: skip
def test_scaling_is_the_mean_of_the_surrounded_picture(
    scale: float, shift: float, length: int, count: int, border: str
) -> None:
    """The weights, against the picture continued on both sides and integrated finely."""
    image = pictures(1, 1, length, 1, "float32")[0].astype(np.float64)
    got, _ = reference.scale(image, np.array([[scale, 0, shift], [0, 1, 0]]), (1, count), border, REDUCE_ABOVE)
    fine = 4000
    for i in range(count):
        if abs(scale) > REDUCE_ABOVE:
            places = scale * (i + (np.arange(fine) + 0.5) / fine) + shift
            values = image[0, reference._border(np.floor(places), length, border), 0]
            assert abs(got[0, i, 0] - values.mean()) < 2e-3
        else:
            warped, _ = reference.warp(image, np.array([[scale, 0, shift], [0, 1, 0]]), (1, count), border, False)
            assert abs(got[0, i, 0] - warped[0, i, 0]) < 1e-9


def test_average_of_whole_blocks() -> None:
    image = pictures(1, 12, 20, 3)[0].astype(np.float64)
    blocks = image.reshape(4, 3, 5, 4, 3).mean(axis=(1, 3))
    np.testing.assert_allclose(reference.average(image, 4, 5), blocks, atol=1e-9)
    np.testing.assert_allclose(reference.average(image, 12, 20), image, atol=1e-9)


@pytest.mark.parametrize("sigma", [0.05, 0.5, 2.0, 30.0])
def test_blur_like_scipy(sigma: float) -> None:
    ndimage = pytest.importorskip("scipy.ndimage", reason="needs the extra: pip install 'augfuse[keras]'")
    image = pictures(1, 17, 23, 3)[0].astype(np.float64)
    wanted = ndimage.gaussian_filter(image, (sigma, sigma, 0), mode="reflect")
    blur, params = GaussianBlur(), {"sigma": np.float64(sigma)}  # type: ignore[dict-item]
    np.testing.assert_allclose(blur.apply(image.copy(), params), wanted, atol=1e-9)  # type: ignore[arg-type]
    quick = np.empty((1, *image.shape), np.float32)
    params = {"sigma": np.array([sigma])}
    blur.apply_all(image[None].astype(np.float32), quick, params, np.ones(1, bool))
    np.testing.assert_allclose(quick[0], wanted, atol=2e-3)


def test_noise_is_normal_with_the_drawn_deviation() -> None:
    image = np.full((200, 200, 3), 128.0)
    params = {"std": np.float64(25.5), "key": np.array([3, 4], np.uint64)}
    noise = GaussianNoise().apply(image.copy(), params) - 128  # type: ignore[arg-type]
    assert abs(noise.mean()) < 0.4 and noise.std() == pytest.approx(25.5, rel=0.01)
    assert np.mean(np.abs(noise) < 25.5) == pytest.approx(0.6827, abs=0.01)
    flat = noise.reshape(-1, 3)
    assert (
        np.abs(np.corrcoef(flat.T) - np.eye(3)).max() < 0.02
        and abs(np.corrcoef(flat[1:, 0], flat[:-1, 0])[0, 1]) < 0.02
    )
    other = GaussianNoise().apply(image.copy(), {**params, "key": np.array([3, 5], np.uint64)}) - 128  # type: ignore[arg-type]
    assert abs(np.corrcoef(noise.ravel(), other.ravel())[0, 1]) < 0.02


def test_erase_paints_a_rectangle_of_the_declared_area() -> None:
    import augfuse as af

    x = np.full((300, 60, 80, 3), 200, np.uint8)
    out = af.Recipe([Erase(scale=(0.1, 0.3), ratio=(0.5, 2), value=(1, 2, 3), p=1.0)]).batch(x, seed=0).images
    painted = (out == np.array([1, 2, 3])).all(axis=-1)
    assert ((out == 200).all(axis=-1) | painted).all()
    areas, ratios = [], []
    for mask in painted:
        rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
        assert mask.sum() == len(rows) * len(columns) > 0
        assert np.ptp(rows) == len(rows) - 1 and np.ptp(columns) == len(columns) - 1
        areas.append(mask.mean())
        ratios.append(len(columns) / len(rows))
    assert 0.09 < min(areas) < 0.13 and 0.27 < max(areas) < 0.31
    assert 0.45 < min(ratios) < 0.6 and 1.7 < max(ratios) < 2.1
    assert painted.any(axis=(0, 1)).all() and painted.any(axis=(0, 2)).all()  # every row and column is reached


@pytest.mark.parametrize("name", ["RandomWidth", "RandomHeight"])
@pytest.mark.parametrize("factor", [0.8, 1.0, 1.3])
def test_random_width_and_height_like_the_layers_of_keras(name: str, factor: float) -> None:
    pytest.importorskip("tensorflow", reason="needs the extra: pip install 'augfuse[keras,tensorflow]'")
    layers = pytest.importorskip("keras.src.legacy.layers", reason="needs the extra: pip install 'augfuse[keras]'")
    import augfuse as af

    images = pictures(2, 40, 50, 3, "float32")
    wanted = np.asarray(getattr(layers, name)((factor - 1, factor - 1))(images, training=True))
    got = af.Recipe([getattr(af, name)((factor, factor))]).batch(images, seed=0).images
    assert got.shape == wanted.shape == ((2, 40, round(50 * factor), 3) if name == "RandomWidth" else wanted.shape)
    np.testing.assert_allclose(got, wanted, atol=1e-5)


def test_random_widths_stack_behind_a_resize() -> None:
    import augfuse as af

    images = pictures(16, 40, 50)
    with pytest.raises(af.ImageError, match=r"different sizes .* do not stack .* Add af\.Resize"):
        af.Recipe([af.RandomWidth()]).batch(images, seed=0)
    same_size = (af.Resize((32, 36), mode="cover"), af.CenterCrop((32, 36)))
    recipe = af.Recipe([af.RandomWidth(), af.RandomHeight(0.3), *same_size])
    batch = recipe.batch(images, seed=0)
    assert batch.images.shape == (16, 32, 36, 3)
    widths = [batch.plan.describe(i)[0].values["factor"] for i in range(16)]
    assert min(widths) < 0.9 and max(widths) > 1.1 and 0.8 <= min(widths) <= max(widths) < 1.2
    alone = af.Recipe([af.RandomWidth()])
    for i in range(16):
        assert alone(image=images[i], seed=0, index=i)["image"].shape == (40, round(50 * widths[i]), 3)
    assert recipe.eval() == af.Recipe([*same_size])
    assert af.Recipe([af.RandomWidth((0.01, 0.01))])(image=images[0], seed=0, index=0)["image"].shape == (40, 1, 3)


@pytest.mark.parametrize(
    ("between", "cancels"),
    [
        ([], True),
        (["HorizontalFlip", "Brightness", "Translate"], True),
        (["Rotate"], False),
        (["GaussianBlur"], False),
        (["CenterCrop"], False),
    ],
)
@pytest.mark.parametrize("name", ["RandomWidth", "RandomHeight"])
def test_a_random_side_that_is_stretched_back_is_named(name: str, between: list[str], cancels: bool) -> None:
    import augfuse as af

    middle = [getattr(af, each)(**getattr(af, each).examples[0]) for each in between]
    transforms = [getattr(af, name)((0.5, 1.5)), *middle, af.Resize((40, 50))]
    recipe, images = af.Recipe(transforms), pictures(4, 40, 50)
    if cancels:
        with pytest.warns(
            af.AugfuseWarning, match=rf'{name} changes nothing.* mode="cover"\), af.CenterCrop'
        ) as caught:
            recipe.batch(images, seed=0)
        assert caught[0].filename == __file__
    without = af.Recipe(transforms[1:]).batch(images, seed=0).images
    assert np.array_equal(recipe.batch(images, seed=0).images, without) is cancels
    kept = af.Recipe([transforms[0], af.Resize((40, 50), mode="cover"), af.CenterCrop((40, 50))])
    assert not np.array_equal(kept.batch(images, seed=0).images, images)
