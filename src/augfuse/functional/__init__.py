"""Transforms as plain functions of images and numbers that are given: `af.functional.rotate(image, 30)`.

Nothing is drawn: each function does what the transform behind it does in a recipe whose ranges hold that one number,
byte for byte. Several in a row are several passes; a `Recipe` fuses them into one.
"""

from __future__ import annotations

from augfuse.functional.colors import adjust_brightness as adjust_brightness
from augfuse.functional.colors import adjust_color as adjust_color
from augfuse.functional.colors import adjust_contrast as adjust_contrast
from augfuse.functional.colors import adjust_hue as adjust_hue
from augfuse.functional.colors import adjust_saturation as adjust_saturation
from augfuse.functional.colors import grayscale as grayscale
from augfuse.functional.colors import invert as invert
from augfuse.functional.colors import shift_channels as shift_channels
from augfuse.functional.moves import affine as affine
from augfuse.functional.moves import horizontal_flip as horizontal_flip
from augfuse.functional.moves import perspective as perspective
from augfuse.functional.moves import rotate as rotate
from augfuse.functional.moves import rotate90 as rotate90
from augfuse.functional.moves import scale as scale
from augfuse.functional.moves import shear as shear
from augfuse.functional.moves import translate as translate
from augfuse.functional.moves import transpose as transpose
from augfuse.functional.moves import vertical_flip as vertical_flip
from augfuse.functional.pixels import erase as erase
from augfuse.functional.pixels import gaussian_blur as gaussian_blur
from augfuse.functional.pixels import gaussian_noise as gaussian_noise
from augfuse.functional.pixels import normalize as normalize
from augfuse.functional.pixels import standardize as standardize
from augfuse.functional.pixels import to_float as to_float
from augfuse.functional.sizes import center_crop as center_crop
from augfuse.functional.sizes import crop as crop
from augfuse.functional.sizes import pad as pad
from augfuse.functional.sizes import resize as resize
from augfuse.functional.sizes import resized_crop as resized_crop
from augfuse.functional.tones import adjust_gamma as adjust_gamma
from augfuse.functional.tones import autocontrast as autocontrast
from augfuse.functional.tones import equalize as equalize
from augfuse.functional.tones import posterize as posterize
from augfuse.functional.tones import solarize as solarize
