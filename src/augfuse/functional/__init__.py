"""Transforms as plain functions of images and numbers that are given: `af.functional.rotate(image, 30)`.

Nothing is drawn: each function does what the transform behind it does in a recipe whose ranges hold that one number,
byte for byte. Several in a row are several passes; a `Recipe` fuses them into one.
"""

from __future__ import annotations

from augfuse.functional.color import adjust_brightness as adjust_brightness
from augfuse.functional.color import adjust_color as adjust_color
from augfuse.functional.color import adjust_contrast as adjust_contrast
from augfuse.functional.color import adjust_hue as adjust_hue
from augfuse.functional.color import adjust_saturation as adjust_saturation
from augfuse.functional.color import grayscale as grayscale
from augfuse.functional.color import invert as invert
from augfuse.functional.color import shift_channels as shift_channels
from augfuse.functional.sizes import center_crop as center_crop
from augfuse.functional.sizes import crop as crop
from augfuse.functional.sizes import pad as pad
from augfuse.functional.sizes import resize as resize
from augfuse.functional.sizes import resized_crop as resized_crop
from augfuse.functional.spatial import affine as affine
from augfuse.functional.spatial import horizontal_flip as horizontal_flip
from augfuse.functional.spatial import perspective as perspective
from augfuse.functional.spatial import rotate as rotate
from augfuse.functional.spatial import rotate90 as rotate90
from augfuse.functional.spatial import scale as scale
from augfuse.functional.spatial import shear as shear
from augfuse.functional.spatial import translate as translate
from augfuse.functional.spatial import transpose as transpose
from augfuse.functional.spatial import vertical_flip as vertical_flip
from augfuse.functional.tone import adjust_gamma as adjust_gamma
from augfuse.functional.tone import autocontrast as autocontrast
from augfuse.functional.tone import equalize as equalize
from augfuse.functional.tone import posterize as posterize
from augfuse.functional.tone import solarize as solarize
from augfuse.functional.values import erase as erase
from augfuse.functional.values import gaussian_blur as gaussian_blur
from augfuse.functional.values import gaussian_noise as gaussian_noise
from augfuse.functional.values import normalize as normalize
from augfuse.functional.values import standardize as standardize
from augfuse.functional.values import to_float as to_float
