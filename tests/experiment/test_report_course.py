"""What a report says of the course of a training: validation, learning rate, best epochs, and the val part."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pytest

pytest.importorskip("keras", reason="needs the extra: pip install 'augfuse[train]'")
pytest.importorskip("sklearn", reason="needs the extra: pip install 'augfuse[train]'")
pytest.importorskip("matplotlib", reason="needs the extra: pip install 'augfuse[train]'")

from PIL import Image

from augfuse.cli import main
from augfuse.experiment import verdict
from augfuse.experiment.evaluation import Fed
from augfuse.experiment.metrics import Score
from augfuse.experiment.records import ARMS, AUGMENTED, PLAIN, Comparison
from augfuse.experiment.report.write_report import report_dict, write_report
from augfuse.experiment.run_folder import result_file
from comparisons import comparison, read_page, save_predictions, with_arms
from stripes import save_npz, stripes

# Keras' variables lack NumPy 2's `copy` argument of __array__; Keras itself calls np.array on them.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept:DeprecationWarning:keras")

RATES = {PLAIN: (1e-3, 1e-3, 5e-4, 2.5e-4), AUGMENTED: (1e-3,) * 4}


def watched(*, rates: dict[str, tuple[float, ...]] = RATES, **settings: object) -> Comparison:
    """Four epochs of each arm with validation losses, of which the second was kept."""
    result = comparison()
    for name in ARMS:
        [points, *_] = [arm.points for arm in result.of(name)]
        points = tuple(
            replace(point, validation_loss=loss, learning_rate=rate)
            for point, loss, rate in zip(points, (0.9, 0.4, 0.6, 0.7), rates[name], strict=True)
        )
        result = with_arms(result, name, points=points, kept=1)
    found = {"validation": "the val part, 12 images", "early_stopping": 2, "reduce_lr": 1} | settings
    return replace(result, settings=msgspec.structs.replace(result.settings, **found))


def test_what_early_stopping_went_by_can_be_checked(tmp_path: Path) -> None:
    html = write_report(watched(), tmp_path)
    page = read_page(html)
    assert page.tags.count("svg") == 6
    assert len(page.ids) == len(set(page.ids))
    assert "validation loss over the epochs" in page.text
    assert "on the val part, 12 images, without augmentation, after every epoch" in page.text
    assert "Training stopped after 2 epochs without a new least loss" in page.text
    assert "multiplied by 0.5 after 1 epoch without gain, never below 1e-06" in page.text
    assert "plain, seed 2: 0.001, 0.0005 from epoch 3 on, 0.00025 from epoch 4 on" in page.text
    assert page.text.count("augmented, seed 0: 0.001") == 1
    assert html.read_text(encoding="utf-8").count("<td>2 of 4</td>") == 6  # two arms, three seeds


def test_words_on_validation_cannot_break_out_of_the_page(tmp_path: Path) -> None:
    page = read_page(write_report(watched(validation="<script>x</script>"), tmp_path))
    assert "script" not in page.tags
    assert "on <script>x</script>, without augmentation" in page.text


def test_a_learning_rate_that_stayed_is_not_drawn(tmp_path: Path) -> None:
    flat: dict[str, tuple[float, ...]] = dict.fromkeys(ARMS, (0.001,) * 4)
    page = read_page(write_report(watched(rates=flat), tmp_path))
    assert page.tags.count("svg") == 5
    assert "It never fell." in page.text
    page = read_page(write_report(watched(rates=flat, early_stopping=None), tmp_path))
    assert "It never fell." in page.text
    assert "epoch kept" not in page.text
    page = read_page(write_report(watched(rates=flat, reduce_lr=None), tmp_path))
    assert "learning rate was" not in page.text


def test_the_best_epoch_stands_beside_the_final_one(tmp_path: Path) -> None:
    result = comparison(plain=(0.80, 0.70), augmented=(0.90, 0.90))
    arms = [replace(arm, points=_with_test(arm.points, 1, 0.85)) for arm in result.of(PLAIN)]
    result = replace(result, arms=(*arms, *result.of(AUGMENTED)))
    assert [verdict.best(arm) for arm in result.of(PLAIN)] == [(1, 0.85), (1, 0.85)]
    assert verdict.best(result.of(AUGMENTED)[0]) == (1, pytest.approx(0.9)), "the first of equal ones"
    text = read_page(write_report(result, tmp_path)).text
    assert "It is chosen on the test part, and so it is too good" in text
    cells = r"mean\s*75\.0%\s*85\.0%\s*90\.0%\s*90\.0%"
    assert re.search(cells, text)
    [first, _] = report_dict(result)["arms"]["plain"]["seeds"]
    assert (first["best_test_epoch"], first["best_test_accuracy"]) == (1, 0.85)
    assert (first["kept_epoch"], first["last_epoch"]) == (3, 3)
    assert report_dict(result)["arms"]["plain"]["test_accuracy"] == pytest.approx(0.75)


def _with_test(points: tuple, epoch: int, accuracy: float) -> tuple:
    return tuple(replace(p, test=Score(accuracy, 0.4)) if p.epoch == epoch else p for p in points)


def test_json_holds_when_the_learning_rate_fell() -> None:
    arms = report_dict(watched())["arms"]
    assert arms["plain"]["seeds"][0]["learning_rates"] == [[0, 1e-3], [2, 5e-4], [3, 2.5e-4]]
    assert arms["augmented"]["seeds"][0]["learning_rates"] == [[0, 1e-3]]
    assert report_dict(comparison())["arms"]["plain"]["seeds"][0]["learning_rates"] == []


def test_the_step_times_of_the_arms_are_compared(tmp_path: Path) -> None:
    result = comparison()
    slower = tuple(replace(point, compute_seconds=1.04) for point in result.of(AUGMENTED)[0].points)
    result = with_arms(result, AUGMENTED, points=slower)
    assert verdict.step_ratio(result) == pytest.approx(1.05)
    text = read_page(write_report(result, tmp_path)).text
    assert "A step with augmentation took 1.05x the time of one without." in text
    unknown = tuple(replace(point, steps=0, wait_seconds=0.0, compute_seconds=0.0) for point in slower)
    assert verdict.step_ratio(with_arms(result, PLAIN, points=unknown)) is None


@pytest.mark.parametrize(("validation", "name"), [("the val part", "validation"), (None, "val (not used)")])
def test_the_val_part_is_counted(tmp_path: Path, validation: str | None, name: str) -> None:
    result = comparison()
    result = replace(
        result,
        facts=replace(result.facts, validation_counts=(9, 3)),
        settings=msgspec.structs.replace(result.settings, validation=validation),
        fed=(*result.fed, Fed("validation", 12, 0.0, 0.875, (0.5,) * 3, (0.2,) * 3)),
    )
    text = read_page(write_report(result, tmp_path)).text
    assert f"7 training images, 12 {name} images and 200 test images of 2 classes" in text
    assert f"3.0 in the {name} part" in text
    assert re.search(r"dog\s*4 57\.1%\s*3 25\.0%\s*100 50\.0%", text)
    assert "0.875" in text
    assert report_dict(result)["data"]["validation_counts"] == [9, 3]


def test_a_run_without_the_newer_fields_still_loads(tmp_path: Path) -> None:
    result = comparison()
    save_predictions(result, tmp_path)
    path = result_file.save(result, tmp_path)
    stored = msgspec.msgpack.decode(path.read_bytes())
    del stored["facts"]["validation_counts"]
    path.write_bytes(msgspec.msgpack.encode(stored))
    assert main(["report", str(tmp_path)]) == 0
    assert "7 training images and 200 test images of 2 classes" in read_page(tmp_path / "report.html").text


def test_a_run_describes_its_validation_part(tmp_path: Path) -> None:
    sets = {name: stripes(count, seed) for seed, (name, count) in enumerate([("train", 32), ("val", 12), ("test", 20)])}
    arrays = {f"{axis}_{name}": pair[i] for name, pair in sets.items() for i, axis in enumerate("xy")}
    data = save_npz(tmp_path / "d.npz", **arrays)
    usual = ["--epochs", "1", "--seeds", "1", "--batch-size", "8", "--workers", "0", "--out", str(tmp_path)]
    assert main(["train", str(data), *usual, "--name", "a", "--early-stopping", "1"]) == 0
    result = result_file.load(tmp_path / "a")
    assert [fed.part for fed in result.fed] == ["training, augmented", "training, plain", "validation", "test"]
    assert result.fed[2].images == 12
    assert result.facts.validation_counts == tuple(np.bincount(sets["val"][1], minlength=2).tolist())
    assert (result.facts.train_images, result.facts.test_images) == (32, 20)


def test_a_val_part_that_is_not_used_cannot_end_a_run(tmp_path: Path) -> None:
    for part, count in (("train", 10), ("val", 3), ("test", 4)):
        for label in ("a", "b"):
            folder = tmp_path / "data" / part / label
            folder.mkdir(parents=True)
            for number in range(count):
                pixels = np.random.default_rng(number).integers(0, 256, (12, 12, 3), np.uint8)
                Image.fromarray(pixels).save(folder / f"{number}.png")
    usual = ["--epochs", "1", "--seeds", "1", "--batch-size", "5", "--size", "12", "--workers", "0"]
    command = ["train", str(tmp_path / "data"), *usual, "--out", str(tmp_path)]
    assert main([*command, "--name", "whole"]) == 0
    result = result_file.load(tmp_path / "whole")
    assert [fed.part for fed in result.fed][2] == "val, not used"
    assert result.facts.validation_counts == (3, 3)
    (tmp_path / "data" / "val" / "b" / "1.png").write_bytes(b"no picture")
    assert main([*command, "--name", "broken"]) == 0
    result = result_file.load(tmp_path / "broken")
    assert len(result.fed) == 3
    assert result.facts.validation_counts == (3, 3)
