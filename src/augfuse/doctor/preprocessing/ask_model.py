"""Find the preprocessing of a trained model: the same images in several ways, and which gives the best accuracy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from augfuse.doctor.checks.models import Model
from augfuse.doctor.checks.recipes import as_source_gives
from augfuse.doctor.examined_data import Part, Survey
from augfuse.doctor.findings import Finding, counted, finding
from augfuse.doctor.preprocessing.candidates import BGR, RESIZES, Way, scales, stretched
from augfuse.doctor.preprocessing.trials import Answers, Trial, alike, beats, best, gains, judge, knows
from augfuse.doctor.read_images import LUMA, Looks
from augfuse.errors import DecodeError
from augfuse.experiment.network.head import ClassHead
from augfuse.recipe import Recipe
from augfuse.text import shown

_CHUNK = 64
_FEWEST = 10  # images, below which no verdict is given
_RESIZED = 3  # scales that cannot be told apart, with which every way to resize is tried


def try_ways(
    survey: Survey, looks: Sequence[Looks], model: Model, recipe: Recipe | None, limit: int
) -> tuple[list[Trial], list[Finding]]:
    """AF607..AF609, from at most `limit` images of the held-out part; or no trials, and AF610 with the reason."""
    part, classes = survey.held_out, len(survey.classes)
    if part.labels is None:
        return [], [not_asked(f"{part.title} has no labels", "Pass data whose classes are known.")]
    if model.units != classes and (model.units, classes) != (1, 2):
        why = f"it has {counted(model.units, 'output')}, and the data has {counted(classes, 'class', 'classes')}"
        return [], [not_asked(why, "Pass images of the classes that it was trained for.")]
    seen = looks[survey.parts.index(part)]
    images, truth = _sample(part, seen, model, limit)
    if len(images) < _FEWEST:
        more = f"Type --limit {_FEWEST} or more." if limit < _FEWEST else "Pass more images."
        why = f"{counted(len(images), 'readable image')} of {part.title} {'is' if len(images) == 1 else 'are'} too few"
        return [], [not_asked(f"{why}, {_FEWEST} are the least", more)]
    tried = _tried(images, truth, model, recipe, _full_scale(part, seen))
    return [answers.trial for answers in tried], verdict(part, tried, truth, survey.classes)


def not_asked(why: str, advice: str) -> Finding:
    """AF610."""
    return finding("AF610", f"The preprocessing of the model was not tested: {why}.", advice, count=1)


def _tried(
    images: Sequence[np.ndarray], truth: np.ndarray, model: Model, recipe: Recipe | None, full: float
) -> list[Answers]:
    """What the model says with each preprocessing, the present one first."""
    height, width = _input_size(model, images)
    plain = stretched(images, height, width, "bilinear") / full
    ways: dict[str, Way] = {}
    if recipe is None:
        kind = "0..255" if full == 255 else f"0..{full:g}"
        ways[f"as given ({kind})"] = Way(lambda unit: unit * full, "without ToFloat or Normalize")
    same = {255.0: "in 0..255", 1.0: "divided by 255"}.get(full) if recipe is None else None
    ways |= {name: way for name, way in scales(plain, plain.shape[3]).items() if name != same}
    if plain.shape[3] == 3:
        ways |= {f"{name}, channels swapped": way.swapped() for name, way in ways.items() if name != BGR}

    def answers(name: str, batch: np.ndarray, advice: str) -> Answers:
        return judge(name, _predict(model, batch), truth, advice)

    def resized(way: str, how: str) -> Answers:
        batch = ways[way].feed(RESIZES[how](images, height, width) / full)
        return answers(f"{way}, resized {how}", batch, f"{ways[way].advice}, and resize {how}")

    tried = [answers(name, way.feed(plain), way.advice) for name, way in ways.items()]
    base = best(tried)
    ties = [found.trial.way for found in alike(tried)]
    if recipe is not None:
        through = np.stack([recipe.batch([i], training=False, dtype="float32").images[0] for i in images])
        tried.insert(0, answers("as the recipe gives them", through, "as the recipe does"))
    if any(image.shape[:2] != (height, width) for image in images):
        methods = {(way, how): resized(way, how) for way in ties[:_RESIZED] for how in RESIZES}
        how = max(methods, key=lambda pair: methods[pair].trial.accuracy)[1]
        if any(beats(methods[way, how], base) for way in ties[:_RESIZED]):
            # Without this method another scale may have looked better than the right one.
            methods |= {(way, how): resized(way, how) for way in ways if (way, how) not in methods}
        tried += [methods[way, how] for way in ways for how in RESIZES if (way, how) in methods]
    return tried


def verdict(part: Part, tried: Sequence[Answers], truth: np.ndarray, classes: tuple[str, ...]) -> list[Finding]:
    """AF607..AF609, where `tried[0]` is the present preprocessing; truth: (n,) numbers of their classes."""
    given, top = tried[0], best(tried)
    where = f"on {len(truth)} images of {part.title}"
    guessing = not any(knows(answers, truth) for answers in tried)
    order = _other_order(tried if guessing else [top], truth, classes)
    if order is not None:
        return [order]
    if guessing:
        share = np.bincount(truth).max() / len(truth)
        most = max(tried, key=lambda answers: answers.trial.accuracy).trial
        return [
            finding(
                "AF608",
                f"Accuracy is at most {most.accuracy:.2f} with every kind of preprocessing, {where}; always predicting "
                f"the most frequent class scores {share:.2f}.",
                "The model has not learnt these classes: was it trained, and on this data?",
                examples=[most.way],
            )
        ]
    equals = alike(tried)
    if given in equals:
        return []
    clear = beats(top, given)
    if clear:
        # A way within the noise of the best one need not be better than the present one.
        equals = [answers for answers in equals if answers.trial.accuracy > given.trial.accuracy]
        then = " or ".join(f"{answers.trial.accuracy:.2f} {answers.trial.way}" for answers in equals[:3])
        numbers = f"Accuracy is {given.trial.accuracy:.2f} {given.trial.way}, {then}"
    else:
        then = " or ".join(f"{answers.trial.loss:.2f} {answers.trial.way}" for answers in equals[:3])
        accuracies = f"{given.trial.accuracy:.2f} and {top.trial.accuracy:.2f}"
        numbers = f"Accuracy is {accuracies}, and the loss is {given.trial.loss:.2f} {given.trial.way}, {then}"
    return [
        finding(
            "AF607",
            f"{numbers}, {where}: the model was trained for {'the latter' if len(equals) == 1 else 'one of these'}.",
            f"Preprocess: {'; or '.join(answers.advice for answers in equals[:3])}.",
            examples=[answers.trial.way for answers in equals],
            severity=None if clear else "warning",
        )
    ]


def _other_order(tried: Sequence[Answers], truth: np.ndarray, classes: tuple[str, ...]) -> Finding | None:
    """AF609, where the predictions are right once the classes are renumbered, and clearly better than as they are."""
    renumbered = [(outcome, places) for outcome in tried if (places := _places(outcome, truth)) is not None]
    if not renumbered:
        return None
    outcome, places = max(renumbered, key=lambda found: (found[1][truth] == found[0].said.argmax(axis=1)).mean())
    mapped = outcome.said.argmax(axis=1) == places[truth]
    if not gains(mapped, outcome.right) or mapped.mean() < outcome.right.mean() + 0.1:
        return None
    moved = [f"{shown(classes[k])} is its number {places[k]}, here {k}" for k in np.unique(truth) if places[k] != k]
    return finding(
        "AF609",
        f"{outcome.trial.way}: accuracy {outcome.right.mean():.2f} with the classes in this data's order, "
        f"{mapped.mean():.2f} with {len(moved)} of {len(classes)} renumbered: it was trained with another order.",
        "Pass the training order: af.from_directory(path, classes=[...]).",
        examples=moved,
    )


def _places(outcome: Answers, truth: np.ndarray) -> np.ndarray | None:
    """(k,) the number that the model predicts most often for each class; None if two classes get the same number, or
    every class its number in this data."""
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
    """The size of the model's input; if it takes any, the size of the images, or their median."""
    height, width, _ = model.input
    sizes = np.median([image.shape[:2] for image in images], axis=0).astype(int)
    return height or int(sizes[0]), width or int(sizes[1])


def _full_scale(part: Part, seen: Looks) -> float:
    if part.images is None or part.images.dtype.kind != "f":
        return float(seen.full.max()) or 255.0
    return 1.0 if seen.high.max() <= 1 else 255.0


def _predict(model: Model, batch: np.ndarray) -> np.ndarray:
    """(n, k) probabilities."""
    keras_model: Any = model.keras_model
    batch = np.ascontiguousarray(batch, np.float32)
    chunks = (batch[start : start + _CHUNK] for start in range(0, len(batch), _CHUNK))
    said = np.concatenate([np.asarray(keras_model.predict_on_batch(chunk), np.float64) for chunk in chunks])
    logits = model.activation == "linear" or (said < 0).any() or (said > 1).any()
    said = ClassHead(None, single=said.shape[1] == 1, logits=bool(logits), sparse=False).predictions(said)
    return said / np.maximum(said.sum(axis=1, keepdims=True), 1e-12)
