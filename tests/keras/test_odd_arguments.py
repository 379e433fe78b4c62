"""Every argument of every function of augfuse.keras, given values that it is not made for: it works, or it says so."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

keras = pytest.importorskip("keras", reason="needs the extra: pip install 'augfuse[keras]'")
pd = pytest.importorskip("pandas", reason="needs the extra: pip install 'augfuse[keras]'")
pytest.importorskip("scipy", reason="needs the extra: pip install 'augfuse[keras]'")

import augfuse as af  # noqa: E402
import augfuse.keras as ak  # noqa: E402
from augfuse import AugfuseError  # noqa: E402
from augfuse.keras import ImageDataGenerator  # noqa: E402

ANY: Any = ImageDataGenerator  # of which a type checker does not know the arguments
KERAS: Any = ak

X = np.random.default_rng(0).integers(0, 256, (4, 8, 8, 3), dtype=np.uint8)
Y = np.array([0, 1, 0, 1])


def odd_values() -> dict[str, Any]:
    """Made anew for each use: some can be used up."""
    different = np.empty(4, object)
    different[:] = [np.zeros((8, 8, 3)), np.zeros((9, 8, 3)), np.zeros((8, 8, 3)), np.zeros((8, 8, 3))]
    return {
        "None": None,
        "a whole number": 5,
        "below 0": -1,
        "a fraction": np.float32(0.5),
        "NaN": float("nan"),
        "infinity": float("inf"),
        "a complex number": 1j,
        "a text": "x",
        "no text": "",
        "bytes": b"x",
        "a path": Path("/nowhere/x"),
        "a list": [1, 2],
        "an empty list": [],
        "a tuple": (1, 2, 3),
        "a ragged list": [[1, 2], [3]],
        "a list of texts": ["a", "b"],
        "a dict": {"a": 1},
        "a set": {1, 2},
        "a generator": (i for i in (1, 2)),
        "a function": len,
        "an object": object(),
        "an array": np.zeros((2, 3, 4)),
        "an array of texts": np.array(["a", "b"]),
        "an array of objects": different,
        "a series": pd.Series([1, 2]),
        "a frame": pd.DataFrame({"a": [1]}),
        "a tensor": keras.ops.zeros((2, 3)),
    }


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("odd")
    for name in ("a", "b"):
        (root / name).mkdir()
        for i in range(2):
            Image.fromarray(X[i]).save(root / name / f"{i}.png")
    return root


@dataclass
class Door:
    """call: a function. given: arguments that it works with. names: those to try, by default all of it."""

    call: Callable[..., Any]
    given: dict[str, Any]
    names: list[str] = field(default_factory=list)


def use(batches: Any) -> None:
    """As much of an iterator as a first step of training sees."""
    len(batches)
    batches[0]
    next(batches)


def generator(**options: Any) -> None:
    datagen = ImageDataGenerator(**options)
    if options.get("featurewise_center") is True or options.get("zca_whitening") is True:
        datagen.fit(X)
    datagen.flow(X, batch_size=4)[0]
    datagen.random_transform(X[0])


def attributes(**values: Any) -> None:
    datagen = ImageDataGenerator(featurewise_center=True, featurewise_std_normalization=True)
    datagen.mean, datagen.std = 0, 1
    for name, value in values.items():
        setattr(datagen, name, value)
    datagen.flow(X)[0]


def without_self(function: Any) -> list[str]:
    """The names of its arguments."""
    return [n for n in inspect.signature(function).parameters if n not in ("self", "kwargs", "image_data_generator")]


def doors(folder: Path, compat: Any) -> dict[str, Door]:
    frame = pd.DataFrame({"filename": ["a/0.png", "a/1.png", "b/0.png"], "class": ["a", "a", "b"], "w": [1.0, 1, 1]})
    datagen = ImageDataGenerator(rotation_range=5, compat=compat)
    fitted = ImageDataGenerator(featurewise_center=True, compat=compat)
    planar, png = X[0].transpose(2, 0, 1), str(folder / "a/0.png")
    files = {"directory": folder, "target_size": (8, 8)}
    drawn = ["mean", "std", *without_self(ImageDataGenerator)]
    found = {
        "ImageDataGenerator": Door(lambda **a: generator(**{"compat": compat, **a}), {}, drawn[2:]),
        "attributes": Door(attributes, {}, [n for n in drawn if n not in ("compat", "validation_split")]),
        "flow": Door(lambda **a: use(datagen.flow(**a)), {"x": X, "y": Y}, without_self(datagen.flow)),
        "flow_from_directory": Door(
            lambda **a: use(datagen.flow_from_directory(**a)), files, without_self(ak.DirectoryIterator)
        ),
        "flow_from_dataframe": Door(
            lambda **a: use(datagen.flow_from_dataframe(**a)),
            {"dataframe": frame, **files},
            without_self(ak.DataFrameIterator),
        ),
        "fit": Door(fitted.fit, {"x": X, "augment": True}),
        "standardize": Door(datagen.standardize, {"x": X[0]}),
        "random_transform": Door(datagen.random_transform, {"x": X[0]}),
        "get_random_transform": Door(datagen.get_random_transform, {"img_shape": (8, 8, 3)}),
        "apply_transform": Door(datagen.apply_transform, {"x": X[0], "transform_parameters": {"theta": 3}}),
        "parameters": Door(
            lambda **a: datagen.apply_transform(X[0], a),
            {},
            ["theta", "tx", "zx", "shear", "flip_horizontal", "channel_shift_intensity", "brightness"],
        ),
        "to_recipe": Door(datagen.to_recipe, {}),
        "random_rotation": Door(ak.random_rotation, {"x": planar, "rg": 5}),
        "random_shift": Door(ak.random_shift, {"x": planar, "wrg": 0.1, "hrg": 0.1}),
        "random_shear": Door(ak.random_shear, {"x": planar, "intensity": 5}),
        "random_zoom": Door(ak.random_zoom, {"x": planar, "zoom_range": (0.5, 1)}),
        "random_channel_shift": Door(ak.random_channel_shift, {"x": planar, "intensity_range": 5}),
        "random_brightness": Door(ak.random_brightness, {"x": X[0], "brightness_range": (0.5, 1)}),
        "apply_affine_transform": Door(ak.apply_affine_transform, {"x": planar, "theta": 5}),
        "apply_channel_shift": Door(ak.apply_channel_shift, {"x": planar, "intensity": 5}),
        "apply_brightness_shift": Door(ak.apply_brightness_shift, {"x": X[0], "brightness": 0.5}),
        "flip_axis": Door(ak.flip_axis, {"x": X[0], "axis": 0}),
        "transform_matrix_offset_center": Door(
            ak.transform_matrix_offset_center, {"matrix": np.eye(3), "x": 2.0, "y": 3.0}
        ),
        "load_img": Door(ak.load_img, {"path": png, "target_size": (4, 4)}),
        "list_pictures": Door(ak.list_pictures, {"directory": folder}),
        "validate_filename": Door(ak.validate_filename, {"filename": png, "white_list_formats": ("png",)}),
        "LoaderDataset": Door(ak.LoaderDataset, {"loader": af.Loader(af.from_arrays(X, Y))}),
        "Iterator": Door(ak.Iterator, {"n": 4, "batch_size": 2, "shuffle": False, "seed": 1}),
        "NumpyArrayIterator": Door(
            lambda **a: use(ak.NumpyArrayIterator(**a)),
            {"x": X, "y": Y, "image_data_generator": datagen},
            ["image_data_generator", "data_format", "dtype", "workers"],
        ),
        "DirectoryIterator": Door(
            lambda **a: use(ak.DirectoryIterator(**a)),
            {**files, "image_data_generator": datagen},
            ["image_data_generator", "data_format", "dtype", "workers"],
        ),
    }
    for door in found.values():
        door.names = door.names or without_self(door.call)
    return found


NAMES = sorted(doors(Path(), None))


@pytest.mark.parametrize("compat", [None, "strict"])
@pytest.mark.parametrize("name", NAMES)
def test_every_argument_works_or_says_why(name: str, compat: Any, folder: Path) -> None:
    door = doors(folder, compat)[name]
    raw = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of what is taken all the same
        door.call(**door.given)
        for argument in door.names:
            for kind, value in odd_values().items():
                try:
                    door.call(**{**door.given, argument: value})
                except AugfuseError as error:
                    assert len(str(error)) > 20, f"{argument}, {kind}: {error}"
                except Exception as error:
                    raw.append(f"{argument}={kind}: {type(error).__name__}: {str(error)[:80]}")
    assert not raw, "\n".join(raw)


@pytest.mark.parametrize("name", [name for name in NAMES if name not in ("attributes", "parameters")])
def test_arguments_that_do_not_exist_are_named(name: str, folder: Path) -> None:
    door = doors(folder, None)[name]
    with pytest.raises(TypeError, match=r"\(\) has no argument 'no_such_thing'"):
        door.call(**door.given, no_such_thing=1)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: ANY(rotation=20),
            r"ImageDataGenerator\(\) has no argument 'rotation'.*'rotation_range'",
        ),
        (lambda: ANY(colour_mode="rgb"), "has no argument 'colour_mode'"),
        (lambda: ANY(batch_size=8), r"flow\(\) has it: flow\(batch_size=\.\.\.\)"),
        (
            lambda: ANY().flow(X, rescale=2),
            r"ImageDataGenerator\(\) has it: ImageDataGenerator\(rescale",
        ),
        (lambda: ANY().flow(X, sample_weights=Y), "Did you mean 'sample_weight'"),
        (lambda: ANY().flow(X, dtype="float64"), r"ImageDataGenerator\(\) has it"),
        (lambda: ANY().flow_from_directory(".", targetsize=(8, 8)), "Did you mean 'target_size'"),
        (lambda: ANY().flow_from_directory(".", image_size=(8, 8)), "Here it is target_size="),
        (lambda: ANY().flow_from_directory(".", label_mode="int"), "Here it is class_mode="),
        (lambda: ANY().flow_from_dataframe(None, dirctory="."), "Did you mean 'directory'"),
        (lambda: ANY().fit(X, round=3), "Did you mean 'rounds'"),
        (lambda: KERAS.random_rotation(X[0], 20, fillmode="wrap"), "Did you mean 'fill_mode'"),
        (lambda: KERAS.load_img("a.png", targetsize=(8, 8)), "Did you mean 'target_size'"),
    ],
)
def test_the_argument_that_was_meant_is_named(call: Callable[[], Any], message: str) -> None:
    with pytest.raises(AugfuseError, match=message):
        call()


@pytest.mark.parametrize("option", ["shuffle", "horizontal_flip", "keep_aspect_ratio"])
@pytest.mark.parametrize("value", ["no", "false", 2])
def test_what_is_no_bool_is_no_option(option: str, value: Any, folder: Path) -> None:
    def call(compat: Any) -> Any:
        if option == "horizontal_flip":
            return ImageDataGenerator(compat=compat, horizontal_flip=value)
        return ImageDataGenerator(compat=compat).flow_from_directory(folder, target_size=(8, 8), **{option: value})

    with pytest.raises(AugfuseError, match=f"{option}: got {value!r}, wanted True or False"):
        call(None)
    call("strict")  # what is true in Python, as in Keras


@pytest.mark.parametrize("dtype", ["float32", np.float32, np.dtype("float32")])
def test_dtypes_stay_as_they_are_given(dtype: Any) -> None:
    assert ImageDataGenerator(dtype=dtype).dtype is dtype


def test_dtypes_of_frameworks_are_taken() -> None:
    for name in ("tensorflow", "torch"):
        framework = pytest.importorskip(name, reason=f"needs the extra: pip install 'augfuse[{name}]'")
        assert ImageDataGenerator(dtype=framework.float32).flow(X)[0].dtype == np.float32
        assert ImageDataGenerator(dtype=framework.float64).dtype == "float64"
