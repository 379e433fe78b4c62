"""Sections of the report page on the predictions for single classes and single test images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import PurePath

import numpy as np

from augfuse.experiment import diagnosis, metrics
from augfuse.experiment.evaluation import Evaluation, Mistake, Shown
from augfuse.experiment.records import ARMS, AUGMENTED, PLAIN, Comparison
from augfuse.experiment.report import figures
from augfuse.experiment.report.markup import escape, folded, head, inline, over, paragraph, row, table, thumbnail
from augfuse.experiment.tasks.task import Task

# A larger square of classes is unreadable; the most frequent confusions are listed instead.
MOST_CLASSES = 20
_MOST_IN_JSON = 100

_CONFUSIONS = 20


def pooled(evaluations: Sequence[Evaluation]) -> tuple[np.ndarray, np.ndarray]:
    """(labels, predicted) of all seeds of an arm, one after the other."""
    return (
        np.concatenate([found.labels for found in evaluations]),
        np.concatenate([found.predicted for found in evaluations]),
    )


def confusion_mean(task: Task, result: Comparison, arm: str) -> np.ndarray:
    """(classes, classes) float64: test images, or pixels, by true (rows) and predicted class (columns), the mean over
    the seeds. For a task that counts them."""
    return np.mean([np.asarray(task.confusion(one), np.float64) for one in result.evaluations_of(arm)], axis=0)


def square(counts: np.ndarray) -> list[list[float]] | None:
    """A table of classes for JSON, or null where it would be millions of numbers; predictions/ has every answer."""
    return counts.tolist() if len(counts) <= _MOST_IN_JSON else None


def training(result: Comparison) -> str:
    """The diagnosis of each arm."""
    cards = []
    for arm in ARMS:
        found = diagnosis.diagnose(diagnosis.evidence(result, arm))
        cards.append(
            f'<div class="card"><h3 class="{arm}">{arm}: <span class="kind {found.kind}">{found.kind}</span></h3>'
            f"{paragraph(found.reason[0].upper() + found.reason[1:])}"
            f'<p class="note"><b>What would change it.</b> {inline(found.change)}</p></div>'
        )
    note = (
        "The first that applies: suspicious, unstable, over-fitted, underfit; else good. Over-fitted begins at a gap "
        f"of {100 * diagnosis.GAP_LIMIT:.0f} points, underfit below {diagnosis.SKILL_LIMIT:.0%} of the way from a "
        "constant prediction of the most frequent class to 100 %; a small test part widens the limits. All numbers are "
        "without augmentation and without dropout."
    )
    return f'<div class="pair">{"".join(cards)}</div>{paragraph(note, "note")}'


def per_class(result: Comparison) -> str:
    """Precision, recall and F1 of each class, both arms side by side, with the number of test images."""
    found = {arm: metrics.per_class(*pooled(result.evaluations_of(arm)), len(result.facts.classes)) for arm in ARMS}
    note = (
        "Precision: of the images predicted as this class, the share that is. Recall: of the images of this class, "
        f"the share that was found. F1: their harmonic mean.{_pooled_words(result)} A dash: never predicted, or "
        "never there."
    )
    columns = {arm: {"precision": one.precision, "recall": one.recall, "F1": one.f1} for arm, one in found.items()}
    return scores(result, columns, "F1", note)


def scores(result: Comparison, columns: Mapping[str, Mapping[str, np.ndarray]], main: str, note: str) -> str:
    """The scores of each class, both arms side by side. columns: of each arm, name -> (classes,) fractions, nan where
    nothing is defined; `main` is the one whose difference is shown."""
    names, facts = tuple(columns[PLAIN]), result.facts
    rows = []
    for number, name in enumerate(facts.classes):
        cells = [name, str(facts.test_counts[number])]
        cells += [_percent(columns[arm][column][number]) for arm in ARMS for column in names]
        difference = columns[AUGMENTED][main][number] - columns[PLAIN][main][number]
        rows.append(row([*cells, _signed(difference)], heading=True))
    means = ["mean of the classes", str(sum(facts.test_counts))]
    means += [_percent(_mean(columns[arm][column])) for arm in ARMS for column in names]
    means.append(_signed(_mean(columns[AUGMENTED][main]) - _mean(columns[PLAIN][main])))
    heads = over("", [("", 1), *((arm, len(names)) for arm in ARMS)], "") + head(
        ["class", f"test {facts.counted}", *[*names] * 2, f"{main}, points"]
    )
    return table(heads, rows, row(means, heading=True), folds=True) + paragraph(note, "note")


def confusion(task: Task, result: Comparison) -> str:
    """How often each class is taken for each other, for both arms: test images, or of pixels the share of the class."""
    names = result.facts.classes
    shares = result.facts.counted != "images"
    if len(names) > MOST_CLASSES:
        parts = [_most_frequent(arm, names, _shown(task, result, arm, shares)) for arm in ARMS]
        note = f"The {_CONFUSIONS} most frequent confusions; the files in predictions/ hold every prediction."
    else:
        parts = [_square(arm, names, _shown(task, result, arm, shares)) for arm in ARMS]
        note = "Rows are the true classes, columns the predicted ones; a dot is none."
    several = " Numbers of test images, the mean over the seeds." if len(result.settings.seeds) > 1 else " Test images."
    if shares:
        several = f" Percent of the {result.facts.counted} of the class, of all seeds."
    return f'<div class="tables">{"".join(parts)}</div>{paragraph(note + several, "note")}'


def mistakes(result: Comparison) -> str:
    """The most confident wrong answers of both arms, with pictures; those of the augmented arm are open."""
    parts = []
    for arm in (AUGMENTED, PLAIN):
        found = [mistake for mistake in result.mistakes if mistake.arm == arm]
        cards = "".join(_card(result, mistake) for mistake in found)
        body = f'<div class="cards">{cards}</div>' if found else paragraph("It makes no mistake on the test part.")
        parts.append(folded(f"{arm} arm", body, unfolded=arm == AUGMENTED))
    note = (
        "The test images with the highest probability of a wrong class, "
        f"{'by the mean of the seeds, ' if len(result.settings.seeds) > 1 else ''}the most certain first. Many of them "
        "with the same two classes point at labels that are wrong or ambiguous."
    )
    return paragraph(note, "note") + "".join(parts)


def calibration(result: Comparison) -> str:
    """The reliability diagram and the expected calibration error."""
    calibrations = {arm: overall_calibration(result, arm) for arm in ARMS}
    words = []
    for arm, found in calibrations.items():
        stated = float(np.nansum(found.confidence * found.counts) / found.counts.sum())
        right = float(np.nansum(found.accuracy * found.counts) / found.counts.sum())
        manner = "too sure" if stated > right else "not sure enough"
        words.append(
            f"{arm}: it states {stated:.1%} on average and is right {right:.1%} of the time, {manner} by "
            f"{100 * abs(stated - right):.1f} points. Expected calibration error {100 * found.error:.1f} points."
        )
    note = (
        f"Each answer falls by its stated probability into one of {metrics.CALIBRATION_BINS} equally wide bins; in "
        "each bin the mean stated probability is compared with the share of right answers. The expected calibration "
        f"error is the mean distance of the two over all answers.{_pooled_words(result)} Below the dotted line a "
        "network is too sure of itself."
    )
    return (
        f'<div class="wide even"><figure>{figures.reliability(calibrations)}</figure><div>'
        f"{''.join(map(paragraph, words))}"
        f"{paragraph(note, 'note')}</div></div>"
    )


def overall_calibration(result: Comparison, arm: str) -> metrics.Calibration:
    """The calibration of all seeds of an arm together."""
    found = result.evaluations_of(arm)
    return metrics.calibration(
        np.concatenate([one.probabilities for one in found]), np.concatenate([one.labels for one in found])
    )


def _shown(task: Task, result: Comparison, arm: str, shares: bool) -> np.ndarray:
    counts = confusion_mean(task, result, arm)
    return np.round(100 * counts / np.maximum(counts.sum(axis=1, keepdims=True), 1), 1) if shares else counts


def _square(arm: str, names: Sequence[str], counts: np.ndarray) -> str:
    rows = []
    for number, (name, values) in enumerate(zip(names, counts, strict=True)):
        total = max(float(values.sum()), 1.0)
        kinds = ["right" if number == other else "wrong" for other in range(len(names))]
        cells = "".join(
            f'<td class="{kind}" style="--share:{value / total:.3f}">{_count(value)}</td>'
            for kind, value in zip(kinds, values.tolist(), strict=True)
        )
        rows.append(f'<tr><th scope="row">{escape(name)}</th>{cells}</tr>')
    return f'<div><h3 class="{arm}">{arm}</h3>{table(head(["", *names]), rows, kind="confusion")}</div>'


def _most_frequent(arm: str, names: Sequence[str], counts: np.ndarray) -> str:
    wrong = counts.copy()
    np.fill_diagonal(wrong, 0)
    order = np.argsort(-wrong, axis=None, kind="stable")[:_CONFUSIONS]
    pairs = [divmod(int(place), len(names)) for place in order if wrong.flat[place] > 0]
    rows = [
        row([names[truth], names[said], _count(wrong[truth, said]), f"{wrong[truth, said] / counts[truth].sum():.1%}"])
        for truth, said in pairs
    ]
    heads = head(["is", "predicted", "images", "of the class"])
    return f'<div><h3 class="{arm}">{arm}</h3>{table(heads, rows)}</div>'


def _card(result: Comparison, mistake: Mistake) -> str:
    names, seeds = result.facts.classes, len(result.settings.seeds)
    source = _source(mistake)
    agreed = f" {mistake.seeds} of {seeds} seeds." if seeds > 1 else ""
    heading = f"Predicted {names[mistake.said]}: {mistake.probability:.1%}"
    caption = f"It is {names[mistake.truth]}: {mistake.truth_probability:.1%}.{agreed} {source}"
    return thumbnail(
        mistake.picture, heading, caption, f"{source}: {names[mistake.truth]}, taken for {names[mistake.said]}"
    )


def _source(one: Mistake | Shown) -> str:
    """Which image it is: of a file its name with its folder, which is mostly its class."""
    return f"test image {one.index}" if one.path is None else str(PurePath(*PurePath(one.path).parts[-2:]))


def predictions(result: Comparison) -> str:
    """A few test images with ground truth and the predictions of both arms drawn over them."""
    cards = []
    for one in result.shown:
        source = _source(one)
        for picture, words in zip(one.pictures, one.words, strict=True):
            cards.append(thumbnail(picture, words, source, f"{source}: {words}"))
    seeds = " The networks are those of the first seed." if len(result.settings.seeds) > 1 else ""
    note = f"Test images, evenly spread over the test part; none was chosen for its result.{seeds}"
    return paragraph(note, "note") + f'<div class="cards threes">{"".join(cards)}</div>'


def _pooled_words(result: Comparison) -> str:
    seeds = len(result.settings.seeds)
    return f" The answers of the {seeds} seeds are taken together." if seeds > 1 else ""


def _count(value: float) -> str:
    if value == 0:
        return "·"
    return f"{value:.0f}" if value == int(value) else f"{value:.1f}"


def _percent(value: float) -> str:
    return "–" if np.isnan(value) else f"{value:.1%}"


def _signed(value: float) -> str:
    return "–" if np.isnan(value) else f"{100 * value:+.1f}"


def _mean(values: np.ndarray) -> float:
    """The mean over the classes for which the number is defined; NaN if it never is."""
    defined = values[~np.isnan(values)]
    return float(defined.mean()) if len(defined) else float("nan")
