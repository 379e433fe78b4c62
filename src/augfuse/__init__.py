"""augfuse: image augmentation as one fused pass, and the feeding of batches.

import augfuse as af
recipe = af.Recipe([af.Rotate(20), af.HorizontalFlip(), af.Normalize()])
batch = recipe.batch(images, seed=0)
"""

from __future__ import annotations

from augfuse import startup as startup  # isort: split

from typing import TYPE_CHECKING

from augfuse.batch import Batch as Batch
from augfuse.data.dataset import DataSet as DataSet
from augfuse.data.sample import Sample as Sample
from augfuse.data.sources.arrays import from_arrays as from_arrays
from augfuse.errors import AugfuseError as AugfuseError
from augfuse.errors import AugfuseWarning as AugfuseWarning
from augfuse.errors import DataError as DataError
from augfuse.errors import DataNotFoundError as DataNotFoundError
from augfuse.errors import DecodeError as DecodeError
from augfuse.errors import ImageError as ImageError
from augfuse.errors import ImageTypeError as ImageTypeError
from augfuse.errors import MissingExtraError as MissingExtraError
from augfuse.errors import RangeError as RangeError
from augfuse.errors import ReadOnlyError as ReadOnlyError
from augfuse.errors import RecipeError as RecipeError
from augfuse.errors import StateError as StateError
from augfuse.inference.preprocessing import preprocessing as preprocessing
from augfuse.inference.tta import tta as tta
from augfuse.plan.describe import Applied as Applied
from augfuse.plan.plan import Plan as Plan
from augfuse.recipe import Recipe as Recipe
from augfuse.serving.api import export as export
from augfuse.statistics import Statistics as Statistics
from augfuse.targets.inverse import Inverse as Inverse
from augfuse.targets.policy import Targets as Targets
from augfuse.transforms import *  # noqa: F403
from augfuse.transforms import list_transforms as list_transforms

__version__ = "0.1.0"

if TYPE_CHECKING:
    from augfuse import functional as functional
    from augfuse import grain as grain
    from augfuse import jax as jax
    from augfuse import torch as torch
    from augfuse.data.batches.loader import Loader as Loader
    from augfuse.data.decoding.decode import decode as decode
    from augfuse.data.export.augmented_copies import augment as augment
    from augfuse.data.open import open as open
    from augfuse.data.sources.annotated import from_pairs as from_pairs
    from augfuse.data.sources.annotated import from_voc as from_voc
    from augfuse.data.sources.annotated import from_yolo as from_yolo
    from augfuse.data.sources.archive import from_zip as from_zip
    from augfuse.data.sources.coco import from_coco as from_coco
    from augfuse.data.sources.folder import from_directory as from_directory
    from augfuse.data.sources.idx import from_idx as from_idx
    from augfuse.data.sources.samples import from_samples as from_samples
    from augfuse.data.sources.tabular import from_csv as from_csv
    from augfuse.data.sources.tabular import from_dataframe as from_dataframe
    from augfuse.data.sources.tabular import from_hf as from_hf
    from augfuse.data.sources.tabular import from_jsonl as from_jsonl
    from augfuse.data.sources.tabular import from_parquet as from_parquet
    from augfuse.data.sources.tar import from_tar as from_tar
    from augfuse.data.tfrecord.source import from_tfrecord as from_tfrecord
    from augfuse.experiment.train import train as train

# Loaded when first asked for: they bring in the codecs, or what trains.
_LAZY = {
    "Loader": "data.batches.loader",
    "augment": "data.export.augmented_copies",
    "decode": "data.decoding.decode",
    "from_coco": "data.sources.coco",
    "from_csv": "data.sources.tabular",
    "from_dataframe": "data.sources.tabular",
    "from_directory": "data.sources.folder",
    "from_hf": "data.sources.tabular",
    "from_idx": "data.sources.idx",
    "from_jsonl": "data.sources.tabular",
    "from_pairs": "data.sources.annotated",
    "from_parquet": "data.sources.tabular",
    "from_samples": "data.sources.samples",
    "from_tar": "data.sources.tar",
    "from_tfrecord": "data.tfrecord.source",
    "from_voc": "data.sources.annotated",
    "from_yolo": "data.sources.annotated",
    "from_zip": "data.sources.archive",
    "open": "data.open",
    "train": "experiment.train",
}

_PACKAGES = ("functional",)
_OF_EXTRAS = ("grain", "jax", "torch")  # not listed by dir(): they may be missing


def __getattr__(name: str) -> object:
    from importlib import import_module

    if name in _PACKAGES + _OF_EXTRAS:
        return import_module(f"augfuse.{name}")
    if name not in _LAZY:
        raise AttributeError(f"module 'augfuse' has no attribute {name!r}")
    value = getattr(import_module(f"augfuse.{_LAZY[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_LAZY, *_PACKAGES})
