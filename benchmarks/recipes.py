"""Recipes, float32 out, one core: augfuse beside Albumentations, kornia, augrs and torchvision.

    python benchmarks/recipes.py [whole crop] [--rounds 15] [--markdown] [--name recipes]

`whole`: the recipes that people write. `crop`: RandomCrop to 224, one transform X, Normalize, in NCHW, for every X that
augfuse and a peer have. Needs the extra: pip install 'augfuse[bench]'. What is measured and how is in README.md.
"""

from __future__ import annotations

import os

os.environ["NO_ALBUMENTATIONS_UPDATE"] = "1"  # or it asks the network for its newest version
os.environ.pop("OPENBLAS_CORETYPE", None)  # a forced core type may slow a peer down

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import cyclopts

import peers
import spellings
import timing
import versus
from spellings import AREA, BLUR, BLUR_KERNEL, ERASE, LINEAR, NOISE, Work, affine, jitter, normalise, tensor_normalise
from versus import Demand, Result
from workloads import FLIP, HUE, JITTER, MEAN, ROTATE, SCALE, SHIFT, STD

LIBRARIES = ("numpy", "numba", "opencv-python-headless", "albumentations", "kornia", "augrs-py", "torch", "torchvision")
CLASSIC = ("Albumentations", "kornia")
PART = (0.25, 1.0)  # of the area, for RandomResizedCrop
SOMETIMES = 0.3
BATCH = {32: 512, 150: 64, 224: 32}  # images of a batch, by the size of the output
CROP_FROM = (256, 256)


def _demands(must: tuple[float, float | None], aim: tuple[float, float | None]) -> tuple[Demand, ...]:
    """Those over the better of Albumentations and kornia, and over augrs."""
    return (Demand(CLASSIC, must[0], aim[0]), Demand(("augrs",), must[1], aim[1]))


STRAIGHT = _demands((3, 1.5), (3.5, 2))
RESIZED = _demands((1.6, 1.5), (2.2, 2))
WARPED = _demands((4, 2), (8, 4))
MANY = (Demand(("Albumentations",), 3, 5),)
CROPPED = Demand(("Albumentations", "augrs", "torchvision"), 3, 4, least=1)


def _kornia_normalise(K: Any) -> list[Any]:
    import torch

    return [K.Normalize(torch.tensor(MEAN), torch.tensor(STD))]


def _work(
    name: str,
    size: tuple[int, int],
    output: int,
    augfuse: Callable[[Any], list[Any]],
    albumentations: Callable[[Any], list[Any]] | None,
    **others: Callable[[Any], list[Any]],
) -> Work:
    """A recipe that ends in Normalize. albumentations: augrs' spelling too, unless `others` has one."""
    ends = {"torchvision": tensor_normalise, "kornia": _kornia_normalise}
    both = {} if albumentations is None else {"Albumentations": albumentations, "augrs": albumentations}
    return Work(
        name,
        lambda af: [*augfuse(af), af.Normalize(mean=MEAN, std=STD)],
        {peer: _then(spelling, ends.get(peer, normalise)) for peer, spelling in {**both, **others}.items()},
        size=size,
        output=(output, output),
        batch=BATCH[output],
        floats=True,
    )


def _then(first: Callable[[Any], list[Any]], second: Callable[[Any], list[Any]]) -> Callable[[Any], list[Any]]:
    return lambda module: [*first(module), *second(module)]


def _flip(size: int) -> Work:
    return _work(
        f"flip + normalise, {size}",
        (size, size),
        size,
        lambda af: [af.HorizontalFlip(p=FLIP)],
        lambda A: [A.HorizontalFlip(p=FLIP)],
        torchvision=lambda v2: [v2.RandomHorizontalFlip(FLIP)],
        kornia=lambda K: [K.RandomHorizontalFlip(p=FLIP)],
    )


def _crop_flip() -> Work:
    return _work(
        "crop + flip + normalise, 256 -> 224",
        (256, 256),
        224,
        lambda af: [af.RandomCrop(224), af.HorizontalFlip(p=FLIP)],
        lambda A: [A.RandomCrop(224, 224), A.HorizontalFlip(p=FLIP)],
        torchvision=lambda v2: [v2.RandomCrop(224), v2.RandomHorizontalFlip(FLIP)],
        kornia=lambda K: [K.RandomCrop((224, 224)), K.RandomHorizontalFlip(p=FLIP)],
    )


def _pad_crop_flip() -> Work:
    """CIFAR's recipe, black around the image."""
    work = _work(
        "pad 4 + crop + flip + normalise, 32",
        (32, 32),
        32,
        lambda af: [af.Pad(4), af.RandomCrop(32), af.HorizontalFlip(p=FLIP)],
        None,
        Albumentations=lambda A: [A.Pad(4), A.RandomCrop(32, 32), A.HorizontalFlip(p=FLIP)],
        augrs=lambda A: [A.PadIfNeeded(40, 40), A.RandomCrop(32, 32), A.HorizontalFlip(p=FLIP)],
        torchvision=lambda v2: [v2.RandomCrop(32, padding=4), v2.RandomHorizontalFlip(FLIP)],
        kornia=lambda K: [K.RandomCrop((32, 32), padding=4), K.RandomHorizontalFlip(p=FLIP)],
    )
    return replace(work, settings={"fill": "constant"})


def _resized_crop(size: tuple[int, int], interpolation: int = LINEAR) -> Work:
    """Of the peers torchvision antialiases. With `interpolation` AREA the peers that take it do so too."""
    name = f"RandomResizedCrop + flip + normalise, {size[1]}x{size[0]} -> 224"
    work = _work(
        name if interpolation == LINEAR else f"{name}, all antialiased",
        size,
        224,
        lambda af: [af.RandomResizedCrop(224, scale=PART), af.HorizontalFlip(p=FLIP)],
        lambda A: [
            A.RandomResizedCrop(size=(224, 224), scale=PART, interpolation=interpolation),
            A.HorizontalFlip(p=FLIP),
        ],
        torchvision=lambda v2: [v2.RandomResizedCrop(224, scale=PART, antialias=True), v2.RandomHorizontalFlip(FLIP)],
        kornia=lambda K: [K.RandomResizedCrop((224, 224), scale=PART), K.RandomHorizontalFlip(p=FLIP)],
    )
    if interpolation == LINEAR:
        return replace(work, note="Albumentations, augrs and kornia do not antialias")
    columns = {"Albumentations": "Albumentations", "augrs": "augrs, box", "torchvision": "torchvision"}
    return replace(work, peers={column: work.peers[peer] for peer, column in columns.items()})


def _warp(size: int) -> Work:
    work = _work(
        f"rotate + shift + scale + flip + jitter + normalise, {size}",
        (size, size),
        size,
        lambda af: [
            af.Rotate(ROTATE),
            af.Translate(x=SHIFT, y=SHIFT),
            af.Scale(factor=SCALE),
            af.HorizontalFlip(p=FLIP),
            af.ColorJitter(brightness=JITTER, contrast=JITTER, saturation=JITTER, hue=HUE),
        ],
        lambda A: [A.HorizontalFlip(p=FLIP), affine(A, 0), jitter(A)],
        torchvision=lambda v2: [
            v2.RandomHorizontalFlip(FLIP),
            v2.RandomAffine(ROTATE, (SHIFT, SHIFT), SCALE, interpolation=v2.InterpolationMode.BILINEAR),
            v2.ColorJitter(JITTER, JITTER, JITTER, HUE),
        ],
        kornia=lambda K: [
            K.RandomAffine(ROTATE, (SHIFT, SHIFT), SCALE, padding_mode="border", p=1.0),
            K.RandomHorizontalFlip(p=FLIP),
            K.ColorJitter(JITTER, JITTER, JITTER, (-HUE, HUE), p=1.0),
        ],
    )
    return replace(work, note="torchvision fills with black")


def _many() -> Work:
    """Everything at once; a blur before noise and erased parts. augrs has no part to erase by area and ratio."""
    return _work(
        "rotate + flip + jitter + blur, noise, erase p=.3 + normalise, 224",
        (224, 224),
        224,
        lambda af: [
            af.Rotate(ROTATE),
            af.HorizontalFlip(p=FLIP),
            af.ColorJitter(brightness=JITTER, contrast=JITTER, saturation=JITTER, hue=HUE),
            af.GaussianBlur(sigma=BLUR, p=SOMETIMES),
            af.GaussianNoise(std=NOISE, p=SOMETIMES),
            af.Erase(**ERASE, p=SOMETIMES),
        ],
        None,
        Albumentations=lambda A: [
            A.HorizontalFlip(p=FLIP),
            A.Rotate((-ROTATE, ROTATE), interpolation=LINEAR, border_mode=spellings.REPLICATE, p=1.0),
            jitter(A),
            A.GaussianBlur(blur_limit=0, sigma_limit=BLUR, p=SOMETIMES),
            A.GaussNoise(std_range=NOISE, p=SOMETIMES),
            A.Erasing(**ERASE, p=SOMETIMES),
        ],
        kornia=lambda K: [
            K.RandomAffine(ROTATE, padding_mode="border", p=1.0),
            K.RandomHorizontalFlip(p=FLIP),
            K.ColorJitter(JITTER, JITTER, JITTER, (-HUE, HUE), p=1.0),
            K.RandomGaussianBlur((BLUR_KERNEL, BLUR_KERNEL), BLUR, p=SOMETIMES),
            K.RandomGaussianNoise(std=sum(NOISE) / 2, p=SOMETIMES),
            K.RandomErasing(ERASE["scale"], ERASE["ratio"], p=SOMETIMES),
        ],
    )


WHOLE: dict[str, tuple[Work, tuple[Demand, ...]]] = {
    work.name: (work, demands)
    for work, demands in (
        (_flip(224), STRAIGHT),
        (_flip(32), STRAIGHT),
        (_crop_flip(), STRAIGHT),
        (_pad_crop_flip(), STRAIGHT),
        (_resized_crop((256, 256)), RESIZED),
        (_resized_crop((375, 500)), RESIZED),
        (_resized_crop((375, 500), AREA), ()),
        (_warp(32), WARPED),
        (_warp(150), WARPED),
        (_warp(224), WARPED),
        (_many(), MANY),
    )
}


def cropped(work: Work) -> Work:
    """RandomCrop to 224, the transform, Normalize."""
    crops: dict[str, Callable[[Any], list[Any]]] = {"torchvision": lambda v2: [v2.RandomCrop(224)]}
    ends: dict[str, Callable[[Any], list[Any]]] = {"torchvision": tensor_normalise}

    def crop(A: Any) -> list[Any]:
        return [A.RandomCrop(224, 224)]

    return replace(
        work,
        name=f"crop + {work.name} + normalise",
        augfuse=lambda af: [af.RandomCrop(224), *work.augfuse(af), af.Normalize(mean=MEAN, std=STD)],
        peers={
            peer: _then(_then(crops.get(peer, crop), spelling), ends.get(peer, normalise))
            for peer, spelling in work.peers.items()
        },
        size=CROP_FROM,
        floats=True,
        fixed=False,
    )


def summary(results: Sequence[Result]) -> list[str]:
    """The geometric mean over all X of the ratio to the best peer of each, and the least."""
    ratios = {r.work.name: r.over[best].median for r in results if (best := r.best(CROPPED.peers)) is not None}
    if not ratios:
        return []
    mean = versus.geometric_mean(list(ratios.values()))
    least = min(ratios, key=lambda name: ratios[name])
    return [
        f"crop + X + normalise: geometric mean over the best peer of {len(ratios)}: {mean:.2f} (3, aim 4); "
        f"least {ratios[least]:.2f} (1): {least}"
    ]


def main(*parts: str, rounds: int = 15, name: str = "recipes", markdown: bool = False) -> None:
    """Measure augfuse and its peers; print the figures and write results/NAME.json.

    Parameters
    ----------
    parts
        whole, crop, or names of recipes. Both forms by default.
    rounds
        How many times every contender is measured, in turn; 3 for a quick look, at least 7 for figures worth keeping.
    name
        Name of the result file, without its ending.
    markdown
        Also print the tables as Markdown.
    """
    forms = {work.name: (work, demands, False) for work, demands in WHOLE.values()}
    for single in (*spellings.SINGLES, *spellings.NEW):
        if not single.alone and not spellings.missing(single):
            work = cropped(single)
            forms[work.name] = (work, (CROPPED,), True)
    groups = {
        "whole": [name for name, form in forms.items() if not form[2]],
        "crop": [name for name, form in forms.items() if form[2]],
    }
    if unknown := sorted(set(parts) - set(forms) - set(groups)):
        raise SystemExit(f"parts: got {', '.join(unknown)}, wanted some of {', '.join([*groups, *forms])}")
    chosen = [one for part in parts or groups for one in groups.get(part, [part])]
    machine = timing.machine("augfuse", *LIBRARIES)
    results = {}
    with timing.pinned(1) as can_pin:
        for one in chosen:
            work, demands, channels_first = forms[one]
            results[one] = versus.measure(work, rounds, channels_first)
            print(versus.report(results[one], demands), flush=True)
    if markdown:
        print(versus.table(list(results.values()), {one: forms[one][1] for one in chosen}))
    means = summary([result for one, result in results.items() if forms[one][2]])
    print("\n".join(means))
    path = timing.write_json(
        name,
        {
            "machine": machine,
            "rounds": rounds,
            "pinned_to_one_cpu": can_pin,
            "torchvision": peers.torchvision_v2() is not None,
            "ratios_are": "medians over the rounds of the ratio within one round",
            "works": {one: versus.as_json(result, forms[one][1]) for one, result in results.items()},
            "summary": means,
        },
    )
    print(f"written: {path}")


if __name__ == "__main__":
    app = cyclopts.App(help_format="plaintext", result_action="return_value")
    app.default(main)
    app()
