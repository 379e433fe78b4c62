"""Sections of the report page on the course of the training: curves over the epochs, and where each seed ended."""

from __future__ import annotations

import numpy as np

from augfuse.experiment import verdict
from augfuse.experiment.records import ARMS, AUGMENTED, PLAIN, Arm, Comparison
from augfuse.experiment.report import figures
from augfuse.experiment.report.markup import escape, folded, head, over, paragraph, row, table

# More lines on the learning rate open by a click.
_LISTED_RATES = 6


def curves(result: Comparison) -> str:
    """Accuracy and loss over the epochs; with early stopping or a falling learning rate also the validation loss."""
    several = (
        " Thin lines are the single seeds, strong lines their mean, bands one standard deviation about it."
        if len(result.settings.seeds) > 1
        else ""
    )
    note = (
        "Solid: test part. Dashed: training part, measured again without augmentation and without dropout, so that "
        f"the two arms and the two parts can be compared.{several}{_measured_note(result)}"
    )
    return (
        f'<div class="pair"><figure>{figures.metric_curves(result)}</figure>'
        f"<figure>{figures.loss_curves(result)}</figure></div>{paragraph(note, 'note')}{_watched(result)}"
    )


def rates(arm: Arm) -> tuple[tuple[int, float], ...]:
    """(epoch, learning rate) of the first epoch and of each change; () if unknown. Epochs count from 0."""
    known = [(point.epoch, point.learning_rate) for point in arm.points if point.learning_rate is not None]
    before = [None, *(rate for _, rate in known)]
    return tuple((epoch, rate) for (epoch, rate), last in zip(known, before, strict=False) if rate != last)


def _watched(result: Comparison) -> str:
    """The validation loss, and the learning rate where it changed: what early stopping and the rate depend on."""
    settings, arms = result.settings, _compared(result)
    if not all(any(point.validation_loss is not None for point in arm.points) for arm in arms):
        return ""
    words = [f"Validation loss: on {settings.validation}, without augmentation, after every epoch."]
    if settings.early_stopping is not None and settings.average_epochs > 1:
        words.append(
            f"All that is measured, and what is kept, is a moving average of the weights over about "
            f"{_epochs(settings.average_epochs)}."
        )
    if settings.early_stopping is not None:
        words.append(
            f"Training stopped after {_epochs(settings.early_stopping)} without a new least loss; the weights of the "
            "least one were kept (rings)."
        )
    drawings, list_ = [figures.validation_curves(result)], ""
    if settings.reduce_lr is not None:
        words.append(
            f"The learning rate was multiplied by {settings.lr_factor:g} after {_epochs(settings.reduce_lr)} without "
            f"gain, never below {settings.min_lr:g}."
        )
        if any(len(rates(arm)) > 1 for arm in arms):
            drawings.append(figures.learning_rates(result))
            lines = "".join(f"<li>{escape(_rate_words(arm))}</li>" for arm in arms)
            list_ = folded("When the learning rate fell", f"<ul>{lines}</ul>", unfolded=len(arms) <= _LISTED_RATES)
        else:
            words.append("It never fell.")
    shown = "".join(f"<figure>{drawing}</figure>" for drawing in drawings)
    return f'<div class="pair">{shown}</div>{paragraph(" ".join(words), "note")}{list_}'


def _rate_words(arm: Arm) -> str:
    changes = rates(arm)
    if not changes:
        return f"{arm.name}, seed {arm.seed}: set by a schedule of the optimiser"
    falls = "".join(f", {rate:.3g} from epoch {epoch + 1} on" for epoch, rate in changes[1:])
    return f"{arm.name}, seed {arm.seed}: {changes[0][1]:.3g}{falls}"


def _epochs(count: int) -> str:
    return f"{count} epoch{'s' if count > 1 else ''}"


def _measured_note(result: Comparison) -> str:
    arms = _compared(result)
    longest = max(arms, key=lambda arm: len(arm.points))
    measured = sum(point.test is not None for point in longest.points)
    text = "" if measured == len(longest.points) else f" Measured at {measured} of {len(longest.points)} epochs."
    if any(_stopped_before(arm) for arm in arms):
        text += " Rings mark the epochs whose weights were kept."
    if not _same_steps(result):
        shortest = min(len(arm.points) for arm in arms)
        text += f" The arms took {shortest} to {len(longest.points)} epochs; a mean ends with its shortest seed."
    limit = result.settings.remeasured_images
    if result.facts.train_images > limit:
        text += f" The training {result.metric} is that of about {limit} of the training images, always the same ones."
    return text


def _stopped_before(arm: Arm) -> bool:
    """Whether the weights of an earlier epoch than the last one were kept."""
    return arm.points[arm.kept].epoch != arm.points[-1].epoch


def _same_steps(result: Comparison) -> bool:
    return len({len(arm.points) for arm in _compared(result)}) == 1


def _compared(result: Comparison) -> list[Arm]:
    """The plain and the augmented arms, without the other strengths of a sweep."""
    return [arm for name in ARMS for arm in result.of(name)]


def seeds(result: Comparison) -> str:
    """The numbers of each pair, with early stopping the epochs they are from, and the best epoch for comparison."""
    stopping = result.settings.early_stopping is not None
    rows = []
    for plain, augmented in zip(result.of(PLAIN), result.of(AUGMENTED), strict=True):
        difference = augmented.test.value - plain.test.value
        cells = [str(plain.seed)]
        for arm in (plain, augmented):
            cells += [f"{arm.train.value:.1%}", f"{arm.test.value:.1%}", f"{100 * arm.gap:.1f}"]
            cells += [f"{arm.points[arm.kept].epoch + 1} of {len(arm.points)}"] if stopping else []
        rows.append(row([*cells, f"{100 * difference:+.1f}"], heading=True))
    means = ["mean"]
    for arm in ARMS:
        means += [
            f"{verdict.train_value(result, arm):.1%}",
            f"{verdict.test_value(result, arm):.1%}",
            f"{100 * verdict.gap(result, arm):.1f}",
            *([""] if stopping else []),
        ]
    columns = ["training", "test", "gap", *(["epoch kept"] if stopping else [])]
    heads = over("", [(arm, len(columns)) for arm in ARMS], "") + head(["seed", *columns * 2, "difference"])
    foot = row([*means, f"{100 * result.interval.mean:+.1f}"], heading=True)
    note = (
        "Both arms of a seed start from the same initial weights, see the same split in the same order, and "
        f"{'take the same number of steps' if _same_steps(result) else 'are stopped by the same rule'}. Gaps and "
        f"differences in points. {verdict.interval_words(result)}."
    )
    if stopping:
        note += (
            " Epoch kept: the one with the least validation loss, of all that were trained; all numbers are from it."
        )
    pairs = f"<figure>{figures.seed_pairs(result)}</figure>" if len(result.settings.seeds) > 1 else ""
    return (
        f"{table(heads, rows, foot)}{paragraph(note, 'note')}"
        f'<div class="wide"><div>{_best_epochs(result)}</div>{pairs}</div>'
    )


def _best_epochs(result: Comparison) -> str:
    """The best test result of any epoch beside the one of the kept weights: what many tutorials report."""
    kept = "kept" if any(_stopped_before(arm) for arm in _compared(result)) else "final"
    rows = []
    for pair in zip(result.of(PLAIN), result.of(AUGMENTED), strict=True):
        cells = [str(pair[0].seed)]
        for arm in pair:
            epoch, best = verdict.best(arm)
            cells += [f"{arm.test.value:.1%}", f"{best:.1%}", str(epoch + 1)]
        rows.append(row(cells, heading=True))
    means = ["mean"]
    for name in ARMS:
        best = float(np.mean([verdict.best(arm)[1] for arm in result.of(name)]))
        means += [f"{verdict.test_value(result, name):.1%}", f"{best:.1%}", ""]
    heads = over("", [(name, 3) for name in ARMS]) + head(["seed", *[kept, "best", "in epoch"] * 2])
    words = (
        f"For comparison with tutorials that report their best epoch: the highest test {result.metric} that "
        "was measured, and its epoch. It is chosen on the test part, and so it is too good; the comparison of the arms "
        "does not use it."
    )
    return f"<h3>Best epoch</h3>{paragraph(words)}{table(heads, rows, row(means, heading=True))}"
