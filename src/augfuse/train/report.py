"""Writing a finished comparison into its run folder. The two report files come last, each in one step."""

from __future__ import annotations

import csv
import io
import json
import os
import tempfile
from pathlib import Path
from typing import Any

import msgspec
import yaml

from augfuse.train import figures, page, verdict
from augfuse.train.images import png_bytes
from augfuse.train.record import ARMS, AUGMENTED, Comparison, Settings

FORMAT_VERSION = 1
_COLUMNS = (
    "seed", "arm", "epoch", "steps", "step_loss", "train_accuracy", "train_loss", "test_accuracy", "test_loss",
    "wait_seconds", "compute_seconds",
)  # fmt: skip


def write_report(result: Comparison, folder: Path) -> Path:
    """Write metrics.csv, the curves, the sample grids, report.json and report.html into `folder`, an existing one.

    report.html is the last file to appear, so a folder that holds it is complete. Returns its path.
    """
    config = config_yaml(result.settings)
    write_text(folder / "metrics.csv", metrics_csv(result))
    write_text(folder / "accuracy.svg", _standalone(figures.accuracy_curves(result)))
    write_text(folder / "loss.svg", _standalone(figures.loss_curves(result)))
    write_bytes(folder / "samples.png", png_bytes(result.samples))
    write_bytes(folder / "samples_plain.png", png_bytes(result.plain_samples))
    write_text(folder / "report.json", json.dumps(report_dict(result), indent=2, ensure_ascii=False) + "\n")
    html = folder / "report.html"
    write_text(html, page.render(result, config))
    return html


def config_yaml(settings: Settings) -> str:
    """The resolved settings as YAML."""
    return yaml.safe_dump(msgspec.to_builtins(settings), sort_keys=False, allow_unicode=True)


def metrics_csv(result: Comparison) -> str:
    """One line for each seed, arm and epoch; scores are empty at epochs that were not measured."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(_COLUMNS)
    for arm in result.arms:
        for point in arm.points:
            scores = [*(point.train or (None, None)), *(point.test or (None, None))]
            writer.writerow(
                [arm.seed, arm.name, point.epoch, point.steps, _short(point.step_loss)]
                + [_short(value) for value in [*scores, point.wait_seconds, point.compute_seconds]]
            )
    return out.getvalue()


def report_dict(result: Comparison) -> dict[str, Any]:
    """Everything report.json holds. Accuracies are fractions, times seconds or milliseconds as named."""
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
        "data_wait_fraction": result.timing(AUGMENTED).wait_fraction,
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
            "confusion": found.confusion.tolist(),
        },
        "data": {
            "title": result.facts.title,
            "description": result.facts.description,
            "classes": list(result.facts.classes),
            "train_images": result.facts.train_images,
            "test_images": result.facts.test_images,
        },
        "config": msgspec.to_builtins(result.settings),
        "environment": result.environment,
        "command": result.command,
        "seconds": result.seconds,
    }


def _arm(result: Comparison, name: str) -> dict[str, Any]:
    timing = result.timing(name)
    steps = max(timing.steps, 1)
    return {
        "test_accuracy": verdict.test_accuracy(result, name),
        "train_accuracy": verdict.train_accuracy(result, name),
        "gap": verdict.gap(result, name),
        "seeds": [
            {
                "seed": arm.seed,
                "test_accuracy": arm.test.accuracy,
                "test_loss": arm.test.loss,
                "train_accuracy": arm.train.accuracy,
                "train_loss": arm.train.loss,
                "gap": arm.gap,
            }
            for arm in result.of(name)
        ],
        "timing": {
            "steps": timing.steps,
            "step_ms": 1000 * (timing.wait_seconds + timing.compute_seconds) / steps,
            "wait_ms": 1000 * timing.wait_seconds / steps,
            "compute_ms": 1000 * timing.compute_seconds / steps,
            "wait_fraction": timing.wait_fraction,
        },
    }


def write_text(path: Path, text: str) -> None:
    """Write a UTF-8 file in one step: nobody sees half of it."""
    write_bytes(path, text.encode("utf-8"))


def write_bytes(path: Path, data: bytes) -> None:
    """Write a file in one step, through a temporary one beside it."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as out:
            out.write(data)
        # mkstemp makes private files; a report is an ordinary one.
        Path(temporary).chmod(0o644)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def _short(value: float | None) -> str:
    return "" if value is None else f"{value:.6g}"


def _standalone(svg: str) -> str:
    return svg.replace("<svg ", '<svg style="color:#1d2126;background:#fff" ', 1)
