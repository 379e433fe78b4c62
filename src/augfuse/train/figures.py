"""Drawings of a comparison as SVG text that follows the page's colours, light or dark."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from typing import Any

import numpy as np

from augfuse.train.record import ARMS, AUGMENTED, PLAIN, Arm, Comparison, Point, Score

# Readable on white and on black, and apart for colour-blind eyes.
COLORS = {PLAIN: "#2f86d1", AUGMENTED: "#d9641e"}
# matplotlib wants a real colour; this one is replaced by the colour of the surrounding text.
_INK = "#123457"


def accuracy_curves(result: Comparison) -> str:
    """Training and test accuracy over the epochs, both arms: the mean over seeds, and each seed in faint lines."""
    return _curves(result, "accuracy", lambda score: score.accuracy)


def loss_curves(result: Comparison) -> str:
    """Training and test loss over the epochs, both arms."""
    return _curves(result, "loss", lambda score: score.loss)


def seed_pairs(result: Comparison) -> str:
    """One line per seed from the plain arm's test accuracy to the augmented arm's."""
    figure, axes = _figure(3.4)
    for plain, augmented in zip(result.of(PLAIN), result.of(AUGMENTED), strict=True):
        pair = [plain.test.accuracy, augmented.test.accuracy]
        axes.plot([0, 1], pair, color=_INK, alpha=0.35, linewidth=1.2, zorder=1)
        for x, (name, value) in enumerate(zip(ARMS, pair, strict=True)):
            axes.scatter([x], [value], color=COLORS[name], s=36, zorder=2)
    axes.set_xlim(-0.35, 1.35)
    axes.set_xticks([0, 1], ["plain", "augmented"])
    axes.set_ylabel("test accuracy")
    return _svg(figure, "Test accuracy of each seed, plain and augmented")


def _curves(result: Comparison, what: str, value: Callable[[Score], float]) -> str:
    figure, axes = _figure(5.0)
    for name in ARMS:
        for part, style in (("train", "--"), ("test", "-")):
            rows = [_series(arm, part, value) for arm in result.of(name)]
            epochs = [point.epoch + 1 for point in result.of(name)[0].points if point.train is not None]
            # One measured epoch makes no line: a mark then, hollow for the training part.
            marker = ("o" if part == "test" else "s") if len(epochs) == 1 else None
            if len(rows) > 1:
                for row in rows:
                    axes.plot(epochs, row, style, color=COLORS[name], alpha=0.22, linewidth=0.8)
            axes.plot(
                epochs, np.mean(rows, axis=0), style, color=COLORS[name], linewidth=2, marker=marker,
                markerfacecolor="none" if part == "train" else None, label=f"{name}, {part}",
            )  # fmt: skip
    axes.set_xlabel("epoch")
    axes.set_ylabel(what)
    axes.xaxis.get_major_locator().set_params(integer=True)
    if result.settings.epochs == 1:
        axes.set_xticks([1])
    axes.legend(frameon=False, fontsize=9, labelcolor=_INK)
    return _svg(figure, f"{what} over the epochs, both arms, training and test part")


def _series(arm: Arm, part: str, value: Callable[[Score], float]) -> list[float]:
    scores: list[Score | None] = [_of(point, part) for point in arm.points]
    return [value(score) for score in scores if score is not None]


def _of(point: Point, part: str) -> Score | None:
    return point.train if part == "train" else point.test


def _figure(width: float) -> tuple[Any, Any]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, 3.3), layout="constrained")
    figure.patch.set_alpha(0)
    axes = figure.subplots()
    axes.patch.set_alpha(0)
    axes.spines[["top", "right"]].set_visible(False)
    for side in ("left", "bottom"):
        axes.spines[side].set_color(_INK)
        axes.spines[side].set_alpha(0.5)
    axes.tick_params(colors=_INK, labelsize=9)
    axes.xaxis.label.set_color(_INK)
    axes.yaxis.label.set_color(_INK)
    axes.grid(axis="y", color=_INK, alpha=0.12)
    return figure, axes


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
    text = re.sub(r'(<svg [^>]*?)height="[^"]*"', r"\1", text, count=1)
    # Ids must not meet those of the other drawings in the page.
    prefix = re.sub(r"\W+", "", title)
    text = re.sub(r'\bid="', f'id="{prefix}-', text)
    text = re.sub(r'href="#', f'href="#{prefix}-', text)
    text = text.replace("url(#", f"url(#{prefix}-")
    return re.sub(r"(<svg [^>]*>)", rf"\1<title>{title}</title>", text, count=1)
