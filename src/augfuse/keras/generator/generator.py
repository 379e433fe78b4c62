"""`ImageDataGenerator`: the class of Keras, on the fused engine.

It is as mutable as Keras' own: people set `datagen.mean` by hand. So nothing is compiled ahead; each batch reads the
attributes as they are.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, TypeVar

import keras
import numpy as np

from augfuse.algebra.rng import check_seed
from augfuse.data.measured.zca import Whitening
from augfuse.errors import ImageError
from augfuse.keras import migrate
from augfuse.keras.checks import rules
from augfuse.keras.checks.edge import attribute, checked
from augfuse.keras.generator import fitting
from augfuse.keras.generator.augment import check_shape
from augfuse.keras.generator.draws import from_dict, keyed, streamed
from augfuse.keras.generator.lower import render
from augfuse.keras.generator.options import read_options
from augfuse.keras.generator.standardize import standardize_array
from augfuse.keras.generator.steps import Pixels, full_scale
from augfuse.keras.iterators.array_iterator import NumpyArrayIterator
from augfuse.keras.iterators.dataframe_iterator import RETIRED, DataFrameIterator, retired_arguments
from augfuse.keras.iterators.directory_iterator import DirectoryIterator
from augfuse.keras.iterators.iterator import Iterator
from augfuse.keras.notices import notice
from augfuse.recipe import Recipe
from augfuse.warn_once import warn

R = TypeVar("R")
# An option, another one, and what the first one wants of it; in this order.
_COUPLED = (
    ("zca_whitening", "featurewise_center", True),
    ("zca_whitening", "featurewise_std_normalization", False),
    ("featurewise_std_normalization", "featurewise_center", True),
    ("samplewise_std_normalization", "samplewise_center", True),
)
PreprocessingFunction = Callable[[np.ndarray], np.ndarray]


class ImageDataGenerator:
    """Batches of augmented, standardised images: `keras.preprocessing.image.ImageDataGenerator`, line for line.

        datagen = ImageDataGenerator(rotation_range=20, horizontal_flip=True, rescale=1 / 255)
        model.fit(datagen.flow(x_train, y_train, batch_size=32, seed=0), epochs=10)

    The order is: affine (rotation, shift, shear, zoom), channel shift, flips, brightness; then, as `standardize` does,
    preprocessing_function, rescale, samplewise, featurewise, ZCA. Statistics come from `fit`.
    `get_random_transform`, `apply_transform` and `standardize` may be overridden; they are then called for each image.

    Args:
        featurewise_center, featurewise_std_normalization: subtract the mean, divide by the standard deviation, of each
            channel over the data set.
        samplewise_center, samplewise_std_normalization: the same with the statistics of each image. A
            *_std_normalization also sets its *_center.
        zca_whitening, zca_epsilon: decorrelate the pixels; epsilon is added to the variances.
        rotation_range: degrees, drawn from -r..r.
        width_shift_range, height_shift_range: a float below 1 is a fraction of the side, from 1 on pixels, drawn from
            -r..r; a whole number n draws one of 0..n-1 pixels, a 1-D array one of its elements, with either sign.
        brightness_range: (low, high) factors.
        shear_range: degrees; Keras' shear, which also stretches by 1 / cos.
        zoom_range: z is (1 - z, 1 + z), or (low, high); below 1 enlarges; drawn separately for both axes.
        channel_shift_range: added to all channels, drawn from -r..r, in the units of the pixels, clipped to the
            smallest and largest value of the image.
        fill_mode: "nearest", "reflect", "wrap", "constant" (`cval`), as SciPy.
        cval: the value outside of the image, with fill_mode="constant".
        horizontal_flip, vertical_flip: each with probability one half.
        rescale: a factor; None or 0 is none.
        preprocessing_function: called with each augmented image, float (h, w, c).
        data_format: "channels_last" (n, h, w, c) or "channels_first"; by default as Keras is configured.
        validation_split: the fraction that `subset="validation"` takes; of files with a `groups.csv`, of their
            originals.
        interpolation_order: 0 nearest, 1 bilinear, 2 to 5 splines through SciPy.
        dtype: of the batches; by default as Keras is configured.
        compat: None mends the defects of Keras' class (docs/imagedatagenerator.md), draws are a function of seed, epoch
            and sample; "strict" gives Keras' numbers: the same draws from NumPy's global generator, order, and pixels.

    Raises:
        RangeError: (a ValueError) an argument outside its domain.
    """

    @checked(compat=rules.compat)
    def __init__(
        self,
        featurewise_center: bool = False,
        samplewise_center: bool = False,
        featurewise_std_normalization: bool = False,
        samplewise_std_normalization: bool = False,
        zca_whitening: bool = False,
        zca_epsilon: float = 1e-6,
        rotation_range: float = 0,
        width_shift_range: Any = 0.0,
        height_shift_range: Any = 0.0,
        brightness_range: Sequence[float] | None = None,
        shear_range: float = 0.0,
        zoom_range: float | Sequence[float] = 0.0,
        channel_shift_range: float = 0.0,
        fill_mode: str = "nearest",
        cval: float = 0.0,
        horizontal_flip: bool = False,
        vertical_flip: bool = False,
        rescale: float | None = None,
        preprocessing_function: PreprocessingFunction | None = None,
        data_format: str | None = None,
        validation_split: float = 0.0,
        interpolation_order: int = 1,
        dtype: str | None = None,
        compat: Literal["strict"] | None = None,
    ) -> None:
        self.compat: Literal["strict"] | None = compat
        self.featurewise_center = featurewise_center
        self.samplewise_center = samplewise_center
        self.featurewise_std_normalization = featurewise_std_normalization
        self.samplewise_std_normalization = samplewise_std_normalization
        self.zca_whitening = zca_whitening
        self.zca_epsilon = zca_epsilon
        self.rotation_range = rotation_range
        self.width_shift_range = width_shift_range
        self.height_shift_range = height_shift_range
        self.brightness_range: Any = brightness_range
        self.shear_range = shear_range
        self.zoom_range: Any = zoom_range
        self.channel_shift_range = channel_shift_range
        self.fill_mode = fill_mode
        self.cval = cval
        self.horizontal_flip = horizontal_flip
        self.vertical_flip = vertical_flip
        self.rescale = rescale
        self.preprocessing_function = preprocessing_function
        self.data_format = keras.config.image_data_format() if data_format is None else data_format
        first = self.data_format == "channels_first"
        self.channel_axis, self.row_axis, self.col_axis = (1, 2, 3) if first else (3, 1, 2)
        self._validation_split = validation_split
        self.interpolation_order = interpolation_order
        self.dtype = keras.config.floatx() if dtype is None else dtype

        self.mean: Any = None
        self.std: Any = None
        self.whitening: Whitening | None = None
        self._zca_matrix: np.ndarray | None = None
        self.fitted_scale: tuple[float, float] | None = None
        self._couple()

    def __setattr__(self, name: str, value: Any) -> None:
        object.__setattr__(self, name, attribute(self, name, value))

    def _couple(self) -> None:
        """Options that ask for others, with Keras' warnings."""
        for option, other, value in _COUPLED:
            if getattr(self, option) and bool(getattr(self, other)) is not value:
                setattr(self, other, value)
                warn(
                    f"This ImageDataGenerator specifies `{option}`, which overrides setting of `{other}`: now {value}."
                )
        if self.compat is None and self.rescale and (self.featurewise_center or self.featurewise_std_normalization):
            notice(
                "rescale-featurewise",
                f"rescale={self.rescale:.6g} together with featurewise statistics: rescale comes first, in fit() too. "
                "Give fit() and flow() the same raw data, not scaled before; a mean or std set by hand is in rescaled "
                "units.",
            )

    @property
    def zca_whitening_matrix(self) -> np.ndarray | None:
        """(d, d), None before `fit`. Where fit() saw fewer images than values per image it is only built here."""
        return self._zca_matrix if self.whitening is None else self.whitening.matrix()

    @zca_whitening_matrix.setter
    def zca_whitening_matrix(self, matrix: np.ndarray | None) -> None:
        self._zca_matrix, self.whitening = matrix, None

    @property
    def principal_components(self) -> np.ndarray | None:
        """The name that `zca_whitening_matrix` had in Keras 2."""
        return self.zca_whitening_matrix

    @principal_components.setter
    def principal_components(self, matrix: np.ndarray | None) -> None:
        self.zca_whitening_matrix = matrix

    @property
    def augments(self) -> bool:
        """Whether any of the random transforms is switched on."""
        return bool(read_options(self).random())

    @checked(NumpyArrayIterator.__init__, Iterator.__init__)
    def flow(
        self,
        x: Any,
        y: Any = None,
        batch_size: int = 32,
        shuffle: bool = True,
        sample_weight: Any = None,
        seed: int | None = None,
        save_to_dir: str | None = None,
        save_prefix: str = "",
        save_format: str = "png",
        ignore_class_split: bool = False,
        subset: str | None = None,
        **kwargs: Any,
    ) -> NumpyArrayIterator:
        """Batches of arrays: x (n, h, w, c), or a tuple (x, [other arrays of n]); see `NumpyArrayIterator`."""
        return self._iterator(NumpyArrayIterator, locals())

    @checked(DirectoryIterator.__init__, Iterator.__init__)
    def flow_from_directory(
        self,
        directory: Any,
        target_size: tuple[int, int] = (256, 256),
        color_mode: str = "rgb",
        classes: Sequence[str] | None = None,
        class_mode: str | None = "categorical",
        batch_size: int = 32,
        shuffle: bool = True,
        seed: int | None = None,
        save_to_dir: str | None = None,
        save_prefix: str = "",
        save_format: str = "png",
        follow_links: bool = False,
        subset: str | None = None,
        interpolation: str = "nearest",
        keep_aspect_ratio: bool = False,
        **kwargs: Any,
    ) -> DirectoryIterator:
        """Batches of image files in one folder per class; see `DirectoryIterator`."""
        return self._iterator(DirectoryIterator, locals())

    @checked(DataFrameIterator.__init__, Iterator.__init__, *RETIRED, directory=rules.folder_or_none)
    def flow_from_dataframe(
        self,
        dataframe: Any,
        directory: Any = None,
        x_col: str = "filename",
        y_col: Any = "class",
        weight_col: str | None = None,
        target_size: tuple[int, int] = (256, 256),
        color_mode: str = "rgb",
        classes: Sequence[str] | None = None,
        class_mode: str | None = "categorical",
        batch_size: int = 32,
        shuffle: bool = True,
        seed: int | None = None,
        save_to_dir: str | None = None,
        save_prefix: str = "",
        save_format: str = "png",
        subset: str | None = None,
        interpolation: str = "nearest",
        validate_filenames: bool = True,
        **kwargs: Any,
    ) -> DataFrameIterator:
        """Batches of the image files that a column of a dataframe names; see `DataFrameIterator`."""
        class_mode = retired_arguments(class_mode, kwargs)
        return self._iterator(DataFrameIterator, locals())

    def _iterator(self, kind: Callable[..., R], given: Mapping[str, Any]) -> R:
        """An iterator with this generator, its layout and dtype. given: the arguments of a method, as `locals` has them
        before anything else is named; those of the constructor are called the same."""
        named = {name: value for name, value in given.items() if name not in ("self", "kwargs")}
        own = {"image_data_generator": self, "data_format": self.data_format, "dtype": self.dtype}
        return kind(**named, **own, **given["kwargs"])

    @checked(x=rules.image_pixels)
    def standardize(self, x: np.ndarray) -> np.ndarray:
        """An image or a batch, standardised, in place if x is of a float dtype; statistics over all of x."""
        return standardize_array(read_options(self), x)

    @checked(img_shape=rules.sides)
    def get_random_transform(self, img_shape: tuple[int, ...], seed: int | None = None) -> dict[str, Any]:
        """The random parameters for an image of this shape: theta, tx, ty, shear, zx, zy, flip_horizontal,
        flip_vertical, channel_shift_intensity, brightness. tx is along columns, ty along rows, in pixels; theta and
        shear in degrees. Without a seed they come from NumPy's global generator; a seed leaves that alone.
        """
        height, width = img_shape[self.row_axis - 1], img_shape[self.col_axis - 1]
        if seed is not None and self.compat is None:
            first = np.zeros(1, np.int64)
            return keyed(read_options(self), check_seed(seed), 0, first, height, width).as_dict(0)
        if seed is not None:
            np.random.seed(seed)
        return streamed(read_options(self), 1, height, width).as_dict(0)

    @checked(x=rules.image_pixels, transform_parameters=rules.parameters)
    def apply_transform(self, x: np.ndarray, transform_parameters: dict[str, Any]) -> np.ndarray:
        """One image (h, w, c), or (c, h, w), augmented with given parameters; brightness makes it float32."""
        image = np.asarray(x)
        if image.ndim != 3:
            raise ImageError(f"apply_transform: got shape {image.shape}, wanted one image of rank 3. Use x[0].")
        options = read_options(self)
        stack = np.ascontiguousarray(np.moveaxis(image, 0, -1) if options.planar else image)[None]
        if stack.dtype not in (np.uint8, np.uint16, np.float32):
            stack = stack.astype(np.float32)
        parameters = from_dict(transform_parameters)
        pixels = Pixels(stack, np.zeros(1, np.int64), *full_scale(stack))
        check_shape(options, pixels)
        out = render(options, pixels, parameters, 1, until="pictures")[0]
        if image.dtype == out.dtype or parameters.brightness is not None:
            return out
        return np.floor(out + 0.5).astype(image.dtype) if image.dtype.kind in "iu" else out.astype(image.dtype)

    @checked(x=rules.image_pixels)
    def random_transform(self, x: np.ndarray, seed: int | None = None) -> np.ndarray:
        """One image, augmented with random parameters."""
        return self.apply_transform(x, self.get_random_transform(x.shape, seed))

    @checked()
    def fit(self, x: Any, augment: bool = False, rounds: int = 1, seed: int | None = None) -> None:
        """Compute featurewise statistics and whitening from images (n, h, w, c), or from an iterator of this package.

        The images are rescaled as in every batch; by default preprocessing_function and samplewise statistics are
        applied as well. augment: over `rounds` passes of augmented images. An iterator is read in chunks.
        """
        fitting.fit(self, x, augment, rounds, seed)

    @checked()
    def to_recipe(self, image_shape: tuple[int, ...] | None = None) -> Recipe:
        """Print the native recipe as Python source, with what differs, and return it.

        image_shape (h, w, c): needed where a shift is in pixels.
        """
        print(migrate.describe(self, image_shape), end="")
        return migrate.to_recipe(self, image_shape)
