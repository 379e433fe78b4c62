"""Sections of the report page on the data: the values a network is fed, and how many images each class has."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from augfuse.train.markup import folded, head, paragraph, row, table
from augfuse.train.record import Comparison

_SHOWN_CLASSES = 30


def values(result: Comparison) -> str:
    """Smallest and largest value, mean and standard deviation of each part, as the network is fed them."""
    rows = [
        row(
            [fed.part, f"{fed.low:.3g}", f"{fed.high:.3g}", _each(fed.mean), _each(fed.std), str(fed.images)],
            heading=True,
        )
        for fed in result.fed
    ]
    heads = head(["part", "smallest", "largest", "mean", "standard deviation", "images looked at"])
    several = " One number for each channel." if result.settings.channels > 1 else ""
    note = (
        f"After the whole recipe, as the first layer gets them.{several} The plain training part and the test part go "
        "through the same code; a test part with other numbers is another kind of pictures."
    )
    return table(heads, "".join(rows)) + paragraph(note, "note")


def balance(result: Comparison) -> str:
    """What was trained on, and the images of each class in both parts."""
    facts = result.facts
    words = (
        f"{facts.train_images} training images and {facts.test_images} test images of {len(facts.classes)} classes. "
        f"The largest class has {_times(facts.train_counts)} the images of the smallest one in the training part, "
        f"{_times(facts.test_counts)} in the test part. Always answering the commonest class would score "
        f"{max(facts.test_counts) / facts.test_images:.1%} on the test part."
    )
    most = max(*facts.train_counts, *facts.test_counts, 1)
    rows = [
        f'<tr><th scope="row">{escape(name)}</th>{_bar(train, facts.train_images, most)}'
        f"{_bar(test, facts.test_images, most)}</tr>"
        for name, train, test in zip(facts.classes, facts.train_counts, facts.test_counts, strict=True)
    ]
    heads = head(["class", "training images", "test images"])
    body = table(heads, "".join(rows[:_SHOWN_CLASSES]), kind="balance")
    if len(rows) > _SHOWN_CLASSES:
        others = table(heads, "".join(rows[_SHOWN_CLASSES:]), kind="balance")
        body += folded(f"The other {len(rows) - _SHOWN_CLASSES} classes", others)
    return paragraph(facts.description) + paragraph(words) + body


def _bar(count: int, total: int, most: int) -> str:
    return (
        f'<td><span class="amount" style="--share:{count / most:.3f}"></span> {count} '
        f'<span class="soft">{count / max(total, 1):.1%}</span></td>'
    )


def _times(counts: Sequence[int]) -> str:
    return f"{max(counts) / min(counts):.1f} times" if min(counts) else "infinitely many times"


def _each(numbers: Sequence[float]) -> str:
    return "  ".join(f"{number:.3f}" for number in numbers)
