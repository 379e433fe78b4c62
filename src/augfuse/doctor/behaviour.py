"""Ask a trained model how it wants to be fed: the same images in several ways, and which way it answers best."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import msgspec
import numpy as np

from augfuse.doctor.findings import Finding, counted, finding
from augfuse.doctor.look import LUMA, Looks
from augfuse.doctor.models import Model
from augfuse.doctor.recipes import as_source_gives
from augfuse.doctor.survey import Part, Survey
from augfuse.errors import DecodeError
from augfuse.recipe import Recipe

_CHUNK = 64
_FEWEST = 10  # images, below which no verdict is given
_DEVIATIONS = 3.0  # by which one way must beat another, of the paired difference
_LEAST_GAIN = 0.02
_IMAGENET = (np.array([0.485, 0.456, 0.406], np.float32), np.array([0.229, 0.224, 0.225], np.float32))
_BGR = "in BGR, less ImageNet's mean (Caffe)"
_CAFFE = np.array([103.939, 116.779, 123.68], np.float32)


class Trial(msgspec.Struct, frozen=True):
    """One way of feeding the model. way: in words. accuracy: 0..1. loss: mean cross-entropy in nats."""

    way: str
    accuracy: float
    loss: float


@dataclass(frozen=True, slots=True)
class _Outcome:
    """A trial with what it was on each image: right (n,) bool, said (n, k) probabilities. advice: how to feed so."""

    trial: Trial
    right: np.ndarray
    said: np.ndarray
    loss: np.ndarray
    advice: str


class _Way(NamedTuple):
    """How images (n, h, w, c) in 0..1 become what is fed, and how that is done."""

    feed: Callable[[np.ndarray], np.ndarray]
    advice: str

    def swapped(self) -> _Way:
        """The same with red and blue exchanged first."""
        return _Way(lambda unit: self.feed(unit[..., ::-1]), f"{self.advice}, and turn RGB into BGR")


def try_ways(
    survey: Survey, looks: Sequence[Looks], model: Model, recipe: Recipe | None, limit: int
) -> tuple[list[Trial], list[Finding]]:
    """AF607..AF609, from at most `limit` images of the held-out part; or no trials, and AF610 with the reason."""
    part, classes = survey.held_out, len(survey.classes)
    if part.labels is None:
        return [], [not_asked(f"{part.title} has no labels", "Give it images whose classes are known.")]
    if model.units != classes and (model.units, classes) != (1, 2):
        why = f"it has {counted(model.units, 'output')}, and the data has {counted(classes, 'class', 'classes')}"
        return [], [not_asked(why, "Give it images of the classes that it was trained for.")]
    seen = looks[survey.parts.index(part)]
    images, truth = _sample(part, seen, model, limit)
    if len(images) < _FEWEST:
        more = f"Type --limit {_FEWEST} or more." if limit < _FEWEST else "Give it more images."
        why = f"{counted(len(images), 'readable image')} of {part.title} {'is' if len(images) == 1 else 'are'} too few"
        return [], [not_asked(f"{why}, {_FEWEST} are the least", more)]
    return _run(part, images, truth, model, recipe, _full_scale(part, seen), survey.classes)


def not_asked(why: str, advice: str) -> Finding:
    """AF610."""
    return finding("AF610", f"The model was not asked how it wants to be fed: {why}.", advice, count=1)


def _run(
    part: Part,
    images: Sequence[np.ndarray],
    truth: np.ndarray,
    model: Model,
    recipe: Recipe | None,
    full: float,
    classes: tuple[str, ...],
) -> tuple[list[Trial], list[Finding]]:
    height, width = _input_size(model, images)
    plain = _stretched(images, height, width, "bilinear") / full
    ways: dict[str, _Way] = {}
    if recipe is None:
        kind = "0..255" if full == 255 else f"0..{full:g}"
        ways[f"as given ({kind})"] = _Way(lambda unit: unit * full, "without ToFloat or Normalize")
    same = {255.0: "in 0..255", 1.0: "divided by 255"}.get(full) if recipe is None else None
    ways |= {name: way for name, way in _scales(plain, plain.shape[3]).items() if name != same}
    if plain.shape[3] == 3:
        ways |= {f"{name}, channels swapped": way.swapped() for name, way in ways.items() if name != _BGR}

    def outcome(name: str, batch: np.ndarray, advice: str) -> _Outcome:
        return _judge(name, _predict(model, batch), truth, advice)

    tried = [outcome(name, way.feed(plain), way.advice) for name, way in ways.items()]
    if recipe is not None:
        tried.insert(0, outcome("as the recipe gives them", _through(recipe, images), "as the recipe does"))
    base = _best(tried)
    if base.trial.way in ways and any(image.shape[:2] != (height, width) for image in images):
        for how, resize in _RESIZES.items():
            batch = ways[base.trial.way].feed(resize(images, height, width) / full)
            tried.append(outcome(f"{base.trial.way}, resized {how}", batch, f"{base.advice}, and resize {how}"))
    return [o.trial for o in tried], _verdict(part, tried, truth, classes)


def _through(recipe: Recipe, images: Sequence[np.ndarray]) -> np.ndarray:
    return np.stack([recipe.batch([i], training=False, dtype="float32").images[0] for i in images])


def _verdict(part: Part, tried: Sequence[_Outcome], truth: np.ndarray, classes: tuple[str, ...]) -> list[Finding]:
    given, best = tried[0], _best(tried)
    where = f"on {len(truth)} images of {part.title}"
    share = np.bincount(truth).max() / len(truth)
    guessing = best.trial.accuracy <= share + 2 * np.sqrt(share * (1 - share) / len(truth))
    order = _other_order(tried if guessing else [best], truth, classes)
    if order is not None:
        return [order]
    if guessing:
        return [
            finding(
                "AF608",
                f"Accuracy is at most {best.trial.accuracy:.2f} in every way of feeding, {where}; always saying the "
                f"most frequent class scores {share:.2f}.",
                "The model has not learnt these classes: was it trained, and on this data?",
                examples=[best.trial.way],
            )
        ]
    equals = [o for o in tried if not _beats(best, o) and not _surer(best, o)]
    if given in equals:
        return []
    ways = " or ".join(o.trial.way for o in equals[:3])
    now, then = f"{given.trial.accuracy:.2f}", f"{best.trial.accuracy:.2f}"
    if _beats(best, given):
        numbers, severity = f"Accuracy is {now} {given.trial.way}, {then} {ways}", None
    else:
        losses = f"the loss is {given.trial.loss:.2f} {given.trial.way}, {best.trial.loss:.2f} {ways}"
        numbers, severity = f"Accuracy is {now} and {then}, and {losses}", "warning"
    return [
        finding(
            "AF607",
            f"{numbers}, {where}: the model was trained for {'the latter' if len(equals) == 1 else 'one of these'}.",
            f"Feed it so: {'; or '.join(o.advice for o in equals[:3])}.",
            examples=[o.trial.way for o in equals],
            severity=severity,
        )
    ]


def _other_order(tried: Sequence[_Outcome], truth: np.ndarray, classes: tuple[str, ...]) -> Finding | None:
    """AF609, where the answers are right once the classes are renumbered, and clearly better than as they are."""
    renumbered = [(outcome, places) for outcome in tried if (places := _places(outcome, truth)) is not None]
    if not renumbered:
        return None
    outcome, places = max(renumbered, key=lambda found: (found[1][truth] == found[0].said.argmax(axis=1)).mean())
    mapped = outcome.said.argmax(axis=1) == places[truth]
    if not _gains(mapped, outcome.right) or mapped.mean() < outcome.right.mean() + 0.1:
        return None
    moved = [f"{classes[k]!r} is its number {places[k]}, here {k}" for k in np.unique(truth) if places[k] != k]
    return finding(
        "AF609",
        f"Fed {outcome.trial.way}, accuracy is {outcome.right.mean():.2f} with the classes in this data's order and "
        f"{mapped.mean():.2f} with {len(moved)} of {len(classes)} renumbered: it was trained with another order.",
        "Pass the training order: af.from_directory(path, classes=[...]).",
        examples=moved,
    )


def _places(outcome: _Outcome, truth: np.ndarray) -> np.ndarray | None:
    """(k,) the number that the model gives most often to each class; None where two classes get the same number, or
    all get their own."""
    count = outcome.said.shape[1]
    confusion = np.zeros((count, count), np.int64)
    np.add.at(confusion, (truth, outcome.said.argmax(axis=1)), 1)
    places = np.where(confusion.any(axis=1), confusion.argmax(axis=1), np.arange(count))
    present = np.unique(truth)
    if len(np.unique(places[present])) < len(present) or (places[present] == present).all():
        return None
    return places


def _sample(part: Part, seen: Looks, model: Model, limit: int) -> tuple[list[np.ndarray], np.ndarray]:
    """At most `limit` images, the same ones every time, with the channels that the model takes, and their labels."""
    assert part.labels is not None
    rows = np.flatnonzero(seen.readable & (seen.bad == 0))
    chosen = np.sort(np.random.Generator(np.random.Philox(key=0)).permutation(rows)[:limit])
    images, labels = [], []
    for row in chosen.tolist():
        try:
            images.append(_with_channels(as_source_gives(part, row), model.input[2]))
        except (DecodeError, OSError):  # it could be read a moment ago: the files are changing
            continue
        labels.append(part.labels[row])
    return images, np.array(labels, np.int64)


def _with_channels(image: np.ndarray, wanted: int | None) -> np.ndarray:
    channels = image.shape[2]
    if wanted in (None, channels):
        return image
    if wanted == 1:
        gray = (image[:, :, :3] @ LUMA if channels >= 3 else image[:, :, 0])[:, :, None]
        return (gray if image.dtype.kind == "f" else np.rint(gray)).astype(image.dtype)
    return np.repeat(image, 3, axis=2) if channels == 1 else image[:, :, :wanted]


def _input_size(model: Model, images: Sequence[np.ndarray]) -> tuple[int, int]:
    """The model's own; where it takes any size, that of the images, or of their median."""
    height, width, _ = model.input
    sizes = np.median([image.shape[:2] for image in images], axis=0).astype(int)
    return height or int(sizes[0]), width or int(sizes[1])


def _full_scale(part: Part, seen: Looks) -> float:
    if part.images is None or part.images.dtype.kind != "f":
        return float(seen.full.max()) or 255.0
    return 1.0 if seen.high.max() <= 1 else 255.0


def _scales(unit: np.ndarray, channels: int) -> dict[str, _Way]:
    """The usual ways, by name. unit: all images, for their mean and deviation."""
    mean, std = unit.mean(axis=(0, 1, 2), dtype=np.float64), unit.std(axis=(0, 1, 2), dtype=np.float64)
    mean, std = mean.astype(np.float32), np.maximum(std, 1e-6).astype(np.float32)
    shown = [tuple(round(float(v), 3) for v in values) for values in (mean, std)]
    scales = {
        "in 0..255": _Way(lambda u: 255 * u, "uint8 pixels, without ToFloat or Normalize"),
        "divided by 255": _Way(lambda u: u, "end the recipe with af.ToFloat()"),
        "in -1..1": _Way(lambda u: 2 * u - 1, "end the recipe with af.Normalize(mean=0.5, std=0.5)"),
        "standardised by this data": _Way(
            lambda u: (u - mean) / std,
            f"end the recipe with af.Normalize(mean={shown[0]}, std={shown[1]}), or the numbers it was trained with",
        ),
        "each image standardised": _Way(_standardised, "end the recipe with af.PerImageStandardize()"),
    }
    if channels == 3:
        scales["standardised by ImageNet"] = _Way(
            lambda u: (u - _IMAGENET[0]) / _IMAGENET[1], "end the recipe with af.Normalize()"
        )
        scales[_BGR] = _Way(
            lambda u: 255 * u[..., ::-1] - _CAFFE, "as preprocess_input of keras.applications.resnet50 does"
        )
    return scales


def _standardised(unit: np.ndarray) -> np.ndarray:
    mean = unit.mean(axis=(1, 2, 3), keepdims=True)
    std = unit.std(axis=(1, 2, 3), keepdims=True)
    return (unit - mean) / np.maximum(std, 1 / np.sqrt(unit[0].size))


def _stretched(images: Sequence[np.ndarray], height: int, width: int, method: str) -> np.ndarray:
    import cv2

    how = {"bilinear": cv2.INTER_LINEAR, "nearest": cv2.INTER_NEAREST, "area": cv2.INTER_AREA}[method]
    made = [cv2.resize(image.astype(np.float32), (width, height), interpolation=how) for image in images]
    return np.stack(made).reshape(len(images), height, width, -1)


def _cropped(images: Sequence[np.ndarray], height: int, width: int) -> np.ndarray:
    """Aspect kept, the middle cut out."""
    cut = []
    for image in images:
        high, wide = image.shape[:2]
        factor = min(high / height, wide / width)
        h, w = max(round(height * factor), 1), max(round(width * factor), 1)
        top, left = (high - h) // 2, (wide - w) // 2
        cut.append(image[top : top + h, left : left + w])
    return _stretched(cut, height, width, "bilinear")


def _padded(images: Sequence[np.ndarray], height: int, width: int) -> np.ndarray:
    """Aspect kept, black around it."""
    made = np.zeros((len(images), height, width, images[0].shape[2]), np.float32)
    for target, image in zip(made, images, strict=True):
        factor = min(height / image.shape[0], width / image.shape[1])
        h, w = max(round(image.shape[0] * factor), 1), max(round(image.shape[1] * factor), 1)
        top, left = (height - h) // 2, (width - w) // 2
        target[top : top + h, left : left + w] = _stretched([image], h, w, "bilinear")[0]
    return made


_RESIZES: dict[str, Callable[[Sequence[np.ndarray], int, int], np.ndarray]] = {
    "by nearest pixels": lambda images, h, w: _stretched(images, h, w, "nearest"),
    "by area": lambda images, h, w: _stretched(images, h, w, "area"),
    "with aspect kept and a centre crop": _cropped,
    "with aspect kept and black around": _padded,
}


def _predict(model: Model, batch: np.ndarray) -> np.ndarray:
    """(n, k) probabilities."""
    keras_model: Any = model.keras_model
    batch = np.ascontiguousarray(batch, np.float32)
    chunks = (batch[start : start + _CHUNK] for start in range(0, len(batch), _CHUNK))
    said = np.concatenate([np.asarray(keras_model.predict_on_batch(chunk), np.float64) for chunk in chunks])
    logits = model.activation == "linear" or (said < 0).any() or (said > 1).any()
    if said.shape[1] == 1:
        yes = 1 / (1 + np.exp(-np.clip(said, -50, 50))) if logits else said
        return np.concatenate([1 - yes, yes], axis=1)
    if logits:
        said = np.exp(said - said.max(axis=1, keepdims=True))
    return said / np.maximum(said.sum(axis=1, keepdims=True), 1e-12)


def _judge(way: str, said: np.ndarray, truth: np.ndarray, advice: str) -> _Outcome:
    right = said.argmax(axis=1) == truth
    loss = -np.log(np.maximum(said[np.arange(len(truth)), truth], 1e-7))
    return _Outcome(Trial(way, float(right.mean()), float(loss.mean())), right, said, loss, advice)


def _best(outcomes: Sequence[_Outcome]) -> _Outcome:
    """The most accurate; of those it does not clearly beat, the one with the least loss."""
    top = max(outcomes, key=lambda o: o.trial.accuracy)
    return min((o for o in outcomes if not _beats(top, o)), key=lambda o: o.trial.loss)


def _beats(one: _Outcome, other: _Outcome) -> bool:
    return _gains(one.right, other.right)


def _surer(one: _Outcome, other: _Outcome) -> bool:
    """Whether the loss of one is clearly less. A little less says nothing: a larger scale makes any model surer."""
    difference = other.loss - one.loss
    clear = difference.mean() > _DEVIATIONS * difference.std() / np.sqrt(len(difference))
    return bool(clear and other.trial.loss > 1.5 * one.trial.loss + 0.1)


def _gains(one: np.ndarray, other: np.ndarray) -> bool:
    """Whether the paired difference is more than noise, and large enough to matter."""
    difference = one.astype(float) - other.astype(float)
    gain = difference.mean()
    return bool(gain >= _LEAST_GAIN and gain > _DEVIATIONS * difference.std() / np.sqrt(len(difference)))
