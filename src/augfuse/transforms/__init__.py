"""Every transform. A new one is one class in one file and one line here; tests and recipe files pick it up."""

from __future__ import annotations

from augfuse.transforms._bend import ElasticTransform as ElasticTransform
from augfuse.transforms._bend import GridDistortion as GridDistortion
from augfuse.transforms._bend import OpticalDistortion as OpticalDistortion
from augfuse.transforms._bend import Perspective as Perspective
from augfuse.transforms._color import Brightness as Brightness
from augfuse.transforms._color import ChannelShift as ChannelShift
from augfuse.transforms._color import ColorJitter as ColorJitter
from augfuse.transforms._color import Contrast as Contrast
from augfuse.transforms._color import Grayscale as Grayscale
from augfuse.transforms._color import Hue as Hue
from augfuse.transforms._color import Invert as Invert
from augfuse.transforms._color import Saturation as Saturation
from augfuse.transforms._compose import OneOf as OneOf
from augfuse.transforms._compose import RandomOrder as RandomOrder
from augfuse.transforms._compose import Schedule as Schedule
from augfuse.transforms._compose import Sequential as Sequential
from augfuse.transforms._compose import SomeOf as SomeOf
from augfuse.transforms._compose import When as When
from augfuse.transforms._crop import CenterCrop as CenterCrop
from augfuse.transforms._crop import Pad as Pad
from augfuse.transforms._crop import RandomCrop as RandomCrop
from augfuse.transforms._crop import RandomHeight as RandomHeight
from augfuse.transforms._crop import RandomResizedCrop as RandomResizedCrop
from augfuse.transforms._crop import RandomWidth as RandomWidth
from augfuse.transforms._crop import Resize as Resize
from augfuse.transforms._custom import Lambda as Lambda
from augfuse.transforms._fit import LetterBox as LetterBox
from augfuse.transforms._fit import LongestMaxSize as LongestMaxSize
from augfuse.transforms._fit import PadIfNeeded as PadIfNeeded
from augfuse.transforms._fit import ScaleJitter as ScaleJitter
from augfuse.transforms._fit import SmallestMaxSize as SmallestMaxSize
from augfuse.transforms._local import Barrier as Barrier
from augfuse.transforms._local import Erase as Erase
from augfuse.transforms._local import GaussianBlur as GaussianBlur
from augfuse.transforms._local import GaussianNoise as GaussianNoise
from augfuse.transforms._mix import CopyPaste as CopyPaste
from augfuse.transforms._mix import CutMix as CutMix
from augfuse.transforms._mix import MixUp as MixUp
from augfuse.transforms._mix import Mosaic as Mosaic
from augfuse.transforms._seek import BoxSafeCrop as BoxSafeCrop
from augfuse.transforms._seek import CropNearBox as CropNearBox
from augfuse.transforms._seek import CropToMask as CropToMask
from augfuse.transforms._seek import IoUCrop as IoUCrop
from augfuse.transforms._seek import SmallSafeCrop as SmallSafeCrop
from augfuse.transforms._spatial import Affine as Affine
from augfuse.transforms._spatial import HorizontalFlip as HorizontalFlip
from augfuse.transforms._spatial import Rotate as Rotate
from augfuse.transforms._spatial import Rotate90 as Rotate90
from augfuse.transforms._spatial import Scale as Scale
from augfuse.transforms._spatial import Shear as Shear
from augfuse.transforms._spatial import Translate as Translate
from augfuse.transforms._spatial import Transpose as Transpose
from augfuse.transforms._spatial import VerticalFlip as VerticalFlip
from augfuse.transforms._tone import AutoContrast as AutoContrast
from augfuse.transforms._tone import Equalize as Equalize
from augfuse.transforms._tone import Gamma as Gamma
from augfuse.transforms._tone import Posterize as Posterize
from augfuse.transforms._tone import Solarize as Solarize
from augfuse.transforms._tone import ToneCurve as ToneCurve
from augfuse.transforms._views import Views as Views
from augfuse.transforms._write import Normalize as Normalize
from augfuse.transforms._write import PerImageStandardize as PerImageStandardize
from augfuse.transforms._write import ToFloat as ToFloat
from augfuse.transforms.base import Transform as Transform
from augfuse.transforms.documented import document


def list_transforms() -> tuple[type[Transform], ...]:
    """Every transform class, in alphabetical order."""
    here = (value for name, value in sorted(globals().items()) if isinstance(value, type))
    return tuple(value for value in here if issubclass(value, Transform) and value is not Transform)


for _cls in list_transforms():
    document(_cls)
