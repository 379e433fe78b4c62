"""Drawings of a comparison as SVG text that follows the page's colours, light or dark."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from augfuse.experiment import metrics
from augfuse.experiment.records import ARMS, AUGMENTED, PLAIN, Arm, Comparison, Point, Score, SweepPoint

# Readable on white and on black, and apart for colour-blind eyes.
COLORS = {PLAIN: "#2f86d1", AUGMENTED: "#d9641e"}
# matplotlib wants a real colour; this one is replaced by the colour of the surrounding text.
_INK = "#123457"
# Inches. Scaled to the width of a phone the letters of a wider figure would be too small.
_WIDTH = 4.4
_LINES = {"train": "--", "test": "-", "validation": "-"}
_RATE_TICKS = 8

_Value = Callable[[Point], float | None]


def metric_curves(result: Comparison) -> str:
    """The metric on the training and the test part over the epochs, both arms: each seed, and their mean with a
    band of one standard deviation."""
    return _curves(result, result.metric, _scores(lambda score: score.value))


def loss_curves(result: Comparison) -> str:
    """Training and test loss over the epochs, both arms."""
    return _curves(result, "loss", _scores(lambda score: score.loss))


def validation_curves(result: Comparison) -> str:
    """Validation loss over the epochs, both arms, which must have one: as in `metric_curves`."""
    return _curves(result, "validation loss", {"validation": lambda point: point.validation_loss})


def learning_rates(result: Comparison) -> str:
    """The learning rate of each epoch, both arms, one line for each seed. All must be known."""
    figure, axes = _figure(_WIDTH)
    seen: set[float] = set()
    for name in ARMS:
        for number, arm in enumerate(result.of(name)):
            rates = {point.epoch + 1: rate for point in arm.points if (rate := point.learning_rate) is not None}
            seen |= set(rates.values())
            axes.plot(
                list(rates), list(rates.values()), "--" if name == PLAIN else "-", color=COLORS[name], alpha=0.8,
                linewidth=1.4, drawstyle="steps-mid", label=name if number == 0 else None,
            )  # fmt: skip
    axes.set_yscale("log")
    axes.minorticks_off()
    # A factor of two is the usual fall, for which a logarithmic axis has no ticks.
    ticks = sorted(seen, reverse=True)
    ticks = ticks[:: -(-len(ticks) // _RATE_TICKS)]
    axes.set_yticks(ticks, [f"{tick:.3g}" for tick in ticks])
    _epoch_axis(axes, result)
    axes.set_ylabel("learning rate")
    _legend(axes)
    return _svg(figure, "Learning rate over the epochs, both arms")


def seed_pairs(result: Comparison) -> str:
    """One line per seed from the plain arm's test result to the augmented arm's."""
    figure, axes = _figure(3.4)
    for plain, augmented in zip(result.of(PLAIN), result.of(AUGMENTED), strict=True):
        pair = [plain.test.value, augmented.test.value]
        axes.plot([0, 1], pair, color=_INK, alpha=0.35, linewidth=1.2, zorder=1)
        for x, (name, value) in enumerate(zip(ARMS, pair, strict=True)):
            axes.scatter([x], [value], color=COLORS[name], s=36, zorder=2)
    axes.set_xlim(-0.35, 1.35)
    axes.set_xticks([0, 1], ["plain", "augmented"])
    axes.set_ylabel(f"test {result.metric}")
    return _svg(figure, f"Test {result.metric} of each seed, plain and augmented")


def reliability(calibrations: dict[str, metrics.Calibration]) -> str:
    """Stated probability against the share of right answers, both arms; below, how often each probability is
    stated."""
    figure, (axes, below) = _figure(_WIDTH, 4.4, nrows=2, sharex=True, height_ratios=(3, 1))
    axes.plot([0, 1], [0, 1], ":", color=_INK, alpha=0.6, linewidth=1.2, label="perfect")
    width = 1 / metrics.CALIBRATION_BINS
    for shift, (name, marker) in enumerate(zip(ARMS, "so", strict=True)):
        bins = calibrations[name]
        filled = bins.counts > 0
        axes.plot(
            bins.confidence[filled], bins.accuracy[filled], "-", marker=marker, color=COLORS[name], linewidth=1.6,
            markersize=5, clip_on=False, label=f"{name}, error {100 * bins.error:.1f} points",
        )  # fmt: skip
        left = (np.arange(metrics.CALIBRATION_BINS) + 0.1 + 0.4 * shift) * width
        below.bar(left, bins.counts / bins.counts.sum(), 0.4 * width, align="edge", color=COLORS[name])
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1)
    axes.set_ylabel("accuracy")
    below.set_ylabel("share of\nanswers")
    below.set_xlabel("predicted probability")
    _legend(axes, columns=1)
    return _svg(figure, "Reliability diagram of both arms")


def sweep_metric(sweep: Sequence[SweepPoint], metric: str) -> str:
    """The metric on the test part against strength: each seed, and their mean with one standard deviation."""
    figure, axes = _figure(_WIDTH)
    strengths = [point.strength for point in sweep]
    rows = list(zip(*(point.accuracies for point in sweep), strict=True))
    if len(rows) > 1:
        for row in rows:
            axes.plot(strengths, row, "-", color=COLORS[AUGMENTED], alpha=0.3, linewidth=0.8)
    _band(axes, strengths, rows, COLORS[AUGMENTED], "-", "o", "test")
    _strength_axis(axes, strengths, f"test {metric}")
    return _svg(figure, f"Test {metric} against the strength of the augmentation")


def sweep_gap(sweep: Sequence[SweepPoint]) -> str:
    """The gap between training and test accuracy against strength, in points."""
    figure, axes = _figure(_WIDTH)
    strengths = [point.strength for point in sweep]
    gaps = [100 * point.gap for point in sweep]
    axes.axhline(0, color=_INK, alpha=0.4, linewidth=1)
    axes.plot(strengths, gaps, "-o", color=COLORS[AUGMENTED], linewidth=2, markersize=5)
    _strength_axis(axes, strengths, "gap in points")
    return _svg(figure, "Gap against the strength of the augmentation")


def _strength_axis(axes: Any, strengths: Sequence[float], label: str) -> None:
    axes.set_xticks(strengths, [f"{strength:g}" for strength in strengths])
    axes.set_xlabel("strength (1 is the recipe as it is)")
    axes.set_ylabel(label)


def _scores(value: Callable[[Score], float]) -> dict[str, _Value]:
    """What to draw of the training and of the test part: a number of the scores of the measured epochs."""
    return {
        "train": lambda point: None if point.train is None else value(point.train),
        "test": lambda point: None if point.test is None else value(point.test),
    }


def _curves(result: Comparison, what: str, parts: dict[str, _Value]) -> str:
    """`parts`: what to draw of an epoch, under the name of the part; kept epochs get a ring on the last one."""
    figure, axes = _figure(_WIDTH)
    for name in ARMS:
        for part, value in parts.items():
            style = _LINES[part]
            curves = [_series(arm, value) for arm in result.of(name)]
            # Seeds that stopped early have fewer epochs: the mean ends where the first of them ends.
            shared = sorted(set.intersection(*(set(curve) for curve in curves)))
            for curve in curves:
                if len(curves) > 1:
                    axes.plot(list(curve), list(curve.values()), style, color=COLORS[name], alpha=0.45, linewidth=0.9)
            # One measured epoch makes no line: a mark then, hollow for the training part.
            marker = ("s" if part == "train" else "o") if len(shared) == 1 else None
            rows = [[curve[epoch] for epoch in shared] for curve in curves]
            _band(axes, shared, rows, COLORS[name], style, marker, f"{name}, {part}", hollow=part == "train")
        last = list(parts.values())[-1]
        for arm in result.of(name):
            kept = arm.points[arm.kept]
            height = last(kept)
            if kept.epoch != arm.points[-1].epoch and height is not None:
                axes.plot([kept.epoch + 1], [height], "o", color=COLORS[name], markerfacecolor="none", markersize=7)
    _epoch_axis(axes, result)
    axes.set_ylabel(what)
    _legend(axes)
    return _svg(figure, f"{what} over the epochs, both arms, {' and '.join(parts)} part")


def _epoch_axis(axes: Any, result: Comparison) -> None:
    axes.set_xlabel("epoch")
    axes.xaxis.get_major_locator().set_params(integer=True)
    if max(len(arm.points) for name in ARMS for arm in result.of(name)) == 1:
        axes.set_xticks([1])


def _band(
    axes: Any, x: Sequence[float], rows: Sequence[Sequence[float]], color: str, style: str, marker: str | None,
    label: str, *, hollow: bool = False,
) -> None:  # fmt: skip
    """The mean of `rows`, and with several rows one standard deviation above and below it."""
    mean = np.mean(rows, axis=0)
    axes.plot(
        x, mean, style, color=color, linewidth=2, marker=marker, markerfacecolor="none" if hollow else None, label=label
    )
    if len(rows) > 1:
        deviation = np.std(rows, axis=0, ddof=1)
        axes.fill_between(x, mean - deviation, mean + deviation, color=color, alpha=0.14, linewidth=0)


def _series(arm: Arm, value: _Value) -> dict[int, float]:
    """Epoch, counted from 1 -> value, at the epochs that have one."""
    values = {point.epoch + 1: value(point) for point in arm.points}
    return {epoch: number for epoch, number in values.items() if number is not None}


def _figure(width: float, height: float = 3.3, **rows: Any) -> tuple[Any, Any]:
    """A figure without a background, and its axes. rows: of `Figure.subplots`, where there are several."""
    from matplotlib.figure import Figure

    figure: Any = Figure(figsize=(width, height), layout="constrained")
    figure.patch.set_alpha(0)
    axes = figure.subplots(**rows)
    for one in figure.axes:
        one.patch.set_alpha(0)
        one.spines[["top", "right"]].set_visible(False)
        one.spines[["left", "bottom"]].set(color=_INK, alpha=0.5)
        one.tick_params(colors=_INK, labelsize=9)
        one.xaxis.label.set_color(_INK)
        one.yaxis.label.set_color(_INK)
        one.grid(axis="y", color=_INK, alpha=0.12)
    return figure, axes


def _legend(axes: Any, columns: int = 2) -> None:
    # Above the drawing: curves leave no corner free for sure.
    axes.legend(
        frameon=False, fontsize=8.5, labelcolor=_INK, loc="lower left", bbox_to_anchor=(0, 1), ncols=columns,
        borderaxespad=0.2,
    )  # fmt: skip


def _svg(figure: Any, title: str) -> str:
    """The figure as an <svg> element with a title for screen readers, text as text, and ink in the text's colour."""
    import matplotlib

    out = io.StringIO()
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": title, "font.family": "sans-serif"}):
        figure.savefig(out, format="svg", metadata={"Date": None, "Creator": None})
    text = out.getvalue()
    text = text[text.index("<svg") :].replace(_INK, "currentColor")
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r'(<svg [^>]*?)width="[^"]*"', r"\1", text, count=1)
    text = re.sub(r'(<svg [^>]*?)height="[^"]*"', r'\1role="img"', text, count=1)
    # Ids must not meet those of the other drawings in the page.
    prefix = re.sub(r"\W+", "", title)
    text = re.sub(r'\bid="', f'id="{prefix}-', text)
    text = re.sub(r'href="#', f'href="#{prefix}-', text)
    text = text.replace("url(#", f"url(#{prefix}-")
    return re.sub(r"(<svg [^>]*>)", rf"\1<title>{title}</title>", text, count=1)
