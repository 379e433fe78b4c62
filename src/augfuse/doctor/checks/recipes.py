"""Checks of a recipe on the data: does it run, do sizes stack, may it change what a label means."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import numpy as np

from augfuse.algebra.geometry import Canvas
from augfuse.algebra.ranges import ends
from augfuse.data.batches.loader import Loader
from augfuse.data.decoding.decode import decode
from augfuse.data.measured.moments import gathered
from augfuse.data.sources.arrays import from_arrays
from augfuse.doctor.examined_data import Part, Survey
from augfuse.doctor.findings import Finding, counted, finding, listed
from augfuse.doctor.read_images import Looks, read_pixels
from augfuse.errors import AugfuseError, DecodeError
from augfuse.plan.draw import draw
from augfuse.plan.make_plan import make
from augfuse.plan.settings import Settings, Source
from augfuse.recipe import Recipe
from augfuse.transforms import Affine, HorizontalFlip, Normalize, Rotate, Rotate90, Transform, Transpose, VerticalFlip
from augfuse.transforms.base import Write
from augfuse.transforms.children import leaves

_TRIED = 32  # images
_SIZES = 512
_DRAWS = 64  # of which some fire, and some do not
_LARGE_TURN = 45  # degrees
_DIGITS = {*"0123456789", "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"}
_LETTERS = set("abcdefghijklmnopqrstuvwxyz")
_SIGNS = {"digit", "letter", "number", "numeral", "num", "char", "character"}  # before or after the sign itself
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")  # also inside TurnLeft and digit0
_SIGN_SIDES = (8, 28)  # of the usual sets of digits and letters in arrays
_SIDEWAYS, _UPRIGHT = ({"left", "right"}, {"up", "down", "top", "bottom", "upside"})


def check_recipe(survey: Survey, looks: Sequence[Looks], recipe: Recipe, scales_itself: bool) -> Iterator[Finding]:
    """AF501..AF505. scales_itself: whether the model's own first layers scale the pixels."""
    training = survey.training
    seen = looks[survey.parts.index(training)]
    images = list(_some_images(training, seen))
    if images:
        yield from (
            list(_check_sizes(seen, recipe, images[0]))
            or list(_check_runs(images, recipe, survey.classes))
            or _check_scale(images, recipe, scales_itself)
        )
        yield from _check_meaning(survey, recipe)


def output_shape(recipe: Recipe, image: np.ndarray) -> tuple[int, ...]:
    """(h, w, c) of the recipe's output for such an image in evaluation. Raises AugfuseError."""
    return recipe.batch([image], training=False).images.shape[1:]


def as_source_gives(part: Part, row: int) -> np.ndarray:
    """Image `row` as a source with its default settings hands it out: files in RGB. Raises DecodeError."""
    if part.raw is None:
        return read_pixels(part, row)
    return decode(part.raw(row), color="rgb")


def _some_images(part: Part, seen: Looks) -> Iterator[np.ndarray]:
    rows = np.flatnonzero(seen.readable & (seen.bad == 0))
    for row in rows[np.unique(np.linspace(0, len(rows) - 1, _TRIED).astype(int))] if len(rows) else ():
        try:
            yield as_source_gives(part, int(row))
        except (DecodeError, OSError):  # it could be read a moment ago: the files are changing
            continue


def _check_sizes(seen: Looks, recipe: Recipe, image: np.ndarray) -> Iterator[Finding]:
    rows = np.flatnonzero(seen.readable)
    sizes = np.unique(np.stack([seen.height[rows], seen.width[rows]], axis=1), axis=0)[:_SIZES]
    drawn = np.resize(sizes, (max(len(sizes), _DRAWS), 2)).astype(np.int64)  # few sizes: each is drawn for many times
    indices = np.arange(len(drawn), dtype=np.int64)
    made = {}
    for name, form in (("training", recipe), ("evaluation", recipe.eval())):
        canvas = Canvas(drawn[:, 0].copy(), drawn[:, 1].copy())
        try:
            settings, source = Settings(value_range=form.value_range), Source(canvas, image.shape[2], image.dtype)
            plan = make(draw(form.transforms, 0, 0, indices), settings, source, None)
        except AugfuseError as error:
            yield _fails(name, error)
            return
        made[name] = np.unique(np.stack(plan.size, axis=1), axis=0)
    several = [name for name, outputs in made.items() if len(outputs) > 1]
    if several:
        outputs = made[several[-1]]
        message = (
            f"In {' and '.join(several)} the recipe makes {len(outputs)} sizes of the {counted(len(sizes), 'size')} of "
            "these images; they do not stack into a batch."
        )
    elif (made["training"] != made["evaluation"]).any():
        outputs = np.concatenate([made["training"], made["evaluation"]])
        message = "The recipe makes images of one size in training and of another in evaluation."
    else:
        return
    yield finding(
        "AF502",
        message,
        "Begin the recipe with af.Resize((height, width)), or end it with a crop.",
        examples=[f"{height}x{width}" for height, width in outputs.tolist()],
    )


def _check_runs(images: Sequence[np.ndarray], recipe: Recipe, classes: tuple[str, ...]) -> Iterator[Finding]:
    """AF501 and AF502, by the loader that training uses, which knows the classes (for a When)."""
    for training in (True, False):
        for index, image in enumerate(images[:4]):
            labels = np.arange(index + 1) % len(classes) if classes else None
            try:
                data = from_arrays(np.stack([image] * (index + 1)), labels, recipe.value_range, classes or None)
                loader = Loader(data, recipe, 1, 0, shuffle=False, training=training, workers=0, dtype=None)
                loader.fetch(0, index)
            except AugfuseError as error:
                yield _fails("training" if training else "evaluation", error)
                return


def _fails(form: str, error: AugfuseError) -> Finding:
    return finding(
        "AF501", f"In {form} the recipe fails on these images: {error}", "Mend the recipe as the message says."
    )


def _check_scale(images: Sequence[np.ndarray], recipe: Recipe, scales_itself: bool) -> Iterator[Finding]:
    write = recipe.transforms[-1] if recipe.transforms and isinstance(recipe.transforms[-1], Write) else None
    outputs = [recipe.batch([image], training=False, dtype="float32").images[0] for image in images]
    if write is None:
        high = max(float(output.max()) for output in outputs)
        if high > 2 and not scales_itself:
            yield finding(
                "AF503",
                "The recipe ends without a scale: outside augfuse train, which adds ToFloat, a model gets values up "
                f"to {high:.4g}.",
                "End it with af.ToFloat() or af.Normalize(), unless the model begins with a Rescaling layer.",
                count=1,
            )
    if not isinstance(write, Normalize):
        return
    fed = gathered((output[None] for output in outputs), 3)
    mean, std = fed.mean, fed.deviation()
    if (np.abs(mean) <= 1).all() and (std > 1 / 3).all() and (std < 3).all():
        return
    shown = ", ".join(f"{m:.3g} ± {s:.3g}" for m, s in zip(mean, std, strict=True))
    low, high = (0.0, 1.0) if recipe.value_range is None else recipe.value_range
    scale = (np.iinfo(images[0].dtype).max if images[0].dtype.kind == "u" else high - low) or 1.0
    raw = gathered((image[None] for image in images), 3)
    fitted = [tuple(round(float(v / scale), 3) for v in values) for values in (raw.mean, raw.deviation())]
    yield finding(
        "AF505",
        f"After Normalize the channels have mean ± standard deviation {shown}; wanted about 0 ± 1.",
        f"Its numbers are fractions of full scale. For this data: af.Normalize(mean={fitted[0]}, std={fitted[1]}).",
        examples=[repr(write)],
    )


def _check_meaning(survey: Survey, recipe: Recipe) -> Iterator[Finding]:
    numbers = not survey.files and all(name.lstrip("-").isdecimal() for name in survey.classes)
    if numbers and not _may_be_signs(survey):
        return  # labels 0..9 of an array are numbers of classes, not digits
    words = {name: {word.casefold() for word in _WORD.findall(name)} for name in survey.classes}
    symbols = [name for name, parts in words.items() if _is_sign(name, parts)]
    sideways = [name for name, parts in words.items() if parts & _SIDEWAYS]
    upright = [name for name, parts in words.items() if parts & _UPRIGHT]
    risky = {"mirrors": [], "turns": [], "upends": []}
    for transform in leaves(recipe.transforms):
        for effect in _effects(transform):
            risky[effect].append(type(transform).__name__)
    cases = []
    for kind, names, effects in (
        (
            "digits or letters",
            symbols if len(symbols) * 2 > len(survey.classes) else [],
            ("mirrors", "turns", "upends"),
        ),
        ("left and right", sideways, ("mirrors", "turns")),
        ("up and down", upright, ("upends", "turns")),
    ):
        cases += [(name, kind, names) for effect in effects for name in risky[effect] if names]
    if not cases:
        return
    transforms = list(dict.fromkeys(name for name, _, _ in cases))
    if numbers:
        reason = f", if these {len(survey.classes)} numbered classes of small grey images are digits or letters"
        advice = "Leave them out then, or narrow the angles; for clothes and the like there is nothing to do."
    else:
        kinds = dict.fromkeys(kind for _, kind, _ in cases)
        named = list(dict.fromkeys(name for _, _, names in cases for name in names))
        reason = f": the classes are named like {' and '.join(kinds)} ({listed(named)})"
        advice = "Leave them out, or narrow the angles, unless such an image keeps its label."
    yield finding(
        "AF504", f"{listed(transforms)} may turn one class into another{reason}.", advice, examples=transforms
    )


def _may_be_signs(survey: Survey) -> bool:
    """Whether arrays look like the usual sets of digits; MNIST and Fashion-MNIST cannot be told apart here."""
    images = survey.training.images
    if images is None or survey.classes != tuple("0123456789") or images.shape[3:] not in ((), (1,)):
        return False
    return images.shape[1] == images.shape[2] and images.shape[1] in _SIGN_SIDES


def _is_sign(name: str, words: set[str]) -> bool:
    """`3`, `03`, `three`, `b`, `digit_3`, `LetterB`; not `letter` beside `invoice`."""
    plain = name.casefold()
    if plain in _DIGITS | _LETTERS or re.fullmatch("0*[0-9]", plain):
        return True
    signs = {word.lstrip("0") or "0" for word in words if word.isdecimal()} | words
    return "digit" in words or bool(words & _SIGNS and signs & (_DIGITS | _LETTERS))


def _effects(transform: Transform) -> tuple[str, ...]:
    """How a transform may change a sign: "mirrors" it, "turns" it far, "upends" it."""
    if transform.p == 0:
        return ()
    if isinstance(transform, HorizontalFlip):
        return ("mirrors",)
    if isinstance(transform, VerticalFlip):
        return ("upends",)
    if isinstance(transform, Transpose):
        return ("mirrors", "turns", "upends")
    if isinstance(transform, Rotate90):
        return ("turns", "upends")
    if isinstance(transform, (Rotate, Affine)):
        return ("turns",) if max(map(abs, ends(transform.degrees))) > _LARGE_TURN else ()
    return ()
