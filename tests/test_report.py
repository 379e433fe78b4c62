"""The report of a comparison: its numbers, its files and its words."""

from __future__ import annotations

import csv
import io
import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="needs the extra: pip install 'augfuse[train]'")
pytest.importorskip("matplotlib", reason="needs the extra: pip install 'augfuse[train]'")

from augfuse.train import metrics, verdict
from augfuse.train.record import ARMS, AUGMENTED, PLAIN, Arm, Comparison, DataFacts, Exported, Point, Settings
from augfuse.train.report import metrics_csv, report_dict, write_report

NASTY = "<script>alert('x')</script>&\"#"


def comparison(
    *,
    plain: tuple[float, ...] = (0.80, 0.82, 0.81),
    augmented: tuple[float, ...] = (0.90, 0.91, 0.89),
    epochs: int = 4,
    classes: tuple[str, ...] = ("cat", "dog"),
    max_difference: float = 1e-7,
    wait_seconds: float = 0.01,
) -> Comparison:
    """A finished comparison with these test accuracies per seed, on 200 test images; epochs 1, 3, 5 .. are measured."""
    arms = []
    for seed, accuracies in enumerate(zip(plain, augmented, strict=True)):
        for name, accuracy in zip(ARMS, accuracies, strict=True):
            correct = np.arange(200) < round(200 * accuracy)
            points = []
            for epoch in range(epochs):
                measured = epoch % 2 == 1 or epoch == epochs - 1
                train = metrics.Score(0.99, 0.02) if measured else None
                test = metrics.Score(float(correct.mean()), 0.5) if measured else None
                points.append(Point(epoch, 10, 1.0 / (epoch + 1), wait_seconds, 0.99, train, test))
            arms.append(Arm(name, seed, tuple(points), correct))
    by_name = {name: [arm.correct for arm in arms if arm.name == name] for name in ARMS}
    interval = metrics.paired_interval(by_name[PLAIN], by_name[AUGMENTED])
    count = len(classes)
    return Comparison(
        settings=Settings(
            data="photos",
            name="run-1",
            epochs=epochs,
            seeds=tuple(range(len(plain))),
            batch_size=20,
            size=(8, 8),
            channels=3,
            widths=(4,),
        ),
        facts=DataFacts("photos", "Photos of the test.", classes, 100, 200),
        recipe_yaml="version: 1\ntransforms: []\n",
        arms=tuple(arms),
        interval=interval,
        winner=metrics.winner(interval),
        exported=Exported(AUGMENTED, 0, (8, 8, 3), 64, max_difference, 1e-3, 0.9, np.eye(count, dtype=np.int64) * 100),
        samples=np.zeros((20, 20, 3), np.uint8),
        plain_samples=np.zeros((20, 20, 1), np.uint8),
        environment={"python": "3.11"},
        command="augfuse train photos",
        seconds=12.0,
    )


class _Page(HTMLParser):
    """Tags, ids and attribute values of a page; fails on a tag that is closed without having been opened."""

    void = ("meta", "img", "br")

    def __init__(self) -> None:
        HTMLParser.__init__(self)
        self.open: list[str] = []
        self.tags: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        for name, value in attrs:
            if name == "id":
                self.ids.append(value or "")
            if name in ("src", "href", "xlink:href"):
                self.links.append(value or "")
        if tag not in self.void:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in self.void:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def read_page(path: Path) -> _Page:
    page = _Page()
    page.feed(path.read_text(encoding="utf-8"))
    page.close()
    return page


def test_write_report_makes_a_page_that_needs_nothing_else(tmp_path: Path) -> None:
    html = write_report(comparison(), tmp_path)
    page = read_page(html)
    assert page.open == []
    assert page.text.strip().startswith("augfuse train: run-1")
    assert "Augmentation won by 9.0 points" in page.text
    assert page.tags.count("svg") == 3
    assert page.tags.count("img") == 2
    assert "script" not in page.tags
    assert "link" not in page.tags
    assert all(link.startswith(("#", "data:image/png;base64,")) for link in page.links), page.links
    assert len(page.ids) == len(set(page.ids))
    assert {link[1:] for link in page.links if link.startswith("#")} <= set(page.ids)
    assert "url(http" not in html.read_text(encoding="utf-8")


def test_write_report_leaves_only_finished_files(tmp_path: Path) -> None:
    write_report(comparison(), tmp_path)
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {
        "report.html", "report.json", "metrics.csv", "accuracy.svg", "loss.svg", "samples.png", "samples_plain.png",
    }  # fmt: skip


def test_report_html_is_missing_when_the_report_fails(tmp_path: Path) -> None:
    broken = replace(comparison(), samples=np.zeros((4, 4, 7), np.uint8))
    with pytest.raises((ValueError, TypeError)):
        write_report(broken, tmp_path)
    assert not [path for path in tmp_path.iterdir() if path.suffix in (".html", ".json") or path.name[0] == "."]


def test_names_cannot_break_out_of_the_page(tmp_path: Path) -> None:
    result = comparison(classes=(NASTY, "dog"))
    result = replace(
        result,
        settings=msgspec_replace(result.settings, name=NASTY, data=NASTY),
        facts=replace(result.facts, title=NASTY, description=NASTY),
        recipe_yaml=NASTY,
        environment={NASTY: NASTY},
        command=NASTY,
    )
    page = read_page(write_report(result, tmp_path))
    assert "script" not in page.tags
    assert page.open == []
    assert page.text.count(NASTY) >= 7


def msgspec_replace(settings: Settings, **changes: object) -> Settings:
    import msgspec

    return msgspec.structs.replace(settings, **changes)


def test_report_json_holds_the_promised_numbers(tmp_path: Path) -> None:
    result = comparison()
    write_report(result, tmp_path)
    data = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    assert data == json.loads(json.dumps(report_dict(result)))
    assert data["arms"]["plain"]["test_accuracy"] == pytest.approx(0.81)
    assert data["arms"]["augmented"]["test_accuracy"] == pytest.approx(0.90)
    assert data["arms"]["plain"]["gap"] == pytest.approx(0.99 - 0.81)
    assert data["export"]["max_difference"] == 1e-7
    assert data["data_wait_fraction"] == pytest.approx(0.01)
    assert data["verdict"]["winner"] == "augmented"
    assert data["verdict"]["difference"] == pytest.approx(0.09)
    low, high = data["verdict"]["interval"]
    assert low < 0.09 < high


def test_metrics_csv_has_a_line_for_each_seed_arm_and_epoch() -> None:
    result = comparison()
    rows = list(csv.DictReader(io.StringIO(metrics_csv(result))))
    assert len(rows) == 3 * 2 * 4
    assert {(row["seed"], row["arm"], row["epoch"]) for row in rows} == {
        (str(seed), arm, str(epoch)) for seed in range(3) for arm in ARMS for epoch in range(4)
    }
    measured = [row for row in rows if row["test_accuracy"]]
    assert len(measured) == 3 * 2 * 2
    last = [row for row in rows if row["arm"] == AUGMENTED and row["seed"] == "1"][-1]
    assert float(last["test_accuracy"]) == pytest.approx(0.91)
    assert float(last["train_accuracy"]) == pytest.approx(0.99)
    assert float(last["step_loss"]) == pytest.approx(0.25)


def test_drawings_take_the_colour_of_the_text_and_scale(tmp_path: Path) -> None:
    html = write_report(comparison(), tmp_path).read_text(encoding="utf-8")
    for svg in re.findall(r"<svg [^>]*>", html):
        assert "viewBox" in svg
        assert " width=" not in svg
        assert " height=" not in svg
    assert "currentColor" in html
    assert "#123457" not in html
    standalone = (tmp_path / "accuracy.svg").read_text(encoding="utf-8")
    assert standalone.startswith("<svg style=")


def test_one_epoch_and_one_seed_make_a_report(tmp_path: Path) -> None:
    result = comparison(plain=(0.5,), augmented=(0.6,), epochs=1)
    page = read_page(write_report(result, tmp_path))
    assert page.tags.count("svg") == 2  # no drawing of a single pair
    assert "bootstrap over 200 test images" in page.text
    assert "One seed only" in page.text


def test_many_classes_are_left_out_of_the_table_and_kept_in_the_json(tmp_path: Path) -> None:
    result = comparison(classes=tuple(f"class {i}" for i in range(30)))
    page = read_page(write_report(result, tmp_path))
    assert "Which classes" not in page.text
    assert len(report_dict(result)["export"]["confusion"]) == 30


def test_score_is_accuracy_and_cross_entropy() -> None:
    probabilities = np.array([[0.7, 0.2, 0.1], [0.1, 0.1, 0.8], [0.3, 0.5, 0.2]], np.float32)
    score = metrics.score(probabilities, np.array([0, 1, 1]))
    assert score.accuracy == pytest.approx(2 / 3)
    assert score.loss == pytest.approx(-np.log([0.7, 0.1, 0.5]).mean(), rel=1e-5)


def test_score_knows_classes_that_the_labels_lack() -> None:
    probabilities = np.full((4, 3), 1 / 3, np.float32)
    assert metrics.score(probabilities, np.zeros(4, np.int64)).loss == pytest.approx(np.log(3), rel=1e-5)


def test_confusion_has_true_classes_in_rows() -> None:
    counts = metrics.confusion(np.array([0, 0, 1]), np.array([1, 1, 1]), 3)
    assert counts.tolist() == [[0, 2, 0], [0, 1, 0], [0, 0, 0]]


def test_paired_interval_over_seeds_is_students() -> None:
    from scipy.stats import ttest_rel

    rng = np.random.default_rng(3)
    plain = [rng.random(500) < p for p in (0.80, 0.78, 0.83, 0.81)]
    augmented = [rng.random(500) < p for p in (0.85, 0.84, 0.86, 0.82)]
    found = metrics.paired_interval(plain, augmented)
    wanted = ttest_rel([a.mean() for a in augmented], [p.mean() for p in plain]).confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx((wanted.low, wanted.high))
    assert (found.kind, found.samples) == ("t over seeds", 4)


def test_paired_interval_of_one_seed_pairs_the_images() -> None:
    rng = np.random.default_rng(5)
    plain = rng.random(1000) < 0.8
    augmented = plain | (rng.random(1000) < 0.1)
    found = metrics.paired_interval([plain], [augmented])
    assert found == metrics.paired_interval([plain], [augmented])
    difference = augmented.astype(float) - plain
    error = difference.std() / np.sqrt(1000)
    assert found.mean == pytest.approx(difference.mean())
    assert found.low == pytest.approx(difference.mean() - 1.96 * error, abs=0.2 * error)
    assert found.high == pytest.approx(difference.mean() + 1.96 * error, abs=0.2 * error)
    assert found.kind == "bootstrap over test images"


@pytest.mark.parametrize(
    ("plain", "augmented", "who", "words"),
    [
        ((0.80, 0.81, 0.80), (0.90, 0.91, 0.91), "augmented", "Augmentation won by 10."),
        ((0.90, 0.91, 0.91), (0.80, 0.81, 0.80), "plain", "Augmentation lost by 10."),
        ((0.80, 0.90, 0.80), (0.90, 0.80, 0.81), "undecided", "No clear winner"),
    ],
)
def test_the_verdict_follows_the_interval(
    plain: tuple[float, ...], augmented: tuple[float, ...], who: str, words: str
) -> None:
    result = comparison(plain=plain, augmented=augmented)
    assert result.winner == who
    assert verdict.sentence(result).startswith(words)


@pytest.mark.parametrize(("mean", "arm"), [(0.01, AUGMENTED), (-0.01, PLAIN), (0.0, PLAIN)])
def test_the_better_arm_has_the_higher_mean(mean: float, arm: str) -> None:
    assert metrics.better(metrics.Interval(mean, -0.1, 0.1, "t over seeds", 3)) == arm


def test_findings_name_what_to_change() -> None:
    assert verdict.findings(comparison()) == ()
    [export] = verdict.findings(comparison(max_difference=0.01))
    assert "do not serve model.keras" in export
    assert verdict.findings(comparison(max_difference=float("nan")))
    [wait] = verdict.findings(comparison(wait_seconds=0.5))
    assert "waiting for data" in wait
    [seeds] = verdict.findings(comparison(plain=(0.80, 0.90), augmented=(0.90, 0.80)))
    assert "--seeds 4" in seeds


def improving(result: Comparison, by: float) -> Comparison:
    """The same, but both arms gain this much between the last two measured epochs."""
    arms = []
    for arm in result.arms:
        early = replace(arm.points[1], test=metrics.Score(arm.test.accuracy - by, 0.6))
        arms.append(replace(arm, points=(arm.points[0], early, *arm.points[2:])))
    return replace(result, arms=tuple(arms))


def test_an_arm_that_could_still_catch_up_is_reported() -> None:
    undecided = comparison(plain=(0.80, 0.90), augmented=(0.90, 0.80))
    assert sum("--epochs 8" in text for text in verdict.findings(improving(undecided, 0.02))) == 2
    assert sum("--epochs 8" in text for text in verdict.findings(improving(undecided, 0.005))) == 0
    decided = comparison()
    assert verdict.findings(improving(decided, 0.02)) == ()
    [loser] = verdict.findings(improving(decided, 0.09))
    assert loser.startswith("The plain arm")
