"""One transform as each library spells it: the same arguments for all, at each library's quickest.

A spelling is a function of the library's module, so that nothing is imported here. Albumentations and augrs share one
API, and one spelling unless noted. What augfuse has not yet is left out of a run, with a line that tells.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from workloads import HUE, JITTER, MEAN, ROTATE, SCALE, SHIFT, STD

Spelling = Callable[[Any], list[Any]]

LINEAR, CUBIC, AREA = 1, 2, 3  # OpenCV's numbers of interpolations; both peers take them
REPLICATE = 1  # OpenCV's number of the border that repeats the edge
SHEAR = 5  # degrees, both ways
BLUR = (0.5, 2.0)  # sigma in pixels
BLUR_KERNEL = 15  # torchvision and kornia ask for a size: the one that Albumentations takes for the largest sigma
NOISE = (0.02, 0.1)  # fraction of full scale
ERASE = {"scale": (0.02, 0.33), "ratio": (0.3, 3.3)}
PAD = 16
UNIT = (1.0, 1.0)


@dataclass(frozen=True, slots=True)
class Work:
    """One piece of work in every library that can do it.

    size, output: (height, width). fixed: nothing is drawn, so that pixels are compared. needs: the class of augfuse
    without which the work is left out. alone: no sense behind a crop. dim: on photos with half the contrast.
    note: where a peer does less than asked.
    """

    name: str
    augfuse: Spelling
    peers: dict[str, Spelling]
    size: tuple[int, int] = (224, 224)
    output: tuple[int, int] = (224, 224)
    batch: int = 32
    settings: dict[str, Any] = field(default_factory=dict)
    fixed: bool = False
    floats: bool = False
    needs: str = ""
    alone: bool = False
    dim: bool = False
    note: str = ""


def both(albumentations: Spelling, **others: Spelling) -> dict[str, Spelling]:
    """Albumentations' and augrs' common spelling, and those of others."""
    return {"Albumentations": albumentations, "augrs": albumentations, **others}


def _bilinear(v2: Any) -> Any:
    return v2.InterpolationMode.BILINEAR


def normalise(A: Any) -> list[Any]:
    return [A.Normalize(mean=MEAN, std=STD)]


def tensor_normalise(v2: Any) -> list[Any]:
    """torchvision's: to float32 in 0..1, then normalised in place."""
    import torch

    return [v2.ToDtype(torch.float32, scale=True), v2.Normalize(mean=MEAN, std=STD, inplace=True)]


def affine(A: Any, shear: float) -> Any:
    """Rotation, shift, scale and shear in one resample."""
    return A.Affine(
        rotate=(-ROTATE, ROTATE),
        translate_percent=(-SHIFT, SHIFT),
        scale=SCALE,
        shear={"x": (-shear, shear), "y": (0, 0)},
        keep_ratio=True,
        interpolation=LINEAR,
        border_mode=REPLICATE,
        p=1.0,
    )


def jitter(A: Any) -> Any:
    return A.ColorJitter(brightness=JITTER, contrast=JITTER, saturation=JITTER, hue=(-HUE, HUE), p=1.0)


def _af_affine(af: Any) -> list[Any]:
    degrees = (-ROTATE, ROTATE)
    shift = {"translate_x": (-SHIFT, SHIFT), "translate_y": (-SHIFT, SHIFT)}
    return [af.Affine(degrees=degrees, scale=SCALE, shear_x=(-SHEAR, SHEAR), **shift)]


def _resize(name: str, size: tuple[int, int], output: tuple[int, int], alone: bool = False) -> Work:
    """A reduction without aliasing: the mean of the area that a pixel covers, or a filter as wide (torchvision).

    augrs' "area" is a box of whole pixels, one more or one less by turns. By a whole factor it is exact; by others it
    is 10 to 30 levels off on fine detail, so that it stands in its own column, without a demand.
    """
    whole = all(wide % narrow == 0 for wide, narrow in zip(size, output, strict=True))

    def area(A: Any) -> list[Any]:
        return [A.Resize(*output, interpolation=AREA)]

    return Work(
        name,
        lambda af: [af.Resize(output)],
        {
            "Albumentations": area,
            "augrs" if whole else "augrs, box": area,
            "torchvision": lambda v2: [v2.Resize(output)],
        },
        size=size,
        output=output,
        fixed=True,
        alone=alone,
    )


# Brightness is a factor: Albumentations' contrast, which turns about 0; its brightness is a number that is added.
SINGLES = (
    Work(
        "rotate",
        lambda af: [af.Rotate(ROTATE)],
        both(
            lambda A: [A.Rotate((-ROTATE, ROTATE), interpolation=LINEAR, border_mode=REPLICATE, p=1.0)],
            torchvision=lambda v2: [v2.RandomRotation(ROTATE, interpolation=_bilinear(v2))],
        ),
        note="torchvision fills with black",
    ),
    Work(
        "affine",
        _af_affine,
        both(
            lambda A: [affine(A, SHEAR)],
            torchvision=lambda v2: [
                v2.RandomAffine(ROTATE, (SHIFT, SHIFT), SCALE, shear=SHEAR, interpolation=_bilinear(v2))
            ],
        ),
        note="torchvision fills with black",
    ),
    Work(
        "jitter",
        lambda af: [af.ColorJitter(brightness=JITTER, contrast=JITTER, saturation=JITTER, hue=HUE)],
        both(lambda A: [jitter(A)], torchvision=lambda v2: [v2.ColorJitter(JITTER, JITTER, JITTER, HUE)]),
    ),
    Work(
        "normalise",
        lambda af: [af.Normalize(mean=MEAN, std=STD)],
        both(normalise, torchvision=tensor_normalise),
        fixed=True,
        floats=True,
        alone=True,
    ),
    Work(
        "horizontal flip",
        lambda af: [af.HorizontalFlip(p=1.0)],
        both(lambda A: [A.HorizontalFlip(p=1.0)], torchvision=lambda v2: [v2.RandomHorizontalFlip(p=1.0)]),
        fixed=True,
    ),
    Work(
        "vertical flip",
        lambda af: [af.VerticalFlip(p=1.0)],
        both(lambda A: [A.VerticalFlip(p=1.0)], torchvision=lambda v2: [v2.RandomVerticalFlip(p=1.0)]),
        fixed=True,
    ),
    Work(
        "pad",
        lambda af: [af.Pad(PAD)],
        {
            "Albumentations": lambda A: [A.Pad(PAD)],
            "augrs": lambda A: [A.PadIfNeeded(224 + 2 * PAD, 224 + 2 * PAD)],
            "torchvision": lambda v2: [v2.Pad(PAD)],
        },
        output=(224 + 2 * PAD, 224 + 2 * PAD),
        settings={"fill": "constant"},
        fixed=True,
    ),
    Work(
        "crop",
        lambda af: [af.RandomCrop(192)],
        both(lambda A: [A.RandomCrop(192, 192)], torchvision=lambda v2: [v2.RandomCrop(192)]),
        output=(192, 192),
    ),
    Work(
        "noise",
        lambda af: [af.GaussianNoise(std=NOISE)],
        both(lambda A: [A.GaussNoise(std_range=NOISE, p=1.0)]),
    ),
    Work(
        "invert",
        lambda af: [af.Invert(p=1.0)],
        {"Albumentations": lambda A: [A.InvertImg(p=1.0)], "torchvision": lambda v2: [v2.RandomInvert(p=1.0)]},
        fixed=True,
    ),
    Work(
        "erase",
        lambda af: [af.Erase(**ERASE, p=1.0)],
        {
            "Albumentations": lambda A: [A.Erasing(**ERASE, p=1.0)],
            "torchvision": lambda v2: [v2.RandomErasing(1.0, **ERASE)],
        },
        note="augrs has holes of given heights and widths instead",
    ),
    Work(
        "blur",
        lambda af: [af.GaussianBlur(sigma=BLUR)],
        both(
            lambda A: [A.GaussianBlur(blur_limit=0, sigma_limit=BLUR, p=1.0)],
            torchvision=lambda v2: [v2.GaussianBlur(BLUR_KERNEL, BLUR)],
        ),
    ),
    _resize("resize by half", (224, 224), (112, 112)),
    _resize("resize by 0.45", (224, 224), (101, 101)),
    _resize("photo 375x500 -> 224", (375, 500), (224, 224), alone=True),
    Work(
        "RandomResizedCrop",
        lambda af: [af.RandomResizedCrop(224)],
        both(
            lambda A: [A.RandomResizedCrop(size=(224, 224), interpolation=LINEAR)],
            torchvision=lambda v2: [v2.RandomResizedCrop(224, antialias=True)],
        ),
        note="from 224 pixels nothing shrinks: no antialiasing is needed",
    ),
    Work(
        "brightness",
        lambda af: [af.Brightness(JITTER)],
        both(
            lambda A: [A.RandomBrightnessContrast((0, 0), (JITTER[0] - 1, JITTER[1] - 1), p=1.0)],
            torchvision=lambda v2: [v2.ColorJitter(brightness=JITTER)],
        ),
    ),
    Work(
        "grey",
        lambda af: [af.Grayscale(p=1.0)],
        both(lambda A: [A.ToGray(p=1.0)], torchvision=lambda v2: [v2.Grayscale(3)]),
        fixed=True,
    ),
    Work(
        "rot90",
        lambda af: [af.Rotate90(quarters=(0, 3), p=1.0)],
        both(lambda A: [A.RandomRotate90(p=1.0)]),
    ),
    Work("transpose", lambda af: [af.Transpose(p=1.0)], both(lambda A: [A.Transpose(p=1.0)]), fixed=True),
)

# Kinds that augfuse is to have; their arguments are to be looked at when the class is there.
NEW = (
    Work(
        "gamma",
        lambda af: [af.Gamma(gamma=(0.8, 1.25))],
        both(lambda A: [A.RandomGamma((80, 125), p=1.0)]),
        needs="Gamma",
    ),
    Work(
        "solarize",
        lambda af: [af.Solarize(threshold=(0.5, 0.5), p=1.0)],
        {
            "Albumentations": lambda A: [A.Solarize(threshold_range=(0.5, 0.5), p=1.0)],
            "torchvision": lambda v2: [v2.RandomSolarize(128, p=1.0)],
        },
        fixed=True,
        needs="Solarize",
    ),
    Work(
        "posterize",
        lambda af: [af.Posterize(bits=(4, 4), p=1.0)],
        {
            "Albumentations": lambda A: [A.Posterize(num_bits=4, p=1.0)],
            "torchvision": lambda v2: [v2.RandomPosterize(4, p=1.0)],
        },
        fixed=True,
        needs="Posterize",
    ),
    Work(
        "autocontrast",
        lambda af: [af.AutoContrast(p=1.0)],
        {
            "Albumentations": lambda A: [A.AutoContrast(method="pil", p=1.0)],
            "torchvision": lambda v2: [v2.RandomAutocontrast(p=1.0)],
        },
        fixed=True,
        dim=True,
        needs="AutoContrast",
    ),
    Work(
        "equalize",
        lambda af: [af.Equalize(p=1.0)],
        {
            "Albumentations": lambda A: [A.Equalize(mode="cv", by_channels=True, p=1.0)],
            "torchvision": lambda v2: [v2.RandomEqualize(p=1.0)],
        },
        fixed=True,
        dim=True,
        needs="Equalize",
    ),
    Work(
        "tone curve",
        lambda af: [af.ToneCurve(p=1.0)],
        {"Albumentations": lambda A: [A.RandomToneCurve(scale=0.1, p=1.0)]},
        needs="ToneCurve",
        note="Albumentations draws its curve",
    ),
    Work(
        "perspective",
        lambda af: [af.Perspective(distortion_scale=0.2)],
        both(
            lambda A: [A.Perspective(scale=(0.05, 0.1), interpolation=LINEAR, border_mode=REPLICATE, p=1.0)],
            torchvision=lambda v2: [v2.RandomPerspective(0.2, p=1.0, interpolation=_bilinear(v2))],
        ),
        needs="Perspective",
        note="Albumentations and augrs draw normal corners, of about the same size, and cut their part out",
    ),
    Work(
        "elastic",
        lambda af: [af.ElasticTransform(alpha=50, sigma=5)],
        both(
            lambda A: [A.ElasticTransform(alpha=50, sigma=5, interpolation=LINEAR, border_mode=REPLICATE, p=1.0)],
            torchvision=lambda v2: [v2.ElasticTransform(50.0, 5.0, interpolation=_bilinear(v2))],
        ),
        needs="ElasticTransform",
    ),
    Work(
        "grid distortion",
        lambda af: [af.GridDistortion(num_steps=5, distort_limit=0.3)],
        {"Albumentations": lambda A: [A.GridDistortion(interpolation=LINEAR, border_mode=REPLICATE, p=1.0)]},
        needs="GridDistortion",
    ),
    Work(
        "optical distortion",
        lambda af: [af.OpticalDistortion(distort_limit=0.05)],
        {"Albumentations": lambda A: [A.OpticalDistortion(interpolation=LINEAR, border_mode=REPLICATE, p=1.0)]},
        needs="OpticalDistortion",
    ),
    Work(
        "bicubic resize",
        lambda af: [af.Resize(336)],
        both(lambda A: [A.Resize(336, 336, interpolation=CUBIC)]),
        output=(336, 336),
        settings={"interpolation": "bicubic"},
        fixed=True,
        needs="bicubic",
    ),
)


def missing(work: Work) -> bool:
    """Whether this version of augfuse lacks what the work is about."""
    import augfuse as af

    if work.needs != "bicubic":
        return bool(work.needs) and not hasattr(af, work.needs)
    try:
        af.Recipe([], **work.settings)
    except af.AugfuseError:
        return True
    return False
