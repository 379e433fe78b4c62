"""`ImageDataGenerator` and all that goes with it, line for line as in Keras, and what `Loader.to_keras()` returns.

    from augfuse.keras import ImageDataGenerator

Importing this package imports Keras; importing augfuse does not.
"""

from augfuse.errors import MissingExtraError

try:
    import keras as _keras  # noqa: F401
except ImportError as error:
    raise MissingExtraError(
        f"augfuse.keras needs Keras and one of its backends, and `import keras` failed: {error}. "
        "Install them with: pip install 'augfuse[keras,tensorflow]'"
    ) from error

from augfuse.keras.functions import apply_affine_transform as apply_affine_transform
from augfuse.keras.functions import apply_brightness_shift as apply_brightness_shift
from augfuse.keras.functions import apply_channel_shift as apply_channel_shift
from augfuse.keras.functions import flip_axis as flip_axis
from augfuse.keras.functions import random_brightness as random_brightness
from augfuse.keras.functions import random_channel_shift as random_channel_shift
from augfuse.keras.functions import random_rotation as random_rotation
from augfuse.keras.functions import random_shear as random_shear
from augfuse.keras.functions import random_shift as random_shift
from augfuse.keras.functions import random_zoom as random_zoom
from augfuse.keras.functions import transform_matrix_offset_center as transform_matrix_offset_center
from augfuse.keras.generator.generator import ImageDataGenerator as ImageDataGenerator
from augfuse.keras.image_dataset.dataset import ImageDataset as ImageDataset
from augfuse.keras.image_dataset.from_directory import image_dataset_from_directory as image_dataset_from_directory
from augfuse.keras.images import array_to_img as array_to_img
from augfuse.keras.images import img_to_array as img_to_array
from augfuse.keras.images import list_pictures as list_pictures
from augfuse.keras.images import load_img as load_img
from augfuse.keras.images import save_img as save_img
from augfuse.keras.images import smart_resize as smart_resize
from augfuse.keras.images import validate_filename as validate_filename
from augfuse.keras.iterators.array_iterator import NumpyArrayIterator as NumpyArrayIterator
from augfuse.keras.iterators.dataframe_iterator import DataFrameIterator as DataFrameIterator
from augfuse.keras.iterators.directory_iterator import DirectoryIterator as DirectoryIterator
from augfuse.keras.iterators.iterator import Iterator as Iterator
from augfuse.keras.iterators.masked_iterator import MaskedIterator as MaskedIterator
from augfuse.keras.iterators.masked_iterator import flow_with_masks as flow_with_masks
from augfuse.keras.layer import Augment as Augment
from augfuse.keras.sequence import LoaderDataset as LoaderDataset
