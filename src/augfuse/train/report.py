"""Writing a finished comparison into its run folder, also again without training. report.html comes last."""

from __future__ import annotations

import csv
import io
import json
import math
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import yaml

from augfuse.files import write_bytes, write_text
from augfuse.pictures import png_bytes
from augfuse.train import classes_page, course_page, diagnosis, figures, metrics, page, store, verdict
from augfuse.train.record import ARMS, AUGMENTED, Arm, Comparison, ModelFacts, Settings

FORMAT_VERSION = 2
FILE = "report.html"
_MOST_SAMPLES = 36
_MOST_CLASSES = 100
_SAMPLE_PIXELS = 400_000
_COLUMNS = (
    "seed", "arm", "epoch", "steps", "step_loss", "train_accuracy", "train_loss", "test_accuracy", "test_loss",
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
    return write_report(store.load(folder), folder)


def write_report(result: Comparison, folder: Path) -> Path:
    """Write the record, metrics.csv, the curves, the sample grids, report.json and report.html into `folder`, an
    existing one.

    report.html is the last file to appear, so a folder that holds it is complete. Returns its path.
    """
    store.save(result, folder)
    config = config_yaml(result.settings, result.network)
    write_text(folder / "metrics.csv", metrics_csv(result))
    write_text(folder / "accuracy.svg", _standalone(figures.accuracy_curves(result)))
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
    writer.writerow(_COLUMNS)
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
    found, interval = result.exported, result.interval
    return {
        "version": FORMAT_VERSION,
        "name": result.settings.name,
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
                "test_accuracy": point.mean,
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
            "test_accuracy": found.test_accuracy,
            "confusion": _square(found.confusion),
        },
        "data": {
            "title": result.facts.title,
            "description": result.facts.description,
            "classes": list(result.facts.classes),
            "train_images": result.facts.train_images,
            "test_images": result.facts.test_images,
            "train_counts": list(result.facts.train_counts),
            "test_counts": list(result.facts.test_counts),
            "validation_images": result.facts.validation_images,
            "validation_counts": list(result.facts.validation_counts),
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
    steps = max(timing.steps, 1)
    scores = metrics.per_class(*classes_page.pooled(result.evaluations_of(name)), len(result.facts.classes))
    calibration = classes_page.overall_calibration(result, name)
    return {
        "diagnosis": msgspec.to_builtins(diagnosis.diagnose(diagnosis.evidence(result, name))),
        "test_accuracy": verdict.test_accuracy(result, name),
        "train_accuracy": verdict.train_accuracy(result, name),
        "gap": verdict.gap(result, name),
        "seeds": [_seed(arm) for arm in result.of(name)],
        "timing": {
            "steps": timing.steps,
            "step_ms": 1000 * timing.step_seconds,
            "wait_ms": 1000 * timing.wait_seconds / steps,
            "compute_ms": 1000 * timing.compute_seconds / steps,
            "wait_fraction": timing.wait_fraction,
        },
        "classes": [
            {"class": label, "precision": _number(p), "recall": _number(r), "f1": _number(f), "support": int(count)}
            for label, p, r, f, count in zip(result.facts.classes, *scores, strict=True)
        ],
        "confusion": _square(classes_page.confusion_mean(result, name)),
        "calibration": {
            "error": calibration.error,
            "bins": [
                {"confidence": _number(stated), "accuracy": _number(found), "images": int(count)}
                for stated, found, count in zip(*calibration[:3], strict=True)
            ],
        },
        "mistakes": [
            {
                "index": mistake.index,
                "path": mistake.path,
                "true": result.facts.classes[mistake.truth],
                "said": result.facts.classes[mistake.said],
                "probability": mistake.probability,
                "seeds": mistake.seeds,
            }
            for mistake in result.mistakes
            if mistake.arm == name
        ],
    }


def _seed(arm: Arm) -> dict[str, Any]:
    epoch, accuracy = verdict.best(arm)
    return {
        "seed": arm.seed,
        "test_accuracy": arm.test.accuracy,
        "test_loss": arm.test.loss,
        "train_accuracy": arm.train.accuracy,
        "train_loss": arm.train.loss,
        "gap": arm.gap,
        "kept_epoch": arm.points[arm.kept].epoch,
        "last_epoch": arm.points[-1].epoch,
        "best_test_epoch": epoch,
        "best_test_accuracy": accuracy,
        "learning_rates": [list(change) for change in course_page.rates(arm)],
    }


def _square(counts: np.ndarray) -> list[list[float]] | None:
    """A table of classes, or null where it would be millions of numbers; predictions/ has every answer."""
    return counts.tolist() if len(counts) <= _MOST_CLASSES else None


def _number(value: float) -> float | None:
    """JSON has no nan: what is not defined is null."""
    return None if math.isnan(value) else float(value)


def _short(value: float | None) -> str:
    return "" if value is None else f"{value:.6g}"


def _standalone(svg: str) -> str:
    return svg.replace("<svg ", '<svg style="color:#1d2126;background:#fff" ', 1)
