"""Ranges that no batch can be made of: the constructor says so, and so does setting them later."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pytest

pytest.importorskip("keras", reason="needs the extra: pip install 'augfuse[keras]'")

from augfuse.errors import RangeError
from augfuse.keras import ImageDataGenerator, apply_affine_transform

# The notices about mended defects come once in a process, from whichever test is first; their tests are elsewhere.
pytestmark = pytest.mark.filterwarnings("ignore:.*docs/imagedatagenerator.md:augfuse.errors.AugfuseWarning")
X = np.random.default_rng(0).integers(0, 256, (4, 8, 8, 3), dtype=np.uint8)
PAIRS = [(-20, 20), [5, 10], np.array([-3.0, 3.0])]
SYMMETRIC = ["rotation_range", "shear_range", "channel_shift_range"]


@pytest.mark.parametrize("compat", [None, "strict"])
@pytest.mark.parametrize("value", PAIRS, ids=str)
@pytest.mark.parametrize("name", SYMMETRIC)
def test_pairs_where_one_number_is_wanted(name: str, value: Any, compat: Any) -> None:
    most = float(np.abs(value).max())
    with pytest.raises(RangeError, match=rf"{name}: got .*wanted one finite number. {name}={most} draws from -{most}"):
        ImageDataGenerator(**{name: value}, compat=compat)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("cval", (255, 0, 0)),
        ("cval", [0, 0, 0]),
        ("cval", "black"),
        ("cval", None),
        ("rotation_range", "20"),
        ("rotation_range", {"low": 0}),
        ("rotation_range", float("nan")),
        ("shear_range", float("inf")),
        ("channel_shift_range", 2j),
        ("width_shift_range", "0.1"),
        ("width_shift_range", [[1, 2], [3, 4]]),
        ("height_shift_range", ["a", "b"]),
        ("height_shift_range", float("nan")),
        ("zoom_range", None),
        ("zoom_range", (0.8, 1, 1.2)),
        ("zoom_range", ("a", "b")),
        ("zoom_range", (0.8, float("nan"))),
        ("brightness_range", ("dark", "light")),
        ("brightness_range", 0.5),
        ("rescale", "1/255"),
        ("rescale", (1, 2, 3)),
        ("zca_epsilon", "small"),
        ("interpolation_order", [1]),
        ("interpolation_order", 7),
        ("fill_mode", ["constant"]),
        ("fill_mode", "mirror"),
        ("validation_split", "0.2"),
        ("validation_split", 20),
    ],
    ids=str,
)
def test_ranges_are_checked_where_they_are_given(name: str, value: Any) -> None:
    with pytest.raises(RangeError, match=f"{name}: got"):
        ImageDataGenerator(**{name: value})
    datagen = ImageDataGenerator()
    with pytest.raises(RangeError, match=f"{name}: got"):
        setattr(datagen, {"validation_split": "_validation_split"}.get(name, name), value)
    datagen.flow(X)[0]  # and nothing is set


@pytest.mark.parametrize(
    ("name", "value", "stored"),
    [
        ("rotation_range", np.float32(5), 5),
        ("rotation_range", np.array(5.0), 5),
        ("rotation_range", None, None),
        ("width_shift_range", (1, 2), (1, 2)),
        ("zoom_range", np.array([0.5, 1.5]), [0.5, 1.5]),
        ("zoom_range", np.float32(0.5), [0.5, 1.5]),
        ("zoom_range", (0.5, 1.5), [0.5, 1.5]),
        ("brightness_range", np.array([0.5, 1.5]), [0.5, 1.5]),
        ("brightness_range", (0.5, 1.5), (0.5, 1.5)),
        ("rescale", 0, 0),
    ],
    ids=str,
)
def test_what_can_be_used_is_taken(name: str, value: Any, stored: Any) -> None:
    datagen = ImageDataGenerator(**{name: value})
    assert getattr(datagen, name) == stored
    assert datagen.flow(X)[0].shape == X.shape
    setattr(datagen, name, value)
    assert getattr(datagen, name) == stored


def test_a_function_is_wanted() -> None:
    with pytest.raises(TypeError, match="preprocessing_function: got 'x / 255', wanted a function"):
        ImageDataGenerator(preprocessing_function="x / 255")  # pyright: ignore[reportArgumentType]


# In a process of its own: the kernels followed such maps out of the image, and ended the process.
OUTSIDE = """
import numpy as np
from augfuse.errors import RangeError
from augfuse.keras import ImageDataGenerator, apply_affine_transform
x = np.zeros((8, 8, 3), np.uint8)
class Own(ImageDataGenerator):
    def get_random_transform(self, img_shape, seed=None):
        return {"theta": float("nan")}
calls = [
    lambda: ImageDataGenerator(zoom_range=(1.0, 1e300)).flow(x[None])[0],
    lambda: ImageDataGenerator(zoom_range=(1.0, 1e300), compat="strict").flow(x[None])[0],
    lambda: ImageDataGenerator().apply_transform(x, {"tx": 1e300}),
    lambda: apply_affine_transform(x, zx=1e300, row_axis=0, col_axis=1, channel_axis=2),
    lambda: Own().flow(x[None])[0],
]
for call in calls:
    try:
        call()
    except RangeError as error:
        assert "finite" in str(error), error
    else:
        raise AssertionError("taken")
print("done")
"""


@pytest.mark.slow(reason="in a process of its own, with Keras")
def test_maps_out_of_the_image_do_not_end_the_process() -> None:
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", OUTSIDE], capture_output=True, text=True, check=False)
    assert done.stdout == "done\n", (done.returncode, done.stderr[-2000:])


def test_large_but_finite_shifts_show_the_border() -> None:
    moved = ImageDataGenerator(fill_mode="constant", cval=7).apply_transform(X[0], {"tx": 1e9, "ty": -1e12})
    assert (moved == 7).all()
    axes = {"row_axis": 0, "col_axis": 1, "channel_axis": 2}
    assert (apply_affine_transform(X[0], tx=1e9, fill_mode="constant", cval=7, **axes) == 7).all()
