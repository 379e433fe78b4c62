"""Sections of the report page on the data: the values a network receives, and how many images each class has."""

from __future__ import annotations

from collections.abc import Sequence

from augfuse.experiment.records import Comparison
from augfuse.experiment.report.markup import escape, head, paragraph, row, table


def values(result: Comparison) -> str:
    """Smallest and largest value, mean and standard deviation of each part, as the network receives them."""
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
        f"After the whole recipe, as the first layer gets them.{several} All rows but the augmented one go through the "
        "same code; if a part differs from the plain training part, its images were made or scaled differently."
    )
    return table(heads, rows) + paragraph(note, "note")


def balance(result: Comparison) -> str:
    """What was trained on, and the images of each class in all parts."""
    facts = result.facts
    used = result.settings.validation is not None
    parts = {"training": facts.train_counts}
    if facts.validation_counts:
        parts["validation" if used else "val (not used)"] = facts.validation_counts
    parts["test"] = facts.test_counts
    amounts = [f"{sum(counts)} {name} images" for name, counts in parts.items()]
    ratios = [f"{_ratio(counts)} in the {name} part" for name, counts in parts.items()]
    words = (
        f"{_listed(amounts)} of {len(facts.classes)} classes. Images of the largest class over those of the smallest "
        f"one: {_listed(ratios)}. A constant prediction of the most frequent class scores "
        f"{max(facts.test_counts) / facts.test_images:.1%} on the test part. Images of each class, and their share:"
    )
    most = max(1, *(count for counts in parts.values() for count in counts))
    rows = [
        f'<tr><th scope="row">{escape(name)}</th>'
        + "".join(_bar(counts[number], sum(counts), most) for counts in parts.values())
        + "</tr>"
        for number, name in enumerate(facts.classes)
    ]
    heads = head(["class", *parts])
    kind = "balance three" if len(parts) > 2 else "balance"
    return paragraph(facts.description) + paragraph(words) + table(heads, rows, kind=kind, folds=True)


def _listed(words: Sequence[str]) -> str:
    return f"{', '.join(words[:-1])} and {words[-1]}"


def _bar(count: int, total: int, most: int) -> str:
    return (
        f'<td><span class="amount" style="--share:{count / most:.3f}"></span> {count} '
        f'<span class="soft">{count / max(total, 1):.1%}</span></td>'
    )


def _ratio(counts: Sequence[int]) -> str:
    return f"{max(counts) / min(counts):.1f}" if min(counts) else "infinite"


def _each(numbers: Sequence[float]) -> str:
    return "  ".join(f"{number:.3f}" for number in numbers)
