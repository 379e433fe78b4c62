"""Writing a finished comparison into its run folder, also again without training. report.html comes last."""

from __future__ import annotations

import csv
import io
import json
import math
from pathlib import Path
from typing import Any

import msgspec
import yaml

from augfuse.display.pages import png_bytes
from augfuse.experiment import verdict
from augfuse.experiment.records import ARMS, AUGMENTED, Arm, Comparison, ModelFacts, Settings
from augfuse.experiment.report import classes_page, course_page, figures, page
from augfuse.experiment.run_folder import result_file
from augfuse.experiment.tasks import task_of
from augfuse.files import write_bytes, write_text

FORMAT_VERSION = 2
FILE = "report.html"
_MOST_SAMPLES = 36

_SAMPLE_PIXELS = 400_000
_OF_DATA = (
    "title", "description", "classes", "train_images", "test_images", "counted", "train_counts", "test_counts",
    "validation_images", "validation_counts",
)  # fmt: skip
_COLUMNS = (
    "seed", "arm", "epoch", "steps", "step_loss", "train_{metric}", "train_loss", "test_{metric}", "test_loss",
    "wait_seconds", "compute_seconds", "validation_loss", "learning_rate",
)  # fmt: skip


def shown_images(size: tuple[int, int], batch_size: int) -> int:
    """How many images of this (h, w) the sample grids show, a square number: a page of large pictures would be tens of
    megabytes."""
    return math.isqrt(max(1, min(batch_size, _MOST_SAMPLES, _SAMPLE_PIXELS // (size[0] * size[1])))) ** 2


def rewrite(folder: Path) -> Path:
    """Write the report of a finished run again, from the files in its folder; nothing is trained. Returns its path.

    Raises DataNotFoundError, DataError: not the folder of a finished run of this version.
    """
    return write_report(result_file.load(folder), folder)


def write_report(result: Comparison, folder: Path) -> Path:
    """Write the record, metrics.csv, the curves, the sample grids, report.json and report.html into `folder`, an
    existing one.

    report.html is the last file to appear, so a folder that holds it is complete. Returns its path.
    """
    result_file.save(result, folder)
    config = config_yaml(result.settings, result.network)
    write_text(folder / "metrics.csv", metrics_csv(result))
    write_text(folder / f"{key_of(result.metric)}.svg", _standalone(figures.metric_curves(result)))
    write_text(folder / "loss.svg", _standalone(figures.loss_curves(result)))
    write_bytes(folder / "samples.png", png_bytes(result.samples))
    write_bytes(folder / "samples_plain.png", png_bytes(result.plain_samples))
    write_text(folder / "report.json", json.dumps(report_dict(result), indent=2, ensure_ascii=False) + "\n")
    html = folder / FILE
    write_text(html, page.render(result, config))
    return html


def config_yaml(settings: Settings, network: ModelFacts | None) -> str:
    """The resolved settings as YAML, and below `network` what they lead to, where that is known."""
    found = msgspec.to_builtins(settings) | ({} if network is None else {"network": msgspec.to_builtins(network)})
    return yaml.safe_dump(found, sort_keys=False, allow_unicode=True, width=120)


def metrics_csv(result: Comparison) -> str:
    """One line for each seed, arm and epoch; scores are empty at epochs that were not measured."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([column.format(metric=key_of(result.metric)) for column in _COLUMNS])
    for arm in result.arms:
        for point in arm.points:
            numbers = [
                point.step_loss,
                *(point.train or (None, None)),
                *(point.test or (None, None)),
                point.wait_seconds,
                point.compute_seconds,
                point.validation_loss,
                point.learning_rate,
            ]
            writer.writerow([arm.seed, arm.name, point.epoch, point.steps, *map(_short, numbers)])
    return out.getvalue()


def report_dict(result: Comparison) -> dict[str, Any]:
    """Everything report.json holds. Accuracies are fractions, times seconds or milliseconds as named; epochs count from
    0, as in metrics.csv."""
    found, interval, key = result.exported, result.interval, key_of(result.metric)
    return {
        "version": FORMAT_VERSION,
        "name": result.settings.name,
        "task": result.settings.task,
        "verdict": {
            "sentence": verdict.sentence(result),
            "winner": result.winner,
            "difference": interval.mean,
            "interval": [interval.low, interval.high],
            "interval_kind": interval.kind,
            "interval_samples": interval.samples,
            "confidence": interval.confidence,
            "findings": list(verdict.findings(result)),
        },
        "arms": {arm: _arm(result, arm) for arm in ARMS},
        "sweep": [
            {
                "strength": point.strength,
                f"test_{key}": point.mean,
                "spread": point.spread,
                "gap": point.gap,
                "seeds": list(point.accuracies),
            }
            for point in result.sweep
        ],
        "data_wait_fraction": result.timing(AUGMENTED).wait_fraction,
        "step_ratio": verdict.step_ratio(result),
        "export": {
            "file": "model.keras",
            "arm": found.arm,
            "seed": found.seed,
            "input_shape": list(found.input_shape),
            "input_dtype": "uint8",
            "images": found.images,
            "max_difference": found.max_difference,
            "rounding_difference": found.rounding_difference,
            f"test_{key}": found.test_accuracy,
            "confusion": None if found.confusion is None else classes_page.square(found.confusion),
        },
        "data": {
            **{name: _plain(getattr(result.facts, name)) for name in _OF_DATA},
            "fed": [msgspec.to_builtins(fed) for fed in result.fed],
        },
        "config": msgspec.to_builtins(result.settings),
        "network": None if result.network is None else msgspec.to_builtins(result.network),
        "environment": result.environment,
        "command": result.command,
        "seconds": result.seconds,
    }


def _arm(result: Comparison, name: str) -> dict[str, Any]:
    timing = result.timing(name)
    wait, compute = timing.milliseconds
    task, key = task_of(result.settings.task), key_of(result.metric)
    return {
        f"test_{key}": verdict.test_value(result, name),
        f"train_{key}": verdict.train_value(result, name),
        "gap": verdict.gap(result, name),
        "seeds": [_seed(arm, key) for arm in result.of(name)],
        "timing": {
            "steps": timing.steps,
            "step_ms": 1000 * timing.step_seconds,
            "wait_ms": wait,
            "compute_ms": compute,
            "wait_fraction": timing.wait_fraction,
        },
        **_plain(task.report(result, name)),
    }


def _seed(arm: Arm, key: str) -> dict[str, Any]:
    epoch, best = verdict.best(arm)
    return {
        "seed": arm.seed,
        f"test_{key}": arm.test.value,
        "test_loss": arm.test.loss,
        f"train_{key}": arm.train.value,
        "train_loss": arm.train.loss,
        "gap": arm.gap,
        "kept_epoch": arm.points[arm.kept].epoch,
        "last_epoch": arm.points[-1].epoch,
        "best_test_epoch": epoch,
        f"best_test_{key}": best,
        "learning_rates": [list(change) for change in course_page.rates(arm)],
    }


def _plain(value: Any) -> Any:
    """JSON has no nan: what is not defined is null."""
    if isinstance(value, dict):
        return {name: _plain(one) for name, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(one) for one in value]
    return None if isinstance(value, float) and math.isnan(value) else value


def key_of(metric: str) -> str:
    """A metric as names in files have it: "mean_iou"."""
    return metric.lower().replace(" ", "_")


def _short(value: float | None) -> str:
    return "" if value is None else f"{value:.6g}"


def _standalone(svg: str) -> str:
    return svg.replace("<svg ", '<svg style="color:#1d2126;background:#fff" ', 1)
