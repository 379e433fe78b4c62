"""The report of a comparison: its numbers, its files and its words."""

from __future__ import annotations

import csv
import io
import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="needs the extra: pip install 'augfuse[train]'")
pytest.importorskip("matplotlib", reason="needs the extra: pip install 'augfuse[train]'")

import augfuse as af
from augfuse.cli import main
from augfuse.experiment import metrics, verdict
from augfuse.experiment.evaluation import Fed
from augfuse.experiment.records import ARMS, AUGMENTED, PLAIN, Comparison, Settings, SweepPoint
from augfuse.experiment.report.write_report import metrics_csv, report_dict, rewrite, shown_images, write_report
from comparisons import comparison, read_page, save_predictions

NASTY = "<script>alert('x')</script>&\"#"


def test_write_report_makes_a_page_that_needs_nothing_else(tmp_path: Path) -> None:
    html = write_report(comparison(), tmp_path)
    page = read_page(html)
    assert page.open == []
    assert page.text.strip().startswith("augfuse train: run-1")
    assert "Augmentation won by 9.0 points" in page.text
    assert page.tags.count("svg") == 4
    assert page.tags.count("img") == 4
    assert len(page.alts) == 4
    assert all(page.alts)
    assert not {"script", "link", "iframe", "form"} & set(page.tags)
    assert not [name for name in page.attributes if name.startswith("on")]
    assert all(link.startswith(("#", "data:image/png;base64,", "data:image/jpeg;base64,")) for link in page.links), (
        page.links
    )
    assert len(page.ids) == len(set(page.ids))
    assert {link[1:] for link in page.links if link.startswith("#")} <= set(page.ids)
    assert "url(http" not in html.read_text(encoding="utf-8")


def test_write_report_leaves_only_finished_files(tmp_path: Path) -> None:
    write_report(comparison(), tmp_path)
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {
        "report.html", "report.json", "metrics.csv", "accuracy.svg", "loss.svg", "samples.png", "samples_plain.png",
        "record.msgpack",
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
        facts=replace(result.facts, title=NASTY, description=NASTY, validation_counts=(1, 2)),
        recipe_yaml=NASTY,
        environment={NASTY: NASTY},
        command=NASTY,
        mistakes=tuple(replace(mistake, path=f"/photos/{NASTY.replace('/', '')}") for mistake in result.mistakes),
        fed=tuple(replace(fed, part=NASTY) for fed in result.fed),
    )
    page = read_page(write_report(result, tmp_path))
    assert "script" not in page.tags
    assert page.open == []
    assert page.text.count(NASTY) >= 15
    assert sum(NASTY.replace("/", "") in alt for alt in page.alts) == 2


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
    assert page.tags.count("svg") == 3  # no drawing of a single pair
    assert "bootstrap over 200 test images" in page.text
    assert "One seed only" in page.text


def test_many_classes_are_listed_by_their_confusions(tmp_path: Path) -> None:
    result = comparison(classes=tuple(f"class {i}" for i in range(30)))
    text = read_page(write_report(result, tmp_path)).text
    assert "most frequent confusions" in text
    assert re.search(r"class 14\s*class 15\s*2", text)
    assert np.shape(report_dict(result)["arms"]["plain"]["confusion"]) == (30, 30)


def test_a_page_of_large_pictures_stays_small(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (2000, 2000, 3), dtype=np.uint8)
    result = comparison()
    worst = tuple(replace(result.mistakes[0], picture=noise[:500, :700]) for _ in range(24))
    html = write_report(replace(result, samples=noise, plain_samples=noise, mistakes=worst), tmp_path)
    assert html.stat().st_size < 5_000_000
    assert (tmp_path / "samples.png").stat().st_size > 10_000_000  # exact


def test_many_classes_keep_the_json_small() -> None:
    data = report_dict(comparison(classes=tuple(f"class {i}" for i in range(101))))
    assert data["arms"]["plain"]["confusion"] is None
    assert len(data["arms"]["plain"]["classes"]) == 101


def test_confusion_is_the_mean_over_the_seeds() -> None:
    data = report_dict(comparison(plain=(0.80, 0.90), augmented=(0.90, 0.90)))
    # Right are the first 160 and 180 of 200 images, which alternate between the classes.
    assert data["arms"]["plain"]["confusion"] == [[85.0, 15.0], [15.0, 85.0]]


def test_a_page_can_be_written_again_from_its_folder(tmp_path: Path) -> None:
    result = comparison()
    save_predictions(result, tmp_path)
    first = write_report(result, tmp_path).read_bytes()
    data = (tmp_path / "report.json").read_bytes()
    for name in ("report.html", "report.json", "metrics.csv", "accuracy.svg", "samples.png"):
        (tmp_path / name).unlink()
    assert rewrite(tmp_path).read_bytes() == first
    assert (tmp_path / "report.json").read_bytes() == data
    assert (tmp_path / "samples.png").is_file()


def test_the_command_writes_the_report_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", str(tmp_path)]) == 2
    assert "wanted the folder of a finished `augfuse train` run" in capsys.readouterr().err
    result = comparison()
    save_predictions(result, tmp_path)
    html = write_report(result, tmp_path)
    html.unlink()
    assert main(["report", str(tmp_path)]) == 0
    assert html.name in capsys.readouterr().out
    assert html.is_file()


def test_a_folder_that_is_no_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(af.DataNotFoundError, match=r"record\.msgpack: no such file; wanted the folder of a finished"):
        rewrite(tmp_path)
    write_report(comparison(), tmp_path)
    with pytest.raises(af.DataNotFoundError, match=r"plain-0\.npz: no such file"):
        rewrite(tmp_path)
    (tmp_path / "record.msgpack").write_bytes(b"\x93\x01\x02\x03")
    with pytest.raises(af.DataError, match="not a record of this version"):
        rewrite(tmp_path)


def test_sample_grids_are_squares_of_bounded_size() -> None:
    assert shown_images((28, 28), 32) == 25
    assert shown_images((28, 28), 500) == 36
    assert shown_images((224, 224), 64) == 4
    assert shown_images((4000, 4000), 64) == 1
    assert shown_images((32, 32), 3) == 1


def points(*accuracies: tuple[float, ...]) -> tuple[SweepPoint, ...]:
    return tuple(SweepPoint(0.5 * number, seeds, 0.1) for number, seeds in enumerate(accuracies))


@pytest.mark.parametrize(
    ("swept", "words"),
    [
        (
            points((0.70, 0.71, 0.72), (0.80, 0.81, 0.82), (0.70, 0.72, 0.71)),
            "Too much hurts from strength 1 on: 10.0 points",
        ),
        (points((0.70, 0.71, 0.72), (0.80, 0.81, 0.82), (0.70, 0.90, 0.71)), "losses at the higher strengths are not"),
        (points((0.70, 0.71, 0.72), (0.80, 0.81, 0.82)), "It is the highest that was tried"),
        (points((0.70,), (0.80,), (0.789,)), "Too much hurts from strength 1 on: 1.1 points less, more than 1 point"),
        (points((0.70,), (0.80,), (0.791,)), "are not more than 1 point"),
        (points((0.70,), (0.70,)), "Best at strength 0: test accuracy 70.0%"),
    ],
)
def test_a_sweep_says_where_it_hurts(swept: tuple[SweepPoint, ...], words: str) -> None:
    assert words in verdict.sweep_sentence(swept)


def test_a_sweep_has_a_section_of_its_own(tmp_path: Path) -> None:
    assert "strength" not in read_page(write_report(comparison(), tmp_path)).ids
    result = replace(comparison(), sweep=points((0.7, 0.7, 0.7), (0.8, 0.8, 0.8), (0.75, 0.7, 0.7)))
    page = read_page(write_report(result, tmp_path))
    assert "sweep" in page.ids
    assert page.tags.count("svg") == 6
    assert report_dict(result)["sweep"][2]["test_accuracy"] == pytest.approx(0.7167, abs=1e-4)


def test_seeds_that_stopped_early_make_a_report(tmp_path: Path) -> None:
    result = comparison(epochs=6)
    short = replace(result.arms[0], points=result.arms[0].points[:4], kept=1)
    text = read_page(write_report(replace(result, arms=(short, *result.arms[1:])), tmp_path)).text
    assert "The arms took 4 to 6 epochs" in text
    assert "Rings mark the epochs whose weights were kept" in text
    assert "are stopped by the same rule" in text


def test_score_is_accuracy_and_cross_entropy() -> None:
    probabilities = np.array([[0.7, 0.2, 0.1], [0.1, 0.1, 0.8], [0.3, 0.5, 0.2]], np.float32)
    score = metrics.score(probabilities, np.array([0, 1, 1]))
    assert score.value == pytest.approx(2 / 3)
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


@pytest.mark.parametrize(
    ("test", "words"),
    [
        (Fed("test", 64, 0.0, 1.0, (0.5, 0.5, 0.602), (0.2, 0.2, 0.2)), "0.51 standard deviations apart"),
        (Fed("test", 64, 0.0, 1.0, (0.5, 0.5, 0.599), (0.2, 0.2, 0.2)), None),
        (Fed("test", 64, 0.0, 20.1, (0.5, 0.5, 0.5), (0.2, 0.2, 0.2)), "values up to 20.1"),
        (Fed("test", 64, -20.0, 20.0, (0.5, 0.5, 0.5), (0.2, 0.2, 0.2)), None),
    ],
)
def test_findings_look_at_the_values_as_fed(test: Fed, words: str | None) -> None:
    result = comparison()
    found = verdict.findings(replace(result, fed=(*result.fed[:2], test)))
    assert len(found) == (words is not None)
    assert words is None or words in found[0]


def improving(result: Comparison, by: float) -> Comparison:
    """The same, but both arms gain this much between the last two measured epochs."""
    arms = []
    for arm in result.arms:
        early = replace(arm.points[1], test=metrics.Score(arm.test.value - by, 0.6))
        arms.append(replace(arm, points=(arm.points[0], early, *arm.points[2:])))
    return replace(result, arms=tuple(arms))


def test_an_arm_that_could_still_catch_up_is_reported() -> None:
    undecided = comparison(plain=(0.80, 0.90), augmented=(0.90, 0.80))
    assert sum("--epochs 8" in text for text in verdict.findings(improving(undecided, 0.02))) == 2
    assert sum("--epochs 8" in text for text in verdict.findings(improving(undecided, 0.005))) == 0
    decided = comparison()
    assert verdict.findings(improving(decided, 0.02)) == ()
    swinging = improving(decided, 0.09)
    [loser] = verdict.findings(swinging)
    assert loser.startswith("The plain arm")
    plain, *others = swinging.arms
    higher = replace(plain.points[0], test=metrics.Score(plain.test.value + 0.01, 0.5))
    swinging = replace(swinging, arms=(replace(plain, points=(higher, *plain.points[1:])), *others))
    assert verdict.findings(swinging) == ()
