"""Every transform. A new one is one class in one file and one line here; tests and recipe files pick it up."""

from __future__ import annotations

from augfuse.transforms.base import Transform as Transform
from augfuse.transforms.bend import ElasticTransform as ElasticTransform
from augfuse.transforms.bend import GridDistortion as GridDistortion
from augfuse.transforms.bend import OpticalDistortion as OpticalDistortion
from augfuse.transforms.bend import Perspective as Perspective
from augfuse.transforms.color import Brightness as Brightness
from augfuse.transforms.color import ChannelShift as ChannelShift
from augfuse.transforms.color import ColorJitter as ColorJitter
from augfuse.transforms.color import Contrast as Contrast
from augfuse.transforms.color import Grayscale as Grayscale
from augfuse.transforms.color import Hue as Hue
from augfuse.transforms.color import Invert as Invert
from augfuse.transforms.color import Saturation as Saturation
from augfuse.transforms.compose import OneOf as OneOf
from augfuse.transforms.compose import RandomOrder as RandomOrder
from augfuse.transforms.compose import Schedule as Schedule
from augfuse.transforms.compose import Sequential as Sequential
from augfuse.transforms.compose import SomeOf as SomeOf
from augfuse.transforms.compose import When as When
from augfuse.transforms.crop import CenterCrop as CenterCrop
from augfuse.transforms.crop import Pad as Pad
from augfuse.transforms.crop import RandomCrop as RandomCrop
from augfuse.transforms.crop import RandomHeight as RandomHeight
from augfuse.transforms.crop import RandomResizedCrop as RandomResizedCrop
from augfuse.transforms.crop import RandomWidth as RandomWidth
from augfuse.transforms.crop import Resize as Resize
from augfuse.transforms.custom import Lambda as Lambda
from augfuse.transforms.fit_size import LetterBox as LetterBox
from augfuse.transforms.fit_size import LongestMaxSize as LongestMaxSize
from augfuse.transforms.fit_size import PadIfNeeded as PadIfNeeded
from augfuse.transforms.fit_size import ScaleJitter as ScaleJitter
from augfuse.transforms.fit_size import SmallestMaxSize as SmallestMaxSize
from augfuse.transforms.local import Barrier as Barrier
from augfuse.transforms.local import Erase as Erase
from augfuse.transforms.local import GaussianBlur as GaussianBlur
from augfuse.transforms.local import GaussianNoise as GaussianNoise
from augfuse.transforms.mix import CopyPaste as CopyPaste
from augfuse.transforms.mix import CutMix as CutMix
from augfuse.transforms.mix import MixUp as MixUp
from augfuse.transforms.mix import Mosaic as Mosaic
from augfuse.transforms.seeking_crops import BoxSafeCrop as BoxSafeCrop
from augfuse.transforms.seeking_crops import CropNearBox as CropNearBox
from augfuse.transforms.seeking_crops import CropToMask as CropToMask
from augfuse.transforms.seeking_crops import IoUCrop as IoUCrop
from augfuse.transforms.seeking_crops import SmallSafeCrop as SmallSafeCrop
from augfuse.transforms.serial.help_text import document
from augfuse.transforms.spatial import Affine as Affine
from augfuse.transforms.spatial import HorizontalFlip as HorizontalFlip
from augfuse.transforms.spatial import Rotate as Rotate
from augfuse.transforms.spatial import Rotate90 as Rotate90
from augfuse.transforms.spatial import Scale as Scale
from augfuse.transforms.spatial import Shear as Shear
from augfuse.transforms.spatial import Translate as Translate
from augfuse.transforms.spatial import Transpose as Transpose
from augfuse.transforms.spatial import VerticalFlip as VerticalFlip
from augfuse.transforms.tone import AutoContrast as AutoContrast
from augfuse.transforms.tone import Equalize as Equalize
from augfuse.transforms.tone import Gamma as Gamma
from augfuse.transforms.tone import Posterize as Posterize
from augfuse.transforms.tone import Solarize as Solarize
from augfuse.transforms.tone import ToneCurve as ToneCurve
from augfuse.transforms.views import Views as Views
from augfuse.transforms.write import Normalize as Normalize
from augfuse.transforms.write import PerImageStandardize as PerImageStandardize
from augfuse.transforms.write import ToFloat as ToFloat


def list_transforms() -> tuple[type[Transform], ...]:
    """Every transform class, in alphabetical order.

    Returns:
        The classes.
    """
    here = (value for _, value in sorted(globals().items()) if isinstance(value, type))
    return tuple(value for value in here if issubclass(value, Transform) and value is not Transform)


for _cls in list_transforms():
    document(_cls)
